//! The cosignatures that others have given for our own checkpoints.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost::Message as _;
use tokio::sync::Notify;

use crate::audit::cosignature::Cosignature;
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::note::WitnessKey;
use crate::audit::policy::{Level, Policy};
use crate::exchange::rows;
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::store::v1::CosignedRow;
use crate::store::{Head, Position, Store, Table, Tx};

/// How long an export waits for witnesses.
const GATHER_FOR: Duration = Duration::from_secs(3);
/// Cosigned checkpoints that are kept beside the newest with the quorum. A later one covers all
/// that an earlier one does, so the older ones only matter while the newer ones gather.
const KEPT: usize = 64;

/// Our checkpoints that somebody has cosigned, by where they end in our logs.
#[derive(Default)]
pub(crate) struct Gathered {
    cosigned: Mutex<BTreeMap<Position, SignedCheckpoint>>,
    changed: Notify,
}

impl Gathered {
    pub(crate) fn load(store: &Store) -> Result<Self, ActionError> {
        let mut gathered = BTreeMap::new();
        for row in rows::all::<CosignedRow>(store, Table::Cosignatures)? {
            let head =
                SignedCheckpoint::assume_verified(&row.checkpoint).map_err(ActionError::fault)?;
            let log = store.head_named(&head.checkpoint().origin);
            let Some(log) = log else {
                return Err(ActionError::Fault("a cosigned checkpoint is of no log here".into()));
            };
            gathered.insert(Position::new(log.log, head.checkpoint().size), head);
        }
        Ok(Self { cosigned: Mutex::new(gathered), changed: Notify::new() })
    }

    /// The strongest checkpoint that covers an entry: by its level, then the newest.
    fn best(
        &self,
        entry: Position,
        policy: &Policy,
        counterpart: Option<&WitnessKey>,
    ) -> Option<(Level, SignedCheckpoint)> {
        let gathered = self.lock();
        let (after, next) = (entry.index + 1, Position::new(entry.log + 1, 0));
        let covering = gathered.range(Position::new(entry.log, after)..next);
        let covering = covering.rev().map(|(_, head)| head);
        let mut best: Option<(Level, &SignedCheckpoint)> = None;
        for head in covering {
            let level = level(policy, head, counterpart);
            if best.is_none_or(|(known, _)| level > known) {
                best = Some((level, head));
            }
            if level == Level::Quorum {
                break;
            }
        }
        best.map(|(level, head)| (level, head.clone()))
    }

