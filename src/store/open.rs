//! Opening: what is believed after a stop, what is rebuilt, and when a node must not start.
//!
//! Nothing is cut, overwritten or appended before every guard has agreed.

use std::path::PathBuf;
use std::sync::Arc;

use super::catch_up::{Caught, catch_up};
use super::commit::Writer;
use super::files::{LastStop, Lock, StateFile, create_dir, untried_file_system};
use super::frozen::Frozen;
use super::index::Index;
use super::job::StopState;
use super::journal::ahead::Ahead;
use super::journal::disk::{self, Wrap};
use super::journal::recover::Recovery;
use super::journal::segment::Owner;
use super::journal::{self, Journal, Reader, RecordKey};
use super::limits::{RESERVE_BYTES, SEGMENT_MAX_BYTES, SEGMENT_MIN_BYTES};
use super::mark::{HighWater, Mark};
use super::query::{Head, View, cached};
use super::replay::Position;
use super::slots::Slots;
use super::tree::{Tree, read_node};
use super::{Behind, OpenError, Opened, Settings, Sign, Store, StoreFault, apply};
use crate::audit::Position as Place;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::merkle::root_at;
use crate::domain::Timestamp;
use crate::pb::store::v1::SealedLog;

/// What lies where.
pub(super) struct Paths {
    data: PathBuf,
    journal: PathBuf,
    pub(super) index: PathBuf,
    slots: PathBuf,
    reserve: PathBuf,
}

impl Paths {
    fn new(settings: &Settings) -> Self {
        let data = settings.data.clone();
        let at = |name: &str| data.join(name);
        let (journal, index) = (at("journal"), at("index"));
        let (slots, reserve) = (at("slots"), at("reserve"));
        Self { data, journal, index, slots, reserve }
    }
}

/// Makes the store of a new home and opens it.
pub(super) fn create(settings: Settings, wrap: Wrap) -> Result<(Store, Opened), OpenError> {
    check(&settings)?;
    let paths = Paths::new(&settings);
    create_dir(&paths.data)?;
    let lock = Lock::take(&paths.data.join("lock"))?;
    let owner = Owner::new(&settings.home, &settings.origin);
    let recovery = recovery(&settings, &paths, &owner)?;
    if !recovery.is_unused()? {
        return Err(OpenError::Exists { data: paths.data });
    }
    // A directory that was emptied must not begin the same log again.
    let mark = Mark::open(&settings.mark, owner.origin)?;
    let position = Position::start(&settings.origin);
    not_behind(&mark, &settings, &position)?;
    Slots::create(&paths.slots, &settings.home, owner.origin)?;
    // Last, because from here on this is a store.
    journal::create(&paths.journal, &owner, settings.segment_bytes)?;
    open_locked(settings, wrap, lock, None)
}

/// Opens a store that may be behind what is known of its log; begins an empty one where that is
/// wanted. The same steps as in [`create`], but that the mark may know more.
pub(super) fn open_behind(
    settings: Settings,
    behind: &Behind,
) -> Result<(Store, Opened), OpenError> {
    check(&settings)?;
    let paths = Paths::new(&settings);
    if behind.from_nothing {
        create_dir(&paths.data)?;
    } else if !settings.data.is_dir() {
        return Err(OpenError::Missing { data: settings.data });
    }
    let lock = Lock::take(&paths.data.join("lock"))?;
    let frozen = Frozen::open(&settings.mark)?;
    let was_frozen = frozen.why().is_some();
    // Before anything changes: from here on a crash leaves a store that takes nothing.
    frozen.freeze(&behind.note, false)?;
    if behind.from_nothing {
        begin_unused(&settings, &paths)?;
    }
    let opened = open_locked(settings, disk::plain(), lock, Some(behind));
    // These are found before anything is changed.
    let untouched = matches!(
        opened,
        Err(OpenError::Missing { .. } | OpenError::WrongKey { .. } | OpenError::OtherLog { .. })
    );
    if untouched && !was_frozen && !behind.from_nothing {
        frozen.thaw()?;
    }
    opened
}

