//! Histories that no node that keeps its rules writes, each named by what is wrong with it.

use super::*;

/// What is found in the last entry of a log with these.
fn last(drafts: Vec<EntryDraft>) -> Vec<Rule> {
    let mut log = log();
    for draft in drafts {
        log.push(draft);
    }
    let (_, found) = replayed(&log);
    let last = log.entries.len() as u64 - 1;
    assert!(found.iter().all(|(index, _)| *index == last), "only the last one: {found:?}");
    found.into_iter().map(|(_, rule)| rule).collect()
}

pub(super) fn check(cases: Vec<(&str, Rule, Vec<EntryDraft>)>) {
    for (name, rule, drafts) in cases {
        assert_eq!(last(drafts), [rule], "{name}");
    }
}

#[test]
fn what_never_began_cannot_go_on() {
    check(vec![
        ("a receipt for nothing", Rule::NotSubmitted, vec![theirs(ContentConsignment, 1)]),
        ("consigned and never accepted", Rule::NotAccepted, vec![own(ContentConsignment, 1)]),
        ("handed over and never accepted", Rule::NotAccepted, vec![own(ContentHandover, 1)]),
        ("withdrawn and never submitted", Rule::UnknownMessage, vec![about(MessageCancelled, 1)]),
        ("given up and never submitted", Rule::UnknownMessage, vec![own(RelayFailure, 1)]),
        ("an erasure of nothing", Rule::UnknownMessage, vec![erase(1)]),
        ("a hold on nothing", Rule::UnknownMessage, vec![about(HoldSet, 1)]),
    ]);
}

#[test]
fn nothing_goes_without_its_approval() {
    let (sent, wrote) = (|| own(SubmissionAcceptance, 1), || draft(DraftSubmitted, 1, 1));
    let approved = || draft(DraftApproved, 1, 2);
    check(vec![
        ("written twice", Rule::SubmittedTwice, vec![wrote(), wrote()]),
        ("written when it was sent already", Rule::SubmittedTwice, vec![sent(), wrote()]),
        ("approved and never written", Rule::NotDrafted, vec![approved()]),
        ("approved twice", Rule::NotDrafted, vec![wrote(), approved(), approved()]),
        (
            "approved by its author",
            Rule::ApprovedByAuthor,
            vec![wrote(), draft(DraftApproved, 1, 1)],
        ),
        ("refused and never written", Rule::NotDrafted, vec![draft(DraftRefused, 1, 2)]),
        (
            "approved when it was refused",
            Rule::NotDrafted,
            vec![wrote(), draft(DraftRefused, 1, 2), approved()],
        ),
        ("sent and not approved", Rule::SentUnapproved, vec![wrote(), sent()]),
        (
            "another envelope than was approved",
            Rule::SentUnapproved,
            vec![wrote(), approved().envelope([9; 32]), sent()],
        ),
    ]);
}

#[test]
fn what_happens_once_happens_once() {
    let (sent, got) = (|| own(SubmissionAcceptance, 1), || own(RelayAcceptance, 1));
    check(vec![
        ("submitted twice", Rule::SubmittedTwice, vec![sent(), sent()]),
        ("accepted twice", Rule::AcceptedTwice, vec![got(), got()]),
        ("accepted although it was sent from here", Rule::AcceptedTwice, vec![sent(), got()]),
        (
            "recorded twice",
            Rule::RecordedTwice,
            vec![sent(), theirs(RelayAcceptance, 1), theirs(RelayAcceptance, 1)],
        ),
        (
            "consigned twice",
            Rule::IssuedTwice,
            vec![got(), own(ContentConsignment, 1), own(ContentConsignment, 1)],
        ),
        (
            "consigned, and not",
            Rule::ConsignedAndFailed,
            vec![got(), own(ContentConsignment, 1), own(ContentConsignmentFailure, 1)],
        ),
        (
            "handed over twice",
            Rule::IssuedTwice,
            vec![
                got(),
                own(ContentConsignment, 1),
                own(ContentHandover, 1),
                own(ContentHandover, 1),
            ],
        ),
    ]);
}

#[test]
fn what_follows_needs_what_comes_before() {
    let (sent, got) = (|| own(SubmissionAcceptance, 1), || own(RelayAcceptance, 1));
    check(vec![
        (
            "a hand-over without consignment",
            Rule::NotConsigned,
            vec![got(), own(ContentHandover, 1)],
        ),
        (
            "a hand-over of what could not be consigned",
            Rule::NotConsigned,
            vec![got(), own(ContentConsignmentFailure, 1), own(ContentHandover, 1)],
        ),
        (
            "given up although answered",
            Rule::NotQueued,
            vec![sent(), theirs(RelayRejection, 1), own(RelayFailure, 1)],
        ),
        (
            "withdrawn although answered",
            Rule::NotQueued,
            vec![sent(), theirs(RelayAcceptance, 1), about(MessageCancelled, 1)],
        ),
        (
            "given up although withdrawn",
            Rule::NotQueued,
            vec![sent(), about(MessageCancelled, 1), own(RelayFailure, 1)],
        ),
        ("let go and never stopped", Rule::StopUnchanged, vec![sent(), about(MessageReleased, 1)]),
        (
            "erased although it must not be",
            Rule::ErasedInHold,
            vec![got(), about(HoldSet, 1), erase(1)],
        ),
    ]);
}

