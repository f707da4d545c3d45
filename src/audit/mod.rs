//! The audit log: what it is made of, how it is exported, and how it is verified.
//!
//! Promises:
//!
//! - One entry has one spelling, and what is hashed is what is stored: [`entry`].
//! - The log only grows, and anyone can check that it did (I3): [`merkle`] has the tree of RFC 6962
//!   and its proofs, [`checkpoint`] the statement that a log signs over its whole state, [`proof`]
//!   an entry's place in it as a text that stands on its own feet.
//! - What a log says of itself, others can vouch for: [`witness`] decides what may be cosigned,
//!   [`cosignature`] and [`cosigned`] make and check the lines, [`policy`] says whose lines are
//!   enough, and [`evidence`] proves to anybody that a log has signed two pasts.
//! - What is exported can be read by any client of C2SP tlog-tiles ([`tiles`], [`bundle`],
//!   [`export`]), and a changed, missing or added file is found even where those formats would
//!   ignore it ([`manifest`]). Who must not see all of a log gets the entries that concern one thing,
//!   with their proofs ([`excerpt`]).
//! - [`verify`] believes nothing but the keys that it is given, and names the first fault.
//! - [`replay`] comes to one state from one log, whoever computes it, and names what is out of
//!   order; [`reconcile`] holds two logs against each other; [`custody`] follows one exhibit through
//!   the logs of all who had it; [`disclosure`] ties an entry to the content that it commits to;
//!   [`stats`] counts.
//!
//! It is pure: files, clock and storage are closures and parameters. It won't keep a log (that is
//! the store's work), decide what is logged, or judge whose key is whose: keys come from cards, and
//! an auditor compares their fingerprints elsewhere. An entry proves that the log's owner stated
//! something; that a message has its author is proven by the message's own signature.
//!
//! `docs/audit.md` describes the formats for auditors.

pub mod bundle;
pub mod checkpoint;
pub mod cosignature;
pub mod cosigned;
pub mod custody;
pub mod disclosure;
pub mod entry;
pub mod evidence;
pub mod excerpt;
pub mod export;
pub mod manifest;
pub mod merkle;
pub mod note;
pub mod policy;
pub mod position;
pub mod proof;
pub mod reconcile;
pub mod replay;
pub mod stats;
pub mod succession;
#[cfg(test)]
pub(crate) mod testing;
pub mod tiles;
pub mod verify;
pub mod witness;

pub use checkpoint::Checkpoint;
pub use cosigned::SignedCheckpoint;
pub use entry::{Entry, EntryDraft, Event};
pub use position::Position;
