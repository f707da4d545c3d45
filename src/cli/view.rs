//! What the node answers, as JSON and as words.

use serde_json::{Value, json};

use super::check::finding_json;
use crate::audit::Position;
use crate::domain::custody::differs;
use crate::domain::delivery::DeliveryState;
use crate::domain::lifecycle::RequestState;
use crate::domain::request::{FrameworkSubject, Handling, LimitKind, ReleasePurpose};
use crate::domain::{AuthorityKind, MessageKind, PackageId};
use crate::envelope::wire::{
    content_from_pb, custody_from_pb, release_purpose_from_pb, subject_from_pb,
};
use crate::pb::v1 as pb;

/// The word for a kind, as in `EVIDENCE_PACKAGE`.
pub(crate) fn kind(number: i32) -> &'static str {
    MessageKind::from_number(number).map_or("UNKNOWN", MessageKind::as_str)
}

/// The word for a state, as in `HANDED_OVER`.
pub(crate) fn state(number: i32) -> &'static str {
    match pb::DeliveryState::try_from(number) {
        Ok(pb::DeliveryState::AwaitingApproval) => "AWAITING_APPROVAL",
        Ok(pb::DeliveryState::NotApproved) => "NOT_APPROVED",
        _ => DeliveryState::from_number(number).map_or("UNKNOWN", DeliveryState::as_str),
    }
}

/// `sent` or `received`.
pub(crate) fn direction(number: i32) -> &'static str {
    match pb::Direction::try_from(number) {
        Ok(pb::Direction::Sent) => "sent",
        Ok(pb::Direction::Received) => "received",
        _ => "unknown",
    }
}

/// An entry of a log, which is counted from 0, the oldest first.
pub(crate) fn place(log: u32, index: u64) -> String {
    Position::new(log, index).to_string()
}

/// Bytes as people count them.
pub(crate) fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}

/// A message without what it says: for lists, which end up in the logs of scripts.
pub(crate) fn summary(m: &pb::Message) -> Value {
    json!({
        "message_id": m.message_id,
        "direction": direction(m.direction),
        "peer": m.peer,
        "kind": kind(m.kind),
        "case_id": m.case_id,
        "in_reply_to": m.in_reply_to,
        "state": state(m.state),
        "create_time": m.create_time,
        "expire_time": m.expire_time,
        "envelope_digest": m.envelope_digest,
        "packages": m.packages.iter().map(package).collect::<Vec<_>>(),
        "annexes": m.annexes.iter().map(annex).collect::<Vec<_>>(),
        "handling": handling(m.handling),
        "reference": m.reference,
        "agency": m.agency,
        "refusal_code": m.refusal_code,
        "inbox_position": m.inbox_position,
        "receipts": m.receipts,
        "warnings": m.warnings,
    })
}

/// The word for the purpose of a release.
pub(crate) fn release_purpose(number: i32) -> &'static str {
    release_purpose_from_pb(number).map_or("unknown", ReleasePurpose::as_str)
}

/// That a message was given to a further agency.
pub(crate) fn share(share: &pb::Share) -> Value {
    json!({
        "agency": share.agency,
        "purpose": release_purpose(share.purpose),
        "ground": share.ground,
        "share_time": share.share_time,
        "consent": share.consent.trim_start_matches("messages/"),
        "package_id": share.package.trim_start_matches("packages/"),
        "log_index": share.log_index,
        "log": share.log,
    })
}

/// How something may be used.
pub(crate) fn use_limit(limit: &pb::UseLimit) -> Value {
    let package = PackageId::from_slice(&limit.package_id).map(|id| id.to_string());
    json!({
        "kind": limit_kind(limit.kind),
        "text": limit.text,
        "until": limit.until,
        "package": package.ok(),
        "exhibit": limit.exhibit,
    })
}

/// The word for a kind of limit.
pub(crate) fn limit_kind(number: i32) -> &'static str {
    match pb::LimitKind::try_from(number) {
        Ok(pb::LimitKind::Specialty) => LimitKind::Specialty.as_str(),
        Ok(pb::LimitKind::Confidential) => LimitKind::Confidential.as_str(),
        Ok(pb::LimitKind::Restricted) => LimitKind::Restricted.as_str(),
        Ok(pb::LimitKind::Condition) => LimitKind::Condition.as_str(),
        Ok(pb::LimitKind::LeadOnly) => LimitKind::LeadOnly.as_str(),
        _ => "unknown",
    }
}

