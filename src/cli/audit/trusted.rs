//! The card that an export or excerpt is read with.

use std::path::Path;

use crate::audit::checkpoint::Checkpoint;
use crate::audit::export::{CARDS, CHECKPOINT_PATH};
use crate::card::Card;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{read_card, read_text};
use crate::cli::out::Out;
use crate::cli::peer;

const GIVE_THE_CARD: &str = "give the authority's card with --card";

/// The card that an export or excerpt is read with; warns where it is its own.
pub(super) fn trusted_card(
    dir: &Path,
    card: Option<&Path>,
    fingerprint: Option<&str>,
    out: &mut Out,
) -> Result<Card, Failure> {
    let whose_word = card.is_none() && fingerprint.is_none();
    let card = match card {
        Some(card) => read_card(card)?,
        None => exported_card(dir)?,
    };
    if let Some(fingerprint) = fingerprint {
        peer::compare(&card, fingerprint)?;
    }
    if whose_word {
        warn(&card, out);
    }
    Ok(card)
}

/// The one of these cards that is of the authority of an export; where there is none, the export's own,
/// of which it warns.
pub(super) fn one_of(cards: &[Card], dir: &Path, out: &mut Out) -> Result<Card, Failure> {
    let authority = claimed_authority(dir)?;
    if let Some(card) = cards.iter().find(|card| card.authority().as_str() == authority) {
        return Ok(card.clone());
    }
    let card = exported_card(dir)?;
    warn_of_own_word(&card, out);
    out.talk("WARNING: then give the card that you trust with --card.");
    Ok(card)
}

/// The authority of whose log an export says that it is. It proves nothing.
fn claimed_authority(dir: &Path) -> Result<String, Failure> {
    let path = dir.join(CHECKPOINT_PATH);
    let text = read_text(&path).map_err(|failure| failure.or_hint(GIVE_THE_CARD))?;
    let checkpoint = Checkpoint::parse_unverified(&text);
    let origin = checkpoint.map_err(|error| unproven(&path, &error))?.origin;
    match origin.split_once("/log/").filter(|(authority, _)| !authority.contains('/')) {
        Some((authority, _)) => Ok(authority.to_owned()),
        None => Err(unproven(&path, &"names no log of an authority")),
    }
}

/// The card that the export itself brings for the log that it says it is of.
pub(super) fn exported_card(dir: &Path) -> Result<Card, Failure> {
    let authority = claimed_authority(dir)?;
    let path = dir.join(format!("{CARDS}{authority}.card"));
    // What waits in its place for somebody to write to it would be waited for, too.
    if path.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(Failure::bad_file(&path, "is not a regular file"));
    }
    let card = read_card(&path);
    let card = card.map_err(|failure| failure.or_hint(GIVE_THE_CARD))?;
    match card.authority().as_str() == authority {
        true => Ok(card),
        false => {
            let why = format!("the export's card of {authority} is of another");
            Err(unproven(&dir.join(CHECKPOINT_PATH), &why))
        }
    }
}

fn unproven(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::new(Exit::VerificationFailed, format!("{}: {why}", path.display()))
}

/// Says that what was found rests on the export alone.
pub(super) fn warn(card: &Card, out: &mut Out) {
    warn_of_own_word(card, out);
    out.talk("WARNING: then say --fingerprint \"…\", or give the card that you trust with --card.");
}

fn warn_of_own_word(card: &Card, out: &mut Out) {
    let (whose, fingerprint) = (card.authority(), card.fingerprint());
    out.talk("WARNING: the key is the export's own word: whoever wrote the export chose it.");
    out.talk(&format!("WARNING: this proves nothing until {whose} reads out this fingerprint:"));
    out.talk(&format!("WARNING:   {}", fingerprint.words()));
    out.talk(&format!("WARNING:   {}", fingerprint.hex()));
}
