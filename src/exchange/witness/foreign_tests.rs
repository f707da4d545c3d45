use super::*;
use crate::audit::testing::TestLog;
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