/// The word for how a message is handled; empty where that is not said.
pub(crate) fn handling(number: i32) -> &'static str {
    Handling::from_number(number).map_or("", Handling::as_str)
}

fn annex(a: &pb::Annex) -> Value {
    let mut value = json!({
        "annex_id": a.annex_id,
        "digest": a.digest,
        "sealed_bytes": a.sealed_bytes,
    });
    if !a.officials.is_empty() {
        value["officials"] = json!(a.officials);
    }
    if let Some(erased) = &a.erasure {
        value["erasure"] = erasure(erased);
    }
    value
}

/// A message with what it says.
pub(crate) fn message(m: &pb::Message) -> Value {
    let mut value = summary(m);
    if let Some(said) = &m.content {
        value["content"] = content(said);
        value["findings"] = m.findings.iter().map(finding_json).collect();
    }
    if !m.request.is_empty() {
        value["request"] = json!(m.request.trim_start_matches("messages/"));
        value["request_state"] = json!(request_state(m.request_state));
    }
    if !m.use_limits.is_empty() {
        value["use_limits"] = m.use_limits.iter().map(use_limit).collect();
    }
    if !m.shares.is_empty() {
        value["shares"] = m.shares.iter().map(share).collect();
    }
    if !m.approved_by.is_empty() {
        value["approved_by"] = json!(m.approved_by);
    }
    if !m.move_notice.is_empty() {
        value["move_notice"] = json!(m.move_notice);
    }
    if let Some(at) = &m.standing {
        value["standing"] = standing(at);
    }
    if !m.lost_time.is_empty() {
        value["lost_time"] = json!(m.lost_time);
    }
    if let Some(erased) = &m.erasure {
        value["erasure"] = erasure(erased);
    }
    value
}

/// The word for where a request stands; empty where that is not said.
pub(crate) fn request_state(number: i32) -> &'static str {
    RequestState::from_number(number).map_or("", RequestState::as_str)
}

