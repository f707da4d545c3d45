//! One row against the replayed state.

use std::collections::BTreeMap;

use crate::audit::Position;
use crate::audit::entry::{Entry, Event};
use crate::audit::replay::{MessageView, Queue, Side, Standing, State};
use crate::crypto::{Digest, sha256};
use crate::domain::MessageId;
use crate::domain::MessageKind;
use crate::domain::delivery::DeliveryState;
use crate::exchange::rows::{MessageRow, ReceiptRow, SENT};

use super::kept::{Kept, KeptPeer};

/// What waits for an approval: each by the entry that submitted it, with the handle of its author.
pub(super) fn drafts(state: &State, kept: &BTreeMap<u64, String>) -> Vec<(Position, String)> {
    let logged: BTreeMap<u64, &str> =
        state.drafts().map(|draft| (draft.submitted, draft.author)).collect();
    let mut wrong = Vec::new();
    for (place, author) in &logged {
        match kept.get(place) {
            None => wrong.push((*place, "the log has it as waiting, and there is no row")),
            Some(kept) if kept != author => wrong.push((*place, "another agency wrote it")),
            Some(_) => {}
        }
    }
    // What began in the log before may be known from there alone.
    for place in kept.keys().filter(|place| !logged.contains_key(place) && !state.goes_on()) {
        wrong.push((*place, "there is a row, and the log knows no such draft"));
    }
    let told = |(place, detail): (u64, &str)| (Position::from_number(place), detail.to_owned());
    wrong.into_iter().map(told).collect()
}

/// The digests of the receipts that entries record, in the order of the log.
#[derive(Default)]
pub(super) struct Recorded(Vec<(u64, Digest)>);

impl Recorded {
    pub(super) fn note(&mut self, index: u64, entry: &Entry) {
        self.0.extend(entry.receipt.map(|receipt| (index, receipt)));
    }

    fn at(&self, index: u64) -> Option<&Digest> {
        let at = self.0.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        Some(&self.0[at].1)
    }
}

/// The first thing in which a message is kept otherwise than its log says.
pub(super) fn difference(
    state: &State,
    recorded: &Recorded,
    id: MessageId,
    kept: &Kept,
) -> Option<String> {
    let (message, row) = match (state.message(&id), &kept.row) {
        (Some(message), Some(row)) => (message, row),
        // What began in the log before this one may be known from there alone.
        (Some(message), None) if message.earlier => return None,
        (None, Some(_)) if state.goes_on() => return None,
        (Some(message), None) => {
            return Some(format!("the log has it as {}, and there is no row", words(&message)));
        }
        (None, Some(_)) => return Some("there is a row, and the log knows no such message".into()),
        (None, None) => return None,
    };
    if message.earlier {
        return None;
    }
    facts(&message, row)
        .or_else(|| waiting(&message, kept))
        .or_else(|| receipts(&message, recorded, row))
        .or_else(|| placed(&message, kept, row))
}

fn words(message: &MessageView<'_>) -> String {
    format!("{} {}", message.side.as_str(), message.state.as_str())
}

fn facts(message: &MessageView<'_>, row: &MessageRow) -> Option<String> {
    let side = if row.direction == SENT { Side::Sent } else { Side::Received };
    let state = DeliveryState::from_number(row.state);
    let first = message.events.first().map(|first| first.index);
    let differs = |what: &str, log: String, kept: String| {
        (log != kept).then(|| format!("{what}: {log} by the log, {kept} by the row"))
    };
    let hex = |digest: Option<Digest>| digest.map(hex::encode).unwrap_or_default();
    differs("side", message.side.as_str().into(), side.as_str().into())
        .or_else(|| differs("peer", message.peer.into(), row.peer.clone()))
        .or_else(|| {
            let kept = state.map_or("none", DeliveryState::as_str);
            differs("state", message.state.as_str().into(), kept.into())
        })
        .or_else(|| differs("envelope", hex(message.envelope), hex::encode(&row.envelope_digest)))
        .or_else(|| {
            let kept = hex::encode(&row.payload_commitment);
            differs("commitment", hex(message.payload), kept)
        })
        .or_else(|| {
            let log = first.map(place).unwrap_or_default();
            differs("first entry", log, place(row.entry_index))
        })
}

/// A position for people.
fn place(number: u64) -> String {
    Position::from_number(number).to_string()
}

fn waiting(message: &MessageView<'_>, kept: &Kept) -> Option<String> {
    let queue = match kept.queued {
        None => Queue::Gone,
        Some(true) => Queue::Stopped,
        Some(false) => Queue::Waiting,
    };
    if queue != message.queue && !(queue == Queue::Waiting && awaits_answer(message)) {
        let (log, kept) = (message.queue.as_str(), queue.as_str());
        return Some(format!("queue: {log} by the log, {kept} by the outbox"));
    }
    let opens = [Event::ContentConsignment, Event::ContentConsignmentFailure];
    let opened = message.events.iter().any(|stated| opens.contains(&stated.event));
    let to_open = message.side == Side::Received && !opened;
    match (to_open, kept.unopened) {
        (true, false) => Some("the log has not opened it, and it does not wait for it".into()),
        (false, true) => Some("it waits to be opened, and the log has opened it".into()),
        _ => None,
    }
}

