//! `rogatory audit compare`: two states of one authority's logs, held against each other.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::chain::Alone;
use super::dir::Export;
use crate::audit::Checkpoint;
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::evidence::{Evidence, EvidenceError};
use crate::audit::merkle::{consistency_proof, root_at, verify_consistency};
use crate::card::Card;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{create_new_name, read_card, read_text, write_new};
use crate::cli::out::Out;
use crate::cli::peer;

/// Compares two states of an authority's logs: whether the later one goes on from the earlier one
///
/// Each is an export, or a checkpoint that somebody has kept: `audit anchors` writes those that a
/// node holds of the logs of its peers, and they may ask each other. Of the larger state the export
/// is needed. Where a log has signed two pasts, that is proven, and --evidence writes the proof.
/// Whether an export is sound in itself, `audit verify` says.
///
///   rogatory audit compare export-of-june/ export/ --card xb.pps.card
///   rogatory audit compare anchors/heads/xb.pps.checkpoint export/ --card xb.pps.card \
///     --evidence fork.equivocation
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct CompareArgs {
    /// An export, or a checkpoint
    first: PathBuf,
    /// Another one of the same authority
    second: PathBuf,
    /// The card of the authority whose logs they are
    #[arg(long, value_name = "FILE")]
    card: PathBuf,
    /// The fingerprint that the card must have: twelve words or 64 hex digits
    #[arg(long, value_name = "WORDS|HEX")]
    fingerprint: Option<String>,
    /// Where to write the proof, if a log has signed two pasts
    #[arg(long, value_name = "FILE")]
    evidence: Option<PathBuf>,
}

/// A state of one log, and its export where that is at hand.
struct State<'a> {
    signed: SignedCheckpoint,
    export: Option<&'a Export>,
}

impl State<'_> {
    fn head(&self) -> &Checkpoint {
        self.signed.checkpoint()
    }
}

/// What two states of one log are to each other.
enum Verdict {
    Same,
    FirstGoesOn,
    SecondGoesOn,
    TwoPasts(Box<Evidence>),
}

impl Verdict {
    /// For programs.
    fn as_str(&self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::FirstGoesOn => "first_goes_on",
            Self::SecondGoesOn => "second_goes_on",
            Self::TwoPasts(_) => "two_pasts",
        }
    }

    fn told(&self) -> &'static str {
        match self {
            Self::Same => "the same state",
            Self::FirstGoesOn => "the first goes on from the second",
            Self::SecondGoesOn => "the second goes on from the first",
            Self::TwoPasts(_) => "two pasts",
        }
    }
}

/// One log that both have.
struct Compared {
    log_origin: String,
    sizes: (u64, u64),
    verdict: Verdict,
}

pub(super) fn run(args: CompareArgs, out: &mut Out) -> Result<(), Failure> {
    let card = read_card(&args.card)?;
    if let Some(fingerprint) = &args.fingerprint {
        peer::compare(&card, fingerprint)?;
    }
    args.evidence.as_deref().map_or(Ok(()), create_new_name)?;
    let exports = [&args.first, &args.second].map(|path| export_at(path, &args.card, out));
    let [first, second] = exports;
    let (first, second) = (first?, second?);
    let first = states(&args.first, first.as_ref(), &card)?;
    let second = states(&args.second, second.as_ref(), &card)?;
    let compared = compare_all(&first, &second)?;
    if compared.is_empty() {
        return Err(nothing_in_common(&first, &second));
    }
    let header = ["log", "entries (first)", "entries (second)", "what"];
    out.list(&header, &compared, row, to_json);
    conclude(&compared, args.evidence.as_deref(), out)
}

/// The export in a directory; `None` for a file, which is a checkpoint.
fn export_at(path: &Path, card: &Path, out: &mut Out) -> Result<Option<Export>, Failure> {
    match path.is_dir() {
        true => Export::open(path, Some(card), None, Alone::default(), out).map(Some),
        false => Ok(None),
    }
}

fn states<'a>(
    path: &Path,
    export: Option<&'a Export>,
    card: &Card,
) -> Result<Vec<State<'a>>, Failure> {
    let Some(export) = export else {
        return Ok(vec![State { signed: signed(path, &read_text(path)?, card)?, export: None }]);
    };
    let state = |log: &'a Export| {
        let signed = signed(log.path(), log.note(), card)?;
        Ok(State { signed, export: Some(log) })
    };
    export.logs().map(|(_, log)| state(log)).collect()
}

fn signed(path: &Path, note: &str, card: &Card) -> Result<SignedCheckpoint, Failure> {
    let unproven = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::VerificationFailed, format!("{}: {error}", path.display()))
            .hint("name an export of this authority, or a checkpoint that its log has signed")
    };
    let origin = Checkpoint::parse_unverified(note).map_err(|error| unproven(&error))?.origin;
    if !card.owns_log(&origin) {
        let whose = card.authority();
        return Err(unproven(&format!("is of {origin}, and the card is of {whose}")));
    }
    SignedCheckpoint::verify(note, &card.log_keys_of(&origin)).map_err(|error| unproven(&error))
}

