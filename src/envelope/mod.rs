//! The envelope: one message, sealed to its recipient and signed by its sender, as exact bytes.
//!
//! A message is one type after another, and each step consumes one and makes the next:
//!
//! ```text
//! Draft ── seal ──▶ SealedMessage ── sign ──▶ SignedMessage ═ bytes ═▶
//!                                   bytes ── authenticate ──▶ AuthenticMessage ── open ──▶ OpenedMessage
//! ```
//!
//! What it promises: the sender is bound to every byte and to the content (I2); whoever holds no
//! decryption key can still authenticate, deduplicate and acknowledge; nobody can strip, splice,
//! redirect or replay a message as something else. What it does not do: files, clocks, logs, and
//! forward secrecy of stored messages (retire sealing keys for that). docs/envelope.md has the
//! format.

mod annex;
mod authenticate;
mod header;
mod open;
pub mod pouch;
mod seal;
pub mod stream;
pub mod wire;

pub use annex::{
    AnnexDraft, AnnexError, AnnexRef, NamedOfficial, OfficialPart, ReleaseContext, SealedAnnex,
    Withheld, seal_annex,
};
pub use authenticate::{
    AuthenticMessage, AuthenticateError, Incoming, SenderTrust, authenticate, claimed_sender,
    signed_header,
};
pub use header::{Header, MalformedEnvelope, PackageRef, Suite};
pub use open::{OpenError, OpenedMessage, Revealed, open, reopen, reveal};
pub use seal::{Draft, SealError, SealedMessage, SignedMessage, seal, sign};

#[cfg(test)]
mod tests;
