//! Sending the figures of a year to other authorities, to each once.
//!
//! Figures say when they were counted, so that the same command never makes the same message twice:
//! what was sent before is looked at instead. Two commands at once have the same request id, and the
//! node takes one of them.

use serde_json::json;

use super::Given;
use crate::cli::connect::AgencyClient;
use crate::cli::exit::{Exit, Failure};
use crate::cli::list::Pages;
use crate::cli::out::Out;
use crate::cli::refusal::in_file;
use crate::cli::{send, view};
use crate::crypto::{Sha256, sha256};
use crate::domain::delivery::DeliveryState;
use crate::domain::request::{Body, Content};
use crate::domain::statistics::{Period, StatisticsReturn, to_csv};
use crate::domain::{AuthorityId, MessageId, MessageKind, RequestId};
use crate::envelope::wire::{content_from_pb, content_to_pb};
use crate::pb::v1 as pb;

/// Begins what a request id is made of.
const REQUEST_ID_DOMAIN: &[u8] = b"rogatory/v1/statistics-return\n";

/// Messages, and whether each was sent before.
type Sent = Vec<(pb::Message, bool)>;

pub(super) async fn send_all(
    client: &mut AgencyClient,
    given: Given,
    period: &Period,
    to: &[AuthorityId],
    out: &mut Out,
) -> Result<(), Failure> {
    if !given.all_cases {
        let what = "this agency does not see all cases: its figures are not those of the authority";
        let hint = "send them with the profile of an agency that was added with --all-cases";
        return Err(Failure::new(Exit::Failed, what).hint(hint));
    }
    let content = Content::of(MessageKind::StatisticsReturn, Body::Statistics(given.figures));
    send::check(&content, None)?;
    let (mut sent, mut failed): (Sent, Vec<Failure>) = Default::default();
    for recipient in to {
        match send_one(client, &content, period, recipient, out).await {
            Ok(one) => sent.push(one),
            Err(failure) => {
                let message = format!("{recipient}: {}", failure.message);
                failed.push(Failure { message, ..failure });
            }
        }
    }
    tell(&sent, out);
    Failure::all(failed).map_or(Ok(()), Err)
}

fn tell(sent: &Sent, out: &mut Out) {
    let row = |(m, _): &(pb::Message, bool)| {
        vec![m.peer.clone(), m.message_id.clone(), view::state(m.state).to_owned()]
    };
    let json = |(m, before): &(pb::Message, bool)| {
        json!({
            "peer": m.peer,
            "message_id": m.message_id,
            "state": view::state(m.state),
            "was_sent_before": before,
        })
    };
    out.list(&["peer", "message", "state"], sent, row, json);
    // The same for all of them.
    let first = sent.iter().find(|(_, before)| !before);
    for warning in first.iter().flat_map(|(message, _)| &message.warnings) {
        out.talk(&format!("warning: {}", in_file(warning)));
    }
}

async fn send_one(
    client: &mut AgencyClient,
    content: &Content,
    period: &Period,
    recipient: &AuthorityId,
    out: &mut Out,
) -> Result<(pb::Message, bool), Failure> {
    let Body::Statistics(figures) = &content.body else { unreachable!("it is made of figures") };
    let (before, last) = newest(client, period, recipient).await?;
    let last = last.max(refused(client, recipient).await?);
    if let Some(Before { message, figures: had }) = &before {
        let (id, at) = (&message.message_id, &message.create_time);
        if without_time(had) == without_time(figures) {
            out.talk(&format!(
                "note: {recipient} was sent these figures at {at} with message {id}: they are not sent \
                 again"
            ));
            return Ok((message.clone(), true));
        }
        out.talk(&format!(
            "warning: {recipient} was sent other figures of these days at {at}, with message {id}: from \
             both it can tell what happened in between"
        ));
    }
    let request = pb::SubmitMessageRequest {
        request_id: request_id(recipient, figures, last.as_deref()).to_string(),
        recipient: recipient.to_string(),
        content: Some(content_to_pb(content)),
        ..Default::default()
    };
    let answer = client.submit_message(request).await.map_err(not_sent)?;
    Ok((answer.into_inner(), false))
}

