//! Two nodes, one request, and whatever its two sides do to it, in whatever order it comes.

mod crossing;
mod taken_back;

use super::*;
use crate::crypto::random;
use crate::domain::PackageId;
use crate::domain::RequestId;
use crate::domain::delivery::DeliveryState;
use crate::domain::request::{
    Body, Content, Decision, Defect, ExhibitVerdict, Note, Progress, Verdict, request_from_json,
};
use crate::envelope::wire::content_from_pb;
use crate::exchange::submit::Submission;
use crate::exchange::testing::{Lone, desk, pair};
use crate::exchange::{ActionError, rows};

const REQUEST: &str = include_str!("../../../examples/request-tip.json");

pub(in crate::exchange) fn note(made: Move) -> Content {
    let said = made.as_str();
    let (kind, what) = said.split_once(' ').unwrap_or((said, ""));
    let kind = MessageKind::parse(kind).expect("a kind");
    let word = |word: &str| word == what;
    let decision = Decision::ALL.iter().copied().find(|one| word(one.as_str()));
    let progress = Progress::ALL.iter().copied().find(|one| word(one.as_str()));
    let lists = |yes: bool| yes.then(|| "No use in another case.".to_owned()).into_iter().collect();
    let ground = match made {
        Move::Postpone => "POSTPONE_ONGOING_PROCEEDING",
        _ => "ESSENTIAL_INTERESTS",
    };
    let refuses = decision.is_some_and(Decision::needs_reasons);
    let exhibit = ExhibitVerdict {
        package: PackageId::new(crate::domain::Timestamp::from_unix_ms(1), [1; 10]),
        exhibit: 0,
        verdict: Verdict::Damaged,
        text: String::new(),
    };
    let defect = Defect { field: "purpose".into(), text: "is missing".into() };
    let note = Note {
        text: "As the law says.".into(),
        language: "en".into(),
        grounds: if refuses { vec![ground.into()] } else { Vec::new() },
        decision,
        more_to_follow: word("more_to_follow"),
        progress,
        review_date: String::new(),
        conditions: lists(made == Move::ProposeConditions),
        defects: if made == Move::Return { vec![defect] } else { Vec::new() },
        verdicts: if word("damaged") { vec![exhibit] } else { Vec::new() },
        ..Note::default()
    };
    Content::note(kind, note)
}

pub(in crate::exchange) fn example(of: &Lone) -> Content {
    let mut request = request_from_json(REQUEST).expect("an example");
    request.requesting_authority.id = Some(of.x().me.clone());
    request.requesting_authority.country = "XA".into();
    Content::request(MessageKind::Request, request)
}

pub(in crate::exchange) async fn asked(a: &Lone, b: &Lone) -> MessageId {
    let submission = Submission { content: example(a), ..a.submission(b, &[]) };
    let submitted = a.x().submit(&desk(), submission).await;
    submitted.map_err(|error| error.to_string()).expect("submitted").id
}

/// A asks, B is asked.
pub(in crate::exchange) struct Two {
    pub(in crate::exchange) a: Lone,
    pub(in crate::exchange) b: Lone,
    pub(in crate::exchange) request: MessageId,
}

impl Two {
    pub(in crate::exchange) async fn new() -> Self {
        let (a, b) = pair().await;
        let request = asked(&a, &b).await;
        let two = Self { a, b, request };
        two.comes(Side::Requesting, request).await;
        two
    }

    pub(in crate::exchange) fn node(&self, side: Side) -> &Lone {
        match side {
            Side::Requesting => &self.a,
            Side::Requested => &self.b,
        }
    }

    pub(in crate::exchange) async fn sends(
        &self,
        side: Side,
        made: Move,
    ) -> Result<MessageId, ActionError> {
        self.says(side, note(made), self.request).await
    }

    pub(in crate::exchange) async fn says(
        &self,
        side: Side,
        content: Content,
        answers: MessageId,
    ) -> Result<MessageId, ActionError> {
        let (from, to) = (self.node(side), self.node(side.other()));
        let submission = Submission {
            request: RequestId::new(random()),
            content,
            in_reply_to: Some(answers),
            ..from.submission(to, &[])
        };
        from.x().submit(&desk(), submission).await.map(|view| view.id)
    }

