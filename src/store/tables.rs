//! The tables of rows, how a row's key stands in the index, and how its value is encrypted.

use std::collections::BTreeMap;

use super::StoreFault;
use crate::audit::Position;
use crate::audit::tiles::TileId;
use crate::crypto::HomeKey;
use crate::crypto::primitives::AeadKey;

/// A table of rows that the node's other parts keep. Numbers are on disk: a new table gets a new
/// one, and none is given twice.
///
/// Keys are in clear, so callers blind names ([`HomeKey::blind`]); values are encrypted (I6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// Messages, sent or received. Key: message id.
    Messages = 0x10,
    /// What is to be relayed. Key: blinded peer, then message id and event.
    Outbox = 0x11,
    /// What agencies are to fetch. Key: blinded agency, position.
    Inbox = 0x12,
    /// Whose a case is that is known here. Key: case id.
    Cases = 0x13,
    /// Messages by time. Key: milliseconds, message id.
    Timeline = 0x14,
    /// Evidence packages. Key: package id.
    Packages = 0x15,
    /// Peers and their cards. Key: blinded authority id.
    Peers = 0x16,
    /// The largest checkpoint of each other log. Key: blinded origin.
    Heads = 0x17,
    /// Cosignatures gathered for our own checkpoints. Key: position of the log's end.
    Cosignatures = 0x18,
    /// Agencies. Key: blinded name.
    Agencies = 0x19,
    /// Mutating requests that were answered. Key: blinded agency and `request_id`.
    Requests = 0x1a,
    /// Refusals that were logged. Key: blinded peer and digest of what it sent, or blinded agency,
    /// `request_id` and digest of what it submitted.
    Refusals = 0x1b,
    /// Receipts that are kept apart from their message. Key: message id, event.
    Receipts = 0x1c,
    /// Deadlines and other things to be done at a time. Key: one byte that says what, milliseconds,
    /// id.
    Schedule = 0x1d,
    /// Settings and single values. Key: a word.
    Settings = 0x1e,
    /// Counters, of which [`Tx::counter`](super::Tx::counter) gives the next value. Key: blinded
    /// name.
    Counters = 0x1f,
    /// Messages that were accepted and are still to be opened. Key: message id.
    Unopened = 0x20,
    /// Evidence against logs that signed two pasts. Key: SHA-256 of the evidence file.
    Evidence = 0x21,
    /// Messages that must not be erased. Key: message id.
    Holds = 0x22,
    /// Checkpoints of others that were shown by a third party and are not yet proved to belong to
    /// what is held. Key: blinded origin, size.
    Rumours = 0x23,
    /// Who was given which content on which day, so that it is logged once. Key: day, blinded
    /// agency, message id and package id.
    Access = 0x24,
    /// Packages whose chunks are to be removed. Key: name in the vault.
    Removals = 0x25,
    /// Where each entry about a peer stands in the log. Key: blinded peer, its number among the
    /// entries with that peer.
    Numbers = 0x26,
    /// What is reconciled with each peer, and how far. Key: blinded authority id.
    Reconciled = 0x27,
    /// Messages of which a peer and this node have not said all yet. Key: blinded authority id,
    /// message id.
    Unsettled = 0x28,
    /// Where each request stands. Key: id of the message that carries it.
    Standings = 0x29,
    /// Messages that wait for the approval of a second official. Key: message id.
    Drafts = 0x2a,
    /// What cards have said, and from when. Key: blinded authority id, position of the entry.
    Cards = 0x2b,
    /// Messages in which an authority says something of its law. Key: blinded authority id, message id.
    Framework = 0x2c,
    /// The messages of each case, and who has a part in it. Key: case id, a zero byte, one byte that says
    /// which of them, message id or blinded authority id.
    CaseMessages = 0x2d,
    /// The cases of each agency. Key: blinded agency, case id.
    AgencyCases = 0x2e,
    /// Which message a sealed annex goes with, so that it goes with no other. Key: annex id.
    Annexes = 0x2f,
    /// The messages of each case by who sent them to whom. Key: case id, a zero byte, one byte that says
    /// which of them, one byte for the direction, blinded authority id of the peer, message id.
    CaseSides = 0x30,
    /// Uploads that can be gone on with. Key: blinded agency, blinded upload id.
    Uploads = 0x31,
}

