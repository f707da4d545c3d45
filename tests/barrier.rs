//! The acknowledgement leaves only after the barrier: the system calls of a node that accepts a
//! message, as strace sees them. A killed process keeps its page cache, so no kill test can show
//! this (I1).
#![allow(missing_docs)]

mod support;

use std::path::Path;

use rogatory::pb::v1 as pb;
use support::process::{Process, connect};
use support::*;

/// An answer with a receipt is larger than this; every other frame of an idle stream is smaller.
const RECEIPT_BYTES_MIN: usize = 700;
/// A frame with the example request is larger than this; frames of entries and rows are one page.
const MESSAGE_BYTES_MIN: usize = 8192;
/// How strace shows the beginning of a TLS record with application data.
const APPLICATION_DATA: &str = r#""\27\3\3"#;

#[derive(Debug, PartialEq)]
enum Call {
    /// Of a frame that holds a message: no other is as large.
    MessageWrite,
    JournalSynced,
    Reply(usize),
}

/// Reads one line of `strace -f -y`: writes to a journal segment, its fdatasync once it has
/// returned, and writes to a TCP socket. Calls that were interrupted by another thread's line come
/// in two: the second half is the one that has returned.
fn parse(line: &str, syncing: &mut std::collections::BTreeSet<String>) -> Option<Call> {
    let (thread, call) = line.split_once(char::is_whitespace)?;
    let journal = call.contains("/journal/");
    let call = call.trim_start().split_once(' ').map_or(call, |(_, rest)| rest).trim_start();
    if call.starts_with("fdatasync(") && journal {
        if call.contains("<unfinished") {
            syncing.insert(thread.to_owned());
            return None;
        }
        return Some(Call::JournalSynced);
    }
    if call.starts_with("<... fdatasync resumed>") && syncing.remove(thread) {
        return Some(Call::JournalSynced);
    }
    if call.starts_with("pwrite64(") && journal {
        let length = call.rsplit(", ").nth(1).and_then(|length| length.parse::<usize>().ok());
        return length.filter(|length| *length >= MESSAGE_BYTES_MIN).map(|_| Call::MessageWrite);
    }
    let sends = call.starts_with("writev(") || call.starts_with("sendto(");
    let sends = sends || call.starts_with("sendmsg(") || call.starts_with("write(");
    if sends && call.contains("<socket:") && call.contains(APPLICATION_DATA) {
        let sent = call.rsplit_once("= ").and_then(|(_, n)| n.trim().parse().ok());
        return Some(Call::Reply(sent.unwrap_or(usize::MAX)));
    }
    None
}

fn calls(trace: &Path) -> Vec<Call> {
    let text = std::fs::read_to_string(trace).expect("the trace is there");
    let mut syncing = std::collections::BTreeSet::new();
    text.lines().filter_map(|line| parse(line, &mut syncing)).collect()
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
    b.under = [
        "strace",
        "-f",
        "-ttt",
        "-y",
        "-e",
        "trace=pwrite64,fdatasync,write,writev,sendto,sendmsg",
        "-o",
    ]
    .map(String::from)
    .to_vec();
    b.under.push(trace.to_str().expect("UTF-8").into());
    a.start();
    b.start();
    let mut sender = connect(&at_a).await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        let request = pb::SubmitMessageRequest {
            request_id: request_id(),
            recipient: b.authority.into(),
            content: Some(example_request()),
            ..pb::SubmitMessageRequest::default()
        };
        let sent = sender.submit_message(request).await.expect("submitted").into_inner();
        reaches(&mut sender, &sent.name, pb::DeliveryState::Consigned).await;
        ids.push(sent.message_id);
    }
    b.kill();
    let calls = calls(&trace);
    let written = calls.iter().filter(|call| **call == Call::MessageWrite).count();
    assert_eq!(written, ids.len(), "the trace shows every message being written");
    // One message at a time: between the write of its frame and the end of the fdatasync nothing
    // else has a receipt to send.
    let mut unsynced = false;
    let mut receipts = 0;
    for call in &calls {
        match call {
            Call::MessageWrite => unsynced = true,
            Call::JournalSynced => unsynced = false,
            Call::Reply(bytes) if *bytes >= RECEIPT_BYTES_MIN => {
                assert!(!unsynced, "a receipt left between the journal's write and its fdatasync");
                receipts += 1;
            }
            Call::Reply(_) => {}
        }
    }
    assert!(receipts >= ids.len(), "the trace shows the receipts: {receipts}");
}
