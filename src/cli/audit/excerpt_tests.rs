use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fs;

use super::*;
use crate::audit::entry::{Coordinates, EntryDraft, Event};
use crate::audit::excerpt::{Chosen, Excerpt, ExcerptSource, Made, write_excerpt};
use crate::audit::testing::{TestLog, authority, delivery, message};
use crate::cli::audit::{AuditArgs, run as audit};
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::card_of;
use crate::domain::Timestamp;
use clap::Parser;

/// A command line as it is typed.
#[derive(Parser)]
struct Line {
    #[command(flatten)]
    audit: AuditArgs,
}

/// A log with xb.oag and xc.moj, in which message 1 of xb.oag was sent, relayed and consigned, and
/// message 3 twice.
fn log() -> TestLog {
    let mut log = TestLog::new("xa.moj", 1);
    for peer in ["xb.oag", "xc.moj"] {
        log.push(EntryDraft::new(Event::PeerAdded).peer(authority(peer)).card([1; 32]));
    }
    for (peer, number) in [("xb.oag", 1), ("xc.moj", 2)] {
        let sent = delivery(Event::SubmissionAcceptance, "xa.moj", peer, number);
        log.push(sent.payload([8; 32]));
    }
    for (index, event) in [(4, Event::RelayAcceptance), (5, Event::ContentConsignment)] {
        let place = Coordinates { origin: "xb.oag/log/2026".into(), index, size: 6, root: [5; 32] };
        let receipt = delivery(event, "xb.oag", "xb.oag", 1).receipt([index as u8; 32]);
        log.push(receipt.remote(place));
    }
    log
}

/// Writes an excerpt to a directory.
fn excerpt(log: &TestLog, scope: Scope, dir: &Path) {
    let mut chosen = Chosen::new(scope, BTreeMap::from([(message(1), authority("xb.oag"))]));
    excerpt_by(&mut chosen, log, &card_of(log), dir);
}

fn excerpt_by(chosen: &mut Chosen, log: &TestLog, card: &Card, dir: &Path) {
    let source = ExcerptSource {
        checkpoint: &log.head().sign(&log.key),
        key: &log.key,
        made: Made { id: [7; 16], at: Timestamp::from_unix_ms(1_795_000_000_000) },
        chosen,
        entries: &mut |from, limit| {
            let rest = log.entries.iter().skip(from as usize).take(limit);
            Ok::<_, Infallible>(rest.cloned().collect())
        },
        prove: &mut |index, size| Ok(log.proof(index, size)),
        beside: Box::new(|_| {
            let card = ("cards/xa.moj.card".to_owned(), card.text().as_bytes().to_vec());
            Box::new([Ok(card)].into_iter())
        }),
    };
    write_excerpt(source, &mut |path, bytes| {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, bytes).expect("written");
        Ok(())
    })
    .expect("written");
}

struct Ran {
    result: Result<(), Failure>,
    data: String,
    talk: String,
}

impl Ran {
    fn json(&self) -> Value {
        serde_json::from_str(&self.data).expect("JSON")
    }
}

async fn ran(format: Format, words: &[&str]) -> Ran {
    let words = std::iter::once("audit").chain(words.iter().copied());
    let line = Line::try_parse_from(words).map_err(|e| e.to_string()).expect("a command");
    let (mut out, data, talk) = memory(format);
    let result = audit(line.audit, &mut out).await;
    Ran { result, data: data.text(), talk: talk.text() }
}

/// An excerpt in a directory, with the card beside it.
fn at(scope: Scope, log: &TestLog) -> (tempfile::TempDir, String, String) {
    let root = tempfile::tempdir().expect("a directory");
    let dir = root.path().join("excerpt");
    excerpt(log, scope, &dir);
    let card = root.path().join("card");
    fs::write(&card, card_of(log).text()).expect("written");
    let text = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
    (root, text(dir), text(card))
}

fn of_peer() -> Scope {
    Scope::Peer(authority("xb.oag"))
}

