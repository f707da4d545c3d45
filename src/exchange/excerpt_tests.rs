use std::collections::BTreeMap;
use std::convert::Infallible;

use super::*;
use crate::audit::excerpt::entry_of_path;
use crate::audit::export::EARLIER;
use crate::audit::proof::TlogProof;
use crate::audit::verify::excerpt::{ExcerptReport, verify_excerpt};
use crate::audit::verify::{Before, Trust};
use crate::exchange::retention::Rules;
use crate::exchange::testing::{Lone, desk, operator};

type Files = BTreeMap<String, Vec<u8>>;

const ALL: Beside = Beside { receipts: true, witnesses: true };

/// Three who trust each other, and a message of the first to each of the others; the second to xc.moj.
async fn three() -> (Lone, Lone, Lone, [MessageId; 3]) {
    let new = |name| Lone::new(name, Rules::default());
    let (a, b, c) = (new("xa.oag"), new("xb.pps"), new("xc.moj"));
    let key = a.x().card().log_keys()[0].to_string();
    let open = move |tx: &mut Tx<'_>| {
        tx.append(EntryDraft::new(Event::LogOpened).key(&key));
        Ok::<_, ActionError>(())
    };
    a.x().store.commit(open).await.expect("committed");
    a.meet(&b).await;
    a.meet(&c).await;
    let ids = [a.submit(&b, &[]).await, a.submit(&c, &[]).await, a.submit(&c, &[]).await];
    (a, b, c, ids)
}

async fn excerpt(a: &Lone, of: ExcerptOf) -> Result<Files, ActionError> {
    let wish = a.x().find_excerpt(of, ALL)?;
    a.x().log_excerpt(&operator(), &wish).await?;
    let mut files = Files::new();
    a.x().export_excerpt(wish, &mut |path, bytes| {
        files.insert(path.to_owned(), bytes.to_vec());
        true
    })?;
    Ok(files)
}

fn verified(a: &Lone, files: &Files) -> (ExcerptReport, Vec<Entry>) {
    verified_in(a, "", a.x().card().log_origin(), Before::None, files)
}

/// Verifies the excerpt of one log, in its folder.
fn verified_in(
    a: &Lone,
    folder: &str,
    origin: &str,
    before: Before<ExcerptReport>,
    files: &Files,
) -> (ExcerptReport, Vec<Entry>) {
    let card = &a.x().card();
    let trust = Trust {
        origin: origin.to_owned(),
        keys: card.log_keys_of(origin),
        authority: card.authority().clone(),
        policy: None,
        before,
    };
    let here = files.keys().filter_map(|path| path.strip_prefix(folder));
    let list: Vec<String> =
        here.filter(|path| !path.starts_with(EARLIER)).map(Into::into).collect();
    let mut entries = Vec::new();
    let report = verify_excerpt(
        &mut |path| Ok::<_, Infallible>(files.get(&format!("{folder}{path}")).cloned()),
        &list,
        &trust,
        &mut |_, entry| entries.push(entry.clone()),
    );
    (report.expect("sound"), entries)
}

fn told(files: &Files) -> String {
    let mut told = String::new();
    for (path, bytes) in files {
        let text = String::from_utf8(bytes.clone()).expect("text");
        if entry_of_path(path).is_some() {
            let proof = TlogProof::parse(&text).expect("a proof");
            told += &String::from_utf8(proof.extra).expect("JSON");
        }
        told += path;
        told += &text;
    }
    told
}

#[tokio::test]
async fn an_excerpt_of_a_peer_has_that_peer_and_that_it_was_asked_for() {
    let (a, b, c, ids) = three().await;
    let peer = b.x().me.clone();
    let files = excerpt(&a, ExcerptOf::Peer(peer.clone())).await.expect("an excerpt");
    let (report, entries) = verified(&a, &files);
    let numbers = report.told.peers[&peer];
    assert_eq!((numbers.count, report.told.peers.len()), (numbers.last, 1));
    let asked = entries.last().expect("entries");
    assert_eq!((asked.event, asked.code.as_deref()), (Event::AccessExported, Some("PEER")));
    let told = told(&files);
    for canary in [c.x().me.to_string(), ids[1].to_string(), ids[2].to_string()] {
        assert!(!told.contains(&canary), "{canary}");
    }
    assert!(told.contains(&ids[0].to_string()));
    assert!(files.contains_key("cards/xb.pps.card") && files.contains_key("cards/xa.oag.card"));
}

