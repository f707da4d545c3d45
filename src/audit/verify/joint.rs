//! How a log follows the one before it, as its first entry says and the other's last one.

use super::{Before, Report, Trust, VerifyFailure};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::{Coordinates, Entry, Event};
use crate::audit::note::VerifierKey;
use crate::audit::succession::{SuccessionError, end_of};

/// What was found in one of the logs of an authority, which follow each other.
pub trait Linked {
    /// The state of the log that was found.
    fn checkpoint(&self) -> &Checkpoint;

    /// The end of the log before, where this one goes on from one.
    fn before(&self) -> Option<&Coordinates>;

    /// The key of the log that follows, where this one has ended.
    fn successor(&self) -> Option<&str>;
}

impl Linked for Report {
    fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    fn before(&self) -> Option<&Coordinates> {
        self.before.as_ref()
    }

    fn successor(&self) -> Option<&str> {
        self.successor.as_deref()
    }
}

/// Checks the first entry of a log: that it opens this log, which goes on from how the one before it
/// ended, and that that one names this one.
pub(super) fn opened<R: Linked>(trust: &Trust<R>, first: &Entry) -> Result<(), VerifyFailure> {
    let event = first.event;
    let key = first.key.as_deref().and_then(|key| VerifierKey::parse(key).ok());
    let key = key.filter(|key| event == Event::LogOpened && key.name() == trust.origin);
    let Some(key) = key else { return Err(VerifyFailure::NotOpened { event }) };
    // Whoever has only this log takes its key from here.
    if !trust.keys.contains(&key) {
        return Err(VerifyFailure::OpenedWith { key: key.to_string() });
    }
    let before = match (&trust.before, &first.remote) {
        (Before::Verified(before), _) => before,
        (Before::None, Some(Coordinates { origin, size, .. })) => {
            return Err(VerifyFailure::Earlier { origin: origin.clone(), size: *size });
        }
        (Before::None, None) | (Before::NotAtHand, _) => return Ok(()),
    };
    let (old, new) = (before.checkpoint().origin.clone(), trust.origin.clone());
    let error = match before.successor() {
        None => SuccessionError::NotSealed(old),
        Some(named) if !trust.keys.iter().any(|key| key.to_string() == *named) => {
            SuccessionError::Names { old, named: named.to_owned(), new }
        }
        Some(_) if first.remote != Some(end_of(before.checkpoint())) => {
            SuccessionError::Before { old, new }
        }
        Some(_) => return Ok(()),
    };
    Err(VerifyFailure::Succession(error))
}
