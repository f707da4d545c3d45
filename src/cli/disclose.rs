//! `rogatory disclose`: contents for an auditor.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use tonic::transport::Channel;

use super::connect::AgencyAccess;
use super::exit::{Exit, Failure};
use super::files::create;
use super::out::Out;
use crate::audit::Checkpoint;
use crate::audit::disclosure::{Head, Record, VERSION};
use crate::domain::{AuthorityId, MessageId};
use crate::pb::v1 as pb;
use crate::pb::v1::audit_service_client::AuditServiceClient;

/// Writes the contents of single messages for an auditor, who can prove that they are the log's
///
/// It takes an agency with both roles, audit and read, that sees the case, and the log says of each
/// message that it was disclosed. Whoever has the file knows the contents: hand it over as you would
/// hand over the case. The auditor proves it with `rogatory audit replay EXPORT --disclosure FILE`.
///
///   rogatory disclose --message ID --message ID --out case-42.jsonl
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct DiscloseArgs {
    #[command(flatten)]
    access: AgencyAccess,
    /// A message; may be given several times
    #[arg(long = "message", required = true, value_name = "ID")]
    messages: Vec<MessageId>,
    /// Where: a new file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

type Client = AuditServiceClient<Channel>;

pub(crate) async fn run(args: DiscloseArgs, out: &mut Out) -> Result<(), Failure> {
    let mut client = AuditServiceClient::new(args.access.channel(out).await?);
    let head = head(&mut client).await?;
    // Made before anything is given out: what is logged as disclosed must have a place to go.
    let mut file = create(&args.out)?;
    let written = write(&mut client, &head, &args.messages, &mut file, &args.out).await;
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
    let body = answer.body.to_vec();
    Ok(Record { message_id: id, case_id: answer.case_id, envelope_digest, salt, body })
}
