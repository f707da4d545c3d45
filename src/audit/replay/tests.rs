use super::*;
use crate::audit::entry::EntryDraft;
use crate::audit::testing::{TestLog, authority, envelope, message};
use crate::crypto::sha256;
use crate::domain::delivery::DeliveryState;
use crate::domain::delivery::DeliveryState as D;
use Event::*;

mod annexes;
mod illegal;
mod laws;
mod legal;
pub(super) mod world;

const ME: &str = "xa.moj";
const PEER: &str = "xb.oag";

/// A log that has just trusted a peer.
fn log() -> TestLog {
    let mut log = TestLog::new(ME, 1);
    log.push(EntryDraft::new(PeerAdded).peer(authority(PEER)).card([1; 32]));
    log
}

/// The state of a log, and the rules that its entries break.
fn replayed(log: &TestLog) -> (State, Vec<(u64, Rule)>) {
    let mut state = State::new(log.authority.clone());
    let mut found = Vec::new();
    for (index, bytes) in (0..).zip(&log.entries) {
        let entry = Entry::parse(bytes).expect("a sound entry");
        found.extend(state.apply(index, &entry).into_iter().map(|f| (f.index, f.rule)));
    }
    (state, found)
}

fn about(event: Event, number: u64) -> EntryDraft {
    EntryDraft::new(event).peer(authority(PEER)).message(message(number))
}

fn payload(number: u64) -> [u8; 32] {
    sha256(format!("payload {number}").as_bytes())
}

/// What the owner states of a message.
fn own(event: Event, number: u64) -> EntryDraft {
    let draft = about(event, number).by(authority(ME)).envelope(envelope(number));
    let draft = draft.payload(payload(number));
    match event {
        RelayRejection | ContentConsignmentFailure | ContentHandoverFailure => draft.code("NO"),
        RelayAcceptance => draft.remote(place(number)),
        _ => draft,
    }
}

/// A receipt of the peer, recorded.
fn theirs(event: Event, number: u64) -> EntryDraft {
    let draft = about(event, number).by(authority(PEER)).envelope(envelope(number));
    let draft = draft.payload(payload(number)).receipt([event as u8; 32]).remote(place(number));
    match event {
        RelayRejection | ContentConsignmentFailure | ContentHandoverFailure => draft.code("NO"),
        _ => draft,
    }
}

fn place(number: u64) -> crate::audit::entry::Coordinates {
    crate::audit::entry::Coordinates {
        origin: format!("{PEER}/log/2026"),
        index: number,
        size: number + 1,
        root: sha256(&number.to_be_bytes()),
    }
}

fn erase(number: u64) -> EntryDraft {
    EntryDraft::new(EraseBody).message(message(number)).code("RETENTION")
}

fn agency(event: Event) -> EntryDraft {
    EntryDraft::new(event).who(&"a1".repeat(16))
}

/// Of what waits for an approval; `who` is one digit.
fn draft(event: Event, number: u64, who: u8) -> EntryDraft {
    let draft = EntryDraft::new(event).message(message(number));
    let draft = draft.who(&format!("a{who}").repeat(16));
    match event {
        DraftApproved => draft.envelope(envelope(number)),
        DraftRefused => draft.code("REFUSED"),
        _ => draft,
    }
}

fn node(event: Event) -> EntryDraft {
    EntryDraft::new(event).software("rogatory 0.1.0")
}

fn peer(event: Event) -> EntryDraft {
    let draft = EntryDraft::new(event).peer(authority(PEER));
    if matches!(event, PeerAdded | PeerUpdated) { draft.card([2; 32]) } else { draft }
}
