//! Bytes that no row names yet: whose they are, how many, and since when nobody came for them.
//!
//! A mark is on disk before the first byte that it stands for, and goes when a row that names the
//! bytes is durable, or with the bytes. Its time is that of its file: when it was written last.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::{PackageShape, Vault, VaultError, remove_if_there, sync_dir};
use crate::domain::limits::UNCLAIMED_PER_PEER_MAX;
use crate::domain::{PackageId, Timestamp};

/// Whose bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A peer brought them: its blinded name, so that the disk does not say who it is (I6).
    Peer([u8; 16]),
    /// They were uploaded here, as this package.
    Own(PackageId),
}

/// What a mark says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unclaimed {
    /// The name of the package in the vault.
    pub name: String,
    /// Whose it is.
    pub owner: Owner,
    /// When it was begun or gone on with last.
    pub touched: Timestamp,
    /// All of it is here; only a message that carries it is missing.
    pub complete: bool,
}

#[derive(Clone, Copy)]
struct Charge {
    owner: Owner,
    bytes: u64,
}

/// The marks, and what is being worked on.
pub(super) struct Ledger {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    charged: BTreeMap<String, Charge>,
    held: BTreeMap<String, usize>,
}

impl Ledger {
    pub(super) fn load(dir: &Path) -> Result<Self, VaultError> {
        let mut state = State::default();
        for entry in fs::read_dir(dir)? {
            let entry = entry?;
            match parse(&fs::read_to_string(entry.path())?) {
                Some(charge) => {
                    state.charged.insert(entry.file_name().to_string_lossy().into_owned(), charge);
                }
                // A loss of power came before its sync, and so before the first byte.
                None => fs::remove_file(entry.path())?,
            }
        }
        Ok(Self { state: Mutex::new(state) })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.lock().charged.contains_key(name)
    }

    pub(super) fn is_held(&self, name: &str) -> bool {
        self.lock().held.contains_key(name)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether `owner` may bring `bytes` more under `name`.
    fn check(&self, name: &str, owner: Owner, bytes: u64, quota: u64) -> Result<(), VaultError> {
        match self.charged.get(name) {
            Some(known) if known.owner == owner => return Ok(()),
            Some(_) => return Err(VaultError::Busy("another authority is sending the package")),
            None => {}
        }
        let of_owner = self.charged.values().filter(|charge| charge.owner == owner);
        let (count, sum) = of_owner
            .fold((0, 0_u64), |(count, sum), charge| (count + 1, sum.saturating_add(charge.bytes)));
        if count >= UNCLAIMED_PER_PEER_MAX {
            return Err(VaultError::OverQuota("as many packages as may be"));
        }
        match sum.saturating_add(bytes) <= quota {
            true => Ok(()),
            false => Err(VaultError::OverQuota("as much evidence as may be")),
        }
    }
}

/// A package that is being worked on: not removed while this lives.
pub struct InUse {
    ledger: Arc<Ledger>,
    name: String,
}

impl Drop for InUse {
    fn drop(&mut self) {
        let mut state = self.ledger.lock();
        if let Some(count) = state.held.get_mut(&self.name) {
            *count -= 1;
            if *count == 0 {
                state.held.remove(&self.name);
            }
        }
    }
}

impl Vault {
    /// Keeps a package from being removed.
    pub fn hold(&self, shape: &PackageShape) -> InUse {
        self.hold_name(shape.name())
    }

    pub(super) fn hold_name(&self, name: String) -> InUse {
        *self.ledger.lock().held.entry(name.clone()).or_default() += 1;
        InUse { ledger: self.ledger.clone(), name }
    }

    /// Whether somebody keeps a package from being removed.
    pub fn is_held(&self, shape: &PackageShape) -> bool {
        self.ledger.is_held(&shape.name())
    }

    /// Whether a peer may bring a package: before it is told to.
    ///
    /// # Errors
    /// [`VaultError::OverQuota`], [`VaultError::Full`]; [`VaultError::Busy`] when another brings
    /// it; [`VaultError::Io`].
    pub fn check_arrival(&self, shape: &PackageShape, owner: Owner) -> Result<(), VaultError> {
        let (name, bytes) = (shape.name(), on_disk(shape));
        let quota = self.bounds.peer_quota_bytes;
        self.ledger.lock().check(&name, owner, bytes, quota)?;
        // What has come of it already takes room no more; what comes is checked chunk by chunk.
        let more = if self.incoming(shape).is_dir() { 0 } else { bytes };
        self.check_room(more)
    }

    /// Marks a package as one that a peer brings, and counts it.
    pub(in crate::store) fn admit(
        &self,
        shape: &PackageShape,
        owner: Owner,
    ) -> Result<(), VaultError> {
        let (name, bytes) = (shape.name(), on_disk(shape));
        {
            let mut state = self.ledger.lock();
            state.check(&name, owner, bytes, self.bounds.peer_quota_bytes)?;
            if state.charged.insert(name.clone(), Charge { owner, bytes }).is_some() {
                return Ok(());
            }
        }
        self.mark(&name, owner, bytes)
    }

