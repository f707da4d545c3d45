//! The stream of answers of a long call: ended by its producer, or at once by whoever may end it.
//!
//! A stream whose client reads nothing is not polled, so it cannot be told anything either. What it
//! would still send is dropped all the same, and whoever produces it is gone: what stays of it is a
//! few bytes until the connection ends.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::Status;

use super::standing::Standing;
use super::status::to_status;
use crate::exchange::ActionError;

/// Answers that pass through a channel.
pub struct Answers<T>(Arc<Mutex<State<T>>>);

struct State<T> {
    /// None once nothing more will pass.
    passing: Option<mpsc::Receiver<T>>,
    /// How it ended; an error until the client has been told. None while it is produced: a channel
    /// that closes does so a moment before its producer says why, and a part must never look like
    /// the whole.
    verdict: Option<Result<(), Status>>,
    waker: Option<Waker>,
}

/// The answers that `producing` puts into the other end of `passing`. They end when it does, with
/// its error where it has one, and at once when the caller's standing is lost.
pub fn answers<T: Send + 'static>(
    passing: mpsc::Receiver<T>,
    producing: impl Future<Output = Result<(), ActionError>> + Send + 'static,
    mut standing: Standing,
) -> Answers<T> {
    ended_by(passing, producing, async move { standing.lost().await })
}

fn ended_by<T: Send + 'static>(
    passing: mpsc::Receiver<T>,
    producing: impl Future<Output = Result<(), ActionError>> + Send + 'static,
    lost: impl Future<Output = Status> + Send + 'static,
) -> Answers<T> {
    let state = State { passing: Some(passing), verdict: None, waker: None };
    let state = Arc::new(Mutex::new(state));
    let producer = Producer(state.clone());
    tokio::spawn(async move {
        let (verdict, waiting) = tokio::select! {
            biased;
            status = lost => (Err(status), Waiting::IsDropped),
            produced = producing => {
                // Whoever takes nothing is not waited for any longer.
                let stalled = matches!(produced, Err(ActionError::Stalled(_)));
                let waiting = if stalled { Waiting::IsDropped } else { Waiting::GoesFirst };
                (produced.map_err(to_status), waiting)
            }
        };
        end(&producer.0, verdict, waiting);
    });
    Answers(state)
}

/// What becomes of the answers that wait in the channel when an error ends it.
enum Waiting {
    /// They may not be given any more.
    IsDropped,
    /// The error is about what comes behind them, and must not stand in their place.
    GoesFirst,
}

/// Where the verdict comes from. Dropped without one, it has failed, and says so.
struct Producer<T>(Arc<Mutex<State<T>>>);

impl<T> Drop for Producer<T> {
    fn drop(&mut self) {
        if lock(&self.0).verdict.is_none() {
            let failed = Status::internal("the node could not finish the answer");
            end(&self.0, Err(failed), Waiting::IsDropped);
        }
    }
}

fn lock<T>(state: &Mutex<State<T>>) -> MutexGuard<'_, State<T>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn end<T>(state: &Mutex<State<T>>, verdict: Result<(), Status>, waiting: Waiting) {
    let (dropped, waker) = {
        let mut state = lock(state);
        let dropped = match (&verdict, waiting) {
            (Ok(()), _) => None,
            (Err(_), Waiting::IsDropped) => state.passing.take(),
            (Err(_), Waiting::GoesFirst) => {
                state.passing.iter_mut().for_each(mpsc::Receiver::close);
                None
            }
        };
        state.verdict = Some(verdict);
        (dropped, state.waker.take())
    };
    drop(dropped);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl<T> Drop for Answers<T> {
    fn drop(&mut self) {
        // The client has gone: whoever produces finds the channel closed.
        let passing = lock(&self.0).passing.take();
        drop(passing);
    }
}

