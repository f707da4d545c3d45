//! `rogatory framework`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use prost::Message as _;
use serde_json::{Value, json};

use super::closed::none_of;
use super::connect::AgencyAccess;
use super::day::day;
use super::exit::Failure;
use super::out::Out;
use super::{send, submit, view};
use crate::crypto::sha256;
use crate::domain::request::{Body, Content, FrameworkSubject};
use crate::domain::{AuthorityId, MessageKind, RequestId};
use crate::envelope::wire::{content_to_pb, subject_to_pb};
use crate::pb::v1 as pb;
use crate::pb::v1::agency_service_client::AgencyServiceClient;
use crate::pb::v1::directory_service_client::DirectoryServiceClient;

/// What authorities have told each other of their law and arrangements
#[derive(Args)]
pub(crate) struct FrameworkArgs {
    #[command(subcommand)]
    command: FrameworkCommand,
}

#[derive(Subcommand)]
enum FrameworkCommand {
    /// Sends a framework update to every authority of the directory
    ///
    /// One message goes to each. The same file again goes to those only that have not got it: after
    /// a command that failed, or when somebody has joined. docs/request.md has the fields.
    ///
    ///   rogatory framework publish law-2026.toml
    #[command(verbatim_doc_comment)]
    Publish {
        #[command(flatten)]
        access: AgencyAccess,
        /// The update: a .toml or .json file
        file: PathBuf,
        /// To these only, as in xb.pps
        #[arg(long, value_name = "AUTHORITY", num_args = 1..)]
        to: Vec<AuthorityId>,
    },
    /// Lists statements, of this authority and of others, and whether they hold
    ///
    ///   rogatory framework list --authority xb.pps --as-of 2026-03-01
    #[command(verbatim_doc_comment)]
    List {
        #[command(flatten)]
        access: AgencyAccess,
        /// Of this authority only
        #[arg(long, value_name = "AUTHORITY")]
        authority: Option<AuthorityId>,
        /// Only those that hold on this day, YYYY-MM-DD
        #[arg(long, value_name = "DATE", value_parser = day)]
        as_of: Option<String>,
        /// About this only: law, treaty, authority, procedure, language, threshold or other
        #[arg(long, value_name = "WORD", value_parser = subject)]
        subject: Option<FrameworkSubject>,
    },
    /// Shows a statement with its text
    Show {
        #[command(flatten)]
        access: AgencyAccess,
        /// As `framework list` shows it, as in xb.pps/LAW-2026-1
        id: String,
        /// Whether it holds on this day, YYYY-MM-DD; today if absent
        #[arg(long, value_name = "DATE", value_parser = day)]
        as_of: Option<String>,
    },
}

fn subject(word: &str) -> Result<FrameworkSubject, String> {
    let found = FrameworkSubject::ALL.iter().copied().find(|subject| subject.as_str() == word);
    found.ok_or_else(|| {
        let words: Vec<&str> = FrameworkSubject::ALL.iter().map(|s| s.as_str()).collect();
        none_of(word, &words)
    })
}

pub(crate) async fn run(args: FrameworkArgs, out: &mut Out) -> Result<(), Failure> {
    match args.command {
        FrameworkCommand::Publish { access, file, to } => publish(access, file, to, out).await,
        FrameworkCommand::List { access, authority, as_of, subject } => {
            let wanted = pb::ListStatementsRequest {
                authority: authority.map(String::from).unwrap_or_default(),
                subject: subject.map_or(0, |subject| subject_to_pb(subject) as i32),
                as_of: as_of.unwrap_or_default(),
            };
            list(access, wanted, out).await
        }
        FrameworkCommand::Show { access, id, as_of } => {
            show(access, id, as_of.unwrap_or_default(), out).await
        }
    }
}

