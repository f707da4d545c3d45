//! Lives that are told anew, and what comes of them.

use super::tests::{START, at, counted, facts, id, line};
use super::*;
use crate::domain::lifecycle::{Move, RequestState as S, Side};
use crate::domain::time::DAY_MS;

#[test]
fn a_life_is_told_by_what_was_signed() {
    let all = [
        said(1, Side::Requested, Move::Acknowledge, Some((S::Acknowledged, 1))),
        said(2, Side::Requested, Move::Review, Some((S::UnderReview, 2))),
        said(3, Side::Requesting, Move::Query, None),
        said(4, Side::Requested, Move::Accept, Some((S::Accepted, 3))),
        said(6, Side::Requesting, Move::Withdraw, None),
    ];
    let both = [S::Acknowledged, S::UnderReview, S::Accepted];
    let requested = [&[S::Received], &both[..], &[S::Withdrawn]].concat();
    assert_eq!(states(&lived(Side::Requested, &all)), requested);
    // Nobody has signed that it is withdrawn.
    let issued = [&[S::Issued], &both[..]].concat();
    assert_eq!(states(&lived(Side::Requesting, &all)), issued);
    // Said once more under its number, it changes nothing.
    let again = [&all[..], &[said(7, Side::Requested, Move::Review, Some((S::UnderReview, 2)))]];
    assert_eq!(states(&lived(Side::Requesting, &again.concat())), issued);
}

fn said(day: i64, by: Side, made: Move, told: Option<(S, u64)>) -> Said {
    Said {
        id: id(START + day * DAY_MS, day.unsigned_abs()),
        at: at(START + day * DAY_MS),
        by,
        made: Some(made),
        answers: None,
        told: told.map(|(state, number)| (state.into(), number)),
        review: None,
        arrived: None,
        refused: false,
    }
}

fn lived(side: Side, all: &[Said]) -> Facts {
    let way = if side == Side::Requesting { Way::Made } else { Way::Received };
    let mut one = facts(1, way, "xb.pps", &[]);
    let mut life = Life::begin(side, one.request, at(START), None);
    all.iter().for_each(|said| life.takes(said));
    one.history = life.into_history();
    one
}

fn states(facts: &Facts) -> Vec<S> {
    facts.history.steps.iter().map(|(_, state)| *state).collect()
}

#[test]
fn what_was_overtaken_is_counted_as_its_author_counts_it() {
    let accepted = said(1, Side::Requested, Move::Accept, Some((S::Accepted, 1)));
    let last = said(3, Side::Requested, Move::DeliverLast, Some((S::Executed, 2)));
    let closed = said(2, Side::Requested, Move::Close, Some((S::Closed, 3)));
    let of = |side, all: &[Said]| {
        let one = lived(side, all);
        (one.outcome(), states(&one)[1..].to_vec())
    };
    let own = of(Side::Requested, &[accepted, last, closed]);
    assert_eq!(own.0, Outcome::Executed);
    for order in [[accepted, closed, last], [closed, last, accepted], [last, accepted, closed]] {
        assert_eq!(of(Side::Requesting, &order), own);
    }
}

#[test]
fn a_receipt_for_a_part_ends_no_life() {
    let last = said(3, Side::Requested, Move::DeliverLast, Some((S::Executed, 1)));
    let receipt = said(4, Side::Requesting, Move::ConfirmEvidence, None);
    let ends = |answers| {
        let lived = lived(Side::Requested, &[last, Said { answers, ..receipt }]);
        states(&lived).last() == Some(&S::Closed)
    };
    assert!(ends(Some(last.id)));
    assert!(!ends(Some(id(START, 77))));
    assert!(ends(None), "where nobody says what it answers");
}

#[test]
fn what_was_decided_stays_decided_where_the_other_refused_to_hear_it() {
    let consults = said(1, Side::Requested, Move::Consult, Some((S::Consulting, 1)));
    let refuses = said(2, Side::Requested, Move::Refuse, Some((S::Refused, 2)));
    let lived = lived(Side::Requested, &[consults, Said { refused: true, ..refuses }]);
    assert_eq!(lived.outcome(), Outcome::Refused);
    assert_eq!(lived.history.turns.len(), 2, "that it consults, and says so: {:?}", lived.history);
}

#[test]
fn what_is_looked_at_again_is_pending() {
    let outcome = |states: &[S]| facts(1, Way::Made, "xb.pps", states).outcome();
    assert_eq!(outcome(&[S::Accepted, S::InfoPending]), Outcome::Accepted);
    assert_eq!(outcome(&[S::Accepted, S::Consulting, S::UnderReview]), Outcome::Pending);
    let again = [S::Accepted, S::InfoPending, S::UnderReview, S::Consulting];
    assert_eq!(outcome(&again), Outcome::Pending);
    let figures = counted(&[facts(1, Way::Made, "xb.pps", &again)]);
    assert_eq!(line(&figures, Way::Made, Dimension::Total, "").decision.count, Some(0));
    assert_eq!(audit_lines(&figures), []);
}

#[test]
fn a_withdrawal_that_has_come_is_counted_by_both() {
    let accepted = said(1, Side::Requested, Move::Accept, Some((S::Accepted, 1)));
    let withdraws = said(2, Side::Requesting, Move::Withdraw, None);
    let came = Said { arrived: Some(at(START + 3 * DAY_MS)), ..withdraws };
    let outcome = |all: &[Said]| lived(Side::Requesting, all).outcome();
    assert_eq!(outcome(&[accepted, withdraws]), Outcome::Accepted, "it is on its way");
    assert_eq!(outcome(&[accepted, came]), Outcome::Withdrawn);
    assert_eq!(lived(Side::Requested, &[accepted, withdraws]).outcome(), Outcome::Withdrawn);
    let refused = Said { refused: true, ..withdraws };
    assert_eq!(outcome(&[accepted, refused]), Outcome::Accepted, "it was never made");
    // What the other had decided before it came.
    let closed = said(4, Side::Requested, Move::Close, Some((S::Closed, 3)));
    let last = said(5, Side::Requested, Move::DeliverLast, Some((S::Executed, 2)));
    assert_eq!(outcome(&[accepted, came, closed, last]), Outcome::Executed);
    let figures = counted(&[lived(Side::Requesting, &[accepted, came])]);
    assert_eq!(line(&figures, Way::Made, Dimension::Total, "").overdue, Some(0));
    assert_eq!(audit_lines(&figures), []);
}
