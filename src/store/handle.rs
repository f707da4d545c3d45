//! The handle of an open store: what the other parts of the node call.

use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::commit::{Message, Writer};
use super::files::Lock;
use super::frozen::Frozen;
use super::index::{Direction, Row};
use super::job::{Committed, StopState, Work};
use super::journal::disk;
use super::query::{Head, View};
use super::slots::BodySlot;
use super::tables::Table;
use super::tx::Tx;
use super::{CommitError, OpenError, Opened, Settings, StillBehind, Stopped, StoreFault, open};
use crate::audit::tiles::TileId;
use crate::crypto::Digest;
use crate::domain::limits::COMMIT_QUEUE_MAX;

/// An open store. Clones are handles of the same one.
#[derive(Clone)]
pub struct Store {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) view: Arc<View>,
    queue: SyncSender<Message>,
    pub(super) stop: Arc<StopState>,
    writer: Mutex<Option<JoinHandle<()>>>,
    pub(super) frozen: Arc<Frozen>,
    /// Let go of last, when nothing writes or reads any more.
    _lock: Lock,
}

impl Store {
    /// Makes the store of a new home and opens it.
    ///
    /// # Errors
    /// [`OpenError::Exists`] where there is one already; [`OpenError::RolledBack`] where the
    /// high-water mark knows a log of this origin.
    pub fn create(settings: Settings) -> Result<(Self, Opened), OpenError> {
        open::create(settings, disk::plain())
    }

    /// Opens the store of a home: recovers, and rebuilds the index where it is in doubt. Blocks,
    /// for minutes if there are millions of entries to rebuild.
    ///
    /// # Errors
    /// [`OpenError`], each with what to do about it.
    pub fn open(settings: Settings) -> Result<(Self, Opened), OpenError> {
        open::open(settings, disk::plain())
    }

    /// Starts the writer of an opened store.
    pub(super) fn start(
        view: Arc<View>,
        stop: Arc<StopState>,
        writer: Writer,
        lock: Lock,
    ) -> Result<Self, StoreFault> {
        let frozen = writer.frozen.clone();
        let (queue, queued) = sync_channel(COMMIT_QUEUE_MAX);
        let thread = std::thread::Builder::new().name("store-writer".into());
        let thread = thread.spawn(move || writer.run(queued));
        let thread = thread.map_err(|source| StoreFault::Io {
            doing: "start a thread for",
            path: PathBuf::from("the writer"),
            source,
        })?;
        let writer = Mutex::new(Some(thread));
        Ok(Self { inner: Arc::new(Inner { view, queue, stop, writer, frozen, _lock: lock }) })
    }

