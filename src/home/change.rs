//! Changing the keys of a home whose node is stopped: a new seed, a new version of the card.
//!
//! Two files change, and more for some roles; a process can end between any two of them. So all is
//! written beside what it is to replace, the new card last. From the moment on that the new card
//! lies there under [`NEXT_CARD`], [`finish`] brings the change to its end, however often it is
//! cut off; before that moment, it takes it back.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use super::keys::{HomeKeys, KeyFile, KeyFileError, key_path, read_json, witness_name};
use crate::audit::note::WitnessKey;
use crate::card::{Card, CardBody, CardError, CardKey};
use crate::crypto::keys::{Algorithm, Role, Seed};
use crate::crypto::{PublicKey, SigningSecret};
use crate::domain::Timestamp;

/// The card of a home, and the one that is to take its place.
pub(crate) const CARD: &str = "card.txt";
pub(crate) const NEXT_CARD: &str = "card.txt.new";
/// What ends so is to take the place of the file without it.
const NEW: &str = ".new";
/// Clocks differ: what is made now is valid from an hour ago.
pub(crate) const BACKDATED_MS: i64 = 3600 * 1000;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyChange {
    /// Makes a key that the home does not have, or for signing the one that is to be next.
    Add(Role),
    /// Puts a new key in the place of one; for signing, the one that was added.
    Rotate(Role),
}

