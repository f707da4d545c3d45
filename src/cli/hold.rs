//! `rogatory hold`.

use clap::{Args, Subcommand};
use tonic::transport::Channel;

use super::connect::OperatorAccess;
use super::erase::{help, reason};
use super::exit::Failure;
use super::out::Out;
use super::view;
use crate::domain::{MessageId, Reason};
use crate::pb::v1 as pb;
use crate::pb::v1::operator_service_client::OperatorServiceClient;

/// Messages that must not be erased, whoever asks and whatever the rules say
///
/// (`rogatory queue hold` is another thing: it keeps back what waits to be relayed.)
#[derive(Args)]
pub(crate) struct HoldArgs {
    #[command(flatten)]
    access: OperatorAccess,
    #[command(subcommand)]
    command: HoldCommand,
}

#[derive(Subcommand)]
enum HoldCommand {
    /// Forbids that a message is erased
    Set(Of),
    /// Allows it again
    Release(Of),
    /// Lists the messages that are on hold, the oldest message first
    List,
}

#[derive(Args)]
struct Of {
    /// The message
    #[arg(long, value_name = "ID")]
    message: MessageId,
    /// Why: a code that stands in the log for ever, as in INVESTIGATION
    #[arg(long, value_name = "CODE", long_help = help(&Reason::HOLD),
        value_parser = |given: &str| reason(given, &Reason::HOLD))]
    reason: Option<Reason>,
}

impl Of {
    fn reason(&self) -> String {
        self.reason.as_ref().map(Reason::to_string).unwrap_or_default()
    }
}

type Client = OperatorServiceClient<Channel>;

pub(crate) async fn run(args: HoldArgs, out: &mut Out) -> Result<(), Failure> {
    let HoldArgs { access, command } = args;
    let ask = async |channel, _: &mut Out| {
        let mut client = OperatorServiceClient::new(channel);
        Ok(match command {
            HoldCommand::List => list(&mut client).await?,
            HoldCommand::Set(of) => {
                let (message_id, reason) = (of.message.to_string(), of.reason());
                let request = pb::SetHoldRequest { message_id, reason };
                vec![client.set_hold(request).await?.into_inner()]
            }
            HoldCommand::Release(of) => {
                let (message_id, reason) = (of.message.to_string(), of.reason());
                let request = pb::ReleaseHoldRequest { message_id, reason };
                vec![client.release_hold(request).await?.into_inner()]
            }
        })
    };
    let holds = access.at(out, ask).await?;
    out.list(&["message", "since", "reason", "entry"], &holds, row, view::hold);
    Ok(())
}

async fn list(client: &mut Client) -> Result<Vec<pb::Hold>, Failure> {
    let mut holds = Vec::new();
    let mut request = pb::ListHoldsRequest { page_size: 1000, page_token: String::new() };
    loop {
        let page = client.list_holds(request.clone()).await?.into_inner();
        holds.extend(page.holds);
        if page.next_page_token.is_empty() {
            return Ok(holds);
        }
        request.page_token = page.next_page_token;
    }
}

fn row(hold: &pb::Hold) -> Vec<String> {
    let entry = view::place(hold.log, hold.log_index);
    vec![hold.message_id.clone(), hold.create_time.clone(), hold.reason.clone(), entry]
}
