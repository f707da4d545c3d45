//! Tests of the whole store, on real files.

mod basics;
mod erasure;
mod faults;
mod model;
mod numbers;
mod put_back;
mod recovery;
mod succession;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::commit::Message;
use super::job::Work;
use super::journal::disk::{Wrap, plain};
use super::*;
use crate::audit::entry::{Entry, EntryDraft, Event};
use crate::audit::merkle::{leaf_hash, root_of, verify_inclusion};
use crate::audit::note::VerifierKey;
use crate::audit::tiles::TileId;
use crate::crypto::keys::{Algorithm, Seed};
use crate::crypto::{Digest, SigningSecret};
use crate::domain::AuthorityId;
use crate::domain::limits::COMMIT_QUEUE_MAX;

const ORIGIN: &str = "xa.moj/log/2026";

/// A home on disk that can be opened, left, copied and damaged.
struct Home {
    dir: tempfile::TempDir,
    key: HomeKey,
    seed: Seed,
    origin: String,
    clock: Arc<AtomicI64>,
    segment_bytes: u64,
}

impl Home {
    fn new() -> Self {
        Self::with_segments(64 << 10)
    }

    fn with_segments(segment_bytes: u64) -> Self {
        Self {
            dir: tempfile::tempdir().expect("a directory"),
            key: HomeKey::generate(),
            seed: Seed::generate(),
            origin: ORIGIN.to_owned(),
            clock: Arc::new(AtomicI64::new(1_000_000)),
            segment_bytes,
        }
    }

    fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn mark(&self) -> PathBuf {
        self.dir.path().join("mark")
    }

    fn segment(&self, number: u64) -> PathBuf {
        self.data().join("journal").join(format!("{number:08}.journal"))
    }

    fn settings(&self) -> Settings {
        let secret = SigningSecret::new(&self.seed, Algorithm::Ed25519).expect("signs");
        let clock = self.clock.clone();
        Settings {
            data: self.data(),
            mark: self.mark(),
            home: self.key.clone(),
            origin: self.origin.clone(),
            sign: Box::new(move |checkpoint| checkpoint.sign(&secret)),
            clock: Box::new(move || Timestamp::from_unix_ms(clock.load(Ordering::Relaxed))),
            progress: Box::new(|_| {}),
            segment_bytes: self.segment_bytes,
        }
    }

    fn create(&self) -> Store {
        self.create_on(plain())
    }

    fn create_on(&self, wrap: Wrap) -> Store {
        open::create(self.settings(), wrap).expect("creates").0
    }

    fn open(&self) -> (Store, Opened) {
        Store::open(self.settings()).expect("opens")
    }

    fn refused(&self) -> OpenError {
        Store::open(self.settings()).err().expect("does not open")
    }

    /// What a killed process leaves: every file as it is now, with the same keys and mark.
    fn killed(&self) -> Self {
        let copy = self.elsewhere();
        copy_dir(&self.data(), &copy.data());
        fs::copy(self.mark(), copy.mark()).expect("copies");
        copy
    }

    fn elsewhere(&self) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let (key, seed) = (self.key.clone(), self.seed.clone());
        let (origin, clock) = (self.origin.clone(), self.clock.clone());
        Self { dir, key, seed, origin, clock, segment_bytes: self.segment_bytes }
    }

    fn verifier(&self) -> VerifierKey {
        let public = self.seed.public(Algorithm::Ed25519);
        let public = public.bytes().try_into().expect("32 bytes");
        VerifierKey::ed25519(&self.origin, public).expect("a key")
    }

    /// Everything that must hold of any store, whatever happened to it before.
    fn check(&self, store: &Store) {
        let head = store.head();
        let size = head.checkpoint.size;
        let note = Checkpoint::verify(&head.note, &[self.verifier()]).expect("a signed head");
        assert_eq!(note, head.checkpoint);
        let entries = store.entries(0, size as usize + 1).expect("reads");
        assert_eq!(entries.len() as u64, size.min(limits::ENTRIES_MAX as u64));
        assert_eq!(root_of(entries.iter().map(Vec::as_slice)), head.checkpoint.root);
        for (index, entry) in (0..).zip(&entries) {
            let proof = store.inclusion(index, size).expect("proves");
            verify_inclusion(&leaf_hash(entry), index, size, &proof, &head.checkpoint.root)
                .expect("proven");
        }
        let parsed: Vec<_> = entries.iter().map(|e| Entry::parse(e).expect("parses")).collect();
        assert!(parsed.is_sorted_by_key(|entry| entry.at), "time goes back");
    }
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("creates");
    // Backwards, so that the index is copied before the journal that it is behind of.
    let mut files: Vec<_> = fs::read_dir(from).expect("lists").map(|f| f.expect("file")).collect();
    files.sort_by_key(fs::DirEntry::file_name);
    for file in files {
        let to = to.join(file.file_name());
        if file.file_type().expect("type").is_dir() {
            copy_dir(&file.path(), &to);
        } else {
            match fs::copy(file.path(), to) {
                // A segment that was being made ahead has got its name since the listing.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                copied => drop(copied.expect("copies")),
            }
        }
    }
}

fn started() -> EntryDraft {
    EntryDraft::new(Event::NodeStarted).software("rogatory 0.1.0")
}

fn about(peer: &str) -> EntryDraft {
    EntryDraft::new(Event::PeerRemoved).peer(AuthorityId::parse(peer).expect("a peer"))
}

type Result<T> = std::result::Result<T, CommitError<&'static str>>;

/// One entry, one row that says its index, one body.
fn step(store: &Store, number: u64) -> Result<Committed<BodySlot>> {
    store.commit_blocking(move |tx| {
        let index = tx.append(started());
        let slot = tx.body(body(number));
        tx.put(Table::Messages, &number.to_be_bytes(), index.to_be_bytes());
        Ok(slot)
    })
}

fn body(number: u64) -> Vec<u8> {
    format!("sealed message {number}").into_bytes()
}

/// Whether all of step `number` is there; panics where a part of it is.
fn has_step(store: &Store, number: u64) -> bool {
    let row = store.get(Table::Messages, &number.to_be_bytes()).expect("reads");
    let entry = store.entry(number).expect("reads");
    let stored = store.body(BodySlot(number));
    match (row, entry, stored) {
        (Some(row), Some(_), Ok(Some(stored))) => {
            assert_eq!((row, stored), (number.to_be_bytes().to_vec(), body(number)));
            true
        }
        (None, None, Err(StoreFault::NoSuchSlot(_))) => false,
        other => panic!("step {number} is half there: {other:?}"),
    }
}
