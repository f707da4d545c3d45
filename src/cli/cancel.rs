//! `rogatory cancel`.

use clap::Args;

use super::connect::AgencyAccess;
use super::exit::Failure;
use super::out::Out;
use super::send;
use crate::domain::MessageId;
use crate::pb::v1 as pb;

/// Withdraws a message that still waits, to be approved or to leave; what has begun to leave stays sent
#[derive(Args)]
pub(crate) struct CancelArgs {
    #[command(flatten)]
    access: AgencyAccess,
    /// The message
    id: MessageId,
}

pub(crate) async fn run(args: CancelArgs, out: &mut Out) -> Result<(), Failure> {
    let mut client = args.access.connect(out).await?;
    let request = pb::CancelMessageRequest { name: format!("messages/{}", args.id) };
    let message = client.cancel_message(request).await?.into_inner();
    send::tell(&message, None, &mut client, out).await;
    Ok(())
}