    /// Runs `closure` on the writer's thread and makes what it staged durable. Nothing of it is
    /// stored when it gives an error, panics, or exceeds a limit. Closures run one after the other
    /// and should be short; they must not call this store.
    ///
    /// If the future is dropped after its first poll, the commit may happen all the same.
    ///
    /// # Errors
    /// [`CommitError`]. Only [`CommitError::Stopped`] leaves open whether the commit happened.
    pub async fn commit<T, E, F>(&self, closure: F) -> Result<Committed<T>, CommitError<E>>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let (job, outcome) = Work::new(closure);
        self.enqueue(Message::Job(Box::new(job)))?;
        outcome.await.unwrap_or_else(|_| Err(self.why_stopped().into()))
    }

    /// As [`Store::commit`], for threads that may block.
    ///
    /// # Errors
    /// As there.
    pub fn commit_blocking<T, E, F>(&self, closure: F) -> Result<Committed<T>, CommitError<E>>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let (job, outcome) = Work::new(closure);
        self.enqueue(Message::Job(Box::new(job)))?;
        outcome.blocking_recv().unwrap_or_else(|_| Err(self.why_stopped().into()))
    }

    /// Ends the newest log and begins the one named `origin`, in one commit: `closure` says how
    /// through [`Tx::succeed`], before it appends anything. Commits that are queued before it stand
    /// in the old log, those behind it in the new one.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn succeed<T, E, F>(&self, closure: F) -> Result<Committed<T>, CommitError<E>>
    where
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: Send + 'static,
    {
        let (job, outcome) = Work::new(closure);
        self.enqueue(Message::Alone(Box::new(job)))?;
        outcome.await.unwrap_or_else(|_| Err(self.why_stopped().into()))
    }

    pub(super) fn enqueue<E>(&self, message: Message) -> Result<(), CommitError<E>> {
        if let Some(stopped) = self.inner.stop.get() {
            return Err(stopped.into());
        }
        let takes = matches!(message, Message::Stop | Message::PutBack(_));
        if self.inner.frozen.why().is_some() && !takes {
            return Err(CommitError::Frozen);
        }
        self.inner.queue.try_send(message).map_err(|error| match error {
            TrySendError::Full(_) => CommitError::Busy,
            TrySendError::Disconnected(_) => self.why_stopped().into(),
        })
    }

    pub(super) fn why_stopped(&self) -> Stopped {
        let unknown = || Stopped { orderly: false, reason: "its writer has ended".into() };
        self.inner.stop.get().unwrap_or_else(unknown)
    }

    /// The value of a row.
    ///
    /// # Errors
    /// [`StoreFault`] when the index cannot be read.
    pub fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreFault> {
        self.inner.view.get(table, key)
    }

    /// Rows of a table whose keys begin with `prefix`, in the order of their keys or against it,
    /// beyond the key `after`; at most `limit`, and at most [`SCAN_MAX`](super::limits::SCAN_MAX).
    ///
    /// # Errors
    /// [`StoreFault`] when the index cannot be read.
    pub fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        after: Option<&[u8]>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Row>, StoreFault> {
        self.inner.view.scan(table, prefix, after, direction, limit)
    }

    /// The bytes of the entry at a [position](super::Position::number); `None` beyond the end of its
    /// log.
    ///
    /// # Errors
    /// [`StoreFault`] when index or journal cannot be read.
    pub fn entry(&self, position: u64) -> Result<Option<Vec<u8>>, StoreFault> {
        self.inner.view.entry(position)
    }

    /// Entries from the position `from` on, of the same log; at most `limit`, and at most
    /// [`ENTRIES_MAX`](super::limits::ENTRIES_MAX).
    ///
    /// # Errors
    /// [`StoreFault`] when index or journal cannot be read.
    pub fn entries(&self, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, StoreFault> {
        self.inner.view.entries(from, limit)
    }

    /// The head of the newest log: durable, and its entries readable.
    pub fn head(&self) -> Arc<Head> {
        self.inner.view.head()
    }

    /// How earlier logs have ended, in their order.
    pub fn sealed(&self) -> Vec<Arc<Head>> {
        self.inner.view.sealed()
    }

    /// The newest head of one of the logs, by its number.
    pub fn head_of(&self, log: u32) -> Option<Arc<Head>> {
        self.inner.view.head_of(log)
    }

    /// The newest head of one of the logs, by its origin.
    pub fn head_named(&self, origin: &str) -> Option<Arc<Head>> {
        self.inner.view.head_named(origin)
    }

    /// The proof that the entry at a position stands in the tree of the first `size` entries of its
    /// log.
    ///
    /// # Errors
    /// [`StoreFault::OutOfRange`] unless its index is below `size`, and that at most the size of the
    /// log; otherwise when the index cannot be read.
    pub fn inclusion(&self, position: u64, size: u64) -> Result<Vec<Digest>, StoreFault> {
        self.inner.view.inclusion(position, size)
    }

    /// The proof that the tree of `size` entries of a log extends the one of `old`.
    ///
    /// # Errors
    /// [`StoreFault::OutOfRange`] unless `old <= size <= ` the head's size; otherwise when the
    /// index cannot be read.
    pub fn consistency(&self, log: u32, old: u64, size: u64) -> Result<Vec<Digest>, StoreFault> {
        self.inner.view.consistency(log, old, size)
    }

    /// The root of the tree of the first `size` entries of a log.
    ///
    /// # Errors
    /// [`StoreFault::OutOfRange`] unless `size <= ` the head's size; otherwise when the index
    /// cannot be read.
    pub fn root_at(&self, log: u32, size: u64) -> Result<Digest, StoreFault> {
        self.inner.view.root_at(log, size)
    }

    /// A stored body; `None` if a commit erased it, and then the rows of that commit can be read.
    ///
    /// # Errors
    /// [`StoreFault::NoSuchSlot`] for one that was never stored, [`StoreFault::SlotDamaged`] and
    /// [`StoreFault::SlotErased`] for one that is lost, others when index or journal cannot be
    /// read.
    pub fn body(&self, slot: BodySlot) -> Result<Option<Vec<u8>>, StoreFault> {
        self.inner.view.body(slot)
    }

    /// The hashes of a tile of a log, at least as many as it has at the head's size; none where it
    /// does not exist.
    ///
    /// # Errors
    /// [`StoreFault`] when the index cannot be read.
    pub fn tile(&self, log: u32, tile: TileId) -> Result<Vec<Digest>, StoreFault> {
        self.inner.view.tile(log, tile)
    }

    /// Takes no commit any more, over restarts too: somebody holds a checkpoint that this log has
    /// signed and does not have, so the store is an older copy, and whatever it appended would be a
    /// second past (I3). `note` is that checkpoint; it is kept beside the high-water mark. A commit
    /// that is being written is waited for; one whose closures are still running is dropped.
    ///
    /// # Errors
    /// [`StoreFault::Io`] when it cannot be kept; the store is frozen all the same.
    pub fn freeze(&self, note: &str) -> Result<(), StoreFault> {
        let forks = |note: &str| matches!(self.covers(note), Err(StillBehind::Forked { .. }));
        // What the log has otherwise than somebody holds never goes away: no other reason hides it.
        match self.frozen() {
            Some(known) if forks(&known) => Ok(()),
            _ => self.inner.frozen.freeze(note, forks(note)),
        }
    }

    /// The checkpoint for which the store was frozen, if it was.
    pub fn frozen(&self) -> Option<Arc<str>> {
        self.inner.frozen.why()
    }

    /// Becomes ready when the store stops, at once if it has. Unless it was asked to, the process
    /// should then end.
    pub async fn stopped(&self) -> Stopped {
        self.inner.stop.wait().await.unwrap_or_else(|_| self.why_stopped())
    }

    /// Stops in order: what is queued is committed, the index is synced, and the next opening is
    /// quick. Blocks until then. Reading goes on until the last handle is gone; only then can the
    /// directory be opened again.
    pub fn stop(&self) {
        self.inner.end();
    }
}

impl Inner {
    fn end(&self) {
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        // Full or not: this waits for room. An error means that the writer has ended.
        let _ = self.queue.send(Message::Stop);
        // The last handle may have been in a closure: the writer cannot wait for itself.
        if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
            tracing::error!("the store's writer panicked");
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.end();
    }
}
