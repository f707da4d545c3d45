//! From an agency into the vault: read once, hashed and sealed in one pass.

use std::ops::ControlFlow;
use std::sync::Arc;

use prost::Message as _;
use tokio::sync::{mpsc, oneshot};

use super::keep_key;
use super::manifest::check_head;
use super::sealer::{Part, Sealed, Sealer};
use crate::crypto::primitives::random;
use crate::domain::PackageId;
use crate::domain::custody::{CustodyRecord, check_custody, check_not_after};
use crate::domain::limits::CLOCK_AHEAD_MAX_MS;
use crate::exchange::agencies::Caller;
use crate::exchange::pieces::{Gather, fold, gather, piece};
use crate::exchange::rows::{PackageRow, facts_of};
use crate::exchange::{ActionError, Exchange};
use crate::store::Table;
use crate::store::vault::PackageShape;

/// An upload that is going on. Dropping it leaves nothing behind.
pub struct Upload {
    exchange: Arc<Exchange>,
    agency: String,
    exhibits: u32,
    parts: Gather<Part>,
    done: oneshot::Receiver<Result<Sealed, ActionError>>,
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
        let sealer = Sealer::new(exchange.vault.begin(id)?, id, now);
        let (parts, taken) = gather();
        let (say, done) = oneshot::channel();
        tokio::spawn(async move {
            // Nobody listens any more when the client has gone; then the writer cleans up.
            let _ = say.send(seal(sealer, taken).await);
        });
        Ok(Self { exchange, agency: caller.name.clone(), exhibits: 0, parts, done })
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
        self.part(Part::Exhibit { name, media_type, custody }).await
    }

    /// Takes the next bytes of the exhibit.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] before an exhibit was begun, [`ActionError::Fault`] from the disk.
    pub async fn data(&mut self, bytes: bytes::Bytes) -> Result<(), ActionError> {
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
        let (shape, key) =
            ended.map_err(|_| ActionError::Fault("the package cannot be sealed".into()))??;
        let mut row = PackageRow {
            draft_id: Vec::new(),
            facts: Some(facts_of(&shape)),
            agency: self.agency,
            created_ms: self.exchange.now().unix_ms(),
            message_id: Vec::new(),
            key_slot: None,
        };
        let id = shape.id;
        // Bytes before rows (I4): the package has its final name by now.
        self.exchange
            .store
            .commit(move |tx| {
                keep_key(tx, &mut row, &key);
                tx.put(Table::Packages, id.as_bytes(), row.encode_to_vec());
                Ok::<_, ActionError>(())
            })
            .await?;
        Ok(shape)
    }
}

async fn seal(sealer: Sealer, parts: mpsc::Receiver<Vec<Part>>) -> Result<Sealed, ActionError> {
    match fold(sealer, parts, Sealer::take).await? {
        ControlFlow::Break(sealed) => Ok(sealed),
        ControlFlow::Continue(sealer) => {
            // What is removed may be many files.
            piece(move || {
                drop(sealer);
                Ok(())
            })
            .await?;
            Err(ActionError::Unavailable("the upload broke off".into()))
        }
    }
}

#[cfg(test)]
#[path = "upload_tests.rs"]
mod tests;
