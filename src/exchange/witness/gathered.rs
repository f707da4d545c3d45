//! The cosignatures that others have given for our own checkpoints.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prost::Message as _;
use tokio::sync::Notify;

use crate::audit::cosigned::{Cosigners, SignedCheckpoint};
use crate::audit::note::{KeyType, WitnessKey};
use crate::audit::policy::{Level, Policy, PolicyFailure};
use crate::audit::witness::{ResponseError, take_response};
use crate::exchange::rows;
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::store::v1::CosignedRow;
use crate::store::{Head, Position, Store, Table, Tx};

/// How long an export waits for witnesses.
const GATHER_FOR: Duration = Duration::from_secs(3);
/// Cosigned checkpoints that are kept beside the newest with the quorum. A later one covers all
/// that an earlier one does, so the older ones only matter while the newer ones gather.
const KEPT: usize = 64;

/// Lines of ML-DSA-44 are taken into a checkpoint up to this size: those of a dozen witnesses. The
/// others still cosign it with Ed25519.
const WITH_POST_QUANTUM_MAX_BYTES: usize = 40 << 10;
/// And any lines up to this one: a receipt with it fits a row of its recipient's store.
const NOTE_MAX_BYTES: usize = 52 << 10;

/// How much stands behind a checkpoint, and how much of it will when Ed25519 has fallen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Strength {
    pub level: Level,
    /// Cosignatures with ML-DSA-44, by those who count for the level.
    pub post_quantum: usize,
}

impl Strength {
    /// What a checkpoint has that only its log has signed.
    pub(crate) const NONE: Self = Self { level: Level::Signed, post_quantum: 0 };
}

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
    /// The witnesses of the policy that have cosigned it, where it says anything of this log.
    of_policy: Cosigners,
    /// The witnesses and peers that have, whatever the policy says of the log.
    cosigners: Cosigners,
}

/// A checkpoint with new lines, and the ends of those that need not be kept any more.
type Added = (Arc<Kept>, Vec<Position>);

impl Kept {
    /// `keys` are those beside the policy's whose lines may be there.
    fn new(head: SignedCheckpoint, policy: &Policy, keys: Vec<WitnessKey>) -> Self {
        let witnesses = policy.witnesses().iter().map(|witness| witness.key.clone());
        let keys: Vec<WitnessKey> = witnesses.chain(keys).collect();
        let standing = policy.level(&head, &[]).ok();
        let has_quorum = standing.as_ref().is_some_and(|s| s.level == Level::Quorum);
        let of_policy = standing.map(|standing| standing.cosigners).unwrap_or_default();
        // With a wrong line in it, it is worth what its log's signature is worth. What a counterpart
        // has cosigned is its word also where the policy does not list the log.
        let cosigners = head.cosigners(&keys).unwrap_or_default();
        Self { has_quorum, of_policy, cosigners, head }
    }

