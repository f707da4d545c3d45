//! Which body each kind of message has.

use serde::{Deserialize, Serialize};

use super::finding::Lacks;
use super::{
    Content, CostConsultation, ExtraditionNotice, FieldText, FrameworkUpdate, HearingArrangement,
    MlaRequest, NationalityAnswer, NationalityQuery, Note, ProtectionReferral, RelatedCase,
    SafeConduct, StatisticsReturn, Target, TransferConsent, TransferRequest, TransferReturn,
    Translation, VictimProtection, VoluntaryReturn, opaque_debug,
};
use crate::domain::MessageKind;

/// Declares the bodies once: variant, type, the field that a file has it in, the kinds that have it.
macro_rules! bodies {
    ($($(#[$doc:meta])* $form:ident($body:ty) = $field:ident of $($kind:ident)|+;)+) => {
        /// The body of a message. One is looked at at a time, so the room that the smaller takes is
        /// none.
        #[allow(clippy::large_enum_variant)]
        #[derive(Clone, PartialEq, Eq)]
        pub enum Body {
            $($(#[$doc])* $form($body),)+
            /// What every other kind says.
            Note(Note),
        }

        /// The form of a body. Its word is the field that a file has it in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Form {
            $($(#[$doc])* $form,)+
            /// What every other kind says.
            Note,
        }

        impl Form {
            /// That of a kind.
            pub fn of(kind: MessageKind) -> Self {
                match kind {
                    $($(MessageKind::$kind)|+ => Self::$form,)+
                    _ => Self::Note,
                }
            }

            /// The field.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$form => stringify!($field),)+
                    Self::Note => "note",
                }
            }
        }

        impl Body {
            /// Its form.
            pub fn form(&self) -> Form {
                match self {
                    $(Self::$form(_) => Form::$form,)+
                    Self::Note(_) => Form::Note,
                }
            }
        }

        /// A content in a file, and what a reader takes before it knows that there is one body.
        #[derive(Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct ContentFile {
            kind: MessageKind,
            $(
                #[serde(default, skip_serializing_if = "Option::is_none")]
                $field: Option<$body>,
            )+
            #[serde(default, skip_serializing_if = "Option::is_none")]
            note: Option<Note>,
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            related_cases: Vec<RelatedCase>,
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            translations: Vec<Translation>,
            #[serde(default, skip_serializing_if = "Vec::is_empty")]
            originals: Vec<FieldText>,
        }

        impl TryFrom<ContentFile> for Content {
            type Error = NotOneBody;
            fn try_from(file: ContentFile) -> Result<Self, NotOneBody> {
                let bodies = [$(file.$field.map(Body::$form),)+ file.note.map(Body::Note)];
                let mut bodies = bodies.into_iter().flatten();
                match (bodies.next(), bodies.next()) {
                    (Some(body), None) => Ok(Self {
                        kind: file.kind,
                        body,
                        related_cases: file.related_cases,
                        translations: file.translations,
                        originals: file.originals,
                    }),
                    _ => Err(NotOneBody(file.kind)),
                }
            }
        }

        impl From<Content> for ContentFile {
            fn from(content: Content) -> Self {
                let mut file = Self {
                    kind: content.kind,
                    $($field: None,)+
                    note: None,
                    related_cases: content.related_cases,
                    translations: content.translations,
                    originals: content.originals,
                };
                match content.body {
                    $(Body::$form(body) => file.$field = Some(body),)+
                    Body::Note(body) => file.note = Some(body),
                }
                file
            }
        }
    };
}

bodies! {
    /// A request for assistance.
    Request(Box<MlaRequest>) = request
        of Request | SupplementaryRequest | PreservationRequest | EmergencyRequest;
    /// Statements about law and arrangements.
    Framework(FrameworkUpdate) = framework of FrameworkUpdate;
    /// That a person needs protection.
    Referral(ProtectionReferral) = referral of ProtectionReferral;
    /// That a person goes home.
    VoluntaryReturn(VoluntaryReturn) = voluntary_return of VoluntaryReturnArrangement;
    /// Figures of a year.
    Statistics(StatisticsReturn) = statistics of StatisticsReturn;
    /// How a person is heard.
    Hearing(HearingArrangement) = hearing of HearingArrangement;
    /// That a person in custody is wanted for evidence.
    TransferRequest(TransferRequest) = transfer_request of PersonTransferRequest;
    /// Whether that person consents.
    TransferConsent(TransferConsent) = transfer_consent of PersonTransferConsent;
    /// That the person goes back.
    TransferReturn(TransferReturn) = transfer_return of PersonTransferReturn;
    /// That who comes is safe from prosecution.
    SafeConduct(SafeConduct) = safe_conduct of SafeConductUndertaking;
    /// Who bears which costs.
    Costs(CostConsultation) = costs of CostConsultation;
    /// What is said of an extradition.
    Extradition(ExtraditionNotice) = extradition
        of ExtraditionLinkProvisionalArrest | ExtraditionLinkExtraditionRequest
            | ExtraditionLinkReferForProsecution | ExtraditionLinkSurrender;
    /// What protects persons.
    Protection(VictimProtection) = protection of VictimProtectionNotice;
    /// Whether persons are nationals.
    NationalityQuery(NationalityQuery) = nationality_query of NationalityVerificationRequest;
    /// What was found of that.
    NationalityAnswer(NationalityAnswer) = nationality_answer of NationalityVerificationResponse;
}

opaque_debug!(Body);

/// Why a file has no content: it has no body, or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a content has one body: that of a {0} is `{form}`", form = Form::of(*.0).as_str())]
pub(super) struct NotOneBody(MessageKind);

impl Body {
    /// What it lacks, of itself; what depends on the other authority is for requests and notes.
    pub(super) fn walk(&self, kind: MessageKind, found: &mut Lacks) {
        match self {
            Self::Request(body) => body.walk(&Target::default(), found),
            Self::Note(body) => body.walk(found),
            Self::Framework(body) => body.walk(found),
            Self::Referral(body) => body.walk(found),
            Self::VoluntaryReturn(body) => body.walk(found),
            Self::Statistics(body) => body.walk(found),
            Self::Hearing(body) => body.walk(found),
            Self::TransferRequest(body) => body.walk(found),
            Self::TransferConsent(body) => body.walk(found),
            Self::TransferReturn(body) => body.walk(found),
            Self::SafeConduct(body) => body.walk(found),
            Self::Costs(body) => body.walk(found),
            Self::Extradition(body) => body.walk(kind, found),
            Self::Protection(body) => body.walk(found),
            Self::NationalityQuery(body) => body.walk(found),
            Self::NationalityAnswer(body) => body.walk(found),
        }
    }

    /// In which language its texts are, where it says so.
    pub fn language(&self) -> Option<&str> {
        match self {
            Self::Framework(_) | Self::Statistics(_) => None,
            Self::Request(body) => Some(&body.language),
            Self::Note(body) => Some(&body.language),
            Self::Referral(body) => Some(&body.language),
            Self::VoluntaryReturn(body) => Some(&body.language),
            Self::Hearing(body) => Some(&body.language),
            Self::TransferRequest(body) => Some(&body.language),
            Self::TransferConsent(body) => Some(&body.language),
            Self::TransferReturn(body) => Some(&body.language),
            Self::SafeConduct(body) => Some(&body.language),
            Self::Costs(body) => Some(&body.language),
            Self::Extradition(body) => Some(&body.language),
            Self::Protection(body) => Some(&body.language),
            Self::NationalityQuery(body) => Some(&body.language),
            Self::NationalityAnswer(body) => Some(&body.language),
        }
    }

    /// The language that its texts are written in, BCP 47; of a framework update that of its first
    /// statement, and empty where nothing says it.
    pub fn written_in(&self) -> &str {
        match self {
            Self::Framework(update) => update.statements.first().map_or("", |one| &one.language),
            other => other.language().unwrap_or_default(),
        }
    }

    /// The persons of whom it speaks, by reference; `None` where it has no field for them.
    pub fn persons(&self) -> Option<Vec<&str>> {
        fn all(persons: &[String]) -> Vec<&str> {
            persons.iter().map(String::as_str).collect()
        }
        let found = match self {
            Self::Request(r) => r.persons.iter().map(|p| p.reference.as_str()).collect(),
            Self::Referral(body) => all(&body.persons),
            Self::VoluntaryReturn(body) => all(&body.persons),
            Self::Hearing(body) => all(&body.persons),
            Self::Protection(body) => all(&body.persons),
            Self::NationalityQuery(body) => all(&body.persons),
            Self::NationalityAnswer(body) => {
                body.answers.iter().map(|one| one.person.as_str()).collect()
            }
            Self::TransferRequest(body) => vec![body.person.as_str()],
            Self::TransferConsent(body) => vec![body.person.as_str()],
            Self::TransferReturn(body) => vec![body.person.as_str()],
            Self::SafeConduct(body) => vec![body.person.as_str()],
            Self::Extradition(body) => vec![body.person.as_str()],
            Self::Costs(_) | Self::Framework(_) | Self::Statistics(_) | Self::Note(_) => {
                return None;
            }
        };
        Some(found)
    }
}
