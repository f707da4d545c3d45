use std::path::Path;

use prost::Message as _;
use serde_json::{Value, json};

use super::*;
use crate::audit::disclosure::{Head, Record, VERSION};
use crate::audit::entry::{Coordinates, EntryDraft, Event};
use crate::audit::testing::{TestLog, authority, delivery, envelope, message};
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::export_of;
use crate::crypto::sha256;
use crate::pb::v1 as pb;

const CASE: &str = "ROG-XA-OAG-2026-000001";

fn body() -> Vec<u8> {
    let content =
        pb::MessageContent { kind: pb::MessageKind::Request as i32, ..Default::default() };
    let body = pb::MessageBody {
        content: Some(content),
        case_id: CASE.into(),
        sender_reference: "our 7/26".into(),
        ..Default::default()
    };
    body.encode_to_vec()
}

fn record() -> Record {
    Record {
        message_id: message(1),
        case_id: CASE.into(),
        envelope_digest: envelope(1),
        salt: [7; 32],
        body: body(),
        request_unknown: false,
        in_reply_to: None,
    }
}

/// A message that was sent, accepted and consigned.
fn log() -> TestLog {
    let mut log = TestLog::new("xa.moj", 1);
    log.push(EntryDraft::new(Event::PeerAdded).peer(authority("xb.oag")).card([1; 32]));
    let sent = delivery(Event::SubmissionAcceptance, "xa.moj", "xb.oag", 1);
    log.push(sent.payload(record().commitment()));
    for (index, event) in [(4, Event::RelayAcceptance), (5, Event::ContentConsignment)] {
        let place = Coordinates { origin: "xb.oag/log/2026".into(), index, size: 6, root: [5; 32] };
        let receipt = delivery(event, "xb.oag", "xb.oag", 1).receipt([index as u8; 32]);
        log.push(receipt.remote(place));
    }
    log
}

fn args(dir: &Path) -> ReplayArgs {
    let export = ExportDir::of(dir);
    ReplayArgs { export, message: None, until: None, disclosure: None, dump: None }
}

fn replayed(
    log: &TestLog,
    change: impl Fn(&Path, &mut ReplayArgs),
) -> (Result<(), Failure>, Value) {
    let dir = tempfile::tempdir().expect("a directory");
    export_of(log, &dir.path().join("export"));
    let (mut out, data, _) = memory(Format::Json);
    let mut args = args(&dir.path().join("export"));
    change(dir.path(), &mut args);
    let result = run(args, &mut out);
    let json = if data.text().is_empty() { Value::Null } else { data.json() };
    (result, json)
}

#[test]
fn a_sound_log_has_a_state_and_no_findings() {
    let (result, json) = replayed(&log(), |_, _| {});
    result.expect("legal");
    assert_eq!((&json["ok"], &json["entries"]), (&json!(true), &json!(5)));
    assert_eq!(json["messages"], json!({ "sent": { "CONSIGNED": 1 } }));
    assert_eq!((&json["receipts_issued"], &json["receipts_recorded"]), (&json!(1), &json!(2)));
    assert_eq!(json["peers"]["xb.oag"]["standing"], "trusted");
    let mut state = State::new(authority("xa.moj"));
    for (index, bytes) in (0..).zip(&log().entries) {
        state.apply(index, &Entry::parse(bytes).expect("sound"));
    }
    assert_eq!(json["state_digest"], hex::encode(state.digest()));
    assert_eq!(json["root"], hex::encode(log().head().root));
}

