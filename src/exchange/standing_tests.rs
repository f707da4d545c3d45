//! Two nodes, one request, and whatever its two sides do to it, in whatever order it comes.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::crypto::random;
use crate::domain::PackageId;
use crate::domain::RequestId;
use crate::domain::delivery::DeliveryState;
use crate::domain::request::{
    Content, Decision, Defect, ExhibitVerdict, Note, Progress, Verdict, request_from_json,
};
use crate::exchange::submit::Submission;
use crate::exchange::testing::{Lone, desk, pair};
use crate::exchange::{ActionError, rows};

const REQUEST: &str = include_str!("../../examples/request-tip.json");

fn note(made: Move) -> Content {
    let said = made.as_str();
    let (kind, what) = said.split_once(' ').unwrap_or((said, ""));
    let kind = MessageKind::parse(kind).expect("a kind");
    let word = |word: &str| word == what;
    let decision = Decision::ALL.iter().copied().find(|one| word(one.as_str()));
    let progress = Progress::ALL.iter().copied().find(|one| word(one.as_str()));
    let lists = |yes: bool| yes.then(|| "No use in another case.".to_owned()).into_iter().collect();
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
        grounds: if refuses { vec!["ESSENTIAL_INTERESTS".into()] } else { Vec::new() },
        decision,
        more_to_follow: word("more_to_follow"),
        progress,
        review_date: String::new(),
        conditions: lists(made == Move::ProposeConditions),
        defects: if made == Move::Return { vec![defect] } else { Vec::new() },
        verdicts: if word("damaged") { vec![exhibit] } else { Vec::new() },
    };
    Content::note(kind, note)
}

/// A asks, B is asked.
struct Two {
    a: Lone,
    b: Lone,
    request: MessageId,
}

impl Two {
    async fn new() -> Self {
        let (a, b) = pair().await;
        let mut asked = request_from_json(REQUEST).expect("an example");
        asked.requesting_authority.id = Some(a.x().me.clone());
        asked.requesting_authority.country = "XA".into();
        let content = Content::request(MessageKind::Request, asked);
        let submission = Submission { content, ..a.submission(&b, &[]) };
        let submitted = a.x().submit(&desk(), submission).await;
        let request = submitted.map_err(|error| error.to_string()).expect("submitted").id;
        let two = Self { a, b, request };
        two.comes(Side::Requesting, request).await;
        two
    }

    fn node(&self, side: Side) -> &Lone {
        match side {
            Side::Requesting => &self.a,
            Side::Requested => &self.b,
        }
    }

    async fn sends(&self, side: Side, made: Move) -> Result<MessageId, ActionError> {
        self.says(side, note(made), self.request).await
    }

