//! Histories that are legal, however odd they look.

use super::*;

fn state_of(drafts: Vec<EntryDraft>) -> (DeliveryState, Vec<(u64, Rule)>) {
    let mut log = log();
    for draft in drafts {
        log.push(draft);
    }
    let (state, found) = replayed(&log);
    (state.message(&message(1)).expect("known").state, found)
}

#[test]
fn a_message_that_was_sent() {
    let sent = || own(SubmissionAcceptance, 1);
    for (name, drafts, becomes) in [
        ("submitted", vec![sent()], D::Queued),
        ("stopped", vec![sent(), about(MessageHeld, 1)], D::Held),
        ("let go", vec![sent(), about(MessageHeld, 1), about(MessageReleased, 1)], D::Queued),
        ("withdrawn", vec![sent(), about(MessageCancelled, 1)], D::Cancelled),
        (
            "stopped and withdrawn",
            vec![sent(), about(MessageHeld, 1), about(MessageCancelled, 1)],
            D::Cancelled,
        ),
        (
            "answered while stopped",
            vec![sent(), about(MessageHeld, 1), theirs(RelayAcceptance, 1)],
            D::Relayed,
        ),
        ("refused", vec![sent(), theirs(RelayRejection, 1)], D::Rejected),
        ("given up", vec![sent(), own(RelayFailure, 1)], D::ExpiredUnknown),
        (
            "given up while stopped",
            vec![sent(), about(MessageHeld, 1), own(RelayFailure, 1)],
            D::ExpiredUnknown,
        ),
        (
            "a late acceptance wins",
            vec![sent(), own(RelayFailure, 1), theirs(RelayAcceptance, 1)],
            D::Relayed,
        ),
        (
            "receipts overtake each other",
            vec![
                sent(),
                theirs(ContentHandover, 1),
                theirs(ContentConsignment, 1),
                theirs(RelayAcceptance, 1),
            ],
            D::HandedOver,
        ),
        (
            "a hand-over whose consignment never came",
            vec![sent(), theirs(RelayAcceptance, 1), theirs(ContentHandover, 1)],
            D::HandedOver,
        ),
        (
            "not consigned",
            vec![sent(), theirs(RelayAcceptance, 1), theirs(ContentConsignmentFailure, 1)],
            D::NotConsigned,
        ),
        ("erased", vec![sent(), theirs(RelayAcceptance, 1), erase(1)], D::Relayed),
        (
            "held, then erased",
            vec![
                sent(),
                theirs(RelayAcceptance, 1),
                about(HoldSet, 1),
                about(HoldReleased, 1),
                erase(1),
            ],
            D::Relayed,
        ),
    ] {
        assert_eq!(state_of(drafts), (becomes, Vec::new()), "{name}");
    }
}

#[test]
fn a_message_that_was_approved() {
    let sent = || own(SubmissionAcceptance, 1);
    for (name, drafts, becomes) in [
        (
            "approved by another before it was sent",
            vec![draft(DraftSubmitted, 1, 1), draft(DraftApproved, 1, 2), sent()],
            D::Queued,
        ),
        (
            "read before it was approved",
            vec![
                draft(DraftSubmitted, 1, 1),
                EntryDraft::new(AccessFetched).message(message(1)).who(&"a2".repeat(16)),
                draft(DraftApproved, 1, 2),
                sent(),
            ],
            D::Queued,
        ),
        (
            "refused by its reader, and written anew under another id",
            vec![draft(DraftSubmitted, 2, 1), draft(DraftRefused, 2, 2), sent()],
            D::Queued,
        ),
    ] {
        assert_eq!(state_of(drafts), (becomes, Vec::new()), "{name}");
    }
}

#[test]
fn a_message_that_was_received() {
    let got = || own(RelayAcceptance, 1);
    for (name, drafts, becomes) in [
        ("accepted", vec![got()], D::Relayed),
        ("consigned", vec![got(), own(ContentConsignment, 1)], D::Consigned),
        ("not consigned", vec![got(), own(ContentConsignmentFailure, 1)], D::NotConsigned),
        (
            "handed over",
            vec![got(), own(ContentConsignment, 1), own(ContentHandover, 1)],
            D::HandedOver,
        ),
        (
            "refused first, and accepted when it came again",
            vec![own(RelayRejection, 1), got()],
            D::Relayed,
        ),
        (
            "another's bytes under its id are refused",
            vec![got(), own(RelayRejection, 1).envelope([9; 32])],
            D::Relayed,
        ),
        (
            "handed over although the peer is trusted no more",
            vec![got(), peer(PeerRemoved), own(ContentConsignment, 1), own(ContentHandover, 1)],
            D::HandedOver,
        ),
    ] {
        assert_eq!(state_of(drafts), (becomes, Vec::new()), "{name}");
    }
}

