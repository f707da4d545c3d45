//! The policy of witnesses: whose cosignatures make a checkpoint strong enough (C2SP tlog-policy).
//!
//! A file of a few lines names logs, witnesses, groups of them, and the quorum. It is trusted as it
//! is: an auditor writes or obtains it elsewhere than from the log that it is applied to.

mod parse;

use std::fmt;

use super::cosignature::CosignatureError;
use super::cosigned::{Cosigners, SignedCheckpoint};
use super::note::{VerifierKey, WitnessKey};
use crate::crypto::{Digest, sha256};

pub use parse::{PolicyError, PolicyRule};

/// A policy whose rules were checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    digest: Digest,
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    nodes: Vec<Node>,
    quorum: Option<usize>,
}

/// A log that a policy accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyLog {
    /// Its key, under its origin.
    pub key: VerifierKey,
    /// What the policy says of where to find it.
    pub url: Option<String>,
}

/// A witness that a policy knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyWitness {
    /// Its name in the policy, which means nothing elsewhere.
    pub name: String,
    /// Its key.
    pub key: WitnessKey,
    /// Where it takes checkpoints: by convention the submission prefix of tlog-witness.
    pub url: Option<String>,
}

/// What a name of the policy stands for. Members stand before their group.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Node {
    /// The witness of this number.
    Witness(usize),
    /// Reached when so many of the nodes of these numbers are.
    Group { needed: usize, members: Vec<usize> },
}

/// How much stands behind a checkpoint. Each level has all that the ones below have, except that
/// at [`Level::Quorum`] the counterpart need not be among those who cosigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// L0: its log has signed it.
    Signed,
    /// L1: the counterpart has cosigned it too: the log showed it no other past.
    Witnessed,
    /// L2: the quorum of the policy has cosigned it.
    Quorum,
}

impl Level {
    /// `L0`, `L1` or `L2`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signed => "L0",
            Self::Witnessed => "L1",
            Self::Quorum => "L2",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a policy says of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How much stands behind it. `quorum none` is no quorum: it never makes [`Level::Quorum`].
    pub level: Level,
    /// Whether the policy asks for no more. True at every level under `quorum none`.
    pub satisfied: bool,
    /// Which witnesses of the policy have cosigned it, and the counterpart, if it has.
    pub cosigners: Cosigners,
    /// The names of the witnesses that the quorum counts and that have not.
    pub missing: Vec<String>,
}

/// Why a policy says nothing of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFailure {
    /// The policy lists logs, and none of their keys has signed it.
    #[error("no log that the policy lists has signed the checkpoint of {origin}")]
    UnlistedLog {
        /// The log that it names.
        origin: String,
    },
    /// The line of a known witness is wrong.
    #[error(transparent)]
    Cosignature(#[from] CosignatureError),
}

impl Policy {
    /// Parses a policy file, at most [`crate::domain::limits::POLICY_MAX_BYTES`] long.
    ///
    /// # Errors
    /// [`PolicyError`], which names the line and the rule.
    pub fn parse(file: &[u8]) -> Result<Self, PolicyError> {
        parse::parse(file)
    }

    /// What holds where nobody has set a policy: no log is listed, no witness is asked for.
    pub fn none() -> Self {
        let digest = sha256(b"");
        Self { digest, logs: Vec::new(), witnesses: Vec::new(), nodes: Vec::new(), quorum: None }
    }

    /// SHA-256 of the file, as the log's `policy.set` has it.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The logs that it lists. With none it leaves to others which log is the right one.
    pub fn logs(&self) -> &[PolicyLog] {
        &self.logs
    }

    /// The witnesses, whether or not the quorum counts them, in the order of the file.
    pub fn witnesses(&self) -> &[PolicyWitness] {
        &self.witnesses
    }

    /// Whether it asks for any cosignature.
    pub fn has_quorum(&self) -> bool {
        self.quorum.is_some()
    }

