//! Which entries record the receipts that an export brings.

use crate::crypto::Digest;

/// The digest of each receipt file, which is what the entry that records it has as `rcpt`, and that
/// entry once it was met. An entry whose receipt the export does not bring costs nothing.
pub(super) struct Recorded(Vec<(Digest, Option<u64>)>);

impl Recorded {
    pub(super) fn of(mut receipts: Vec<Digest>) -> Self {
        receipts.sort_unstable();
        receipts.dedup();
        Self(receipts.into_iter().map(|digest| (digest, None)).collect())
    }

    /// The first entry that records a receipt counts.
    pub(super) fn note(&mut self, receipt: &Digest, index: u64) {
        if let Ok(at) = self.find(receipt) {
            self.0[at].1.get_or_insert(index);
        }
    }

    pub(super) fn entry(&self, receipt: &Digest) -> Option<u64> {
        self.find(receipt).ok().and_then(|at| self.0[at].1)
    }

    fn find(&self, receipt: &Digest) -> Result<usize, usize> {
        self.0.binary_search_by_key(receipt, |(digest, _)| *digest)
    }
}
