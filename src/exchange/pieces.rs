//! Work that blocks, done a bounded piece at a time.
//!
//! The runtime has a bounded number of threads for such work, and both ends of a transfer may be as
//! slow as they like: so a thread is held while a piece is hashed, sealed, read or written, and
//! never while a network is waited for. What is waited for stands in bounded channels.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::sync::mpsc;

use super::ActionError;

/// What one piece of work takes or makes at most, where so much is at hand: some tens of
/// milliseconds' worth.
const BATCHES_AT_ONCE: usize = 16;
const ITEMS_AT_ONCE: usize = 64;

/// A batch is handed over when it has so much: going to a thread and back costs nothing beside it.
const BATCH_BYTES: usize = 1 << 20;
const BATCH_ITEMS: usize = 64;
/// Batches that wait for their piece of work.
const BATCHES_AHEAD: usize = 2;

/// A channel is filled again when it has room for so many.
const REFILL: usize = 4;

/// Does a piece of work on a thread for such work.
///
/// # Errors
/// Those of the work; [`ActionError::Fault`] when it panics.
pub async fn piece<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ActionError> + Send + 'static,
) -> Result<T, ActionError> {
    tokio::task::spawn_blocking(work).await.map_err(ActionError::fault)?
}

/// The end of a channel that takes items, and hands them over in batches.
pub struct Gather<P: Send + 'static> {
    out: mpsc::Sender<Vec<P>>,
    batch: Vec<P>,
    bytes: usize,
}

/// A channel for [`fold`].
pub fn gather<P: Send + 'static>() -> (Gather<P>, mpsc::Receiver<Vec<P>>) {
    let (out, batches) = mpsc::channel(BATCHES_AHEAD);
    (Gather { out, batch: Vec::new(), bytes: 0 }, batches)
}

impl<P: Send + 'static> Gather<P> {
    /// Takes an item of so many bytes; false when nobody wants more.
    pub async fn put(&mut self, item: P, bytes: usize) -> bool {
        self.batch.push(item);
        self.bytes += bytes;
        let whole = self.bytes >= BATCH_BYTES || self.batch.len() >= BATCH_ITEMS;
        if whole { self.hand_over().await } else { !self.out.is_closed() }
    }

    /// Hands over what has come; false when nobody wants it.
    pub async fn hand_over(&mut self) -> bool {
        self.bytes = 0;
        if self.batch.is_empty() {
            return !self.out.is_closed();
        }
        self.out.send(std::mem::take(&mut self.batch)).await.is_ok()
    }
}

impl<P: Send + 'static> Drop for Gather<P> {
    /// What has come is not lost with whoever took it.
    fn drop(&mut self) {
        let batch = std::mem::take(&mut self.batch);
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if !batch.is_empty() && !self.out.is_closed() {
            let out = self.out.clone();
            runtime.spawn(async move { out.send(batch).await });
        }
    }
}

/// Gives what comes through a channel to `take`, which turns a state into the next, until it breaks
/// with a result or nothing more comes.
///
/// # Errors
/// Those of `take`.
pub async fn fold<S, P, T>(
    mut state: S,
    mut batches: mpsc::Receiver<Vec<P>>,
    take: fn(S, P) -> Result<ControlFlow<T, S>, ActionError>,
) -> Result<ControlFlow<T, S>, ActionError>
where
    S: Send + 'static,
    P: Send + 'static,
    T: Send + 'static,
{
    while let Some(first) = batches.recv().await {
        let taking = piece(move || {
            let mut batch = Some(first);
            let mut room = BATCHES_AT_ONCE;
            while let Some(parts) = batch {
                for part in parts {
                    match take(state, part)? {
                        ControlFlow::Continue(next) => state = next,
                        ControlFlow::Break(done) => return Ok(ControlFlow::Break(done)),
                    }
                }
                // While more is at hand the thread goes on; it never waits for it.
                room -= 1;
                batch = if room > 0 { batches.try_recv().ok() } else { None };
            }
            Ok(ControlFlow::Continue((state, batches)))
        });
        match taking.await? {
            ControlFlow::Continue(again) => (state, batches) = again,
            ControlFlow::Break(done) => return Ok(ControlFlow::Break(done)),
        }
    }
    Ok(ControlFlow::Continue(state))
}

