//! `rogatory confirm`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::connect::AgencyAccess;
use super::container::Container;
use super::exit::Failure;
use super::fetch::{self, Directory, MESSAGE_FILE, Said, Tree};
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
    /// The directory or container that it was fetched into. Every file in it is checked first:
    /// nothing is confirmed that is missing, was added, or is not what its sender sealed
    #[arg(long, value_name = "PATH")]
    fetched: Option<PathBuf>,
}

pub(crate) async fn run(args: ConfirmArgs, out: &mut Out) -> Result<(), Failure> {
    let fetched = match &args.fetched {
        Some(path) => {
            let tree = kept(path, out)?;
            let said = said_in(tree.as_ref(), args.id)?;
            Some((said, tree))
        }
        None => None,
    };
    let mut client = args.access.connect(out).await?;
    let envelope_digest = match &fetched {
        Some((said, tree)) => fetch::compare(&mut client, said, tree.as_ref(), out).await?,
        None => show::message(&mut client, args.id).await?.envelope_digest,
    };
    let name = format!("messages/{}", args.id);
    let request = pb::ConfirmHandoverRequest { name, envelope_digest };
    let message = client.confirm_handover(request).await?.into_inner();
    send::tell(&message, None, &mut client, out).await;
    Ok(())
}

/// What was fetched: a directory, or a container whose signature is one.
fn kept(path: &Path, out: &Out) -> Result<Box<dyn Tree>, Failure> {
    if !path.is_file() {
        return Ok(Box::new(Directory(path.to_owned())));
    }
    let container = Container::open(path, out)?;
    container.signature()?;
    container.stamp(None)?;
    Ok(Box::new(container))
}

/// What is said there of what it is, if that is the message that is meant.
fn said_in(tree: &dyn Tree, id: MessageId) -> Result<Said, Failure> {
    let said = Said::read(tree)?;
    match said.message_id == id {
        true => Ok(said),
        false => {
            let path = tree.shown(MESSAGE_FILE);
            Err(Failure::bad_file(Path::new(&path), format!("is of message {}", said.message_id)))
        }
    }
}