async fn publish(
    access: AgencyAccess,
    file: PathBuf,
    to: Vec<AuthorityId>,
    out: &mut Out,
) -> Result<(), Failure> {
    let content = submit::read_content(&file)?;
    if content.kind != MessageKind::FrameworkUpdate {
        let rule = format!("is a {}, and no FRAMEWORK_UPDATE", content.kind);
        return Err(Failure::bad_file(&file, rule));
    }
    send::check(&content, Some(&file))?;
    if let Body::Framework(update) = &content.body
        && update.statements.iter().any(|one| one.exhibit.is_some())
    {
        let hint = "`rogatory submit --evidence` sends files, to one authority at a time";
        return Err(Failure::bad_file(&file, "names an exhibit, and none goes with it").hint(hint));
    }
    let channel = access.channel(out).await?;
    let mut directory = DirectoryServiceClient::new(channel.clone());
    let all = directory.list_authorities(pb::ListAuthoritiesRequest::default()).await?.into_inner();
    let recipients = recipients(all.authorities, &to, out)?;
    let mut client = AgencyServiceClient::new(channel);
    let mut failed = None;
    let mut sent = Vec::new();
    for recipient in recipients {
        let request = pb::SubmitMessageRequest {
            request_id: request_id(&content, &recipient).to_string(),
            recipient: recipient.clone(),
            content: Some(content_to_pb(&content)),
            ..Default::default()
        };
        match client.submit_message(request).await {
            Ok(message) => sent.push(message.into_inner()),
            Err(status) => {
                let failure = Failure::from(status);
                out.talk(&format!("error: {recipient}: {}", failure.message));
                failed = Some(failure);
            }
        }
    }
    let header = ["peer", "message", "state"];
    let row = |m: &pb::Message| {
        vec![m.peer.clone(), m.message_id.clone(), view::state(m.state).to_owned()]
    };
    let json = |m: &pb::Message| json!({ "peer": m.peer, "message_id": m.message_id, "state": view::state(m.state) });
    out.list(&header, &sent, row, json);
    let again = "give the same command again: whoever has got it gets it once";
    failed.map_or(Ok(()), |failure| Err(failure.or_hint(again)))
}

/// Those that are wanted, or all but this authority itself and those with which nothing is exchanged.
fn recipients(
    all: Vec<pb::Authority>,
    to: &[AuthorityId],
    out: &mut Out,
) -> Result<Vec<String>, Failure> {
    if !to.is_empty() {
        return Ok(to.iter().map(AuthorityId::to_string).collect());
    }
    let mut recipients = Vec::new();
    for one in all.into_iter().filter(|one| !one.is_own) {
        match one.suspended.is_empty() {
            true => recipients.push(one.authority),
            false => out.talk(&format!("note: {} is suspended, and left out", one.authority)),
        }
    }
    Ok(recipients)
}

