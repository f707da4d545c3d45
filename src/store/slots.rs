//! The slot table: one key for each stored body, in a file that can be overwritten.
//!
//! The journal is never rewritten, so a body is erased by destroying its key: the record of its
//! slot is overwritten in place and synced. Keys are made in batches and are on disk *before* the
//! first of them is used, so that no commit waits for a second sync.
//!
//! ```text
//! header, 64 bytes: magic "ROGSLOT1", SHA-256 of the origin, zeros, CRC32C
//! record, 64 bytes: nonce (12), sealed key (32), tag (16), CRC32C      in use, or made ahead
//!                   "erased", zeros,                       CRC32C      the key is gone
//! ```
//!
//! The table is left out of ordinary backups: whoever restores an old one brings erased keys back.
//! What a drive remembers of overwritten sectors is out of reach (docs/storage.md).

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use zeroize::Zeroizing;

use super::files::{open_private, sync_parent};
use super::limits::SLOT_BATCH;
use super::{OpenError, StoreFault};
use crate::crypto::primitives::{AeadKey, pae};
use crate::crypto::{Digest, HomeKey, random};

const MAGIC: &[u8; 8] = b"ROGSLOT1";
const RECORD_BYTES: usize = 64;
const CRC_AT: usize = 60;
const ERASED: &[u8; 6] = b"erased";

/// The number of a stored body. Given once, never again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BodySlot(pub u64);

/// What a record says.
pub(super) enum Slot {
    /// The key under which the body stands in the journal.
    Key(Box<AeadKey>),
    /// The key was destroyed.
    Erased,
    /// Neither: the body is lost.
    Damaged,
}

/// The open table.
pub(super) struct Slots {
    file: File,
    path: PathBuf,
    wrap: AeadKey,
    origin: Digest,
    /// Keys that are on disk and may be used.
    made: AtomicU64,
    growing: Mutex<()>,
    /// So that nobody reads half of a record that is being overwritten.
    records: RwLock<()>,
}

impl Slots {
    /// Makes the table of a new home, with its first batch of keys.
    pub(super) fn create(path: &Path, home: &HomeKey, origin: Digest) -> Result<Self, StoreFault> {
        let slots = Self::attach(path, home, origin)?;
        let write = || {
            slots.file.set_len(0)?;
            slots.file.write_all_at(&slots.header(), 0)?;
            slots.file.sync_all()
        };
        write().map_err(StoreFault::io("create", path))?;
        slots.grow()?;
        sync_parent(path)?;
        Ok(slots)
    }

    /// Opens the table of a home whose journal has `used` bodies.
    ///
    /// # Errors
    /// [`OpenError::SlotsLost`] when it has fewer keys; [`OpenError::Damaged`] when it is another
    /// file.
    pub(super) fn open(
        path: &Path,
        home: &HomeKey,
        origin: Digest,
        used: u64,
    ) -> Result<Self, OpenError> {
        let lost = |held| OpenError::SlotsLost { path: path.to_owned(), used, held };
        if !path.exists() {
            return if used == 0 { Ok(Self::create(path, home, origin)?) } else { Err(lost(0)) };
        }
        let slots = Self::attach(path, home, origin)?;
        let length = slots.file.metadata().map_err(StoreFault::io("look at", path))?.len();
        let held = (length / RECORD_BYTES as u64).saturating_sub(1);
        let mut header = [0; RECORD_BYTES];
        let read = slots.file.read_exact_at(&mut header, 0);
        if read.is_err() || header != slots.header() {
            let what = "it does not begin as this log's slot table does".to_owned();
            return Err(OpenError::Damaged { path: path.to_owned(), offset: 0, what });
        }
        if held < used {
            return Err(lost(held));
        }
        // A batch that was being written when the node stopped may have ended anywhere. Nothing
        // uses a key from behind the first bad record: the next batch overwrites it.
        let usable = |slot: &u64| matches!(slots.read(BodySlot(*slot)), Ok(Slot::Key(_)));
        let made = (used..held).find(|slot| !usable(slot));
        slots.made.store(made.unwrap_or(held), Ordering::Release);
        Ok(slots)
    }

    fn attach(path: &Path, home: &HomeKey, origin: Digest) -> Result<Self, StoreFault> {
        Ok(Self {
            file: open_private(path).map_err(StoreFault::io("open", path))?,
            path: path.to_owned(),
            wrap: home.aead("store/slots"),
            origin,
            made: AtomicU64::new(0),
            growing: Mutex::new(()),
            records: RwLock::new(()),
        })
    }

