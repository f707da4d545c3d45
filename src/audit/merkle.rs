//! The Merkle tree: RFC 6962 section 2.1 with SHA-256, verified as RFC 9162 section 2.1 says.
//!
//! A tree is never held here. It grows through its [`Frontier`] (at most 64 hashes), and proofs
//! are made from complete subtrees that the caller reads from wherever it keeps them.

mod check;
mod partial;
mod prove;
mod range;

use std::convert::Infallible;

use crate::crypto::{Digest, Sha256, sha256};

pub use check::{ProofError, shown_old_root, verify_consistency, verify_inclusion};
pub use partial::Partial;
pub use prove::{complete_subtrees, consistency_proof, inclusion_proof, root_at};
pub use range::{RangeCheck, RangeProof, range_proof};

use prove::subtrees;

/// Hash of a leaf: `SHA-256(0x00 || data)`.
pub fn leaf_hash(data: &[u8]) -> Digest {
    hash_of(&[&[0], data])
}

/// Hash of an inner node: `SHA-256(0x01 || left || right)`.
pub fn node_hash(left: &Digest, right: &Digest) -> Digest {
    hash_of(&[&[1], left, right])
}

/// Root of the tree without leaves: `SHA-256("")`.
pub fn empty_root() -> Digest {
    sha256(b"")
}

fn hash_of(parts: &[&[u8]]) -> Digest {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finish()
}

/// The root of the complete subtree of `2^level` leaves that is the `index`-th of its level: its
/// first leaf is `index << level`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// 0 for leaf hashes; at most 63.
    pub level: u8,
    /// From 0, from the left.
    pub index: u64,
}

/// What is enough of a tree to grow it: the roots of its largest complete subtrees.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    nodes: Vec<Digest>,
}

impl Frontier {
    /// Of the empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// From what [`Frontier::size`] and [`Frontier::nodes`] gave. `None` when their numbers do not
    /// fit each other: a tree has one such node for each bit set in its size.
    pub fn from_nodes(size: u64, nodes: Vec<Digest>) -> Option<Self> {
        (nodes.len() == size.count_ones() as usize).then_some(Self { size, nodes })
    }

    /// Leaves so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The subtree roots, largest subtree first; at most 64.
    pub fn nodes(&self) -> &[Digest] {
        &self.nodes
    }

    /// Adds a leaf by its [`leaf_hash`].
    pub fn push(&mut self, leaf: Digest) {
        let mut node = leaf;
        // Each trailing 1 of the size is a subtree as large as the one just completed.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.nodes.pop() {
                node = node_hash(&left, &node);
            }
        }
        self.nodes.push(node);
        self.size += 1;
    }

    /// The root of the tree.
    pub fn root(&self) -> Digest {
        fold(self.nodes.iter().copied()).unwrap_or_else(empty_root)
    }
}

/// Joins neighbouring subtrees, largest first, into one root: from the right.
fn fold(nodes: impl DoubleEndedIterator<Item = Digest>) -> Option<Digest> {
    nodes.rev().reduce(|right, left| node_hash(&left, &right))
}

/// The root of a complete subtree from the hashes below it; `None` unless there are `2^n` of them.
pub fn complete_root(hashes: &[Digest]) -> Option<Digest> {
    if !hashes.len().is_power_of_two() {
        return None;
    }
    let mut frontier = Frontier::new();
    hashes.iter().for_each(|hash| frontier.push(*hash));
    Some(frontier.root())
}

/// The root of a list of leaves that is small enough to be at hand, such as the sealed chunks of
/// an exhibit.
pub fn root_of<'a>(leaves: impl IntoIterator<Item = &'a [u8]>) -> Digest {
    let mut frontier = Frontier::new();
    leaves.into_iter().for_each(|leaf| frontier.push(leaf_hash(leaf)));
    frontier.root()
}

/// For readers that cannot fail.
pub fn infallible<T>(result: Result<T, Infallible>) -> T {
    result.unwrap_or_else(|never| match never {})
}

#[cfg(test)]
#[path = "merkle_tests.rs"]
mod tests;