/// Begins an empty journal where there is none. Keys of bodies that are still there stay, aside: a
/// copy of the journal that they belong to may turn up.
fn begin_unused(settings: &Settings, paths: &Paths) -> Result<(), OpenError> {
    let owner = Owner::new(&settings.home, &settings.origin);
    if !recovery(settings, paths, &owner)?.is_unused()? {
        return Ok(());
    }
    if paths.slots.exists() {
        let aside = |n: u32| paths.data.join(format!("slots.aside-{n}"));
        let taken = (1..).take_while(|n| aside(*n).exists()).last().unwrap_or(0);
        let moved = std::fs::rename(&paths.slots, aside(taken + 1));
        moved.map_err(StoreFault::io("set aside", &paths.slots))?;
    }
    Slots::create(&paths.slots, &settings.home, owner.origin)?;
    Ok(journal::create(&paths.journal, &owner, settings.segment_bytes)?)
}

/// Opens the store of a home.
pub(super) fn open(settings: Settings, wrap: Wrap) -> Result<(Store, Opened), OpenError> {
    check(&settings)?;
    if !settings.data.is_dir() {
        return Err(OpenError::Missing { data: settings.data });
    }
    let lock = Lock::take(&settings.data.join("lock"))?;
    open_locked(settings, wrap, lock, None)
}

fn check(settings: &Settings) -> Result<(), OpenError> {
    let refuse = |what| Err(OpenError::Settings(what));
    if settings.mark.starts_with(&settings.data) {
        return refuse(
            "the high-water mark lies inside the data directory, and would go back with it",
        );
    }
    if !(SEGMENT_MIN_BYTES..=SEGMENT_MAX_BYTES).contains(&settings.segment_bytes) {
        return refuse("a journal segment has 16 KiB to 1 GiB");
    }
    Ok(())
}

fn recovery(settings: &Settings, paths: &Paths, owner: &Owner) -> Result<Recovery, OpenError> {
    let key = RecordKey::new(&settings.home, owner);
    Recovery::new(&paths.journal, &settings.origin, owner.clone(), key)
}

fn open_locked(
    settings: Settings,
    wrap: Wrap,
    lock: Lock,
    behind: Option<&Behind>,
) -> Result<(Store, Opened), OpenError> {
    let paths = Paths::new(&settings);
    let owner = Owner::new(&settings.home, &settings.origin);
    let recovery = recovery(&settings, &paths, &owner)?;
    if recovery.segments().is_empty() {
        if behind.is_none() {
            let mark = Mark::open(&settings.mark, owner.origin)?;
            not_behind(&mark, &settings, &Position::start(&settings.origin))?;
        }
        return Err(OpenError::Missing { data: paths.data });
    }
    // A wrong key or log is found here, before anything is called damaged or set aside for it.
    recovery.identify()?;
    let mut mark = Mark::open(&settings.mark, owner.origin)?;
    // The index cannot open on a full disk: this is for it.
    super::files::remove_if_there(&paths.reserve)?;
    let state = StateFile::new(&paths.data);
    let last = state.read();
    let may_be_ahead = behind.is_some().then_some(&mut mark);
    let caught = catch_up(&settings, &paths, &recovery, &state, last, may_be_ahead)?;
    let mark_is_ahead = match guard(&mark, &settings, &caught) {
        Err(OpenError::RolledBack { held_size, found_size, .. }) if behind.is_some() => {
            held_size > found_size
        }
        agreed => agreed.map(|()| false)?,
    };
    let frozen = Frozen::open(&settings.mark)?;
    // Every guard has agreed: now the disk may change.
    recovery.cut(&caught.position.end)?;
    let Caught { index, tree, position, rebuilt, .. } = caught;
    let slots = Slots::open(&paths.slots, &settings.home, owner.origin, position.next_slot)?;
    slots.erase(&position.erased)?;
    if rebuilt.is_some() {
        index.sync()?;
    }
    let end = Place::new(position.log, tree.size());
    let high = HighWater { sequence: position.sequence, end, root: tree.root() };
    let mark_missing = mark.last().is_none() && position.sequence > 0;
    if mark.last() != Some(high) && !mark_is_ahead {
        mark.raise(high)?;
    }
    let ahead = mark.last().filter(|_| mark_is_ahead).map(|known| (known.end, known.root));
    let opened = Opened {
        frozen: frozen.why().map(|note| note.to_string()),
        recovered: last != LastStop::Clean && position.sequence > 0,
        rebuilt: rebuilt.filter(|_| position.replayed > 0),
        torn_bytes: position.end.torn,
        replayed: position.replayed,
        entries: tree.size(),
        logs: position.log + 1,
        ahead,
        mark_missing,
        file_system: untried_file_system(&paths.data),
    };
    opened.trace();
    let slots = Arc::new(slots);
    let parts = Parts { paths, owner, mark, frozen, index, slots, tree, position, state };
    Ok((start(settings, wrap, lock, parts)?, opened))
}

