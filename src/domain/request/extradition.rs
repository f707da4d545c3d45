//! What is said of an extradition that goes with a case: UNTOC 16. The extradition is a case of its own
//! and no state of a request.

use serde::{Deserialize, Serialize};

use super::finding::Lacks;
use super::referral::{language, person};
use super::{CaseRelation, Instrument, Need, RelatedCase, opaque_debug};
use crate::domain::MessageKind;

/// The body of the four kinds `EXTRADITION_LINK_…`. Each says its own part of it. The paragraphs are
/// those of UNTOC.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExtraditionNotice {
    /// The person, by code.
    pub person: String,
    /// The reference under which the extradition is kept.
    pub reference: String,
    /// The instrument that it rests on: 16(3)-(6).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instrument: Option<Instrument>,
    /// Of an arrest: when, `YYYY-MM-DD`: 16(9).
    pub arrested_on: String,
    /// Of an arrest: by when the request has to be there, `YYYY-MM-DD`: 16(9).
    pub request_due: String,
    /// Of a request: when it was made, `YYYY-MM-DD`.
    pub requested_on: String,
    /// Where the case goes to the prosecutor: which authority: 16(10).
    pub referred_to: String,
    /// Where it does: when, `YYYY-MM-DD`: 16(10), without undue delay.
    pub referred_on: String,
    /// Of a surrender: when, `YYYY-MM-DD`.
    pub surrendered_on: String,
    /// Of a surrender: on which conditions: 16(11).
    pub conditions: Vec<String>,
    /// Of a surrender: the person comes back to serve the sentence: 16(11).
    pub returns_to_serve: bool,
    /// The person is a national of the State that is to extradite: 16(10)-(12).
    pub national: bool,
    /// What else there is to say.
    pub text: String,
    /// The language of text and conditions, BCP 47.
    pub language: String,
}

opaque_debug!(ExtraditionNotice);

const ARREST: MessageKind = MessageKind::ExtraditionLinkProvisionalArrest;
const REQUEST: MessageKind = MessageKind::ExtraditionLinkExtraditionRequest;
const REFER: MessageKind = MessageKind::ExtraditionLinkReferForProsecution;
const SURRENDER: MessageKind = MessageKind::ExtraditionLinkSurrender;

impl ExtraditionNotice {
    pub(super) fn walk(&self, kind: MessageKind, found: &mut Lacks) {
        person(found, "person", &self.person);
        found.line("reference", &self.reference);
        self.of_its_kind(kind, found);
        self.of_another_kind(kind, found);
        found.period(("arrested_on", &self.arrested_on), ("request_due", &self.request_due));
        found.date("requested_on", &self.requested_on);
        found.date("referred_on", &self.referred_on);
        found.date("surrendered_on", &self.surrendered_on);
        found.line("referred_to", &self.referred_to);
        found.items("conditions", &self.conditions);
        found.text("text", &self.text);
        language(found, &self.language);
    }

    fn of_its_kind(&self, kind: MessageKind, found: &mut Lacks) {
        match kind {
            ARREST => {
                found.required("arrested_on", Need::ExtraditionArrest, &self.arrested_on);
                let message = "is missing: say by when the request has to be there";
                found.asked("request_due", Need::ExtraditionDue, &self.request_due, message);
            }
            REQUEST => {
                found.required("requested_on", Need::ExtraditionRequest, &self.requested_on);
                let message = "is missing: say what the extradition rests on";
                let open = self.instrument.is_none();
                found.add_if(open, "instrument", Need::ExtraditionBasis, message);
            }
            REFER => {
                found.required("referred_to", Need::ExtraditionReferred, &self.referred_to);
                found.required("referred_on", Need::ExtraditionReferred, &self.referred_on);
                let unfounded = !self.national && self.text.trim().is_empty();
                let message =
                    "is missing: say why the person, who is no national, is not extradited";
                found.add_if(unfounded, "text", Need::ExtraditionWhyNot, message);
            }
            SURRENDER => {
                found.required("surrendered_on", Need::ExtraditionSurrender, &self.surrendered_on);
                let loose =
                    self.returns_to_serve && !self.conditions.iter().any(|c| !c.trim().is_empty());
                let message = "are missing: say on which conditions the person comes back";
                found.add_if(loose, "conditions", Need::ExtraditionReturn, message);
            }
            _ => {}
        }
    }

    fn of_another_kind(&self, kind: MessageKind, found: &mut Lacks) {
        let fields = [
            (!self.arrested_on.is_empty(), "arrested_on", ARREST),
            (!self.request_due.is_empty(), "request_due", ARREST),
            (!self.requested_on.is_empty(), "requested_on", REQUEST),
            (!self.referred_to.is_empty(), "referred_to", REFER),
            (!self.referred_on.is_empty(), "referred_on", REFER),
            (!self.surrendered_on.is_empty(), "surrendered_on", SURRENDER),
            (!self.conditions.is_empty(), "conditions", SURRENDER),
            (self.returns_to_serve, "returns_to_serve", SURRENDER),
        ];
        for (is_there, field, own) in fields {
            let message = format!("is said only in {own}");
            found.add_if(is_there && kind != own, field, Need::FormElsewhere, &message);
        }
    }
}

/// Without the case that it goes with, what is said of an extradition links nothing.
pub(super) fn names_its_case(found: &mut Lacks, related: &[RelatedCase]) {
    let linked = related.iter().any(|case| case.relation == CaseRelation::Extradition);
    let message = "name no case with the relation extradition: this stands alone";
    found.add_if(!linked, "related_cases", Need::ExtraditionCase, message);
}
