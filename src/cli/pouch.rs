//! `rogatory pouch`.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

use super::connect::OperatorAccess;
use super::exit::{Exit, Failure};
use super::files::{self, Partial};
use super::out::{Out, Progress, Unit};
use super::view;
use crate::crypto::Sha256;
use crate::domain::{AuthorityId, MessageId};
use crate::envelope::pouch::{PouchHead, read_head};
use crate::pb::v1 as pb;
use pb::PouchOutcome as Outcome;
use pb::pouch_service_client::PouchServiceClient;

/// Bytes of a pouch in one piece.
const PIECE_BYTES: usize = 256 << 10;
/// Pieces that are read ahead of the node.
const AHEAD: usize = 4;
/// The head of a pouch, with room.
const HEAD_BYTES: u64 = 64 << 10;

/// What waits for another authority, as a file that a courier carries
#[derive(Args)]
pub(crate) struct PouchArgs {
    #[command(flatten)]
    access: OperatorAccess,
    #[command(subcommand)]
    command: PouchCommand,
}

#[derive(Subcommand)]
enum PouchCommand {
    /// Packs messages, evidence and receipts that wait for an authority into a file
    ///
    /// Only the authority's node opens it. What is packed stays in the queue: whichever road is first
    /// delivers, and the other finds it delivered. The log says that it went (RelayToNonERDS).
    Export {
        /// Whom it is for
        #[arg(long, value_name = "AUTHORITY")]
        to: AuthorityId,
        /// The file, which must not exist
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// Only this message, and no receipts; may be given several times
        #[arg(long = "message", value_name = "ID")]
        messages: Vec<MessageId>,
    },
    /// Takes what is in a pouch: each message, receipt and package as if it came over the link
    ///
    /// What came before is found and not taken twice; a pouch that broke off is imported again. The
    /// receipts of what it brings go back over the link, or in the next pouch.
    Import {
        /// The file
        file: PathBuf,
    },
    /// Shows from whom a pouch is, as it says, for whom, and when it was made; needs no node
    Show {
        /// The file
        file: PathBuf,
    },
}

pub(crate) async fn run(args: PouchArgs, out: &mut Out) -> Result<(), Failure> {
    let PouchArgs { access, command } = args;
    match command {
        PouchCommand::Export { to, out: file, messages } => {
            files::create_new_name(&file)?;
            let request = pb::ExportPouchRequest {
                authority: to.to_string(),
                message_ids: messages.iter().map(MessageId::to_string).collect(),
            };
            let packed = async |channel, out: &mut Out| export(channel, request, &file, out).await;
            let (contents, digest, bytes) = access.at(out, packed).await?;
            told_packed(&file, &contents, (&digest, bytes), out);
            Ok(())
        }
        PouchCommand::Import { file } => {
            let head = head_of(&file)?;
            let taken = async |channel, out: &mut Out| import(channel, &file, out).await;
            let taken = access.at_running(out, taken).await?;
            told_taken(&head, &taken, out)
        }
        PouchCommand::Show { file } => {
            let (head, digest, bytes) = (head_of(&file)?, digest_of(&file, out)?, size_of(&file)?);
            told_head(&head, &digest, bytes, out);
            Ok(())
        }
    }
}

async fn export(
    channel: Channel,
    request: pb::ExportPouchRequest,
    path: &Path,
    out: &mut Out,
) -> Result<(pb::PouchContents, String, u64), Failure> {
    let mut pieces = PouchServiceClient::new(channel).export_pouch(request).await?.into_inner();
    let partial = Partial::of(path);
    let (mut file, mut hash) = (partial.create()?, Sha256::new());
    let cannot = |e| Failure::file(path, "cannot be written", &e);
    let (mut contents, mut bytes, mut bar) = (None, 0, None::<Progress>);
    while let Some(piece) = pieces.message().await? {
        if let Some(said) = piece.contents {
            bar = Some(out.progress("packing", said.evidence_bytes, Unit::Bytes));
            contents = Some(said);
        }
        file.write_all(&piece.data).map_err(cannot)?;
        hash.update(&piece.data);
        bytes += piece.data.len() as u64;
        if let Some(bar) = &bar {
            bar.at(bytes);
        }
    }
    file.sync_all().map_err(cannot)?;
    partial.admit(path).map_err(cannot)?;
    files::sync_directory(
        path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")),
    )?;
    let broken =
        || Failure::new(Exit::Unavailable, "the node says nothing of what is in the pouch");
    Ok((contents.ok_or_else(broken)?, hex::encode(hash.finish()), bytes))
}

