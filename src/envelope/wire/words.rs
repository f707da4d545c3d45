//! The vocabularies on the wire.
//!
//! Both sides are matched in full, so that a word added to one does not compile without the other.

use super::WireError;
use crate::domain::MessageKind;
use crate::domain::custody::CustodyAction;
use crate::domain::request::{
    AssistanceType, CaseRelation, ConsentGiver, CostBearer, CostKind, CostStage, Decision,
    FrameworkSubject, HearingMeans, HearingStage, LimitKind, NationalityEvidence,
    NationalityFinding, OffenceFamily, PersonRole, ProceedingNature, Progress, ProtectionNeed,
    ProtectiveMeasure, ReleasePurpose, StatisticsDimension, StatisticsWay, TransferPurpose,
    UndertakingKind, UrgencyLevel, UseConsent, Verdict,
};
use crate::pb::v1 as pb;

/// A vocabulary whose words have numbers on the wire; 0 is no word.
pub(super) trait Word: Sized {
    /// The generated type with the same words.
    type Pb: Into<i32>;

    fn word(self) -> Self::Pb;
    fn from_number(number: i32) -> Option<Self>;

    fn number(self) -> i32 {
        self.word().into()
    }
}

macro_rules! words {
    ($($name:ident { $($variant:ident)+ })+) => {$(
        impl Word for $name {
            type Pb = pb::$name;

            fn word(self) -> pb::$name {
                match self {
                    $(Self::$variant => pb::$name::$variant,)+
                }
            }

            fn from_number(number: i32) -> Option<Self> {
                match pb::$name::try_from(number).ok()? {
                    pb::$name::Unspecified => None,
                    $(pb::$name::$variant => Some(Self::$variant),)+
                }
            }
        }
    )+};
}

words! {
    CustodyAction {
        Seized Acquired Examined Copied Transferred Stored Packed
    }
    AssistanceType {
        Statement ServiceOfDocuments SearchSeizureFreezing Examination Information Records
        Tracing Appearance Other AssetFreezing AssetRecovery
    }
    ProceedingNature {
        Investigation Prosecution JudicialProceeding
    }
    OffenceFamily {
        TraffickingInPersons SmugglingOfMigrants MoneyLaundering OrganizedCriminalGroup
        Corruption ObstructionOfJustice Predicate
    }
    PersonRole {
        Suspect Accused Witness Victim Expert Holder
    }
    UrgencyLevel {
        Routine Urgent Emergency
    }
    UndertakingKind {
        Reciprocity Specialty ReturnOfItems Costs NoDeathPenalty SafeConduct
    }
    CaseRelation {
        Origin Transit Destination Parallel Supplement Extradition
    }
    Decision {
        Accept AcceptPartially Refuse Postpone Return
    }
    Progress {
        UnderReview InExecution Closed
    }
    Verdict {
        Ok Damaged Missing
    }
    LimitKind {
        Specialty Confidential Restricted Condition LeadOnly
    }
    UseConsent {
        Granted Refused
    }
    ReleasePurpose {
        SameProceeding OtherPurpose Exculpatory
    }
    FrameworkSubject {
        Law Treaty Authority Procedure Language Threshold Other
    }
    HearingStage {
        Proposed Confirmed Changed Cancelled Held
    }
    HearingMeans {
        VideoLink Telephone InPerson
    }
    ProtectiveMeasure {
        IdentityWithheld WhereaboutsWithheld PhysicalProtection Relocation TestimonyByLink
        ImageDistorted VoiceDistorted Screened PublicExcluded SupportPerson ChildInterviewer Other
    }
    TransferPurpose {
        Identification Testimony OtherAssistance
    }
    CostStage {
        Proposed Agreed Declined
    }
    CostKind {
        Ordinary Substantial Extraordinary
    }
    CostBearer {
        Requested Requesting Shared
    }
    NationalityEvidence {
        Passport IdentityCard CivilRegister BiometricRecord Statement Witness Language Other
    }
    NationalityFinding {
        National NotNational PermanentResident Unknown
    }
    ConsentGiver {
        Person Guardian Representative
    }
    ProtectionNeed {
        Accommodation LegalCounsel Medical Psychological Child Safety Interpretation Documents
        RefugeeStatus FamilyTracing Other
    }
    StatisticsWay {
        Made Received
    }
    StatisticsDimension {
        Total Year Peer Kind Instrument Offence Assistance Urgency Outcome Ground
    }
    MessageKind {
        SpontaneousInformation DraftConsultation Request SupplementaryRequest
        PreservationRequest EmergencyRequest CaseAcknowledgement ForwardingNotice
        AdditionalInfoRequest AdditionalInfoResponse Consultation ConditionsProposed
        ConditionsAccepted ConditionsDeclined Decision StatusQuery StatusReport EvidencePackage
        EvidenceReceipt ReturnOfEvidence UseConsentRequest UseConsentResponse ExculpatoryNotice
        ConfidentialityNotice HearingArrangement PersonTransferRequest PersonTransferConsent
        PersonTransferReturn SafeConductUndertaking CostConsultation Withdrawal
        ExtraditionLinkProvisionalArrest ExtraditionLinkExtraditionRequest
        ExtraditionLinkReferForProsecution ExtraditionLinkSurrender VictimProtectionNotice
        NationalityVerificationRequest NationalityVerificationResponse FrameworkUpdate
        StatisticsReturn DeliveryEvidence LogHeadExchange Test ProtectionReferral
        VoluntaryReturnArrangement PoliceInformationRequest PoliceInformation
    }
}

/// A word that must be said.
pub(super) fn word<W: Word>(number: i32, field: &str) -> Result<W, WireError> {
    let rule = if number == 0 { "is not said" } else { UNKNOWN };
    W::from_number(number).ok_or_else(|| WireError::new(field, rule))
}

/// A word that may be left unsaid.
pub(super) fn optional_word<W: Word>(number: i32, field: &str) -> Result<Option<W>, WireError> {
    if number == 0 { Ok(None) } else { word(number, field).map(Some) }
}

/// The number of a word that may be left unsaid.
pub(super) fn optional_word_to_pb<W: Word>(word: Option<W>) -> i32 {
    word.map_or(0, W::number)
}

const UNKNOWN: &str = "is a number without a meaning here";
