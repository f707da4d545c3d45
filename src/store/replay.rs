//! Applying the journal's frames to the index after a stop, through the same function as commits.

use super::OpenError;
use super::apply::{self, Durable, Ended, Grown};
use super::index::{Batch, Index};
use super::journal::recover::{Cursor, End, Recovery, Replayed};
use super::limits::REPLAY_BATCH_BYTES;
use super::slots::BodySlot;
use super::tree::Tree;
use super::{Progress, StoreFault};
use crate::pb::store::v1::{Applied, Commit, Succession};

/// Where the journal ends, and the state of the log there.
pub(super) struct Position {
    pub(super) end: End,
    /// Of the last frame; 0 where there is none.
    pub(super) sequence: u64,
    /// The newest log, its origin, and its entries.
    pub(super) log: u32,
    pub(super) origin: String,
    pub(super) size: u64,
    pub(super) at_ms: i64,
    pub(super) next_slot: u64,
    /// Slots whose erasure must be repeated: the node may have stopped between frame and slot.
    pub(super) erased: Vec<BodySlot>,
    /// Frames that were applied now.
    pub(super) replayed: u64,
}

impl Position {
    /// Before the first frame of a store whose first log has this origin.
    pub(super) fn start(origin: &str) -> Self {
        Self {
            end: End { cursor: Cursor::START, torn: 0, torn_segment: None },
            sequence: 0,
            log: 0,
            origin: origin.to_owned(),
            size: 0,
            at_ms: 0,
            next_slot: 0,
            erased: Vec::new(),
            replayed: 0,
        }
    }
}

/// One pass over the journal.
pub(super) struct Replay<'a> {
    index: &'a Index,
    tree: Tree,
    batch: Batch,
    position: Position,
    /// What the index says of the frame that the pass begins with; none in an empty index.
    expected: Option<Applied>,
    differs: bool,
    progress: &'a (dyn Fn(Progress) + Send + Sync),
    recovery: &'a Recovery,
}

impl<'a> Replay<'a> {
    pub(super) fn new(
        index: &'a Index,
        tree: Tree,
        expected: Option<Applied>,
        progress: &'a (dyn Fn(Progress) + Send + Sync),
        recovery: &'a Recovery,
    ) -> Self {
        let mut position = Position::start(recovery.origin());
        if let Some(Applied { log, origin, .. }) = &expected {
            position.log = *log;
            if !origin.is_empty() {
                position.origin.clone_from(origin);
            }
        }
        let batch = Batch::default();
        Self { index, tree, batch, position, expected, differs: false, progress, recovery }
    }

    /// Walks from a place to the journal's end.
    pub(super) fn run(&mut self, from: Cursor) -> Result<(), OpenError> {
        let recovery = self.recovery;
        self.position.end = recovery.walk(from, |frame| self.frame(frame))?;
        Ok(())
    }

    /// What the index has applied and the walk did not find.
    pub(super) fn not_found(&self) -> Option<Applied> {
        self.expected.clone()
    }

    /// Whether the index has applied another frame than the one that stands in the journal.
    pub(super) fn differs(&self) -> bool {
        self.differs
    }

    /// The tree and the position at the end; everything is applied then.
    pub(super) fn finish(mut self) -> Result<(Tree, Position), StoreFault> {
        self.flush()?;
        Ok((self.tree, self.position))
    }

    fn frame(&mut self, frame: Replayed) -> Result<(), OpenError> {
        if self.differs {
            return Ok(());
        }
        match self.expected.take() {
            Some(applied) => self.compare(&applied, &frame),
            None => self.apply(&frame)?,
        }
        self.position.sequence = frame.sequence;
        self.position.size = frame.commit.tree_size;
        self.position.at_ms = frame.commit.at_ms;
        self.position.next_slot = frame.commit.next_slot;
        // Also of the frame that was applied: applied says nothing about slots after all.
        let erased = frame.commit.erased_slots.iter().copied().map(BodySlot);
        self.position.erased.extend(erased);
        Ok(())
    }

    fn compare(&mut self, applied: &Applied, frame: &Replayed) {
        let commit = &frame.commit;
        self.differs = applied.log != commit.log
            || applied.tree_size != commit.tree_size
            || applied.tree_root != commit.tree_root
            || applied.next_slot != commit.next_slot
            || applied.end != frame.end;
    }

    fn apply(&mut self, frame: &Replayed) -> Result<(), OpenError> {
        let Replayed { sequence, place, end, commit } = frame;
        let damaged = |what| self.recovery.damaged(place.segment, place.offset, what);
        if !self.follows(commit) {
            return Err(damaged("it does not follow the frame before it"));
        }
        let ended = match &commit.succession {
            Some(succession) => match self.end_log(succession) {
                Some(ended) => Some(ended),
                None => {
                    return Err(damaged("the log that it ends has another root than it states"));
                }
            },
            None => None,
        };
        let growth = self.tree.grow(&commit.entries);
        if growth.size != commit.tree_size || growth.root[..] != commit.tree_root[..] {
            return Err(damaged("its entries do not give the root that it states"));
        }
        let (sequence, place, end) = (*sequence, *place, *end);
        let grown = Grown { ended: ended.as_ref(), growth: &growth };
        let origin = &self.position.origin;
        let durable = Durable { sequence, place, end, commit, grown, origin };
        apply::apply(&durable, &mut self.batch)?;
        self.position.replayed += 1;
        if self.batch.bytes() >= REPLAY_BATCH_BYTES {
            self.flush()?;
            let of = self.recovery.segments().last().copied().unwrap_or_default();
            let (segment, entries) = (place.segment, growth.size);
            (self.progress)(Progress::Replaying { segment, of, entries });
        }
        Ok(())
    }

    /// Grows the log by its last entry and turns to the next one; `None` where that does not lead to
    /// what the record states.
    fn end_log(&mut self, succession: &Succession) -> Option<Ended> {
        let growth = self.tree.grow(std::slice::from_ref(&succession.sealed_entry));
        if growth.size != succession.sealed_size || growth.root[..] != succession.sealed_root[..] {
            return None;
        }
        let origin = std::mem::replace(&mut self.position.origin, succession.origin.clone());
        let entry = succession.sealed_entry.clone();
        let ended = Ended { log: self.position.log, origin, entry, growth };
        self.tree = Tree::new();
        self.position.log += 1;
        Some(ended)
    }

    /// Whether the numbers in a record go on from those before.
    fn follows(&self, commit: &Commit) -> bool {
        let slots = self.position.next_slot.checked_add(commit.body_bytes.len() as u64);
        let (log, before) = match commit.succession {
            Some(_) => (self.position.log + 1, 0),
            None => (self.position.log, self.tree.size()),
        };
        let size = before.checked_add(commit.entries.len() as u64);
        slots == Some(commit.next_slot)
            && log == commit.log
            && size == Some(commit.tree_size)
            && commit.at_ms >= self.position.at_ms
            && commit.erased_slots.iter().all(|slot| *slot < commit.next_slot)
    }

    fn flush(&mut self) -> Result<(), StoreFault> {
        let batch = std::mem::take(&mut self.batch);
        if batch.bytes() == 0 { Ok(()) } else { self.index.apply(batch) }
    }
}
