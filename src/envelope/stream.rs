//! The sealing of exhibits, chunk by chunk: the STREAM construction with AES-256-GCM.
//!
//! ```text
//! segment  = chunk number / 2^22                          (1 TiB under one key)
//! key||pre = HKDF-SHA256("rogatory/v1/stream", package key, PAE(package, exhibit, segment))
//! nonce    = pre(7) || u32be(chunk number) || last(1)
//! ```
//!
//! Position and end stand in the nonce, so a chunk that is moved, cut off, repeated or taken from
//! another exhibit does not open. A package key is random and used for one package only, and each
//! exhibit number in it for one content only: of an upload that is gone on with only what was lost is
//! sealed again, and its client shows that it is the same.

use zeroize::Zeroizing;

use crate::crypto::Opaque;
use crate::crypto::primitives::{AeadKey, NONCE_BYTES, hkdf_sha256, pae};
use crate::domain::PackageId;
use crate::domain::limits::{CHUNK_BYTES, CHUNK_TAG_BYTES};

/// Sealed bytes of a full chunk.
pub const SEALED_CHUNK_BYTES: usize = CHUNK_BYTES + CHUNK_TAG_BYTES;

const CHUNKS_PER_SEGMENT_BITS: u32 = 22;

/// What seals one segment of one exhibit, and nothing else: the key and the nonce's prefix.
pub const SEGMENT_KEY_BYTES: usize = 39;

/// The keys of the segments of an exhibit of so many chunks. They open this exhibit, and say nothing of
/// the package's key.
pub fn segment_keys(
    package_key: &[u8; 32],
    package: PackageId,
    exhibit: u32,
    chunks: u32,
) -> Vec<Zeroizing<[u8; SEGMENT_KEY_BYTES]>> {
    let segments = 0..=chunks.saturating_sub(1) >> CHUNKS_PER_SEGMENT_BITS;
    segments.map(|segment| derive(package_key, package, exhibit, segment)).collect()
}

fn derive(
    package_key: &[u8; 32],
    package: PackageId,
    exhibit: u32,
    segment: u32,
) -> Zeroizing<[u8; SEGMENT_KEY_BYTES]> {
    let info = pae(
        "rogatory/v1/stream",
        &[package.as_bytes(), &exhibit.to_be_bytes(), &segment.to_be_bytes()],
    );
    hkdf_sha256(b"rogatory/v1/stream", package_key, &info)
}

/// Seals the chunks of an exhibit anew, with the keys of its segments alone.
pub struct SegmentCipher<'a>(pub &'a [Zeroizing<[u8; SEGMENT_KEY_BYTES]>]);

impl SegmentCipher<'_> {
    /// Seals a chunk in place and appends its tag; false where there is no key for it.
    #[must_use]
    pub fn seal(&self, number: u32, last: bool, buffer: &mut Vec<u8>) -> bool {
        let Some(key) = self.0.get((number >> CHUNKS_PER_SEGMENT_BITS) as usize) else {
            return false;
        };
        let (key, prefix) = parts(key);
        key.seal_in_place(nonce(&prefix, number, last), b"", buffer);
        true
    }
}

fn parts(key: &[u8; SEGMENT_KEY_BYTES]) -> (AeadKey, [u8; 7]) {
    let (key, prefix) = key.split_at(32);
    let key = AeadKey::new(key.try_into().expect("32 bytes"));
    (key, prefix.try_into().expect("7 bytes"))
}

fn nonce(prefix: &[u8; 7], number: u32, last: bool) -> [u8; NONCE_BYTES] {
    let mut nonce = [0; NONCE_BYTES];
    nonce[..7].copy_from_slice(prefix);
    nonce[7..11].copy_from_slice(&number.to_be_bytes());
    nonce[11] = u8::from(last);
    nonce
}

/// Seals or opens the chunks of one exhibit.
pub struct ExhibitCipher<'a> {
    package_key: &'a [u8; 32],
    package: PackageId,
    exhibit: u32,
    segment: Option<(u32, AeadKey, [u8; 7])>,
}

impl<'a> ExhibitCipher<'a> {
    /// For the `exhibit`-th of a package.
    pub fn new(package_key: &'a [u8; 32], package: PackageId, exhibit: u32) -> Self {
        Self { package_key, package, exhibit, segment: None }
    }

    /// Seals a chunk in place and appends its tag.
    pub fn seal(&mut self, number: u32, last: bool, buffer: &mut Vec<u8>) {
        let (key, nonce) = self.at(number, last);
        key.seal_in_place(nonce, b"", buffer);
    }

