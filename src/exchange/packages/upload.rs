//! From an agency into the vault: read once, hashed and sealed in one pass.

use std::ops::ControlFlow;
use std::sync::Arc;

use prost::Message as _;
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use super::keep_key;
use super::manifest::check_head;
use super::notes::Head;
use super::quota::Quota;
use super::sealer::{Part, Sealed, Sealer};
use super::unfinished::{Place, UploadKey, end_upload};
use crate::crypto::primitives::random;
use crate::domain::custody::{CustodyRecord, check_custody, check_not_after};
use crate::domain::limits::CLOCK_AHEAD_MAX_MS;
use crate::domain::{PackageId, UploadId};
use crate::exchange::agencies::Caller;
use crate::exchange::pieces::{Gather, fold, gather, piece};
use crate::exchange::rows::{PackageRow, facts_of};
use crate::exchange::{ActionError, Exchange};
use crate::store::Table;
use crate::store::vault::PackageShape;

/// An upload that is going on. Dropping it leaves nothing behind, unless its client has named it.
pub struct Upload {
    exchange: Arc<Exchange>,
    agency: String,
    exhibits: u32,
    quota: Quota,
    /// Bytes that it has, and how many its client says that there are.
    bytes: u64,
    most: Option<u64>,
    named: Option<UploadKey>,
    parts: Gather<Part>,
    done: oneshot::Receiver<Result<Ended, ActionError>>,
}

/// Where an upload begins, or goes on.
#[derive(Clone, Copy, Debug)]
pub struct UploadFrom {
    /// What its client calls it.
    pub id: UploadId,
    /// Whole exhibits that the node has.
    pub exhibits: u32,
    /// Bytes of the next one that it has.
    pub bytes: u64,
    /// Bytes of all exhibits: more are refused.
    pub total_bytes: u64,
}

/// What came of an upload, and its place, which nobody else has until the package has its row.
struct Ended {
    sealed: Sealed,
    _place: Option<Place>,
}

impl Upload {
    /// Begins a package.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the vault cannot be written.
    pub fn begin(exchange: Arc<Exchange>, caller: &Caller) -> Result<Self, ActionError> {
        exchange.check_writable()?;
        let now = exchange.now();
        let id = PackageId::new(now, random());
        let key = Zeroizing::new(random());
        let sealer = Sealer::new(exchange.vault.begin(id)?, id, now, key, false);
        let quota = Quota::of(&exchange, caller, None)?;
        Ok(Self::of(exchange, caller, sealer, None, quota))
    }

    /// Begins a package that its client has named, or goes on with it behind so many whole exhibits and
    /// so many bytes of the next one.
    ///
    /// # Errors
    /// [`ActionError::Conflict`] with code `UPLOAD_IS_ELSEWHERE` when it has more or less, and with
    /// `UPLOAD_ENDED`; [`ActionError::Unavailable`] while it is going on; [`ActionError::Exhausted`];
    /// [`ActionError::Fault`].
    pub async fn go_on(
        exchange: Arc<Exchange>,
        caller: &Caller,
        from: UploadFrom,
    ) -> Result<Self, ActionError> {
        exchange.check_writable()?;
        let UploadFrom { id, exhibits, bytes, total_bytes } = from;
        let key = exchange.upload_key(caller, id);
        // Before a byte is taken of what there is no room for.
        let quota = Quota::of(&exchange, caller, Some(&key))?;
        quota.check(total_bytes)?;
        let (mut place, sealer) = exchange.open_upload(key, total_bytes).await?;
        let has = sealer.bytes;
        let taken = sealer.taken();
        if (taken.exhibits, taken.bytes) != (exhibits, bytes) {
            *place = Some(sealer);
            let message = format!(
                "the node has {} exhibits of this upload and {} bytes of the next one: go on there",
                taken.exhibits, taken.bytes
            );
            return Err(ActionError::conflict("UPLOAD_IS_ELSEWHERE", message));
        }
        if let Err(full) = exchange.vault.check_room(total_bytes.saturating_sub(has)) {
            *place = Some(sealer);
            return Err(full.into());
        }
        let mut upload = Self::of(exchange, caller, sealer, Some((key, place)), quota);
        upload.bytes = has;
        upload.most = Some(total_bytes);
        upload.exhibits = exhibits.saturating_add(u32::from(bytes > 0));
        Ok(upload)
    }

    fn of(
        exchange: Arc<Exchange>,
        caller: &Caller,
        sealer: Sealer,
        named: Option<(UploadKey, Place)>,
        quota: Quota,
    ) -> Self {
        let (parts, taken) = gather();
        let (say, done) = oneshot::channel();
        let (named, place) = named.unzip();
        let for_sealing = exchange.clone();
        tokio::spawn(async move {
            // Nobody listens any more when the client has gone; then the writer cleans up.
            let _ = say.send(seal(for_sealing, sealer, taken, place).await);
        });
        let agency = caller.name.clone();
        Self { exchange, agency, exhibits: 0, quota, bytes: 0, most: None, named, parts, done }
    }