    async fn says(
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
    async fn comes(&self, from: Side, id: MessageId) {
        self.node(from.other()).arrives(self.node(from), id).await;
        self.node(from.other()).x().consign_all().await.expect("opened");
        let row = self.node(from.other()).row(id);
        assert_eq!(row.delivery(), DeliveryState::Consigned, "{}", row.refusal_code);
    }

    async fn does(&self, side: Side, made: Move) -> MessageId {
        let id = self.sends(side, made).await.map_err(|error| error.to_string()).expect("legal");
        self.comes(side, id).await;
        id
    }

    fn at(&self, side: Side) -> StandingRow {
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

    fn no_effect(&self, at: Side, id: MessageId) -> String {
        self.node(at).row(id).no_effect
    }
}

use RequestState as S;
use Side::{Requested, Requesting};

#[tokio::test]
async fn a_request_goes_its_way_and_both_sides_see_it() {
    let two = Two::new().await;
    assert_eq!(two.states(), [S::Issued, S::Received]);
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
        let id = two.does(side, made).await;
        assert_eq!(two.states()[1], state, "{made:?}");
        let shown = two.at(Requesting).shown().expect("one").state;
        assert_eq!(shown, state, "{made:?}: what was sent is shown as taken");
        assert_eq!(two.no_effect(side.other(), id), "");
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
async fn a_withdrawal_that_crosses_a_decision_is_nobodys_fault() {
    let two = Two::new().await;
    let withdrawal = two.sends(Requesting, Move::Withdraw).await.expect("legal");
    let accepted = two.sends(Requested, Move::Accept).await.expect("legal");
    two.comes(Requested, accepted).await;
    assert_eq!(two.no_effect(Requesting, accepted), "", "it was sent before");
    assert_eq!(two.states(), [S::Accepted, S::Accepted]);
    assert_eq!(two.at(Requesting).shown().expect("one").state, S::Withdrawn, "and still to come");
    two.comes(Requesting, withdrawal).await;
    assert_eq!(two.states()[1], S::Withdrawn);
    // The next word of the requested side settles it.
    two.does(Requested, Move::Report).await;
    assert_eq!(two.states(), [S::Withdrawn, S::Withdrawn]);
    assert_eq!(two.at(Requesting).sent, []);
}

#[tokio::test]
async fn what_comes_too_late_has_no_effect_and_is_there_to_be_read() {
    let two = Two::new().await;
    two.does(Requested, Move::Consult).await;
    two.does(Requested, Move::ProposeConditions).await;
    let accepts = two.sends(Requesting, Move::AcceptConditions).await.expect("legal");
    let withdraws = two.sends(Requesting, Move::Withdraw).await.expect("legal");
    two.comes(Requesting, withdraws).await;
    two.comes(Requesting, accepts).await;
    assert_eq!(two.no_effect(Requested, accepts), CROSSED);
    assert_eq!(two.states()[1], S::Withdrawn);
}

#[tokio::test]
async fn messages_that_overtake_each_other_change_nothing_twice() {
    let two = Two::new().await;
    let first = two.sends(Requested, Move::Acknowledge).await.expect("legal");
    let second = two.sends(Requested, Move::Consult).await.expect("legal");
    let third = two.sends(Requested, Move::Refuse).await.expect("legal");
    two.comes(Requested, third).await;
    assert_eq!(two.states(), [S::Refused, S::Refused], "it is its to say");
    two.comes(Requested, first).await;
    two.comes(Requested, second).await;
    assert_eq!(two.no_effect(Requesting, second), OVERTAKEN);
    assert_eq!(two.states(), [S::Refused, S::Refused]);
}

/// A node that does not keep to the table, or another one with its keys.
#[tokio::test]
async fn a_refusal_without_consultation_is_believed_by_nobody() {
    let two = Two::new().await;
    let about = About {
        request: Some(two.request),
        made: Some(Move::Refuse),
        told: Some(pb::Standing { state: S::Refused as i32, number: 1, judged: Vec::new().into() }),
    };
    let mut at = two.at(Requesting);
    let effect = heed(&mut at, two.request, &about, 1).expect("readable");
    assert_eq!(effect, Err(ILLEGAL_MOVE));
    assert_eq!(at.standing().expect("one").state, S::Issued);
    // Nor where it says that it stands elsewhere than the move leads.
    let told = pb::Standing { state: S::Closed as i32, number: 2, judged: Vec::new().into() };
    let about = About { made: Some(Move::Acknowledge), told: Some(told), ..about };
    assert_eq!(heed(&mut at, two.request, &about, 1).expect("readable"), Err(ILLEGAL_MOVE));
}

#[tokio::test]
async fn what_is_mended_takes_the_place_of_what_was_returned() {
    let two = Two::new().await;
    two.does(Requested, Move::Return).await;
    let mut mended = request_from_json(REQUEST).expect("an example");
    mended.requesting_authority.id = Some(two.a.x().me.clone());
    mended.requesting_authority.country = "XA".into();
    let content = Content::request(MessageKind::Request, mended);
    let id = two.says(Requesting, content, two.request).await;
    let id = id.map_err(|error| error.to_string()).expect("submitted");
    two.comes(Requesting, id).await;
    assert_eq!(two.states(), [S::Closed, S::Closed]);
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

/// What happens next: a move, or that the oldest message of a side that is on its way comes.
#[derive(Clone, Copy, Debug)]
enum Next {
    Sends(Side, Move),
    Comes(Side),
}

fn next() -> impl Strategy<Value = Next> {
    let side = || select(vec![Requesting, Requested]);
    prop_oneof![
        3 => (side(), select(Move::ALL)).prop_map(|(side, made)| Next::Sends(side, made)),
        2 => side().prop_map(Next::Comes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// Whatever both sides try, the requesting side ends where the requested one has said, and never
    /// takes a message of an honest peer for an illegal one.
    #[test]
    fn two_views_never_contradict_what_was_signed(all in proptest::collection::vec(next(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let two = Two::new().await;
            let mut under_way: [std::collections::VecDeque<MessageId>; 2] = Default::default();
            let mut came = Vec::new();
            for next in all {
                match next {
                    Next::Sends(side, made) => {
                        if let Ok(id) = two.sends(side, made).await {
                            under_way[side as usize].push_back(id);
                        }
                    }
                    Next::Comes(side) => {
                        if let Some(id) = under_way[side as usize].pop_front() {
                            two.comes(side, id).await;
                            came.push((side, id));
                        }
                    }
                }
            }
            for side in [Requesting, Requested] {
                while let Some(id) = under_way[side as usize].pop_front() {
                    two.comes(side, id).await;
                    came.push((side, id));
                }
            }
            for (side, id) in came {
                let code = two.no_effect(side.other(), id);
                assert!(code.is_empty() || (code == CROSSED && side == Requesting), "{code}");
            }
            // The last word of the requested side settles everything.
            two.does(Requested, Move::Report).await;
            assert_eq!(two.states()[0], two.states()[1]);
            assert_eq!(two.at(Requesting).sent, []);
        });
    }
}
