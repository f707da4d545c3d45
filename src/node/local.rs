//! The operator's way to a home: through its socket when a node runs there, and otherwise by
//! opening the home in this process. What is called is the same service in both.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

use super::open::{OpenNode, is_held};
use super::routers::{Addresses, operator_router};
use super::serve::poster;
use super::{check, config_of};
use crate::api::courier::TonicCourier;
use crate::api::identity::Identity;
use crate::api::listen::Known;
use crate::config::Config;
use crate::exchange::courier::Courier;
use crate::exchange::guard;
use crate::exchange::witness::foreign;

/// A connection to the operator's services of a home.
pub struct Local {
    channel: Channel,
    offline: Option<Offline>,
}

struct Offline {
    node: OpenNode,
    stop: CancellationToken,
    served: tokio::task::JoinHandle<()>,
}

/// A node that starts is waited for: five seconds.
const STARTS_WITHIN_LOOKS: usize = 50;
const LOOK_EVERY: std::time::Duration = std::time::Duration::from_millis(100);

/// Bytes between the two ends in memory.
const PIPE_BYTES: usize = 1 << 20;

/// What is done to an opened home is logged as well, so peers and witnesses are heard first, as when
/// a node starts (I3).
async fn hear_others(node: &OpenNode) {
    let exchange = &node.exchange;
    // A certificate of witnesses that cannot be read keeps nobody from what needs no witness.
    let poster = poster(&node.config)
        .inspect_err(|error| tracing::warn!("witnesses are not asked: {error:#}"))
        .ok();
    let courier: Arc<dyn Courier> =
        Arc::new(TonicCourier::new(exchange.clone(), node.identity.clone()));
    let stop = CancellationToken::new();
    let (heard, ()) = tokio::join!(guard::ask_all(exchange, &courier), async {
        if let Some(poster) = &poster {
            foreign::ask_before(exchange, poster, &stop).await;
        }
    },);
    let silent = heard.silent.len();
    let asked = guard::trusted(exchange).len();
    exchange.set_waiting(asked - silent < node.config.ask_peers.min(asked));
}

impl Local {
    /// Connects to the node that runs in a home, or opens the home.
    ///
    /// # Errors
    /// When neither is possible; says why.
    pub async fn connect(home: &Path, passphrase_file: Option<&Path>) -> anyhow::Result<Self> {
        let config = Config::read(&config_of(home))?;
        if let Some(up) = Self::through_socket(&config).await {
            return Ok(up);
        }
        let secret = check::home(&config, passphrase_file, check::Why::Open).sound()?;
        let secret = secret.as_ref().map(|secret| secret.as_slice());
        match OpenNode::open(config, secret) {
            Ok(node) => {
                hear_others(&node).await;
                Self::serve_in_memory(node).await
            }
            Err(error) if is_held(&error) => Self::when_it_is_up(home).await.ok_or(error),
            Err(error) => Err(error).context("no node runs in this home, and it cannot be opened"),
        }
    }

    /// Somebody has the home open: most likely a node that is starting.
    async fn when_it_is_up(home: &Path) -> Option<Self> {
        let config = Config::read(&config_of(home)).ok()?;
        for _ in 0..STARTS_WITHIN_LOOKS {
            if let Some(up) = Self::through_socket(&config).await {
                return Some(up);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        None
    }

    async fn through_socket(config: &Config) -> Option<Self> {
        let socket = config.operator_socket.clone();
        UnixStream::connect(&socket).await.ok()?;
        let connector = tower::service_fn(move |_| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        let endpoint = Endpoint::from_static("http://operator.invalid");
        let channel = endpoint.connect_with_connector(connector).await.ok()?;
        Some(Self { channel, offline: None })
    }

    async fn serve_in_memory(node: OpenNode) -> anyhow::Result<Self> {
        let (near, far) = tokio::io::duplex(PIPE_BYTES);
        let stop = CancellationToken::new();
        let router = operator_router(&node, &Addresses::default(), &stop)?;
        let far = Known::new(far, Identity::LocalOperator, &stop, None);
        let incoming = tokio_stream::once(Ok::<_, std::io::Error>(far));
        let served = tokio::spawn(async move {
            if let Err(error) = router.serve_with_incoming(incoming).await {
                tracing::error!(%error, "the operator's services ended");
            }
        });
        let near = std::sync::Mutex::new(Some(near));
        let connector = tower::service_fn(move |_| {
            let near = near.lock().ok().and_then(|mut near| near.take());
            async move {
                near.map(TokioIo::new).ok_or_else(|| std::io::Error::other("the home was closed"))
            }
        });
        let endpoint = Endpoint::from_static("http://operator.invalid");
        let channel = endpoint.connect_with_connector(connector).await?;
        Ok(Self { channel, offline: Some(Offline { node, stop, served }) })
    }

    /// The channel for the generated clients.
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Whether no node runs there and this process has the home open.
    pub fn is_offline(&self) -> bool {
        self.offline.is_some()
    }

    /// Ends; an opened home is closed in order.
    pub async fn close(self) {
        let Self { channel, offline } = self;
        drop(channel);
        if let Some(Offline { node, stop, served }) = offline {
            stop.cancel();
            served.abort();
            let _ = served.await;
            let store = node.store.clone();
            drop(node);
            let _ = tokio::task::spawn_blocking(move || store.stop()).await;
        }
    }
}
