//! `rogatory audit prove`: proofs out of an export, for whoever has only a checkpoint.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde_json::json;

use super::dir::{Export, ExportDir};
use super::when::Place;
use crate::audit::merkle::{consistency_proof, root_at, verify_consistency};
use crate::audit::proof::TlogProof;
use crate::audit::{Checkpoint, Position};
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::write_new;
use crate::cli::out::Out;

/// Proves that an entry is in the log, or that the log extends an earlier state of it
///
/// The proof of an entry is a C2SP tlog-proof with the entry itself, as receipts are. The proof of
/// an extension is the body that a C2SP tlog-witness takes: the old size, the hashes, the
/// checkpoint.
///
///   rogatory audit prove export/ 17 --card xb.pps.card --out 17.tlog-proof
///   rogatory audit prove export/ 1:17
///   rogatory audit prove export/ --old 1:1200
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct ProveArgs {
    #[command(flatten)]
    export: ExportDir,
    /// The entry, from 0; of a log before the newest as LOG:INDEX, as in 1:17
    #[arg(required_unless_present = "old", conflicts_with = "old")]
    index: Option<Place>,
    /// Entries of the earlier state; of a log before the newest as LOG:N
    #[arg(long, value_name = "N")]
    old: Option<Place>,
    /// Where; standard output if absent
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(super) fn run(args: ProveArgs, out: &mut Out) -> Result<(), Failure> {
    let export = args.export.open(out)?;
    let logs = export.logs().count() as u32;
    let (log, text, mut json) = match (args.index, args.old) {
        (None, Some(old)) => {
            let Position { log, index: old } = old.of(logs)?;
            let of = export.log(log);
            (of, consistency(of, old)?, json!({ "old_size": old, "log": log }))
        }
        (place, _) => {
            let Position { log, index } = place.unwrap_or_default().of(logs)?;
            let of = export.log(log);
            (of, inclusion(of, index)?, json!({ "index": index, "log": log }))
        }
    };
    json["log_origin"] = log.checkpoint().origin.clone().into();
    json["size"] = log.checkpoint().size.into();
    match args.out {
        Some(file) => {
            write_new(&file, text.as_bytes())?;
            json["file"] = file.display().to_string().into();
            out.record(&[("proof", file.display().to_string())], &json);
        }
        None if out.is_json() => {
            json["text"] = text.into();
            out.json(&json);
        }
        None => out.data(&text),
    }
    Ok(())
}

/// A tlog-proof, which is verified before it is given.
fn inclusion(export: &Export, index: u64) -> Result<String, Failure> {
    let (extra, hashes) = export.entry(index)?;
    let proof = TlogProof { extra, index, hashes, checkpoint: export.note().to_owned() };
    let unsound = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::VerificationFailed, format!("entry {index}: {error}"))
    };
    let keys = export.card().log_keys_of(&export.checkpoint().origin);
    proof.verify(&proof.extra, &keys).map_err(|error| unsound(&error))?;
    Ok(proof.to_text())
}

/// SPEC: tlog-witness, the body of add-checkpoint.
fn consistency(export: &Export, old: u64) -> Result<String, Failure> {
    let head = export.checkpoint();
    if old > head.size {
        let Checkpoint { origin, size, .. } = head;
        let message = format!("the export has {size} entries of {origin}: it extends no {old}");
        return Err(Failure::new(Exit::NotFound, message));
    }
    let old_root = root_at(old, |node| export.node(node))?;
    let proof = consistency_proof(old, head.size, |node| export.node(node))?;
    verify_consistency(old, &old_root, head.size, &head.root, &proof)
        .map_err(|error| Failure::new(Exit::VerificationFailed, format!("size {old}: {error}")))?;
    let mut text = format!("old {old}\n");
    for hash in proof {
        text.push_str(&STANDARD.encode(hash));
        text.push('\n');
    }
    text.push('\n');
    text.push_str(export.note());
    Ok(text)
}

#[cfg(test)]
#[path = "prove_tests.rs"]
mod tests;
