//! How a log ends and the next one begins: the last entry of the one names the other, and the first
//! entry of the other commits to how the one ended.
//!
//! So that nobody leaves a log behind by beginning another: whoever follows a log accepts the next
//! one only with both entries and their proofs.

use super::checkpoint::Checkpoint;
use super::entry::{Coordinates, Entry, Event};
use super::merkle::{leaf_hash, verify_inclusion};
use super::note::VerifierKey;
use crate::crypto::Digest;

/// The two entries that join two logs, with the proofs that they stand where they must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succession {
    /// log.sealed, the last entry of the old log.
    pub sealed: Vec<u8>,
    /// That it stands there.
    pub sealed_proof: Vec<Digest>,
    /// log.opened, the first entry of the new log.
    pub opened: Vec<u8>,
    /// That it stands there.
    pub opened_proof: Vec<Digest>,
}

/// Why a log does not follow another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SuccessionError {
    /// The last entry of the old log does not end it.
    #[error("the last entry of {0} is no log.sealed: the log goes on")]
    NotSealed(String),
    /// It names another log, or another key.
    #[error("the log.sealed of {old} names {named:?} as the log that follows, not {new}")]
    Names {
        /// The log that ends.
        old: String,
        /// What it names.
        named: String,
        /// The log that was shown.
        new: String,
    },
    /// The first entry of the new log is none.
    #[error("the first entry of {0} is no log.opened")]
    NotOpened(String),
    /// It names another key.
    #[error("the log.opened of {new} names the key {named:?}, which is not that of the log")]
    Key {
        /// The log that was shown.
        new: String,
        /// What it names.
        named: String,
    },
    /// It goes on from something else.
    #[error("the log.opened of {new} does not go on from how {old} ended")]
    Before {
        /// The log that ended.
        old: String,
        /// The log that was shown.
        new: String,
    },
    /// An entry does not stand where it must.
    #[error("there is no proof that {0} stands where it must")]
    Proof(Event),
}

impl Succession {
    /// How the old log ended, as the new one says; `None` where it says nothing of the kind.
    pub fn goes_on_from(&self) -> Option<Coordinates> {
        let opened = Entry::parse(&self.opened).ok()?;
        opened.remote.filter(|_| opened.event == Event::LogOpened)
    }

    /// Checks that `new` is a state of the log that follows the one that ended as `old`. `keys` are
    /// those that may sign the new log.
    ///
    /// # Errors
    /// [`SuccessionError`].
    pub fn verify(
        &self,
        old: &Checkpoint,
        new: &Checkpoint,
        keys: &[VerifierKey],
    ) -> Result<(), SuccessionError> {
        check_sealed(&self.sealed, old, &new.origin, keys)?;
        check_opened(&self.opened, old, &new.origin, keys)?;
        let stands = |entry: &[u8], index, proof: &[Digest], tree: &Checkpoint| {
            verify_inclusion(&leaf_hash(entry), index, tree.size, proof, &tree.root)
        };
        stands(&self.sealed, old.size.saturating_sub(1), &self.sealed_proof, old)
            .map_err(|_| SuccessionError::Proof(Event::LogSealed))?;
        stands(&self.opened, 0, &self.opened_proof, new)
            .map_err(|_| SuccessionError::Proof(Event::LogOpened))
    }
}

/// Checks that the last entry of a log ends it and names the one that follows.
///
/// # Errors
/// [`SuccessionError::NotSealed`], [`SuccessionError::Names`].
pub fn check_sealed(
    entry: &[u8],
    old: &Checkpoint,
    new: &str,
    keys: &[VerifierKey],
) -> Result<(), SuccessionError> {
    let entry = Entry::parse(entry).ok().filter(|entry| entry.event == Event::LogSealed);
    let entry = entry.ok_or_else(|| SuccessionError::NotSealed(old.origin.clone()))?;
    let named = entry.key.unwrap_or_default();
    match keys.iter().any(|key| key.name() == new && key.to_string() == named) {
        true => Ok(()),
        false => {
            let (old, new) = (old.origin.clone(), new.to_owned());
            Err(SuccessionError::Names { old, named, new })
        }
    }
}

