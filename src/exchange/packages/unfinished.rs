//! Uploads that can be gone on with: in memory while their node runs, and otherwise from the disk.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prost::Message as _;
use tokio::sync::OwnedMutexGuard;
use zeroize::Zeroizing;

use super::reopen::Reopening;
use super::sealer::{Sealer, Taken};
use crate::crypto::primitives::random;
use crate::crypto::sha256;
use crate::domain::limits::{UNFINISHED_UPLOADS_MAX, UPLOADS};
use crate::domain::{PackageId, Timestamp, UploadId};
use crate::exchange::agencies::Caller;
use crate::exchange::pieces::piece;
use crate::exchange::rows::{self, PackageFacts, PackageRow, UploadRow, load_in};
use crate::exchange::{ActionError, Exchange};
use crate::store::{BodySlot, Direction, Table, Tx};

/// Rows that are read in one piece.
const PAGE: usize = 1000;

/// Blinded agency, blinded upload.
pub(super) type UploadKey = [u8; 32];

/// An upload while somebody has it to itself. What is in it stays when it is cut off.
pub(super) type Place = OwnedMutexGuard<Option<Sealer>>;

/// The uploads that were cut off and are in memory, by their keys.
#[derive(Default)]
pub struct Unfinished(Mutex<Places>);

type Places = BTreeMap<UploadKey, Arc<tokio::sync::Mutex<Option<Sealer>>>>;

impl Unfinished {
    fn lock(&self) -> MutexGuard<'_, Places> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has an upload to itself.
    fn enter(&self, key: UploadKey) -> Result<Place, ActionError> {
        let (place, gone) = {
            let mut places = self.lock();
            let gone = match places.contains_key(&key) || places.len() < UPLOADS.all {
                true => None,
                false => one_idle(&places, &key).and_then(|idle| places.remove(&idle)),
            };
            (places.entry(key).or_default().clone(), gone)
        };
        // It is taken up from the disk when somebody comes for it. What it has open is closed here.
        drop(gone);
        place.try_lock_owned().map_err(|_| {
            let message = "the upload is going on already, or was cut off a moment ago: try again";
            ActionError::Unavailable(message.into())
        })
    }

    /// Lets go of what nobody is at: from now on it is on the disk alone.
    pub(in crate::exchange) fn forget_idle(&self) {
        self.lock().retain(|_, place| Arc::strong_count(place) > 1);
    }
}

/// An upload that nobody is at: of the same agency, if it has one.
fn one_idle(places: &Places, key: &UploadKey) -> Option<UploadKey> {
    let idle = || places.iter().filter(|(_, place)| Arc::strong_count(place) == 1);
    let own = idle().find(|(other, _)| other[..16] == key[..16]);
    own.or_else(|| idle().next()).map(|(idle, _)| *idle)
}

/// How far an upload is, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It can be gone on with.
    Unfinished(Taken),
    /// It is sealed.
    Sealed(PackageFacts),
}

impl Exchange {
    /// How far an upload of the caller's is.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] when there is none; [`ActionError::Unavailable`] while it is going on;
    /// [`ActionError::Fault`].
    pub async fn upload_standing(
        self: &Arc<Self>,
        caller: &Caller,
        id: UploadId,
    ) -> Result<Standing, ActionError> {
        let key = self.upload_key(caller, id);
        let exchange = self.clone();
        // To its end, whoever goes away: nobody else may have its files while a thread reads them.
        let looking = tokio::spawn(async move { exchange.standing_of(key, id).await });
        looking.await.map_err(ActionError::fault)?
    }

    async fn standing_of(
        self: &Arc<Self>,
        key: UploadKey,
        id: UploadId,
    ) -> Result<Standing, ActionError> {
        let none = || ActionError::NotFound(format!("there is no upload {id}"));
        let row = self.upload_row(&key)?.ok_or_else(none)?;
        if let Some(facts) = self.sealed(&row)? {
            return Ok(Standing::Sealed(facts));
        }
        let mut place = self.unfinished.enter(key)?;
        if place.is_none() {
            *place = self.reopen(&row).await?;
        }
        let sealer = place.as_ref().ok_or_else(none)?;
        Ok(Standing::Unfinished(sealer.taken()))
    }

