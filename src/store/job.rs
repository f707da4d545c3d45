//! One waiting commit: its closure, then its outcome, and how it is told.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::query::Head;
use super::tx::{Spoilt, Staged, Tx};
use super::{CommitError, Stopped};

/// What a commit gave, as proof that it is durable: only the store's writer makes one, and only
/// after the barrier (I1).
#[derive(Debug)]
pub struct Committed<T> {
    /// What the closure gave.
    pub value: T,
    entries: Vec<(u64, Vec<u8>)>,
    head: Arc<Head>,
}

impl<T> Committed<T> {
    /// The entries that this commit appended: position, and bytes as they are hashed. Without the
    /// log.sealed of a succession.
    pub fn entries(&self) -> &[(u64, Vec<u8>)] {
        &self.entries
    }

    /// A head of the log that covers them.
    pub fn head(&self) -> &Arc<Head> {
        &self.head
    }

    /// The same commit with another value.
    pub fn map<U>(self, to: impl FnOnce(T) -> U) -> Committed<U> {
        Committed { value: to(self.value), entries: self.entries, head: self.head }
    }
}

/// A commit in the queue.
pub(super) trait Job: Send {
    /// Runs the closure; gives what it staged if it is to be kept.
    fn run(&mut self, tx: Tx<'_>) -> Option<Staged>;
    /// Tells the waiter, once everything that the closure saw is durable (also of a refusal: it
    /// may rest on what an earlier commit of the same frame staged) or it is not kept.
    fn settle(self: Box<Self>, end: Result<&Arc<Head>, &Unkept>);
}

/// Why nothing of a commit was kept, whatever its closure said.
#[derive(Clone, Debug)]
pub(super) enum Unkept {
    /// The store has stopped: it may be kept all the same.
    Stopped(Stopped),
    /// The store was frozen before the barrier.
    Frozen,
}

impl<E> From<Unkept> for CommitError<E> {
    fn from(unkept: Unkept) -> Self {
        match unkept {
            Unkept::Stopped(stopped) => stopped.into(),
            Unkept::Frozen => Self::Frozen,
        }
    }
}

type Outcome<T, E> = Result<Committed<T>, CommitError<E>>;
/// A closure's value and the entries it appended.
type Done<T, E> = Result<(T, Vec<(u64, Vec<u8>)>), CommitError<E>>;

/// A [`Job`] of one closure.
pub(super) struct Work<F, T, E> {
    closure: Option<F>,
    done: Option<Done<T, E>>,
    reply: oneshot::Sender<Outcome<T, E>>,
}

impl<F, T, E> Work<F, T, E> {
    pub(super) fn new(closure: F) -> (Self, oneshot::Receiver<Outcome<T, E>>) {
        let (reply, outcome) = oneshot::channel();
        (Self { closure: Some(closure), done: None, reply }, outcome)
    }
}

impl<F, T, E> Job for Work<F, T, E>
where
    F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: Send,
{
    fn run(&mut self, mut tx: Tx<'_>) -> Option<Staged> {
        let closure = self.closure.take()?;
        // A panic in one closure is that caller's: nothing of it is kept, and the others go on.
        let result = catch_unwind(AssertUnwindSafe(|| closure(&mut tx)));
        let first = tx.first_position();
        let (done, staged) = match (result, tx.finish()) {
            (Err(panic), _) => (Err(CommitError::Panicked(text(panic))), None),
            (_, Err(Spoilt::Misuse(misuse))) => (Err(misuse.into()), None),
            (_, Err(Spoilt::Fault(fault))) => (Err(fault.into()), None),
            (Ok(Err(refusal)), Ok(_)) => (Err(CommitError::Rejected(refusal)), None),
            (Ok(Ok(value)), Ok(staged)) => {
                let entries = (first..).zip(staged.entries.iter().cloned()).collect();
                (Ok((value, entries)), Some(staged))
            }
        };
        self.done = Some(done);
        staged
    }

    fn settle(self: Box<Self>, end: Result<&Arc<Head>, &Unkept>) {
        let outcome = match (self.done, end) {
            (_, Err(unkept)) => Err(unkept.clone().into()),
            (Some(done), Ok(head)) => {
                done.map(|(value, entries)| Committed { value, entries, head: head.clone() })
            }
            (None, Ok(_)) => return,
        };
        // Nobody may be waiting any more; the commit stands all the same.
        let _ = self.reply.send(outcome);
    }
}

/// What a panic said.
pub(super) fn text(panic: Box<dyn Any + Send>) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

/// Whether the store has stopped, and who wants to know.
#[derive(Default)]
pub(super) struct StopState {
    inner: Mutex<(Option<Stopped>, Vec<oneshot::Sender<Stopped>>)>,
}

impl StopState {
    /// Records the first stop and tells who waits for it; gives the one that counts.
    pub(super) fn stop(&self, orderly: bool, reason: &str) -> Stopped {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let stopped = inner.0.get_or_insert(Stopped { orderly, reason: reason.into() }).clone();
        for waiter in inner.1.drain(..) {
            // Whoever gave up waiting need not know.
            let _ = waiter.send(stopped.clone());
        }
        stopped
    }

    /// The stop, if there was one.
    pub(super) fn get(&self) -> Option<Stopped> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// Becomes ready at the stop.
    pub(super) fn wait(&self) -> oneshot::Receiver<Stopped> {
        let (tell, told) = oneshot::channel();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.1.retain(|waiter| !waiter.is_closed());
        match inner.0.clone() {
            Some(stopped) => drop(tell.send(stopped)),
            None => inner.1.push(tell),
        }
        told
    }
}
