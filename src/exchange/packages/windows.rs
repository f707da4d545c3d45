//! The windows that are in memory: one a peer, and what a push that broke has left in it.
//!
//! What is left is not on disk and not verified; it saves a slow link from carrying it again. It goes
//! when its place is wanted, when the package is forgotten, and when the node ends.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::window::Window;
use crate::domain::AuthorityId;
use crate::domain::limits::WINDOWS;
use crate::exchange::ActionError;

/// The place of one peer.
enum Place {
    /// A push has the window.
    Taken,
    /// Left of a push of the package of this name.
    Left(String, Window),
}

/// The windows of all peers.
#[derive(Clone, Default)]
pub(super) struct Windows(Arc<Mutex<BTreeMap<AuthorityId, Place>>>);

/// A window in use. Dropping it leaves what is in it for the next push of the package.
pub(super) struct InUse {
    windows: Windows,
    peer: AuthorityId,
    name: String,
    window: Option<Window>,
}

impl Windows {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<AuthorityId, Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a push of this peer would find room for a window.
    pub(super) fn has_room(&self, peer: &AuthorityId) -> bool {
        has_room(&self.lock(), peer)
    }

    /// What is left of a package, if it begins with this chunk.
    pub(super) fn ahead(&self, peer: &AuthorityId, name: &str, base: u64) -> Vec<u8> {
        match self.lock().get(peer) {
            Some(Place::Left(of, window)) if of == name && window.base() == base => window.ahead(),
            _ => Vec::new(),
        }
    }

    /// Takes the window of a peer: what is left of the package, or a new one.
    ///
    /// # Errors
    /// [`ActionError::Unavailable`] when the peer has one in use, or all are.
    pub(super) fn take(
        &self,
        peer: &AuthorityId,
        name: &str,
        base: u64,
        end: u64,
    ) -> Result<InUse, ActionError> {
        let mut places = self.lock();
        if !has_room(&places, peer) {
            let message = "too many packages come over several streams: offer it again later";
            return Err(ActionError::Unavailable(message.into()));
        }
        if places.len() >= WINDOWS.all && !places.contains_key(peer) {
            let left = places.iter().find(|(_, place)| place.is_left());
            let left = left.map(|(peer, _)| peer.clone());
            left.map(|peer| places.remove(&peer));
        }
        let window = match places.insert(peer.clone(), Place::Taken) {
            Some(Place::Left(of, window)) if of == name && window.base() == base => window,
            _ => Window::new(base, end),
        };
        let (windows, window) = (self.clone(), Some(window));
        Ok(InUse { windows, peer: peer.clone(), name: name.to_owned(), window })
    }

    /// Drops what is left of a package.
    pub(super) fn forget(&self, name: &str) {
        self.lock().retain(|_, place| !matches!(place, Place::Left(of, _) if of == name));
    }
}

fn has_room(places: &BTreeMap<AuthorityId, Place>, peer: &AuthorityId) -> bool {
    match places.get(peer) {
        Some(place) => place.is_left(),
        None => places.len() < WINDOWS.all || places.values().any(Place::is_left),
    }
}

impl Place {
    fn is_left(&self) -> bool {
        matches!(self, Self::Left(..))
    }
}

impl InUse {
    /// The window.
    pub(super) fn window(&mut self) -> Option<&mut Window> {
        self.window.as_mut()
    }

    /// Drops what is in it: what has come was not what it should be, or all of it went through.
    pub(super) fn discard(&mut self) {
        self.window = None;
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut places = self.windows.lock();
        match self.window.take().filter(|window| !window.is_empty()) {
            Some(window) => {
                let left = Place::Left(std::mem::take(&mut self.name), window);
                places.insert(self.peer.clone(), left);
            }
            None => {
                places.remove(&self.peer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::window::{Given, PIECE_BYTES, SEALED_BYTES};
    use super::*;

    fn peer(n: usize) -> AuthorityId {
        AuthorityId::parse(&format!("xa.p{n}")).expect("valid")
    }

    fn take(windows: &Windows, n: usize, base: u64) -> Result<InUse, ActionError> {
        windows.take(&peer(n), "package", base, 100)
    }

    fn put(window: &mut InUse, number: u64) {
        let data = vec![1; PIECE_BYTES].into();
        let given = Given { number, offset: 0, length: SEALED_BYTES, data };
        window.window().expect("there").take(given).expect("it fits");
    }

    #[test]
    fn what_a_push_has_left_is_there_for_the_next_and_for_no_other() {
        let windows = Windows::default();
        let mut first = take(&windows, 0, 7).expect("room");
        put(&mut first, 8);
        assert!(take(&windows, 0, 7).is_err(), "one a peer");
        assert!(!windows.has_room(&peer(0)) && windows.has_room(&peer(1)));
        drop(first);
        assert_eq!(windows.ahead(&peer(0), "package", 7), [0, 1]);
        assert!(windows.ahead(&peer(0), "package", 6).is_empty(), "the disk has less");
        assert!(windows.ahead(&peer(1), "package", 7).is_empty(), "it is another's");
        let mut again = take(&windows, 0, 7).expect("it goes on");
        assert_eq!(again.window().expect("there").ahead(), [0, 1]);
        again.discard();
        drop(again);
        assert!(windows.lock().is_empty(), "nothing is kept of what is done with");
        put(&mut take(&windows, 0, 7).expect("room"), 9);
        windows.forget("package");
        assert!(windows.lock().is_empty());
    }

    #[test]
    fn windows_are_bounded_and_what_is_only_left_makes_room() {
        let windows = Windows::default();
        let mut taken: Vec<_> =
            (0..WINDOWS.all).map(|n| take(&windows, n, 0).expect("room")).collect();
        let refused = take(&windows, 99, 0).err().expect("all are in use");
        assert!(matches!(refused, ActionError::Unavailable(_)), "{refused:?}");
        put(&mut taken[3], 1);
        drop(taken.remove(3));
        let _new = take(&windows, 99, 0).expect("what was left makes room");
        assert!(windows.ahead(&peer(3), "package", 0).is_empty());
        assert_eq!(windows.lock().len(), WINDOWS.all);
    }
}
