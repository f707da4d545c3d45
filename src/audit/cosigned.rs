//! A checkpoint that its log has signed, with the lines of those who saw it.

use std::collections::BTreeSet;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::cosignature::{Cosignature, CosignatureError, CosignedAt, claims, is_ml_dsa_44};
use super::note::{Note, SIGNATURES_MAX, Signature, VerifierKey, WitnessKey};
use crate::domain::limits::CHECKPOINT_MAX_BYTES;

/// A signed checkpoint whose log's signature was verified. Cosignatures can be added, and are
/// verified when they are; what else stands in the note is kept and believed by nobody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCheckpoint {
    checkpoint: Checkpoint,
    note: Note,
}

impl SignedCheckpoint {
    /// As [`Checkpoint::verify`].
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn verify(note: &str, keys: &[VerifierKey]) -> Result<Self, CheckpointError> {
        let checkpoint = Checkpoint::verify(note, keys)?;
        Ok(Self { checkpoint, note: Note::parse(note)? })
    }

    /// A note from our own store, which was verified when it was put there. The key that signed it
    /// may since have been retired, so it is not looked at again.
    ///
    /// # Errors
    /// [`CheckpointError`], for a malformed note or checkpoint.
    pub fn assume_verified(note: &str) -> Result<Self, CheckpointError> {
        let checkpoint = Checkpoint::parse_unverified(note)?;
        Ok(Self { checkpoint, note: Note::parse(note)? })
    }

    /// What the log says.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The note, to be stored and shown.
    pub fn to_note(&self) -> String {
        self.note.to_text()
    }

    /// The same with the lines of `keys` only, the log's own.
    #[must_use]
    pub fn bare(self, keys: &[VerifierKey]) -> Self {
        Self::by_log(self.checkpoint, self.note, keys)
    }

    /// The same with the lines of those names only, of whatever key.
    #[must_use]
    pub fn with_lines_of(self, is_shown: impl Fn(&str) -> bool) -> Self {
        let note = self.note.filtered(|line| is_shown(line.name()));
        Self { checkpoint: self.checkpoint, note }
    }

    /// The parsed parts of a note that `keys` have signed, with their own lines only.
    pub(super) fn by_log(checkpoint: Checkpoint, note: Note, keys: &[VerifierKey]) -> Self {
        let by_log = |name: &str, id| keys.iter().any(|k| k.name() == name && k.key_id() == id);
        let note = note.filtered(|line| by_log(line.name(), line.key_id()));
        Self { checkpoint, note }
    }

    /// Lines that are as long as those of ML-DSA-44, whoever they are by.
    pub fn post_quantum_lines(&self) -> usize {
        self.note.signatures().iter().filter(|line| is_ml_dsa_44(line)).count()
    }

    /// Adds the line of a witness, which replaces an older one of the same key. False when the note
    /// has one that is as new: it is left as it is.
    ///
    /// # Errors
    /// [`CosignatureError`] when `key` has not cosigned this checkpoint, and
    /// [`CosignatureError::Full`] when there is no room; the note is then unchanged.
    pub fn add(
        &mut self,
        cosignature: &Cosignature,
        key: &WitnessKey,
    ) -> Result<bool, CosignatureError> {
        cosignature.verify(&self.checkpoint, key)?;
        let verified = self.note.signatures().iter().filter(|line| claims(line, key));
        let verified = verified.filter_map(|line| Cosignature::from_line(line).ok());
        let verified = verified.filter(|line| line.verify(&self.checkpoint, key).is_ok());
        if verified.map(|line| line.at()).max().is_some_and(|at| at >= cosignature.at()) {
            return Ok(false);
        }
        let mut note = self.note.filtered(|line| !line.same_key(cosignature.line()));
        note.push(cosignature.line().clone());
        let full =
            note.signatures().len() > SIGNATURES_MAX || note.to_text().len() > CHECKPOINT_MAX_BYTES;
        if full {
            return Err(CosignatureError::Full(key.name().to_owned()));
        }
        self.note = note;
        Ok(true)
    }

    /// Who has a line under it, by name and id of the key, but for the log. A line that is by one of
    /// `keys`, as it says, counts only where it verifies; those of others prove nothing.
    pub fn witnesses(&self, keys: &[WitnessKey]) -> BTreeSet<(String, [u8; 4])> {
        let is_real = |line: &Signature| {
            let known: Vec<&WitnessKey> = keys.iter().filter(|key| claims(line, key)).collect();
            let verified = |line: Cosignature| {
                known.iter().any(|key| line.verify(&self.checkpoint, key).is_ok())
            };
            known.is_empty() || Cosignature::from_line(line).is_ok_and(verified)
        };
        let lines = self.note.signatures().iter();
        let others = lines.filter(|line| line.name() != self.checkpoint.origin);
        let real = others.filter(|line| is_real(line));
        real.map(|line| (line.name().to_owned(), line.key_id())).collect()
    }

    /// Who of `keys` has cosigned it, and when. Lines of other keys are ignored.
    ///
    /// # Errors
    /// [`CosignatureError`] when the line of any of `keys` is malformed or does not verify: then
    /// the whole note is not to be believed.
    pub fn cosigners(&self, keys: &[WitnessKey]) -> Result<Cosigners, CosignatureError> {
        let mut cosigners = Cosigners(Vec::new());
        for line in self.note.signatures() {
            if !keys.iter().any(|key| claims(line, key)) {
                continue;
            }
            let line = Cosignature::from_line(line)?;
            cosigners.take(line.signer(&self.checkpoint, keys)?, line.at());
        }
        Ok(cosigners)
    }
}

/// A witness that has cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    key: WitnessKey,
    at: CosignedAt,
}

impl Cosigned {
    /// The key with which it has.
    pub fn key(&self) -> &WitnessKey {
        &self.key
    }

    /// When, by its own clock.
    pub fn at(&self) -> CosignedAt {
        self.at
    }
}

/// Who has cosigned one checkpoint, each key once with its newest time. Only
/// [`SignedCheckpoint::cosigners`] makes one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cosigners(Vec<Cosigned>);

impl Cosigners {
    /// All of them, in the order of their lines.
    pub fn all(&self) -> &[Cosigned] {
        &self.0
    }

    /// The cosignature of a key.
    pub fn by(&self, key: &WitnessKey) -> Option<&Cosigned> {
        self.0.iter().find(|cosigned| cosigned.key == *key)
    }

    fn take(&mut self, key: &WitnessKey, at: CosignedAt) {
        match self.0.iter_mut().find(|cosigned| cosigned.key == *key) {
            Some(cosigned) => cosigned.at = cosigned.at.max(at),
            None => self.0.push(Cosigned { key: key.clone(), at }),
        }
    }
}

#[cfg(test)]
#[path = "cosigned_tests.rs"]
mod tests;