    /// Writes a mark, durably.
    pub(super) fn mark(&self, name: &str, owner: Owner, bytes: u64) -> Result<(), VaultError> {
        self.ledger.lock().charged.insert(name.to_owned(), Charge { owner, bytes });
        let dir = self.root.join("unclaimed");
        let text = match owner {
            Owner::Peer(blinded) => format!("peer {} {bytes}\n", hex::encode(blinded)),
            Owner::Own(id) => format!("own {id} {bytes}\n"),
        };
        let write = || {
            let mut file = File::create(dir.join(name))?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            sync_dir(&dir)
        };
        write().inspect_err(|_| {
            self.ledger.lock().charged.remove(name);
        })
    }

    /// Notes that somebody goes on with a package, if it is marked.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn touch(&self, shape: &PackageShape, now: Timestamp) -> Result<(), VaultError> {
        self.touch_mark(&shape.name(), now)
    }

    pub(super) fn touch_mark(&self, name: &str, now: Timestamp) -> Result<(), VaultError> {
        let since = Duration::from_millis(u64::try_from(now.unix_ms()).unwrap_or(0));
        let mark = File::options().write(true).open(self.mark_of(name));
        match mark.and_then(|mark| mark.set_modified(SystemTime::UNIX_EPOCH + since)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn mark_of(&self, name: &str) -> PathBuf {
        self.root.join("unclaimed").join(name)
    }

    /// A row that names the package is durable: it is nobody's to sweep any more. Not synced: what
    /// a loss of power brings back is claimed again.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn claim(&self, name: &str) -> Result<(), VaultError> {
        // Beside whoever removes or admits it: the mark and what is counted go together.
        let mut state = self.ledger.lock();
        state.charged.remove(name);
        remove_if_there(&self.mark_of(name))
    }

    /// Gives up a package of our own whose row is about to go: whatever crash comes behind this,
    /// the next sweep finds it, and claims it where the row is still there.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn give_up(&self, shape: &PackageShape) -> Result<(), VaultError> {
        self.mark(&shape.name(), Owner::Own(shape.id), 0)?;
        self.touch(shape, Timestamp::from_unix_ms(0))
    }

    /// Whose what is marked is, and how many bytes count.
    pub(super) fn charges(&self) -> Vec<(Owner, u64)> {
        let state = self.ledger.lock();
        state.charged.values().map(|charge| (charge.owner, charge.bytes)).collect()
    }

    /// Everything that is marked.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn unclaimed(&self) -> Result<Vec<Unclaimed>, VaultError> {
        let charged = self.ledger.lock().charged.clone();
        let mut found = Vec::new();
        for (name, charge) in charged {
            let touched = match fs::metadata(self.mark_of(&name)) {
                Ok(mark) => timestamp(mark.modified()?),
                // Claimed since the ledger was looked at, or not written yet.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error.into()),
            };
            let complete = self.root.join("packages").join(&name).is_dir();
            found.push(Unclaimed { name, owner: charge.owner, touched, complete });
        }
        Ok(found)
    }

    /// Removes a package with its mark; false when it is being worked on, or a message has claimed
    /// it since somebody looked: what a receipt has promised is not removed (I4).
    ///
    /// Renamed first, where nothing looks for it: a crash behind that leaves what
    /// [`Vault::sweep`] removes.
    ///
    /// # Errors
    /// [`VaultError::Io`].
    pub fn remove(&self, name: &str) -> Result<bool, VaultError> {
        let away = |from: &str| self.root.join("incoming").join(format!("swept-{from}-{name}"));
        let moved = {
            let mut state = self.ledger.lock();
            if state.held.contains_key(name) || !state.charged.contains_key(name) {
                return Ok(false);
            }
            let mut moved = Vec::new();
            for from in ["incoming", "packages"] {
                let (dir, away) = (self.root.join(from).join(name), away(from));
                match fs::rename(&dir, &away) {
                    Ok(()) => moved.push(away),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(error.into()),
                }
            }
            sync_dir(&self.root.join("packages"))?;
            remove_if_there(&self.mark_of(name))?;
            state.charged.remove(name);
            moved
        };
        moved.iter().try_for_each(fs::remove_dir_all)?;
        Ok(true)
    }
}

/// What a package takes on the disk at most: its bytes, its lists, and a block for each file.
fn on_disk(shape: &PackageShape) -> u64 {
    let lists = shape.chunks.saturating_mul(32);
    let blocks = u64::from(shape.exhibits) * 4096;
    shape.sealed_bytes.saturating_add(lists).saturating_add(blocks)
}

fn parse(text: &str) -> Option<Charge> {
    let mut words = text.strip_suffix('\n')?.split(' ');
    let (kind, whose, bytes) = (words.next()?, words.next()?, words.next()?);
    let owner = match kind {
        "peer" => {
            let mut blinded = [0; 16];
            hex::decode_to_slice(whose, &mut blinded).ok()?;
            Owner::Peer(blinded)
        }
        "own" => Owner::Own(whose.parse().ok()?),
        _ => return None,
    };
    Some(Charge { owner, bytes: bytes.parse().ok()? })
}

fn timestamp(time: SystemTime) -> Timestamp {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO);
    Timestamp::from_unix_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
