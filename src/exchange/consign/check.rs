//! What a message must be, in structure, before it is consigned.

use super::Consigned;
use crate::domain::lifecycle::{Move, RequestState};
use crate::domain::request::{Body, Content};
use crate::domain::{CaseId, MessageId};
use crate::envelope::OpenedMessage;
use crate::envelope::wire::content_from_pb;
use crate::exchange::cases::index;
use crate::exchange::release::consent_of;
use crate::exchange::rows::MessageDetails;
use crate::exchange::standing::{self, About, review_of, urgency_of};
use crate::exchange::submit::REFERENCE_MAX_CHARS;
use crate::pb::v1 as pb;

/// What of the content must hold before it is anybody's: structure, not law. Gives a closed code.
pub(super) fn check(
    opened: &OpenedMessage,
    forbids: impl Fn(&Content) -> Option<&'static str>,
) -> Result<Consigned, &'static str> {
    let (header, body) = (opened.authentic().header(), opened.body());
    let content = body.content.clone().ok_or("MALFORMED_BODY")?;
    let content = content_from_pb(content).map_err(|_| "MALFORMED_CONTENT")?;
    if content.kind.purpose() != header.purpose {
        return Err("PURPOSE_MISMATCH");
    }
    if !content.has_its_body() {
        return Err("MALFORMED_CONTENT");
    }
    if let Some(code) = forbids(&content) {
        return Err(code);
    }
    if let Body::Request(request) = &content.body
        && request.requesting_authority.id.as_ref() != Some(&header.sender)
    {
        return Err("REQUESTING_AUTHORITY_MISMATCH");
    }
    let case_ok = match content.kind.belongs_to_case() {
        false => body.case_id.is_empty() && content.related_cases.is_empty(),
        true => CaseId::parse(&body.case_id).is_ok(),
    };
    if !case_ok {
        return Err("BAD_CASE_ID");
    }
    let keys_fit = header.packages.len() == body.packages.len()
        && header.packages.iter().zip(&body.packages).all(|(package, key)| {
            key.package_id == package.id.as_bytes()[..] && key.key.len() == 32
        });
    if !keys_fit {
        return Err("PACKAGE_KEYS_MISSING");
    }
    if body.sender_reference.chars().count() > REFERENCE_MAX_CHARS {
        return Err("MALFORMED_BODY");
    }
    let (made, consent) = match &content.body {
        Body::Note(note) => (Move::of(content.kind, note), consent_of(content.kind, note)),
        _ => (None, None),
    };
    let request = match body.request.is_empty() {
        true => None,
        false => Some(MessageId::from_slice(&body.request).map_err(|_| "MALFORMED_BODY")?),
    };
    let told = body.standing.clone();
    if told.as_ref().is_some_and(|told| !is_sound(told)) {
        return Err("MALFORMED_BODY");
    }
    let (urgency, review) = (urgency_of(&content), review_of(&content));
    let about = About { request, answers: header.in_reply_to, made, told, urgency, review };
    Ok(Consigned {
        framework: None,
        about,
        consent,
        kind: content.kind,
        case_id: body.case_id.clone(),
        details: MessageDetails {
            reference: body.sender_reference.clone(),
            findings: Vec::new(),
            related: index::related(&content),
        },
        content,
    })
}

/// Whether everything in it is what it says that it is: some of it is kept in rows.
fn is_sound(told: &pb::Standing) -> bool {
    let state = |number: i32| RequestState::from_number(number).is_some();
    state(told.state)
        && (told.before == 0 || state(told.before))
        && (1..u64::from(u32::MAX)).contains(&told.number)
        && told.judged.len() <= standing::SENT_MAX
        && told.judged.iter().all(|id| MessageId::from_slice(id).is_ok())
}
