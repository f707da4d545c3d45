//! `rogatory directory`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tonic::transport::Channel;

use super::connect::OperatorAccess;
use super::day::day_or_time;
use super::exit::{Exit, Failure};
use super::out::Out;
use super::view;
use crate::domain::AuthorityId;
use crate::pb::v1 as pb;
use crate::pb::v1::directory_service_client::DirectoryServiceClient;

/// Who takes part: the authorities that this node trusts, and itself
#[derive(Args)]
// A desk looks up more often than an operator does: its profile is taken as elsewhere.
#[command(mut_arg("profile", |profile| {
    profile
        .env("ROGATORY_PROFILE")
        .hide_env_values(true)
        .help("The profile of an agency that may read, or operate, instead of the home")
}))]
pub(crate) struct DirectoryArgs {
    #[command(flatten)]
    access: OperatorAccess,
    #[command(subcommand)]
    command: DirectoryCommand,
}

#[derive(Subcommand)]
enum DirectoryCommand {
    /// Lists authorities: all, or those that fit everything that is given
    ///
    ///   rogatory directory list --convention UNTOC --language th
    #[command(verbatim_doc_comment)]
    List {
        /// Of this country, ISO 3166-1 alpha-2
        #[arg(long, value_name = "CC", default_value = "", hide_default_value = true)]
        country: String,
        /// Competent for this, as in mla or extradition
        #[arg(long, value_name = "WORD", default_value = "", hide_default_value = true)]
        function: String,
        /// Of a State that is a party to this instrument, as in UNTOC
        #[arg(long, value_name = "CODE", default_value = "", hide_default_value = true)]
        convention: String,
        /// That accepts requests in this language; zh finds zh-Hant too
        #[arg(long, value_name = "TAG", default_value = "", hide_default_value = true)]
        language: String,
    },
    /// Shows what an authority says of itself, now or as of a day
    Show {
        /// As in xb.pps
        authority: AuthorityId,
        /// As this node knew it at the end of this day, or at this time (RFC 3339), in UTC
        #[arg(long, value_name = "DATE", value_parser = day_or_time)]
        as_of: Option<String>,
    },
    /// Finds authorities by words: name, id, country, functions, conventions, languages
    ///
    /// Each of the words must occur, in any case.
    Search {
        /// The words
        #[arg(required = true, value_name = "WORD")]
        words: Vec<String>,
    },
    /// Shows what changed in the cards of an authority, and which log entry says so
    History {
        /// As in xb.pps; also one that was removed
        authority: AuthorityId,
    },
}

type Client = DirectoryServiceClient<Channel>;

pub(crate) async fn run(args: DirectoryArgs, out: &mut Out) -> Result<(), Failure> {
    let access = args.access;
    let act = async |channel, out: &mut Out| {
        let client = DirectoryServiceClient::new(channel);
        match args.command {
            DirectoryCommand::List { country, function, convention, language } => {
                let words = String::new();
                let wanted =
                    pb::ListAuthoritiesRequest { country, function, convention, language, words };
                list(client, wanted, out).await
            }
            DirectoryCommand::Search { words } => {
                let wanted =
                    pb::ListAuthoritiesRequest { words: words.join(" "), ..Default::default() };
                list(client, wanted, out).await
            }
            DirectoryCommand::Show { authority, as_of } => {
                show(client, &authority, as_of.unwrap_or_default(), out).await
            }
            DirectoryCommand::History { authority } => history(client, &authority, out).await,
        }
    };
    access.at(out, act).await
}

async fn list(
    mut client: Client,
    wanted: pb::ListAuthoritiesRequest,
    out: &mut Out,
) -> Result<(), Failure> {
    let found = client.list_authorities(wanted).await?.into_inner().authorities;
    let header = ["authority", "name", "country", "functions", "conventions", "languages", "card"];
    let row = |a: &pb::Authority| {
        vec![
            a.authority.clone(),
            a.display_name.clone(),
            a.country.clone(),
            a.functions.join(", "),
            a.conventions.join(", "),
            a.languages.join(", "),
            a.card_version.to_string(),
        ]
    };
    out.list(&header, &found, row, authority_json);
    Ok(())
}

