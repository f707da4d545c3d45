//! A node in a few lines: it writes what a real one would, and remembers what it did.

use std::collections::BTreeMap;

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::audit) struct Known {
    sent: bool,
    state: DeliveryState,
    queued: bool,
    stopped: bool,
    hold: bool,
    erased: bool,
    said: u16,
}

/// What a node does next: an action and whom it concerns. Impossible ones are left out.
#[derive(Clone, Copy, Debug)]
pub(in crate::audit) struct Op(pub(in crate::audit) u8, pub(in crate::audit) u8);

pub(in crate::audit) struct World {
    pub(in crate::audit) log: TestLog,
    pub(in crate::audit) messages: BTreeMap<u64, Known>,
    running: bool,
    refused: u64,
}

const PROVEN: [Event; 5] = [
    RelayAcceptance,
    ContentConsignment,
    ContentHandover,
    RelayRejection,
    ContentConsignmentFailure,
];

impl World {
    pub(in crate::audit) fn new() -> Self {
        let mut log = log();
        log.push(node(NodeStarted));
        Self { log, messages: BTreeMap::new(), running: true, refused: 1000 }
    }

    pub(in crate::audit) fn step(&mut self, op: Op) {
        let number = u64::from(op.1 % 8);
        let known = self.messages.get(&number).copied();
        match (op.0 % 12, known) {
            (0, None) => self.begin(number, true),
            (1, None) => self.begin(number, false),
            (2..=4, Some(m)) if m.sent => self.record(number, m, op.1 / 8),
            (2..=4, Some(m)) => self.go_on(number, m, op.1 / 8),
            (5, Some(m)) if m.queued => self.stop_or_release(number, m),
            (6, Some(m)) if m.queued && op.1 >= 128 => {
                self.leave(number, m, MessageCancelled, D::Cancelled)
            }
            (6, Some(m)) if m.queued => self.leave(number, m, RelayFailure, D::ExpiredUnknown),
            (7, Some(m)) => self.hold_or_erase(number, m),
            (8, _) => self.restart(op.1),
            (9, _) => {
                self.refused += 1;
                self.push(own(RelayRejection, self.refused));
            }
            (10, _) => self.push(peer(PeerUpdated)),
            _ => {}
        }
    }

    fn push(&mut self, draft: EntryDraft) {
        self.log.push(draft);
    }

    fn begin(&mut self, number: u64, sent: bool) {
        if !self.running {
            return;
        }
        self.push(own(if sent { SubmissionAcceptance } else { RelayAcceptance }, number));
        let state = if sent { D::Queued } else { D::Relayed };
        let known = Known {
            sent,
            state,
            queued: sent,
            stopped: false,
            hold: false,
            erased: false,
            said: 0,
        };
        self.messages.insert(number, known);
    }

    /// Receipts in any order, none twice, none that contradicts another.
    fn record(&mut self, number: u64, known: Known, which: u8) {
        let event = PROVEN[usize::from(which) % PROVEN.len()];
        let bit = |event: Event| 1_u16 << (event as u8 % 16);
        let accepts = [RelayAcceptance, ContentConsignment, ContentHandover];
        let said = |events: &[Event]| events.iter().any(|e| known.said & bit(*e) != 0);
        let contrary = match event {
            RelayRejection => said(&accepts) || said(&[ContentConsignmentFailure]),
            ContentConsignmentFailure => said(&accepts[1..]) || said(&[RelayRejection]),
            RelayAcceptance => said(&[RelayRejection]),
            _ => said(&[RelayRejection, ContentConsignmentFailure]),
        };
        let withdrawn = known.state == D::Cancelled;
        if !self.running || said(&[event]) || contrary || withdrawn {
            return;
        }
        self.push(theirs(event, number));
        let state = known.state.join(event.proves().expect("one that proves"));
        let said = known.said | bit(event);
        self.messages.insert(number, Known { state, queued: false, said, ..known });
    }

    fn go_on(&mut self, number: u64, known: Known, which: u8) {
        let event = match (known.state, which % 2) {
            (D::Relayed, 0) => ContentConsignment,
            (D::Relayed, _) => ContentConsignmentFailure,
            (D::Consigned, _) => ContentHandover,
            _ => return,
        };
        self.push(own(event, number));
        let state = known.state.join(event.proves().expect("one that proves"));
        self.messages.insert(number, Known { state, ..known });
    }

    fn stop_or_release(&mut self, number: u64, known: Known) {
        let stopped = !known.stopped;
        self.push(about(if stopped { MessageHeld } else { MessageReleased }, number));
        let state = if stopped { D::Held } else { D::Queued };
        self.messages.insert(number, Known { stopped, state, ..known });
    }

    fn leave(&mut self, number: u64, known: Known, event: Event, state: DeliveryState) {
        let draft = if event == RelayFailure { own(event, number) } else { about(event, number) };
        self.push(draft);
        self.messages.insert(number, Known { state, queued: false, ..known });
    }

    fn hold_or_erase(&mut self, number: u64, known: Known) {
        if known.hold {
            self.push(about(HoldReleased, number));
            self.messages.insert(number, Known { hold: false, ..known });
        } else if known.erased || known.queued {
            self.push(about(HoldSet, number));
            self.messages.insert(number, Known { hold: true, ..known });
        } else {
            self.push(erase(number));
            self.messages.insert(number, Known { erased: true, ..known });
        }
    }

    fn restart(&mut self, how: u8) {
        match (self.running, how % 2) {
            (true, 0) => self.push(node(NodeStopped)),
            (true, _) => return self.push(node(NodeRecovered)),
            (false, _) => self.push(node(NodeStarted)),
        }
        self.running = !self.running;
    }

    /// Whether a state says of every message what this node remembers.
    pub(in crate::audit) fn agrees_with(&self, state: &State) {
        assert_eq!(state.message_count(), self.messages.len());
        for (number, known) in &self.messages {
            let view = state.message(&message(*number)).expect("known");
            assert_eq!(view.state, known.state, "message {number}");
            assert_eq!(view.side == Side::Sent, known.sent);
            assert_eq!(view.queue != Queue::Gone, known.queued);
            assert_eq!((view.erased, view.hold), (known.erased, known.hold));
        }
    }
}
