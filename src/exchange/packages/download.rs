//! The exhibits of a package, chunk after chunk, as an agency takes them.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{PARTS_AHEAD, PackageContent};
use crate::exchange::ActionError;

/// The next bytes of an exhibit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DownloadPart {
    /// The exhibit's number.
    pub exhibit: u32,
    /// Whether it ends with them.
    pub last: bool,
    /// A chunk's plaintext.
    pub data: Vec<u8>,
}

/// Reads one exhibit, or all from one on. Blocking, as [`PackageContent`] is.
pub struct Download {
    content: PackageContent,
    exhibit: u32,
    chunk: u32,
    /// The exhibit before which it ends.
    end: u32,
    given: Given,
    /// Of the parts that may still be in the channel: the exhibit that each ended.
    ahead: VecDeque<Option<u32>>,
}

/// Which exhibits were surely taken whole. Clones say the same.
#[derive(Clone)]
pub struct Given {
    first: u32,
    end: u32,
    /// The exhibit before which they end.
    taken: Arc<AtomicU32>,
}

impl Given {
    /// The exhibits of which all parts have been taken out of a channel of [`PARTS_AHEAD`].
    pub fn exhibits(&self) -> Range<u32> {
        self.first..self.taken.load(Ordering::Acquire)
    }

    /// Says that all parts that there are have been taken.
    pub fn all(&self) {
        self.upto(self.end);
    }

    fn upto(&self, end: u32) {
        self.taken.fetch_max(end, Ordering::AcqRel);
    }
}

impl Download {
    /// From a chunk of an exhibit to its end, or to that of the package.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] when there is no such exhibit.
    pub fn begin(
        content: PackageContent,
        exhibit: u32,
        chunk: u32,
        following: bool,
    ) -> Result<Self, ActionError> {
        content.chunks(exhibit)?;
        let one = exhibit.saturating_add(1);
        let end = if following { content.exhibit_count().max(one) } else { one };
        // Whoever begins behind the first chunk is not given that exhibit by this call.
        let first = if chunk == 0 { exhibit } else { one };
        let given = Given { first, end, taken: Arc::new(AtomicU32::new(first)) };
        Ok(Self { content, exhibit, chunk, end, given, ahead: VecDeque::new() })
    }

    /// What was taken of it.
    pub fn given(&self) -> Given {
        self.given.clone()
    }

    /// The next part; `None` behind the last. Whoever asks has room for it in the channel.
    ///
    /// # Errors
    /// [`ActionError::Conflict`] with `EXHIBIT_DAMAGED`; [`ActionError::Fault`].
    pub fn next_part(&mut self) -> Result<Option<DownloadPart>, ActionError> {
        while self.exhibit < self.end {
            let (exhibit, chunks) = (self.exhibit, self.content.chunks(self.exhibit)?);
            if self.chunk >= chunks {
                (self.exhibit, self.chunk) = (exhibit.saturating_add(1), 0);
                continue;
            }
            let data = self.content.chunk(exhibit, self.chunk)?;
            self.chunk += 1;
            let last = self.chunk == chunks;
            self.sent(last.then_some(exhibit));
            return Ok(Some(DownloadPart { exhibit, last, data }));
        }
        Ok(None)
    }

    fn sent(&mut self, ended: Option<u32>) {
        self.ahead.push_back(ended);
        if self.ahead.len() <= PARTS_AHEAD {
            return;
        }
        // There was room for so many parts behind it: it is in the channel no more.
        if let Some(Some(taken)) = self.ahead.pop_front() {
            self.given.upto(taken.saturating_add(1));
        }
    }
}
