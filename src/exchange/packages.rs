//! Evidence packages on their way: into the vault, to a peer's vault, out to an agency.
//!
//! Memory does not grow with a package: bytes pass through bounded channels between the network's
//! task and pieces of blocking work that hash, seal and write. No thread waits for a network.
//! Plaintext is only ever in memory (I6).

mod content;
mod deal;
mod download;
pub mod joined;
mod key;
mod lines;
mod manifest;
mod notes;
mod prove;
mod quota;
mod receive;
mod receiving;
mod reopen;
mod sealer;
mod send;
mod unfinished;
mod upload;
mod window;
mod windows;

pub use content::PackageContent;
pub use download::{Download, DownloadPart};
pub(super) use key::{forget_key, free, keep_key, key_of, reserve};
pub use manifest::{ExhibitInfo, ExhibitPage, PageToken};
pub use receive::Offers;
pub use receiving::Receiving;
pub use sealer::Taken;
pub(super) use send::Parts as PackageParts;
pub(crate) use send::{Broken, Moved, push_all};
pub use unfinished::{Standing, Unfinished};
pub(super) use unfinished::{forget_upload_key, is_free};
pub use upload::{Upload, UploadFrom};

/// Parts of 256 KiB that what reads the vault may be ahead of the network: enough that neither
/// waits for the other's scheduling, 2 MiB at most.
pub const PARTS_AHEAD: usize = 8;