impl Table {
    /// All of them, by number.
    pub const ALL: [Table; 34] = [
        Table::Messages,
        Table::Outbox,
        Table::Inbox,
        Table::Cases,
        Table::Timeline,
        Table::Packages,
        Table::Peers,
        Table::Heads,
        Table::Cosignatures,
        Table::Agencies,
        Table::Requests,
        Table::Refusals,
        Table::Receipts,
        Table::Schedule,
        Table::Settings,
        Table::Counters,
        Table::Unopened,
        Table::Evidence,
        Table::Holds,
        Table::Rumours,
        Table::Access,
        Table::Removals,
        Table::Numbers,
        Table::Reconciled,
        Table::Unsettled,
        Table::Standings,
        Table::Drafts,
        Table::Cards,
        Table::Framework,
        Table::CaseMessages,
        Table::AgencyCases,
        Table::Annexes,
        Table::CaseSides,
        Table::Uploads,
    ];

    pub(super) fn number(self) -> u8 {
        self as u8
    }

    pub(super) fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|table| u32::from(table.number()) == number)
    }

    /// A row's key in the index: the table's number, then the key.
    pub(super) fn key(self, key: &[u8]) -> Vec<u8> {
        keyed(self.number(), key)
    }
}

/// What the index knows of the journal, in clear: positions and hashes. Numbers below those of
/// [`Table`].
pub(super) mod meta {
    /// One row: how far the journal is applied.
    pub(in super::super) const APPLIED: u8 = 0x00;
    /// Position of a frame's first entry, big-endian: where the frame is.
    pub(in super::super) const FRAMES: u8 = 0x01;
    /// First slot of a frame's bodies, big-endian: where they are.
    pub(in super::super) const BODIES: u8 = 0x02;
    /// Level, index: the hashes of a tile.
    pub(in super::super) const TILES: u8 = 0x03;
    /// Slot, big-endian: the body was erased.
    pub(in super::super) const ERASED: u8 = 0x04;
    /// Number of a log, big-endian: how it ended.
    pub(in super::super) const SEALED: u8 = 0x05;
}

/// The key of an internal row.
pub(super) fn keyed(prefix: u8, key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + key.len());
    out.push(prefix);
    out.extend_from_slice(key);
    out
}

/// The key of a row by number; big-endian, so that keys sort as numbers do.
pub(super) fn numbered(prefix: u8, number: u64) -> Vec<u8> {
    keyed(prefix, &number.to_be_bytes())
}

/// The key of a tile; in the first log its index, in later ones a position.
pub(super) fn tile_key(log: u32, tile: TileId) -> Vec<u8> {
    let mut key = vec![meta::TILES, tile.level];
    key.extend_from_slice(&Position::new(log, tile.index).number().to_be_bytes());
    key
}

/// Where a frame or a body stands in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) segment: u64,
    pub(super) offset: u64,
    pub(super) bytes: u32,
}

impl Place {
    pub(super) fn encode(self) -> Vec<u8> {
        let mut out = self.segment.to_be_bytes().to_vec();
        out.extend_from_slice(&self.offset.to_be_bytes());
        out.extend_from_slice(&self.bytes.to_be_bytes());
        out
    }

    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (segment, rest) = bytes.split_first_chunk::<8>()?;
        let (offset, rest) = rest.split_first_chunk::<8>()?;
        Some(Self {
            segment: u64::from_be_bytes(*segment),
            offset: u64::from_be_bytes(*offset),
            bytes: u32::from_be_bytes(rest.try_into().ok()?),
        })
    }
}

