//! Putting back into an older copy of a home what an export of its log has (I3).

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, ensure};

use super::open::{OpenNode, in_use, is_held};
use super::{check, config_of};
use crate::api::courier::TonicCourier;
use crate::audit::Position;
use crate::audit::checkpoint::Checkpoint;
use crate::card::Card;
use crate::config::Config;
use crate::crypto::Digest;
use crate::domain::AuthorityId;
use crate::exchange::courier::Courier;
use crate::exchange::guard::{self, Heard};
use crate::exchange::recover::{Page, Recovered};
use crate::store::{self, Behind, StillBehind};

/// What to do where an export does not go as far as the log is known to go.
pub const EXPORT_TOO_OLD: &str = "give an export that is newer: auditors, and whoever asked for one, \
                                  may have it";

/// A state of one of the node's logs that is known, and must be one of the export's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Who knows it, for people; `None` where the home holds it.
    pub by: Option<String>,
    /// Which of the logs, from 0, the oldest first; `None` where only the name is known.
    pub log: Option<u32>,
    /// The log's origin; empty where only the number is known.
    pub origin: String,
    /// Its entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Digest,
}

/// A home that was opened so that its log can be put back. It takes nothing else.
pub struct Recovery {
    node: OpenNode,
    /// It was read-only already.
    was_frozen: bool,
}

impl Recovery {
    /// The card of the home, with which the export is to be verified.
    ///
    /// # Errors
    /// When configuration or card cannot be read.
    pub fn card(home: &Path) -> anyhow::Result<Card> {
        Ok(check::read_card(&Config::read(&config_of(home))?)?)
    }

    /// Opens a home read-only, until its log goes as far as `note` does. With `from_nothing` a data
    /// directory without a journal is begun anew.
    ///
    /// # Errors
    /// When a node runs there or the home does not open.
    pub fn open(
        home: &Path,
        passphrase_file: Option<&Path>,
        note: &str,
        from_nothing: bool,
    ) -> anyhow::Result<Self> {
        let config = Config::read(&config_of(home))?;
        let was_frozen = store::is_frozen(&config.mark)?;
        let why = if from_nothing { check::Why::Begin } else { check::Why::Open };
        let secret = check::home(&config, passphrase_file, why).sound()?;
        let secret = secret.as_ref().map(|secret| secret.as_slice());
        let behind = Behind { note: note.to_owned(), from_nothing };
        let opened = OpenNode::open_behind(config, secret, &behind);
        let node = opened.map_err(|error| match is_held(&error) {
            true => error.context("a log is put back while no node runs: stop it"),
            false => error,
        })?;
        Ok(Self { node, was_frozen })
    }

    /// Where the logs end here, and everything else that is known of them: here, and by peers.
    ///
    /// # Errors
    /// When the checkpoint for which the home became read-only is damaged.
    pub fn known(&self, heard: &Heard) -> anyhow::Result<Vec<Known>> {
        let store = &self.node.store;
        let heads = store.sealed().into_iter().chain([store.head()]);
        let here = heads.map(|head| Known {
            by: None,
            log: Some(head.log),
            origin: head.checkpoint.origin.clone(),
            size: head.checkpoint.size,
            root: head.checkpoint.root,
        });
        let mut known: Vec<Known> = here.collect();
        let mark = self.node.config.mark.display();
        known.extend(self.node.outcome.ahead.map(|(end, root)| Known {
            by: Some(format!("the high-water mark {mark}")),
            log: Some(end.log),
            origin: String::new(),
            size: end.index,
            root,
        }));
        let frozen = store.frozen().filter(|note| store.covers(note).is_err());
        let before = "whoever has shown this node another log of its own".to_owned();
        let peers = heard.not_ours.iter().map(|(peer, note)| (peer.to_string(), note.clone()));
        let frozen = frozen.map(|note| (before, note.to_string()));
        for (by, note) in peers.chain(frozen) {
            let Checkpoint { origin, size, root } = Checkpoint::parse_unverified(&note)
                .with_context(|| format!("the checkpoint that {by} holds is damaged"))?;
            known.push(Known { by: Some(by), log: None, origin, size, root });
        }
        Ok(known)
    }

    /// Whether one of the logs here has other entries than a checkpoint of it covers.
    pub fn differs(&self, note: &str) -> bool {
        matches!(self.node.store.covers(note), Err(StillBehind::Forked { .. }))
    }

    /// Whether it was read-only before it was opened for this: something is to be ended in its log.
    pub fn was_frozen(&self) -> bool {
        self.was_frozen
    }

    /// The position behind the newest entry.
    pub fn end_here(&self) -> Position {
        self.node.store.head().end()
    }

    /// Puts back some entries; they must be those that follow.
    ///
    /// # Errors
    /// When they are not, or the disk refuses.
    pub async fn put_back(&self, page: Page, cards: &[Card]) -> anyhow::Result<()> {
        Ok(self.node.exchange.put_back(page, cards).await?)
    }

    /// Asks the peers that are kept now what they hold of this log.
    ///
    /// # Errors
    /// When their rows cannot be read.
    pub async fn ask_peers(&self) -> anyhow::Result<Heard> {
        let exchange = &self.node.exchange;
        exchange.reload_directory()?;
        let courier: Arc<dyn Courier> =
            Arc::new(TonicCourier::new(exchange.clone(), self.node.identity.clone()));
        exchange.set_courier(&courier);
        Ok(guard::ask_all(exchange, &courier).await)
    }

    /// Peers that the log has and that cannot be asked: their card, and with it the way to them, is
    /// lost.
    ///
    /// # Errors
    /// When log or rows cannot be read.
    pub fn peers_without_card(&self) -> anyhow::Result<Vec<AuthorityId>> {
        Ok(self.node.exchange.peers_without_card()?)
    }

    /// Logs that everything was put back that an export has, which ends at the position `end` and has
    /// a manifest of this digest; takes commits again. `None`, and nothing is logged, where nothing
    /// was lacking.
    ///
    /// # Errors
    /// When the log still lacks what is known of it: it stays read-only.
    pub async fn close(
        &self,
        put_back: u64,
        end: Position,
        document: Digest,
    ) -> anyhow::Result<Option<Recovered>> {
        if put_back == 0 && !self.was_frozen {
            self.node.store.thaw().map_err(StillBehind::hinted)?;
            return Ok(None);
        }
        let keys = in_use(&self.node.keys, &self.node.exchange.card())?;
        Ok(Some(self.node.exchange.close_recovery(end.number(), document, &keys).await?))
    }

    /// Lets go of a home into which nothing is put back: it takes what it took before, unless the
    /// export has shown a longer log of it.
    pub fn leave(&self) {
        if !self.was_frozen
            && let Err(error) = self.node.store.thaw()
        {
            tracing::error!(%error, "the log stays read-only");
        }
    }

    /// Stops the store.
    ///
    /// # Errors
    /// When it did not stop in order.
    pub async fn end(self) -> anyhow::Result<()> {
        let store = self.node.store.clone();
        drop(self.node);
        let stopping = tokio::task::spawn_blocking(move || {
            store.stop();
            store
        });
        let store = stopping.await.context("the store does not stop")?;
        let stopped = store.stopped().await;
        ensure!(stopped.orderly, "{stopped}");
        Ok(())
    }
}
