//! `rogatory receipt`.

mod level;
mod verify;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::connect::{AgencyAccess, AgencyClient};
use super::exit::{Exit, Failure};
use super::files::{create_directory, sync_directory, write_new};
use super::out::Out;
use super::view;
use crate::domain::MessageId;
use crate::pb::v1 as pb;
use crate::receipt::Receipt;

/// The signed proofs of what became of a message
#[derive(Args)]
pub(crate) struct ReceiptArgs {
    #[command(subcommand)]
    command: ReceiptCommand,
}

#[derive(Subcommand)]
enum ReceiptCommand {
    /// Lists a message's receipts, oldest first
    Show {
        #[command(flatten)]
        access: AgencyAccess,
        /// The message
        id: MessageId,
    },
    /// Asks the other authority for its receipts at their best level
    ///
    /// The entries stay the same; their proofs gather cosignatures, for years: L0 is the issuer's
    /// log alone, L1 has the counterpart's cosignature too, L2 the quorum of this node's policy.
    Refresh {
        #[command(flatten)]
        access: AgencyAccess,
        /// The message
        id: MessageId,
    },
    /// Writes a message's receipts to files, to be kept or shown to others
    Save {
        #[command(flatten)]
        access: AgencyAccess,
        /// The message
        id: MessageId,
        /// Where: a directory
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    Verify(verify::VerifyArgs),
}

pub(crate) async fn run(args: ReceiptArgs, out: &mut Out) -> Result<(), Failure> {
    match args.command {
        ReceiptCommand::Show { access, id } => {
            let receipts = receipts_of(&mut access.connect(out).await?, id).await?;
            out.list(&HEADER, &receipts, row, view::receipt);
            Ok(())
        }
        ReceiptCommand::Refresh { access, id } => {
            let request = pb::RefreshReceiptsRequest { parent: format!("messages/{id}") };
            let refreshed = access.connect(out).await?.refresh_receipts(request).await?;
            let pb::RefreshReceiptsResponse { receipts, stronger } = refreshed.into_inner();
            out.list(&HEADER, &receipts, row, view::receipt);
            out.talk(&format!("{stronger} became stronger"));
            Ok(())
        }
        ReceiptCommand::Save { access, id, out: dir } => {
            let receipts = receipts_of(&mut access.connect(out).await?, id).await?;
            create_directory(&dir)?;
            let files = save(&receipts, &dir)?;
            let json = |file: &PathBuf| json!({ "file": file.display().to_string() });
            out.list(&["file"], &files, |file| vec![file.display().to_string()], json);
            Ok(())
        }
        ReceiptCommand::Verify(args) => verify::run(args, out),
    }
}

const HEADER: [&str; 5] = ["event", "issuer", "time", "entry", "level"];

fn row(r: &pb::Receipt) -> Vec<String> {
    let entry = format!("{} of {}", r.index, r.log_origin);
    [&r.event, &r.issuer, &r.event_time, &entry, &r.level].map(String::clone).into()
}

/// All receipts of a message.
pub(super) async fn receipts_of(
    client: &mut AgencyClient,
    id: MessageId,
) -> Result<Vec<pb::Receipt>, Failure> {
    let request = pb::ListReceiptsRequest { parent: format!("messages/{id}") };
    Ok(client.list_receipts(request).await?.into_inner().receipts)
}

/// Writes receipts to a directory, each under a name of its own.
pub(super) fn save(receipts: &[pb::Receipt], dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for receipt in receipts {
        let path = dir.join(file_name(&receipt.text)?);
        write_new(&path, receipt.text.as_bytes())?;
        files.push(path);
    }
    sync_directory(dir)?;
    Ok(files)
}

/// The name of a receipt's file is made of what the receipt itself says: who issued it, where it stands, what it is.
pub(super) fn file_name(text: &str) -> Result<String, Failure> {
    let receipt = Receipt::parse(text)
        .map_err(|error| Failure::new(Exit::Fault, format!("the node's receipt: {error}")))?;
    let facts = receipt.facts();
    let issuer = facts.entry.by.as_ref().map_or("unknown", |by| by.as_str());
    Ok(format!("{issuer}-{}-{}.tlog-proof", facts.index, facts.entry.event))
}
