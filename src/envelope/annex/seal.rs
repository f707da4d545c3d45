//! Sealing an annex, on the machine where it was written.

use prost::Message as _;
use zeroize::Zeroizing;

use super::{
    AnnexDraft, AnnexError, LENGTH_BYTES, NONCE, NamedOfficial, PADDED_MIN_BYTES, PART_BYTES,
    SealedAnnex, VERSION, context, keys, share_info, token_digest,
};
use crate::crypto::primitives::TAG_BYTES;
use crate::crypto::{Digest, PublicKey, random};
use crate::domain::limits::{ANNEX_MAX_BYTES, ANNEX_OFFICIALS_MAX};
use crate::pb::v1 as pb;

/// The text with its length before it and zeros behind it, so that its size says little.
fn padded(text: &[u8]) -> Result<Vec<u8>, AnnexError> {
    if text.len() > ANNEX_MAX_BYTES {
        return Err(AnnexError::TooLarge(text.len()));
    }
    let length = u32::try_from(text.len()).map_err(|_| AnnexError::TooLarge(text.len()))?;
    let size = (LENGTH_BYTES + text.len()).next_power_of_two().max(PADDED_MIN_BYTES);
    let mut buffer = Vec::with_capacity(size + TAG_BYTES);
    buffer.extend_from_slice(&length.to_le_bytes());
    buffer.extend_from_slice(text);
    buffer.resize(size, 0);
    Ok(buffer)
}

/// Seals an annex to officials of the recipient and to the keys of its node.
///
/// # Errors
/// [`AnnexError`].
pub fn seal_annex(
    draft: &AnnexDraft,
    officials: &[NamedOfficial],
    node: &[PublicKey],
) -> Result<SealedAnnex, AnnexError> {
    if !(1..=ANNEX_OFFICIALS_MAX).contains(&officials.len()) {
        return Err(AnnexError::Officials);
    }
    let mut annex = pb::SealedAnnex {
        version: VERSION,
        annex_id: draft.id.as_bytes().to_vec().into(),
        sender: draft.sender.to_string(),
        recipient: draft.recipient.to_string(),
        refs: draft.refs.clone(),
        officials: officials.iter().map(unsealed_share).collect(),
        node: node.iter().map(unsealed_key).collect(),
        ..pb::SealedAnnex::default()
    };
    let context = context(&annex);
    let (part, node_part) =
        (Zeroizing::new(random::<PART_BYTES>()), Zeroizing::new(random::<PART_BYTES>()));
    for (share, official) in annex.officials.iter_mut().zip(officials) {
        seal_share(share, &official.key, &part, &context)?;
    }
    for (wrapped, key) in annex.node.iter_mut().zip(node) {
        let info = share_info("node", &context, &wrapped.key_id);
        let sealed = key.seal(&info, &*node_part).map_err(|_| AnnexError::Keys)?;
        (wrapped.encapsulated, wrapped.ciphertext) = (sealed.0.into(), sealed.1.into());
    }
    let (cipher, commitment) = keys(&*part, &*node_part, &context);
    let mut buffer = padded(&draft.plaintext)?;
    cipher.seal_in_place(NONCE, &context, &mut buffer);
    annex.key_commitment = commitment.to_vec().into();
    annex.ciphertext = buffer.into();
    SealedAnnex::parse(annex.encode_to_vec().into())
}

fn unsealed_share(official: &NamedOfficial) -> pb::OfficialShare {
    let key_id = official.key.id().as_bytes().to_vec().into();
    pb::OfficialShare { official: official.id.clone(), key_id, ..pb::OfficialShare::default() }
}

fn unsealed_key(key: &PublicKey) -> pb::WrappedKey {
    pb::WrappedKey { key_id: key.id().as_bytes().to_vec().into(), ..pb::WrappedKey::default() }
}

fn seal_share(
    share: &mut pb::OfficialShare,
    key: &PublicKey,
    part: &[u8; PART_BYTES],
    context: &Digest,
) -> Result<(), AnnexError> {
    let token = Zeroizing::new(random::<PART_BYTES>());
    let both = Zeroizing::new([part.as_slice(), &*token].concat());
    let info = share_info("official", context, &share.key_id);
    let (encapsulated, ciphertext) = key.seal(&info, &both).map_err(|_| AnnexError::Keys)?;
    (share.encapsulated, share.ciphertext) = (encapsulated.into(), ciphertext.into());
    share.token_digest = token_digest(context, &*token).to_vec().into();
    Ok(())
}