    /// Opens a sealed chunk in place; the plaintext is the returned beginning of the buffer.
    ///
    /// # Errors
    /// [`Opaque`] when this is not the sealed chunk of that number, or not (or wrongly) the last.
    pub fn open<'b>(
        &mut self,
        number: u32,
        last: bool,
        buffer: &'b mut [u8],
    ) -> Result<&'b mut [u8], Opaque> {
        let (key, nonce) = self.at(number, last);
        key.open_in_place(nonce, b"", buffer)
    }

    fn at(&mut self, number: u32, last: bool) -> (&AeadKey, [u8; NONCE_BYTES]) {
        let wanted = number >> CHUNKS_PER_SEGMENT_BITS;
        if self.segment.as_ref().is_none_or(|(segment, _, _)| *segment != wanted) {
            let (key, prefix) =
                parts(&derive(self.package_key, self.package, self.exhibit, wanted));
            self.segment = Some((wanted, key, prefix));
        }
        let (_, key, prefix) = self.segment.as_ref().expect("it was derived just now");
        (key, nonce(prefix, number, last))
    }
}

/// Sealed bytes of an exhibit with this much plaintext: every exhibit has a last chunk, an empty
/// exhibit an empty one.
pub fn sealed_size(plaintext_bytes: u64) -> u64 {
    plaintext_bytes + chunk_count(plaintext_bytes) * CHUNK_TAG_BYTES as u64
}

/// Chunks of an exhibit with this much plaintext.
pub fn chunk_count(plaintext_bytes: u64) -> u64 {
    plaintext_bytes.div_ceil(CHUNK_BYTES as u64).max(1)
}

/// Chunks of an exhibit with this many sealed bytes; `None` where no plaintext seals to that size.
pub fn sealed_chunk_count(sealed_bytes: u64) -> Option<u64> {
    let full = SEALED_CHUNK_BYTES as u64;
    let chunks = sealed_bytes.div_ceil(full);
    let last = sealed_bytes.checked_sub(chunks.checked_sub(1)? * full)?;
    // A last chunk holds its tag, and more unless it is the only one.
    let least = CHUNK_TAG_BYTES as u64 + u64::from(chunks > 1);
    (last >= least).then_some(chunks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn package(n: u8) -> PackageId {
        PackageId::new(Timestamp::from_unix_ms(1), [n; 10])
    }

    fn sealed(exhibit: u32, number: u32, last: bool) -> Vec<u8> {
        let mut chunk = b"content".to_vec();
        ExhibitCipher::new(&[7; 32], package(1), exhibit).seal(number, last, &mut chunk);
        chunk
    }

    #[test]
    fn a_chunk_opens_only_in_its_place() {
        let opens = |key: [u8; 32], p: u8, exhibit: u32, number: u32, last: bool| {
            let mut chunk = sealed(0, 5, false);
            let mut cipher = ExhibitCipher::new(&key, package(p), exhibit);
            cipher.open(number, last, &mut chunk).is_ok()
        };
        assert!(opens([7; 32], 1, 0, 5, false));
        assert!(!opens([8; 32], 1, 0, 5, false), "another package key");
        assert!(!opens([7; 32], 2, 0, 5, false), "another package");
        assert!(!opens([7; 32], 1, 1, 5, false), "another exhibit");
        assert!(!opens([7; 32], 1, 0, 6, false), "another position");
        assert!(!opens([7; 32], 1, 0, 5, true), "cut off here");
    }

    #[test]
    fn each_tebibyte_has_a_key_of_its_own() {
        let (one, two) = (sealed(0, (1 << 22) - 1, false), sealed(0, 1 << 22, false));
        assert_ne!(one, two);
        let mut cipher = ExhibitCipher::new(&[7; 32], package(1), 0);
        assert!(cipher.open(1 << 22, false, &mut two.clone()).is_ok());
        assert!(cipher.open((1 << 22) - 1, false, &mut one.clone()).is_ok(), "and back again");
    }

    #[test]
    fn the_keys_of_its_segments_seal_one_exhibit_and_no_other() {
        let keys = segment_keys(&[7; 32], package(1), 0, (1 << 22) + 1);
        assert_eq!(keys.len(), 2);
        for (number, last) in [(5, false), (1 << 22, true)] {
            let mut chunk = b"content".to_vec();
            assert!(SegmentCipher(&keys).seal(number, last, &mut chunk));
            assert_eq!(chunk, sealed(0, number, last));
        }
        let mut chunk = b"content".to_vec();
        assert!(!SegmentCipher(&keys).seal(2 << 22, true, &mut chunk), "no key for it");
        let others = segment_keys(&[7; 32], package(1), 1, 1);
        assert!(SegmentCipher(&others).seal(5, false, &mut chunk));
        assert_ne!(chunk, sealed(0, 5, false));
    }

    #[test]
    fn sizes_fit_both_ways() {
        let full = CHUNK_BYTES as u64;
        for (plain, chunks) in [(0, 1), (1, 1), (full, 1), (full + 1, 2), (3 * full, 3)] {
            assert_eq!(chunk_count(plain), chunks, "{plain}");
            assert_eq!(sealed_chunk_count(sealed_size(plain)), Some(chunks), "{plain}");
        }
        let sealed_full = SEALED_CHUNK_BYTES as u64;
        for impossible in [0, 15, sealed_full + 1, sealed_full + 16] {
            assert_eq!(sealed_chunk_count(impossible), None, "{impossible}");
        }
    }
}