#[tokio::test]
async fn verify_says_what_a_sound_excerpt_proves() {
    let log = log();
    let (_root, dir, card) = at(of_peer(), &log);
    let ran_ = ran(Format::Json, &["verify", &dir, "--excerpt", "--card", &card]).await;
    ran_.result.clone().expect("sound");
    let json = ran_.json();
    assert_eq!((&json["ok"], &json["excerpt"]), (&json!(true), &json!("peer xb.oag")));
    assert_eq!((&json["entries"], &json["size"]), (&json!(5), &json!(7)));
    assert_eq!(json["peers"], json!({ "xb.oag": { "from": 1, "entries": 4, "last": 4 } }));
    assert!(ran_.talk.contains("between the numbers 1 and 4 nothing with xb.oag"), "{}", ran_.talk);
    let shown = ran(Format::Table, &["verify", &dir, "--excerpt"]).await;
    shown.result.expect("sound");
    assert!(shown.data.contains("5 of 7 entries, all proven"), "{}", shown.data);
    assert!(shown.data.contains("xb.oag: numbers 1 to 4, none missing"), "{}", shown.data);
    assert!(shown.talk.contains("the export's own word"), "{}", shown.talk);

    let (_root, dir, card) = at(Scope::Case, &log);
    let shown = ran(Format::Table, &["verify", &dir, "--excerpt", "--card", &card]).await;
    shown.result.expect("sound");
    assert!(shown.data.contains("xb.oag: 3 of the numbers up to 4"), "{}", shown.data);
    assert!(shown.talk.contains("is what the owner of xa.moj/log/2026 has signed"));
}

#[tokio::test]
async fn who_did_not_ask_for_an_excerpt_is_not_told_that_it_is_sound() {
    let log = log();
    let (root, dir, card) = at(of_peer(), &log);
    let refused = ran(Format::Json, &["verify", &dir, "--card", &card]).await;
    let failure = refused.result.clone().expect_err("an excerpt");
    assert_eq!(failure.code, Exit::BadInput);
    assert!(failure.message.contains("is an excerpt"), "{failure}");
    assert!(failure.hint.is_some_and(|hint| hint.contains("--excerpt")));
    assert_eq!(
        (&refused.json()["ok"], &refused.json()["path"]),
        (&json!(false), &json!("manifest"))
    );

    let whole = root.path().join("whole");
    crate::cli::testing::export_of(&log, &whole);
    let whole = whole.to_str().expect("UTF-8");
    let refused = ran(Format::Json, &["verify", whole, "--card", &card, "--excerpt"]).await;
    let failure = refused.result.clone().expect_err("no excerpt");
    assert!(failure.message.contains("is no excerpt"), "{failure}");
    assert_eq!(refused.json()["ok"], json!(false));
    ran(Format::Json, &["verify", whole, "--card", &card]).await.result.expect("sound");
}

#[tokio::test]
async fn an_excerpt_of_something_else_is_not_what_was_asked_for() {
    let (_root, dir, card) = at(of_peer(), &log());
    let (this, other) = (message(1).to_string(), "xc.moj");
    let verify = ["verify", &dir, "--card", &card, "--excerpt"];
    let asked = |more: [&str; 2]| verify.iter().copied().chain(more).map(str::to_owned).collect();
    for (more, sound) in
        [(["--peer", "xb.oag"], true), (["--peer", other], false), (["--message", &this], false)]
    {
        let words: Vec<String> = asked(more);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let ran = ran(Format::Json, &words).await;
        assert_eq!(ran.json()["ok"], json!(sound), "{more:?}");
        if let Err(failure) = ran.result {
            assert_eq!((failure.code, sound), (Exit::VerificationFailed, false));
            assert!(failure.message.contains("is an excerpt of peer xb.oag; you asked for"));
        }
    }
    let (_root, dir, card) = at(Scope::Message(message(1)), &log());
    let words = ["verify", &dir, "--card", &card, "--excerpt", "--message", &this];
    ran(Format::Json, &words).await.result.expect("as asked");
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let (_root, dir, card) = at(of_peer(), &log());
    let path = Path::new(&dir).join("entries/000000000003.tlog-proof");
    let mut bytes = fs::read(&path).expect("there");
    bytes[60] ^= 1;
    fs::write(&path, bytes).expect("written");
    for command in [vec!["verify", "--excerpt"], vec!["show", "--peer", "xb.oag"], vec!["replay"]] {
        let words: Vec<&str> =
            command.iter().copied().chain([dir.as_str(), "--card", card.as_str()]).collect();
        let ran = ran(Format::Json, &words).await;
        let failure = ran.result.clone().expect_err("altered");
        assert_eq!(failure.code, Exit::VerificationFailed, "{command:?}");
        assert!(failure.message.contains("000000000003.tlog-proof"), "{failure}");
        assert_eq!(ran.json()["path"], "entries/000000000003.tlog-proof");
    }
}

