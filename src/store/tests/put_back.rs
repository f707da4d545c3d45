//! An older copy gets back what it once had, and takes nothing else before.

use super::*;

const NEXT: &str = "xa.moj/log/2027";

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}

/// A store that went on after its data directory was copied, and the copy with the mark of today.
struct Lost {
    home: Home,
    /// The log's entries, in the first log and in the one that follows it.
    entries: Vec<Vec<u8>>,
    next: Vec<Vec<u8>>,
    note: String,
    /// Entries that the copy has.
    kept: u64,
}

fn append(store: &Store, draft: EntryDraft) {
    let done = store.commit_blocking(move |tx| Ok::<_, &str>(tx.append(draft)));
    done.expect("commits");
}

impl Lost {
    fn new() -> Self {
        let home = Home::new();
        let store = home.create();
        append(&store, about("xb.pps"));
        step(&store, 1).expect("commits");
        store.stop();
        drop(store);
        let kept = home.killed();
        let (store, _) = home.open();
        home.clock.fetch_add(5, Ordering::Relaxed);
        append(&store, about("xb.pps"));
        step(&store, 3).expect("commits");
        let key = home.verifier().renamed(NEXT).expect("a name").to_string();
        let ended = block_on(store.succeed(move |tx| {
            let ended =
                tx.succeed(NEXT, EntryDraft::new(Event::LogSealed).key(&key).software("s 1"));
            tx.append(about("xb.pps"));
            Ok::<_, &str>(ended)
        }));
        ended.expect("ended");
        append(&store, about("xc.moj"));
        let entries = store.entries(0, 100).expect("reads");
        let next = store.entries(Position::new(1, 0).number(), 100).expect("reads");
        let note = store.head().note.clone();
        store.stop();
        drop(store);
        fs::copy(home.mark(), kept.mark()).expect("copies");
        Self { home: kept, entries, next, note, kept: 2 }
    }

    fn behind(&self) -> Behind {
        Behind { note: self.note.clone(), from_nothing: false }
    }

    fn open(&self) -> (Store, Opened) {
        Store::open_behind(self.home.settings(), &self.behind()).expect("opens")
    }

    /// The rest of the first log, without its end.
    fn first(&self, store: &Store, from: u64) -> Result<Committed<()>> {
        let last = self.entries.len() - 1;
        put_back(store, None, self.entries[from as usize..last].to_vec())
    }

    fn second(&self, store: &Store) -> Result<Committed<()>> {
        put_back(store, self.entries.last().cloned(), self.next.clone())
    }
}

fn put_back(
    store: &Store,
    sealed: Option<Vec<u8>>,
    entries: Vec<Vec<u8>>,
) -> Result<Committed<()>> {
    block_on(store.put_back(move |tx| {
        if let Some(sealed) = &sealed {
            tx.put_back_end(NEXT, sealed);
        }
        for entry in &entries {
            tx.put_back(entry);
        }
        Ok(())
    }))
}

#[test]
fn it_has_again_what_it_had_and_goes_on() {
    let lost = Lost::new();
    assert!(matches!(lost.home.refused(), OpenError::RolledBack { .. }));
    let (store, opened) = lost.open();
    assert_eq!(opened.ahead.map(|(end, _)| end), Some(Position::new(1, 2)));
    assert!(matches!(step(&store, 9), Err(CommitError::Frozen)));
    assert!(matches!(store.thaw(), Err(StillBehind::Lacking { .. })));
    lost.first(&store, lost.kept).expect("put back");
    lost.second(&store).expect("put back");
    assert_eq!(store.head().note, lost.note, "the same past, signed again");
    assert_eq!(store.entries(0, 100).expect("reads"), lost.entries);
    let number = |peer| store.last_number(peer).expect("reads");
    assert_eq!((number("xb.pps"), number("xc.moj")), (3, 1));
    store.thaw().expect("it has everything");
    append(&store, about("xb.pps"));
    let last = store.entries(Position::new(1, 2).number(), 1).expect("reads").remove(0);
    assert_eq!(Entry::parse(&last).expect("parses").peer_seq, Some(4), "numbers go on");
    store.stop();
    drop(store);
    let (store, opened) = lost.home.open();
    assert_eq!((opened.frozen, opened.logs, opened.entries), (None, 2, 3));
    assert!(store.body(BodySlot(0)).expect("reads").is_some(), "what the copy had");
}

