use super::*;
use crate::audit::entry::{EntryDraft, Event};
use crate::audit::testing::{TestLog, delivery, envelope, message};
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::{Sent, card_of, export_of, sent};

const EXHIBIT: &[u8] = b"records of three phones";

/// A directory with the exhibit.
struct Desk(tempfile::TempDir);

/// What a command ended with, its data and what it told.
type Ended = (Result<(), Failure>, Vec<Value>, String);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().expect("a directory"));
        desk.write("image.bin", EXHIBIT);
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        std::fs::write(self.path(name), bytes).expect("written");
        self.path(name)
    }

    /// With these proofs, and the exports and cards of these logs.
    fn args(&self, proofs: &[&Sent], logs: &[&TestLog]) -> CustodyArgs {
        let names = (0..).map(|n: u32| format!("{n}.proof"));
        let proof = proofs.iter().zip(names);
        let card = |log: &&TestLog| {
            self.write(&format!("{}.card", log.authority), card_of(log).text().as_bytes())
        };
        let export = |log: &&TestLog| {
            let dir = self.path(log.authority.as_str());
            export_of(log, &dir);
            dir
        };
        CustodyArgs {
            exhibit: self.path("image.bin"),
            proof: proof.map(|(sent, name)| self.write(&name, sent.proof.as_bytes())).collect(),
            export: logs.iter().map(export).collect(),
            card: logs.iter().map(card).collect(),
            alone: Alone::default(),
        }
    }
}

fn told(args: CustodyArgs) -> Ended {
    let (mut out, data, talk) = memory(Format::Json);
    let result = run(args, &mut out);
    let lines = data.text();
    let lines = lines.lines().map(|line| serde_json::from_str(line).expect("JSON"));
    (result, lines.collect(), talk.text())
}

fn failure(args: CustodyArgs) -> Failure {
    told(args).0.expect_err("refused")
}

fn of(sent: &Sent, event: Event, by: &str, peer: &str, number: u64) -> EntryDraft {
    delivery(event, by, peer, number).envelope(sent.envelope)
}

/// Message 1 went from xa.oag to xb.pps, which took it and gave its package to an agency.
fn pair(sent: &Sent) -> (TestLog, TestLog) {
    let (mut a, mut b) = (TestLog::new("xa.oag", 1), TestLog::new("xb.pps", 2));
    let submitted = of(sent, Event::SubmissionAcceptance, "xa.oag", "xb.pps", 1).payload([8; 32]);
    let at = a.push(submitted.who(&"1".repeat(32)));
    let held = of(sent, Event::RelayAcceptance, "xb.pps", "xa.oag", 1);
    b.push_many(2);
    let got = b.push(held.remote(a.coordinates(at, at + 1)));
    b.push(of(sent, Event::ContentConsignment, "xb.pps", "xa.oag", 1));
    let fetched = EntryDraft::new(Event::AccessFetched).message(message(1)).package(sent.package);
    b.push(fetched.who(&"2".repeat(32)));
    b.push(of(sent, Event::ContentHandover, "xb.pps", "xa.oag", 1));
    a.push_many(6);
    let receipt = of(sent, Event::RelayAcceptance, "xb.pps", "xb.pps", 1).receipt([3; 32]);
    a.push(receipt.remote(b.coordinates(got, got + 1)));
    (a, b)
}

#[test]
fn the_entries_of_both_logs_stand_in_the_order_of_their_times() {
    let sent = sent(1, "xa.oag", "xb.pps", EXHIBIT);
    let (a, b) = pair(&sent);
    let (result, lines, talk) = told(Desk::new().args(&[&sent], &[&a, &b]));
    result.expect("told");
    let what: Vec<(&Value, &Value)> =
        lines.iter().map(|line| (&line["index"], &line["what"])).collect();
    let expected = [
        (1, "sealed and signed at xa.oag, for xb.pps"),
        (3, "held at xb.pps, from xa.oag"),
        (4, "opened at xb.pps, in the inbox of an agency"),
        (5, "its package was given to this agency"),
        (6, "handed to the agency at xb.pps, which has confirmed it"),
        (8, "recorded the receipt of xb.pps: it is held there"),
    ];
    let expected = expected.map(|(index, what)| (json!(index), json!(what)));
    assert_eq!(what, expected.iter().map(|(index, what)| (index, what)).collect::<Vec<_>>());
    let fetched = &lines[3];
    assert_eq!(fetched["log_origin"], "xb.pps/log/2026");
    assert_eq!(fetched["package_id"], sent.package.to_string());
    assert_eq!(fetched["who"], "2".repeat(32));
    assert_eq!((&lines[5]["authority"], &lines[5]["by"]), (&json!("xa.oag"), &json!("xb.pps")));
    assert!(talk.contains("went from xa.oag to xb.pps stands in the logs of both"), "{talk}");
    assert!(talk.contains("handed to an agency of xb.pps stands in its own log alone"), "{talk}");
    assert!(!talk.contains("no export of") && !talk.contains("WARNING"), "{talk}");
}

#[test]
fn what_went_back_is_followed_with_its_own_proof() {
    let there = sent(1, "xa.oag", "xb.pps", EXHIBIT);
    let back = sent(2, "xb.pps", "xa.oag", EXHIBIT);
    let (a, mut b) = pair(&there);
    b.push(of(&back, Event::SubmissionAcceptance, "xb.pps", "xa.oag", 2).payload([8; 32]));
    let (result, lines, talk) = told(Desk::new().args(&[&there, &back], &[&a, &b]));
    result.expect("told");
    let of_second = lines.iter().filter(|line| line["message_id"] == message(2).to_string());
    assert_eq!(of_second.count(), 1);
    let note = "note: the export of xa.oag has no entry about message";
    assert!(talk.contains(note), "{talk}");
}

