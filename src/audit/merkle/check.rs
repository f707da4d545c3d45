//! Verifies proofs (RFC 9162 sections 2.1.3.2 and 2.1.4.2).

use super::{empty_root, node_hash};
use crate::crypto::Digest;

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// There is no such leaf.
    #[error("leaf {index} is outside a tree of {size}")]
    OutOfRange {
        /// The leaf asked about, from 0.
        index: u64,
        /// Leaves in the tree.
        size: u64,
    },
    /// A tree cannot extend a larger one.
    #[error("a tree of {new} cannot extend one of {old}")]
    Shrinks {
        /// Leaves in the earlier tree.
        old: u64,
        /// Leaves in the later tree.
        new: u64,
    },
    /// Hashes are missing.
    #[error("the proof has fewer hashes than trees of these sizes need")]
    TooShort,
    /// Hashes are left over.
    #[error("the proof has more hashes than trees of these sizes need")]
    TooLong,
    /// The path leads elsewhere.
    #[error("the proof leads to another root")]
    RootMismatch,
    /// The path does not start from the earlier tree.
    #[error("the proof starts from another earlier root")]
    OldRootMismatch,
}

/// Checks that the leaf with hash `leaf` is number `index` of the tree of `size` leaves and `root`.
///
/// # Errors
/// [`ProofError`], which says in what the proof fails.
pub fn verify_inclusion(
    leaf: &Digest,
    index: u64,
    size: u64,
    proof: &[Digest],
    root: &Digest,
) -> Result<(), ProofError> {
    // SPEC: RFC 9162 section 2.1.3.2.
    if index >= size {
        return Err(ProofError::OutOfRange { index, size });
    }
    let (mut at, mut last) = (index, size - 1);
    let mut node = *leaf;
    for hash in proof {
        if last == 0 {
            return Err(ProofError::TooLong);
        }
        if at & 1 == 1 || at == last {
            node = node_hash(hash, &node);
            skip_left_edge(&mut at, &mut last);
        } else {
            node = node_hash(&node, hash);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    match last {
        0 if node == *root => Ok(()),
        0 => Err(ProofError::RootMismatch),
        _ => Err(ProofError::TooShort),
    }
}

/// On the right edge of the tree, levels where the node has no sibling add no hash to a proof.
fn skip_left_edge(at: &mut u64, last: &mut u64) {
    if *at != 0 {
        let levels = at.trailing_zeros();
        (*at, *last) = (*at >> levels, *last >> levels);
    }
}

/// Checks that the tree of `new` leaves and `new_root` extends the one of `old` and `old_root`.
///
/// # Errors
/// [`ProofError`], which says in what the proof fails.
pub fn verify_consistency(
    old: u64,
    old_root: &Digest,
    new: u64,
    new_root: &Digest,
    proof: &[Digest],
) -> Result<(), ProofError> {
    if old > new {
        return Err(ProofError::Shrinks { old, new });
    }
    if old == 0 || old == new {
        return verify_trivial(old, old_root, new, new_root, proof);
    }
    // SPEC: RFC 9162 section 2.1.4.2. The old root begins the path where it is a node of the tree.
    let (first, rest) = match proof.split_first() {
        _ if old.is_power_of_two() => (old_root, proof),
        Some(parts) => parts,
        None => return Err(ProofError::TooShort),
    };
    match roots_from(old, new, first, rest)? {
        (shown, _) if shown != *old_root => Err(ProofError::OldRootMismatch),
        (_, shown) if shown != *new_root => Err(ProofError::RootMismatch),
        _ => Ok(()),
    }
}

/// The roots of the earlier and of the later tree that a path leads to, for `0 < old < new`.
fn roots_from(
    old: u64,
    new: u64,
    first: &Digest,
    rest: &[Digest],
) -> Result<(Digest, Digest), ProofError> {
    let levels = (old - 1).trailing_ones();
    let (mut at, mut last) = ((old - 1) >> levels, (new - 1) >> levels);
    let (mut old_node, mut new_node) = (*first, *first);
    for hash in rest {
        if last == 0 {
            return Err(ProofError::TooLong);
        }
        if at & 1 == 1 || at == last {
            old_node = node_hash(hash, &old_node);
            new_node = node_hash(hash, &new_node);
            skip_left_edge(&mut at, &mut last);
        } else {
            new_node = node_hash(&new_node, hash);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    match last {
        0 => Ok((old_node, new_node)),
        _ => Err(ProofError::TooShort),
    }
}

/// The root that the tree of `new` leaves and `new_root` had with `old` leaves, as a proof made in
/// that tree shows it. `None` where the proof does not lead to `new_root`, and where it cannot show
/// the old root because it begins there (a power of two).
pub fn shown_old_root(old: u64, new: u64, new_root: &Digest, proof: &[Digest]) -> Option<Digest> {
    if old == 0 || old >= new || old.is_power_of_two() {
        return None;
    }
    let (first, rest) = proof.split_first()?;
    let (old_root, shown) = roots_from(old, new, first, rest).ok()?;
    (shown == *new_root).then_some(old_root)
}

/// Equal sizes, or nothing before: the proof is empty, and the roots speak for themselves.
fn verify_trivial(
    old: u64,
    old_root: &Digest,
    new: u64,
    new_root: &Digest,
    proof: &[Digest],
) -> Result<(), ProofError> {
    if !proof.is_empty() {
        return Err(ProofError::TooLong);
    }
    if old == 0 && *old_root != empty_root() {
        return Err(ProofError::OldRootMismatch);
    }
    if old == new && old_root != new_root { Err(ProofError::RootMismatch) } else { Ok(()) }
}
