//! Asking foreign witnesses over HTTP and HTTPS: one request a connection, bounded and timed.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use rustls::client::Resumption;
use rustls::version::TLS13;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::domain::limits::WITNESS_RESPONSE_MAX_BYTES;
use crate::exchange::courier::{Carried, Trouble};
use crate::exchange::witness::foreign::Poster;

/// A witness that takes longer is not waited for.
const DEADLINE: Duration = Duration::from_secs(20);

/// Asks foreign witnesses.
#[derive(Default)]
pub struct HttpPoster {
    /// Certificates that those with an https URL are checked by.
    pub tls: Option<Arc<ClientConfig>>,
}

impl Poster for HttpPoster {
    fn post(&self, url: String, body: Vec<u8>) -> Carried<(u16, Vec<u8>)> {
        self.ask(url, Some(body))
    }

    fn get(&self, url: String) -> Carried<(u16, Vec<u8>)> {
        self.ask(url, None)
    }
}

impl HttpPoster {
    /// Posts a body, or gets where there is none.
    fn ask(&self, url: String, body: Option<Vec<u8>>) -> Carried<(u16, Vec<u8>)> {
        let tls = self.tls.clone();
        Box::pin(async move {
            match tokio::time::timeout(DEADLINE, send(&url, body, tls)).await {
                Ok(answer) => answer.map_err(|error| Trouble(format!("{url}: {error}"))),
                Err(_) => Err(Trouble(format!("{url}: no answer"))),
            }
        })
    }
}

async fn send(
    url: &str,
    body: Option<Vec<u8>>,
    tls: Option<Arc<ClientConfig>>,
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
    let request = match &body {
        Some(_) => http::Request::post(path)
            .header(http::header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        None => http::Request::get(path),
    };
    let request = request
        .header(http::header::HOST, uri.authority().map_or(host.as_str(), |a| a.as_str()))
        .body(Full::new(bytes::Bytes::from(body.unwrap_or_default())))
        .map_err(io::Error::other)?;
    if !secure {
        return exchange(TokioIo::new(tcp), request).await;
    }
    let tls = tls.ok_or_else(|| no("https needs witness.ca in the configuration"))?;
    let name = host_name(&host)?;
    exchange(TokioIo::new(shaken(tcp, name, tls).await?), request).await
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

/// Calling a foreign witness over https: an ordinary server, by the certificates in a file.
///
/// # Errors
/// When one of them is damaged.
pub fn https_client(ca: Vec<CertificateDer<'static>>) -> anyhow::Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in ca {
        roots.add(certificate)?;
    }
    let mut config = ClientConfig::builder_with_provider(super::tls::provider(false))
        .with_protocol_versions(&[&TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn host_name(host: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(io::Error::other)
}

async fn shaken(
    tcp: TcpStream,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    TlsConnector::from(config).connect(name, tcp).await
}
