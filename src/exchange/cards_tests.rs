//! Which cards of a peer are taken from its stream, and what is kept of each.

use super::*;
use crate::domain::AuthorityKind;
use crate::exchange::retention::Rules;
use crate::exchange::testing::{DAY_MS, Lone, pair};

/// The code by which `b` refuses a card that `a` sends; empty where it is taken. Then the version that
/// `b` goes by.
async fn sent(a: &Lone, b: &Lone, card: &Card) -> (String, u64) {
    let peer = b.x().directory.get(&a.x().me).expect("trusted");
    let reply = b.x().take_card(&peer, card.text()).await.expect("judged");
    let code = reply.refused.map(|refused| refused.code).unwrap_or_default();
    let kept = b.x().directory.get(&a.x().me).expect("trusted").card.version();
    assert_eq!(kept, reply.version, "what it says is so");
    (code, reply.version)
}

fn updates(lone: &Lone) -> usize {
    lone.entries(Event::PeerUpdated).len()
}

#[tokio::test]
async fn a_newer_card_of_a_peer_is_taken_from_its_stream_and_logged_once() {
    let (a, b) = pair().await;
    let newer = a.card_with(|body| body.languages = vec!["th".into()]);
    assert_eq!(sent(&a, &b, &newer).await, (String::new(), 2));
    assert_eq!(sent(&a, &b, &newer).await, (String::new(), 2), "again, and nothing new");
    assert_eq!(updates(&b), 1);
    let (_, entry) = b.entries(Event::PeerUpdated).remove(0);
    assert_eq!(entry.card, Some(newer.digest()));
    assert_eq!(b.found().await, [""; 0], "the log says what the rows say");
}

/// A recorded stream, or a node that was restored: an older card has keys that were retired.
#[tokio::test]
async fn an_older_card_is_never_taken_again() {
    let (a, b) = pair().await;
    let old = a.x().card();
    let newer = a.card_with(|_| {});
    assert_eq!(sent(&a, &b, &newer).await, (String::new(), 2));
    assert_eq!(sent(&a, &b, &old).await, ("CARD_OLD".to_owned(), 2));
    let same = a.card_with(|body| body.name = "The same version, and another name".into());
    assert_eq!(sent(&a, &b, &same).await, ("CARD_OLD".to_owned(), 2));
    assert_eq!(updates(&b), 1);
}

#[tokio::test]
async fn nobody_changes_root_name_or_nature_by_a_stream() {
    let (a, b) = pair().await;
    let anew = Lone::new("xa.oag", Rules::default());
    let other_root = anew.card_with(|_| {});
    assert_eq!(sent(&a, &b, &other_root).await, ("CARD_ROOT_CHANGED".to_owned(), 1));
    let c = Lone::new("xc.moj", Rules::default());
    assert_eq!(sent(&a, &b, &c.card_with(|_| {})).await, ("BAD_CARD".to_owned(), 1));
    let organisation = a.card_with(|body| body.kind = AuthorityKind::InternationalOrganisation);
    assert_eq!(sent(&a, &b, &organisation).await, ("CARD_KIND_CHANGED".to_owned(), 1));
    let elsewhere = a.card_with_origin("xa.oag/log/2031");
    assert_eq!(sent(&a, &b, &elsewhere).await, ("BAD_CARD".to_owned(), 1), "without a succession");
    assert_eq!(updates(&b), 0);
    // An operator who has compared the fingerprint once more may.
    let refused = b.x().add_peer(organisation.clone(), "").await.map(drop).expect_err("confirm it");
    let said = refused.to_string();
    assert!(said.starts_with("fingerprint: must be given: the card says"), "{said}");
    assert!(
        said.contains("is an international organisation, and it was added as a central"),
        "{said}"
    );
    let told = b.x().refused_card(&a.x().me).expect("for its operator");
    assert!(told.starts_with("BAD_CARD: card: the card names xa.oag/log/2031"), "{told}");
    let words = organisation.fingerprint().words();
    let added = b.x().add_peer(organisation, &words).await.map_err(|e| e.to_string());
    assert_eq!(added.map(|peer| peer.card.kind()), Ok(AuthorityKind::InternationalOrganisation));
    assert_eq!(b.x().refused_card(&a.x().me), None, "a newer one is here");
}

