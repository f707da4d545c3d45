use super::*;
use crate::crypto::keys::{Algorithm, Seed};

fn head() -> PouchHead {
    let authority = |id| AuthorityId::parse(id).expect("valid");
    let created = Timestamp::from_unix_ms(1_800_000_000_000);
    PouchHead { sender: authority("xa.oag"), recipient: authority("xb.pps"), created }
}

fn leaves(byte: u8, len: usize) -> pb::PouchPart {
    let leaves = pb::PouchLeaves { hashes: vec![byte; len].into() };
    pb::PouchPart { part: Some(pb::pouch_part::Part::Leaves(leaves)) }
}

fn secret(n: u8) -> SealingSecret {
    SealingSecret::new(&Seed::from_slice(&[n; 32]).expect("32 bytes"))
}

/// A pouch of these parts to the key of `secret(1)`, and its digest.
fn sealed(parts: &[pb::PouchPart]) -> (Vec<u8>, Digest) {
    let to = secret(1);
    let (mut sealer, first) = PouchSealer::new(&head(), &[to.public()]).expect("a key");
    let mut file = first.to_vec();
    for part in parts {
        sealer.part(part).iter().for_each(|chunk| file.extend_from_slice(chunk));
    }
    let (last, digest) = sealer.finish();
    file.extend_from_slice(&last);
    (file, digest)
}

fn opened(
    file: &[u8],
    piece: usize,
    secret: &SealingSecret,
) -> Result<(Vec<pb::PouchPart>, Digest), PouchError> {
    let mut pieces = file.chunks(piece);
    let mut first = Vec::new();
    let mut opener = loop {
        first.extend_from_slice(pieces.next().ok_or(PouchError::NotAPouch)?);
        if let Some(opener) = PouchOpener::begin(&first, &[secret])? {
            break opener;
        }
    };
    let mut parts = opener.push(&[])?;
    for piece in pieces {
        parts.extend(opener.push(piece)?);
    }
    let (rest, digest) = opener.finish()?;
    parts.extend(rest);
    Ok((parts, digest))
}

#[test]
fn what_went_in_comes_out_however_the_file_is_cut() {
    // One part that is a chunk to the byte, and others across the borders of chunks.
    let exact = CHUNK_BYTES - leaves(0, 0).encoded_len() - 10;
    for lengths in [vec![], vec![0], vec![exact], vec![100, 700_000, 1, 300_000]] {
        let parts: Vec<_> = (1..).zip(&lengths).map(|(n, len)| leaves(n, *len)).collect();
        let (file, digest) = sealed(&parts);
        assert_eq!(sha256(&file), digest);
        for piece in [7_777, SEALED_CHUNK_BYTES, file.len()] {
            assert_eq!(opened(&file, piece, &secret(1)), Ok((parts.clone(), digest)), "{piece}");
        }
    }
}

#[test]
fn the_head_is_read_without_a_key() {
    let (file, _) = sealed(&[leaves(1, 5)]);
    assert_eq!(read_head(&file[..20]), Ok(None), "too short to say");
    let (read, at) = read_head(&file).expect("a pouch").expect("long enough");
    assert_eq!(read, head());
    assert!(at < file.len());
    assert_eq!(read_head(b"PK\x03\x04 another file"), Err(PouchError::NotAPouch));
    let long = [MAGIC, &u32::MAX.to_be_bytes()].concat();
    assert!(matches!(read_head(&long), Err(PouchError::Head(_))));
}

#[test]
fn a_changed_cut_or_foreign_pouch_does_not_open() {
    let (file, _) = sealed(&[leaves(1, 600_000)]);
    let open = |file: &[u8]| opened(file, 100_000, &secret(1)).map(|_| ());
    assert_eq!(open(&file), Ok(()));
    assert_eq!(opened(&file, 100_000, &secret(2)), Err(PouchError::NoKey));
    let (_, at) = read_head(&file).expect("a pouch").expect("whole");
    for byte in [at - 1, at, file.len() - 1] {
        let mut changed = file.clone();
        changed[byte] ^= 1;
        assert!(open(&changed).is_err(), "byte {byte}");
    }
    assert_eq!(open(&file[..file.len() - 1]), Err(PouchError::Chunk(2)));
    assert_eq!(
        open(&file[..at + SEALED_CHUNK_BYTES]),
        Err(PouchError::Chunk(0)),
        "it is not the last"
    );
    let joined = [&file[..], &file[at..]].concat();
    assert!(matches!(open(&joined), Err(PouchError::Chunk(_))));
    // Another head over the same key: the recipient is bound to it.
    let at_recipient = file.windows(6).position(|w| w == b"xb.pps").expect("it is in clear");
    let mut redirected = file;
    redirected[at_recipient + 5] = b't';
    assert_eq!(open(&redirected), Err(PouchError::Head("its key does not open".into())));
}

#[test]
fn what_is_no_part_is_refused_before_it_is_held() {
    let to = secret(1);
    let (mut sealer, first) = PouchSealer::new(&head(), &[to.public()]).expect("a key");
    let mut length = Vec::new();
    prost::encoding::encode_varint(POUCH_PART_MAX_BYTES as u64 + 1, &mut length);
    sealer.plain.extend_from_slice(&length);
    let file = [first.to_vec(), sealer.finish().0.to_vec()].concat();
    assert_eq!(opened(&file, 4_096, &to), Err(PouchError::Part("one is too long")));
    let (mut sealer, first) = PouchSealer::new(&head(), &[to.public()]).expect("a key");
    sealer.plain.extend_from_slice(&[5, 0xff]);
    let file = [first.to_vec(), sealer.finish().0.to_vec()].concat();
    assert_eq!(opened(&file, 4_096, &to), Err(PouchError::Part("the last one is cut off")));
    assert!(PouchSealer::new(&head(), &[]).is_err(), "to nobody");
    let ed25519 = Seed::from_slice(&[1; 32]).expect("32 bytes").public(Algorithm::Ed25519);
    assert!(PouchSealer::new(&head(), &[&ed25519]).is_err(), "to a key that does not seal");
}
