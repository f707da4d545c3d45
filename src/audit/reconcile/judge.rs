//! One message, as both logs tell it.

use super::facts::Fact;
use super::{Class, Item, Which, pair};
use crate::audit::Position;
use crate::audit::entry::Event;
use crate::crypto::Digest;
use crate::domain::{MessageId, Timestamp};

/// Where what is known of a log ends.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// Entries in it.
    pub size: u64,
    /// Time of its last entry; of a log that is asked for news, when it was asked, by the clock of
    /// whoever asks.
    pub at: Timestamp,
}

/// Receipts that a receiver issues and its sender is to record.
const ISSUED: [Event; 6] = [
    Event::RelayAcceptance,
    Event::RelayRejection,
    Event::ContentConsignment,
    Event::ContentConsignmentFailure,
    Event::ContentHandover,
    Event::ContentHandoverFailure,
];

/// Envelopes that were refused without a message id, sorted, and the entries.
type Unnamed<'a> = &'a [(Digest, u64)];

pub(super) struct Judge<'a> {
    id: MessageId,
    sender: Which,
    /// What the sender's log says.
    sent: &'a [Fact],
    /// What the receiver's log says.
    got: &'a [Fact],
    sender_ends: Ends,
    receiver_ends: Ends,
    grace_ms: Option<i64>,
    /// Those of the receiver.
    unnamed: Unnamed<'a>,
    both_sent: bool,
    pub(super) items: Vec<Item>,
    /// At least this much B's clock was ahead of A's, and A's of B's.
    pub(super) ahead_ms: (i64, i64),
}

impl<'a> Judge<'a> {
    pub(super) fn new(
        id: MessageId,
        a: &'a [Fact],
        b: &'a [Fact],
        ends: (Ends, Ends),
        grace_ms: Option<i64>,
        unnamed: (Unnamed<'a>, Unnamed<'a>),
    ) -> Self {
        let submitted = |facts| own(facts, Event::SubmissionAcceptance).is_some();
        // Where nobody says that it submitted it, who records receipts sent it, or else the side
        // that did not receive it.
        let recorded = |facts: &[Fact]| facts.iter().any(|fact| fact.recorded);
        let received = |facts: &[Fact]| {
            facts.iter().any(|fact| !fact.recorded && ISSUED.contains(&fact.event))
        };
        let a_sent = match () {
            () if submitted(a) || submitted(b) => submitted(a),
            () if recorded(a) || recorded(b) => recorded(a),
            () => !received(a),
        };
        let sender = if a_sent { Which::A } else { Which::B };
        let (sent, got) = pair(sender, a, b);
        let (sender_ends, receiver_ends) = pair(sender, ends.0, ends.1);
        let (_, unnamed) = pair(sender, unnamed.0, unnamed.1);
        let both_sent = submitted(a) && submitted(b);
        let (items, ahead_ms) = (Vec::new(), (0, 0));
        Self {
            id,
            sender,
            sent,
            got,
            sender_ends,
            receiver_ends,
            grace_ms,
            unnamed,
            both_sent,
            items,
            ahead_ms,
        }
    }

    pub(super) fn judge(&mut self) {
        let submission = own(self.sent, Event::SubmissionAcceptance);
        let acceptance = own(self.got, Event::RelayAcceptance);
        if self.both_sent {
            let theirs = own(self.got, Event::SubmissionAcceptance);
            self.item(Class::StateDiffers, submission, theirs, "both say that they sent it");
        }
        match (submission, acceptance) {
            (None, Some(acceptance)) => self.missing(acceptance),
            (Some(submission), Some(acceptance)) => self.arrived(submission, acceptance),
            (Some(submission), None) => self.not_arrived(submission),
            (None, None) => self.refused_unsent(),
        }
        for fact in self.sent.iter().filter(|fact| fact.recorded) {
            self.recorded(fact);
        }
        if let Some(submission) = submission {
            self.issued(submission, acceptance);
        }
    }

