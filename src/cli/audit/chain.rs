//! The logs of an export or excerpt: the newest one, and those before it in folders of their years.

use std::path::{Path, PathBuf};

use clap::Args;

use super::excerpt;
use super::verify::{read_bounded, refuse};
use crate::audit::Position;
use crate::audit::bundle::entries_of;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::Entry;
use crate::audit::export::{CHECKPOINT_PATH, EARLIER, earlier_dir};
use crate::audit::note::VerifierKey;
use crate::audit::policy::Policy;
use crate::audit::tiles::{TILE_WIDTH, entries_path};
use crate::audit::verify::{Before, Linked, Trust, VerifyFailure};
use crate::card::Card;
use crate::cli::evidence::files_below;
use crate::cli::exit::{Exit, Failure};
use crate::cli::out::Out;

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

impl Link {
    /// The files of this log, by their paths in its folder.
    pub(super) fn files(&self) -> Result<Vec<String>, Failure> {
        let all = files_below(&self.dir)?.into_iter().map(|file| file.name);
        let earlier = |path: &String| self.prefix.is_empty() && path.starts_with(EARLIER);
        Ok(all.filter(|path| !earlier(path)).collect())
    }
}

/// The logs that lie in an export, the oldest first. Which belong together is what each says itself,
/// and is proven only when all are verified.
pub(super) fn links(root: &Path) -> Result<Vec<Link>, Failure> {
    match found(root)? {
        (links, None) => Ok(links),
        (_, Some(stray)) => Err(stray),
    }
}

/// The same, and what is wrong where a log lies there that no other goes on from.
fn found(root: &Path) -> Result<(Vec<Link>, Option<Failure>), Failure> {
    let mut links = vec![Link { dir: root.to_owned(), prefix: String::new() }];
    let mut stray = folders(&root.join(EARLIER))?;
    while let Some(origin) = links.last().and_then(|newest| before(&newest.dir)) {
        let prefix = earlier_dir(&origin);
        let dir = root.join(&prefix);
        let Some(at) = stray.iter().position(|folder| *folder == dir) else { break };
        stray.remove(at);
        links.push(Link { dir, prefix });
    }
    let stray = stray.first().map(|stray| {
        let message = format!("{}: no log of the export goes on from it", stray.display());
        Failure::new(Exit::VerificationFailed, message)
            .hint("an export brings each of its logs once, in a folder of its year")
    });
    links.reverse();
    Ok((links, stray))
}

/// The origin of the log before, as the first entry says; `None` where there is none, or where the
/// entry cannot be read: verifying names that.
fn before(dir: &Path) -> Option<String> {
    let first = match excerpt::is_one(dir) {
        true => excerpt::first_entry(dir)?,
        false => first_entry(dir)?,
    };
    Entry::parse(&first).ok()?.remote.map(|before| before.origin)
}

fn first_entry(dir: &Path) -> Option<Vec<u8>> {
    let note = read_bounded(&dir.join(CHECKPOINT_PATH)).ok()??;
    let size = Checkpoint::parse_unverified(&String::from_utf8(note).ok()?).ok()?.size;
    let bundle = entries_path(0, size.min(TILE_WIDTH as u64) as u16);
    let bundle = read_bounded(&dir.join(bundle)).ok()??;
    entries_of(&bundle).next()?.ok().map(<[u8]>::to_vec)
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

/// Verifies one log, of which the first entry has this position.
type VerifyOne<'a, R> = dyn FnMut(&Link, &Trust<R>, u64, &mut Out) -> Result<R, Failure> + 'a;

/// Verifies the logs that lie in a folder, the oldest first, each with what was found in the one
/// before, and that they begin where the card says and end with the one that is open; the policy is
/// for the newest one.
pub(super) fn follow<R: Linked + Clone>(
    root: &Path,
    card: &Card,
    policy: Option<Policy>,
    alone: Alone,
    out: &mut Out,
    one: &mut VerifyOne<'_, R>,
) -> Result<Vec<R>, Failure> {
    let (mut links, stray) = found(root)?;
    if let Some(stray) = stray {
        // What is wrong with a log hides those before it: that is named first.
        for link in links.iter().rev() {
            one(link, &trust(&link.dir, card, None, Before::NotAtHand), 0, out)?;
        }
        return Err(stray);
    }
    if alone.without_earlier {
        links.drain(..links.len() - 1);
    }
    let mut reports: Vec<R> = Vec::new();
    for (log, link) in (0..).zip(&links) {
        let before = match reports.last() {
            Some(before) => Before::Verified(Box::new(before.clone())),
            None if alone.without_earlier => Before::NotAtHand,
            None => Before::None,
        };
        let policy = policy.clone().filter(|_| link.prefix.is_empty());
        let trust = trust(&link.dir, card, policy, before);
        reports.push(one(link, &trust, Position::new(log, 0).number(), out)?);
    }
    begins(root, &reports, card, out)?;
    ends(root, &reports, alone, out)?;
    Ok(reports)
}

/// What card, policy and the log before say beforehand of the log in a directory.
fn trust<R>(dir: &Path, card: &Card, policy: Option<Policy>, before: Before<R>) -> Trust<R> {
    let note = read_bounded(&dir.join(CHECKPOINT_PATH)).ok().flatten().unwrap_or_default();
    let claimed = Checkpoint::parse_unverified(&String::from_utf8_lossy(&note));
    let claimed = claimed.ok().map(|claimed| claimed.origin).filter(|log| card.owns_log(log));
    let origin = claimed.unwrap_or_else(|| card.log_origin().to_owned());
    Trust {
        keys: card.log_keys_of(&origin),
        origin,
        authority: card.authority().clone(),
        policy,
        before,
    }
}

/// The first of the logs is the one that the card names.
fn begins<R: Linked>(dir: &Path, logs: &[R], card: &Card, out: &mut Out) -> Result<(), Failure> {
    let first = logs.first().filter(|first| first.before().is_none());
    match first.filter(|first| first.checkpoint().origin != card.log_origin()) {
        Some(first) => {
            let origin = first.checkpoint().origin.clone();
            let named = card.log_origin().to_owned();
            Err(refuse(dir, "", &VerifyFailure::First { origin, named }, out))
        }
        None => Ok(()),
    }
}

/// The last of the logs is the one that is open: the one that follows was begun in the commit in which
/// a log ended.
fn ends<R: Linked>(dir: &Path, logs: &[R], alone: Alone, out: &mut Out) -> Result<(), Failure> {
    let next = logs.last().and_then(|newest| newest.successor());
    match next.filter(|_| !alone.without_later) {
        Some(key) => {
            let next = VerifierKey::parse(key);
            let next = next.map_or(key.to_owned(), |key| key.name().to_owned());
            Err(refuse(dir, "", &VerifyFailure::Later { next }, out))
        }
        None => Ok(()),
    }
}
