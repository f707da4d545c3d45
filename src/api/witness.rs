//! The HTTP face of the witness (C2SP tlog-witness): `POST /add-checkpoint`, and
//! `GET /<hex SHA-256 of the origin>/checkpoint` for monitors.
//!
//! No caller is authenticated: a checkpoint is signed by its log, and a cosignature is public. So
//! everything is bounded, and nothing is told but what a log has signed. Without TLS, since nothing
//! is secret; what faces a network stands behind a proxy.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::domain::limits::{WITNESS_REQUEST_MAX_BYTES, WITNESS_RESPONSE_MAX_BYTES};
use crate::exchange::Exchange;
use crate::exchange::courier::{Carried, Trouble};
use crate::exchange::witness::foreign::{Poster, WitnessAnswer};

/// Callers at once; a log asks once a second at most.
const CONNECTIONS_MAX: usize = 64;
/// A caller that has not said all by then is dropped, and so is one that stays longer.
const CONNECTION_DEADLINE: Duration = Duration::from_secs(30);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A witness that takes longer is not waited for.
const POST_DEADLINE: Duration = Duration::from_secs(20);

/// Serves until `stop`.
pub async fn serve(exchange: Arc<Exchange>, listener: TcpListener, stop: CancellationToken) {
    let router = Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{origin}/checkpoint", get(checkpoint))
        .layer(DefaultBodyLimit::max(WITNESS_REQUEST_MAX_BYTES))
        .with_state(exchange);
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
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

/// Asks foreign witnesses.
#[derive(Default)]
pub struct HttpPoster {
    /// Certificates that those with an https URL are checked by.
    pub tls: Option<Arc<rustls::ClientConfig>>,
}

impl Poster for HttpPoster {
    fn post(&self, url: String, body: Vec<u8>) -> Carried<(u16, Vec<u8>)> {
        let tls = self.tls.clone();
        Box::pin(async move {
            match tokio::time::timeout(POST_DEADLINE, send(&url, body, tls)).await {
                Ok(answer) => answer.map_err(|error| Trouble(format!("{url}: {error}"))),
                Err(_) => Err(Trouble(format!("{url}: no answer"))),
            }
        })
    }
}

async fn send(
    url: &str,
    body: Vec<u8>,
    tls: Option<Arc<rustls::ClientConfig>>,
) -> io::Result<(u16, Vec<u8>)> {
    let uri: http::Uri = url.parse().map_err(io::Error::other)?;
    let no = |what: &str| io::Error::other(what.to_owned());
    let host = uri.host().ok_or_else(|| no("the URL has no host"))?.to_owned();
    let secure = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => return Err(no("the URL is neither http nor https")),
    };
    let port = uri.port_u16().unwrap_or(if secure { 443 } else { 80 });
    let tcp = TcpStream::connect((host.trim_matches(['[', ']']), port)).await?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let request = http::Request::post(path)
        .header(http::header::HOST, uri.authority().map_or(host.as_str(), |a| a.as_str()))
        .header(http::header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(Full::new(bytes::Bytes::from(body)))
        .map_err(io::Error::other)?;
    if !secure {
        return exchange(TokioIo::new(tcp), request).await;
    }
    let tls = tls.ok_or_else(|| no("https needs witness.ca in the configuration"))?;
    let name = super::tls::host_name(&host)?;
    exchange(TokioIo::new(super::tls::secure(tcp, name, tls).await?), request).await
}

async fn exchange<S>(
    stream: S,
    request: http::Request<Full<bytes::Bytes>>,
) -> io::Result<(u16, Vec<u8>)>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = handshake(stream).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    let status = answer.status().as_u16();
    let body = Limited::new(answer.into_body(), WITNESS_RESPONSE_MAX_BYTES).collect().await;
    Ok((status, body.map_err(io::Error::other)?.to_bytes().to_vec()))
}
