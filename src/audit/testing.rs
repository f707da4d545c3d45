//! A log in memory, for tests.

use std::collections::BTreeMap;

use super::checkpoint::{Checkpoint, origin};
use super::cosignature::Cosignature;
use super::cosigned::SignedCheckpoint;
use super::entry::{Coordinates, Entry, EntryDraft, Event};
use super::merkle::{
    NodeId, complete_root, consistency_proof, inclusion_proof, infallible, leaf_hash, root_of,
};
use super::note::VerifierKey;
use super::succession::{end_of, next_origin};
use super::witness::{AddCheckpoint, Cosigner, decide};
use crate::crypto::keys::{Algorithm, Seed};
use crate::crypto::{Digest, SigningSecret, sha256};
use crate::domain::{AuthorityId, MessageId, Timestamp};

pub(crate) fn authority(name: &str) -> AuthorityId {
    AuthorityId::parse(name).expect("a valid name")
}

pub(crate) fn secret(seed: u8) -> SigningSecret {
    let seed = Seed::from_slice(&[seed; 32]).expect("32 bytes");
    SigningSecret::new(&seed, Algorithm::Ed25519).expect("Ed25519 signs")
}

pub(crate) fn verifier(name: &str, key: &SigningSecret) -> VerifierKey {
    let public = key.public().bytes().try_into().expect("32 bytes");
    VerifierKey::ed25519(name, public).expect("a valid name")
}

pub(crate) fn cosigner(name: &str, seed: u8, algorithm: Algorithm) -> Cosigner {
    let seed = Seed::from_slice(&[seed; 32]).expect("32 bytes");
    let secret = SigningSecret::new(&seed, algorithm).expect("it signs");
    Cosigner::new(name, secret).expect("a valid name")
}

pub(crate) fn seconds(at: u64) -> Timestamp {
    Timestamp::from_unix_ms(at as i64 * 1000)
}

pub(crate) fn message(number: u64) -> MessageId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    MessageId::new(Timestamp::from_unix_ms(1_795_000_000_000), random)
}

pub(crate) fn envelope(number: u64) -> Digest {
    sha256(&number.to_be_bytes())
}

/// Reads nodes of a tree over these leaf hashes.
pub(crate) fn node_of(leaves: &[Digest], node: NodeId) -> Digest {
    let first = (node.index << node.level) as usize;
    complete_root(&leaves[first..first + (1 << node.level)]).expect("a power of two")
}

pub(crate) struct TestLog {
    pub(crate) authority: AuthorityId,
    pub(crate) origin: String,
    pub(crate) key: SigningSecret,
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) seqs: BTreeMap<AuthorityId, u64>,
    /// When its first entry was taken.
    pub(crate) began_ms: i64,
}

impl TestLog {
    pub(crate) fn new(name: &str, seed: u8) -> Self {
        let authority = authority(name);
        let origin = origin(&authority, 2026);
        let key = secret(seed);
        let seqs = Default::default();
        let began_ms = 1_795_000_000_000;
        let mut log = Self { authority, origin, key, entries: Vec::new(), seqs, began_ms };
        log.push(EntryDraft::new(Event::LogOpened).key(&log.verifier().to_string()));
        log
    }

    /// Ends it, and begins the one that follows; the seed is that of the key.
    pub(crate) fn succeed(&mut self, seed: u8) -> Self {
        let (origin, key) = (next_origin(&self.origin, 2027), secret(seed));
        let next_key = verifier(&origin, &key).to_string();
        self.push(EntryDraft::new(Event::LogSealed).key(&next_key));
        let mut next = Self {
            authority: self.authority.clone(),
            origin,
            key,
            entries: Vec::new(),
            seqs: self.seqs.clone(),
            began_ms: self.began_ms + 10 * self.entries.len() as i64,
        };
        let opened = EntryDraft::new(Event::LogOpened).key(&next_key);
        next.push(opened.remote(end_of(&self.head())));
        next
    }

    pub(crate) fn verifier(&self) -> VerifierKey {
        verifier(&self.origin, &self.key)
    }

    pub(crate) fn push(&mut self, draft: EntryDraft) -> u64 {
        self.push_at(draft, self.began_ms + 10 * self.entries.len() as i64)
    }

