//! `rogatory audit export`: the log as files, whole, what is new of it, or what concerns one thing.

mod files;
mod held;
mod lost;
pub(super) mod merge;
mod past;
mod place;
mod staging;
mod swap;

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use tonic::Code;
use tonic::transport::Channel;

use crate::audit::Checkpoint;
use crate::audit::export::earlier_dir;
use crate::cli::connect::OperatorAccess;
use crate::cli::exit::{Exit, Failure};
use crate::cli::out::{Out, Unit};
use crate::cli::view;
use crate::crypto::Digest;
use crate::domain::{AuthorityId, MessageId};
use crate::pb::v1 as pb;
use crate::pb::v1::audit_service_client::AuditServiceClient;
use lost::Consent;
use pb::export_excerpt_request::Scope;
use staging::{Kind, Staged, Staging};

/// Writes the log, with cards and receipts, to a directory, while the node runs
///
/// The files are those of C2SP tlog-tiles, with a signed manifest: docs/audit.md describes
/// them, and how to verify them with and without this program.
///
/// What is interrupted goes on when the command is run again. Where the directory has an export
/// already, only what is new is fetched, and the new export takes its place in one step; that the
/// log has only grown since then is proven first.
///
///   rogatory audit export --home xb --out export
///   rogatory audit export --home xb --out since-1200 --since 1200 --log xb.pps/log/2026
///   rogatory audit export --home xb --out excerpt --peer xa.oag
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    access: OperatorAccess,
    /// Where: a new directory, or one with an earlier export of this log
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Leaves out the receipts of peers, one file each: a manifest has room for about a million
    #[arg(long)]
    without_receipts: bool,
    /// Takes the cosignatures of all witnesses, and the policy, which name peers that an excerpt does not
    /// concern
    #[arg(long)]
    with_witnesses: bool,
    #[command(flatten)]
    consent: Consent,
    /// Only what is new since so many entries, for who has an export of those: see `audit merge`
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    #[arg(conflicts_with = "Consent")]
    since: Option<u64>,
    /// The log that those entries are of, as in xa.oag/log/2026: the newest, where it is not named
    #[arg(long, value_name = "ORIGIN", requires = "since")]
    log: Option<String>,
    /// Only the entries that concern this authority, with proofs
    #[arg(long, value_name = "AUTHORITY", conflicts_with_all = ["since", "Consent"])]
    peer: Option<AuthorityId>,
    /// Only the entries that concern the messages of this case, with proofs; for operators
    #[arg(long = "case", value_name = "REFERENCE")]
    #[arg(conflicts_with_all = ["since", "peer", "Consent"])]
    case_id: Option<String>,
    /// Only the entries that concern this message, with proofs
    #[arg(long, value_name = "ID", conflicts_with_all = ["since", "peer", "case_id", "Consent"])]
    message: Option<MessageId>,
}

impl ExportArgs {
    /// What to add to the command that verifies an excerpt, so that it be about what was asked for.
    fn asked(&self) -> String {
        match (&self.peer, self.message) {
            (Some(peer), _) => format!(" --peer {peer}"),
            (None, Some(id)) => format!(" --message {id}"),
            (None, None) => String::new(),
        }
    }

    fn scope(&self) -> Option<Scope> {
        let peer = self.peer.as_ref().map(|peer| Scope::Peer(peer.to_string()));
        let case = self.case_id.clone().map(Scope::CaseId);
        peer.or(case).or_else(|| self.message.map(|id| Scope::MessageId(id.to_string())))
    }
}

pub(super) async fn run(args: ExportArgs, out: &mut Out) -> Result<(), Failure> {
    let (scope, asked, dir) = (args.scope(), args.asked(), args.out);
    let (since, is_excerpt) = (args.since.unwrap_or(0), scope.is_some());
    let receipts = !args.without_receipts;
    if args.with_witnesses && !is_excerpt {
        let message = "--with-witnesses goes with an excerpt: an export has them";
        return Err(Failure::new(Exit::Usage, message));
    }
    let receive = async |channel, out: &mut Out| {
        let mut staging = Staging::open(&dir)?;
        staging.let_go(args.consent);
        match (scope, since) {
            (Some(scope), _) => {
                let request = pb::ExportExcerptRequest {
                    scope: Some(scope),
                    without_receipts: !receipts,
                    with_witnesses: args.with_witnesses,
                };
                excerpt(channel, request, staging, &dir, out).await
            }
            (None, 0) => whole(channel, receipts, staging, &dir, out).await,
            (None, since) => part(channel, (since, args.log), receipts, staging, &dir, out).await,
        }
    };
    let staged = args.access.at(out, receive).await?;
    tell(&staged, &dir, out);
    let shown = dir.display();
    out.talk(&match (since, is_excerpt) {
        (0, true) => {
            format!("next: rogatory audit verify {shown} --card CARD --excerpt{asked}")
        }
        (0, false) => format!("next: rogatory audit verify {shown} --card CARD"),
        _ => format!("next: rogatory audit merge DIR {shown}"),
    });
    Ok(())
}

type Client = AuditServiceClient<Channel>;
type Parts = tonic::Streaming<pb::ExportLogResponse>;

async fn whole(
    channel: Channel,
    receipts: bool,
    mut staging: Staging,
    dir: &Path,
    out: &mut Out,
) -> Result<Staged, Failure> {
    let mut client = Client::new(channel);
    if let Some(before) = staging.before().cloned() {
        extends(&mut client, &before, dir).await?;
        if newest(&mut client).await?.origin != before.origin {
            staging.move_newest(&earlier_dir(&before.origin));
        }
    }
    let held = staging.held().into();
    let request = pb::ExportLogRequest { without_receipts: !receipts, held, ..Default::default() };
    let parts = client.export_log(request).await?.into_inner();
    taken(parts, staging, Kind::Whole, out).await
}

