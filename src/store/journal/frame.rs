//! One frame: one group commit, as it stands in a segment.
//!
//! ```text
//!  0  magic "RGF1"           16  record bytes  u32     32  record: nonce, ciphertext, tag
//!  4  kind u8 (1: commit)    20  bodies bytes  u32      …  bodies, each sealed under its slot
//!  5  zero, 3 bytes          24  zero, 4 bytes          …  zero up to the next block
//!  8  sequence u64           28  CRC32C over all but itself and the padding
//! ```
//!
//! Integers are big-endian. A frame begins on a block of 4096 bytes and never spans segments, so
//! a torn write of one frame touches no sector of an earlier one. The checksum is over ciphertext:
//! a torn tail is told from damage without any key. It detects accidents; alterations are detected
//! by the record's AEAD and by the root in it.

use crate::store::limits::{BLOCK_BYTES, FRAME_MAX_BYTES};

const MAGIC: &[u8; 4] = b"RGF1";
const KIND_COMMIT: u8 = 1;

/// Bytes before the record.
pub(in crate::store) const HEADER_BYTES: usize = 32;
const CRC_AT: usize = 28;

/// Why there is no valid frame at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::store) enum Defect {
    /// Nothing was ever written here.
    #[error("there are zeros where a frame's header belongs")]
    Blank,
    /// Fewer bytes than a header or the announced frame has.
    #[error("the frame goes beyond the end of the file")]
    Short,
    /// Not the header of a frame.
    #[error("there is no frame header")]
    Magic,
    /// A kind or a field that this version does not write.
    #[error("the frame is of kind {0}, which this version does not know")]
    Kind(u8),
    /// Larger than any frame.
    #[error("the frame claims {0} bytes, more than any has")]
    Length(u64),
    /// The checksum is that of other bytes.
    #[error("the frame's checksum does not match")]
    Crc,
}

/// A valid frame in a segment held in memory. "Valid" says that its bytes are those that were
/// written, and nothing about who wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Frame<'a> {
    pub(in crate::store) sequence: u64,
    /// Sealed.
    pub(in crate::store) record: &'a [u8],
    /// Bytes of all bodies together.
    pub(in crate::store) bodies: u32,
    /// From its first byte to the next frame's.
    pub(in crate::store) span: u64,
}

/// What a frame of these parts takes of a segment, padding included.
pub(in crate::store) fn span(record: usize, bodies: usize) -> u64 {
    ((HEADER_BYTES + record + bodies).next_multiple_of(BLOCK_BYTES)) as u64
}

/// The bytes of a frame, padding included.
pub(in crate::store) fn encode(sequence: u64, record: &[u8], bodies: &[Vec<u8>]) -> Vec<u8> {
    let bodies_bytes: usize = bodies.iter().map(Vec::len).sum();
    let end = span(record.len(), bodies_bytes) as usize;
    let mut out = Vec::with_capacity(end);
    out.extend_from_slice(MAGIC);
    out.extend_from_slice(&[KIND_COMMIT, 0, 0, 0]);
    out.extend_from_slice(&sequence.to_be_bytes());
    // FRAME_MAX_BYTES, which the writer holds, is far below 4 GiB.
    out.extend_from_slice(&(record.len() as u32).to_be_bytes());
    out.extend_from_slice(&(bodies_bytes as u32).to_be_bytes());
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(record);
    bodies.iter().for_each(|body| out.extend_from_slice(body));
    let crc = checksum(&out);
    out[CRC_AT..HEADER_BYTES].copy_from_slice(&crc.to_be_bytes());
    out.resize(end, 0);
    out
}

/// Reads the frame that begins at `at`.
pub(in crate::store) fn read(segment: &[u8], at: usize) -> Result<Frame<'_>, Defect> {
    let bytes = segment.get(at..).unwrap_or_default();
    let header: &[u8; HEADER_BYTES] = bytes.first_chunk().ok_or(Defect::Short)?;
    if header == &[0; HEADER_BYTES] {
        return Err(Defect::Blank);
    }
    let (record, bodies) = lengths(header)?;
    let total = HEADER_BYTES as u64 + u64::from(record) + u64::from(bodies);
    if total > FRAME_MAX_BYTES {
        return Err(Defect::Length(total));
    }
    let frame = bytes.get(..total as usize).ok_or(Defect::Short)?;
    if checksum(frame).to_be_bytes() != header[CRC_AT..] {
        return Err(Defect::Crc);
    }
    Ok(Frame {
        sequence: u64_at(header, 8),
        record: &frame[HEADER_BYTES..HEADER_BYTES + record as usize],
        bodies,
        span: span(record as usize, bodies as usize),
    })
}

