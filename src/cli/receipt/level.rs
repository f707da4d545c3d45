//! How much stands behind a receipt: `--peer-card` and `--policy`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::audit::cosigned::Cosigned;
use crate::audit::note::WitnessKey;
use crate::audit::policy::{Level, Policy, Standing};
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{read_card, read_policy};
use crate::receipt::VerifiedReceipt;

#[derive(Args, Default)]
pub(super) struct LevelArgs {
    /// The card of the authority that the issuer exchanged it with: shows whether that one has
    /// cosigned the issuer's log (L1)
    #[arg(long, value_name = "FILE")]
    pub(super) peer_card: Option<PathBuf>,
    /// The policy of witnesses (C2SP tlog-policy) whose quorum must have cosigned it (L2)
    #[arg(long, value_name = "FILE")]
    pub(super) policy: Option<PathBuf>,
}

/// The level of a receipt, where it was asked for.
pub(super) fn level(
    args: &LevelArgs,
    receipt: &VerifiedReceipt,
) -> Result<Option<Standing>, Failure> {
    if args.peer_card.is_none() && args.policy.is_none() {
        return Ok(None);
    }
    let policy = args.policy.as_deref().map(read_policy).transpose()?;
    let policy = policy.unwrap_or_else(Policy::none);
    let counterpart = counterpart(args, receipt)?;
    let failed = |why: String| Failure::new(Exit::VerificationFailed, why);
    let standing = receipt.level(&policy, &counterpart);
    let standing = standing.map_err(|error| failed(error.to_string()))?;
    if standing.satisfied {
        return Ok(Some(standing));
    }
    let missing = standing.missing.join(", ");
    let why = format!("the quorum of the policy is not reached; not cosigned by: {missing}");
    Err(failed(why).hint("ask for the receipt again: its proof may since have been cosigned"))
}

/// The witness keys of the authority that the receipt is for.
fn counterpart(args: &LevelArgs, receipt: &VerifiedReceipt) -> Result<Vec<WitnessKey>, Failure> {
    let Some(path) = &args.peer_card else { return Ok(Vec::new()) };
    let card = read_card(path)?;
    let peer = receipt.receipt().facts().entry.peer.as_ref();
    if peer != Some(card.authority()) {
        let whose = card.authority();
        let message = format!("the receipt is not of an exchange with {whose}, whose card it is");
        return Err(Failure::new(Exit::VerificationFailed, message));
    }
    match card.witness_keys() {
        [] => Err(Failure::bad_file(path, "the card has no witness key")),
        keys => Ok(keys.to_vec()),
    }
}

/// The fields that say it.
pub(super) fn fields(standing: &Standing) -> [(&'static str, String); 2] {
    let what = match standing.level {
        Level::Signed => "signed by the issuer's log",
        Level::Witnessed => "cosigned by the authority that it was exchanged with",
        Level::Quorum => "cosigned by the quorum of the policy",
    };
    let by = |c: &Cosigned| {
        format!("{} at {} ({})", c.key().name(), c.at(), c.key().public().algorithm())
    };
    let by: Vec<String> = standing.cosigners.all().iter().map(by).collect();
    [("level", format!("{}: {what}", standing.level)), ("cosigned by", by.join("\n"))]
}

pub(super) fn to_json(standing: &Standing) -> Value {
    let by = |c: &Cosigned| {
        json!({
            "key": c.key().to_string(),
            "algorithm": c.key().public().algorithm(),
            "at": c.at().timestamp(),
        })
    };
    json!({
        "level": standing.level.as_str(),
        "cosigned": standing.cosigners.all().iter().map(by).collect::<Vec<_>>(),
        "missing": standing.missing,
    })
}
