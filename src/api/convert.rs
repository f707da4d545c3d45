//! Between the API's messages and the exchange's values.

use tonic::Status;

use super::annex::annex;
use super::status::invalid;
use crate::card::{Card, CardBody};
use crate::domain::custody::CustodyRecord;
use crate::domain::limits::{PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX};
use crate::domain::request::{Content, Finding, Severity};
use crate::domain::{MessageId, PackageId, RequestId};
use crate::envelope::wire::{content_from_pb, custody_from_pb, custody_to_pb, use_limits_to_pb};
use crate::exchange::Peer;
use crate::exchange::log::{index_in_log, log_of};
use crate::exchange::packages::ExhibitInfo;
use crate::exchange::query::{MessageView, ReceiptView};
use crate::exchange::queue::Waiting;
use crate::exchange::replayed::StateDigest;
use crate::pb::store::v1::{DetailFinding, ErasureRow, PackageFacts, ShareRow, StandingRow, Step};
use crate::pb::v1 as pb;

/// Parses a field, or says which rule it breaks.
pub(super) fn parse<T: std::str::FromStr<Err: std::fmt::Display>>(
    field: &str,
    text: &str,
) -> Result<T, Status> {
    text.parse().map_err(|error| invalid(field, error))
}

/// Parses a field that may be empty.
pub(super) fn optional<T: std::str::FromStr<Err: std::fmt::Display>>(
    field: &str,
    text: &str,
) -> Result<Option<T>, Status> {
    if text.is_empty() { Ok(None) } else { parse(field, text).map(Some) }
}

/// What is to be said, with its texts in NFC.
pub(super) fn content(content: Option<pb::MessageContent>) -> Result<Content, Status> {
    let content = content.ok_or_else(|| invalid("content", "must be given"))?;
    content_from_pb(content)
        .map(Content::normalised)
        .map_err(|error| invalid(&format!("content.{}", error.path), error.rule))
}

/// `messages/{message_id}`, or the id alone.
pub(super) fn message_name(field: &str, name: &str) -> Result<MessageId, Status> {
    parse(field, name.strip_prefix("messages/").unwrap_or(name))
}

/// `packages/{package_id}`, or the id alone.
pub(super) fn package_name(field: &str, name: &str) -> Result<PackageId, Status> {
    parse(field, name.strip_prefix("packages/").unwrap_or(name))
}

pub(super) fn request_id(text: &str) -> Result<RequestId, Status> {
    parse("request_id", text)
}

/// How many rows a page is to have.
pub(super) fn page_size(asked: i32) -> Result<usize, Status> {
    match usize::try_from(asked) {
        Ok(0) => Ok(PAGE_SIZE_DEFAULT),
        // AIP-158: more than the limit is brought to it, not refused.
        Ok(size) => Ok(size.min(PAGE_SIZE_MAX)),
        Err(_) => Err(invalid("page_size", "must not be negative")),
    }
}

