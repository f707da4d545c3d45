//! A message that carries an exhibit, and the proof of it.

use zeroize::Zeroizing;

use crate::audit::merkle::{RangeProof, complete_root, infallible, leaf_hash, range_proof};
use crate::audit::testing::{authority, message, secret};
use crate::cli::exhibit::to_text;
use crate::crypto::keys::Seed;
use crate::crypto::primitives::blake3;
use crate::crypto::{Digest, SealingSecret};
use crate::domain::{PackageId, Timestamp};
use crate::envelope::stream::{ExhibitCipher, segment_keys};
use crate::envelope::{Draft, PackageRef, SignedMessage, seal, sign};
use crate::pb::v1 as pb;

/// A message with a package of one exhibit.
pub(crate) struct Sent {
    pub(crate) package: PackageId,
    /// SHA-256 of the envelope.
    pub(crate) envelope: Digest,
    /// The text of the file that proves the exhibit.
    pub(crate) proof: String,
}

/// Message `number`, signed with the key of [`super::card_of`]; `exhibit` is at most one chunk.
pub(crate) fn sent(number: u8, from: &str, to: &str, exhibit: &[u8]) -> Sent {
    let at = Timestamp::from_unix_ms(1_795_000_000_000);
    let (package, key) = (PackageId::new(at, [number; 10]), [number; 32]);
    let sealed = |exhibit: u32, text: &[u8]| {
        let mut chunk = text.to_vec();
        ExhibitCipher::new(&key, package, exhibit).seal(0, true, &mut chunk);
        chunk
    };
    let chunks = [sealed(0, exhibit), sealed(1, b"the manifest")];
    let leaves = [0, 1].map(|n: usize| leaf_hash(&blake3(&chunks[n])));
    let reference = PackageRef {
        id: package,
        root: complete_root(&leaves).expect("two leaves"),
        chunks: 2,
        sealed_bytes: chunks.iter().map(|chunk| chunk.len() as u64).sum(),
        layout_digest: [0; 32],
        exhibits: 2,
    };
    let signed = signed(number, from, to, at, reference);
    let RangeProof { before, behind } =
        infallible(range_proof(0, 1, 2, |n| Ok(leaves[n as usize])));
    let bytes = |all: &[Digest]| all.iter().map(|one| one.to_vec().into()).collect();
    let keys = segment_keys(&key, package, 0, 1);
    let proof = pb::ExhibitProof {
        envelope: signed.bytes().clone(),
        package_id: package.as_bytes().to_vec().into(),
        exhibit: 0,
        first_chunk: 0,
        before: bytes(&before),
        behind: bytes(&behind),
        keys: keys.iter().map(|key| key.to_vec().into()).collect(),
    };
    let proof = to_text(&package.to_string(), &proof).expect("a text");
    Sent { package, envelope: signed.digest(), proof }
}

fn signed(number: u8, from: &str, to: &str, at: Timestamp, package: PackageRef) -> SignedMessage {
    let draft = Draft {
        message: message(u64::from(number)),
        sender: authority(from),
        recipient: authority(to),
        purpose: "rogatory.v1.MessageContent/REQUEST".into(),
        created: at,
        expires: at.plus_ms(1000),
        in_reply_to: None,
        sender_card_version: 1,
        packages: vec![package],
        annexes: Vec::new(),
        plaintext: Zeroizing::new(Vec::new()),
    };
    let (root, seed) = (secret(77), Seed::from_slice(&[7; 32]).expect("32 bytes"));
    let sealing = SealingSecret::new(&seed);
    let sealed = seal(draft, &[sealing.public()], &[root.public()]).expect("sealed");
    sign(sealed, &[&root]).expect("signed")
}
