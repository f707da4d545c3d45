//! The cosignatures that others have given for our own checkpoints.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost::Message as _;
use tokio::sync::Notify;

use crate::audit::cosignature::Cosignature;
use crate::audit::cosigned::{Cosigners, SignedCheckpoint};
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
    cosigned: Mutex<BTreeMap<Position, Arc<Kept>>>,
    changed: Notify,
}

/// A cosigned checkpoint with what its lines are worth. They are verified when they come, and never
/// while somebody waits for the lock or asks for a receipt.
struct Kept {
    head: SignedCheckpoint,
    /// By the policy alone.
    has_quorum: bool,
    /// The witnesses of the policy and the peers that have cosigned it.
    cosigners: Cosigners,
}

/// A checkpoint with new lines, and the ends of those that need not be kept any more.
type Added = (Arc<Kept>, Vec<Position>);

impl Kept {
    /// `keys` are those beside the policy's whose lines may be there.
    fn new(head: SignedCheckpoint, policy: &Policy, keys: Vec<WitnessKey>) -> Self {
        let witnesses = policy.witnesses().iter().map(|witness| witness.key.clone());
        let keys: Vec<WitnessKey> = witnesses.chain(keys).collect();
        let standing = policy.level(&head, None).ok();
        let has_quorum = standing.as_ref().is_some_and(|s| s.level == Level::Quorum);
        // With a wrong line in it, it is worth what its log's signature is worth.
        let cosigners = standing.and_then(|_| head.cosigners(&keys).ok()).unwrap_or_default();
        Self { head, has_quorum, cosigners }
    }

    fn level(&self, counterpart: Option<&WitnessKey>) -> Level {
        match counterpart.is_some_and(|key| self.cosigners.by(key).is_some()) {
            _ if self.has_quorum => Level::Quorum,
            true => Level::Witnessed,
            false => Level::Signed,
        }
    }

    fn keys(&self) -> Vec<WitnessKey> {
        self.cosigners.all().iter().map(|cosigned| cosigned.key().clone()).collect()
    }
}

impl Gathered {
    /// What is kept; `peers` are the keys of those who may have cosigned it.
    pub(crate) fn load(
        store: &Store,
        policy: &Policy,
        peers: &[WitnessKey],
    ) -> Result<Self, ActionError> {
        let mut gathered = BTreeMap::new();
        for row in rows::all::<CosignedRow>(store, Table::Cosignatures)? {
            let head =
                SignedCheckpoint::assume_verified(&row.checkpoint).map_err(ActionError::fault)?;
            let log = store.head_named(&head.checkpoint().origin);
            let Some(log) = log else {
                return Err(ActionError::Fault("a cosigned checkpoint is of no log here".into()));
            };
            let end = Position::new(log.log, head.checkpoint().size);
            gathered.insert(end, Arc::new(Kept::new(head, policy, peers.to_vec())));
        }
        Ok(Self { cosigned: Mutex::new(gathered), changed: Notify::new() })
    }

    /// The strongest checkpoint that covers an entry: by its level, then the newest.
    fn best(
        &self,
        entry: Position,
        counterpart: Option<&WitnessKey>,
    ) -> Option<(Level, Arc<Kept>)> {
        let gathered = self.lock();
        let (after, next) = (entry.index + 1, Position::new(entry.log + 1, 0));
        let covering = gathered.range(Position::new(entry.log, after)..next);
        let covering = covering.rev().map(|(_, kept)| kept);
        let mut best: Option<(Level, &Arc<Kept>)> = None;
        for kept in covering {
            let level = kept.level(counterpart);
            if best.is_none_or(|(known, _)| level > known) {
                best = Some((level, kept));
            }
            if level == Level::Quorum {
                break;
            }
        }
        best.map(|(level, kept)| (level, kept.clone()))
    }

