//! The officials in a home's card, changed while its node is stopped.

use std::path::Path;

use super::change::{finish, read_home_card, sign_next_card};
use super::{HomeKeys, KeyChangeError};
use crate::card::{Card, Official};
use crate::domain::Timestamp;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OfficialChange {
    /// Names an official, or gives one that is named another key, office or time.
    Add(Official),
    /// Names an official no more: by its id.
    Remove(String),
}

/// Why no official is named or removed.
#[derive(Debug, thiserror::Error)]
pub enum OfficialChangeError {
    /// There is none to be removed.
    #[error("the card names no official {0}")]
    Absent(String),
    /// The card cannot be changed.
    #[error(transparent)]
    Change(#[from] KeyChangeError),
}

impl OfficialChangeError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Absent(_) => "`rogatory official list` shows who is named".into(),
            Self::Change(KeyChangeError::Card(_)) => {
                "docs/cli.md says what a card can have of officials".into()
            }
            Self::Change(error) => error.hint(),
        }
    }
}

/// Changes the officials in the card. The caller has made sure that nobody else has the home open.
///
/// # Errors
/// [`OfficialChangeError`].
pub fn change_officials(
    home: &Path,
    keys: &HomeKeys,
    change: OfficialChange,
    now: Timestamp,
) -> Result<Card, OfficialChangeError> {
    finish(home, keys.dir())?;
    let mut body = read_home_card(home)?.body().clone();
    match change {
        OfficialChange::Add(official) => {
            match body.officials.iter_mut().find(|one| one.id == official.id) {
                Some(known) => *known = official,
                None => body.officials.push(official),
            }
        }
        OfficialChange::Remove(id) => {
            let before = body.officials.len();
            body.officials.retain(|one| one.id != id);
            if body.officials.len() == before {
                return Err(OfficialChangeError::Absent(id));
            }
        }
    }
    body.version += 1;
    body.issued = now;
    let card = sign_next_card(home, keys, &body)?;
    finish(home, keys.dir())?;
    Ok(card)
}
