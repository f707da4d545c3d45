//! Killed, cut, damaged, rolled back: what opens, what is rebuilt, and what is refused.

use std::os::unix::fs::FileExt as _;

use super::super::journal::recover::{Cursor, Recovery};
use super::super::journal::segment::Owner;
use super::super::journal::{RecordKey, frame};
use super::*;

const TWO: Position = Position { log: 0, index: 2 };
const THREE: Position = Position { log: 0, index: 3 };

/// A store that was stopped after `clean` steps and killed after `more` of them.
fn killed_after(clean: u64, more: u64) -> Home {
    let home = Home::new();
    let store = home.create();
    (0..clean).for_each(|number| drop(step(&store, number).expect("commits")));
    store.stop();
    drop(store);
    copy_dir(&home.data().join("index"), &home.data().join("index.stopped"));
    let (store, _) = home.open();
    (clean..clean + more).for_each(|number| drop(step(&store, number).expect("commits")));
    let copy = home.killed();
    store.stop();
    copy
}

fn alter(path: &Path, at: u64, change: impl FnOnce(u8) -> u8) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).expect("opens");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("reads");
    file.write_all_at(&[change(byte[0])], at).expect("writes");
}

fn flip(path: &Path, at: u64) {
    alter(path, at, |byte| byte ^ 1);
}

/// What happens to the bytes of a segment.
type Damage<'a> = &'a dyn Fn(&mut Vec<u8>);

/// Where each frame of a segment begins, and where the last one ends.
fn frames(path: &Path) -> Vec<u64> {
    let bytes = fs::read(path).expect("reads");
    let mut at = vec![4096];
    while let Ok(found) = frame::read(&bytes, *at.last().expect("one") as usize) {
        at.push(at.last().expect("one") + found.span);
    }
    at
}

#[test]
fn a_killed_store_has_every_commit_and_applies_only_the_tail() {
    let home = killed_after(5, 4);
    // The oldest index that can be left: that of the last clean stop.
    fs::remove_dir_all(home.data().join("index")).expect("removes");
    copy_dir(&home.data().join("index.stopped"), &home.data().join("index"));
    let (store, opened) = home.open();
    assert_eq!((opened.recovered, opened.rebuilt, opened.torn_bytes), (true, None, 0));
    assert_eq!((opened.replayed, opened.entries), (4, 9));
    assert!((0..9).all(|number| has_step(&store, number)));
    home.check(&store);
    step(&store, 9).expect("goes on");
}

#[test]
fn after_another_boot_the_index_is_rebuilt_unless_the_stop_was_clean() {
    let home = killed_after(3, 2);
    fs::write(home.data().join("state"), "running another-boot").expect("writes");
    let (store, opened) = home.open();
    assert!(opened.rebuilt.expect("rebuilt").contains("gone down"));
    assert_eq!(opened.replayed, 5);
    assert!((0..5).all(|number| has_step(&store, number)));
    home.check(&store);
    store.stop();
    drop(store);
    fs::write(home.data().join("state"), "stopped another-boot").expect("writes");
    let (_, opened) = home.open();
    assert_eq!((opened.rebuilt, opened.replayed, opened.recovered), (None, 0, false));
}

#[test]
fn a_torn_tail_is_cut_wherever_it_was_torn() {
    let home = killed_after(2, 2);
    let path = home.segment(1);
    let whole = fs::read(&path).expect("reads");
    let at = frames(&path);
    let (start, end) = (at[3] as usize, at[4] as usize);
    let written = start + whole[start..end].iter().rposition(|b| *b != 0).expect("bytes") + 1;
    let owner = Owner::new(&home.key, ORIGIN);
    // Every length, by recovery alone; in a torn write any part may be missing, so from both ends.
    for kept in start..written {
        for keep_front in [true, false] {
            let mut torn = whole.clone();
            if keep_front {
                torn[kept..end].fill(0)
            } else {
                torn[start..=kept].fill(0)
            }
            fs::write(&path, &torn).expect("writes");
            let key = RecordKey::new(&home.key, &owner);
            let dir = home.data().join("journal");
            let recovery = Recovery::new(&dir, ORIGIN, owner.clone(), key).expect("lists");
            let mut found = 0;
            let end = recovery.walk(Cursor::START, |_| {
                found += 1;
                Ok(())
            });
            let end = end.expect("walks");
            assert_eq!((found, end.cursor.offset), (3, start as u64), "byte {kept}");
            recovery.cut(&end).expect("cuts");
            assert_eq!(fs::read(&path).expect("reads")[start..], vec![0; whole.len() - start]);
        }
    }
}

