//! What `build.rs` generates from `proto/`: messages and services, and their descriptors.
#![allow(missing_docs, clippy::all)]

/// Package `rogatory.v1`: everything that travels.
pub mod v1 {
    tonic::include_proto!("rogatory.v1");
}

/// Package `rogatory.store.v1`: what is on our own disk.
pub mod store {
    /// The version of it.
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/rogatory.store.v1.rs"));
    }
}

/// The descriptors of `rogatory.v1`, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/rogatory.binpb"));
