//! The writer: the one thread that makes commits durable.
//!
//! It takes what is queued, at once when idle and never by a timer, and makes one frame of it. The
//! steps of [`Writer::make_durable`] are in the only order in which a crash between any two of them
//! leaves nothing half-done; `store`'s own documentation says what each crash means.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};

use super::apply::{Durable, Ended, Grown, apply};
use super::files::StateFile;
use super::frozen::Frozen;
use super::index::Batch;
use super::job::{Job, StopState, Unkept, text};
use super::journal::{Journal, Written};
use super::limits::SLOTS_LOW;
use super::mark::{HighWater, Mark};
use super::query::{Head, View};
use super::slots::{BodySlot, Slot, seal_body};
use super::tree::{Growth, Tree};
use super::tx::{Base, Staged, Succession, Tx};
use super::{Clock, Sign, Stopped, StoreFault};
use crate::audit::Position;
use crate::audit::checkpoint::Checkpoint;
use crate::domain::Timestamp;
use crate::domain::limits::GROUP_COMMIT_MAX;
use crate::pb::store::v1::{self as pb, Commit, RowChange};

/// What stands in the queue.
pub(super) enum Message {
    /// To be committed.
    Job(Box<dyn Job>),
    /// To be committed with no other in its frame: it may end a log.
    Alone(Box<dyn Job>),
    /// The same for what puts back entries that the log has lost: only while the store is frozen.
    PutBack(Box<dyn Job>),
    /// To be obeyed after everything before it.
    Stop,
}

/// All that the writer owns.
pub(super) struct Writer {
    pub(super) view: Arc<View>,
    pub(super) journal: Journal,
    pub(super) tree: Tree,
    pub(super) mark: Mark,
    pub(super) frozen: Arc<Frozen>,
    pub(super) sign: Sign,
    pub(super) clock: Clock,
    /// The newest log: its number and origin.
    pub(super) log: u32,
    pub(super) origin: String,
    /// The latest time given out.
    pub(super) at: Timestamp,
    pub(super) next_slot: u64,
    pub(super) stop: Arc<StopState>,
    pub(super) state: StateFile,
}

/// What goes into one frame.
struct Group {
    staged: Staged,
    jobs: Vec<Box<dyn Job>>,
    /// What came behind it and does not belong to it.
    next: Option<Message>,
}

/// Why what was queued is not kept: the store was frozen meanwhile, or is no longer.
fn not_now(puts_back: bool) -> Unkept {
    let reason = "the log lacks nothing that is to be put back".into();
    match puts_back {
        true => Unkept::Stopped(Stopped { orderly: false, reason }),
        false => Unkept::Frozen,
    }
}

impl Writer {
    /// The thread's life: until it is told to stop, nobody is left to tell it, or something fails.
    pub(super) fn run(mut self, queue: Receiver<Message>) {
        let served = catch_unwind(AssertUnwindSafe(|| self.serve(&queue)));
        let stopped = match served {
            Ok(Ok(())) => match self.wind_up() {
                Ok(()) => self.stop.stop(true, "it was asked to"),
                Err(fault) => self.stop.stop(false, &fault.to_string()),
            },
            Ok(Err(stopped)) => stopped,
            Err(panic) => self.stop.stop(false, &format!("the writer panicked: {}", text(panic))),
        };
        let stopped = Unkept::Stopped(stopped);
        while let Ok(message) = queue.try_recv() {
            if let Message::Job(job) | Message::Alone(job) | Message::PutBack(job) = message {
                job.settle(Err(&stopped));
            }
        }
    }

    fn serve(&mut self, queue: &Receiver<Message>) -> Result<(), Stopped> {
        let mut next = None;
        loop {
            let message = next.take().or_else(|| queue.recv().ok());
            let (job, alone, puts_back) = match message {
                Some(Message::Job(job)) => (job, false, false),
                Some(Message::Alone(job)) => (job, true, false),
                Some(Message::PutBack(job)) => (job, true, true),
                Some(Message::Stop) | None => return Ok(()),
            };
            if self.frozen.why().is_some() != puts_back {
                // Queued before that was known.
                job.settle(Err(&not_now(puts_back)));
                continue;
            }
            let Group { staged, jobs, next: behind } = self.gather(job, (!alone).then_some(queue));
            next = behind;
            match self.make_durable(&staged, puts_back) {
                Ok(Some(head)) => jobs.into_iter().for_each(|job| job.settle(Ok(&head))),
                Ok(None) => jobs.into_iter().for_each(|job| job.settle(Err(&not_now(puts_back)))),
                Err(fault) => {
                    // Never tried again: after a failed fsync the kernel may have dropped the
                    // pages, and a second one succeeds without having written them.
                    let stopped = self.stop.stop(false, &fault.to_string());
                    tracing::error!(%fault, "the store stops");
                    let unkept = Unkept::Stopped(stopped.clone());
                    jobs.into_iter().for_each(|job| job.settle(Err(&unkept)));
                    return Err(stopped);
                }
            }
        }
    }

