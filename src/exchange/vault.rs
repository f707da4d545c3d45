//! The vault as operators see it: whose evidence takes how much, and what of it is damaged.

use std::collections::BTreeMap;

use super::packages::is_free;
use super::rows::{self, MessageRow, PackageRow, UploadRow, peer_key, shape_of};
use super::{ActionError, Exchange};
use crate::domain::{MessageId, PackageId};
use crate::store::vault::{Owner, PackageShape, Room, Survey, VaultError};
use crate::store::{Direction, Table};

/// Rows that are read at once.
const PAGE: usize = 500;
/// Bytes behind which a check says how far it is: 16 MiB.
const TOLD_EVERY: u64 = 16 << 20;

/// Evidence that no message carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unclaimed {
    /// Packages, also such as are not whole.
    pub packages: u32,
    /// Bytes that count.
    pub bytes: u64,
}

/// What evidence takes on the disk.
#[derive(Clone, Debug)]
pub struct Usage {
    /// What is there.
    pub survey: Survey,
    /// What is left.
    pub room: Room,
    /// Bytes that stay free.
    pub reserve_bytes: u64,
    /// By agency.
    pub agencies: BTreeMap<String, Unclaimed>,
    /// How much each may have.
    pub agency_quota_bytes: u64,
    /// By peer.
    pub peers: BTreeMap<String, Unclaimed>,
    /// How much each may have.
    pub peer_quota_bytes: u64,
}

/// How far a check is, and what it found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Packages that were read to their ends.
    pub packages: u64,
    /// Sealed bytes that were read.
    pub bytes: u64,
    /// What was found just now.
    pub fault: Option<Fault>,
}

/// A package that is damaged or missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Which.
    pub package: PackageId,
    /// The message that carries it.
    pub message: Option<MessageId>,
    /// The peer of that message, or the agency that uploaded it.
    pub owner: String,
    /// What is wrong.
    pub detail: String,
}

/// Whose a package is that is to be checked.
struct Holder {
    message: Option<MessageId>,
    owner: String,
}

