//! Every state, every move, either side.

use super::RequestState as S;
use super::*;
use crate::domain::MessageKind;
use crate::domain::request::{Decision, Note, Progress};

/// The whole table, as people read it: what each side may do in each state, and where that leads.
const WHOLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/domain/lifecycle/table.txt");

fn lines(standing: Standing) -> String {
    let before = standing.before.map(|before| format!(" from {before}")).unwrap_or_default();
    let mut lines = format!("{}{before}\n", standing.state);
    for side in [Side::Requested, Side::Requesting] {
        for made in standing.legal(side) {
            let after = standing.after(side, made).expect("legal");
            let to = if after == standing { "stays" } else { after.state.as_str() };
            lines += &format!("  {:<10}  {:<31}  {to}\n", side.as_str(), made.as_str());
        }
    }
    lines
}

/// Every standing that there can be.
fn standings() -> Vec<Standing> {
    let mut all = vec![Standing::from(S::Issued), Standing::from(S::Received)];
    let mut next = 0;
    while let Some(standing) = all.get(next).copied() {
        for side in [Side::Requesting, Side::Requested] {
            for made in standing.legal(side) {
                let after = standing.after(side, made).expect("legal");
                if !all.contains(&after) {
                    all.push(after);
                }
            }
        }
        next += 1;
    }
    all.sort_by_key(|standing| (standing.state, standing.before));
    all
}

#[test]
fn the_whole_table_is_what_people_have_read() {
    let whole = standings().into_iter().map(lines).collect::<Vec<_>>().join("\n");
    if std::env::var_os("TRANSCRIPTS").is_some() {
        std::fs::write(WHOLE, &whole).expect("written");
    }
    assert_eq!(whole, std::fs::read_to_string(WHOLE).expect("readable"));
}

#[test]
fn every_state_is_reached_and_only_consulting_remembers() {
    let all = standings();
    for state in S::ALL {
        assert!(all.iter().any(|standing| standing.state == *state), "{state}");
    }
    for standing in all {
        assert_eq!(standing.before.is_some(), standing.state.waits_for_requesting());
    }
}

/// Whether these sides can bring a request to its end without anybody else.
fn ends(begun: Standing, sides: &[Side]) -> bool {
    let (mut seen, mut next) = (vec![begun], 0);
    while let Some(standing) = seen.get(next).copied() {
        for side in sides {
            let legal = standing.legal(*side).into_iter();
            let after = legal.filter_map(|made| standing.after(*side, made).ok());
            let new: Vec<_> = after.filter(|after| !seen.contains(after)).collect();
            seen.extend(new);
        }
        next += 1;
    }
    seen.iter().any(|standing| standing.state == S::Closed)
}

#[test]
fn from_every_state_there_is_a_way_to_the_end() {
    for begun in standings() {
        assert!(ends(begun, &[Side::Requesting, Side::Requested]), "{begun:?}");
        // Nor does the silence of the one that asks keep a request open for ever.
        let has_come = begun.state != S::Issued;
        assert_eq!(ends(begun, &[Side::Requested]), has_come, "{begun:?}");
    }
}

#[test]
fn only_a_consultation_leads_to_a_refusal_or_a_postponement() {
    for standing in standings() {
        for made in [Move::Refuse, Move::Postpone] {
            let legal = standing.after(Side::Requested, made);
            assert_eq!(legal.is_ok(), standing.state == S::Consulting, "{standing:?}");
            if let Err(illegal) = legal {
                assert!(illegal.to_string().contains("UNTOC 18(26)"), "{illegal}");
            }
            let by_asker = standing.after(Side::Requesting, made).expect_err("not its to say");
            assert!(by_asker.why.contains("for the requested authority to say"), "{by_asker}");
        }
    }
}

#[test]
fn a_final_state_is_left_for_closed_only() {
    for standing in standings().into_iter().filter(|standing| standing.state.is_final()) {
        for side in [Side::Requesting, Side::Requested] {
            for made in standing.legal(side) {
                let after = standing.after(side, made).expect("legal");
                assert!(after == standing || after.state == S::Closed, "{standing:?} {made:?}");
            }
        }
    }
}

#[test]
fn an_illegal_move_is_told_with_those_that_are_legal() {
    let under_review = Standing::from(S::UnderReview);
    let illegal = under_review.after(Side::Requested, Move::ProposeConditions);
    let illegal = illegal.expect_err("too early");
    let told = illegal.to_string();
    for part in ["UNDER_REVIEW", "CONDITIONS_PROPOSED", "it follows CONSULTING"] {
        assert!(told.contains(part), "{told}");
    }
    assert!(illegal.instead().starts_with(MAY_COME), "{}", illegal.instead());
    assert!(illegal.instead().contains("DECISION accept"), "{}", illegal.instead());
    let closed = Standing::from(S::Closed);
    let told = closed.after(Side::Requesting, Move::Withdraw).expect_err("over").instead();
    assert!(told.contains("nothing can be done with it any more"), "{told}");
}

#[test]
fn information_that_came_late_takes_execution_no_step_back() {
    let mut standing = Standing::from(S::InExecution);
    for (side, made) in [
        (Side::Requested, Move::AskInformation),
        (Side::Requested, Move::Consult),
        (Side::Requested, Move::ProposeConditions),
        (Side::Requesting, Move::DeclineConditions),
        (Side::Requested, Move::Execute),
    ] {
        standing = standing.after(side, made).expect("legal");
    }
    assert_eq!(standing, S::InExecution.into());
}

#[test]
fn each_kind_makes_its_move() {
    let note = Note::default();
    for kind in MessageKind::ALL.iter().copied().filter(|kind| kind.is_request()) {
        assert_eq!(Move::of(kind, &note), None, "{kind} begins one of its own");
    }
    // The move of a kind that needs nothing more has the word of the kind.
    for made in Move::ALL.iter().copied() {
        if let Ok(kind) = MessageKind::parse(made.as_str()) {
            assert_eq!(Move::of(kind, &note), Some(made), "{kind}");
        }
    }
    let decided = |decision| Note { decision: Some(decision), ..Note::default() };
    let reported = |progress| Note { progress: Some(progress), ..Note::default() };
    for decision in Decision::ALL.iter().copied() {
        let made = Move::of(MessageKind::Decision, &decided(decision)).expect("a move");
        let word = if decision == Decision::AcceptPartially { "accept" } else { decision.as_str() };
        assert_eq!(made.as_str(), format!("DECISION {word}"));
    }
    for progress in Progress::ALL.iter().copied() {
        let made = Move::of(MessageKind::StatusReport, &reported(progress)).expect("a move");
        assert_eq!(made.as_str(), format!("STATUS_REPORT {progress}"));
    }
}