/// Whether receipts overtook the peer's answer: the node delivers the message until that has come.
fn awaits_answer(message: &MessageView<'_>) -> bool {
    let mut recorded = message.events.iter().filter(|stated| stated.recorded).peekable();
    let answers = [Event::RelayAcceptance, Event::RelayRejection];
    recorded.peek().is_some() && recorded.all(|stated| !answers.contains(&stated.event))
}

/// Every receipt of the row is an event of the log, and the other way round.
fn receipts(message: &MessageView<'_>, recorded: &Recorded, row: &MessageRow) -> Option<String> {
    // What begins and what ends a message here has no receipt in its row.
    let has_receipt = |event: Event, is_recorded: bool| match event {
        Event::SubmissionAcceptance | Event::RelayFailure | Event::MessageCancelled => false,
        Event::RelayAcceptance => is_recorded,
        _ => true,
    };
    let events = message.events.iter().filter(|s| has_receipt(s.event, s.recorded));
    let mut unmatched: Vec<&ReceiptRow> = row.receipts.iter().collect();
    for stated in events {
        let issuer_is_peer = |receipt: &ReceiptRow| receipt.issuer == row.peer;
        let is_it = |receipt: &&ReceiptRow| {
            receipt.event == stated.event.as_str() && issuer_is_peer(receipt) == stated.recorded
        };
        let Some(at) = unmatched.iter().position(is_it) else {
            return Some(format!(
                "entry {}: the row lacks this {}",
                place(stated.index),
                stated.event
            ));
        };
        let receipt = unmatched.swap_remove(at);
        let text_fits = match stated.recorded {
            true => recorded.at(stated.index) == Some(&sha256(receipt.text.as_bytes())),
            false => receipt.index == stated.index,
        };
        if !text_fits || receipt.code != stated.code.unwrap_or_default() {
            return Some(format!(
                "entry {}: the row has another {}",
                place(stated.index),
                stated.event
            ));
        }
    }
    let extra = unmatched.first()?;
    Some(format!("the row has a {} of {} that the log lacks", extra.event, extra.issuer))
}

/// Hold, inbox and case. In which case a message is the log does not say; that the node knows the
/// case of its row is all that can be held against it.
fn placed(message: &MessageView<'_>, kept: &Kept, row: &MessageRow) -> Option<String> {
    let consigned = message.side == Side::Received
        && message.events.iter().any(|stated| stated.event == Event::ContentConsignment);
    let shown = consigned && row.kind != MessageKind::Test as i32 && row.lost_ms == 0;
    let detail = match () {
        () if message.hold && !kept.on_hold => "the log has it on hold, and there is no hold",
        () if !message.hold && kept.on_hold => "it is on hold, and the log has no hold",
        () if shown && !kept.in_inbox => "the log has consigned it, and the inbox does not have it",
        () if !shown && row.inbox_position != 0 => {
            "it has a place in the inbox, and the log has not consigned it there"
        }
        () if !kept.case_known => "its row names a case that the node does not know",
        () => return None,
    };
    Some(detail.to_owned())
}

/// Peers that are kept otherwise than the log says.
pub(super) fn peers(state: &State, kept: &[KeptPeer]) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    for peer in state.peers() {
        let known = matches!(peer.standing, Standing::Trusted | Standing::Suspended);
        let gone = peer.standing == Standing::Removed;
        let row = kept.iter().find(|row| row.name == peer.name);
        let suspended = peer.standing == Standing::Suspended;
        let detail = match row {
            None if known => "the log has it as a peer, and there is no row",
            Some(row) if known && row.removed => "trusted by the log, removed by the row",
            Some(row) if gone && !row.removed => "removed by the log, trusted by the row",
            Some(row) if known && peer.card != Some(row.card) => {
                "the row has another card than the log"
            }
            Some(row) if known && suspended && !row.suspended => {
                "suspended by the log, not by the row"
            }
            Some(row) if known && !suspended && row.suspended => {
                "suspended by the row, not by the log"
            }
            _ => continue,
        };
        wrong.push((peer.name.to_owned(), detail.to_owned()));
    }
    let logged = |name: &str| state.peers().iter().any(|peer| peer.name == name);
    let unlogged = kept.iter().filter(|row| !state.goes_on() && !logged(&row.name));
    wrong.extend(unlogged.map(|row| (row.name.clone(), "the log never added it".to_owned())));
    wrong
}

/// Agencies that are kept otherwise than the log says: handle, whether revoked.
pub(super) fn agencies(state: &State, kept: &[(String, bool)]) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    for agency in state.agencies() {
        let detail = match kept.iter().find(|(handle, _)| handle == agency.handle) {
            // It has none either way.
            None if agency.revoked => continue,
            None => "the log gave it access, and there is no row",
            Some((_, revoked)) if *revoked != agency.revoked => {
                "log and row differ in whether it has access"
            }
            _ => continue,
        };
        wrong.push((agency.handle.to_owned(), detail.to_owned()));
    }
    let logged = |handle: &str| state.agencies().any(|agency| agency.handle == handle);
    let unlogged = kept.iter().filter(|(handle, _)| !state.goes_on() && !logged(handle));
    wrong.extend(unlogged.map(|(handle, _)| (handle.clone(), "the log never added it".to_owned())));
    wrong
}
