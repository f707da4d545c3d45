//! That some neighbouring leaves stand in a tree: the complete subtrees on both sides of them are the
//! proof. RFC 6962 proves one leaf; this proves a file of many chunks with at most 128 hashes, and says
//! nothing of the leaves beside it.

use super::{Frontier, NodeId, empty_root, fold};
use crate::crypto::Digest;

/// The complete subtrees that make up the leaves `start..end`, from the left, each as large as its place
/// allows.
fn covering(mut start: u64, end: u64) -> impl Iterator<Item = NodeId> {
    std::iter::from_fn(move || {
        let room = end.checked_sub(start)?.checked_ilog2()?;
        let level = start.trailing_zeros().min(room);
        let node = NodeId { level: level as u8, index: start >> level };
        start += 1 << level;
        Some(node)
    })
}

/// What stands beside the leaves, in a tree of `size`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeProof {
    /// The complete subtrees before them, largest first.
    pub before: Vec<Digest>,
    /// Those behind them, from the left.
    pub behind: Vec<Digest>,
}

/// Makes the proof for the leaves `start..end` of the tree of `size` leaves from the hashes of all, each
/// read once and in order.
///
/// # Errors
/// Whatever `leaf` gives.
pub fn range_proof<E>(
    start: u64,
    end: u64,
    size: u64,
    mut leaf: impl FnMut(u64) -> Result<Digest, E>,
) -> Result<RangeProof, E> {
    let mut before = Frontier::new();
    for n in 0..start.min(size) {
        before.push(leaf(n)?);
    }
    let mut behind = Vec::new();
    for node in covering(end, size) {
        let first = node.index << node.level;
        let mut subtree = Frontier::new();
        for n in first..first + (1 << node.level) {
            subtree.push(leaf(n)?);
        }
        behind.push(subtree.root());
    }
    Ok(RangeProof { before: before.nodes().to_vec(), behind })
}

/// Takes the leaves one after the other, and gives the root of the tree that they stand in.
#[derive(Clone, Debug)]
pub struct RangeCheck(Frontier);

impl RangeCheck {
    /// For leaves from `start` on; `None` where the subtrees before are not those of that many leaves.
    pub fn from(start: u64, before: Vec<Digest>) -> Option<Self> {
        Frontier::from_nodes(start, before).map(Self)
    }

    /// The next leaf, by its [`leaf_hash`](super::leaf_hash).
    pub fn push(&mut self, leaf: Digest) {
        self.0.push(leaf);
    }

    /// The root of the tree of `size` leaves; `None` where the subtrees behind are not those of so many.
    pub fn root(self, size: u64, behind: &[Digest]) -> Option<Digest> {
        let Frontier { size: end, mut nodes } = self.0;
        let places: Vec<NodeId> = covering(end, size).collect();
        if end > size || places.len() != behind.len() {
            return None;
        }
        for (place, subtree) in places.iter().zip(behind) {
            let mut node = *subtree;
            // Each trailing 1 of its place is a subtree as large as the one just completed.
            for _ in 0..place.index.trailing_ones() {
                node = super::node_hash(&nodes.pop()?, &node);
            }
            nodes.push(node);
        }
        Some(fold(nodes.into_iter()).unwrap_or_else(empty_root))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::merkle::{infallible, leaf_hash};

    fn leaf(n: u64) -> Digest {
        leaf_hash(&n.to_be_bytes())
    }

    fn root(size: u64) -> Digest {
        let mut frontier = Frontier::new();
        (0..size).for_each(|n| frontier.push(leaf(n)));
        frontier.root()
    }

    fn root_of(start: u64, leaves: &[Digest], size: u64, proof: &RangeProof) -> Option<Digest> {
        let mut check = RangeCheck::from(start, proof.before.clone())?;
        leaves.iter().for_each(|leaf| check.push(*leaf));
        check.root(size, &proof.behind)
    }

    #[test]
    fn every_range_of_every_small_tree_is_proved() {
        for size in 0..34 {
            for start in 0..=size {
                for end in start..=size {
                    let proof = infallible(range_proof(start, end, size, |n| Ok(leaf(n))));
                    let leaves: Vec<_> = (start..end).map(leaf).collect();
                    let told = format!("{start}..{end} of {size}");
                    assert_eq!(root_of(start, &leaves, size, &proof), Some(root(size)), "{told}");
                    assert!(proof.before.len() + proof.behind.len() <= 12, "{told}");
                }
            }
        }
    }

    #[test]
    fn other_leaves_another_place_and_another_proof_give_another_root_or_none() {
        let proof = infallible(range_proof(5, 9, 21, |n| Ok(leaf(n))));
        let leaves: Vec<_> = (5..9).map(leaf).collect();
        let expected = Some(root(21));
        assert_eq!(root_of(5, &leaves, 21, &proof), expected);
        let mut changed = leaves.clone();
        changed[2] = leaf(99);
        assert_ne!(root_of(5, &changed, 21, &proof), expected);
        assert_ne!(root_of(5, &leaves[..3], 21, &proof), expected, "one too few");
        // As everywhere in RFC 6962 the root alone does not tell the size: whoever has signed it has
        // signed that too.
        assert_eq!(root_of(5, &leaves, 24, &proof), None);
        assert_eq!(root_of(4, &leaves, 21, &proof), None, "4 has one subtree, 5 two");
        assert_ne!(root_of(6, &leaves, 21, &proof), expected);
        let mut swapped = proof.clone();
        swapped.behind.swap(0, 1);
        assert_ne!(root_of(5, &leaves, 21, &swapped), expected);
        let longer: Vec<_> = (5..30).map(leaf).collect();
        assert_eq!(root_of(5, &longer, 21, &proof), None, "beyond the end");
    }
}
