//! What two people read to each other before they trust a card.

use std::fmt;

use crate::crypto::primitives::pae;
use crate::crypto::{Digest, PublicKey, sha256};
use crate::domain::AuthorityId;

/// `SHA-256(PAE("rogatory/v1/fingerprint", authority, root key))`. The same for all cards under
/// one root key.
///
/// Read out as twelve words (BIP 39 English: 128 bits of the digest and a checksum of four), or as
/// 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(Digest);

/// Why a text is no fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFingerprint {
    /// Neither form.
    #[error("a fingerprint is 64 hex digits or 12 words, as `card show` prints them")]
    Form,
    /// Twelve words whose checksum is wrong.
    #[error("one of the words is not as the other side reads it: their checksum does not fit")]
    Checksum,
}

/// Words of a fingerprint stand for this much of the digest.
const WORD_BYTES: usize = 16;

impl Fingerprint {
    /// Of an authority's root key.
    pub fn of(authority: &AuthorityId, root: &PublicKey) -> Self {
        let parts = [authority.as_str().as_bytes(), root.bytes()];
        Self(sha256(&pae("rogatory/v1/fingerprint", &parts)))
    }

    /// 64 lower-case hex digits.
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Twelve words in three groups of four.
    pub fn words(&self) -> String {
        let phrase = bip39::Mnemonic::from_entropy(&self.0[..WORD_BYTES])
            .expect("sixteen bytes are a length that BIP 39 has");
        let words: Vec<&str> = phrase.words().collect();
        words.chunks(4).map(|four| four.join(" ")).collect::<Vec<_>>().join(" - ")
    }

    /// Whether a person's text, words or hex, with any spacing, means this fingerprint.
    ///
    /// # Errors
    /// [`InvalidFingerprint`] when the text means no fingerprint at all.
    pub fn matches(&self, text: &str) -> Result<bool, InvalidFingerprint> {
        let digits: String =
            text.chars().filter(|c| !c.is_whitespace() && *c != ':' && *c != '-').collect();
        if let Ok(bytes) = hex::decode(&digits) {
            // A prefix would be easier to forge than it looks, so the whole or nothing.
            return if bytes.len() == 32 {
                Ok(bytes == self.0)
            } else {
                Err(InvalidFingerprint::Form)
            };
        }
        let words: Vec<String> = text
            .split(|c: char| !c.is_ascii_alphabetic())
            .filter(|word| !word.is_empty())
            .map(str::to_ascii_lowercase)
            .collect();
        if words.len() != 12 {
            return Err(InvalidFingerprint::Form);
        }
        let phrase =
            bip39::Mnemonic::parse_in_normalized(bip39::Language::English, &words.join(" "))
                .map_err(|_| InvalidFingerprint::Checksum)?;
        Ok(phrase.to_entropy() == self.0[..WORD_BYTES])
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}
