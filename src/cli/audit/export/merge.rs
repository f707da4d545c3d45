//! `rogatory audit merge`: what is new of a log, into an export of what came before.

use std::path::PathBuf;

use clap::Args;

use super::staging::{Files, Kind, Staging};
use super::{past, tell};
use crate::audit::manifest::{MANIFEST_MAX_BYTES, MANIFEST_PATH};
use crate::cli::audit::verify::read_bounded;
use crate::cli::exit::{Exit, Failure};
use crate::cli::out::Out;

/// Makes one export of an export and what `audit export --since` wrote of the same log later
///
/// The new export takes the place of the old one in one step, if nothing is missing and the log has
/// only grown; otherwise the old one stays as it is. PART is left as it is.
///
///   rogatory audit merge export since-1200
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(in crate::cli::audit) struct MergeArgs {
    /// The export of what came before
    dir: PathBuf,
    /// What is new
    part: PathBuf,
}

#[cfg(test)]
impl MergeArgs {
    pub(super) fn of(dir: &std::path::Path, part: &std::path::Path) -> Self {
        Self { dir: dir.to_owned(), part: part.to_owned() }
    }
}

pub(in crate::cli::audit) fn run(args: MergeArgs, out: &mut Out) -> Result<(), Failure> {
    let MergeArgs { dir, part } = args;
    let path = part.join(MANIFEST_PATH);
    let manifest = read_bounded(&path).map_err(|e| Failure::file(&path, "cannot be read", &e))?;
    let manifest = manifest.filter(|bytes| bytes.len() <= MANIFEST_MAX_BYTES).ok_or_else(|| {
        Failure::new(Exit::NotFound, format!("{} has no manifest", part.display()))
            .hint("name what `rogatory audit export --since` wrote")
    })?;
    let mut staging = Staging::open(&dir)?;
    let Some(before) = staging.before() else {
        let message = format!("{} holds no export", dir.display());
        return Err(Failure::new(Exit::NotFound, message)
            .hint("the first argument is the export of what came before, the second what is new"));
    };
    past::is_later(before, &past::read_checkpoint(&part)?, &dir)?;
    // Of earlier logs the part has nothing: they stay as they are.
    for (path, bytes) in past::earlier_manifests(&dir)? {
        staging.take(&path, &bytes)?;
    }
    staging.add_source(Files::read(&part)?);
    staging.take(MANIFEST_PATH, &manifest)?;
    let staged = staging.finish(Kind::Whole)?;
    tell(&staged, &dir, out);
    out.talk(&format!("next: rogatory audit verify {} --card CARD", dir.display()));
    Ok(())
}
