//! `rogatory official`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::connect::HomeAccess;
use super::exit::{Exit, Failure};
use super::files::{read_card, read_passphrase, write_new};
use super::key;
use super::out::Out;
use crate::card::{Official, is_official_id};
use crate::crypto::PublicKey;
use crate::domain::Timestamp;
use crate::domain::time::DAY_MS;
use crate::home::{
    OfficialChange, OfficialChangeError, OfficialKeyError, OfficialKeyFile, OfficialPublic,
};
use crate::node::{change_officials, now};

/// Clocks differ: what is made now is valid from an hour ago.
const BACKDATED_MS: i64 = 3600 * 1000;

/// Officials to whom others can seal the particulars of victims and witnesses
///
/// An official is an office, as in "Victim protection desk": a card is public and names no person.
/// The official makes a key and keeps it; the operator names its public half in the authority's
/// card. Annexes that are sealed to it only the official and the node open together.
#[derive(Args)]
pub(crate) struct OfficialArgs {
    #[command(subcommand)]
    command: OfficialCommand,
}

#[derive(Subcommand)]
enum OfficialCommand {
    /// Makes the key of an official, on the official's own machine
    ///
    /// The private key stays in FILE. Give FILE.pub to the operator of the node, who names it in the
    /// card with `rogatory official add`.
    New(New),
    /// Names an official in the authority's card, or gives one that is named a new key
    ///
    /// The node is stopped for that; it sends the new card to all peers when it runs.
    Add(Add),
    /// Lists the officials in a card: of the home, or of a file that you were sent
    List(List),
    /// Names an official no more
    ///
    /// From the next start of the node on, nothing is released to it, not even what was sealed to it
    /// before.
    Remove(Remove),
}

#[derive(Args)]
struct New {
    /// The official's id: lower-case letters, digits and hyphens, as in victims-desk
    #[arg(value_name = "ID", value_parser = official_id)]
    id: String,
    /// Where the private key is written
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// The passphrase that the private key is kept under
    #[arg(long, value_name = "FILE", required_unless_present = "insecure_plain_keys")]
    passphrase_file: Option<PathBuf>,
    /// Keeps the private key in clear: for trials only
    #[arg(long, conflicts_with = "passphrase_file")]
    insecure_plain_keys: bool,
}

#[derive(Args)]
struct Add {
    #[command(flatten)]
    access: HomeAccess,
    /// The file FILE.pub that `rogatory official new` wrote
    #[arg(value_name = "FILE")]
    public: PathBuf,
    /// The office, for people: a function, never the name of a person
    #[arg(long, value_name = "TEXT")]
    office: String,
    /// Days for which it is valid
    #[arg(
        long,
        value_name = "N",
        default_value_t = 730,
        value_parser = clap::value_parser!(i64).range(1..=3650)
    )]
    valid_days: i64,
}

#[derive(Args)]
struct List {
    /// Somebody's card
    #[arg(required_unless_present = "home")]
    card: Option<PathBuf>,
    /// The node's home
    #[arg(long, env = "ROGATORY_HOME", hide_env_values = true, value_name = "DIR")]
    home: Option<PathBuf>,
}

#[derive(Args)]
struct Remove {
    #[command(flatten)]
    access: HomeAccess,
    /// The official's id
    #[arg(value_name = "ID", value_parser = official_id)]
    id: String,
}

fn official_id(text: &str) -> Result<String, &'static str> {
    let rule = "it has 1 to 48 lower-case letters, digits and hyphens, as in victims-desk, and \
                begins with a letter";
    is_official_id(text).then(|| text.to_owned()).ok_or(rule)
}

pub(crate) async fn run(args: OfficialArgs, out: &mut Out) -> Result<(), Failure> {
    match args.command {
        OfficialCommand::New(args) => new(&args, out),
        OfficialCommand::Add(args) => add(args, out).await,
        OfficialCommand::List(args) => list(args, out),
        OfficialCommand::Remove(args) => {
            change(&args.access, OfficialChange::Remove(args.id), out).await
        }
    }
}