    fn strength(&self, counterpart: &[WitnessKey]) -> Strength {
        let level = match counterpart.iter().any(|key| self.cosigners.by(key).is_some()) {
            _ if self.has_quorum => Level::Quorum,
            true => Level::Witnessed,
            false => Level::Signed,
        };
        let counts = |key: &WitnessKey| {
            is_post_quantum(key) && (self.of_policy.by(key).is_some() || counterpart.contains(key))
        };
        let all = self.cosigners.all().iter();
        let post_quantum = all.filter(|cosigned| counts(cosigned.key())).count();
        Strength { level, post_quantum }
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

    /// The strongest checkpoint that covers an entry, and the newest of those.
    fn best(&self, entry: Position, counterpart: &[WitnessKey]) -> Option<(Strength, Arc<Kept>)> {
        let gathered = self.lock();
        let (after, next) = (entry.index + 1, Position::new(entry.log + 1, 0));
        let covering = gathered.range(Position::new(entry.log, after)..next);
        let mut best: Option<(Strength, &Arc<Kept>)> = None;
        for (_, kept) in covering.rev() {
            let strength = kept.strength(counterpart);
            if best.is_none_or(|(known, _)| strength > known) {
                best = Some((strength, kept));
            }
        }
        best.map(|(strength, kept)| (strength, kept.clone()))
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

    /// Whether a checkpoint has a line of each of these keys.
    pub(super) fn has_lines(&self, end: Position, keys: &[WitnessKey]) -> bool {
        let kept = self.lock().get(&end).cloned();
        kept.is_some_and(|kept| keys.iter().all(|key| kept.cosigners.by(key).is_some()))
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

fn is_post_quantum(key: &WitnessKey) -> bool {
    key.key_type() == KeyType::CosignatureMlDsa44
}

/// A checkpoint with a wrong line in it is worth what its log's signature is worth.
fn strength(policy: &Policy, head: &SignedCheckpoint, counterpart: &[WitnessKey]) -> Strength {
    let standing = match policy.level(head, counterpart) {
        // The policy says nothing of this log; the counterpart's cosignature is its word all the same.
        Err(PolicyFailure::UnlistedLog { .. }) => Policy::none().level(head, counterpart),
        judged => judged,
    };
    let Ok(standing) = standing else { return Strength::NONE };
    let all = standing.cosigners.all().iter();
    let post_quantum = all.filter(|cosigned| is_post_quantum(cosigned.key())).count();
    Strength { level: standing.level, post_quantum }
}

/// Takes the lines of one witness into a checkpoint, as far as there is room; says whether any is
/// new.
fn take(
    cosigned: &mut SignedCheckpoint,
    lines: &[u8],
    keys: &[WitnessKey],
) -> Result<bool, ResponseError> {
    let fits = |head: &SignedCheckpoint, max| head.to_note().len() <= max;
    let mut with_all = cosigned.clone();
    let new = take_response(&mut with_all, lines, keys)?;
    let longer = with_all.post_quantum_lines() > cosigned.post_quantum_lines();
    let max = if longer { WITH_POST_QUANTUM_MAX_BYTES } else { NOTE_MAX_BYTES };
    if new > 0 && fits(&with_all, max) {
        *cosigned = with_all;
        return Ok(true);
    }
    let short = keys.iter().filter(|key| !is_post_quantum(key));
    let short: Vec<WitnessKey> = short.cloned().collect();
    let mut with_short = cosigned.clone();
    let new = match take_response(&mut with_short, lines, &short) {
        // It has cosigned with no such key.
        Err(ResponseError::NoKnownKey) => return Ok(false),
        taken => taken?,
    };
    let taken = new > 0 && fits(&with_short, NOTE_MAX_BYTES);
    if taken {
        *cosigned = with_short;
    }
    Ok(taken)
}

impl Exchange {
    /// Takes the lines with which a witness has cosigned one of our checkpoints: those of `keys`.
    /// They come in at once, so that whoever sees one sees all.
    ///
    /// # Errors
    /// [`ActionError::Unavailable`] when a line of a known key is wrong, or none is by one.
    pub(crate) async fn gather_lines(
        &self,
        head: &Head,
        lines: &[u8],
        keys: &[WitnessKey],
    ) -> Result<(), ActionError> {
        let invalid = |error: ResponseError| {
            ActionError::Unavailable(format!("the cosignature is worth nothing: {error}"))
        };
        let add = |cosigned: &mut SignedCheckpoint| take(cosigned, lines, keys).map_err(invalid);
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
    pub(crate) fn best_head(&self, index: u64, counterpart: &[WitnessKey]) -> Head {
        let entry = Position::from_number(index);
        match self.gathered.best(entry, counterpart) {
            Some((strength, kept)) if strength.level > Level::Signed => {
                let (checkpoint, note) = (kept.head.checkpoint().clone(), kept.head.to_note());
                Head { log: entry.log, checkpoint, note }
            }
            _ => Head::clone(&self.store.head_of(entry.log).unwrap_or_else(|| self.store.head())),
        }
    }

    /// How much stands behind a checkpoint, by its own lines and our policy.
    pub(crate) fn strength_of(&self, note: &str, counterpart: &[WitnessKey]) -> Strength {
        SignedCheckpoint::assume_verified(note)
            .map_or(Strength::NONE, |head| strength(&self.policy, &head, counterpart))
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
        let mut peers = self.directory.all().into_iter().filter(up);
        // A peer counts with any of its keys: which of them it uses is for its operator to say.
        peers.all(|peer| {
            let keys = peer.card.witness_keys();
            let has = |kept: &Arc<Kept>| keys.iter().any(|key| kept.cosigners.by(key).is_some());
            keys.is_empty() || cosigned.as_ref().is_some_and(has)
        })
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
#[path = "gathered_tests.rs"]
mod tests;
