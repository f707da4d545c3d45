//! What a commit is, and what it is not.

use super::*;

#[test]
fn a_commit_is_readable_proven_and_signed() {
    let home = Home::new();
    let store = home.create();
    let committed = step(&store, 0).expect("commits");
    let (index, entry) = &committed.entries()[0];
    assert_eq!(store.entry(*index).expect("reads").as_ref(), Some(entry));
    assert_eq!(committed.head().checkpoint.size, 1);
    assert_eq!(*committed.head(), store.head());
    assert!(has_step(&store, 0) && !has_step(&store, 1));
    home.check(&store);
}

#[test]
fn a_refusal_a_panic_and_a_misuse_leave_nothing() {
    let home = Home::new();
    let store = home.create();
    let refused = store.commit_blocking(|tx| {
        tx.append(started());
        tx.put(Table::Cases, b"k", b"v".as_slice());
        tx.body(vec![1]);
        Err::<(), _>("no")
    });
    assert!(matches!(refused, Err(CommitError::Rejected("no"))));
    let panicked: Result<Committed<()>> = store.commit_blocking(|tx| {
        tx.append(started());
        panic!("a bug");
    });
    assert!(matches!(&panicked, Err(CommitError::Panicked(text)) if text == "a bug"));
    let misuse = store.commit_blocking(|tx| {
        tx.append(EntryDraft::new(Event::NodeStarted));
        Ok::<_, &str>(())
    });
    assert!(matches!(&misuse, Err(CommitError::Misuse(Misuse::Entry(_)))), "{misuse:?}");
    assert_eq!(store.head().checkpoint.size, 0);
    assert_eq!(store.get(Table::Cases, b"k").expect("reads"), None);
    let sequence = fs::read(home.segment(1)).expect("reads")[4096..4100].to_vec();
    assert_eq!(sequence, [0; 4], "nothing staged, no frame");
    step(&store, 0).expect("the store goes on, with the same numbers");
    assert!(has_step(&store, 0));
}

fn append(tx: &mut Tx<'_>, count: usize) {
    for _ in 0..count {
        tx.append(started());
    }
}

fn store_bodies(tx: &mut Tx<'_>, count: u8, bytes: usize) {
    for number in 0..count {
        tx.body(vec![number; bytes]);
    }
}

#[test]
fn every_limit_of_a_transaction_holds() {
    let home = Home::new();
    let store = home.create();
    let misuse = |closure: fn(&mut Tx<'_>)| {
        let result = store.commit_blocking(move |tx| {
            closure(tx);
            Ok::<_, &str>(())
        });
        match result {
            Err(CommitError::Misuse(misuse)) => misuse,
            other => panic!("not refused: {other:?}"),
        }
    };
    let size = |what, bytes| Misuse::Size { what, bytes };
    assert_eq!(misuse(|tx| tx.put(Table::Cases, b"", vec![])), size("key", 0));
    assert_eq!(misuse(|tx| tx.delete(Table::Cases, &[0; 257])), size("key", 257));
    assert_eq!(misuse(|tx| tx.put(Table::Cases, b"k", vec![0; 65_537])), size("value", 65_537));
    let large = limits::STORED_BODY_MAX_BYTES + 1;
    assert_eq!(misuse(|tx| store_bodies(tx, 1, (1 << 20) + 1)), size("body", large));
    assert_eq!(misuse(|tx| tx.erase(BodySlot(0))), Misuse::NoSuchSlot(0));
    let rows = |tx: &mut Tx<'_>| (0..5u8).for_each(|n| tx.put(Table::Cases, &[n], vec![0; 60_000]));
    assert_eq!(misuse(rows), Misuse::TooMuch("rows"));
    let entries = |tx: &mut Tx<'_>| append(tx, 1025);
    assert_eq!(misuse(entries), Misuse::TooMuch("entries"));
    let bodies = |tx: &mut Tx<'_>| store_bodies(tx, 17, 1 << 20);
    assert_eq!(misuse(bodies), Misuse::TooMuch("bytes"));
}

#[test]
fn the_largest_transaction_fits_a_frame_and_a_batch() {
    let home = Home::with_segments(1 << 20);
    let store = home.create();
    let committed = store.commit_blocking(|tx| {
        store_bodies(tx, 15, 1 << 20);
        (0..4u8).for_each(|n| tx.put(Table::Cases, &[n], vec![n; 60_000]));
        append(tx, 1024);
        Ok::<_, &str>(())
    });
    assert_eq!(committed.expect("commits").entries().len(), 1024);
    step(&store, 1024).expect("a frame behind it");
    assert_eq!(store.body(BodySlot(14)).expect("reads"), Some(vec![14; 1 << 20]));
    drop(store);
    let (store, _) = home.open();
    assert_eq!(store.body(BodySlot(14)).expect("reads"), Some(vec![14; 1 << 20]));
    assert_eq!(store.head().checkpoint.size, 1025);
}

