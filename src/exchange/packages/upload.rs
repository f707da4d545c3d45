//! From an agency into the vault: read once, hashed and sealed in one pass.

use std::sync::Arc;

use prost::Message as _;
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use super::manifest::{ExhibitInfo, ManifestHead, check_head};
use super::{PARTS_AHEAD, keep_key};
use crate::crypto::Sha256;
use crate::crypto::primitives::random;
use crate::domain::limits::{
    CHUNK_BYTES, CHUNK_TAG_BYTES, EXHIBITS_PER_PACKAGE_MAX, MANIFEST_MAX_BYTES,
};
use crate::domain::{PackageId, Timestamp};
use crate::envelope::stream::{ExhibitCipher, sealed_size};
use crate::exchange::agencies::Caller;
use crate::exchange::rows::{PackageRow, facts_of};
use crate::exchange::{ActionError, Exchange};
use crate::store::Table;
use crate::store::vault::{PackageShape, PackageWriter};

enum Part {
    Exhibit { name: String, media_type: String },
    Data(bytes::Bytes),
    End,
}

type Sealed = (PackageShape, Zeroizing<[u8; 32]>);

/// An upload that is going on. Dropping it leaves nothing behind.
pub struct Upload {
    exchange: Arc<Exchange>,
    agency: String,
    exhibits: u32,
    parts: mpsc::Sender<Part>,
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
        let (parts, taken) = mpsc::channel(PARTS_AHEAD);
        let (say, done) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            // Nobody listens any more when the client has gone; then the writer cleans up.
            let _ = say.send(sealer.run(taken));
        });
        Ok(Self { exchange, agency: caller.name.clone(), exhibits: 0, parts, done })
    }

    /// Begins the next exhibit.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] for a name or media type that breaks a rule.
    pub async fn exhibit(&mut self, name: &str, media_type: &str) -> Result<(), ActionError> {
        let media_type =
            if media_type.is_empty() { "application/octet-stream" } else { media_type };
        check_head(name, media_type)?;
        let (name, media_type) = (name.to_owned(), media_type.to_owned());
        self.exhibits = self.exhibits.saturating_add(1);
        self.part(Part::Exhibit { name, media_type }).await
    }

    /// Takes the next bytes of the exhibit.
    ///
    /// # Errors
    /// [`ActionError::Invalid`] before an exhibit was begun, [`ActionError::Fault`] from the disk.
    pub async fn data(&mut self, bytes: bytes::Bytes) -> Result<(), ActionError> {
        self.part(Part::Data(bytes)).await
    }

    async fn part(&mut self, part: Part) -> Result<(), ActionError> {
        if self.parts.send(part).await.is_ok() {
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

/// The blocking half: hashes, seals and writes.
struct Sealer {
    writer: PackageWriter,
    id: PackageId,
    key: Zeroizing<[u8; 32]>,
    manifest: Vec<u8>,
}

impl Sealer {
    fn new(writer: PackageWriter, id: PackageId, now: Timestamp) -> Self {
        let head = ManifestHead { v: 1, package: id, sealed: now };
        let mut manifest = serde_json::to_vec(&head).expect("a struct of strings is JSON");
        manifest.push(b'\n');
        Self { writer, id, key: Zeroizing::new(random()), manifest }
    }

    fn run(mut self, mut parts: mpsc::Receiver<Part>) -> Result<Sealed, ActionError> {
        let mut exhibits = 0;
        let mut next = parts.blocking_recv();
        loop {
            match next {
                Some(Part::Exhibit { name, media_type }) => {
                    if exhibits == EXHIBITS_PER_PACKAGE_MAX {
                        return Err(ActionError::invalid("exhibit", "100,000 at most"));
                    }
                    next = self.exhibit(name, media_type, &mut parts)?;
                    exhibits += 1;
                }
                Some(Part::Data(_)) => {
                    return Err(ActionError::invalid("data", "came before an exhibit was begun"));
                }
                Some(Part::End) if exhibits > 0 => return self.finish(),
                Some(Part::End) => {
                    return Err(ActionError::invalid("exhibit", "a package has one at least"));
                }
                None => return Err(ActionError::Unavailable("the upload broke off".into())),
            }
        }
    }

    /// Seals one exhibit; gives the part that ended it.
    fn exhibit(
        &mut self,
        name: String,
        media_type: String,
        parts: &mut mpsc::Receiver<Part>,
    ) -> Result<Option<Part>, ActionError> {
        let number = self.writer.exhibits();
        let mut chunker = Chunker::new(&mut self.writer, &self.key, self.id)?;
        let mut hasher = Sha256::new();
        let mut size = 0;
        let ended_by = loop {
            match parts.blocking_recv() {
                Some(Part::Data(bytes)) => {
                    hasher.update(&bytes);
                    size += bytes.len() as u64;
                    chunker.take(&bytes)?;
                }
                other => break other,
            }
        };
        chunker.finish()?;
        let sha256 = hex::encode(hasher.finish());
        let line = ExhibitInfo { number, name, media_type, bytes: size, sha256 };
        let line = serde_json::to_vec(&line).expect("a struct of strings is JSON");
        self.manifest.extend_from_slice(&line);
        self.manifest.push(b'\n');
        if sealed_size(self.manifest.len() as u64) > MANIFEST_MAX_BYTES {
            let rule = "names of exhibits are too long for so many: pack them into fewer files";
            return Err(ActionError::invalid("exhibit.original_name", rule));
        }
        Ok(ended_by)
    }

    fn finish(mut self) -> Result<Sealed, ActionError> {
        let mut chunker = Chunker::new(&mut self.writer, &self.key, self.id)?;
        chunker.take(&self.manifest)?;
        chunker.finish()?;
        Ok((self.writer.finish()?, self.key))
    }
}

/// Cuts an exhibit into chunks and seals each. The last one is known only at the end, so a full
/// chunk waits until a byte more has come.
struct Chunker<'a> {
    writer: &'a mut PackageWriter,
    cipher: ExhibitCipher<'a>,
    number: u32,
    buffer: Vec<u8>,
}

impl<'a> Chunker<'a> {
    fn new(
        writer: &'a mut PackageWriter,
        key: &'a [u8; 32],
        package: PackageId,
    ) -> Result<Self, ActionError> {
        let cipher = ExhibitCipher::new(key, package, writer.exhibits());
        writer.begin_exhibit()?;
        let buffer = Vec::with_capacity(CHUNK_BYTES + CHUNK_TAG_BYTES);
        Ok(Self { writer, cipher, number: 0, buffer })
    }

    fn take(&mut self, mut bytes: &[u8]) -> Result<(), ActionError> {
        while !bytes.is_empty() {
            if self.buffer.len() == CHUNK_BYTES {
                self.seal(false)?;
            }
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK_BYTES - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    fn seal(&mut self, last: bool) -> Result<(), ActionError> {
        self.cipher.seal(self.number, last, &mut self.buffer);
        self.writer.chunk(&self.buffer)?;
        self.buffer.clear();
        let next = self.number.checked_add(1);
        self.number =
            next.ok_or_else(|| ActionError::invalid("data", "an exhibit has 1 PiB at most"))?;
        Ok(())
    }

    fn finish(mut self) -> Result<(), ActionError> {
        self.seal(true)?;
        Ok(self.writer.end_exhibit()?)
    }
}
