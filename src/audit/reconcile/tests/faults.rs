//! One fault, and the class that it is found as.

use super::*;

#[test]
fn logs_that_agree_have_nothing_to_tell() {
    let mut two = Two::new();
    for number in 1..=4 {
        two.whole(if number % 2 == 0 { Which::A } else { Which::B }, number);
    }
    let (summary, items) = two.reconcile(&Options::default());
    assert_eq!(items, []);
    assert_eq!(summary.counts, BTreeMap::from([(Class::Matched, 4)]));
    assert_eq!((summary.messages, summary.entries), (4, (15, 15)));
    assert!(!summary.is_wrong());
}

#[test]
fn what_is_on_its_way_is_not_wrong_until_it_takes_too_long() {
    let mut two = Two::new();
    let sent = two.submit(Which::A, 1);
    two.idle(Which::B, 7_200_000);
    let (summary, items) = two.reconcile(&Options::default());
    assert_eq!((items[0].class, items[0].a, items[0].b), (Class::InFlight, Some(sent), None));
    assert!(!summary.is_wrong());
    let after = |hours: i64| Options { grace_ms: Some(hours * 3_600_000), ..Options::default() };
    assert_eq!(two.reconcile(&after(3)).1[0].class, Class::InFlight);
    let (summary, items) = two.reconcile(&after(1));
    assert_eq!(items[0].class, Class::Overdue);
    assert!(summary.is_wrong());
}

#[test]
fn what_was_withdrawn_or_given_up_is_not_in_flight() {
    for event in [MessageCancelled, RelayFailure] {
        let mut two = Two::new();
        two.submit(Which::A, 1);
        let draft = EntryDraft::new(event).message(message(1)).peer(authority("xb.oag"));
        let draft = draft.envelope(envelope(1));
        two.push(
            Which::A,
            if event == RelayFailure { draft.by(authority("xa.moj")) } else { draft },
        );
        assert_eq!(two.classes(), [Class::NotRelayed], "{event}");
    }
}

#[test]
fn a_receipt_that_was_not_recorded_is_lost_unless_it_may_still_come() {
    let mut two = Two::new();
    let sent = two.submit(Which::A, 1);
    let got = two.accept(Which::A, 1, sent);
    assert_eq!(two.classes(), [Class::ReceiptInTransit], "A's export ends before");
    two.idle(Which::A, 60_000);
    let (summary, items) = two.reconcile(&Options::default());
    assert_eq!((items[0].class, items[0].b), (Class::LostReceipt, Some(got)));
    assert!(summary.is_wrong());
    let patient = Options { grace_ms: Some(3_600_000), ..Options::default() };
    assert_eq!(two.reconcile(&patient).1[0].class, Class::ReceiptInTransit);
}

#[test]
fn a_refusal_is_answered_like_an_acceptance() {
    let mut two = Two::new();
    two.submit(Which::A, 1);
    let refused = two.issue(Which::A, RelayRejection, 1);
    two.record(Which::A, RelayRejection, 1, refused);
    two.submit(Which::A, 2);
    let draft = two.draft(Which::A, RelayRejection, 2);
    assert!(draft.counterpart().is_some());
    let unnamed = EntryDraft::new(RelayRejection).by(authority("xb.oag"));
    let unnamed = unnamed.peer(authority("xa.moj")).envelope(envelope(2)).code("MALFORMED");
    two.push(Which::B, unnamed);
    let (_, items) = two.reconcile(&Options::default());
    assert_eq!(items.len(), 1, "{items:?}");
    assert_eq!((items[0].class, items[0].message), (Class::LostReceipt, Some(message(2))));
    assert!(items[0].detail.contains("names no message"));
}

#[test]
fn refused_first_and_accepted_when_it_came_again() {
    let mut two = Two::new();
    let sent = two.submit(Which::A, 1);
    two.issue(Which::A, RelayRejection, 1);
    let got = two.accept(Which::A, 1, sent);
    two.record(Which::A, RelayAcceptance, 1, got);
    two.idle(Which::A, 10);
    assert_eq!(two.classes(), []);
}

#[test]
fn a_log_that_was_rolled_back_is_found_by_what_the_other_saw() {
    let mut two = Two::new();
    two.whole(Which::A, 1);
    let sent = two.submit(Which::A, 2);
    two.accept(Which::A, 2, sent);
    // A goes back to before the second message, and on from there.
    two.a.entries.truncate(sent as usize);
    *two.a.seqs.get_mut(&authority("xb.oag")).expect("known") -= 1;
    two.idle(Which::A, 60_000);
    let (summary, items) = two.reconcile(&Options::default());
    let classes: Vec<_> = items.iter().map(|item| item.class).collect();
    assert_eq!(classes, [Class::OtherPast, Class::MissingAtSender]);
    assert_eq!(items[1].sender, Some(Which::A));
    assert!(summary.is_wrong());
}