impl<T> Stream for Answers<T> {
    type Item = Result<T, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = lock(&self.0);
        if let Some(passing) = state.passing.as_mut() {
            match passing.poll_recv(cx) {
                Poll::Ready(Some(answer)) => return Poll::Ready(Some(Ok(answer))),
                Poll::Ready(None) => state.passing = None,
                Poll::Pending => {
                    // The channel's own waker goes with it when it is ended from outside.
                    state.waker = Some(cx.waker().clone());
                    return Poll::Pending;
                }
            }
        }
        match state.verdict.take() {
            Some(verdict) => {
                state.verdict = Some(Ok(()));
                Poll::Ready(verdict.err().map(Err))
            }
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;
    use std::time::Duration;

    use tokio::sync::oneshot;
    use tokio_stream::StreamExt as _;
    use tonic::Code;

    use super::*;
    use crate::exchange::pieces::fill;

    fn numbers(to: u32) -> impl FnMut() -> Result<Option<u32>, ActionError> {
        let mut all = 0..to;
        move || Ok(all.next())
    }

    async fn codes(answers: Answers<u32>) -> Vec<Result<u32, Code>> {
        answers.map(|answer| answer.map_err(|status| status.code())).collect().await
    }

    #[tokio::test]
    async fn what_is_produced_comes_and_then_the_end_or_the_error() {
        let (send, passing) = mpsc::channel(2);
        let producing = async move { fill(numbers(5), &send, Duration::from_secs(60)).await };
        let answers = ended_by(passing, producing, pending());
        assert_eq!(codes(answers).await, [0, 1, 2, 3, 4].map(Ok));
        let (_send, passing) = mpsc::channel(2);
        let producing = async { Err(ActionError::NotFound("gone".into())) };
        let answers = ended_by(passing, producing, pending());
        assert_eq!(codes(answers).await, [Err(Code::NotFound)]);
    }

    #[tokio::test]
    async fn who_reads_nothing_for_too_long_is_told_and_what_waited_for_it_is_dropped() {
        let (send, passing) = mpsc::channel(2);
        let (say, over) = oneshot::channel();
        let producing = async move {
            let filled = fill(numbers(5), &send, Duration::ZERO).await;
            say.send(send).expect("the test waits");
            filled
        };
        let answers = ended_by(passing, producing, pending());
        let send = over.await.expect("it gives up");
        send.closed().await;
        assert_eq!(
            codes(answers).await,
            [Err(Code::DeadlineExceeded)],
            "never a part as the whole"
        );
    }

    #[tokio::test]
    async fn an_error_stands_behind_what_was_produced_before_it() {
        let (send, passing) = mpsc::channel(2);
        let kept = send.clone();
        let producing = async move {
            send.send(7).await.expect("room");
            Err(ActionError::NotFound("the rest".into()))
        };
        let answers = ended_by(passing, producing, pending());
        kept.closed().await;
        assert_eq!(codes(answers).await, [Ok(7), Err(Code::NotFound)]);
    }

    #[tokio::test]
    async fn a_channel_that_closes_is_no_end_before_its_producer_says_so() {
        let (send, passing) = mpsc::channel::<u32>(2);
        let (fail, failed) = oneshot::channel::<()>();
        let producing = async move {
            send.send(7).await.expect("room");
            drop(send);
            failed.await.expect("it fails");
            Err(ActionError::NotFound("the rest".into()))
        };
        let mut answers = ended_by(passing, producing, pending());
        assert_eq!(answers.next().await.expect("one").expect("sound"), 7);
        let early = tokio::time::timeout(Duration::ZERO, answers.next()).await;
        assert!(early.is_err(), "a part looks like the whole: {early:?}");
        fail.send(()).expect("it waits");
        assert_eq!(codes(answers).await, [Err(Code::NotFound)]);
    }

    #[tokio::test]
    async fn a_producer_that_fails_ends_no_stream_as_if_it_were_whole() {
        let (_send, passing) = mpsc::channel::<u32>(2);
        let producing = async { panic!("a defect, shown on purpose") };
        let answers = ended_by(passing, producing, pending());
        assert_eq!(codes(answers).await, [Err(Code::Internal)]);
    }

    #[tokio::test]
    async fn a_lost_right_ends_a_stream_that_is_waited_for() {
        let (_send, passing) = mpsc::channel(2);
        let (lose, lost) = oneshot::channel();
        let lost = async { lost.await.expect("it is lost") };
        let answers = ended_by(passing, pending(), lost);
        let reading = tokio::spawn(codes(answers));
        lose.send(Status::permission_denied("revoked")).expect("it is listened to");
        assert_eq!(reading.await.expect("no panic"), [Err(Code::PermissionDenied)]);
    }

    #[tokio::test]
    async fn a_client_that_goes_ends_what_is_produced_for_it() {
        let (send, passing) = mpsc::channel::<u32>(2);
        let answers = ended_by(passing, pending(), pending());
        drop(answers);
        send.closed().await;
    }
}
