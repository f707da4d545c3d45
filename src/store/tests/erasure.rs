//! What somebody is told of a body that was erased, is being erased, or is lost.

use std::sync::atomic::AtomicBool;

use super::*;

fn erase(store: &Store, slot: BodySlot, says: &'static [u8]) {
    let done = store.commit_blocking(move |tx| {
        tx.erase(slot);
        tx.put(Table::Messages, &slot.0.to_be_bytes(), says);
        tx.append(started());
        Ok::<_, &str>(())
    });
    done.expect("commits");
}

#[test]
fn a_key_that_no_commit_erased_is_a_loss_and_no_erasure() {
    let home = Home::new();
    let store = home.create();
    let slot = step(&store, 0).expect("commits").value;
    store.inner.view.slots.erase(&[slot]).expect("overwritten by somebody");
    let lost = store.body(slot);
    assert!(matches!(lost, Err(StoreFault::SlotErased(0))), "{lost:?}");
    // Said by a commit, it is one.
    erase(&store, slot, b"erased");
    assert_eq!(store.body(slot).expect("reads"), None);
}

#[test]
fn whoever_finds_no_body_finds_the_row_that_says_so() {
    const BODIES: u64 = 300;
    let home = Home::new();
    let store = home.create();
    for number in 0..BODIES {
        step(&store, number).expect("commits");
    }
    let over = Arc::new(AtomicBool::new(false));
    let reader = {
        let (store, over) = (store.clone(), over.clone());
        std::thread::spawn(move || {
            let mut next = 0;
            while next < BODIES && !over.load(Ordering::Acquire) {
                if store.body(BodySlot(next)).expect("reads").is_none() {
                    let row = store.get(Table::Messages, &next.to_be_bytes()).expect("reads");
                    assert_eq!(row.as_deref(), Some(&b"erased"[..]), "body {next}");
                    next += 1;
                }
            }
        })
    };
    for number in 0..BODIES {
        erase(&store, BodySlot(number), b"erased");
    }
    over.store(true, Ordering::Release);
    reader.join().expect("no body was missing without its row");
}

#[test]
fn what_was_erased_stays_so_when_the_slots_come_back_from_a_backup() {
    let home = Home::new();
    let store = home.create();
    let slot = step(&store, 0).expect("commits").value;
    let backup = fs::read(home.data().join("slots")).expect("reads");
    erase(&store, slot, b"erased");
    store.stop();
    drop(store);
    fs::write(home.data().join("slots"), backup).expect("writes");
    fs::remove_dir_all(home.data().join("index")).expect("removes");
    let (store, opened) = home.open();
    assert!(opened.rebuilt.is_some());
    assert_eq!(store.body(slot).expect("reads"), None, "the journal says so");
    let slots = &store.inner.view.slots;
    assert!(matches!(slots.read(slot), Ok(super::super::slots::Slot::Erased)), "erased again");
    home.check(&store);
}
