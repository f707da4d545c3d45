use std::convert::Infallible;

use super::*;
use crate::audit::entry::EntryDraft;
use crate::audit::merkle::{infallible, leaf_hash};
use crate::audit::testing::{TestLog, authority, envelope, message};
use crate::crypto::sha256;
use Event::*;

mod faults;
mod model;

const START: i64 = 1_795_000_000_000;

/// Two logs and one clock.
struct Two {
    a: TestLog,
    b: TestLog,
    now: i64,
    /// How far B's clock is ahead of A's.
    b_ahead: i64,
    /// Whether both show their first logs.
    from_first: bool,
}

impl Two {
    fn new() -> Self {
        let (a, b) = (TestLog::new("xa.moj", 1), TestLog::new("xb.oag", 2));
        let mut two = Self { a, b, now: START + 60_000, b_ahead: 0, from_first: true };
        for which in [Which::A, Which::B] {
            let other = two.log(which.other()).authority.clone();
            two.push(which, EntryDraft::new(PeerAdded).peer(other).card([1; 32]));
        }
        two
    }

    fn log(&mut self, which: Which) -> &mut TestLog {
        match which {
            Which::A => &mut self.a,
            Which::B => &mut self.b,
        }
    }

    /// Ten milliseconds later.
    fn push(&mut self, which: Which, draft: EntryDraft) -> u64 {
        self.now += 10;
        let at = self.now + if which == Which::B { self.b_ahead } else { 0 };
        self.log(which).push_at(draft, at)
    }

    /// Something that has nothing to do with the other.
    fn idle(&mut self, which: Which, later_ms: i64) {
        self.now += later_ms;
        self.push(which, EntryDraft::new(NodeStarted).software("rogatory 0.1.0"));
    }

    fn names(&mut self, from: Which) -> (AuthorityId, AuthorityId) {
        (self.log(from).authority.clone(), self.log(from.other()).authority.clone())
    }

    /// `from` takes a message for the other; gives its place there.
    fn submit(&mut self, from: Which, number: u64) -> u64 {
        let (me, other) = self.names(from);
        let draft = EntryDraft::new(SubmissionAcceptance).by(me).peer(other);
        let draft = draft.message(message(number)).envelope(envelope(number));
        self.push(from, draft.payload(sha256(&[number as u8])))
    }

    /// What the receiver states of a message that `from` sent and has as entry `at`.
    fn draft(&mut self, from: Which, event: Event, number: u64) -> EntryDraft {
        let (other, me) = self.names(from);
        let draft = EntryDraft::new(event).by(me).peer(other);
        let draft = draft.message(message(number)).envelope(envelope(number));
        let fails = matches!(event, RelayRejection | ContentConsignmentFailure);
        if fails { draft.code("NO") } else { draft }
    }

    fn accept(&mut self, from: Which, number: u64, at: u64) -> u64 {
        let size = self.log(from).entries.len() as u64;
        let place = self.log(from).coordinates(at, size);
        let draft = self.draft(from, RelayAcceptance, number).remote(place);
        self.push(from.other(), draft)
    }

    fn issue(&mut self, from: Which, event: Event, number: u64) -> u64 {
        let draft = self.draft(from, event, number);
        self.push(from.other(), draft)
    }

    /// The sender records the receipt that the other log has as entry `at`.
    fn record(&mut self, from: Which, event: Event, number: u64, at: u64) -> u64 {
        let size = self.log(from.other()).entries.len() as u64;
        let place = self.log(from.other()).coordinates(at, size);
        let digest = sha256(format!("{event} {number}").as_bytes());
        let draft = self.draft(from, event, number);
        let (_, other) = self.names(from);
        let draft = draft.peer(other).receipt(digest).remote(place);
        self.push(from, draft)
    }

    /// A message with everything that can happen to it.
    fn whole(&mut self, from: Which, number: u64) {
        let sent = self.submit(from, number);
        let got = self.accept(from, number, sent);
        self.record(from, RelayAcceptance, number, got);
        for event in [ContentConsignment, ContentHandover] {
            let at = self.issue(from, event, number);
            self.record(from, event, number, at);
        }
    }

    fn reconcile(&self, options: &Options) -> (Summary, Vec<Item>) {
        reconciled_of((&self.a, &self.b), self.from_first, options)
    }

    /// The classes that are found with the usual options, but for what is matched.
    fn classes(&self) -> Vec<Class> {
        let (_, items) = self.reconcile(&Options::default());
        items.into_iter().map(|item| item.class).collect()
    }
}

fn reconciled(a: &TestLog, b: &TestLog, options: &Options) -> (Summary, Vec<Item>) {
    reconciled_of((a, b), true, options)
}

fn reconciled_of(
    (a, b): (&TestLog, &TestLog),
    from_first: bool,
    options: &Options,
) -> (Summary, Vec<Item>) {
    let entries = |log: &TestLog| -> Vec<Entry> {
        log.entries.iter().map(|bytes| Entry::parse(bytes).expect("sound")).collect()
    };
    let (entries_a, entries_b) = (entries(a), entries(b));
    fn all(entries: &[Entry]) -> Entries<'_, Infallible> {
        Box::new((0..).zip(entries.iter().cloned()).map(Ok))
    }
    let leaves = |log: &TestLog| -> Leaves<'static, Infallible> {
        let hashes: Vec<_> = log.entries.iter().map(|bytes| leaf_hash(bytes)).collect();
        Box::new((0..).zip(hashes).map(Ok))
    };
    let mut items = Vec::new();
    let summary = reconcile(
        &Log {
            from_first,
            authority: &a.authority,
            origins: std::slice::from_ref(&a.origin),
            entries: &|| all(&entries_a),
            leaves: &|| leaves(a),
        },
        &Log {
            from_first,
            authority: &b.authority,
            origins: std::slice::from_ref(&b.origin),
            entries: &|| all(&entries_b),
            leaves: &|| leaves(b),
        },
        options,
        &mut |item| items.push(item),
    );
    (
        infallible(summary.map_err(|error| match error {
            ReconcileError::Read(never) => never,
            ReconcileError::Same(who) => panic!("both are of {who}"),
        })),
        items,
    )
}
