//! Persons who go to another State to give evidence: those in custody (UNTOC 18(10)-(12)), and those who
//! come of their own will (18(27)).

use serde::{Deserialize, Serialize};

use super::finding::Lacks;
use super::referral::{consent_date, language, person};
use super::words::{ConsentGiver, words};
use super::{Consent, Need, opaque_debug};

words! {
    /// What a person in custody is wanted for: UNTOC 18(10).
    TransferPurpose {
        /// Identification.
        Identification = "identification",
        /// Testimony.
        Testimony = "testimony",
        /// Other help in obtaining evidence.
        OtherAssistance = "other_assistance",
    }
}

/// What holds for a person who is transferred: UNTOC 18(11)-(12).
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TransferTerms {
    /// The person is kept in custody, unless the other State asks for something else: 18(11)(a).
    pub kept_in_custody: bool,
    /// The person is returned without delay: 18(11)(b).
    pub returned_without_delay: bool,
    /// No extradition is needed for the return: 18(11)(c).
    pub no_extradition_needed: bool,
    /// The time counts towards the sentence: 18(11)(d).
    pub time_counts: bool,
    /// No prosecution, detention or punishment for what came before: 18(12).
    pub no_earlier_acts: bool,
}

/// The body of a `PERSON_TRANSFER_REQUEST`: UNTOC 18(10).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TransferRequest {
    /// The person, by code.
    pub person: String,
    /// What for: 18(10).
    pub purpose: Option<TransferPurpose>,
    /// From when on, `YYYY-MM-DD`.
    pub from: String,
    /// By when the person is back, `YYYY-MM-DD`: 18(11)(b).
    pub return_by: String,
    /// What is undertaken: 18(11)-(12).
    pub terms: TransferTerms,
    /// Where and how the person is heard and kept.
    pub text: String,
    /// The language of the text, BCP 47.
    pub language: String,
}

/// The body of a `PERSON_TRANSFER_CONSENT`: UNTOC 18(10)(a)-(b). It may as well say no.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TransferConsent {
    /// The person, by code.
    pub person: String,
    /// The person was told what it is about, in a language that the person understands: 18(10)(a).
    pub informed: bool,
    /// What the person has said: 18(10)(a).
    pub consent: Option<Consent>,
    /// The authority agrees: 18(10)(b).
    pub agreed: bool,
    /// On which conditions: 18(10)(b).
    pub conditions: Vec<String>,
    /// From when on, `YYYY-MM-DD`.
    pub from: String,
    /// By when the person is back, `YYYY-MM-DD`: 18(11)(b).
    pub return_by: String,
    /// What else there is to say; where there is no agreement, why.
    pub text: String,
    /// The language of text and conditions, BCP 47.
    pub language: String,
}

/// The body of a `PERSON_TRANSFER_RETURN`: UNTOC 18(11)(b)-(d).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TransferReturn {
    /// The person, by code.
    pub person: String,
    /// When, `YYYY-MM-DD`: 18(11)(b).
    pub date: String,
    /// Office that takes the person into its custody: 18(11)(b).
    pub handed_to: String,
    /// Days in custody that count towards the sentence: 18(11)(d).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days_counted: Option<u32>,
    /// What else there is to say.
    pub text: String,
    /// The language of the text, BCP 47.
    pub language: String,
}

/// The body of a `SAFE_CONDUCT_UNDERTAKING`: UNTOC 18(27).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SafeConduct {
    /// The person, by code.
    pub person: String,
    /// The first day on which it holds, `YYYY-MM-DD`.
    pub from: String,
    /// The last day on which the person is needed, `YYYY-MM-DD`; empty while that is open.
    pub until: String,
    /// Days in a row in which the person can leave, once told that nobody needs the person any more.
    pub days_to_leave: u32,
    /// The two States have agreed on that number.
    pub days_agreed: bool,
    /// It covers acts, omissions and convictions before the departure.
    pub earlier_acts_covered: bool,
    /// What else there is to say.
    pub text: String,
    /// The language of the text, BCP 47.
    pub language: String,
}

opaque_debug!(SafeConduct, TransferConsent, TransferRequest, TransferReturn, TransferTerms);

/// Days in a row in which who came can leave, where the States have agreed on no others: 18(27).
const DAYS_TO_LEAVE: u32 = 15;

/// Days: more than a life has. Larger numbers are mistyped.
const DAYS_MAX: u32 = 36_500;