/// A message for the client.
pub(super) fn message(view: MessageView) -> pb::Message {
    let MessageView { id, row, details, body, standing: at, limits } = view;
    let lost_time = match row.lost_ms {
        0 => String::new(),
        lost => crate::domain::Timestamp::from_unix_ms(lost).to_string(),
    };
    let time = |ms| crate::domain::Timestamp::from_unix_ms(ms).to_string();
    let in_reply_to = MessageId::from_slice(&row.in_reply_to).map(|id| id.to_string());
    let receipts = row.receipts.iter().map(|r| format!("{} {}", r.event, r.issuer));
    let warnings = details.findings.iter().map(warning).collect();
    // In lists they would be longer than all else.
    let told = details.findings.into_iter().filter(|_| body.is_some());
    let findings = told.map(kept_finding).collect();
    pb::Message {
        name: format!("messages/{id}"),
        message_id: id.to_string(),
        direction: i32::try_from(row.direction).unwrap_or_default(),
        in_reply_to: in_reply_to.unwrap_or_default(),
        state: row.state,
        create_time: time(row.created_ms),
        expire_time: time(row.expires_ms),
        envelope_digest: hex::encode(&row.envelope_digest),
        packages: row.packages.iter().map(package).collect(),
        content: body.and_then(|body| body.content),
        receipts: receipts.collect(),
        peer: row.peer,
        kind: row.kind,
        case_id: row.case_id,
        reference: details.reference,
        agency: row.agency,
        refusal_code: row.refusal_code,
        inbox_position: row.inbox_position,
        warnings,
        findings,
        lost_time,
        request: message_ref(&row.request),
        request_state: row.request_state,
        move_notice: row.move_notice,
        approved_by: row.approved_by,
        use_limits: use_limits_to_pb(limits),
        shares: row.shares.into_iter().map(share).collect(),
        standing: at.map(|at| standing(&at)),
        erasure: row.erased.map(erasure),
        annexes: row.annexes.iter().map(annex).collect(),
        handling: row.handling,
    }
}

pub(super) fn erasure(erased: ErasureRow) -> pb::Erasure {
    pb::Erasure {
        erase_time: crate::domain::Timestamp::from_unix_ms(erased.at_ms).to_string(),
        reason: erased.code,
        log_index: index_in_log(erased.entry_index),
        log: log_of(erased.entry_index),
    }
}

fn share(row: ShareRow) -> pb::Share {
    pb::Share {
        agency: row.agency,
        purpose: row.purpose,
        ground: row.ground,
        share_time: crate::domain::Timestamp::from_unix_ms(row.at_ms).to_string(),
        consent: message_ref(&row.consent),
        log_index: index_in_log(row.entry_index),
        log: log_of(row.entry_index),
        package: match PackageId::from_slice(&row.package_id) {
            Ok(id) => format!("packages/{id}"),
            Err(_) => String::new(),
        },
    }
}

fn warning(kept: &DetailFinding) -> String {
    format!("content.{}: {} ({})", kept.field, kept.message, kept.paragraph)
}

/// A warning with which a message was submitted.
fn kept_finding(kept: DetailFinding) -> pb::Finding {
    pb::Finding {
        instrument: kept.instrument,
        paragraph: kept.paragraph,
        need: kept.need,
        field: format!("content.{}", kept.field),
        severity: pb::FindingSeverity::Warning as i32,
        message: kept.message,
        explanation: kept.explanation,
    }
}

/// A finding for the client.
pub(super) fn finding(found: Finding) -> pb::Finding {
    let severity = match found.severity {
        Severity::Warning => pb::FindingSeverity::Warning,
        Severity::Error => pb::FindingSeverity::Error,
    };
    pb::Finding {
        instrument: found.instrument,
        paragraph: found.paragraph,
        need: found.need.to_string(),
        field: format!("content.{}", found.field),
        severity: severity as i32,
        message: found.message,
        explanation: found.explanation,
    }
}

/// `messages/{message_id}`; empty for what is no id.
pub(super) fn message_ref(id: &[u8]) -> String {
    MessageId::from_slice(id).map(|id| format!("messages/{id}")).unwrap_or_default()
}

/// Where a request stands, for the client.
fn standing(at: &StandingRow) -> pb::RequestStanding {
    let time = |ms| crate::domain::Timestamp::from_unix_ms(ms).to_string();
    let step = |step: &Step| pb::RequestStep {
        time: time(step.at_ms),
        state: step.state,
        message: message_ref(&step.message_id),
    };
    pb::RequestStanding {
        state: at.state,
        since_time: at.steps.last().map(|step| time(step.at_ms)).unwrap_or_default(),
        is_requested: at.is_requested(),
        unjudged: u32::try_from(at.sent.len()).unwrap_or(u32::MAX),
        is_told: at.is_requested() || at.told > 0,
        legal_moves: at.legal().into_iter().map(|made| made.as_str().to_owned()).collect(),
        steps: at.steps.iter().map(step).collect(),
    }
}

