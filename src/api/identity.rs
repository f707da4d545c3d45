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
    /// The node of a peer, by a key that its card pins.
    Peer {
        /// Whose node.
        authority: AuthorityId,
        /// SHA-256 of its public key.
        key_digest: [u8; 32],
    },
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
    /// Under which name its connections are counted.
    pub fn name(&self) -> &str {
        match self {
            Self::Peer { authority, .. } => authority.as_str(),
            Self::Agency { name, .. } => name,
            Self::LocalOperator => Caller::OPERATOR,
        }
    }

    /// The peer whose certificate this is.
    pub fn of_peer(exchange: &Exchange, certificate: &CertificateDer<'_>) -> Option<Self> {
        let key_digest = key_digest(certificate).ok()?;
        let peers = exchange.directory().all();
        let peer = peers.iter().find(|peer| peer.card.tls_pins().contains(&key_digest))?;
        Some(Self::Peer { authority: peer.authority().clone(), key_digest })
    }

    /// The agency whose key is in this certificate; the chain was verified by TLS.
    pub fn of_agency(exchange: &Exchange, certificate: &CertificateDer<'_>) -> Option<Self> {
        let key_digest = key_digest(certificate).ok()?;
        let agencies = exchange.agencies().ok()?;
        let agency = agencies.into_iter().find(|agency| agency.key_digest == key_digest)?;
        Some(Self::Agency { name: agency.name, key_digest })
    }
}

/// The peer that calls: still in the directory at this very moment, with a card that pins the key
/// that it called with.
///
/// # Errors
/// PERMISSION_DENIED for anybody else.
pub fn peer<T>(exchange: &Exchange, request: &tonic::Request<T>) -> Result<Arc<Peer>, Status> {
    peer_of(exchange, request.extensions().get())
}

pub(super) fn peer_of(
    exchange: &Exchange,
    identity: Option<&Identity>,
) -> Result<Arc<Peer>, Status> {
    let Some(Identity::Peer { authority, key_digest }) = identity else {
        return Err(Status::permission_denied("this service is for the nodes of peers"));
    };
    let peer = exchange.directory().get(authority);
    let peer =
        peer.ok_or_else(|| Status::permission_denied("no longer in the directory of this node"))?;
    if peer.suspended.is_some() {
        // Why is for the operators to talk about.
        return Err(Status::permission_denied("suspended by the operator of this node"));
    }
    match peer.card.tls_pins().contains(key_digest) {
        true => Ok(peer),
        false => Err(Status::permission_denied("the newest card has another key: use that one")),
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
    caller_of(exchange, request.extensions().get(), role)
}

/// The caller, if it has one of two roles.
///
/// # Errors
/// As [`caller`].
pub fn caller_with_either<T>(
    exchange: &Exchange,
    request: &tonic::Request<T>,
    (one, other): (Role, Role),
) -> Result<Caller, Status> {
    let identity = request.extensions().get();
    let caller = who(exchange, identity)?;
    match caller.roles.contains(&other) {
        true => Ok(caller),
        false => caller_of(exchange, identity, one),
    }
}

pub(super) fn caller_of(
    exchange: &Exchange,
    identity: Option<&Identity>,
    role: Role,
) -> Result<Caller, Status> {
    let caller = who(exchange, identity)?;
    match caller.roles.contains(&role) {
        true => Ok(caller),
        false => Err(Status::permission_denied(format!(
            "{} does not have the role {role}, which this method demands",
            caller.name
        ))),
    }
}

fn who(exchange: &Exchange, identity: Option<&Identity>) -> Result<Caller, Status> {
    match identity {
        Some(Identity::LocalOperator) => Ok(Caller::local_operator()),
        Some(Identity::Agency { name, key_digest }) => {
            exchange.caller(name, key_digest).map_err(to_status)
        }
        _ => Err(Status::permission_denied("this service is for agencies")),
    }
}
