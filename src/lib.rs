//! # rogatory
//!
//! One binary, run as a **node** by each participating central authority. Agencies of its country
//! hand it requests for mutual legal assistance and evidence packages over gRPC; it seals and signs
//! them, relays them to the node of the counterpart authority over mutual TLS, and gets back
//! receipts that prove what became of them. Every step is an entry in a signed, append-only Merkle
//! log that auditors verify offline, trusting nobody.
//!
//! One sentence carries the design: *nothing leaves a node that is not in its own log, nothing is
//! acknowledged that is not in the receiver's log, and both facts travel with the message as
//! proofs.*
//!
//! ```text
//!  SENDING NODE                                    RECEIVING NODE
//!
//!  agency ─▶ api::agency                           api::exchange ◀── TLS says who calls
//!     exchange::submit   check, seal, sign            exchange::session
//!     store::commit      SubmissionAcceptance         exchange::accept   proof, signature, time
//!     exchange::relay ═══════ envelope, proof ═══════▶ store::commit     RelayAcceptance
//!     exchange::record ◀════════ receipt ═════════════ exchange::issue
//!     store::commit      the peer's receipt           exchange::consign  open, check
//!                        ◀════════ receipt ═══════════ store::commit     ContentConsignment
//!                        ◀════════ receipt ═══════════ … ContentHandover, once an agency has it
//! ```
//!
//! # The tiers
//!
//! A module imports only from tiers below its own; `tests/tidy.rs` holds it to that.
//!
//! | tier | modules | what they are |
//! |---|---|---|
//! | 0 | [`domain`] | what an authority, a message, a request is. Pure |
//! | 1 | [`crypto`], [`disk`] | keys with one duty each, and the primitives, pure; files that are synced |
//! | 2 | [`envelope`], [`audit`] | the message as bytes; the log as hashes. Pure |
//! | 3 | [`card`], [`receipt`], [`asic`], [`store`] | who is who; what is proved; what stands alone; what is durable |
//! | 4 | [`exchange`] | submit, relay, accept, consign, witness, erase, check |
//! | 5 | [`api`] | TLS and gRPC, thin, and the HTTP of witnesses |
//! | 6 | [`home`], [`config`], [`node`], [`client`] | a directory, a process, a connection |
//! | 7 | [`cli`] | the command line, which is also the reference client |
//!
//! # The invariants
//!
//! Comments cite them as (I1) to (I7).
//!
//! - **I1** Nothing is acknowledged before it is durable.
//! - **I2** Nothing is accepted unverified: peer, sender's log proof, signature, freshness, then the
//!   content.
//! - **I3** The log only grows; every checkpoint extends every earlier one; a restored backup is
//!   noticed.
//! - **I4** Bytes before rows: a row never names bytes that are not yet on disk.
//! - **I5** Delivered at least once, accepted exactly once; a repeat gets the same receipt; the same
//!   id with other content is a signed conflict.
//! - **I6** Plaintext is never written to disk by the node, never traced, and has no `Debug`. What
//!   says more than ids, times, sizes and states is encrypted at rest. No personal data in the log,
//!   in traces or in file names.
//! - **I7** Everything has a limit: [`domain::limits`].
//!
//! # Where to start reading
//!
//! [`exchange::submit`] and follow the picture; [`exchange::issue`] for how a receipt that proves
//! nothing does not compile; [`store`] for what happens at each step of a commit when the power
//! goes; [`audit`] for what an auditor holds in the end.
#![forbid(unsafe_code)]

pub mod api;
pub mod asic;
pub mod audit;
pub mod card;
pub mod cli;
pub mod client;
pub mod config;
pub mod crypto;
pub mod disk;
pub mod domain;
pub mod envelope;
pub mod exchange;
pub mod home;
pub mod node;
pub mod pb;
pub mod receipt;
pub mod store;
mod telemetry;
