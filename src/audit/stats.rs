//! Counts what a log has, and how long messages take.

use std::collections::BTreeMap;

use super::entry::{Entry, Event};
use crate::domain::{AuthorityId, MessageId, Timestamp};

/// From where to where a time is taken. All by the clock of the log's owner: of what was sent, the
/// end is when the receipt was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Span {
    /// Received: from acceptance to consignment.
    AcceptedToConsigned,
    /// Received: from consignment to hand-over.
    ConsignedToHandedOver,
    /// Sent: from submission to the peer's acceptance.
    SubmittedToAccepted,
    /// Sent: from submission to the peer's consignment.
    SubmittedToConsigned,
    /// Sent: from submission to the peer's hand-over.
    SubmittedToHandedOver,
}

impl Span {
    /// All of them.
    pub const ALL: [Span; 5] = [
        Span::AcceptedToConsigned,
        Span::ConsignedToHandedOver,
        Span::SubmittedToAccepted,
        Span::SubmittedToConsigned,
        Span::SubmittedToHandedOver,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Span::AcceptedToConsigned => "received: acceptance to consignment",
            Span::ConsignedToHandedOver => "received: consignment to hand-over",
            Span::SubmittedToAccepted => "sent: submission to acceptance",
            Span::SubmittedToConsigned => "sent: submission to consignment",
            Span::SubmittedToHandedOver => "sent: submission to hand-over",
        }
    }
}

/// How long messages took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Messages that came to the end of the span.
    pub count: u64,
    /// Half of them took at most this long, in milliseconds.
    pub median_ms: u64,
    /// Nine in ten took at most this long, in milliseconds.
    pub p90_ms: u64,
}

/// What a log has. Memory is 8 bytes a measured time, and some 100 a message that was not handed
/// over.
#[derive(Clone, Debug, Default)]
pub struct Stats {
    /// Entries.
    pub entries: u64,
    /// Time of the first and of the last.
    pub times: Option<(Timestamp, Timestamp)>,
    /// Entries by event; those that record a receipt of a peer apart.
    pub events: BTreeMap<(Event, bool), u64>,
    /// Entries by peer.
    pub peers: BTreeMap<AuthorityId, u64>,
    /// Entries by month, as in `2026-11`.
    pub months: BTreeMap<String, u64>,
    /// Reasons, by event.
    pub codes: BTreeMap<(Event, String), u64>,
    began: BTreeMap<MessageId, Began>,
    spans: BTreeMap<Span, Vec<u64>>,
}

#[derive(Clone, Copy, Debug)]
struct Began {
    sent: bool,
    at: Timestamp,
    consigned: Option<Timestamp>,
}

impl Stats {
    /// Takes the next entry.
    pub fn observe(&mut self, entry: &Entry) {
        self.entries += 1;
        let first = self.times.map_or(entry.at, |(first, _)| first);
        self.times = Some((first, entry.at));
        *self.events.entry((entry.event, entry.is_recorded_receipt())).or_default() += 1;
        let at = entry.at.to_string();
        let month = at.get(..7).unwrap_or(&at);
        match self.months.get_mut(month) {
            Some(count) => *count += 1,
            None => drop(self.months.insert(month.to_owned(), 1)),
        }
        if let Some(peer) = &entry.peer {
            match self.peers.get_mut(peer) {
                Some(count) => *count += 1,
                None => drop(self.peers.insert(peer.clone(), 1)),
            }
        }
        if let Some(code) = &entry.code {
            *self.codes.entry((entry.event, code.clone())).or_default() += 1;
        }
        if let Some(message) = entry.message {
            self.message(message, entry);
        }
    }

    fn message(&mut self, id: MessageId, entry: &Entry) {
        let (event, recorded, at) = (entry.event, entry.is_recorded_receipt(), entry.at);
        let begins = matches!(event, Event::SubmissionAcceptance | Event::RelayAcceptance);
        let Some(began) = self.began.get_mut(&id) else {
            if begins && !recorded {
                let sent = event == Event::SubmissionAcceptance;
                self.began.insert(id, Began { sent, at, consigned: None });
            }
            return;
        };
        // A receipt for what was sent, or an event of our own about what was received.
        if began.sent != recorded {
            return;
        }
        let (span, from) = match (event, began.sent) {
            (Event::RelayAcceptance, true) => (Span::SubmittedToAccepted, began.at),
            (Event::ContentConsignment, true) => (Span::SubmittedToConsigned, began.at),
            (Event::ContentHandover, true) => (Span::SubmittedToHandedOver, began.at),
            (Event::ContentConsignment, false) => {
                began.consigned = Some(at);
                (Span::AcceptedToConsigned, began.at)
            }
            (Event::ContentHandover, false) => match began.consigned {
                Some(consigned) => (Span::ConsignedToHandedOver, consigned),
                None => return,
            },
            _ => return,
        };
        // Of what was sent, other receipts may still come.
        if event == Event::ContentHandover && !began.sent {
            self.began.remove(&id);
        }
        let took = u64::try_from(at.unix_ms() - from.unix_ms()).unwrap_or(0);
        self.spans.entry(span).or_default().push(took);
    }

