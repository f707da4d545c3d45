//! `rogatory audit merge`: what is new of a log, into an export of what came before.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::files::Files;
use super::lost::Consent;
use super::place::{beside, whole_path};
use super::staging::{Kind, PARTIAL, Staging};
use super::swap::BEFORE;
use super::{past, tell};
use crate::audit::Checkpoint;
use crate::audit::excerpt::is_excerpt;
use crate::audit::manifest::{MANIFEST_MAX_BYTES, MANIFEST_PATH};
use crate::cli::audit::chain;
use crate::cli::audit::verify::read_bounded;
use crate::cli::exit::{Exit, Failure};
use crate::cli::out::{Out, Unit};

/// Makes one export of an export and what `audit export --since` wrote of the same log later
///
/// The new export takes the place of the old one in one step, if nothing is missing and the log has
/// only grown; otherwise the old one stays as it is. All of it is verified with the keys under which
/// the old export verifies. PART is left as it is. Where the log of the old export has ended since, it
/// becomes an earlier one of the new export.
///
///   rogatory audit merge export since-1200
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli::audit) struct MergeArgs {
    /// The export of what came before
    dir: PathBuf,
    /// What is new
    part: PathBuf,
    #[command(flatten)]
    consent: Consent,
}

#[cfg(test)]
impl MergeArgs {
    pub(super) fn of(dir: &std::path::Path, part: &std::path::Path) -> Self {
        Self { dir: dir.to_owned(), part: part.to_owned(), consent: Consent::default() }
    }

    /// The same where some of it may be lost.
    pub(super) fn dropping(self, consent: Consent) -> Self {
        Self { consent, ..self }
    }
}

pub(in crate::cli::audit) fn run(args: MergeArgs, out: &mut Out) -> Result<(), Failure> {
    let MergeArgs { dir, part, consent } = args;
    stands_alone(&part, &dir)?;
    let path = part.join(MANIFEST_PATH);
    let manifest = read_bounded(&path).map_err(|e| Failure::file(&path, "cannot be read", &e))?;
    let manifest = manifest.filter(|bytes| bytes.len() <= MANIFEST_MAX_BYTES).ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("{} has no manifest", part.display()))
            .hint("name what `rogatory audit export --since` wrote")
    })?;
    if is_excerpt(&manifest) {
        let message =
            format!("{} is an excerpt, which leaves entries of the log out", part.display());
        return Err(Failure::new(Exit::BadInput, message)
            .hint("name what `rogatory audit export --since` wrote"));
    }
    let mut staging = Staging::open(&dir)?;
    staging.let_go(consent);
    let Some(before) = staging.before() else {
        let message = format!("{} holds no export", dir.display());
        return Err(Failure::new(Exit::NotFound, message)
            .hint("the first argument is the export of what came before, the second what is new"));
    };
    let folder = becomes(before, &part, &dir)?;
    if !folder.is_empty() {
        staging.move_newest(&folder);
    }
    // Of the logs before those that it has something of, the part has nothing: they stay as they are.
    let mut earlier: BTreeMap<_, _> = past::earlier_manifests(&dir)?.into_iter().collect();
    earlier.extend(past::earlier_manifests(&part)?);
    for (path, bytes) in earlier {
        staging.take(&path, &bytes)?;
    }
    staging.add_source(Files::read_foreign(&part)?);
    staging.take(MANIFEST_PATH, &manifest)?;
    staging.tells(out.counting("verifying", Unit::Entries));
    let staged = staging.finish(Kind::Whole)?;
    tell(&staged, &dir, out);
    out.talk(&format!("next: rogatory audit verify {} --card CARD", dir.display()));
    Ok(())
}

/// The part is none of the directories that are written or removed here, nor in one of them.
fn stands_alone(part: &Path, dir: &Path) -> Result<(), Failure> {
    let dir = whole_path(dir)?;
    let Ok(whole) = fs::canonicalize(part) else { return Ok(()) };
    for own in [dir.clone(), beside(&dir, PARTIAL), beside(&dir, BEFORE)] {
        if fs::canonicalize(&own).is_ok_and(|own| whole.starts_with(own)) {
            let (part, own) = (part.display(), own.display());
            let message = format!("{part} is, or lies in, {own}, which a merge writes and removes");
            return Err(Failure::new(Exit::Failed, message)
                .hint("the second argument is what is new: move it to a directory of its own"));
        }
    }
    Ok(())
}

/// The folder that the newest log of the export takes beside what is new: none where it still is the
/// newest one. What is new must be of it, and of all logs from it on.
fn becomes(before: &Checkpoint, part: &Path, dir: &Path) -> Result<String, Failure> {
    for link in chain::links(part)? {
        let now = past::read_checkpoint(&link.dir)?;
        if now.origin == before.origin {
            past::is_later(before, &now, dir)?;
            return Ok(link.prefix);
        }
    }
    let (dir, part, origin) = (dir.display(), part.display(), &before.origin);
    let message = format!("{dir} is an export of {origin}, of which {part} has nothing");
    Err(Failure::new(Exit::Failed, message).hint(format!(
        "what is new must begin in that log: `rogatory audit export --since {} --log {origin}`",
        before.size
    )))
}
