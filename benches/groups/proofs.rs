//! Making and checking proofs in a tree of a million, against SHA-256 of as many nodes.

use std::convert::Infallible;
use std::hint::black_box;

use rogatory::audit::merkle::{
    NodeId, consistency_proof, inclusion_proof, infallible, leaf_hash, node_hash, root_at,
    verify_consistency, verify_inclusion,
};
use rogatory::crypto::Digest;

use crate::common::Bench;

const SIZE: u64 = 1_000_000;
/// An earlier size whose proof is a long one.
const OLD: u64 = 524_287;
const INDEX: u64 = 345_678;

/// All complete subtrees, level by level: what a store reads from tiles, in memory.
struct Tree(Vec<Vec<Digest>>);

impl Tree {
    fn new() -> Self {
        let mut levels = vec![(0..SIZE).map(|n| leaf_hash(&n.to_be_bytes())).collect::<Vec<_>>()];
        while let Some(last) = levels.last().filter(|last| last.len() > 1) {
            let pairs = last.as_chunks::<2>().0;
            levels.push(pairs.iter().map(|[left, right]| node_hash(left, right)).collect());
        }
        Self(levels)
    }

    fn node(&self, node: NodeId) -> Result<Digest, Infallible> {
        Ok(self.0[usize::from(node.level)][node.index as usize])
    }
}

pub fn run(bench: &mut Bench) -> anyhow::Result<()> {
    let tree = Tree::new();
    let read = |node| tree.node(node);
    let root = infallible(root_at(SIZE, read));
    let old_root = infallible(root_at(OLD, read));
    let inclusion = infallible(inclusion_proof(INDEX, SIZE, read));
    let consistency = infallible(consistency_proof(OLD, SIZE, read));
    let leaf = leaf_hash(&INDEX.to_be_bytes());
    let node = bench.measure(|| node_hash(black_box(&leaf), black_box(&root)));
    let floor = |hashes: usize| (format!("SHA-256 of {hashes} nodes"), hashes as f64 * node);

    let cost = bench.measure(|| inclusion_proof(black_box(INDEX), SIZE, read));
    let (what, least) = floor(inclusion.len());
    bench.beside("make an inclusion proof, of 1 million", cost, &what, least);
    let cost = bench.measure(|| verify_inclusion(&leaf, black_box(INDEX), SIZE, &inclusion, &root));
    bench.beside("check it", cost, &what, least);

    let cost = bench.measure(|| consistency_proof(black_box(OLD), SIZE, read));
    // Both roots are computed from it.
    let (what, least) = floor(2 * consistency.len());
    bench.beside("make a consistency proof, of 1 million", cost, &what, least);
    let cost =
        bench.measure(|| verify_consistency(black_box(OLD), &old_root, SIZE, &root, &consistency));
    bench.beside("check it", cost, &what, least);
    Ok(())
}
