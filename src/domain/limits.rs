//! Every bound in one place, each with its reason (I7).

use super::time::DAY_MS;

/// Country, dot, designator. A DNS label has 63 bytes; the name stands in certificates and logs.
pub const AUTHORITY_ID_MAX_BYTES: usize = 48;

/// One audit entry. Far above what any event needs, and one disk page.
pub const ENTRY_MAX_BYTES: usize = 4096;

/// One part of a pouch: a message with its annexes and its proof, or a chunk.
pub const POUCH_PART_MAX_BYTES: usize = 2 << 20;

/// Messages and receipts in one pouch, and their bytes together: its reader holds them until it has seen
/// the end. Evidence is not counted, it goes to the vault.
pub const POUCH_ITEMS_MAX: usize = 1000;
/// See [`POUCH_ITEMS_MAX`].
pub const POUCH_HELD_MAX_BYTES: usize = 64 << 20;

/// Leaf hashes of one log in a pouch, 32 bytes each: what a peer may not have seen of it.
pub const POUCH_LEAVES_MAX: u64 = 1 << 20;

/// Pouches that are packed or unpacked at once: each holds what is in it beside the evidence.
pub const POUCHES: AtOnce = AtOnce { each: 1, all: 1 };

/// One body before sealing: the text of a request with long annexes. Files travel as evidence.
pub const BODY_MAX_BYTES: usize = 512 << 10;

/// One sealed and signed message: a body, its wrapped keys and signatures. Below the 1 MiB that
/// the control services decode, so that a frame always fits.
pub const ENVELOPE_MAX_BYTES: usize = 640 << 10;

/// Recipient keys in one envelope: the recipient's current and next, and our archive key.
pub const WRAPPED_KEYS_MAX: usize = 8;

/// Evidence packages that one message may carry.
pub const PACKAGES_PER_MESSAGE_MAX: usize = 16;

/// Sealed annexes beside one message: with the largest envelope they still fit one frame.
pub const ANNEXES_PER_MESSAGE_MAX: usize = 4;

/// One sealed annex: the padded text and its keys.
pub const ANNEX_SEALED_MAX_BYTES: usize = 64 << 10;

/// An annex before sealing, the length in front of it not counted: the particulars of the persons
/// of a request. Files travel as evidence.
pub const ANNEX_MAX_BYTES: usize = (32 << 10) - 4;

/// Officials who are named in one annex.
pub const ANNEX_OFFICIALS_MAX: usize = 8;

/// Persons in one annex.
pub const ANNEX_PERSONS_MAX: usize = 64;

/// Officials in one card: each key takes 1.6 KiB of the card's 64.
pub const OFFICIALS_PER_CARD_MAX: usize = 16;

/// Plaintext in one chunk: large enough that per-chunk costs vanish, small enough that a control
/// call on the same connection waits no more than a frame, and one gRPC message.
pub const CHUNK_BYTES: usize = 256 << 10;

/// What AES-256-GCM adds to a chunk.
pub const CHUNK_TAG_BYTES: usize = 16;

/// Chunks in one exhibit: the counter in the nonce has 32 bits (1 PiB at 256 KiB).
pub const CHUNKS_PER_EXHIBIT_MAX: u64 = u32::MAX as u64;

/// Exhibits in one package; the manifest is one more.
pub const EXHIBITS_PER_PACKAGE_MAX: usize = 100_000;

/// Custody records of one exhibit: whoever seized, copied, examined and kept it, for years.
pub const CUSTODY_RECORDS_MAX: usize = 64;

/// One text of a custody record: an office, a place, a paragraph of a law.
pub const CUSTODY_TEXT_MAX_BYTES: usize = 512;

/// The note of a custody record.
pub const CUSTODY_NOTE_MAX_BYTES: usize = 2048;

/// Seals that one custody record names.
pub const CUSTODY_SEALS_MAX: usize = 16;

/// Bytes of the id of a seal.
pub const CUSTODY_SEAL_MAX_BYTES: usize = 64;

/// All texts of the custody records of one exhibit: they travel in one line of the manifest, and in
/// the head of its upload.
pub const CUSTODY_MAX_BYTES: usize = 32 << 10;

/// A file of custody records: one for each of a hundred thousand exhibits.
pub const CUSTODY_FILE_MAX_BYTES: u64 = 64 << 20;

/// A package's manifest, sealed: a hundred thousand lines of 600 bytes. Its size is its sender's
/// choice; it is read a chunk at a time.
pub const MANIFEST_MAX_BYTES: u64 = 64 << 20;

