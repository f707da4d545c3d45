//! Running a node: listeners, relays, workers, and a graceful stop.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use tokio::net::{TcpListener, UnixListener};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::check;
use super::open::OpenNode;
use super::routers::{Addresses, agency_router, exchange_router, operator_router};
use crate::api::courier::TonicCourier;
use crate::api::https::{self, HttpPoster};
use crate::api::identity::Identity;
use crate::api::listen::{Door, Ends};
use crate::api::{listen, tls, witness};
use crate::audit::entry::Event;
use crate::config::Config;
use crate::domain::limits::{AGENCY_CONNECTIONS, PEER_CONNECTIONS};
use crate::exchange::courier::Courier;
use crate::exchange::gates::Gate;
use crate::exchange::witness::{foreign, gossip, rounds};
use crate::exchange::{cases, consign, expire, guard, reconcile, relay, retention, sweep, year};

/// How long a graceful stop waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For calls that are still being answered; then it cuts the connections.
    pub calls: Duration,
    /// And for what is left after that; then it waits for nothing any more.
    pub rest: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { calls: Duration::from_secs(5), rest: Duration::from_secs(5) }
    }
}

/// Listeners that are bound; tests bind port 0.
pub struct Bound {
    /// Where peers call.
    pub exchange: TcpListener,
    /// Where agencies call.
    pub agency: TcpListener,
    /// Where strangers' logs are cosigned, if they are.
    pub witness: Option<TcpListener>,
}

impl Bound {
    /// Binds where the configuration says.
    ///
    /// # Errors
    /// Names the address that is taken.
    pub async fn bind(config: &Config) -> anyhow::Result<Self> {
        let bind = async |what: &str, at: SocketAddr| {
            TcpListener::bind(at).await.with_context(|| {
                format!("the {what} listener cannot be bound to {at}: does another node run?")
            })
        };
        Ok(Self {
            exchange: bind("exchange", config.exchange_listen).await?,
            agency: bind("agency", config.agency_listen).await?,
            witness: match config.witness.listen {
                Some(at) => Some(bind("witness", at).await?),
                None => None,
            },
        })
    }
}

/// Runs the node of a configuration until SIGTERM or SIGINT.
///
/// # Errors
/// When it cannot start, or its store stops. Whatever is wrong with the configuration or the home
/// is told at once, before anything is opened or bound.
pub async fn serve(path: &Path) -> anyhow::Result<()> {
    let (config, secret) = check::before_start(path)?;
    crate::telemetry::start(&config);
    let secret = secret.as_ref().map(|secret| secret.as_slice());
    let node = OpenNode::open_in_turn(config, secret).await?;
    let bound = Bound::bind(&node.config).await?;
    let stop = CancellationToken::new();
    let on_signal = stop.clone();
    let signals = terminated()?;
    tokio::spawn(async move {
        signals.await;
        tracing::info!("stopping");
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        on_signal.cancel();
    });
    serve_bound(node, bound, Patience::default(), stop).await
}

fn terminated() -> anyhow::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    })
}

/// Runs an opened node on bound listeners until `stop`.
///
/// # Errors
/// When a listener cannot be served, or the store stops by itself: then nothing more can be made
/// durable, and the process must end.
pub async fn serve_bound(
    node: OpenNode,
    bound: Bound,
    patience: Patience,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let addresses = Addresses {
        exchange: bound.exchange.local_addr()?.to_string(),
        agency: bound.agency.local_addr()?.to_string(),
    };
    for warning in &node.warnings {
        tracing::warn!("{warning}");
    }
    for peer in node.exchange.rules_of_nobody() {
        tracing::warn!(%peer, "[links] has a rule for a peer that is not in the directory");
    }
    let tasks = TaskTracker::new();
    // Peers that wait for us to say what we hold must not wait for our own asking to end.
    node.exchange.set_waiting(true);
    let ends = Ends { stop: stop.clone(), cut: CancellationToken::new() };
    let servers = start_servers(&node, bound, &addresses, &ends, &tasks)?;
    start_workers(&node, &tasks, &stop).await?;
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    let entries = node.exchange.log_head().checkpoint.size;
    tracing::info!(
        authority = %node.config.authority, exchange = addresses.exchange,
        agency = addresses.agency, entries, "the node is up"
    );
    let ended = tokio::select! {
        () = stop.cancelled() => Ok(()),
        stopped = node.store.stopped() => {
            Err(anyhow::anyhow!("the store stopped: {stopped}"))
        }
    };
    stop.cancel();
    wind_up(tasks, servers, patience, &ends.cut).await;
    if ended.is_ok() && node.exchange.may_append() {
        let _ = node.exchange.log_node(Event::NodeStopped).await;
    }
    let store = node.store.clone();
    tokio::task::spawn_blocking(move || store.stop()).await?;
    let _ = std::fs::remove_file(&node.config.operator_socket);
    ended
}

/// Long calls end at once when they hear of the stop. What is still open after a while is a call
/// whose other end takes nothing and says nothing, and no reason to wait.
async fn wind_up(
    tasks: TaskTracker,
    servers: Vec<Serving>,
    patience: Patience,
    cut: &CancellationToken,
) {
    tasks.close();
    let ended = async {
        tasks.wait().await;
        for server in servers {
            let _ = server.await;
        }
    };
    let cutting = async {
        tokio::time::sleep(patience.calls).await;
        cut.cancel();
        tokio::time::sleep(patience.rest).await;
    };
    tokio::select! {
        () = ended => {}
        () = cutting => tracing::warn!("the node stops in the middle of something"),
    }
    cut.cancel();
}

