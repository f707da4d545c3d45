//! What one message says: its kind and the body that fits it.

use serde::{Deserialize, Serialize};

use super::check::related_case;
use super::extradition::names_its_case;
use super::finding::{Finding, Lacks};
use super::form::{Body, ContentFile, Form};
use super::opaque_debug;
use super::words::{Decision, UrgencyLevel};
use super::{
    FieldText, Instrument, MlaRequest, Need, Note, RelatedCase, Target, Translation, rules,
};
use crate::domain::{MessageKind, Timestamp};

/// What a message says. A file has it as `kind`, a body under the word of its [`Form`], and
/// `related_cases`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "ContentFile", into = "ContentFile")]
pub struct Content {
    /// The kind of the message.
    pub kind: MessageKind,
    /// What fits that kind.
    pub body: Body,
    /// Cases of the same incident; a request names them itself, and what belongs to no case has
    /// none.
    pub related_cases: Vec<RelatedCase>,
    /// Translations of the body, where that is no request; a request has them itself.
    pub translations: Vec<Translation>,
    /// Texts as they were given, where they were not in NFC, by their paths in the content.
    pub originals: Vec<FieldText>,
}

opaque_debug!(Content);

impl Content {
    /// A content of `kind` whose body is a request.
    pub fn request(kind: MessageKind, request: MlaRequest) -> Self {
        Self::of(kind, Body::Request(Box::new(request)))
    }

    /// A content of `kind` whose body is a note.
    pub fn note(kind: MessageKind, note: Note) -> Self {
        Self::of(kind, Body::Note(note))
    }

    /// A content of `kind` with this body and nothing else.
    pub fn of(kind: MessageKind, body: Body) -> Self {
        let (translations, originals) = (Vec::new(), Vec::new());
        Self { kind, body, related_cases: Vec::new(), translations, originals }
    }

    /// How urgent what is said is. Whatever it calls itself, an emergency request is one: CETS 224 10.
    pub fn urgency(&self) -> UrgencyLevel {
        match &self.body {
            _ if self.kind == MessageKind::EmergencyRequest => UrgencyLevel::Emergency,
            Body::Request(request) => request.urgency.level,
            _ => UrgencyLevel::Routine,
        }
    }

    /// The end of the day to which what is said postpones the request: UNTOC 18(25).
    pub fn review(&self) -> Option<Timestamp> {
        match &self.body {
            Body::Note(note) => Timestamp::end_of_day(&note.review_date),
            _ => None,
        }
    }

    /// Whether the body is the one that its kind has.
    pub fn has_its_body(&self) -> bool {
        self.body.form() == Form::of(self.kind)
    }

    /// Everything that is wrong with it. Fields of a body are called `request.…`, `note.…` and so on.
    pub fn check(&self) -> Vec<Finding> {
        self.check_for(&Target::default())
    }

    /// The same, with what the authority that it goes to publishes about itself.
    pub fn check_for(&self, target: &Target<'_>) -> Vec<Finding> {
        let mut found = Lacks::default();
        if self.has_too_long_lists(&mut found) {
            return rules::judge(found.into_list(), &[], target);
        }
        let mut bases: &[Instrument] = &[];
        match &self.body {
            Body::Request(request) => {
                bases = &request.legal_basis;
                found.within("request", |found| request.walk(target, found));
                self.fits_request(request, target, &mut found);
            }
            Body::Note(note) => {
                found.within("note", |found| note.walk(found));
                self.fits_note(note, &mut found);
            }
            other => {
                let form = other.form().as_str();
                found.within(form, |found| other.walk(self.kind, found));
            }
        }
        if !matches!(self.body, Body::Request(_)) {
            found.each("related_cases", &self.related_cases, related_case);
        }
        if matches!(self.body, Body::Extradition(_)) {
            names_its_case(&mut found, &self.related_cases);
        }
        self.fits_translations(target, &mut found);
        self.fits_originals(&mut found);
        if !self.has_its_body() {
            let needed = Form::of(self.kind).as_str();
            let message = format!("is not the body of this kind of message: give a {needed}");
            found.add(self.body.form().as_str(), Need::FormBody, &message);
        }
        if !self.kind.belongs_to_case() && !self.related_cases.is_empty() {
            let message = "is not said in a message that belongs to no case";
            found.add("related_cases", Need::FormElsewhere, message);
        }
        rules::judge(found.into_list(), bases, target)
    }

    fn fits_request(&self, request: &MlaRequest, target: &Target<'_>, found: &mut Lacks) {
        if self.kind.is_request() && target.is_incompetent() {
            let message = "goes to an authority that says it is not competent for requests";
            found.add("kind", Need::FunctionMla, message);
        }
        let emergency = request.urgency.level == UrgencyLevel::Emergency;
        if self.kind == MessageKind::EmergencyRequest && !emergency {
            let message = "is not emergency, as an emergency request's is";
            found.add("request.urgency.level", Need::EmergencyLevel, message);
        }
        if !self.related_cases.is_empty() {
            let message = "belong into the request, which has a field for them";
            found.add("related_cases", Need::FormRelatedOutside, message);
        }
    }

