use std::sync::Mutex;

use super::super::ask_before;
use super::*;
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::Event;
use crate::audit::testing::cosigner;
use crate::audit::witness::{Cosigner, RefusalReason, conflict_text, decide, response_text};
use crate::card::Card;
use crate::crypto::keys::Algorithm;
use crate::exchange::courier::Carried;
use crate::exchange::retention::Rules;
use crate::exchange::testing::Lone;

const FIRST: &str = "xa.oag/log/2026";
const SECOND: &str = "xa.oag/log/2026.2";

/// A witness that answers for one log with a status, and for every other as a witness decides.
struct Choosy {
    card: Card,
    by: Cosigner,
    odd: Mutex<(String, u16)>,
    held: Mutex<Option<SignedCheckpoint>>,
    asked: Mutex<Vec<(String, u16)>>,
    /// Whether it shows monitors what it holds.
    shows: bool,
}

impl Choosy {
    fn new(of: &Lone) -> Self {
        let by = cosigner("w.example/witness", 1, Algorithm::Ed25519);
        let (odd, held, asked) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { card: of.x().card().as_ref().clone(), by, odd, held, asked, shows: true }
    }

    fn asked(&self) -> Vec<(String, u16)> {
        std::mem::take(&mut *self.asked.lock().expect("whole"))
    }

    fn answers(&self, origin: &str, status: u16) {
        *self.odd.lock().expect("whole") = (origin.to_owned(), status);
    }

    /// As if it had been shown this.
    fn saw(&self, note: &str) {
        let held = SignedCheckpoint::verify(note, self.card.log_keys()).expect("signed");
        *self.held.lock().expect("whole") = Some(held);
    }

    fn policy(&self) -> String {
        format!("witness w {} http://w.example\nquorum w\n", self.by.key())
    }

    /// As a witness decides, of the log that it was asked of last.
    fn answer(&self, request: &AddCheckpoint) -> (u16, String) {
        let (odd, status) = self.odd.lock().expect("whole").clone();
        if odd == request.origin() {
            return (status, "not that one".to_owned());
        }
        let mut held = self.held.lock().expect("whole");
        let before = held.clone().filter(|held| held.checkpoint().origin == request.origin());
        let keys = self.card.log_keys_of(request.origin());
        match decide(before.as_ref(), &keys, request) {
            Ok(accepted) => {
                *held = Some(accepted.state().clone());
                let at = crate::domain::Timestamp::from_unix_ms(1_795_000_000_000);
                (200, response_text(&[self.by.cosign(&accepted, at)]))
            }
            Err(refusal) => match refusal.reason {
                RefusalReason::Conflict { held } => (409, conflict_text(held)),
                reason => (reason.status(), reason.to_string()),
            },
        }
    }
}

impl Poster for Choosy {
    fn post(&self, _url: String, body: Vec<u8>) -> Carried<(u16, Vec<u8>)> {
        let request = AddCheckpoint::parse(&body).expect("a request");
        let (status, text) = self.answer(&request);
        self.asked.lock().expect("whole").push((request.origin().to_owned(), status));
        Box::pin(async move { Ok((status, text.into_bytes())) })
    }

    fn get(&self, url: String) -> Carried<(u16, Vec<u8>)> {
        let held = self.held.lock().expect("whole").clone();
        let of = |held: &SignedCheckpoint| {
            let hash = crate::crypto::sha256(held.checkpoint().origin.as_bytes());
            format!("http://w.example/{}/checkpoint", hex::encode(hash))
        };
        let shown = held.filter(|held| self.shows && of(held) == url);
        let answer = shown.map_or((404, Vec::new()), |held| (200, held.to_note().into_bytes()));
        Box::pin(async move { Ok(answer) })
    }
}

/// As a process begins with a witness.
fn anew(witness: &Choosy) -> Asked {
    let policy = crate::audit::policy::Policy::parse(witness.policy().as_bytes());
    by_url(policy.expect("a policy").witnesses()).remove(0)
}

async fn started(lone: &Lone) {
    lone.x().log_node(Event::NodeStarted).await.expect("logged");
}

/// A log that a witness has cosigned, and that another follows since.
async fn succeeded() -> (Lone, Choosy, Asked) {
    let mut lone = Lone::new("xa.oag", Rules::default());
    let witness = Choosy::new(&lone);
    lone.go_by(&witness.policy());
    let mut asked = anew(&witness);
    started(&lone).await;
    round(&lone, &witness, &mut asked).await.expect("cosigned");
    lone.x().log_node(Event::NodeStopped).await.expect("logged");
    lone.x().succeed_log(None, None).await.expect("another log");
    assert_eq!(witness.asked(), [(FIRST.to_owned(), 200)]);
    (lone, witness, asked)
}

