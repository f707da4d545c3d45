//! `rogatory card`.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::connect::OperatorAccess;
use super::exit::{Exit, Failure};
use super::files::{read_card, read_text, write_new};
use super::out::Out;
use super::view;
use crate::audit::note::WitnessKey;
use crate::card::{Card, CardEdit, CardName};
use crate::pb::v1 as pb;
use crate::pb::v1::operator_service_client::OperatorServiceClient;

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
    /// Publishes a newer card: what this authority is competent for, accepts and asks
    ///
    /// The file says what changes, in TOML; docs/cli.md has its fields. The card is signed with the
    /// root key, which must lie in keys/, logged, and sent to all peers at once, or as soon as the
    /// node runs.
    ///
    ///   rogatory card publish changes.toml --home /var/lib/rogatory
    #[command(verbatim_doc_comment)]
    Publish {
        #[command(flatten)]
        access: OperatorAccess,
        /// What changes
        file: PathBuf,
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

pub(crate) async fn run(args: CardArgs, out: &mut Out) -> Result<(), Failure> {
    match args.command {
        CardCommand::Show { file: Some(file), .. } => show(&read_card(&file)?, out),
        CardCommand::Show { file: None, home } => show(&home.card()?, out),
        CardCommand::Export { home, out: file } => export(&home.card()?, file, out)?,
        CardCommand::Publish { access, file } => publish(&access, &file, out).await?,
    }
    Ok(())
}

async fn publish(access: &OperatorAccess, file: &Path, out: &mut Out) -> Result<(), Failure> {
    let changes = read_text(file)?;
    CardEdit::parse(&changes).map_err(|error| {
        Failure::bad_file(file, error).hint("docs/cli.md has the fields of a file of changes")
    })?;
    let act = async |channel, out: &mut Out| {
        let mut client = OperatorServiceClient::new(channel);
        let request = pb::PublishCardRequest { changes };
        let done = client.publish_card(request).await?.into_inner();
        let changed: Vec<String> = done.changes.iter().map(view::changed).collect();
        let fields = [("card version", done.version.to_string()), ("changed", changed.join("\n"))];
        let json = json!({
            "card_version": done.version,
            "changes": done.changes.iter().map(view::card_change).collect::<Vec<_>>(),
        });
        out.record(&fields, &json);
        match done.changes.is_empty() {
            true => out.talk("note: the card says all this already: nothing was published"),
            false => {
                out.talk("note: it goes to all peers by itself; `rogatory status` shows the links")
            }
        }
        Ok(())
    };
    access.at(out, act).await
}

/// A name with what it is written in.
fn name(name: &CardName) -> String {
    match name.scheme.as_str() {
        "" => format!("{} ({})", name.text, name.language),
        scheme => format!("{} ({}, {scheme})", name.text, name.language),
    }
}

fn show(card: &Card, out: &mut Out) {
    let (body, fingerprint) = (card.body(), card.fingerprint());
    let fields = [
        ("authority", body.authority.to_string()),
        ("is", view::not_central(body.kind.as_str())),
        ("name", body.name.clone()),
        ("names", body.names.iter().map(name).collect::<Vec<_>>().join("\n")),
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
        "kind": body.kind,
        "profile": card.profile(),
        "name": body.name,
        "names": body.names,
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
