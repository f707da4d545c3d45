//! Which names of files a container may have.

use std::collections::HashSet;

use unicode_normalization::UnicodeNormalization as _;

use crate::domain::limits::EXHIBIT_NAME_MAX_BYTES;

/// An exhibit's name below those of message and package.
const NAME_MAX_BYTES: usize = EXHIBIT_NAME_MAX_BYTES + 128;

/// Why a name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty or too long.
    #[error("has not 1 to {NAME_MAX_BYTES} bytes")]
    Length,
    /// It begins at the root.
    #[error("is absolute")]
    Absolute,
    /// A part of it is empty, `.` or `..`.
    #[error("leads elsewhere")]
    LeadsElsewhere,
    /// What is a separator on some systems, or is no character to be shown.
    #[error("has a backslash or a control character")]
    Character,
    /// There is one already.
    #[error("is there twice")]
    Twice,
    /// There is one that differs in case or composition only.
    #[error("differs from another only in what some systems do not tell apart")]
    Collides,
    /// There is a file where it needs a directory, or the other way round.
    #[error("is a file and a directory")]
    FileAndDirectory,
}

/// Checks a name by itself.
///
/// # Errors
/// [`NameError`].
pub fn check_name(name: &str) -> Result<(), NameError> {
    let drive = name.as_bytes().get(1) == Some(&b':');
    if name.is_empty() || name.len() > NAME_MAX_BYTES {
        Err(NameError::Length)
    } else if name.starts_with('/') || (drive && name.as_bytes()[0].is_ascii_alphabetic()) {
        Err(NameError::Absolute)
    } else if name.split('/').any(|part| matches!(part, "" | "." | "..")) {
        Err(NameError::LeadsElsewhere)
    } else if name.contains('\\') || name.chars().any(char::is_control) {
        Err(NameError::Character)
    } else {
        Ok(())
    }
}

/// The names of a container, as the least particular system would see them.
#[derive(Default)]
pub(super) struct Names {
    exact: HashSet<String>,
    folded: HashSet<String>,
    /// As folded: the directories that files stand in.
    directories: HashSet<String>,
}

impl Names {
    /// Takes one more.
    pub(super) fn take(&mut self, name: &str) -> Result<(), NameError> {
        check_name(name)?;
        if !self.exact.insert(name.to_owned()) {
            return Err(NameError::Twice);
        }
        let folded: String = name.nfc().flat_map(char::to_lowercase).collect();
        if self.directories.contains(&folded) {
            return Err(NameError::FileAndDirectory);
        }
        for (at, _) in folded.match_indices('/') {
            let above = &folded[..at];
            if self.folded.contains(above) {
                return Err(NameError::FileAndDirectory);
            }
            if !self.directories.contains(above) {
                self.directories.insert(above.to_owned());
            }
        }
        match self.folded.insert(folded) {
            true => Ok(()),
            false => Err(NameError::Collides),
        }
    }
}
