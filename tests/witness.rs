//! Nodes that witness each other, and strangers: levels of receipts, evidence, gossip, HTTP.
#![allow(missing_docs)]

mod support;

use rogatory::audit::Checkpoint;
use rogatory::audit::cosigned::SignedCheckpoint;
use rogatory::audit::entry::{EntryDraft, Event};
use rogatory::audit::evidence::Evidence;
use rogatory::audit::note::VerifierKey;
use rogatory::audit::witness::{AddCheckpoint, take_response};
use rogatory::crypto::keys::{Algorithm, Seed, SigningSecret};
use rogatory::pb::v1 as pb;
use rogatory::receipt::Receipt;
use support::hostile::Hostile;
use support::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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

/// One request over plain HTTP; status and body.
async fn http(address: &str, request: &str) -> (u16, String) {
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("connects");
    stream.write_all(request.as_bytes()).await.expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("text");
    let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    let body = answer.split_once("\r\n\r\n").expect("a body").1.to_owned();
    (status, body)
}

async fn post(address: &str, body: &str) -> (u16, String) {
    let head = format!(
        "POST /add-checkpoint HTTP/1.1\r\nHost: witness\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    http(address, &(head + body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strangers_log_is_cosigned_over_http() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut node = Node::new(dir.path(), "xa.oag").await;
    let seed = Seed::from_slice(&[9; 32]).expect("32 bytes");
    let key = SigningSecret::new(&seed, Algorithm::Ed25519).expect("it signs");
    let public = key.public().bytes().try_into().expect("32 bytes");
    let log = VerifierKey::ed25519("stranger.example/log", public).expect("a key");
    node.add_to("witness", &format!("post_quantum = true\nlogs = [\"{log}\"]\n"));
    let address = node.witness_port().await;
    node.start().await;
    let leaves = [b"one".as_slice(), b"two", b"three"];
    let checkpoint = |size: usize| {
        let root = rogatory::audit::merkle::root_of(leaves[..size].iter().copied());
        Checkpoint { origin: "stranger.example/log".into(), size: size as u64, root }
    };
    let request = |old, proof, size| {
        AddCheckpoint::new(old, proof, checkpoint(size).sign(&key)).expect("a request").to_text()
    };
    let (status, body) = post(&address, &request(0, Vec::new(), 1)).await;
    assert_eq!(status, 200, "{body}");
    let mut note = SignedCheckpoint::verify(&checkpoint(1).sign(&key), &[log]).expect("signed");
    let witness = node.card.witness_keys();
    assert_eq!(take_response(&mut note, body.as_bytes(), witness), Ok(2));
    let two = rogatory::audit::merkle::leaf_hash(b"two");
    let (status, _) = post(&address, &request(1, vec![two], 2)).await;
    assert_eq!(status, 200);
    let (status, body) = post(&address, &request(0, Vec::new(), 3)).await;
    assert_eq!((status, body.as_str()), (409, "2\n"));
    let (status, _) = post(&address, &request(2, vec![two], 3)).await;
    assert_eq!(status, 422);
    let unknown = Checkpoint { origin: "nobody.example/log".into(), ..checkpoint(1) }.sign(&key);
    let unknown = AddCheckpoint::new(0, Vec::new(), unknown).expect("a request").to_text();
    assert_eq!(post(&address, &unknown).await.0, 404);
    assert_eq!(post(&address, "old x\n\n").await.0, 400);
    let hash = hex::encode(rogatory::crypto::sha256(b"stranger.example/log"));
    let get =
        format!("GET /{hash}/checkpoint HTTP/1.1\r\nHost: witness\r\nConnection: close\r\n\r\n");
    let (status, body) = http(&address, &get).await;
    assert_eq!(status, 200);
    assert!(body.starts_with("stranger.example/log\n2\n"), "{body}");
    node.stop().await;
    // What was cosigned is not forgotten.
    let address = format!("127.0.0.1:{}", ports::free_port());
    node.add_to("witness", &format!("listen = \"{address}\"\n"));
    node.start().await;
    let (status, body) = post(&address, &request(0, Vec::new(), 1)).await;
    assert_eq!((status, body.as_str()), (409, "2\n"));
    node.stop().await;
}

/// A caller that says only this, so far.
async fn says(address: &str, text: &str) -> tokio::net::TcpStream {
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("connects");
    stream.write_all(text.as_bytes()).await.expect("written");
    stream
}

/// The rest of what is answered, or what came until the connection broke.
async fn rest(mut stream: tokio::net::TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_of_the_witness_keep_nobody_out_and_do_not_outlive_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut node = Node::new(dir.path(), "xa.oag").await;
    let address = node.witness_port().await;
    node.start().await;
    const HEAD: &str = "POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nConnection: close\r\n";
    let mut silent = Vec::new();
    for _ in 0..rogatory::domain::limits::WITNESS_CALLERS.each {
        silent.push(says(&address, HEAD).await);
    }
    assert_eq!(post(&address, "old x\n\n").await.0, 400, "one more is answered");
    // At the cost of the oldest, and of no other.
    assert_eq!(rest(silent.remove(0)).await, "");
    let mut last = silent.pop().expect("many");
    last.write_all(b"Content-Length: 7\r\n\r\nold x\n\n").await.expect("open still");
    assert!(rest(last).await.starts_with("HTTP/1.1 400"));
    // What is not done with when the node stops is cut.
    let mut late = says(&address, &format!("{HEAD}Content-Length: 7\r\n\r\nold")).await;
    assert_eq!(post(&address, "old x\n\n").await.0, 400, "it was accepted, too");
    node.stop().await;
    let _ = late.write_all(b" x\n\n").await;
    assert_eq!(rest(late).await, "", "nobody is there any more");
}

/// Whoever has a newer checkpoint of a peer could otherwise overtake the peer's own stream.
#[tokio::test(flavor = "multi_thread")]
async fn a_peers_log_takes_no_step_over_http() {
    let dir = tempfile::tempdir().expect("a directory");
    let (a, mut b) = pair(dir.path()).await;
    let address = b.witness_port().await;
    b.start().await;
    let mut peer = Hostile::new(&a, &b).await;
    let request = |peer: &Hostile| {
        let update = peer.update();
        let proof = update.consistency.iter().map(|hash| hash.as_ref().try_into().expect("a hash"));
        let request = AddCheckpoint::new(update.from_size, proof.collect(), update.checkpoint);
        request.expect("a request").to_text()
    };
    let (status, body) = post(&address, &request(&peer)).await;
    assert_eq!((status, body.as_str()), (409, "0\n"));
    let note = peer.update().checkpoint;
    peer.greet().await;
    let held = peer.node.store.head().checkpoint.size;
    peer.log(EntryDraft::new(Event::NodeStarted).software("newer")).await;
    let (status, body) = post(&address, &request(&peer)).await;
    assert_eq!((status, body), (409, format!("{held}\n")));
    // What its own stream has shown is cosigned for whoever asks.
    let same = AddCheckpoint::new(held, Vec::new(), note).expect("a request").to_text();
    assert_eq!(post(&address, &same).await.0, 200);
    peer.show().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_witness_is_asked_over_http() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut a = Node::new(dir.path(), "xa.oag").await;
    let mut witness = Node::new(dir.path(), "xw.nca").await;
    let address = witness.witness_port().await;
    let log = &a.card.log_keys()[0];
    witness.add_to("witness", &format!("post_quantum = true\nlogs = [\"{log}\"]\n"));
    let keys = witness.card.witness_keys().to_vec();
    let line = |n: usize| format!("witness w{n} {} http://{address}\n", keys[n]);
    let policy = format!("{}{}group w all w0 w1\nquorum w\n", line(0), line(1));
    std::fs::write(a.home.join("policy"), policy).expect("written");
    a.add_to("witness", "policy = \"policy\"\n");
    a.start().await;
    witness.start().await;
    let (mut export, mut checkpoint) = (a.auditor().await, String::new());
    let cosigned = async {
        loop {
            let files = export.export_log(pb::ExportLogRequest::default()).await;
            let mut files = files.expect("exports").into_inner();
            checkpoint.clear();
            while let Some(piece) = files.message().await.expect("a piece") {
                if piece.path == "checkpoint" {
                    checkpoint = String::from_utf8(piece.data.to_vec()).expect("text");
                }
            }
            if checkpoint.contains("xw.nca/witness") {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, cosigned).await.expect("it cosigns");
    let head = SignedCheckpoint::verify(&checkpoint, a.card.log_keys()).expect("signed");
    assert_eq!(head.cosigners(&keys).expect("sound").all().len(), 2);
    a.stop().await;
    witness.stop().await;
}
