//! The table: who may do what where, and where the request stands then.

use super::RequestState::{
    self, Accepted, Acknowledged, Closed, ConditionsPending, Consulting, Executed, InExecution,
    InfoPending, Issued, PartlyExecuted, Postponed, Received, Refused, Returned, UnderReview,
    Withdrawn,
};
use super::{Move, Side, Standing};

/// Where a request stands after a move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum To {
    /// Where it stood.
    Stays,
    /// There.
    Goes(RequestState),
    /// Where it stood before it was asked about.
    Back,
}

/// One line: from one of some states, a side may make a move.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Who.
    pub side: Side,
    /// What.
    pub makes: Move,
    /// In which states.
    pub from: &'static [RequestState],
    /// Only where it stood in one of these before it was asked about. Empty: wherever it stood.
    pub before: &'static [RequestState],
    /// Where it stands then.
    pub to: To,
    /// Where the rule stands; `practice` where no instrument has it.
    pub paragraph: &'static str,
}

impl Row {
    /// Whether it is about this.
    pub(super) fn allows(&self, side: Side, made: Move, standing: Standing) -> bool {
        self.side == side
            && self.makes == made
            && self.from.contains(&standing.state)
            && (self.before.is_empty()
                || standing.before.is_some_and(|before| self.before.contains(&before)))
    }
}

/// The first answer may be any: it acknowledges the request as well, and that it is looked at.
const FIRST: &[RequestState] = &[Received, Acknowledged, UnderReview];

/// Everything that is not final.
const OPEN: &[RequestState] = &[
    Issued,
    Received,
    Acknowledged,
    UnderReview,
    InfoPending,
    Consulting,
    ConditionsPending,
    Postponed,
    Accepted,
    InExecution,
    PartlyExecuted,
    Executed,
];

/// From where it is executed.
pub(super) const EXECUTING: &[RequestState] = &[Accepted, InExecution, PartlyExecuted];

const fn requested(
    makes: Move,
    from: &'static [RequestState],
    to: To,
    paragraph: &'static str,
) -> Row {
    Row { side: Side::Requested, makes, from, before: &[], to, paragraph }
}

const fn requesting(
    makes: Move,
    from: &'static [RequestState],
    to: To,
    paragraph: &'static str,
) -> Row {
    Row { side: Side::Requesting, makes, from, before: &[], to, paragraph }
}