#[test]
fn a_refusal_may_name_no_message() {
    let mut log = log();
    let unnamed = EntryDraft::new(RelayRejection).by(authority(ME)).peer(authority(PEER));
    log.push(unnamed.envelope([3; 32]).code("MALFORMED"));
    let rejected = EntryDraft::new(SubmissionRejection).by(authority(ME)).code("BAD");
    log.push(rejected);
    let (state, found) = replayed(&log);
    assert_eq!(found, []);
    assert_eq!((state.refusal_count(), state.message_count()), (1, 0));
}

fn reconciled(code: Option<&str>) -> EntryDraft {
    let draft = EntryDraft::new(PeerReconciled).peer(authority(PEER)).document([8; 32]);
    code.iter().fold(draft, |draft, code| draft.code(code))
}

#[test]
fn agencies_keys_peers_and_the_node_come_and_go() {
    let key = |event| EntryDraft::new(event).key(&"0f".repeat(16));
    let mut log = log();
    for draft in [
        key(KeyAdded),
        node(NodeStarted),
        agency(AgencyAdded),
        agency(AgencyRenewed),
        peer(PeerUpdated),
        reconciled(None),
        peer(PeerSuspended),
        reconciled(Some("LOG_EQUIVOCATION")),
        peer(PeerUpdated),
        peer(PeerResumed),
        peer(PeerRemoved),
        peer(PeerAdded),
        agency(AgencyRevoked),
        node(NodeStopped),
        node(NodeStarted),
        node(NodeRecovered),
        key(KeyRetired),
        EntryDraft::new(PolicySet).document([7; 32]),
    ] {
        log.push(draft);
    }
    let (state, found) = replayed(&log);
    assert_eq!(found, []);
    let node = state.node_view();
    assert_eq!((node.starts, node.recoveries, node.stops), (2, 1, 1));
    assert_eq!(node.running, Some(true));
    let peers = state.peers();
    let stands: Vec<_> = peers.iter().map(|p| (p.name, p.standing, p.seq, p.card)).collect();
    assert_eq!(stands, [(PEER, Standing::Trusted, 9, Some([2; 32]))]);
    assert!(state.agencies().all(|agency| agency.revoked));
    assert_eq!(state.keys().filter(|(_, in_use)| *in_use).count(), 1, "the log's own");
    assert_eq!(state.policy_in_force(), Some(([7; 32], 19)));
}

#[test]
fn a_suspended_peer_stays_so_when_its_card_is_renewed() {
    let mut log = log();
    log.push(peer(PeerSuspended));
    log.push(peer(PeerUpdated));
    let (state, found) = replayed(&log);
    assert_eq!(found, []);
    assert_eq!(state.peers()[0].standing, Standing::Suspended);
}

#[test]
fn a_log_that_goes_on_from_another_knows_what_began_there() {
    let mut log = TestLog::new(ME, 1);
    log.entries.clear();
    let before = crate::audit::entry::Coordinates { origin: format!("{ME}/log/2025"), ..place(41) };
    log.push(EntryDraft::new(LogOpened).key(&log.verifier().to_string()).remote(before));
    for draft in [
        theirs(ContentConsignment, 1),
        own(ContentHandover, 2),
        about(MessageCancelled, 3),
        theirs(ContentHandover, 1),
    ] {
        log.push(draft);
    }
    let (state, found) = replayed(&log);
    // Once for the peer, once for each message: all of them notices.
    let earlier = [1, 1, 2, 3].map(|index| (index, Rule::EarlierLog));
    assert_eq!(found, earlier);
    assert_eq!(Rule::EarlierLog.severity(), Severity::Notice);
    let states = [1, 2, 3].map(|n| state.message(&message(n)).expect("known").state);
    assert_eq!(states, [D::HandedOver, D::HandedOver, D::Cancelled]);
}

#[test]
fn the_life_of_a_message_is_told_in_order() {
    let mut log = log();
    log.push(own(SubmissionAcceptance, 1));
    log.push(own(SubmissionAcceptance, 2));
    log.push(theirs(ContentConsignment, 1));
    log.push(theirs(RelayAcceptance, 1));
    let (mut state, mut life) = (State::new(authority(ME)), Life::of(message(1)));
    for (index, bytes) in (0..).zip(&log.entries) {
        let entry = Entry::parse(bytes).expect("sound");
        state.apply(index, &entry);
        life.observe(index, &entry, &state);
    }
    let told: Vec<_> = life.moments().iter().map(|m| (m.index, m.recorded, m.state)).collect();
    let states = [D::Queued, D::Consigned, D::Consigned].map(Some);
    assert_eq!(told, [(2, false, states[0]), (4, true, states[1]), (5, true, states[2])]);
    assert_eq!(life.moments()[1].remote, Some(place(1)));
}
