//! Applying the journal's frames to the index after a stop, through the same function as commits.

use super::OpenError;
use super::apply::{self, Durable};
use super::index::{Batch, Index};
use super::journal::recover::{Cursor, End, Recovery, Replayed};
use super::limits::REPLAY_BATCH_BYTES;
use super::slots::BodySlot;
use super::tree::Tree;
use super::{Progress, StoreFault};
use crate::pb::store::v1::{Applied, Commit};

/// Where the journal ends, and the state of the log there.
pub(super) struct Position {
    pub(super) end: End,
    /// Of the last frame; 0 where there is none.
    pub(super) sequence: u64,
    pub(super) size: u64,
    pub(super) at_ms: i64,
    pub(super) next_slot: u64,
    /// Slots whose erasure must be repeated: the node may have stopped between frame and slot.
    pub(super) erased: Vec<BodySlot>,
    /// Frames that were applied now.
    pub(super) replayed: u64,
}

impl Position {
    /// Before the first frame.
    pub(super) fn start() -> Self {
        Self {
            end: End { cursor: Cursor::START, torn: 0, torn_segment: None },
            sequence: 0,
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
        let position = Position::start();
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
        self.differs = applied.tree_size != commit.tree_size
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
        let growth = self.tree.grow(&commit.entries);
        if growth.size != commit.tree_size || growth.root[..] != commit.tree_root[..] {
            return Err(damaged("its entries do not give the root that it states"));
        }
        let (sequence, place, end) = (*sequence, *place, *end);
        apply::apply(&Durable { sequence, place, end, commit, growth: &growth }, &mut self.batch)?;
        self.position.replayed += 1;
        if self.batch.bytes() >= REPLAY_BATCH_BYTES {
            self.flush()?;
            let of = self.recovery.segments().last().copied().unwrap_or_default();
            let (segment, entries) = (place.segment, growth.size);
            (self.progress)(Progress::Replaying { segment, of, entries });
        }
        Ok(())
    }

    /// Whether the numbers in a record go on from those before.
    fn follows(&self, commit: &Commit) -> bool {
        let slots = self.position.next_slot.checked_add(commit.body_bytes.len() as u64);
        let size = self.tree.size().checked_add(commit.entries.len() as u64);
        slots == Some(commit.next_slot)
            && size == Some(commit.tree_size)
            && commit.at_ms >= self.position.at_ms
            && commit.erased_slots.iter().all(|slot| *slot < commit.next_slot)
    }

    fn flush(&mut self) -> Result<(), StoreFault> {
        let batch = std::mem::take(&mut self.batch);
        if batch.bytes() == 0 { Ok(()) } else { self.index.apply(batch) }
    }
}
