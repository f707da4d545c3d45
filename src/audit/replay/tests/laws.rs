//! What holds of every log.

use crate::audit::Position;
use std::convert::Infallible;

use proptest::prelude::*;

use super::world::{Op, World};
use super::*;

fn fed(log: &TestLog, page: usize) -> (State, Vec<Finding>) {
    let mut state = State::new(log.authority.clone());
    let mut found = Vec::new();
    let mut read = |from: u64, limit: usize| {
        let rest = log.entries.iter().skip(from as usize).take(limit);
        Ok::<_, Infallible>(rest.cloned().collect())
    };
    let size = log.entries.len() as u64;
    let mut each = |_, _: &Entry, more| found.extend::<Vec<Finding>>(more);
    state.feed(size, page, &mut read, &mut each).expect("reads");
    (state, found)
}

proptest! {
    #[test]
    fn a_legal_history_replays_without_findings_and_to_one_digest(
        ops in proptest::collection::vec((any::<u8>(), any::<u8>()), 0..200),
        page in 1_usize..50,
    ) {
        let mut world = World::new();
        ops.into_iter().for_each(|(what, whom)| world.step(Op(what, whom)));
        let (state, found) = fed(&world.log, 1000);
        prop_assert_eq!(found, Vec::new());
        world.agrees_with(&state);
        let (paged, _) = fed(&world.log, page);
        prop_assert_eq!(paged.digest(), state.digest());
        // One that stopped on the way, was copied and went on, as a node's does.
        let (mut half, mut rest) = (State::new(authority(ME)), world.log.entries.iter());
        for (index, bytes) in (0..).zip(rest.by_ref().take(page)) {
            half.apply(index, &Entry::parse(bytes).expect("sound"));
        }
        half.digest();
        let mut whole = half.clone();
        for (index, bytes) in (half.entries()..).zip(rest) {
            whole.apply(index, &Entry::parse(bytes).expect("sound"));
        }
        prop_assert_eq!(whole.digest(), state.digest());
    }

    #[test]
    fn no_entry_can_be_left_out_unnoticed(
        ops in proptest::collection::vec((any::<u8>(), any::<u8>()), 1..60),
        at in any::<proptest::sample::Index>(),
    ) {
        let mut world = World::new();
        ops.into_iter().for_each(|(what, whom)| world.step(Op(what, whom)));
        let (state, _) = fed(&world.log, 1000);
        let left_out = at.index(world.log.entries.len());
        world.log.entries.remove(left_out);
        let (other, _) = fed(&world.log, 1000);
        prop_assert_ne!(other.digest(), state.digest());
    }
}

#[test]
fn a_log_that_cannot_be_read_says_where() {
    let log = log();
    let mut state = State::new(authority(ME));
    let mut short = |from: u64, limit: usize| {
        Ok::<_, &str>(log.entries.iter().skip(from as usize).take(limit).cloned().collect())
    };
    let fed = state.feed(9, 4, &mut short, &mut |_, _, _| {});
    assert_eq!(fed, Err(FeedError::Missing(Position::new(0, 2))));
    let fed = state.feed(9, 4, &mut |_, _| Ok::<_, &str>(vec![b"{}".to_vec()]), &mut |_, _, _| {});
    assert!(
        matches!(fed, Err(FeedError::Entry { place: Position { log: 0, index: 2 }, .. })),
        "{fed:?}"
    );
    let fed = state.feed(9, 4, &mut |_, _| Err("no disk"), &mut |_, _, _| {});
    assert_eq!(fed, Err(FeedError::Read("no disk")));
    assert_eq!(state.entries(), 2);
}

#[test]
fn the_dump_has_the_spelling_of_the_documentation() {
    let mut log = log();
    for draft in [
        node(NodeStarted),
        agency(AgencyAdded),
        own(SubmissionAcceptance, 1),
        theirs(RelayAcceptance, 1),
        own(RelayRejection, 2),
        erase(1),
    ] {
        log.push(draft);
    }
    let (state, found) = replayed(&log);
    assert_eq!(found, []);
    let mut text = String::new();
    state
        .dump(&mut |line| {
            text.push_str(line);
            Ok::<_, Infallible>(())
        })
        .expect("infallible");
    let (id, key) = (message(1), log.verifier());
    let (env, pay) = (hex::encode(envelope(1)), hex::encode(payload(1)));
    let (refused, other) = (hex::encode(envelope(2)), message(2));
    let root = hex::encode(place(1).root);
    let handle = "a1".repeat(16);
    let expected = format!(
        "rogatory/v1/replayed-state\n\
         log xa.moj/log/2026 xa.moj 8 2026-11-18T11:06:40.070Z open\n\
         node running 1 0 0 0 rogatory 0.1.0\n\
         key {key} 0 -\n\
         agency {handle} access 3\n\
         peer xb.oag trusted 4 {card} 1\n\
         head xb.oag/log/2026 2 {root}\n\
         message {id} sent xb.oag RELAYED - erased - - {env} {pay}\n\
         event 4 SubmissionAcceptance own -\n\
         event 5 RelayAcceptance peer -\n\
         refusal xb.oag {refused} {other} NO 6\n",
        card = "01".repeat(32),
    );
    assert_eq!(text, expected);
    assert_eq!(state.digest(), sha256(text.as_bytes()));
}
