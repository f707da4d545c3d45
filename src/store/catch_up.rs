//! The index at an opening: believed, brought to the end of the journal, or rebuilt from it.

use super::files::{LastStop, StateFile};
use super::index::{Index, Unopened, is_doubted, set_aside};
use super::journal::recover::{Cursor, Recovery};
use super::limits::ASIDE_MAX;
use super::mark::{HighWater, Mark};
use super::open::Paths;
use super::query::cached;
use super::replay::{Position, Replay};
use super::tree::Tree;
use super::{OpenError, Progress, Settings, StoreFault, apply};
use crate::audit::Position as Place;
use crate::pb::store::v1::Applied;

/// The index, brought to the journal's end.
pub(super) struct Caught {
    pub(super) index: Index,
    pub(super) tree: Tree,
    pub(super) position: Position,
    /// Why it was rebuilt.
    pub(super) rebuilt: Option<String>,
}

pub(super) fn catch_up(
    settings: &Settings,
    paths: &Paths,
    recovery: &Recovery,
    state: &StateFile,
    last: LastStop,
    behind: Option<&mut Mark>,
) -> Result<Caught, OpenError> {
    let why = match reason_not_to_trust(paths, last) {
        Some(why) => why,
        None => match try_index(settings, paths, recovery, state)? {
            Tried::Caught(caught) => return Ok(*caught),
            Tried::Rebuild(why) => why,
            Tried::Ahead(applied) => {
                let Some(mark) = behind else { return Err(index_ahead(&applied, recovery)?) };
                // Before the index goes: what it alone knew is not forgotten, wherever this ends.
                let root = applied.tree_root.as_slice().try_into().unwrap_or_default();
                let end = Place::new(applied.log, applied.tree_size);
                if mark.last().is_none_or(|known| known.end < end) {
                    // Commits are counted anew behind what is put back.
                    mark.raise(HighWater { sequence: 0, end, root })?;
                }
                "it is ahead of the journal".to_owned()
            }
        },
    };
    if let Some(aside) = set_aside(&paths.index, ASIDE_MAX)? {
        tracing::warn!(why, aside = %aside.display(), "the index is rebuilt from the journal");
    }
    let index = match Index::open(&paths.index) {
        Ok(index) => index,
        Err(Unopened::Failed(what)) => return Err(StoreFault::Index(what).into()),
        Err(Unopened::Hangs) => return Err(hangs(paths)?),
    };
    // From here on the index changes: until a clean stop it is only good for this boot.
    state.running()?;
    let mut replay = Replay::new(&index, Tree::new(), None, &*settings.progress, recovery);
    replay.run(Cursor::START)?;
    let (tree, position) = replay.finish()?;
    Ok(Caught { index, tree, position, rebuilt: Some(why) })
}

fn reason_not_to_trust(paths: &Paths, last: LastStop) -> Option<String> {
    let why = if !paths.index.exists() {
        "there was none"
    } else if is_doubted(&paths.index) {
        "a fault was met in it"
    } else if last == LastStop::OtherBoot {
        "the machine may have gone down while it was open"
    } else {
        return None;
    };
    Some(why.to_owned())
}

enum Tried {
    Caught(Box<Caught>),
    Rebuild(String),
    /// It has applied what the journal does not hold.
    Ahead(Box<Applied>),
}

/// Opens the index that is there and applies what it lacks, unless it is not to be believed.
fn try_index(
    settings: &Settings,
    paths: &Paths,
    recovery: &Recovery,
    state: &StateFile,
) -> Result<Tried, OpenError> {
    (settings.progress)(Progress::OpeningIndex);
    let index = match Index::open(&paths.index) {
        Ok(index) => index,
        Err(Unopened::Failed(what)) => return Ok(Tried::Rebuild(format!("did not open: {what}"))),
        Err(Unopened::Hangs) => return Err(hangs(paths)?),
    };
    let (applied, tree) = match restore(&index) {
        Ok(Some(restored)) => restored,
        Ok(None) => return Ok(rebuild(index, "its head or its tree is damaged")),
        Err(fault) => return Ok(rebuild(index, &fault.to_string())),
    };
    state.running()?;
    // From the last applied frame on: that one is compared, the others are applied.
    let (segment, offset, sequence) = (applied.segment, applied.offset, applied.sequence);
    let mut replay = Replay::new(&index, tree, Some(applied), &*settings.progress, recovery);
    replay.run(Cursor { segment, offset, sequence })?;
    if let Some(ahead) = replay.not_found() {
        drop(replay);
        index.close();
        return Ok(Tried::Ahead(Box::new(ahead)));
    }
    if replay.differs() {
        drop(replay);
        return Ok(rebuild(index, "it is of another history than the journal"));
    }
    let (tree, position) = replay.finish()?;
    Ok(Tried::Caught(Box::new(Caught { index, tree, position, rebuilt: None })))
}

fn rebuild(index: Index, why: &str) -> Tried {
    index.close();
    Tried::Rebuild(why.to_owned())
}

/// What the index says of itself, if that is whole. An index without a head is none: sled may have
/// come back empty.
fn restore(index: &Index) -> Result<Option<(Applied, Tree)>, StoreFault> {
    let Some(applied) = apply::read_applied(index)? else { return Ok(None) };
    let Ok(root) = applied.tree_root.as_slice().try_into() else { return Ok(None) };
    if apply::read_sealed(index, applied.log)?.is_none() {
        return Ok(None);
    }
    let tiles = cached(index, applied.log);
    let tree = Tree::restore(applied.tree_size, root, &applied.frontier, tiles)?;
    Ok(tree.map(|tree| (applied, tree)))
}

fn hangs(paths: &Paths) -> Result<OpenError, OpenError> {
    // Its thread may still write there: only the end of this process ends it.
    let aside = set_aside(&paths.index, ASIDE_MAX)?;
    Ok(OpenError::IndexHangs { aside: aside.unwrap_or_else(|| paths.index.clone()) })
}

/// The index has applied a frame that the journal does not hold. Frames are applied only when they
/// are durable, so the journal has lost its end or is an old copy (I3).
fn index_ahead(applied: &Applied, recovery: &Recovery) -> Result<OpenError, OpenError> {
    let (mut found_sequence, mut found_size) = (0, Place::default());
    recovery.walk(Cursor::START, |frame| {
        let end = Place::new(frame.commit.log, frame.commit.tree_size);
        (found_sequence, found_size) = (frame.sequence, end);
        Ok(())
    })?;
    Ok(OpenError::RolledBack {
        held_by: "the index".to_owned(),
        held_size: Place::new(applied.log, applied.tree_size),
        held_sequence: applied.sequence,
        found_size,
        found_sequence,
    })
}