    /// Runs what is queued, until the group has enough or nothing more is there; without a queue,
    /// the first job alone.
    fn gather(&mut self, first: Box<dyn Job>, queue: Option<&Receiver<Message>>) -> Group {
        let mut group = Group { staged: Staged::default(), jobs: Vec::new(), next: None };
        let mut next = Some(first);
        while let Some(mut job) = next.take() {
            // A clock that is set back does not turn the log's time back.
            self.at = self.at.max((self.clock)());
            let end = Position::new(self.log, self.tree.size());
            let ends = queue.is_none().then(|| self.tree.frontier().clone());
            let base = Base { end, next_slot: self.next_slot, ends };
            let staged = job.run(Tx::new(&self.view, &group.staged, base, self.at));
            group.staged.absorb(staged.unwrap_or_default());
            // What was put back keeps its time, and nothing is earlier that comes behind it.
            self.at = self.at.max(group.staged.latest.unwrap_or(self.at));
            group.jobs.push(job);
            if group.jobs.len() == GROUP_COMMIT_MAX || group.staged.is_full() {
                break;
            }
            match queue.map_or(Err(TryRecvError::Empty), Receiver::try_recv) {
                Ok(Message::Job(job)) => next = Some(job),
                Ok(message) => group.next = Some(message),
                Err(TryRecvError::Disconnected) => group.next = Some(Message::Stop),
                Err(TryRecvError::Empty) => {}
            }
        }
        group
    }

    /// Makes what is staged durable and gives the head that covers it. `None` where the store was
    /// frozen since the group was begun, or, for what puts back, is so no longer: nothing of it is
    /// there then.
    fn make_durable(
        &mut self,
        staged: &Staged,
        puts_back: bool,
    ) -> Result<Option<Arc<Head>>, StoreFault> {
        if staged.is_empty() {
            return Ok(Some(self.view.head()));
        }
        // Until readers see the commit: whoever freezes the store waits for that, and nothing is
        // appended, signed or shown behind it (I3). No closure runs meanwhile.
        let state = self.frozen.clone();
        let frozen = state.hold();
        if frozen.is_some() != puts_back {
            return Ok(None);
        }
        let bodies = self.seal_bodies(&staged.bodies)?;
        let ended = staged.succession.as_ref().map(|succession| self.end_log(succession));
        let growth = self.tree.grow(&staged.entries);
        let commit = self.record(staged, &bodies, &growth, ended.as_ref());
        // The barrier (I1). A crash before it is as if nobody had asked; a crash behind it is as
        // if all below had been done: recovery does it.
        let written = self.journal.append(&commit, &bodies)?;
        self.next_slot = commit.next_slot;
        // Before the index can say that this frame is applied: a crash here erases again.
        let view = self.view.clone();
        let erasing = (!staged.erased.is_empty()).then(|| view.erasing());
        view.slots.erase(&staged.erased)?;
        let end = Position::new(self.log, growth.size);
        // While entries are put back the mark may be ahead: it stays until the log has caught up.
        if frozen.is_none() || self.mark.last().is_none_or(|high| high.end <= end) {
            self.mark.raise(HighWater { sequence: written.sequence, end, root: growth.root })?;
        }
        let head = self.head(&growth);
        let grown = Grown { ended: ended.as_ref(), growth: &growth };
        self.publish(&commit, grown, &written, &head)?;
        drop(erasing);
        if written.rolled {
            // Bounds what has to be replayed, and how far back the mark can fall.
            self.view.index.sync()?;
            self.mark.sync()?;
        }
        if self.view.slots.made() - self.next_slot < SLOTS_LOW {
            self.journal.ahead().ask_slots();
        }
        Ok(Some(head))
    }