#[test]
fn cut_off_anywhere_it_takes_nothing_and_can_be_gone_on_with() {
    let lost = Lost::new();
    let (store, _) = lost.open();
    put_back(&store, None, vec![lost.entries[2].clone()]).expect("put back");
    let killed = lost.home.killed();
    fs::copy(frozen(&lost.home), frozen(&killed)).expect("copies");
    assert!(matches!(killed.refused(), OpenError::RolledBack { .. }), "the mark is ahead");
    let lost = Lost { home: killed, ..lost };
    let (store, _) = lost.open();
    assert_eq!(store.head().checkpoint.size, 3);
    lost.first(&store, 3).expect("put back");
    lost.second(&store).expect("put back");
    // All is there, and only its mark is not told yet that nothing is lacking.
    let whole = lost.home.killed();
    fs::copy(frozen(&lost.home), frozen(&whole)).expect("copies");
    let (frozen, opened) = whole.open();
    assert_eq!(opened.frozen.as_ref(), Some(&lost.note));
    assert!(matches!(step(&frozen, 9), Err(CommitError::Frozen)));
    frozen.thaw().expect("it has everything");
    step(&frozen, 9).expect("commits");
}

fn frozen(home: &Home) -> PathBuf {
    home.dir.path().join("mark.frozen")
}

#[test]
fn what_does_not_follow_is_not_put_back() {
    let lost = Lost::new();
    let (store, _) = lost.open();
    // The next but one: its number with the peer is 3, and 2 follows.
    let misuse = put_back(&store, lost.entries.last().cloned(), lost.next.clone());
    let Err(CommitError::Misuse(misuse)) = misuse else { panic!("{misuse:?}") };
    assert_eq!(misuse, Misuse::PutBack { peer: "xb.pps".into(), found: 3, next: 2 });
    let misuse = put_back(&store, None, vec![b"{}".to_vec()]);
    assert!(matches!(misuse, Err(CommitError::Misuse(Misuse::Entry(_)))), "{misuse:?}");
    assert_eq!(store.head().checkpoint.size, lost.kept);
}

#[test]
fn another_past_is_never_thawed() {
    let lost = Lost::new();
    let (store, _) = lost.open();
    lost.first(&store, lost.kept).expect("put back");
    let other = Entry::parse(&lost.next[1]).expect("parses");
    let other = Entry { nonce: [9; 16], ..other }.encode();
    let next = vec![lost.next[0].clone(), other];
    put_back(&store, lost.entries.last().cloned(), next).expect("put back");
    assert!(matches!(store.thaw(), Err(StillBehind::Forked { .. })), "{:?}", store.thaw());
}

#[test]
fn a_store_that_lacks_nothing_takes_nothing_back() {
    let home = Home::new();
    let store = home.create();
    append(&store, about("xb.pps"));
    let entry = store.entries(0, 1).expect("reads");
    let refused = put_back(&store, None, entry);
    assert!(matches!(refused, Err(CommitError::Stopped(_))), "{refused:?}");
    assert_eq!(store.head().checkpoint.size, 1);
    step(&store, 1).expect("and it goes on");
}

#[test]
fn it_begins_from_nothing_only_where_that_is_wanted() {
    let lost = Lost::new();
    fs::remove_dir_all(lost.home.data()).expect("removed");
    let open = |from_nothing| {
        Store::open_behind(lost.home.settings(), &Behind { from_nothing, ..lost.behind() })
    };
    assert!(matches!(open(false), Err(OpenError::Missing { .. })));
    fs::create_dir(lost.home.data()).expect("made");
    assert!(matches!(open(false), Err(OpenError::Missing { .. })));
    let (store, _) = open(true).expect("begins");
    lost.first(&store, 0).expect("put back");
    lost.second(&store).expect("put back");
    store.thaw().expect("it has everything");
    assert_eq!(store.head().note, lost.note);
}

