//! What kind of message one authority sends to another.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::nearest::nearest;

/// Declares the kinds once: variant, number, word and what it is for.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $number:literal, $word:literal;)+) => {
        /// The kind of a message. The numbers are those of the wire and of the rows; a number
        /// once given is never given again.
        ///
        /// A kind says which body the message has and what it does to its case. The paragraphs
        /// are those of UNTOC Article 18 where no other instrument is named.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        #[serde(try_from = "String", into = "String")]
        pub enum MessageKind {
            $($(#[$doc])* $kind = $number,)+
        }

        impl MessageKind {
            /// Every kind, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$kind,)+];

            /// The word for it, as in `EVIDENCE_PACKAGE`.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)+
                }
            }

            /// What the signed header calls the body, as in `rogatory.v1.MessageContent/REQUEST`:
            /// a body cannot be passed off as one of another kind.
            pub fn purpose(self) -> &'static str {
                match self {
                    $(Self::$kind => concat!("rogatory.v1.MessageContent/", $word),)+
                }
            }
        }
    };
}

kinds! {
    /// Information that nobody asked for. (4), (5); Trafficking Protocol 10(1).
    SpontaneousInformation = 1, "SPONTANEOUS_INFORMATION";
    /// A draft, sent for an opinion: binds nobody and is not counted.
    DraftConsultation = 2, "DRAFT_CONSULTATION";
    /// A formal request. (13)-(15).
    Request = 3, "REQUEST";
    /// More of what an earlier request asked for. (16).
    SupplementaryRequest = 4, "SUPPLEMENTARY_REQUEST";
    /// Data to be kept until a request comes. Budapest Convention 29-30.
    PreservationRequest = 5, "PRESERVATION_REQUEST";
    /// A request where life or safety is at imminent risk. CETS 224 Article 10.
    EmergencyRequest = 6, "EMERGENCY_REQUEST";
    /// Who deals with the request, under which reference. (24).
    CaseAcknowledgement = 7, "CASE_ACKNOWLEDGEMENT";
    /// The request went on to the competent authority. (13).
    ForwardingNotice = 8, "FORWARDING_NOTICE";
    /// What is missing for execution. (16).
    AdditionalInfoRequest = 9, "ADDITIONAL_INFO_REQUEST";
    /// The answer to that. (16).
    AdditionalInfoResponse = 10, "ADDITIONAL_INFO_RESPONSE";
    /// Due before a refusal or a postponement. (26).
    Consultation = 11, "CONSULTATION";
    /// Assistance on conditions. (26).
    ConditionsProposed = 12, "CONDITIONS_PROPOSED";
    /// The conditions bind from now on. (26).
    ConditionsAccepted = 13, "CONDITIONS_ACCEPTED";
    /// The conditions are not accepted. (26).
    ConditionsDeclined = 14, "CONDITIONS_DECLINED";
    /// Accepts, accepts in part, refuses or postpones. (17), (21), (23), (25).
    Decision = 15, "DECISION";
    /// How far has it come? (24).
    StatusQuery = 16, "STATUS_QUERY";
    /// So far it has come. (24).
    StatusReport = 17, "STATUS_REPORT";
    /// What was obtained, or a part of it. (3), (17), (29).
    EvidencePackage = 18, "EVIDENCE_PACKAGE";
    /// What arrived, and in what condition. ASEAN MLAT 19, 24.
    EvidenceReceipt = 19, "EVIDENCE_RECEIPT";
    /// Originals go back. ASEAN MLAT 19.
    ReturnOfEvidence = 20, "RETURN_OF_EVIDENCE";
    /// May it be used for something else? (19).
    UseConsentRequest = 21, "USE_CONSENT_REQUEST";
    /// The answer to that. (19).
    UseConsentResponse = 22, "USE_CONSENT_RESPONSE";
    /// What was obtained exculpates an accused person and will be disclosed. (5), (19).
    ExculpatoryNotice = 23, "EXCULPATORY_NOTICE";
    /// The request cannot be kept as secret as was required. (20).
    ConfidentialityNotice = 24, "CONFIDENTIALITY_NOTICE";
    /// A hearing by video. (18).
    HearingArrangement = 25, "HEARING_ARRANGEMENT";
    /// A person in custody is wanted for evidence. (10).
    PersonTransferRequest = 26, "PERSON_TRANSFER_REQUEST";
    /// The person consents and the authorities agree. (10)(a)-(b).
    PersonTransferConsent = 27, "PERSON_TRANSFER_CONSENT";
    /// The person goes back. (11)(b).
    PersonTransferReturn = 28, "PERSON_TRANSFER_RETURN";
    /// Who comes to testify will not be prosecuted for earlier acts. (27).
    SafeConductUndertaking = 29, "SAFE_CONDUCT_UNDERTAKING";
    /// Who bears extraordinary costs. (28).
    CostConsultation = 30, "COST_CONSULTATION";
    /// The assistance is no longer needed. (24).
    Withdrawal = 31, "WITHDRAWAL";
    /// Links the case to a provisional arrest. UNTOC 16(9).
    ExtraditionLinkProvisionalArrest = 32, "EXTRADITION_LINK_PROVISIONAL_ARREST";
    /// Links the case to a request for extradition. UNTOC 16.
    ExtraditionLinkExtraditionRequest = 33, "EXTRADITION_LINK_EXTRADITION_REQUEST";
    /// No extradition; the case goes to the prosecutor. UNTOC 16(10).
    ExtraditionLinkReferForProsecution = 34, "EXTRADITION_LINK_REFER_FOR_PROSECUTION";
    /// The person is surrendered, perhaps on conditions. UNTOC 16(11).
    ExtraditionLinkSurrender = 35, "EXTRADITION_LINK_SURRENDER";
    /// Protective conditions on the case. Trafficking Protocol 6; UNTOC 24, 25.
    VictimProtectionNotice = 36, "VICTIM_PROTECTION_NOTICE";
    /// Is this person a national? Trafficking Protocol 8(3)-(4); Smuggling Protocol 18(3)-(4).
    NationalityVerificationRequest = 37, "NATIONALITY_VERIFICATION_REQUEST";
    /// The answer to that.
    NationalityVerificationResponse = 38, "NATIONALITY_VERIFICATION_RESPONSE";
    /// An authority, a language, a treaty or a law has changed. (13)-(14); UNTOC 16(5), 5(3).
    FrameworkUpdate = 39, "FRAMEWORK_UPDATE";
    /// Figures for a period.
    StatisticsReturn = 40, "STATISTICS_RETURN";
    /// Evidence of delivery, where it travels as a message.
    DeliveryEvidence = 41, "DELIVERY_EVIDENCE";
    /// Heads of audit logs.
    LogHeadExchange = 42, "LOG_HEAD_EXCHANGE";
    /// Tries the connection.
    Test = 43, "TEST";
    /// A victim who may be a refugee needs protection. Trafficking Protocol 6, 14(1).
    ProtectionReferral = 44, "PROTECTION_REFERRAL";
    /// A person who wants to goes home, with help. Trafficking Protocol 8; Smuggling Protocol 18.
    VoluntaryReturnArrangement = 45, "VOLUNTARY_RETURN_ARRANGEMENT";
    /// Asks police to police: for leads, not for evidence. UNTOC 27(1).
    PoliceInformationRequest = 46, "POLICE_INFORMATION_REQUEST";
    /// What police tell police: for leads, until a formal request confirms it. UNTOC 27(1).
    PoliceInformation = 47, "POLICE_INFORMATION";
}

