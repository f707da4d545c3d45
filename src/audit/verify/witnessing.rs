//! Who has cosigned the exported checkpoint, by the auditor's policy, and the policy that lies in
//! the export.

use super::VerifyFailure;
use super::files::Files;
use crate::audit::cosignature::CosignedAt;
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::export::POLICY_PATH;
use crate::audit::policy::{Policy, PolicyWitness};
use crate::crypto::{Digest, sha256};

/// What the auditor's policy says of the exported checkpoint, which satisfies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witnessing {
    /// SHA-256 of the policy's file.
    pub policy: Digest,
    /// Whether it asks for any cosignature at all.
    pub quorum: bool,
    /// The witnesses of the policy that have cosigned.
    pub cosigned: Vec<WitnessSeen>,
    /// Those that the quorum counts and that have not, by their names in the policy; it is reached
    /// without them.
    pub missing: Vec<String>,
}

/// A witness that has cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessSeen {
    /// The witness, as the policy has it.
    pub witness: PolicyWitness,
    /// When, by its own clock.
    pub at: CosignedAt,
}

/// Both policies that a report can tell of.
pub(super) struct Policies {
    pub(super) exported: Option<Digest>,
    pub(super) witnessing: Option<Witnessing>,
}

/// Holds the checkpoint against the auditor's policy.
pub(super) fn check(
    policy: &Policy,
    signed: &SignedCheckpoint,
) -> Result<Witnessing, VerifyFailure> {
    let standing = policy.level(signed, &[]).map_err(VerifyFailure::Policy)?;
    if !standing.satisfied {
        return Err(VerifyFailure::Quorum { missing: standing.missing });
    }
    let seen = |witness: &PolicyWitness| {
        let at = standing.cosigners.by(&witness.key)?.at();
        Some(WitnessSeen { witness: witness.clone(), at })
    };
    let cosigned = policy.witnesses().iter().filter_map(seen).collect();
    let (digest, quorum) = (policy.digest(), policy.has_quorum());
    Ok(Witnessing { policy: digest, quorum, cosigned, missing: standing.missing })
}

/// Takes the policy from among the files that are left; its digest, if it is there and is one.
pub(super) fn exported(
    files: &mut Files<'_>,
    extras: &mut Vec<String>,
) -> Result<Option<Digest>, VerifyFailure> {
    let Some(at) = extras.iter().position(|path| path == POLICY_PATH) else {
        return Ok(None);
    };
    let bytes = files.sound(&extras.remove(at))?;
    Policy::parse(&bytes).map_err(VerifyFailure::ExportedPolicy)?;
    Ok(Some(sha256(&bytes)))
}
