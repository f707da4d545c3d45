//! Contents on the wire: from the domain's types to the generated ones and back.
//!
//! The way out cannot fail. The way in is strict: an enum number that is not known, or not said
//! where it must be, and an id or a code that does not parse, are refused with the path of the
//! field. What a content lacks is not judged here; `Content::check` does that.

mod bodies;
mod custody;
mod figures;
mod parties;
mod parts;
mod request;
mod words;

use crate::domain::MessageKind;
use crate::domain::request::{
    Body, CaseRelation, Content, Form, FrameworkSubject, MlaRequest, Note, ReleasePurpose,
    UrgencyLevel, UseLimit,
};
use crate::pb::v1 as pb;

pub use custody::{custody_from_pb, custody_to_pb};
pub use figures::{statistics_from_pb, statistics_to_pb};
pub use parties::framework_to_pb;
use parties::{framework_from_pb, referral_from_pb, referral_to_pb, return_from_pb, return_to_pb};
use parts::{
    defect_from_pb, defect_to_pb, desk_from_pb, desk_to_pb, field_text_from_pb, field_text_to_pb,
    forwarded_from_pb, forwarded_to_pb, translation_from_pb, translation_to_pb, use_limit_from_pb,
    use_limit_to_pb, verdict_from_pb, verdict_to_pb,
};
use request::{related_case_from_pb, related_case_to_pb, request_from_pb, request_to_pb};
use words::{Word as _, optional_word, optional_word_to_pb, word};

/// Why bytes that decode are not a content: the field at `path` breaks `rule`.
///
/// It never repeats what stands in the field (I6).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {rule}")]
pub struct WireError {
    /// Path of the field in a `MessageContent`, as in `request.persons[2].role`.
    pub path: String,
    /// What it breaks.
    pub rule: &'static str,
}

impl WireError {
    fn new(field: &str, rule: &'static str) -> Self {
        Self { path: field.to_owned(), rule }
    }

    /// The same error, seen from outside the part that it is in.
    fn under(self, part: &str) -> Self {
        Self { path: format!("{part}.{}", self.path), rule: self.rule }
    }
}

/// A kind for the wire.
pub fn kind_to_pb(kind: MessageKind) -> pb::MessageKind {
    kind.word()
}

/// How a case is related to another, for the wire.
pub fn relation_to_pb(relation: CaseRelation) -> pb::CaseRelation {
    relation.word()
}

/// How urgent a request is, for the wire.
pub fn urgency_to_pb(urgency: UrgencyLevel) -> pb::UrgencyLevel {
    urgency.word()
}

/// A kind from its number on the wire.
///
/// # Errors
/// [`WireError`] at `kind` when the number is not that of a kind.
pub fn kind_from_pb(number: i32) -> Result<MessageKind, WireError> {
    word(number, "kind")
}

/// What a statement is about, for the wire.
pub fn subject_to_pb(subject: FrameworkSubject) -> pb::FrameworkSubject {
    subject.word()
}

/// What a statement is about, from its number on the wire.
///
/// # Errors
/// [`WireError`] at `subject` when the number is not that of a subject.
pub fn subject_from_pb(number: i32) -> Result<FrameworkSubject, WireError> {
    word(number, "subject")
}

/// The bodies of both sides: variant, its way out, its way in.
macro_rules! bodies {
    ($($form:ident: $out:path, $in:path;)+) => {
        fn body_to_pb(body: &Body) -> pb::message_content::Body {
            match body {
                $(Body::$form(body) => pb::message_content::Body::$form($out(body)),)+
            }
        }

        fn body_from_pb(body: pb::message_content::Body) -> Result<Body, WireError> {
            Ok(match body {
                $(
                    pb::message_content::Body::$form(body) => {
                        let read = $in(body).map_err(|error| error.under(Form::$form.as_str()))?;
                        Body::$form(read)
                    }
                )+
            })
        }
    };
}

bodies! {
    Request: request_to_pb, boxed_request_from_pb;
    Framework: framework_to_pb, framework_from_pb;
    Referral: referral_to_pb, referral_from_pb;
    VoluntaryReturn: return_to_pb, return_from_pb;
    Statistics: statistics_to_pb, figures::sent_from_pb;
    Hearing: bodies::hearing_to_pb, bodies::hearing_from_pb;
    TransferRequest: bodies::transfer_request_to_pb, bodies::transfer_request_from_pb;
    TransferConsent: bodies::transfer_consent_to_pb, bodies::transfer_consent_from_pb;
    TransferReturn: bodies::transfer_return_to_pb, bodies::transfer_return_from_pb;
    SafeConduct: bodies::safe_conduct_to_pb, bodies::safe_conduct_from_pb;
    Costs: bodies::costs_to_pb, bodies::costs_from_pb;
    Extradition: bodies::extradition_to_pb, bodies::extradition_from_pb;
    Protection: bodies::protection_to_pb, bodies::protection_from_pb;
    NationalityQuery: bodies::nationality_query_to_pb, bodies::nationality_query_from_pb;
    NationalityAnswer: bodies::nationality_answer_to_pb, bodies::nationality_answer_from_pb;
    Note: note_to_pb, note_from_pb;
}

