//! Asking an authority for a time-stamp, over HTTP (RFC 3161 section 3.4).

use std::io;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, HOST};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::api::https::https_client;
use crate::asic::stamp::{self, StampError, Token};
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::read_text;
use crate::crypto::random;
use crate::domain::Timestamp;

/// No token is larger: it has a few certificates.
const ANSWER_MAX_BYTES: usize = 64 << 10;
/// An authority that takes longer is not waited for.
const DEADLINE: Duration = Duration::from_secs(30);

const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";

/// Where an authority answers.
#[derive(Clone)]
pub(crate) struct Url(http::Uri);

impl FromStr for Url {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = "a URL is http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH";
        let url: http::Uri = text.parse().map_err(|_| bad)?;
        let known = matches!(url.scheme_str(), Some("http" | "https"));
        match known && url.host().is_some() {
            true => Ok(Self(url)),
            false => Err(bad),
        }
    }
}

/// An authority that stamps.
pub(super) struct Tsa {
    url: http::Uri,
    tls: Option<TlsConnector>,
}

impl Tsa {
    /// Reads what it needs, before anything is packed for it.
    pub(super) fn new(url: Url, ca: Option<&Path>) -> Result<Self, Failure> {
        let Url(url) = url;
        let tls = match (url.scheme_str() == Some("https"), ca) {
            (false, _) => None,
            (true, Some(ca)) => Some(tls(ca)?),
            (true, None) => {
                let message = "--tsa: an https URL needs --tsa-ca FILE";
                let hint = "name the certificates that its server is checked by; over http the \
                            time-stamp is signed all the same";
                return Err(Failure::new(Exit::Usage, message).hint(hint));
            }
        };
        Ok(Self { url, tls })
    }

    /// A token over some bytes, and the time in it.
    pub(super) async fn stamp(&self, content: &[u8]) -> Result<(Vec<u8>, Timestamp), Failure> {
        let nonce = random();
        let asked = tokio::time::timeout(DEADLINE, self.post(stamp::request(content, &nonce)));
        let answer = match asked.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(self.failed(Exit::Unavailable, &error.to_string())),
            Err(_) => return Err(self.failed(Exit::Unavailable, "no answer within 30 seconds")),
        };
        let read = || {
            let token = stamp::token(&answer, content, &nonce)?;
            let at = Token::parse(&token)?.at();
            Ok((token, at))
        };
        read().map_err(|error: StampError| {
            let code = match error {
                StampError::Refused { .. } => Exit::Failed,
                _ => Exit::VerificationFailed,
            };
            self.failed(code, &error.to_string())
        })
    }

    fn failed(&self, code: Exit, why: &str) -> Failure {
        Failure::new(code, format!("the time-stamp of {}: {why}", self.url))
            .hint("nothing was packed: try again later, name another --tsa, or leave it out")
    }

    async fn post(&self, body: Vec<u8>) -> io::Result<Vec<u8>> {
        let host = self.url.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = self.url.port_u16().unwrap_or(if self.tls.is_some() { 443 } else { 80 });
        let tcp = TcpStream::connect((host.as_str(), port)).await?;
        let path = self.url.path_and_query().map_or("/", |path| path.as_str());
        let authority = self.url.authority().map_or(host.as_str(), |a| a.as_str());
        let request = http::Request::post(path)
            .header(HOST, authority)
            .header(CONTENT_TYPE, QUERY)
            .header(ACCEPT, REPLY)
            .body(Full::new(bytes::Bytes::from(body)))
            .map_err(io::Error::other)?;
        match &self.tls {
            None => exchange(TokioIo::new(tcp), request).await,
            Some(tls) => {
                let name = ServerName::try_from(host).map_err(io::Error::other)?;
                exchange(TokioIo::new(tls.connect(name, tcp).await?), request).await
            }
        }
    }
}

fn tls(ca: &Path) -> Result<TlsConnector, Failure> {
    let text = read_text(ca)?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    let bad = || Failure::bad_file(ca, "has no certificates in PEM, or one that is damaged");
    let all = all.ok().filter(|all| !all.is_empty()).ok_or_else(bad)?;
    let config = https_client(all).map_err(|_| bad())?;
    Ok(TlsConnector::from(config))
}

async fn exchange<S>(stream: S, request: http::Request<Full<bytes::Bytes>>) -> io::Result<Vec<u8>>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = handshake(stream).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    let answer = sender.send_request(request).await.map_err(io::Error::other)?;
    if answer.status() != http::StatusCode::OK {
        return Err(io::Error::other(format!("it answers HTTP {}", answer.status())));
    }
    let body = Limited::new(answer.into_body(), ANSWER_MAX_BYTES).collect().await;
    Ok(body.map_err(io::Error::other)?.to_bytes().to_vec())
}
