//! What of one request is counted.

use std::collections::BTreeSet;

use super::{OFFENCES, UNKNOWN, Way};
use crate::domain::clock::{Clock, Duty, History, Targets, Track, clocks};
use crate::domain::lifecycle::{RequestState, Side};
use crate::domain::request::{
    Body, Content, Decision, MlaRequest, OffenceFamily, Outcome, UrgencyLevel, ground, instrument,
};
use crate::domain::{AuthorityId, MessageId, MessageKind, Timestamp};

/// What a request asks for, in words that are counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct What {
    /// Codes of the legal bases.
    pub instruments: BTreeSet<String>,
    /// Of [`OFFENCES`].
    pub offences: BTreeSet<&'static str>,
    /// Words of the types of assistance.
    pub assistance: BTreeSet<&'static str>,
}

impl Default for What {
    /// That of a request whose content is gone.
    fn default() -> Self {
        Self {
            instruments: BTreeSet::from([UNKNOWN.to_owned()]),
            offences: BTreeSet::from([UNKNOWN]),
            assistance: BTreeSet::from([UNKNOWN]),
        }
    }
}

impl What {
    /// That of a request.
    pub fn of(request: &MlaRequest) -> Self {
        let family = |family: OffenceFamily| match family {
            OffenceFamily::TraffickingInPersons => OFFENCES[0],
            OffenceFamily::SmugglingOfMigrants => OFFENCES[1],
            _ => OFFENCES[2],
        };
        Self {
            instruments: request.legal_basis.iter().map(instrument).collect(),
            offences: request.offences.iter().map(|one| family(one.family)).collect(),
            assistance: request.assistance.iter().map(|one| one.assistance_type.as_str()).collect(),
        }
    }
}

/// What messages about a request say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    info_rounds: u64,
    has_hearing: bool,
    has_costs: bool,
    has_evidence: bool,
    evidence_bytes: u64,
    grounds: BTreeSet<&'static str>,
}

impl Heard {
    /// Takes what one message says; the content only where it can be read. `bytes` are those of its
    /// packages, where they are known.
    pub fn takes(&mut self, kind: MessageKind, content: Option<&Content>, bytes: u64) {
        match kind {
            MessageKind::AdditionalInfoRequest => self.info_rounds += 1,
            MessageKind::HearingArrangement => self.has_hearing = true,
            MessageKind::CostConsultation => self.has_costs = true,
            MessageKind::EvidencePackage => {
                self.has_evidence = true;
                self.evidence_bytes = self.evidence_bytes.saturating_add(bytes);
            }
            _ => {}
        }
        if let Some(Content { kind: MessageKind::Decision, body: Body::Note(note), .. }) = content
            && note.decision.is_some_and(Decision::needs_reasons)
        {
            self.grounds.extend(note.grounds.iter().map(|code| ground(code)));
        }
    }
}

/// What of one request is counted. It names no person and no case; the id is for its time and leaves
/// this module in no result.
#[derive(Clone, Debug)]
pub struct Facts {
    /// The message that carries it.
    pub request: MessageId,
    /// Which way it went.
    pub way: Way,
    /// The other authority.
    pub peer: AuthorityId,
    /// How it is called.
    pub kind: MessageKind,
    /// How urgent it is.
    pub urgency: UrgencyLevel,
    /// What it asks for.
    pub what: What,
    /// How it came to where it stands.
    pub history: History,
    /// How long each duty may take.
    pub track: Track,
    /// Codes of the grounds on which it was refused or put off.
    pub grounds: BTreeSet<&'static str>,
    /// How often information was asked for.
    pub info_rounds: u64,
    /// A hearing was arranged.
    pub has_hearing: bool,
    /// Costs were asked for.
    pub has_costs: bool,
    /// Evidence was sent.
    pub has_evidence: bool,
    /// Its sealed bytes, where they are known.
    pub evidence_bytes: u64,
}