    /// Keys that are on disk.
    pub(super) fn made(&self) -> u64 {
        self.made.load(Ordering::Acquire)
    }

    /// Makes one batch of keys. They count when they are synced.
    pub(super) fn grow(&self) -> Result<(), StoreFault> {
        let _one_at_a_time = lock(&self.growing);
        let first = self.made();
        let mut batch = Vec::with_capacity(SLOT_BATCH as usize * RECORD_BYTES);
        for slot in first..first + SLOT_BATCH {
            let key = Zeroizing::new(random::<32>());
            batch.extend_from_slice(&with_crc(self.wrap.seal_random(&self.aad(slot), &*key)));
        }
        let write = || {
            self.file.write_all_at(&batch, offset(first))?;
            // The length is metadata: not fdatasync.
            self.file.sync_all()
        };
        write().map_err(StoreFault::io("add keys to", &self.path))?;
        self.made.store(first + SLOT_BATCH, Ordering::Release);
        Ok(())
    }

    /// Reads the record of a slot.
    pub(super) fn read(&self, slot: BodySlot) -> Result<Slot, StoreFault> {
        let record = self.record(slot.0).map_err(StoreFault::io("read", &self.path))?;
        Ok(match record {
            None => Slot::Damaged,
            Some(record) if record.starts_with(ERASED) && record[6..CRC_AT] == [0; 54] => {
                Slot::Erased
            }
            Some(record) => match self.wrap.open_random(&self.aad(slot.0), &record[..CRC_AT]) {
                Ok(key) => key
                    .as_slice()
                    .try_into()
                    .map_or(Slot::Damaged, |key: &[u8; 32]| Slot::Key(Box::new(AeadKey::new(key)))),
                Err(_) => Slot::Damaged,
            },
        })
    }

    /// Destroys keys: overwrites their records and waits until that is on disk. A crash within
    /// leaves some of them; the journal says which, and opening repeats it.
    pub(super) fn erase(&self, slots: &[BodySlot]) -> Result<(), StoreFault> {
        if slots.is_empty() {
            return Ok(());
        }
        let mut record = ERASED.to_vec();
        record.resize(CRC_AT, 0);
        let record = with_crc(record);
        let write = || {
            let _alone = self.records.write().unwrap_or_else(PoisonError::into_inner);
            for slot in slots {
                self.file.write_all_at(&record, offset(slot.0))?;
            }
            self.file.sync_data()
        };
        write().map_err(StoreFault::io("erase keys in", &self.path))
    }

    /// The bytes of a record; `None` where its checksum does not match.
    fn record(&self, slot: u64) -> std::io::Result<Option<Zeroizing<[u8; RECORD_BYTES]>>> {
        let mut bytes = Zeroizing::new([0; RECORD_BYTES]);
        let shared = self.records.read().unwrap_or_else(PoisonError::into_inner);
        self.file.read_exact_at(&mut *bytes, offset(slot))?;
        drop(shared);
        let crc = crc32c::crc32c(&bytes[..CRC_AT]).to_be_bytes();
        Ok((bytes[CRC_AT..] == crc).then_some(bytes))
    }

    fn aad(&self, slot: u64) -> Vec<u8> {
        pae("rogatory/v1/slot", &[&self.origin, &slot.to_be_bytes()])
    }

    fn header(&self) -> [u8; RECORD_BYTES] {
        let mut head = [MAGIC.as_slice(), &self.origin].concat();
        head.resize(CRC_AT, 0);
        with_crc(head)
    }
}

/// Seals a body under its slot's key. The slot is associated data: a body opens nowhere else.
pub(super) fn seal_body(key: &AeadKey, slot: BodySlot, body: &[u8]) -> Vec<u8> {
    key.seal_random(&body_aad(slot), body)
}

/// Opens what [`seal_body`] made.
pub(super) fn open_body(key: &AeadKey, slot: BodySlot, sealed: &[u8]) -> Option<Vec<u8>> {
    key.open_random(&body_aad(slot), sealed).ok().map(|body| body.to_vec())
}

fn body_aad(slot: BodySlot) -> Vec<u8> {
    pae("rogatory/v1/stored-body", &[&slot.0.to_be_bytes()])
}

fn offset(slot: u64) -> u64 {
    (slot + 1) * RECORD_BYTES as u64
}

/// Appends the checksum to 60 bytes.
fn with_crc(mut bytes: Vec<u8>) -> [u8; RECORD_BYTES] {
    bytes.extend_from_slice(&crc32c::crc32c(&bytes).to_be_bytes());
    bytes.try_into().expect("nonce, key, tag and checksum are 64 bytes")
}