    /// The receiver has it, the sender's log does not.
    fn missing(&mut self, acceptance: &'a Fact) {
        if acceptance.elsewhere {
            let detail = "accepted under a log of the sender that is not at hand";
            return self.item(Class::Unexported, None, Some(acceptance), detail);
        }
        let seen_beyond = acceptance.seen.is_some_and(|seen| seen.size > self.sender_ends.size);
        let beyond = acceptance.unshown || seen_beyond;
        // The sender's export ends earlier, also in time: it was taken before.
        if beyond && self.sender_ends.at <= acceptance.at {
            let detail = "the sender's export ends before the submission that was accepted";
            return self.item(Class::Unexported, None, Some(acceptance), detail);
        }
        let detail = match acceptance.seen {
            Some(seen) if beyond => format!(
                "accepted under a state of {} entries; the sender's log goes on later, and has {}",
                place(seen.size),
                place(self.sender_ends.size)
            ),
            Some(seen) => format!("accepted as entry {} of the sender's log", place(seen.index)),
            None if acceptance.unshown => {
                "accepted under a log of the sender that its export does not have".to_owned()
            }
            None => "accepted, and never submitted".to_owned(),
        };
        self.item(Class::MissingAtSender, None, Some(acceptance), &detail);
    }

    /// The receiver refused what the sender's log does not have.
    fn refused_unsent(&mut self) {
        let Some(refusal) = own(self.got, Event::RelayRejection) else { return };
        let class = match self.sender_ends.at <= refusal.at {
            true => Class::Unexported,
            false => Class::MissingAtSender,
        };
        self.item(class, None, Some(refusal), "refused, and not in the sender's log");
    }

    fn arrived(&mut self, submission: &'a Fact, acceptance: &'a Fact) {
        if submission.envelope != acceptance.envelope {
            let detail = "submitted and accepted in other bytes";
            self.item(Class::DigestMismatch, Some(submission), Some(acceptance), detail);
        }
        self.place(acceptance, submission, Some(submission), Some(acceptance));
        self.earlier(self.sender, submission.at, acceptance.at);
    }

    /// What `later` saw of the other log must be where `first` stands in it.
    fn place(&mut self, later: &Fact, first: &Fact, sent: Option<&'a Fact>, got: Option<&'a Fact>) {
        if let Some(seen) = later.seen.filter(|seen| seen.index != first.index) {
            let detail = format!(
                "seen as entry {} of the log that has it as {}",
                place(seen.index),
                place(first.index)
            );
            self.item(Class::OtherPast, sent, got, &detail);
        }
    }

    /// What happened first must not be later by the clock of the one where it happened.
    fn earlier(&mut self, first: Which, first_at: Timestamp, then_at: Timestamp) {
        let ahead = first_at.unix_ms() - then_at.unix_ms();
        let (b_ahead, a_ahead) = &mut self.ahead_ms;
        match first {
            Which::A => *a_ahead = (*a_ahead).max(ahead),
            Which::B => *b_ahead = (*b_ahead).max(ahead),
        }
    }

    fn not_arrived(&mut self, submission: &'a Fact) {
        let refused = self.got.iter().any(|fact| {
            fact.event == Event::RelayRejection && !fact.recorded && same(fact, submission)
        });
        if refused || self.sent.iter().any(|fact| fact.recorded) {
            return;
        }
        if let Some(index) = self.refused_unnamed(submission) {
            let detail = format!("refused as entry {}, which names no message", place(index));
            return self.item(Class::LostReceipt, Some(submission), None, &detail);
        }
        let ended = [Event::MessageCancelled, Event::RelayFailure];
        if let Some(end) = ended.into_iter().find_map(|event| own(self.sent, event)) {
            let detail = format!("entry {}: {}", place(end.index), end.event);
            return self.item(Class::NotRelayed, Some(submission), None, &detail);
        }
        let age = self.receiver_ends.at.unix_ms() - submission.at.unix_ms();
        let class = match self.grace_ms {
            Some(grace) if age > grace => Class::Overdue,
            _ => Class::InFlight,
        };
        let detail = match age {
            0.. => format!("the receiver's log goes on {} s longer", age / 1000),
            _ => "the receiver's export ends before".to_owned(),
        };
        self.item(class, Some(submission), None, &detail);
    }