    /// Adds a line to a checkpoint; gives the checkpoint as it is then, or `None` where the line is
    /// not new, with the sizes that need not be kept any more.
    fn add(
        &self,
        head: &Head,
        policy: &Policy,
        add: impl FnOnce(&mut SignedCheckpoint) -> Result<bool, ActionError>,
    ) -> Result<Option<(SignedCheckpoint, Vec<Position>)>, ActionError> {
        let mut gathered = self.lock();
        let end = head.end();
        let mut cosigned = match gathered.get(&end) {
            Some(known) => known.clone(),
            None => SignedCheckpoint::assume_verified(&head.note).map_err(ActionError::fault)?,
        };
        if !add(&mut cosigned)? {
            return Ok(None);
        }
        gathered.insert(end, cosigned.clone());
        let superseded = superseded(&gathered, policy);
        gathered.retain(|end, _| !superseded.contains(end));
        self.changed.notify_waiters();
        Ok(Some((cosigned, superseded)))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Position, SignedCheckpoint>> {
        self.cosigned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All but the newest few, and of each log the newest one and the newest that the policy is content
/// with: what covers a log that has ended is its own.
fn superseded(gathered: &BTreeMap<Position, SignedCheckpoint>, policy: &Policy) -> Vec<Position> {
    if gathered.len() <= KEPT {
        return Vec::new();
    }
    let strong = |head: &SignedCheckpoint| level(policy, head, None) == Level::Quorum;
    let mut kept: BTreeMap<u32, (Position, Option<Position>)> = BTreeMap::new();
    for (end, head) in gathered.iter().rev() {
        let (_, strongest) = kept.entry(end.log).or_insert((*end, None));
        if strongest.is_none() && strong(head) {
            *strongest = Some(*end);
        }
    }
    let is_kept = |end: &Position| {
        kept.get(&end.log).is_some_and(|(newest, strongest)| {
            end == newest || strongest.as_ref().is_some_and(|strongest| end == strongest)
        })
    };
    gathered.keys().rev().skip(KEPT).filter(|end| !is_kept(end)).copied().collect()
}

/// A checkpoint of ours with a wrong line in it is worth what its log's signature is worth.
fn level(policy: &Policy, head: &SignedCheckpoint, counterpart: Option<&WitnessKey>) -> Level {
    policy.level(head, counterpart).map_or(Level::Signed, |standing| standing.level)
}

impl Exchange {
    /// Takes the line with which a peer has cosigned one of our checkpoints.
    pub(crate) async fn gather_line(
        &self,
        head: &Head,
        line: &str,
        key: &WitnessKey,
    ) -> Result<(), ActionError> {
        let invalid = |error: &dyn std::fmt::Display| {
            ActionError::Unavailable(format!("the cosignature is worth nothing: {error}"))
        };
        self.gather(head, |cosigned| {
            let line = Cosignature::parse(line).map_err(|error| invalid(&error))?;
            cosigned.add(&line, key).map_err(|error| invalid(&error))
        })
        .await
    }

    /// Lets `add` put cosignatures under one of our checkpoints, and keeps it.
    pub(crate) async fn gather(
        &self,
        head: &Head,
        add: impl FnOnce(&mut SignedCheckpoint) -> Result<bool, ActionError>,
    ) -> Result<(), ActionError> {
        let Some((cosigned, superseded)) = self.gathered.add(head, &self.policy, add)? else {
            return Ok(());
        };
        let end = head.end();
        self.store
            .commit(move |tx| {
                put(tx, end, &cosigned);
                for end in superseded {
                    tx.delete(Table::Cosignatures, &end.number().to_be_bytes());
                }
                Ok::<_, ActionError>(())
            })
            .await?;
        Ok(())
    }

    /// The strongest checkpoint that covers an entry of ours: at its best level for this
    /// counterpart, and the newest one where nobody has cosigned.
    pub(crate) fn best_head(&self, index: u64, counterpart: Option<&WitnessKey>) -> Head {
        let entry = Position::from_number(index);
        match self.gathered.best(entry, &self.policy, counterpart) {
            Some((Level::Witnessed | Level::Quorum, head)) => {
                let (checkpoint, note) = (head.checkpoint().clone(), head.to_note());
                Head { log: entry.log, checkpoint, note }
            }
            _ => Head::clone(&self.store.head_of(entry.log).unwrap_or_else(|| self.store.head())),
        }
    }

    /// How much stands behind a checkpoint, by its own lines and our policy.
    pub(crate) fn level_of(&self, note: &str, counterpart: Option<&WitnessKey>) -> Level {
        SignedCheckpoint::assume_verified(note)
            .map_or(Level::Signed, |head| level(&self.policy, &head, counterpart))
    }

    /// Begins a round and waits a little until the newest checkpoint has the cosignatures that it
    /// can have: the policy's quorum, or where there is none those of the peers that are up.
    pub async fn gather_for_export(&self) {
        self.begin_round();
        let end = self.store.head().end();
        let gathered = async {
            loop {
                let changed = self.gathered.changed.notified();
                if self.has_all(end) {
                    return;
                }
                changed.await;
            }
        };
        // Then with what there is: an export never fails for want of witnesses.
        let _ = tokio::time::timeout(GATHER_FOR, gathered).await;
    }

    fn has_all(&self, end: Position) -> bool {
        let cosigned = self.gathered.lock().get(&end).cloned();
        if self.policy.has_quorum() {
            return cosigned.is_some_and(|head| level(&self.policy, &head, None) == Level::Quorum);
        }
        let up = |peer: &Arc<Peer>| self.link(peer.authority()).connected;
        let peers: Vec<_> = self.directory.all().into_iter().filter(up).collect();
        let keys: Vec<WitnessKey> =
            peers.iter().filter_map(|peer| peer.card.witness_key().cloned()).collect();
        let Some(head) = cosigned else { return keys.is_empty() };
        head.cosigners(&keys).is_ok_and(|cosigners| cosigners.all().len() == keys.len())
    }

    /// A checkpoint of ours with all cosignatures that it has.
    pub(crate) fn cosigned(&self, head: &Head) -> String {
        let gathered = self.gathered.lock();
        gathered.get(&head.end()).map_or_else(|| head.note.clone(), |c| c.to_note())
    }
}

fn put(tx: &mut Tx<'_>, end: Position, cosigned: &SignedCheckpoint) {
    let row = CosignedRow { checkpoint: cosigned.to_note() };
    let key = end.number().to_be_bytes();
    // Two lines for one checkpoint may come at once; the one with more of them stays.
    let known = tx.get(Table::Cosignatures, &key);
    if known.is_none_or(|known| known.len() <= row.encoded_len()) {
        tx.put(Table::Cosignatures, &key, row.encode_to_vec());
    }
}
