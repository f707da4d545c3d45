//! A connection that remembers why it broke. With TLS 1.3 a node refuses a certificate after the
//! handshake, and what the HTTP/2 above says of that is only that the connection is gone.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The last failure of a connection, or of the attempt to make it.
#[derive(Clone, Default)]
pub struct Failed(Arc<Mutex<Option<(io::ErrorKind, String)>>>);

impl Failed {
    /// Remembers a failure.
    pub fn put(&self, error: &io::Error) {
        if let Ok(mut last) = self.0.lock() {
            *last = Some((error.kind(), error.to_string()));
        }
    }

    /// Its kind and text, once.
    pub fn take(&self) -> Option<(io::ErrorKind, String)> {
        self.0.lock().ok()?.take()
    }
}

/// A connection that remembers the failure that ends its reading.
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

impl<S: AsyncWrite + Unpin> AsyncWrite for Remembering<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}
