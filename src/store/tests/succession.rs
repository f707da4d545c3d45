//! One log follows another.

use super::*;
use crate::audit::succession::end_of;
use crate::store::Tx;

const NEXT: &str = "xa.moj/log/2027";

fn sealed(key: &str) -> EntryDraft {
    EntryDraft::new(Event::LogSealed).key(key).software("rogatory 0.1.0")
}

fn next_key(home: &Home, origin: &str) -> String {
    home.verifier().renamed(origin).expect("a name").to_string()
}

/// Ends the newest log and begins another one.
fn succeed(home: &Home, store: &Store, origin: &str) -> Result<Committed<Checkpoint>> {
    let (key, origin) = (next_key(home, origin), origin.to_owned());
    block_on(store.succeed(move |tx: &mut Tx<'_>| {
        let ended = tx.succeed(&origin, sealed(&key));
        let opened = EntryDraft::new(Event::LogOpened).key(&key).software("rogatory 0.1.0");
        tx.append(opened.remote(end_of(&ended)));
        tx.append(started());
        Ok(ended)
    }))
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

/// Everything that must hold of a store whose first log had `old` entries before its end.
fn check_both(home: &Home, store: &Store, old: u64) {
    let ended = &store.sealed()[0];
    let key = [home.verifier(), home.verifier().renamed(NEXT).expect("a name")];
    for (log, head) in [(0, ended), (1, &store.head())] {
        assert_eq!(head.log, log);
        let note = Checkpoint::verify(&head.note, &key).expect("signed");
        assert_eq!(note, head.checkpoint);
        let first = Position::new(log, 0).number();
        let entries = store.entries(first, 1000).expect("reads");
        assert_eq!(entries.len() as u64, head.checkpoint.size);
        assert_eq!(root_of(entries.iter().map(Vec::as_slice)), head.checkpoint.root);
        for (place, entry) in (first..).zip(&entries) {
            assert_eq!(store.entry(place).expect("reads").as_ref(), Some(entry));
            let proof = store.inclusion(place, head.checkpoint.size).expect("proves");
            let index = Position::from_number(place).index;
            let Checkpoint { size, root, .. } = &head.checkpoint;
            verify_inclusion(&leaf_hash(entry), index, *size, &proof, root).expect("proven");
        }
        assert_eq!(store.entry(head.end().number()).expect("reads"), None, "nothing behind it");
        assert_eq!(store.root_at(log, head.checkpoint.size).expect("reads"), head.checkpoint.root);
        assert_eq!(store.head_named(&head.checkpoint.origin).as_ref(), Some(head));
    }
    assert_eq!((ended.checkpoint.origin.as_str(), ended.checkpoint.size), (ORIGIN, old + 1));
    let last = store.entry(old).expect("reads").expect("there");
    assert_eq!(Entry::parse(&last).expect("parses").event, Event::LogSealed);
    let opened = store.entry(Position::new(1, 0).number()).expect("reads").expect("there");
    let opened = Entry::parse(&opened).expect("parses");
    assert_eq!(opened.remote, Some(end_of(&ended.checkpoint)), "it goes on from there");
}

#[test]
fn a_log_ends_and_the_next_one_begins_in_one_commit() {
    let home = Home::new();
    let store = home.create();
    for number in 0..300 {
        step(&store, number).expect("commits");
    }
    let done = succeed(&home, &store, NEXT).expect("commits");
    assert_eq!(done.value, store.sealed()[0].checkpoint);
    let places: Vec<u64> = done.entries().iter().map(|(place, _)| *place).collect();
    assert_eq!(places, [Position::new(1, 0).number(), Position::new(1, 1).number()]);
    check_both(&home, &store, 300);
    let more = store.commit_blocking(|tx| Ok::<_, &str>(tx.append(started()))).expect("commits");
    assert_eq!(more.value, Position::new(1, 2).number());
    assert_eq!(more.head().checkpoint.origin, NEXT);
}