#[test]
fn a_log_that_is_shorter_than_what_the_other_saw() {
    let mut two = Two::new();
    let sent = two.submit(Which::A, 1);
    two.accept(Which::A, 1, sent);
    let mut early = TestLog::new("xa.moj", 1);
    early.entries = two.a.entries[..sent as usize].to_vec();
    let classes = |a: &TestLog| -> Vec<Class> {
        let (_, items) = reconciled(a, &two.b, &Options::default());
        items.into_iter().map(|item| item.class).collect()
    };
    assert_eq!(classes(&early), [Class::Unexported], "it was exported before");
    // It goes on later, and still lacks it.
    early.entries.pop();
    let later = EntryDraft::new(NodeStarted).software("rogatory 0.1.0");
    early.push_at(later, two.now + 1000);
    assert_eq!(classes(&early), [Class::MissingAtSender]);
}

#[test]
fn one_id_with_two_contents() {
    let mut two = Two::new();
    let sent = two.submit(Which::A, 1);
    let size = two.a.entries.len() as u64;
    let place = two.a.coordinates(sent, size);
    let draft = two.draft(Which::A, RelayAcceptance, 1).envelope([9; 32]).remote(place);
    two.push(Which::B, draft);
    two.idle(Which::A, 1000);
    assert_eq!(two.classes(), [Class::DigestMismatch]);

    let mut two = Two::new();
    two.whole(Which::A, 1);
    let draft = two.draft(Which::A, RelayRejection, 1).envelope([9; 32]);
    two.push(Which::B, draft.code("MESSAGE_ID_CONFLICT"));
    assert_eq!(two.classes(), [Class::DigestMismatch]);
}

#[test]
fn a_number_that_is_left_out() {
    let mut two = Two::new();
    two.whole(Which::A, 1);
    *two.b.seqs.get_mut(&authority("xa.moj")).expect("known") += 3;
    two.whole(Which::A, 2);
    let (summary, items) = two.reconcile(&Options::default());
    assert_eq!(items.len(), 1);
    assert_eq!((items[0].class, items[0].a), (Class::SequenceGap, None));
    assert_eq!(items[0].detail, "number 8, where 5 follows");
    assert!(items[0].b.is_some() && summary.is_wrong());
}

#[test]
fn a_receipt_that_nobody_issued() {
    let mut two = Two::new();
    let sent = two.submit(Which::A, 1);
    let got = two.accept(Which::A, 1, sent);
    two.record(Which::A, RelayAcceptance, 1, got);
    two.idle(Which::B, 10);
    two.record(Which::A, ContentConsignment, 1, got + 1);
    assert_eq!(two.classes(), [Class::StateDiffers]);
}

#[test]
fn a_receipt_with_another_reason() {
    let mut two = Two::new();
    two.submit(Which::A, 1);
    let refused = two.issue(Which::A, RelayRejection, 1);
    let (digest, size) = ([3; 32], two.b.entries.len() as u64);
    let place = two.b.coordinates(refused, size);
    let draft = two.draft(Which::A, RelayRejection, 1).peer(authority("xb.oag"));
    two.push(Which::A, draft.code("OTHER").receipt(digest).remote(place));
    assert_eq!(two.classes(), [Class::StateDiffers]);
}

#[test]
fn a_receipt_that_stands_elsewhere_or_under_another_root() {
    let mut two = Two::new();
    let sent = two.submit(Which::A, 1);
    let got = two.accept(Which::A, 1, sent);
    two.record(Which::A, RelayAcceptance, 1, got - 1);
    assert_eq!(two.classes(), [Class::OtherPast], "another place");

    let mut two = Two::new();
    let sent = two.submit(Which::A, 1);
    let mut place = two.a.coordinates(sent, sent + 1);
    place.root = [5; 32];
    let draft = two.draft(Which::A, RelayAcceptance, 1).remote(place);
    two.push(Which::B, draft);
    assert_eq!(two.classes()[0], Class::OtherPast, "another root");
}

