//! Ports for nodes, which are down at times.
#![allow(dead_code, missing_docs)] // Each test file uses its part.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};

/// Listens on a port that nobody takes by chance while its node is down.
pub async fn listener() -> tokio::net::TcpListener {
    loop {
        let at = (Ipv4Addr::LOCALHOST, free_port());
        // Another test may have been faster.
        if let Ok(listener) = tokio::net::TcpListener::bind(at).await {
            return listener;
        }
    }
}

/// A port where nothing listens. Not one of those that the system gives to connections: until the
/// node listens there, one that is being made could have it.
pub fn free_port() -> u16 {
    loop {
        let random = RandomState::new().build_hasher().finish();
        let port = 10_240 + (random % 20_000) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}