/// The life of a request. A move that is in none of these lines is illegal.
pub const TABLE: &[Row] = &[
    requested(Move::Acknowledge, &[Received], To::Goes(Acknowledged), "UNTOC 18(24)"),
    requested(Move::Forward, FIRST, To::Stays, "UNTOC 18(13)"),
    requested(Move::Return, FIRST, To::Goes(Returned), "UNTOC 18(21)(a)"),
    requested(Move::Review, &[Received, Acknowledged], To::Goes(UnderReview), "practice"),
    requested(Move::Review, &[InfoPending], To::Goes(UnderReview), "UNTOC 18(16)"),
    // Nobody waits for ever: where the other side is silent the talks go on, or end.
    requested(Move::Review, &[ConditionsPending], To::Goes(UnderReview), "UNTOC 18(26)"),
    requested(Move::Consult, &[ConditionsPending], To::Goes(Consulting), "UNTOC 18(26)"),
    requested(Move::Close, &[Executed], To::Goes(Closed), "practice"),
    requested(Move::Review, &[Consulting, Postponed], To::Goes(UnderReview), "UNTOC 18(25)-(26)"),
    requested(
        Move::AskInformation,
        &[Received, Acknowledged, UnderReview, InfoPending, Accepted, InExecution, PartlyExecuted],
        To::Goes(InfoPending),
        "UNTOC 18(16)",
    ),
    requesting(Move::Inform, &[InfoPending], To::Back, "UNTOC 18(16)"),
    // More of an answer, or an answer that crossed another step.
    requesting(Move::Inform, OPEN, To::Stays, "UNTOC 18(16)"),
    requested(
        Move::Consult,
        &[
            Received,
            Acknowledged,
            UnderReview,
            InfoPending,
            Accepted,
            InExecution,
            PartlyExecuted,
            Consulting,
        ],
        To::Goes(Consulting),
        "UNTOC 18(26)",
    ),
    requesting(Move::Consult, OPEN, To::Stays, "UNTOC 18(26)"),
    requested(Move::ProposeConditions, &[Consulting], To::Goes(ConditionsPending), "UNTOC 18(26)"),
    requesting(Move::AcceptConditions, &[ConditionsPending], To::Goes(Accepted), "UNTOC 18(26)"),
    requesting(Move::DeclineConditions, &[ConditionsPending], To::Goes(Consulting), "UNTOC 18(26)"),
    requested(Move::Accept, FIRST, To::Goes(Accepted), "UNTOC 18(17)"),
    requested(Move::Accept, &[Consulting], To::Goes(Accepted), "UNTOC 18(17)"),
    requested(Move::Refuse, &[Consulting], To::Goes(Refused), "UNTOC 18(21), (26)"),
    requested(Move::Postpone, &[Consulting], To::Goes(Postponed), "UNTOC 18(25)-(26)"),
    requested(Move::Execute, &[Accepted], To::Goes(InExecution), "UNTOC 18(17)"),
    Row {
        before: EXECUTING,
        ..requested(
            Move::Execute,
            &[InfoPending, Consulting],
            To::Goes(InExecution),
            "UNTOC 18(16), (26)",
        )
    },
    requesting(Move::Query, OPEN, To::Stays, "UNTOC 18(24)"),
    requested(Move::Report, RequestState::ALL, To::Stays, "UNTOC 18(24)"),
    // Whoever sends what was asked for has accepted.
    requested(Move::Deliver, FIRST, To::Goes(PartlyExecuted), "UNTOC 18(17)"),
    requested(Move::DeliverLast, FIRST, To::Goes(Executed), "UNTOC 18(17)"),
    requested(Move::Deliver, EXECUTING, To::Goes(PartlyExecuted), "UNTOC 18(3)"),
    requested(Move::DeliverLast, EXECUTING, To::Goes(Executed), "UNTOC 18(3)"),
    requesting(Move::ConfirmEvidence, &[Executed], To::Goes(Closed), "ASEAN MLAT 19"),
    requesting(
        Move::ConfirmEvidence,
        &[InExecution, PartlyExecuted, Withdrawn],
        To::Stays,
        "ASEAN MLAT 19",
    ),
    requesting(Move::ReportDamage, &[Executed], To::Goes(InExecution), "ASEAN MLAT 19"),
    requesting(Move::ReportDamage, &[InExecution, PartlyExecuted], To::Stays, "ASEAN MLAT 19"),
    requesting(Move::Withdraw, OPEN, To::Goes(Withdrawn), "UNTOC 18(24)"),
    requested(Move::Close, &[Refused, Withdrawn, Returned], To::Goes(Closed), "practice"),
];

/// Why a move is none here, by the rule that is broken.
pub(super) fn rule_against(side: Side, made: Move, standing: Standing) -> String {
    if !TABLE.iter().any(|row| row.side == side && row.makes == made) {
        return format!("that is for the {} authority to say", side.other().as_str());
    }
    let rows: Vec<&Row> =
        TABLE.iter().filter(|row| row.side == side && row.makes == made).collect();
    match made {
        Move::Refuse | Move::Postpone => {
            "the authorities consult before a request is refused or postponed (UNTOC 18(26))".into()
        }
        Move::Execute if standing.before.is_some() => {
            "it was not accepted before that (UNTOC 18(17))".into()
        }
        _ => {
            let mut states: Vec<_> = rows.iter().flat_map(|row| row.from).collect();
            states.sort();
            states.dedup();
            let states = states.iter().map(|state| state.as_str()).collect::<Vec<_>>().join(", ");
            format!("it follows {states} ({})", rows[0].paragraph)
        }
    }
}
