//! The relay streams of peers to us: one each. A newer one ends the older, because an honest peer
//! opens another only when it has lost the first; and the frames of a peer that are being judged
//! are bounded whatever streams they came over (I7).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::session::PENDING_MAX;
use crate::domain::AuthorityId;

/// The streams that are open.
#[derive(Default)]
pub struct Streams(Mutex<BTreeMap<AuthorityId, Place>>);

/// The place of a peer's newest stream.
#[derive(Clone)]
pub(super) struct Place {
    /// Cancelled when a newer stream takes the place, or the peer has to begin anew.
    pub(super) taken: CancellationToken,
    /// A permit for each frame that is being judged.
    pub(super) frames: Arc<Semaphore>,
}

impl Streams {
    /// Ends the stream that the peer has, if it has one, and takes its place.
    pub(super) fn take(&self, peer: &AuthorityId) -> Place {
        let mut places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let frames = match places.get(peer) {
            Some(older) => {
                older.taken.cancel();
                older.frames.clone()
            }
            None => Arc::new(Semaphore::new(PENDING_MAX)),
        };
        let place = Place { taken: CancellationToken::new(), frames };
        places.insert(peer.clone(), place.clone());
        place
    }

    /// Ends the stream that the peer has, if it has one: what it shows next follows from what this node
    /// held when the stream began, and more came by another road. It opens another.
    pub(super) fn end(&self, peer: &AuthorityId) {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get(peer) {
            place.taken.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_stream_ends_the_older_and_waits_for_its_frames() {
        let streams = Streams::default();
        let (peer, other) =
            ["xa.oag", "xb.pps"].map(|id| AuthorityId::parse(id).expect("valid")).into();
        let first = streams.take(&peer);
        let of_other = streams.take(&other);
        let judged = first.frames.clone().try_acquire_many_owned(60).expect("free");
        let second = streams.take(&peer);
        assert!(first.taken.is_cancelled() && !second.taken.is_cancelled());
        assert!(!of_other.taken.is_cancelled(), "another peer's stays");
        assert_eq!(second.frames.available_permits(), PENDING_MAX - 60);
        drop(judged);
        assert_eq!(second.frames.available_permits(), PENDING_MAX);
    }
}
