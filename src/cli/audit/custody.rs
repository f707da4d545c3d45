//! `rogatory audit custody`: the custody of one exhibit, over the logs of all who had it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::chain::Alone;
use super::dir::Export;
use super::when::shown;
use crate::audit::Position;
use crate::audit::custody::{Carried, Custody, CustodyError, Known, Passage, Step};
use crate::card::Card;
use crate::cli::exhibit;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::read_card;
use crate::cli::out::Out;
use crate::domain::AuthorityId;
use crate::envelope::claimed_sender;
use crate::receipt::exhibit::{ExhibitError, ShownExhibit};

/// Replays the custody of one exhibit over the exported logs of all who had it
///
/// Each proof shows that the file is an exhibit of a package of a message: the one in which it was
/// sent, and those in which it was returned or sent on. Of each log, which is verified first, the
/// entries about these messages are shown, in the order of their times, with what each says.
///
///   rogatory audit custody image.bin --proof image.proof --export xa/ --export xb/ \
///     --card xa.oag.card --card xb.pps.card
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct CustodyArgs {
    /// The exhibit, as it was fetched
    exhibit: PathBuf,
    /// A proof of it that `rogatory exhibit prove` wrote; may be given several times
    #[arg(long, value_name = "FILE", required = true)]
    proof: Vec<PathBuf>,
    /// The export of one authority's log; may be given several times
    #[arg(long, value_name = "DIR", required = true)]
    export: Vec<PathBuf>,
    /// The card of an authority whose log it is, or that sent it; may be given several times
    #[arg(long, value_name = "FILE")]
    card: Vec<PathBuf>,
    #[command(flatten)]
    alone: Alone,
}

pub(super) fn run(args: CustodyArgs, out: &mut Out) -> Result<(), Failure> {
    let mut cards = cards(&args.card)?;
    let exports = exports(&args, &cards, out)?;
    let given = cards.len();
    for export in &exports {
        if !is_among(&cards, export.card().authority()) {
            cards.push(export.card().clone());
        }
    }
    let own: Vec<AuthorityId> =
        cards[given..].iter().map(|card| card.authority().clone()).collect();
    let carried = proven(&args, (&cards, &own), out)?;
    let mut custody = Custody::of(carried).map_err(contradicted)?;
    for export in &exports {
        take(export, &mut custody, out)?;
    }
    let custody = custody.ordered();
    tell(&custody, (&exports, &own), out);
    match custody.contradiction() {
        Some(contradiction) => Err(contradicted(contradiction.clone())),
        None => conclude(&custody),
    }
}

fn is_among(cards: &[Card], authority: &AuthorityId) -> bool {
    cards.iter().any(|card| card.authority() == authority)
}

fn cards(paths: &[PathBuf]) -> Result<Vec<Card>, Failure> {
    let mut cards: Vec<Card> = Vec::new();
    for path in paths {
        let card = read_card(path)?;
        if is_among(&cards, card.authority()) {
            let why = format!("is a second card of {}", card.authority());
            return Err(Failure::bad_file(path, why).hint("give one card of each authority"));
        }
        cards.push(card);
    }
    Ok(cards)
}

fn exports(args: &CustodyArgs, cards: &[Card], out: &mut Out) -> Result<Vec<Export>, Failure> {
    let mut exports: Vec<Export> = Vec::new();
    for dir in &args.export {
        let export = Export::open_with_one_of(dir, cards, args.alone, out)?;
        let authority = export.card().authority();
        if let Some(other) = exports.iter().find(|other| other.card().authority() == authority) {
            let (one, two) = (other.path().display(), dir.display());
            let message = format!("{one} and {two} are both exports of {authority}");
            return Err(Failure::new(Exit::BadInput, message)
                .hint("give one export of each authority: it has all its logs"));
        }
        exports.push(export);
    }
    Ok(exports)
}