#[test]
fn a_store_with_a_torn_tail_opens_without_it_and_goes_on() {
    let home = Home::new();
    let store = home.create();
    (0..3).for_each(|number| drop(step(&store, number).expect("commits")));
    let acknowledged = home.killed();
    step(&store, 3).expect("commits");
    let at = frames(&home.segment(1));
    let frame = fs::read(home.segment(1)).expect("reads")[at[3] as usize..at[4] as usize].to_vec();
    let written = frame.iter().rposition(|byte| *byte != 0).expect("bytes") + 1;
    for kept in [0, 1, 31, 32, 200, written - 1, frame.len()] {
        let copy = acknowledged.killed();
        let file = fs::OpenOptions::new().write(true).open(copy.segment(1)).expect("opens");
        file.write_all_at(&frame[..kept], at[3]).expect("writes");
        let (store, opened) = copy.open();
        let whole = kept == frame.len();
        assert!((0..3).all(|number| has_step(&store, number)), "acknowledged");
        assert_eq!(has_step(&store, 3), whole, "{kept} bytes");
        assert_eq!(opened.torn_bytes > 0, kept > 0 && !whole);
        copy.check(&store);
        step(&store, 3 + u64::from(whole)).expect("goes on");
        drop(store);
        let (store, opened) = copy.open();
        assert_eq!(opened.torn_bytes, 0);
        assert!(has_step(&store, 3));
        copy.check(&store);
    }
}