/// A package for the client. The manifest is ours, so it is not counted.
pub(super) fn package(facts: &PackageFacts) -> pb::Package {
    let id = PackageId::from_slice(&facts.package_id).map(|id| id.to_string()).unwrap_or_default();
    pb::Package {
        name: format!("packages/{id}"),
        package_id: id,
        root: hex::encode(&facts.root),
        exhibits: facts.exhibits.saturating_sub(1),
        sealed_bytes: facts.sealed_bytes,
    }
}

pub(super) fn exhibit(info: ExhibitInfo) -> pb::Exhibit {
    pb::Exhibit {
        number: info.number,
        original_name: info.name,
        media_type: info.media_type,
        size_bytes: info.bytes,
        sha256: info.sha256,
        custody: info.custody.into_iter().map(custody_to_pb).collect(),
    }
}

/// The custody records of an exhibit that a client gives.
pub(super) fn custody(records: Vec<pb::CustodyRecord>) -> Result<Vec<CustodyRecord>, Status> {
    let read = |(number, record)| {
        custody_from_pb(record).map_err(|error| {
            invalid(&format!("exhibit.custody[{number}].{}", error.path), error.rule)
        })
    };
    records.into_iter().enumerate().map(read).collect()
}

pub(super) fn receipt(view: ReceiptView, digest: &[u8]) -> pb::Receipt {
    pb::Receipt {
        event: view.event,
        issuer: view.issuer,
        event_time: view.at.to_string(),
        index: index_in_log(view.index),
        log_origin: view.log,
        level: view.level.as_str().to_owned(),
        text: view.text,
        envelope_digest: hex::encode(digest),
    }
}

/// A message that waits, for the client.
pub(super) fn queue_item(item: Waiting) -> pb::QueueItem {
    pb::QueueItem {
        message_id: item.message.to_string(),
        peer: item.peer,
        state: item.state.to_owned(),
        create_time: item.created.to_string(),
        expire_time: item.expires.to_string(),
        attempts: item.attempts,
        trouble: item.trouble,
    }
}

/// A card for the client.
pub(super) fn card_to_pb(card: &Card) -> pb::Card {
    pb::Card {
        text: card.text().to_owned(),
        fingerprint: card.fingerprint().hex(),
        fingerprint_words: card.fingerprint().words(),
    }
}

/// A peer for the client.
pub(super) fn peer_to_pb(peer: &Peer) -> pb::Peer {
    let card = &peer.card;
    pb::Peer {
        authority: card.authority().to_string(),
        display_name: card.body().name.clone(),
        endpoint: card.body().endpoint.clone(),
        card_version: card.version(),
        create_time: peer.added.to_string(),
        expire_time: card.expires().to_string(),
        fingerprint: card.fingerprint().hex(),
        suspended: peer.suspended.clone().unwrap_or_default(),
        kind: card.kind().to_string(),
    }
}

/// Characters of what a field of a card was, or is: enough to see what it is about.
const CHANGE_MAX_CHARS: usize = 1000;

/// What one card says otherwise than one before it, for the client.
pub(super) fn card_changes(now: &CardBody, before: &CardBody) -> Vec<pb::CardChange> {
    let text = |text: &String| text.chars().take(CHANGE_MAX_CHARS).collect();
    let changes = now.changes_since(before).into_iter();
    changes
        .map(|change| pb::CardChange {
            before: text(&change.before),
            after: text(&change.after),
            field: change.field,
        })
        .collect()
}

/// What the log leads to, for the client.
pub(super) fn replayed(replayed: &StateDigest) -> pb::ReplayedState {
    pb::ReplayedState {
        size: replayed.checkpoint.size,
        root: hex::encode(replayed.checkpoint.root),
        state_digest: hex::encode(replayed.digest),
        errors: replayed.errors,
        notices: replayed.notices,
    }
}
