//! The network face: TLS, who calls, and one thin file a gRPC service (convert, call, convert).
//!
//! It promises that every call comes with an identity that TLS proved, that a method is reached
//! only with the role that it demands, and that outward errors say what to do and nothing that
//! only operators should know. It does not know the store's transactions or any cryptography but
//! TLS.

pub mod agency;
pub mod annex;
mod answers;
pub mod audit;
pub mod caller;
pub mod calls;
mod cases;
mod convert;
pub mod courier;
pub mod directory;
mod drafts;
mod erasure;
mod evidence;
pub mod exchange;
mod exports;
pub mod https;
pub mod identity;
mod inbox;
pub mod listen;
pub mod operator;
pub mod pouch;
pub mod probe;
mod release;
pub mod standing;
mod state_check;
mod statistics;
pub mod status;
pub mod tls;
pub mod witness;