#[test]
fn bodies_never_wait_for_keys_that_are_not_there() {
    let home = Home::new();
    let store = home.create();
    for round in 0..3 {
        let done = store.commit_blocking(|tx| {
            (0..7).for_each(|_| store_bodies(tx, 250, 9));
            Ok::<_, &str>(())
        });
        done.expect("more than one batch of keys at once");
        let last = BodySlot(round * 1750 + 1749);
        assert_eq!(store.body(last).expect("reads"), Some(vec![249; 9]));
    }
}

#[test]
fn closures_see_what_is_staged_before_them_and_in_themselves() {
    let home = Home::new();
    let store = home.create();
    let put = |key: &'static [u8]| {
        let done = store.commit_blocking(move |tx| {
            tx.put(Table::Cases, key, key.to_vec());
            Ok::<_, &str>(())
        });
        done.expect("commits");
    };
    [b"a1", b"a2", b"a3", b"b1"].into_iter().for_each(|key| put(key));
    let seen = store.commit_blocking(|tx| {
        tx.delete(Table::Cases, b"a1");
        tx.put(Table::Cases, b"a25", b"new".as_slice());
        tx.put(Table::Cases, b"a3", b"other".as_slice());
        let keys = |rows: Vec<Row>| rows.into_iter().map(|row| row.0).collect::<Vec<_>>();
        let forward = keys(tx.scan(Table::Cases, b"a", None, Direction::Forward, 2));
        let backward = keys(tx.scan(Table::Cases, b"a", Some(b"a3"), Direction::Backward, 9));
        Ok::<_, &str>((tx.get(Table::Cases, b"a1"), tx.get(Table::Cases, b"a3"), forward, backward))
    });
    let (gone, changed, forward, backward) = seen.expect("commits").value;
    assert_eq!((gone, changed), (None, Some(b"other".to_vec())));
    assert_eq!(forward, [b"a2".to_vec(), b"a25".to_vec()]);
    assert_eq!(backward, [b"a25".to_vec(), b"a2".to_vec()]);
    let rows = store.scan(Table::Cases, b"", None, Direction::Forward, 9).expect("scans");
    assert_eq!(rows.len(), 4);
}

#[test]
fn entries_get_their_number_with_the_peer_and_a_time_that_never_goes_back() {
    let home = Home::new();
    let store = home.create();
    let append = |store: &Store, peer: &'static str| {
        let done = store.commit_blocking(move |tx| Ok::<_, &str>(tx.append(about(peer))));
        let bytes = done.expect("commits").entries()[0].1.clone();
        Entry::parse(&bytes).expect("parses")
    };
    let first = append(&store, "xb.moj");
    home.clock.store(5, Ordering::Relaxed);
    let second = append(&store, "xb.moj");
    let other = append(&store, "xc.moj");
    assert_eq!([first.peer_seq, second.peer_seq, other.peer_seq], [Some(1), Some(2), Some(1)]);
    assert_eq!(first.at, second.at);
    assert_ne!(first.nonce, second.nonce);
    store.stop();
    drop(store);
    let (store, opened) = home.open();
    assert_eq!((opened.recovered, opened.replayed, opened.entries), (false, 0, 3));
    let third = append(&store, "xb.moj");
    assert_eq!((third.peer_seq, third.at), (Some(3), first.at), "also over a restart");
    home.check(&store);
}

#[test]
fn an_erased_body_is_gone_for_good_and_the_log_is_not() {
    let home = Home::new();
    let store = home.create();
    let slot = step(&store, 0).expect("commits").value;
    step(&store, 1).expect("commits");
    let erase = move |tx: &mut Tx<'_>| {
        tx.erase(slot);
        Ok::<_, &str>(())
    };
    store.commit_blocking(erase).expect("erases");
    assert_eq!(store.body(slot).expect("reads"), None);
    // Without the row that says so it is not called damaged either: the slot says it too.
    assert!(matches!(store.inner.view.slots.read(slot), Ok(super::super::slots::Slot::Erased)));
    store.commit_blocking(erase).expect("twice is once");
    let copy = home.killed();
    for home in [&home, &copy] {
        if home.data() == copy.data() {
            fs::remove_dir_all(copy.data().join("index")).expect("removes");
        } else {
            store.stop();
        }
    }
    drop(store);
    for home in [home, copy] {
        let (store, _) = home.open();
        assert_eq!(store.body(slot).expect("reads"), None);
        assert!(has_step(&store, 1));
        home.check(&store);
    }
}

#[test]
fn a_second_process_is_refused() {
    let home = Home::new();
    let store = home.create();
    let refused = home.refused();
    assert!(matches!(&refused, OpenError::Held { lock } if lock.ends_with("data/lock")));
    drop(store);
    home.open();
}

#[test]
fn a_home_is_made_once() {
    let home = Home::new();
    assert!(matches!(home.refused(), OpenError::Missing { .. }));
    drop(home.create());
    let again = Store::create(home.settings()).err();
    assert!(matches!(again, Some(OpenError::Exists { .. })), "{again:?}");
    let inside = Settings { mark: home.data().join("mark"), ..home.settings() };
    assert!(matches!(Store::open(inside).err(), Some(OpenError::Settings(_))));
    let small = Settings { segment_bytes: 100, ..home.settings() };
    assert!(matches!(Store::open(small).err(), Some(OpenError::Settings(_))));
}

