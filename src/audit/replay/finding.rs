//! What replaying a log finds: rules that its entries break, and what is legal but worth a look.

use std::fmt;

use crate::audit::Position;
use crate::audit::entry::{Entry, Event};
use crate::domain::MessageId;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// No node that keeps its rules writes such a log.
    Error,
    /// Legal, as far as the log alone can say, and worth a look.
    Notice,
}

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Notice => "notice",
        }
    }
}

macro_rules! rules {
    ($($variant:ident = $severity:ident, $name:literal, $says:literal;)*) => {
        /// A rule of the order of entries.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $(#[doc = $says] $variant,)*
        }

        impl Rule {
            /// Every rule, in the order of the documentation.
            pub const ALL: &'static [Rule] = &[$(Rule::$variant,)*];

            /// Its name in reports.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Rule::$variant => $name,)*
                }
            }

            /// How bad it is that the rule does not hold.
            pub fn severity(self) -> Severity {
                match self {
                    $(Rule::$variant => Severity::$severity,)*
                }
            }

            /// What was found, for people.
            pub fn says(self) -> &'static str {
                match self {
                    $(Rule::$variant => $says,)*
                }
            }
        }
    };
}

rules! {
    OutOfPlace = Error, "OUT_OF_PLACE", "another entry is due here";
    NotOpened = Error, "NOT_OPENED", "the log does not begin with its own log.opened";
    OpenedAgain = Error, "OPENED_AGAIN", "a log is opened once";
    AfterSeal = Error, "AFTER_SEAL", "an entry stands behind log.sealed";
    TimeRunsBack = Error, "TIME_RUNS_BACK", "the entry is older than the one before it";
    Sequence = Error, "SEQUENCE", "the numbers with this peer have a gap or repeat";
    ThirdParty = Error, "THIRD_PARTY", "it is stated by neither the log's owner nor the peer";
    PeerNeverAdded = Error, "PEER_NEVER_ADDED", "the peer was never added";
    ForeignOrigin = Error, "FOREIGN_ORIGIN", "the coordinates are not in a log of the peer";
    NotSubmitted = Error, "NOT_SUBMITTED", "the message was never submitted here";
    NotAccepted = Error, "NOT_ACCEPTED", "the message was never accepted here";
    UnknownMessage = Error, "UNKNOWN_MESSAGE", "no entry before is about the message";
    SubmittedTwice = Error, "SUBMITTED_TWICE", "the message id was given before";
    AcceptedTwice = Error, "ACCEPTED_TWICE", "the message was accepted, or submitted, before";
    WrongSide = Error, "WRONG_SIDE", "the event is one of the message's other side";
    OtherPeer = Error, "OTHER_PEER", "the message is exchanged with another peer";
    OtherEnvelope = Error, "OTHER_ENVELOPE", "the message has another envelope";
    OtherPayload = Error, "OTHER_PAYLOAD", "the message has another commitment to its content";
    Irrelevant = Error, "IRRELEVANT", "no receipt of a peer can say this";
    RecordedTwice = Error, "RECORDED_TWICE", "the peer's receipt of this event was recorded before";
    IssuedTwice = Error, "ISSUED_TWICE", "the event was stated of this message before";
    ConsignedAndFailed = Error, "CONSIGNED_AND_FAILED", "both consignment and its failure are stated";
    NotConsigned = Error, "NOT_CONSIGNED", "a hand-over without a consignment";
    NotQueued = Error, "NOT_QUEUED", "the message no longer waits to be relayed";
    StopUnchanged = Error, "STOP_UNCHANGED", "the message was stopped, or let go on, already";
    ErasedInHold = Error, "ERASED_IN_HOLD", "erased although it must not be";
    NotDrafted = Error, "NOT_DRAFTED", "no draft of the message waits";
    ApprovedByAuthor = Error, "APPROVED_BY_AUTHOR", "approved by the one who wrote it";
    SentUnapproved = Error, "SENT_UNAPPROVED", "sent although its draft was not approved";
    AgencyAddedTwice = Error, "AGENCY_ADDED_TWICE", "the agency was given access before";
    AgencyUnknown = Error, "AGENCY_UNKNOWN", "the agency was never given access";
    KeyUnknown = Error, "KEY_UNKNOWN", "the key never came into use";
    KeyAddedTwice = Notice, "KEY_ADDED_TWICE", "the key came into use before";
    EarlierLog = Notice, "EARLIER_LOG", "what it is about began in the log before";
    UntrustedPeer = Notice, "UNTRUSTED_PEER", "exchanged with a peer that is removed or suspended";
    PeerUnchanged = Notice, "PEER_UNCHANGED", "the peer was in this state already";
    PeerTwoRoots = Notice, "PEER_TWO_ROOTS", "the peer's log had another root at this size before";
    AfterCancel = Notice, "AFTER_CANCEL", "the peer has what was withdrawn here";
    Contradiction = Notice, "CONTRADICTION", "the peer's receipts contradict each other";
    RefusedAgain = Notice, "REFUSED_AGAIN", "the same bytes of the peer were refused before";
    HoldUnchanged = Notice, "HOLD_UNCHANGED", "the hold was set, or released, already";
    ErasedTwice = Notice, "ERASED_TWICE", "the body was erased before";
    ErasedInQueue = Notice, "ERASED_IN_QUEUE", "erased while it waits to be relayed";
    ReadAfterErasure = Notice, "READ_AFTER_ERASURE", "content was read after its erasure";
    RevokedAgency = Notice, "REVOKED_AGENCY", "an agency acts that has no access any more";
    NotRunning = Notice, "NOT_RUNNING", "a message moves while the node is stopped";
    NotStopped = Notice, "NOT_STOPPED", "the node starts without having stopped";
    NotStarted = Notice, "NOT_STARTED", "the node stops without having started";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An entry that breaks a rule, or is worth a look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The entry.
    pub index: u64,
    /// Its event.
    pub event: Event,
    /// The message that it is about, where it is about one.
    pub message: Option<MessageId>,
    /// The rule.
    pub rule: Rule,
    /// What was there and what was due, where the rule does not say it.
    pub detail: String,
}

impl Finding {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.rule.severity()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = Position::from_number(self.index);
        write!(f, "entry {place}: {}: {}", self.event, self.rule.says())?;
        if self.detail.is_empty() { Ok(()) } else { write!(f, " ({})", self.detail) }
    }
}

/// The entry that is being applied, and what was found in it so far.
pub(super) struct Step<'a> {
    pub(super) index: u64,
    pub(super) entry: &'a Entry,
    found: Vec<Finding>,
}

impl<'a> Step<'a> {
    pub(super) fn new(index: u64, entry: &'a Entry) -> Self {
        Self { index, entry, found: Vec::new() }
    }

    pub(super) fn find(&mut self, rule: Rule) {
        self.find_with(rule, String::new());
    }

    pub(super) fn find_with(&mut self, rule: Rule, detail: String) {
        let Entry { event, message, .. } = *self.entry;
        self.found.push(Finding { index: self.index, event, message, rule, detail });
    }

    pub(super) fn finish(self) -> Vec<Finding> {
        self.found
    }
}
