//! Excerpts: the entries of a log that concern one thing, each with the proof that it stands in the
//! log, and of all others nothing but hashes and their number.
//!
//! An excerpt has the checkpoint with its cosignatures, a C2SP tlog-proof for each entry under that
//! checkpoint (with the log's own signature alone, so that it does not stand in every file),
//! cards, the policy and receipts as an export has them, and a manifest that the log's key signs. The
//! first entry of the log is always there, and the last one of a log that has ended: they join the
//! logs of an authority, and of each there is an excerpt, whether or not it has anything else.
//!
//! What it proves is that its entries are the log's. That none is missing it proves between the
//! first and the last of one peer, whose numbers have no gap; beyond that its owner only says so,
//! under its signature. [`super::verify::excerpt`] checks it.

mod manifest;
mod scope;
mod write;

pub use manifest::{Excerpt, HEADER, Made, is_excerpt};
pub use scope::{Chosen, Scope};
pub use write::{Beside, ExcerptSource, Excerpted, Extras, Prove, write_excerpt};

use super::export::is_extra;

/// The folder of the entries.
pub const ENTRIES: &str = "entries/";

/// The path of the proof of an entry: `entries/000000000017.tlog-proof`, so that the order of the
/// names is that of the log.
pub fn entry_path(index: u64) -> String {
    format!("{ENTRIES}{index:012}.tlog-proof")
}

/// The entry that a path is of; `None` unless [`entry_path`] writes it so.
pub fn entry_of_path(path: &str) -> Option<u64> {
    let number = path.strip_prefix(ENTRIES)?.strip_suffix(".tlog-proof")?;
    let index = number.parse().ok()?;
    (entry_path(index) == path).then_some(index)
}

/// Whether a path is one of a card, a receipt or the policy.
pub(super) fn is_beside(path: &str) -> bool {
    is_extra(path)
}

#[cfg(test)]
mod tests;