fn not_sent(status: tonic::Status) -> Failure {
    let at_once = status.code() == tonic::Code::AlreadyExists;
    let failure = Failure::from(status);
    match failure.code {
        _ if at_once => failure.hint(
            "these figures came before: `rogatory draft list` shows whether they wait for an approval, and \
             `rogatory list --sent` what went out",
        ),
        Exit::Unavailable | Exit::Fault => {
            failure.hint("repeat the command: what has gone out already is not sent twice")
        }
        _ => failure,
    }
}

/// A return that was sent.
struct Before {
    message: pb::Message,
    figures: StatisticsReturn,
}

/// The newest return about these days that went to an authority, and the newest of any days, whatever
/// became of it. One that waits for an approval is not looked at, which would be noted as read: the
/// request id keeps that from being doubled.
async fn newest(
    client: &mut AgencyClient,
    period: &Period,
    recipient: &AuthorityId,
) -> Result<(Option<Before>, Option<String>), Failure> {
    let mut last = None;
    let mut pages = Pages::new(pb::ListMessagesRequest {
        direction: pb::Direction::Sent as i32,
        peer: recipient.to_string(),
        ..Default::default()
    });
    while let Some(page) = pages.next(client).await? {
        for message in &page {
            // No figures of days are sent before the first of them.
            if MessageId::parse(&message.message_id).is_ok_and(|id| id.at() < period.start()) {
                return Ok((None, last));
            }
            if message.kind == MessageKind::StatisticsReturn as i32 {
                last.get_or_insert_with(|| message.message_id.clone());
            }
            if is_return(message)
                && let Some(found) = read(client, &message.message_id, period).await?
            {
                return Ok((Some(found), last));
            }
        }
    }
    Ok((None, last))
}

/// The newest return to an authority that was not approved.
async fn refused(
    client: &mut AgencyClient,
    recipient: &AuthorityId,
) -> Result<Option<String>, Failure> {
    let mut request = pb::ListDraftsRequest { refused: true, ..Default::default() };
    let mut last = None;
    loop {
        let page = client.list_drafts(request.clone()).await?.into_inner();
        let is_one = |draft: &&pb::Draft| {
            draft.kind == MessageKind::StatisticsReturn as i32
                && draft.recipient == recipient.as_str()
        };
        let newest = page.drafts.iter().filter(is_one).map(|draft| draft.message_id.clone()).max();
        last = last.max(newest);
        if page.next_page_token.is_empty() {
            return Ok(last);
        }
        request.page_token = page.next_page_token;
    }
}

/// Whether a message is a return that came to the other side, or is on its way there. Of one whose time
/// was over nobody knows: it is sent again.
fn is_return(message: &pb::Message) -> bool {
    let never = [
        DeliveryState::Cancelled,
        DeliveryState::Rejected,
        DeliveryState::NotConsigned,
        DeliveryState::ExpiredUnknown,
    ];
    message.kind == MessageKind::StatisticsReturn as i32
        && !never.iter().any(|state| message.state == *state as i32)
}

/// A return with its figures, if it is about these days and still there.
async fn read(
    client: &mut AgencyClient,
    id: &str,
    period: &Period,
) -> Result<Option<Before>, Failure> {
    let request = pb::GetMessageRequest { name: format!("messages/{id}") };
    let message = client.get_message(request).await?.into_inner();
    let content = message.content.clone().and_then(|content| content_from_pb(content).ok());
    let Some(Body::Statistics(figures)) = content.map(|content| content.body) else {
        return Ok(None);
    };
    let same_days = (figures.from.as_str(), figures.until.as_str());
    Ok((same_days == (period.from(), period.until())).then_some(Before { message, figures }))
}

/// The figures, whenever they were counted.
fn without_time(figures: &StatisticsReturn) -> StatisticsReturn {
    StatisticsReturn { as_of: String::new(), ..figures.clone() }
}

/// One id for one recipient, the same figures, and the same return before them, whatever became of that.
fn request_id(
    recipient: &AuthorityId,
    figures: &StatisticsReturn,
    last: Option<&str>,
) -> RequestId {
    let mut hasher = Sha256::new();
    hasher.update(REQUEST_ID_DOMAIN);
    for part in [recipient.as_str(), last.unwrap_or_default(), &to_csv(&without_time(figures))] {
        hasher.update(&sha256(part.as_bytes()));
    }
    let digest = hasher.finish();
    let mut first = [0; 16];
    first.copy_from_slice(&digest[..16]);
    RequestId::new(first)
}

#[cfg(test)]
#[path = "send_tests.rs"]
mod tests;
