//! All of a log: exporting, verifying and replaying it against SHA-256 of the same bytes in the order
//! of the tree; memory, and bytes on the disk.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use rogatory::audit::bundle::entries_of;
use rogatory::audit::checkpoint::Checkpoint;
use rogatory::audit::merkle::{Frontier, leaf_hash};
use rogatory::audit::replay::State;
use rogatory::audit::tiles::{TILE_WIDTH, entries_path};
use rogatory::audit::verify::{Before, Trust, verify_export_with};
use rogatory::card::Card;

use crate::big_export;
use crate::common::{Bench, bytes_below};

/// Each is run so often, and the quickest counts: what disturbs only ever slows.
const TIMES: usize = 3;

pub fn run(bench: &mut Bench, entries: u64) -> anyhow::Result<()> {
    let dir = bench.dir().join("export");
    let begun = Instant::now();
    let card = big_export::write(&dir, entries)?;
    let written = begun.elapsed();
    fs::write(dir.with_extension("card"), card.text())?;
    bench.figure(
        &format!("making and exporting {entries} entries"),
        format!("{:.1} s", written.as_secs_f64()),
    );
    let bytes = bytes_below(&dir)? as f64 / entries as f64;
    bench.figure("export, on disk", format!("{bytes:.0} bytes an entry"));
    let times = if entries > 1_000_000 { 1 } else { TIMES };
    let hashed = child("hash", &dir, times)?;
    for what in ["verify", "replay"] {
        let done = child(what, &dir, times)?;
        let named = format!("{what} {entries} entries");
        bench.beside(&named, done.nanoseconds, "SHA-256 of entries and tree", hashed.nanoseconds);
        bench.figure(&format!("{named}, most memory"), format!("{} MB", done.kilobytes / 1024));
    }
    Ok(())
}

struct Measured {
    nanoseconds: f64,
    kilobytes: u64,
}

/// Runs it in a process of its own, so that the memory is its own too.
fn child(what: &str, dir: &Path, times: usize) -> anyhow::Result<Measured> {
    let mut best: Option<Measured> = None;
    for _ in 0..times {
        let this = std::env::current_exe()?;
        let done = Command::new(this).args(["--measure", what]).arg(dir).output()?;
        ensure!(done.status.success(), "{what}: {}", String::from_utf8_lossy(&done.stderr));
        let told = String::from_utf8(done.stdout)?;
        let (nanoseconds, kilobytes) = told.trim().split_once(' ').context("two numbers")?;
        let measured =
            Measured { nanoseconds: nanoseconds.parse()?, kilobytes: kilobytes.parse()? };
        if best.as_ref().is_none_or(|best| measured.nanoseconds < best.nanoseconds) {
            best = Some(measured);
        }
    }
    best.context("it was measured")
}

/// In that process: prints how long it took, and the most memory that it had.
pub fn measured(what: &str, dir: &Path) -> anyhow::Result<()> {
    use std::io::Write as _;
    let card = Card::parse(&fs::read_to_string(dir.with_extension("card"))?)?;
    let begun = Instant::now();
    match what {
        "hash" => hash(dir)?,
        "verify" => verify(dir, &card, false)?,
        _ => verify(dir, &card, true)?,
    }
    let spent = begun.elapsed().as_nanos();
    let status = fs::read_to_string("/proc/self/status")?;
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let most = most.and_then(|line| line.trim().strip_suffix("kB")).context("VmHWM")?;
    writeln!(std::io::stdout(), "{spent} {}", most.trim())?;
    Ok(())
}

/// The floor: every bundle is read, and every leaf and node is hashed; nothing else.
fn hash(dir: &Path) -> anyhow::Result<()> {
    let head = Checkpoint::parse_unverified(&fs::read_to_string(dir.join("checkpoint"))?)?;
    let mut frontier = Frontier::new();
    for first in (0..head.size).step_by(TILE_WIDTH) {
        let width = (head.size - first).min(TILE_WIDTH as u64) as u16;
        let bytes = fs::read(dir.join(entries_path(first / TILE_WIDTH as u64, width)))?;
        for entry in entries_of(&bytes) {
            frontier.push(leaf_hash(entry.ok().context("a whole entry")?));
        }
    }
    ensure!(frontier.root() == head.root, "another root");
    Ok(())
}

fn verify(dir: &Path, card: &Card, replay: bool) -> anyhow::Result<()> {
    let trust = Trust {
        origin: card.log_origin().to_owned(),
        keys: card.log_keys().to_vec(),
        authority: card.authority().clone(),
        policy: None,
        before: Before::None,
    };
    let mut list = Vec::new();
    files(dir, "", &mut list)?;
    let mut read = |path: &str| fs::read(dir.join(path)).map(Some);
    let mut state = State::new(card.authority().clone());
    let mut found = 0;
    let report = verify_export_with(
        &mut read,
        &list,
        &trust,
        &mut |index, entry| {
            if replay {
                found += state.apply(index, entry).len();
            }
        },
        &mut |_, _| {},
    )?;
    ensure!(found == 0, "the log is legal");
    ensure!(!replay || state.entries() == report.entries, "all of it");
    if replay {
        std::hint::black_box(state.digest());
    }
    Ok(())
}

fn files(dir: &Path, prefix: &str, list: &mut Vec<String>) -> anyhow::Result<()> {
    for item in fs::read_dir(dir)? {
        let item = item?;
        let name = item.file_name().into_string().ok().context("UTF-8")?;
        match item.file_type()?.is_dir() {
            true => files(&item.path(), &format!("{prefix}{name}/"), list)?,
            false => list.push(format!("{prefix}{name}")),
        }
    }
    Ok(())
}
