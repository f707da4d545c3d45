//! Nodes that witness each other: levels of receipts, evidence, gossip.

use crate::support::hostile::Hostile;
use crate::support::*;
use rogatory::audit::cosigned::SignedCheckpoint;
use rogatory::audit::entry::{EntryDraft, Event};
use rogatory::audit::evidence::Evidence;
use rogatory::pb::v1 as pb;
use rogatory::receipt::Receipt;

use pb::relay_request::Frame as Ask;
use pb::relay_response::Frame as Answer;

const NAMES: [&str; 3] = ["xa.oag", "xb.pps", "xc.moj"];

async fn three(root: &std::path::Path) -> [Node; 3] {
    let mut nodes = Vec::new();
    for name in NAMES {
        nodes.push(Node::new(root, name).await);
    }
    let nodes: [Node; 3] = nodes.try_into().map_err(|_| "three").expect("three");
    for one in &nodes {
        for other in nodes.iter().filter(|other| other.authority() != one.authority()) {
            one.trust(other).await;
        }
    }
    nodes
}

/// Two of the three must have cosigned.
fn set_policy(nodes: &[Node; 3]) {
    let witness = |node: &Node| {
        let key = &node.card.witness_keys()[0];
        format!("witness {} {key}\n", node.authority().as_str().replace('.', "-"))
    };
    let witnesses: String = nodes.iter().map(witness).collect();
    let policy = format!("{witnesses}group two 2 xa-oag xb-pps xc-moj\nquorum two\n");
    for node in nodes {
        std::fs::write(node.home.join("policy"), &policy).expect("written");
        node.add_to("witness", "policy = \"policy\"\n");
    }
}