fn boxed_request_from_pb(request: pb::MlaRequest) -> Result<Box<MlaRequest>, WireError> {
    request_from_pb(request).map(Box::new)
}

/// A content for the wire.
pub fn content_to_pb(content: &Content) -> pb::MessageContent {
    pb::MessageContent {
        kind: content.kind.number(),
        body: Some(body_to_pb(&content.body)),
        related_cases: content.related_cases.iter().map(related_case_to_pb).collect(),
        translations: content.translations.iter().cloned().map(translation_to_pb).collect(),
        originals: content.originals.iter().cloned().map(field_text_to_pb).collect(),
    }
}

/// A content from the wire.
///
/// # Errors
/// [`WireError`] names the first field that cannot be read.
pub fn content_from_pb(content: pb::MessageContent) -> Result<Content, WireError> {
    let kind = kind_from_pb(content.kind)?;
    let missing = || WireError::new("body", "is missing: the one that the kind has");
    let body = body_from_pb(content.body.ok_or_else(missing)?)?;
    let related_cases = list("related_cases", content.related_cases, related_case_from_pb)?;
    let translations = list("translations", content.translations, translation_from_pb)?;
    let originals = content.originals.into_iter().map(field_text_from_pb).collect();
    Ok(Content { kind, body, related_cases, translations, originals })
}

/// A limit of use on the wire.
pub fn use_limits_to_pb(limits: Vec<UseLimit>) -> Vec<pb::UseLimit> {
    limits.into_iter().map(use_limit_to_pb).collect()
}

/// A purpose on the wire.
pub fn release_purpose_to_pb(purpose: ReleasePurpose) -> pb::ReleasePurpose {
    purpose.word()
}

/// A purpose from the wire; `None` for what is none.
pub fn release_purpose_from_pb(number: i32) -> Option<ReleasePurpose> {
    optional_word(number, "purpose").ok().flatten()
}

fn note_to_pb(note: &Note) -> pb::Note {
    pb::Note {
        text: note.text.clone(),
        language: note.language.clone(),
        grounds: note.grounds.clone(),
        decision: optional_word_to_pb(note.decision),
        more_to_follow: note.more_to_follow,
        progress: optional_word_to_pb(note.progress),
        review_date: note.review_date.clone(),
        conditions: note.conditions.clone(),
        defects: note.defects.iter().cloned().map(defect_to_pb).collect(),
        verdicts: note.verdicts.iter().cloned().map(verdict_to_pb).collect(),
        use_limits: note.use_limits.iter().cloned().map(use_limit_to_pb).collect(),
        use_purpose: note.use_purpose.clone(),
        consent: optional_word_to_pb(note.consent),
        desk: note.desk.clone().map(desk_to_pb),
        forwarded: note.forwarded.clone().map(forwarded_to_pb),
    }
}

fn note_from_pb(note: pb::Note) -> Result<Note, WireError> {
    Ok(Note {
        text: note.text,
        language: note.language,
        grounds: note.grounds,
        decision: optional_word(note.decision, "decision")?,
        more_to_follow: note.more_to_follow,
        progress: optional_word(note.progress, "progress")?,
        review_date: note.review_date,
        conditions: note.conditions,
        defects: note.defects.into_iter().map(defect_from_pb).collect(),
        verdicts: list("verdicts", note.verdicts, verdict_from_pb)?,
        use_limits: list("use_limits", note.use_limits, use_limit_from_pb)?,
        use_purpose: note.use_purpose,
        consent: optional_word(note.consent, "consent")?,
        desk: note.desk.map(desk_from_pb),
        forwarded: note.forwarded.map(forwarded_from_pb),
    })
}

/// Reads each entry of a list; an error in the third of `persons` is under `persons[2]`.
fn list<P, D>(
    field: &str,
    entries: Vec<P>,
    read: impl Fn(P) -> Result<D, WireError>,
) -> Result<Vec<D>, WireError> {
    let numbered = entries.into_iter().enumerate();
    numbered
        .map(|(n, entry)| read(entry).map_err(|error| error.under(&format!("{field}[{n}]"))))
        .collect()
}

#[cfg(test)]
mod tests;
