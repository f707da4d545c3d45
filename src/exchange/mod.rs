//! The exchange: submitting, relaying, accepting and consigning messages.
//!
//! It promises that nothing is acknowledged before it is durable (I1), nothing is accepted
//! unverified (I2), and that a message is delivered at least once and accepted exactly once (I5).
//! It knows neither tonic nor sled: frames come and go through a [`courier::Courier`], and the
//! store's transactions make things durable.
//!
//! Tasks, and what each owns:
//! - one [`relay`] task a peer: our stream to it, and what waits for it in the [`outbox`];
//! - one [`session`] a peer's stream to us: the checkpoint that the peer proved last;
//! - one [`consign`] task: opens what was accepted;
//! - one [`expire`] task: ends delivery windows, of what is to be relayed and to be handed over;
//! - one [`retention`] task: erases what must not be kept any longer, and takes its evidence out of
//!   the vault;
//! - one [`cases`] task: tells that the time of a duty is used up, or will be soon;
//! - one [`sweep`] task: removes evidence that nobody came for;
//! - one [`year`] task: ends the log of a year and begins the next one;
//! - one [`witness::rounds`] task, one [`witness::foreign`] task a witness, one [`witness::gossip`]
//!   task: cosignatures, and what others hold of third logs;
//! - one [`reconcile`] task: what peers' logs and ours say of each other.
//!
//! All may be cancelled at any await: what is durable is found again at the next start, what is
//! not was acknowledged to nobody.

pub mod accept;
pub mod access;
pub mod agencies;
pub mod annex;
mod budgets;
pub mod cards;
pub mod cases;
pub mod check;
pub mod consign;
pub mod courier;
pub mod directory;
pub mod disclose;
pub mod drafts;
pub mod erase;
pub mod error;
pub mod excerpt;
pub mod expire;
pub mod framework;
pub mod gates;
pub mod guard;
pub mod handover;
pub mod heads;
pub mod hold;
pub mod issue;
pub mod keys;
pub mod links;
pub mod log;
pub mod lookup;
pub mod outbox;
pub mod packages;
mod parties;
pub mod pieces;
pub mod pouch;
pub mod query;
pub mod queue;
pub mod reconcile;
pub mod record;
pub mod recover;
pub(crate) mod refusals;
pub mod relay;
pub mod release;
mod removal;
pub mod replayed;
pub mod retention;
mod roles;
pub(crate) mod rows;
pub mod schedule;
pub mod session;
mod standing;
mod stored;
pub mod streams;
pub mod submit;
mod suspend;
pub mod sweep;
#[cfg(test)]
mod testing;
pub mod vault;
pub mod witness;
pub mod year;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use arc_swap::ArcSwap;
use tokio::sync::{Notify, watch};

pub use agencies::{Caller, Role};
pub use directory::{Directory, Peer};
pub use error::{ActionError, Violation};
pub use keys::{Keys, KeysChanged, KeysInUse};
pub use links::LinkState;

use crate::audit::note::VerifierKey;
use crate::audit::policy::Policy;
use crate::card::Card;
use crate::crypto::HomeKey;
use crate::domain::clock::Targets;
use crate::domain::{AuthorityId, Timestamp};
use crate::store::Store;
use crate::store::vault::Vault;

/// What the operator chose.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Delivery window where the client does not say, in milliseconds.
    pub delivery_window_ms: i64,
    /// First pause before a peer is tried again, in milliseconds.
    pub retry_first_ms: u64,
    /// Longest pause, in milliseconds.
    pub retry_cap_ms: u64,
    /// What bulk may take of the links to single peers.
    pub links: links::Rules,
    /// How long what is done with is kept.
    pub retention: retention::Rules,
    /// How long evidence is kept that nobody comes for.
    pub keep: sweep::Keep,
    /// Bytes of evidence that one agency may have uploaded and not sent.
    pub agency_quota_bytes: u64,
    /// What a second official has to approve before it is signed.
    pub approval: drafts::Rules,
    /// How often what peers' logs and ours say of each other is compared.
    pub reconcile: reconcile::Rules,
    /// How long each duty in a request may take.
    pub targets: Targets,
    /// The program and its version, as in `rogatory 0.1.0`.
    pub software: String,
    /// Peers with which the newest checkpoints of third logs are shared.
    pub gossip: BTreeSet<AuthorityId>,
    /// The file of the policy of witnesses, verbatim, where there is one.
    pub policy_file: Option<Vec<u8>>,
    /// Logs of strangers that this node is a witness of, by their keys.
    pub witnessed_logs: Vec<VerifierKey>,
}

