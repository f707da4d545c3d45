//! The HTTP face of the witness (C2SP tlog-witness): `POST /add-checkpoint`, and
//! `GET /<hex SHA-256 of the origin>/checkpoint` for monitors.
//!
//! No caller is authenticated: a checkpoint is signed by its log, and a cosignature is public. So
//! everything is bounded, and nothing is told but what a log has signed. Without TLS, since nothing
//! is secret; what faces a network stands behind a proxy.

use std::pin::pin;
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
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use super::listen::{ACCEPT_PAUSE, Crowd, Ends, Shaking};
use crate::domain::limits::{WITNESS_CALLERS, WITNESS_REQUEST_MAX_BYTES};
use crate::exchange::Exchange;
use crate::exchange::witness::foreign::WitnessAnswer;

/// A caller that has not said all by then is dropped, and so is one that stays longer.
const CONNECTION_DEADLINE: Duration = Duration::from_secs(30);

/// What the routes need.
#[derive(Clone)]
struct Desk {
    exchange: Arc<Exchange>,
    tasks: TaskTracker,
}

/// Serves until it is to end. Whoever comes finds a place, at the cost of whoever has been there
/// longest; each connection is one of `tasks`, which a stop waits for.
pub async fn serve(exchange: Arc<Exchange>, listener: TcpListener, ends: Ends, tasks: TaskTracker) {
    let router = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{origin}/checkpoint", get(checkpoint))
        .layer(DefaultBodyLimit::max(WITNESS_REQUEST_MAX_BYTES))
        .with_state(Desk { exchange, tasks: tasks.clone() });
    let crowd = Crowd::new(WITNESS_CALLERS);
    loop {
        let accepted = tokio::select! {
            () = ends.stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((tcp, from)) => {
                let place = crowd.admit(from.ip());
                tasks.spawn(attend(router.clone(), tcp, place, ends.clone()));
            }
            Err(error) => {
                tracing::warn!(%error, "a caller of the witness cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Serves one connection until it ends, its place or its time is over, or the node stops.
async fn attend(router: Router, tcp: TcpStream, place: Shaking, ends: Ends) {
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(CONNECTION_DEADLINE)
        .serve_connection(TokioIo::new(tcp), TowerToHyperService::new(router));
    let mut serving = pin!(serving);
    let mut over = pin!(async {
        tokio::select! {
            () = place.over.cancelled() => {}
            () = ends.cut.cancelled() => {}
            () = tokio::time::sleep(CONNECTION_DEADLINE) => {}
        }
    });
    tokio::select! {
        biased;
        () = &mut over => return,
        _ = &mut serving => return,
        () = ends.stop.cancelled() => serving.as_mut().graceful_shutdown(),
    }
    // What is being answered is.
    tokio::select! {
        () = over => {}
        _ = serving => {}
    }
}

async fn add_checkpoint(State(desk): State<Desk>, body: Bytes) -> Response {
    let Desk { exchange, tasks } = desk;
    // On a task of its own: a caller that goes away must not leave a head that is half kept.
    let answering = tasks.spawn(async move { exchange.add_checkpoint(&body).await });
    match answering.await {
        Ok(answer) => response(answer),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn checkpoint(State(desk): State<Desk>, Path(origin): Path<String>) -> Response {
    let mut hash = [0; 32];
    let held = hex::decode_to_slice(&origin, &mut hash).ok();
    match held.and_then(|()| desk.exchange.cosigned_checkpoint(&hash)) {
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
