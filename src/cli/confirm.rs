//! `rogatory confirm`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::connect::AgencyAccess;
use super::exit::Failure;
use super::fetch::{self, MESSAGE_FILE, Said};
use super::out::Out;
use super::{send, show};
use crate::domain::MessageId;
use crate::pb::v1 as pb;

/// Confirms that you have what a message carries; its sender gets a receipt of that
///
///   rogatory fetch ID --out case-42/1 && rogatory confirm ID --fetched case-42/1
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ConfirmArgs {
    #[command(flatten)]
    access: AgencyAccess,
    /// The message
    id: MessageId,
    /// The directory that it was fetched into. Every file in it is checked first: nothing is
    /// confirmed that is missing, was added, or is not what its sender sealed
    #[arg(long, value_name = "DIR")]
    fetched: Option<PathBuf>,
}

pub(crate) async fn run(args: ConfirmArgs, out: &mut Out) -> Result<(), Failure> {
    let said = args.fetched.as_deref().map(|dir| said_in(dir, args.id)).transpose()?;
    let mut client = args.access.connect(out).await?;
    let envelope_digest = match (&said, &args.fetched) {
        (Some(said), Some(dir)) => fetch::compare(&mut client, said, dir, out).await?,
        _ => show::message(&mut client, args.id).await?.envelope_digest,
    };
    let name = format!("messages/{}", args.id);
    let request = pb::ConfirmHandoverRequest { name, envelope_digest };
    let message = client.confirm_handover(request).await?.into_inner();
    send::tell(&message, None, &mut client, out).await;
    Ok(())
}

/// What a directory says that it is, if that is the message that is meant.
fn said_in(dir: &Path, id: MessageId) -> Result<Said, Failure> {
    let said = Said::read(dir)?;
    match said.message_id == id {
        true => Ok(said),
        false => {
            let path = dir.join(MESSAGE_FILE);
            Err(Failure::bad_file(&path, format!("is of message {}", said.message_id)))
        }
    }
}
