//! The client side of the agency API: a profile, and the connection that it stands for.

use std::error::Error as _;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use hyper_util::rt::TokioIo;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use zeroize::Zeroizing;

use crate::api::caller::{Failed, Remembering};
use crate::api::tls;
use crate::card::is_endpoint;
use crate::domain::AuthorityId;

/// Why a file is no profile.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// It cannot be read.
    #[error("the profile {} cannot be read: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is not of the form.
    #[error("{} is no profile: {why}", path.display())]
    Form {
        /// Which file.
        path: PathBuf,
        /// How not.
        why: String,
    },
}

/// Why a node cannot be called.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// Nobody answers.
    #[error("the node of {authority} at {address} is not reachable: {why}")]
    Unreachable {
        /// Whose node.
        authority: AuthorityId,
        /// Where it should be.
        address: String,
        /// What was met.
        why: String,
    },
    /// Somebody answers, who has not the certificate of this node.
    #[error("{address} answers, but is not the node of {authority}: {why}")]
    NotTheNode {
        /// Whose node it should be.
        authority: AuthorityId,
        /// Where.
        address: String,
        /// What is wrong with who answers.
        why: String,
    },
    /// The node answers, and wants nothing to do with this certificate.
    #[error("the node of {authority} does not take the certificate of this profile: {why}")]
    NotTaken {
        /// Whose node.
        authority: AuthorityId,
        /// What it said.
        why: String,
    },
}

/// What an agency needs to call its node, as `rogatory agency add` writes it. Holds a private
/// key, so it has no `Debug`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Whose node.
    pub authority: AuthorityId,
    /// Its agency listener, host:port.
    pub endpoint: String,
    /// The certificate that issued the node's, PEM.
    pub(crate) ca: String,
    /// The agency's certificate, PEM.
    pub(crate) certificate: String,
    /// Its private key, PEM.
    pub(crate) key: Zeroizing<String>,
    /// The certificates that containers are signed with, the agency's own first, PEM. Profiles of
    /// before there were containers have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seal_certificate: Option<String>,
    /// The private key of the first, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seal_key: Option<Zeroizing<String>>,
}

impl Profile {
    /// Reads a profile file.
    ///
    /// # Errors
    /// When it cannot be read or is no profile.
    pub fn read(path: &Path) -> Result<Self, ProfileError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ProfileError::Io { path: path.to_owned(), source })?;
        let text = Zeroizing::new(text);
        let form = |why: String| ProfileError::Form { path: path.to_owned(), why };
        // Never the text around the fault: it could be the key.
        let profile: Self = toml::from_str(&text).map_err(|e| form(e.message().to_owned()))?;
        if !is_endpoint(&profile.endpoint) {
            return Err(form(format!("its endpoint {:?} is not HOST:PORT", profile.endpoint)));
        }
        profile.tls().map_err(|error| form(format!("{error:#}")))?;
        Ok(profile)
    }

    /// Whether others than its owner may read a profile file: its permission bits, if they may.
    /// What cannot be looked at is nobody's to read.
    pub fn exposed(path: &Path) -> Option<u32> {
        let data = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        let mode = data.permissions().mode() & 0o777;
        (mode & 0o077 != 0).then_some(mode)
    }

    /// The profile file.
    pub(crate) fn to_toml(&self) -> anyhow::Result<Zeroizing<String>> {
        Ok(Zeroizing::new(toml::to_string(self).context("a profile is strings")?))
    }

    /// Connects: TLS 1.3, hybrid post-quantum key exchange, both ends certified.
    ///
    /// # Errors
    /// [`ConnectError`]: when the node is not reachable, is not the one that the profile names, or
    /// does not take the certificate.
    pub async fn connect(&self) -> anyhow::Result<Channel> {
        let config = self.tls()?;
        let server = tls::server_name(&self.authority);
        let (endpoint, failed) = (self.endpoint.clone(), Failed::default());
        let keep = failed.clone();
        let connector = tower::service_fn(move |_| {
            let keep = keep.clone();
            let connecting = tls::connect(endpoint.clone(), server.clone(), config.clone());
            async move {
                let tls = connecting.await.inspect_err(|error| keep.put(error))?;
                Ok::<_, io::Error>(TokioIo::new(Remembering::new(tls.into_inner(), keep)))
            }
        });
        let connected = Endpoint::from_shared(format!("https://{}", self.authority))
            .context("the authority id is no host name")?
            .initial_connection_window_size(tls::CONNECTION_WINDOW_BYTES)
            .initial_stream_window_size(tls::STREAM_WINDOW_BYTES)
            .connect_with_connector(connector)
            .await;
        let channel = connected.map_err(|error| {
            let (kind, why) = failed.take().unwrap_or((io::ErrorKind::Other, error.to_string()));
            let (authority, address) = (self.authority.clone(), self.endpoint.clone());
            match kind {
                io::ErrorKind::InvalidData => ConnectError::NotTheNode { authority, address, why },
                _ => ConnectError::Unreachable { authority, address, why },
            }
        })?;
        self.is_taken(&channel, &failed).await?;
        Ok(channel)
    }

    /// With TLS 1.3 a node that refuses the certificate says so in the place of its first answer.
    async fn is_taken(&self, channel: &Channel, failed: &Failed) -> Result<(), ConnectError> {
        let mut health = HealthClient::new(channel.clone());
        let asked = health.check(HealthCheckRequest::default()).await;
        // Whatever it answers, it answers.
        let Some(broken) = asked.err().filter(|status| status.source().is_some()) else {
            return Ok(());
        };
        let authority = self.authority.clone();
        Err(match failed.take() {
            Some((io::ErrorKind::InvalidData, why)) => ConnectError::NotTaken { authority, why },
            met => {
                let why = met.map_or_else(|| broken.to_string(), |(_, why)| why);
                ConnectError::Unreachable { authority, address: self.endpoint.clone(), why }
            }
        })
    }

    fn tls(&self) -> anyhow::Result<Arc<rustls::ClientConfig>> {
        let ca = CertificateDer::from_pem_slice(self.ca.as_bytes())
            .context("the profile's ca is no certificate")?;
        let certificate = CertificateDer::from_pem_slice(self.certificate.as_bytes())
            .context("the profile's certificate is none")?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes())
            .context("the profile's key is none")?;
        tls::agency_client(ca, certificate, key)
    }
}
