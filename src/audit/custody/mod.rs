//! The custody of one exhibit over the logs of several authorities: which entries are about the
//! messages that carried it, in the order of their times, and what each says of it.
//!
//! That the exhibit belongs to a package of such a message is proven beforehand, and so is that the
//! entries are those of the logs. An entry between the two ends that speaks of the message in other bytes
//! than those that were proven contradicts the proof, unless it says that they were refused. A message id
//! is its sender's choice: under the same one, others may have sent each other something else. Whether two
//! logs say the same of each other, [`super::reconcile`] judges.

mod words;

use super::entry::{Entry, Event};
use super::position::Position;
use crate::crypto::Digest;
use crate::domain::{AuthorityId, MessageId, PackageId, Timestamp};

/// A message that carried the exhibit, as its sender signed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// The message.
    pub message: MessageId,
    /// Its package that the exhibit belongs to.
    pub package: PackageId,
    /// SHA-256 of the whole envelope.
    pub envelope: Digest,
    /// Who sent it.
    pub sender: AuthorityId,
    /// Whom it was for.
    pub recipient: AuthorityId,
}

impl Carried {
    /// Whether an entry of this authority's log is about what passed between the two ends.
    fn is_between(&self, authority: &AuthorityId, entry: &Entry) -> bool {
        let other = match authority {
            one if *one == self.sender => &self.recipient,
            one if *one == self.recipient => &self.sender,
            _ => return false,
        };
        entry.peer.as_ref().is_none_or(|peer| peer == other)
    }
}

/// An entry about a message that carried the exhibit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Whose log it stands in.
    pub authority: AuthorityId,
    /// That log.
    pub origin: String,
    /// Where it stands in the logs of the authority.
    pub place: Position,
    /// The entry.
    pub entry: Entry,
    /// The message. An entry that refuses it may have its envelope alone.
    pub message: MessageId,
    /// Whether it is about other bytes under the same id: refused, or of somebody else's message.
    pub other_content: bool,
}

/// Whose logs say that something has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Nobody's.
    Nowhere,
    /// The sender's alone, which recorded the recipient's receipt.
    AtSender,
    /// The recipient's alone.
    AtRecipient,
    /// Both.
    AtBothEnds,
}

/// What is known of a message that passed from one authority to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage {
    /// That the recipient's node holds what the sender's sealed and signed.
    pub came: Known,
    /// That an agency of the recipient has fetched and confirmed it.
    pub handed_over: Known,
}

/// Why there is no custody to tell: what was proven contradicts itself, or an entry contradicts it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CustodyError {
    /// Two envelopes under one message id.
    #[error(
        "the proofs have two contents of message {0}: its sender has signed both under one message id"
    )]
    TwoContents(MessageId),
    /// An entry has another digest of the envelope.
    #[error("entry {index} of {origin} is about another content")]
    OtherContent {
        /// The entry, from 0.
        index: u64,
        /// Its log.
        origin: String,
    },
}

/// Gathers the entries about some messages while logs are read.
#[derive(Clone, Debug)]
pub struct Custody {
    carried: Vec<Carried>,
    steps: Vec<Step>,
    contradiction: Option<CustodyError>,
}

impl Custody {
    /// Of an exhibit that these messages carried; one that is named twice counts once.
    ///
    /// # Errors
    /// [`CustodyError::TwoContents`].
    pub fn of(proven: impl IntoIterator<Item = Carried>) -> Result<Self, CustodyError> {
        let mut carried: Vec<Carried> = Vec::new();
        for one in proven {
            let other = |known: &Carried| {
                (known.message, &known.sender) == (one.message, &one.sender)
                    && known.envelope != one.envelope
            };
            if carried.iter().any(other) {
                return Err(CustodyError::TwoContents(one.message));
            }
            if !carried.contains(&one) {
                carried.push(one);
            }
        }
        Ok(Self { carried, steps: Vec::new(), contradiction: None })
    }