impl Facts {
    /// Those of a request about which nothing was said yet.
    pub fn new(request: MessageId, way: Way, peer: AuthorityId, kind: MessageKind) -> Self {
        Self {
            request,
            way,
            peer,
            kind,
            urgency: UrgencyLevel::Routine,
            what: What::default(),
            history: History::default(),
            track: Targets::default().of("", UrgencyLevel::Routine),
            grounds: BTreeSet::new(),
            info_rounds: 0,
            has_hearing: false,
            has_costs: false,
            has_evidence: false,
            evidence_bytes: 0,
        }
    }

    /// Takes what messages of one side about it say. Either arranges hearings and speaks of costs; to ask
    /// for information, to send evidence and to decide is for the requested one: what the other claims
    /// of that is nothing.
    pub fn hears(&mut self, by: Side, said: Heard) {
        self.has_hearing |= said.has_hearing;
        self.has_costs |= said.has_costs;
        if by == Side::Requesting {
            return;
        }
        self.info_rounds += said.info_rounds;
        self.has_evidence |= said.has_evidence;
        self.evidence_bytes = self.evidence_bytes.saturating_add(said.evidence_bytes);
        self.grounds.extend(said.grounds);
    }

    /// What became of it: where it stood before it was closed.
    pub fn outcome(&self) -> Outcome {
        use RequestState as S;
        let states = self.history.steps.iter().rev().map(|(_, state)| *state);
        let is_closed = states.clone().next() == Some(S::Closed);
        match states.into_iter().find(|state| *state != S::Closed) {
            Some(S::Refused) => Outcome::Refused,
            Some(S::Returned) => Outcome::Returned,
            Some(S::Withdrawn) => Outcome::Withdrawn,
            _ if self.history.is_withdrawn() && !is_closed => Outcome::Withdrawn,
            Some(S::Executed) => Outcome::Executed,
            Some(S::Accepted | S::InExecution | S::PartlyExecuted) => Outcome::Accepted,
            Some(S::Postponed) => Outcome::Postponed,
            // Whoever is asked again while a request is executed has accepted it.
            Some(S::InfoPending | S::Consulting | S::ConditionsPending) if self.is_accepted() => {
                Outcome::Accepted
            }
            _ => Outcome::Pending,
        }
    }

    /// Whether it was accepted, and not looked at again since.
    fn is_accepted(&self) -> bool {
        use RequestState as S;
        let says = |(_, state): &(Timestamp, RequestState)| match state {
            S::Accepted | S::InExecution | S::PartlyExecuted | S::Executed => Some(true),
            S::Received | S::Acknowledged | S::UnderReview => Some(false),
            _ => None,
        };
        self.history.steps.iter().rev().find_map(says).unwrap_or(false)
    }

    fn was_decided(&self) -> bool {
        use RequestState as S;
        self.is_accepted()
            || self.history.steps.iter().any(|(_, s)| matches!(s, S::Refused | S::Returned))
    }

    /// How its clocks stand.
    pub(super) fn clocks(&self, as_of: Timestamp) -> Vec<Clock> {
        clocks(&self.history, &self.track, as_of)
    }

    /// How long a duty took, in seconds, where it was done and not merely fell away.
    pub(super) fn took(&self, duty: Duty, clocks: &[Clock]) -> Option<u64> {
        let meant = match duty {
            Duty::Acknowledgement => self.outcome() != Outcome::Withdrawn || self.was_answered(),
            Duty::Decision => self.was_decided(),
            Duty::Execution => self.outcome() == Outcome::Executed,
            _ => false,
        };
        let clock = clocks.iter().find(|clock| clock.duty == duty && clock.done.is_some());
        clock.filter(|_| meant).map(|clock| u64::try_from(clock.used_ms / 1000).unwrap_or(0))
    }

    /// Whether its requested authority has said anything that moved it.
    fn was_answered(&self) -> bool {
        use RequestState as S;
        let silent =
            |state: &S| matches!(state, S::Issued | S::Received | S::Withdrawn | S::Closed);
        self.history.steps.iter().any(|(_, state)| !silent(state))
    }
}

/// Whether a duty of the requested authority is overdue.
pub(super) fn is_overdue(clocks: &[Clock]) -> bool {
    clocks.iter().any(|clock| clock.duty.of() == Side::Requested && clock.is_overdue())
}
