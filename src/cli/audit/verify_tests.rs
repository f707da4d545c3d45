use std::convert::Infallible;
use std::fs;

use super::*;
use crate::audit::entry::{EntryDraft, Event};
use crate::audit::export::{Source, write_export};
use crate::audit::testing::{TestLog, cosigner, delivery};
use crate::audit::witness::Cosigner;
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::card_of;
use crate::crypto::keys::Algorithm;
use crate::crypto::sha256;

/// Two witnesses, of which the first has cosigned what [`export`] exports.
fn witnesses() -> [Cosigner; 2] {
    [
        cosigner("xb.oag/witness", 11, Algorithm::MlDsa44),
        cosigner("xc.moj/witness", 12, Algorithm::Ed25519),
    ]
}

/// The text of a policy that knows both.
fn policy(quorum: &str) -> String {
    let [one, two] = witnesses().map(|witness| witness.key().to_string());
    format!("witness one {one}\nwitness two {two}\n{quorum}\n")
}

/// Writes an export of the log of xa.moj with 301 entries, and gives its card.
fn export(dir: &Path) -> Card {
    let mut log = TestLog::new("xa.moj", 1);
    for number in 1..300 {
        log.push(delivery(Event::RelayAcceptance, "xa.moj", "xb.oag", number));
    }
    let card = card_of(&log);
    log.push(EntryDraft::new(Event::PolicySet).document(sha256(policy("quorum none").as_bytes())));
    let checkpoint = log.cosigned(301, &[&witnesses()[0]], 1_795_000_000).to_note();
    let mut entries = |from: u64, limit: usize| {
        let rest = log.entries.iter().skip(from as usize).take(limit);
        Ok::<_, Infallible>(rest.cloned().collect())
    };
    let extras = [
        ("cards/xa.moj.card".to_owned(), card.text().as_bytes().to_vec()),
        ("policy".to_owned(), policy("quorum none").into_bytes()),
    ];
    let source = Source {
        checkpoint: &checkpoint,
        key: &log.key,
        entries: &mut entries,
        extras: &mut extras.into_iter().map(Ok),
        progress: &mut |_, _| {},
    };
    let mut sink = |path: &str, bytes: &[u8]| {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, bytes).expect("written");
        Ok(())
    };
    write_export(source, &mut sink).expect("exported");
    card
}

fn args(dir: &Path) -> VerifyArgs {
    let alone = Alone::default();
    VerifyArgs {
        dir: dir.to_owned(),
        card: None,
        fingerprint: None,
        policy: None,
        excerpt: false,
        peer: None,
        message: None,
        alone,
    }
}

#[test]
fn a_sound_export_verifies_with_the_card_that_is_given() {
    let dir = tempfile::tempdir().expect("a directory");
    let card = export(&dir.path().join("export"));
    let file = dir.path().join("card");
    fs::write(&file, card.text()).expect("written");
    let (mut out, data, talk) = memory(Format::Json);
    let args = VerifyArgs { card: Some(file), ..args(&dir.path().join("export")) };
    run(args, &mut out).expect("sound");
    let json = data.json();
    assert_eq!((&json["ok"], &json["entries"]), (&json!(true), &json!(301)));
    assert_eq!(json["events"]["RelayAcceptance"], 299);
    assert_eq!(json["peers"]["xb.oag"], 299);
    assert_eq!(json["card_from_export"], false);
    assert_eq!(talk.text(), "");
}

#[test]
fn the_exports_own_card_is_no_proof_until_its_fingerprint_was_compared() {
    let dir = tempfile::tempdir().expect("a directory");
    let fingerprint = export(dir.path()).fingerprint();
    let (mut out, data, talk) = memory(Format::Table);
    run(args(dir.path()), &mut out).expect("sound");
    assert!(data.text().contains("301 entries, all sound"), "{}", data.text());
    assert!(talk.text().contains("the export's own word"), "{}", talk.text());
    assert!(talk.text().contains(&fingerprint.hex()), "{}", talk.text());
    let (mut out, _, talk) = memory(Format::Table);
    let compared = VerifyArgs { fingerprint: Some(fingerprint.words()), ..args(dir.path()) };
    run(compared, &mut out).expect("sound");
    assert_eq!(talk.text(), "");
}

