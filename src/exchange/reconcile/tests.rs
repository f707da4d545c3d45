//! Two exchanges, one courier in memory, and what may go wrong between them.

use super::*;
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::{Entry, EntryDraft, Event};
use crate::domain::MessageId;
use crate::domain::delivery::DeliveryState;
use crate::exchange::accept::Accepted;
use crate::exchange::heads::{hashes, request};
use crate::exchange::issue::Issued;
use crate::exchange::retention;
use crate::exchange::testing::{HOUR_MS, Lone, Memory, desk};
use crate::pb::v1 as pb;
use crate::store::{BodySlot, Table};

mod chains;
mod liars;
mod rounds;
mod served;

/// One of two nodes.
struct Node {
    lone: Lone,
    courier: Option<Arc<Memory>>,
}

impl Node {
    fn new(name: &str) -> Self {
        Self { lone: Lone::new(name, retention::Rules::default()), courier: None }
    }

    fn x(&self) -> &Arc<Exchange> {
        self.lone.x()
    }

    fn name(&self) -> AuthorityId {
        self.x().me.clone()
    }

    fn peer(&self, other: &Self) -> Arc<Peer> {
        self.x().directory.get(&other.name()).expect("trusted")
    }

    fn reach(&mut self, other: &Self) {
        self.courier = Some(Memory::between(self.x(), other.x()));
    }

    fn courier(&self) -> &Memory {
        self.courier.as_ref().expect("reaches")
    }

    /// What the other node is made to answer to this one.
    fn is_told(&self, lie: impl Fn(&mut pb::GetEntriesResponse) + Send + Sync + 'static) {
        self.courier().lies(Box::new(lie));
    }

    fn asked(&self) -> Vec<pb::GetEntriesRequest> {
        self.courier().asked()
    }

    fn size(&self) -> u64 {
        self.x().store.head().checkpoint.size
    }

    /// Entries of `peer.reconciled`.
    fn reconciled(&self) -> Vec<Entry> {
        let entries = self.lone.entries(Event::PeerReconciled);
        entries.into_iter().map(|(_, entry)| entry).collect()
    }

    async fn append(&self, draft: EntryDraft) -> u64 {
        let append = move |tx: &mut crate::store::Tx<'_>| Ok::<_, ActionError>(tx.append(draft));
        self.x().store.commit(append).await.expect("commits").value
    }

    async fn reconcile(&self, other: &Self) -> Reconciliation {
        self.x().reconcile(&self.peer(other)).await.expect("a round")
    }

    fn state(&self, id: MessageId) -> DeliveryState {
        self.lone.row(id).delivery()
    }
}

/// Two nodes that trust each other and have shown each other their logs.
async fn two() -> (Node, Node) {
    let (mut a, mut b) = (Node::new("xa.oag"), Node::new("xb.pps"));
    a.lone.meet(&b.lone).await;
    a.reach(&b);
    b.reach(&a);
    for node in [&a, &b] {
        number_all(node.x()).await;
    }
    show(&a, &b).await;
    show(&b, &a).await;
    (a, b)
}

/// As a stream would show the newest checkpoint of `from`.
async fn show(from: &Node, to: &Node) -> SignedCheckpoint {
    let peer = to.peer(from);
    let held = to.x().head_of(&peer).map_or(0, |held| held.checkpoint().size);
    let head = from.x().store.head();
    let proof = from.x().store.consistency(0, held, head.checkpoint.size).expect("proves");
    let request = request(held, &hashes(&proof), &head.note).expect("a request");
    let taken = to.x().take_head(&peer, &request).await.expect("extends");
    let cosigned = to.x().cosign(&taken);
    let head = cosigned.head.clone();
    to.x().keep_head(Some(&peer), cosigned).await.expect("kept");
    head
}

/// As a stream would carry a message: accepted and consigned; the sender learns nothing yet.
async fn carry(from: &Node, to: &Node, id: MessageId) {
    let proven = show(from, to).await;
    let row = from.lone.row(id);
    let store = &from.x().store;
    let inclusion = store.inclusion(row.entry_index, proven.checkpoint().size).expect("proves");
    let deliver = pb::Deliver {
        envelope: store.body(BodySlot(row.body_slot)).expect("reads").expect("there").into(),
        entry: store.entry(row.entry_index).expect("reads").expect("there").into(),
        index: row.entry_index,
        inclusion: hashes(&inclusion),
        annexes: Vec::new(),
    };
    let accepted = to.x().accept(&to.peer(from), &proven, deliver).await.expect("judged");
    assert!(matches!(accepted, Accepted::Issued(_)));
    to.x().consign_all().await.expect("consigned");
}

/// The agency of the receiver confirms that it has the message.
async fn hand_over(at: &Node, id: MessageId) {
    let digest = at.lone.row(id).digest();
    at.x().confirm(&desk(), id, digest).await.map_err(|e| e.to_string()).expect("confirmed");
}

/// The receipts that `by` has issued for a message reach its sender, but for those that get lost.
async fn tell(by: &Node, to: &Node, id: MessageId, lost: &[&str]) {
    let row = by.lone.row(id);
    let receipts = row.receipts.iter().map(|receipt| (receipt.event.as_str(), receipt.index));
    let all: Vec<_> = [("RelayAcceptance", row.entry_index)].into_iter().chain(receipts).collect();
    for (event, index) in all.into_iter().filter(|(event, _)| !lost.contains(event)) {
        let proven = show(by, to).await;
        let (receipt, _) = Issued::at(index).receipt(&by.x().store).expect("a receipt");
        let told = to.x().record(&to.peer(by), receipt.text(), &proven).await;
        told.map_err(|error| format!("{event}: {error}")).expect("recorded");
    }
}

/// A message that goes the whole way.
async fn whole(from: &Node, to: &Node) -> MessageId {
    let id = from.lone.submit(&to.lone, &[]).await;
    carry(from, to, id).await;
    hand_over(to, id).await;
    tell(to, from, id, &[]).await;
    id
}

fn classes(done: &Reconciliation) -> Vec<&'static str> {
    done.differences.iter().map(Difference::class).collect()
}

fn actions(done: &Reconciliation) -> Vec<&str> {
    done.differences.iter().map(Difference::action).collect()
}