#[test]
fn the_two_sides_are_not_mixed_up() {
    let (sent, got) = (|| own(SubmissionAcceptance, 1), || own(RelayAcceptance, 1));
    check(vec![
        (
            "a receipt for what was received",
            Rule::WrongSide,
            vec![got(), theirs(ContentHandover, 1)],
        ),
        (
            "sent from here, consigned here",
            Rule::WrongSide,
            vec![sent(), own(ContentConsignment, 1)],
        ),
        ("withdrawn although received", Rule::WrongSide, vec![got(), about(MessageCancelled, 1)]),
        (
            "no peer gives up what was sent from here",
            Rule::Irrelevant,
            vec![sent(), theirs(RelayFailure, 1)],
        ),
    ]);
}

#[test]
fn a_message_stays_what_it_is() {
    let sent = || own(SubmissionAcceptance, 1);
    let stranger = EntryDraft::new(PeerAdded).peer(authority("xc.moj")).card([1; 32]);
    check(vec![
        (
            "other bytes",
            Rule::OtherEnvelope,
            vec![sent(), theirs(RelayAcceptance, 1).envelope([9; 32])],
        ),
        (
            "another content",
            Rule::OtherPayload,
            vec![sent(), theirs(RelayAcceptance, 1).payload([9; 32])],
        ),
        (
            "another peer",
            Rule::OtherPeer,
            vec![sent(), stranger, about(MessageCancelled, 1).peer(authority("xc.moj"))],
        ),
        (
            "a receipt from the log of somebody else",
            Rule::ForeignOrigin,
            vec![sent(), theirs(RelayAcceptance, 1).remote(foreign())],
        ),
    ]);
}

fn foreign() -> crate::audit::entry::Coordinates {
    crate::audit::entry::Coordinates { origin: "xb.oagx/log/2026".into(), ..place(1) }
}

#[test]
fn peers_agencies_and_keys_are_added_first() {
    let stranger = own(SubmissionAcceptance, 1).peer(authority("xc.moj"));
    check(vec![
        ("exchanged with a stranger", Rule::PeerNeverAdded, vec![stranger]),
        (
            "a stranger is removed",
            Rule::PeerNeverAdded,
            vec![EntryDraft::new(PeerRemoved).peer(authority("xc.moj"))],
        ),
        (
            "a stranger's log is compared",
            Rule::PeerNeverAdded,
            vec![EntryDraft::new(PeerReconciled).peer(authority("xc.moj")).document([8; 32])],
        ),
        ("a stranger's access is renewed", Rule::AgencyUnknown, vec![agency(AgencyRenewed)]),
        (
            "access is given twice",
            Rule::AgencyAddedTwice,
            vec![agency(AgencyAdded), agency(AgencyAdded)],
        ),
        (
            "a key that never was goes",
            Rule::KeyUnknown,
            vec![EntryDraft::new(KeyRetired).key(&"0f".repeat(16))],
        ),
    ]);
}

#[test]
fn what_is_odd_is_a_notice() {
    let (sent, got) = (|| own(SubmissionAcceptance, 1), || own(RelayAcceptance, 1));
    let cases = vec![
        ("sent to whom nobody trusts", Rule::UntrustedPeer, vec![peer(PeerRemoved), sent()]),
        ("accepted from a suspended peer", Rule::UntrustedPeer, vec![peer(PeerSuspended), got()]),
        ("added twice", Rule::PeerUnchanged, vec![peer(PeerAdded)]),
        ("removed twice", Rule::PeerUnchanged, vec![peer(PeerRemoved), peer(PeerRemoved)]),
        (
            "updated although removed",
            Rule::PeerUnchanged,
            vec![peer(PeerRemoved), peer(PeerUpdated)],
        ),
        (
            "accepted there although withdrawn here",
            Rule::AfterCancel,
            vec![sent(), about(MessageCancelled, 1), theirs(RelayAcceptance, 1)],
        ),
        (
            "accepted and refused",
            Rule::Contradiction,
            vec![sent(), theirs(RelayAcceptance, 1), theirs(RelayRejection, 1)],
        ),
        (
            "handed over and never consigned",
            Rule::Contradiction,
            vec![sent(), theirs(ContentConsignmentFailure, 1), theirs(ContentHandover, 1)],
        ),
        (
            "two states of one size",
            Rule::PeerTwoRoots,
            vec![
                sent(),
                theirs(RelayAcceptance, 1),
                theirs(ContentConsignment, 1)
                    .remote(crate::audit::entry::Coordinates { root: [9; 32], ..place(1) }),
            ],
        ),
        ("refused twice", Rule::RefusedAgain, vec![own(RelayRejection, 1), own(RelayRejection, 1)]),
        ("held twice", Rule::HoldUnchanged, vec![got(), about(HoldSet, 1), about(HoldSet, 1)]),
        ("erased twice", Rule::ErasedTwice, vec![got(), erase(1), erase(1)]),
        ("erased in the queue", Rule::ErasedInQueue, vec![sent(), erase(1)]),
        (
            "read after its erasure",
            Rule::ReadAfterErasure,
            vec![got(), erase(1), agency(AccessFetched).message(message(1))],
        ),
        (
            "an agency without access",
            Rule::RevokedAgency,
            vec![agency(AgencyAdded), agency(AgencyRevoked), sent().who(&"a1".repeat(16))],
        ),
        (
            "a node that is stopped",
            Rule::NotRunning,
            vec![node(NodeStarted), node(NodeStopped), got()],
        ),
        ("started twice", Rule::NotStopped, vec![node(NodeStarted), node(NodeStarted)]),
        (
            "stopped twice",
            Rule::NotStarted,
            vec![node(NodeStarted), node(NodeStopped), node(NodeStopped)],
        ),
        ("a key twice", Rule::KeyAddedTwice, vec![key(), key()]),
    ];
    assert!(cases.iter().all(|(_, rule, _)| rule.severity() == Severity::Notice));
    check(cases);
}

