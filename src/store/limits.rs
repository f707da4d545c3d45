//! The store's own bounds, each with its reason (I7). Those that others see stand in
//! `domain::limits`.

/// What frames and segments are aligned to: the sector of today's disks, so that writing a frame
/// never touches a sector of one that was acknowledged before.
pub(super) const BLOCK_BYTES: usize = 4096;

/// Default size of a journal segment. Zero-filled in about 40 ms, read in about as much.
pub const SEGMENT_BYTES: u64 = 64 << 20;

/// The smallest segment: a header and a few frames. Only tests use it.
pub(super) const SEGMENT_MIN_BYTES: u64 = 16 << 10;

/// The largest segment: recovery holds one in memory.
pub(super) const SEGMENT_MAX_BYTES: u64 = 1 << 30;

/// Record and bodies of one frame. Above what `GROUP_BYTES` and `TX_BYTES_MAX` together allow.
pub(super) const FRAME_MAX_BYTES: u64 = 48 << 20;

/// What one transaction may stage in all: a dozen of the largest envelopes.
pub const TX_BYTES_MAX: usize = 16 << 20;

/// What one transaction may stage in rows: far above a few states, and with `GROUP_ROW_BYTES`
/// and the tiles below the 1 MiB that one batch of the index may have.
pub const TX_ROW_BYTES_MAX: usize = 256 << 10;

/// What a row counts beyond its key and value: nonce, tag, number of the table.
pub(super) const ROW_COST: usize = 64;

/// What a body counts beyond its bytes, so that many small ones have a limit too.
pub(super) const BODY_COST: usize = 256;

/// Entries of one transaction, so that a group touches a few dozen tiles at most.
pub const TX_ENTRIES_MAX: usize = 1024;

/// A group that has staged this much takes no more transactions.
pub(super) const GROUP_BYTES: usize = 8 << 20;

/// A group that has staged this much in rows takes no more transactions.
pub(super) const GROUP_ROW_BYTES: usize = 256 << 10;

/// A group with this many entries takes no more transactions.
pub(super) const GROUP_ENTRIES: usize = 4096;

/// What recovery gathers before it writes a batch to the index.
pub(super) const REPLAY_BATCH_BYTES: usize = 512 << 10;

/// Key of a row: a few ids.
pub const ROW_KEY_MAX_BYTES: usize = 256;

/// Value of a row. Whatever is larger is a body, and so is whatever must be erased some day.
pub const ROW_VALUE_MAX_BYTES: usize = 64 << 10;

/// One body: an envelope, with room for what a later suite may add.
pub const STORED_BODY_MAX_BYTES: usize = 1 << 20;

/// Rows that one scan gives at most.
pub const SCAN_MAX: usize = 4096;

/// Entries that one read gives at most: 4 MiB if all are as large as they may be.
pub const ENTRIES_MAX: usize = 1024;

/// Keys of bodies that are made at once: one fsync in a thousand bodies.
pub(super) const SLOT_BATCH: u64 = 1024;

/// When this few keys are left, the next batch is made in the background.
pub(super) const SLOTS_LOW: u64 = SLOT_BATCH / 2;

/// Disk that is kept free for opening the index again when all else is full: some of its segments.
pub(super) const RESERVE_BYTES: u64 = 32 << 20;

/// How long the index may take to open. Five million rows took 5.5 s on a small machine.
pub(super) const INDEX_OPEN_SECONDS: u64 = 300;

/// Indexes set aside that are kept: they are evidence of a fault, never data.
pub(super) const ASIDE_MAX: usize = 2;
