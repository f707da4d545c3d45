//! How a person is heard in the other State: UNTOC 18(18), 24(2)(b).

use serde::{Deserialize, Serialize};

use super::finding::Lacks;
use super::referral::{consent_date, guardian, language, persons};
use super::words::words;
use super::{Consent, Need, opaque_debug};

words! {
    /// How far the arrangement of a hearing has come.
    HearingStage {
        /// Asked for, or offered.
        Proposed = "proposed",
        /// It takes place so.
        Confirmed = "confirmed",
        /// It takes place otherwise than was confirmed.
        Changed = "changed",
        /// It does not take place.
        Cancelled = "cancelled",
        /// It has taken place.
        Held = "held",
    }
}

words! {
    /// By which means a person is heard.
    HearingMeans {
        /// Picture and sound: UNTOC 18(18).
        VideoLink = "video_link",
        /// Sound alone.
        Telephone = "telephone",
        /// Everybody is in one room.
        InPerson = "in_person",
    }
}

words! {
    /// What keeps a person safe: UNTOC 24(2), 25; Trafficking Protocol 6.
    ProtectiveMeasure {
        /// Who the person is, is not disclosed: UNTOC 24(2)(a), Trafficking Protocol 6(1).
        IdentityWithheld = "identity_withheld",
        /// Where the person is, is not disclosed: UNTOC 24(2)(a).
        WhereaboutsWithheld = "whereabouts_withheld",
        /// Somebody guards the person: UNTOC 24(2)(a), Trafficking Protocol 6(5).
        PhysicalProtection = "physical_protection",
        /// The person lives elsewhere: UNTOC 24(2)(a).
        Relocation = "relocation",
        /// The person testifies by a link: UNTOC 24(2)(b).
        TestimonyByLink = "testimony_by_link",
        /// The face cannot be known: UNTOC 24(2)(b).
        ImageDistorted = "image_distorted",
        /// The voice cannot be known: UNTOC 24(2)(b).
        VoiceDistorted = "voice_distorted",
        /// The accused cannot see the person, nor meet the person: UNTOC 24(1).
        Screened = "screened",
        /// The public is not admitted: Trafficking Protocol 6(1).
        PublicExcluded = "public_excluded",
        /// Somebody whom the person trusts is there: Trafficking Protocol 6(3), UNTOC 25(1).
        SupportPerson = "support_person",
        /// Somebody asks the questions who is trained to hear children: Trafficking Protocol 6(4).
        ChildInterviewer = "child_interviewer",
        /// Anything else, which the text says.
        Other = "other",
    }
}

/// The body of a `HEARING_ARRANGEMENT`. The paragraphs are those of UNTOC.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HearingArrangement {
    /// How far the arrangement has come.
    pub stage: Option<HearingStage>,
    /// By which means: 18(18).
    pub means: Option<HearingMeans>,
    /// Who is heard, by code: 24(2)(a).
    pub persons: Vec<String>,
    /// A child is among them: Trafficking Protocol 6(4).
    pub child: bool,
    /// When it begins, RFC 3339 with the offset from UTC, as in `2027-03-01T09:00:00+07:00`: the
    /// two sides are in two time zones.
    pub start: String,
    /// How long, in minutes; 0 where it is not said.
    pub minutes: u32,
    /// Office that conducts it, of the requesting State: 18(18).
    pub presided_by: String,
    /// Offices that attend, one of the requested State among them: 18(18).
    pub attended_by: Vec<String>,
    /// Languages that are interpreted, BCP 47.
    pub interpreters: Vec<String>,
    /// What keeps the persons safe: 24(2).
    pub measures: Vec<ProtectiveMeasure>,
    /// Over which system the link runs.
    pub link: String,
    /// When the link was tried, or will be, `YYYY-MM-DD`.
    pub link_tested: String,
    /// Who makes the record, and when it follows.
    pub record: String,
    /// Whether the persons want to be heard so.
    pub consent: Option<Consent>,
    /// What the persons were told of a right to refuse.
    pub rights: String,
    /// What else there is to say.
    pub text: String,
    /// The language of the texts, BCP 47.
    pub language: String,
}

opaque_debug!(HearingArrangement);

/// Minutes of a hearing: one day. What lasts longer is another hearing on another day.
const MINUTES_MAX: u32 = 24 * 60;