    /// An upload of the caller's to go on with, or a new one.
    pub(super) async fn open_upload(
        self: &Arc<Self>,
        key: UploadKey,
        total_bytes: u64,
    ) -> Result<(Place, Sealer), ActionError> {
        let exchange = self.clone();
        let opening = tokio::spawn(async move { exchange.take_upload(key, total_bytes).await });
        opening.await.map_err(ActionError::fault)?
    }

    async fn take_upload(
        self: &Arc<Self>,
        key: UploadKey,
        total_bytes: u64,
    ) -> Result<(Place, Sealer), ActionError> {
        let mut place = self.unfinished.enter(key)?;
        let left = place.take();
        let Some(row) = self.upload_row(&key)? else {
            return Ok((place, self.begin_upload(key, None, total_bytes).await?));
        };
        if self.sealed(&row)?.is_some() {
            let message = "this upload is sealed already: GetUpload has its package";
            return Err(ActionError::conflict("UPLOAD_ENDED", message));
        }
        if row.total_bytes != total_bytes {
            *place = left;
            // What else its agency may bring depends on it.
            let rule = format!("must be {}, as when the upload was begun", row.total_bytes);
            return Err(ActionError::invalid("start.total_bytes", rule));
        }
        // What is in memory may be of an upload that was swept meanwhile.
        let left = match left.filter(|sealer| row.package_id == sealer.id.as_bytes()[..]) {
            Some(sealer) => Some(sealer),
            None => self.reopen(&row).await?,
        };
        match left {
            Some(mut sealer) => {
                sealer.go_on()?;
                Ok((place, sealer))
            }
            None => Ok((place, self.begin_upload(key, Some(row), total_bytes).await?)),
        }
    }

    /// A new upload under a new key, in the place of an old one that is lost or was sent.
    async fn begin_upload(
        self: &Arc<Self>,
        key: UploadKey,
        old: Option<UploadRow>,
        total_bytes: u64,
    ) -> Result<Sealer, ActionError> {
        self.vault.check_room(total_bytes)?;
        let created = self.now();
        let id = PackageId::new(created, random());
        let package_key = Zeroizing::new(random());
        let lost = old.as_ref().and_then(|row| PackageId::from_slice(&row.package_id).ok());
        let slot = package_key.clone();
        self.store
            .commit(move |tx| {
                forget_upload_key(tx, old);
                tx.delete(Table::Uploads, &key);
                check_count(tx, &key[..16])?;
                let row = UploadRow {
                    package_id: id.as_bytes().to_vec(),
                    created_ms: created.unix_ms(),
                    key_slot: Some(tx.body(slot.to_vec()).0),
                    total_bytes,
                };
                tx.put(Table::Uploads, &key, row.encode_to_vec());
                Ok::<_, ActionError>(())
            })
            .await?;
        let vault = self.vault.clone();
        let writer = piece(move || {
            lost.map_or(Ok(true), |lost| vault.end_kept(lost))?;
            Ok(vault.begin_kept(id)?)
        });
        Ok(Sealer::new(writer.await?, id, created, package_key, true))
    }

    /// Takes an upload up from the disk; `None` where it is lost.
    async fn reopen(self: &Arc<Self>, row: &UploadRow) -> Result<Option<Sealer>, ActionError> {
        let id = PackageId::from_slice(&row.package_id).map_err(ActionError::fault)?;
        let created = Timestamp::from_unix_ms(row.created_ms);
        let Some(slot) = row.key_slot else { return Ok(None) };
        let Some(key) = self.store.body(BodySlot(slot))?.map(Zeroizing::new) else {
            return Ok(None);
        };
        let key = Zeroizing::new(key.as_slice().try_into().map_err(ActionError::fault)?);
        let (vault, now) = (self.vault.clone(), self.now());
        let begun = piece(move || {
            let Some(writer) = vault.reopen(id, now)? else { return Ok(None) };
            Reopening::begin(writer, id, key, created).map(Some)
        });
        let Some(mut reading) = begun.await? else { return Ok(None) };
        loop {
            match piece(move || reading.read_some()).await? {
                ControlFlow::Continue(more) => reading = more,
                ControlFlow::Break(sealer) => return Ok(sealer),
            }
        }
    }

    /// What came of an upload that has ended, whether or not a message carries it by now.
    fn sealed(&self, row: &UploadRow) -> Result<Option<PackageFacts>, ActionError> {
        let package: Option<PackageRow> =
            rows::load(&self.store, Table::Packages, &row.package_id)?;
        Ok(package.and_then(|row| row.facts))
    }

