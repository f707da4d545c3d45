//! Random histories against a model that is a map and a list.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const TABLES: [Table; 2] = [Table::Messages, Table::Outbox];

/// One thing that a transaction does.
#[derive(Clone, Debug)]
enum Action {
    Put(u8, u8, u8),
    Delete(u8, u8),
    Append(bool),
    Body(u8),
    Erase(u8),
}

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Action>),
    Reject(Vec<Action>),
    /// Several at once, in one frame or in a few.
    Group(Vec<(Vec<Action>, bool)>),
    Stop,
    Kill,
    LoseIndex,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        (0..2u8, 0..12u8, any::<u8>()).prop_map(|(t, k, v)| Action::Put(t, k, v)),
        (0..2u8, 0..12u8).prop_map(|(t, k)| Action::Delete(t, k)),
        any::<bool>().prop_map(Action::Append),
        any::<u8>().prop_map(Action::Body),
        any::<u8>().prop_map(Action::Erase),
    ]
}

fn actions() -> impl Strategy<Value = Vec<Action>> {
    prop::collection::vec(action(), 0..6)
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let group = prop::collection::vec((actions(), any::<bool>()), 1..5);
    let step = prop_oneof![
        8 => actions().prop_map(Step::Commit),
        2 => actions().prop_map(Step::Reject),
        4 => group.prop_map(Step::Group),
        1 => Just(Step::Stop),
        1 => Just(Step::Kill),
        1 => Just(Step::LoseIndex),
    ];
    prop::collection::vec(step, 1..24)
}

/// What must be in the store.
#[derive(Clone, Default)]
struct Model {
    rows: BTreeMap<(u8, u8), Vec<u8>>,
    entries: Vec<Vec<u8>>,
    bodies: Vec<Option<Vec<u8>>>,
    peer_entries: u64,
}

impl Model {
    fn apply(&mut self, actions: &[Action], entries: &[(u64, Vec<u8>)]) {
        for action in actions {
            match *action {
                Action::Put(t, k, v) => drop(self.rows.insert((t, k), vec![v; usize::from(v)])),
                Action::Delete(t, k) => drop(self.rows.remove(&(t, k))),
                Action::Append(_) => {}
                Action::Body(n) => self.bodies.push(Some(vec![n; usize::from(n) * 20])),
                Action::Erase(n) => {
                    let slots = self.bodies.len();
                    if let Some(body) = self.bodies.get_mut(usize::from(n) % slots.max(1)) {
                        *body = None;
                    }
                }
            }
        }
        for (index, entry) in entries {
            assert_eq!(*index, self.entries.len() as u64);
            let parsed = Entry::parse(entry).expect("an entry");
            self.peer_entries += u64::from(parsed.peer.is_some());
            let number = parsed.peer.is_some().then_some(self.peer_entries);
            assert_eq!(parsed.peer_seq, number);
            self.entries.push(entry.clone());
        }
    }

    fn check(&self, home: &Home, store: &Store) {
        home.check(store);
        assert_eq!(store.entries(0, 10_000).expect("reads"), self.entries);
        for (t, table) in (0..).zip(TABLES) {
            let wanted: Vec<Row> = (self.rows.iter().filter(|((of, _), _)| *of == t))
                .map(|((_, key), value)| (vec![*key], value.clone()))
                .collect();
            let scanned = store.scan(table, b"", None, Direction::Forward, 100).expect("scans");
            assert_eq!(scanned, wanted);
            for key in 0..12 {
                let value = store.get(table, &[key]).expect("reads");
                assert_eq!(value.as_ref(), self.rows.get(&(t, key)));
            }
        }
        for (slot, body) in (0..).zip(&self.bodies) {
            assert_eq!(store.body(BodySlot(slot)).expect("reads"), *body);
        }
        let beyond = store.body(BodySlot(self.bodies.len() as u64));
        assert!(matches!(beyond, Err(StoreFault::NoSuchSlot(_))));
    }
}

fn perform(tx: &mut Tx<'_>, actions: &[Action], slots: &mut u64) {
    for action in actions {
        match *action {
            Action::Put(t, k, v) => tx.put(TABLES[usize::from(t)], &[k], vec![v; usize::from(v)]),
            Action::Delete(t, k) => tx.delete(TABLES[usize::from(t)], &[k]),
            Action::Append(true) => {
                tx.append(about("xb.moj"));
            }
            Action::Append(false) => {
                tx.append(started());
            }
            Action::Body(n) => *slots = tx.body(vec![n; usize::from(n) * 20]).0 + 1,
            Action::Erase(n) if *slots > 0 => tx.erase(BodySlot(u64::from(n) % *slots)),
            Action::Erase(_) => {}
        }
    }
}

/// Enqueues all at once, then lets the model follow in the same order.
fn commit(store: &Store, model: &mut Model, group: &[(Vec<Action>, bool)]) {
    let slots = Arc::new(AtomicI64::new(model.bodies.len() as i64));
    let mut outcomes = Vec::new();
    for (actions, keep) in group.iter().cloned() {
        let slots = slots.clone();
        let (job, outcome) = Work::new(move |tx: &mut Tx<'_>| {
            let mut seen = slots.load(Ordering::Relaxed) as u64;
            perform(tx, &actions, &mut seen);
            if !keep {
                return Err("rejected");
            }
            slots.store(seen as i64, Ordering::Relaxed);
            Ok(())
        });
        store.enqueue::<&str>(Message::Job(Box::new(job))).expect("has room");
        outcomes.push(outcome);
    }
    for (outcome, (actions, keep)) in outcomes.into_iter().zip(group) {
        match outcome.blocking_recv().expect("told") {
            Ok(committed) if *keep => model.apply(actions, committed.entries()),
            Err(CommitError::Rejected("rejected")) if !*keep => {}
            other => panic!("{other:?}"),
        }
    }
}

fn reopen(home: Home, store: Store, step: &Step) -> (Home, Store) {
    let home = match step {
        Step::Stop => {
            store.stop();
            drop(store);
            home
        }
        Step::Kill => {
            let copy = home.killed();
            drop(store);
            copy
        }
        _ => {
            drop(store);
            fs::remove_dir_all(home.data().join("index")).expect("removes");
            home
        }
    };
    let (store, _) = home.open();
    (home, store)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn the_store_is_its_model(steps in steps()) {
        let mut home = Home::with_segments(16 << 10);
        let mut store = home.create();
        let mut model = Model::default();
        for step in &steps {
            match step {
                Step::Commit(actions) => commit(&store, &mut model, &[(actions.clone(), true)]),
                Step::Reject(actions) => commit(&store, &mut model, &[(actions.clone(), false)]),
                Step::Group(group) => commit(&store, &mut model, group),
                Step::Stop | Step::Kill | Step::LoseIndex => {
                    (home, store) = reopen(home, store, step);
                    model.check(&home, &store);
                }
            }
        }
        model.check(&home, &store);
    }
}
