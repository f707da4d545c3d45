//! What a message must be, in structure, before it is consigned.

use super::Consigned;
use crate::domain::lifecycle::{Move, RequestState};
use crate::domain::request::{Body, Content, Finding, Severity};
use crate::domain::{AuthorityId, CaseId, MessageId};
use crate::envelope::OpenedMessage;
use crate::envelope::wire::content_from_pb;
use crate::exchange::cases::index;
use crate::exchange::release::consent_of;
use crate::exchange::rows::MessageDetails;
use crate::exchange::standing::{self, About};
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
    if let Some(code) = unfit(&content.body, &header.sender) {
        return Err(code);
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
    let (urgency, review) = (content.urgency(), content.review());
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

/// What a body is not taken with, whatever the law says of it. A return that shows small counts, or from
/// which they follow, is read by nobody here, although its author has let them out.
fn unfit(body: &Body, sender: &AuthorityId) -> Option<&'static str> {
    let is_wrong = |finding: &Finding| finding.severity == Severity::Error;
    match body {
        Body::Request(request) if request.requesting_authority.id.as_ref() != Some(sender) => {
            Some("REQUESTING_AUTHORITY_MISMATCH")
        }
        Body::Statistics(figures) if figures.check().iter().any(is_wrong) => Some("RETURN_UNFIT"),
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::request::{ReturnLine, StatisticsReturn};
    use crate::domain::statistics::{Dimension, Way};

    /// A return of a year in which so many requests were received from two peers.
    fn figures(smallest: u32, total: u64, peers: [Option<u64>; 2]) -> Body {
        let line = |way, dimension, value: &str, requests| ReturnLine {
            requests,
            ..ReturnLine::new(way, dimension, value)
        };
        Body::Statistics(StatisticsReturn {
            from: "2026-01-01".into(),
            until: "2026-12-31".into(),
            // Before the end of the year: that is a warning, and nothing against it here.
            as_of: "2026-06-01T00:00:00.000Z".into(),
            smallest,
            lines: vec![
                line(Way::Made, Dimension::Total, "", Some(0)),
                line(Way::Received, Dimension::Total, "", Some(total)),
                line(Way::Received, Dimension::Peer, "xb.pps", peers[0]),
                line(Way::Received, Dimension::Peer, "xc.moj", peers[1]),
            ],
        })
    }

    #[test]
    fn a_return_that_tells_small_counts_is_not_consigned() {
        let sender = AuthorityId::parse("xa.oag").expect("an authority");
        let unfit = |body| unfit(&body, &sender);
        assert_eq!(unfit(figures(5, 19, [Some(11), Some(8)])), None);
        assert_eq!(unfit(figures(5, 19, [None, None])), None);
        for (smallest, peers) in [
            (0, [Some(16), Some(3)]),
            (5, [Some(16), Some(3)]),
            (5, [Some(16), None]),
            (5, [Some(16), Some(9)]),
        ] {
            let body = figures(smallest, 19, peers);
            assert_eq!(unfit(body), Some("RETURN_UNFIT"), "{smallest} {peers:?}");
        }
    }
}