async fn import(
    channel: Channel,
    path: &Path,
    out: &mut Out,
) -> Result<pb::ImportPouchResponse, Failure> {
    let bar = out.progress("unpacking", size_of(path)?, Unit::Bytes);
    let unreadable = |e| Failure::file(path, "cannot be read", &e);
    let mut file = File::open(path).map_err(unreadable)?;
    let (piece, pieces) = mpsc::channel(AHEAD);
    let reading = tokio::task::spawn_blocking(move || {
        loop {
            let mut data = Vec::with_capacity(PIECE_BYTES);
            std::io::Read::take(&mut file, PIECE_BYTES as u64).read_to_end(&mut data)?;
            let end = data.is_empty();
            bar.add(data.len() as u64);
            let request = pb::ImportPouchRequest { data: data.into() };
            // A node that has enough says why.
            if end || piece.blocking_send(request).is_err() {
                return Ok::<_, std::io::Error>(());
            }
        }
    });
    let taken = PouchServiceClient::new(channel).import_pouch(ReceiverStream::new(pieces)).await;
    match reading.await {
        Ok(Err(error)) => Err(unreadable(error)),
        Err(error) => Err(anyhow::Error::new(error).into()),
        Ok(Ok(())) => Ok(taken?.into_inner()),
    }
}

fn head_of(path: &Path) -> Result<PouchHead, Failure> {
    let unreadable = |e| Failure::file(path, "cannot be read", &e);
    let mut first = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(HEAD_BYTES).read_to_end(&mut first).map_err(unreadable)?;
    let failed = |why: String| {
        Failure::bad_file(path, &why)
            .hint("`rogatory pouch export` writes pouches; was all of it copied?")
    };
    match read_head(&first) {
        Ok(Some((head, _))) => Ok(head),
        Ok(None) => Err(failed("the file ends within the head of the pouch".into())),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn digest_of(path: &Path, out: &mut Out) -> Result<String, Failure> {
    let bar = out.progress("reading", size_of(path)?, Unit::Bytes);
    let unreadable = |e| Failure::file(path, "cannot be read", &e);
    let mut file = File::open(path).map_err(unreadable)?;
    let hash = files::hashed(&mut file, |count| bar.add(count)).map_err(unreadable)?;
    Ok(hex::encode(hash.finish()))
}

fn size_of(path: &Path) -> Result<u64, Failure> {
    let read = std::fs::metadata(path).map_err(|e| Failure::file(path, "cannot be read", &e));
    Ok(read?.len())
}

fn told_packed(
    path: &Path,
    contents: &pb::PouchContents,
    (digest, bytes): (&str, u64),
    out: &mut Out,
) {
    let pb::PouchContents { messages, receipts, evidence_bytes, left, expire_time, recorded } =
        contents;
    let fields = [
        ("file", path.display().to_string()),
        ("size", view::bytes(bytes)),
        ("sha256", digest.to_owned()),
        ("messages", messages.to_string()),
        ("receipts", receipts.to_string()),
        ("acknowledges", recorded.to_string()),
        ("evidence", view::bytes(*evidence_bytes)),
        (
            "import until",
            if expire_time.is_empty() { out.told("any time") } else { expire_time.clone() },
        ),
    ];
    let json = json!({
        "file": path,
        "bytes": bytes,
        "sha256": digest,
        "messages": messages,
        "receipts": receipts,
        "acknowledges": recorded,
        "evidence_bytes": evidence_bytes,
        "left": left,
        "expire_time": expire_time,
    });
    out.record(&fields, &json);
    if *left > 0 {
        out.talk(&format!("note: {left} more wait and found no room: make another pouch of them"));
    }
}

fn told_head(head: &PouchHead, digest: &str, bytes: u64, out: &mut Out) {
    let PouchHead { sender, recipient, created } = head;
    let fields = [
        ("sender, as it says", sender.to_string()),
        ("recipient", recipient.to_string()),
        ("packed", created.to_string()),
        ("size", view::bytes(bytes)),
        ("sha256", digest.to_owned()),
    ];
    let json = json!({
        "sender": sender.as_str(),
        "recipient": recipient.as_str(),
        "create_time": created.to_string(),
        "bytes": bytes,
        "sha256": digest,
    });
    out.record(&fields, &json);
}

fn outcome(item: &pb::PouchItem) -> &'static str {
    match item.outcome() {
        Outcome::Taken => "taken",
        Outcome::Known => "known",
        Outcome::Refused => "refused",
        Outcome::Later => "later",
        Outcome::Unspecified => "unknown",
    }
}

/// What is to be done about what could not be judged yet.
fn hint_of_later(items: &[pb::PouchItem]) -> &'static str {
    let is = |codes: &[&str]| items.iter().any(|item| codes.contains(&item.code.as_str()));
    match () {
        () if is(&["DISK_FULL", "QUOTA_REACHED"]) => {
            "this node has no room for its evidence (`rogatory vault usage`): make some, and import this \
             pouch again"
        }
        () if is(&["PACKAGES_MISSING", "TOO_MANY_AT_ONCE"]) => {
            "not all of its evidence could be taken: import this pouch again, and read the node's traces if \
             that does not help"
        }
        () if is(&["MESSAGE_FROM_THE_FUTURE"]) => {
            "compare this node's clock with the sender's, set what is wrong, and import this pouch again"
        }
        () => "it still waits at its sender, and comes over the link or in the next pouch",
    }
}

