//! The Merkle tree while it grows: its frontier, and the tiles on its right edge.

use super::StoreFault;
use crate::audit::merkle::{Frontier, NodeId, complete_root, leaf_hash, root_at};
use crate::audit::tiles::{
    TILE_HEIGHT, TILE_WIDTH, TileId, node_from_tile, node_in_tile, width_at,
};
use crate::crypto::Digest;

/// Levels of tiles in the largest tree.
const LEVELS: u8 = 8;

/// The growing tree. Everything to the left of its edge stands in the index.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    frontier: Frontier,
    /// The hashes of the open tile of each level; fewer than 256.
    edge: Vec<Vec<Digest>>,
}

/// What a commit changes in the tree.
pub(super) struct Growth {
    pub(super) size: u64,
    pub(super) root: Digest,
    pub(super) frontier: Vec<u8>,
    /// Every tile that has changed, with all its hashes.
    pub(super) tiles: Vec<(TileId, Vec<Digest>)>,
}

impl Tree {
    /// The empty tree.
    pub(super) fn new() -> Self {
        Self { frontier: Frontier::new(), edge: Vec::new() }
    }

    /// The tree as the index has it. `None` when the tiles are not those of the frontier, or the
    /// frontier not that of the root: the index is then not to be believed.
    pub(super) fn restore(
        size: u64,
        root: &Digest,
        frontier: &[u8],
        mut tile: impl FnMut(TileId) -> Result<Vec<Digest>, StoreFault>,
    ) -> Result<Option<Self>, StoreFault> {
        let (nodes, rest) = frontier.as_chunks::<32>();
        let frontier = Frontier::from_nodes(size, nodes.to_vec());
        let Some(frontier) = frontier.filter(|f| rest.is_empty() && f.root() == *root) else {
            return Ok(None);
        };
        let mut edge = Vec::new();
        for level in 0..LEVELS {
            let nodes = size.checked_shr(u32::from(level * TILE_HEIGHT)).unwrap_or(0);
            let id = TileId { level, index: nodes / TILE_WIDTH as u64 };
            let width = usize::from(width_at(id, size));
            let mut hashes = if width == 0 { Vec::new() } else { tile(id)? };
            if hashes.len() < width {
                return Ok(None);
            }
            hashes.truncate(width);
            edge.push(hashes);
        }
        let held = root_at(size, |node| read_node(node, &mut tile));
        Ok((held? == *root).then_some(Self { frontier, edge }))
    }

    /// Adds entries, hashed exactly as they are stored.
    pub(super) fn grow(&mut self, entries: &[Vec<u8>]) -> Growth {
        let mut tiles = Vec::new();
        let mut highest = 0;
        for entry in entries {
            let leaf = leaf_hash(entry);
            self.frontier.push(leaf);
            highest = highest.max(self.push(leaf, &mut tiles));
        }
        let size = self.size();
        // A level that was filled up is open again above; what is open and was touched is written.
        let touched = if entries.is_empty() { 0 } else { highest + 1 };
        for (level, hashes) in (0..).zip(&self.edge).take(touched) {
            if !hashes.is_empty() {
                let index = (size >> (level * TILE_HEIGHT)) / TILE_WIDTH as u64;
                tiles.push((TileId { level, index }, hashes.clone()));
            }
        }
        let frontier = self.frontier.nodes().concat();
        Growth { size, root: self.frontier.root(), frontier, tiles }
    }

    /// Adds a leaf to the open tiles; gives the highest level that it reached.
    fn push(&mut self, leaf: Digest, full: &mut Vec<(TileId, Vec<Digest>)>) -> usize {
        let (mut hash, mut level) = (leaf, 0);
        loop {
            if self.edge.len() == level {
                self.edge.push(Vec::new());
            }
            let open = &mut self.edge[level];
            open.push(hash);
            if open.len() < TILE_WIDTH {
                return level;
            }
            hash = complete_root(open).expect("a full tile has 2^8 hashes");
            let nodes = self.frontier.size() >> (level * usize::from(TILE_HEIGHT));
            let id = TileId { level: level as u8, index: nodes / TILE_WIDTH as u64 - 1 };
            full.push((id, std::mem::take(open)));
            level += 1;
        }
    }

    pub(super) fn size(&self) -> u64 {
        self.frontier.size()
    }

    pub(super) fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    pub(super) fn root(&self) -> Digest {
        self.frontier.root()
    }
}

/// A node of the tree, from the tile that holds it or its descendants.
pub(super) fn read_node(
    node: NodeId,
    tile: &mut impl FnMut(TileId) -> Result<Vec<Digest>, StoreFault>,
) -> Result<Digest, StoreFault> {
    let (id, _, _) = node_from_tile(node);
    node_in_tile(node, &tile(id)?).ok_or(StoreFault::Tree)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn entries(from: u64, to: u64) -> Vec<Vec<u8>> {
        (from..to).map(|n| n.to_be_bytes().to_vec()).collect()
    }

    #[test]
    fn it_is_restored_at_every_size_and_never_from_other_tiles() {
        let mut tiles: BTreeMap<TileId, Vec<Digest>> = BTreeMap::new();
        let mut tree = Tree::new();
        let steps = [1, 2, 1, 251, 1, 1, 254, 2, 300, 700, 1, 64_000, 1, 1000];
        for step in steps {
            let size = tree.size();
            let growth = tree.grow(&entries(size, size + step));
            tiles.extend(growth.tiles);
            let read = |id: TileId| Ok(tiles.get(&id).cloned().unwrap_or_default());
            let restored = Tree::restore(growth.size, &growth.root, &growth.frontier, read);
            let mut restored = restored.expect("reads").expect("fits");
            let (next, size) = (entries(growth.size, growth.size + 3), growth.size);
            assert_eq!(restored.grow(&next).root, tree.clone().grow(&next).root, "size {size}");
            let wrong = Tree::restore(size, &[0; 32], &growth.frontier, read).expect("reads");
            assert!(wrong.is_none(), "another root");
            let empty = |_: TileId| Ok(Vec::new());
            let lacking = Tree::restore(size, &growth.root, &growth.frontier, empty);
            assert!(matches!(lacking, Ok(None) | Err(StoreFault::Tree)), "no tiles");
        }
    }

    #[test]
    fn tiles_are_those_of_the_export() {
        let mut tiles: BTreeMap<TileId, Vec<Digest>> = BTreeMap::new();
        let mut tree = Tree::new();
        for n in 0..1000 {
            tiles.extend(tree.grow(&entries(n, n + 1)).tiles);
        }
        let mut expected = BTreeMap::new();
        let mut builder = crate::audit::tiles::TileBuilder::new();
        let mut keep = |id: TileId, hashes: &[Digest]| -> Result<(), std::convert::Infallible> {
            expected.insert(id, hashes.to_vec());
            Ok(())
        };
        for entry in entries(0, 1000) {
            builder.push(leaf_hash(&entry), &mut keep).expect("infallible");
        }
        builder.finish(&mut keep).expect("infallible");
        assert_eq!(tiles, expected);
    }
}
