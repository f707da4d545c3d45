//! Feeds a state from wherever a log is kept, a page of entries at a time.

use super::{Finding, State};
use crate::audit::entry::{Entry, EntryError};

/// Why a state could not be fed. It stands behind the last entry that it could read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError<E> {
    /// The log cannot be read.
    #[error(transparent)]
    Read(E),
    /// The log ends before it should.
    #[error("the log has no entry {0}")]
    Missing(u64),
    /// What the log has is no entry.
    #[error("entry {index}: {source}")]
    Entry {
        /// Its number.
        index: u64,
        /// What is wrong with it.
        source: EntryError,
    },
}

impl State {
    /// Applies the entries up to `size`, which `read` gives from an index on, at most as many as
    /// asked for; each goes to `each` with what is found in it.
    ///
    /// # Errors
    /// [`FeedError`].
    pub fn feed<E>(
        &mut self,
        size: u64,
        page: usize,
        read: &mut dyn FnMut(u64, usize) -> Result<Vec<Vec<u8>>, E>,
        each: &mut dyn FnMut(u64, &Entry, Vec<Finding>),
    ) -> Result<(), FeedError<E>> {
        while self.entries() < size {
            let from = self.entries();
            let limit = usize::try_from(size - from).unwrap_or(page).min(page);
            let entries = read(from, limit).map_err(FeedError::Read)?;
            if entries.is_empty() {
                return Err(FeedError::Missing(from));
            }
            for (index, bytes) in (from..size).zip(&entries) {
                let entry = Entry::parse(bytes);
                let entry = entry.map_err(|source| FeedError::Entry { index, source })?;
                let found = self.apply(index, &entry);
                each(index, &entry, found);
            }
        }
        Ok(())
    }
}
