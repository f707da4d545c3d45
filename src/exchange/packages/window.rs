//! Chunks that come over several streams, put in order again.
//!
//! Pieces are taken wherever they fit into a window of [`WINDOW_CHUNKS`] chunks that begins with the
//! first one that is missing; memory is bounded by it whatever the streams do (I7). What is in here is
//! not verified yet: a chunk that is whole and next goes the way of any other, and is verified before
//! it is stored (I2).

use std::collections::VecDeque;

use bytes::Bytes;

use crate::domain::limits::{CHUNK_BYTES, CHUNK_TAG_BYTES, PIECES_PER_CHUNK, WINDOW_CHUNKS};

/// Bytes of a whole sealed chunk.
pub(super) const SEALED_BYTES: usize = CHUNK_BYTES + CHUNK_TAG_BYTES;
/// Bytes of a piece: a chunk is divided without a rest.
pub(super) const PIECE_BYTES: usize = SEALED_BYTES / PIECES_PER_CHUNK;

/// The pieces that a chunk of so many bytes has, one bit each.
pub(super) fn all_pieces(length: usize) -> u8 {
    let pieces = length.div_ceil(PIECE_BYTES).min(PIECES_PER_CHUNK);
    u8::try_from((1_u16 << pieces) - 1).unwrap_or(u8::MAX)
}

/// What there is of one chunk.
#[derive(Default)]
enum Place {
    #[default]
    Nothing,
    Some {
        sealed: Vec<u8>,
        has: u8,
    },
    Whole(Bytes),
}

/// Pieces as they come.
pub(super) struct Given {
    /// Of which chunk.
    pub(super) number: u64,
    /// Where in it.
    pub(super) offset: usize,
    /// How long the chunk is.
    pub(super) length: usize,
    /// Whole pieces.
    pub(super) data: Bytes,
}

/// The window of one push.
pub(super) struct Window {
    /// The first chunk that is missing.
    base: u64,
    /// Chunks of the package.
    end: u64,
    places: VecDeque<Place>,
}

impl Window {
    /// One that begins with this chunk, of a package of so many.
    pub(super) fn new(base: u64, end: u64) -> Self {
        Self { base, end, places: VecDeque::new() }
    }

    /// The first chunk that is missing.
    pub(super) fn base(&self) -> u64 {
        self.base
    }

    /// Whether all chunks have gone through.
    pub(super) fn is_through(&self) -> bool {
        self.base == self.end
    }

    /// Takes pieces; false where all of them were here already, which is nobody's fault: a stream
    /// that broke may have brought them.
    ///
    /// # Errors
    /// Names the rule that they break.
    pub(super) fn take(&mut self, given: Given) -> Result<bool, &'static str> {
        let has = pieces_of(&given)?;
        if given.number >= self.end {
            return Err("a piece is of a chunk that the package does not have");
        }
        let Some(at) = given.number.checked_sub(self.base) else { return Ok(false) };
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        if at >= WINDOW_CHUNKS {
            return Err("a piece lies beyond the window of 64 chunks");
        }
        if self.places.len() <= at {
            self.places.resize_with(at + 1, Place::default);
        }
        self.places[at].take(given, has)
    }

    /// The next chunk, once it is whole.
    pub(super) fn next(&mut self) -> Option<(u64, Bytes)> {
        match self.places.front() {
            Some(Place::Whole(_)) => {}
            _ => return None,
        }
        let Some(Place::Whole(sealed)) = self.places.pop_front() else { return None };
        self.base += 1;
        Some((self.base - 1, sealed))
    }

    /// What is here of each chunk from the first missing one on.
    pub(super) fn ahead(&self) -> Vec<u8> {
        let has = |place: &Place| match place {
            Place::Nothing => 0,
            Place::Some { has, .. } => *has,
            Place::Whole(_) => u8::MAX,
        };
        self.places.iter().map(has).collect()
    }

    /// Whether there is nothing worth keeping.
    pub(super) fn is_empty(&self) -> bool {
        self.places.iter().all(|place| matches!(place, Place::Nothing))
    }
}

impl Place {
    fn take(&mut self, given: Given, pieces: u8) -> Result<bool, &'static str> {
        let Given { offset, length, data, .. } = given;
        let all = all_pieces(length);
        if matches!(self, Self::Nothing) {
            if pieces == all {
                // A copy here too, for the same reason.
                *self = Self::Whole(Bytes::copy_from_slice(&data));
                return Ok(true);
            }
            *self = Self::Some { sealed: vec![0; length], has: 0 };
        }
        // Copied to its place: a slice would keep the whole frame that it came in.
        let Self::Some { sealed, has } = self else { return Ok(false) };
        if sealed.len() != length {
            return Err("the pieces of a chunk say different lengths of it");
        }
        let new = pieces & !*has != 0;
        sealed[offset..offset + data.len()].copy_from_slice(&data);
        *has |= pieces;
        if *has == all {
            *self = Self::Whole(std::mem::take(sealed).into());
        }
        Ok(new)
    }
}

