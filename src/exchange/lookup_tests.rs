//! Who is found by what, and what was known when.

use super::*;
use crate::domain::request::Instrument;
use crate::exchange::retention::Rules;
use crate::exchange::testing::{DAY_MS, Lone, pair};

fn names(lone: &Lone, lookup: Lookup) -> Vec<String> {
    let found = lone.x().look_up(&lookup).expect("readable");
    found.iter().map(|one| one.card.authority().to_string()).collect()
}

fn words(words: &str) -> Lookup {
    Lookup { words: words.into(), ..Lookup::default() }
}

async fn three() -> (Lone, Lone) {
    let (a, b) = pair().await;
    let c = Lone::new("xc.moj", Rules::default());
    let card = c.card_with(|body| {
        // The é of this name is two characters: an e and an accent.
        body.name = "Autorite\u{301} centrale".into();
        body.functions = vec!["mla".into(), "extradition".into()];
        body.languages = vec!["fr".into(), "zh-Hant".into()];
        body.profile.conventions = vec![Instrument::Untoc];
    });
    let fingerprint = card.fingerprint().words();
    a.x().add_peer(card, &fingerprint).await.expect("trusted");
    (a, b)
}

#[tokio::test]
async fn an_authority_is_found_by_each_thing_that_it_says() {
    let (a, _) = three().await;
    assert_eq!(names(&a, Lookup::default()), ["xa.oag", "xb.pps", "xc.moj"]);
    let of = |change: fn(&mut Lookup)| {
        let mut lookup = Lookup::default();
        change(&mut lookup);
        names(&a, lookup)
    };
    assert_eq!(of(|l| l.country = "xb".into()), ["xb.pps"]);
    assert_eq!(of(|l| l.function = "EXTRADITION".into()), ["xc.moj"]);
    assert_eq!(of(|l| l.convention = "untoc".into()), ["xc.moj"]);
    assert_eq!(of(|l| l.convention = "UNCAC".into()), [""; 0]);
    assert_eq!(of(|l| l.language = "en".into()), ["xa.oag", "xb.pps"]);
    assert_eq!(of(|l| l.language = "ZH".into()), ["xc.moj"], "with its variants");
    assert_eq!(of(|l| l.language = "zh-Hans".into()), [""; 0]);
    assert_eq!(of(|l| l.language = "f".into()), [""; 0], "a tag is no prefix of letters");
    let both = |l: &mut Lookup| (l.country, l.language) = ("XC".into(), "en".into());
    assert_eq!(of(both), [""; 0], "all must fit");
}

#[tokio::test]
async fn words_are_found_however_they_were_typed() {
    let (a, _) = three().await;
    for text in ["autorité", "AUTORITE\u{301}", "autorité CENTRALE", "untoc", "xc", "extra mla"] {
        assert_eq!(names(&a, words(text)), ["xc.moj"], "{text}");
    }
    assert_eq!(names(&a, words("autorite")), [""; 0], "another letter");
    assert_eq!(names(&a, words("mla zh nobody")), [""; 0], "each word");
    assert_eq!(names(&a, words(" ")).len(), 3);
}

#[tokio::test]
async fn what_a_card_said_on_a_day_is_still_known() {
    let (a, b) = pair().await;
    let before = b.x().now();
    b.wait_ms(DAY_MS);
    a.x().log_card().await.expect("kept");
    let newer = a.card_with(|body| body.languages = vec!["th".into()]);
    let peer = b.x().directory.get(&a.x().me).expect("trusted");
    b.x().take_card(&peer, newer.text()).await.expect("taken");
    b.wait_ms(DAY_MS);
    b.x().remove_peer(&a.x().me).await.expect("removed");
    let languages = |at: Timestamp| {
        let then = b.x().card_as_of(&a.x().me, at);
        then.map(|v| v.card.expect("a card").body().languages.clone()).map_err(|e| e.to_string())
    };
    assert_eq!(languages(before), Ok(vec!["en".to_owned()]));
    assert_eq!(languages(before.plus_ms(DAY_MS)), Ok(vec!["th".to_owned()]));
    let gone = languages(b.x().now()).expect_err("it was removed");
    assert!(gone.starts_with("xa.oag was not in the directory at"), "{gone}");
    assert!(languages(Timestamp::from_unix_ms(1)).is_err(), "and not yet then");
    assert!(b.x().listed_one(&a.x().me).is_err());
    assert!(b.x().listed_one(&b.x().me).expect("itself").is_own);
}
