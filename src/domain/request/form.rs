//! Which body each kind of message has.

use super::Body;
use crate::domain::MessageKind;

/// The form of a body. Its word is the field that a file has it in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A request for assistance.
    Request,
    /// Statements about law and arrangements.
    Framework,
    /// That a person needs protection.
    Referral,
    /// That a person goes home.
    VoluntaryReturn,
    /// What every other kind says.
    Note,
}

impl Form {
    /// That of a kind.
    pub fn of(kind: MessageKind) -> Self {
        match kind {
            kind if kind.is_request() => Self::Request,
            MessageKind::FrameworkUpdate => Self::Framework,
            MessageKind::ProtectionReferral => Self::Referral,
            MessageKind::VoluntaryReturnArrangement => Self::VoluntaryReturn,
            _ => Self::Note,
        }
    }

    /// The field.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Framework => "framework",
            Self::Referral => "referral",
            Self::VoluntaryReturn => "voluntary_return",
            Self::Note => "note",
        }
    }
}

impl Body {
    /// Its form.
    pub fn form(&self) -> Form {
        match self {
            Self::Request(_) => Form::Request,
            Self::Framework(_) => Form::Framework,
            Self::Referral(_) => Form::Referral,
            Self::VoluntaryReturn(_) => Form::VoluntaryReturn,
            Self::Note(_) => Form::Note,
        }
    }
}
