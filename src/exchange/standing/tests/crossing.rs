//! Messages that cross and overtake each other.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

#[tokio::test]
async fn a_withdrawal_that_crosses_a_decision_is_nobodys_fault() {
    let two = Two::new().await;
    let withdrawal = two.sends(Requesting, Move::Withdraw).await.expect("legal");
    let accepted = two.sends(Requested, Move::Accept).await.expect("legal");
    two.comes(Requested, accepted).await;
    assert_eq!(two.notice(Requesting, accepted), "", "it was sent before");
    assert_eq!(two.states(), [S::Accepted, S::Accepted]);
    assert_eq!(two.at(Requesting).sent.len(), 1, "and it is still to come");
    two.comes(Requesting, withdrawal).await;
    assert_eq!(two.states()[1], S::Withdrawn);
    // The next word of the requested side settles it.
    two.does(Requested, Move::Report).await;
    assert_eq!(two.states(), [S::Withdrawn, S::Withdrawn]);
    assert_eq!(two.at(Requesting).sent, []);
}

/// What comes late is judged when it comes, and what was judged is said by name.
#[tokio::test]
async fn messages_of_the_requesting_side_that_overtake_each_other_end_alike() {
    let two = Two::new().await;
    two.does(Requested, Move::AskInformation).await;
    let answer = two.sends(Requesting, Move::Inform).await.expect("legal");
    two.does(Requesting, Move::Query).await;
    let report = two.does(Requested, Move::Report).await;
    assert_eq!(two.at(Requesting).sent.len(), 1, "the answer is not judged yet");
    two.comes(Requesting, answer).await;
    let accepted = two.does(Requested, Move::Accept).await;
    for id in [report, accepted] {
        assert_eq!(two.notice(Requesting, id), "");
    }
    assert_eq!((two.states(), two.at(Requesting).sent.len()), ([S::Accepted, S::Accepted], 0));
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
    assert_eq!(two.notice(Requested, accepts), CROSSED);
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
    assert_eq!(two.notice(Requesting, second), OVERTAKEN);
    assert_eq!(two.states(), [S::Refused, S::Refused]);
    let states = |side| -> Vec<i32> { two.at(side).steps.iter().map(|step| step.state).collect() };
    assert_eq!(states(Requesting)[1..], states(Requested)[1..], "and the way there is the same");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// In whatever order the requesting side opens what the other has said, it comes to the same, and
    /// that is what the other has.
    #[test]
    fn the_order_of_opening_is_nothing(
        moves in proptest::collection::vec(select(Move::ALL), 1..24),
        order in Just((0..24_usize).collect::<Vec<_>>()).prop_shuffle(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let two = Two::new().await;
            let query = two.does(Requesting, Move::Query).await;
            let mut said = Vec::new();
            for made in moves {
                said.extend(two.sends(Requested, made).await.ok());
            }
            let fresh = two.at(Requesting);
            assert_eq!(fresh.sent.len(), 0, "a question moves nothing: {query}");
            let begun = fresh.steps[0].at_ms;
            let mut told = Vec::new();
            let shuffled: Vec<MessageId> =
                order.iter().filter_map(|which| said.get(*which).copied()).collect();
            for opened in [said, shuffled] {
                let mut at = fresh.clone();
                for (now, id) in opened.iter().enumerate() {
                    let about = two.about(*id);
                    heed(&mut at, *id, &about, begun + 1 + now as i64);
                    assert!(at.steps.is_sorted_by_key(|step| step.at_ms));
                }
                told.push(at);
            }
            let course = |at: &StandingRow| -> Vec<(i32, u64, u64)> {
                at.steps.iter().map(|step| (step.state, step.first, step.last)).collect()
            };
            assert_eq!(course(&told[0]), course(&told[1]));
            let [one, other] = [&told[0], &told[1]];
            assert_eq!((one.state, one.before, one.told), (other.state, other.before, other.told));
            assert_eq!((one.review_ms, &one.sent), (other.review_ms, &other.sent));
            let own = two.at(Requested);
            assert_eq!((one.state, one.before), if one.told == 0 { (S::Issued as i32, 0) } else { (own.state, own.before) });
            let states = |at: &StandingRow| -> Vec<i32> {
                at.steps.iter().skip(1).map(|step| step.state).collect()
            };
            let mut heard = states(one);
            // That it is received is said of what only talks, and was so before.
            heard.retain(|state| *state != S::Received as i32);
            assert_eq!(heard, states(&own));
        });
    }
}

#[tokio::test]
async fn however_much_comes_before_its_request_it_is_consigned() {
    let (a, b) = pair().await;
    let request = asked(&a, &b).await;
    let two = Two { a, b, request };
    for _ in 0..EARLY_MAX + 2 {
        two.does(Requesting, Move::Inform).await;
    }
    assert_eq!(two.at(Requested).sent.len(), EARLY_MAX);
    two.comes(Requesting, request).await;
    assert_eq!((two.states()[1], two.at(Requested).sent.len()), (S::Received, 0));
}

/// What happens next: a move, or that some message of a side that is on its way comes.
#[derive(Clone, Copy, Debug)]
enum Next {
    Sends(Side, Move),
    Comes(Side, usize),
}

fn next() -> impl Strategy<Value = Next> {
    let side = || select(vec![Requesting, Requested]);
    prop_oneof![
        3 => (side(), select(Move::ALL)).prop_map(|(side, made)| Next::Sends(side, made)),
        2 => (side(), 0..4_usize).prop_map(|(side, which)| Next::Comes(side, which)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Whatever both sides try, the requesting side ends where the requested one has said, and never
    /// takes a message of an honest peer for an illegal one.
    #[test]
    fn two_views_never_contradict_what_was_signed(all in proptest::collection::vec(next(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let two = Two::new().await;
            let mut under_way: [Vec<MessageId>; 2] = Default::default();
            let mut came = Vec::new();
            for next in all {
                two.a.wait_ms(1);
                match next {
                    Next::Sends(side, made) => {
                        if let Ok(id) = two.sends(side, made).await {
                            under_way[side as usize].push(id);
                        }
                    }
                    Next::Comes(side, which) => {
                        let waiting = &mut under_way[side as usize];
                        if !waiting.is_empty() {
                            let id = waiting.remove(which % waiting.len());
                            two.comes(side, id).await;
                            came.push((side, id));
                        }
                    }
                }
            }
            for side in [Requesting, Requested] {
                for id in std::mem::take(&mut under_way[side as usize]) {
                    two.comes(side, id).await;
                    came.push((side, id));
                }
            }
            for (side, id) in came {
                let code = two.notice(side.other(), id);
                let honest = match side {
                    Requesting => [CROSSED, ""],
                    Requested => [OVERTAKEN, ""],
                };
                assert!(honest.contains(&code.as_str()), "{code}");
            }
            // The last word of the requested side settles everything.
            two.does(Requested, Move::Report).await;
            assert_eq!(two.states()[0], two.states()[1]);
        });
    }
}
