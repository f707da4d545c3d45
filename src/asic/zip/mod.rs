//! ZIP (APPNOTE 6.3.10): as much of it as a container needs, with ZIP64.
//!
//! Promises: [`Writer`] writes every file once and stores it as it is; [`Archive`] gives no name that
//! leads elsewhere, no two that some system takes for one, and no byte that belongs to no file.

mod name;
mod read;
mod reading;
mod write;

pub use name::{NameError, check_name};
pub use read::{Archive, Entry, ZipError};
pub use reading::Reading;
pub use write::{Changed, Writer};

use crate::domain::limits::{EXHIBITS_PER_PACKAGE_MAX, PACKAGES_PER_MESSAGE_MAX};

/// A container has at most the exhibits that a message can have, and a few files for each package,
/// receipt and signature.
pub const ENTRIES_MAX: usize = (EXHIBITS_PER_PACKAGE_MAX + 16) * PACKAGES_PER_MESSAGE_MAX;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END64: u32 = 0x0606_4b50;
const LOCATOR64: u32 = 0x0706_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;

const LOCAL_BYTES: usize = 30;
const CENTRAL_BYTES: usize = 46;
const END_BYTES: usize = 22;
const END64_BYTES: usize = 56;
const LOCATOR64_BYTES: usize = 20;

/// The extra field of ZIP64.
const EXTRA64: u16 = 1;
/// Says that a number stands in the extra field.
const ELSEWHERE: u32 = u32::MAX;

/// A name in UTF-8.
const FLAG_UTF8: u16 = 1 << 11;
/// Sizes stand behind the data.
const FLAG_BEHIND: u16 = 1 << 3;
/// How a deflater went about it, which says nothing to an inflater.
const FLAGS_EFFORT: u16 = 0b110;

const STORED: u16 = 0;
const DEFLATED: u16 = 8;

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
