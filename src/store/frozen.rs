//! Whether the store takes nothing any more because it is an older copy of itself (I3).

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::StoreFault;
use super::files::{remove_if_there, replace, sync_parent};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::succession::order_of;

/// Whether the store beside this high-water mark takes nothing ([`Store::freeze`](super::Store::freeze)).
///
/// # Errors
/// [`StoreFault::Io`] when that cannot be read.
pub fn is_frozen(mark: &Path) -> Result<bool, StoreFault> {
    Ok(Frozen::open(mark)?.why().is_some())
}

/// Whether a checkpoint is of a later state of the authority's logs than another. One that cannot be
/// read says nothing.
fn tells_more(note: &str, known: &str) -> bool {
    let place = |note| {
        let Checkpoint { origin, size, .. } = Checkpoint::parse_unverified(note).ok()?;
        Some((order_of(&origin)?, size))
    };
    place(note) > place(known)
}

/// The state, and the file that keeps it: beside the high-water mark, where a restored copy of the
/// data directory does not reach.
pub(super) struct Frozen {
    path: PathBuf,
    why: RwLock<Option<Arc<str>>>,
}

impl Frozen {
    /// Reads the state that was kept.
    pub(super) fn open(mark: &Path) -> Result<Self, StoreFault> {
        let mut name = mark.as_os_str().to_owned();
        name.push(".frozen");
        let path = PathBuf::from(name);
        let why = match std::fs::read_to_string(&path) {
            Ok(note) => Some(note.into()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(StoreFault::io("read", &path)(error)),
        };
        Ok(Self { path, why: RwLock::new(why) })
    }

    pub(super) fn why(&self) -> Option<Arc<str>> {
        self.hold().clone()
    }

    /// The state, which stays as it is while this is held. Whoever holds it must not ask again: one
    /// who waits to change the state comes between.
    pub(super) fn hold(&self) -> RwLockReadGuard<'_, Option<Arc<str>>> {
        self.why.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// On disk first: what is still written there counts after a crash.
    pub(super) fn thaw(&self) -> Result<(), StoreFault> {
        let mut why = self.why.write().unwrap_or_else(PoisonError::into_inner);
        remove_if_there(&self.path)?;
        sync_parent(&self.path)?;
        *why = None;
        Ok(())
    }

    /// In memory first: what cannot be written must not go on either. Of two reasons the one stays
    /// that tells of more: behind anything less, an entry would be a second past. With `above_all` it
    /// takes the place of any other.
    pub(super) fn freeze(&self, note: &str, above_all: bool) -> Result<(), StoreFault> {
        let mut why = self.why.write().unwrap_or_else(PoisonError::into_inner);
        if !above_all && why.as_deref().is_some_and(|known| !tells_more(note, known)) {
            return Ok(());
        }
        *why = Some(note.into());
        replace(&self.path, note.as_bytes())
    }
}
