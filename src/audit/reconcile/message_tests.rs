use super::*;
use crate::audit::entry::{Coordinates, Entry, EntryDraft};
use crate::audit::reconcile::Which;
use crate::audit::testing::{authority, envelope, message};
use crate::domain::Timestamp;
use Event::*;

const HOUR_MS: i64 = 3_600_000;
const START: i64 = 1_795_000_000_000;
const ORIGINS: [&str; 2] = ["xa.moj/log/2026", "xb.oag/log/2026"];

/// A fact of one of two logs about message 1; `seen` is the size that it saw of the other.
fn fact(of: usize, index: u64, event: Event, minute: i64, seen: Option<u64>) -> Fact {
    fact_by(of, of, index, event, minute, seen)
}

fn fact_by(of: usize, by: usize, index: u64, event: Event, minute: i64, seen: Option<u64>) -> Fact {
    let names = ["xa.moj", "xb.oag"].map(authority);
    let draft = EntryDraft::new(event).by(names[by].clone()).peer(names[1 - of].clone());
    let mut draft = draft.message(message(1)).envelope(envelope(1));
    if let Some(size) = seen {
        let (origin, root) = (ORIGINS[1 - of].to_owned(), [0; 32]);
        draft = draft.remote(Coordinates { origin, index: size - 1, size, root });
    }
    if by != of {
        draft = draft.receipt([1; 32]);
    }
    let at = Timestamp::from_unix_ms(START + minute * 60_000);
    let entry: Entry = draft.into_entry(at, [0; 16], Some(index + 1));
    Fact::of(index, &entry, &[ORIGINS[1 - of].to_owned()]).expect("about a message")
}

/// Judged two hours after the start, with an hour of grace: classes, where anything is said.
fn classes(a: &[Fact], b: &[Fact], known: u64) -> Option<Vec<Class>> {
    let at = Timestamp::from_unix_ms(START + 2 * HOUR_MS);
    let a = Side { facts: a, ends: Ends { size: 100, at } };
    let b = Side { facts: b, ends: Ends { size: known, at } };
    let items = judge_message(message(1), a, b, Some(HOUR_MS))?;
    Some(items.iter().map(|item| item.class).collect())
}

#[test]
fn the_same_rules_as_for_two_exports() {
    let submitted = fact(0, 3, SubmissionAcceptance, 0, None);
    let accepted = fact(1, 5, RelayAcceptance, 1, Some(4));
    let recorded = fact_by(0, 1, 7, RelayAcceptance, 2, Some(6));
    let consigned = |minute| fact(1, 6, ContentConsignment, minute, None);
    let (submitted, accepted, recorded) = (&submitted, &accepted, &recorded);
    let all = |facts: &[&Fact]| facts.iter().map(|fact| (*fact).clone()).collect::<Vec<_>>();
    for (a, b, expected) in [
        (all(&[submitted, recorded]), all(&[accepted]), vec![]),
        (all(&[submitted]), vec![], vec![Class::Overdue]),
        (vec![fact(0, 3, SubmissionAcceptance, 90, None)], vec![], vec![Class::InFlight]),
        (all(&[submitted]), all(&[accepted]), vec![Class::LostReceipt]),
        (
            all(&[submitted, recorded]),
            all(&[accepted, &consigned(90)]),
            vec![Class::ReceiptInTransit],
        ),
        (vec![], all(&[accepted]), vec![Class::MissingAtSender]),
        (all(&[submitted, recorded]), vec![], vec![Class::StateDiffers]),
    ] {
        assert_eq!(classes(&a, &b, 100), Some(expected), "{a:?} {b:?}");
    }
}

#[test]
fn what_lies_behind_the_known_end_of_the_other_log_is_left_to_the_next_round() {
    let accepted = [fact(0, 5, RelayAcceptance, 1, Some(40))];
    assert_eq!(classes(&accepted, &[], 39), None);
    assert_eq!(classes(&accepted, &[], 40), Some(vec![Class::MissingAtSender]));
}

#[test]
fn a_message_is_settled_when_its_sender_knows_the_last_of_it() {
    let sent = [
        fact(0, 3, SubmissionAcceptance, 0, None),
        fact_by(0, 1, 7, RelayAcceptance, 2, Some(6)),
        fact_by(0, 1, 8, ContentHandover, 3, Some(9)),
    ];
    let got = [fact(1, 5, RelayAcceptance, 1, Some(4)), fact(1, 6, ContentHandover, 2, None)];
    assert!(is_settled(&sent, &got, &[]));
    assert!(is_settled(&got, &sent, &[]), "whoever asks");
    assert!(!is_settled(&sent[..2], &got, &[]), "the sender does not know");
    assert!(!is_settled(&sent, &got[..1], &[]), "the receiver does not say so");
    let failed = [
        fact(0, 3, SubmissionAcceptance, 0, None),
        fact_by(0, 1, 8, ContentHandoverFailure, 3, Some(9)),
    ];
    let nobody = [fact(1, 6, ContentHandoverFailure, 2, None)];
    assert!(!is_settled(&failed, &nobody, &[]), "an agency may still take it");
    let item = Item {
        class: Class::DigestMismatch,
        message: None,
        sender: Some(Which::A),
        event: None,
        a: None,
        b: None,
        at: Timestamp::from_unix_ms(0),
        detail: String::new(),
    };
    assert!(!is_settled(&sent, &got, &[item]), "something is not alike");
}
