use std::sync::Mutex;

use super::*;
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::Event;
use crate::audit::testing::{TestLog, cosigner};
use crate::audit::witness::{Cosigner, decide, response_text};
use crate::card::Card;
use crate::crypto::keys::Algorithm;
use crate::exchange::budgets::ADVANCES;
use crate::exchange::retention::Rules;
use crate::exchange::testing::{Lone, stranger};

async fn status(lone: &Lone, log: &TestLog, old: u64, size: u64) -> u16 {
    let proof = if old == 0 { Vec::new() } else { log.consistency(old, size) };
    let request = AddCheckpoint::new(old, proof, log.signed(size).to_note());
    let body = request.expect("a request").to_text();
    lone.x().add_checkpoint(body.as_bytes()).await.status
}

#[tokio::test]
async fn a_log_that_runs_ahead_is_told_to_come_again() {
    let lone = Lone::new("xa.oag", Rules::default());
    let (at_once, mut log) = (u64::from(ADVANCES.0), stranger());
    log.push_many(80);
    for size in 1..=at_once {
        assert_eq!(status(&lone, &log, size - 1, size).await, 200);
    }
    assert_eq!(status(&lone, &log, at_once, at_once + 1).await, 429);
    assert_eq!(status(&lone, &log, at_once, at_once).await, 200, "that is no step");
    assert_eq!(status(&lone, &log, at_once - 1, at_once + 1).await, 409);
    lone.wait_days(1);
    assert_eq!(status(&lone, &log, at_once, at_once + 1).await, 200);
}

/// A witness that answers for one log with a status, and cosigns every other.
struct Choosy {
    card: Card,
    by: Cosigner,
    odd: Mutex<(String, u16)>,
    held: Mutex<Option<SignedCheckpoint>>,
    asked: Mutex<Vec<(String, u16)>>,
}

impl Choosy {
    fn new(of: &Lone) -> Self {
        let by = cosigner("w.example/witness", 1, Algorithm::Ed25519);
        let (odd, held, asked) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { card: of.x().card().as_ref().clone(), by, odd, held, asked }
    }

    fn asked(&self) -> Vec<(String, u16)> {
        std::mem::take(&mut *self.asked.lock().expect("whole"))
    }

    /// As a witness decides, of the log that it was asked of last.
    fn answer(&self, request: &AddCheckpoint) -> (u16, String) {
        let (odd, status) = self.odd.lock().expect("whole").clone();
        if odd == request.origin() {
            return (status, "not that one".to_owned());
        }
        let mut held = self.held.lock().expect("whole");
        let before = held.take().filter(|held| held.checkpoint().origin == request.origin());
        let keys = self.card.log_keys_of(request.origin());
        let accepted = decide(before.as_ref(), &keys, request).expect("it extends what is held");
        *held = Some(accepted.state().clone());
        let at = crate::domain::Timestamp::from_unix_ms(1_795_000_000_000);
        (200, response_text(&[self.by.cosign(&accepted, at)]))
    }
}

impl Poster for Choosy {
    fn post(&self, _url: String, body: Vec<u8>) -> Carried<(u16, Vec<u8>)> {
        let request = AddCheckpoint::parse(&body).expect("a request");
        let (status, text) = self.answer(&request);
        self.asked.lock().expect("whole").push((request.origin().to_owned(), status));
        Box::pin(async move { Ok((status, text.into_bytes())) })
    }
}

/// A log that a witness has cosigned, and that another follows since.
async fn succeeded() -> (Lone, Choosy, Asked) {
    let lone = Lone::new("xa.oag", Rules::default());
    let witness = Choosy::new(&lone);
    let keys = vec![witness.by.key().clone()];
    let (name, url) = ("w".to_owned(), "http://w.example".to_owned());
    let mut asked = Asked { name, keys, url, log: 0, old: 0, trouble: None };
    lone.x().log_node(Event::NodeStarted).await.expect("logged");
    round(&lone, &witness, &mut asked).await.expect("cosigned");
    lone.x().log_node(Event::NodeStopped).await.expect("logged");
    lone.x().succeed_log(None, None).await.expect("another log");
    assert_eq!(witness.asked(), [("xa.oag/log/2026".to_owned(), 200)]);
    (lone, witness, asked)
}

async fn round(lone: &Lone, witness: &Choosy, asked: &mut Asked) -> Result<(), Trouble> {
    ask_in_order(lone.x(), witness, asked, &lone.x().log_head()).await
}

#[tokio::test]
async fn a_witness_that_wants_the_old_log_no_more_still_cosigns_the_new_one() {
    for refusal in [403, 404, 422] {
        let (lone, witness, mut asked) = succeeded().await;
        *witness.odd.lock().expect("whole") = ("xa.oag/log/2026".into(), refusal);
        round(&lone, &witness, &mut asked).await.expect("cosigned");
        let both = [("xa.oag/log/2026".into(), refusal), ("xa.oag/log/2026.2".into(), 200)];
        assert_eq!(witness.asked(), both);
        lone.x().log_node(Event::NodeStarted).await.expect("logged");
        round(&lone, &witness, &mut asked).await.expect("cosigned");
        assert_eq!(witness.asked(), [("xa.oag/log/2026.2".into(), 200)], "it has said no once");
    }
}

#[tokio::test]
async fn a_witness_that_fails_is_asked_again_for_how_the_old_log_ended() {
    let (lone, witness, mut asked) = succeeded().await;
    *witness.odd.lock().expect("whole") = ("xa.oag/log/2026".into(), 503);
    round(&lone, &witness, &mut asked).await.expect_err("later");
    assert_eq!(witness.asked(), [("xa.oag/log/2026".into(), 503)]);
    *witness.odd.lock().expect("whole") = Default::default();
    round(&lone, &witness, &mut asked).await.expect("cosigned");
    let both = [("xa.oag/log/2026".into(), 200), ("xa.oag/log/2026.2".into(), 200)];
    assert_eq!(witness.asked(), both);
}
