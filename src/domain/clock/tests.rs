mod lives;

use super::*;
use crate::domain::request::UrgencyLevel;
use crate::domain::time::DAY_MS;

use RequestState as S;

fn day(day: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_795_000_000_000 + day * DAY_MS)
}

fn history(steps: &[(i64, S)], turns: &[(i64, Turn)]) -> History {
    History {
        steps: steps.iter().map(|(at, state)| (day(*at), *state)).collect(),
        turns: turns.iter().map(|(at, turn)| (day(*at), *turn)).collect(),
        received: None,
        review: None,
        withdrawn: None,
    }
}

fn routine() -> Track {
    Targets::default().of("xb.pps", UrgencyLevel::Routine)
}

fn at(history: &History, duty: Duty, now: i64) -> Option<Clock> {
    clocks(history, &routine(), day(now)).into_iter().find(|clock| clock.duty == duty)
}

/// One case of the table: what happened, and what a duty has come to by a day.
struct Row {
    what: &'static str,
    steps: &'static [(i64, S)],
    turns: &'static [(i64, Turn)],
    duty: Duty,
    now: i64,
    /// Days used, day on which it is due, day on which it was done; `None` where it has not begun.
    is: Option<(i64, Option<i64>, Option<i64>)>,
}

const TABLE: &[Row] = &[
    Row {
        what: "a request that waits for its acknowledgement",
        steps: &[(0, S::Received)],
        turns: &[],
        duty: Duty::Acknowledgement,
        now: 3,
        is: Some((3, Some(7), None)),
    },
    Row {
        what: "it is acknowledged in time",
        steps: &[(0, S::Received), (2, S::Acknowledged)],
        turns: &[],
        duty: Duty::Acknowledgement,
        now: 50,
        is: Some((2, None, Some(2))),
    },
    Row {
        what: "a first answer that decides acknowledges too",
        steps: &[(0, S::Received), (4, S::Accepted)],
        turns: &[],
        duty: Duty::Acknowledgement,
        now: 9,
        is: Some((4, None, Some(4))),
    },
    Row {
        what: "what nobody knows to have arrived has no clock",
        steps: &[(0, S::Issued)],
        turns: &[],
        duty: Duty::Acknowledgement,
        now: 90,
        is: None,
    },
    Row {
        what: "the decision runs from the arrival",
        steps: &[(0, S::Received), (2, S::Acknowledged), (5, S::UnderReview)],
        turns: &[],
        duty: Duty::Decision,
        now: 10,
        is: Some((10, Some(30), None)),
    },
    Row {
        what: "it stands still while information is awaited",
        steps: &[(0, S::Received), (5, S::InfoPending)],
        turns: &[(5, Turn::Asked)],
        duty: Duty::Decision,
        now: 80,
        is: Some((5, None, None)),
    },
    Row {
        what: "and goes on with what was left",
        steps: &[(0, S::Received), (5, S::InfoPending), (25, S::UnderReview)],
        turns: &[(5, Turn::Asked), (25, Turn::Answered)],
        duty: Duty::Decision,
        now: 35,
        is: Some((15, Some(50), None)),
    },
    Row {
        what: "an answer that was given ends the wait before the other has said so",
        steps: &[(0, S::Received), (5, S::InfoPending)],
        turns: &[(5, Turn::Asked), (15, Turn::Answered)],
        duty: Duty::Decision,
        now: 20,
        is: Some((10, Some(40), None)),
    },
    Row {
        what: "a consultation that waits for the one that is asked runs",
        steps: &[(0, S::Received), (5, S::Consulting)],
        turns: &[(5, Turn::Asked), (10, Turn::Answered), (20, Turn::Asked)],
        duty: Duty::Decision,
        now: 40,
        is: Some((15, None, None)),
    },
    Row {
        what: "conditions that were proposed stop it",
        steps: &[(0, S::Received), (5, S::Consulting), (6, S::ConditionsPending)],
        turns: &[(5, Turn::Asked), (6, Turn::Asked)],
        duty: Duty::Decision,
        now: 40,
        is: Some((5, None, None)),
    },
    Row {
        what: "a postponement stops it",
        steps: &[(0, S::Received), (4, S::Consulting), (6, S::Postponed)],
        turns: &[(4, Turn::Asked)],
        duty: Duty::Decision,
        now: 40,
        is: Some((4, None, None)),
    },
    Row {
        what: "a refusal is a decision",
        steps: &[(0, S::Received), (8, S::Refused)],
        turns: &[],
        duty: Duty::Decision,
        now: 40,
        is: Some((8, None, Some(8))),
    },
    Row {
        what: "consulting about the execution does not open the decision again",
        steps: &[(0, S::Received), (8, S::Accepted), (20, S::Consulting)],
        turns: &[(20, Turn::Asked), (25, Turn::Answered)],
        duty: Duty::Decision,
        now: 60,
        is: Some((8, None, Some(8))),
    },
    Row {
        what: "looking at it again does",
        steps: &[(0, S::Received), (8, S::Accepted), (20, S::UnderReview)],
        turns: &[],
        duty: Duty::Decision,
        now: 22,
        is: Some((10, Some(42), None)),
    },
    Row {
        what: "the execution runs from the acceptance, and stops while it waits",
        steps: &[(0, S::Received), (8, S::Accepted), (20, S::InfoPending), (50, S::Accepted)],
        turns: &[(20, Turn::Asked), (50, Turn::Answered)],
        duty: Duty::Execution,
        now: 60,
        is: Some((22, Some(128), None)),
    },
    Row {
        what: "a part is not all",
        steps: &[(0, S::Received), (8, S::Accepted), (20, S::PartlyExecuted)],
        turns: &[],
        duty: Duty::Execution,
        now: 28,
        is: Some((20, Some(98), None)),
    },
    Row {
        what: "what is executed at once has used no time",
        steps: &[(0, S::Received), (3, S::Executed)],
        turns: &[],
        duty: Duty::Execution,
        now: 28,
        is: Some((0, None, Some(3))),
    },
    Row {
        what: "what came damaged is to be sent again",
        steps: &[(0, S::Accepted), (10, S::Executed), (20, S::InExecution)],
        turns: &[],
        duty: Duty::Execution,
        now: 25,
        is: Some((15, Some(100), None)),
    },
    Row {
        what: "what is refused was never to be executed",
        steps: &[(0, S::Received), (8, S::Refused), (9, S::Closed)],
        turns: &[],
        duty: Duty::Execution,
        now: 25,
        is: None,
    },
    Row {
        what: "what was postponed is to be looked at again, each time anew",
        steps: &[(0, S::Postponed), (60, S::UnderReview), (70, S::Postponed)],
        turns: &[],
        duty: Duty::Review,
        now: 80,
        is: Some((10, Some(160), None)),
    },
    Row {
        what: "the requesting side owes an answer while it is waited for",
        steps: &[(0, S::Received), (5, S::InfoPending)],
        turns: &[(5, Turn::Asked)],
        duty: Duty::Answer,
        now: 20,
        is: Some((15, Some(35), None)),
    },
    Row {
        what: "once it has answered it owes none",
        steps: &[(0, S::Received), (5, S::InfoPending)],
        turns: &[(5, Turn::Asked), (15, Turn::Answered)],
        duty: Duty::Answer,
        now: 20,
        is: Some((10, None, Some(15))),
    },
    Row {
        what: "a status query waits since the first one that was not answered",
        steps: &[(0, S::Received), (2, S::Acknowledged)],
        turns: &[(1, Turn::Queried), (2, Turn::Told), (10, Turn::Queried), (14, Turn::Queried)],
        duty: Duty::StatusAnswer,
        now: 20,
        is: Some((10, Some(24), None)),
    },
    Row {
        what: "whatever the other says answers it",
        steps: &[(0, S::Received)],
        turns: &[(1, Turn::Queried), (2, Turn::Told)],
        duty: Duty::StatusAnswer,
        now: 20,
        is: Some((1, None, Some(2))),
    },
    Row {
        what: "nobody is asked about what is over",
        steps: &[(0, S::Received), (9, S::Withdrawn)],
        turns: &[(1, Turn::Queried)],
        duty: Duty::StatusAnswer,
        now: 20,
        is: Some((8, None, Some(9))),
    },
    Row {
        what: "what has not arrived cannot be asked about",
        steps: &[(0, S::Issued)],
        turns: &[(1, Turn::Queried)],
        duty: Duty::StatusAnswer,
        now: 20,
        is: None,
    },
];

