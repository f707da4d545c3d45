//! Entry bundles: 256 neighbouring entries in one file (C2SP tlog-tiles).

use super::tiles::TILE_WIDTH;
use crate::domain::limits::ENTRY_MAX_BYTES;

/// Bytes of the largest bundle: each entry has its length before it, in two bytes.
pub const BUNDLE_MAX_BYTES: usize = TILE_WIDTH * (2 + ENTRY_MAX_BYTES);

/// The bytes of a bundle: each entry after its length as a big-endian `u16`. `None` when an entry
/// is longer than [`ENTRY_MAX_BYTES`] or there are more than 256.
pub fn bundle_bytes<T: AsRef<[u8]>>(entries: &[T]) -> Option<Vec<u8>> {
    if entries.len() > TILE_WIDTH {
        return None;
    }
    let mut bytes = Vec::new();
    for entry in entries.iter().map(AsRef::as_ref) {
        if entry.len() > ENTRY_MAX_BYTES {
            return None;
        }
        bytes.extend_from_slice(&u16::try_from(entry.len()).ok()?.to_be_bytes());
        bytes.extend_from_slice(entry);
    }
    Some(bytes)
}

/// The entries of a bundle, as far as they are whole: an entry that ends beyond the bytes is an
/// `Err` with what is left, and the last item.
pub fn entries_of(mut bytes: &[u8]) -> impl Iterator<Item = Result<&[u8], &[u8]>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let whole = bytes.split_first_chunk::<2>().and_then(|(length, rest)| {
            rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
        });
        match whole {
            Some((entry, rest)) => {
                bytes = rest;
                Some(Ok(entry))
            }
            None => Some(Err(std::mem::take(&mut bytes))),
        }
    })
}

/// The entries of a bundle; `None` when the last one is cut off.
pub fn parse_bundle(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    entries_of(bytes).collect::<Result<_, _>>().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_as_they_went_in() {
        let entries: [&[u8]; 3] = [b"one", b"", b"three"];
        let bytes = bundle_bytes(&entries).expect("short entries");
        assert_eq!(bytes[..5], *b"\0\x03one");
        assert_eq!(parse_bundle(&bytes).expect("whole"), entries);
        assert_eq!(parse_bundle(b"").expect("nothing"), Vec::<&[u8]>::new());
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(bundle_bytes(&[vec![0; ENTRY_MAX_BYTES + 1]]).is_none());
        assert!(bundle_bytes(&vec![b"x"; TILE_WIDTH + 1]).is_none());
    }

    #[test]
    fn a_bundle_that_is_cut_off_gives_what_is_whole() {
        let bytes = bundle_bytes(&[b"one", b"two"]).expect("short entries");
        for cut in [1, 2, 3] {
            let short = &bytes[..bytes.len() - cut];
            assert!(parse_bundle(short).is_none(), "{cut} bytes less");
            assert_eq!(entries_of(short).next(), Some(Ok(b"one".as_slice())));
            assert_eq!(entries_of(short).count(), 2);
        }
    }
}
