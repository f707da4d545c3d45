//! `rogatory card`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::exit::{Exit, Failure};
use super::files::{read_card, write_new};
use super::out::Out;
use crate::audit::note::WitnessKey;
use crate::card::Card;

/// Shows what an authority publishes about itself: names, endpoint, keys
#[derive(Args)]
pub(crate) struct CardArgs {
    #[command(subcommand)]
    command: CardCommand,
}

#[derive(Subcommand)]
enum CardCommand {
    /// Shows a card and its fingerprint: of the home, or of a file that you were sent
    ///
    /// Compare the fingerprint with the other authority over a channel that you trust (in person,
    /// by telephone to a number that you know) before you add the card with `rogatory peer add`.
    Show {
        /// Somebody's card
        #[arg(required_unless_present = "home")]
        file: Option<PathBuf>,
        #[command(flatten)]
        home: Home,
    },
    /// Writes this authority's card, to be sent to others
    Export {
        #[command(flatten)]
        home: Home,
        /// Where; standard output if absent
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

#[derive(Args)]
struct Home {
    /// The node's home
    #[arg(long, env = "ROGATORY_HOME", hide_env_values = true, value_name = "DIR")]
    home: Option<PathBuf>,
}

impl Home {
    fn card(&self) -> Result<Card, Failure> {
        let home = self.home.as_ref().ok_or_else(|| {
            Failure::new(Exit::Usage, "there is no home").hint("name it with --home")
        })?;
        let failed = |f: Failure| f.or_hint("`rogatory init` makes a home with a card");
        read_card(&home.join("card.txt")).map_err(failed)
    }
}

pub(crate) fn run(args: CardArgs, out: &mut Out) -> Result<(), Failure> {
    match args.command {
        CardCommand::Show { file: Some(file), .. } => show(&read_card(&file)?, out),
        CardCommand::Show { file: None, home } => show(&home.card()?, out),
        CardCommand::Export { home, out: file } => export(&home.card()?, file, out)?,
    }
    Ok(())
}

fn show(card: &Card, out: &mut Out) {
    let (body, fingerprint) = (card.body(), card.fingerprint());
    let fields = [
        ("authority", body.authority.to_string()),
        ("name", body.name.clone()),
        ("country", body.country.clone()),
        ("fingerprint", fingerprint.words()),
        ("", fingerprint.hex()),
        ("endpoint", body.endpoint.clone()),
        ("functions", body.functions.join(", ")),
        ("languages", body.languages.join(", ")),
        ("signatures", format!("suite {} or higher", body.min_suite)),
        ("version", body.version.to_string()),
        ("issued", body.issued.to_string()),
        ("expires", body.expires.to_string()),
        ("log", body.log.origin.clone()),
        ("cosigns as", card.witness_keys().iter().map(witness).collect::<Vec<_>>().join("\n")),
    ];
    let json = json!({
        "authority": body.authority,
        "name": body.name,
        "country": body.country,
        "fingerprint": fingerprint.hex(),
        "fingerprint_words": fingerprint.words(),
        "endpoint": body.endpoint,
        "functions": body.functions,
        "languages": body.languages,
        "min_suite": body.min_suite,
        "version": body.version,
        "issued": body.issued,
        "expires": body.expires,
        "log_origin": body.log.origin,
        "log_keys": body.log.keys,
        "witness": body.witness,
        "witness_pq": body.witness_pq,
    });
    out.record(&fields, &json);
}

/// A witness key as people tell it from others: ML-DSA-44 keys are 1.8 KB long.
fn witness(key: &WitnessKey) -> String {
    format!("{}+{} ({})", key.name(), hex::encode(key.key_id()), key.public().algorithm())
}

fn export(card: &Card, file: Option<PathBuf>, out: &mut Out) -> Result<(), Failure> {
    let words = card.fingerprint().words();
    match file {
        Some(file) => {
            write_new(&file, card.text().as_bytes())?;
            let json = json!({ "file": file.display().to_string(), "fingerprint_words": words });
            out.record(&[("card", file.display().to_string())], &json);
        }
        None if out.is_json() => out.json(&json!({ "card": card.text() })),
        None => out.data(card.text()),
    }
    out.talk(&format!("fingerprint: {words}"));
    Ok(())
}
