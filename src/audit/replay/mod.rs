//! Replays a log: a fold over its entries, in their order, that rebuilds what they say.
//!
//! Promises:
//!
//! - It is pure and depends on nothing but the entries: the auditor who has an export and the node
//!   that has the log come to the same [`State`], whatever pages they read it in, and so to the
//!   same [`State::digest`].
//! - It knows which order of events is legal, as far as a log alone can say, and names each entry
//!   that is not with its [`Rule`]. What is legal though it looks odd is none: receipts overtake
//!   each other, a late acceptance wins over a window that ended, a refusal may name no message.
//! - An entry that breaks a rule about its message changes nothing of that message.
//!
//! It won't say whether the entries are those that the log signed ([`super::verify`] does), nor
//! whether the counterpart's log says the same ([`super::reconcile`] does).

mod drafts;
mod dump;
mod feed;
mod finding;
mod history;
mod messages;
mod names;
mod order;
mod parties;
mod state;
mod view;

pub use dump::HEADER;
pub use feed::FeedError;
pub use finding::{Finding, Rule, Severity};
pub use history::{Life, Moment};
pub use state::{Queue, Side, Standing, State};
pub use view::{AgencyView, DraftView, MessageView, NodeView, PeerView, StatedView};

use finding::Step;

use super::entry::{Entry, Event};
use super::position::Position;

impl State {
    /// Applies the next entry, by its [position](Position::number): of the newest log, or the first one of
    /// the log that follows it. It must have kept the rules of its event ([`Entry::check`]). Gives
    /// what is found in it.
    pub fn apply(&mut self, index: u64, entry: &Entry) -> Vec<Finding> {
        let mut step = Step::new(index, entry);
        let place = Position::from_number(index);
        if self.sealed && place == Position::new(self.log + 1, 0) {
            self.turn_over();
        }
        let due = self.end();
        if place != due {
            step.find_with(Rule::OutOfPlace, format!("entry {due} is due"));
            return step.finish();
        }
        self.place(&mut step);
        self.entries += 1;
        self.sequence(&mut step);
        if self.is_attributable(&mut step) {
            self.remote(&mut step);
            self.acts(&mut step);
            self.event(&mut step);
        }
        step.finish()
    }

    fn event(&mut self, step: &mut Step<'_>) {
        match step.entry.event {
            Event::LogOpened | Event::LogSealed => {}
            event if event.is_receipt() => self.delivery(step),
            Event::MessageCancelled => self.cancelled(step),
            Event::DraftSubmitted => self.drafted(step),
            Event::DraftApproved => self.approved(step),
            Event::DraftRefused => self.draft_ended(step),
            Event::MessageHeld | Event::MessageReleased => self.stopped(step),
            Event::AccessFetched
            | Event::AccessExported
            | Event::AccessShared
            | Event::AccessUnshared => self.read(step),
            Event::EraseAnnex => self.annex_erased(step),
            Event::EraseBody => self.erased(step),
            Event::HoldSet | Event::HoldReleased => self.hold(step),
            Event::KeyAdded | Event::KeyRetired => self.key(step),
            Event::PeerAdded
            | Event::PeerUpdated
            | Event::PeerRemoved
            | Event::PeerSuspended
            | Event::PeerResumed => self.peer(step),
            // Whatever stands between the two: what was found may have led to a suspension.
            Event::PeerReconciled => self.trust(step, false),
            Event::AgencyAdded | Event::AgencyRenewed | Event::AgencyRevoked => self.agency(step),
            Event::PolicySet => self.policy(step),
            Event::NodeStarted
            | Event::NodeRecovered
            | Event::NodeStopped
            | Event::LogRecovered => self.node(step),
            // What was seen of others changes nothing here; their heads are noted.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