fn compare_all(first: &[State<'_>], second: &[State<'_>]) -> Result<Vec<Compared>, Failure> {
    let mut compared = Vec::new();
    for one in first {
        let origin = &one.head().origin;
        if let Some(other) = second.iter().find(|other| other.head().origin == *origin) {
            let sizes = (one.head().size, other.head().size);
            let verdict = compare(one, other)?;
            compared.push(Compared { log_origin: origin.clone(), sizes, verdict });
        }
    }
    Ok(compared)
}

fn compare(first: &State<'_>, second: &State<'_>) -> Result<Verdict, Failure> {
    let (a, b) = (first.head(), second.head());
    let beyond = |e: EvidenceError| Failure::new(Exit::Fault, format!("{}: {e}", a.origin));
    if a.size == b.size {
        return match a.root == b.root {
            true => Ok(Verdict::Same),
            false => {
                let evidence = Evidence::same_size(&first.signed, &second.signed);
                Ok(Verdict::TwoPasts(Box::new(evidence.map_err(beyond)?)))
            }
        };
    }
    let (small, large) = if a.size < b.size { (first, second) } else { (second, first) };
    let goes_on = if a.size < b.size { Verdict::SecondGoesOn } else { Verdict::FirstGoesOn };
    let Some(export) = large.export else { return Err(larger_is_lacking(large.head())) };
    let (old, new) = (small.head(), large.head());
    let begins = root_at(old.size, |node| export.node(node))?;
    let proof = consistency_proof(old.size, new.size, |node| export.node(node))?;
    // The tiles are believed only where they lead to the root that was signed.
    verify_consistency(old.size, &begins, new.size, &new.root, &proof).map_err(|error| {
        let dir = export.path().display();
        Failure::new(Exit::VerificationFailed, format!("{dir}: its tiles prove nothing: {error}"))
            .hint("`rogatory audit verify` says what is wrong with this export")
    })?;
    if begins == old.root {
        return Ok(goes_on);
    }
    let evidence = Evidence::other_prefix(&small.signed, &large.signed, begins, proof);
    Ok(Verdict::TwoPasts(Box::new(evidence.map_err(beyond)?)))
}

fn larger_is_lacking(larger: &Checkpoint) -> Failure {
    let Checkpoint { origin, size, .. } = larger;
    let message = format!(
        "the checkpoint of {origin} with {size} entries is the larger state, and its export is not \
         at hand"
    );
    Failure::new(Exit::NotFound, message)
        .hint("ask the authority for an export of so many entries, or more: it owes you one")
}

fn nothing_in_common(first: &[State<'_>], second: &[State<'_>]) -> Failure {
    let origins = |states: &[State<'_>]| {
        let origins: Vec<&str> = states.iter().map(|state| state.head().origin.as_str()).collect();
        origins.join(", ")
    };
    let message =
        format!("there is no log that both have: {} and {}", origins(first), origins(second));
    Failure::new(Exit::NotFound, message).hint(
        "a whole export has all logs of its authority: name one that has the earlier ones too",
    )
}

fn row(compared: &Compared) -> Vec<String> {
    let Compared { log_origin, sizes: (a, b), verdict } = compared;
    vec![log_origin.clone(), a.to_string(), b.to_string(), verdict.told().to_owned()]
}

fn to_json(compared: &Compared) -> serde_json::Value {
    let Compared { log_origin, sizes: (first, second), verdict } = compared;
    let verdict = verdict.as_str();
    json!({
        "log_origin": log_origin,
        "size_first": first,
        "size_second": second,
        "verdict": verdict,
    })
}

fn conclude(compared: &[Compared], evidence: Option<&Path>, out: &mut Out) -> Result<(), Failure> {
    let two_pasts = compared.iter().find_map(|compared| match &compared.verdict {
        Verdict::TwoPasts(found) => Some((&compared.log_origin, found)),
        _ => None,
    });
    let Some((origin, found)) = two_pasts else { return Ok(()) };
    let failure =
        Failure::new(Exit::VerificationFailed, format!("the log {origin} has signed two pasts"));
    let Some(path) = evidence else {
        return Err(failure.hint("keep both as they are, and say --evidence FILE for the proof"));
    };
    write_new(path, found.to_text().as_bytes())?;
    out.talk(&format!("the proof is in {}", path.display()));
    Err(failure.hint(
        "keep both as they are; whoever has the card can verify the proof: `rogatory audit evidence`",
    ))
}

#[cfg(test)]
#[path = "compare_tests.rs"]
mod tests;