#[tokio::test]
async fn an_excerpt_of_a_case_has_its_messages_and_not_its_number() {
    let (a, _, c, ids) = three().await;
    let (case, home) = ("ROG-XA-OAG-2026-000007", a.x().home.clone());
    let change = move |tx: &mut Tx<'_>| {
        let mut row = rows::message_in(tx, ids[1]).expect("there");
        if let Some(row) = &mut row {
            row.case_id = case.to_owned();
            index::note(tx, &home, ids[1], row);
            rows::put_message(tx, ids[1], row);
        }
        Ok::<_, ActionError>(())
    };
    a.x().store.commit(change).await.expect("committed");
    let files = excerpt(&a, ExcerptOf::Case(case.to_owned())).await.expect("an excerpt");
    let (report, entries) = verified(&a, &files);
    assert_eq!((report.scope, report.told.messages.len()), (Scope::Case, 1));
    assert!(entries[1..].iter().all(|entry| entry.message == Some(ids[1])));
    assert!(report.told.peers.contains_key(&c.x().me));
    let told = told(&files);
    for canary in [case, "xb.pps", &ids[0].to_string(), &ids[2].to_string()] {
        assert!(!told.contains(canary), "{canary}");
    }
    let asked = a.entries(Event::AccessExported);
    assert_eq!(asked.last().and_then(|(_, entry)| entry.code.as_deref()), Some("CASE"));
}

#[tokio::test]
async fn an_excerpt_of_a_message_has_that_message() {
    let (a, _, _, ids) = three().await;
    let files = excerpt(&a, ExcerptOf::Message(ids[2])).await.expect("an excerpt");
    let (report, entries) = verified(&a, &files);
    assert_eq!(report.told.messages.len(), 1);
    let events: Vec<Event> = entries.iter().map(|entry| entry.event).collect();
    assert_eq!(events, [Event::LogOpened, Event::SubmissionAcceptance, Event::AccessExported]);
    assert!(!told(&files).contains(&ids[1].to_string()));
}

#[tokio::test]
async fn of_what_the_log_does_not_know_there_is_no_excerpt_and_no_entry() {
    let (a, ..) = three().await;
    let stranger = AuthorityId::parse("xz.oag").expect("valid");
    let unknown = MessageId::new(a.x().now(), [9; 10]);
    for of in [
        ExcerptOf::Peer(stranger),
        ExcerptOf::Case("ROG-XZ-MOJ-2026-000001".into()),
        ExcerptOf::Message(unknown),
    ] {
        let failure = excerpt(&a, of).await.expect_err("there is nothing");
        assert!(matches!(failure, ActionError::NotFound(_)), "{failure}");
    }
    assert!(a.entries(Event::AccessExported).is_empty());
}

#[tokio::test]
async fn an_excerpt_ends_when_nobody_takes_it() {
    let (a, b, ..) = three().await;
    let of = ExcerptOf::Peer(b.x().me.clone());
    let wish = a.x().find_excerpt(of, ALL).map_err(|e| e.to_string()).expect("found");
    let ended = a.x().export_excerpt(wish, &mut |_, _| false);
    assert!(matches!(ended, Err(ActionError::Unavailable(_))));
}

#[tokio::test]
async fn what_goes_on_in_the_next_log_is_in_one_excerpt() {
    let (a, b, c, ids) = three().await;
    let old = a.x().card().log_origin().to_owned();
    let wish = a.x().find_excerpt(ExcerptOf::Peer(c.x().me.clone()), ALL);
    let wish = wish.map_err(|e| e.to_string()).expect("found");
    a.x().log_excerpt(&operator(), &wish).await.expect("logged");
    // Another log begins while the excerpt waits to be written.
    a.x().succeed_log(None, None).await.expect("ended");
    let new = a.x().log_head().checkpoint.origin.clone();
    a.x().cancel(&desk(), ids[1]).await.expect("withdrawn");
    a.submit(&b, &[]).await;
    let mut files = Files::new();
    let write = a.x().export_excerpt(wish, &mut |path, bytes| {
        assert!(files.insert(path.to_owned(), bytes.to_vec()).is_none(), "{path} comes once");
        true
    });
    write.expect("written");
    let folder = earlier_dir(&old);
    let (report, entries) = verified_in(&a, &folder, &old, Before::None, &files);
    let events = |entries: &[Entry]| entries.iter().map(|entry| entry.event).collect::<Vec<_>>();
    let (sent, asked) = (Event::SubmissionAcceptance, Event::AccessExported);
    let of_c = [Event::LogOpened, Event::PeerAdded, sent, sent, asked, Event::LogSealed];
    assert_eq!(events(&entries), of_c);
    let before = Before::Verified(Box::new(report));
    let (report, entries) = verified_in(&a, "", &new, before, &files);
    assert_eq!(events(&entries), [Event::LogOpened, Event::MessageCancelled]);
    let numbers = report.told.peers[&c.x().me];
    assert!(numbers.is_whole() && report.told.peers.len() == 1, "{numbers:?}");
    assert!(!told(&files).contains(b.x().me.as_str()), "nothing of others");
    // What only the old log knows is found, too.
    let old_message = excerpt(&a, ExcerptOf::Message(ids[2])).await.expect("found");
    assert!(old_message.keys().any(|path| path.starts_with(&folder)));
}