#[test]
fn witnessed_states_are_looked_up_too() {
    let mut two = Two::new();
    two.whole(Which::A, 1);
    let good = two.a.coordinates(1, 2);
    let bad = crate::audit::entry::Coordinates { root: [5; 32], ..good.clone() };
    for place in [good, bad] {
        let draft = EntryDraft::new(WitnessCosigned).peer(authority("xa.moj"));
        two.push(Which::B, draft.remote(place));
    }
    assert_eq!(two.classes(), [Class::OtherPast]);
}

#[test]
fn a_clock_that_is_off_is_a_notice() {
    let mut two = Two::new();
    two.b_ahead = -45_000;
    two.whole(Which::A, 1);
    let (summary, items) = two.reconcile(&Options::default());
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].class, Class::ClockSkew);
    assert!(items[0].detail.starts_with("the clock of A was ahead by 4"), "{}", items[0].detail);
    assert!(!summary.is_wrong());
}

#[test]
fn what_began_before_is_left_out() {
    let mut two = Two::new();
    two.submit(Which::A, 1);
    let since = Some(Timestamp::from_unix_ms(two.now + 1));
    two.submit(Which::A, 2);
    let (summary, items) = two.reconcile(&Options { since, ..Options::default() });
    assert_eq!(summary.messages, 1);
    assert_eq!(items[0].message, Some(message(2)));
}

/// A clock that is slow, or a log that says so, takes no message out of what is compared.
#[test]
fn what_began_before_by_one_clock_only_is_judged() {
    let mut two = Two::new();
    two.b_ahead = -3_600_000;
    let since = Some(Timestamp::from_unix_ms(two.now));
    two.whole(Which::A, 1);
    let at = two.submit(Which::A, 2);
    let other = two.draft(Which::A, RelayAcceptance, 2).envelope([9; 32]);
    let seen = two.a.coordinates(at, at + 1);
    two.push(Which::B, other.remote(seen));
    let (summary, items) = two.reconcile(&Options { since, ..Options::default() });
    assert_eq!(summary.messages, 2);
    assert!(items.iter().any(|item| item.class == Class::DigestMismatch), "{items:?}");
    assert!(items.iter().any(|item| item.class == Class::ClockSkew), "{items:?}");
}

#[test]
fn other_bytes_that_were_accepted_behind_the_right_ones() {
    let mut two = Two::new();
    two.whole(Which::A, 1);
    let other = two.draft(Which::A, RelayAcceptance, 1).envelope([9; 32]);
    let seen = two.a.coordinates(1, 2);
    two.push(Which::B, other.remote(seen));
    let (summary, items) = two.reconcile(&Options::default());
    assert!(summary.is_wrong());
    assert_eq!(items.iter().map(|item| item.class).collect::<Vec<_>>(), [Class::DigestMismatch]);
}

#[test]
fn what_stands_in_a_log_that_is_not_shown_is_wrong_where_its_owner_goes_on_without_it() {
    let mut two = Two::new();
    // Of messages 1 and 2 one side is in the next log of the other, which was not exported.
    let (of_a, of_b) = (in_log(&two.a, "2026.2"), in_log(&two.b, "2031"));
    let accepted = two.draft(Which::A, RelayAcceptance, 1).remote(of_a);
    two.push(Which::B, accepted);
    two.submit(Which::A, 2);
    let (_, other) = two.names(Which::A);
    let recorded = two.draft(Which::A, RelayAcceptance, 2).peer(other);
    two.push(Which::A, recorded.receipt([7; 32]).remote(of_b));
    let (summary, items) = two.reconcile(&Options::default());
    let [first, second] = &items[..] else { panic!("{items:?}") };
    assert_eq!(first.class, Class::MissingAtSender, "A goes on behind the acceptance");
    assert_eq!(second.class, Class::Unexported, "B ends before the receipt");
    let (on_b, on_a) = summary.beyond;
    let beyond = on_a.expect("B saw more of A");
    assert_eq!((beyond.origin.as_str(), beyond.size, beyond.has), ("xa.moj/log/2026.2", 1, 4));
    assert_eq!(on_b.expect("A saw more of B").origin, "xb.oag/log/2031");
    two.idle(Which::B, 1000);
    assert_eq!(two.classes(), [Class::MissingAtSender, Class::StateDiffers]);
}

/// A place in another log of an authority.
fn in_log(log: &TestLog, label: &str) -> crate::audit::entry::Coordinates {
    let place = log.coordinates(0, 1);
    let (owner, _) = log.origin.rsplit_once('/').expect("an origin");
    crate::audit::entry::Coordinates { origin: format!("{owner}/{label}"), ..place }
}

