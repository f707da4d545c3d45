use std::collections::BTreeMap;
use std::convert::Infallible;

use super::*;
use crate::audit::merkle::{Frontier, inclusion_proof, infallible, leaf_hash, verify_inclusion};

fn leaf(i: u64) -> Digest {
    leaf_hash(&i.to_be_bytes())
}

/// All tiles of a tree, full and partial.
fn tiles(size: u64) -> BTreeMap<TileId, Vec<Digest>> {
    let mut all = BTreeMap::new();
    let mut builder = TileBuilder::new();
    let mut keep = |tile: TileId, hashes: &[Digest]| {
        assert!(all.insert(tile, hashes.to_vec()).is_none(), "{tile:?} comes once");
        Ok::<(), Infallible>(())
    };
    for i in 0..size {
        infallible(builder.push(leaf(i), &mut keep));
    }
    infallible(builder.finish(&mut keep));
    all
}

#[test]
fn paths_are_those_of_the_specification() {
    let path = |level, index, width| TileId { level, index }.path(width);
    assert_eq!(path(0, 0, 256), "tile/0/000");
    assert_eq!(path(1, 999, 256), "tile/1/999");
    assert_eq!(path(0, 1000, 256), "tile/0/x001/000");
    assert_eq!(path(0, 1_234_067, 256), "tile/0/x001/x234/067");
    assert_eq!(path(2, 1_234, 17), "tile/2/x001/234.p/17");
    assert_eq!(entries_path(1_234_067, 256), "tile/entries/x001/x234/067");
    assert_eq!(entries_path(0, 1), "tile/entries/000.p/1");
}

#[test]
fn every_node_is_found_in_its_tile() {
    let size = 70_000;
    let all = tiles(size);
    let leaves: Vec<Digest> = (0..size).map(leaf).collect();
    for (level, index) in
        [(0, 0), (0, 69_999), (1, 5), (7, 545), (8, 272), (9, 3), (15, 1), (16, 0)]
    {
        let node = NodeId { level, index };
        let (tile, first, count) = node_from_tile(node);
        assert_eq!(count, 1 << (level % 8));
        assert_eq!(u64::try_from(first).expect("small") % count as u64, 0);
        let first_leaf = (index << level) as usize;
        let expected = complete_root(&leaves[first_leaf..first_leaf + (1 << level)]);
        assert_eq!(node_in_tile(node, &all[&tile]), expected, "{node:?}");
    }
}

#[test]
fn a_node_that_is_not_complete_is_not_found() {
    let all = tiles(300);
    let partial = &all[&TileId { level: 0, index: 1 }];
    assert_eq!(partial.len(), 44);
    assert!(node_in_tile(NodeId { level: 2, index: 64 + 10 }, partial).is_some());
    assert!(node_in_tile(NodeId { level: 2, index: 64 + 11 }, partial).is_none());
}

#[test]
fn widths_follow_from_the_size() {
    for size in [0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 65_792] {
        let all = tiles(size);
        for level in 0..3 {
            for index in 0..260 {
                let tile = TileId { level, index };
                let expected = all.get(&tile).map_or(0, Vec::len);
                assert_eq!(usize::from(width_at(tile, size)), expected, "{tile:?} of {size}");
            }
        }
    }
    assert_eq!(width_at(TileId { level: 8, index: 0 }, u64::MAX), 0);
    assert_eq!(width_at(TileId { level: 0, index: u64::MAX }, u64::MAX), 0);
}

#[test]
fn proofs_are_made_from_tiles_alone() {
    let size = 70_000;
    let all = tiles(size);
    let mut frontier = Frontier::new();
    (0..size).for_each(|i| frontier.push(leaf(i)));
    for index in [0, 255, 256, 65_535, 65_536, 69_999] {
        let read = |node| node_in_tile(node, &all[&node_from_tile(node).0]).ok_or("incomplete");
        let path = inclusion_proof(index, size, read).expect("all nodes are there");
        assert_eq!(verify_inclusion(&leaf(index), index, size, &path, &frontier.root()), Ok(()));
    }
}

#[test]
fn tile_files_hold_whole_hashes_only() {
    let hashes = vec![[1; 32], [2; 32]];
    assert_eq!(parse_tile(&tile_bytes(&hashes)), Some(hashes));
    for bad in [0, 31, 33, 257 * 32] {
        assert_eq!(parse_tile(&vec![0; bad]), None, "{bad} bytes");
    }
}

#[test]
fn full_paths_are_those_of_the_tiles_that_are_full() {
    for size in [0, 1, 255, 256, 257, 70_000] {
        let full = tiles(size).into_iter().filter(|(_, hashes)| hashes.len() == TILE_WIDTH);
        let mut expected: Vec<String> = full.map(|(tile, _)| tile.path(256)).collect();
        expected.extend((0..size / 256).map(|index| entries_path(index, 256)));
        expected.sort_unstable();
        let mut paths: Vec<String> = full_paths(size).collect();
        paths.sort_unstable();
        assert_eq!(paths, expected, "{size} leaves");
    }
}
