//! A connection that remembers why it broke. With TLS 1.3 a node refuses a certificate after the
//! handshake, and what the HTTP/2 above says of that is only that the connection is gone.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Room for what is read of a connection that nobody reads any more.
const LAST_WORDS_BYTES: usize = 1024;

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
}

impl<S> Remembering<S> {
    /// Around a connection.
    pub fn new(inner: S, failed: Failed) -> Self {
        Self { inner, failed }
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
        if let Poll::Ready(Err(broken)) = &written {
            let mut room = [0; LAST_WORDS_BYTES];
            let mut read = ReadBuf::new(&mut room);
            match Pin::new(&mut self.inner).poll_read(cx, &mut read) {
                Poll::Ready(Err(why)) if why.kind() == io::ErrorKind::InvalidData => {
                    self.failed.put(&why);
                }
                _ => self.failed.put(broken),
            }
        }
        written
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
        let written = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.last_words(cx, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
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
    struct Gone(Option<&'static str>);

    impl AsyncRead for Gone {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let said = self.0.take();
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
            let mut connection = Remembering::new(Gone(said), failed.clone());
            connection.write_all(b"x").await.expect_err("the other side has gone");
            let (kind, why) = failed.take().expect("it remembers");
            assert_eq!(kind == io::ErrorKind::InvalidData, said.is_some());
            assert!(why.contains(said.unwrap_or("broken pipe")), "{why}");
            let mut connection = Remembering::new(Gone(said), failed.clone());
            connection.flush().await.expect_err("the other side has gone");
            connection.flush().await.expect_err("it has gone, and has nothing more to say");
            assert_eq!(failed.take().map(|(kind, _)| kind), Some(kind));
        }
    }
}
