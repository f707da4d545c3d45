//! The closed list of events.

use std::fmt;

macro_rules! events {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What an entry says has happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Event {
            $($(#[$doc])* $variant,)*
        }

        impl Event {
            /// Every event, in the order of the documentation.
            pub const ALL: &'static [Event] = &[$(Event::$variant,)*];

            /// Its name in entries.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Event::$variant => $name,)*
                }
            }
        }
    };
}

events! {
    /// The node took a message from an agency, sealed and signed it (EN 319 522).
    SubmissionAcceptance = "SubmissionAcceptance",
    /// The node refused an agency's message (EN 319 522).
    SubmissionRejection = "SubmissionRejection",
    /// The recipient's node holds the authentic message durably (EN 319 522).
    RelayAcceptance = "RelayAcceptance",
    /// The recipient's node refused the message (EN 319 522).
    RelayRejection = "RelayRejection",
    /// The message could not be relayed within its window (EN 319 522).
    RelayFailure = "RelayFailure",
    /// The message was opened and stands in an agency's inbox (EN 319 522).
    ContentConsignment = "ContentConsignment",
    /// The message could not be opened, or is not lawful in form (EN 319 522).
    ContentConsignmentFailure = "ContentConsignmentFailure",
    /// The agency has fetched the message and confirmed it (EN 319 522).
    ContentHandover = "ContentHandover",
    /// No agency took the message (EN 319 522).
    ContentHandoverFailure = "ContentHandoverFailure",
    /// A sealed annex was released to a named official (EN 319 522).
    ContentAccessTracking = "ContentAccessTracking",
    /// The message left for its recipient's node in a pouch (EN 319 522).
    RelayToNonErds = "RelayToNonERDS",
    /// The message came to the recipient's node in a pouch (EN 319 522).
    ReceivedFromNonErds = "ReceivedFromNonERDS",
    /// The agency withdrew the message before it was relayed.
    MessageCancelled = "message.cancelled",
    /// An operator stopped the relaying of the message.
    MessageHeld = "message.held",
    /// An operator let it go on.
    MessageReleased = "message.released",
    /// An agency submitted what another official of the authority has to approve.
    DraftSubmitted = "draft.submitted",
    /// Another one approved it: the message is signed and sent.
    DraftApproved = "draft.approved",
    /// It was not approved, or withdrawn before it was.
    DraftRefused = "draft.refused",
    /// The first entry of every log.
    LogOpened = "log.opened",
    /// The last entry of a log that has a successor.
    LogSealed = "log.sealed",
    /// Entries that a restored copy lacked were put back from an export.
    LogRecovered = "log.recovered",
    /// A key came into use.
    KeyAdded = "key.added",
    /// A key went out of use.
    KeyRetired = "key.retired",
    /// A newer card of this authority took the place of its older one.
    CardPublished = "card.published",
    /// A peer's card was trusted for the first time.
    PeerAdded = "peer.added",
    /// A newer card of a peer took the place of its older one.
    PeerUpdated = "peer.updated",
    /// A peer is trusted no more.
    PeerRemoved = "peer.removed",
    /// Trust in a peer rests: nothing is exchanged with it until it is resumed.
    PeerSuspended = "peer.suspended",
    /// A suspended peer is trusted again.
    PeerResumed = "peer.resumed",
    /// What this log and a peer's say of each other was compared.
    PeerReconciled = "peer.reconciled",
    /// This node cosigned a checkpoint of another log: the first one of the day of that log.
    WitnessCosigned = "witness.cosigned",
    /// This node refused to cosign what another log showed.
    WitnessRefused = "witness.refused",
    /// Another log signed two pasts; the evidence is kept.
    WitnessEquivocation = "witness.equivocation",
    /// The policy that says whose cosignatures make a receipt was set.
    PolicySet = "policy.set",
    /// An agency was given access.
    AgencyAdded = "agency.added",
    /// An agency was given a new certificate.
    AgencyRenewed = "agency.renewed",
    /// An agency lost its access.
    AgencyRevoked = "agency.revoked",
    /// An agency or operator read the content of a message or package.
    AccessFetched = "access.fetched",
    /// The log or contents were exported.
    AccessExported = "access.exported",
    /// A message was given to another agency of the authority; the code says what that rests on.
    AccessShared = "access.shared",
    /// It was taken back.
    AccessUnshared = "access.unshared",
    /// The key of a stored body was destroyed.
    EraseBody = "erase.body",
    /// The key of a stored annex was destroyed.
    EraseAnnex = "erase.annex",
    /// A message must not be erased.
    HoldSet = "hold.set",
    /// It may be erased again.
    HoldReleased = "hold.released",
    /// The node started after a clean stop.
    NodeStarted = "node.started",
    /// The node started after a crash or a loss, and its state was rebuilt.
    NodeRecovered = "node.recovered",
    /// The node stopped.
    NodeStopped = "node.stopped",
}

impl Event {
    /// The event of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|event| event.as_str() == name)
    }

    /// Whether it is one of the delivery events of EN 319 522, which receipts are about.
    pub fn is_receipt(self) -> bool {
        matches!(
            self,
            Event::SubmissionAcceptance
                | Event::SubmissionRejection
                | Event::RelayAcceptance
                | Event::RelayRejection
                | Event::RelayFailure
                | Event::ContentConsignment
                | Event::ContentConsignmentFailure
                | Event::ContentHandover
                | Event::ContentHandoverFailure
                | Event::ContentAccessTracking
                | Event::RelayToNonErds
                | Event::ReceivedFromNonErds
        )
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
