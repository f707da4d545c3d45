//! The HTTP face of the witness (C2SP tlog-witness): `POST /add-checkpoint`, and
//! `GET /<hex SHA-256 of the origin>/checkpoint` for monitors.
//!
//! No caller is authenticated: a checkpoint is signed by its log, and a cosignature is public. So
//! everything is bounded, and nothing is told but what a log has signed. Without TLS, since nothing
//! is secret; what faces a network stands behind a proxy.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::domain::limits::WITNESS_REQUEST_MAX_BYTES;
use crate::exchange::Exchange;
use crate::exchange::witness::foreign::WitnessAnswer;

/// Callers at once; a log asks once a second at most.
const CONNECTIONS_MAX: usize = 64;
/// A caller that has not said all by then is dropped, and so is one that stays longer.
const CONNECTION_DEADLINE: Duration = Duration::from_secs(30);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `stop`.
pub async fn serve(exchange: Arc<Exchange>, listener: TcpListener, stop: CancellationToken) {
    let router = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{origin}/checkpoint", get(checkpoint))
        .layer(DefaultBodyLimit::max(WITNESS_REQUEST_MAX_BYTES))
        .with_state(exchange);
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let next = async {
            let slot = slots.clone().acquire_owned().await.ok();
            (slot, listener.accept().await)
        };
        let (slot, accepted) = tokio::select! {
            () = stop.cancelled() => return,
            next = next => next,
        };
        match accepted {
            Ok((tcp, _)) => {
                let service = TowerToHyperService::new(router.clone());
                tokio::spawn(async move {
                    let serving = hyper::server::conn::http1::Builder::new()
                        .timer(TokioTimer::new())
                        .header_read_timeout(CONNECTION_DEADLINE)
                        .serve_connection(TokioIo::new(tcp), service);
                    let _ = tokio::time::timeout(CONNECTION_DEADLINE, serving).await;
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a caller of the witness cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn add_checkpoint(State(exchange): State<Arc<Exchange>>, body: Bytes) -> Response {
    // On a task of its own: a caller that goes away must not leave a head that is half kept.
    let answering = tokio::spawn(async move { exchange.add_checkpoint(&body).await });
    match answering.await {
        Ok(answer) => response(answer),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn checkpoint(State(exchange): State<Arc<Exchange>>, Path(origin): Path<String>) -> Response {
    let mut hash = [0; 32];
    let held = hex::decode_to_slice(&origin, &mut hash).ok();
    match held.and_then(|()| exchange.cosigned_checkpoint(&hash)) {
        Some(body) => {
            response(WitnessAnswer { status: 200, media_type: "text/plain; charset=utf-8", body })
        }
        None => (StatusCode::NOT_FOUND, "no checkpoint of such a log was cosigned here\n")
            .into_response(),
    }
}

fn response(answer: WitnessAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(header::CONTENT_TYPE, answer.media_type)], answer.body).into_response()
}
