//! Cryptography: keys with one duty each, and the few primitives that everything stands on.
//!
//! Promises: secrets are zeroized, have no `Debug` and no `Serialize`; every signature and
//! derivation has a domain string of its own, but where a standard of others fixes what is signed;
//! [`primitives`] is the only part of the project that names a cryptographic library. Knows nothing
//! of messages or logs.

pub mod certificate;
pub mod der;
pub mod home_key;
pub mod keys;
pub mod primitives;

pub use certificate::Certificate;
pub use home_key::HomeKeyFile;
pub use keys::{HomeKey, KeyId, PublicKey, Role, SealingSecret, SigningSecret};
pub use primitives::ecdsa::{Ecdsa, Hash};
pub use primitives::{Digest, Opaque, Sha256, random, sha256};
