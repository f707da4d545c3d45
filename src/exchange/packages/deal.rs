//! Which stream of a push carries which piece.
//!
//! Pieces are dealt in their order to whatever stream has room, never beyond the receiver's window;
//! those of a stream that broke are dealt again, and no others.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tokio::time::Instant;

use super::window::{PIECE_BYTES, SEALED_BYTES, all_pieces};
use crate::domain::limits::{PIECES_PER_CHUNK, WINDOW_CHUNKS};

/// A stream may have so much on its way at first.
const FLIGHT_FIRST_BYTES: usize = 4 * PIECE_BYTES;
/// What goes over a stream is counted over a round trip, and over this at least.
const COUNTED_OVER: Duration = Duration::from_millis(200);
/// So much longer than two round trips what is on its way may last.
const AHEAD: Duration = Duration::from_millis(500);
/// A chunk goes as a whole where its answer comes within this: nothing is lost by it then, and fewer
/// frames are.
const AT_ONCE: Duration = Duration::from_millis(50);

/// Pieces of one chunk that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) number: u64,
    pub(super) first: usize,
    pub(super) count: usize,
}

/// Something that is on its way.
struct Flying {
    batch: Option<Batch>,
    bytes: usize,
    sent: Instant,
}

/// One stream.
struct Line {
    flying: VecDeque<Flying>,
    /// Bytes of what is flying.
    bytes: usize,
    /// How many it may be.
    room: usize,
    round_trip: Duration,
    /// How long the last answer took.
    last: Option<Duration>,
    /// What was answered since then.
    counted: usize,
    since: Instant,
    /// Parts that the receiver said it took.
    taken: u64,
}

/// What became of a stream that is gone.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Gone {
    /// More than its start was taken.
    pub(super) was_of_use: bool,
    /// A part of the list was on it.
    pub(super) lost_list: bool,
    /// Parts that were taken of all streams so far.
    pub(super) answers: u64,
}

/// How long a sealed chunk is.
pub(super) trait Lengths {
    /// Of the chunk of this number.
    fn length(&self, number: u64) -> usize;
}

/// The state of a deal.
pub(super) struct Deal {
    end: u64,
    /// The first chunk that the receiver lacks, as it said last.
    base: u64,
    /// What is dealt next that was never dealt before.
    next: (u64, usize),
    /// Pieces that the receiver had before, of each chunk from `held_from` on.
    held: Vec<u8>,
    held_from: u64,
    again: BTreeSet<(u64, usize)>,
    answers: u64,
    lines: BTreeMap<usize, Line>,
}

impl Deal {
    /// Of a package of so many chunks, from what the receiver said that it has.
    pub(super) fn new(end: u64, base: u64, held: Vec<u8>) -> Self {
        let (again, answers, lines) = Default::default();
        Self { end, base, next: (base, 0), held, held_from: base, again, answers, lines }
    }

    /// A stream begins.
    pub(super) fn opened(&mut self, line: usize, round_trip: Duration, now: Instant) {
        let line_of = Line {
            flying: VecDeque::new(),
            bytes: 0,
            room: FLIGHT_FIRST_BYTES,
            round_trip,
            last: None,
            counted: 0,
            since: now,
            taken: 0,
        };
        self.lines.insert(line, line_of);
    }

    /// A stream is gone: what it had not brought is dealt again.
    pub(super) fn gone(&mut self, line: usize) -> Gone {
        let answers = self.answers;
        let Some(line) = self.lines.remove(&line) else {
            return Gone { answers, ..Gone::default() };
        };
        let is_list = |flying: &Flying| flying.batch.is_none() && flying.bytes > 0;
        let lost_list = line.flying.iter().any(is_list);
        let gone = Gone { was_of_use: line.taken > 1, lost_list, answers };
        let batches = line.flying.into_iter().filter_map(|flying| flying.batch);
        for Batch { number, first, count } in batches.filter(|batch| batch.number >= self.base) {
            self.again.extend((first..first + count).map(|piece| (number, piece)));
        }
        gone
    }

    /// Something else than pieces goes over a stream.
    pub(super) fn sends(&mut self, line: usize, bytes: usize, now: Instant) {
        self.flies(line, None, bytes, now);
    }

    /// Whether a stream has room for more.
    pub(super) fn has_room(&self, line: usize) -> bool {
        self.lines.get(&line).is_some_and(|line| line.bytes < line.room)
    }

