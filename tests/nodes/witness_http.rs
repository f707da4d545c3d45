//! Witnesses over HTTP: strangers whose logs a node cosigns, and those that it asks itself.

use crate::support::hostile::Hostile;
use crate::support::*;
use rogatory::audit::Checkpoint;
use rogatory::audit::cosigned::SignedCheckpoint;
use rogatory::audit::entry::{EntryDraft, Event};
use rogatory::audit::note::VerifierKey;
use rogatory::audit::witness::{AddCheckpoint, take_response};
use rogatory::crypto::keys::{Algorithm, Seed, SigningSecret};
use rogatory::pb::v1 as pb;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

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
