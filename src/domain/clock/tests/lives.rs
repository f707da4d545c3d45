//! What holds of the clocks of any life of a request.

use proptest::prelude::*;

use super::*;

fn lives() -> impl Strategy<Value = History> {
    // A request is issued once, and first.
    let state = proptest::sample::select(&S::ALL[1..]);
    let turn =
        prop_oneof![Just(Turn::Asked), Just(Turn::Answered), Just(Turn::Queried), Just(Turn::Told)];
    let ordered = |mut days: Vec<i64>| {
        days.sort_unstable();
        days
    };
    let steps = proptest::collection::vec((0..40i64, state), 1..12);
    let turns = proptest::collection::vec((0..40i64, turn), 0..12);
    let received = proptest::option::of(0..40i64);
    let withdrawn = proptest::option::of((0..40i64, proptest::option::of(0..40i64)));
    let issued = any::<bool>();
    let all = (steps, turns, received, issued, withdrawn);
    all.prop_map(move |(mut steps, turns, received, issued, withdrawn)| {
        if issued {
            steps[0].1 = S::Issued;
        }
        let days = ordered(steps.iter().map(|(day, _)| *day).collect());
        let steps = days.into_iter().zip(steps).map(|(at, (_, state))| (day(at), state));
        let days = ordered(turns.iter().map(|(day, _)| *day).collect());
        let turns = days.into_iter().zip(turns).map(|(at, (_, turn))| (day(at), turn));
        History {
            steps: steps.collect(),
            turns: turns.collect(),
            received: received.map(day),
            review: None,
            withdrawn: withdrawn
                .map(|(sent, came)| Withdrawn { sent: day(sent), came: came.map(day) }),
        }
    })
}

/// Everything of the clocks but as of when they are.
fn told(history: &History, now: Timestamp) -> Vec<(Duty, i64, Option<Timestamp>, bool)> {
    let clocks = clocks(history, &routine(), now);
    clocks.iter().map(|c| (c.duty, c.used_ms, c.done, c.is_stopped())).collect()
}

proptest! {
    #[test]
    fn time_used_grows_no_faster_than_time_passes(life in lives(), now in 40..80i64, more in 0..40i64) {
        let (before, after) =
            (clocks(&life, &routine(), day(now)), clocks(&life, &routine(), day(now + more)));
        prop_assert_eq!(before.len(), after.len());
        for (before, after) in before.iter().zip(&after) {
            let passed = after.used_ms - before.used_ms;
            let runs = before.done.is_none() && !before.is_stopped();
            prop_assert_eq!(passed, if runs { more * DAY_MS } else { 0 }, "{:?}", before);
            prop_assert_eq!(before.due(), after.due(), "waiting moves no date");
        }
    }

    #[test]
    fn stopped_time_is_not_used(life in lives(), now in 40..80i64) {
        for clock in clocks(&life, &routine(), day(now)) {
            let end = clock.done.unwrap_or(day(now)).unix_ms();
            let stopped = clock.stops.iter().map(|(from, until)| {
                until.map_or(end, Timestamp::unix_ms) - from.unix_ms()
            });
            let lasted = end - clock.started.unix_ms();
            // What was done and opened again was idle in between as well.
            prop_assert!(clock.used_ms + stopped.sum::<i64>() <= lasted, "{clock:?}");
            prop_assert!(clock.used_ms >= 0);
        }
    }

    #[test]
    fn an_interval_may_be_split_anywhere(life in lives(), at in 0..40i64, now in 40..80i64) {
        let mut split = life.clone();
        let behind = split.steps.iter().rposition(|(from, _)| *from <= day(at));
        let Some(behind) = behind else { return Ok(()) };
        // A receipt that says that it has arrived is a step of its own.
        prop_assume!(life.received.is_none());
        split.steps.insert(behind + 1, (day(at), split.steps[behind].1));
        prop_assert_eq!(told(&split, day(now)), told(&life, day(now)));
    }
}