#[test]
fn damage_before_a_valid_frame_is_refused_and_nothing_is_touched() {
    let home = killed_after(0, 4);
    // With an index, only what it has not applied is read.
    fs::remove_dir_all(home.data().join("index")).expect("removes");
    let path = home.segment(1);
    let whole = fs::read(&path).expect("reads");
    let at = frames(&path);
    let zero = |bytes: &mut Vec<u8>, from: u64, to: u64| bytes[from as usize..to as usize].fill(0);
    let defects: [(&str, Damage<'_>); 5] = [
        ("a bit of a record", &|b| b[at[1] as usize + 40] ^= 1),
        ("a bit of a length", &|b| b[at[1] as usize + 18] ^= 1),
        ("a zeroed header", &|b| zero(b, at[1], at[1] + 32)),
        ("a zeroed block", &|b| zero(b, at[1], at[2])),
        ("an earlier frame again", &|b| {
            b.copy_within(at[0] as usize..at[1] as usize, at[1] as usize)
        }),
    ];
    for (defect, damage) in defects {
        let mut bytes = whole.clone();
        damage(&mut bytes);
        fs::write(&path, &bytes).expect("writes");
        let refused = home.refused();
        let OpenError::Damaged { path: named, offset, .. } = &refused else {
            panic!("{defect}: {refused:?}")
        };
        assert_eq!((named, *offset), (&path, at[1]), "{defect}");
        assert_eq!(fs::read(&path).expect("reads"), bytes, "{defect}: nothing is cut");
    }
    fs::write(&path, &whole).expect("writes");
    let (store, _) = home.open();
    home.check(&store);
}

#[test]
fn an_altered_frame_with_a_right_checksum_is_refused() {
    let home = killed_after(0, 3);
    let path = home.segment(1);
    let at = frames(&path)[2] as usize;
    let mut bytes = fs::read(&path).expect("reads");
    bytes[at + 40] ^= 1;
    let (record, bodies) =
        frame::lengths(bytes[at..].first_chunk().expect("a header")).expect("lengths");
    let end = at + 32 + (record + bodies) as usize;
    let crc = crc32c::crc32c_append(crc32c::crc32c(&bytes[at..at + 28]), &bytes[at + 32..end]);
    bytes[at + 28..at + 32].copy_from_slice(&crc.to_be_bytes());
    fs::write(&path, &bytes).expect("writes");
    assert!(home.refused().to_string().contains("altered"));
}

#[test]
fn the_journal_rolls_and_every_segment_counts() {
    let home = Home::with_segments(16 << 10);
    let store = home.create();
    (0..12).for_each(|number| drop(step(&store, number).expect("commits")));
    let copy = home.killed();
    assert!(copy.segment(4).exists(), "three frames a segment");
    fs::remove_dir_all(copy.data().join("index")).expect("removes");
    let (rebuilt, opened) = copy.open();
    assert_eq!((opened.replayed, opened.entries), (12, 12));
    assert!((0..12).all(|number| has_step(&rebuilt, number)));
    copy.check(&rebuilt);
    step(&rebuilt, 12).expect("goes on");
    drop(rebuilt);
    for missing in [1, 2, 3] {
        let lost = home.killed();
        fs::remove_file(lost.segment(missing)).expect("removes");
        let OpenError::Damaged { path, .. } = lost.refused() else { panic!("not noticed") };
        assert_eq!(path, lost.segment(missing));
    }
    let gap = home.killed();
    let last = *frames(&gap.segment(2)).iter().rev().nth(1).expect("a frame");
    let mut bytes = fs::read(gap.segment(2)).expect("reads");
    bytes[last as usize..].fill(0);
    fs::write(gap.segment(2), bytes).expect("writes");
    fs::remove_dir_all(gap.data().join("index")).expect("removes");
    assert!(gap.refused().to_string().contains("segment"), "the last frame of a segment");
}

#[test]
fn a_segment_that_was_just_begun_is_begun_again() {
    for torn_header in [0, 20, 4096] {
        let home = Home::with_segments(16 << 10);
        let store = home.create();
        (0..3).for_each(|number| drop(step(&store, number).expect("commits")));
        let copy = home.killed();
        drop(step(&store, 3).expect("rolls"));
        let next = fs::read(home.segment(2)).expect("reads");
        let mut begun = next[..torn_header].to_vec();
        begun.resize(next.len(), 0);
        fs::write(copy.segment(2), begun).expect("writes");
        let (store, opened) = copy.open();
        assert_eq!(opened.entries, 3);
        step(&store, 3).expect("goes on");
        drop(store);
        let (store, _) = copy.open();
        assert!((0..4).all(|number| has_step(&store, number)), "{torn_header}");
        copy.check(&store);
    }
}

#[test]
fn a_rolled_back_directory_is_refused() {
    let home = Home::new();
    let store = home.create();
    (0..2).for_each(|number| drop(step(&store, number).expect("commits")));
    let backup = home.killed();
    (2..5).for_each(|number| drop(step(&store, number).expect("commits")));
    drop(store);
    fs::copy(home.mark(), backup.mark()).expect("copies");
    let refused = backup.refused();
    let OpenError::RolledBack { held_size, found_size, .. } = &refused else { panic!("{refused}") };
    assert_eq!((held_size.index, found_size.index), (5, 2));
    assert!(matches!(backup.refused(), OpenError::RolledBack { .. }), "and stays so");
    // Not even by beginning again.
    fs::remove_dir_all(backup.data()).expect("removes");
    let again = Store::create(backup.settings()).err();
    assert!(matches!(again, Some(OpenError::RolledBack { .. })), "{again:?}");
}

#[test]
fn a_damaged_last_frame_looks_torn_and_the_mark_tells() {
    let home = killed_after(0, 3);
    let last = frames(&home.segment(1))[2];
    flip(&home.segment(1), last + 40);
    let before = fs::read(home.segment(1)).expect("reads");
    assert!(matches!(
        home.refused(),
        OpenError::RolledBack { held_size: THREE, found_size: TWO, .. }
    ));
    assert_eq!(fs::read(home.segment(1)).expect("reads"), before, "the evidence is kept");
    flip(&home.segment(1), last + 40);
    home.check(&home.open().0);
}

#[test]
fn an_index_ahead_of_the_journal_is_a_witness_too() {
    let home = killed_after(3, 0);
    let last = frames(&home.segment(1))[2];
    let mut bytes = fs::read(home.segment(1)).expect("reads");
    bytes[last as usize..].fill(0);
    fs::write(home.segment(1), bytes).expect("writes");
    fs::remove_file(home.mark()).expect("removes");
    let refused = home.refused();
    let OpenError::RolledBack { held_by, held_size: THREE, found_size: TWO, .. } = &refused else {
        panic!("{refused}")
    };
    assert_eq!(held_by, "the index");
}

#[test]
fn an_index_of_another_history_is_rebuilt_and_a_mark_of_one_is_refused() {
    let home = Home::new();
    let store = home.create();
    step(&store, 0).expect("commits");
    store.stop();
    drop(store);
    let other = home.killed();
    for home in [&home, &other] {
        let (store, _) = home.open();
        step(&store, 1).expect("commits");
        store.stop();
    }
    fs::remove_dir_all(home.data().join("index")).expect("removes");
    copy_dir(&other.data().join("index"), &home.data().join("index"));
    let (store, opened) = home.open();
    assert!(opened.rebuilt.expect("rebuilt").contains("another history"));
    home.check(&store);
    drop(store);
    fs::copy(other.mark(), home.mark()).expect("copies");
    assert!(matches!(home.refused(), OpenError::OtherHistory { size: 2, .. }));
}

#[test]
fn a_lost_or_damaged_index_is_rebuilt_equal() {
    let home = killed_after(6, 2);
    let index = home.data().join("index");
    let original = home.elsewhere();
    copy_dir(&home.data(), &original.data());
    fs::copy(home.mark(), original.mark()).expect("copies");
    let damage: [(&str, &dyn Fn()); 5] = [
        ("removed", &|| fs::remove_dir_all(&index).expect("removes")),
        ("no database", &|| fs::write(index.join("db"), b"").expect("writes")),
        ("no configuration", &|| {
            fs::write(index.join("conf"), b"rubbish rubbish").expect("writes")
        }),
        ("doubted", &|| fs::write(index.join("doubt"), b"").expect("writes")),
        ("zeros", &|| {
            let length = fs::metadata(index.join("db")).expect("there").len();
            fs::write(index.join("db"), vec![0; length as usize]).expect("writes");
        }),
    ];
    for (name, damage) in damage {
        let _ = fs::remove_dir_all(home.data());
        copy_dir(&original.data(), &home.data());
        fs::copy(original.mark(), home.mark()).expect("copies");
        damage();
        let (store, opened) = home.open();
        assert_eq!((opened.replayed, opened.rebuilt.is_some()), (8, true), "{name}");
        assert!((0..8).all(|number| has_step(&store, number)), "{name}");
        home.check(&store);
    }
}

#[test]
fn a_wrong_key_and_another_log_are_called_that() {
    let mut home = killed_after(1, 1);
    let key = std::mem::replace(&mut home.key, HomeKey::generate());
    assert!(matches!(home.refused(), OpenError::WrongKey { .. }));
    home.key = key;
    home.origin = "xa.moj/log/2027".to_owned();
    assert!(matches!(home.refused(), OpenError::OtherLog { .. }));
    home.origin = ORIGIN.to_owned();
    fs::write(home.mark(), [0; 1024]).expect("writes");
    assert!(matches!(home.refused(), OpenError::Mark { .. }));
    fs::remove_file(home.mark()).expect("removes");
    let (store, opened) = home.open();
    assert!(opened.mark_missing);
    home.check(&store);
}

#[test]
fn lost_keys_of_bodies_are_called_that() {
    let home = killed_after(2, 0);
    let slots = home.data().join("slots");
    let whole = fs::read(&slots).expect("reads");
    fs::remove_file(&slots).expect("removes");
    assert!(matches!(home.refused(), OpenError::SlotsLost { used: 2, held: 0, .. }));
    fs::write(&slots, &whole).expect("writes");
    flip(&slots, 64 + 20);
    let (store, _) = home.open();
    assert!(matches!(store.body(BodySlot(0)), Err(StoreFault::SlotDamaged(0))));
    assert!(has_step(&store, 1));
}

#[test]
fn an_erasure_that_was_cut_short_is_finished() {
    let home = Home::new();
    let store = home.create();
    let slot = step(&store, 0).expect("commits").value;
    let slots = fs::read(home.data().join("slots")).expect("reads");
    let erase = move |tx: &mut Tx<'_>| {
        tx.erase(slot);
        Ok::<_, &str>(())
    };
    store.commit_blocking(erase).expect("erases");
    let copy = home.killed();
    // As if the machine had stopped between the barrier and the slot.
    fs::write(copy.data().join("slots"), slots).expect("writes");
    let (store, _) = copy.open();
    assert_eq!(store.body(slot).expect("reads"), None);
    assert!(matches!(store.inner.view.slots.read(slot), Ok(super::super::slots::Slot::Erased)));
}