fn standing(at: &pb::RequestStanding) -> Value {
    let step = |step: &pb::RequestStep| {
        json!({
            "time": step.time,
            "state": request_state(step.state),
            "message_id": step.message.trim_start_matches("messages/"),
        })
    };
    json!({
        "state": request_state(at.state),
        "since_time": at.since_time,
        "is_requested": at.is_requested,
        "unjudged": at.unjudged,
        "is_told": at.is_told,
        "legal_moves": at.legal_moves,
        "steps": at.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn erasure(e: &pb::Erasure) -> Value {
    json!({ "erase_time": e.erase_time, "reason": e.reason, "log_index": e.log_index, "log": e.log })
}

pub(crate) fn erased_message(e: &pb::ErasedMessage) -> Value {
    json!({
        "message_id": e.message_id,
        "erase_time": e.erase_time,
        "reason": e.reason,
        "log_index": e.log_index,
        "log": e.log,
        "packages": e.packages,
        "earlier": e.earlier,
    })
}

pub(crate) fn hold(h: &pb::Hold) -> Value {
    json!({
        "message_id": h.message_id,
        "create_time": h.create_time,
        "reason": h.reason,
        "log_index": h.log_index,
        "log": h.log,
    })
}

/// A content as a file would have it.
pub(crate) fn content(content: &pb::MessageContent) -> Value {
    let read = content_from_pb(content.clone()).map_err(|error| error.to_string());
    let value = read.and_then(|read| serde_json::to_value(&read).map_err(|e| e.to_string()));
    value.unwrap_or_else(|error| json!({ "unreadable": error }))
}

pub(crate) fn package(p: &pb::Package) -> Value {
    json!({
        "package_id": p.package_id,
        "root": p.root,
        "exhibits": p.exhibits,
        "sealed_bytes": p.sealed_bytes,
    })
}

pub(crate) fn exhibit(e: &pb::Exhibit) -> Value {
    json!({
        "number": e.number,
        "original_name": e.original_name,
        "media_type": e.media_type,
        "size_bytes": e.size_bytes,
        "sha256": e.sha256,
        "custody": e.custody.iter().map(custody).collect::<Vec<_>>(),
        "custody_differs": custody_differs(e),
    })
}

/// Whether an exhibit is another than its last custody record says.
pub(crate) fn custody_differs(e: &pb::Exhibit) -> bool {
    e.custody.last().is_some_and(|last| differs(&last.digest, &e.sha256))
}

/// A custody record as a file would have it.
fn custody(record: &pb::CustodyRecord) -> Value {
    let read = custody_from_pb(record.clone()).map_err(|error| error.to_string());
    let value = read.and_then(|read| serde_json::to_value(&read).map_err(|e| e.to_string()));
    value.unwrap_or_else(|error| json!({ "unreadable": error }))
}

pub(crate) fn receipt(r: &pb::Receipt) -> Value {
    json!({
        "event": r.event,
        "issuer": r.issuer,
        "event_time": r.event_time,
        "index": r.index,
        "log_origin": r.log_origin,
        "level": r.level,
        "envelope_digest": r.envelope_digest,
        "text": r.text,
    })
}

pub(crate) fn peer(p: &pb::Peer) -> Value {
    json!({
        "authority": p.authority,
        "display_name": p.display_name,
        "endpoint": p.endpoint,
        "card_version": p.card_version,
        "create_time": p.create_time,
        "expire_time": p.expire_time,
        "fingerprint": p.fingerprint,
        "suspended": p.suspended,
        "kind": p.kind,
    })
}

/// A field of a card that is another than before.
pub(crate) fn card_change(c: &pb::CardChange) -> Value {
    json!({ "field": c.field, "before": c.before, "after": c.after })
}

/// The same for people.
pub(crate) fn changed(c: &pb::CardChange) -> String {
    let said = |text: &str| if text.is_empty() { "(none)".to_owned() } else { text.to_owned() };
    format!("{}: {} -> {}", c.field, said(&c.before), said(&c.after))
}

/// What an authority is, where it is no central authority.
pub(crate) fn not_central(kind: &str) -> String {
    let kind = AuthorityKind::parse(kind).filter(|kind| !kind.is_central());
    kind.map(|kind| kind.about().to_owned()).unwrap_or_default()
}

/// The word for what a statement is about.
pub(crate) fn subject(number: i32) -> &'static str {
    subject_from_pb(number).map_or("", FrameworkSubject::as_str)
}

pub(crate) fn agency(a: &pb::Agency) -> Value {
    json!({
        "agency": a.agency,
        "roles": a.roles,
        "all_cases": a.all_cases,
        "expire_time": a.expire_time,
        "revoked": a.revoked,
    })
}

pub(crate) fn queue_item(q: &pb::QueueItem) -> Value {
    json!({
        "message_id": q.message_id,
        "peer": q.peer,
        "state": q.state,
        "create_time": q.create_time,
        "expire_time": q.expire_time,
        "attempts": q.attempts,
        "trouble": q.trouble,
    })
}

pub(crate) fn status(s: &pb::Status) -> Value {
    json!({
        "authority": s.authority,
        "software": s.software,
        "start_time": s.start_time,
        "log_origin": s.log_origin,
        "log_size": s.log_size,
        "log_root": s.log_root,
        "replayed": s.replayed.as_ref().map(replayed),
        "queued": s.queued,
        "unopened": s.unopened,
        "overdue_ours": s.overdue_ours,
        "overdue_peers": s.overdue_peers,
        "warnings": s.warnings,
        "exchange_address": s.exchange_address,
        "agency_address": s.agency_address,
        "resident_bytes": s.resident_bytes,
        "peers": s.peers.iter().map(peer_status).collect::<Vec<_>>(),
    })
}

fn replayed(r: &pb::ReplayedState) -> Value {
    json!({
        "size": r.size,
        "root": r.root,
        "state_digest": r.state_digest,
        "errors": r.errors,
        "notices": r.notices,
    })
}

fn peer_status(p: &pb::PeerStatus) -> Value {
    json!({
        "authority": p.authority,
        "connected": p.connected,
        "trouble": p.trouble,
        "queued": p.queued,
        "log_size": p.log_size,
        "clock_offset_ms": p.clock_offset_ms,
        "reconcile_time": p.reconcile_time,
        "reconcile_code": p.reconcile_code,
        "card_version": p.card_version,
    })
}