    /// Begins the next exhibit.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] for a name, media type or custody record that breaks a rule.
    pub async fn exhibit(
        &mut self,
        name: &str,
        media_type: &str,
        custody: Vec<CustodyRecord>,
    ) -> Result<(), ActionError> {
        let media_type =
            if media_type.is_empty() { "application/octet-stream" } else { media_type };
        check_head(name, media_type)?;
        let latest = self.exchange.now().plus_ms(CLOCK_AHEAD_MAX_MS);
        check_custody(&custody).and_then(|()| check_not_after(&custody, latest)).map_err(
            |fault| ActionError::invalid(format!("exhibit.{}", fault.field), fault.rule),
        )?;
        let (name, media_type) = (name.to_owned(), media_type.to_owned());
        self.exhibits = self.exhibits.saturating_add(1);
        self.part(Part::Exhibit(Head { name, media_type, custody })).await
    }

    /// Takes the next bytes of the exhibit.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] before an exhibit was begun; [`ActionError::Exhausted`] beyond the quota
    /// of its agency; [`ActionError::Fault`] from the disk.
    pub async fn data(&mut self, bytes: bytes::Bytes) -> Result<(), ActionError> {
        if bytes.is_empty() {
            return Err(ActionError::invalid("data", "must not be empty"));
        }
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.most.is_some_and(|most| self.bytes > most) {
            let rule = "must be as many as the exhibits have: more have come";
            return Err(ActionError::invalid("start.total_bytes", rule));
        }
        self.quota.check(self.bytes)?;
        self.part(Part::Data(bytes)).await
    }

    async fn part(&mut self, part: Part) -> Result<(), ActionError> {
        let is_last = matches!(part, Part::End);
        let bytes = part.bytes();
        if self.parts.put(part, bytes).await && (!is_last || self.parts.hand_over().await) {
            return Ok(());
        }
        // The sealer has stopped: it says why.
        match (&mut self.done).await {
            Ok(Err(error)) => Err(error),
            _ => Err(ActionError::Fault("the package cannot be sealed".into())),
        }
    }

    /// Ends the package: sealed, durable, and kept for the agency until a message carries it.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] for a package without exhibits, or with other than the client
    /// counted; [`ActionError::Fault`].
    pub async fn finish(mut self, exhibits: u32) -> Result<PackageShape, ActionError> {
        if exhibits != self.exhibits {
            let rule = format!("must be {}, which is how many came", self.exhibits);
            return Err(ActionError::invalid("end.exhibits", rule));
        }
        self.part(Part::End).await?;
        let ended = self.done.await;
        let ended =
            ended.map_err(|_| ActionError::Fault("the package cannot be sealed".into()))??;
        let Ended { sealed: (shape, key), _place } = ended;
        let mut row = PackageRow {
            draft_id: Vec::new(),
            facts: Some(facts_of(&shape)),
            agency: self.agency,
            created_ms: self.exchange.now().unix_ms(),
            message_id: Vec::new(),
            key_slot: None,
        };
        let (id, named) = (shape.id, self.named);
        // Bytes before rows (I4): the package has its final name by now.
        self.exchange
            .store
            .commit(move |tx| {
                keep_key(tx, &mut row, &key);
                tx.put(Table::Packages, id.as_bytes(), row.encode_to_vec());
                if let Some(named) = named {
                    end_upload(tx, &named)?;
                }
                Ok::<_, ActionError>(())
            })
            .await?;
        if named.is_some() {
            let vault = self.exchange.vault.clone();
            let ending = piece(move || Ok(vault.end_kept(id)?)).await;
            if let Err(error) = ending {
                // The package is there; what is left beside it goes with the next sweep.
                tracing::warn!(%error, "notes of an upload are left behind");
            }
        }
        Ok(shape)
    }
}

async fn seal(
    exchange: Arc<Exchange>,
    sealer: Sealer,
    parts: mpsc::Receiver<Vec<Part>>,
    mut place: Option<Place>,
) -> Result<Ended, ActionError> {
    match fold(sealer, parts, Sealer::take).await? {
        ControlFlow::Break(sealed) => Ok(Ended { sealed, _place: place }),
        ControlFlow::Continue(sealer) => {
            let (vault, id, now) = (exchange.vault.clone(), sealer.id, exchange.now());
            if place.is_some() {
                piece(move || Ok(vault.touch_kept(id, now)?)).await?;
            }
            match &mut place {
                // One with a long manifest is taken up from the disk: memory is for many of them.
                Some(place) => **place = Some(sealer).filter(Sealer::is_light),
                // What is removed may be many files.
                None => {
                    let removing = piece(move || {
                        drop(sealer);
                        Ok(())
                    });
                    removing.await?;
                }
            }
            Err(ActionError::Unavailable("the upload broke off".into()))
        }
    }
}

#[cfg(test)]
#[path = "upload_tests.rs"]
mod tests;