#[test]
fn people_get_tables() {
    let dir = tempfile::tempdir().expect("a directory");
    export_of(&log(), dir.path());
    let (mut out, data, _) = memory(Format::Table);
    let message = Some(message(1));
    run(ReplayArgs { message, ..args(dir.path()) }, &mut out).expect("legal");
    let text = data.text();
    for part in
        ["5 of 5 entries", "sent CONSIGNED: 1", "xb.oag/log/2026 entry 5 of 6", "(recorded)"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_message_has_its_life_and_an_unknown_one_none() {
    let (result, json) = replayed(&log(), |_, args| args.message = Some(message(1)));
    result.expect("legal");
    let entries = json["message"]["entries"].as_array().expect("entries");
    let states: Vec<_> = entries.iter().map(|entry| entry["state"].clone()).collect();
    assert_eq!(states, ["QUEUED", "RELAYED", "CONSIGNED"]);
    assert_eq!(entries[1]["other_log"]["index"], 4);
    let (result, _) = replayed(&log(), |_, args| args.message = Some(message(9)));
    assert_eq!(result.expect_err("unknown").code, Exit::NotFound);
}

#[test]
fn a_replay_ends_where_it_is_told_to() {
    let time = crate::domain::Timestamp::from_unix_ms(1_795_000_000_030);
    for until in ["3".parse().expect("a place"), Until::Time(time)] {
        let (result, json) = replayed(&log(), |_, args| args.until = Some(until));
        result.expect("legal");
        assert_eq!((&json["entries"], &json["of_entries"]), (&json!(4), &json!(5)));
        assert_eq!(json["messages"], json!({ "sent": { "RELAYED": 1 } }));
        assert_eq!(json["root"], Value::Null, "it is not the checkpoint's");
    }
}

#[test]
fn an_order_that_is_not_legal_is_a_failure_that_names_the_entry() {
    let mut log = log();
    log.push(delivery(Event::ContentHandover, "xa.moj", "xb.oag", 9));
    let (result, json) = replayed(&log, |_, _| {});
    let failure = result.expect_err("illegal");
    assert_eq!(failure.code, Exit::VerificationFailed);
    assert!(failure.message.contains("entry 5: ContentHandover"), "{failure}");
    assert_eq!(
        (&json["ok"], &json["findings"][0]["rule"]),
        (&json!(false), &json!("NOT_ACCEPTED"))
    );
}

#[test]
fn errors_are_listed_before_notices_however_many() {
    let mut findings = Findings::default();
    let finding = |index: u64, rule| Finding {
        index,
        event: Event::HoldSet,
        message: None,
        rule,
        detail: String::new(),
    };
    use crate::audit::replay::Rule;
    for index in 0..1500 {
        findings.add(finding(index, Rule::HoldUnchanged));
    }
    findings.add(finding(1500, Rule::NotQueued));
    assert_eq!((findings.errors, findings.notices), (1, 1500));
    assert_eq!(findings.listed.len(), LISTED_MAX);
    assert_eq!(findings.listed.last().map(|f| f.index), Some(1500));
}

#[test]
fn the_dump_hashes_to_the_digest() {
    let dir = tempfile::tempdir().expect("a directory");
    export_of(&log(), &dir.path().join("export"));
    let (mut out, data, _) = memory(Format::Json);
    let file = dir.path().join("state");
    let dump = Some(file.clone());
    run(ReplayArgs { dump, ..args(&dir.path().join("export")) }, &mut out).expect("legal");
    let bytes = std::fs::read(file).expect("there");
    assert_eq!(data.json()["state_digest"], hex::encode(sha256(&bytes)));
}

/// Writes a disclosure, and gives what comes of proving it.
fn disclosed(head: &Head, records: &[Record]) -> (Result<(), Failure>, Value) {
    replayed(&log(), |dir, args| {
        let mut text = serde_json::to_string(head).expect("JSON") + "\n";
        for record in records {
            text += &(serde_json::to_string(record).expect("JSON") + "\n");
        }
        let file = dir.join("disclosure");
        std::fs::write(&file, text).expect("written");
        args.disclosure = Some(file);
    })
}

fn head() -> Head {
    let log = "xa.moj/log/2026".to_owned();
    Head { disclosure: VERSION, authority: authority("xa.moj"), log }
}

#[test]
fn a_disclosed_content_is_proved_and_tied_to_its_case() {
    let (result, json) = disclosed(&head(), &[record()]);
    result.expect("proved");
    assert_eq!(
        json["proved"],
        json!([{
            "message_id": message(1),
            "entry": 2, "log": 0,
            "case_id": CASE,
            "kind": "REQUEST",
            "reference": "our 7/26",
            "packages": 0,
        }])
    );
}

#[test]
fn what_is_not_the_content_is_named_by_its_message() {
    let other = Record { body: b"another".to_vec(), ..record() };
    let salt = Record { salt: [8; 32], ..record() };
    let case = Record { case_id: "ROG-XA-OAG-2026-000002".into(), ..record() };
    let unknown = Record { message_id: message(5), ..record() };
    for (name, record) in [("body", other), ("salt", salt), ("case", case), ("message", unknown)] {
        let id = record.message_id.to_string();
        let (result, json) = disclosed(&head(), &[record]);
        let failure = result.expect_err(name);
        assert_eq!(failure.code, Exit::VerificationFailed, "{name}");
        assert!(failure.message.contains(&id), "{name}: {failure}");
        assert_eq!(json, Value::Null, "nothing is told beside it");
    }
    let elsewhere = Head { log: "xb.oag/log/2026".into(), ..head() };
    let (result, _) = disclosed(&elsewhere, &[record()]);
    assert!(result.expect_err("another log").message.contains("another log"));
    let newer = Head { disclosure: 2, ..head() };
    assert_eq!(disclosed(&newer, &[]).0.expect_err("newer").code, Exit::BadInput);
}

#[test]
fn what_is_no_disclosure_is_refused() {
    for text in ["", "{}\n", "not JSON", "{\"disclosure\":1}\n"] {
        let (result, _) = replayed(&log(), |dir, args| {
            std::fs::write(dir.join("d"), text).expect("written");
            args.disclosure = Some(dir.join("d"));
        });
        assert_eq!(result.expect_err(text).code, Exit::BadInput, "{text:?}");
    }
}

#[test]
fn an_entry_that_the_newest_log_has_not_is_no_end_of_a_replay() {
    let until = |index: u64| {
        let place = index.to_string().parse().expect("a place");
        let (result, json) = replayed(&log(), |_, args| args.until = Some(place));
        result.map(|()| json["entries"].clone())
    };
    assert_eq!(until(4), Ok(json!(5)));
    assert_eq!(until(2), Ok(json!(3)));
    for beyond in [5, 99_999, 1 << 48, u64::MAX] {
        let failure = until(beyond).expect_err("not there");
        assert_eq!(failure.code, Exit::NotFound);
        assert!(failure.message.contains("has 5 entries"), "{failure}");
    }
    // Entries of a log before do not count as those of the newest one.
    let entry = Entry::parse(&log().entries[1]).expect("sound");
    let within = |log, index, last: &str| {
        let end = End::of(Some(last.parse().expect("a place")), 2).expect("there");
        end.has(Position::new(log, index).number(), &entry)
    };
    assert!(within(0, 99, "2") && within(1, 2, "2") && !within(1, 3, "2"));
    assert!(within(0, 2, "1:2") && !within(0, 3, "1:2") && !within(1, 0, "1:2"));
}
