//! Pouches: what would go over the link, in a file that a courier carries.
//!
//! What goes into a pouch stays in the queue, and what comes out of one is judged as if it had come
//! over the link: whichever road is first delivers, and the other finds it delivered (I5). The log
//! of both sides says of each message that went so (RelayToNonERDS, ReceivedFromNonERDS of EN 319
//! 522), with the SHA-256 of the file.

mod choose;
mod export;
mod import;
mod logs;
mod recorded;
mod take;

pub use self::export::Packing;
pub use self::import::Unpacking;
pub(super) use self::take::{came, put_back};

#[cfg(test)]
mod tests;
