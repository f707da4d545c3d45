//! The client side of the agency API: a profile, and the connection that it stands for.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use tonic::transport::{Channel, Endpoint};
use zeroize::Zeroizing;

use crate::api::tls;
use crate::domain::AuthorityId;

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
}

impl Profile {
    /// Reads a profile file.
    ///
    /// # Errors
    /// When it cannot be read or is no profile.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("the profile {} cannot be read", path.display()))?;
        let text = Zeroizing::new(text);
        toml::from_str(&text).map_err(|error| {
            // Never the text around the fault: it could be the key.
            anyhow::anyhow!("{} is no profile: {}", path.display(), error.message())
        })
    }

    /// The profile file.
    pub(crate) fn to_toml(&self) -> anyhow::Result<Zeroizing<String>> {
        Ok(Zeroizing::new(toml::to_string(self).context("a profile is strings")?))
    }

    /// Connects: TLS 1.3, hybrid post-quantum key exchange, both ends certified.
    ///
    /// # Errors
    /// When the node is not reachable, is not the one that the profile names, or does not take
    /// the certificate.
    pub async fn connect(&self) -> anyhow::Result<Channel> {
        let config = self.tls()?;
        let server = tls::server_name(&self.authority);
        let (endpoint, address) = (self.endpoint.clone(), self.endpoint.clone());
        let connector = tower::service_fn(move |_| {
            tls::connect(endpoint.clone(), server.clone(), config.clone())
        });
        Endpoint::from_shared(format!("https://{}", self.authority))
            .context("the authority id is no host name")?
            .initial_connection_window_size(tls::CONNECTION_WINDOW_BYTES)
            .initial_stream_window_size(tls::STREAM_WINDOW_BYTES)
            .connect_with_connector(connector)
            .await
            .with_context(|| format!("the node {} at {address} is not reachable", self.authority))
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