    /// What was sent is consigned at the other side.
    pub(in crate::exchange) async fn comes(&self, from: Side, id: MessageId) {
        self.node(from.other()).arrives(self.node(from), id).await;
        self.node(from.other()).x().consign_all().await.expect("opened");
        let row = self.node(from.other()).row(id);
        assert_eq!(row.delivery(), DeliveryState::Consigned, "{}", row.refusal_code);
    }

    pub(in crate::exchange) async fn does(&self, side: Side, made: Move) -> MessageId {
        let id = self.sends(side, made).await.map_err(|error| error.to_string()).expect("legal");
        self.comes(side, id).await;
        id
    }

    pub(in crate::exchange) fn at(&self, side: Side) -> StandingRow {
        let store = &self.node(side).x().store;
        let row = rows::load(store, Table::Standings, self.request.as_bytes());
        row.expect("readable").expect("there")
    }

    fn states(&self) -> [RequestState; 2] {
        [Side::Requesting, Side::Requested].map(|side| self.at(side).standing().expect("one").state)
    }

    async fn refused(&self, side: Side, made: Move) -> String {
        match self.sends(side, made).await {
            Err(ActionError::Refused { violations, .. }) => {
                violations.iter().map(|one| format!("{}: {}", one.field, one.rule)).collect()
            }
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it was legal"),
        }
    }

    /// What a message of B is about, as A finds it in its body.
    fn about(&self, id: MessageId) -> About {
        let body = self.b.x().content(id, &self.b.row(id)).map_err(|error| error.to_string());
        let body = body.expect("readable").expect("there");
        let content = content_from_pb(body.content.expect("whole")).expect("sound");
        let made = match &content.body {
            Body::Note(note) => Move::of(content.kind, note),
            _ => None,
        };
        let (request, answers) = (Some(self.request), Some(self.request));
        let (urgency, review) = (content.urgency(), content.review());
        About { request, answers, made, told: body.standing, urgency, review }
    }

    fn notice(&self, at: Side, id: MessageId) -> String {
        self.node(at).row(id).move_notice
    }
}

use RequestState as S;
use Side::{Requested, Requesting};

#[tokio::test]
async fn a_request_goes_its_way_and_both_sides_see_it() {
    let two = Two::new().await;
    assert_eq!(two.states(), [S::Issued, S::Received]);
    let mut delivered = two.request;
    for (side, made, state) in [
        (Requested, Move::Acknowledge, S::Acknowledged),
        (Requested, Move::AskInformation, S::InfoPending),
        (Requesting, Move::Inform, S::UnderReview),
        (Requested, Move::Consult, S::Consulting),
        (Requested, Move::ProposeConditions, S::ConditionsPending),
        (Requesting, Move::AcceptConditions, S::Accepted),
        (Requested, Move::Deliver, S::PartlyExecuted),
        (Requested, Move::DeliverLast, S::Executed),
        (Requesting, Move::ReportDamage, S::InExecution),
        (Requested, Move::DeliverLast, S::Executed),
        (Requesting, Move::ConfirmEvidence, S::Closed),
    ] {
        let answers = match made {
            // The receipt for what was sent last.
            Move::ConfirmEvidence => delivered,
            _ => two.request,
        };
        let id = two.says(side, note(made), answers).await.map_err(|error| error.to_string());
        let id = id.expect("legal");
        two.comes(side, id).await;
        delivered = if made == Move::DeliverLast { id } else { delivered };
        assert_eq!(two.states()[1], state, "{made:?}");
        let possible = two.at(Requesting).possible();
        assert!(possible.iter().any(|at| at.state == state), "{made:?}");
        assert_eq!(two.notice(side.other(), id), "");
    }
    let steps: Vec<i32> = two.at(Requested).steps.iter().map(|step| step.state).collect();
    assert_eq!(steps.len(), 12);
    assert!(two.at(Requested).legal().iter().all(|made| *made == Move::Report));
}

#[tokio::test]
async fn an_illegal_move_is_refused_before_it_is_signed() {
    let two = Two::new().await;
    let told = two.refused(Requested, Move::Refuse).await;
    assert!(told.contains("content.kind") && told.contains("UNTOC 18(26)"), "{told}");
    assert!(told.contains("what may come now is CASE_ACKNOWLEDGEMENT"), "{told}");
    let told = two.refused(Requesting, Move::Accept).await;
    assert!(told.contains("for the requested authority to say"), "{told}");
    assert_eq!(two.states(), [S::Issued, S::Received]);
    // About nothing, it is no move at all.
    let note = note(Move::Accept);
    let talk = two.a.submit(&two.b, &[]).await;
    two.comes(Requesting, talk).await;
    let about_nothing = two.says(Requested, note, talk).await;
    assert!(matches!(about_nothing, Err(ActionError::Refused { .. })));
}

