//! A group commit against `fdatasync` of as many bytes alone, and against SHA-256 alone; and what an
//! entry takes on the disk.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use rogatory::audit::checkpoint::{Checkpoint, origin};
use rogatory::audit::entry::{Coordinates, EntryDraft, Event};
use rogatory::audit::merkle::{Frontier, leaf_hash};
use rogatory::crypto::keys::{Algorithm, Seed};
use rogatory::crypto::{HomeKey, SigningSecret, random, sha256};
use rogatory::domain::{AuthorityId, MessageId, Timestamp};
use rogatory::store::limits::SEGMENT_BYTES;
use rogatory::store::{Settings, Store, Tx};

use crate::common::{Bench, bytes_below};

/// Entries that make the disk worth measuring.
const ENTRIES: u64 = 100_000;
/// The largest group that the store takes at once.
const GROUP: u64 = 256;

pub fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let authority = AuthorityId::parse("xa.bench")?;
    let data = bench.dir().join("store");
    std::fs::create_dir_all(&data)?;
    let store = store(&data, &authority)?;
    for group in [1, 16, GROUP] {
        let commit = bench.measure(|| append(&store, &authority, group));
        let entries = store.entries(store.head().checkpoint.size - group, group as usize)?;
        let synced = synced(bench, &entries)?;
        bench.beside(&format!("commit of {group}"), commit, "fdatasync of the bytes", synced);
        let hashed = bench.measure(|| {
            let mut frontier = Frontier::new();
            entries.iter().for_each(|entry| frontier.push(leaf_hash(entry)));
            frontier.root()
        });
        bench.beside(
            &format!("commit of {group}"),
            commit,
            "SHA-256 of the entries and the tree",
            hashed,
        );
    }
    on_disk(bench, &store, &authority, &data)
}

fn append(store: &Store, authority: &AuthorityId, count: u64) {
    // Another one: where both are the same, the entry is the record of a receipt, and needs its text.
    let peer = AuthorityId::parse("xb.bench").expect("an authority");
    let authority = authority.clone();
    let append = move |tx: &mut Tx<'_>| {
        for _ in 0..count {
            let draft = EntryDraft::new(Event::RelayAcceptance)
                .by(authority.clone())
                .peer(peer.clone())
                .message(MessageId::new(tx.at(), random()))
                .envelope(random::<32>())
                .payload(random::<32>())
                .remote(Coordinates {
                    origin: format!("{peer}/log/2026"),
                    index: tx.next_index(),
                    size: tx.next_index() + 1,
                    root: random(),
                });
            tx.append(draft);
        }
        Ok::<_, std::convert::Infallible>(())
    };
    store.commit_blocking(append).expect("committed");
}

/// `fdatasync` of as many bytes in a file that is as long as a segment, as the journal's are.
fn synced(bench: &Bench, entries: &[Vec<u8>]) -> anyhow::Result<f64> {
    let file = File::create(bench.dir().join("floor"))?;
    let bytes = entries.concat();
    // Written, not only long: the journal's segments have their blocks.
    for at in (0..SEGMENT_BYTES).step_by(1 << 20) {
        file.write_all_at(&vec![0; 1 << 20], at)?;
    }
    file.sync_all()?;
    let mut at = 0;
    Ok(bench.measure(|| {
        at = (at + bytes.len() as u64) % (SEGMENT_BYTES / 2);
        file.write_all_at(&bytes, at).expect("written");
        file.sync_data().expect("synced");
    }))
}

/// What an entry takes: journal, index and tiles, with what rests in preallocated segments.
fn on_disk(
    bench: &mut Bench,
    store: &Store,
    authority: &AuthorityId,
    data: &std::path::Path,
) -> anyhow::Result<()> {
    let begun = Instant::now();
    let before = store.head().checkpoint.size;
    while store.head().checkpoint.size < before + ENTRIES {
        append(store, authority, GROUP);
    }
    let (size, spent) = (store.head().checkpoint.size, begun.elapsed());
    let rate = (size - before) as f64 / spent.as_secs_f64();
    bench.figure("entries a second, in groups of 256, one caller", format!("{rate:.0}"));
    store.stop();
    let bytes = bytes_below(data)? as f64 / size as f64;
    bench.figure(
        &format!("store, on disk, of {size} entries"),
        format!("{bytes:.0} bytes an entry"),
    );
    Ok(())
}

fn store(dir: &std::path::Path, authority: &AuthorityId) -> anyhow::Result<Store> {
    let seed = Seed::from_slice(&sha256(b"bench")).expect("32 bytes are a seed");
    let secret = SigningSecret::new(&seed, Algorithm::Ed25519)?;
    let clock = Arc::new(AtomicI64::new(1_795_000_000_000));
    let settings = Settings {
        data: dir.join("data"),
        mark: dir.join("mark"),
        home: HomeKey::generate(),
        origin: origin(authority, 2026),
        sign: Box::new(move |checkpoint: &Checkpoint| checkpoint.sign(&secret)),
        clock: Box::new(move || Timestamp::from_unix_ms(clock.fetch_add(1, Ordering::Relaxed))),
        progress: Box::new(|_| {}),
        segment_bytes: SEGMENT_BYTES,
    };
    Ok(Store::create(settings)?.0)
}