/// Why a text is not the word for a [`MessageKind`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownKind {
    given: String,
    near: Option<&'static str>,
}

impl fmt::Display for UnknownKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let given = &self.given;
        match self.near {
            Some(near) => write!(f, "{given:?} is not a kind of message: did you mean {near}?"),
            None => write!(
                f,
                "{given:?} is not a kind of message: upper case with underscores, as in STATUS_REPORT"
            ),
        }
    }
}

impl std::error::Error for UnknownKind {}

impl MessageKind {
    /// From the word for it, exactly as [`as_str`](Self::as_str) writes it.
    ///
    /// # Errors
    /// [`UnknownKind`], which quotes what was given.
    pub fn parse(word: &str) -> Result<Self, UnknownKind> {
        let found = Self::ALL.iter().copied().find(|kind| kind.as_str() == word);
        found.ok_or_else(|| UnknownKind {
            given: word.chars().take(80).collect(),
            near: nearest(word, Self::ALL.iter().map(|kind| kind.as_str())),
        })
    }

    /// From its number on the wire and in the rows.
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| *kind as i32 == number)
    }

    /// Whether its body is a request ([`MlaRequest`](super::request::MlaRequest)).
    /// [`Form::of`](super::request::Form::of) says what that of every other kind is.
    pub fn is_request(self) -> bool {
        matches!(
            self,
            Self::Request
                | Self::SupplementaryRequest
                | Self::PreservationRequest
                | Self::EmergencyRequest
        )
    }

    /// Whether it may be the first message of a case, so that no case has to be named.
    pub fn opens_case(self) -> bool {
        matches!(
            self,
            Self::SpontaneousInformation
                | Self::DraftConsultation
                | Self::Request
                | Self::PreservationRequest
                | Self::EmergencyRequest
                | Self::ExtraditionLinkProvisionalArrest
                | Self::ExtraditionLinkExtraditionRequest
                | Self::NationalityVerificationRequest
                | Self::PoliceInformationRequest
                | Self::PoliceInformation
        )
    }

    /// Whether it runs beside formal assistance, between police: what it says is a lead and no
    /// evidence (UNTOC 27(1)).
    pub fn is_police(self) -> bool {
        matches!(self, Self::PoliceInformationRequest | Self::PoliceInformation)
    }

    /// Whether it belongs to a case at all. What authorities tell each other about themselves,
    /// what nodes tell each other, and what organisations are told of a person, does not.
    pub fn belongs_to_case(self) -> bool {
        !matches!(
            self,
            Self::FrameworkUpdate
                | Self::StatisticsReturn
                | Self::DeliveryEvidence
                | Self::LogHeadExchange
                | Self::Test
                | Self::ProtectionReferral
                | Self::VoluntaryReturnArrangement
        )
    }

    /// Whether it means nothing unless it names a message of the other side that it answers.
    ///
    /// What may as well come unasked (a status report, a notice, a withdrawal) is not among them.
    pub fn needs_reply_to(self) -> bool {
        matches!(
            self,
            Self::CaseAcknowledgement
                | Self::ForwardingNotice
                | Self::AdditionalInfoRequest
                | Self::AdditionalInfoResponse
                | Self::ConditionsProposed
                | Self::ConditionsAccepted
                | Self::ConditionsDeclined
                | Self::Decision
                | Self::EvidencePackage
                | Self::EvidenceReceipt
                | Self::ReturnOfEvidence
                | Self::UseConsentResponse
                | Self::ConfidentialityNotice
                | Self::PersonTransferConsent
                | Self::ExtraditionLinkReferForProsecution
                | Self::ExtraditionLinkSurrender
                | Self::NationalityVerificationResponse
        )
    }
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for MessageKind {
    type Err = UnknownKind;
    fn from_str(word: &str) -> Result<Self, UnknownKind> {
        Self::parse(word)
    }
}