/// Everything that the parts of the exchange share.
pub struct Exchange {
    pub(crate) me: AuthorityId,
    card: ArcSwap<Card>,
    /// Counts the cards that took the place of another, for those who tell peers of it.
    card_changed: watch::Sender<u64>,
    pub(crate) keys: Keys,
    pub(crate) home: HomeKey,
    pub(crate) store: Store,
    pub(crate) vault: Vault,
    pub(crate) directory: Directory,
    pub(crate) outbox: outbox::Outbox,
    pub(crate) heads: heads::Heads,
    pub(crate) settings: Settings,
    clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
    pub(crate) opener: Notify,
    pub(crate) remover: Notify,
    inbox: watch::Sender<u64>,
    links: links::Links,
    pub(crate) shown: heads::Shown,
    following: heads::Following,
    pub(crate) gathered: witness::Gathered,
    pub(crate) pasts: witness::Pasts,
    alerts: witness::Alerts,
    pub(crate) round: witness::rounds::Round,
    pub(crate) hearing: witness::gossip::Hearing,
    pub(crate) policy: Policy,
    refusals: Arc<budgets::Budgets>,
    budgets: budgets::Spending,
    cards_sent: cards::CardsSent,
    reconciling: reconcile::Rounds,
    /// Nothing is appended yet: [`guard::agree`] has not ended.
    waits: AtomicBool,
    /// Weak: a courier holds the exchange.
    courier: OnceLock<Weak<dyn courier::Courier>>,
    cases: submit::CaseNumbers,
    offers: packages::Offers,
    unfinished: packages::Unfinished,
    replayed: replayed::Replayed,
    gates: gates::Gates,
    set_aside: removal::SetAside,
    pub(crate) streams: streams::Streams,
    agencies_changed: watch::Sender<u64>,
}

/// What an [`Exchange`] is made of.
pub struct Parts {
    /// Our card.
    pub card: Card,
    /// Our keys.
    pub keys: Keys,
    /// The key of the home.
    pub home: HomeKey,
    /// The opened store.
    pub store: Store,
    /// The opened vault.
    pub vault: Vault,
    /// What the operator chose.
    pub settings: Settings,
    /// Whose cosignatures make a receipt strong enough: [`Settings::policy_file`], parsed.
    pub policy: Policy,
    /// The clock.
    pub clock: Box<dyn Fn() -> Timestamp + Send + Sync>,
}

impl Exchange {
    /// Puts the parts together and reads from the store what stands in memory: directory, heads,
    /// outbox.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when a row cannot be read.
    pub fn new(parts: Parts) -> Result<Arc<Self>, ActionError> {
        let Parts { card, keys, home, store, vault, settings, policy, clock } = parts;
        let directory = Directory::load(&store)?;
        let heads = heads::Heads::load(&store)?;
        let peers = directory.all();
        let cosigners: Vec<_> =
            peers.iter().flat_map(|peer| peer.card.witness_keys().to_vec()).collect();
        let gathered = witness::Gathered::load(&store, &policy, &cosigners)?;
        let pasts = witness::Pasts::load(&store)?;
        let outbox = outbox::Outbox::load(&store)?;
        let inbox = watch::Sender::new(query::newest_inbox_position(&store)?);
        let replayed = replayed::Replayed::new(card.authority());
        let exchange = Self {
            replayed,
            me: card.authority().clone(),
            card: ArcSwap::from_pointee(card),
            card_changed: watch::Sender::new(0),
            budgets: budgets::Spending::default(),
            cards_sent: cards::CardsSent::default(),
            keys,
            home,
            store,
            vault,
            directory,
            outbox,
            heads,
            settings,
            clock,
            opener: Notify::new(),
            remover: Notify::new(),
            inbox,
            links: links::Links::default(),
            shown: heads::Shown::default(),
            following: heads::Following::default(),
            gathered,
            pasts,
            alerts: witness::Alerts::default(),
            round: witness::rounds::Round::default(),
            hearing: witness::gossip::Hearing::default(),
            policy,
            refusals: Arc::new(budgets::Budgets::new(budgets::REFUSALS)),
            reconciling: reconcile::Rounds::default(),
            waits: AtomicBool::new(false),
            courier: OnceLock::new(),
            cases: submit::CaseNumbers::default(),
            offers: packages::Offers::default(),
            unfinished: packages::Unfinished::default(),
            gates: gates::Gates::default(),
            set_aside: removal::SetAside::default(),
            streams: streams::Streams::default(),
            agencies_changed: watch::Sender::new(0),
        };
        exchange.suspend_accused();
        Ok(Arc::new(exchange))
    }

