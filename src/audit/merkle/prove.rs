//! Makes proofs from complete subtrees (RFC 6962 sections 2.1.1 and 2.1.2).

use super::{NodeId, empty_root, fold};
use crate::crypto::Digest;

/// The complete subtrees that make up the leaves `start..end`, largest first. `start` is a multiple
/// of every power of two up to the length, which holds for all ranges that proofs ask about.
pub(super) fn subtrees(mut start: u64, end: u64) -> impl Iterator<Item = NodeId> {
    std::iter::from_fn(move || {
        let level = end.checked_sub(start)?.checked_ilog2()?;
        let node = NodeId { level: level as u8, index: start >> level };
        start += 1 << level;
        Some(node)
    })
}

/// The complete subtrees of a tree of `size` leaves, largest first: those of its
/// [`Frontier`](super::Frontier).
pub fn complete_subtrees(size: u64) -> impl Iterator<Item = NodeId> {
    subtrees(0, size)
}

/// The root of the leaves `start..end`, as RFC 6962 calls it `MTH(D[start:end])`.
fn range_root<E>(
    start: u64,
    end: u64,
    read: &mut impl FnMut(NodeId) -> Result<Digest, E>,
) -> Result<Digest, E> {
    let nodes = subtrees(start, end).map(read).collect::<Result<Vec<_>, E>>()?;
    Ok(fold(nodes.into_iter()).unwrap_or_else(empty_root))
}

/// The root that the tree had when it had `size` leaves, from the complete subtrees of any later
/// state of it; at most 64 of them are read.
///
/// # Errors
/// Whatever `read` gives.
pub fn root_at<E>(
    size: u64,
    mut read: impl FnMut(NodeId) -> Result<Digest, E>,
) -> Result<Digest, E> {
    range_root(0, size, &mut read)
}

/// Where a subtree of `n > 1` leaves parts: the largest power of two below `n`.
fn split(n: u64) -> u64 {
    1 << (n - 1).ilog2()
}

/// The proof that leaf `index` stands in the tree of `size` leaves: `PATH(index, D[size])`, leaf's
/// sibling first. It is the caller's duty that `index < size`; otherwise the answer is an empty
/// path, which [`super::verify_inclusion`] refuses.
///
/// # Errors
/// Whatever `read` gives.
pub fn inclusion_proof<E>(
    index: u64,
    size: u64,
    mut read: impl FnMut(NodeId) -> Result<Digest, E>,
) -> Result<Vec<Digest>, E> {
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while index < size && end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(range_root(middle, end, &mut read)?);
            end = middle;
        } else {
            path.push(range_root(start, middle, &mut read)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The proof that the tree of `new` leaves extends the one of `old`: `PROOF(old, D[new])`. Empty
/// for equal sizes and for `old == 0`, where there is nothing to prove, and also for `old > new`,
/// which [`super::verify_consistency`] refuses.
///
/// # Errors
/// Whatever `read` gives.
pub fn consistency_proof<E>(
    old: u64,
    new: u64,
    mut read: impl FnMut(NodeId) -> Result<Digest, E>,
) -> Result<Vec<Digest>, E> {
    let mut path = Vec::new();
    if old == 0 || old >= new {
        return Ok(path);
    }
    let (mut start, mut end) = (0, new);
    while end != old {
        let middle = start + split(end - start);
        if old <= middle {
            path.push(range_root(middle, end, &mut read)?);
            end = middle;
        } else {
            path.push(range_root(start, middle, &mut read)?);
            start = middle;
        }
    }
    // The verifier holds the old root: it is left out where it is itself a node of the new tree.
    if start != 0 {
        path.push(range_root(start, end, &mut read)?);
    }
    path.reverse();
    Ok(path)
}