#[test]
fn a_log_that_is_not_at_hand_is_named() {
    let sent = sent(1, "xa.oag", "xb.pps", EXHIBIT);
    let (a, _) = pair(&sent);
    let (result, lines, talk) = told(Desk::new().args(&[&sent], &[&a]));
    result.expect("told");
    assert_eq!(lines.len(), 2);
    let note = "note: no export of xb.pps was given: what happened there is not shown";
    assert!(talk.contains(note), "{talk}");
    assert!(talk.contains("stands in the log of xa.oag alone"), "{talk}");
}

#[test]
fn a_card_is_needed_of_who_sent_it_and_its_export_brings_one() {
    let sent = sent(1, "xa.oag", "xb.pps", EXHIBIT);
    let (a, b) = pair(&sent);
    let desk = Desk::new();
    let failure = failure(desk.args(&[&sent], &[&b]));
    assert_eq!(failure.code, Exit::Usage);
    assert_eq!(failure.hint.as_deref(), Some("give the card of xa.oag with --card"));
    let args = CustodyArgs { card: Vec::new(), ..desk.args(&[&sent], &[&a, &b]) };
    let (result, lines, talk) = told(args);
    result.expect("told");
    assert!(lines.iter().all(|line| line["card_from_export"] == true));
    assert_eq!(talk.matches("WARNING: this proves nothing until").count(), 2, "{talk}");
    assert!(talk.contains("WARNING: that card came with the export itself"), "{talk}");
    assert!(!talk.contains("--fingerprint"), "it has no such option: {talk}");
}

#[test]
fn another_file_and_another_content_fail_the_verification() {
    let (first, other) =
        (sent(1, "xa.oag", "xb.pps", EXHIBIT), sent(1, "xa.oag", "xb.pps", b"other records"));
    let (a, b) = pair(&first);
    let desk = Desk::new();
    let not_it = failure(desk.args(&[&other], &[&a, &b]));
    assert_eq!(not_it.code, Exit::VerificationFailed);
    assert!(not_it.message.contains("this file is not that exhibit of the package"), "{not_it}");
    // The log has another envelope under the id than the one that is proven.
    let again = sent(1, "xa.oag", "xb.pps", EXHIBIT);
    assert_ne!(again.envelope, first.envelope, "sealed twice");
    let (contradicted, lines, _) = told(desk.args(&[&again], &[&a, &b]));
    let contradicted = contradicted.expect_err("another content");
    assert!(lines.iter().any(|line| line["other_content"] == true), "it is shown all the same");
    assert_eq!(contradicted.code, Exit::VerificationFailed);
    assert_eq!(contradicted.message, "entry 1 of xa.oag/log/2026 is about another content");
    let both = failure(desk.args(&[&first, &again], &[&a, &b]));
    assert_eq!(both.code, Exit::VerificationFailed);
    assert!(both.message.contains("two contents of message"), "{both}");
}

#[test]
fn a_refusal_of_another_content_is_shown() {
    let sent = sent(1, "xa.oag", "xb.pps", EXHIBIT);
    let (a, mut b) = pair(&sent);
    let refused = delivery(Event::RelayRejection, "xb.pps", "xa.oag", 1).envelope(envelope(9));
    b.push(refused.code("MESSAGE_ID_CONFLICT"));
    let (result, lines, _) = told(Desk::new().args(&[&sent], &[&a, &b]));
    result.expect("told");
    let refused = lines.iter().find(|line| line["code"] == "MESSAGE_ID_CONFLICT").expect("shown");
    let what = "refused at xb.pps: another content under this message id, from xa.oag";
    assert_eq!(refused["what"], what);
}

#[test]
fn a_message_that_no_log_knows_is_not_found() {
    let sent = sent(1, "xa.oag", "xb.pps", EXHIBIT);
    let (a, b) = (TestLog::new("xa.oag", 1), TestLog::new("xb.pps", 2));
    let (result, lines, _) = told(Desk::new().args(&[&sent], &[&a, &b]));
    let failure = result.expect_err("none");
    assert_eq!((failure.code, lines.len()), (Exit::NotFound, 0));
    let expected = format!("no entry of these exports is about message {}", message(1));
    assert_eq!(failure.message, expected);
}

#[test]
fn an_authority_is_given_once() {
    let sent = sent(1, "xa.oag", "xb.pps", EXHIBIT);
    let (a, b) = pair(&sent);
    let desk = Desk::new();
    let mut args = desk.args(&[&sent], &[&a, &b]);
    args.export.push(desk.path("xa.oag"));
    let twice = failure(args);
    assert_eq!(twice.code, Exit::BadInput);
    assert!(twice.message.ends_with("are both exports of xa.oag"), "{twice}");
    let mut args = desk.args(&[&sent], &[&a, &b]);
    args.card.push(desk.path("xb.pps.card"));
    let twice = failure(args);
    assert!(twice.message.ends_with("is a second card of xb.pps"), "{twice}");
}

#[test]
fn an_export_that_was_altered_tells_nothing() {
    let sent = sent(1, "xa.oag", "xb.pps", EXHIBIT);
    let (a, b) = pair(&sent);
    let desk = Desk::new();
    let args = desk.args(&[&sent], &[&a, &b]);
    let path = desk.path("xb.pps/tile/entries/000.p/7");
    let mut bytes = std::fs::read(&path).expect("there");
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    let (result, lines, _) = told(args);
    assert_eq!(result.expect_err("altered").code, Exit::VerificationFailed);
    assert_eq!((lines.len(), &lines[0]["ok"]), (1, &json!(false)), "what is wrong, and no entry");
}
