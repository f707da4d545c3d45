//! The logs of an export: the newest one, and those before it in folders of their years.

use std::path::{Path, PathBuf};

use clap::Args;

use super::verify::read_bounded;
use crate::audit::bundle::entries_of;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::Entry;
use crate::audit::export::{CHECKPOINT_PATH, EARLIER, earlier_dir};
use crate::audit::tiles::{TILE_WIDTH, entries_path};
use crate::cli::exit::{Exit, Failure};

/// Whether the logs before the one that is looked at must be there too.
#[derive(Args, Clone, Copy, Default)]
pub(super) struct Alone {
    /// Takes this log alone: those before it are not at hand
    ///
    /// What it says of what began before it is then taken as said. Without this, a year that is
    /// missing is an error.
    #[arg(long)]
    pub(super) without_earlier: bool,
    /// Takes a log that has ended without the one that follows it
    ///
    /// Without this, an export that ends in log.sealed is an error: the newest log is never sealed.
    #[arg(long)]
    pub(super) without_later: bool,
}

/// One of the logs.
pub(super) struct Link {
    pub(super) dir: PathBuf,
    /// Its folder below the export's: empty for the newest one.
    pub(super) prefix: String,
}

/// The logs that lie in an export, the oldest first. Which belong together is what each says itself,
/// and is proven only when all are verified.
pub(super) fn links(root: &Path) -> Result<Vec<Link>, Failure> {
    let mut links = vec![Link { dir: root.to_owned(), prefix: String::new() }];
    let mut stray = folders(&root.join(EARLIER))?;
    while let Some(origin) = links.last().and_then(|newest| before(&newest.dir)) {
        let prefix = earlier_dir(&origin);
        let dir = root.join(&prefix);
        let Some(at) = stray.iter().position(|folder| *folder == dir) else { break };
        stray.remove(at);
        links.push(Link { dir, prefix });
    }
    if let Some(stray) = stray.first() {
        let message = format!("{}: no log of the export goes on from it", stray.display());
        return Err(Failure::new(Exit::VerificationFailed, message)
            .hint("an export brings each of its logs once, in a folder of its year"));
    }
    links.reverse();
    Ok(links)
}

/// The origin of the log before, as the first entry says; `None` where there is none, or where the
/// entry cannot be read: verifying names that.
fn before(dir: &Path) -> Option<String> {
    let note = read_bounded(&dir.join(CHECKPOINT_PATH)).ok()??;
    let size = Checkpoint::parse_unverified(&String::from_utf8(note).ok()?).ok()?.size;
    let bundle = entries_path(0, size.min(TILE_WIDTH as u64) as u16);
    let bundle = read_bounded(&dir.join(bundle)).ok()??;
    let first = entries_of(&bundle).next()?.ok()?;
    Entry::parse(first).ok()?.remote.map(|before| before.origin)
}

fn folders(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let cannot = |e: std::io::Error| Failure::file(dir, "cannot be read", &e);
    let mut folders = Vec::new();
    for folder in std::fs::read_dir(dir).map_err(cannot)? {
        // Joined as a prefix is, so that both compare.
        let name = folder.map_err(cannot)?.file_name();
        folders.push(dir.join(name).join(""));
    }
    folders.sort();
    Ok(folders)
}