    /// Who we are.
    pub fn me(&self) -> &AuthorityId {
        &self.me
    }
    /// Our card as it is now.
    pub fn card(&self) -> Arc<Card> {
        self.card.load_full()
    }
    /// Whom we trust.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }
    /// What waits to be relayed.
    pub fn outbox(&self) -> &outbox::Outbox {
        &self.outbox
    }
    /// What we hold of the logs of others.
    pub fn heads(&self) -> &heads::Heads {
        &self.heads
    }
    /// What peers have announced and not finished pushing.
    pub fn offers(&self) -> &packages::Offers {
        &self.offers
    }
    /// How many long calls there may be at once.
    pub fn gates(&self) -> &gates::Gates {
        &self.gates
    }
    /// Tells when what an agency may do has changed.
    pub fn agency_changes(&self) -> watch::Receiver<u64> {
        self.agencies_changed.subscribe()
    }
    /// The program and its version.
    pub fn software(&self) -> &str {
        &self.settings.software
    }
    /// Has a peer tried at once, whatever its pause.
    pub fn kick_peer(&self, peer: &AuthorityId) {
        self.outbox.kick(peer.as_str());
    }
    /// Now.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// The newest position in the inbox, and each newer one.
    pub fn watch_inbox(&self) -> watch::Receiver<u64> {
        self.inbox.subscribe()
    }

    pub(crate) fn inbox_has(&self, position: u64) {
        self.inbox.send_if_modified(|newest| {
            let newer = position > *newest;
            *newest = position.max(*newest);
            newer
        });
    }

    /// Whether somebody holds a longer or another log of ours than we do: then the store takes
    /// nothing until an operator has looked (I3).
    pub fn is_read_only(&self) -> bool {
        self.store.frozen().is_some()
    }

    /// Says whether peers are still to be asked what they hold of our log ([`guard`]): until then
    /// nothing is taken from anybody.
    pub fn set_waiting(&self, waits: bool) {
        self.waits.store(waits, Ordering::Release);
    }

    /// Whether peers are still to be asked.
    pub fn is_waiting(&self) -> bool {
        self.waits.load(Ordering::Acquire)
    }

    /// Gives the exchange its way to peers, once, for what is not the business of a stream.
    pub fn set_courier(&self, courier: &Arc<dyn courier::Courier>) {
        // A second one would be the same: a node has one.
        let _ = self.courier.set(Arc::downgrade(courier));
    }

    pub(crate) fn courier(&self) -> Result<Arc<dyn courier::Courier>, ActionError> {
        let offline =
            || ActionError::Unavailable("the node does not run: peers cannot be asked".into());
        self.courier.get().and_then(Weak::upgrade).ok_or_else(offline)
    }

    /// Whether anything may be appended to the log now.
    pub fn may_append(&self) -> bool {
        self.check_writable().is_ok()
    }

    pub(crate) fn check_writable(&self) -> Result<(), ActionError> {
        if self.is_read_only() {
            return Err(error::rolled_back());
        }
        if self.waits.load(Ordering::Acquire) {
            let message = "peers are still to be asked what they hold of this log";
            return Err(ActionError::Unavailable(message.into()));
        }
        Ok(())
    }

    /// The handle under which an agency or operator stands in the log: its name for whoever has
    /// the home's key, nothing for anybody else.
    pub(crate) fn handle(&self, name: &str) -> String {
        hex::encode(self.home.blind("who", name.as_bytes()))
    }
}
