//! Two streams whose proofs start from one place overtake each other: that is nobody's fault.

use super::*;
use crate::exchange::testing::{Lone, Memory, pair};

/// A has a few entries, of which B holds the first and the last checkpoint.
struct World {
    a: Lone,
    b: Lone,
    from: u64,
    size: u64,
}

impl World {
    async fn new() -> Self {
        let (a, b) = pair().await;
        let from = a.x().log_head().checkpoint.size;
        let world = Self { size: from + 4, a, b, from };
        world.take(0, from, world.root(from)).await.expect("the first");
        for _ in 0..4 {
            world.a.submit(&world.b, &[]).await;
        }
        world.take(from, world.size, world.root(world.size)).await.expect("the last");
        world
    }

    fn root(&self, size: u64) -> crate::crypto::Digest {
        self.a.x().store.root_at(0, size).expect("readable")
    }

    /// B is shown what A has signed, with the proof from `from`.
    async fn take(
        &self,
        from: u64,
        size: u64,
        root: crate::crypto::Digest,
    ) -> Result<Taken, HeadError> {
        let proof = match from {
            0 => Vec::new(),
            from => self.a.x().store.consistency(0, from, size).expect("a proof"),
        };
        let request = AddCheckpoint::new(from, proof, self.a.signs(size, root));
        let peer = self.b.x().directory.get(&self.a.x().me).expect("trusted");
        self.b.x().take_head(&peer, &request.expect("a request")).await
    }

    fn refused(&self) -> usize {
        self.b.entries(Event::WitnessRefused).len()
    }
}

#[tokio::test]
async fn what_was_overtaken_is_proven_and_accuses_nobody() {
    let world = World::new().await;
    let between = world.size - 1;
    // Whose owner does not answer is not believed, and no entry says that it lost anything.
    let silent = world.take(world.from, between, world.root(between)).await;
    assert!(matches!(silent, Err(HeadError::Unavailable(_))), "{silent:?}");
    let carries = Memory::between(world.b.x(), world.a.x());
    let taken = world.take(world.from, between, world.root(between)).await.expect("proven");
    assert_eq!((taken.head.checkpoint().size, taken.accepted.is_none()), (between, true));
    let asked = carries.asked_proofs();
    assert_eq!((asked[0].old_size, asked[0].new_size), (between, world.size));
    let peer = world.b.x().directory.get(&world.a.x().me).expect("trusted");
    let held = world.b.x().head_of(&peer).expect("held");
    assert_eq!(held.checkpoint().size, world.size, "the newest stays");
    assert_eq!(world.refused(), 0);
}

#[tokio::test]
async fn another_past_is_given_away_by_its_owners_own_proof() {
    let world = World::new().await;
    let _carries = Memory::between(world.b.x(), world.a.x());
    let refused = world.take(world.from, world.size - 1, [7; 32]).await;
    assert!(matches!(refused, Err(HeadError::Equivocation(_))), "{refused:?}");
    assert_eq!(world.b.x().accusations().expect("readable").len(), 1);
}
