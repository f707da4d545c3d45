//! Excerpts of logs that follow each other: nothing of an earlier one can be left out unseen.

use super::*;
use crate::audit::succession::SuccessionError;

/// Logs of xa.moj: the first as elsewhere, the second with a little of xb.oag and an entry that names
/// no peer but a message of the first, the third with nothing of xb.oag.
fn logs() -> (Vec<TestLog>, String) {
    let (mut first, receipt) = log();
    let mut second = first.succeed(1);
    second.push(sent("xc.secret", 400));
    second.push(EntryDraft::new(Event::HoldSet).message(message(1)));
    second.push(sent("xb.oag", 401));
    let mut third = second.succeed(1);
    third.push(sent("xd.secret", 500));
    (vec![first, second, third], receipt)
}

fn excerpts_of(logs: &[TestLog], receipt: &str, scope: Scope, messages: &[u64]) -> Vec<Files> {
    let mut chosen = Chosen::new(scope, of_numbers(messages));
    logs.iter().map(|log| excerpt_by(&mut chosen, log, receipt)).collect()
}

/// Verifies one after the other; gives the last report.
fn check_all<'a>(
    parts: impl IntoIterator<Item = (&'a TestLog, &'a Files)>,
) -> Result<ExcerptReport, ExcerptFailure> {
    let mut last = None;
    for (log, files) in parts {
        let before = last.map_or(Before::None, |report| Before::Verified(Box::new(report)));
        last = Some(check_after(before, log, files)?);
    }
    Ok(last.expect("one at least"))
}

fn succession(failure: ExcerptFailure) -> SuccessionError {
    match failure {
        ExcerptFailure::Export(VerifyFailure::Succession(error)) => error,
        other => panic!("{other}"),
    }
}

#[test]
fn parts_of_two_excerpts_are_not_one() {
    let (logs, receipt) = logs();
    let parts = excerpts_of(&logs, &receipt, Scope::Case, &[1]);
    let mut others = excerpts_of(&logs, &receipt, Scope::Case, &[400]);
    others[1] = {
        let mut files = others[1].clone();
        let mut manifest = Excerpt::parse_unverified(&files[MANIFEST_PATH]).expect("a manifest");
        manifest.made.id = [8; 16];
        let note = manifest.sign(&logs[1].key).expect("signs");
        files.insert(MANIFEST_PATH.to_owned(), note.into_bytes());
        files
    };
    let mixed = check_all([(&logs[0], &parts[0]), (&logs[1], &others[1])]);
    let failure = mixed.expect_err("of two");
    assert!(matches!(failure, ExcerptFailure::OtherExcerpt { .. }), "{failure}");
    assert_eq!(failure.path().as_deref(), Some(MANIFEST_PATH));
}

#[test]
fn numbers_go_on_from_log_to_log() {
    let (logs, receipt) = logs();
    let files = excerpts_of(&logs, &receipt, of_peer(), &[]);
    let report = check_all(logs.iter().zip(&files)).expect("sound");
    let count = logs[2].seqs[&authority("xb.oag")];
    let numbers = Numbers { from: 1, count, last: count };
    assert_eq!(report.told.peers, [(authority("xb.oag"), numbers)].into());
    assert_eq!((report.checkpoint, report.entries), (logs[2].head(), 1));
    assert_eq!((report.told.receipts, report.told.events[&Event::HoldSet]), (1, 1));
    assert_eq!(report.told.events[&Event::LogSealed], 2);
    assert_eq!(report.before.map(|before| before.origin), Some(logs[1].origin.clone()));
}

#[test]
fn a_case_and_a_message_go_through_all_logs() {
    let (logs, receipt) = logs();
    for (scope, messages, told) in
        [(Scope::Case, vec![1, 401], 2), (Scope::Message(message(1)), vec![], 1)]
    {
        let files = excerpts_of(&logs, &receipt, scope, &messages);
        let report = check_all(logs.iter().zip(&files)).expect("sound");
        assert_eq!((report.told.messages.len(), report.told.events[&Event::HoldSet]), (told, 1));
    }
}