/// Why no key is changed.
#[derive(Debug, thiserror::Error)]
pub enum KeyChangeError {
    /// There is nothing to add.
    #[error("this home has a {0} key already")]
    There(&'static str),
    /// There is nothing to rotate.
    #[error("this home has no {0} key")]
    Absent(&'static str),
    /// A message that is signed with a key which peers do not know is refused, for good.
    #[error("there is no {0} key to change to: peers must know it before it signs")]
    NotAnnounced(&'static str),
    /// A role whose key cannot be changed.
    #[error("the {0} key of a home cannot be changed")]
    Fixed(&'static str),
    /// The root key signs cards, and is not here.
    #[error("the root key, which signs the new card, is not in keys/")]
    NoRoot,
    /// A key file.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The card of this home is none, or the new one would be none.
    #[error("{CARD}: {0}")]
    Card(#[from] CardError),
    /// A file.
    #[error("{}: {source}", path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl KeyChangeError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::There(role) => format!("`rogatory key rotate {role}` changes it"),
            Self::Absent(role) => format!("`rogatory key add {role}` makes one"),
            Self::NotAnnounced(role) => format!(
                "`rogatory key add {role}` makes it and names it in the card: give peers that card, \
                 and rotate when all have it"
            ),
            Self::Fixed(_) => "docs/configuration.md says which can, and why".into(),
            Self::NoRoot => "put it back for the time of this command".into(),
            Self::Key(error) => error.hint(),
            Self::Card(_) => "restore card.txt and keys/ from one backup".into(),
            Self::Io { .. } => "the same command goes on where this one has ended".into(),
        }
    }
}

/// Whether a change of keys was begun and not ended.
pub(crate) fn is_cut_off(home: &Path) -> bool {
    home.join(NEXT_CARD).exists()
}

/// Changes a key. The caller has made sure that nobody else has the home open.
///
/// # Errors
/// [`KeyChangeError`]. What was written by then is taken back by the next change, or ended by it.
pub fn change_key(
    home: &Path,
    keys: &HomeKeys,
    change: KeyChange,
    now: Timestamp,
) -> Result<Card, KeyChangeError> {
    let (KeyChange::Add(role) | KeyChange::Rotate(role)) = change;
    let (signs, name) = (matches!(role, Role::Signing | Role::SigningPq), role.as_str());
    match (change, role) {
        (_, Role::Signing | Role::SigningPq | Role::Sealing | Role::Witness | Role::WitnessPq) => {}
        _ => return Err(KeyChangeError::Fixed(name)),
    }
    finish(home, keys.dir())?;
    let next = keys.next_path(role);
    match change {
        KeyChange::Add(_) if signs && !next.exists() => {}
        KeyChange::Add(_) if signs || keys.has(role) => return Err(KeyChangeError::There(name)),
        KeyChange::Rotate(_) if signs && !next.exists() => {
            return Err(KeyChangeError::NotAnnounced(name));
        }
        KeyChange::Rotate(_) if !keys.has(role) => return Err(KeyChangeError::Absent(name)),
        _ => {}
    }
    if !keys.has(Role::Root) {
        return Err(KeyChangeError::NoRoot);
    }
    let card = read_home_card(home)?;
    let target =
        if signs && matches!(change, KeyChange::Add(_)) { &next } else { &keys.path(role) };
    let public = match (change, signs) {
        (KeyChange::Rotate(_), true) => {
            let new = beside(target);
            fs::hard_link(&next, &new).map_err(|source| io(&new, source))?;
            keys.seed_at(&next, role)?.public(role.algorithm())
        }
        _ => {
            let seed = Seed::generate();
            keys.write_at(&beside(target), role, &seed)?;
            seed.public(role.algorithm())
        }
    };
    let mut body = card.body().clone();
    name_key(&mut body, role, change, &public, now)?;
    publish(home, keys, &body)
}

/// Signs the next version of the card, and puts it in the place of the present one. The caller has the
/// home open.
///
/// # Errors
/// [`KeyChangeError`]; then the card of the home is the one that it was, or the next use of it ends
/// what was begun.
pub fn publish(home: &Path, keys: &HomeKeys, body: &CardBody) -> Result<Card, KeyChangeError> {
    let card = sign_next_card(home, keys, body)?;
    finish(home, keys.dir())?;
    Ok(card)
}

/// The card of a home.
pub(super) fn read_home_card(home: &Path) -> Result<Card, KeyChangeError> {
    let path = home.join(CARD);
    let text = fs::read_to_string(&path).map_err(|source| io(&path, source))?;
    Ok(Card::parse(&text)?)
}

/// Signs the card that is to be next, and puts it where [`finish`] takes it from.
pub(super) fn sign_next_card(
    home: &Path,
    keys: &HomeKeys,
    body: &CardBody,
) -> Result<Card, KeyChangeError> {
    if !keys.has(Role::Root) {
        return Err(KeyChangeError::NoRoot);
    }
    let root = SigningSecret::new(&keys.seed(Role::Root)?, Algorithm::Ed25519);
    let card = Card::sign(body, &root.map_err(|_| KeyChangeError::NoRoot)?)?;
    write_next_card(home, keys.dir(), &card)?;
    Ok(card)
}

/// The next version of the card: what it says of one role is changed.
fn name_key(
    body: &mut CardBody,
    role: Role,
    change: KeyChange,
    public: &PublicKey,
    now: Timestamp,
) -> Result<(), KeyChangeError> {
    let key = CardKey::new(public, now.plus_ms(-BACKDATED_MS), body.expires);
    let witness = || {
        let key = WitnessKey::new(&witness_name(&body.authority, role), public);
        key.map(|key| key.to_string()).map_err(|error| CardError::Note(error.to_string()))
    };
    match (role, change) {
        (Role::Witness, _) => body.witness = witness()?,
        (Role::WitnessPq, _) => body.witness_pq = witness()?,
        // What peers seal to the old one until they have this card still opens: it is kept.
        (Role::Sealing, _) => body.sealing = vec![key],
        (_, KeyChange::Add(_)) => body.signing.push(key),
        // What was signed until now, and waits for a peer, stays signed by a key of the card.
        (_, KeyChange::Rotate(_)) => {
            body.signing.retain(|key| key.until > now);
            let others = body.signing.iter_mut();
            let others = others.filter(|other| other.algorithm == key.algorithm);
            others.filter(|other| other.key != key.key).for_each(|other| other.until = now);
        }
    }
    body.version += 1;
    body.issued = now;
    Ok(())
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(NEW);
    name.into()
}

/// From here on the change is one that will be ended.
fn write_next_card(home: &Path, keys: &Path, card: &Card) -> Result<(), KeyChangeError> {
    let (part, next) = (home.join("card.txt.part"), home.join(NEXT_CARD));
    let write = || {
        let mut file = fs::File::create(&part)?;
        file.write_all(card.text().as_bytes())?;
        file.sync_all()?;
        sync(keys)?;
        fs::rename(&part, &next)?;
        sync(home)
    };
    write().map_err(|source| io(&next, source))
}

/// Ends a change that was cut off, or takes back what never came to its new card.
///
/// # Errors
/// [`KeyChangeError::Io`].
pub(crate) fn finish(home: &Path, keys: &Path) -> Result<(), KeyChangeError> {
    let begun = is_cut_off(home);
    let listed = fs::read_dir(keys).and_then(|all| all.collect::<Result<Vec<_>, _>>());
    for entry in listed.map_err(|source| io(keys, source))? {
        let new = entry.path();
        let Some(target) = new.to_str().and_then(|path| path.strip_suffix(".key.new")) else {
            continue;
        };
        let target = PathBuf::from(format!("{target}.key"));
        match begun {
            true => put_in_place(keys, &new, &target)?,
            false => fs::remove_file(&new).map_err(|source| io(&new, source))?,
        }
    }
    if begun {
        drop_used(keys)?;
        sync(keys).map_err(|source| io(keys, source))?;
        let card = home.join(CARD);
        let put = fs::rename(home.join(NEXT_CARD), &card).and_then(|()| sync(home));
        put.map_err(|source| io(&card, source))?;
    }
    Ok(())
}

fn put_in_place(keys: &Path, new: &Path, target: &Path) -> Result<(), KeyChangeError> {
    // Whatever was sealed to it, and lies here, opens with no other.
    if *target == key_path(keys, Role::Sealing) && target.exists() {
        let old: KeyFile = read_json(target)?;
        let kept = keys.join(format!("sealing.{}.key", old.key_id));
        match fs::hard_link(target, &kept) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(io(&kept, error));
            }
            _ => {}
        }
    }
    fs::rename(new, target).map_err(|source| io(target, source))
}

/// A key that was announced, and is in use now.
fn drop_used(keys: &Path) -> Result<(), KeyChangeError> {
    for role in [Role::Signing, Role::SigningPq] {
        let next = keys.join(format!("{}.next.key", role.as_str()));
        if !next.exists() {
            continue;
        }
        let (used, announced): (KeyFile, KeyFile) =
            (read_json(&key_path(keys, role))?, read_json(&next)?);
        if used.key_id == announced.key_id {
            fs::remove_file(&next).map_err(|source| io(&next, source))?;
        }
    }
    Ok(())
}

fn sync(dir: &Path) -> std::io::Result<()> {
    fs::File::open(dir)?.sync_all()
}

fn io(path: &Path, source: std::io::Error) -> KeyChangeError {
    KeyChangeError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