/// Compares what was found with the mark (I3).
fn guard(mark: &Mark, settings: &Settings, caught: &Caught) -> Result<(), OpenError> {
    not_behind(mark, settings, &caught.position)?;
    let Some(high) = mark.last() else { return Ok(()) };
    let mut tiles = cached(&caught.index, high.end.log);
    let root = root_at(high.end.index, |node| read_node(node, &mut tiles))?;
    if root == high.root {
        Ok(())
    } else {
        Err(OpenError::OtherHistory { mark: settings.mark.clone(), size: high.end.index })
    }
}

fn not_behind(mark: &Mark, settings: &Settings, found: &Position) -> Result<(), OpenError> {
    let end = Place::new(found.log, found.size);
    match mark.last() {
        Some(high) if high.sequence > found.sequence || high.end > end => {
            Err(OpenError::RolledBack {
                held_by: format!("the high-water mark {}", settings.mark.display()),
                held_size: high.end,
                held_sequence: high.sequence,
                found_size: end,
                found_sequence: found.sequence,
            })
        }
        _ => Ok(()),
    }
}

struct Parts {
    paths: Paths,
    owner: Owner,
    mark: Mark,
    frozen: Frozen,
    index: Index,
    slots: Arc<Slots>,
    tree: Tree,
    position: Position,
    state: StateFile,
}

/// Starts the threads.
fn start(settings: Settings, wrap: Wrap, lock: Lock, parts: Parts) -> Result<Store, OpenError> {
    let Parts { paths, owner, mark, frozen, index, slots, tree, position, state } = parts;
    let Settings { home, sign, clock, segment_bytes, .. } = settings;
    let (log, origin) = (position.log, position.origin);
    let checkpoint = Checkpoint { origin: origin.clone(), size: tree.size(), root: tree.root() };
    let head = Head { log, note: sign(&checkpoint), checkpoint };
    let sealed = sealed_heads(&index, log, &sign)?;
    let key = RecordKey::new(&home, &owner);
    let reader = Reader::new(&paths.journal, key.clone());
    let view = Arc::new(View::new(index, slots.clone(), reader, home, sealed, head));
    let mut ahead = Ahead::start(paths.journal.clone(), slots)?;
    ahead.ask_reserve(paths.reserve, RESERVE_BYTES.min(segment_bytes));
    let dir = &paths.journal;
    let cursor = position.end.cursor;
    let journal = Journal::resume(dir, owner, key, ahead, segment_bytes, cursor, wrap)?;
    let stop = Arc::new(StopState::default());
    let writer = Writer {
        view: view.clone(),
        journal,
        tree,
        mark,
        frozen: Arc::new(frozen),
        sign,
        clock,
        log,
        origin,
        at: Timestamp::from_unix_ms(position.at_ms),
        next_slot: position.next_slot,
        stop: stop.clone(),
        state,
    };
    Ok(Store::start(view, stop, writer, lock)?)
}

/// How the logs before `log` have ended. Signed again, with the same bytes as ever (I3).
fn sealed_heads(index: &Index, log: u32, sign: &Sign) -> Result<Vec<Head>, StoreFault> {
    let sealed = apply::read_sealed(index, log)?.unwrap_or_default();
    let head = |(log, sealed): (u32, SealedLog)| {
        let root = sealed.root.as_slice().try_into().map_err(|_| StoreFault::Tree)?;
        let checkpoint = Checkpoint { origin: sealed.origin, size: sealed.size, root };
        Ok(Head { log, note: sign(&checkpoint), checkpoint })
    };
    (0..).zip(sealed).map(head).collect()
}
