//! Makes a log long, and exports it with the lines of witnesses under its checkpoint.
//!
//! For trying other people's tools on logs of a size that tests of this project do not reach; what
//! tests/foreign/run does with it is described in docs/audit.md.
//!
//! ```sh
//! rogatory init --authority xa.oag --name Trial --home HOME --insecure-plain-keys
//! cargo run --example long-log -- HOME grow 70000 > checkpoint   # appends until it has so many
//! cargo run --example long-log -- HOME export DIR checkpoint     # with whatever lines it now has
//! ```
//!
//! The entries are those of deliveries that never were, so the home is worthless for anything else.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rogatory::audit::checkpoint::Checkpoint;
use rogatory::audit::entry::{Coordinates, EntryDraft, Event};
use rogatory::audit::export::{CARDS, ExportError, RECEIPTS, Source, write_export};
use rogatory::config::Config;
use rogatory::crypto::keys::{Role, SigningSecret};
use rogatory::crypto::random;
use rogatory::domain::{AuthorityId, MessageId};
use rogatory::node::OpenNode;
use rogatory::receipt::Receipt;
use rogatory::store::limits::TX_ENTRIES_MAX;
use rogatory::store::{Store, Tx};

/// One message after the other lives through these.
const LIFE: [Event; 4] = [
    Event::RelayAcceptance,
    Event::ContentConsignment,
    Event::ContentHandover,
    Event::SubmissionAcceptance,
];
/// Entries that have receipts: around the ends of the first bundle and of the first tile of level 1.
const RECEIPTS_AT: [u64; 5] = [255, 256, 257, 65_535, 65_536];

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (home, command) = arguments.split_first().context("what is missing: HOME")?;
    let node = OpenNode::open(Config::read(&Path::new(home).join("rogatory.toml"))?, None)?;
    match command {
        ["grow", entries] => grow(&node, entries.parse().context("not a number of entries")?)?,
        ["export", dir, checkpoint] => export(&node, Path::new(dir), Path::new(checkpoint))?,
        _ => bail!("what is missing: grow ENTRIES, or export DIR CHECKPOINT"),
    }
    node.store.stop();
    Ok(())
}

/// Appends until the log has `entries`, and prints its checkpoint.
fn grow(node: &OpenNode, entries: u64) -> anyhow::Result<()> {
    let own = &node.config.authority;
    let peers = ["xb.pps", "xc.moj"].map(AuthorityId::parse);
    let [Ok(one), Ok(other)] = peers else { bail!("not the names of authorities") };
    loop {
        let wanted = entries.saturating_sub(node.store.head().checkpoint.size);
        if wanted == 0 {
            break;
        }
        let (own, peers) = (own.clone(), [one.clone(), other.clone()]);
        let wanted = wanted.min(TX_ENTRIES_MAX as u64);
        let append = move |tx: &mut Tx<'_>| {
            for _ in 0..wanted {
                let draft = delivery(tx, &own, &peers);
                tx.append(draft);
            }
            Ok::<_, std::convert::Infallible>(())
        };
        node.store.commit_blocking(append)?;
    }
    io::stdout().lock().write_all(node.store.head().note.as_bytes())?;
    Ok(())
}

fn delivery(tx: &Tx<'_>, own: &AuthorityId, peers: &[AuthorityId; 2]) -> EntryDraft {
    let number = tx.next_index() as usize;
    let (event, peer) = (LIFE[number % LIFE.len()], &peers[number / LIFE.len() % peers.len()]);
    let draft = EntryDraft::new(event)
        .by(own.clone())
        .peer(peer.clone())
        .message(MessageId::new(tx.at(), random()))
        .envelope(random::<32>())
        .payload(random::<32>());
    let (origin, index) = (format!("{peer}/log/2026"), number as u64);
    match event {
        Event::RelayAcceptance => {
            draft.remote(Coordinates { origin, index, size: index + 1, root: random() })
        }
        _ => draft,
    }
}

/// Writes the export as a node does, with the checkpoint that stands in a file.
fn export(node: &OpenNode, dir: &Path, checkpoint: &Path) -> anyhow::Result<()> {
    let note = fs::read_to_string(checkpoint).with_context(|| checkpoint.display().to_string())?;
    let head = node.store.head();
    if Checkpoint::parse_unverified(&note)? != head.checkpoint {
        bail!("{} is not the newest checkpoint of this log", checkpoint.display());
    }
    let card = fs::read(node.config.home.join("card.txt"))?;
    let mut extras = vec![(format!("{CARDS}{}.card", node.config.authority), card)];
    for index in RECEIPTS_AT.into_iter().filter(|index| *index < head.checkpoint.size) {
        let text = receipt(&node.store, index, &note)?;
        extras.push((format!("{RECEIPTS}{index}.tlog-proof"), text.into_bytes()));
    }
    let source = Source {
        checkpoint: &note,
        key: &SigningSecret::new(&node.keys.seed(Role::Log)?, Role::Log.algorithm())
            .map_err(|_| anyhow::anyhow!("the log key does not sign"))?,
        entries: &mut |from, limit| Ok(node.store.entries(from, limit)?),
        extras: &mut extras.into_iter().map(Ok),
        progress: &mut |_, _| {},
    };
    let mut sink = |path: &str, bytes: &[u8]| write(&dir.join(path), bytes);
    let exported = write_export(source, &mut sink)
        .map_err(|error: ExportError<anyhow::Error>| anyhow::anyhow!("{error}"))?;
    writeln!(io::stdout().lock(), "{} files, {} bytes", exported.files, exported.bytes)?;
    Ok(())
}

fn receipt(store: &Store, index: u64, note: &str) -> anyhow::Result<String> {
    let entry = store.entry(index)?.context("an entry of the log")?;
    let proof = store.inclusion(index, store.head().checkpoint.size)?;
    Ok(Receipt::new(&entry, index, proof, note.to_owned())?.text().to_owned())
}

fn write(path: &PathBuf, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, bytes).with_context(|| path.display().to_string())
}
