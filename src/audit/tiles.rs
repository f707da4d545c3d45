//! Tiles: how a tree is kept and published (C2SP tlog-tiles, height 8).
//!
//! A tile holds the hashes of 256 neighbouring nodes of every eighth level; the levels between are
//! recomputed. The tile on the right edge has fewer hashes while the tree grows.

use super::merkle::{NodeId, complete_root};
use crate::crypto::Digest;

/// Levels of the tree in one tile.
pub const TILE_HEIGHT: u8 = 8;

/// Hashes in a full tile, and entries in a full bundle.
pub const TILE_WIDTH: usize = 1 << TILE_HEIGHT;

/// A tile: the `index`-th of its level, where level 0 holds leaf hashes and level `l` nodes of the
/// tree's level `8 l`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// 0 to 7.
    pub level: u8,
    /// From 0, from the left.
    pub index: u64,
}

impl TileId {
    /// The path of the tile with `width` hashes (1 to 256): `tile/0/x001/234`, and
    /// `tile/0/x001/234.p/17` while it is partial.
    pub fn path(self, width: u16) -> String {
        format!("tile/{}/{}", self.level, numbered(self.index, width))
    }
}

/// The path of the bundle with the entries `256 index ..` of which there are `width` (1 to 256):
/// `tile/entries/x001/234`, and `tile/entries/x001/234.p/17` while it is partial.
pub fn entries_path(index: u64, width: u16) -> String {
    format!("tile/entries/{}", numbered(index, width))
}

/// SPEC: tlog-tiles: groups of three digits, all but the last with an `x` before them.
fn numbered(mut index: u64, width: u16) -> String {
    let mut path = format!("{:03}", index % 1000);
    while index >= 1000 {
        index /= 1000;
        path = format!("x{:03}/{path}", index % 1000);
    }
    if usize::from(width) < TILE_WIDTH {
        path.push_str(&format!(".p/{width}"));
    }
    path
}

/// Where a node is found: its tile, the first hash in it, and how many (a power of two, at most
/// 128, or 1 for a node that is itself in the tile). [`complete_root`] of them is the node.
pub fn node_from_tile(node: NodeId) -> (TileId, usize, usize) {
    let inside = node.level % TILE_HEIGHT;
    let tile = TileId { level: node.level / TILE_HEIGHT, index: node.index >> (8 - inside) };
    let first = (node.index << inside) as usize % TILE_WIDTH;
    (tile, first, 1 << inside)
}

/// The node, computed from the hashes of the tile that [`node_from_tile`] names. `None` when the
/// tile is not yet wide enough: the node's subtree is not complete.
pub fn node_in_tile(node: NodeId, tile: &[Digest]) -> Option<Digest> {
    let (_, first, count) = node_from_tile(node);
    complete_root(tile.get(first..first + count)?)
}

/// How many hashes the tile has in a tree of `size` leaves; 0 when it does not exist.
pub fn width_at(tile: TileId, size: u64) -> u16 {
    let nodes = size.checked_shr(u32::from(tile.level) * u32::from(TILE_HEIGHT)).unwrap_or(0);
    let before = tile.index.saturating_mul(TILE_WIDTH as u64);
    nodes.saturating_sub(before).min(TILE_WIDTH as u64) as u16
}

/// The paths of the tiles and bundles that are full in a tree of `size` leaves: they are the same in
/// every larger one. Not in the order of the alphabet.
pub fn full_paths(size: u64) -> impl Iterator<Item = String> {
    let full = move |level: u8| size >> (u32::from(TILE_HEIGHT) * (u32::from(level) + 1));
    let tile = |level| move |index| TileId { level, index }.path(TILE_WIDTH as u16);
    let tiles = (0..7).flat_map(move |level| (0..full(level)).map(tile(level)));
    tiles.chain((0..full(0)).map(|index| entries_path(index, TILE_WIDTH as u16)))
}

/// The bytes of a tile's file: its hashes, one after the other.
pub fn tile_bytes(hashes: &[Digest]) -> Vec<u8> {
    hashes.concat()
}

/// Reads a tile's file. `None` unless it holds 1 to 256 whole hashes.
pub fn parse_tile(bytes: &[u8]) -> Option<Vec<Digest>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    let fits = rest.is_empty() && (1..=TILE_WIDTH).contains(&hashes.len());
    fits.then(|| hashes.to_vec())
}

/// Makes the tiles of all levels while leaves arrive, in constant memory: one open tile a level.
#[derive(Clone, Debug, Default)]
pub struct TileBuilder {
    levels: Vec<OpenTile>,
}

#[derive(Clone, Debug, Default)]
struct OpenTile {
    index: u64,
    hashes: Vec<Digest>,
}

impl TileBuilder {
    /// For an empty tree.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a leaf by its hash; hands every tile that it fills to `full`, lowest level first.
    ///
    /// # Errors
    /// Whatever `full` gives; the builder is then of no further use.
    pub fn push<E>(
        &mut self,
        leaf: Digest,
        full: &mut impl FnMut(TileId, &[Digest]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut hash = leaf;
        for level in 0.. {
            if self.levels.len() == level {
                self.levels.push(OpenTile::default());
            }
            let open = &mut self.levels[level];
            open.hashes.push(hash);
            if open.hashes.len() < TILE_WIDTH {
                break;
            }
            full(TileId { level: level as u8, index: open.index }, &open.hashes)?;
            hash = complete_root(&open.hashes).expect("a full tile has 2^8 hashes");
            open.index += 1;
            open.hashes.clear();
        }
        Ok(())
    }

    /// Hands the partial tiles on the right edge to `partial`, lowest level first. An empty tile is
    /// none (tlog-tiles: empty tiles do not exist).
    ///
    /// # Errors
    /// Whatever `partial` gives.
    pub fn finish<E>(
        &self,
        partial: &mut impl FnMut(TileId, &[Digest]) -> Result<(), E>,
    ) -> Result<(), E> {
        for (level, open) in self.levels.iter().enumerate().filter(|(_, o)| !o.hashes.is_empty()) {
            partial(TileId { level: level as u8, index: open.index }, &open.hashes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "tiles_tests.rs"]
mod tests;
