//! TLS 1.3 and nothing older: between nodes with X25519MLKEM768 only, both ends pinned to cards.
//!
//! Resumption is off everywhere, so every connection checks pins and validity anew.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls13_signature};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    ServerConfig, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::card::tls_pin;
use crate::domain::AuthorityId;
use crate::exchange::{Exchange, Peer};

/// Flow control of one stream: more than bandwidth times round trip of the links that evidence
/// travels (16 MiB: 1.3 Gbit/s at 100 ms).
pub const STREAM_WINDOW_BYTES: u32 = 16 << 20;
/// And of one connection.
pub const CONNECTION_WINDOW_BYTES: u32 = 32 << 20;
/// HTTP/2 frames as large as a chunk: the default makes two TLS records of every 16 KiB.
pub const FRAME_BYTES: u32 = 256 << 10;

/// rustls reads 4 KiB at a time; a buffer under it saves four system calls of five.
const READ_BUFFER_BYTES: usize = 128 << 10;
/// Outgoing plaintext that rustls takes before it must write: fewer, larger writes.
pub(super) const WRITE_BUFFER_BYTES: usize = 256 << 10;

/// A peer that takes longer than this to connect or to shake hands is not reachable.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// TCP with a read buffer under TLS.
pub type Wire = BufReader<TcpStream>;

pub(super) fn provider(hybrid_only: bool) -> Arc<CryptoProvider> {
    let mut kx_groups = vec![aws_lc_rs::kx_group::X25519MLKEM768];
    if !hybrid_only {
        // For agencies' systems that have no post-quantum TLS yet; preferred is the hybrid.
        kx_groups.push(aws_lc_rs::kx_group::X25519);
    }
    Arc::new(CryptoProvider { kx_groups, ..aws_lc_rs::default_provider() })
}

/// The node's certificate with its key.
pub struct NodeIdentity {
    /// The certificate chain, the node's first.
    pub chain: Vec<CertificateDer<'static>>,
    /// The private key.
    pub key: PrivateKeyDer<'static>,
}

impl Clone for NodeIdentity {
    fn clone(&self) -> Self {
        Self { chain: self.chain.clone(), key: self.key.clone_key() }
    }
}

/// The name that a node's certificate has.
pub fn server_name(authority: &AuthorityId) -> ServerName<'static> {
    ServerName::try_from(authority.as_str().to_owned()).expect("an authority id is a DNS name")
}

/// The exchange listener: callers are peers, by the pins in their cards.
///
/// # Errors
/// When the certificate does not fit its key.
pub fn exchange_server(
    exchange: &Arc<Exchange>,
    identity: NodeIdentity,
) -> anyhow::Result<Arc<ServerConfig>> {
    let provider = provider(true);
    let verifier = PeerVerifier { exchange: exchange.clone(), provider: provider.clone() };
    server(provider, Arc::new(PeerClient(verifier)), identity)
}

/// The agency listener: callers hold a certificate of this authority's agency CA.
///
/// # Errors
/// When a certificate is damaged.
pub fn agency_server(
    agency_ca: CertificateDer<'static>,
    identity: NodeIdentity,
) -> anyhow::Result<Arc<ServerConfig>> {
    let provider = provider(false);
    let verifier =
        WebPkiClientVerifier::builder_with_provider(roots(agency_ca)?.into(), provider.clone())
            .build()?;
    server(provider, verifier, identity)
}