/// Checks that the first entry of a log opens it where `old` ended, with one of the keys that may sign it.
///
/// # Errors
/// [`SuccessionError::NotOpened`], [`SuccessionError::Key`], [`SuccessionError::Before`].
pub fn check_opened(
    entry: &[u8],
    old: &Checkpoint,
    new: &str,
    keys: &[VerifierKey],
) -> Result<(), SuccessionError> {
    let entry = Entry::parse(entry).ok().filter(|entry| entry.event == Event::LogOpened);
    let entry = entry.ok_or_else(|| SuccessionError::NotOpened(new.to_owned()))?;
    let is_it = |key: &VerifierKey| key.name() == new && Some(key.to_string()) == entry.key;
    if !keys.iter().any(is_it) {
        let named = entry.key.unwrap_or_default();
        return Err(SuccessionError::Key { new: new.to_owned(), named });
    }
    match entry.remote == Some(end_of(old)) {
        true => Ok(()),
        false => {
            let (old, new) = (old.origin.clone(), new.to_owned());
            Err(SuccessionError::Before { old, new })
        }
    }
}

/// How a log ended, as the log.opened of the next one has it: its last entry stands for it.
pub fn end_of(old: &Checkpoint) -> Coordinates {
    let Checkpoint { origin, size, root } = old.clone();
    Coordinates { origin, index: size.saturating_sub(1), size, root }
}

/// The origin of the log that follows `current` when it ends in `year`: that of the year, or a
/// further one of the same year, `<year>.2` and so on. The year of a log never goes back.
pub fn next_origin(current: &str, year: i32) -> String {
    let (owner, label) = current.rsplit_once('/').unwrap_or((current, ""));
    let (was, part) = label.split_once('.').unwrap_or((label, "1"));
    let was: i32 = was.parse().unwrap_or(year);
    match year > was {
        true => format!("{owner}/{year:04}"),
        false => format!("{owner}/{was:04}.{}", part.parse::<u32>().unwrap_or(1) + 1),
    }
}

/// Where the log of an origin stands among those of its authority: its year, and which one of the year
/// it is, from 1; `None` where the last part of the origin is no such label.
pub fn order_of(origin: &str) -> Option<(i32, u32)> {
    let (_, label) = origin.rsplit_once('/')?;
    let (year, number) = label.split_once('.').unwrap_or((label, "1"));
    Some((year.parse().ok()?, number.parse().ok()?))
}

