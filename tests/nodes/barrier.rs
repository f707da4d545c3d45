//! The acknowledgement leaves only after the barrier: a node whose fdatasync takes long, as strace
//! makes it, and the moment at which the sender has the receipt. A killed process keeps its page
//! cache, so no kill test can show this (I1).

use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::support::process::{Process, connect};
use crate::support::*;
use rogatory::pb::v1 as pb;

/// A frame with the example request is larger than this; frames of entries and rows are one page, but
/// for the cards with which a node begins.
const MESSAGE_BYTES_MIN: usize = 8192;
/// How long every fdatasync of the journal waits before it begins. A node that answers without
/// waiting for it answers within a small part of this.
const SYNC_DELAY: Duration = Duration::from_millis(300);

/// One line of `strace -f -ttt`: the moment of the call since the epoch, and the call.
fn parse(line: &str) -> Option<(Duration, &str)> {
    let (_thread, line) = line.split_once(char::is_whitespace)?;
    let (moment, call) = line.trim_start().split_once(' ')?;
    Some((Duration::from_secs_f64(moment.parse().ok()?), call.trim_start()))
}

/// Whether a call writes a frame that holds a message: no other is as large. The length is the
/// second last argument.
fn writes_message(call: &str) -> bool {
    let call = call.trim_end_matches("<unfinished ...>").trim_end();
    let length = call.rsplit(", ").nth(1).and_then(|length| length.parse::<usize>().ok());
    call.starts_with("pwrite64(") && length.is_some_and(|length| length >= MESSAGE_BYTES_MIN)
}

/// Of each message, the moment before which its frame cannot have been synced: when the next
/// fdatasync was called, and the time that it waits.
fn synced_not_before(trace: &Path) -> Vec<Duration> {
    let text = std::fs::read_to_string(trace).expect("the trace is there");
    let mut unsynced = false;
    let mut moments = Vec::new();
    for (moment, call) in text.lines().filter_map(parse) {
        if writes_message(call) {
            unsynced = true;
        } else if call.starts_with("fdatasync(") && std::mem::take(&mut unsynced) {
            moments.push(moment + SYNC_DELAY);
        }
    }
    moments
}

/// The words before a node's command that watch and slow its journal, and nothing else of it.
fn slowed(journal: &Path, trace: &Path) -> Vec<String> {
    let delay = format!("inject=fdatasync:delay_enter={}", SYNC_DELAY.as_micros());
    let of = |path: &Path| path.to_str().expect("UTF-8").to_owned();
    // With a filter in the kernel, other calls do not stop the node.
    let traced = ["-f", "--seccomp-bpf", "-ttt", "-e", "trace=pwrite64,fdatasync", "-e", &delay];
    let mut words = vec!["strace".to_owned()];
    words.extend(traced.map(String::from));
    words.extend(["-P".into(), of(journal), "-o".into(), of(trace)]);
    words
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receipt_is_sent_only_after_the_fdatasync_of_its_journal() {
    if std::process::Command::new("strace").arg("-V").output().is_err() {
        assert!(std::env::var_os("CI").is_none(), "CI installs strace");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = (Process::new(dir.path(), "xa.oag"), Process::new(dir.path(), "xb.pps"));
    a.trust(&b);
    b.trust(&a);
    let at_a = a.agency("desk", "submit,read");
    let trace = dir.path().join("b.strace");
    b.under = slowed(&b.home.join("data/journal/00000001.journal"), &trace);
    a.start();
    b.start();
    let mut sender = connect(&at_a).await;
    let (mut consigned, mut began) = (Vec::new(), Duration::ZERO);
    // Behind the first one nothing is left of how the node began.
    for number in 0..6 {
        let request = pb::SubmitMessageRequest {
            request_id: request_id(),
            recipient: b.authority.into(),
            content: Some(example_request()),
            ..pb::SubmitMessageRequest::default()
        };
        let sent = sender.submit_message(request).await.expect("submitted").into_inner();
        reaches(&mut sender, &sent.name, pb::DeliveryState::Consigned).await;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.expect("after 1970");
        match number {
            0 => began = now,
            _ => consigned.push(now),
        }
    }
    b.kill();
    let mut synced = synced_not_before(&trace);
    synced.retain(|synced| *synced > began + SYNC_DELAY);
    assert_eq!(synced.len(), consigned.len(), "the trace shows every message and its fdatasync");
    for (synced, consigned) in synced.iter().zip(&consigned) {
        assert!(
            consigned >= synced,
            "a receipt left {:?} before its fdatasync",
            *synced - *consigned
        );
    }
}
