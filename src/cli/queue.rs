//! `rogatory queue`.

use clap::{Args, Subcommand};

use super::connect::OperatorAccess;
use super::exit::Failure;
use super::out::Out;
use super::view;
use crate::domain::MessageId;
use crate::pb::v1 as pb;
use crate::pb::v1::operator_service_client::OperatorServiceClient;

/// What waits to be relayed to other authorities
#[derive(Args)]
pub(crate) struct QueueArgs {
    #[command(flatten)]
    access: OperatorAccess,
    #[command(subcommand)]
    command: Option<QueueCommand>,
}

#[derive(Subcommand)]
enum QueueCommand {
    /// Lists what waits, oldest first (what `rogatory queue` does alone)
    List,
    /// Keeps a message back until it is retried
    Hold {
        /// The message
        id: MessageId,
    },
    /// Releases a message that was kept back, or tries a waiting one now
    Retry {
        /// The message
        id: MessageId,
    },
}

pub(crate) async fn run(args: QueueArgs, out: &mut Out) -> Result<(), Failure> {
    let QueueArgs { access, command } = args;
    let ask = async |channel, _: &mut Out| {
        let mut client = OperatorServiceClient::new(channel);
        Ok(match command {
            None | Some(QueueCommand::List) => {
                client.list_queue(pb::ListQueueRequest {}).await?.into_inner().items
            }
            Some(QueueCommand::Hold { id }) => {
                let request = pb::HoldMessageRequest { message_id: id.to_string() };
                vec![client.hold_message(request).await?.into_inner()]
            }
            Some(QueueCommand::Retry { id }) => {
                let request = pb::RetryMessageRequest { message_id: id.to_string() };
                vec![client.retry_message(request).await?.into_inner()]
            }
        })
    };
    let items = access.at(out, ask).await?;
    let header = ["message", "peer", "state", "since", "until", "attempts", "trouble"];
    out.list(&header, &items, row, view::queue_item);
    Ok(())
}

fn row(item: &pb::QueueItem) -> Vec<String> {
    let attempts = item.attempts.to_string();
    let texts = [&item.message_id, &item.peer, &item.state, &item.create_time, &item.expire_time];
    texts.into_iter().chain([&attempts, &item.trouble]).cloned().collect()
}
