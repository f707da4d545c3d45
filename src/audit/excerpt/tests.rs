use std::collections::BTreeMap;
use std::convert::Infallible;

use super::*;
use crate::audit::checkpoint::CheckpointError;
use crate::audit::entry::{Entry, EntryDraft, Event};
use crate::audit::manifest::{MANIFEST_PATH, ManifestError};
use crate::audit::note::NoteError;
use crate::audit::proof::TlogProof;
use crate::audit::testing::{TestLog, authority, cosigner, delivery, message, secret};
use crate::audit::verify::excerpt::{ExcerptFailure, ExcerptReport, Numbers, verify_excerpt};
use crate::audit::verify::{Before, ReceiptFault, Trust, VerifyFailure};
use crate::crypto::keys::Algorithm;
use crate::crypto::sha256;
use crate::domain::{AuthorityId, MessageId, Timestamp};

mod chain;
mod defects;

type Files = BTreeMap<String, Vec<u8>>;

fn made() -> Made {
    Made { id: [7; 16], at: Timestamp::from_unix_ms(1_795_000_000_000) }
}

/// A log of xa.moj with 302 entries: every third message is exchanged with xb.oag, the others with
/// two more, and the first of xb.oag's receipts is recorded. Message 1 is held back by an entry that
/// names no peer.
fn log() -> (TestLog, String) {
    let mut log = TestLog::new("xa.moj", 1);
    let mut other = TestLog::new("xb.oag", 2);
    let index = other.push(delivery(Event::RelayAcceptance, "xb.oag", "xa.moj", 1));
    let receipt = TlogProof {
        extra: other.entries[1].clone(),
        index,
        hashes: other.proof(index, 2),
        checkpoint: other.checkpoint(2).sign(&other.key),
    };
    let receipt = receipt.to_text();
    for peer in ["xb.oag", "xc.secret", "xd.secret"] {
        log.push(EntryDraft::new(Event::PeerAdded).peer(authority(peer)).card([1; 32]));
    }
    log.push(sent("xb.oag", 1));
    log.push(EntryDraft::new(Event::MessageHeld).message(message(1)));
    log.push(EntryDraft::new(Event::MessageReleased).message(message(1)));
    let recorded = delivery(Event::RelayAcceptance, "xb.oag", "xb.oag", 1);
    let digest = sha256(receipt.as_bytes());
    log.push(recorded.receipt(digest).remote(other.coordinates(index, 2)));
    for number in 2..296 {
        log.push(sent(PEERS[number as usize % 3], number));
    }
    (log, receipt)
}

fn sent(peer: &str, number: u64) -> EntryDraft {
    delivery(Event::SubmissionAcceptance, "xa.moj", peer, number).payload([8; 32])
}

fn of_peer() -> Scope {
    Scope::Peer(authority("xb.oag"))
}

/// Messages with their peers.
fn of_numbers(messages: &[u64]) -> BTreeMap<MessageId, AuthorityId> {
    let peer = |number: u64| match number {
        1 | 401 => "xb.oag",
        400 => "xc.secret",
        500 => "xd.secret",
        _ => PEERS[number as usize % 3],
    };
    messages.iter().map(|number| (message(*number), authority(peer(*number)))).collect()
}

const PEERS: [&str; 3] = ["xb.oag", "xc.secret", "xd.secret"];

fn excerpt_of(log: &TestLog, receipt: &str, scope: Scope, messages: &[u64]) -> Files {
    excerpt_by(&mut Chosen::new(scope, of_numbers(messages)), log, receipt)
}

fn excerpt_by(chosen: &mut Chosen, log: &TestLog, receipt: &str) -> Files {
    let witness = cosigner("xb.oag/witness", 11, Algorithm::Ed25519);
    let checkpoint = log.cosigned(log.entries.len() as u64, &[&witness], 1_795_000_000).to_note();
    let mut files = Files::new();
    let source = ExcerptSource {
        checkpoint: &checkpoint,
        key: &log.key,
        made: made(),
        chosen,
        entries: &mut |from, limit| {
            // A source may give fewer than asked for.
            let rest = log.entries.iter().skip(from as usize).take(limit.min(100));
            Ok::<_, Infallible>(rest.cloned().collect())
        },
        prove: &mut |index, size| Ok(log.proof(index, size)),
        beside: Box::new(|_| {
            let files = [
                ("cards/xa.moj.card", "a card"),
                ("receipts/1.tlog-proof", receipt),
                ("receipts/2.tlog-proof", "recorded by nobody, and so left out"),
            ];
            let files = files.map(|(path, text)| Ok((path.to_owned(), text.as_bytes().to_vec())));
            Box::new(files.into_iter())
        }),
    };
    let excerpted = write_excerpt(source, &mut |path, bytes| {
        assert!(files.insert(path.to_owned(), bytes.to_vec()).is_none(), "{path} comes once");
        Ok(())
    });
    let entries = files.keys().filter(|path| entry_of_path(path).is_some()).count() as u64;
    assert_eq!(excerpted.expect("written").entries, entries);
    files
}

