//! Ports for nodes, which are down at times.
#![allow(dead_code, missing_docs)] // Each test file uses its part.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::net::{Ipv4Addr, TcpListener};

use rogatory::node::Bound;
use tokio::net::TcpSocket;

/// The ports of a node that has not started. They are its own, and whoever connects is refused at once:
/// one that is listened on and not answered keeps each peer that starts waiting for what it says.
pub struct Held {
    pub exchange: TcpSocket,
    pub agency: TcpSocket,
    pub witness: Option<TcpSocket>,
}

impl Held {
    pub fn new() -> Self {
        Self { exchange: socket(), agency: socket(), witness: None }
    }

    pub fn listen(self) -> Bound {
        Bound {
            exchange: listen(self.exchange),
            agency: listen(self.agency),
            witness: self.witness.map(listen),
        }
    }
}

/// Holds a port that nobody takes by chance while its node is down.
pub fn socket() -> TcpSocket {
    loop {
        let at = (Ipv4Addr::LOCALHOST, free_port()).into();
        let socket = TcpSocket::new_v4().expect("a socket");
        // Another test may have been faster.
        if socket.bind(at).is_ok() {
            return socket;
        }
    }
}

/// Listens on a port that is held.
pub fn listen(socket: TcpSocket) -> tokio::net::TcpListener {
    socket.listen(1024).expect("it listens")
}

/// Where a socket is bound, as a configuration has it.
pub fn address(socket: &TcpSocket) -> String {
    socket.local_addr().expect("bound").to_string()
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
