//! One node and several, over their real listeners: what they exchange, keep, prove and survive.
//!
//! One program, so that what they share is linked once, and what waits in one test leaves the
//! processor to another.
#![allow(missing_docs)]

mod barrier;
mod canaries;
mod checked;
mod directory;
mod erasure;
mod excerpts;
mod hostile_answers;
mod hostile_peer;
mod killed;
mod packages;
mod reconciled;
mod recovered;
mod replayed;
mod roles;
mod rollback;
mod scenario;
mod several_streams;
mod statistics;
#[path = "../support/mod.rs"]
mod support;
mod two_nodes;
mod witness;
mod witness_http;
mod years;