    /// How long messages took over a span; `None` where none came to its end.
    pub fn span(&self, span: Span) -> Option<Times> {
        let mut all = self.spans.get(&span)?.clone();
        all.sort_unstable();
        // The smallest time that enough of them do not exceed (nearest rank).
        let rank =
            |percent: usize| all.get((all.len() * percent).div_ceil(100).max(1) - 1).copied();
        Some(Times { count: all.len() as u64, median_ms: rank(50)?, p90_ms: rank(90)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::entry::{Coordinates, EntryDraft};
    use crate::audit::testing::{TestLog, authority, delivery};

    fn stats(log: &TestLog) -> Stats {
        let mut stats = Stats::default();
        for bytes in &log.entries {
            stats.observe(&Entry::parse(bytes).expect("sound"));
        }
        stats
    }

    const START: i64 = 1_795_000_000_000;

    #[test]
    fn it_counts_and_takes_times() {
        let mut log = TestLog::new("xa.moj", 1);
        log.push(EntryDraft::new(Event::PeerAdded).peer(authority("xb.oag")).card([1; 32]));
        for number in 1..=10 {
            let at = START + 1000 * number as i64;
            let own = |event| delivery(event, "xa.moj", "xb.oag", number);
            log.push_at(own(Event::RelayAcceptance), at);
            log.push_at(own(Event::ContentConsignment), at + 10 * number as i64);
        }
        let late = START + 40 * crate::domain::time::DAY_MS;
        log.push_at(delivery(Event::ContentHandover, "xa.moj", "xb.oag", 1), late);
        let refused = delivery(Event::RelayRejection, "xa.moj", "xb.oag", 99).code("BAD");
        log.push_at(refused, late);
        let stats = stats(&log);
        assert_eq!(stats.entries, 24);
        assert_eq!(stats.events[&(Event::RelayAcceptance, false)], 10);
        assert_eq!(stats.peers[&authority("xb.oag")], 23);
        assert_eq!(
            stats.months.iter().map(|(m, n)| (m.as_str(), *n)).collect::<Vec<_>>(),
            [("2026-11", 22), ("2026-12", 2)]
        );
        assert_eq!(stats.codes[&(Event::RelayRejection, "BAD".to_owned())], 1);
        let times = stats.span(Span::AcceptedToConsigned).expect("ten");
        assert_eq!(times, Times { count: 10, median_ms: 50, p90_ms: 90 });
        assert_eq!(stats.span(Span::ConsignedToHandedOver).map(|times| times.count), Some(1));
        assert_eq!(stats.span(Span::SubmittedToAccepted), None);
    }

    #[test]
    fn what_was_sent_is_timed_by_its_receipts() {
        let mut log = TestLog::new("xa.moj", 1);
        let sent = delivery(Event::SubmissionAcceptance, "xa.moj", "xb.oag", 1).payload([8; 32]);
        log.push_at(sent, START + 1000);
        let place =
            || Coordinates { origin: "xb.oag/log/2026".into(), index: 1, size: 2, root: [1; 32] };
        // The consignment overtakes the acceptance.
        for (event, at) in [(Event::ContentConsignment, 1200), (Event::RelayAcceptance, 1300)] {
            let receipt = delivery(event, "xb.oag", "xb.oag", 1).receipt([event as u8; 32]);
            log.push_at(receipt.remote(place()), START + at);
        }
        let stats = stats(&log);
        let one = |ms| Some(Times { count: 1, median_ms: ms, p90_ms: ms });
        assert_eq!(stats.span(Span::SubmittedToAccepted), one(300));
        assert_eq!(stats.span(Span::SubmittedToConsigned), one(200));
        assert_eq!(stats.events[&(Event::RelayAcceptance, true)], 1);
    }
}