async fn receipts(agency: &mut Agency, name: &str) -> Vec<(String, String)> {
    let request = pb::ListReceiptsRequest { parent: name.into() };
    let list = agency.list_receipts(request).await.expect("listed").into_inner().receipts;
    list.into_iter().map(|receipt| (receipt.event, receipt.level)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn receipts_rise_to_the_level_that_their_witnesses_give_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut nodes = three(dir.path()).await;
    set_policy(&nodes);
    for node in &mut nodes {
        node.start().await;
    }
    let mut desk = nodes[0].desk().await;
    let sent = desk.submit_message(submission(&nodes[1])).await.expect("submitted").into_inner();
    has_receipts(&mut desk, &sent.name, 2).await;
    let first = receipts(&mut desk, &sent.name).await;
    let relayed = first.iter().find(|(event, _)| event == "RelayAcceptance").expect("there");
    assert_eq!(relayed.1, "L1", "with our own cosignature");
    let all_strong = async {
        loop {
            let request = pb::RefreshReceiptsRequest { parent: sent.name.clone() };
            let now = desk.refresh_receipts(request).await.expect("refreshed").into_inner();
            if now.receipts.iter().all(|receipt| receipt.level == "L2") {
                return now.receipts;
            }
        }
    };
    let strong = tokio::time::timeout(DEADLINE, all_strong).await.expect("the quorum cosigns");
    assert_eq!(strong.len(), 3, "ours, and two of the peer");
    // Whoever is given one needs nothing of ours to see it.
    let given = strong.iter().find(|r| r.event == "ContentConsignment").expect("there");
    let text = Receipt::parse(&given.text).expect("a receipt");
    let keys = [&nodes[0], &nodes[2]].map(|n| n.card.witness_keys()[0].clone());
    let head = SignedCheckpoint::verify(text.checkpoint_note(), nodes[1].card.log_keys());
    let cosigners = head.expect("signed").cosigners(&keys).expect("sound");
    assert_eq!(cosigners.all().len(), 2);
    for node in &mut nodes {
        node.stop().await;
    }
}

/// Both keys of two of the three must have cosigned.
fn set_post_quantum_policy(nodes: &[Node; 3]) {
    let witness = |node: &Node| {
        let name = node.authority().as_str().replace('.', "-");
        let [ed25519, ml_dsa] = node.card.witness_keys() else { panic!("two keys") };
        format!(
            "witness {name}-1 {ed25519}\nwitness {name}-2 {ml_dsa}\ngroup {name} all {name}-1 {name}-2\n"
        )
    };
    let witnesses: String = nodes.iter().map(witness).collect();
    let policy = format!("{witnesses}group two 2 xa-oag xb-pps xc-moj\nquorum two\n");
    for node in nodes {
        std::fs::write(node.home.join("policy"), &policy).expect("written");
        node.add_to("witness", "policy = \"policy\"\npost_quantum = true\n");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_cosign_with_ml_dsa_too_where_their_operators_ask_for_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut nodes = three(dir.path()).await;
    set_post_quantum_policy(&nodes);
    for node in &mut nodes {
        node.start().await;
    }
    let mut desk = nodes[0].desk().await;
    let sent = desk.submit_message(submission(&nodes[1])).await.expect("submitted").into_inner();
    has_receipts(&mut desk, &sent.name, 2).await;
    let all_strong = async {
        loop {
            let request = pb::RefreshReceiptsRequest { parent: sent.name.clone() };
            let now = desk.refresh_receipts(request).await.expect("refreshed").into_inner();
            if now.receipts.iter().all(|receipt| receipt.level == "L2") {
                return now.receipts;
            }
        }
    };
    let strong = tokio::time::timeout(DEADLINE, all_strong).await.expect("the quorum cosigns");
    assert_eq!(strong.len(), 3, "ours, and two of the peer");
    for receipt in strong {
        let text = Receipt::parse(&receipt.text).expect("a receipt");
        let (issuer, others) = match receipt.issuer.as_str() {
            "xa.oag" => (0, [1, 2]),
            _ => (1, [0, 2]),
        };
        let head = SignedCheckpoint::verify(text.checkpoint_note(), nodes[issuer].card.log_keys());
        let head = head.expect("signed");
        for other in others {
            let cosigners = head.cosigners(nodes[other].card.witness_keys()).expect("sound");
            let [ed25519, ml_dsa] = cosigners.all() else { panic!("one line of each key") };
            assert_eq!(ed25519.at(), ml_dsa.at(), "it is one statement");
        }
    }
    for node in &mut nodes {
        node.stop().await;
    }
}

fn is_cosigning(event: &Event) -> bool {
    *event == Event::WitnessCosigned
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_at_rest_writes_nothing_however_long_it_is_witnessed() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut nodes = three(dir.path()).await;
    let day = || rogatory::node::now().unix_ms().div_euclid(86_400_000);
    let began = day();
    for node in &mut nodes {
        node.start().await;
    }
    // Each says of each other once a day that it cosigns it.
    for node in &nodes {
        let cosigns = async {
            let cosigned = async || events(node).await.into_iter().filter(is_cosigning).count();
            while cosigned().await < nodes.len() - 1 {}
        };
        tokio::time::timeout(DEADLINE, cosigns).await.expect("it cosigns the others");
    }
    // No more of it than that, though the log of one goes on growing and the others cosign it.
    let (mut rested, grows) = (Vec::new(), &nodes[0]);
    for grown in 0..4 {
        grows.agency(&format!("agency{grown}"), &["read"], true).await;
        let size = status(grows).await.log_size;
        for node in &nodes[1..] {
            let cosigns = async { while status_of(node, grows).await.log_size < size {} };
            tokio::time::timeout(DEADLINE, cosigns).await.expect("it is shown the new entry");
        }
        let mut sizes = Vec::new();
        for node in &nodes {
            sizes.push(status(node).await.log_size);
        }
        sizes[0] -= grown;
        if grown == 0 {
            // What came in while they started has been dealt with.
            rested = sizes;
            continue;
        }
        let days = 2 * u64::try_from(day() - began).expect("time goes on");
        let fits = |(rested, size): (&u64, &u64)| (*rested..=rested + days).contains(size);
        assert!(rested.iter().zip(&sizes).all(fits), "{rested:?} {sizes:?}");
    }
    for node in &mut nodes {
        node.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pasts_leave_evidence_and_suspend_the_peer() {
    let dir = tempfile::tempdir().expect("a directory");
    let (a, mut b) = pair(dir.path()).await;
    b.start().await;
    let mut peer = Hostile::new(&a, &b).await;
    peer.greet().await;
    let size = peer.node.store.head().checkpoint.size;
    peer.log(EntryDraft::new(Event::NodeStarted).software("hostile")).await;
    peer.show().await;
    peer.open(Ask::Hello(peer.hello())).await.expect("a second stream");
    peer.equivocates(size, size + 1).await;
    let evidence = evidence(&b).await;
    assert_eq!(evidence.len(), 1);
    let text = Evidence::parse(&evidence[0].text).expect("evidence");
    // Anybody with the card can see it, on any machine.
    text.verify(a.card.log_keys()).expect("it proves two pasts");
    assert!(peer.open(Ask::Hello(peer.hello())).await.is_err(), "the peer is suspended");
    let resume = pb::ResumePeerRequest { authority: "xa.oag".into() };
    b.operator().await.resume_peer(resume).await.expect("resumed");
    peer.open(Ask::Hello(peer.hello())).await.expect("the operator has looked");
    b.stop().await;
}

async fn evidence(node: &Node) -> Vec<pb::Evidence> {
    let list = node.auditor().await.list_evidence(pb::ListEvidenceRequest {}).await;
    list.expect("listed").into_inner().evidence
}

#[tokio::test(flavor = "multi_thread")]
async fn gossip_finds_a_log_that_showed_each_of_two_peers_its_own_past() {
    let dir = tempfile::tempdir().expect("a directory");
    let [a, mut b, mut c] = three(dir.path()).await;
    b.add_to("witness", "gossip_with = [\"xc.moj\"]\n");
    c.add_to("witness", "gossip_with = [\"xb.pps\"]\n");
    b.start().await;
    let mut to_b = Hostile::new(&a, &b).await;
    to_b.log(EntryDraft::new(Event::NodeStarted).software("hostile")).await;
    to_b.greet().await;
    let size = to_b.node.store.head().checkpoint.size;
    let other_past = to_b.fork(0, size);
    // C is shown another past of the same size, and comes to know B's only by talking to B.
    c.start().await;
    let victim = to_b.node.exchange.directory().get(c.authority()).expect("a peer");
    to_b.victim = victim;
    to_b.open(Ask::Hello(to_b.hello())).await.expect("answered");
    match to_b.ask(Ask::Checkpoint(other_past)).await.expect("answered") {
        Answer::Checkpoint(_) => {}
        other => panic!("{other:?}"),
    }
    to_b.hang_up();
    c.stop().await;
    c.start().await;
    let found = async { while evidence(&c).await.is_empty() && evidence(&b).await.is_empty() {} };
    tokio::time::timeout(DEADLINE, found).await.expect("the two compare");
    b.stop().await;
    c.stop().await;
}
