use super::*;
use crate::audit::entry::EntryDraft;
use crate::audit::testing::{authority, delivery, envelope, message};

fn package(number: u8) -> PackageId {
    PackageId::new(Timestamp::from_unix_ms(1_795_000_000_000), [number; 10])
}

/// Message `number`, which xa.oag sent to xb.pps with package `number`.
fn carried(number: u8) -> Carried {
    Carried {
        message: message(u64::from(number)),
        package: package(number),
        envelope: envelope(u64::from(number)),
        sender: authority("xa.oag"),
        recipient: authority("xb.pps"),
    }
}

fn custody() -> Custody {
    Custody::of([carried(1)]).expect("one message")
}

fn take(custody: &mut Custody, whose: &str, index: u64, at: i64, draft: EntryDraft) {
    let entry = draft.into_entry(Timestamp::from_unix_ms(at), [0; 16], None);
    let origin = format!("{whose}/log/2026");
    custody.take(&authority(whose), &origin, Position::new(0, index), &entry);
}

fn about(event: Event) -> EntryDraft {
    EntryDraft::new(event).message(message(1))
}

fn places(custody: &Custody) -> Vec<(&str, u64)> {
    custody.steps().iter().map(|step| (step.authority.as_str(), step.place.index)).collect()
}

#[test]
fn entries_about_the_message_and_its_package_are_taken_and_no_others() {
    let mut custody = custody();
    let fetched = || about(Event::AccessFetched).who(&"1".repeat(32));
    let refused = EntryDraft::new(Event::RelayRejection).by(authority("xb.pps"));
    for (index, draft) in [
        fetched(),
        fetched().package(package(1)),
        fetched().package(package(2)),
        EntryDraft::new(Event::HoldSet).message(message(2)),
        EntryDraft::new(Event::NodeStarted),
        // What could not be parsed has a digest and no message.
        refused.clone().envelope(envelope(1)),
        refused.envelope(envelope(2)),
    ]
    .into_iter()
    .enumerate()
    {
        take(&mut custody, "xb.pps", index as u64, 0, draft);
    }
    let custody = custody.ordered();
    assert_eq!(places(&custody), [("xb.pps", 0), ("xb.pps", 1), ("xb.pps", 5)]);
    assert!(custody.steps().iter().all(|step| step.message == message(1)));
}

#[test]
fn entries_stand_by_time_then_by_authority_then_as_in_the_log() {
    let mut custody = custody();
    for (whose, index, at) in
        [("xb.pps", 4, 20), ("xb.pps", 5, 20), ("xa.oag", 9, 20), ("xc.moj", 1, 10)]
    {
        take(&mut custody, whose, index, at, about(Event::HoldSet));
    }
    let custody = custody.ordered();
    let expected = [("xc.moj", 1), ("xa.oag", 9), ("xb.pps", 4), ("xb.pps", 5)];
    assert_eq!(places(&custody), expected);
}

#[test]
fn another_content_contradicts_unless_it_was_refused() {
    let other = |event| delivery(event, "xb.pps", "xa.oag", 1).envelope(envelope(7));
    let mut refused = custody();
    take(&mut refused, "xb.pps", 3, 0, other(Event::RelayRejection).code("MESSAGE_ID_CONFLICT"));
    let refused = refused.ordered();
    assert_eq!(refused.contradiction(), None, "it was refused");
    assert!(refused.steps()[0].other_content);
    assert!(!refused.is_known(&carried(1)), "that is not the message");
    for event in [Event::RelayAcceptance, Event::SubmissionAcceptance, Event::AccessFetched] {
        let mut custody = custody();
        take(&mut custody, "xb.pps", 17, 0, other(event));
        let custody = custody.ordered();
        let contradiction = custody.contradiction().expect("another content");
        let text = "entry 17 of xb.pps/log/2026 is about another content";
        assert_eq!(contradiction.to_string(), text, "{event}");
    }
}

#[test]
fn what_others_sent_each_other_under_the_same_id_accuses_nobody() {
    let other = |by, peer| delivery(Event::RelayAcceptance, by, peer, 1).envelope(envelope(7));
    let mut custody = custody();
    take(&mut custody, "xc.moj", 3, 0, other("xc.moj", "xd.moi"));
    take(&mut custody, "xb.pps", 4, 0, other("xb.pps", "xd.moi"));
    let custody = custody.ordered();
    assert_eq!(custody.contradiction(), None);
    let words = "about another content under this message id, between xc.moj and xd.moi";
    assert_eq!(custody.steps()[1].words(), words);
    assert_eq!(custody.passage(&carried(1)).came, Known::Nowhere);
    // Somebody else has signed a message under the id of the first one: each is followed.
    let second = Carried {
        envelope: envelope(9),
        sender: authority("xb.pps"),
        recipient: authority("xc.moj"),
        ..carried(1)
    };
    let mut both = Custody::of([carried(1), second.clone()]).expect("of two senders");
    let sent = delivery(Event::SubmissionAcceptance, "xb.pps", "xc.moj", 1).envelope(envelope(9));
    take(&mut both, "xb.pps", 1, 0, sent);
    take(&mut both, "xb.pps", 2, 0, delivery(Event::RelayAcceptance, "xb.pps", "xa.oag", 1));
    assert_eq!(both.contradiction(), None);
    assert_eq!(both.passage(&carried(1)).came, Known::AtRecipient);
}

