//! Whether a log ever was in the state in which the other one saw it.

use super::facts::{Facts, Seen};
use super::{Class, Item, Log, Out, ReconcileError, Which, pair};
use crate::audit::Position;
use crate::audit::merkle::Frontier;
use crate::crypto::Digest;
use crate::domain::{MessageId, Timestamp};

/// A state that somebody says a log was in.
struct Claim {
    seen: Seen,
    index: u64,
    message: Option<MessageId>,
}

/// Holds what `which` saw of the other log against that log, which ends at `size`.
pub(super) fn check<E>(
    which: Which,
    facts: &Facts,
    other: &Log<'_, E>,
    size: u64,
    out: &mut Out<'_>,
) -> Result<(), ReconcileError<E>> {
    let claim = |(index, message, seen)| Claim { seen, index, message };
    // What lies behind the end of the export cannot be looked up.
    let mut claims: Vec<Claim> = facts
        .all_seen()
        .map(claim)
        .filter(|claim| claim.seen.size <= size && Position::from_number(claim.seen.size).index > 0)
        .collect();
    claims.sort_by_key(|claim| (claim.seen.size, claim.index));
    let mut claims = claims.into_iter().peekable();
    let (mut frontier, mut log) = (Frontier::new(), 0);
    let mut leaves = (other.leaves)();
    while claims.peek().is_some() {
        let Some(leaf) = leaves.next() else { return Ok(()) };
        let (place, leaf) = leaf.map_err(ReconcileError::Read)?;
        let begun = Position::from_number(place);
        if begun.log != log {
            // Whoever saw more of the log that has ended saw what never was.
            let end = Position::new(log + 1, 0).number();
            let root = std::mem::take(&mut frontier).root();
            while let Some(claim) = claims.next_if(|claim| claim.seen.size < end) {
                out.item(two_pasts(which, &claim, &root));
            }
            log = begun.log;
        }
        frontier.push(leaf);
        let (end, root) = (place + 1, frontier.root());
        while let Some(claim) = claims.next_if(|claim| claim.seen.size <= end) {
            if claim.seen.root != root {
                out.item(two_pasts(which, &claim, &root));
            }
        }
    }
    Ok(())
}

fn two_pasts(which: Which, claim: &Claim, root: &Digest) -> Item {
    let Seen { size, root: seen, .. } = &claim.seen;
    let size = Position::from_number(*size);
    let (seen, root) = (hex::encode(seen), hex::encode(root));
    let (a, b) = pair(which, Some(claim.index), None);
    Item {
        class: Class::OtherPast,
        message: claim.message,
        sender: None,
        event: None,
        a,
        b,
        at: Timestamp::from_unix_ms(0),
        detail: format!("with {size} entries the other log had the root {root}, not {seen}"),
    }
}