#[test]
fn what_stands_in_a_log_before_those_at_hand_accuses_nobody() {
    let mut two = Two::new();
    let before = in_log(&two.a, "2025");
    let accepted = two.draft(Which::A, RelayAcceptance, 1).remote(before);
    two.push(Which::B, accepted);
    two.idle(Which::A, 1000);
    assert_eq!(two.classes(), [Class::MissingAtSender], "A shows all of its logs");
    two.from_first = false;
    assert_eq!(two.classes(), [Class::Unexported], "there are logs before");
}

#[test]
fn a_state_that_was_seen_and_that_a_log_goes_on_without_for_hours_never_was_its_past() {
    let mut two = Two::new();
    two.whole(Which::A, 1);
    let mut later = two.a.coordinates(1, 2);
    later.size = 50;
    let draft = EntryDraft::new(WitnessCosigned).peer(authority("xa.moj"));
    let entry = two.push(Which::B, draft.remote(later));
    let (summary, items) = two.reconcile(&Options::default());
    assert_eq!(items, [], "A's export may only be older");
    let (_, on_a) = summary.beyond;
    assert_eq!(on_a.map(|beyond| (beyond.entry, beyond.size)), Some((entry, 50)));
    two.idle(Which::A, 1_800_000);
    assert_eq!(two.classes(), [], "a clock may be off by half an hour");
    two.idle(Which::A, 3_600_000);
    assert_eq!(two.classes(), [Class::OtherPast]);
}

#[test]
fn a_clock_that_is_known_to_be_hours_ahead_accuses_nobody() {
    let mut two = Two::new();
    two.b_ahead = -7_200_000;
    two.whole(Which::A, 1);
    let mut later = two.a.coordinates(1, 2);
    later.size = 50;
    let draft = EntryDraft::new(WitnessCosigned).peer(authority("xa.moj"));
    two.push(Which::B, draft.remote(later));
    two.idle(Which::A, 1_800_000);
    assert_eq!(two.classes(), [Class::ClockSkew]);
    two.idle(Which::A, 3_600_000);
    assert_eq!(two.classes(), [Class::OtherPast, Class::ClockSkew]);
}

#[test]
fn a_receipt_of_an_opened_annex_is_looked_up_too() {
    let mut two = Two::new();
    two.whole(Which::A, 1);
    let mut never = two.b.coordinates(1, 2);
    never.root = [5; 32];
    let (_, other) = two.names(Which::A);
    let opened = two.draft(Which::A, ContentAccessTracking, 1).peer(other);
    let opened = opened.document([7; 32]).key(&"b2".repeat(16)).receipt([8; 32]);
    two.push(Which::A, opened.remote(never));
    assert_eq!(two.classes(), [Class::OtherPast]);
}

#[test]
fn a_message_of_which_a_log_says_more_than_can_happen_is_wrong_as_it_is() {
    let mut two = Two::new();
    let sent = two.submit(Which::A, 1);
    for _ in 0..=FACTS_OF_MESSAGE_MAX {
        two.accept(Which::A, 1, sent);
    }
    assert_eq!(two.classes(), [Class::StateDiffers]);
}

#[test]
fn a_message_that_the_sender_never_logged_and_the_receiver_refused() {
    let mut two = Two::new();
    two.issue(Which::A, RelayRejection, 7);
    assert_eq!(two.classes(), [Class::Unexported]);
    two.idle(Which::A, 1000);
    assert_eq!(two.classes(), [Class::MissingAtSender]);
}

#[test]
fn two_exports_of_one_log_are_refused() {
    let log = TestLog::new("xa.moj", 1);
    let one = Log::<Infallible> {
        authority: &log.authority,
        origins: std::slice::from_ref(&log.origin),
        from_first: true,
        entries: &|| Box::new(std::iter::empty()),
        leaves: &|| Box::new(std::iter::empty()),
    };
    let result = reconcile(&one, &one, &Options::default(), &mut |_| {});
    assert_eq!(result, Err(ReconcileError::Same(authority("xa.moj"))));
}

#[test]
fn the_documentation_has_the_table_of_classes() {
    let page = include_str!("../../../../docs/audit.md");
    for class in Class::ALL {
        let wrong = if class.is_wrong() { "yes |" } else { "|" };
        let row = format!("\n| `{}` | {wrong} ", class.as_str());
        assert!(page.contains(&row), "docs/audit.md needs the row {row}");
    }
}
