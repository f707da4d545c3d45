//! The files of an export, each held to the digest that the manifest lists.

use std::collections::BTreeMap;

use super::VerifyFailure;
use crate::audit::bundle::entries_of;
use crate::audit::entry::Entry;
use crate::audit::export::{RECEIPTS, is_extra};
use crate::audit::manifest::MANIFEST_PATH;
use crate::audit::merkle::NodeId;
use crate::audit::tiles::{
    TILE_WIDTH, TileId, entries_path, node_from_tile, node_in_tile, parse_tile, width_at,
};
use crate::crypto::{Digest, sha256};

pub(super) type Read<'a> = dyn FnMut(&str) -> Result<Vec<u8>, VerifyFailure> + 'a;

pub(super) struct Files<'a> {
    read: &'a mut Read<'a>,
    /// Sorted by path.
    listed: Vec<Listed>,
    /// The bundle that was read last for a single entry: receipts of neighbouring entries follow
    /// each other.
    bundle: Option<(u64, Vec<u8>)>,
}

struct Listed {
    path: Box<str>,
    digest: Digest,
    read: bool,
}

impl<'a> Files<'a> {
    /// Holds what is there against what is listed.
    pub(super) fn new(
        read: &'a mut Read<'a>,
        listed: BTreeMap<String, Digest>,
        present: &[String],
    ) -> Result<Self, VerifyFailure> {
        let mut present: Vec<&str> = present.iter().map(String::as_str).collect();
        present.sort_unstable();
        if let Some(path) =
            listed.keys().find(|path| present.binary_search(&path.as_str()).is_err())
        {
            return Err(VerifyFailure::Missing { path: path.clone() });
        }
        let known = |path: &str| path == MANIFEST_PATH || listed.contains_key(path);
        if let Some(path) = present.into_iter().find(|path| !known(path)) {
            return Err(VerifyFailure::Unlisted { path: path.to_owned() });
        }
        let listed = listed.into_iter();
        let listed = listed.map(|(path, digest)| Listed { path: path.into(), digest, read: false });
        Ok(Self { read, listed: listed.collect(), bundle: None })
    }

    /// What the manifest lists.
    pub(super) fn listed(&self) -> impl Iterator<Item = (&str, Digest)> {
        self.listed.iter().map(|file| (&*file.path, file.digest))
    }

    /// The digests of the receipts.
    pub(super) fn receipts(&self) -> Vec<Digest> {
        let receipts = self.listed.iter().filter(|file| file.path.starts_with(RECEIPTS));
        receipts.map(|file| file.digest).collect()
    }

    /// The bytes of a file, and whether they are the listed ones.
    pub(super) fn raw(&mut self, path: &str) -> Result<(Vec<u8>, bool), VerifyFailure> {
        let missing = |_| VerifyFailure::Missing { path: path.to_owned() };
        let at = self.listed.binary_search_by(|file| (*file.path).cmp(path)).map_err(missing)?;
        let bytes = (self.read)(path)?;
        let file = &mut self.listed[at];
        file.read = true;
        let same = sha256(&bytes) == file.digest;
        Ok((bytes, same))
    }

    /// An entry of the log of `size` entries, from its bundle.
    pub(super) fn entry(&mut self, index: u64, size: u64) -> Result<Entry, VerifyFailure> {
        let number = index / TILE_WIDTH as u64;
        let first = number * TILE_WIDTH as u64;
        let expected = (size - first).min(TILE_WIDTH as u64) as usize;
        let path = entries_path(number, expected as u16);
        if self.bundle.as_ref().is_none_or(|(known, _)| *known != number) {
            self.bundle = Some((number, self.sound(&path)?));
        }
        let bytes = self.bundle.as_ref().map(|(_, bytes)| bytes.as_slice()).unwrap_or_default();
        let entry = entries_of(bytes).nth((index - first) as usize).and_then(Result::ok);
        let lost = VerifyFailure::Bundle { path, expected, entry: index };
        super::parse_entry(index, entry.ok_or(lost)?)
    }

    /// The bytes of a file, which are the listed ones.
    pub(super) fn sound(&mut self, path: &str) -> Result<Vec<u8>, VerifyFailure> {
        match self.raw(path)? {
            (bytes, true) => Ok(bytes),
            _ => Err(VerifyFailure::Altered { path: path.to_owned(), entry: None }),
        }
    }

    /// The hashes of a tile in a tree of `size` leaves.
    pub(super) fn tile(&mut self, tile: TileId, size: u64) -> Result<Vec<Digest>, VerifyFailure> {
        let path = tile.path(width_at(tile, size));
        parse_tile(&self.sound(&path)?).ok_or(VerifyFailure::Tile { path, entry: None })
    }

    /// A node of the tree of `size` leaves, from its tile.
    pub(super) fn node(&mut self, node: NodeId, size: u64) -> Result<Digest, VerifyFailure> {
        let (tile, ..) = node_from_tile(node);
        let hashes = self.tile(tile, size)?;
        node_in_tile(node, &hashes).ok_or_else(|| VerifyFailure::Tile {
            path: tile.path(width_at(tile, size)),
            entry: None,
        })
    }

    /// What is left when the log has been read: cards, receipts, the policy, and nothing else.
    pub(super) fn extras(&self) -> Result<Vec<String>, VerifyFailure> {
        let unread = || self.listed.iter().filter(|file| !file.read).map(|file| &*file.path);
        match unread().find(|path| !is_extra(path)) {
            Some(path) => Err(VerifyFailure::Unexpected { path: path.to_owned() }),
            None => Ok(unread().map(str::to_owned).collect()),
        }
    }
}
