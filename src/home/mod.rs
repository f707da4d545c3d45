//! A node's home on disk: its keys, certificates and card, made once by [`init`].
//!
//! ```text
//! rogatory.toml   the configuration          card.txt      what is published
//! keys/           private keys, wrapped      tls/          certificates
//! data/           journal, index, vault      high-water    how far the log had got (I3)
//! run/            the operator's socket      agencies/     profiles, until they are handed out
//! ```

mod certificates;
mod change;
mod init;
mod keys;
mod look;
mod official;
mod officials;
mod passphrase;

pub(crate) use certificates::agency_ca_name;
pub use certificates::{Issued, issue_agency, issue_seal};
pub(crate) use change::{BACKDATED_MS, finish, is_cut_off};
pub use change::{KeyChange, KeyChangeError, change_key, publish};
pub(crate) use init::config_text;
pub use init::{InitError, InitOptions, init};
pub use keys::{HomeKeys, KeyFileError, witness_name};
pub use look::KeysSeen;
pub use official::{OfficialKeyError, OfficialKeyFile, OfficialPublic};
pub use officials::{OfficialChange, OfficialChangeError, change_officials};
pub use passphrase::{CREDENTIAL, PassphraseError, credential, read_passphrase};