#[test]
fn an_index_that_is_ahead_of_its_journal_is_rebuilt() {
    let home = Home::new();
    let store = home.create();
    step(&store, 0).expect("commits");
    store.stop();
    drop(store);
    let journal = fs::read(home.segment(1)).expect("reads");
    let (store, _) = home.open();
    step(&store, 1).expect("commits");
    let (entries, note) = (store.entries(0, 10).expect("reads"), store.head().note.clone());
    store.stop();
    drop(store);
    fs::write(home.segment(1), journal).expect("writes");
    // Nobody but the index knows.
    fs::remove_file(home.mark()).expect("removed");
    assert!(matches!(home.refused(), OpenError::RolledBack { .. }));
    let behind = Behind { note, from_nothing: false };
    let (store, opened) = Store::open_behind(home.settings(), &behind).expect("opens");
    assert_eq!(opened.rebuilt.as_deref(), Some("it is ahead of the journal"));
    assert_eq!(opened.ahead.map(|(end, _)| end), Some(Position::new(0, 2)));
    put_back(&store, None, entries[1..].to_vec()).expect("put back");
    store.thaw().expect("it has everything");
    home.check(&store);
}

#[test]
fn of_two_reasons_the_one_stays_that_tells_of_more() {
    let lost = Lost::new();
    let (store, _) = lost.open();
    let secret = SigningSecret::new(&lost.home.seed, Algorithm::Ed25519).expect("signs");
    let note = |origin: &str, size| {
        Checkpoint { origin: origin.into(), size, root: [1; 32] }.sign(&secret)
    };
    let steps = [
        (note(ORIGIN, 900), false),
        (note(NEXT, 3), true),
        (note(NEXT, 2), false),
        ("no checkpoint".to_owned(), false),
        (note("xa.moj/log/2027.2", 1), true),
        (note("xa.moj/log/2027.10", 1), true),
        (note("xa.moj/log/2027.9", 7), false),
    ];
    for (shown, tells_more) in steps {
        store.freeze(&shown).expect("kept");
        assert_eq!(store.frozen().as_deref() == Some(&shown), tells_more, "{shown}");
    }
    store.stop();
    drop(store);
    assert!(is_frozen(&lost.home.mark()).expect("reads"));
}

#[test]
fn what_was_begun_before_it_was_frozen_is_not_appended() {
    let home = Home::new();
    let store = home.create();
    step(&store, 0).expect("commits");
    let (enter, entered) = std::sync::mpsc::channel();
    let (leave, may_leave) = std::sync::mpsc::channel::<()>();
    let begun = store.clone();
    let begun = std::thread::spawn(move || {
        begun.commit_blocking(move |tx| {
            tx.append(started());
            enter.send(()).expect("test waits");
            may_leave.recv().expect("test tells");
            Ok::<_, &str>(())
        })
    });
    entered.recv().expect("it is running");
    let behind = || Work::new(|tx: &mut Tx<'_>| Ok::<_, &str>(tx.append(started())));
    let (job, same_group) = behind();
    store.enqueue::<&str>(Message::Job(Box::new(job))).expect("has room");
    let (job, alone) = behind();
    store.enqueue::<&str>(Message::Alone(Box::new(job))).expect("has room");
    let secret = SigningSecret::new(&home.seed, Algorithm::Ed25519).expect("signs");
    let longer = Checkpoint { origin: ORIGIN.into(), size: 5, root: [1; 32] }.sign(&secret);
    store.freeze(&longer).expect("kept");
    leave.send(()).expect("the first waits");
    assert!(matches!(begun.join().expect("ends"), Err(CommitError::Frozen)));
    for outcome in [same_group, alone] {
        let outcome = outcome.blocking_recv().expect("told");
        assert!(matches!(outcome, Err(CommitError::Frozen)), "{outcome:?}");
    }
    assert_eq!(store.head().checkpoint.size, 1);
    store.stop();
    drop(store);
    let (store, opened) = home.open();
    assert_eq!((opened.frozen, opened.entries), (Some(longer), 1));
    home.check(&store);
}

#[test]
fn a_beginning_that_is_cut_off_takes_nothing() {
    let lost = Lost::new();
    fs::remove_dir_all(lost.home.data().join("journal")).expect("removed");
    fs::remove_dir_all(lost.home.data().join("index")).expect("removed");
    fs::remove_file(lost.home.mark()).expect("removed");
    let kept = fs::read(lost.home.data().join("slots")).expect("reads");
    let behind = Behind { from_nothing: true, ..lost.behind() };
    drop(Store::open_behind(lost.home.settings(), &behind).expect("begins"));
    let (store, opened) = lost.home.open();
    assert_eq!(opened.frozen.as_ref(), Some(&lost.note));
    assert!(matches!(step(&store, 9), Err(CommitError::Frozen)));
    let aside = fs::read(lost.home.data().join("slots.aside-1")).expect("kept");
    assert_eq!(aside, kept, "a copy of the journal may turn up");
}
