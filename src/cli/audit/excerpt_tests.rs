use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fs;

use super::*;
use crate::audit::entry::{Coordinates, EntryDraft, Event};
use crate::audit::excerpt::{ExcerptSource, write_excerpt};
use crate::audit::testing::{TestLog, authority, delivery, message};
use crate::cli::audit::{AuditArgs, run as audit};
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::card_of;
use clap::Parser;

/// A command line as it is typed.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    audit: AuditArgs,
}

/// A log with xb.oag and xc.moj, in which message 1 of xb.oag was sent, relayed and consigned, and
/// message 3 twice.
fn log() -> TestLog {
    let mut log = TestLog::new("xa.moj", 1);
    for peer in ["xb.oag", "xc.moj"] {
        log.push(EntryDraft::new(Event::PeerAdded).peer(authority(peer)).card([1; 32]));
    }
    for (peer, number) in [("xb.oag", 1), ("xc.moj", 2)] {
        let sent = delivery(Event::SubmissionAcceptance, "xa.moj", peer, number);
        log.push(sent.payload([8; 32]));
    }
    for (index, event) in [(4, Event::RelayAcceptance), (5, Event::ContentConsignment)] {
        let place = Coordinates { origin: "xb.oag/log/2026".into(), index, size: 6, root: [5; 32] };
        let receipt = delivery(event, "xb.oag", "xb.oag", 1).receipt([index as u8; 32]);
        log.push(receipt.remote(place));
    }
    log
}

/// Writes an excerpt to a directory.
fn excerpt(log: &TestLog, scope: Scope, dir: &Path) {
    let card = card_of(log);
    let source = ExcerptSource {
        checkpoint: &log.head().sign(&log.key),
        key: &log.key,
        scope,
        messages: BTreeSet::from([message(1)]),
        entries: &mut |from, limit| {
            let rest = log.entries.iter().skip(from as usize).take(limit);
            Ok::<_, Infallible>(rest.cloned().collect())
        },
        prove: &mut |index, size| Ok(log.proof(index, size)),
        beside: Box::new(|_| {
            let card = ("cards/xa.moj.card".to_owned(), card.text().as_bytes().to_vec());
            Box::new([Ok(card)].into_iter())
        }),
    };
    write_excerpt(source, &mut |path, bytes| {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, bytes).expect("written");
        Ok(())
    })
    .expect("written");
}

struct Ran {
    result: Result<(), Failure>,
    data: String,
    talk: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.data).expect("JSON")
    }
}

async fn ran(format: Format, words: &[&str]) -> Ran {
    let words = std::iter::once("audit").chain(words.iter().copied());
    let line = Line::try_parse_from(words).map_err(|e| e.to_string()).expect("a command");
    let (mut out, data, talk) = memory(format);
    let result = audit(line.audit, &mut out).await;
    Ran { result, data: data.text(), talk: talk.text() }
}

/// An excerpt in a directory, with the card beside it.
fn at(scope: Scope, log: &TestLog) -> (tempfile::TempDir, String, String) {
    let root = tempfile::tempdir().expect("a directory");
    let dir = root.path().join("excerpt");
    excerpt(log, scope, &dir);
    let card = root.path().join("card");
    fs::write(&card, card_of(log).text()).expect("written");
    let text = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
    (root, text(dir), text(card))
}

fn of_peer() -> Scope {
    Scope::Peer(authority("xb.oag"))
}