fn key() -> EntryDraft {
    EntryDraft::new(KeyAdded).key(&"0f".repeat(16))
}

#[test]
fn the_log_itself_has_an_order() {
    let mut sealed = log();
    let next = sealed.verifier().to_string();
    sealed.push(EntryDraft::new(LogSealed).key(&next));
    sealed.push(node(NodeStarted));
    assert_eq!(replayed(&sealed).1, [(3, Rule::AfterSeal)]);

    let mut twice = log();
    twice.push(EntryDraft::new(LogOpened).key(&twice.verifier().to_string()));
    assert_eq!(replayed(&twice).1, [(2, Rule::OpenedAgain)]);

    let mut other = log();
    other.authority = authority("xc.moj");
    assert_eq!(replayed(&other).1[0], (0, Rule::NotOpened), "the log of somebody else");

    let mut gap = log();
    gap.seqs.insert(authority(PEER), 5);
    gap.push(own(SubmissionAcceptance, 1));
    assert_eq!(replayed(&gap).1, [(2, Rule::Sequence)]);

    let mut third = log();
    third.push(own(SubmissionAcceptance, 1).by(authority("xc.moj")));
    let (state, found) = replayed(&third);
    assert_eq!(found, [(2, Rule::ThirdParty)]);
    assert_eq!(state.message_count(), 0, "what a third party says changes nothing");

    let mut back = log();
    let mut entry = Entry::parse(&back.entries[1]).expect("sound");
    (entry.at, entry.peer_seq) = (entry.at.plus_ms(-100), Some(2));
    back.push_entry(&entry);
    let rules: Vec<Rule> = replayed(&back).1.into_iter().map(|(_, rule)| rule).collect();
    assert_eq!(rules, [Rule::TimeRunsBack, Rule::PeerUnchanged]);
}

#[test]
fn an_entry_out_of_its_place_changes_nothing() {
    let log = log();
    let entry = |at: usize| Entry::parse(&log.entries[at]).expect("sound");
    let mut state = State::new(authority(ME));
    state.apply(0, &entry(0));
    let before = state.digest();
    for index in [0, 2] {
        let found = state.apply(index, &entry(1));
        assert_eq!(found[0].rule, Rule::OutOfPlace);
        assert_eq!(state.digest(), before);
    }
    assert_ne!(
        {
            state.apply(1, &entry(1));
            state.digest()
        },
        before
    );
}

#[test]
fn what_breaks_a_rule_of_its_message_leaves_the_message_alone() {
    let mut log = log();
    log.push(own(SubmissionAcceptance, 1));
    let (state, _) = replayed(&log);
    let before = state.message(&message(1)).map(|m| (m.state, m.events.len()));
    log.push(own(ContentConsignment, 1));
    log.push(theirs(RelayAcceptance, 1).envelope([9; 32]));
    let (state, found) = replayed(&log);
    assert_eq!(found.len(), 2);
    assert_eq!(state.message(&message(1)).map(|m| (m.state, m.events.len())), before);
}

#[test]
fn the_documentation_has_the_table_of_rules() {
    let page = include_str!("../../../../docs/audit.md");
    for rule in Rule::ALL {
        let row = format!("| `{rule}` | {} | {} |\n", rule.severity().as_str(), rule.says());
        assert!(page.contains(&row), "docs/audit.md needs the row {row}");
    }
}

#[test]
fn every_rule_has_a_name_of_its_own() {
    let names: std::collections::BTreeSet<_> = Rule::ALL.iter().map(|r| r.as_str()).collect();
    assert_eq!(names.len(), Rule::ALL.len());
}
