//! What a message does to the request that it is about.

use serde::Serialize;

use super::{Side, TABLE, To};
use crate::domain::MessageKind;
use crate::domain::request::{Decision, Note, Progress};

/// Declares the moves once: variant, word and which message makes it.
macro_rules! moves {
    ($($(#[$doc:meta])* $made:ident = $word:literal;)+) => {
        /// A move in the life of a request.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum Move {
            $($(#[$doc])* #[serde(rename = $word)] $made,)+
        }

        impl Move {
            /// Every move.
            pub const ALL: &'static [Self] = &[$(Self::$made,)+];

            /// From the word for it.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|made| made.as_str() == word)
            }

            /// The message that makes it: its kind, and what in it decides.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$made => $word,)+
                }
            }
        }
    };
}

moves! {
    /// Says who deals with it, under which reference.
    Acknowledge = "CASE_ACKNOWLEDGEMENT";
    /// Sends it on to the competent authority.
    Forward = "FORWARDING_NOTICE";
    /// Sends it back to be mended.
    Return = "DECISION return";
    /// Begins to look at it, or takes it up again.
    Review = "STATUS_REPORT under_review";
    /// Asks for information.
    AskInformation = "ADDITIONAL_INFO_REQUEST";
    /// Gives it.
    Inform = "ADDITIONAL_INFO_RESPONSE";
    /// Consults.
    Consult = "CONSULTATION";
    /// Proposes conditions.
    ProposeConditions = "CONDITIONS_PROPOSED";
    /// Accepts them.
    AcceptConditions = "CONDITIONS_ACCEPTED";
    /// Does not accept them.
    DeclineConditions = "CONDITIONS_DECLINED";
    /// Accepts the request, wholly or in part.
    Accept = "DECISION accept";
    /// Refuses it.
    Refuse = "DECISION refuse";
    /// Puts it off.
    Postpone = "DECISION postpone";
    /// Begins to execute it, or goes on with that.
    Execute = "STATUS_REPORT in_execution";
    /// Asks how far it has come.
    Query = "STATUS_QUERY";
    /// Says so, and changes nothing.
    Report = "STATUS_REPORT";
    /// Sends part of what was obtained.
    Deliver = "EVIDENCE_PACKAGE more_to_follow";
    /// Sends the last of it.
    DeliverLast = "EVIDENCE_PACKAGE";
    /// Has everything, undamaged.
    ConfirmEvidence = "EVIDENCE_RECEIPT";
    /// Lacks something, or has it damaged.
    ReportDamage = "EVIDENCE_RECEIPT damaged";
    /// Needs it no more.
    Withdraw = "WITHDRAWAL";
    /// Ends what was refused, withdrawn or returned.
    Close = "STATUS_REPORT closed";
}

impl Move {
    /// Whether there is a state that it leads out of, where this side makes it.
    pub fn may_change(self, side: Side) -> bool {
        TABLE.iter().any(|row| row.side == side && row.makes == self && row.to != To::Stays)
    }

    /// Whether it makes sense of nothing but a request: whoever only talks may talk of anything.
    pub fn needs_request(self) -> bool {
        matches!(
            self,
            Self::Return
                | Self::Review
                | Self::ProposeConditions
                | Self::AcceptConditions
                | Self::DeclineConditions
                | Self::Accept
                | Self::Refuse
                | Self::Postpone
                | Self::Execute
                | Self::Withdraw
                | Self::Close
        )
    }

    /// What a message does to the request that it is about; `None` where it only says something.
    pub fn of(kind: MessageKind, note: &Note) -> Option<Self> {
        Some(match kind {
            MessageKind::CaseAcknowledgement => Self::Acknowledge,
            MessageKind::ForwardingNotice => Self::Forward,
            MessageKind::AdditionalInfoRequest => Self::AskInformation,
            MessageKind::AdditionalInfoResponse => Self::Inform,
            MessageKind::Consultation => Self::Consult,
            MessageKind::ConditionsProposed => Self::ProposeConditions,
            MessageKind::ConditionsAccepted => Self::AcceptConditions,
            MessageKind::ConditionsDeclined => Self::DeclineConditions,
            MessageKind::Decision => return note.decision.map(Self::decided),
            MessageKind::StatusQuery => Self::Query,
            MessageKind::StatusReport => note.progress.map_or(Self::Report, Self::reported),
            MessageKind::EvidencePackage if note.more_to_follow => Self::Deliver,
            MessageKind::EvidencePackage => Self::DeliverLast,
            MessageKind::EvidenceReceipt if note.has_damage() => Self::ReportDamage,
            MessageKind::EvidenceReceipt => Self::ConfirmEvidence,
            MessageKind::Withdrawal => Self::Withdraw,
            _ => return None,
        })
    }

    fn decided(decision: Decision) -> Self {
        match decision {
            Decision::Accept | Decision::AcceptPartially => Self::Accept,
            Decision::Refuse => Self::Refuse,
            Decision::Postpone => Self::Postpone,
            Decision::Return => Self::Return,
        }
    }

    fn reported(progress: Progress) -> Self {
        match progress {
            Progress::UnderReview => Self::Review,
            Progress::InExecution => Self::Execute,
            Progress::Closed => Self::Close,
        }
    }
}
