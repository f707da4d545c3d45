//! `rogatory confirm`.

use std::path::PathBuf;

use clap::Args;

use super::connect::AgencyAccess;
use super::exit::Failure;
use super::fetch::{self, Said, kept};
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
            let said = Said::of(tree.as_ref(), args.id)?;
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
