//! Which card may take the place of which.

use super::*;
use crate::audit::note::WitnessKey;
use crate::domain::Timestamp;
use crate::envelope::AuthenticateError;
use crate::exchange::testing::{HOUR_MS, Lone, pair};
use crate::store::BodySlot;

async fn added(lone: &Lone, card: &Card) -> Result<(), String> {
    let words = card.fingerprint().words();
    lone.x().add_peer(card.clone(), &words).await.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
async fn who_was_removed_does_not_come_back_with_an_older_card() {
    let (a, b) = pair().await;
    let (old, new) = (a.x().card().as_ref().clone(), a.card_with(|_| {}));
    added(&b, &new).await.expect("newer");
    b.x().remove_peer(&a.x().me).await.expect("removed");
    let refused = added(&b, &old).await.expect_err("its keys were retired");
    assert!(refused.contains("version 1, not newer than version 2"), "{refused}");
    let log = a.card_with_origin("xa.oag/log/2031").body().log.clone();
    let elsewhere = a.card_with(|body| (body.version, body.log) = (3, log));
    let refused = added(&b, &elsewhere).await.expect_err("another log");
    assert!(refused.contains("xa.oag/log/2031"), "{refused}");
    let unnamed = b.x().add_peer(new.clone(), "").await.map(drop);
    assert!(unnamed.is_err(), "its fingerprint is compared anew");
    added(&b, &new).await.expect("as it was");
    // Another root begins anew: somebody has compared its fingerprint.
    b.x().remove_peer(&a.x().me).await.expect("removed");
    let other = Lone::new("xa.oag", crate::exchange::retention::Rules::default());
    added(&b, &other.x().card()).await.expect("another root");
}

#[tokio::test]
async fn no_card_names_a_key_of_another_whatever_it_is_for() {
    let (a, b) = pair().await;
    let c = Lone::new("xc.moj", crate::exchange::retention::Rules::default());
    added(&b, &c.x().card()).await.expect("trusted");
    let log = c.x().card().log_keys()[0].public().clone();
    let stolen = WitnessKey::new("xa.oag/witness", &log).expect("a key").to_string();
    let refused = added(&b, &a.card_with(|body| body.witness = stolen)).await.expect_err("refused");
    assert!(refused.contains("holds a key of xc.moj"), "{refused}");
}

/// Whoever is quicker than another in naming that one's new key keeps it out only until it is suspended.
#[tokio::test]
async fn who_copies_a_key_of_another_is_suspended_and_stands_in_nobodys_way() {
    let (a, b) = pair().await;
    let c = Lone::new("xc.moj", crate::exchange::retention::Rules::default());
    added(&b, &c.x().card()).await.expect("trusted");
    let new_key = WitnessKey::new("xa.oag/witness", &c.x().card().log_keys()[0].public().clone());
    let peer = b.x().directory.get(&c.x().me).expect("trusted");
    b.x().remove_peer(&c.x().me).await.expect("not there when the key is copied");
    let copied = a.card_with(|body| body.witness = new_key.expect("a key").to_string());
    added(&b, &copied).await.expect("nobody has it yet");
    let refused = added(&b, &peer.card).await.expect_err("refused");
    assert!(refused.contains("holds a key of xa.oag"), "{refused}");
    b.x().suspend_peer(&a.x().me, "OPERATOR", None).await.expect("suspended");
    added(&b, &peer.card).await.expect("the key is its own");
    let refused =
        b.x().resume_peer(&a.x().me, None).await.map(drop).expect_err("not with that card");
    assert!(refused.to_string().contains("holds a key of xc.moj"), "{refused}");
}

#[tokio::test]
async fn a_key_signs_nothing_that_was_logged_long_after_its_end() {
    let (a, b) = pair().await;
    let sent = a.submit(&b, &[]).await;
    let row = a.row(sent);
    let bytes = a.x().store.body(BodySlot(row.body_slot)).expect("readable").expect("there");
    let ended = Timestamp::from_unix_ms(row.created_ms);
    added(&b, &a.card_with(|body| body.signing[0].until = ended)).await.expect("newer");
    let peer = b.x().directory.get(&a.x().me).expect("trusted");
    let judged = |logged: Option<i64>| {
        let logged = logged.map(|ms| ended.plus_ms(ms));
        b.x().authenticate(&peer, bytes.clone().into(), logged).map(drop)
    };
    assert_eq!(judged(None), Ok(()), "announced, and not logged yet");
    assert_eq!(judged(Some(HOUR_MS)), Ok(()));
    let late = judged(Some(HOUR_MS + 1));
    assert!(matches!(late, Err(AuthenticateError::UnknownSigner(_))), "{late:?}");
}