/// One line of a manifest: a name of [`EXHIBIT_NAME_MAX_BYTES`] and custody records of
/// [`CUSTODY_MAX_BYTES`] whose every byte is escaped, and room for the rest.
pub const MANIFEST_LINE_MAX_BYTES: usize = 256 << 10;

/// Lines of a manifest in one page of exhibits, unless it is a single one: with room to spare in what
/// any gRPC client takes.
pub const EXHIBIT_PAGE_MAX_BYTES: usize = 1 << 20;

/// Bytes of one exhibit's original name, and of its media type.
pub const EXHIBIT_NAME_MAX_BYTES: usize = 1024;

/// A checkpoint with its signature lines. C2SP signed-note has every verifier take sixteen, and the
/// longest that exist (ML-DSA-87, 4627 bytes, under names of 255) are 6.3 KiB each in base64.
pub const CHECKPOINT_MAX_BYTES: usize = 112 << 10;

/// A receipt: a checkpoint, 64 hashes in base64, an entry. With an envelope it fits a frame.
pub const PROOF_TEXT_MAX_BYTES: usize = 128 << 10;

/// What a witness is asked: a checkpoint, an old size, 63 hashes in base64.
pub const WITNESS_REQUEST_MAX_BYTES: usize = CHECKPOINT_MAX_BYTES + (4 << 10);

/// What a witness answers: a few lines, for one with keys of several kinds.
pub const WITNESS_RESPONSE_MAX_BYTES: usize = 32 << 10;

/// Evidence of equivocation: two checkpoints, two paths, an entry.
pub const EVIDENCE_MAX_BYTES: usize = 2 * CHECKPOINT_MAX_BYTES + (16 << 10);

/// A policy of witnesses: a hundred ML-DSA-44 keys, of 1.8 KiB in base64 each, and groups of them.
pub const POLICY_MAX_BYTES: usize = 256 << 10;

/// Entries in one group commit: more gains nothing measurable and lengthens the wait of the first.
pub const GROUP_COMMIT_MAX: usize = 256;

/// Commits that may wait for the writer; the next one is told to come back later.
pub const COMMIT_QUEUE_MAX: usize = 4096;

/// How far a peer's clock may be ahead of ours before its messages are refused, in milliseconds:
/// what machines without a time service drift apart in months.
pub const CLOCK_AHEAD_MAX_MS: i64 = 5 * 60 * 1000;

/// How far our own clock may be ahead of all peers' before nothing is erased by it, in
/// milliseconds. Content is kept for days: less makes no difference, and what a wrong clock erases
/// does not come back.
pub const ERASING_CLOCK_AHEAD_MAX_MS: i64 = DAY_MS;

/// Default delivery window: after it the outcome is unknown, never "rejected". 30 days.
pub const DELIVERY_WINDOW_DEFAULT_MS: i64 = 30 * DAY_MS;

/// The longest delivery window that a sender may set, and so the longest that replays can be
/// fresh. 400 days.
pub const DELIVERY_WINDOW_MAX_MS: i64 = 400 * DAY_MS;

/// One card, signed, as text.
pub const CARD_MAX_BYTES: usize = 64 << 10;

/// Findings of one check that are told or kept: nobody mends more at once, and lists of lists could
/// have ten thousand.
pub const FINDINGS_MAX: usize = 256;

/// Rows in one page of a list (AIP-158).
pub const PAGE_SIZE_MAX: usize = 1000;

/// Rows in one page where the client does not say.
pub const PAGE_SIZE_DEFAULT: usize = 50;

/// Packages of one peer that are announced, or here without a message that carries them: those of
/// a few messages.
pub const UNCLAIMED_PER_PEER_MAX: usize = 4 * PACKAGES_PER_MESSAGE_MAX;

/// Calls of one caller that are being taken at once, and of all on one listener: a request that
/// never comes to its end may hold the megabyte that a message may have.
pub const CALLS: AtOnce = AtOnce { each: 256, all: 2048 };

/// Uploads at once: each may have 4 MiB of parts in memory, and its manifest. A desk has one or two;
/// a system that serves many desks under one certificate, a few more.
pub const UPLOADS: AtOnce = AtOnce { each: 8, all: 32 };

/// Uploads of one agency that were cut off, or that it has not sent yet.
pub const UNFINISHED_UPLOADS_MAX: usize = 64;

/// Downloads at once: each may have 2 MiB in memory, and two files open.
pub const DOWNLOADS: AtOnce = AtOnce { each: 16, all: 64 };

/// Pages of exhibits that are read at once: each decrypts a few chunks.
pub const EXHIBIT_LISTS: AtOnce = AtOnce { each: 4, all: 16 };

