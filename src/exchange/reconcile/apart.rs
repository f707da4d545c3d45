//! What a round comes to.

use std::collections::BTreeMap;

use crate::audit::reconcile::{Class, Item, Which};
use crate::crypto::Digest;
use crate::domain::{AuthorityId, Timestamp};
use crate::exchange::log::LogPlace;

/// What was done about a difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing, or nothing that helps yet; why, where something was tried.
    #[default]
    None,
    /// It was put right, or is on its way to be.
    Done(&'static str),
    /// It was tried, and did not work out.
    Failed(String),
}

/// Something that the two logs do not say alike, or not yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What was found: A is this node's log, B the peer's.
    pub(super) item: Item,
    /// Number of the peer's entry among those about us, where it is about one.
    pub(super) number: Option<u64>,
    /// What was done about it.
    pub(super) action: Action,
}

impl Difference {
    /// Its class, as `audit reconcile` names it.
    pub fn class(&self) -> &'static str {
        self.item.class.as_str()
    }

    /// Whether it is wrong and was not put right. What is overdue is on its way, however slowly.
    pub fn is_wrong(&self) -> bool {
        self.is_noteworthy() && !matches!(self.action, Action::Done(_))
    }

    /// Whether an entry says so, also where it was put right.
    pub(super) fn is_noteworthy(&self) -> bool {
        self.item.class.is_wrong() && self.item.class != Class::Overdue
    }

    /// The message, where it is about one.
    pub fn message(&self) -> Option<String> {
        self.item.message.map(|id| id.to_string())
    }

    /// Whether this node sent it, as far as can be told.
    pub fn is_ours(&self) -> bool {
        self.item.sender == Some(Which::A)
    }

    /// The event, where it is about one.
    pub fn event(&self) -> Option<&'static str> {
        self.item.event.map(|event| event.as_str())
    }

    /// Where it stands in our logs.
    pub fn own_entry(&self) -> Option<LogPlace> {
        self.item.a.map(LogPlace::from_number)
    }

    /// Where it stands in the peer's, counted from the one that its card names.
    pub fn peer_entry(&self) -> Option<LogPlace> {
        self.item.b.map(LogPlace::from_number)
    }

    /// What was found.
    pub fn detail(&self) -> &str {
        &self.item.detail
    }

    /// What was done about it, or went wrong in doing so; empty where nothing was.
    pub fn action(&self) -> &str {
        match &self.action {
            Action::None => "",
            Action::Done(done) => done,
            Action::Failed(why) => why,
        }
    }
}

/// What came of a round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reconciliation {
    /// With whom.
    pub peer: AuthorityId,
    /// When.
    pub at: Timestamp,
    /// False where there was too much for one round: nothing is judged yet.
    pub complete: bool,
    /// What is wrong and was not put right; of several, the gravest.
    pub code: Option<&'static str>,
    /// Where the peer's answer does not fit, what was found; otherwise empty.
    pub detail: String,
    /// Number of the newest entry of ours about the peer that was read.
    pub ours: u64,
    /// Number of the newest entry of the peer's about us that was read.
    pub theirs: u64,
    /// How many of each class.
    pub(super) counts: BTreeMap<Class, u64>,
    /// What is not alike, a thousand at most.
    pub differences: Vec<Difference>,
    /// The report.
    pub report: String,
    /// SHA-256 of the report.
    pub digest: Digest,
    /// Index of the entry that has it, where one was logged.
    pub logged: Option<u64>,
}

/// Differences that are told and acted on in one round: more say little, and the next goes on.
pub(super) const DIFFERENCES_MAX: usize = 1000;

impl Reconciliation {
    /// How many there are of each class that was found.
    pub fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.counts.iter().map(|(class, count)| (class.as_str(), *count))
    }
}

/// The code of a class in the log.
pub(super) fn code_of(class: Class) -> &'static str {
    match class {
        Class::OtherPast => "OTHER_PAST",
        Class::MissingAtSender => "MISSING_AT_SENDER",
        Class::DigestMismatch => "DIGEST_MISMATCH",
        Class::SequenceGap => "SEQUENCE_GAP",
        Class::StateDiffers => "STATE_DIFFERS",
        Class::LostReceipt => "LOST_RECEIPT",
        _ => "DIFFERENT",
    }
}

/// Classes that a log's owner must explain, the gravest first.
const GRAVEST_FIRST: [Class; 6] = [
    Class::OtherPast,
    Class::MissingAtSender,
    Class::DigestMismatch,
    Class::SequenceGap,
    Class::StateDiffers,
    Class::LostReceipt,
];

/// The code of the gravest difference that is left.
pub(super) fn gravest(
    differences: &[Difference],
    unlisted: &BTreeMap<Class, u64>,
) -> Option<&'static str> {
    let left = |class: &Class| {
        unlisted.contains_key(class)
            || differences.iter().any(|found| found.item.class == *class && found.is_wrong())
    };
    GRAVEST_FIRST.into_iter().find(left).map(code_of)
}
