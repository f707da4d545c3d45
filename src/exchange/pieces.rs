//! Work that blocks, done a bounded piece at a time.
//!
//! The runtime has a bounded number of threads for such work, and both ends of a transfer may be as
//! slow as they like: so a thread is held while a piece is hashed, sealed, read or written, and
//! never while a network is waited for. What is waited for stands in bounded channels.

use std::ops::ControlFlow;
use std::time::Duration;

use tokio::sync::mpsc;

use super::ActionError;

/// Items of a channel that are worked on at once, where so many are there: few enough that a piece
/// takes milliseconds, many enough that going to a thread and back costs nothing beside it.
pub const AT_ONCE: usize = 8;

/// Does a piece of work on a thread for such work.
///
/// # Errors
/// Those of the work; [`ActionError::Fault`] when it panics.
pub async fn piece<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ActionError> + Send + 'static,
) -> Result<T, ActionError> {
    tokio::task::spawn_blocking(work).await.map_err(ActionError::fault)?
}

/// Gives what comes through a channel to `take`, which turns a state into the next, until it breaks
/// with a result or nothing more comes.
///
/// # Errors
/// Those of `take`.
pub async fn fold<S, P, T>(
    mut state: S,
    parts: &mut mpsc::Receiver<P>,
    take: fn(S, P) -> Result<ControlFlow<T, S>, ActionError>,
) -> Result<ControlFlow<T, S>, ActionError>
where
    S: Send + 'static,
    P: Send + 'static,
    T: Send + 'static,
{
    loop {
        let mut batch = Vec::with_capacity(AT_ONCE);
        if parts.recv_many(&mut batch, AT_ONCE).await == 0 {
            return Ok(ControlFlow::Continue(state));
        }
        let taken = piece(move || {
            for part in batch {
                match take(state, part)? {
                    ControlFlow::Continue(next) => state = next,
                    ControlFlow::Break(result) => return Ok(ControlFlow::Break(result)),
                }
            }
            Ok(ControlFlow::Continue(state))
        });
        match taken.await? {
            ControlFlow::Continue(next) => state = next,
            ControlFlow::Break(result) => return Ok(ControlFlow::Break(result)),
        }
    }
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
    loop {
        let mut room = Vec::with_capacity(AT_ONCE);
        match tokio::time::timeout(patience, out.reserve()).await {
            Err(_) => return Err(ActionError::Stalled("what was sent was not read")),
            Ok(Err(_)) => return Ok(()),
            Ok(Ok(first)) => room.push(first),
        }
        while room.len() < AT_ONCE
            && let Ok(more) = out.try_reserve()
        {
            room.push(more);
        }
        let count = room.len();
        let made = piece(move || {
            let mut batch = Vec::with_capacity(count);
            while batch.len() < count
                && let Some(item) = next()?
            {
                batch.push(item);
            }
            Ok((next, batch))
        });
        let (again, batch) = made.await?;
        next = again;
        let over = batch.len() < count;
        room.into_iter().zip(batch).for_each(|(room, item)| room.send(item));
        if over {
            return Ok(());
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

    #[tokio::test]
    async fn everything_goes_through_in_order() {
        let (send, mut receive) = mpsc::channel(4);
        let filling = tokio::spawn(async move {
            fill(numbers(100), &send, Duration::from_secs(60)).await.expect("all is taken");
        });
        let add = |mut all: Vec<u32>, n| {
            all.push(n);
            Ok(ControlFlow::<(), _>::Continue(all))
        };
        let all = fold(Vec::new(), &mut receive, add).await.expect("nothing fails");
        assert_eq!(all, ControlFlow::Continue((0..100).collect()));
        filling.await.expect("no panic");
    }

    #[tokio::test]
    async fn what_breaks_a_fold_is_its_result_and_what_fails_it_its_error() {
        let (send, mut receive) = mpsc::channel(4);
        for n in [1, 2, 3] {
            send.send(n).await.expect("room");
        }
        let until_two = |sum: u32, n: u32| match n {
            2 => Ok(ControlFlow::Break(sum)),
            n => Ok(ControlFlow::Continue(sum + n)),
        };
        let broken = fold(0, &mut receive, until_two).await;
        assert_eq!(broken, Ok(ControlFlow::Break(1)));
        send.send(4).await.expect("room");
        let failing = |_: u32, _: u32| Err(ActionError::Unavailable("no".into()));
        let failed = fold::<_, _, ()>(0, &mut receive, failing).await;
        assert_eq!(failed, Err(ActionError::Unavailable("no".into())));
    }

    #[tokio::test]
    async fn who_reads_nothing_is_waited_for_only_so_long() {
        let (send, receive) = mpsc::channel(4);
        let stalled = fill(numbers(100), &send, Duration::ZERO).await;
        assert!(matches!(stalled, Err(ActionError::Stalled(_))), "{stalled:?}");
        drop(receive);
        fill(numbers(100), &send, Duration::ZERO).await.expect("nobody is there to be waited for");
    }
}