    /// Grows the newest log by its last entry and turns to the next one. In memory: a crash here is
    /// as if nobody had asked.
    fn end_log(&mut self, succession: &Succession) -> Ended {
        let growth = self.tree.grow(std::slice::from_ref(&succession.sealed));
        let origin = std::mem::replace(&mut self.origin, succession.origin.clone());
        let ended = Ended { log: self.log, origin, entry: succession.sealed.clone(), growth };
        self.tree = Tree::new();
        self.log += 1;
        ended
    }

    /// Seals each body under the key of its slot. Keys are on disk before they are used (I4).
    fn seal_bodies(&self, bodies: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, StoreFault> {
        let slots = &self.view.slots;
        while slots.made() < self.next_slot + bodies.len() as u64 {
            slots.grow()?;
        }
        let seal = |(number, body): (u64, &Vec<u8>)| {
            let slot = BodySlot(number);
            match slots.read(slot)? {
                Slot::Key(key) => Ok(seal_body(&key, slot, body)),
                Slot::Erased | Slot::Damaged => Err(StoreFault::SlotDamaged(number)),
            }
        };
        (self.next_slot..).zip(bodies).map(seal).collect()
    }

    fn record(
        &self,
        staged: &Staged,
        bodies: &[Vec<u8>],
        growth: &Growth,
        ended: Option<&Ended>,
    ) -> Commit {
        let row = |((table, key), value): (&(super::Table, Vec<u8>), &Option<Vec<u8>>)| {
            let seal = |value: &Vec<u8>| self.view.codec.seal(*table, key, value);
            RowChange {
                table: u32::from(table.number()),
                key: key.clone(),
                sealed_value: value.as_ref().map(seal),
            }
        };
        Commit {
            tree_size: growth.size,
            tree_root: growth.root.to_vec(),
            at_ms: self.at.unix_ms(),
            entries: staged.entries.clone(),
            // STORED_BODY_MAX_BYTES is far below 4 GiB.
            body_bytes: bodies.iter().map(|body| body.len() as u32).collect(),
            next_slot: self.next_slot + bodies.len() as u64,
            rows: staged.rows.iter().map(row).collect(),
            erased_slots: staged.erased.iter().map(|slot| slot.0).collect(),
            log: self.log,
            succession: ended.map(|ended| pb::Succession {
                sealed_entry: ended.entry.clone(),
                sealed_size: ended.growth.size,
                sealed_root: ended.growth.root.to_vec(),
                origin: self.origin.clone(),
            }),
        }
    }

    /// The head behind a commit: the same one, where the log has not grown. Signing the same state
    /// again gives the same signature, so a crash here forks nothing (I3).
    fn head(&self, growth: &Growth) -> Arc<Head> {
        let head = self.view.head();
        if (head.log, head.checkpoint.size) == (self.log, growth.size) {
            return head;
        }
        self.signed(self.log, &self.origin, growth)
    }

    fn signed(&self, log: u32, origin: &str, growth: &Growth) -> Arc<Head> {
        let Growth { size, root, .. } = *growth;
        let checkpoint = Checkpoint { origin: origin.to_owned(), size, root };
        let note = (self.sign)(&checkpoint);
        Arc::new(Head { log, checkpoint, note })
    }

    /// Lets readers see the commit: rows and tiles first, then the head that they belong to.
    fn publish(
        &self,
        commit: &Commit,
        grown: Grown<'_>,
        written: &Written,
        head: &Arc<Head>,
    ) -> Result<(), StoreFault> {
        let Written { sequence, place, end, .. } = *written;
        let sealed = grown.ended.map(|old| self.signed(old.log, &old.origin, &old.growth));
        let origin = &self.origin;
        let mut batch = Batch::default();
        apply(&Durable { sequence, place, end, commit, grown, origin }, &mut batch)?;
        self.view.index.apply(batch)?;
        self.view.set_head(sealed, head.clone());
        Ok(())
    }

    /// After the last commit: the index is brought to the disk, and only then called clean.
    fn wind_up(&mut self) -> Result<(), StoreFault> {
        self.view.index.sync()?;
        self.mark.sync()?;
        self.state.stopped()
    }
}