#[tokio::test]
async fn entries_of_an_excerpt_are_shown() {
    let (_root, dir, card) = at(of_peer(), &log());
    let shown = ran(Format::Json, &["show", &dir, "3", "--card", &card]).await;
    shown.result.clone().expect("shown");
    assert_eq!(
        (&shown.json()["index"], &shown.json()["entry"]["peer"]),
        (&json!(3), &json!("xb.oag"))
    );
    let found = ran(Format::Json, &["show", &dir, "--peer", "xb.oag", "--card", &card]).await;
    assert_eq!(found.data.lines().count(), 4);
    let absent = ran(Format::Json, &["show", &dir, "4", "--card", &card]).await;
    assert_eq!(absent.result.expect_err("of another").code, Exit::NotFound);
}

#[tokio::test]
async fn messages_of_an_excerpt_are_replayed() {
    let mut log = log();
    let id = message(1).to_string();
    for scope in [of_peer(), Scope::Case] {
        let (_root, dir, card) = at(scope, &log);
        let told = ran(Format::Json, &["replay", &dir, "--card", &card, "--message", &id]).await;
        told.result.clone().expect("legal");
        let json = told.json();
        assert_eq!(json["messages"], json!({ "sent": { "CONSIGNED": 1 } }));
        let entries: Vec<&Value> =
            json["message"]["entries"].as_array().expect("a list").iter().collect();
        let places: Vec<&Value> = entries.iter().map(|entry| &entry["index"]).collect();
        assert_eq!(places, [&json!(3), &json!(5), &json!(6)], "as they are in the log");
        assert_eq!((&json["errors"], &json["notices"]), (&json!(0), &json!(0)));
        assert!(json.get("state_digest").is_none());
        let shown = ran(Format::Table, &["replay", &dir, "--card", &card]).await;
        assert!(shown.data.contains("of 7 entries"), "{}", shown.data);
    }
    // What is illegal about a message is found in an excerpt too.
    log.push(delivery(Event::SubmissionAcceptance, "xa.moj", "xb.oag", 1).payload([8; 32]));
    let (_root, dir, card) = at(of_peer(), &log);
    let told = ran(Format::Json, &["replay", &dir, "--card", &card]).await;
    assert_eq!(told.result.clone().expect_err("twice").code, Exit::VerificationFailed);
    let finding = &told.json()["findings"][0];
    assert_eq!((&finding["rule"], &finding["index"]), (&json!("SUBMITTED_TWICE"), &json!(7)));
}

#[tokio::test]
async fn commands_that_need_the_whole_log_refuse_an_excerpt_by_name() {
    let (root, dir, card) = at(of_peer(), &log());
    let dump = root.path().join("dump");
    let dump = dump.to_str().expect("UTF-8");
    for words in [
        vec!["stats", &dir, "--card", &card],
        vec!["prove", &dir, "3", "--card", &card],
        vec!["reconcile", &dir, &dir],
        vec!["replay", &dir, "--card", &card, "--dump", dump],
    ] {
        let failure = ran(Format::Table, &words).await.result.expect_err("an excerpt");
        assert_eq!(failure.code, Exit::BadInput, "{words:?}");
        assert!(failure.message.contains("excerpt"), "{failure}");
        assert!(failure.hint.is_some());
    }
}