    /// Whether those who have cosigned are enough.
    pub fn satisfied(&self, cosigners: &Cosigners) -> bool {
        self.quorum.is_none_or(|quorum| self.reached(cosigners)[quorum])
    }

    /// The names of the witnesses that the quorum counts and that have not cosigned.
    pub fn missing(&self, cosigners: &Cosigners) -> Vec<String> {
        let mut counted = vec![false; self.witnesses.len()];
        let mut open: Vec<usize> = self.quorum.into_iter().collect();
        while let Some(node) = open.pop() {
            match &self.nodes[node] {
                Node::Witness(witness) => counted[*witness] = true,
                Node::Group { members, .. } => open.extend(members),
            }
        }
        let counted = self.witnesses.iter().zip(counted).filter(|(_, counted)| *counted);
        let missing = counted.filter(|(witness, _)| cosigners.by(&witness.key).is_none());
        missing.map(|(witness, _)| witness.name.clone()).collect()
    }

    /// How much stands behind a checkpoint; `counterpart` are the witness keys of whoever the log
    /// exchanged messages with, if that is of interest. Any of them is its word, and all of them
    /// are no more than that. The witness key of the log's own authority counts for nothing: one policy
    /// may be for the logs of several authorities that witness each other.
    ///
    /// # Errors
    /// [`PolicyFailure`] for a checkpoint of a log that the policy does not list, and for one with
    /// a wrong line by a known witness.
    pub fn level(
        &self,
        signed: &SignedCheckpoint,
        counterpart: &[WitnessKey],
    ) -> Result<Standing, PolicyFailure> {
        self.check_log(signed)?;
        let keys = self.witnesses.iter().map(|witness| &witness.key);
        let mut keys: Vec<WitnessKey> = keys.filter(|key| !is_own(key, signed)).cloned().collect();
        keys.extend_from_slice(counterpart);
        let cosigners = signed.cosigners(&keys)?;
        let satisfied = self.satisfied(&cosigners);
        let witnessed = counterpart.iter().any(|key| cosigners.by(key).is_some());
        let level = match (satisfied && self.has_quorum(), witnessed) {
            (true, _) => Level::Quorum,
            (false, true) => Level::Witnessed,
            (false, false) => Level::Signed,
        };
        let missing = self.missing(&cosigners);
        Ok(Standing { level, satisfied, cosigners, missing })
    }

    fn check_log(&self, signed: &SignedCheckpoint) -> Result<(), PolicyFailure> {
        if self.logs.is_empty() {
            return Ok(());
        }
        let origin = &signed.checkpoint().origin;
        let listed = self.logs.iter().map(|log| &log.key).filter(|key| key.name() == origin);
        let listed: Vec<VerifierKey> = listed.cloned().collect();
        match SignedCheckpoint::verify(&signed.to_note(), &listed) {
            Ok(_) => Ok(()),
            Err(_) => Err(PolicyFailure::UnlistedLog { origin: origin.clone() }),
        }
    }

    /// Which nodes are reached. Each stands behind its members, so one pass is enough, whatever the
    /// depth.
    fn reached(&self, cosigners: &Cosigners) -> Vec<bool> {
        let mut reached = Vec::with_capacity(self.nodes.len());
        for node in &self.nodes {
            reached.push(match node {
                Node::Witness(at) => cosigners.by(&self.witnesses[*at].key).is_some(),
                Node::Group { needed, members } => {
                    members.iter().filter(|member| reached[**member]).count() >= *needed
                }
            });
        }
        reached
    }
}

/// Whether a witness key is that of the authority whose log it is: its name begins with the authority's,
/// by the rule of cards.
fn is_own(key: &WitnessKey, signed: &SignedCheckpoint) -> bool {
    let owner = signed.checkpoint().origin.split_once('/').map_or("", |(owner, _)| owner);
    key.name().split_once('/').is_some_and(|(name, _)| name == owner)
}

#[cfg(test)]
mod tests;