    fn fits_note(&self, note: &Note, found: &mut Lacks) {
        // A refusal without a text was found by the note's own check, with its paragraph.
        let found_before = note.decision.is_some_and(Decision::needs_reasons);
        let says_it = note.progress.is_some()
            || !note.conditions.is_empty()
            || !note.use_purpose.is_empty()
            || note.consent.is_some()
            || note.forwarded.is_some();
        if !self.may_be_silent() && !says_it && !found_before {
            found.required("note.text", Need::FormSilent, &note.text);
        }
        self.fits_parts(note, found);
    }

    /// What stands only in one kind of message, and must stand there.
    fn fits_parts(&self, note: &Note, found: &mut Lacks) {
        let decides = |decision| note.decision == Some(decision);
        if self.kind == MessageKind::Decision && note.decision.is_none() {
            found.add("note.decision", Need::Decision, "is missing");
        }
        if self.kind == MessageKind::ConditionsProposed && note.conditions.is_empty() {
            found.add("note.conditions", Need::Conditions, "none is given: name one at least");
        }
        if decides(Decision::Postpone) && note.review_date.is_empty() {
            let message = "is missing: say when the request is looked at again";
            found.add("note.review_date", Need::ReviewDate, message);
        }
        if decides(Decision::Return) && note.defects.is_empty() {
            let message = "none is given: name each field that does not conform";
            found.add("note.defects", Need::Defects, message);
        }
        if self.kind == MessageKind::UseConsentRequest {
            found.required("note.use_purpose", Need::UsePurpose, &note.use_purpose);
        }
        if self.kind == MessageKind::UseConsentResponse && note.consent.is_none() {
            found.add("note.consent", Need::ConsentSaid, "is missing: say granted or refused");
        }
        self.belongs(note, found);
    }

    fn belongs(&self, note: &Note, found: &mut Lacks) {
        let decides = |decision| note.decision == Some(decision);
        let conditions = [
            MessageKind::ConditionsProposed,
            MessageKind::ConditionsAccepted,
            MessageKind::UseConsentResponse,
        ];
        let conditions = conditions.contains(&self.kind);
        let is = |kind| self.kind == kind;
        let belongs = [
            (note.decision.is_some(), "decision", is(MessageKind::Decision), "a decision"),
            (
                note.more_to_follow,
                "more_to_follow",
                is(MessageKind::EvidencePackage),
                "an evidence package",
            ),
            (note.progress.is_some(), "progress", is(MessageKind::StatusReport), "a status report"),
            (
                !note.review_date.is_empty(),
                "review_date",
                decides(Decision::Postpone),
                "a decision to postpone",
            ),
            (
                !note.conditions.is_empty(),
                "conditions",
                conditions,
                "a proposal, its acceptance, or a consent",
            ),
            (
                !note.defects.is_empty(),
                "defects",
                decides(Decision::Return),
                "a decision to return",
            ),
            (
                !note.verdicts.is_empty(),
                "verdicts",
                is(MessageKind::EvidenceReceipt),
                "a receipt of evidence",
            ),
        ];
        said_only_there(&belongs, found);
        self.belongs_to_uses(note, found);
    }

    fn belongs_to_uses(&self, note: &Note, found: &mut Lacks) {
        let is = |kind| self.kind == kind;
        let gives = [
            MessageKind::SpontaneousInformation,
            MessageKind::AdditionalInfoResponse,
            MessageKind::EvidencePackage,
        ];
        let belongs = [
            (
                !note.use_limits.is_empty(),
                "use_limits",
                gives.contains(&self.kind),
                "what gives evidence or information",
            ),
            (
                !note.use_purpose.is_empty(),
                "use_purpose",
                is(MessageKind::UseConsentRequest),
                "a request for consent",
            ),
            (
                note.consent.is_some(),
                "consent",
                is(MessageKind::UseConsentResponse),
                "the answer to a request for consent",
            ),
            (
                note.desk.is_some(),
                "desk",
                is(MessageKind::CaseAcknowledgement),
                "an acknowledgement",
            ),
            (
                note.forwarded.is_some(),
                "forwarded",
                is(MessageKind::ForwardingNotice),
                "a notice of forwarding",
            ),
        ];
        said_only_there(&belongs, found);
    }

    /// Kinds that say enough by being sent: what they mean stands in the kind, in the decision,
    /// in the message answered or in the packages carried.
    fn may_be_silent(&self) -> bool {
        matches!(
            self.kind,
            MessageKind::CaseAcknowledgement
                | MessageKind::ConditionsAccepted
                | MessageKind::Decision
                | MessageKind::StatusQuery
                | MessageKind::EvidencePackage
                | MessageKind::EvidenceReceipt
                | MessageKind::ReturnOfEvidence
                | MessageKind::Withdrawal
                | MessageKind::DeliveryEvidence
                | MessageKind::LogHeadExchange
                | MessageKind::Test
        )
    }
}

/// Something of a note: whether it is there, its field, whether this kind may have it, which kinds do.
type Part = (bool, &'static str, bool, &'static str);

fn said_only_there(parts: &[Part], found: &mut Lacks) {
    for (is_there, field, fits, what) in parts {
        if *is_there && !fits {
            let message = format!("is said only in {what}");
            found.add(&format!("note.{field}"), Need::FormElsewhere, &message);
        }
    }
}