    fn refused_unnamed(&self, submission: &Fact) -> Option<u64> {
        let envelope = submission.envelope?;
        let at = self.unnamed.partition_point(|(refused, _)| *refused < envelope);
        self.unnamed.get(at).filter(|(refused, _)| *refused == envelope).map(|(_, index)| *index)
    }

    /// What the sender recorded, the receiver must have issued.
    fn recorded(&mut self, fact: &'a Fact) {
        let event = fact.event;
        let issued =
            self.got.iter().find(|own| own.event == event && !own.recorded && same(own, fact));
        let Some(issued) = issued else {
            let seen_beyond = fact.seen.is_some_and(|seen| seen.size > self.receiver_ends.size);
            let beyond = fact.unshown || seen_beyond;
            let class = match fact.elsewhere || (beyond && self.receiver_ends.at <= fact.at) {
                true => Class::Unexported,
                false => Class::StateDiffers,
            };
            let detail = match class {
                Class::Unexported if fact.elsewhere => "recorded from a log that is not at hand",
                Class::Unexported => "the receiver's export ends before this receipt",
                _ => "recorded as a receipt that the other log did not issue",
            };
            return self.item(class, Some(fact), None, detail);
        };
        if issued.code != fact.code {
            self.item(Class::StateDiffers, Some(fact), Some(issued), "with another reason");
        }
        self.place(fact, issued, Some(fact), Some(issued));
        self.earlier(self.sender.other(), issued.at, fact.at);
    }

    /// What the receiver issued, the sender should have recorded.
    fn issued(&mut self, submission: &'a Fact, acceptance: Option<&'a Fact>) {
        let own = self.got.iter().filter(|fact| !fact.recorded && ISSUED.contains(&fact.event));
        for fact in own {
            if !same(fact, submission) {
                // An acceptance of other bytes is told already, and what follows from it.
                let told = acceptance.is_some_and(|acceptance| same(fact, acceptance));
                let detail = match fact.event {
                    Event::RelayRejection => "other bytes under this id were refused",
                    _ => "issued for other bytes than were submitted, and than were accepted first",
                };
                if fact.event == Event::RelayRejection || !told {
                    self.item(Class::DigestMismatch, Some(submission), Some(fact), detail);
                }
                continue;
            }
            let known = self.sent.iter().any(|r| r.recorded && r.event == fact.event);
            // What was refused, came again and was accepted has the receipt of its acceptance.
            if known || (acceptance.is_some() && fact.event == Event::RelayRejection) {
                continue;
            }
            let age = self.sender_ends.at.unix_ms() - fact.at.unix_ms();
            let fresh = age < 0 || self.grace_ms.is_some_and(|grace| age <= grace);
            let class = if fresh { Class::ReceiptInTransit } else { Class::LostReceipt };
            self.item(class, None, Some(fact), "issued, and not recorded by the sender");
        }
    }

    fn item(&mut self, class: Class, sent: Option<&Fact>, got: Option<&Fact>, detail: &str) {
        let index = |fact: Option<&Fact>| fact.map(|fact| fact.index);
        let (a, b) = pair(self.sender, index(sent), index(got));
        let facts = [sent, got].into_iter().flatten();
        let at = facts.clone().map(|fact| fact.at).min();
        self.items.push(Item {
            class,
            message: Some(self.id),
            sender: Some(self.sender),
            event: facts.last().map(|fact| fact.event),
            a,
            b,
            at: at.unwrap_or(Timestamp::from_unix_ms(0)),
            detail: detail.to_owned(),
        });
    }
}

/// A position for people.
fn place(number: u64) -> Position {
    Position::from_number(number)
}

/// What the log's owner states of an event.
fn own(facts: &[Fact], event: Event) -> Option<&Fact> {
    facts.iter().find(|fact| fact.event == event && !fact.recorded)
}

/// Whether two facts are about the same bytes.
fn same(a: &Fact, b: &Fact) -> bool {
    a.envelope == b.envelope
}