async fn show(
    mut client: Client,
    authority: &AuthorityId,
    as_of: String,
    out: &mut Out,
) -> Result<(), Failure> {
    let wanted = pb::GetAuthorityRequest { authority: authority.to_string(), as_of };
    let a = client.get_authority(wanted).await.map_err(unknown)?.into_inner();
    let fields = [
        ("authority", a.authority.clone()),
        ("is", view::not_central(&a.kind)),
        ("name", a.display_name.clone()),
        ("country", a.country.clone()),
        ("functions", a.functions.join(", ")),
        ("languages", a.languages.join(", ")),
        ("conventions", a.conventions.join(", ")),
        ("endpoint", a.endpoint.clone()),
        ("card version", a.card_version.to_string()),
        ("issued", a.issue_time.clone()),
        ("expires", a.expire_time.clone()),
        ("known since", a.since_time.clone()),
        ("suspended", a.suspended.clone()),
        ("fingerprint", a.fingerprint.clone()),
    ];
    out.record(&fields, &whole_json(&a));
    if !out.is_json() && !a.profile.is_empty() {
        out.data("");
        out.data(&readable(&a.profile));
    }
    Ok(())
}

/// What an authority asks of requests, as a file of changes has it.
fn readable(profile: &str) -> String {
    let value: Value = serde_json::from_str(profile).unwrap_or_default();
    toml::to_string_pretty(&json!({ "profile": value })).unwrap_or_else(|_| profile.to_owned())
}

async fn history(
    mut client: Client,
    authority: &AuthorityId,
    out: &mut Out,
) -> Result<(), Failure> {
    let wanted = pb::ListCardsRequest { authority: authority.to_string() };
    let cards = client.list_cards(wanted).await.map_err(unknown)?.into_inner().cards;
    let header = ["card", "from", "until", "changed", "entry"];
    out.list(&header, &cards, history_row, history_json);
    Ok(())
}

fn history_row(c: &pb::CardVersion) -> Vec<String> {
    let version = match c.version {
        0 => "removed".to_owned(),
        version => version.to_string(),
    };
    let changed: Vec<String> = c.changes.iter().map(view::changed).collect();
    let entry = view::place(c.log, c.log_index);
    vec![version, c.since_time.clone(), c.until_time.clone(), changed.join("\n"), entry]
}

fn unknown(status: tonic::Status) -> Failure {
    let failure = Failure::from(status);
    match failure.code {
        Exit::NotFound => failure.hint("`rogatory directory list` shows the authorities"),
        _ => failure,
    }
}

fn authority_json(a: &pb::Authority) -> Value {
    json!({
        "authority": a.authority,
        "kind": a.kind,
        "display_name": a.display_name,
        "country": a.country,
        "functions": a.functions,
        "languages": a.languages,
        "conventions": a.conventions,
        "endpoint": a.endpoint,
        "card_version": a.card_version,
        "issue_time": a.issue_time,
        "expire_time": a.expire_time,
        "since_time": a.since_time,
        "is_own": a.is_own,
        "suspended": a.suspended,
        "fingerprint": a.fingerprint,
    })
}

fn whole_json(a: &pb::Authority) -> Value {
    let mut value = authority_json(a);
    value["profile"] = serde_json::from_str(&a.profile).unwrap_or(Value::Null);
    value["card"] = json!(a.card);
    value
}

fn history_json(c: &pb::CardVersion) -> Value {
    json!({
        "version": c.version,
        "since_time": c.since_time,
        "until_time": c.until_time,
        "log_index": c.log_index,
        "log": c.log,
        "card_sha256": c.card_digest,
        "changes": c.changes.iter().map(view::card_change).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_shown_as_it_is_written() {
        let shown = readable(r#"{"conventions":["UNTOC"],"thresholds":{"min_penalty_months":12}}"#);
        assert!(shown.starts_with("[profile]\nconventions = [\"UNTOC\"]"), "{shown}");
        let file = crate::card::CardEdit::parse(&shown).expect("a file of changes");
        let months = file.profile.and_then(|profile| profile.thresholds.min_penalty_months);
        assert_eq!(months, Some(12));
        assert_eq!(whole_json(&pb::Authority::default())["profile"], Value::Null);
    }

    #[test]
    fn a_history_names_what_changed_and_where_that_stands() {
        let change = pb::CardChange {
            field: "languages".into(),
            before: "[\"en\"]".into(),
            after: "[\"en\",\"th\"]".into(),
        };
        let card = pb::CardVersion {
            version: 2,
            log_index: 7,
            changes: vec![change],
            ..Default::default()
        };
        let row = history_row(&card);
        assert_eq!(
            (row[0].as_str(), row[3].as_str()),
            ("2", "languages: [\"en\"] -> [\"en\",\"th\"]")
        );
        assert!(row[4].contains('7'), "{row:?}");
        assert_eq!(history_row(&pb::CardVersion::default())[0], "removed");
    }
}
