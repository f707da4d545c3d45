//! `rogatory list`.

use clap::Args;

use super::closed::none_of;
use super::connect::{AgencyAccess, AgencyClient};
use super::exit::Failure;
use super::out::Out;
use super::view;
use crate::domain::delivery::DeliveryState;
use crate::domain::{AuthorityId, CaseId};
use crate::pb::v1 as pb;

/// Lists messages, newest first
///
///   rogatory list --sent --peer xb.pps --state QUEUED
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    access: AgencyAccess,
    /// Only what this authority sent
    #[arg(long, conflicts_with = "received")]
    sent: bool,
    /// Only what this authority received
    #[arg(long)]
    received: bool,
    /// Only what was exchanged with this authority
    #[arg(long, value_name = "AUTHORITY")]
    peer: Option<AuthorityId>,
    /// Only this case, as in ROG-TH-OAG-2026-000042
    #[arg(long, value_name = "CASE", value_parser = CaseId::parse)]
    case: Option<CaseId>,
    /// Only this state, as in QUEUED, CONSIGNED or HANDED_OVER
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<DeliveryState>,
}

fn state(word: &str) -> Result<DeliveryState, String> {
    let wanted = word.to_ascii_uppercase().replace('-', "_");
    let found = DeliveryState::ALL.into_iter().find(|state| state.as_str() == wanted);
    found.ok_or_else(|| {
        let words: Vec<&str> = DeliveryState::ALL.iter().map(|state| state.as_str()).collect();
        none_of(word, &words)
    })
}

/// Messages in one answer of the node.
const PAGE: i32 = 500;

pub(crate) async fn run(args: ListArgs, out: &mut Out) -> Result<(), Failure> {
    let mut client = args.access.connect(out).await?;
    let direction = match (args.sent, args.received) {
        (true, _) => pb::Direction::Sent,
        (_, true) => pb::Direction::Received,
        _ => pb::Direction::Unspecified,
    };
    let wanted = pb::ListMessagesRequest {
        direction: direction as i32,
        peer: args.peer.map(String::from).unwrap_or_default(),
        case_id: args.case.map(String::from).unwrap_or_default(),
        state: args.state.map_or(0, |state| state as i32),
        ..Default::default()
    };
    list(&mut client, wanted, out).await
}

async fn list(
    client: &mut AgencyClient,
    wanted: pb::ListMessagesRequest,
    out: &mut Out,
) -> Result<(), Failure> {
    let mut pages = Pages::new(wanted);
    let mut rows = Vec::new();
    while let Some(page) = pages.next(client).await? {
        if !out.is_json() {
            rows.extend(page);
            continue;
        }
        page.iter().for_each(|message| out.json(&view::summary(message)));
        if out.is_closed() {
            return Ok(());
        }
    }
    if !out.is_json() {
        let header = ["message", "way", "peer", "kind", "case", "state", "handling", "created"];
        out.list(&header, &rows, row, view::summary);
    }
    Ok(())
}

fn row(m: &pb::Message) -> Vec<String> {
    let way = view::direction(m.direction).to_owned();
    let (kind, state) = (view::kind(m.kind).to_owned(), view::state(m.state).to_owned());
    let handling = view::handling(m.handling).to_owned();
    let texts =
        [&m.message_id, &way, &m.peer, &kind, &m.case_id, &state, &handling, &m.create_time];
    texts.into_iter().cloned().collect()
}

/// The pages of a list of messages.
pub(super) struct Pages {
    wanted: pb::ListMessagesRequest,
    more: bool,
}

impl Pages {
    pub(super) fn new(wanted: pb::ListMessagesRequest) -> Self {
        Self { wanted: pb::ListMessagesRequest { page_size: PAGE, ..wanted }, more: true }
    }

    pub(super) async fn next(
        &mut self,
        client: &mut AgencyClient,
    ) -> Result<Option<Vec<pb::Message>>, Failure> {
        if !self.more {
            return Ok(None);
        }
        let page = client.list_messages(self.wanted.clone()).await?.into_inner();
        self.more = !page.next_page_token.is_empty();
        self.wanted.page_token = page.next_page_token;
        Ok(Some(page.messages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::{Format, testing::memory};
    use crate::cli::testing::{Fake, message};

    #[test]
    fn states_are_taken_in_any_usual_spelling() {
        assert_eq!(state("handed-over"), Ok(DeliveryState::HandedOver));
        assert!(state("lost").expect_err("no state").contains("EXPIRED_UNKNOWN"));
    }

    #[tokio::test]
    async fn all_pages_come_in_their_order() {
        let messages = (1..=3).map(message).collect();
        let (mut client, _) = Fake { messages, page: 2, ..Default::default() }.start().await;
        let (mut out, data, _) = memory(Format::Json);
        list(&mut client, Default::default(), &mut out).await.expect("listed");
        assert_eq!(data.text().lines().count(), 3);
        let (mut out, data, _) = memory(Format::Table);
        list(&mut client, Default::default(), &mut out).await.expect("listed");
        assert_eq!(data.text().lines().count(), 4);
    }
}
