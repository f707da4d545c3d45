//! Which files of an export are named in its manifest, and not sent: whoever asks has them.

use std::collections::BTreeSet;

use super::RECEIPTS;
use crate::audit::entry::Entry;
use crate::audit::manifest::{TAG_BYTES, tag};
use crate::audit::tiles::full_paths;
use crate::crypto::{Digest, sha256};

/// What somebody has of an export, by what it says. What it keeps are the eight bytes of each file
/// that is held, or the names of the tiles below an entry and the digests of the receipts above it.
#[derive(Clone, Debug, Default)]
pub struct LeftOut {
    /// Sorted.
    held: Vec<[u8; TAG_BYTES]>,
    since: u64,
    /// Tiles and bundles that are full below `since`.
    full: BTreeSet<String>,
    /// Receipts that entries from `since` on record.
    recorded: BTreeSet<Digest>,
}

impl LeftOut {
    /// From the [`tag`]s of the files that are held, one after the other, and the number of entries
    /// that somebody has; 0 where only the tags count. Bytes that are no whole tag count for
    /// nothing.
    pub fn new(held: &[u8], since: u64) -> Self {
        let mut held = held.as_chunks::<TAG_BYTES>().0.to_vec();
        held.sort_unstable();
        Self { held, since, full: full_paths(since).collect(), recorded: BTreeSet::new() }
    }

    /// Sees entries of the log pass, from `first` on, before the receipts do.
    pub fn see(&mut self, first: u64, entries: &[Vec<u8>]) {
        if self.since == 0 {
            return;
        }
        let new = (first..).zip(entries).filter(|(index, _)| *index >= self.since);
        let receipts = new.filter_map(|(_, entry)| Entry::parse(entry).ok()?.receipt);
        self.recorded.extend(receipts);
    }

    /// Whether this file is one of those: its path in the folder of its log, which is `folder` of the
    /// export.
    pub fn leaves_out(&self, folder: &str, path: &str, bytes: &[u8]) -> bool {
        let old_receipt = || {
            let received = self.since > 0 && path.starts_with(RECEIPTS);
            received && !self.recorded.contains(&sha256(bytes))
        };
        let place = || format!("{folder}{path}");
        let held = || self.held.binary_search(&tag(&place(), &sha256(bytes))).is_ok();
        self.full.contains(path) || old_receipt() || (!self.held.is_empty() && held())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::{TestLog, delivery};

    #[test]
    fn only_what_is_held_in_that_place_with_that_content_is_left_out() {
        let tags = [tag("checkpoint", &sha256(b"a")), tag("cards/xa.oag.card", &sha256(b"b"))];
        let left = LeftOut::new(&[tags.concat(), vec![1, 2, 3]].concat(), 0);
        assert!(left.leaves_out("", "checkpoint", b"a"));
        assert!(left.leaves_out("", "cards/xa.oag.card", b"b"));
        for (path, bytes) in [("checkpoint", b"b"), ("cards/xa.oag.card", b"a"), ("policy", b"a")] {
            assert!(!left.leaves_out("", path, bytes), "{path}");
        }
        assert!(!left.leaves_out("earlier/2026/", "checkpoint", b"a"), "of another log");
        let of_another = [tag("earlier/2026/checkpoint", &sha256(b"a"))];
        let left = LeftOut::new(of_another.as_flattened(), 0);
        assert!(left.leaves_out("earlier/2026/", "checkpoint", b"a"));
        assert!(!LeftOut::default().leaves_out("", "checkpoint", b"a"));
    }

    #[test]
    fn below_an_entry_what_cannot_change_any_more_is_left_out() {
        let left = LeftOut::new(&[], 600);
        for path in ["tile/0/000", "tile/0/001", "tile/entries/000", "tile/entries/001"] {
            assert!(left.leaves_out("", path, b"x"), "{path}");
        }
        for path in ["tile/0/002", "tile/1/000", "tile/entries/002", "tile/0/000.p/3", "checkpoint"]
        {
            assert!(!left.leaves_out("", path, b"x"), "{path}");
        }
    }

    #[test]
    fn receipts_are_sent_where_an_entry_since_then_records_them() {
        let mut log = TestLog::new("xa.oag", 1);
        let record = |text: &str, number| {
            let draft = delivery(crate::audit::Event::RelayAcceptance, "xb.oag", "xb.oag", number);
            let other = TestLog::new("xb.oag", 2);
            draft.receipt(sha256(text.as_bytes())).remote(other.coordinates(0, 1))
        };
        log.push(record("old", 1));
        log.push(record("new", 2));
        let mut left = LeftOut::new(&[], 2);
        left.see(0, &log.entries[..2]);
        left.see(2, &log.entries[2..]);
        assert!(left.leaves_out("", "receipts/1.tlog-proof", b"old"));
        assert!(!left.leaves_out("", "receipts/2.tlog-proof", b"new"));
        assert!(!left.leaves_out("", "cards/xa.oag.card", b"old"));
    }
}