/// Which pieces of their chunk these are.
fn pieces_of(given: &Given) -> Result<u8, &'static str> {
    let Given { offset, length, ref data, .. } = *given;
    if !(CHUNK_TAG_BYTES..=SEALED_BYTES).contains(&length) {
        return Err("a sealed chunk has 16 bytes at least and 262160 at most");
    }
    let end = offset.saturating_add(data.len());
    let whole = end == length || (end < length && end.is_multiple_of(PIECE_BYTES));
    if data.is_empty() || !offset.is_multiple_of(PIECE_BYTES) || !whole {
        return Err("a piece is not whole, or not at a place of a piece");
    }
    Ok(all_pieces(end) & !(all_pieces(offset)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(number: u64, piece: usize, length: usize) -> Given {
        let offset = piece * PIECE_BYTES;
        let data = vec![number as u8; PIECE_BYTES.min(length - offset)].into();
        Given { number, offset, length, data }
    }

    fn whole(number: u64) -> Given {
        let data = vec![number as u8; SEALED_BYTES].into();
        Given { number, offset: 0, length: SEALED_BYTES, data }
    }

    #[test]
    fn whatever_the_order_of_the_pieces_chunks_come_out_in_theirs() {
        let mut window = Window::new(0, 9);
        let short = PIECE_BYTES + 1;
        for number in (0..9).rev() {
            for n in [3, 0, 7, 1, 6, 2, 5, 4] {
                assert!(window.next().is_none());
                let length = if number == 8 { short } else { SEALED_BYTES };
                if n * PIECE_BYTES < length {
                    assert_eq!(window.take(piece(number, n, length)), Ok(true));
                    assert_eq!(window.take(piece(number, n, length)), Ok(false), "a second time");
                }
            }
        }
        for number in 0..9 {
            let (given, sealed) = window.next().expect("it is whole");
            assert_eq!(given, number);
            assert_eq!(sealed.len(), if number == 8 { short } else { SEALED_BYTES });
            assert!(sealed.iter().all(|byte| *byte == number as u8));
        }
        assert!(window.is_through() && window.is_empty());
        assert_eq!(window.take(piece(3, 0, SEALED_BYTES)), Ok(false), "long through");
    }

    #[test]
    fn what_is_ahead_is_told_a_bit_a_piece() {
        let mut window = Window::new(5, 1000);
        assert!(window.is_empty());
        window.take(piece(7, 2, SEALED_BYTES)).expect("it fits");
        window.take(piece(7, 0, SEALED_BYTES)).expect("it fits");
        window.take(whole(8)).expect("it fits");
        assert_eq!(window.ahead(), [0, 0, 0b101, 0xff]);
        assert!(window.next().is_none() && !window.is_empty());
        window.take(whole(5)).expect("it fits");
        assert_eq!(window.next().map(|(number, _)| number), Some(5));
        assert_eq!((window.base(), window.ahead()), (6, vec![0, 0b101, 0xff]));
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let mut window = Window::new(0, 100);
        let refused = |window: &mut Window, given| window.take(given).expect_err("it is refused");
        assert!(refused(&mut window, whole(100)).contains("does not have"));
        assert!(refused(&mut window, whole(64)).contains("beyond the window"));
        window.take(whole(63)).expect("the last that fits");
        window.take(piece(1, 0, SEALED_BYTES)).expect("it fits");
        assert!(refused(&mut window, piece(1, 1, SEALED_BYTES - 1)).contains("different lengths"));
        let odd = Given { offset: 1, ..piece(2, 0, SEALED_BYTES) };
        assert!(refused(&mut window, odd).contains("not whole"));
        let cut = Given { data: vec![0; 100].into(), ..piece(2, 0, SEALED_BYTES) };
        assert!(refused(&mut window, cut).contains("not whole"));
        let empty = Given { data: Bytes::new(), ..piece(2, 0, SEALED_BYTES) };
        assert!(refused(&mut window, empty).contains("not whole"));
        for length in [0, 15, SEALED_BYTES + 1, usize::MAX] {
            let wrong = Given { length, ..piece(2, 0, SEALED_BYTES) };
            assert!(refused(&mut window, wrong).contains("262160"), "{length}");
        }
        let far = Given { offset: usize::MAX - 1, ..piece(2, 0, SEALED_BYTES) };
        assert!(window.take(far).is_err());
    }
}