/// An excerpt of two logs, the second of which has the hand-over of message 1.
fn of_two(scope: Scope) -> (tempfile::TempDir, String, String) {
    let root = tempfile::tempdir().expect("a directory");
    let (dir, card) = (root.path().join("excerpt"), root.path().join("card"));
    let mut first = log();
    let mut second = first.succeed(1);
    second.push(delivery(Event::SubmissionAcceptance, "xa.moj", "xc.moj", 4).payload([8; 32]));
    let place = Coordinates { origin: "xb.oag/log/2026".into(), index: 7, size: 8, root: [6; 32] };
    let receipt = delivery(Event::ContentHandover, "xb.oag", "xb.oag", 1).receipt([7; 32]);
    second.push(receipt.remote(place));
    let own = card_of(&first);
    fs::write(&card, own.text()).expect("written");
    let mut chosen = Chosen::new(scope, BTreeMap::from([(message(1), authority("xb.oag"))]));
    excerpt_by(&mut chosen, &first, &own, &dir.join("earlier/2026"));
    excerpt_by(&mut chosen, &second, &own, &dir);
    let text = |path: PathBuf| path.to_str().expect("UTF-8").to_owned();
    (root, text(dir), text(card))
}

#[tokio::test]
async fn an_excerpt_goes_through_all_logs() {
    let (_root, dir, card) = of_two(of_peer());
    let verified = ran(Format::Json, &["verify", &dir, "--excerpt", "--card", &card]).await;
    verified.result.clone().expect("sound");
    let json = verified.json();
    assert_eq!((&json["entries"], &json["size"]), (&json!(2), &json!(3)));
    let earlier = &json["earlier"][0];
    assert_eq!((&earlier["entries"], &earlier["size"]), (&json!(6), &json!(8)));
    assert_eq!(json["peers"], json!({ "xb.oag": { "from": 1, "entries": 5, "last": 5 } }));
    let shown = ran(Format::Table, &["verify", &dir, "--excerpt", "--card", &card]).await;
    assert!(shown.data.contains("xa.moj/log/2026: 6 of 8 entries"), "{}", shown.data);
    assert!(shown.data.contains("xb.oag: numbers 1 to 5, none missing"), "{}", shown.data);

    // A number is one of the newest log; what is searched for may be in any.
    let named = ran(Format::Json, &["show", &dir, "2", "--card", &card]).await.json();
    assert_eq!((&named["entry"]["ev"], &named["log"]), (&json!("ContentHandover"), &json!(1)));
    let found = ran(Format::Json, &["show", &dir, "--peer", "xb.oag", "--card", &card]).await;
    assert_eq!(found.data.lines().count(), 5);
    let id = message(1).to_string();
    for scope in [of_peer(), Scope::Case, Scope::Message(message(1))] {
        let (_root, dir, card) = of_two(scope);
        let told = ran(Format::Json, &["replay", &dir, "--card", &card, "--message", &id]).await;
        told.result.clone().expect("legal");
        let json = told.json();
        assert_eq!(json["messages"], json!({ "sent": { "HANDED_OVER": 1 } }), "{json}");
        let entries = json["message"]["entries"].as_array().expect("a list");
        let places: Vec<_> =
            entries.iter().map(|e| (e["log"].clone(), e["index"].clone())).collect();
        let all = [(0, 3), (0, 5), (0, 6), (1, 2)].map(|(log, index)| (json!(log), json!(index)));
        assert_eq!(places, all, "{json}");
        assert_eq!((&json["errors"], &json["notices"]), (&json!(0), &json!(0)), "{json}");
    }
}

