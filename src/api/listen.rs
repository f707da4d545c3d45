//! Accepting connections: our own loop, so that every limit and every identity is ours.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::ServerConfig;
use rustls_pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::server::Connected;

use super::identity::Identity;
use super::tls::{WRITE_BUFFER_BYTES, Wire, wire};

/// Handshakes at once: beyond it callers wait in the kernel's queue.
const HANDSHAKES_MAX: usize = 128;
/// A caller that has not shaken hands by then is dropped.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// Pause after an accept that failed (no file descriptors left, say): the loop must not end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Shaken-hands connections that wait for tonic.
const ACCEPTED_AHEAD: usize = 16;

/// A connection whose other end is known.
pub struct Known<S> {
    stream: S,
    identity: Identity,
}

impl<S> Known<S> {
    /// A connection, and who is at its other end.
    pub fn new(stream: S, identity: Identity) -> Self {
        Self { stream, identity }
    }
}

impl<S> Connected for Known<S> {
    type ConnectInfo = Identity;
    fn connect_info(&self) -> Identity {
        self.identity.clone()
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Known<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Known<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

/// Says who holds a certificate that TLS has verified; `None` drops the connection.
pub type Identify = Arc<dyn Fn(&CertificateDer<'_>) -> Option<Identity> + Send + Sync>;

/// Connections for tonic to serve.
pub type Incoming<S> = tokio_stream::wrappers::ReceiverStream<io::Result<Known<S>>>;

/// Accepts TLS connections until `stop`.
pub fn tls(
    listener: TcpListener,
    config: Arc<ServerConfig>,
    identify: Identify,
    stop: CancellationToken,
) -> Incoming<TlsStream<Wire>> {
    let (accepted, incoming) = mpsc::channel(ACCEPTED_AHEAD);
    let acceptor = TlsAcceptor::from(config);
    let slots = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    tokio::spawn(async move {
        loop {
            let Ok(slot) = slots.clone().acquire_owned().await else { return };
            let tcp = tokio::select! {
                () = stop.cancelled() => return,
                tcp = listener.accept() => tcp,
            };
            let (tcp, from) = match tcp {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection cannot be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (acceptor, identify, accepted) =
                (acceptor.clone(), identify.clone(), accepted.clone());
            tokio::spawn(async move {
                match shake(&acceptor, tcp, &identify).await {
                    Ok(known) => {
                        let _ = accepted.send(Ok(known)).await;
                    }
                    // The caller only learns that it was refused; here stands why.
                    Err(error) => tracing::warn!(%from, %error, "a caller is refused"),
                }
                drop(slot);
            });
        }
    });
    incoming.into()
}

async fn shake(
    acceptor: &TlsAcceptor,
    tcp: TcpStream,
    identify: &Identify,
) -> io::Result<Known<TlsStream<Wire>>> {
    tcp.set_nodelay(true)?;
    let accepting = acceptor.accept_with(wire(tcp), |session| {
        session.set_buffer_limit(Some(WRITE_BUFFER_BYTES));
    });
    let stream = tokio::time::timeout(HANDSHAKE_DEADLINE, accepting)
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long"))??;
    let certificates = stream.get_ref().1.peer_certificates();
    let certificate = certificates.and_then(|chain| chain.first());
    let identity = certificate.and_then(|certificate| identify(certificate));
    let unknown = || io::Error::new(io::ErrorKind::PermissionDenied, "the caller is not known");
    Ok(Known::new(stream, identity.ok_or_else(unknown)?))
}

/// Accepts connections on the home's socket until `stop`.
pub fn socket(listener: UnixListener, stop: CancellationToken) -> Incoming<UnixStream> {
    let (accepted, incoming) = mpsc::channel(ACCEPTED_AHEAD);
    tokio::spawn(async move {
        loop {
            let stream = tokio::select! {
                () = stop.cancelled() => return,
                stream = listener.accept() => stream,
            };
            match stream {
                Ok((stream, _)) => {
                    if accepted.send(Ok(Known::new(stream, Identity::LocalOperator))).await.is_err()
                    {
                        return;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection to the socket cannot be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    });
    incoming.into()
}
