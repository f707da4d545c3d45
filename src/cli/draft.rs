//! `rogatory draft`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::connect::{AgencyAccess, AgencyClient};
use super::erase::{help, reason};
use super::exit::Failure;
use super::out::Out;
use super::{send, view};
use crate::domain::{MessageId, Reason};
use crate::pb::v1 as pb;

/// Messages that wait until a second official of the authority has approved them
///
/// Which kinds do is written in the node's configuration, under [approval]. `rogatory show ID` shows
/// what one says, and only who has read it may approve it; `rogatory cancel ID` takes an own one back.
#[derive(Args)]
pub(crate) struct DraftArgs {
    #[command(flatten)]
    access: AgencyAccess,
    #[command(subcommand)]
    command: DraftCommand,
}

#[derive(Subcommand)]
enum DraftCommand {
    /// Lists those that wait, the oldest first
    List {
        /// Lists those that were not approved instead
        #[arg(long)]
        refused: bool,
    },
    /// Approves one that another agency wrote: it is checked once more, signed and sent
    Approve {
        /// The message
        id: MessageId,
    },
    /// Does not approve one: it is not sent, and what it says is erased
    Refuse {
        /// The message
        id: MessageId,
        /// Why: a code that stands in the log for ever, as in NOT_COMPLETE
        #[arg(long, value_name = "CODE", long_help = help(&Reason::DRAFT),
        value_parser = |given: &str| reason(given, &Reason::DRAFT))]
        reason: Reason,
    },
}

pub(crate) async fn run(args: DraftArgs, out: &mut Out) -> Result<(), Failure> {
    let mut client = args.access.connect(out).await?;
    match args.command {
        DraftCommand::List { refused } => list(&mut client, refused, out).await,
        DraftCommand::Approve { id } => {
            let request = pb::ApproveDraftRequest { name: format!("messages/{id}") };
            let message = client.approve_draft(request).await?.into_inner();
            send::tell(&message, None, &mut client, out).await;
            Ok(())
        }
        DraftCommand::Refuse { id, reason } => {
            let (name, reason) = (format!("messages/{id}"), reason.to_string());
            let request = pb::RefuseDraftRequest { name, reason };
            let refused = client.refuse_draft(request).await?.into_inner();
            print(&[refused], out);
            Ok(())
        }
    }
}

async fn list(client: &mut AgencyClient, refused: bool, out: &mut Out) -> Result<(), Failure> {
    let mut request = pb::ListDraftsRequest { page_size: 1000, page_token: String::new(), refused };
    let mut drafts = Vec::new();
    loop {
        let page = client.list_drafts(request.clone()).await?.into_inner();
        drafts.extend(page.drafts);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    print(&drafts, out);
    Ok(())
}

fn print(drafts: &[pb::Draft], out: &mut Out) {
    let header = ["message", "to", "kind", "from", "created", "waits until", "read by", "refused"];
    out.list(&header, drafts, row, as_json);
}

fn row(draft: &pb::Draft) -> Vec<String> {
    let refused = match draft.refused_by.as_str() {
        "" => draft.refusal_code.clone(),
        by => format!("{} ({by})", draft.refusal_code),
    };
    vec![
        draft.message_id.clone(),
        draft.recipient.clone(),
        view::kind(draft.kind).to_owned(),
        draft.agency.clone(),
        draft.create_time.clone(),
        draft.expire_time.clone(),
        draft.readers.join(", "),
        refused,
    ]
}

fn as_json(draft: &pb::Draft) -> Value {
    json!({
        "message_id": draft.message_id,
        "recipient": draft.recipient,
        "kind": view::kind(draft.kind),
        "agency": draft.agency,
        "create_time": draft.create_time,
        "expire_time": draft.expire_time,
        "readers": draft.readers,
        "refusal_code": draft.refusal_code,
        "refuse_time": draft.refuse_time,
        "refused_by": draft.refused_by,
    })
}
