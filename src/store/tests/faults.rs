//! The journal's disk fails: every write and every barrier, persisted or not.

use std::fs::File;
use std::io;
use std::sync::atomic::AtomicU64;

use super::super::journal::disk::Disk;
use super::*;

/// How an operation fails.
#[derive(Clone, Copy, Debug)]
enum Fault {
    /// Nothing is written.
    Write,
    /// Half is written, then an error.
    HalfWrite,
    /// Everything is written, and an error all the same.
    WriteAll,
    /// The barrier fails; the data may be there.
    Sync,
    /// The thread that writes panics.
    Panic,
}

/// Counts operations down; the one at zero fails.
struct Faulty {
    file: File,
    left: Arc<AtomicU64>,
    fault: Fault,
}

impl Faulty {
    fn due(&self, sync: bool) -> bool {
        let is_sync = matches!(self.fault, Fault::Sync);
        sync == is_sync
            && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1))
                == Ok(1)
    }
}

impl Disk for Faulty {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        use std::os::unix::fs::FileExt as _;
        if !self.due(false) {
            return self.file.write_all_at(bytes, offset);
        }
        match self.fault {
            Fault::HalfWrite => self.file.write_all_at(&bytes[..bytes.len() / 20], offset)?,
            Fault::WriteAll => self.file.write_all_at(bytes, offset)?,
            Fault::Panic => panic!("the disk panicked"),
            Fault::Write | Fault::Sync => {}
        }
        Err(io::Error::other("injected"))
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.due(true) { Err(io::Error::other("injected")) } else { self.file.sync_data() }
    }
}

fn faulty(fault: Fault, after: u64) -> Wrap {
    let left = Arc::new(AtomicU64::new(after));
    Arc::new(move |file| Box::new(Faulty { file, left: left.clone(), fault }))
}

const FAULTS: [Fault; 5] =
    [Fault::Write, Fault::HalfWrite, Fault::WriteAll, Fault::Sync, Fault::Panic];

/// Small segments: the failing operation is an append, a header, an append behind it.
#[test]
fn a_failed_write_stops_the_store_and_nothing_unacknowledged_is_lost() {
    for fault in FAULTS {
        for after in 1..=7 {
            let home = Home::with_segments(16 << 10);
            let store = home.create_on(faulty(fault, after));
            let outcomes: Vec<_> = (0..8).map(|number| step(&store, number).is_ok()).collect();
            let acknowledged = outcomes.iter().take_while(|ok| **ok).count() as u64;
            let context = format!("{fault:?} at {after}: {outcomes:?}");
            assert!(acknowledged < 8, "{context}");
            assert!(!outcomes[acknowledged as usize..].contains(&true), "{context}");
            let stopped = match step(&store, 9) {
                Err(CommitError::Stopped(stopped)) => stopped,
                other => panic!("{context}: {other:?}"),
            };
            assert!(!stopped.orderly && !stopped.reason.is_empty(), "{context}");
            assert_eq!(store.head().checkpoint.size, acknowledged, "{context}");
            store.stop();
            drop(store);
            let (store, opened) = home.open();
            // The one that was told nothing may be there, whole; nothing behind it can.
            assert!((acknowledged..=acknowledged + 1).contains(&opened.entries), "{context}");
            assert!((0..opened.entries).all(|number| has_step(&store, number)), "{context}");
            assert!(!has_step(&store, opened.entries), "{context}");
            home.check(&store);
            step(&store, opened.entries).expect("goes on");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everyone_who_waits_is_told_of_the_stop() {
    let home = Home::new();
    let store = home.create_on(faulty(Fault::Sync, 2));
    let watcher = tokio::spawn({
        let store = store.clone();
        async move { store.stopped().await }
    });
    store.commit(|tx| Ok::<_, &str>(tx.append(started()))).await.expect("the first is fine");
    let commit = |_| {
        let store = store.clone();
        tokio::spawn(async move { store.commit(|tx| Ok::<_, &str>(tx.append(started()))).await })
    };
    let tasks: Vec<_> = (0..100).map(commit).collect();
    for task in tasks {
        let outcome = task.await.expect("ends");
        let Err(CommitError::Stopped(stopped)) = outcome else { panic!("{outcome:?}") };
        assert!(stopped.reason.contains("fdatasync"), "{}", stopped.reason);
    }
    let stopped = watcher.await.expect("ends");
    assert!(!stopped.orderly && stopped.reason.contains("injected"), "{}", stopped.reason);
    assert_eq!(store.head().checkpoint.size, 1);
}

#[test]
fn a_refusal_waits_for_the_barrier_too() {
    // A closure that says "this exists already" may have seen what is not durable yet.
    let home = Home::new();
    let store = home.create_on(faulty(Fault::Sync, 1));
    let (enter, entered) = std::sync::mpsc::channel();
    let (leave, may_leave) = std::sync::mpsc::channel::<()>();
    let first = store.clone();
    let first = std::thread::spawn(move || {
        first.commit_blocking(move |tx| {
            enter.send(()).expect("test waits");
            may_leave.recv().expect("test tells");
            tx.put(Table::Requests, b"id", b"done".as_slice());
            Ok::<_, &str>(())
        })
    });
    entered.recv().expect("the first is running");
    let (job, outcome) = Work::new(|tx: &mut Tx<'_>| match tx.get(Table::Requests, b"id") {
        Some(_) => Err("exists"),
        None => Ok(()),
    });
    store.enqueue::<&str>(Message::Job(Box::new(job))).expect("has room");
    leave.send(()).expect("the first waits");
    assert!(matches!(first.join().expect("ends"), Err(CommitError::Stopped(_))));
    let second = outcome.blocking_recv().expect("told");
    assert!(matches!(second, Err(CommitError::Stopped(_))), "{second:?}");
}

#[test]
fn a_signer_that_panics_stops_the_store_behind_the_barrier() {
    let home = Home::new();
    let calls = AtomicU64::new(0);
    let good = home.settings().sign;
    let sign = move |checkpoint: &Checkpoint| {
        assert!(calls.fetch_add(1, Ordering::Relaxed) < 2, "no signature");
        good(checkpoint)
    };
    let settings = Settings { sign: Box::new(sign), ..home.settings() };
    let (store, _) = Store::create(settings).expect("creates");
    step(&store, 0).expect("commits");
    assert!(matches!(step(&store, 1), Err(CommitError::Stopped(_))));
    // Who waited may hear of it before the reason is there; the end of the writer is behind both.
    store.stop();
    let stopped = store.inner.stop.get().expect("a reason");
    assert!(!stopped.orderly && stopped.reason.contains("no signature"), "{}", stopped.reason);
    drop(store);
    let (store, _) = home.open();
    assert!(has_step(&store, 1), "it was durable");
    home.check(&store);
}