#[test]
fn both_are_there_again_whatever_is_left_of_the_index() {
    let home = Home::new();
    let store = home.create();
    (0..300).for_each(|number| drop(step(&store, number).expect("commits")));
    succeed(&home, &store, NEXT).expect("commits");
    let head = store.head();
    let killed = home.killed();
    let (again, opened) = killed.open();
    assert_eq!((again.head(), opened.logs, opened.entries), (head.clone(), 2, 2));
    check_both(&killed, &again, 300);
    again.stop();
    drop(again);
    fs::remove_dir_all(killed.data().join("index")).expect("removed");
    let (rebuilt, _) = killed.open();
    assert_eq!(rebuilt.head(), head);
    check_both(&killed, &rebuilt, 300);
    rebuilt.commit_blocking(|tx| Ok::<_, &str>(tx.append(started()))).expect("goes on");
    store.stop();
    drop(store);
    let (clean, opened) = home.open();
    assert!(!opened.recovered);
    check_both(&home, &clean, 300);
}

#[test]
fn a_copy_from_before_the_end_of_a_log_does_not_open() {
    let home = Home::new();
    let store = home.create();
    (0..5).for_each(|number| drop(step(&store, number).expect("commits")));
    let old = home.killed();
    succeed(&home, &store, NEXT).expect("commits");
    fs::copy(home.mark(), old.mark()).expect("copied");
    let refused = old.refused().to_string();
    assert!(refused.contains("2 entries of its log 2"), "{refused}");
    assert!(refused.contains("the journal has 5 entries"), "{refused}");
}

#[test]
fn a_log_is_ended_in_no_other_way() {
    let home = Home::new();
    let store = home.create();
    step(&store, 0).expect("commits");
    let key = next_key(&home, NEXT);
    let seal = move |tx: &mut Tx<'_>| tx.succeed(NEXT, sealed(&key));
    let ordinary = seal.clone();
    let ordinary = store.commit_blocking(move |tx| {
        ordinary(tx);
        tx.append(started());
        Ok::<_, &str>(())
    });
    assert!(matches!(ordinary, Err(CommitError::Misuse(Misuse::Succession))), "{ordinary:?}");
    let behind = seal.clone();
    let behind = block_on(store.succeed(move |tx: &mut Tx<'_>| {
        tx.append(started());
        behind(tx);
        Ok::<_, &str>(())
    }));
    assert!(matches!(behind, Err(CommitError::Misuse(Misuse::Succession))), "{behind:?}");
    let unopened = block_on(store.succeed(move |tx: &mut Tx<'_>| {
        seal(tx);
        Ok::<_, &str>(())
    }));
    assert!(matches!(unopened, Err(CommitError::Misuse(Misuse::Succession))), "{unopened:?}");
    assert_eq!((store.sealed().len(), store.head().checkpoint.size), (0, 1));
}

#[test]
fn what_is_queued_about_an_end_stands_in_either_log_and_nothing_is_lost() {
    let home = Home::new();
    let store = home.create();
    step(&store, 0).expect("commits");
    let writers: Vec<_> = (0..4)
        .map(|_| {
            let store = store.clone();
            std::thread::spawn(move || {
                let commit = |_| store.commit_blocking(|tx| Ok::<_, &str>(tx.append(started())));
                (0..50).map(|n| commit(n).expect("commits").value).collect::<Vec<u64>>()
            })
        })
        .collect();
    succeed(&home, &store, NEXT).expect("commits");
    let written: Vec<u64> =
        writers.into_iter().flat_map(|writer| writer.join().expect("ends")).collect();
    let old = store.sealed()[0].checkpoint.size - 1;
    check_both(&home, &store, old);
    let distinct: std::collections::BTreeSet<u64> = written.iter().copied().collect();
    assert_eq!(distinct.len(), 200, "each has its place");
    let all = store.sealed()[0].checkpoint.size + store.head().checkpoint.size;
    assert_eq!(all, 1 + 200 + 1 + 2);
}