/// The year of a log, by the last part of its origin; `None` where it has none.
pub fn year_of(origin: &str) -> Option<i32> {
    order_of(origin).map(|(year, _)| year)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::entry::EntryDraft;
    use crate::audit::merkle::{Frontier, root_of};
    use crate::audit::testing::inclusion_of;
    use crate::domain::Timestamp;

    const OLD: &str = "xa.moj/log/2026";
    const NEW: &str = "xa.moj/log/2027";

    fn key(name: &str) -> VerifierKey {
        VerifierKey::ed25519(name, &[7; 32]).expect("a key")
    }

    fn entry(draft: EntryDraft, nonce: u8) -> Vec<u8> {
        draft.into_entry(Timestamp::from_unix_ms(5), [nonce; 16], None).encode()
    }

    fn started(nonce: u8) -> Vec<u8> {
        entry(EntryDraft::new(Event::NodeStarted).software("rogatory 0.1.0"), nonce)
    }

    fn tree(origin: &str, entries: &[Vec<u8>]) -> Checkpoint {
        let root = root_of(entries.iter().map(Vec::as_slice));
        Checkpoint { origin: origin.into(), size: entries.len() as u64, root }
    }

    struct Joined {
        old: Checkpoint,
        new: Checkpoint,
        succession: Succession,
    }

    fn joined(sealed: EntryDraft, opened: impl Fn(&Checkpoint) -> EntryDraft) -> Joined {
        let old_entries = [started(1), started(2), entry(sealed, 3)];
        let old = tree(OLD, &old_entries);
        let new_entries = [entry(opened(&old), 4), started(5)];
        let new = tree(NEW, &new_entries);
        let succession = Succession {
            sealed: old_entries[2].clone(),
            sealed_proof: inclusion_of(&old_entries, 2),
            opened: new_entries[0].clone(),
            opened_proof: inclusion_of(&new_entries, 0),
        };
        Joined { old, new, succession }
    }

    fn sealed() -> EntryDraft {
        EntryDraft::new(Event::LogSealed).key(&key(NEW).to_string())
    }

    fn opened(old: &Checkpoint) -> EntryDraft {
        EntryDraft::new(Event::LogOpened).key(&key(NEW).to_string()).remote(end_of(old))
    }

    fn verdict(joined: &Joined) -> Result<(), SuccessionError> {
        joined.succession.verify(&joined.old, &joined.new, &[key(NEW)])
    }

    #[test]
    fn two_logs_are_joined_by_their_last_and_first_entries() {
        assert_eq!(verdict(&joined(sealed(), opened)), Ok(()));
    }

    #[test]
    fn what_does_not_join_them_is_named() {
        let not_sealed = EntryDraft::new(Event::NodeStopped).software("rogatory 0.1.0");
        let other = EntryDraft::new(Event::LogSealed).key(&key("xa.moj/log/2028").to_string());
        let foreign = |old: &Checkpoint| {
            let other = VerifierKey::ed25519(NEW, &[8; 32]).expect("a key");
            opened(old).key(&other.to_string())
        };
        let foreign = verdict(&joined(sealed(), foreign));
        assert!(matches!(foreign, Err(SuccessionError::Key { .. })), "{foreign:?}");
        assert!(matches!(verdict(&joined(not_sealed, opened)), Err(SuccessionError::NotSealed(_))));
        assert!(matches!(verdict(&joined(other, opened)), Err(SuccessionError::Names { .. })));
        let anew = |_: &Checkpoint| EntryDraft::new(Event::LogOpened).key(&key(NEW).to_string());
        assert!(matches!(verdict(&joined(sealed(), anew)), Err(SuccessionError::Before { .. })));
        let shorter = |old: &Checkpoint| {
            opened(&Checkpoint { size: 2, root: Frontier::new().root(), ..old.clone() })
        };
        let shorter = verdict(&joined(sealed(), shorter));
        assert!(matches!(shorter, Err(SuccessionError::Before { .. })));
        let no = |_: &Checkpoint| EntryDraft::new(Event::NodeStarted).software("rogatory 0.1.0");
        assert!(matches!(verdict(&joined(sealed(), no)), Err(SuccessionError::NotOpened(_))));
    }

    #[test]
    fn entries_that_stand_elsewhere_join_nothing() {
        let mut moved = joined(sealed(), opened);
        moved.old.size += 1;
        moved.succession.opened = entry(opened(&moved.old), 4);
        assert_eq!(verdict(&moved), Err(SuccessionError::Proof(Event::LogSealed)));
        let mut moved = joined(sealed(), opened);
        moved.succession.opened_proof.clear();
        assert_eq!(verdict(&moved), Err(SuccessionError::Proof(Event::LogOpened)));
    }

    #[test]
    fn the_next_log_bears_the_year_or_a_number_behind_it() {
        for (current, year, next) in [
            (OLD, 2027, NEW),
            (OLD, 2026, "xa.moj/log/2026.2"),
            ("xa.moj/log/2026.2", 2026, "xa.moj/log/2026.3"),
            ("xa.moj/log/2026.9", 2027, NEW),
            // A clock that was set back.
            (NEW, 2026, "xa.moj/log/2027.2"),
        ] {
            assert_eq!(next_origin(current, year), next);
        }
        assert_eq!(year_of("xa.moj/log/2026.2"), Some(2026));
        assert_eq!(year_of("xa.moj/log/first"), None);
    }
}