#[test]
fn another_fingerprint_or_card_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    export(&dir.path().join("export"));
    let stranger = card_of(&TestLog::new("xc.moj", 3));
    let file = dir.path().join("card");
    fs::write(&file, stranger.text()).expect("written");
    let args = || args(&dir.path().join("export"));
    let words = stranger.fingerprint().words();
    for (code, args) in [
        (Exit::VerificationFailed, VerifyArgs { fingerprint: Some(words), ..args() }),
        (Exit::VerificationFailed, VerifyArgs { card: Some(file), ..args() }),
        (Exit::BadInput, VerifyArgs { fingerprint: Some("two words".into()), ..args() }),
        (Exit::NotFound, VerifyArgs { card: Some(dir.path().join("none")), ..args() }),
        (Exit::NotFound, VerifyArgs { dir: dir.path().join("none"), ..args() }),
    ] {
        let (mut out, ..) = memory(Format::Table);
        assert_eq!(run(args, &mut out).expect_err("refused").code, code);
    }
}

#[test]
fn a_changed_byte_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    export(dir.path());
    let path = dir.path().join("tile/entries/001.p/45");
    let mut bytes = fs::read(&path).expect("there");
    let last = bytes.len() - 3;
    bytes[last] ^= 1;
    fs::write(&path, bytes).expect("written");
    let (mut out, data, _) = memory(Format::Json);
    let failure = run(args(dir.path()), &mut out).expect_err("changed");
    assert_eq!(failure.code, Exit::VerificationFailed);
    let json = data.json();
    assert_eq!((&json["ok"], &json["entry"]), (&json!(false), &json!(300)));
    assert_eq!(json["path"], "tile/entries/001.p/45");
    assert!(failure.message.contains("entry 300"), "{failure}");
}

#[test]
fn a_file_too_many_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    export(dir.path());
    fs::write(dir.path().join("tile/note.txt"), "x").expect("written");
    let (mut out, ..) = memory(Format::Table);
    let failure = run(args(dir.path()), &mut out).expect_err("one too many");
    assert!(failure.message.contains("tile/note.txt"), "{failure}");
}

/// Verifies with a policy of this text.
fn with_policy(dir: &Path, text: &str, format: Format) -> (Result<(), Failure>, String, String) {
    let file = dir.join("policy");
    fs::write(&file, text).expect("written");
    let args = VerifyArgs { policy: Some(file), ..args(&dir.join("export")) };
    let (mut out, data, talk) = memory(format);
    let result = run(args, &mut out);
    (result, data.text(), talk.text())
}

#[test]
fn a_policy_that_is_satisfied_is_told_with_its_witnesses() {
    let dir = tempfile::tempdir().expect("a directory");
    export(&dir.path().join("export"));
    let any = policy("group g any one two\nquorum g");
    let (result, data, _) = with_policy(dir.path(), &any, Format::Table);
    result.expect("sound");
    for told in [
        "reached",
        "one (xb.oag/witness, ML-DSA-44) at 2026-11-18T11:06:40.000Z",
        "not cosigned by",
        "the one that the log says was set last",
    ] {
        assert!(data.contains(told), "{told}: {data}");
    }
    let (result, data, _) = with_policy(dir.path(), &any, Format::Json);
    result.expect("sound");
    let json: Value = serde_json::from_str(&data).expect("JSON");
    let witnessing = &json["witnessing"];
    assert_eq!(witnessing["quorum"], "reached");
    assert_eq!(witnessing["cosigned"][0]["name"], "one");
    assert_eq!(witnessing["cosigned"][0]["key"], witnesses()[0].key().to_string());
    assert_eq!(witnessing["missing"], json!(["two"]));
    assert_eq!(witnessing["policy"], hex::encode(sha256(any.as_bytes())));
    assert_eq!(json["policy_set"], json["policy_exported"]);
    let (result, data, _) = with_policy(dir.path(), &policy("quorum none"), Format::Table);
    result.expect("sound");
    assert!(data.contains("none is asked for") && data.contains("the one given here"), "{data}");
}

#[test]
fn a_policy_that_is_not_satisfied_names_who_is_missing() {
    let dir = tempfile::tempdir().expect("a directory");
    export(&dir.path().join("export"));
    let all = policy("group g all one two\nquorum g");
    let (result, data, _) = with_policy(dir.path(), &all, Format::Json);
    let failure = result.expect_err("two has not cosigned");
    assert_eq!(failure.code, Exit::VerificationFailed);
    assert!(failure.message.ends_with("have not cosigned it: two"), "{failure}");
    assert!(failure.hint.is_some_and(|hint| hint.contains("witnesses")));
    let json: Value = serde_json::from_str(&data).expect("JSON");
    assert_eq!((&json["ok"], &json["path"]), (&json!(false), &json!("checkpoint")));
}