/// The messages whose packages have the exhibit, each proven with the card of its sender.
fn proven(
    args: &CustodyArgs,
    (cards, own): (&[Card], &[AuthorityId]),
    out: &mut Out,
) -> Result<Vec<Carried>, Failure> {
    let mut carried = Vec::new();
    for path in &args.proof {
        let (shown, card) = prove(&args.exhibit, path, cards, out)?;
        let ShownExhibit { header, envelope, package, sha256, .. } = shown;
        if carried.is_empty() {
            let exhibit = args.exhibit.display();
            out.talk(&format!("{exhibit} has the SHA-256 {}", hex::encode(sha256)));
        }
        let (message, sender, recipient) = (header.message, header.sender, header.recipient);
        out.talk(&format!(
            "proven: it is an exhibit of package {package} of message {message}, which {sender} sent to \
             {recipient}"
        ));
        let (whose, words) = (card.authority(), card.fingerprint().words());
        out.talk(&format!("this rests on the card of {whose} with the fingerprint {words}"));
        if own.contains(whose) {
            out.talk(
                "WARNING: that card came with the export itself: whoever wrote the export chose it",
            );
        }
        carried.push(Carried { message, package, envelope, sender, recipient });
    }
    Ok(carried)
}

fn prove<'a>(
    file: &Path,
    path: &Path,
    cards: &'a [Card],
    out: &Out,
) -> Result<(ShownExhibit, &'a Card), Failure> {
    let proof = exhibit::read_proof(path)?;
    let sender = claimed_sender(&proof.envelope).map_err(|error| {
        let why = ExhibitError::from(error);
        Failure::new(Exit::VerificationFailed, format!("{}: {why}", path.display()))
    })?;
    let card = cards.iter().find(|card| *card.authority() == sender).ok_or_else(|| {
        let message = format!("{}: there is no card of {sender}, the sender", path.display());
        Failure::new(Exit::Usage, message).hint(format!("give the card of {sender} with --card"))
    })?;
    let shown = exhibit::check(file, proof, card, out).map_err(|failure| {
        let path = path.display();
        match failure.code {
            Exit::VerificationFailed => failure.hint(format!(
                "{path}: give the exhibit as it was fetched, its own proofs, and the cards of the senders"
            )),
            _ => failure,
        }
    })?;
    Ok((shown, card))
}

fn contradicted(error: CustodyError) -> Failure {
    let hint = match error {
        CustodyError::TwoContents(_) => {
            "keep both proofs as they are: together they prove that its sender signed two messages"
        }
        CustodyError::OtherContent { .. } => {
            "keep the proof and the export as they are: the proven message and the one of the log have \
             one id and two contents"
        }
    };
    Failure::new(Exit::VerificationFailed, error.to_string()).hint(hint)
}

/// Verifies an export, and takes from it what is about the messages.
fn take(export: &Export, custody: &mut Custody, out: &mut Out) -> Result<(), Failure> {
    let logs = export.logs().map(|(_, log)| log.checkpoint().origin.clone());
    let (authority, origins) = (export.card().authority(), logs.collect::<Vec<_>>());
    export.verify(out, &mut |place, entry| {
        let place = Position::from_number(place);
        let origin = origins.get(place.log as usize).map_or("", String::as_str);
        custody.take(authority, origin, place, entry);
    })?;
    Ok(())
}

fn tell(custody: &Custody, (exports, own): (&[Export], &[AuthorityId]), out: &mut Out) {
    if custody.steps().is_empty() {
        return;
    }
    let logs = |step: &Step| {
        let export = exports.iter().find(|export| *export.card().authority() == step.authority);
        export.map_or(1, |export| export.logs().count() as u32)
    };
    let header = ["time", "authority", "entry", "event", "who", "peer", "message", "code", "what"];
    let json = |step: &Step| to_json(step, own.contains(&step.authority));
    out.list(&header, custody.steps(), |step| row(step, logs(step)), json);
    let mut told: Vec<&Carried> = Vec::new();
    for carried in custody.carried().iter().filter(|carried| custody.is_known(carried)) {
        if told.iter().any(|one| one.envelope == carried.envelope) {
            continue;
        }
        told.push(carried);
        passage(carried, custody.passage(carried), out);
        lacking(carried, custody, exports, out);
    }
    for authority in missing(custody, exports) {
        out.talk(&format!(
            "note: no export of {authority} was given: what happened there is not shown"
        ));
    }
    out.talk("note: each time is by the clock of the node whose log has the entry");
    out.talk(
        "note: only messages with a proof are followed: that the exhibit went in no other is not shown",
    );
    out.talk("note: not proven are its name and its custody records");
}

