//! `rogatory init`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::exit::{Exit, Failure};
use super::files::read_passphrase;
use super::out::Out;
use crate::card::is_endpoint;
use crate::domain::{AuthorityId, AuthorityKind};
use crate::node::{self, InitOptions};

/// Makes the home of a new node: keys, certificates, card, configuration and an empty log
///
/// For a node that other States will reach:
///
///   rogatory init --authority th.oag --name "Office of the Attorney General" \
///     --home /var/lib/rogatory --endpoint mla.oag.example:7443 \
///     --passphrase-file /run/secrets/rogatory --languages en,th
///
/// Then compare the fingerprint that it prints with the other authorities, over a channel that
/// both sides trust.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct InitArgs {
    /// Whose node: the country's two letters, a dot and a name, as in th.oag
    #[arg(long)]
    authority: AuthorityId,
    /// The authority's name for people
    #[arg(long)]
    name: String,
    /// The country, ISO 3166-1 alpha-2; that of the authority if absent
    #[arg(long, value_name = "CC")]
    country: Option<String>,
    /// Where: a new directory
    #[arg(long, env = "ROGATORY_HOME", hide_env_values = true, value_name = "DIR")]
    home: PathBuf,
    /// Where other nodes reach this one, as its card says
    #[arg(long, value_name = "HOST:PORT", value_parser = endpoint)]
    endpoint: Option<String>,
    /// Where the node listens for other nodes; 0.0.0.0:7443 if absent
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    listen: Option<String>,
    /// Where the node listens for agencies; 127.0.0.1:8443 if absent
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    agency_listen: Option<String>,
    /// The passphrase that the private keys are kept under
    #[arg(long, value_name = "FILE", required_unless_present = "insecure_plain_keys")]
    passphrase_file: Option<PathBuf>,
    /// Keeps the private keys in clear: for trials only
    #[arg(long, conflicts_with = "passphrase_file")]
    insecure_plain_keys: bool,
    /// Languages in which requests are accepted
    #[arg(long, value_delimiter = ',', value_name = "TAG,…", default_value = "en")]
    languages: Vec<String>,
    /// What the authority is competent for
    #[arg(long, value_delimiter = ',', value_name = "WORD,…", default_value = "mla")]
    functions: Vec<String>,
    /// It is an international organisation, as UNHCR, IOM and UNODC are, of no country: the id is as in
    /// un.unhcr, and it takes part in the few kinds of messages that docs/exchange.md names
    #[arg(long)]
    organisation: bool,
    /// What messages are signed with: 1 is Ed25519, 2 is Ed25519 and ML-DSA-65 (post-quantum)
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=2), default_value_t = 1)]
    suite: u32,
}

fn endpoint(text: &str) -> Result<String, &'static str> {
    let ok = is_endpoint(text).then(|| text.to_owned());
    ok.ok_or("it is a name or an address, and a port, as in mla.example:7443")
}

fn address(text: &str) -> Result<String, &'static str> {
    let ok = text.parse::<SocketAddr>().is_ok().then(|| text.to_owned());
    ok.ok_or("it is an address and a port, as in 0.0.0.0:7443; names are not looked up")
}

pub(crate) fn run(args: InitArgs, out: &mut Out) -> Result<(), Failure> {
    let home = args.home.clone();
    let card = node::init(options(args)?)?;
    let fingerprint = card.fingerprint();
    let card_file = home.join("card.txt").display().to_string();
    let config = home.join("rogatory.toml").display().to_string();
    let fields = [
        ("authority", card.authority().to_string()),
        ("card", card_file.clone()),
        ("configuration", config.clone()),
        ("fingerprint", fingerprint.words()),
        ("", fingerprint.hex()),
    ];
    let json = json!({
        "authority": card.authority(),
        "home": home.display().to_string(),
        "card": card_file,
        "config": config,
        "fingerprint": fingerprint.hex(),
        "fingerprint_words": fingerprint.words(),
    });
    out.record(&fields, &json);
    out.talk("next: send the card to your peers, and read the fingerprint out to them");
    out.talk(&format!("next: rogatory serve --config {config}"));
    Ok(())
}

fn options(args: InitArgs) -> Result<InitOptions, Failure> {
    let passphrase = args.passphrase_file.as_deref().map(read_passphrase).transpose()?;
    // The configuration names it, and takes relative paths from the home.
    let passphrase_file = args.passphrase_file.map(std::path::absolute).transpose();
    let passphrase_file = passphrase_file
        .map_err(|e| Failure::new(Exit::BadInput, format!("--passphrase-file: {e}")))?;
    let country = args.country.unwrap_or_else(|| args.authority.country().to_ascii_uppercase());
    Ok(InitOptions {
        home: args.home,
        authority: args.authority,
        name: args.name,
        country,
        endpoint: args.endpoint,
        listen: args.listen,
        agency_listen: args.agency_listen,
        passphrase,
        passphrase_file,
        insecure_plain_keys: args.insecure_plain_keys,
        languages: args.languages,
        functions: args.functions,
        suite: args.suite,
        kind: match args.organisation {
            true => AuthorityKind::InternationalOrganisation,
            false => AuthorityKind::CentralAuthority,
        },
    })
}