#[test]
fn proofs_are_given_for_every_size_up_to_the_head() {
    use crate::audit::merkle::verify_consistency;
    let home = Home::new();
    let store = home.create();
    let mut roots = vec![store.head().checkpoint.root];
    for number in 0..20 {
        roots.push(step(&store, number).expect("commits").head().checkpoint.root);
    }
    for new in 0..=20u64 {
        for old in 0..=new {
            let proof = store.consistency(0, old, new).expect("proves");
            let (old_root, new_root) = (&roots[old as usize], &roots[new as usize]);
            verify_consistency(old, old_root, new, new_root, &proof).expect("consistent");
        }
    }
    let beyond = |result: std::result::Result<Vec<Digest>, StoreFault>| {
        matches!(result, Err(StoreFault::OutOfRange { .. }))
    };
    assert!(beyond(store.inclusion(0, 21)) && beyond(store.inclusion(5, 5)));
    assert!(beyond(store.consistency(0, 3, 21)) && beyond(store.consistency(0, 4, 3)));
    assert_eq!(store.tile(0, TileId { level: 0, index: 0 }).expect("reads").len(), 20);
    assert_eq!(store.entries(18, 9).expect("reads").len(), 2);
    assert_eq!(store.entry(20).expect("reads"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_once_are_each_committed_once() {
    let home = Home::new();
    let store = home.create();
    let one = |number: u64| {
        let store = store.clone();
        async move {
            let done = store.commit(move |tx| {
                tx.put(Table::Messages, &number.to_be_bytes(), vec![1]);
                Ok::<_, &str>((tx.append(started()), tx.counter("c")))
            });
            let committed = done.await.expect("commits");
            let proof = store.inclusion(committed.value.0, committed.head().checkpoint.size);
            let (index, entry) = &committed.entries()[0];
            let Checkpoint { size, root, .. } = &committed.head().checkpoint;
            verify_inclusion(&leaf_hash(entry), *index, *size, &proof.expect("proves"), root)
                .expect("proven");
            assert_eq!(committed.value, (*index, *index + 1));
        }
    };
    let tasks: Vec<_> = (0..500).map(|number| tokio::spawn(one(number))).collect();
    for task in tasks {
        task.await.expect("ends");
    }
    assert_eq!(store.head().checkpoint.size, 500);
    home.check(&store);
    store.stop();
    let late = store.commit(|_| Ok::<_, &str>(())).await;
    assert!(matches!(late, Err(CommitError::Stopped(Stopped { orderly: true, .. }))));
    assert!(store.stopped().await.orderly);
    assert!(has_entry(&store, 499), "reading goes on");
}

fn has_entry(store: &Store, index: u64) -> bool {
    store.entry(index).expect("reads").is_some()
}

#[test]
fn a_full_queue_says_busy_and_loses_nothing() {
    let home = Home::new();
    let store = home.create();
    let (enter, entered) = std::sync::mpsc::channel();
    let (leave, may_leave) = std::sync::mpsc::channel::<()>();
    let blocked = store.clone();
    let blocker = std::thread::spawn(move || {
        blocked.commit_blocking(move |_| {
            enter.send(()).expect("test waits");
            may_leave.recv().expect("test tells");
            Ok::<_, &str>(())
        })
    });
    entered.recv().expect("the writer is busy");
    let mut outcomes = Vec::new();
    for _ in 0..COMMIT_QUEUE_MAX {
        let (job, outcome) = Work::new(|tx: &mut Tx<'_>| Ok::<_, &str>(tx.append(started())));
        store.enqueue::<&str>(Message::Job(Box::new(job))).expect("has room");
        outcomes.push(outcome);
    }
    let busy = store.commit_blocking(|tx| Ok::<_, &str>(tx.append(started())));
    assert!(matches!(busy, Err(CommitError::Busy)));
    leave.send(()).expect("the writer waits");
    blocker.join().expect("ends").expect("commits");
    for outcome in outcomes {
        outcome.blocking_recv().expect("told").expect("committed");
    }
    assert_eq!(store.head().checkpoint.size, COMMIT_QUEUE_MAX as u64);
}

#[test]
fn nothing_that_says_who_stands_in_clear() {
    let home = Home::new();
    let store = home.create();
    let done = store.commit_blocking(|tx| {
        tx.append(about("xb.secretpeer"));
        tx.put(Table::Peers, b"blinded", b"xb.secretpeer".as_slice());
        tx.body(b"xb.secretpeer".to_vec());
        tx.counter("of/xb.secretpeer");
        Ok::<_, &str>(())
    });
    done.expect("commits");
    store.stop();
    drop(store);
    assert_clear(&home.data(), b"secretpeer");
}

fn assert_clear(path: &Path, word: &[u8]) {
    if path.is_dir() {
        let files = fs::read_dir(path).expect("lists");
        return files.for_each(|file| assert_clear(&file.expect("file").path(), word));
    }
    let bytes = fs::read(path).expect("reads");
    let found = bytes.windows(word.len()).any(|window| window == word);
    assert!(!found, "{} tells", path.display());
}
