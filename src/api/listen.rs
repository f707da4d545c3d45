//! Accepting connections: our own loop, so that every limit and every identity is ours.
//!
//! The loop waits for nothing but the next caller: whoever is silent takes nobody's place but the
//! oldest silent one's.

mod crowd;
mod known;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use rustls_pki_types::CertificateDer;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

pub(super) use self::crowd::{Crowd, Shaking};
pub use self::known::Known;
use super::identity::Identity;
use super::tls::{WRITE_BUFFER_BYTES, Wire, wire};
use crate::domain::limits::HANDSHAKES;
use crate::exchange::gates::Gate;

/// A caller that has not shaken hands by then is dropped.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// Pause after an accept that failed (no file descriptors left, say): the loop must not end.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Shaken-hands connections that wait for tonic.
const ACCEPTED_AHEAD: usize = 16;

/// When a listener ends, in two steps.
#[derive(Clone, Default)]
pub struct Ends {
    /// No more callers are accepted.
    pub stop: CancellationToken,
    /// Connections are cut, whatever goes on over them.
    pub cut: CancellationToken,
}

/// Says who holds a certificate that TLS has verified; `None` drops the connection.
pub type Identify = Arc<dyn Fn(&CertificateDer<'_>) -> Option<Identity> + Send + Sync>;

/// Connections for tonic to serve.
pub type Incoming<S> = tokio_stream::wrappers::ReceiverStream<io::Result<Known<S>>>;

/// Who may come in through a TLS listener, and how many.
#[derive(Clone)]
pub struct Door {
    /// TLS.
    pub config: Arc<ServerConfig>,
    /// Who is who.
    pub identify: Identify,
    /// How many connections one caller may have, and all.
    pub connections: Arc<Gate>,
}

/// Accepts TLS connections until they are to end.
pub fn tls(listener: TcpListener, door: Door, ends: Ends) -> Incoming<TlsStream<Wire>> {
    let (accepted, incoming) = mpsc::channel(ACCEPTED_AHEAD);
    let crowd = Crowd::new(HANDSHAKES);
    tokio::spawn(async move {
        loop {
            let tcp = tokio::select! {
                () = ends.stop.cancelled() => return,
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
            let shaking = crowd.admit(from.ip());
            let (door, ends, accepted) = (door.clone(), ends.clone(), accepted.clone());
            tokio::spawn(async move {
                match enter(&door, tcp, shaking, &ends).await {
                    Ok(known) => {
                        let _ = accepted.send(Ok(known)).await;
                    }
                    // The caller only learns that it was refused; here stands why.
                    Err(error) => tracing::warn!(%from, %error, "a caller is refused"),
                }
            });
        }
    });
    incoming.into()
}

async fn enter(
    door: &Door,
    tcp: TcpStream,
    shaking: Shaking,
    ends: &Ends,
) -> io::Result<Known<TlsStream<Wire>>> {
    let stream = tokio::select! {
        biased;
        () = ends.stop.cancelled() => return Err(io::Error::other("the node is stopping")),
        () = shaking.over.cancelled() => {
            return Err(io::Error::other("it was silent, and its place was needed"));
        }
        stream = shake(&door.config, tcp) => stream?,
    };
    drop(shaking);
    let certificates = stream.get_ref().1.peer_certificates();
    let certificate = certificates.and_then(|chain| chain.first());
    let identity = certificate.and_then(|certificate| (door.identify)(certificate));
    let unknown = || io::Error::new(io::ErrorKind::PermissionDenied, "the caller is not known");
    let identity = identity.ok_or_else(unknown)?;
    let pass = door.connections.enter(identity.name()).map_err(io::Error::other)?;
    Ok(Known::new(stream, identity, &ends.cut, Some(pass)))
}

async fn shake(config: &Arc<ServerConfig>, tcp: TcpStream) -> io::Result<TlsStream<Wire>> {
    tcp.set_nodelay(true)?;
    let accepting = TlsAcceptor::from(config.clone()).accept_with(wire(tcp), |session| {
        session.set_buffer_limit(Some(WRITE_BUFFER_BYTES));
    });
    tokio::time::timeout(HANDSHAKE_DEADLINE, accepting)
        .await
        .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the handshake took too long"))?
}

/// Accepts connections on the home's socket until they are to end.
pub fn socket(listener: UnixListener, ends: Ends) -> Incoming<UnixStream> {
    let (accepted, incoming) = mpsc::channel(ACCEPTED_AHEAD);
    tokio::spawn(async move {
        loop {
            let stream = tokio::select! {
                () = ends.stop.cancelled() => return,
                stream = listener.accept() => stream,
            };
            match stream {
                Ok((stream, _)) => {
                    let known = Known::new(stream, Identity::LocalOperator, &ends.cut, None);
                    if accepted.send(Ok(known)).await.is_err() {
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
