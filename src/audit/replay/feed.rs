//! Feeds a state from wherever a log is kept, a page of entries at a time.

use super::{Finding, State};
use crate::audit::Position;
use crate::audit::entry::{Entry, EntryError};

/// Why a state could not be fed. It stands behind the last entry that it could read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError<E> {
    /// The log cannot be read.
    #[error(transparent)]
    Read(E),
    /// The log ends before it should.
    #[error("the log has no entry {0}")]
    Missing(Position),
    /// What the log has is no entry.
    #[error("entry {place}: {source}")]
    Entry {
        /// Where it stands.
        place: Position,
        /// What is wrong with it.
        source: EntryError,
    },
}

impl State {
    /// Applies the entries up to the position `end`, through logs that have ended meanwhile. `read`
    /// gives them from a position on, of its log and at most as many as asked for; each goes to
    /// `each` with what is found in it.
    ///
    /// # Errors
    /// [`FeedError`].
    pub fn feed<E>(
        &mut self,
        end: u64,
        page: usize,
        read: &mut dyn FnMut(u64, usize) -> Result<Vec<Vec<u8>>, E>,
        each: &mut dyn FnMut(u64, &Entry, Vec<Finding>),
    ) -> Result<(), FeedError<E>> {
        while self.end().number() < end {
            let from = self.due(Position::from_number(end));
            let limit = usize::try_from(end - from.number()).unwrap_or(page).min(page);
            let entries = read(from.number(), limit).map_err(FeedError::Read)?;
            if entries.is_empty() {
                return Err(FeedError::Missing(from));
            }
            for (index, bytes) in (from.number()..end).zip(&entries) {
                let place = Position::from_number(index);
                let entry = Entry::parse(bytes);
                let entry = entry.map_err(|source| FeedError::Entry { place, source })?;
                let found = self.apply(index, &entry);
                each(index, &entry, found);
            }
        }
        Ok(())
    }

    /// Where the next entry stands on the way to `end`.
    fn due(&self, end: Position) -> Position {
        match self.sealed && end.log > self.log {
            true => Position::new(self.log + 1, 0),
            false => self.end(),
        }
    }
}