async fn round(lone: &Lone, witness: &Choosy, asked: &mut Asked) -> Result<(), Trouble> {
    ask_in_order(lone.x(), witness, asked, &lone.x().log_head()).await
}

#[tokio::test]
async fn a_witness_that_wants_the_old_log_no_more_still_cosigns_the_new_one() {
    for refusal in [403, 404, 422] {
        let (lone, witness, mut asked) = succeeded().await;
        witness.answers(FIRST, refusal);
        round(&lone, &witness, &mut asked).await.expect("cosigned");
        assert_eq!(witness.asked(), [(FIRST.into(), refusal), (SECOND.into(), 200)]);
        started(&lone).await;
        round(&lone, &witness, &mut asked).await.expect("cosigned");
        assert_eq!(witness.asked(), [(SECOND.into(), 200)], "it has said no once");
    }
}

#[tokio::test]
async fn a_witness_that_fails_is_asked_again_for_how_the_old_log_ended() {
    let (lone, witness, mut asked) = succeeded().await;
    witness.answers(FIRST, 503);
    round(&lone, &witness, &mut asked).await.expect_err("later");
    assert_eq!(witness.asked(), [(FIRST.into(), 503)]);
    witness.answers("", 0);
    round(&lone, &witness, &mut asked).await.expect("cosigned");
    assert_eq!(witness.asked(), [(FIRST.into(), 200), (SECOND.into(), 200)]);
}

#[tokio::test]
async fn how_a_log_ended_is_cosigned_though_the_node_was_started_since() {
    let (mut lone, witness, mut asked) = succeeded().await;
    witness.answers(FIRST, 503);
    round(&lone, &witness, &mut asked).await.expect_err("later");
    witness.asked();
    lone.restart();
    witness.answers("", 0);
    round(&lone, &witness, &mut anew(&witness)).await.expect("cosigned");
    let asked = [(FIRST.into(), 409), (FIRST.into(), 200), (SECOND.into(), 200)];
    assert_eq!(witness.asked(), asked, "it tells what it holds");
    // What has its line needs no other.
    lone.restart();
    round(&lone, &witness, &mut anew(&witness)).await.expect("cosigned");
    assert!(witness.asked().iter().all(|(origin, _)| origin == SECOND));
}

/// A node whose witness holds a checkpoint of its log that it does not have.
async fn behind(size: u64, shows: bool) -> (Lone, Choosy) {
    let mut lone = Lone::new("xa.oag", Rules::default());
    let witness = Choosy { shows, ..Choosy::new(&lone) };
    lone.go_by(&witness.policy());
    started(&lone).await;
    started(&lone).await;
    witness.saw(&lone.signs(size, [7; 32]));
    (lone, witness)
}

#[tokio::test]
async fn what_a_witness_shows_and_the_log_lacks_freezes_it() {
    // More entries; another past of fewer, and of as many.
    for size in [9, 1, 2] {
        let (lone, witness) = behind(size, true).await;
        round(&lone, &witness, &mut anew(&witness)).await.expect_err("it does not cosign");
        assert!(lone.x().is_read_only(), "{size}");
        assert_eq!(lone.x().witness_alerts(), [""; 0], "it is known for sure");
    }
}

#[tokio::test]
async fn what_a_witness_only_says_is_an_alert_until_it_cosigns() {
    for (size, says) in [(9, "9 entries of xa.oag/log/2026, which has 2 here"), (1, "another past")]
    {
        let (lone, witness) = behind(size, false).await;
        let mut asked = anew(&witness);
        for _ in 0..2 {
            round(&lone, &witness, &mut asked).await.expect_err("it does not cosign");
            let alerts = lone.x().witness_alerts();
            assert!(matches!(&alerts[..], [one] if one.contains(says)), "{alerts:?}");
        }
        assert!(!lone.x().is_read_only(), "anybody can say so");
        *witness.held.lock().expect("whole") = None;
        round(&lone, &witness, &mut asked).await.expect("cosigned");
        assert_eq!(lone.x().witness_alerts(), [""; 0]);
    }
}

#[tokio::test]
async fn a_witness_is_asked_before_the_first_entry() {
    for (size, shows) in [(9, true), (9, false)] {
        let (lone, witness) = behind(size, shows).await;
        let poster: Arc<dyn Poster> = Arc::new(witness);
        ask_before(lone.x(), &poster, &CancellationToken::new()).await;
        assert_eq!(lone.x().is_read_only(), shows);
    }
}