/// Where the bodies of a frame stand: one behind the other, in the order of their slots.
pub(super) struct Bodies<'a> {
    pub(super) segment: u64,
    pub(super) start: u64,
    pub(super) bytes: &'a [u32],
}

impl Bodies<'_> {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = self.segment.to_be_bytes().to_vec();
        out.extend_from_slice(&self.start.to_be_bytes());
        self.bytes.iter().for_each(|bytes| out.extend_from_slice(&bytes.to_be_bytes()));
        out
    }

    /// The place of the `nth` of them; `None` where there are fewer.
    pub(super) fn place(row: &[u8], nth: u64) -> Option<Place> {
        let (segment, rest) = row.split_first_chunk::<8>()?;
        let (start, rest) = rest.split_first_chunk::<8>()?;
        let (lengths, _) = rest.as_chunks::<4>();
        let nth = usize::try_from(nth).ok()?;
        let before = lengths.get(..nth)?.iter();
        let before: u64 = before.map(|bytes| u64::from(u32::from_be_bytes(*bytes))).sum();
        Some(Place {
            segment: u64::from_be_bytes(*segment),
            offset: u64::from_be_bytes(*start).checked_add(before)?,
            bytes: u32::from_be_bytes(*lengths.get(nth)?),
        })
    }
}

/// Encrypts the values of rows: one key a table, a random nonce, and the row's place as associated
/// data, so that no value can be moved to another row (I6).
pub(super) struct RowCodec {
    keys: BTreeMap<Table, AeadKey>,
}

impl RowCodec {
    pub(super) fn new(home: &HomeKey) -> Self {
        let key = |table: Table| home.aead(&format!("store/rows/{:02x}", table.number()));
        Self { keys: Table::ALL.into_iter().map(|table| (table, key(table))).collect() }
    }

    /// `nonce || ciphertext || tag`.
    pub(super) fn seal(&self, table: Table, key: &[u8], value: &[u8]) -> Vec<u8> {
        self.keys[&table].seal_random(&table.key(key), value)
    }

    pub(super) fn open(
        &self,
        table: Table,
        key: &[u8],
        sealed: &[u8],
    ) -> Result<Vec<u8>, StoreFault> {
        let opened = self.keys[&table].open_random(&table.key(key), sealed);
        opened.map(|value| value.to_vec()).map_err(|_| StoreFault::Row(table))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_opens_only_in_its_own_row_and_home() {
        let home = HomeKey::generate();
        let codec = RowCodec::new(&home);
        let sealed = codec.seal(Table::Messages, b"k", b"value");
        assert_eq!(codec.open(Table::Messages, b"k", &sealed).expect("opens"), b"value");
        assert!(codec.open(Table::Messages, b"l", &sealed).is_err(), "another key");
        assert!(codec.open(Table::Outbox, b"k", &sealed).is_err(), "another table");
        let other = RowCodec::new(&HomeKey::generate());
        assert!(other.open(Table::Messages, b"k", &sealed).is_err(), "another home");
        assert_ne!(sealed, codec.seal(Table::Messages, b"k", b"value"), "nonces differ");
    }

    #[test]
    fn numbers_of_tables_are_unique_and_known() {
        for (at, table) in Table::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(table.number()), 0x10 + at);
            assert_eq!(Table::from_number(u32::from(table.number())), Some(table));
        }
        assert_eq!(Table::from_number(0x04), None, "internal rows are no table");
    }

    #[test]
    fn places_round_trip() {
        let place = Place { segment: 3, offset: 4096, bytes: 77 };
        assert_eq!(Place::decode(&place.encode()), Some(place));
        assert_eq!(Place::decode(&place.encode()[1..]), None);
        let row = Bodies { segment: 3, start: 100, bytes: &[10, 0, 30] }.encode();
        let at = |nth, offset, bytes| {
            assert_eq!(Bodies::place(&row, nth), Some(Place { segment: 3, offset, bytes }));
        };
        at(0, 100, 10);
        at(1, 110, 0);
        at(2, 110, 30);
        assert_eq!(Bodies::place(&row, 3), None);
    }
}