#[test]
fn each_duty_runs_stops_and_ends_as_the_table_says() {
    for Row { what, steps, turns, duty, now, is } in TABLE {
        let clock = at(&history(steps, turns), *duty, *now);
        let found = clock.map(|clock| (clock.used_ms / DAY_MS, clock.due(), clock.done));
        let wanted = is.map(|(used, due, done)| (used, due.map(day), done.map(day)));
        assert_eq!(found, wanted, "{what}");
    }
}

#[test]
fn levels_are_reached_at_fifty_eighty_and_a_hundred_per_cent() {
    let waits = history(&[(0, S::Received)], &[]);
    let level = |ms| {
        let now = day(0).plus_ms(ms);
        let clock = clocks(&waits, &routine(), now).remove(0);
        assert_eq!(clock.is_overdue(), clock.level() == Level::Over);
        clock.level().percent()
    };
    let target = 7 * DAY_MS;
    for (ms, wanted) in [
        (0, 0),
        (target / 2 - 1, 0),
        (target / 2, 50),
        (target * 4 / 5 - 1, 50),
        (target * 4 / 5, 80),
        (target - 1, 80),
        (target, 100),
        (9 * target, 100),
    ] {
        assert_eq!(level(ms), wanted, "{ms}");
    }
    // Late, and done: nothing is overdue any more.
    let late =
        at(&history(&[(0, S::Received), (9, S::Acknowledged)], &[]), Duty::Acknowledgement, 9);
    let late = late.expect("it had begun");
    assert_eq!((late.level(), late.is_overdue()), (Level::Over, false));
}