/// Fills a channel with what `next` gives, until it gives nothing more or nobody takes it any more.
///
/// # Errors
/// Those of `next`; [`ActionError::Stalled`] when nothing is taken for as long as `patience`.
pub async fn fill<T, N>(
    mut next: N,
    out: &mpsc::Sender<T>,
    patience: Duration,
) -> Result<(), ActionError>
where
    T: Send + 'static,
    N: FnMut() -> Result<Option<T>, ActionError> + Send + 'static,
{
    while room(out, patience).await? {
        let out = out.clone();
        let filling = piece(move || {
            for _ in 0..ITEMS_AT_ONCE {
                let Ok(room) = out.try_reserve() else { break };
                match next()? {
                    Some(item) => room.send(item),
                    None => return Ok(None),
                }
            }
            Ok(Some(next))
        });
        match filling.await? {
            Some(again) => next = again,
            None => return Ok(()),
        }
    }
    Ok(())
}

/// Waits for room in a channel that nobody else fills; false when nobody reads it any more.
async fn room<T>(out: &mpsc::Sender<T>, patience: Duration) -> Result<bool, ActionError> {
    let wanted = REFILL.min(out.max_capacity());
    loop {
        let before = out.capacity();
        match tokio::time::timeout(patience, out.reserve_many(wanted)).await {
            Ok(reserved) => return Ok(reserved.is_ok()),
            // Slow is not silent.
            Err(_) if out.capacity() > before => {}
            Err(_) => return Err(ActionError::Stalled("what was sent was not read")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(to: u32) -> impl FnMut() -> Result<Option<u32>, ActionError> {
        let mut all = 0..to;
        move || Ok(all.next())
    }

    fn add(mut all: Vec<u32>, n: u32) -> Result<ControlFlow<(), Vec<u32>>, ActionError> {
        all.push(n);
        Ok(ControlFlow::Continue(all))
    }

    #[tokio::test]
    async fn everything_goes_through_in_order() {
        let (send, mut receive) = mpsc::channel(8);
        let filling = tokio::spawn(async move {
            fill(numbers(1_000), &send, Duration::from_secs(60)).await.expect("all is taken");
        });
        let (mut parts, batches) = gather();
        let folding = tokio::spawn(fold(Vec::new(), batches, add));
        while let Some(n) = receive.recv().await {
            assert!(parts.put(n, BATCH_BYTES / 3).await);
        }
        assert!(parts.hand_over().await);
        drop(parts);
        let all = folding.await.expect("no panic").expect("nothing fails");
        assert_eq!(all, ControlFlow::Continue((0..1_000).collect()));
        filling.await.expect("no panic");
    }

    #[tokio::test]
    async fn what_breaks_a_fold_is_its_result_and_what_fails_it_its_error() {
        let (mut parts, batches) = gather();
        for n in [1, 2, 3] {
            assert!(parts.put(n, 1).await);
        }
        assert!(parts.hand_over().await);
        let until_two = |sum: u32, n: u32| match n {
            2 => Ok(ControlFlow::Break(sum)),
            n => Ok(ControlFlow::Continue(sum + n)),
        };
        // The sender is there still: a break does not wait for more.
        let broken = fold(0, batches, until_two).await;
        assert_eq!(broken, Ok(ControlFlow::Break(1)));
        assert!(!parts.put(4, 1).await, "nobody wants more");
        let (mut parts, batches) = gather();
        parts.put(4, BATCH_BYTES).await;
        let failing = |_: u32, _: u32| Err(ActionError::Unavailable("no".into()));
        let failed = fold::<_, _, ()>(0, batches, failing).await;
        assert_eq!(failed, Err(ActionError::Unavailable("no".into())));
    }

    #[tokio::test]
    async fn who_reads_nothing_is_waited_for_only_so_long() {
        let (send, mut receive) = mpsc::channel(8);
        let stalled = fill(numbers(100), &send, Duration::ZERO).await;
        assert!(matches!(stalled, Err(ActionError::Stalled(_))), "{stalled:?}");
        receive.recv().await.expect("the first");
        assert_eq!(send.capacity(), 1, "all of it was filled");
        drop(receive);
        fill(numbers(100), &send, Duration::ZERO).await.expect("nobody is there to be waited for");
    }
}