#[tokio::test]
async fn a_peer_fills_no_log_with_its_cards() {
    let (a, b) = pair().await;
    let mut taken = 0;
    for version in 2..40 {
        let (code, _) = sent(&a, &b, &a.card_with(|body| body.version = version)).await;
        match code.as_str() {
            "" => taken += 1,
            code => assert_eq!(code, "TOO_MANY_CARDS"),
        }
    }
    assert_eq!((taken, updates(&b)), (8, 8));
    b.wait_days(1);
    let (code, version) = sent(&a, &b, &a.card_with(|body| body.version = 50)).await;
    assert_eq!((code.as_str(), version), ("", 50), "and an honest one gets through later");
}

#[tokio::test]
async fn cards_that_are_refused_cost_as_much_and_the_known_one_costs_nothing() {
    let (a, b) = pair().await;
    let known = a.card_with(|body| body.version = 2);
    sent(&a, &b, &known).await;
    let old = a.card_with(|body| body.version = 1);
    let mut codes = Vec::new();
    for _ in 0..9 {
        assert_eq!(sent(&a, &b, &known).await.0, "");
        codes.push(sent(&a, &b, &old).await.0);
    }
    assert_eq!(b.x().refused_card(&a.x().me), None, "what is overtaken is no trouble");
    assert_eq!(codes.iter().filter(|code| *code == "CARD_OLD").count(), 7, "{codes:?}");
    assert_eq!(codes[7..], ["TOO_MANY_CARDS", "TOO_MANY_CARDS"]);
}

#[tokio::test]
async fn what_was_published_and_what_was_known_of_others_is_kept_with_its_entry() {
    let (mut a, b) = pair().await;
    a.x().log_card().await.expect("kept");
    assert_eq!(a.entries(Event::CardPublished).len(), 0, "the first one is no change");
    let newer = a.card_with(|body| body.languages = vec!["th".into(), "en".into()]);
    a.wait_days(3);
    a.x().publish_card(newer.clone(), Some("operator")).await.expect("published");
    a.x().publish_card(newer.clone(), Some("operator")).await.expect("nothing new");
    assert_eq!(a.x().card().digest(), newer.digest());
    let versions = |lone: &Lone, of: &Lone| -> Vec<(Option<u64>, Position)> {
        let history = lone.x().card_history(&of.x().me).expect("readable");
        history.iter().map(|v| (v.card.as_ref().map(Card::version), v.position)).collect()
    };
    let (place, entry) = a.entries(Event::CardPublished).remove(0);
    assert_eq!(entry.card, Some(newer.digest()));
    let own = [(Some(2), Position::from_number(place)), (Some(1), Position::default())];
    assert_eq!(versions(&a, &a), own);
    // Somebody who follows it: added, then newer, then gone.
    sent(&a, &b, &newer).await;
    b.wait_ms(DAY_MS);
    b.x().remove_peer(&a.x().me).await.expect("removed");
    let known: Vec<Option<u64>> = versions(&b, &a).into_iter().map(|(v, _)| v).collect();
    assert_eq!(known, [None, Some(2), Some(1)]);
    let places: Vec<u64> = versions(&b, &a).into_iter().map(|(_, p)| p.number()).collect();
    let logged = |event| b.entries(event).remove(0).0;
    let events = [Event::PeerRemoved, Event::PeerUpdated, Event::PeerAdded].map(logged);
    assert_eq!(places, events);
    // A start with a card that was written and not told: it is told then.
    let unlogged = a.card_with(|body| body.version = 3);
    a.x().card.store(Arc::new(unlogged.clone()));
    a.x().log_card().await.expect("told");
    assert_eq!(a.entries(Event::CardPublished).len(), 2);
    a.restart();
    assert_eq!(a.x().card_history(&a.x().me).expect("readable").len(), 3);
}

#[tokio::test]
async fn only_a_newer_card_of_ones_own_is_published() {
    let (a, b) = pair().await;
    let theirs = b.card_with(|_| {});
    let refused = a.x().publish_card(theirs, None).await.expect_err("not ours");
    assert!(refused.to_string().contains("this authority's root key"), "{refused}");
    let old = a.card_with(|body| (body.version, body.name) = (1, "Another".into()));
    assert!(a.x().publish_card(old, None).await.is_err(), "not newer");
    assert_eq!(a.entries(Event::CardPublished).len(), 0);
}