#[test]
fn a_receipt_starts_the_clock_of_a_request_that_nothing_was_said_about() {
    let mut history = history(&[(0, S::Issued)], &[]);
    history.received = Some(day(2));
    let clock = at(&history, Duty::Acknowledgement, 5).expect("it runs");
    assert_eq!((clock.started, clock.due()), (day(2), Some(day(9))));
    // A clock of the other side that is wrong is no way to be early or late.
    history.received = Some(day(400));
    assert_eq!(at(&history, Duty::Acknowledgement, 5).expect("it runs").started, day(5));
    history.received = Some(day(-400));
    assert_eq!(at(&history, Duty::Acknowledgement, 5).expect("it runs").started, day(0));
    history.steps.push((day(3), S::UnderReview));
    history.received = Some(day(400));
    let clock = at(&history, Duty::Acknowledgement, 5).expect("it ran");
    assert_eq!((clock.started, clock.done), (day(3), Some(day(3))));
}

#[test]
fn a_postponement_lasts_until_the_day_that_it_names() {
    let mut history = history(&[(0, S::Consulting), (1, S::Postponed)], &[]);
    let due = |history: &History| at(history, Duty::Review, 2).expect("it runs").due();
    assert_eq!(due(&history), Some(day(91)));
    history.review = Some(day(200));
    assert_eq!(due(&history), Some(day(200)));
    history.review = Some(day(900_000));
    assert_eq!(due(&history), Some(day(3651)));
    history.review = Some(day(-5));
    assert!(at(&history, Duty::Review, 2).expect("it runs").is_overdue(), "a day that is over");
}

#[test]
fn the_stops_are_told() {
    let steps = [(0, S::Received), (5, S::InfoPending), (9, S::UnderReview), (12, S::InfoPending)];
    let turns = [(5, Turn::Asked), (9, Turn::Answered), (12, Turn::Asked)];
    let clock = at(&history(&steps, &turns), Duty::Decision, 20).expect("it has begun");
    assert_eq!(clock.stops, [(day(5), Some(day(9))), (day(12), None)]);
    assert!(clock.is_stopped() && clock.due().is_none());
}

#[test]
fn what_is_to_be_looked_at_first_is_what_has_the_least_time_left() {
    let first = |steps: &[(i64, S)], turns: &[(i64, Turn)], now| {
        let clocks = clocks(&history(steps, turns), &routine(), day(now));
        next(&clocks).map(|clock| clock.duty)
    };
    assert_eq!(first(&[(0, S::Received)], &[], 1), Some(Duty::Acknowledgement));
    assert_eq!(first(&[(0, S::Received), (1, S::Acknowledged)], &[], 2), Some(Duty::Decision));
    let asked = [(10, Turn::Queried)];
    assert_eq!(first(&[(0, S::Accepted)], &asked, 11), Some(Duty::StatusAnswer));
    let waits = [(0, S::Received), (1, S::InfoPending)];
    assert_eq!(first(&waits, &[(1, Turn::Asked)], 2), Some(Duty::Answer));
    assert_eq!(first(&[(0, S::Received), (1, S::Closed)], &[], 2), None);
    assert_eq!(first(&[], &[], 2), None);
}

#[test]
fn a_clock_that_was_put_back_gives_no_time_back() {
    let waits = history(&[(0, S::Received), (5, S::UnderReview)], &[]);
    assert_eq!(at(&waits, Duty::Decision, 2).expect("it runs").used_ms, 5 * DAY_MS);
}

#[test]
fn a_withdrawal_stops_every_clock_and_ends_it_once_it_has_come() {
    let mut life = history(&[(0, S::Received)], &[(1, Turn::Queried)]);
    life.steps.insert(0, (day(0), S::Issued));
    let told = |life: &History, now| -> Vec<_> {
        let clocks = clocks(life, &routine(), day(now));
        clocks
            .iter()
            .map(|c| (c.duty, c.used_ms / DAY_MS, c.done.is_some(), c.is_overdue()))
            .collect()
    };
    assert!(told(&life, 19)[0].3, "it is overdue");
    let withdrawn = |came: Option<i64>| Some(Withdrawn { sent: day(20), came: came.map(day) });
    life.withdrawn = withdrawn(None);
    let waits = [
        (Duty::Acknowledgement, 20, false, false),
        (Duty::Decision, 20, false, false),
        (Duty::StatusAnswer, 19, false, false),
    ];
    assert_eq!(told(&life, 400), waits, "it stands still, and nobody waits");
    // It was refused at the other side's door: then it was never made.
    life.withdrawn = None;
    assert!(told(&life, 400).iter().all(|one| one.3));
    life.withdrawn = withdrawn(Some(25));
    assert!(told(&life, 400).iter().all(|one| one.2 && one.1 <= 20), "{:?}", told(&life, 400));
    // What crossed it makes nothing due again.
    life.steps.push((day(30), S::Accepted));
    life.steps.push((day(31), S::InfoPending));
    life.turns.push((day(31), Turn::Asked));
    assert!(told(&life, 400).iter().all(|one| one.2), "{:?}", told(&life, 400));
    // The other's clock may be wrong.
    life.withdrawn = withdrawn(Some(-7));
    assert!(told(&life, 400).iter().all(|one| one.2 && one.1 <= 20));
}