const WHICH_LOG: &str = "say which log the entries are of with --log: a log begins with each year, \
                         and `rogatory log` lists them";

async fn part(
    channel: Channel,
    (since, log): (u64, Option<String>),
    receipts: bool,
    staging: Staging,
    dir: &Path,
    out: &mut Out,
) -> Result<Staged, Failure> {
    must_be_new(&staging, dir, "what is new since some entries is no export by itself")?;
    let mut client = Client::new(channel);
    // Named although it be the newest: another may begin before the export does.
    let origin = match log {
        Some(origin) => origin,
        None => newest(&mut client).await?.origin,
    };
    let request = pb::ExportLogRequest {
        without_receipts: !receipts,
        held: staging.held().into(),
        since,
        since_origin: origin.clone(),
    };
    let parts = client.export_log(request).await.map_err(|status| {
        let which = matches!(status.code(), Code::InvalidArgument | Code::NotFound);
        let failure = Failure::from(status);
        if which { failure.or_hint(WHICH_LOG) } else { failure }
    })?;
    let parts = parts.into_inner();
    taken(parts, staging, Kind::Since { entries: since, origin: &origin }, out).await
}

async fn excerpt(
    channel: Channel,
    request: pb::ExportExcerptRequest,
    staging: Staging,
    dir: &Path,
    out: &mut Out,
) -> Result<Staged, Failure> {
    must_be_new(&staging, dir, "an excerpt is no export")?;
    let parts = Client::new(channel).export_excerpt(request).await?.into_inner();
    taken(parts, staging, Kind::Excerpt, out).await
}

fn must_be_new(staging: &Staging, dir: &Path, why: &str) -> Result<(), Failure> {
    match staging.before() {
        None => Ok(()),
        Some(_) => {
            let message = format!("{} holds an export, and {why}", dir.display());
            Err(Failure::new(Exit::Failed, message).hint("name a new directory with --out"))
        }
    }
}

/// The node's newest checkpoint, by its own word.
async fn newest(client: &mut Client) -> Result<Checkpoint, Failure> {
    let note = client.get_checkpoint(pb::GetCheckpointRequest::default()).await?.into_inner().note;
    parsed(&note)
}

fn parsed(note: &str) -> Result<Checkpoint, Failure> {
    Checkpoint::parse_unverified(note).map_err(|error| {
        Failure::new(Exit::VerificationFailed, format!("the node's checkpoint: {error}"))
    })
}

/// Before anything is fetched: whether the node's log is the one that is there, grown.
async fn extends(client: &mut Client, before: &Checkpoint, dir: &Path) -> Result<(), Failure> {
    // The log that is there may have ended since, and another begun.
    let origin = before.origin.clone();
    let request = |origin: &str| pb::GetCheckpointRequest { origin: origin.to_owned() };
    let newest = match client.get_checkpoint(request(&origin)).await {
        Err(status) if status.code() == Code::NotFound => {
            client.get_checkpoint(request("")).await?
        }
        answer => answer?,
    };
    let newest = newest.into_inner();
    let bad = |why: String| Failure::new(Exit::VerificationFailed, why);
    let now = parsed(&newest.note)?;
    past::is_later(before, &now, dir)?;
    let (old_size, new_size) = (before.size, now.size);
    let request = pb::GetConsistencyProofRequest { old_size, new_size, origin };
    let proof = client.get_consistency_proof(request).await?.into_inner();
    let hashes = proof.hashes.iter().map(|hash| Digest::try_from(hash.as_ref()));
    let hashes: Result<Vec<_>, _> = hashes.collect();
    let hashes = hashes.map_err(|_| bad("the node's proof has a hash of another length".into()))?;
    past::extends(before, &now, &hashes, dir)
}

async fn taken(
    mut parts: Parts,
    mut staging: Staging,
    kind: Kind<'_>,
    out: &mut Out,
) -> Result<Staged, Failure> {
    let mut warning = None;
    let progress = out.progress("exporting", 0, Unit::Bytes);
    while let Some(part) = parts.message().await? {
        if !part.warning.is_empty() {
            warning = Some(part.warning);
            continue;
        }
        progress.add(part.data.len() as u64);
        staging.take(&part.path, &part.data)?;
    }
    drop(progress);
    if let Some(warning) = warning {
        out.talk(&format!("WARNING: {warning}"));
    }
    staging.tells(out.counting("verifying", Unit::Entries));
    staging.finish(kind)
}

/// What there is now, and how much of it was there before.
fn tell(staged: &Staged, dir: &Path, out: &mut Out) {
    let Staged { files, bytes, kept, size, before, .. } = staged;
    let shown = dir.display().to_string();
    let mut fields = vec![
        ("export", shown.clone()),
        ("files", files.to_string()),
        ("size", view::bytes(*bytes)),
    ];
    if *kept > 0 {
        fields.push(("of these kept", kept.to_string()));
    }
    if let Some(before) = before {
        let entries = match size.checked_sub(*before).filter(|_| staged.same_log) {
            Some(new) => format!("{size}, {new} of them new"),
            None => format!("{size}, in a new log"),
        };
        fields.push(("entries", entries));
    }
    fields.extend(staged.dropped.fields(dir));
    let mut json = json!({
        "directory": shown,
        "files": files,
        "bytes": bytes,
        "files_kept": kept,
        "entries": size,
        "entries_before": before,
    });
    staged.dropped.json(dir, &mut json);
    out.record(&fields, &json);
}