fn new(args: &New, out: &mut Out) -> Result<(), Failure> {
    let passphrase = args.passphrase_file.as_deref().map(read_passphrase).transpose()?;
    let passphrase = passphrase.as_ref().map(|passphrase| passphrase.as_slice());
    let made = OfficialKeyFile::generate(&args.id, passphrase);
    let (file, public) = made.map_err(|error| Failure::from(anyhow::Error::new(error)))?;
    let published = published(&args.out);
    write_new(&args.out, &to_bytes(&file)?)?;
    write_new(&published, &to_bytes(&public)?)?;
    let fields = [
        ("official", file.official.clone()),
        ("key", file.key_id.clone()),
        ("private key", args.out.display().to_string()),
        ("public key", published.display().to_string()),
    ];
    let json = json!({
        "official": file.official,
        "key_id": file.key_id,
        "private_key": args.out.display().to_string(),
        "public_key": published.display().to_string(),
    });
    out.record(&fields, &json);
    if file.is_insecure() {
        out.talk("warning: the private key stands in clear on disk: for trials only");
    }
    out.talk("next: give the public key to the operator: `rogatory official add`");
    Ok(())
}

fn published(private: &std::path::Path) -> PathBuf {
    let mut name = private.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

fn to_bytes(value: &impl serde::Serialize) -> Result<Vec<u8>, Failure> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| Failure::new(Exit::Fault, error.to_string()))?;
    Ok(format!("{text}\n").into_bytes())
}

async fn add(args: Add, out: &mut Out) -> Result<(), Failure> {
    let (public, key) = OfficialPublic::read(&args.public).map_err(|e| key_failure(&e))?;
    let from = now().plus_ms(-BACKDATED_MS);
    let until = now().plus_ms(args.valid_days * DAY_MS);
    let official = Official::new(&public.official, &args.office, &key, from, until);
    change(&args.access, OfficialChange::Add(official), out).await
}

async fn change(access: &HomeAccess, change: OfficialChange, out: &mut Out) -> Result<(), Failure> {
    let home = access.home()?;
    let changed = change_officials(home, access.passphrase_file(), change).await;
    let changed = changed.map_err(|error| {
        let found = error.chain().find_map(|cause| cause.downcast_ref::<OfficialChangeError>());
        let hint = found.map(OfficialChangeError::hint);
        let failure = Failure::from(error);
        hint.map_or_else(|| failure.clone(), |hint| failure.clone().or_hint(&hint))
    })?;
    key::tell(&changed, out);
    Ok(())
}

fn list(args: List, out: &mut Out) -> Result<(), Failure> {
    let path = match (args.card, args.home) {
        (Some(card), _) => card,
        (None, Some(home)) => home.join("card.txt"),
        (None, None) => {
            return Err(
                Failure::new(Exit::Usage, "there is no card").hint("name a file, or --home")
            );
        }
    };
    let card = read_card(&path)?;
    let header = ["official", "office", "key", "from", "until"];
    out.list(&header, card.officials(), row, to_json);
    Ok(())
}

fn row((official, key): &(Official, PublicKey)) -> Vec<String> {
    let (from, until) = (official.from.to_string(), official.until.to_string());
    vec![official.id.clone(), official.office.clone(), key.id().to_string(), from, until]
}

fn to_json((official, key): &(Official, PublicKey)) -> Value {
    let time = |time: Timestamp| time.to_string();
    json!({
        "official": official.id,
        "office": official.office,
        "key_id": key.id().to_string(),
        "from": time(official.from),
        "until": time(official.until),
    })
}

/// What is wrong with the file of an official's key.
pub(super) fn key_failure(error: &OfficialKeyError) -> Failure {
    let code = match error {
        OfficialKeyError::Io { source, .. } => {
            super::exit::code_of_io(source).unwrap_or(Exit::Failed)
        }
        OfficialKeyError::Damaged { .. } => Exit::BadInput,
        OfficialKeyError::Locked { .. } => Exit::Failed,
    };
    Failure::new(code, error.to_string()).hint(error.hint())
}