fn lock(mutex: &Mutex<()>) -> MutexGuard<'_, ()> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Table {
        dir: tempfile::TempDir,
        home: HomeKey,
    }

    impl Table {
        fn new() -> (Self, Slots) {
            let dir = tempfile::tempdir().expect("dir");
            let home = HomeKey::generate();
            let slots = Slots::create(&dir.path().join("slots"), &home, [7; 32]).expect("creates");
            (Self { dir, home }, slots)
        }

        fn path(&self) -> PathBuf {
            self.dir.path().join("slots")
        }

        fn open(&self, used: u64) -> Result<Slots, OpenError> {
            Slots::open(&self.path(), &self.home, [7; 32], used)
        }
    }

    fn sealed(slots: &Slots, slot: u64) -> Vec<u8> {
        match slots.read(BodySlot(slot)).expect("reads") {
            Slot::Key(key) => seal_body(&key, BodySlot(slot), b"body"),
            _ => panic!("slot {slot} has no key"),
        }
    }

    #[test]
    fn an_erased_body_is_gone_and_its_neighbours_are_not() {
        let (table, slots) = Table::new();
        let bodies: Vec<_> = (0..3).map(|slot| sealed(&slots, slot)).collect();
        slots.erase(&[BodySlot(1)]).expect("erases");
        drop(slots);
        let slots = table.open(3).expect("opens");
        for (number, body) in (0..).zip(&bodies) {
            match slots.read(BodySlot(number)).expect("reads") {
                Slot::Key(key) => {
                    assert_eq!(open_body(&key, BodySlot(number), body).expect("opens"), b"body");
                    assert_eq!(open_body(&key, BodySlot(9), body), None, "another slot");
                }
                Slot::Erased => assert_eq!(number, 1),
                Slot::Damaged => panic!("slot {number} is damaged"),
            }
        }
    }

    #[test]
    fn each_defect_has_its_name() {
        let (table, slots) = Table::new();
        drop(slots);
        let good = std::fs::read(table.path()).expect("reads");
        let write = |bytes: &[u8]| std::fs::write(table.path(), bytes).expect("writes");
        let state = |used, slot| table.open(used).expect("opens").read(BodySlot(slot));

        let mut bad = good.clone();
        bad[64 + 64 * 5 + 20] ^= 1;
        write(&bad);
        assert!(matches!(state(6, 5), Ok(Slot::Damaged)), "a bit of a used key");
        assert_eq!(table.open(3).expect("opens").made(), 5, "a bit of a key made ahead");

        let mut swapped = good.clone();
        swapped[64..128].copy_from_slice(&good[128..192]);
        write(&swapped);
        assert!(matches!(state(1, 0), Ok(Slot::Damaged)), "another slot's key");

        write(&good[..64 + 64 * 10 + 30]);
        assert_eq!(table.open(4).expect("opens").made(), 10, "a batch that ended early");
        let lost = table.open(11).err().expect("lost");
        assert!(matches!(lost, OpenError::SlotsLost { used: 11, held: 10, .. }), "{lost}");

        bad = good.clone();
        bad[9] ^= 1;
        write(&bad);
        assert!(matches!(table.open(0).err(), Some(OpenError::Damaged { .. })), "another log");

        std::fs::remove_file(table.path()).expect("removes");
        assert!(matches!(table.open(1).err(), Some(OpenError::SlotsLost { held: 0, .. })));
        assert_eq!(table.open(0).expect("made anew").made(), SLOT_BATCH);
    }

    #[test]
    fn another_home_reads_no_key() {
        let (table, slots) = Table::new();
        drop(slots);
        let other = Slots::open(&table.path(), &HomeKey::generate(), [7; 32], 0).expect("opens");
        assert!(matches!(other.read(BodySlot(0)), Ok(Slot::Damaged)));
        assert_eq!(other.made(), 0, "and uses none");
    }

    #[test]
    fn a_batch_follows_a_batch() {
        let (table, slots) = Table::new();
        slots.grow().expect("grows");
        assert_eq!(slots.made(), 2 * SLOT_BATCH);
        let body = sealed(&slots, SLOT_BATCH + 1);
        drop(slots);
        let slots = table.open(SLOT_BATCH + 2).expect("opens");
        let Ok(Slot::Key(key)) = slots.read(BodySlot(SLOT_BATCH + 1)) else { panic!("a key") };
        assert!(open_body(&key, BodySlot(SLOT_BATCH + 1), &body).is_some());
    }
}