    /// What a stream carries next; `None` where there is nothing now, or it has no room.
    pub(super) fn take(
        &mut self,
        line: usize,
        lengths: &impl Lengths,
        now: Instant,
    ) -> Option<Batch> {
        if !self.has_room(line) {
            return None;
        }
        let within = self.base.saturating_add(WINDOW_CHUNKS as u64).min(self.end);
        let batch = match self.again.first().filter(|(number, _)| *number < within) {
            Some(piece) => {
                let (number, first) = *piece;
                self.again.pop_first();
                Batch { number, first, count: 1 }
            }
            None => self.never_dealt(line, within, lengths)?,
        };
        let Batch { number, first, count } = batch;
        let end = ((first + count) * PIECE_BYTES).min(lengths.length(number));
        self.flies(line, Some(batch), end - first * PIECE_BYTES, now);
        Some(batch)
    }

    fn never_dealt(&mut self, line: usize, within: u64, lengths: &impl Lengths) -> Option<Batch> {
        loop {
            let (number, first) = self.next;
            if number >= within {
                return None;
            }
            let all = all_pieces(lengths.length(number));
            let missing = all & !self.held_of(number);
            if missing >> first == 0 {
                self.next = (number + 1, 0);
                continue;
            }
            let first = first + (missing >> first).trailing_zeros() as usize;
            let whole = first == 0 && missing == all && self.is_quick(line);
            let count = if whole { all.count_ones() as usize } else { 1 };
            let next = first + count;
            self.next = if next < PIECES_PER_CHUNK { (number, next) } else { (number + 1, 0) };
            return Some(Batch { number, first, count });
        }
    }

    fn held_of(&self, number: u64) -> u8 {
        let at = number.checked_sub(self.held_from).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.held.get(at)).copied().unwrap_or(0)
    }

    /// Whether whole chunks are answered as quickly as single pieces need not be.
    fn is_quick(&self, line: usize) -> bool {
        let last = self.lines.get(&line).and_then(|line| line.last);
        last.is_some_and(|last| last < AT_ONCE)
    }

    fn flies(&mut self, line: usize, batch: Option<Batch>, bytes: usize, sent: Instant) {
        if let Some(line) = self.lines.get_mut(&line) {
            line.bytes += bytes;
            line.flying.push_back(Flying { batch, bytes, sent });
        }
    }

    /// The receiver has taken so many parts of a stream, and has so many chunks in order.
    pub(super) fn told(&mut self, line: usize, taken: u64, chunks: u64, now: Instant) {
        if chunks > self.base {
            self.base = chunks.min(self.end);
            self.again = self.again.split_off(&(self.base, 0));
        }
        let Some(line) = self.lines.get_mut(&line) else { return };
        while line.taken < taken {
            line.taken += 1;
            let Some(flying) = line.flying.pop_front() else { break };
            self.answers += u64::from(flying.batch.is_some());
            line.bytes -= flying.bytes;
            line.counted += flying.bytes;
            line.last = Some(now.saturating_duration_since(flying.sent));
        }
        line.measure(now);
    }

    /// Whether something that was sent over a stream has not been answered.
    pub(super) fn waits(&self, line: usize) -> bool {
        self.lines.get(&line).is_some_and(|line| !line.flying.is_empty())
    }
}