/// Asks peers, logs the start, and sets to work.
async fn start_workers(
    node: &OpenNode,
    tasks: &TaskTracker,
    stop: &CancellationToken,
) -> anyhow::Result<()> {
    let exchange = &node.exchange;
    let courier: Arc<dyn Courier> =
        Arc::new(TonicCourier::new(exchange.clone(), node.identity.clone()));
    exchange.set_courier(&courier);
    let poster = poster(&node.config)?;
    tokio::join!(
        guard::agree(exchange, &courier, node.config.ask_peers, stop),
        foreign::ask_before(exchange, &poster, stop),
    );
    if exchange.is_read_only() {
        exchange.set_waiting(false);
        // The start would be an entry of a second past (I3).
        tracing::error!("the node serves reading only: `rogatory status` says why");
        return Ok(());
    }
    if stop.is_cancelled() {
        return Ok(());
    }
    node.log_start().await?;
    exchange.set_waiting(false);
    for alert in exchange.witness_alerts() {
        tracing::warn!("{alert}");
    }
    let stop = |_: &str| stop.child_token();
    tasks.spawn(consign::run(exchange.clone(), stop("consign")));
    tasks.spawn(expire::run(exchange.clone(), stop("expire")));
    tasks.spawn(rounds::run(exchange.clone(), stop("rounds")));
    foreign::run(exchange, &poster, &stop("witnesses"), tasks);
    tasks.spawn(gossip::run(exchange.clone(), stop("gossip")));
    tasks.spawn(year::run(exchange.clone(), stop("year")));
    tasks.spawn(reconcile::run(exchange.clone(), stop("reconcile")));
    tasks.spawn(retention::run(exchange.clone(), stop("retention")));
    tasks.spawn(cases::run(exchange.clone(), stop("clocks")));
    tasks.spawn(sweep::run(exchange.clone(), stop("sweep")));
    tasks.spawn(relay::supervise(exchange.clone(), courier, stop("relay"), tasks.clone()));
    Ok(())
}

/// What asks foreign witnesses.
pub(super) fn poster(config: &Config) -> anyhow::Result<Arc<dyn foreign::Poster>> {
    let Some(path) = &config.witness.ca else { return Ok(Arc::new(HttpPoster::default())) };
    let unreadable = || format!("{}: no certificates", path.display());
    let read = CertificateDer::pem_file_iter(path).with_context(unreadable)?;
    let ca = read.collect::<Result<Vec<_>, _>>().with_context(unreadable)?;
    Ok(Arc::new(HttpPoster { tls: Some(https::https_client(ca)?) }))
}

type Serving = tokio::task::JoinHandle<()>;

fn start_servers(
    node: &OpenNode,
    bound: Bound,
    addresses: &Addresses,
    ends: &Ends,
    tasks: &TaskTracker,
) -> anyhow::Result<Vec<Serving>> {
    let exchange = node.exchange.clone();
    let door = Door {
        config: tls::exchange_server(&node.exchange, node.identity.clone())?,
        identify: Arc::new(move |cert| Identity::of_peer(&exchange, cert)),
        connections: Gate::new("connections", PEER_CONNECTIONS),
    };
    let peers = listen::tls(bound.exchange, door, ends.clone());

    let exchange = node.exchange.clone();
    let door = Door {
        config: tls::agency_server(node.agency_ca.clone(), node.identity.clone())?,
        identify: Arc::new(move |cert| Identity::of_agency(&exchange, cert)),
        connections: Gate::new("connections", AGENCY_CONNECTIONS),
    };
    let agencies = listen::tls(bound.agency, door, ends.clone());

    if let Some(listener) = bound.witness {
        let exchange = node.exchange.clone();
        tasks.spawn(witness::serve(exchange, listener, ends.clone(), tasks.clone()));
    }
    let operators = listen::socket(bind_socket(&node.config.operator_socket)?, ends.clone());
    let stop = &ends.stop;
    Ok(vec![
        run(
            "exchange",
            exchange_router(node, stop)
                .serve_with_incoming_shutdown(peers, stop.clone().cancelled_owned()),
        ),
        run(
            "agency",
            agency_router(node, addresses, stop)?
                .serve_with_incoming_shutdown(agencies, stop.clone().cancelled_owned()),
        ),
        run(
            "operator",
            operator_router(node, addresses, stop)?
                .serve_with_incoming_shutdown(operators, stop.clone().cancelled_owned()),
        ),
    ])
}

fn run(
    name: &'static str,
    serving: impl Future<Output = Result<(), tonic::transport::Error>> + Send + 'static,
) -> Serving {
    tokio::spawn(async move {
        if let Err(error) = serving.await {
            tracing::error!(%error, name, "a listener ended");
        }
    })
}

/// The socket's directory has mode 0700: who can reach it is the operator.
fn bind_socket(path: &Path) -> anyhow::Result<UnixListener> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    if let Some(dir) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    // What a killed node left; the store's lock has shown that none runs.
    let _ = std::fs::remove_file(path);
    let listener = UnixListener::bind(path)
        .with_context(|| format!("the operator's socket {}", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