#[tokio::test]
async fn an_earlier_log_that_is_missing_or_another_is_noticed() {
    type Change = fn(&Path);
    let changes: [(&str, &str, Change); 4] = [
        ("earlier/", "a log is missing", |dir| {
            fs::remove_dir_all(dir.join("earlier")).expect("removed");
        }),
        ("", "no log of the export goes on from it", |dir| {
            fs::create_dir(dir.join("earlier/1999")).expect("made");
        }),
        ("earlier/2026/entries/000000000003.tlog-proof", "is not the file", |dir| {
            let path = dir.join("earlier/2026/entries/000000000003.tlog-proof");
            let mut bytes = fs::read(&path).expect("there");
            bytes[60] ^= 1;
            fs::write(path, bytes).expect("written");
        }),
        ("earlier/2026/manifest", "manifest", |dir| {
            // The newest log is shown as what came before it.
            fs::remove_file(dir.join("earlier/2026/manifest")).expect("removed");
            fs::copy(dir.join("manifest"), dir.join("earlier/2026/manifest")).expect("copied");
        }),
    ];
    for (path, why, change) in changes {
        let (_root, dir, card) = of_two(of_peer());
        change(Path::new(&dir));
        for command in [["verify", "--excerpt"].as_slice(), &["replay"]] {
            let words = [command, &[&dir, "--card", &card]].concat();
            let ran = ran(Format::Json, &words).await;
            let failure = ran.result.clone().expect_err(why);
            assert_eq!(failure.code, Exit::VerificationFailed);
            assert!(failure.message.contains(why), "{failure}");
            if path.starts_with("earlier/2026") {
                assert_eq!(ran.json()["path"], path);
            }
        }
    }
}

#[tokio::test]
async fn one_log_of_an_excerpt_is_verified_alone_where_that_is_said() {
    let (_root, dir, card) = of_two(of_peer());
    let first = format!("{dir}/earlier/2026");
    let refused = ran(Format::Table, &["verify", &first, "--excerpt", "--card", &card]).await;
    let failure = refused.result.expect_err("it has ended");
    assert!(failure.message.contains("xa.moj/log/2027, which follows"), "{failure}");
    let words = ["verify", &first, "--excerpt", "--card", &card, "--without-later"];
    ran(Format::Table, &words).await.result.expect("up to its end");
    fs::remove_dir_all(format!("{dir}/earlier")).expect("removed");
    let words = ["verify", &dir, "--excerpt", "--card", &card, "--without-earlier"];
    let alone = ran(Format::Table, &words).await;
    alone.result.expect("alone");
    assert!(alone.data.contains("xb.oag: numbers 5 to 5, none missing"), "{}", alone.data);
}

#[tokio::test]
async fn a_log_whose_end_is_not_shown_passes_for_one_that_goes_on() {
    let root = tempfile::tempdir().expect("a directory");
    let (dir, card) = (root.path().join("excerpt"), root.path().join("card"));
    let mut log = log();
    log.succeed(1);
    fs::write(&card, card_of(&log).text()).expect("written");
    excerpt(&log, of_peer(), &dir);
    let [dir_, card] = [&dir, &card].map(|path| path.to_str().expect("UTF-8").to_owned());
    let words = ["verify", &dir_, "--excerpt", "--card", &card];
    let failure = ran(Format::Table, &words).await.result.expect_err("it is shown");
    assert!(failure.message.contains("the log has ended"), "{failure}");

    // As its owner can, who signs what an excerpt has.
    let sealed = entry_path(7);
    fs::remove_file(dir.join(&sealed)).expect("removed");
    let manifest = dir.join("manifest");
    let mut list = Excerpt::parse_unverified(&fs::read(&manifest).expect("there")).expect("sound");
    list.list.files.remove(&sealed).expect("listed");
    fs::write(&manifest, list.sign(&log.key).expect("signed")).expect("written");
    ran(Format::Table, &words).await.result.expect("nothing tells that it has ended");
}