#[test]
fn an_entry_that_names_another_end_is_no_passage() {
    let mut custody = custody();
    take(
        &mut custody,
        "xa.oag",
        0,
        0,
        delivery(Event::SubmissionAcceptance, "xa.oag", "xc.moj", 1),
    );
    take(&mut custody, "xb.pps", 1, 0, delivery(Event::RelayAcceptance, "xb.pps", "xc.moj", 1));
    assert_eq!(custody.passage(&carried(1)).came, Known::Nowhere);
}

#[test]
fn one_message_counts_once_and_two_contents_of_one_are_refused() {
    let twice = Custody::of([carried(1), carried(1), carried(2)]).expect("two messages");
    assert_eq!(twice.carried(), [carried(1), carried(2)]);
    let second = Carried { package: package(2), ..carried(1) };
    assert_eq!(Custody::of([carried(1), second]).expect("two packages").carried().len(), 2);
    let forged = Carried { envelope: envelope(9), ..carried(1) };
    let refused = Custody::of([carried(1), forged]).expect_err("two contents");
    assert_eq!(refused, CustodyError::TwoContents(message(1)));
}

#[test]
fn a_passage_is_known_by_the_logs_that_tell_of_it() {
    let sent = ("xa.oag", delivery(Event::SubmissionAcceptance, "xa.oag", "xb.pps", 1));
    let own = |event| ("xb.pps", delivery(event, "xb.pps", "xa.oag", 1));
    let recorded = |event| ("xa.oag", delivery(event, "xb.pps", "xb.pps", 1).receipt([3; 32]));
    let (held, given) = (Event::RelayAcceptance, Event::ContentHandover);
    use Known::*;
    for (entries, came, handed_over) in [
        (vec![], Nowhere, Nowhere),
        (vec![sent.clone()], Nowhere, Nowhere),
        (vec![sent.clone(), recorded(held), recorded(given)], AtSender, AtSender),
        (vec![own(held), own(given)], AtRecipient, AtRecipient),
        (vec![sent.clone(), own(held)], AtBothEnds, Nowhere),
        (vec![sent.clone(), own(held), own(given)], AtBothEnds, AtRecipient),
        (vec![sent.clone(), own(held), own(given), recorded(given)], AtBothEnds, AtBothEnds),
    ] {
        let mut custody = custody();
        let what = format!("{entries:?}");
        for (index, (whose, draft)) in (0..).zip(entries) {
            take(&mut custody, whose, index, 0, draft);
        }
        let passage = custody.passage(&carried(1));
        assert_eq!(passage, Passage { came, handed_over }, "{what}");
        assert!(!custody.is_known_to(&authority("xc.moj"), &carried(1)));
    }
}

fn words(whose: &str, draft: EntryDraft) -> String {
    let mut custody = custody();
    take(&mut custody, whose, 0, 0, draft);
    custody.steps()[0].words()
}

#[test]
fn what_a_node_states_is_told_of_the_place_where_it_happened() {
    for (event, expected) in [
        (Event::SubmissionAcceptance, "sealed and signed at xb.pps, for xa.oag"),
        (Event::RelayAcceptance, "held at xb.pps, from xa.oag"),
        (Event::RelayRejection, "refused at xb.pps, from xa.oag"),
        (Event::RelayFailure, "not relayed to xa.oag within its window"),
        (Event::ContentConsignment, "opened at xb.pps, in the inbox of an agency"),
        (Event::ContentHandover, "handed to the agency at xb.pps, which has confirmed it"),
        (Event::RelayToNonErds, "left xb.pps in a pouch, for xa.oag"),
        (Event::ReceivedFromNonErds, "came to xb.pps in a pouch, from xa.oag"),
    ] {
        assert_eq!(words("xb.pps", delivery(event, "xb.pps", "xa.oag", 1)), expected);
    }
    let lost = delivery(Event::ContentHandoverFailure, "xb.pps", "xa.oag", 1);
    assert!(
        words("xb.pps", lost.clone().code("NOT_CONFIRMED")).contains("has confirmed it in time")
    );
    assert!(words("xb.pps", lost.code("CONTENT_LOST")).contains("was lost at xb.pps"));
    let other = delivery(Event::RelayRejection, "xb.pps", "xa.oag", 1).envelope(envelope(7));
    let expected = "refused at xb.pps: another content under this message id, from xa.oag";
    assert_eq!(words("xb.pps", other), expected);
}

#[test]
fn a_recorded_receipt_is_told_as_one() {
    for event in Event::ALL.iter().copied().filter(|event| event.is_receipt()) {
        let receipt = delivery(event, "xb.pps", "xb.pps", 1).receipt([3; 32]);
        let words = words("xa.oag", receipt);
        assert!(words.starts_with("recorded ") && words.contains("xb.pps"), "{event}: {words}");
    }
}

#[test]
fn what_happened_within_an_authority_is_told_with_its_extent() {
    let whole = |event| words("xb.pps", about(event));
    let package = |event| words("xb.pps", about(event).package(package(1)));
    assert_eq!(whole(Event::AccessFetched), "its message was given to this agency");
    assert_eq!(package(Event::AccessFetched), "its package was given to this agency");
    assert_eq!(package(Event::AccessShared), "this agency shared its package with another agency");
    assert_eq!(whole(Event::EraseBody), "its content was erased");
    let disclosed = about(Event::AccessExported).code("DISCLOSED_TO_AUDITOR");
    assert!(words("xb.pps", disclosed).contains("disclosed to an auditor"));
    let general = whole(Event::NodeStarted);
    let may = |event: &Event| event.fields().must.iter().chain(event.fields().may);
    let message = crate::audit::entry::Field::Message;
    for event in Event::ALL.iter().filter(|event| may(event).any(|field| *field == message)) {
        assert_ne!(whole(*event), general, "{event} has words of its own");
    }
}