/// Lists of statements of law that are read at once: each opens up to a thousand messages.
pub const STATEMENT_LISTS: AtOnce = AtOnce { each: 2, all: 8 };

/// Statistics that are counted at once: each opens the requests of a period.
pub const STATISTICS: AtOnce = AtOnce { each: 1, all: 4 };

/// Contents that are checked at once, without being sent: each may have a MiB, and takes milliseconds. A
/// system that serves many desks checks for some of them at once.
pub const CHECKS: AtOnce = AtOnce { each: 8, all: 32 };

/// The smallest count of requests that leaves an authority in its statistics: of fewer, each is easily
/// told who it was. Five is what statistical offices commonly take where persons stand behind a count.
pub const SMALLEST_CELL: u32 = 5;

/// Lines of a statistics return: both ways, with all the words of nine tables and four hundred peers,
/// and in a body that can be sealed.
pub const RETURN_LINES_MAX: usize = 1_000;

/// Watchers of the inbox: each reads it again whenever something comes.
pub const INBOX_WATCHES: AtOnce = AtOnce { each: 64, all: 1024 };

/// Exports of the log at once: the only calls that hold a thread while they last, and they read
/// the whole log.
pub const EXPORTS: AtOnce = AtOnce { each: 2, all: 4 };

/// Checks of the whole state against the log at once: each holds a thread and the state that the log leads
/// to, some hundred bytes a message.
pub const STATE_CHECKS: AtOnce = AtOnce { each: 1, all: 2 };

/// Bytes in which a caller says which files of an export it has: eight for each of as many as a
/// manifest has room for.
pub const EXPORT_HELD_MAX_BYTES: usize = 8 << 20;

/// Offers of packages at once: each may verify again what an earlier push has left on the disk.
pub const OFFERS: AtOnce = AtOnce { each: 4, all: 32 };

/// Pushes of packages at once. An honest peer pushes one after the other, and may have one that it
/// gave up still open.
pub const PUSHES: AtOnce = AtOnce { each: 4, all: 32 };

/// Pieces that a chunk is divided into where several streams carry it: at 256 kbit/s a piece takes a
/// second, and no more than that of each stream is lost with a link.
pub const PIECES_PER_CHUNK: usize = 8;

/// Chunks that may have come before the first one that is missing: 16 MiB, which is 268 Mbit/s at round
/// trips of 500 ms.
pub const WINDOW_CHUNKS: usize = 64;

/// Streams of one push at once.
pub const STREAMS_PER_PUSH_MAX: usize = 8;

/// Streams of pushes at once: those of one push, and those of one that its peer gave up and that are
/// still open.
pub const PUSH_STREAMS: AtOnce = AtOnce { each: 2 * STREAMS_PER_PUSH_MAX, all: 128 };

/// Windows of [`WINDOW_CHUNKS`] in memory: 16 MiB of one peer, 256 MiB in all. A peer that finds none
/// pushes over one stream, in order.
pub const WINDOWS: AtOnce = AtOnce { each: 1, all: 16 };

/// Receipts that a peer asks for at their best level at once: each is a few reads of the log. A
/// node asks once for each agency that wants one.
pub const RECEIPTS: AtOnce = AtOnce { each: 16, all: 64 };

/// Pages of our log that peers read at once. An honest peer reads one after the other.
pub const ENTRY_PAGES: AtOnce = AtOnce { each: 2, all: 8 };

/// Connections of one peer: its relay stream, offers and the streams of a push, and the same again
/// while it comes back over another line.
pub const PEER_CONNECTIONS: AtOnce = AtOnce { each: 24, all: 2048 };

/// Connections of one agency: the programs of a building that share a certificate.
pub const AGENCY_CONNECTIONS: AtOnce = AtOnce { each: 64, all: 2048 };

/// Callers of one address (of an IPv6 /64) that have not shaken hands yet, and all of them: a
/// handshake takes a few round trips, so only who says nothing is ever in the way of the next.
pub const HANDSHAKES: AtOnce = AtOnce { each: 64, all: 512 };

/// Connections to the witness, of one address and in all: each is there for seconds, with a request
/// of [`WITNESS_REQUEST_MAX_BYTES`] at most. A proxy in front is one address for all behind it.
pub const WITNESS_CALLERS: AtOnce = AtOnce { each: 64, all: 256 };

/// How many of a thing there may be at once: of one caller, and in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AtOnce {
    /// Of one caller.
    pub each: usize,
    /// Of all callers.
    pub all: usize,
}