    pub(crate) fn push_at(&mut self, draft: EntryDraft, unix_ms: i64) -> u64 {
        let seq = draft.counterpart().cloned().map(|peer| {
            let seq = self.seqs.entry(peer).or_default();
            *seq += 1;
            *seq
        });
        let index = self.entries.len() as u64;
        let at = Timestamp::from_unix_ms(unix_ms);
        let nonce = sha256(&index.to_be_bytes())[..16].try_into().expect("16 bytes");
        self.push_entry(&draft.into_entry(at, nonce, seq))
    }

    /// Entries of no interest.
    pub(crate) fn push_many(&mut self, count: usize) {
        for _ in 0..count {
            self.push(EntryDraft::new(Event::NodeStarted).software("rogatory 0.1.0"));
        }
    }

    /// An entry of no interest that differs from those.
    pub(crate) fn push_stopped(&mut self) {
        self.push(EntryDraft::new(Event::NodeStopped).software("rogatory 0.1.0"));
    }

    pub(crate) fn push_entry(&mut self, entry: &Entry) -> u64 {
        entry.check().expect("a sound entry");
        self.entries.push(entry.encode());
        self.entries.len() as u64 - 1
    }

    pub(crate) fn leaves(&self) -> Vec<Digest> {
        self.entries.iter().map(|entry| leaf_hash(entry)).collect()
    }

    pub(crate) fn checkpoint(&self, size: u64) -> Checkpoint {
        let root = root_of(self.entries[..size as usize].iter().map(Vec::as_slice));
        Checkpoint { origin: self.origin.clone(), size, root }
    }

    pub(crate) fn head(&self) -> Checkpoint {
        self.checkpoint(self.entries.len() as u64)
    }

    pub(crate) fn proof(&self, index: u64, size: u64) -> Vec<Digest> {
        let leaves = self.leaves();
        infallible(inclusion_proof(index, size, |node| Ok(node_of(&leaves, node))))
    }

    pub(crate) fn consistency(&self, old: u64, new: u64) -> Vec<Digest> {
        let leaves = self.leaves();
        infallible(consistency_proof(old, new, |node| Ok(node_of(&leaves, node))))
    }

    pub(crate) fn signed(&self, size: u64) -> SignedCheckpoint {
        let note = self.checkpoint(size).sign(&self.key);
        SignedCheckpoint::verify(&note, &[self.verifier()]).expect("its own signature")
    }

    /// What a witness that knows nothing yet answers to the checkpoint of `size`.
    pub(crate) fn cosigned_by(&self, cosigner: &Cosigner, size: u64, at: u64) -> Cosignature {
        let note = self.checkpoint(size).sign(&self.key);
        let request = AddCheckpoint::new(0, Vec::new(), note).expect("small");
        let accepted = decide(None, &[self.verifier()], &request).expect("the first checkpoint");
        cosigner.cosign(&accepted, seconds(at))
    }

    /// The signed checkpoint with the lines of these witnesses, all of this time.
    pub(crate) fn cosigned(&self, size: u64, by: &[&Cosigner], at: u64) -> SignedCheckpoint {
        let mut signed = self.signed(size);
        for cosigner in by {
            let line = self.cosigned_by(cosigner, size, at);
            assert!(signed.add(&line, cosigner.key()).expect("it verifies"));
        }
        signed
    }

    pub(crate) fn coordinates(&self, index: u64, size: u64) -> Coordinates {
        let Checkpoint { origin, size, root } = self.checkpoint(size);
        Coordinates { origin, index, size, root }
    }
}

/// A draft of a delivery event that `by` issues about message `number`, exchanged with `peer`.
pub(crate) fn delivery(event: Event, by: &str, peer: &str, number: u64) -> EntryDraft {
    let draft = EntryDraft::new(event)
        .by(authority(by))
        .peer(authority(peer))
        .message(message(number))
        .envelope(envelope(number));
    match event {
        Event::RelayAcceptance => draft.remote(Coordinates {
            origin: format!("{peer}/log/2026"),
            index: number,
            size: number + 1,
            root: [number as u8; 32],
        }),
        _ => draft,
    }
}

/// The proof that an entry stands in the tree of all of them.
pub(crate) fn inclusion_of(entries: &[Vec<u8>], index: u64) -> Vec<Digest> {
    let leaves: Vec<Digest> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let proof = inclusion_proof(index, leaves.len() as u64, |node| Ok(node_of(&leaves, node)));
    infallible(proof)
}
