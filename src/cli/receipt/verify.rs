//! `rogatory receipt verify`: needs the receipt and the card of who issued it, and no node.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::level::{self, LevelArgs};
use crate::audit::policy::Standing;
use crate::card::Card;
use crate::cli::exit::{Exit, Failure, told};
use crate::cli::files::{read_card, read_text};
use crate::cli::out::Out;
use crate::crypto::Digest;
use crate::domain::{AuthorityId, MessageId};
use crate::receipt::{Expected, Receipt, ReceiptError, VerifiedReceipt, verify};

/// Verifies a receipt offline, with the card of the authority that issued it
///
/// Say what you expect it to be about; what you do not say is taken from the receipt itself, and
/// then only its place in the log is proven.
///
///   rogatory receipt verify r.tlog-proof --card xb.pps.card \
///     --message ID --envelope HEX --peer xa.oag
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct VerifyArgs {
    /// The receipt
    file: PathBuf,
    /// The card of the authority that issued it, whose fingerprint you have compared
    #[arg(long, value_name = "FILE")]
    card: PathBuf,
    /// The message that it must be about
    #[arg(long, value_name = "ID")]
    message: Option<MessageId>,
    /// SHA-256 of the envelope that it must be about, as `rogatory show` prints it
    #[arg(long, value_name = "HEX", value_parser = digest)]
    envelope: Option<Digest>,
    /// The authority that the issuer must have exchanged it with: yours, if the receipt is for you
    #[arg(long, value_name = "AUTHORITY")]
    peer: Option<AuthorityId>,
    #[command(flatten)]
    level: LevelArgs,
}

fn digest(text: &str) -> Result<Digest, &'static str> {
    let mut digest = [0; 32];
    let read = hex::decode_to_slice(text, &mut digest);
    read.map(|()| digest).map_err(|_| "a SHA-256 has 64 hex digits")
}

pub(super) fn run(args: VerifyArgs, out: &mut Out) -> Result<(), Failure> {
    let card = read_card(&args.card)?;
    let shown = args.file.display();
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(Exit::VerificationFailed, format!("{shown}: {error}")).hint(NOT_PROVEN)
    };
    let receipt = Receipt::parse(&read_text(&args.file)?).map_err(|error| failed(&error))?;
    same_log(&receipt, &card, &args)?;
    let verified = check(&receipt, &card, &args).map_err(|error| {
        let failure = failed(&told(&error));
        match error {
            Unproven::Refused(ReceiptError::BadCheckpoint(_)) => failure.hint(OTHER_KEYS),
            _ => failure,
        }
    })?;
    let standing = level::level(&args.level, &verified).map_err(|failure| Failure {
        message: format!("{shown}: {}", failure.message),
        ..failure
    })?;
    print(&verified, standing.as_ref(), &card, &args, out);
    Ok(())
}

const NOT_PROVEN: &str = "it proves nothing of what was expected: keep it as it is, and have \
                          another saved with `rogatory receipt save`";

const OTHER_KEYS: &str = "either it was altered, or the card has other keys than this log had: \
                          compare the card's fingerprint with the authority";

/// A card of another log says nothing about the receipt, good or bad.
fn same_log(receipt: &Receipt, card: &Card, args: &VerifyArgs) -> Result<(), Failure> {
    let origin = &receipt.facts().origin;
    if card.owns_log(origin) {
        return Ok(());
    }
    let (file, receipt) = (args.card.display(), args.file.display());
    let (whose, log) = (card.authority(), card.log_origin());
    let message = format!(
        "{file}: is the card of {whose}, for the log {log}; but {receipt} is from {origin}"
    );
    let hint = match origin.split_once("/log/") {
        Some((issuer, _)) if issuer == whose.as_str() => {
            format!("give the card of {issuer} that names this log")
        }
        Some((issuer, _)) => format!("give the card of {issuer} with --card"),
        None => NOT_PROVEN.to_owned(),
    };
    Err(Failure::new(Exit::VerificationFailed, message).hint(hint))
}

#[derive(Debug, thiserror::Error)]
enum Unproven {
    #[error("the receipt names no {0}")]
    Nameless(&'static str),
    #[error(transparent)]
    Refused(#[from] ReceiptError),
}

fn check(receipt: &Receipt, card: &Card, args: &VerifyArgs) -> Result<VerifiedReceipt, Unproven> {
    let entry = &receipt.facts().entry;
    let peer = args.peer.as_ref().or(entry.peer.as_ref());
    let expected = Expected {
        issuer: card.authority(),
        keys: &card.log_keys_of(&receipt.facts().origin),
        message: args.message.or(entry.message).ok_or(Unproven::Nameless("message"))?,
        envelope: args.envelope.or(entry.envelope).ok_or(Unproven::Nameless("envelope"))?,
        peer: peer.ok_or(Unproven::Nameless("counterpart"))?,
    };
    Ok(verify(receipt, &expected)?)
}

fn print(
    verified: &VerifiedReceipt,
    standing: Option<&Standing>,
    card: &Card,
    args: &VerifyArgs,
    out: &mut Out,
) {
    let facts = verified.receipt().facts();
    let entry = &facts.entry;
    let message = entry.message.map(|id| id.to_string()).unwrap_or_default();
    let envelope = entry.envelope.map(hex::encode).unwrap_or_default();
    let peer = entry.peer.as_ref().map(AuthorityId::to_string).unwrap_or_default();
    let mut fields = vec![
        ("receipt", "proven".to_owned()),
        ("event", verified.event().to_string()),
        ("issuer", card.authority().to_string()),
        ("time", verified.at().to_string()),
        ("code", verified.code().unwrap_or_default().to_owned()),
        ("message", message.clone()),
        ("envelope", envelope.clone()),
        ("exchanged with", peer.clone()),
        ("log", format!("{}, entry {} of {}", facts.origin, facts.index, facts.size)),
    ];
    fields.extend(standing.into_iter().flat_map(level::fields));
    let json = json!({
        "ok": true,
        "event": verified.event().as_str(),
        "issuer": card.authority(),
        "time": verified.at(),
        "code": verified.code(),
        "message_id": message,
        "envelope_digest": envelope,
        "peer": peer,
        "log_origin": facts.origin,
        "log_index": facts.index,
        "log_size": facts.size,
        "log_is_first": facts.origin == card.log_origin(),
        "card_fingerprint": card.fingerprint().hex(),
        "standing": standing.map(level::to_json),
        "expected": {
            "message": args.message.is_some(),
            "envelope": args.envelope.is_some(),
            "peer": args.peer.is_some(),
        },
    });
    out.record(&fields, &json);
    remark(&facts.origin, card, args, out);
}

/// What the proof rests on, and what it leaves open.
fn remark(origin: &str, card: &Card, args: &VerifyArgs, out: &mut Out) {
    out.talk(&format!(
        "this rests on the card with the fingerprint {}",
        card.fingerprint().words()
    ));
    if origin != card.log_origin() {
        out.talk(&format!(
            "note: {} is a later log than {}, which the card names. That it follows is not shown here: an \
             export of it is verified with those before",
            origin,
            card.log_origin()
        ));
    }
    let open = [
        ("message", args.message.is_none()),
        ("envelope", args.envelope.is_none()),
        ("peer", args.peer.is_none()),
    ];
    let open: Vec<&str> = open.iter().filter(|(_, open)| *open).map(|(name, _)| *name).collect();
    if !open.is_empty() {
        let (what, whose) = (open.join(", "), card.authority());
        out.talk(&format!(
            "note: nothing was expected of: {what}. As to these, this checks only that the log of \
             {whose} contains this entry"
        ));
    }
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