/// What stands in the logs of both ends.
fn passage(carried: &Carried, passage: Passage, out: &mut Out) {
    let Carried { message, sender, recipient, .. } = carried;
    let came = match passage.came {
        Known::AtBothEnds => Some(format!(
            "note: that message {message} went from {sender} to {recipient} stands in the logs of both"
        )),
        Known::AtRecipient => Some(format!(
            "note: that message {message} came to {recipient} stands in its own log alone"
        )),
        Known::AtSender => Some(format!(
            "note: that message {message} came to {recipient} stands in the log of {sender} alone, which \
             says that it recorded a receipt"
        )),
        Known::Nowhere => None,
    };
    let handed_over = match passage.handed_over {
        Known::AtBothEnds => Some(format!(
            "note: that message {message} was handed to an agency of {recipient} stands in the logs of both"
        )),
        Known::AtRecipient => Some(format!(
            "note: that message {message} was handed to an agency of {recipient} stands in its own log \
             alone"
        )),
        Known::AtSender => Some(format!(
            "note: that message {message} was handed to an agency of {recipient} stands in the log of \
             {sender} alone, which says that it recorded a receipt"
        )),
        Known::Nowhere => None,
    };
    came.iter().chain(&handed_over).for_each(|note| out.talk(note));
}

/// Says which exports of the sender and the recipient have nothing of a message.
fn lacking(carried: &Carried, custody: &Custody, exports: &[Export], out: &mut Out) {
    let Carried { message, sender, recipient, .. } = carried;
    let lacks = |authority: &AuthorityId| {
        is_given(exports, authority) && !custody.is_known_to(authority, carried)
    };
    if lacks(sender) {
        out.talk(&format!(
            "note: the export of {sender} has no entry about message {message}, which {sender} has signed"
        ));
    }
    if lacks(recipient) {
        out.talk(&format!(
            "note: the export of {recipient} has no entry about message {message}, which was for {recipient}"
        ));
    }
}

fn is_given(exports: &[Export], authority: &AuthorityId) -> bool {
    exports.iter().any(|export| export.card().authority() == authority)
}

/// The senders and recipients of whom there is no export.
fn missing<'a>(custody: &'a Custody, exports: &[Export]) -> BTreeSet<&'a AuthorityId> {
    let ends = custody.carried().iter().flat_map(|carried| [&carried.sender, &carried.recipient]);
    ends.filter(|end| !is_given(exports, end)).collect()
}

fn conclude(custody: &Custody) -> Result<(), Failure> {
    let unknown = custody.carried().iter().filter(|carried| !custody.is_known(carried));
    let failures = unknown.map(|carried| {
        let Carried { message, sender, recipient, .. } = carried;
        let text = format!("no entry of these exports is about message {message}");
        Failure::new(Exit::NotFound, text)
            .hint(format!("give the exports of {sender} and of {recipient}, as their logs are now"))
    });
    Failure::all(failures).map_or(Ok(()), Err)
}

fn row(step: &Step, logs: u32) -> Vec<String> {
    let entry = &step.entry;
    vec![
        entry.at.to_string(),
        step.authority.to_string(),
        shown(step.place, logs),
        entry.event.to_string(),
        entry.who.clone().unwrap_or_default(),
        entry.peer.as_ref().map(ToString::to_string).unwrap_or_default(),
        step.message.to_string(),
        entry.code.clone().unwrap_or_default(),
        step.words(),
    ]
}

fn to_json(step: &Step, card_from_export: bool) -> Value {
    let entry = &step.entry;
    json!({
        "card_from_export": card_from_export,
        "envelope_digest": entry.envelope.map(hex::encode),
        "other_content": step.other_content,
        "recorded": entry.is_recorded_receipt(),
        "time": entry.at,
        "authority": step.authority,
        "log_origin": step.origin,
        "index": step.place.index,
        "event": entry.event.as_str(),
        "by": entry.by,
        "who": entry.who,
        "peer": entry.peer,
        "message_id": step.message,
        "package_id": entry.package,
        "code": entry.code,
        "what": step.words(),
    })
}

#[cfg(test)]
#[path = "custody_tests.rs"]
mod tests;