fn server(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ClientCertVerifier>,
    identity: NodeIdentity,
) -> anyhow::Result<Arc<ServerConfig>> {
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(identity.chain, identity.key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    config.send_tls13_tickets = 0;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

/// Calling a peer: whoever answers must hold a key that the peer's card pins.
///
/// # Errors
/// When our certificate does not fit its key.
pub fn exchange_client(
    exchange: &Arc<Exchange>,
    peer: &Arc<Peer>,
    identity: NodeIdentity,
) -> anyhow::Result<Arc<ClientConfig>> {
    let provider = provider(true);
    let verifier = PeerVerifier { exchange: exchange.clone(), provider: provider.clone() };
    let verifier = Arc::new(PeerServer { verifier, expected: peer.clone() });
    client(provider, verifier, identity)
}

/// Calling a node as an agency.
///
/// # Errors
/// When a certificate of the profile is damaged or does not fit its key.
pub fn agency_client(
    ca: CertificateDer<'static>,
    certificate: CertificateDer<'static>,
    key: PrivateKeyDer<'static>,
) -> anyhow::Result<Arc<ClientConfig>> {
    let provider = provider(false);
    let verifier =
        WebPkiServerVerifier::builder_with_provider(roots(ca)?.into(), provider.clone()).build()?;
    client(provider, verifier, NodeIdentity { chain: vec![certificate], key })
}

fn client(
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ServerCertVerifier>,
    identity: NodeIdentity,
) -> anyhow::Result<Arc<ClientConfig>> {
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_client_auth_cert(identity.chain, identity.key)?;
    config.resumption = Resumption::disabled();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(Arc::new(config))
}

fn roots(ca: CertificateDer<'static>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    roots.add(ca)?;
    Ok(roots)
}

/// Connects TCP and TLS, for tonic's connector.
///
/// # Errors
/// Says at which step: name, TCP or TLS.
pub async fn connect(
    endpoint: String,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
) -> io::Result<TokioIo<tokio_rustls::client::TlsStream<Wire>>> {
    let tcp = deadline("TCP", TcpStream::connect(&endpoint)).await?;
    handshake(tcp, name, config).await.map(TokioIo::new)
}

/// The TLS step of [`connect`].
///
/// # Errors
/// When the handshake fails or takes too long.
pub async fn handshake(
    tcp: TcpStream,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
) -> io::Result<tokio_rustls::client::TlsStream<Wire>> {
    tcp.set_nodelay(true)?;
    let wire = BufReader::with_capacity(READ_BUFFER_BYTES, tcp);
    let handshake = TlsConnector::from(config).connect_with(name, wire, |session| {
        session.set_buffer_limit(Some(WRITE_BUFFER_BYTES));
    });
    deadline("TLS", handshake).await
}

pub(super) fn wire(tcp: TcpStream) -> Wire {
    BufReader::with_capacity(READ_BUFFER_BYTES, tcp)
}

async fn deadline<T>(step: &str, connecting: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match tokio::time::timeout(CONNECT_DEADLINE, connecting).await {
        Ok(done) => done.map_err(|e| io::Error::new(e.kind(), format!("{step}: {e}"))),
        Err(_) => {
            let text = format!("{step}: no answer within {} s", CONNECT_DEADLINE.as_secs());
            Err(io::Error::new(io::ErrorKind::TimedOut, text))
        }
    }
}

/// SHA-256 of a certificate's public key (SPKI): what cards pin.
///
/// # Errors
/// When it is no certificate.
pub fn key_digest(certificate: &CertificateDer<'_>) -> Result<[u8; 32], Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    Ok(tls_pin(&parsed.subject_public_key_info()))
}

/// Finds whose certificate one is, and checks it against that peer's card.
struct PeerVerifier {
    exchange: Arc<Exchange>,
    provider: Arc<CryptoProvider>,
}

impl std::fmt::Debug for PeerVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PeerVerifier")
    }
}

impl PeerVerifier {
    fn whose(&self, certificate: &CertificateDer<'_>) -> Result<Option<Arc<Peer>>, Error> {
        let digest = key_digest(certificate)?;
        let peers = self.exchange.directory().all();
        Ok(peers.into_iter().find(|peer| peer.card.tls_pins().contains(&digest)))
    }

    /// Chain to the authority's own root, validity, and its name in the certificate.
    fn check(
        &self,
        peer: &Peer,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        if (peer.card.expires().unix_seconds()) < now.as_secs() {
            return Err(refused(format!("the card of {} has ended", peer.authority())));
        }
        let roots = roots(CertificateDer::from(peer.card.tls_ca().to_vec()))?;
        let verifier =
            WebPkiServerVerifier::builder_with_provider(roots.into(), self.provider.clone())
                .build()
                .map_err(|error| refused(error.to_string()))?;
        let name = server_name(peer.authority());
        verifier.verify_server_cert(certificate, intermediates, &name, &[], now)?;
        verify_server_name(&ParsedCertificate::try_from(certificate)?, &name)
    }

    fn signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn refused(why: String) -> Error {
    Error::InvalidCertificate(CertificateError::Other(rustls::OtherError(Arc::new(
        io::Error::other(why),
    ))))
}

/// A peer that calls.
#[derive(Debug)]
struct PeerClient(PeerVerifier);

impl ClientCertVerifier for PeerClient {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // No hints: they would tell a stranger whom we trust.
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let peer = self.0.whose(end_entity)?.ok_or_else(|| {
            refused("the caller's certificate is in no card of the directory".into())
        })?;
        self.0.check(&peer, end_entity, intermediates, now)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.schemes()
    }
}

/// A peer that is called.
#[derive(Debug)]
struct PeerServer {
    verifier: PeerVerifier,
    expected: Arc<Peer>,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Peer({})", self.authority())
    }
}

impl ServerCertVerifier for PeerServer {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let expected = self.expected.authority();
        if self.expected.card.tls_pins().contains(&key_digest(end_entity)?) {
            self.verifier.check(&self.expected, end_entity, intermediates, now)?;
            return Ok(ServerCertVerified::assertion());
        }
        match self.verifier.whose(end_entity)? {
            Some(peer) => Err(refused(format!(
                "the certificate is that of {}, not of {expected}",
                peer.authority()
            ))),
            None => {
                Err(refused(format!("the certificate is not pinned in the card of {expected}")))
            }
        }
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken".into()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.schemes()
    }
}
