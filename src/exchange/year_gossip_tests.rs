//! What is told of a third authority's logs when one of them has ended.

use super::*;
use crate::exchange::testing::Memory;

const ENDED: &str = "xa.oag/log/2026";

/// Three that trust each other, of whom the first has ended a log: the second holds all of its logs,
/// the third what it was shown before; and who carries the questions of the third.
struct World {
    a: Lone,
    b: Lone,
    c: Lone,
    held: u64,
    end: u64,
    carries: Arc<Memory>,
}

impl World {
    async fn new() -> Self {
        let (a, b) = pair().await;
        let c = Lone::new("xc.moj", Rules::default());
        c.meet(&a).await;
        c.meet(&b).await;
        shown(&c, &a, Position::default()).await.expect("taken");
        let held = a.x().log_head().checkpoint.size;
        a.submit(&b, &[]).await;
        let end = year_passes(&a).await.checkpoint.size;
        a.submit(&b, &[]).await;
        shown(&b, &a, Position::default()).await.expect("taken");
        let carries = Memory::between(c.x(), a.x());
        Self { a, b, c, held, end, carries }
    }

    async fn hears(&self, notes: Vec<String>) {
        self.c.x().hear(&peer_of(&self.c, &self.b), notes).await;
    }

    fn asked(&self) -> Vec<(String, u64, u64)> {
        let asked = self.carries.asked_proofs().into_iter();
        asked.map(|ask| (ask.origin, ask.old_size, ask.new_size)).collect()
    }

    fn is_accused(&self) -> bool {
        let said = [Event::WitnessEquivocation, Event::WitnessRefused, Event::PeerSuspended];
        said.into_iter().any(|event| !self.c.entries(event).is_empty())
    }

    /// The third is shown how the log ended, and the one that follows.
    async fn follows(&self) {
        shown(&self.c, &self.a, Position::new(0, self.held)).await.expect("taken");
        let newest = self.c.x().head_of(&peer_of(&self.c, &self.a)).expect("held");
        assert_eq!(newest.checkpoint().origin, "xa.oag/log/2027");
    }
}

#[tokio::test]
async fn how_a_log_ended_is_told_and_compared_and_accuses_nobody() {
    let world = World::new().await;
    let told = world.b.x().checkpoints_for(&peer_of(&world.b, &world.c));
    let origins: Vec<_> = told.iter().filter_map(|note| note.lines().next()).collect();
    assert_eq!(origins, ["xa.oag/log/2027", ENDED], "the newest first, and how the old one ended");
    // The third has not been shown the log that follows yet: of that there is nothing to compare.
    world.hears(told.clone()).await;
    assert_eq!(world.asked(), [(ENDED.to_owned(), world.held, world.end)]);
    assert!(!world.is_accused());
    // Nor does what it was told stand in the way of what the owner shows.
    world.follows().await;
    world.hears(told).await;
    assert_eq!(world.asked(), [], "alike");
    assert!(!world.is_accused());
}

#[tokio::test]
async fn an_old_state_of_a_log_that_has_ended_accuses_nobody() {
    let world = World::new().await;
    let old = world.c.x().head_of(&peer_of(&world.c, &world.a)).expect("held").to_note();
    world.follows().await;
    world.hears(vec![old]).await;
    assert_eq!(world.asked(), [(ENDED.to_owned(), world.held, world.end)]);
    assert!(!world.is_accused());
}

#[tokio::test]
async fn another_end_of_a_log_that_has_ended_is_two_pasts() {
    let world = World::new().await;
    world.follows().await;
    let other = world.a.signs(world.end, [7; 32]);
    assert!(other.starts_with(ENDED));
    world.hears(vec![other]).await;
    assert_eq!(world.asked(), [], "two roots of one size need no proof");
    let evidence = world.c.x().accusations().expect("readable");
    assert_eq!((evidence.len(), evidence[0].origin.as_str()), (1, ENDED));
    let peer = peer_of(&world.c, &world.a);
    assert_eq!(peer.suspended.as_deref(), Some("LOG_EQUIVOCATION"));
}

#[tokio::test]
async fn what_its_owner_denies_is_suspicion_and_suspends_nobody() {
    let world = World::new().await;
    world.follows().await;
    world.hears(vec![world.a.signs(world.end + 3, [7; 32])]).await;
    assert_eq!(world.asked(), [(ENDED.to_owned(), world.end, world.end + 3)]);
    let refused = world.c.entries(Event::WitnessRefused);
    let codes: Vec<_> = refused.iter().map(|(_, entry)| entry.code.as_deref()).collect();
    assert_eq!(codes, [Some("NO_PROOF")]);
    assert_eq!(peer_of(&world.c, &world.a).suspended, None);
    assert!(world.c.entries(Event::WitnessEquivocation).is_empty());
}
