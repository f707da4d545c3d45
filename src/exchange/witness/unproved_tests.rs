use super::*;
use crate::audit::entry::Event;
use crate::domain::AuthorityId;
use crate::exchange::LinkState;
use crate::exchange::heads::request;
use crate::exchange::retention::Rules;
use crate::exchange::testing::{Lone, Memory};

/// An owner of a log, one who holds that log, and one who tells it of others.
struct World {
    owner: Lone,
    holder: Lone,
    teller: Lone,
    carries: Arc<Memory>,
}

impl World {
    async fn new() -> Self {
        let [owner, holder, teller] =
            ["xa.oag", "xb.pps", "xc.moj"].map(|name| Lone::new(name, Rules::default()));
        holder.meet(&owner).await;
        holder.meet(&teller).await;
        let carries = Memory::between(holder.x(), owner.x());
        let world = Self { owner, holder, teller, carries };
        world.grows().await;
        world.shows().await;
        world.is_up(true);
        world
    }

    fn name(&self) -> &AuthorityId {
        &self.owner.x().me
    }

    fn peer(&self, of: &Lone) -> Arc<Peer> {
        self.holder.x().directory.get(&of.x().me).expect("trusted")
    }

    fn is_up(&self, connected: bool) {
        self.holder.x().set_link(self.name(), LinkState { connected, ..LinkState::default() });
    }

    async fn grows(&self) {
        self.owner.x().log_node(Event::NodeStarted).await.expect("logged");
    }

    /// As the owner's stream shows its newest checkpoint.
    async fn shows(&self) {
        let (x, peer) = (self.holder.x(), self.peer(&self.owner));
        let held = x.head_of(&peer).map_or(0, |held| held.checkpoint().size);
        let head = self.owner.x().log_head();
        let proof = self.owner.x().log_consistency(0, held, head.checkpoint.size).expect("proves");
        let shown = request(held, &crate::exchange::heads::hashes(&proof), &head.note);
        let taken = x.take_head(&peer, &shown.expect("a request")).await.expect("extends");
        x.keep_head(Some(&peer), x.cosign(&taken)).await.expect("kept");
    }

    /// Another past of the log, so many entries further than it is.
    fn other_past(&self, further: u64) -> String {
        self.owner.signs(self.owner.x().log_head().checkpoint.size + further, [7; 32])
    }

    async fn hears(&self, note: String) {
        self.holder.x().hear(&self.peer(&self.teller), vec![note]).await;
    }

    async fn passes_a_round(&self) {
        self.holder.x().ask_again().await;
    }

    /// How often it is logged, and the alerts; and nothing more than that came of it.
    fn suspected(&self) -> (usize, usize) {
        let x = self.holder.x();
        assert!(self.holder.entries(Event::WitnessEquivocation).is_empty());
        assert_eq!(self.peer(&self.owner).suspended, None, "it is no evidence");
        assert!(!x.is_read_only());
        let refused = self.holder.entries(Event::WitnessRefused);
        for (_, entry) in &refused {
            assert_eq!(entry.code.as_deref(), Some(NO_PROOF));
            assert_eq!(entry.peer.as_ref(), Some(self.name()));
        }
        (refused.len(), x.witness_alerts().len())
    }
}

#[tokio::test]
async fn a_proof_that_does_not_come_is_a_suspicion_in_the_third_round() {
    let world = World::new().await;
    world.carries.falls_silent(true);
    let first = world.other_past(1);
    world.hears(first.clone()).await;
    world.passes_a_round().await;
    assert_eq!(world.suspected(), (0, 0));
    for _ in 0..3 {
        world.passes_a_round().await;
        assert_eq!(world.suspected(), (1, 1), "once");
    }
    let (_, entry) = world.holder.entries(Event::WitnessRefused).remove(0);
    assert_eq!(entry.remote.expect("what was heard").root, [7; 32]);
    // What is told later does not take its place, nor is it asked for again at once.
    let size = world.owner.x().log_head().checkpoint.size;
    world.carries.asked_proofs();
    world.hears(world.other_past(2)).await;
    world.hears(first).await;
    assert_eq!(world.suspected(), (1, 1));
    let asked = || world.carries.asked_proofs().into_iter().map(|ask| ask.new_size);
    assert_eq!(asked().collect::<Vec<_>>(), [size + 2]);
    world.passes_a_round().await;
    assert_eq!(asked().collect::<Vec<_>>(), [size + 1]);
}

#[tokio::test]
async fn a_proof_that_comes_late_settles_it() {
    let world = World::new().await;
    world.carries.falls_silent(true);
    world.grows().await;
    world.hears(world.owner.x().log_head().note.clone()).await;
    world.passes_a_round().await;
    world.passes_a_round().await;
    assert_eq!(world.suspected(), (1, 1));
    world.carries.falls_silent(false);
    world.passes_a_round().await;
    assert_eq!(world.suspected(), (1, 0));
    world.carries.asked_proofs();
    world.passes_a_round().await;
    assert!(world.carries.asked_proofs().is_empty(), "nothing is open");
}

#[tokio::test]
async fn an_owner_that_is_away_is_not_suspected() {
    let world = World::new().await;
    world.carries.falls_silent(true);
    world.is_up(false);
    world.hears(world.other_past(1)).await;
    for _ in 0..5 {
        world.passes_a_round().await;
    }
    assert_eq!(world.suspected(), (0, 0));
    // Without a stream to it, but on its own.
    world.grows().await;
    world.shows().await;
    world.passes_a_round().await;
    // What it showed then says nothing of a round after that.
    for _ in 0..3 {
        world.passes_a_round().await;
    }
    assert_eq!(world.suspected(), (0, 0));
    world.grows().await;
    world.shows().await;
    world.passes_a_round().await;
    assert_eq!(world.suspected(), (1, 1));
}

#[tokio::test]
async fn an_owner_that_denies_what_it_has_signed_is_suspected_at_once() {
    let world = World::new().await;
    world.hears(world.other_past(1)).await;
    assert_eq!(world.suspected(), (1, 1));
    world.passes_a_round().await;
    assert_eq!(world.suspected(), (1, 1), "once");
}
