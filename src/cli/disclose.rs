//! `rogatory disclose`: contents for an auditor.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};
use serde_json::json;
use tonic::transport::Channel;

use super::connect::{AgencyAccess, AgencyClient};
use super::exit::{Exit, Failure};
use super::files::create;
use super::out::Out;
use crate::audit::Checkpoint;
use crate::audit::disclosure::{Head, Record, VERSION};
use crate::domain::statistics::{InvalidPeriod, Period};
use crate::domain::{AuthorityId, MessageId};
use crate::pb::v1 as pb;
use crate::pb::v1::audit_service_client::AuditServiceClient;

/// Writes the contents of single messages for an auditor, who can prove that they are the log's
///
/// It takes an agency with both roles, audit and read, that sees the case, and the log says of each
/// message that it was disclosed. Whoever has the file knows the contents: hand it over as you would
/// hand over the case. The auditor proves it with `rogatory audit replay EXPORT --disclosure FILE`.
///
/// With a year every message that was made in it or since is disclosed, one by one: what an auditor
/// needs to count that year's requests anew (`rogatory audit stats`).
///
///   rogatory disclose --message ID --message ID --out case-42.jsonl
///   rogatory disclose --year 2026 --out 2026.jsonl
#[derive(Args)]
#[command(verbatim_doc_comment)]
#[command(group(ArgGroup::new("which").required(true).args(["messages", "year"])))]
pub(crate) struct DiscloseArgs {
    #[command(flatten)]
    access: AgencyAccess,
    /// A message; may be given several times
    #[arg(long = "message", value_name = "ID")]
    messages: Vec<MessageId>,
    /// Every message made in this year, UTC, or since
    #[arg(long, value_name = "YEAR")]
    year: Option<i32>,
    /// Where: a new file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

type Client = AuditServiceClient<Channel>;

pub(crate) async fn run(args: DiscloseArgs, out: &mut Out) -> Result<(), Failure> {
    let channel = args.access.channel(out).await?;
    let mut client = AuditServiceClient::new(channel.clone());
    let head = head(&mut client).await?;
    let messages = match args.year {
        Some(year) => since(&mut AgencyClient::new(channel), year, out).await?,
        None => args.messages,
    };
    // Made before anything is given out: what is logged as disclosed must have a place to go.
    let mut file = create(&args.out)?;
    let written = write(&mut client, &head, &messages, &mut file, &args.out).await;
    if written.is_err() {
        // An unfinished file would be taken for the whole; nothing more can be done if it stays.
        let _ = std::fs::remove_file(&args.out);
    }
    let records = written?;
    let row = |(id, case): &(MessageId, String)| vec![id.to_string(), case.clone()];
    let json = |(id, case): &(MessageId, String)| json!({ "message_id": id, "case_id": case });
    out.list(&["message", "case"], &records, row, json);
    out.talk(&format!(
        "{} has the contents: hand it over as you would the case",
        args.out.display()
    ));
    Ok(())
}

/// Messages in one answer of the node.
const PAGE: i32 = 1000;

/// Every message since a year began, the oldest first. What was erased is told and left out.
async fn since(
    client: &mut AgencyClient,
    year: i32,
    out: &mut Out,
) -> Result<Vec<MessageId>, Failure> {
    let usage = |error: InvalidPeriod| Failure::new(Exit::Usage, error.to_string());
    let period = Period::year(year).and_then(|period| period.begun(crate::node::now()));
    let start = period.map_err(usage)?.start();
    let mut wanted = pb::ListMessagesRequest { page_size: PAGE, ..Default::default() };
    let (mut found, mut gone) = (Vec::new(), 0);
    loop {
        let page = client.list_messages(wanted.clone()).await?.into_inner();
        for message in &page.messages {
            let id = MessageId::parse(&message.message_id)
                .map_err(|error| Failure::new(Exit::Fault, error.to_string()))?;
            let is_gone = message.erasure.is_some() || !message.lost_time.is_empty();
            match id.at() >= start {
                true if is_gone => gone += 1,
                true => found.push(id),
                false => {}
            }
        }
        wanted.page_token = page.next_page_token;
        if wanted.page_token.is_empty() {
            break;
        }
    }
    if gone > 0 {
        out.talk(&format!("note: {gone} messages have no content any more and are left out"));
    }
    found.reverse();
    Ok(found)
}

/// Whose log it is, by the log's own checkpoint.
async fn head(client: &mut Client) -> Result<Head, Failure> {
    let note = client.get_checkpoint(pb::GetCheckpointRequest::default()).await?.into_inner().note;
    let fault = |why: String| Failure::new(Exit::Fault, format!("the node's checkpoint: {why}"));
    let checkpoint = Checkpoint::parse_unverified(&note).map_err(|e| fault(e.to_string()))?;
    let (authority, _) = checkpoint.origin.split_once("/log/").unwrap_or_default();
    let authority = AuthorityId::parse(authority).map_err(|e| fault(e.to_string()))?;
    Ok(Head { disclosure: VERSION, authority, log: checkpoint.origin })
}

async fn write(
    client: &mut Client,
    head: &Head,
    messages: &[MessageId],
    file: &mut std::fs::File,
    path: &Path,
) -> Result<Vec<(MessageId, String)>, Failure> {
    let cannot = |e: std::io::Error| Failure::file(path, "cannot be written", &e);
    let mut line = |value: String| writeln!(file, "{value}").map_err(cannot);
    line(to_line(head)?)?;
    let mut written = Vec::new();
    for id in messages {
        let record = disclose(client, *id).await?;
        line(to_line(&record)?)?;
        written.push((record.message_id, record.case_id));
    }
    file.sync_all().map_err(cannot)?;
    Ok(written)
}

fn to_line(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string(value).map_err(|error| Failure::new(Exit::Fault, error.to_string()))
}

async fn disclose(client: &mut Client, id: MessageId) -> Result<Record, Failure> {
    let request = pb::DiscloseMessageRequest { name: format!("messages/{id}") };
    let named = |status: tonic::Status| {
        let failure = Failure::from(status);
        Failure { message: format!("message {id}: {}", failure.message), ..failure }
    };
    let answer = client.disclose_message(request).await.map_err(named)?.into_inner();
    let fault = |what: &str| Failure::new(Exit::Fault, format!("message {id}: {what}"));
    let mut envelope_digest = [0; 32];
    hex::decode_to_slice(&answer.envelope_digest, &mut envelope_digest)
        .map_err(|_| fault("the node's envelope digest is no SHA-256"))?;
    let salt = answer.salt.as_ref().try_into().map_err(|_| fault("the node's salt is no salt"))?;
    let (body, request_unknown) = (answer.body.to_vec(), answer.request_unknown);
    let in_reply_to = match answer.in_reply_to.as_str() {
        "" => None,
        answers => Some(MessageId::parse(answers).map_err(|_| fault("what it answers is no id"))?),
    };
    let case_id = answer.case_id;
    let message_id = id;
    Ok(Record { message_id, case_id, envelope_digest, salt, body, request_unknown, in_reply_to })
}
