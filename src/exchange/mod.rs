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
//! - one [`expire`] task: ends delivery windows;
//! - one [`sweep`] task: removes evidence that nobody came for.
//!
//! All may be cancelled at any await: what is durable is found again at the next start, what is
//! not was acknowledged to nobody.

pub mod accept;
pub mod agencies;
pub mod consign;
pub mod courier;
pub mod directory;
pub mod error;
pub mod expire;
pub mod gates;
pub mod heads;
pub mod issue;
pub mod keys;
pub mod log;
pub mod outbox;
pub mod packages;
pub mod pieces;
pub mod query;
pub mod queue;
pub mod record;
pub mod relay;
pub(crate) mod rows;
pub mod schedule;
pub mod session;
pub mod streams;
pub mod submit;
pub mod sweep;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

pub use agencies::{Caller, Role};
pub use directory::{Directory, Peer};
pub use error::{ActionError, Violation};
pub use keys::Keys;

use crate::card::Card;
use crate::crypto::HomeKey;
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
    /// How long evidence is kept that nobody comes for.
    pub keep: sweep::Keep,
    /// The program and its version, as in `rogatory 0.1.0`.
    pub software: String,
}

/// Everything that the parts of the exchange share.
pub struct Exchange {
    pub(crate) me: AuthorityId,
    pub(crate) card: Card,
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
    inbox: watch::Sender<u64>,
    links: Mutex<BTreeMap<AuthorityId, LinkState>>,
    read_only: AtomicBool,
    cases: submit::CaseNumbers,
    offers: packages::Offers,
    gates: gates::Gates,
    pub(crate) streams: streams::Streams,
    agencies_changed: watch::Sender<u64>,
}

/// How our stream to a peer is, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkState {
    /// Whether it is up.
    pub connected: bool,
    /// Why it is not; empty when it is.
    pub trouble: String,
    /// The peer's clock less ours when it was last seen, in milliseconds.
    pub clock_offset_ms: i64,
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
        let Parts { card, keys, home, store, vault, settings, clock } = parts;
        let directory = Directory::load(&store)?;
        let heads = heads::Heads::load(&store, &home, &directory)?;
        let outbox = outbox::Outbox::load(&store)?;
        let inbox = watch::Sender::new(query::newest_inbox_position(&store)?);
        Ok(Arc::new(Self {
            me: card.authority().clone(),
            card,
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
            inbox,
            links: Mutex::default(),
            read_only: AtomicBool::new(false),
            cases: submit::CaseNumbers::default(),
            offers: packages::Offers::default(),
            gates: gates::Gates::default(),
            streams: streams::Streams::default(),
            agencies_changed: watch::Sender::new(0),
        }))
    }

    /// Who we are.
    pub fn me(&self) -> &AuthorityId {
        &self.me
    }
    /// Our card.
    pub fn card(&self) -> &Card {
        &self.card
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

    /// How our stream to a peer is.
    pub fn link(&self, peer: &AuthorityId) -> LinkState {
        self.links().get(peer).cloned().unwrap_or_default()
    }

    pub(crate) fn set_link(&self, peer: &AuthorityId, state: LinkState) {
        self.links().insert(peer.clone(), state);
    }

    fn links(&self) -> MutexGuard<'_, BTreeMap<AuthorityId, LinkState>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What an operator is to know when evidence is refused for want of room.
    pub fn vault_is_full(&self) -> Option<String> {
        let full = self.vault.check_room(0).err()?;
        Some(format!("evidence is refused: {full}"))
    }

    /// Whether somebody holds a longer or another log of ours than we do: then we append nothing
    /// for anybody until an operator has looked (I3).
    pub fn is_read_only(&self) -> bool {
        self.read_only.load(Ordering::Acquire)
    }

    pub(crate) fn go_read_only(&self) {
        self.read_only.store(true, Ordering::Release);
    }

    pub(crate) fn check_writable(&self) -> Result<(), ActionError> {
        match self.is_read_only() {
            false => Ok(()),
            true => Err(ActionError::conflict(
                "LOG_ROLLED_BACK",
                "a peer holds a longer log of this node than the node itself: it was restored \
                 from an older copy and takes nothing until the operator has looked",
            )),
        }
    }

    /// The handle under which an agency or operator stands in the log: its name for whoever has
    /// the home's key, nothing for anybody else.
    pub(crate) fn handle(&self, name: &str) -> String {
        hex::encode(self.home.blind("who", name.as_bytes()))
    }
}