#[tokio::test]
async fn a_receipt_for_a_part_closes_nothing() {
    let two = Two::new().await;
    let part = two.does(Requested, Move::Deliver).await;
    let receipt = two.says(Requesting, note(Move::ConfirmEvidence), part).await.expect("legal");
    let last = two.does(Requested, Move::DeliverLast).await;
    two.comes(Requesting, receipt).await;
    assert_eq!((two.states()[1], two.notice(Requested, receipt)), (S::Executed, String::new()));
    let receipt = two.says(Requesting, note(Move::ConfirmEvidence), last).await.expect("legal");
    two.comes(Requesting, receipt).await;
    assert_eq!(two.states()[1], S::Closed);
}

#[tokio::test]
async fn what_comes_before_its_request_is_judged_with_it() {
    let (a, b) = pair().await;
    let request = asked(&a, &b).await;
    let two = Two { a, b, request };
    let withdrawal = two.sends(Requesting, Move::Withdraw).await.expect("legal");
    two.comes(Requesting, withdrawal).await;
    assert_eq!(two.notice(Requested, withdrawal), REQUEST_UNKNOWN);
    two.comes(Requesting, request).await;
    assert_eq!(two.states()[1], S::Withdrawn);
    let row = two.b.row(withdrawal);
    assert_eq!((row.move_notice.as_str(), row.request), ("", request.as_bytes().to_vec()));
    two.does(Requested, Move::Report).await;
    assert_eq!((two.states()[0], two.at(Requesting).sent.len()), (S::Withdrawn, 0));
}

/// Whoever may see what is answered sees no other request by it, and moves none.
#[tokio::test]
async fn a_message_is_about_the_request_of_what_it_answers() {
    let two = Two::new().await;
    let other = asked(&two.a, &two.b).await;
    two.comes(Requesting, other).await;
    let told = two.at(Requested).next(Some(Move::Acknowledge)).expect("legal").told;
    let about = About {
        request: Some(other),
        answers: Some(two.request),
        made: Some(Move::Acknowledge),
        told,
        urgency: UrgencyLevel::Routine,
        review: None,
    };
    let lie = two.sends(Requested, Move::Acknowledge).await.expect("legal");
    let mut row = two.b.row(lie);
    (row.direction, row.peer, row.request) = (RECEIVED, two.b.x().me.to_string(), Vec::new());
    let committed = two.a.x().store.commit(move |tx| {
        received(tx, lie, &mut row, MessageKind::CaseAcknowledgement, &about)?;
        Ok::<_, ActionError>((row.move_notice, row.request))
    });
    let (notice, request) = committed.await.expect("committed").value;
    assert_eq!((notice.as_str(), request), (REQUEST_UNKNOWN, Vec::new()));
    let untouched = rows::load::<StandingRow>(&two.a.x().store, Table::Standings, other.as_bytes());
    assert_eq!(untouched.expect("readable").expect("there").state, S::Issued as i32);
}

/// A node that does not keep to the table, or another one with its keys.
#[tokio::test]
async fn a_refusal_without_consultation_is_noted() {
    let two = Two::new().await;
    let told =
        |state: S, number| pb::Standing { state: state as i32, number, ..Default::default() };
    let about = |made, told| About {
        request: Some(two.request),
        answers: Some(two.request),
        made: Some(made),
        told: Some(told),
        urgency: UrgencyLevel::Routine,
        review: None,
    };
    let fresh = two.at(Requesting);
    let heeds =
        |at: &StandingRow, made, told| heed(&mut at.clone(), two.request, &about(made, told), 1);
    let refused = heeds(&fresh, Move::Refuse, told(S::Refused, 1));
    assert_eq!(refused, (Some(S::Refused), ILLEGAL_MOVE), "nobody else can say where it stands");
    // Or says that it stands elsewhere than the move leads.
    let elsewhere = heeds(&fresh, Move::Acknowledge, told(S::Closed, 1));
    assert_eq!(elsewhere, (Some(S::Closed), ILLEGAL_MOVE));
    // What lies between may have led there.
    assert_eq!(heeds(&fresh, Move::Refuse, told(S::Refused, 2)), (Some(S::Refused), ""));
    let unsure = StandingRow { unsure: true, ..fresh.clone() };
    assert_eq!(heeds(&unsure, Move::Refuse, told(S::Refused, 1)), (Some(S::Refused), ""));
    assert_eq!(heeds(&fresh, Move::Refuse, told(S::Refused, 0)), (None, OVERTAKEN));
}

