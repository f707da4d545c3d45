//! Openings of sealed annexes.

use super::illegal::check;
use super::*;

/// An opening of an annex, stated by the node or recorded from the peer.
fn opening(draft: EntryDraft) -> EntryDraft {
    draft.document([7; 32]).key(&"b2".repeat(16))
}

#[test]
fn an_annex_is_opened_behind_its_consignment_and_before_an_erasure() {
    let got = || own(RelayAcceptance, 1);
    let opened = || opening(own(ContentAccessTracking, 1));
    let destroyed = || EntryDraft::new(EraseAnnex).message(message(1)).code("X").document([7; 32]);
    check(vec![
        ("opened and never accepted", Rule::NotAccepted, vec![opened()]),
        ("opened and not consigned", Rule::NotConsigned, vec![got(), opened()]),
        ("opened by its sender", Rule::WrongSide, vec![own(SubmissionAcceptance, 1), opened()]),
        (
            "opened and gone",
            Rule::ReadAfterErasure,
            vec![got(), own(ContentConsignment, 1), erase(1), opened()],
        ),
        (
            "an annex is destroyed with its message, not after it",
            Rule::ReadAfterErasure,
            vec![got(), own(ContentConsignment, 1), erase(1), destroyed()],
        ),
        (
            "an annex is not opened once it is destroyed",
            Rule::ReadAfterErasure,
            vec![got(), own(ContentConsignment, 1), destroyed(), opened()],
        ),
        ("an annex is destroyed once", Rule::ErasedTwice, vec![got(), destroyed(), destroyed()]),
        (
            "an annex is not destroyed while its message is held",
            Rule::ErasedInHold,
            vec![got(), EntryDraft::new(HoldSet).message(message(1)), destroyed()],
        ),
        ("the annex of nothing", Rule::UnknownMessage, vec![destroyed()]),
        (
            "the sender is told of it once",
            Rule::RecordedTwice,
            vec![
                own(SubmissionAcceptance, 1),
                opening(theirs(ContentAccessTracking, 1)),
                opening(theirs(ContentAccessTracking, 1)),
            ],
        ),
    ]);
}

#[test]
fn an_annex_is_opened_as_often_as_officials_do() {
    let mut log = log();
    log.push(own(RelayAcceptance, 1));
    log.push(own(ContentConsignment, 1));
    for _ in 0..3 {
        log.push(opening(own(ContentAccessTracking, 1)));
    }
    log.push(own(ContentHandover, 1));
    log.push(EntryDraft::new(EraseAnnex).message(message(1)).code("X").document([7; 32]));
    let (state, found) = replayed(&log);
    assert_eq!(found, []);
    let told = state.message(&message(1)).expect("known");
    let opened = told.events.iter().filter(|stated| stated.event == ContentAccessTracking);
    assert_eq!(opened.count(), 1, "the first, of which the sender is told");
}