impl Unclaimed {
    fn add(&mut self, bytes: u64) {
        self.packages += 1;
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

impl Exchange {
    /// What an operator is to know when evidence is refused for want of room.
    pub fn vault_is_full(&self) -> Option<String> {
        let full = self.vault.check_room(0).err()?;
        Some(format!("evidence is refused: {full}"))
    }

    /// What evidence takes on the disk, and whose it is. Blocking.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when store or vault cannot be read.
    pub fn vault_usage(&self) -> Result<Usage, ActionError> {
        let survey = self.vault.survey()?;
        let bounds = self.vault.bounds();
        let mut peers: BTreeMap<String, Unclaimed> = BTreeMap::new();
        let names: BTreeMap<[u8; 16], String> =
            self.directory.all().iter().fold(BTreeMap::new(), |mut names, peer| {
                let id = peer.authority();
                names.insert(peer_key(&self.home, id), id.to_string());
                names
            });
        for (owner, bytes) in &survey.marked {
            let Owner::Peer(blinded) = owner else { continue };
            // Of one that was removed nobody knows the name any more.
            let name = names.get(blinded).cloned().unwrap_or_else(|| "a removed peer".to_owned());
            peers.entry(name).or_default().add(*bytes);
        }
        Ok(Usage {
            room: self.vault.room()?,
            reserve_bytes: bounds.reserve_bytes,
            agencies: self.unsent()?,
            agency_quota_bytes: self.settings.agency_quota_bytes,
            peers,
            peer_quota_bytes: bounds.peer_quota_bytes,
            survey,
        })
    }

    /// What agencies have uploaded, or begun to, and not sent.
    fn unsent(&self) -> Result<BTreeMap<String, Unclaimed>, ActionError> {
        let mut agencies: BTreeMap<String, Unclaimed> = BTreeMap::new();
        self.each_row(Table::Packages, |_, row| {
            let row: PackageRow = rows::decode(row)?;
            if is_free(&row) {
                let bytes = row.facts.map_or(0, |facts| facts.sealed_bytes);
                agencies.entry(row.agency).or_default().add(bytes);
            }
            Ok(true)
        })?;
        let names: BTreeMap<[u8; 16], String> = self
            .agencies()?
            .into_iter()
            .map(|agency| (self.home.blind("agency", agency.name.as_bytes()), agency.name))
            .collect();
        self.each_row(Table::Uploads, |key, row| {
            let row: UploadRow = rows::decode(row)?;
            let name = key.first_chunk::<16>().and_then(|blinded| names.get(blinded));
            if let (Some(_), Some(name)) = (row.key_slot, name) {
                agencies.entry(name.clone()).or_default().add(row.total_bytes);
            }
            Ok(true)
        })?;
        Ok(agencies)
    }

    /// Reads all evidence that a message carries or an agency may send, until `tell` says that nobody
    /// listens. Blocking.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the store cannot be read.
    pub fn check_vault(
        &self,
        tell: &mut dyn FnMut(&Checked) -> bool,
    ) -> Result<Checked, ActionError> {
        let mut checked = Checked::default();
        self.each_row(Table::Messages, |key, row| {
            let row: MessageRow = rows::decode(row)?;
            if row.erased.is_some() {
                return Ok(true);
            }
            let message = MessageId::from_slice(key).map_err(ActionError::fault)?;
            let holder = Holder { message: Some(message), owner: row.peer };
            let mut shapes = row.packages.iter().map(shape_of);
            shapes.try_fold(true, |on, shape| {
                Ok(on && self.check_package(&shape?, &holder, &mut checked, tell)?)
            })
        })?;
        self.each_row(Table::Packages, |_, row| {
            let row: PackageRow = rows::decode(row)?;
            let (true, Some(facts)) = (row.message_id.is_empty(), &row.facts) else {
                return Ok(true);
            };
            let holder = Holder { message: None, owner: row.agency.clone() };
            self.check_package(&shape_of(facts)?, &holder, &mut checked, tell)
        })?;
        Ok(checked)
    }

    /// Reads a package; whether to go on.
    fn check_package(
        &self,
        shape: &PackageShape,
        holder: &Holder,
        checked: &mut Checked,
        tell: &mut dyn FnMut(&Checked) -> bool,
    ) -> Result<bool, ActionError> {
        let read = self.read_all(shape, checked, tell);
        let on = match read {
            Ok(on) => on,
            // Erased or sent since its row was read.
            Err(VaultError::Missing) if !self.is_named(shape, holder)? => true,
            Err(error) => {
                let Holder { message, owner } = holder;
                let (package, detail) = (shape.id, error.to_string());
                let (message, owner) = (*message, owner.clone());
                checked.fault = Some(Fault { package, message, owner, detail });
                true
            }
        };
        checked.packages += 1;
        let goes_on = on && tell(checked);
        checked.fault = None;
        Ok(goes_on)
    }

    fn read_all(
        &self,
        shape: &PackageShape,
        checked: &mut Checked,
        tell: &mut dyn FnMut(&Checked) -> bool,
    ) -> Result<bool, VaultError> {
        let mut reader = self.vault.reader(shape)?;
        reader.check_leaves(shape)?;
        let mut told = checked.bytes;
        for exhibit in 0..shape.exhibits {
            for index in 0..reader.chunk_count(exhibit) {
                checked.bytes += reader.chunk(exhibit, index)?.len() as u64;
                if checked.bytes - told >= TOLD_EVERY {
                    told = checked.bytes;
                    if !tell(checked) {
                        return Ok(false);
                    }
                }
            }
        }
        Ok(true)
    }

    /// Whether a row still names a package.
    fn is_named(&self, shape: &PackageShape, holder: &Holder) -> Result<bool, ActionError> {
        let Some(message) = holder.message else {
            let row: Option<PackageRow> =
                rows::load(&self.store, Table::Packages, shape.id.as_bytes())?;
            return Ok(row.is_some_and(|row| row.message_id.is_empty()));
        };
        let row = rows::message(&self.store, message)?;
        Ok(row.is_some_and(|row| row.erased.is_none()))
    }

    /// Gives all rows of a table, in the order of their keys, until `take` wants no more.
    fn each_row(
        &self,
        table: Table,
        mut take: impl FnMut(&[u8], &[u8]) -> Result<bool, ActionError>,
    ) -> Result<(), ActionError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.store.scan(table, b"", after.as_deref(), Direction::Forward, PAGE)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            for (key, row) in &rows {
                if !take(key, row)? {
                    return Ok(());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::exchange::retention::Rules;
    use crate::exchange::testing::Lone;

    fn faults(lone: &Lone) -> (u64, Vec<Fault>) {
        let mut faults = Vec::new();
        let checked = lone.x().check_vault(&mut |checked| {
            faults.extend(checked.fault.clone());
            true
        });
        (checked.expect("checked").packages, faults)
    }

    #[tokio::test]
    async fn what_is_damaged_or_missing_is_named_with_its_message() {
        let (a, b) = (Lone::new("xa.oag", Rules::default()), Lone::new("xb.pps", Rules::default()));
        a.meet(&b).await;
        let (sent, unsent) = (a.upload(b"one").await, a.upload(b"two").await);
        let id = a.submit(&b, &[sent.id]).await;
        assert_eq!(faults(&a), (2, Vec::new()));
        let usage = a.x().vault_usage().expect("readable");
        assert_eq!(usage.survey.packages, 2);
        assert_eq!(usage.survey.bytes, sent.sealed_bytes + unsent.sealed_bytes);
        let desk = Unclaimed { packages: 1, bytes: unsent.sealed_bytes };
        assert_eq!(usage.agencies, BTreeMap::from([("desk".to_owned(), desk)]));
        assert!(usage.peers.is_empty());
        let packages = a.path().join("data/vault/packages");
        let damaged = packages.join(sent.name()).join("0");
        let mut bytes = fs::read(&damaged).expect("there");
        bytes[0] ^= 1;
        fs::write(&damaged, bytes).expect("written");
        fs::remove_dir_all(packages.join(unsent.name())).expect("removed");
        let (packages, found) = faults(&a);
        assert_eq!(packages, 2);
        let [first, second] = found.as_slice() else { panic!("{found:?}") };
        assert_eq!(
            (first.package, first.message, first.owner.as_str()),
            (sent.id, Some(id), "xb.pps")
        );
        assert!(first.detail.contains("damaged"), "{first:?}");
        assert_eq!((second.package, second.message), (unsent.id, None));
        assert_eq!(second.owner, "desk");
    }

    #[tokio::test]
    async fn hashes_that_are_not_the_signed_ones_are_damage() {
        let a = Lone::new("xa.oag", Rules::default());
        let shape = a.upload(b"one").await;
        let leaves = a.path().join("data/vault/packages").join(shape.name()).join("leaves");
        let mut bytes = fs::read(&leaves).expect("there");
        bytes[40] ^= 1;
        fs::write(&leaves, bytes).expect("written");
        assert_eq!(faults(&a).1.len(), 1);
    }
}