    /// Adds lines of `keys` to a checkpoint; gives the checkpoint as it is then, or `None` where
    /// no line is new, with the sizes that need not be kept any more.
    fn add(
        &self,
        head: &Head,
        policy: &Policy,
        keys: &[WitnessKey],
        add: impl Fn(&mut SignedCheckpoint) -> Result<bool, ActionError>,
    ) -> Result<Option<Added>, ActionError> {
        let end = head.end();
        loop {
            let known = self.lock().get(&end).cloned();
            let (mut cosigned, mut all) = match &known {
                Some(known) => (known.head.clone(), known.keys()),
                None => {
                    let own = SignedCheckpoint::assume_verified(&head.note);
                    (own.map_err(ActionError::fault)?, Vec::new())
                }
            };
            if !add(&mut cosigned)? {
                return Ok(None);
            }
            all.extend_from_slice(keys);
            let kept = Arc::new(Kept::new(cosigned, policy, all));
            let mut gathered = self.lock();
            // Somebody else's line came meanwhile: both are to stay.
            if gathered.get(&end).map(Arc::as_ptr) != known.as_ref().map(Arc::as_ptr) {
                continue;
            }
            gathered.insert(end, kept.clone());
            let superseded = superseded(&gathered);
            gathered.retain(|end, _| !superseded.contains(end));
            self.changed.notify_waiters();
            return Ok(Some((kept, superseded)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Position, Arc<Kept>>> {
        self.cosigned.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All but the newest few, and of each log the newest one and the newest that the policy is content
/// with: what covers a log that has ended is its own.
fn superseded(gathered: &BTreeMap<Position, Arc<Kept>>) -> Vec<Position> {
    if gathered.len() <= KEPT {
        return Vec::new();
    }
    let mut kept: BTreeMap<u32, (Position, Option<Position>)> = BTreeMap::new();
    for (end, cosigned) in gathered.iter().rev() {
        let (_, strongest) = kept.entry(end.log).or_insert((*end, None));
        if strongest.is_none() && cosigned.has_quorum {
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
        self.gather(head, std::slice::from_ref(key), |cosigned| {
            let line = Cosignature::parse(line).map_err(|error| invalid(&error))?;
            cosigned.add(&line, key).map_err(|error| invalid(&error))
        })
        .await
    }

    /// Lets `add` put cosignatures of `keys` under one of our checkpoints, and keeps it.
    pub(crate) async fn gather(
        &self,
        head: &Head,
        keys: &[WitnessKey],
        add: impl Fn(&mut SignedCheckpoint) -> Result<bool, ActionError>,
    ) -> Result<(), ActionError> {
        let added = self.gathered.add(head, &self.policy, keys, add)?;
        let Some((kept, superseded)) = added else { return Ok(()) };
        let end = head.end();
        self.store
            .commit(move |tx| {
                put(tx, end, &kept.head);
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
        match self.gathered.best(entry, counterpart) {
            Some((Level::Witnessed | Level::Quorum, kept)) => {
                let (checkpoint, note) = (kept.head.checkpoint().clone(), kept.head.to_note());
                Head { log: entry.log, checkpoint, note }
            }
            _ => Head::clone(&self.store.head_of(entry.log).unwrap_or_else(|| self.store.head())),
        }
    }

    /// How much stands behind a checkpoint, by its own lines and our policy.
    pub(crate) fn level_of(&self, note: &str, counterpart: Option<&WitnessKey>) -> Level {
        let Ok(head) = SignedCheckpoint::assume_verified(note) else { return Level::Signed };
        self.policy.level(&head, counterpart).map_or(Level::Signed, |standing| standing.level)
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
            return cosigned.is_some_and(|kept| kept.has_quorum);
        }
        let up = |peer: &Arc<Peer>| self.link(peer.authority()).connected;
        let peers: Vec<_> = self.directory.all().into_iter().filter(up).collect();
        let keys: Vec<WitnessKey> =
            peers.iter().filter_map(|peer| peer.card.witness_key().cloned()).collect();
        let Some(kept) = cosigned else { return keys.is_empty() };
        keys.iter().all(|key| kept.cosigners.by(key).is_some())
    }

    /// A checkpoint of ours with all cosignatures that it has.
    pub(crate) fn cosigned(&self, head: &Head) -> String {
        let gathered = self.gathered.lock();
        gathered.get(&head.end()).map_or_else(|| head.note.clone(), |kept| kept.head.to_note())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::cosigner;
    use crate::audit::witness::{AddCheckpoint, Cosigner, decide};
    use crate::crypto::keys::Algorithm;
    use crate::exchange::retention::Rules;
    use crate::exchange::testing::Lone;

    fn line(lone: &Lone, head: &Head, by: &Cosigner) -> String {
        let request = AddCheckpoint::new(0, Vec::new(), head.note.clone()).expect("a request");
        let accepted = decide(None, lone.x().card.log_keys(), &request).expect("accepted");
        by.cosign(&accepted, lone.x().now()).to_line()
    }

    #[tokio::test]
    async fn a_line_is_verified_when_it_comes_and_counts_for_its_key() {
        let mut lone = Lone::new("xa.oag", Rules::default());
        lone.x().log_node(crate::audit::entry::Event::NodeStarted).await.expect("logged");
        let head = lone.x().log_head();
        let [one, other] = [1, 2]
            .map(|seed| cosigner(&format!("x{seed}.example/witness"), seed, Algorithm::Ed25519));
        let ours = line(&lone, &head, &one);
        let forged = lone.x().gather_line(&head, &ours, other.key()).await;
        assert!(forged.is_err(), "another key's");
        lone.x().gather_line(&head, &ours, one.key()).await.expect("gathered");
        lone.x().gather_line(&head, &ours, one.key()).await.expect("no news");
        let level = |lone: &Lone, key| {
            lone.x().gathered.best(Position::default(), Some(key)).map(|best| best.0)
        };
        assert_eq!(level(&lone, one.key()), Some(Level::Witnessed));
        assert_eq!(level(&lone, other.key()), Some(Level::Signed));
        let theirs = line(&lone, &head, &other);
        lone.x().gather_line(&head, &theirs, other.key()).await.expect("gathered");
        assert_eq!(level(&lone, one.key()), Some(Level::Witnessed), "both stand");
        assert_eq!(level(&lone, other.key()), Some(Level::Witnessed));
        // After a start, a line counts for the keys of the directory and of the policy.
        lone.restart();
        assert_eq!(level(&lone, one.key()), Some(Level::Signed));
        let again = Gathered::load(&lone.x().store, &Policy::none(), &[one.key().clone()]);
        let best =
            again.expect("loads").best(Position::default(), Some(one.key())).map(|best| best.0);
        assert_eq!(best, Some(Level::Witnessed));
    }
}
