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
    /// None once the stream was ended from outside.
    passing: Option<mpsc::Receiver<T>>,
    /// Why it ended, until the client has been told.
    verdict: Option<Status>,
    waker: Option<Waker>,
}

/// The answers that `producing` puts into the other end of `passing`. They end when it does, with
/// its error where it has one, and at once when the caller's standing is lost.
pub fn answers<T: Send + 'static>(
    passing: mpsc::Receiver<T>,
    producing: impl Future<Output = Result<(), ActionError>> + Send + 'static,
    mut standing: Standing,
) -> Answers<T> {
    let state = State { passing: Some(passing), verdict: None, waker: None };
    let state = Arc::new(Mutex::new(state));
    let ends = state.clone();
    tokio::spawn(async move {
        let verdict = tokio::select! {
            biased;
            status = standing.lost() => Some(status),
            produced = producing => produced.err().map(to_status),
        };
        if let Some(status) = verdict {
            end(&ends, status);
        }
    });
    Answers(state)
}

fn lock<T>(state: &Mutex<State<T>>) -> MutexGuard<'_, State<T>> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn end<T>(state: &Mutex<State<T>>, status: Status) {
    let (dropped, waker) = {
        let mut state = lock(state);
        state.verdict = Some(status);
        (state.passing.take(), state.waker.take())
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
        let Some(passing) = state.passing.as_mut() else {
            return Poll::Ready(state.verdict.take().map(Err));
        };
        match passing.poll_recv(cx) {
            Poll::Ready(answer) => Poll::Ready(answer.map(Ok)),
            Poll::Pending => {
                // The channel's own waker goes with it when the stream is ended from outside.
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