    fn upload_row(&self, key: &UploadKey) -> Result<Option<UploadRow>, ActionError> {
        rows::load(&self.store, Table::Uploads, key)
    }

    pub(super) fn upload_key(&self, caller: &Caller, id: UploadId) -> UploadKey {
        let agency = self.home.blind("agency", caller.name.as_bytes());
        let upload = self.home.blind("upload", &sha256(id.as_bytes()));
        let mut key = [0; 32];
        key[..16].copy_from_slice(&agency);
        key[16..].copy_from_slice(&upload);
        key
    }

    /// Forgets the uploads that were begun before this time and are neither on the disk nor to be sent.
    ///
    /// # Errors
    /// [`ActionError::Fault`].
    pub(in crate::exchange) async fn forget_uploads(
        &self,
        before: Timestamp,
    ) -> Result<(), ActionError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let from = after.as_deref();
            let rows = self.store.scan(Table::Uploads, b"", from, Direction::Forward, PAGE)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            for (key, row) in rows {
                self.forget_old_upload(key, &rows::decode(&row)?, before).await?;
            }
        }
    }

    async fn forget_old_upload(
        &self,
        key: Vec<u8>,
        row: &UploadRow,
        before: Timestamp,
    ) -> Result<(), ActionError> {
        let id = PackageId::from_slice(&row.package_id).map_err(ActionError::fault)?;
        let package: Option<PackageRow> = rows::load(&self.store, Table::Packages, id.as_bytes())?;
        let is_there = self.vault.is_kept(id) || package.is_some_and(|row| is_free(&row));
        if is_there || row.created_ms >= before.unix_ms() {
            return Ok(());
        }
        let forget = move |tx: &mut Tx<'_>| {
            // Another may have been begun under that name since it was looked at.
            let row = load_in::<UploadRow>(tx, Table::Uploads, &key)?;
            let same = row.filter(|row| row.package_id == id.as_bytes()[..]);
            if same.is_some() {
                forget_upload_key(tx, same);
                tx.delete(Table::Uploads, &key);
            }
            Ok::<_, ActionError>(())
        };
        self.store.commit(forget).await?;
        Ok(())
    }
}

/// That an agency has not too many uploads, of which those that were sent do not count any more.
fn check_count(tx: &mut Tx<'_>, agency: &[u8]) -> Result<(), ActionError> {
    let most = UNFINISHED_UPLOADS_MAX;
    let all = tx.scan(Table::Uploads, agency, None, Direction::Forward, most);
    let mut counted = all.len();
    for (key, row) in all.iter().filter(|_| all.len() == most) {
        let row: UploadRow = rows::decode(row)?;
        let package = load_in::<PackageRow>(tx, Table::Packages, &row.package_id)?;
        if row.key_slot.is_none() && package.is_none_or(|package| !is_free(&package)) {
            tx.delete(Table::Uploads, key);
            counted -= 1;
        }
    }
    if counted < most {
        return Ok(());
    }
    let message =
        "too many uploads of this agency were cut off, or not sent: go on with one, or send it";
    Err(ActionError::exhausted("TOO_MANY_UPLOADS", message))
}

/// Whether neither a message nor a draft has it.
pub(in crate::exchange) fn is_free(row: &PackageRow) -> bool {
    row.message_id.is_empty() && row.draft_id.is_empty()
}

/// Says in the commit that gives its package a row that an upload has ended.
pub(super) fn end_upload(tx: &mut Tx<'_>, key: &UploadKey) -> Result<(), ActionError> {
    let Some(mut row) = load_in::<UploadRow>(tx, Table::Uploads, key)? else { return Ok(()) };
    if let Some(slot) = row.key_slot.take() {
        tx.erase(BodySlot(slot));
    }
    tx.put(Table::Uploads, key, row.encode_to_vec());
    Ok(())
}

/// Destroys the key of an upload in this commit.
pub(in crate::exchange) fn forget_upload_key(tx: &mut Tx<'_>, row: Option<UploadRow>) {
    if let Some(slot) = row.and_then(|row| row.key_slot) {
        tx.erase(BodySlot(slot));
    }
}

#[cfg(test)]
#[path = "unfinished_tests.rs"]
mod tests;