#[test]
fn a_log_that_is_left_out_is_missed() {
    let (logs, receipt) = logs();
    let files = excerpts_of(&logs, &receipt, of_peer(), &[]);
    let failure = check(&logs[2], &files[2]).expect_err("all are left out");
    let ExcerptFailure::Export(VerifyFailure::Earlier { origin, .. }) = failure else {
        panic!("{failure}");
    };
    assert_eq!(origin, logs[1].origin);
    let failure = check_all([(&logs[0], &files[0]), (&logs[2], &files[2])]);
    let error = succession(failure.expect_err("one is left out"));
    assert!(matches!(error, SuccessionError::Names { .. }), "{error}");
}

#[test]
fn a_log_in_the_place_of_another_is_found() {
    let (logs, receipt) = logs();
    let files = excerpts_of(&logs, &receipt, of_peer(), &[]);
    // The same log with another past: every signature in it is sound.
    let (mut fork, receipt) = log();
    fork.entries.pop();
    fork.push(sent("xb.oag", 294));
    fork.succeed(1);
    let forked = excerpt_of(&fork, &receipt, of_peer(), &[]);
    check(&fork, &forked).expect("sound in itself");
    let failure = check_all([(&fork, &forked), (&logs[1], &files[1])]);
    let error = succession(failure.expect_err("of another past"));
    assert!(matches!(error, SuccessionError::Before { .. }), "{error}");
}

#[test]
fn the_end_of_a_log_cannot_be_kept_back_once_another_follows() {
    let (logs, receipt) = logs();
    let files = excerpts_of(&logs, &receipt, of_peer(), &[]);
    let without = |index: u64| {
        let cut = forged(&logs[0], &files[0], |files| drop(files.remove(&entry_path(index))));
        check_all([(&logs[0], &cut), (&logs[1], &files[1])]).expect_err("cut short")
    };
    let sealed = logs[0].entries.len() as u64 - 1;
    let error = succession(without(sealed));
    assert!(matches!(error, SuccessionError::NotSealed(_)), "{error}");
    let of_peer = |index: &u64| *index < sealed && *index > 200;
    let last = files[0].keys().filter_map(|path| entry_of_path(path)).filter(of_peer).max();
    let failure = without(last.expect("of the peer"));
    let ExcerptFailure::Export(VerifyFailure::Sequence { expected, found, .. }) = failure else {
        panic!("{failure}");
    };
    assert_eq!(expected + 1, found, "the number that the next log goes on from");
    // Nor can an earlier state of it be shown.
    let size = logs[0].entries.len() - 1;
    let (mut open, receipt) = log();
    open.entries.truncate(size);
    let open_files = excerpt_of(&open, &receipt, super::of_peer(), &[]);
    let failure = check_all([(&open, &open_files), (&logs[1], &files[1])]);
    let error = succession(failure.expect_err("not its end"));
    assert!(matches!(error, SuccessionError::NotSealed(_)), "{error}");
}

#[test]
fn excerpts_of_different_things_do_not_follow_each_other() {
    let (logs, receipt) = logs();
    let files = excerpts_of(&logs, &receipt, of_peer(), &[]);
    let other = excerpts_of(&logs, &receipt, Scope::Peer(authority("xc.secret")), &[]);
    let failure = check_all([(&logs[0], &other[0]), (&logs[1], &files[1])]);
    let failure = failure.expect_err("of another peer");
    assert!(matches!(failure, ExcerptFailure::OtherScope { .. }), "{failure}");
    assert_eq!((failure.path().as_deref(), failure.entry()), (Some(MANIFEST_PATH), None));
}

#[test]
fn one_log_alone_says_from_which_number_on() {
    let (logs, receipt) = logs();
    let files = excerpts_of(&logs, &receipt, of_peer(), &[]);
    let report = check_after(Before::NotAtHand, &logs[1], &files[1]).expect("sound in itself");
    let from = logs[0].seqs[&authority("xb.oag")] + 1;
    let numbers = report.told.peers[&authority("xb.oag")];
    assert_eq!(numbers, Numbers { from, count: 1, last: from });
    assert!(numbers.is_whole() && report.successor.is_some());
}