impl TryFrom<String> for MessageKind {
    type Error = UnknownKind;
    fn try_from(word: String) -> Result<Self, UnknownKind> {
        Self::parse(&word)
    }
}

impl From<MessageKind> for String {
    fn from(kind: MessageKind) -> String {
        kind.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::MessageKind;

    #[test]
    fn words_and_numbers_come_back() {
        for (position, kind) in MessageKind::ALL.iter().copied().enumerate() {
            assert_eq!(MessageKind::parse(kind.as_str()), Ok(kind));
            assert_eq!(MessageKind::from_number(kind as i32), Some(kind));
            assert_eq!(kind as usize, position + 1, "numbers are dense: {kind}");
            assert_eq!(kind.purpose(), format!("rogatory.v1.MessageContent/{kind}"));
        }
    }

    #[test]
    fn other_words_and_numbers_are_refused() {
        for bad in ["", "request", "REQUEST ", "Request", "MESSAGE_KIND_REQUEST", "NOTE"] {
            assert!(MessageKind::parse(bad).is_err(), "{bad:?} must be refused");
        }
        let past_the_last = 48;
        for bad in [i32::MIN, -1, 0, past_the_last, i32::MAX] {
            assert_eq!(MessageKind::from_number(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_misspelt_word_is_answered_with_the_one_that_was_meant() {
        let told = |word| MessageKind::parse(word).expect_err("no kind").to_string();
        assert!(told("STATUS_QUERRY").ends_with("did you mean STATUS_QUERY?"));
        assert!(told("ACKNOWLEDGEMENT").ends_with("did you mean CASE_ACKNOWLEDGEMENT?"));
        assert!(told("PAMPHLET").ends_with("as in STATUS_REPORT"));
    }

    #[test]
    fn no_kind_both_opens_a_case_and_answers() {
        for kind in MessageKind::ALL.iter().copied() {
            assert!(!(kind.opens_case() && kind.needs_reply_to()), "{kind}");
            assert!(kind.belongs_to_case() || !kind.opens_case(), "{kind}");
            assert!(kind.belongs_to_case() || !kind.needs_reply_to(), "{kind}");
        }
    }

    #[test]
    fn four_kinds_carry_a_request_and_a_supplement_opens_nothing() {
        let requests = MessageKind::ALL.iter().filter(|kind| kind.is_request());
        assert_eq!(requests.count(), 4);
        assert!(!MessageKind::SupplementaryRequest.opens_case());
    }
}