/// What became of it. That something was refused or waits is no success of the whole.
fn told_taken(
    head: &PouchHead,
    taken: &pb::ImportPouchResponse,
    out: &mut Out,
) -> Result<(), Failure> {
    let item = |item: &pb::PouchItem| {
        json!({
            "message_id": item.message_id,
            "event": item.event,
            "outcome": outcome(item),
            "code": item.code,
        })
    };
    let json = json!({
        "sender": taken.sender,
        "create_time": taken.create_time,
        "sha256": taken.digest,
        "acknowledged": taken.acknowledged,
        "items": taken.items.iter().map(item).collect::<Vec<_>>(),
    });
    let fields = [
        ("sender", taken.sender.clone()),
        ("packed", taken.create_time.clone()),
        ("sha256", taken.digest.clone()),
        ("acknowledges", taken.acknowledged.to_string()),
    ];
    out.record(&fields, &json);
    if !taken.items.is_empty() && !out.is_json() {
        out.data("");
        let row = |item: &pb::PouchItem| {
            let what = if item.event.is_empty() { "message" } else { item.event.as_str() };
            vec![
                item.message_id.clone(),
                what.to_owned(),
                outcome(item).to_owned(),
                item.code.clone(),
            ]
        };
        out.list(&["message", "what", "became", "code"], &taken.items, row, |_| Value::Null);
    }
    let of = |wanted| taken.items.iter().filter(|item| item.outcome() == wanted).count();
    match (of(Outcome::Refused), of(Outcome::Later)) {
        (0, 0) => Ok(()),
        (0, later) => {
            let message = format!("{later} of what is in the pouch could not be judged yet");
            Err(Failure::new(Exit::Unavailable, message).hint(hint_of_later(&taken.items)))
        }
        (refused, _) => {
            let message = format!("{refused} of what is in the pouch was refused");
            let sender = &head.sender;
            Err(Failure::new(Exit::VerificationFailed, message).hint(format!(
                "the codes say why; the signed refusals go back to {sender} over the link or in the \
                 next pouch"
            )))
        }
    }
}
