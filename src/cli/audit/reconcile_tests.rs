use super::*;
use crate::audit::entry::{EntryDraft, Event};
use crate::audit::testing::{TestLog, authority, delivery};
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::export_of;

/// xa.moj has sent a message to xb.oag, which has accepted it; `recorded` says whether xa.moj has
/// the receipt.
fn pair(recorded: bool) -> (TestLog, TestLog) {
    let (mut a, mut b) = (TestLog::new("xa.moj", 1), TestLog::new("xb.oag", 2));
    let sent = delivery(Event::SubmissionAcceptance, "xa.moj", "xb.oag", 1).payload([8; 32]);
    let at = a.push(sent);
    let accepted = delivery(Event::RelayAcceptance, "xb.oag", "xa.moj", 1);
    let got = b.push(accepted.remote(a.coordinates(at, at + 1)));
    if recorded {
        let receipt = delivery(Event::RelayAcceptance, "xb.oag", "xb.oag", 1).receipt([3; 32]);
        a.push(receipt.remote(b.coordinates(got, got + 1)));
    }
    for _ in 0..3 {
        a.push(EntryDraft::new(Event::NodeStarted).software("rogatory 0.1.0"));
    }
    (a, b)
}

fn args(a: &std::path::Path, b: &std::path::Path) -> ReconcileArgs {
    ReconcileArgs {
        a: a.to_owned(),
        b: b.to_owned(),
        card_a: None,
        card_b: None,
        fingerprint_a: None,
        fingerprint_b: None,
        alone: Alone::default(),
        since: None,
        grace: None,
        limit: 1000,
    }
}

fn reconciled(
    a: &TestLog,
    b: &TestLog,
    change: impl Fn(&mut ReconcileArgs),
) -> (Result<(), Failure>, Value) {
    let dir = tempfile::tempdir().expect("a directory");
    let (path_a, path_b) = (dir.path().join("a"), dir.path().join("b"));
    export_of(a, &path_a);
    export_of(b, &path_b);
    let (mut out, data, _) = memory(Format::Json);
    let mut args = args(&path_a, &path_b);
    change(&mut args);
    let result = run(args, &mut out);
    let json = if data.text().is_empty() { Value::Null } else { data.json() };
    (result, json)
}

#[test]
fn logs_that_agree_are_matched() {
    let (a, b) = pair(true);
    let (result, json) = reconciled(&a, &b, |_| {});
    result.expect("they agree");
    assert_eq!((&json["ok"], &json["counts"]), (&json!(true), &json!({ "matched": 1 })));
    assert_eq!((&json["a"], &json["entries_b"]), (&json!("xa.moj"), &json!(1)));
}

#[test]
fn a_lost_receipt_is_a_failure_unless_there_is_grace() {
    let (a, b) = pair(false);
    let (result, json) = reconciled(&a, &b, |_| {});
    let failure = result.expect_err("lost");
    assert_eq!(failure.code, Exit::VerificationFailed);
    assert!(failure.message.contains("1 lost_receipt"), "{failure}");
    assert_eq!(json["items"][0]["class"], "lost_receipt");
    assert_eq!(
        (&json["items"][0]["sender"], &json["items"][0]["entry_b"]),
        (&json!("A"), &json!(1))
    );
    let (result, json) = reconciled(&a, &b, |args| args.grace = Some(Span(3_600_000)));
    result.expect("it may still come");
    assert_eq!(json["items"][0]["class"], "receipt_in_transit");
}

#[test]
fn a_log_that_was_rolled_back_is_proved_to_have_two_pasts() {
    let (mut a, b) = pair(true);
    a.entries.truncate(1);
    a.seqs.insert(authority("xb.oag"), 0);
    a.push(delivery(Event::SubmissionAcceptance, "xa.moj", "xb.oag", 2).payload([8; 32]));
    a.push_at(EntryDraft::new(Event::NodeStarted).software("rogatory 0.1.0"), 1_795_000_900_000);
    let (result, json) = reconciled(&a, &b, |_| {});
    let failure = result.expect_err("rolled back");
    assert!(failure.hint.expect("a hint").contains("two pasts"));
    let classes: Vec<_> =
        json["items"].as_array().expect("items").iter().map(|i| &i["class"]).collect();
    assert!(classes.contains(&&json!("missing_at_sender")), "{classes:?}");
    assert!(classes.contains(&&json!("other_past")), "{classes:?}");
}

#[test]
fn what_is_wrong_is_listed_before_what_is_not() {
    let (a, b) = pair(false);
    let (_, json) = reconciled(&a, &b, |args| args.limit = 1);
    assert_eq!(json["items"].as_array().map(Vec::len), Some(1));
    let item = |class| Item {
        class,
        message: None,
        sender: None,
        event: None,
        a: None,
        b: None,
        at: crate::domain::Timestamp::from_unix_ms(0),
        detail: String::new(),
    };
    let mut items = Items { listed: Vec::new(), limit: 2 };
    for class in [Class::InFlight, Class::InFlight, Class::OtherPast, Class::InFlight] {
        items.add(item(class));
    }
    let classes: Vec<_> = items.listed.iter().map(|item| item.class).collect();
    assert_eq!(classes, [Class::InFlight, Class::OtherPast]);
}

#[test]
fn one_log_twice_and_one_that_does_not_verify_are_refused() {
    let (a, _) = pair(true);
    let (result, _) = reconciled(&a, &a, |_| {});
    assert_eq!(result.expect_err("the same").code, Exit::BadInput);
    let (mut a, b) = pair(true);
    a.seqs.insert(authority("xb.oag"), 7);
    a.push(delivery(Event::SubmissionAcceptance, "xa.moj", "xb.oag", 2).payload([8; 32]));
    let (result, _) = reconciled(&a, &b, |_| {});
    assert_eq!(result.expect_err("a gap").code, Exit::VerificationFailed);
}