impl TransferRequest {
    pub(super) fn walk(&self, found: &mut Lacks) {
        person(found, "person", &self.person);
        let message = "is missing: say what the person is wanted for";
        found.add_if(self.purpose.is_none(), "purpose", Need::TransferPurpose, message);
        found.required("return_by", Need::TransferReturnBy, &self.return_by);
        found.period(("from", &self.from), ("return_by", &self.return_by));
        self.terms.walk(found);
        found.text("text", &self.text);
        language(found, &self.language);
    }
}

impl TransferTerms {
    fn walk(self, found: &mut Lacks) {
        let terms = [
            (self.kept_in_custody, "kept_in_custody", Need::TransferCustody),
            (self.returned_without_delay, "returned_without_delay", Need::TransferReturned),
            (self.no_extradition_needed, "no_extradition_needed", Need::TransferNoExtradition),
            (self.time_counts, "time_counts", Need::TransferTimeCounts),
            (self.no_earlier_acts, "no_earlier_acts", Need::TransferEarlierActs),
        ];
        for (is_said, field, need) in terms {
            let field = format!("terms.{field}");
            found.add_if(!is_said, &field, need, "is not undertaken");
        }
    }
}

impl TransferConsent {
    pub(super) fn walk(&self, found: &mut Lacks) {
        person(found, "person", &self.person);
        self.consented(found);
        if self.agreed {
            found.required("return_by", Need::TransferReturnBy, &self.return_by);
        } else {
            found.required_text("text", Need::TransferNotAgreed, &self.text);
        }
        found.items("conditions", &self.conditions);
        found.period(("from", &self.from), ("return_by", &self.return_by));
        found.text("text", &self.text);
        language(found, &self.language);
    }

    /// Nobody is transferred who has not agreed, freely and knowing what it is about. What an
    /// authority does not agree to needs nobody's consent.
    fn consented(&self, found: &mut Lacks) {
        if let Some(consent) = &self.consent {
            consent_date(found, consent);
        }
        if !self.agreed {
            return;
        }
        let Some(consent) = &self.consent else {
            let message = "is missing: without it nobody is transferred";
            return found.add("consent", Need::TransferConsent, message);
        };
        let message = "is not given: without it nobody is transferred";
        found.add_if(!consent.given, "consent.given", Need::TransferConsent, message);
        let message = "is not the person, who alone can consent";
        let other = consent.by != ConsentGiver::Person;
        found.add_if(other, "consent.by", Need::TransferConsent, message);
        let message = "is not said: a consent of somebody who was not told is none";
        found.add_if(!self.informed, "informed", Need::TransferInformed, message);
    }
}

impl TransferReturn {
    pub(super) fn walk(&self, found: &mut Lacks) {
        person(found, "person", &self.person);
        found.required("date", Need::TransferReturnDate, &self.date);
        found.date("date", &self.date);
        found.required_line("handed_to", Need::TransferHandedTo, &self.handed_to);
        let message = "is missing: say how many days count towards the sentence";
        found.add_if(self.days_counted.is_none(), "days_counted", Need::TransferDays, message);
        let days = self.days_counted.unwrap_or_default();
        days_are_sound(found, "days_counted", days);
        found.text("text", &self.text);
        language(found, &self.language);
    }
}

impl SafeConduct {
    pub(super) fn walk(&self, found: &mut Lacks) {
        person(found, "person", &self.person);
        found.required("from", Need::SafeConductFrom, &self.from);
        found.period(("from", &self.from), ("until", &self.until));
        let short = self.days_to_leave < DAYS_TO_LEAVE && !self.days_agreed;
        let message = format!(
            "are fewer than {DAYS_TO_LEAVE}, and it is not said that the two States have agreed on that"
        );
        found.add_if(short, "days_to_leave", Need::SafeConductDays, &message);
        days_are_sound(found, "days_to_leave", self.days_to_leave);
        let message = "is not undertaken";
        let open = !self.earlier_acts_covered;
        found.add_if(open, "earlier_acts_covered", Need::SafeConductActs, message);
        found.text("text", &self.text);
        language(found, &self.language);
    }
}

fn days_are_sound(found: &mut Lacks, field: &str, days: u32) {
    let message = format!("are more than {DAYS_MAX}");
    found.add_if(days > DAYS_MAX, field, Need::FormNumber, &message);
}
