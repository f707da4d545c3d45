//! A connection that remembers why it broke. With TLS 1.3 a node refuses a certificate after the
//! handshake, and what the HTTP/2 above says of that is only that the connection is gone.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Room for what is read of a connection that nobody reads any more.
const LAST_WORDS_BYTES: usize = 1024;
/// How often: more than an alert comes behind what was on its way.
const LAST_WORDS_MAX: usize = 1 << 16;

/// The last failure of a connection, or of the attempt to make it.
#[derive(Clone, Default)]
pub struct Failed(Arc<Mutex<Option<(io::ErrorKind, String)>>>);

impl Failed {
    /// Remembers a failure. What breaks behind what the other side said says less than that.
    pub fn put(&self, error: &io::Error) {
        if let Ok(mut last) = self.0.lock()
            && last.as_ref().is_none_or(|(kind, _)| *kind != io::ErrorKind::InvalidData)
        {
            *last = Some((error.kind(), error.to_string()));
        }
    }

    /// Its kind and text, once.
    pub fn take(&self) -> Option<(io::ErrorKind, String)> {
        self.0.lock().ok()?.take()
    }
}

/// A connection that remembers the failure that ends it.
pub struct Remembering<S> {
    inner: S,
    failed: Failed,
    /// What writing met; kept back until everything is read.
    broken: Option<io::Error>,
}

impl<S> Remembering<S> {
    /// Around a connection.
    pub fn new(inner: S, failed: Failed) -> Self {
        Self { inner, failed, broken: None }
    }
}

impl<S: AsyncRead + Unpin> Remembering<S> {
    /// What is written after the other side has gone breaks the pipe; why it went stands in what it
    /// has sent before, which nobody reads any more.
    fn last_words<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        match written {
            Poll::Ready(Err(broken)) => {
                self.broken = Some(broken);
                self.listen(cx)
            }
            written => written,
        }
    }

    /// Reads to the end, then gives the error of the pipe. That the other side has gone may be known
    /// to the socket before it is known that there is something to read: then that is waited for. The
    /// end comes, because the pipe is broken.
    fn listen<T>(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<T>> {
        let mut room = [0; LAST_WORDS_BYTES];
        for _ in 0..LAST_WORDS_MAX {
            let mut read = ReadBuf::new(&mut room);
            match Pin::new(&mut self.inner).poll_read(cx, &mut read) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) if !read.filled().is_empty() => {}
                Poll::Ready(Ok(())) => break,
                Poll::Ready(Err(why)) => {
                    self.failed.put(&why);
                    break;
                }
            }
        }
        let gone = || io::ErrorKind::BrokenPipe.into();
        let broken = self.broken.take().unwrap_or_else(gone);
        self.failed.put(&broken);
        Poll::Ready(Err(broken))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Remembering<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.inner).poll_read(cx, buf);
        if let Poll::Ready(Err(error)) = &read {
            self.failed.put(error);
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Remembering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.broken.is_some() {
            return self.listen(cx);
        }
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.last_words(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.broken.is_some() {
            return self.listen(cx);
        }
        let flushed = Pin::new(&mut self.inner).poll_flush(cx);
        self.last_words(cx, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.broken.is_some() {
            return self.listen(cx);
        }
        let written = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.last_words(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    /// A connection whose other side has gone, with what it said before.
    struct Gone {
        said: Option<&'static str>,
        /// Whether it is known already that there is something to read.
        known: bool,
    }

    impl Gone {
        fn after(said: Option<&'static str>) -> Self {
            Self { said, known: false }
        }
    }

    impl AsyncRead for Gone {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            if !std::mem::replace(&mut self.known, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let said = self.said.take();
            Poll::Ready(
                said.map_or(Ok(()), |said| Err(io::Error::new(io::ErrorKind::InvalidData, said))),
            )
        }
    }

    impl AsyncWrite for Gone {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn a_pipe_that_breaks_in_writing_tells_what_was_said_before() {
        for said in [Some("received fatal alert: UnknownCA"), None] {
            let failed = Failed::default();
            let mut connection = Remembering::new(Gone::after(said), failed.clone());
            connection.write_all(b"x").await.expect_err("the other side has gone");
            let (kind, why) = failed.take().expect("it remembers");
            assert_eq!(kind == io::ErrorKind::InvalidData, said.is_some());
            assert!(why.contains(said.unwrap_or("broken pipe")), "{why}");
            let mut connection = Remembering::new(Gone::after(said), failed.clone());
            connection.flush().await.expect_err("the other side has gone");
            connection.flush().await.expect_err("it has gone, and has nothing more to say");
            assert_eq!(failed.take().map(|(kind, _)| kind), Some(kind));
        }
    }
}