#[test]
fn a_policy_that_is_none_is_bad_input() {
    let dir = tempfile::tempdir().expect("a directory");
    export(&dir.path().join("export"));
    let (result, ..) = with_policy(dir.path(), &policy("quorum three"), Format::Table);
    let failure = result.expect_err("there is no three");
    assert_eq!(failure.code, Exit::BadInput);
    assert!(failure.message.contains("line 3 of the policy"), "{failure}");
    let missing = VerifyArgs { policy: Some(dir.path().join("no")), ..args(dir.path()) };
    let missing = VerifyArgs { dir: dir.path().join("export"), ..missing };
    let (mut out, ..) = memory(Format::Table);
    assert_eq!(run(missing, &mut out).expect_err("not there").code, Exit::NotFound);
}

#[test]
fn what_is_no_export_is_told_so_with_what_to_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let home = dir.path().join("home");
    fs::create_dir(&home).expect("made");
    fs::write(home.join(crate::node::CONFIG_FILE), "").expect("written");
    let file = home.join(crate::node::CONFIG_FILE);
    let nowhere = dir.path().join("nowhere");
    for (path, code, told, todo) in [
        (dir.path(), Exit::BadInput, "neither a checkpoint nor a manifest", "audit export --out"),
        (&home, Exit::BadInput, "is the home of a node", "audit export --home"),
        (&file, Exit::BadInput, "is a file", "audit export --out"),
        (&nowhere, Exit::NotFound, "cannot be read", "audit export --out"),
    ] {
        let (mut out, data, _) = memory(Format::Json);
        let failure = run(args(path), &mut out).expect_err("no export");
        assert_eq!(failure.code, code, "{failure}");
        assert!(failure.message.contains(told), "{failure}");
        assert!(failure.hint.expect("a hint").contains(todo));
        assert_eq!(data.json()["ok"], false);
    }
}

/// What is wrong with a log hides those before it: an innocent year is not accused.
#[test]
fn what_is_wrong_with_the_newest_log_is_named_and_not_the_one_before() {
    let dir = tempfile::tempdir().expect("a directory");
    let export = dir.path().join("export");
    let mut first = TestLog::new("xa.moj", 1);
    first.push_many(3);
    let second = first.succeed(1);
    crate::cli::testing::export_of(&second, &export);
    crate::cli::testing::export_of(&first, &export.join("earlier/2026"));
    let card = dir.path().join("card");
    std::fs::write(&card, crate::cli::testing::card_of(&first).text()).expect("written");
    let args = || VerifyArgs { card: Some(card.clone()), ..args(&export) };
    run(args(), &mut memory(Format::Table).0).expect("sound");
    let bundle = export.join("tile/entries/000.p/1");
    let mut bytes = std::fs::read(&bundle).expect("there");
    bytes[20] ^= 1;
    std::fs::write(&bundle, bytes).expect("written");
    let (mut out, data, _) = memory(Format::Json);
    let failure = run(args(), &mut out).expect_err("altered");
    assert!(failure.message.contains("tile/entries/000.p/1"), "{failure}");
    assert_eq!(data.json()["path"], "tile/entries/000.p/1");
}

#[test]
fn a_pipe_in_an_export_is_not_waited_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let export = dir.path().join("export");
    let log = TestLog::new("xa.moj", 1);
    crate::cli::testing::export_of(&log, &export);
    for name in [CHECKPOINT_PATH, MANIFEST_PATH] {
        let aside = dir.path().join("aside");
        std::fs::rename(export.join(name), &aside).expect("renamed");
        let made = std::process::Command::new("mkfifo").arg(export.join(name)).status();
        assert!(made.expect("mkfifo is there").success());
        let failure = run(args(&export), &mut memory(Format::Table).0).expect_err("a pipe");
        assert_eq!(failure.code, Exit::BadInput);
        assert!(failure.message.contains("is not a regular file"), "{failure}");
        std::fs::remove_file(export.join(name)).expect("removed");
        std::fs::rename(&aside, export.join(name)).expect("renamed");
    }
}
