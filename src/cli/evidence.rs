//! Evidence on its way to the node: which files, and how they are sent.

mod media;
mod upload;
mod walk;

pub(crate) use upload::upload;
pub(crate) use walk::{Found, Walk, exhibits, files_below};
