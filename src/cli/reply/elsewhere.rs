//! A reply that the request does not take where it stands: what comes first, and what else is
//! doubtful in it.

use std::path::Path;

use tonic::Status;
use tonic_types::StatusExt as _;

use crate::cli::exit::Failure;
use crate::cli::out::Out;
use crate::cli::send::{self, Ready};
use crate::domain::MessageId;
use crate::domain::lifecycle::{ENDED, MAY_COME, Move};
use crate::domain::request::{Body, Content, Severity};

/// The failure of a reply; of one that comes at the wrong time with the command that comes first.
pub(super) fn failure(
    status: Status,
    ready: &Ready,
    (id, content, file): (MessageId, &Content, Option<&Path>),
    out: &mut Out,
) -> Failure {
    let illegal = is_illegal(&status);
    let failure = ready.failure(status);
    if !illegal {
        return failure;
    }
    // Whoever sends it again when its time has come does not want to learn the next fault then.
    let doubtful = content.check().into_iter().filter(|one| one.severity == Severity::Warning);
    doubtful.for_each(|one| out.talk(&format!("warning: {}", send::line(&one, file))));
    let first = match failure.message.contains(ENDED) {
        true => format!("`rogatory show {id}` has its case, and what may still be sent"),
        false => first(id, content),
    };
    match failure.hint.clone() {
        Some(logged) => failure.hint(format!("{first}; {logged}")),
        None => failure.hint(first),
    }
}

fn is_illegal(status: &Status) -> bool {
    let details = status.get_details_bad_request();
    let fields = details.map(|bad| bad.field_violations).unwrap_or_default();
    fields.iter().any(|one| {
        let told = |start: &str| one.description.starts_with(start);
        one.field == "content.kind" && (told(MAY_COME) || told(ENDED))
    })
}

fn first(id: MessageId, content: &Content) -> String {
    let made = match &content.body {
        Body::Note(note) => Move::of(content.kind, note),
        _ => None,
    };
    match made {
        Some(Move::Refuse | Move::Postpone) => format!(
            "`rogatory reply {id} --kind CONSULTATION --text \"…\"` consults; then send this again"
        ),
        Some(Move::Acknowledge) => format!(
            "`rogatory show {id}` has under \"may be sent\" what may come now: say which of it this is with \
             --kind, as in --kind ADDITIONAL_INFO_RESPONSE"
        ),
        _ => format!("`rogatory show {id}` has under \"may be sent\" what may come now"),
    }
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use tonic_types::ErrorDetails;

    use super::*;
    use crate::cli::out::{Format, testing::memory};
    use crate::domain::MessageKind;
    use crate::domain::request::{Decision, Note};

    const ID: &str = "01934f3e-0000-7000-8000-000000000001";

    fn told(decision: Decision, rules: &[&str]) -> (Failure, String) {
        let mut details = ErrorDetails::new();
        for rule in rules {
            details.add_bad_request_violation("content.kind", *rule);
        }
        let status = Status::with_error_details(Code::InvalidArgument, "x", details);
        let note = Note {
            text: "x".into(),
            language: "en".into(),
            decision: Some(decision),
            grounds: vec!["NONSENSE".into()],
            ..Note::default()
        };
        let content = Content::note(MessageKind::Decision, note);
        let ready = Ready {
            request_id: "r".into(),
            packages: Vec::new(),
            annexes: Vec::new(),
            reference: String::new(),
            expire_after_seconds: 0,
        };
        let (mut out, _, talk) = memory(Format::Table);
        let id = MessageId::parse(ID).expect("an id");
        let failure = failure(status, &ready, (id, &content, None), &mut out);
        (failure, talk.text())
    }

    #[test]
    fn a_refusal_without_consultation_is_told_how_to_consult_and_what_else_is_wrong() {
        let rules = ["a request that is …", "what may come now is CONSULTATION"];
        let (failure, talk) = told(Decision::Refuse, &rules);
        assert_eq!(failure.message.lines().count(), 2, "{failure}");
        let hint = failure.hint.expect("a hint");
        assert!(hint.contains(&format!("`rogatory reply {ID} --kind CONSULTATION")), "{hint}");
        assert!(talk.contains("warning: --ground: is a ground without a known code"), "{talk}");
        let (failure, _) = told(Decision::Return, &rules);
        assert!(failure.hint.expect("a hint").contains(&format!("`rogatory show {ID}`")));
    }

    #[test]
    fn of_a_request_that_has_ended_its_case_is_where_more_is_asked_for() {
        let rules = ["a request that is …", "the request ended at …"];
        let (failure, _) = told(Decision::Refuse, &rules);
        let hint = failure.hint.expect("a hint");
        assert!(hint.contains("has its case") && !hint.contains("CONSULTATION"), "{hint}");
    }

    #[test]
    fn another_rule_about_the_kind_is_told_as_it_is() {
        let (failure, talk) = told(Decision::Refuse, &["is case content"]);
        assert_eq!((failure.hint, talk.as_str()), (None, ""));
    }
}
