//! A tree of which the beginning is known as a whole and the rest leaf by leaf: enough to prove what
//! it grew from, whichever size between the two that was.

use super::{Frontier, NodeId, complete_root, consistency_proof, node_hash, subtrees};
use crate::crypto::Digest;

/// The known part of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partial {
    frontier: Frontier,
    leaves: Vec<Digest>,
}

impl Partial {
    /// The complete subtrees of the first leaves, and the hashes of those behind them; `None` for more
    /// than any tree has.
    pub fn new(frontier: Frontier, leaves: Vec<Digest>) -> Option<Self> {
        frontier.size().checked_add(leaves.len() as u64)?;
        Some(Self { frontier, leaves })
    }

    /// The root of the whole tree.
    pub fn root(&self) -> Digest {
        let mut frontier = self.frontier.clone();
        self.leaves.iter().for_each(|leaf| frontier.push(*leaf));
        frontier.root()
    }

    /// Leaves that are known only as a whole.
    pub fn from_size(&self) -> u64 {
        self.frontier.size()
    }

    /// Leaves in all.
    pub fn size(&self) -> u64 {
        self.from_size() + self.leaves.len() as u64
    }

    /// The proof that the whole tree extends its first `old` leaves, as
    /// [`verify_consistency`](super::verify_consistency) takes it; `None` for a size that is not between
    /// the two known ones, or 0.
    pub fn consistency_from(&self, old: u64) -> Option<Vec<Digest>> {
        if old != 0 && !(self.from_size()..=self.size()).contains(&old) {
            return None;
        }
        consistency_proof(old, self.size(), |node| self.node(node).ok_or(())).ok()
    }

    fn node(&self, node: NodeId) -> Option<Digest> {
        let (start, from) = (node.index << node.level, self.from_size());
        let end = start + (1 << node.level);
        if start >= from {
            let at = |n: u64| usize::try_from(n - from).ok();
            return complete_root(self.leaves.get(at(start)?..at(end)?)?);
        }
        if end <= from {
            let place = subtrees(0, from).position(|known| known == node)?;
            return self.frontier.nodes().get(place).copied();
        }
        let half = |n| self.node(NodeId { level: node.level - 1, index: 2 * node.index + n });
        Some(node_hash(&half(0)?, &half(1)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::merkle::{leaf_hash, verify_consistency};

    fn leaves(n: u64) -> Vec<Digest> {
        (0..n).map(|n| leaf_hash(&n.to_be_bytes())).collect()
    }

    fn frontier(leaves: &[Digest]) -> Frontier {
        let mut frontier = Frontier::new();
        leaves.iter().for_each(|leaf| frontier.push(*leaf));
        frontier
    }

    #[test]
    fn it_proves_from_every_size_that_it_knows_and_from_no_other() {
        for new in 0..40 {
            let all = leaves(new);
            let root = frontier(&all).root();
            for from in 0..=new {
                let (first, rest) = all.split_at(from as usize);
                let partial = Partial::new(frontier(first), rest.to_vec()).expect("few");
                assert_eq!(partial.root(), root);
                assert_eq!((partial.from_size(), partial.size()), (from, new));
                for old in from.max(1)..=new {
                    let old_root = frontier(&all[..old as usize]).root();
                    let proof = partial.consistency_from(old).expect("it is known");
                    verify_consistency(old, &old_root, new, &root, &proof)
                        .unwrap_or_else(|error| panic!("{from} {old} {new}: {error}"));
                }
                assert_eq!(partial.consistency_from(0), Some(Vec::new()));
                assert_eq!(partial.consistency_from(new + 1), None);
                for before in 1..from {
                    assert_eq!(partial.consistency_from(before), None, "{before} of {from}");
                }
            }
        }
    }

    #[test]
    fn another_past_is_not_proved() {
        let (mut all, root) = (leaves(20), frontier(&leaves(20)).root());
        let held = frontier(&all[..13]).root();
        all[7] = leaf_hash(b"another");
        let partial = Partial::new(frontier(&all[..5]), all[5..].to_vec()).expect("few");
        let proof = partial.consistency_from(13).expect("it is known");
        verify_consistency(13, &held, 20, &root, &proof).expect_err("the seventh is another");
    }

    #[test]
    fn more_leaves_than_any_tree_has_are_none() {
        let frontier = Frontier::from_nodes(u64::MAX, vec![[1; 32]; 64]).expect("64 subtrees");
        assert_eq!(Partial::new(frontier, vec![[2; 32]]), None);
    }
}