    /// Takes an entry of a log of `authority`, if it is about one of the messages, and about no other
    /// package of it.
    pub fn take(&mut self, authority: &AuthorityId, origin: &str, place: Position, entry: &Entry) {
        let Some(about) = self.about(authority, entry) else { return };
        let (message, between) = (about.message, about.is_between(authority, entry));
        let other_content = entry.envelope.is_some_and(|envelope| envelope != about.envelope);
        if other_content && between && !is_refusal(entry.event) {
            let (index, origin) = (place.index, origin.to_owned());
            self.contradiction.get_or_insert(CustodyError::OtherContent { index, origin });
        }
        self.steps.push(Step {
            authority: authority.clone(),
            origin: origin.to_owned(),
            place,
            entry: entry.clone(),
            message,
            other_content,
        });
    }

    /// The message that an entry is about: of several under one id that of its bytes, or else of its ends.
    fn about(&self, authority: &AuthorityId, entry: &Entry) -> Option<&Carried> {
        let named = |carried: &&Carried| match entry.message {
            Some(message) => {
                message == carried.message
                    && entry.package.is_none_or(|package| package == carried.package)
            }
            None => entry.envelope == Some(carried.envelope),
        };
        let all = || self.carried.iter().filter(named);
        all()
            .find(|carried| entry.envelope == Some(carried.envelope))
            .or_else(|| all().find(|carried| carried.is_between(authority, entry)))
            .or_else(|| all().next())
    }

    /// Puts what was taken in the order of the times, each by the clock of its own node; what is of the
    /// same time stands by authority, and then as in the log.
    #[must_use]
    pub fn ordered(mut self) -> Self {
        self.steps.sort_by(|a, b| order(a).cmp(&order(b)));
        self
    }

    /// What contradicts the proofs: [`CustodyError::OtherContent`], the first one that was taken.
    pub fn contradiction(&self) -> Option<&CustodyError> {
        self.contradiction.as_ref()
    }

    /// The messages, as they were given.
    pub fn carried(&self) -> &[Carried] {
        &self.carried
    }

    /// The entries.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether any log has an entry about a message.
    pub fn is_known(&self, carried: &Carried) -> bool {
        self.of_message(carried).next().is_some()
    }

    /// Whether a log of this authority has one.
    pub fn is_known_to(&self, authority: &AuthorityId, carried: &Carried) -> bool {
        self.of_message(carried).any(|step| step.authority == *authority)
    }

    /// What the logs say of a message's passage.
    pub fn passage(&self, carried: &Carried) -> Passage {
        let Carried { sender, recipient, .. } = carried;
        let says = |whose: &AuthorityId, event: Event, recorded: bool| {
            let other = if whose == sender { recipient } else { sender };
            self.of_message(carried).any(|step| {
                let entry = &step.entry;
                step.authority == *whose
                    && entry.event == event
                    && entry.is_recorded_receipt() == recorded
                    && entry.peer.as_ref() == Some(other)
            })
        };
        let known = |at_recipient: bool, recorded: bool, at_sender: bool| match at_recipient {
            true if at_sender => Known::AtBothEnds,
            true => Known::AtRecipient,
            false if recorded => Known::AtSender,
            false => Known::Nowhere,
        };
        let (held, given) = (Event::RelayAcceptance, Event::ContentHandover);
        let sent = says(sender, Event::SubmissionAcceptance, false);
        let confirmed = says(sender, given, true);
        Passage {
            came: known(says(recipient, held, false), says(sender, held, true), sent),
            handed_over: known(says(recipient, given, false), confirmed, confirmed),
        }
    }

    /// The entries about a message in the bytes that were proven.
    fn of_message<'a>(&'a self, carried: &Carried) -> impl Iterator<Item = &'a Step> {
        let message = carried.message;
        self.steps.iter().filter(move |step| step.message == message && !step.other_content)
    }
}

fn order(step: &Step) -> (Timestamp, &AuthorityId, Position) {
    (step.entry.at, &step.authority, step.place)
}

/// Whether an event may speak of other bytes than those of the message whose id it names: of what was
/// refused for that, or before there was an envelope.
fn is_refusal(event: Event) -> bool {
    matches!(event, Event::RelayRejection | Event::SubmissionRejection)
}

#[cfg(test)]
mod tests;