#[tokio::test]
async fn verify_says_what_a_sound_excerpt_proves() {
    let log = log();
    let (_root, dir, card) = at(of_peer(), &log);
    let ran_ = ran(Format::Json, &["verify", &dir, "--card", &card]).await;
    ran_.result.clone().expect("sound");
    let json = ran_.json();
    assert_eq!((&json["ok"], &json["excerpt"]), (&json!(true), &json!("peer xb.oag")));
    assert_eq!((&json["entries"], &json["size"]), (&json!(5), &json!(7)));
    assert_eq!(json["peers"], json!({ "xb.oag": { "entries": 4, "last": 4 } }));
    assert!(ran_.talk.contains("between the numbers 1 and 4 nothing with xb.oag"), "{}", ran_.talk);
    let shown = ran(Format::Table, &["verify", &dir]).await;
    shown.result.expect("sound");
    assert!(shown.data.contains("5 of 7 entries, all proven"), "{}", shown.data);
    assert!(shown.data.contains("xb.oag: numbers 1 to 4, none missing"), "{}", shown.data);
    assert!(shown.talk.contains("the export's own word"), "{}", shown.talk);

    let (_root, dir, card) = at(Scope::Case, &log);
    let shown = ran(Format::Table, &["verify", &dir, "--card", &card]).await;
    shown.result.expect("sound");
    assert!(shown.data.contains("xb.oag: 3 of the numbers up to 4"), "{}", shown.data);
    assert!(shown.talk.contains("is what the owner of xa.moj/log/2026 has signed"));
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let (_root, dir, card) = at(of_peer(), &log());
    let path = Path::new(&dir).join("entries/000000000003.tlog-proof");
    let mut bytes = fs::read(&path).expect("there");
    bytes[60] ^= 1;
    fs::write(&path, bytes).expect("written");
    for command in [vec!["verify"], vec!["show", "--peer", "xb.oag"], vec!["replay"]] {
        let words: Vec<&str> =
            command.iter().copied().chain([dir.as_str(), "--card", card.as_str()]).collect();
        let ran = ran(Format::Json, &words).await;
        let failure = ran.result.clone().expect_err("altered");
        assert_eq!(failure.code, Exit::VerificationFailed, "{command:?}");
        assert!(failure.message.contains("000000000003.tlog-proof"), "{failure}");
        assert_eq!(ran.json()["path"], "entries/000000000003.tlog-proof");
    }
}

#[tokio::test]
async fn entries_of_an_excerpt_are_shown() {
    let (_root, dir, card) = at(of_peer(), &log());
    let shown = ran(Format::Json, &["show", &dir, "3", "--card", &card]).await;
    shown.result.clone().expect("shown");
    assert_eq!(
        (&shown.json()["index"], &shown.json()["entry"]["peer"]),
        (&json!(3), &json!("xb.oag"))
    );
    let found = ran(Format::Json, &["show", &dir, "--peer", "xb.oag", "--card", &card]).await;
    assert_eq!(found.data.lines().count(), 4);
    let absent = ran(Format::Json, &["show", &dir, "4", "--card", &card]).await;
    assert_eq!(absent.result.expect_err("of another").code, Exit::NotFound);
}

#[tokio::test]
async fn messages_of_an_excerpt_are_replayed() {
    let mut log = log();
    let id = message(1).to_string();
    for scope in [of_peer(), Scope::Case] {
        let (_root, dir, card) = at(scope, &log);
        let told = ran(Format::Json, &["replay", &dir, "--card", &card, "--message", &id]).await;
        told.result.clone().expect("legal");
        let json = told.json();
        assert_eq!(json["messages"], json!({ "sent": { "CONSIGNED": 1 } }));
        let entries: Vec<&Value> =
            json["message"]["entries"].as_array().expect("a list").iter().collect();
        let places: Vec<&Value> = entries.iter().map(|entry| &entry["index"]).collect();
        assert_eq!(places, [&json!(3), &json!(5), &json!(6)], "as they are in the log");
        assert_eq!((&json["errors"], &json["notices"]), (&json!(0), &json!(0)));
        assert!(json.get("state_digest").is_none());
        let shown = ran(Format::Table, &["replay", &dir, "--card", &card]).await;
        assert!(shown.data.contains("of 7 entries"), "{}", shown.data);
    }
    // What is illegal about a message is found in an excerpt too.
    log.push(delivery(Event::SubmissionAcceptance, "xa.moj", "xb.oag", 1).payload([8; 32]));
    let (_root, dir, card) = at(of_peer(), &log);
    let told = ran(Format::Json, &["replay", &dir, "--card", &card]).await;
    assert_eq!(told.result.clone().expect_err("twice").code, Exit::VerificationFailed);
    let finding = &told.json()["findings"][0];
    assert_eq!((&finding["rule"], &finding["index"]), (&json!("SUBMITTED_TWICE"), &json!(7)));
}

#[tokio::test]
async fn commands_that_need_the_whole_log_refuse_an_excerpt_by_name() {
    let (root, dir, card) = at(of_peer(), &log());
    let dump = root.path().join("dump");
    let dump = dump.to_str().expect("UTF-8");
    for words in [
        vec!["stats", &dir, "--card", &card],
        vec!["prove", &dir, "3", "--card", &card],
        vec!["reconcile", &dir, &dir],
        vec!["replay", &dir, "--card", &card, "--dump", dump],
    ] {
        let failure = ran(Format::Table, &words).await.result.expect_err("an excerpt");
        assert_eq!(failure.code, Exit::BadInput, "{words:?}");
        assert!(failure.message.contains("excerpt"), "{failure}");
        assert!(failure.hint.is_some());
    }
}
