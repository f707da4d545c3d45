//! Which services each listener has.

use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::Router;
use tonic_health::server::{HealthReporter, health_reporter};
use tower::layer::util::Stack;

use super::now;
use super::open::OpenNode;
use super::registrar::HomeRegistrar;
use crate::api::agency::AgencyApi;
use crate::api::audit::AuditApi;
use crate::api::calls::Calls;
use crate::api::courier::MESSAGE_MAX_BYTES;
use crate::api::directory::DirectoryApi;
use crate::api::exchange::ExchangeApi;
use crate::api::operator::{NodeFacts, OperatorApi};
use crate::api::pouch::PouchApi;
use crate::api::probe::Probe;
use crate::api::tls;
use crate::pb::v1 as pb;
use pb::agency_service_server::AgencyServiceServer;
use pb::audit_service_server::AuditServiceServer;
use pb::directory_service_server::DirectoryServiceServer;
use pb::exchange_service_server::ExchangeServiceServer;
use pb::operator_service_server::OperatorServiceServer;

/// A connection is closed after this long, so that certificates are looked at again; streams are
/// resumed on a new one.
const CONNECTION_AGE_MAX: Duration = Duration::from_secs(3600);
const CONNECTION_AGE_GRACE: Duration = Duration::from_secs(60);
/// Streams of one connection: an agency's calls, a peer's relay and pushes.
const STREAMS_MAX: u32 = 256;

/// Where a node's listeners are bound, for its status.
#[derive(Clone, Debug, Default)]
pub(super) struct Addresses {
    pub exchange: String,
    pub agency: String,
}

pub(super) type Gated = Stack<Calls, tower::layer::util::Identity>;

fn server() -> Server<Gated> {
    Server::builder()
        .layer(Calls::default())
        .initial_stream_window_size(tls::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(tls::CONNECTION_WINDOW_BYTES)
        .max_frame_size(tls::FRAME_BYTES)
        .max_concurrent_streams(STREAMS_MAX)
        .http2_max_header_list_size(16 << 10)
        .http2_keepalive_interval(Some(Duration::from_secs(30)))
        .http2_keepalive_timeout(Some(Duration::from_secs(20)))
        .max_connection_age(CONNECTION_AGE_MAX)
        .max_connection_age_grace(CONNECTION_AGE_GRACE)
}

/// What peers call. It has no health service: who watches a node watches it from inside.
pub(super) fn exchange_router(node: &OpenNode, stop: &CancellationToken) -> Router<Gated> {
    let api = ExchangeApi::new(node.exchange.clone(), stop.child_token());
    let service = ExchangeServiceServer::new(api)
        .max_decoding_message_size(MESSAGE_MAX_BYTES)
        .max_encoding_message_size(MESSAGE_MAX_BYTES);
    server().add_service(service)
}

/// All services: an agency may have any role.
pub(super) fn agency_router(
    node: &OpenNode,
    addresses: &Addresses,
    stop: &CancellationToken,
) -> anyhow::Result<Router<Gated>> {
    let api = AgencyApi::new(node.exchange.clone(), stop.child_token());
    let service = AgencyServiceServer::new(api).max_decoding_message_size(MESSAGE_MAX_BYTES);
    let (health, health_service) = health_reporter();
    at_once(health.set_serving::<AgencyServiceServer<AgencyApi>>());
    let router = router(node, addresses, stop, &health)?;
    Ok(router.add_service(health_service).add_service(service))
}

/// Operator and audit services; who may call what is for the caller's identity to say.
pub(super) fn operator_router(
    node: &OpenNode,
    addresses: &Addresses,
    stop: &CancellationToken,
) -> anyhow::Result<Router<Gated>> {
    let (health, health_service) = health_reporter();
    Ok(router(node, addresses, stop, &health)?.add_service(health_service))
}

/// What both have, with reflection, and named in the health of their listener.
fn router(
    node: &OpenNode,
    addresses: &Addresses,
    stop: &CancellationToken,
    health: &HealthReporter,
) -> anyhow::Result<Router<Gated>> {
    at_once(health.set_serving::<OperatorServiceServer<OperatorApi>>());
    at_once(health.set_serving::<AuditServiceServer<AuditApi>>());
    at_once(health.set_serving::<DirectoryServiceServer<DirectoryApi>>());
    at_once(health.set_serving::<pb::pouch_service_server::PouchServiceServer<PouchApi>>());
    let ca = std::fs::read_to_string(node.config.home.join("tls/ca.pem"))?;
    let bound = match addresses.agency.is_empty() {
        true => node.config.agency_listen.to_string(),
        false => addresses.agency.clone(),
    };
    let endpoint = node.config.agency_endpoint.clone().unwrap_or(bound);
    let registrar = HomeRegistrar {
        exchange: node.exchange.clone(),
        keys: node.keys.clone(),
        node_ca: ca,
        endpoint,
        home: node.config.home.clone(),
    };
    let relays = !addresses.exchange.is_empty();
    let probe = Probe::new(node.exchange.clone(), node.identity.clone(), relays);
    let facts = NodeFacts {
        start_time: now().to_string(),
        exchange_address: addresses.exchange.clone(),
        agency_address: addresses.agency.clone(),
        warnings: node.warnings.clone(),
    };
    let exchange = node.exchange.clone();
    let operator = OperatorApi::new(
        exchange.clone(),
        Arc::new(registrar),
        Arc::new(probe),
        facts,
        stop.child_token(),
    );
    let directory = DirectoryApi::new(exchange.clone());
    let pouches = PouchApi::new(exchange.clone(), stop.child_token());
    let audit = AuditApi::new(exchange, stop.child_token());
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(crate::pb::DESCRIPTORS)
        .build_v1()?;
    Ok(server()
        .add_service(OperatorServiceServer::new(operator))
        .add_service(DirectoryServiceServer::new(directory))
        .add_service(pouches.service())
        .add_service(audit.service())
        .add_service(reflection))
}

/// Waits for what has nothing to wait for: nobody else has the reporter yet.
fn at_once(naming: impl Future<Output = ()>) {
    let _ = naming.now_or_never();
}