/// Checks the fixed fields of a header; gives the lengths of record and bodies.
pub(in crate::store) fn lengths(header: &[u8; HEADER_BYTES]) -> Result<(u32, u32), Defect> {
    if !header.starts_with(MAGIC) {
        return Err(Defect::Magic);
    }
    if header[4] != KIND_COMMIT || header[5..8] != [0; 3] || header[24..CRC_AT] != [0; 4] {
        return Err(Defect::Kind(header[4]));
    }
    let word = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|i| header[at + i]));
    Ok((word(16), word(20)))
}

/// The sequence number in a header.
pub(in crate::store) fn sequence(header: &[u8; HEADER_BYTES]) -> u64 {
    u64_at(header, 8)
}

fn u64_at(header: &[u8; HEADER_BYTES], at: usize) -> u64 {
    u64::from_be_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|i| header[at + i]))
}

fn checksum(frame: &[u8]) -> u32 {
    let before = crc32c::crc32c(&frame[..CRC_AT]);
    crc32c::crc32c_append(before, &frame[HEADER_BYTES..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment() -> Vec<u8> {
        let mut bytes = encode(7, &[0xaa; 100], &[vec![0xbb; 50], vec![0xcc; 5000]]);
        bytes.resize(16 << 10, 0);
        bytes
    }

    #[test]
    fn a_frame_reads_back() {
        let bytes = segment();
        let frame = read(&bytes, 0).expect("valid");
        assert_eq!((frame.sequence, frame.bodies, frame.span), (7, 5050, 8192));
        assert_eq!(frame.record, [0xaa; 100]);
    }

    #[test]
    fn a_known_frame_has_known_bytes() {
        let bytes = encode(1, b"record", &[b"body".to_vec()]);
        let head = "52474631010000000000000000000001000000060000000400000000";
        assert_eq!(hex::encode(&bytes[..28]), head);
        assert_eq!(&bytes[32..42], b"recordbody");
        assert_eq!(bytes.len(), 4096);
        assert_eq!(
            &bytes[28..32],
            crc32c::crc32c(&[&bytes[..28], b"recordbody"].concat()).to_be_bytes()
        );
    }

    /// One vector a defect.
    #[test]
    fn each_defect_has_its_name() {
        let altered = |at: usize, to: u8| {
            let mut bytes = segment();
            bytes[at] = to;
            read(&bytes, 0).map(|_| ())
        };
        assert_eq!(read(&[0; 8192], 4096), Err(Defect::Blank), "zero tail");
        assert_eq!(read(&[0; 31], 0), Err(Defect::Short), "half a header");
        assert_eq!(read(&segment(), 64 << 10), Err(Defect::Short), "beyond the end");
        assert_eq!(read(&segment()[..5000], 0), Err(Defect::Short), "truncated file");
        assert_eq!(altered(0, b'X'), Err(Defect::Magic), "magic");
        assert_eq!(altered(4, 9), Err(Defect::Kind(9)), "unknown kind");
        assert_eq!(altered(5, 1), Err(Defect::Kind(1)), "reserved byte set");
        assert_eq!(altered(16, 0x40), Err(Defect::Length(0x4000_0064 + 5050 + 32)), "huge length");
        assert_eq!(altered(19, 101), Err(Defect::Crc), "length off by one");
        assert_eq!(altered(15, 8), Err(Defect::Crc), "sequence");
        assert_eq!(altered(29, 0), Err(Defect::Crc), "the checksum itself");
        assert_eq!(altered(32, 0), Err(Defect::Crc), "record");
        assert_eq!(altered(5180, 0), Err(Defect::Crc), "last byte of the bodies");
        assert_eq!(altered(5182, 1), Ok(()), "padding is not part of the frame");
    }

    #[test]
    fn every_prefix_of_a_frame_is_invalid() {
        let whole = segment();
        for kept in 0..5182 {
            let mut torn = whole.clone();
            torn[kept..].fill(0);
            let expected = if whole[kept..5182].iter().all(|b| *b == 0) { 1 } else { 0 };
            assert_eq!(usize::from(read(&torn, 0).is_ok()), expected, "{kept} bytes kept");
        }
    }
}