fn sound() -> (TestLog, Files) {
    let (log, receipt) = log();
    let files = excerpt_of(&log, &receipt, of_peer(), &[]);
    (log, files)
}

fn check(log: &TestLog, files: &Files) -> Result<ExcerptReport, ExcerptFailure> {
    check_after(Before::None, log, files)
}

fn check_after(
    before: Before<ExcerptReport>,
    log: &TestLog,
    files: &Files,
) -> Result<ExcerptReport, ExcerptFailure> {
    let trust = Trust {
        origin: log.origin.clone(),
        keys: vec![log.verifier()],
        authority: log.authority.clone(),
        policy: None,
        before,
    };
    let mut read = |path: &str| Ok::<_, Infallible>(files.get(path).cloned());
    let list: Vec<String> = files.keys().cloned().collect();
    verify_excerpt(&mut read, &list, &trust, &mut |_, _| {})
}

/// Changes a file and has the manifest list it as it is now: what is left to notice it is what an
/// excerpt must hold besides.
fn forged(log: &TestLog, files: &Files, change: impl FnOnce(&mut Files)) -> Files {
    let mut files = files.clone();
    let mut manifest = Excerpt::parse_unverified(&files[MANIFEST_PATH]).expect("a manifest");
    change(&mut files);
    files.remove(MANIFEST_PATH);
    let digests = files.iter().map(|(path, bytes)| (path.clone(), sha256(bytes)));
    manifest.list.files = digests.collect();
    let note = manifest.sign(&log.key).expect("signs");
    files.insert(MANIFEST_PATH.to_owned(), note.into_bytes());
    files
}

#[test]
fn an_excerpt_of_a_peer_has_all_that_is_about_it_and_says_so() {
    let (log, files) = sound();
    let report = check(&log, &files).expect("sound");
    let count = log.seqs[&authority("xb.oag")];
    let numbers = Numbers { from: 1, count, last: count };
    assert_eq!(report.told.peers, [(authority("xb.oag"), numbers)].into());
    // The first of the log, and two that name no peer but a message of it.
    assert_eq!(report.entries, count + 3);
    assert_eq!(report.told.receipts, 1);
    assert_eq!(report.checkpoint, log.head());
    assert_eq!(report.scope, of_peer());
    let held = report.told.events[&Event::MessageHeld];
    assert_eq!((held, report.told.events[&Event::LogOpened]), (1, 1));
}

#[test]
fn excerpts_of_a_case_and_of_a_message_have_their_messages() {
    let (log, receipt) = log();
    for (scope, messages, entries) in
        [(Scope::Case, vec![1, 3, 7], 7), (Scope::Message(message(1)), vec![], 5)]
    {
        let files = excerpt_of(&log, &receipt, scope.clone(), &messages);
        let report = check(&log, &files).expect("sound");
        assert_eq!((report.entries, report.scope), (entries, scope.clone()));
        assert_eq!(report.told.messages.len(), messages.len().max(1));
        assert_eq!(report.told.receipts, 1, "that of message 1");
        assert!(!report.told.peers[&authority("xb.oag")].is_whole());
    }
}

/// Any peer may call what it sends by the id of another's message: the refusal names both.
#[test]
fn who_claims_the_id_of_anothers_message_learns_nothing_of_it() {
    let (mut log, receipt) = log();
    let claimed = |peer: &str, number: u64| {
        let refused = delivery(Event::RelayRejection, "xa.moj", peer, number);
        refused.code("MESSAGE_ID_CONFLICT")
    };
    // Message 4 is one of xc.secret's, message 1 one of xb.oag's.
    log.push(claimed("xb.oag", 4));
    log.push(EntryDraft::new(Event::MessageHeld).message(message(4)));
    log.push(claimed("xc.secret", 1));
    let held = |scope, messages: &[u64]| {
        let files = excerpt_of(&log, &receipt, scope, messages);
        let report = check(&log, &files).expect("sound");
        let of = |event| report.told.events.get(&event).copied().unwrap_or(0);
        let peers: Vec<String> = report.told.peers.keys().map(ToString::to_string).collect();
        (of(Event::MessageHeld), of(Event::RelayRejection), peers.join(" "))
    };
    assert_eq!(held(of_peer(), &[]), (1, 1, "xb.oag".into()), "what it did itself");
    assert_eq!(held(Scope::Case, &[1]), (1, 0, "xb.oag".into()));
    assert_eq!(held(Scope::Message(message(1)), &[1]), (1, 0, "xb.oag".into()));
    assert_eq!(held(Scope::Message(message(1)), &[]), (1, 0, "xb.oag".into()));
    assert_eq!(held(Scope::Message(message(4)), &[]), (1, 0, "xc.secret".into()));
}

