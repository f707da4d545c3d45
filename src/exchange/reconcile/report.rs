//! The report of a round, which `peer.reconciled` has the digest of.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::apart::Difference;
use super::fetch::Misfit;
use super::round::Compared;
use crate::audit::checkpoint::Checkpoint;
use crate::crypto::primitives::pae;
use crate::crypto::{Digest, sha256};
use crate::domain::AuthorityId;
use crate::exchange::log::LogPlace;

/// Differences that a report lists; behind them it says only how many more there are. A report is
/// kept in a row of the store.
const LISTED_MAX: usize = 200;

/// The text: one fact a line, in one order, nothing that another reader of both logs would not come
/// to.
pub(super) fn report(
    me: &AuthorityId,
    peer: &AuthorityId,
    own: &Checkpoint,
    compared: &Compared,
) -> String {
    let mut text = "rogatory reconciliation v1\n".to_owned();
    let mut line = |words: std::fmt::Arguments<'_>| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{words}");
    };
    line(format_args!("log {me} {}", place(own)));
    match &compared.checkpoint {
        Some(theirs) => line(format_args!("peer {peer} {}", place(theirs))),
        None => line(format_args!("peer {peer}")),
    }
    line(format_args!("numbers {} {}", compared.ours, compared.theirs));
    line(format_args!("code {}", compared.code().unwrap_or("-")));
    if let Some(Misfit { code, detail }) = &compared.misfit {
        line(format_args!("misfit {code} {detail}"));
    }
    for (class, count) in &compared.counts {
        line(format_args!("count {} {count}", class.as_str()));
    }
    for found in compared.differences.iter().take(LISTED_MAX) {
        line(format_args!("item {}", item(found)));
    }
    let unlisted: u64 = compared.unlisted.values().sum();
    let more = compared.differences.len().saturating_sub(LISTED_MAX) as u64 + unlisted;
    if more > 0 {
        line(format_args!("more {more}"));
    }
    text
}

fn place(checkpoint: &Checkpoint) -> String {
    let Checkpoint { origin, size, root } = checkpoint;
    format!("{origin} {size} {}", STANDARD.encode(root))
}

fn item(found: &Difference) -> String {
    let index =
        |place: Option<LogPlace>| place.map_or("-".to_owned(), |place| place.number().to_string());
    let message = found.message().unwrap_or_else(|| "-".to_owned());
    let done = if found.is_wrong() { "open" } else { "done" };
    let (own, theirs) = (index(found.own_entry()), index(found.peer_entry()));
    let event = found.event().unwrap_or("-");
    format!("{} {message} {event} {own} {theirs} {done}", found.class())
}

/// What is wrong, whatever else the logs say: another entry is due only when this changes.
pub(super) fn wrong_digest(compared: &Compared) -> Digest {
    let noteworthy = compared.differences.iter().filter(|found| found.is_noteworthy());
    let parts: Vec<String> = noteworthy.map(item).collect();
    let code = compared.code().unwrap_or_default();
    let parts = std::iter::once(code).chain(parts.iter().map(String::as_str));
    let parts: Vec<&[u8]> = parts.map(str::as_bytes).collect();
    sha256(&pae("reconciled", &parts))
}
