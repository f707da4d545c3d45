//! `rogatory key`.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::connect::HomeAccess;
use super::exit::Failure;
use super::out::Out;
use crate::card::{Card, CardKey, tls_pin};
use crate::crypto::keys::Role;
use crate::home::{KeyChange, KeyChangeError};
use crate::node::{Changed, KeyShown, change_key, list_keys};

/// The keys of a node: what there is, and changing them while it is stopped
///
/// A changed key is in a new version of the card, signed with the root key, which must lie in keys/.
/// The node sends that card to all peers when it runs: they take it without comparing a fingerprint,
/// since the root key is the same. What changed stands in the log.
#[derive(Args)]
pub(crate) struct KeyArgs {
    #[command(flatten)]
    access: HomeAccess,
    #[command(subcommand)]
    command: KeyCommand,
}

#[derive(Subcommand)]
enum KeyCommand {
    /// Lists the keys of the home, and which of them the card names
    List,
    /// Makes a key that the home does not have, or the next one that signs
    ///
    /// Homes that were made before there was a witness-pq key get one. For signing, the new key is
    /// named in the card beside the old one, which stays in use: rotate when all peers have that
    /// card, since what is signed with a key that a peer does not know it refuses for good.
    Add {
        /// Which
        #[arg(value_name = "ROLE")]
        role: Added,
    },
    /// Puts a new key in the place of the old one
    ///
    /// A sealing key is kept: what peers seal to it until they have the new card still opens. The
    /// old one of a witness is gone; peers count the cosignatures of the new one as soon as they have
    /// the card. The old one that signed stays in the card for what was signed before.
    Rotate {
        /// Which
        #[arg(value_name = "ROLE")]
        role: Rotated,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Added {
    WitnessPq,
    Signing,
    SigningPq,
}

#[derive(Clone, Copy, ValueEnum)]
enum Rotated {
    Witness,
    WitnessPq,
    Sealing,
    Signing,
    SigningPq,
}

impl From<&KeyCommand> for Option<KeyChange> {
    fn from(command: &KeyCommand) -> Self {
        Some(match command {
            KeyCommand::List => return None,
            KeyCommand::Add { role } => KeyChange::Add(match role {
                Added::WitnessPq => Role::WitnessPq,
                Added::Signing => Role::Signing,
                Added::SigningPq => Role::SigningPq,
            }),
            KeyCommand::Rotate { role } => KeyChange::Rotate(match role {
                Rotated::Witness => Role::Witness,
                Rotated::WitnessPq => Role::WitnessPq,
                Rotated::Sealing => Role::Sealing,
                Rotated::Signing => Role::Signing,
                Rotated::SigningPq => Role::SigningPq,
            }),
        })
    }
}

pub(crate) async fn run(args: KeyArgs, out: &mut Out) -> Result<(), Failure> {
    let KeyArgs { access, command } = args;
    let home = access.home()?;
    let passphrase = access.passphrase_file();
    match Option::<KeyChange>::from(&command) {
        None => {
            let (card, keys) = list_keys(home, passphrase)?;
            let header = ["role", "key", "algorithm", "state", "in the card"];
            out.list(&header, &keys, |key| row(key, &card), |key| to_json(key, &card));
        }
        Some(change) => {
            let changed = change_key(home, passphrase, change).await.map_err(failure)?;
            tell(&changed, out);
        }
    }
    Ok(())
}

fn failure(error: anyhow::Error) -> Failure {
    let hint = error.chain().find_map(|cause| cause.downcast_ref::<KeyChangeError>());
    let hint = hint.map(KeyChangeError::hint);
    let failure = Failure::from(error);
    hint.map_or_else(|| failure.clone(), |hint| failure.clone().or_hint(&hint))
}

pub(super) fn tell(changed: &Changed, out: &mut Out) {
    let Changed { card, logged, resumed } = changed;
    let version = card.version().to_string();
    let fields = [
        ("card version", version),
        ("added", logged.added.join("\n")),
        ("retired", logged.retired.join("\n")),
    ];
    let json = json!({
        "card_version": card.version(),
        "card_sha256": hex::encode(card.digest()),
        "added": logged.added,
        "retired": logged.retired,
        "resumed": resumed,
    });
    out.record(&fields, &json);
    if *resumed {
        out.talk(
            "note: an earlier change had been cut off: it was ended, and nothing else was done",
        );
    }
    out.talk("next: start the node: it sends the card to all peers by itself");
}

/// What stands before an Ed25519 key in its DER form (RFC 8410 section 4), which the card pins.
const ED25519_SPKI: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Where the card has it: since when and until when, where it says so.
fn named(key: &KeyShown, card: &Card) -> Option<(String, String)> {
    let body = card.body();
    let dated = |keys: &[CardKey]| {
        let text = CardKey::new(&key.public, body.issued, body.expires).key;
        let found = keys.iter().find(|known| known.key == text)?;
        Some((found.from.to_string(), found.until.to_string()))
    };
    let has = |there: bool| there.then(|| (String::new(), body.expires.to_string()));
    match key.role {
        Role::Signing | Role::SigningPq => dated(&body.signing),
        Role::Sealing => dated(&body.sealing),
        Role::Log => has(card.log_keys().iter().any(|log| *log.public() == key.public)),
        Role::Witness | Role::WitnessPq => {
            has(card.witness_keys().iter().any(|known| *known.public() == key.public))
        }
        Role::Root => has(CardKey::new(&key.public, body.issued, body.expires).key == body.root),
        Role::Tls => {
            let spki = [ED25519_SPKI.as_slice(), key.public.bytes()].concat();
            has(card.tls_pins().contains(&tls_pin(&spki)))
        }
        // Nobody else needs these.
        Role::Archive | Role::AgencyCa => None,
    }
}

fn row(key: &KeyShown, card: &Card) -> Vec<String> {
    let named = match named(key, card) {
        Some((from, until)) if from.is_empty() => format!("until {until}"),
        Some((from, until)) => format!("{from} to {until}"),
        None => String::new(),
    };
    let (role, algorithm) = (key.role.as_str(), key.public.algorithm());
    vec![role.into(), key.public.id().to_string(), algorithm.to_string(), key.state.into(), named]
}

fn to_json(key: &KeyShown, card: &Card) -> Value {
    let named = named(key, card);
    json!({
        "role": key.role,
        "key_id": key.public.id().to_string(),
        "algorithm": key.public.algorithm(),
        "state": key.state,
        "in_card": named.is_some(),
        "from": named.as_ref().map_or("", |(from, _)| from),
        "until": named.as_ref().map_or("", |(_, until)| until),
    })
}
