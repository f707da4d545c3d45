//! The files of an export, each held to the digest that the manifest lists.

use std::collections::{BTreeMap, BTreeSet};

use super::VerifyFailure;
use crate::audit::export::is_extra;
use crate::audit::manifest::MANIFEST_PATH;
use crate::audit::merkle::NodeId;
use crate::audit::tiles::{TileId, node_from_tile, node_in_tile, parse_tile, width_at};
use crate::crypto::{Digest, sha256};

pub(super) type Read<'a> = dyn FnMut(&str) -> Result<Vec<u8>, VerifyFailure> + 'a;

pub(super) struct Files<'a> {
    read: &'a mut Read<'a>,
    listed: BTreeMap<String, Digest>,
    unread: BTreeSet<String>,
}

impl<'a> Files<'a> {
    /// Holds what is there against what is listed.
    pub(super) fn new(
        read: &'a mut Read<'a>,
        listed: BTreeMap<String, Digest>,
        present: &[String],
    ) -> Result<Self, VerifyFailure> {
        let present: BTreeSet<&str> = present.iter().map(String::as_str).collect();
        if let Some(path) = listed.keys().find(|path| !present.contains(path.as_str())) {
            return Err(VerifyFailure::Missing { path: path.clone() });
        }
        let known = |path: &str| path == MANIFEST_PATH || listed.contains_key(path);
        if let Some(path) = present.iter().find(|path| !known(path)) {
            return Err(VerifyFailure::Unlisted { path: (*path).to_owned() });
        }
        let unread = listed.keys().cloned().collect();
        Ok(Self { read, listed, unread })
    }

    /// The bytes of a file, and whether they are the listed ones.
    pub(super) fn raw(&mut self, path: &str) -> Result<(Vec<u8>, bool), VerifyFailure> {
        let missing = || VerifyFailure::Missing { path: path.to_owned() };
        let digest = *self.listed.get(path).ok_or_else(missing)?;
        let bytes = (self.read)(path)?;
        self.unread.remove(path);
        let same = sha256(&bytes) == digest;
        Ok((bytes, same))
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
        match self.unread.iter().find(|path| !is_extra(path)) {
            Some(path) => Err(VerifyFailure::Unexpected { path: path.clone() }),
            None => Ok(self.unread.iter().cloned().collect()),
        }
    }
}