#[test]
fn nothing_of_the_other_entries_is_in_it_but_hashes() {
    let (log, files) = sound();
    let all: Vec<u8> = files.values().flatten().copied().collect();
    let bundle = String::from_utf8(all).expect("text");
    // Entries stand there in base64: what is looked for is looked for in them too.
    let proofs = files.iter().filter(|(path, _)| entry_of_path(path).is_some());
    let texts = proofs.map(|(_, bytes)| {
        let text = std::str::from_utf8(bytes).expect("text");
        String::from_utf8(TlogProof::parse(text).expect("a proof").extra).expect("JSON")
    });
    let told = texts.collect::<Vec<_>>().join("\n") + &bundle;
    let mut canaries: Vec<String> = vec!["xc.secret".into(), "xd.secret".into()];
    for bytes in &log.entries[1..] {
        let entry = Entry::parse(bytes).expect("sound");
        let ours = entry.peer.as_ref().is_none_or(|peer| *peer == authority("xb.oag"));
        if !ours {
            canaries.push(entry.message.map_or_else(|| "xc.secret".into(), |id| id.to_string()));
            canaries.push(hex::encode(entry.nonce));
            canaries.extend(entry.envelope.map(hex::encode));
            use base64::Engine as _;
            let base64 = base64::engine::general_purpose::STANDARD;
            canaries.push(base64.encode(entry.nonce));
            canaries.extend(entry.envelope.map(|digest| base64.encode(digest)));
        }
    }
    assert!(canaries.len() > 500);
    for canary in canaries {
        assert!(!told.contains(&canary), "{canary}");
    }
    // What is ours is found in the same way.
    assert!(told.contains(&message(1).to_string()) && told.contains("xb.oag"));
}

#[test]
fn each_entry_is_a_proof_that_stands_on_its_own_feet() {
    let (log, files) = sound();
    let text = String::from_utf8(files[&entry_path(4)].clone()).expect("text");
    let proof = TlogProof::parse(&text).expect("a proof");
    let checkpoint = proof.verify(&proof.extra, &[log.verifier()]).expect("proven");
    assert_eq!((checkpoint, proof.index), (log.head(), 4));
    assert!(!proof.checkpoint.contains("witness"), "the log's own line alone");
    let note = String::from_utf8(files["checkpoint"].clone()).expect("text");
    assert!(note.contains("xb.oag/witness"), "the checkpoint as it was cosigned");
}

#[test]
fn paths_and_scopes_have_one_spelling() {
    assert_eq!(entry_path(17), "entries/000000000017.tlog-proof");
    for index in [0, 17, 999_999_999_999, 1_000_000_000_000] {
        assert_eq!(entry_of_path(&entry_path(index)), Some(index));
    }
    for bad in [
        "entries/17.tlog-proof",
        "entries/00000000001x.tlog-proof",
        "receipts/000000000017.tlog-proof",
    ] {
        assert_eq!(entry_of_path(bad), None, "{bad}");
    }
    for scope in [of_peer(), Scope::Case, Scope::Message(message(3))] {
        assert_eq!(Scope::parse(&scope.to_string()), Some(scope));
    }
    for bad in ["", "case 7", "peer", "peer ", "peer XB.OAG", "message 1", "peers xb.oag", "case "]
    {
        assert_eq!(Scope::parse(bad), None, "{bad}");
    }
}

#[test]
fn an_excerpt_of_nothing_has_the_first_entry() {
    let (log, _) = log();
    let nobody = Scope::Peer(authority("xz.oag"));
    let report = check(&log, &excerpt_of(&log, "", nobody, &[])).expect("sound");
    assert_eq!((report.entries, report.told.peers), (1, BTreeMap::new()));
}

#[test]
fn a_log_that_ends_early_makes_no_excerpt() {
    let (log, _) = log();
    let checkpoint = log.head().sign(&log.key);
    let source = ExcerptSource {
        checkpoint: &checkpoint,
        key: &log.key,
        made: made(),
        chosen: &mut Chosen::new(of_peer(), BTreeMap::new()),
        entries: &mut |from, _| {
            let rest = log.entries[..200].iter().skip(from as usize);
            Ok::<_, Infallible>(rest.cloned().collect())
        },
        prove: &mut |index, size| Ok(log.proof(index, size)),
        beside: Box::new(|_| Box::new(std::iter::empty())),
    };
    let ended = write_excerpt(source, &mut |_, _| Ok(()));
    assert!(matches!(ended, Err(crate::audit::export::ExportError::Entry(200))));
}