impl HearingArrangement {
    pub(super) fn walk(&self, found: &mut Lacks) {
        let message = "is missing: say how far it has come";
        found.add_if(self.stage.is_none(), "stage", Need::HearingStage, message);
        persons(found, &self.persons);
        if self.takes_place() {
            self.means_and_offices(found);
        } else if self.stage == Some(HearingStage::Cancelled) {
            found.required("text", Need::HearingReason, &self.text);
        }
        self.when(found);
        self.consented(found);
        self.protection(found);
        found.line("presided_by", &self.presided_by);
        found.lines("attended_by", &self.attended_by);
        found.count("interpreters", self.interpreters.len());
        for (number, language) in self.interpreters.iter().enumerate() {
            let field = format!("interpreters[{number}]");
            found.required(&field, Need::FormEmptyItem, language);
            found.language(&field, language);
        }
        found.line("link", &self.link);
        found.date("link_tested", &self.link_tested);
        for (field, text) in
            [("record", &self.record), ("rights", &self.rights), ("text", &self.text)]
        {
            found.text(field, text);
        }
        language(found, &self.language);
    }

    /// Whether it is said to take place: then everybody has to know the rest.
    fn takes_place(&self) -> bool {
        self.is_fixed() || self.stage == Some(HearingStage::Held)
    }

    fn is_fixed(&self) -> bool {
        matches!(self.stage, Some(HearingStage::Confirmed | HearingStage::Changed))
    }

    fn means_and_offices(&self, found: &mut Lacks) {
        let by_link = self.means != Some(HearingMeans::InPerson);
        let message = "is missing: say by which means";
        found.add_if(self.means.is_none(), "means", Need::HearingMeans, message);
        found.required("start", Need::HearingStart, &self.start);
        let message = "is missing: say which office conducts it";
        found.asked("presided_by", Need::HearingPresides, &self.presided_by, message);
        let nobody = self.attended_by.is_empty();
        let message = "are missing: say which office of the requested State attends";
        found.add_if(nobody, "attended_by", Need::HearingAttends, message);
        let untested = self.is_fixed() && by_link && self.link_tested.is_empty();
        let message = "is missing: say on which day the link is tried";
        found.add_if(untested, "link_tested", Need::HearingLinkTest, message);
        let message = "is missing: say who makes the record, and when it follows";
        found.asked("record", Need::HearingRecord, &self.record, message);
    }

    fn when(&self, found: &mut Lacks) {
        found.time("start", &self.start);
        let message = format!("are more than {MINUTES_MAX}: a hearing ends within a day");
        found.add_if(self.minutes > MINUTES_MAX, "minutes", Need::FormNumber, &message);
        let held = self.stage == Some(HearingStage::Held);
        // A link is tried before it is used; a day is compared with the day where the hearing begins.
        let day = self.start.get(..10).unwrap_or_default();
        let late = !self.link_tested.is_empty() && !day.is_empty() && *self.link_tested > *day;
        let message = "is after the day on which the hearing begins";
        found.add_if(late && !held, "link_tested", Need::FormPeriod, message);
    }

    fn consented(&self, found: &mut Lacks) {
        let Some(consent) = &self.consent else {
            let message = "is missing: say whether the persons want to be heard so";
            return found.add_if(self.takes_place(), "consent", Need::HearingConsent, message);
        };
        consent_date(found, consent);
        let against = !consent.given && self.takes_place();
        let message = "is not given, and the hearing takes place";
        found.add_if(against, "consent.given", Need::HearingConsent, message);
        guardian(found, consent, self.child);
    }

    fn protection(&self, found: &mut Lacks) {
        measures(found, &self.measures);
        let bare = self.child && self.measures.is_empty() && self.takes_place();
        let message = "are missing, and a child is heard";
        found.add_if(bare, "measures", Need::HearingChildMeasures, message);
        let untold = self.measures.contains(&ProtectiveMeasure::Other);
        if untold {
            found.required("text", Need::FormMeasureOther, &self.text);
        }
    }
}

pub(super) fn measures(found: &mut Lacks, measures: &[ProtectiveMeasure]) {
    for (number, measure) in measures.iter().enumerate() {
        let twice = measures[..number].contains(measure);
        let field = format!("measures[{number}]");
        found.add_if(twice, &field, Need::FormMeasureTwice, "stands there twice");
    }
}
