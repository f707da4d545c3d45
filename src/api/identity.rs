//! Who calls, as TLS or the home's socket proved it. Nothing in a message can say otherwise.

use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use tonic::Status;

use super::status::to_status;
use super::tls::key_digest;
use crate::domain::AuthorityId;
use crate::exchange::{Caller, Exchange, Peer, Role};

/// Who is at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The node of a peer.
    Peer(AuthorityId),
    /// An agency, by its certificate's name and key.
    Agency {
        /// The common name.
        name: String,
        /// SHA-256 of its public key.
        key_digest: [u8; 32],
    },
    /// Whoever can open the home's socket.
    LocalOperator,
}

impl Identity {
    /// The peer whose certificate this is.
    pub fn of_peer(exchange: &Exchange, certificate: &CertificateDer<'_>) -> Option<Self> {
        let digest = key_digest(certificate).ok()?;
        let peers = exchange.directory().all();
        let peer = peers.iter().find(|peer| peer.card.tls_pins().contains(&digest))?;
        Some(Self::Peer(peer.authority().clone()))
    }

    /// The agency whose key is in this certificate; the chain was verified by TLS.
    pub fn of_agency(exchange: &Exchange, certificate: &CertificateDer<'_>) -> Option<Self> {
        let key_digest = key_digest(certificate).ok()?;
        let agencies = exchange.agencies().ok()?;
        let agency = agencies.into_iter().find(|agency| agency.key_digest == key_digest)?;
        Some(Self::Agency { name: agency.name, key_digest })
    }
}

/// The peer that calls: still in the directory at this very moment.
///
/// # Errors
/// PERMISSION_DENIED for anybody else.
pub fn peer<T>(exchange: &Exchange, request: &tonic::Request<T>) -> Result<Arc<Peer>, Status> {
    match request.extensions().get::<Identity>() {
        Some(Identity::Peer(name)) => exchange
            .directory()
            .get(name)
            .ok_or_else(|| Status::permission_denied("no longer in the directory of this node"))
            .and_then(|peer| match peer.suspended {
                None => Ok(peer),
                // Why is for the operators to talk about.
                Some(_) => Err(Status::permission_denied("suspended by the operator of this node")),
            }),
        _ => Err(Status::permission_denied("this service is for the nodes of peers")),
    }
}

/// The caller, if it has the role; looked up at every call, so a revoked agency is out at once.
///
/// # Errors
/// PERMISSION_DENIED, naming the role that the method demands.
pub fn caller<T>(
    exchange: &Exchange,
    request: &tonic::Request<T>,
    role: Role,
) -> Result<Caller, Status> {
    let caller = match request.extensions().get::<Identity>() {
        Some(Identity::LocalOperator) => Caller::local_operator(),
        Some(Identity::Agency { name, key_digest }) => {
            exchange.caller(name, key_digest).map_err(to_status)?
        }
        _ => return Err(Status::permission_denied("this service is for agencies")),
    };
    match caller.roles.contains(&role) {
        true => Ok(caller),
        false => Err(Status::permission_denied(format!(
            "{} does not have the role {role}, which this method demands",
            caller.name
        ))),
    }
}