/// The same update to the same authority is the same request, however often it is made.
fn request_id(content: &Content, recipient: &str) -> RequestId {
    let mut bytes = b"rogatory/framework/publish\0".to_vec();
    bytes.extend_from_slice(recipient.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(&content_to_pb(content).encode_to_vec());
    let digest = sha256(&bytes);
    let (first, _) = digest.split_at(16);
    RequestId::new(first.try_into().unwrap_or_default())
}

async fn list(
    access: AgencyAccess,
    wanted: pb::ListStatementsRequest,
    out: &mut Out,
) -> Result<(), Failure> {
    let mut client = DirectoryServiceClient::new(access.channel(out).await?);
    let found = client.list_statements(wanted).await?.into_inner();
    let header = ["statement", "about", "title", "language", "from", "until", "holds"];
    out.list(&header, &found.statements, row, listed_json);
    if found.truncated {
        out.talk("note: there are more than these: ask for one --authority, or one --subject");
    }
    Ok(())
}

fn row(s: &pb::Statement) -> Vec<String> {
    let one = s.statement.clone().unwrap_or_default();
    let (about, from, until) = (about(&one), one.effective_from, one.effective_until);
    vec![s.name.clone(), about, one.title, one.language, from, until, holding(s)]
}

fn about(one: &pb::FrameworkStatement) -> String {
    let subject = view::subject(one.subject);
    match one.instrument.as_str() {
        "" => subject.to_owned(),
        instrument => format!("{subject}, {instrument}"),
    }
}

fn holding(s: &pb::Statement) -> String {
    match (s.holding.as_str(), s.superseded_by.as_str()) {
        ("superseded", by) => format!("superseded by {by}"),
        (word, _) => word.replace('_', " "),
    }
}

async fn show(
    access: AgencyAccess,
    name: String,
    as_of: String,
    out: &mut Out,
) -> Result<(), Failure> {
    let mut client = DirectoryServiceClient::new(access.channel(out).await?);
    let found = client.get_statement(pb::GetStatementRequest { name, as_of }).await;
    let hint = "`rogatory framework list` shows what there is";
    let s = found.map_err(|status| Failure::from(status).or_hint(hint))?.into_inner();
    let one = s.statement.clone().unwrap_or_default();
    let fields = [
        ("statement", s.name.clone()),
        ("about", about(&one)),
        ("title", one.title.clone()),
        ("language", one.language.clone()),
        ("from", one.effective_from.clone()),
        ("until", one.effective_until.clone()),
        ("holds", holding(&s)),
        ("supersedes", one.supersedes.clone()),
        ("url", one.url.clone()),
        ("exhibit", one.exhibit.map(|number| number.to_string()).unwrap_or_default()),
        ("message", s.message.trim_start_matches("messages/").to_owned()),
        ("created", s.create_time.clone()),
    ];
    out.record(&fields, &whole_json(&s));
    if !out.is_json() && !one.text.is_empty() {
        out.data("");
        out.data(&one.text);
    }
    Ok(())
}

fn listed_json(s: &pb::Statement) -> Value {
    let one = s.statement.clone().unwrap_or_default();
    json!({
        "statement": s.name,
        "authority": s.authority,
        "ref": one.r#ref,
        "subject": view::subject(one.subject),
        "instrument": one.instrument,
        "title": one.title,
        "language": one.language,
        "effective_from": one.effective_from,
        "effective_until": one.effective_until,
        "supersedes": one.supersedes,
        "superseded_by": s.superseded_by,
        "holding": s.holding,
        "url": one.url,
        "exhibit": one.exhibit,
        "message_id": s.message.trim_start_matches("messages/"),
        "create_time": s.create_time,
    })
}

fn whole_json(s: &pb::Statement) -> Value {
    let mut value = listed_json(s);
    value["text"] = json!(s.statement.as_ref().map(|one| one.text.as_str()).unwrap_or_default());
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::{Format, testing::memory};
    use crate::domain::request::content_from_toml;

    const FILE: &str = "kind = \"FRAMEWORK_UPDATE\"\n[[framework.statements]]\nref = \"L-1\"\n\
                        subject = \"law\"\ntitle = \"T\"\ntext = \"X\"\nlanguage = \"en\"\n\
                        effective_from = \"2026-01-01\"";

    #[test]
    fn the_same_update_to_the_same_authority_is_one_request() {
        let content = content_from_toml(FILE).expect("sound");
        let again = content_from_toml(&FILE.replace('\n', "\n\n")).expect("sound");
        let other = content_from_toml(&FILE.replace("\"X\"", "\"Y\"")).expect("sound");
        let id = request_id(&content, "xb.pps");
        assert_eq!(request_id(&again, "xb.pps"), id, "blank lines say nothing");
        assert_ne!(request_id(&content, "xc.moj"), id);
        assert_ne!(request_id(&other, "xb.pps"), id);
    }

    #[test]
    fn it_goes_to_all_but_oneself_and_those_that_are_suspended() {
        let one = |authority: &str, suspended: &str, is_own: bool| pb::Authority {
            authority: authority.into(),
            suspended: suspended.into(),
            is_own,
            ..Default::default()
        };
        let all =
            || vec![one("xa.oag", "", true), one("xb.pps", "", false), one("xc.moj", "ILL", false)];
        let (mut out, _, talk) = memory(Format::Table);
        let sent = recipients(all(), &[], &mut out).expect("some");
        assert_eq!(sent, ["xb.pps"]);
        assert!(talk.text().contains("xc.moj is suspended"), "{}", talk.text());
        let wanted = [AuthorityId::parse("xc.moj").expect("valid")];
        assert_eq!(recipients(all(), &wanted, &mut out).expect("some"), ["xc.moj"]);
    }

    #[test]
    fn words_of_subjects_are_taken_and_others_are_told_which_there_are() {
        assert_eq!(subject("treaty"), Ok(FrameworkSubject::Treaty));
        assert!(subject("Law").expect_err("no word").contains("law, treaty, authority"));
    }
}