#[tokio::test]
async fn what_is_mended_takes_the_place_of_what_was_returned() {
    let two = Two::new().await;
    two.does(Requested, Move::Return).await;
    let content = example(&two.a);
    let id = two.says(Requesting, content, two.request).await;
    let id = id.map_err(|error| error.to_string()).expect("submitted");
    two.comes(Requesting, id).await;
    assert_eq!(two.states(), [S::Returned, S::Closed], "the requested side has not said so yet");
    let anew = two.b.row(id);
    assert_eq!(
        (anew.request_state, anew.case_id),
        (S::Received as i32, two.b.row(two.request).case_id)
    );
}

#[tokio::test]
async fn what_is_withdrawn_before_it_leaves_was_never_done() {
    let two = Two::new().await;
    two.does(Requested, Move::Consult).await;
    let decision = two.sends(Requested, Move::Refuse).await.expect("legal");
    assert_eq!(two.states()[1], S::Refused);
    let report = two.sends(Requested, Move::Report).await.expect("legal");
    let built_upon = two.b.x().cancel(&desk(), decision).await.map(drop);
    assert_eq!(crate::exchange::testing::conflict(built_upon), "LATER_MESSAGE");
    two.b.x().cancel(&desk(), report).await.map(drop).expect("it waits still");
    let gone = two.b.x().cancel(&desk(), decision).await.map(drop);
    assert_eq!(
        crate::exchange::testing::conflict(gone),
        "LATER_MESSAGE",
        "who spoke last is not known"
    );

    let two = Two::new().await;
    two.does(Requested, Move::Consult).await;
    let decision = two.sends(Requested, Move::Refuse).await.expect("legal");
    two.b.x().cancel(&desk(), decision).await.map(drop).expect("it waits still");
    assert_eq!(two.at(Requested).standing().expect("one").before, Some(S::UnderReview));
    assert_eq!(two.states()[1], S::Consulting, "and may be refused again");
    two.does(Requested, Move::Refuse).await;
    assert_eq!(two.states(), [S::Refused, S::Refused]);

    let two = Two::new().await;
    let withdrawal = two.sends(Requesting, Move::Withdraw).await.expect("legal");
    two.a.x().cancel(&desk(), withdrawal).await.map(drop).expect("it waits still");
    assert_eq!(two.at(Requesting).sent, []);
    two.does(Requesting, Move::Query).await;
}

#[tokio::test]
async fn a_peer_that_goes_to_and_fro_fills_no_row() {
    let two = Two::new().await;
    let mut at = two.at(Requested);
    for number in 0..2 * STEPS_MAX as i64 {
        let state = if number % 2 == 0 { S::Consulting } else { S::UnderReview };
        at.moves(state.into(), two.request, number);
    }
    assert_eq!(at.steps.len(), STEPS_MAX);
    assert_eq!(at.steps[0].state, S::Received as i32);
    assert_eq!(at.steps[STEPS_FIRST - 1].at_ms, STEPS_FIRST as i64 - 2, "by them it is timed");
    assert_eq!(at.steps[STEPS_MAX - 1].at_ms, 2 * STEPS_MAX as i64 - 1);
}

/// What the requested side has said since the copy is lost, and its count with it.
#[tokio::test]
async fn behind_a_recovery_nothing_that_is_said_looks_overtaken() {
    let two = Two::new().await;
    let store = &two.b.x().store;
    store.commit(|tx| count_on(tx, None, 9)).await.expect("counted");
    store.commit(|tx| count_on(tx, None, 9)).await.expect("again");
    assert_eq!(two.at(Requested).told, 2 * SKIPPED);
    two.does(Requested, Move::Acknowledge).await;
    assert_eq!(two.states(), [S::Acknowledged, S::Acknowledged]);
    let mirror = &two.a.x().store;
    mirror.commit(|tx| count_on(tx, None, 9)).await.expect("counted");
    two.does(Requested, Move::Review).await;
    assert_eq!(two.states(), [S::UnderReview, S::UnderReview], "only whoever decides counts on");
}