impl Line {
    /// As much may be on its way as keeps the link busy, and little more: what waits in line on a
    /// stream that stalls is what the others cannot carry. Twice what went within a round trip, so it
    /// doubles with each while there is more to be had.
    fn measure(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since);
        if self.counted == 0 || passed < self.round_trip.max(COUNTED_OVER) {
            return;
        }
        let lasts = (2 * self.round_trip + AHEAD).as_secs_f64();
        let room = self.counted as f64 * lasts / passed.as_secs_f64();
        self.room = (room as usize).clamp(PIECE_BYTES, WINDOW_CHUNKS * SEALED_BYTES);
        (self.counted, self.since) = (0, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RTT: Duration = Duration::from_millis(100);

    /// All chunks whole but the last.
    struct Whole(u64);

    impl Lengths for Whole {
        fn length(&self, number: u64) -> usize {
            if number + 1 == self.0 { PIECE_BYTES + 5 } else { SEALED_BYTES }
        }
    }

    fn all_of(deal: &mut Deal, line: usize, of: &Whole, now: Instant) -> Vec<(u64, usize)> {
        let mut dealt = Vec::new();
        while let Some(batch) = deal.take(line, of, now) {
            dealt.extend((0..batch.count).map(|n| (batch.number, batch.first + n)));
        }
        dealt
    }

    /// Answers everything that flies, soon.
    fn answer(deal: &mut Deal, line: usize, chunks: u64, now: Instant) {
        let taken = deal.lines[&line].taken + deal.lines[&line].flying.len() as u64;
        deal.told(line, taken, chunks, now + Duration::from_millis(200));
    }

    #[tokio::test]
    async fn every_piece_is_dealt_once_and_in_order() {
        let (mut deal, of, now) = (Deal::new(3, 0, Vec::new()), Whole(3), Instant::now());
        deal.opened(0, RTT, now);
        deal.opened(1, RTT, now);
        let mut dealt = all_of(&mut deal, 0, &of, now);
        assert_eq!(dealt.len(), 4, "as much as it has room for");
        dealt.extend(all_of(&mut deal, 1, &of, now));
        answer(&mut deal, 0, 0, now);
        dealt.extend(all_of(&mut deal, 0, &of, now));
        answer(&mut deal, 1, 1, now);
        dealt.extend(all_of(&mut deal, 1, &of, now));
        let chunk = |number| (0..8).map(move |piece| (number, piece));
        let wanted: Vec<_> = chunk(0).chain(chunk(1)).chain([(2, 0), (2, 1)]).collect();
        assert_eq!(dealt, wanted);
    }

    #[tokio::test]
    async fn what_was_on_a_stream_that_broke_goes_over_another() {
        let (mut deal, of, now) = (Deal::new(9, 0, Vec::new()), Whole(9), Instant::now());
        deal.opened(0, RTT, now);
        deal.opened(1, RTT, now);
        let lost = all_of(&mut deal, 0, &of, now);
        let kept = all_of(&mut deal, 1, &of, now);
        deal.told(0, 3, 0, now);
        assert!(deal.gone(0).was_of_use);
        answer(&mut deal, 1, 0, now);
        let again = all_of(&mut deal, 1, &of, now);
        assert_eq!(again[..1], lost[3..], "but not what had come");
        assert!(kept.iter().all(|piece| !again.contains(piece)));
    }

    #[tokio::test]
    async fn nothing_is_dealt_beyond_the_window_or_that_is_there() {
        let (mut deal, of, now) = (Deal::new(900, 5, vec![0b11, 0xff]), Whole(900), Instant::now());
        deal.opened(0, RTT, now);
        deal.lines.get_mut(&0).expect("there").room = usize::MAX;
        let dealt = all_of(&mut deal, 0, &of, now);
        assert_eq!(dealt[..7], [(5, 2), (5, 3), (5, 4), (5, 5), (5, 6), (5, 7), (7, 0)]);
        assert_eq!(dealt.last(), Some(&(5 + WINDOW_CHUNKS as u64 - 1, 7)));
        assert!(deal.take(0, &of, now).is_none());
        answer(&mut deal, 0, 6, now);
        deal.lines.get_mut(&0).expect("there").room = usize::MAX;
        assert_eq!(all_of(&mut deal, 0, &of, now).len(), 8, "the window moves on");
        deal.gone(0);
        assert!(deal.again.iter().all(|(number, _)| *number >= 6));
    }

    #[tokio::test]
    async fn a_stream_that_stalls_gets_less_and_a_quick_one_whole_chunks() {
        let (mut deal, of, now) = (Deal::new(900, 0, Vec::new()), Whole(900), Instant::now());
        for line in [0, 1] {
            deal.opened(line, RTT, now);
            all_of(&mut deal, line, &of, now);
        }
        deal.told(0, 4, 0, now + Duration::from_millis(1));
        assert_eq!(deal.take(0, &of, now).map(|batch| batch.count), Some(8));
        deal.told(1, 4, 0, now + Duration::from_secs(60));
        assert_eq!(deal.lines[&1].room, PIECE_BYTES);
        assert_eq!(deal.take(1, &of, now).map(|batch| batch.count), Some(1));
        assert!(deal.take(1, &of, now).is_none(), "one is on its way");
    }

    #[tokio::test]
    async fn while_there_is_more_to_be_had_what_is_on_its_way_doubles() {
        let (mut deal, of, now) = (Deal::new(900, 0, Vec::new()), Whole(900), Instant::now());
        deal.opened(0, RTT, now);
        let mut before = 0;
        for turn in 1..5 {
            let pieces = all_of(&mut deal, 0, &of, now).len();
            assert!(pieces >= 2 * before, "{turn}: {pieces} after {before}");
            before = pieces;
            let line = &deal.lines[&0];
            let taken = line.taken + line.flying.len() as u64;
            deal.told(0, taken, 0, now + turn * 2 * RTT);
        }
    }
}
