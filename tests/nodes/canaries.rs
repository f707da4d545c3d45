//! Particulars of victims and witnesses are in one place only: the file that the named official has
//! written. Canaries are planted in every field of an annex and in the request beside it; two nodes
//! with traces at their fullest deliver, open, export and erase them; then every byte that the
//! product has written is searched, in every usual encoding.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::support::DEADLINE;
use crate::support::process::{Process, ROGATORY};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::Value;

/// In the annex: nobody but the official reads them.
const SEALED: [&str; 9] = [
    "Zqcanaryname",
    "คานารีลับมาก",
    "Zqtransliteration",
    "ZQ90417733",
    "Zqshelter-on-the-hill",
    "Zqcontact-telephone",
    "Zqprotection-need",
    "Zqfreeform-note",
    "2011-07-23",
];
/// In the request: whoever may read the message reads them, and lists and logs do not have them.
const SAID: [&str; 3] = ["Zqsubjectline", "Zqfactsofthecase", "Zqlocationofsuspect"];
/// In the name of the file that the annex comes from.
const FILE: &str = "zqfilename";

/// What a command writes where.
struct World {
    root: PathBuf,
    commands: usize,
}

struct Done {
    code: i32,
    data: String,
    talk: String,
}

impl World {
    /// Runs the program. What it writes on its outputs is kept in a file: beside its own, or where
    /// content is asked for, beside what may have content.
    fn run(&mut self, line: &str) -> Done {
        let words: Vec<&str> = line.split_whitespace().collect();
        let done = Command::new(ROGATORY).args(&words).current_dir(&self.root).output();
        let done = done.expect("it runs");
        let shows = ["show", "disclose"].contains(&words[0]);
        let dir = self.root.join(if shows { "content" } else { "outputs" });
        std::fs::create_dir_all(&dir).expect("made");
        self.commands += 1;
        for (ending, bytes) in [("data", &done.stdout), ("talk", &done.stderr)] {
            let path = dir.join(format!("{:03}-{}.{ending}", self.commands, words[0]));
            std::fs::write(path, bytes).expect("written");
        }
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        let code = done.status.code().expect("no signal");
        Done { code, data: text(done.stdout), talk: text(done.stderr) }
    }

    fn done(&mut self, line: &str) -> String {
        let done = self.run(line);
        assert_eq!(done.code, 0, "{line}: {}", done.talk);
        done.data
    }

    fn json(&mut self, line: &str) -> Value {
        let data = self.done(&format!("{line} --output json"));
        serde_json::from_str(&data).unwrap_or_else(|error| panic!("{line}: {error}: {data}"))
    }

    /// Until a message looks so.
    fn awaits(&mut self, line: &str, what: &str) -> Value {
        let began = Instant::now();
        loop {
            let seen = self.run(&format!("{line} --output json"));
            if seen.code == 0 && seen.data.contains(what) {
                return serde_json::from_str(&seen.data).expect("JSON");
            }
            assert!(began.elapsed() < DEADLINE, "{what} does not come: {}{}", seen.data, seen.talk);
            std::thread::yield_now();
        }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, text).expect("written");
    }
}

/// What somebody writes before anything of it is the product's.
fn plant(world: &World) {
    let [name, thai, latin, number, place, contact, protection, note, born] = SEALED;
    let annex = format!(
        "[[persons]]\nref = \"P3\"\nborn = \"{born}\"\nlocation = \"{place}\"\n\
         contact = \"{contact}\"\nprotection = \"{protection}\"\nnotes = \"{note}\"\n\
         [[persons.names]]\ntext = \"{name}\"\n\
         [[persons.names]]\ntext = \"{thai}\"\ntransliteration = \"{latin}\"\nlanguage = \"th\"\n\
         [[persons.documents]]\ntype = \"passport\"\nnumber = \"{number}\"\n"
    );
    world.write(&format!("in/{FILE}.toml"), &annex);
    world.write(&format!("in/{FILE}-other.toml"), &annex.replace("P3", "P9"));
    world.write(&format!("in/{FILE}-broken.toml"), &annex.replace("born", &format!("\"{name}\"")));
    world
        .write(&format!("in/{FILE}-broken.json"), &format!("{{\"persons\": [{{\"{name}\": 1}}]}}"));
    let request = include_str!("../../examples/request-surveillance.toml");
    let [subject, facts, location] = SAID;
    let request = request
        .replace("xc.moj", "xa.oag")
        .replace("\"XC\"", "\"XA\"")
        .replace("Trafficking in persons for forced criminality", subject)
        .replace("On 11 June 2026 police freed", facts)
        .replace("Believed to live in Belmara", location);
    for canary in SAID {
        assert!(request.contains(canary), "{canary} is planted");
    }
    world.write("in/request.toml", &request);
    std::fs::create_dir(world.root.join("out")).expect("made");
    world.write("in/passphrase", "correct horse battery\n");
    world.write("in/wrong", "incorrect horse\n");
    for file in ["in/passphrase", "in/wrong"] {
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(world.root.join(file), private).expect("its mode is set");
    }
}

/// Two homes that trust each other; the second one names an official.
fn nodes(world: &mut World) -> (Process, Process) {
    let under = vec!["env".to_owned(), "ROGATORY_LOG=trace".to_owned()];
    let mut a = Process::new(&world.root, "xa.oag");
    let mut b = Process::new(&world.root, "xb.pps");
    for node in [&mut a, &mut b] {
        node.under.clone_from(&under);
    }
    world.done("official new victims-desk --out desk.key --passphrase-file in/passphrase");
    world.done("official new other-desk --out other.key --insecure-plain-keys");
    let office = "--office Victim-protection-desk";
    world.done(&format!("official add desk.key.pub {office} --home xb.pps"));
    let listed = world.json("official list --home xb.pps");
    assert_eq!(listed["official"], "victims-desk");
    a.trust(&b);
    b.trust(&a);
    a.agency("desk", "submit,read,audit");
    b.agency("desk", "submit,read,audit");
    a.start();
    b.start();
    (a, b)
}

const AT_A: &str = "--profile xa.oag/agencies/desk.profile.toml";
const AT_B: &str = "--profile xb.pps/agencies/desk.profile.toml";
const SUBMIT: &str = "submit --to xb.pps --request in/request.toml --for xb.pps/victims-desk";

/// What is refused before anything is sent, and says where, and never what.
fn refusals(world: &mut World) {
    for (annex, told) in [
        ("-other.toml", "persons[0].ref: is the ref of no person of the message"),
        ("-broken.toml", "an annex has no such field or value there"),
        ("-broken.json", "line 1, column"),
    ] {
        let refused = world.run(&format!("{SUBMIT} {AT_A} --annex in/{FILE}{annex}"));
        assert_eq!(refused.code, 3, "{annex}: {}", refused.talk);
        assert!(refused.talk.contains(told), "{annex}: {}", refused.talk);
    }
    let unknown = SUBMIT.replace("victims-desk", "nobody");
    let refused = world.run(&format!("{unknown} {AT_A} --annex in/{FILE}.toml"));
    assert!(refused.talk.contains("names no official nobody now"), "{}", refused.talk);
    assert!(refused.talk.contains("it names victims-desk"), "{}", refused.talk);
    let elsewhere = SUBMIT.replace("--to xb.pps", "--to xa.oag");
    let refused = world.run(&format!("{elsewhere} {AT_A} --annex in/{FILE}.toml"));
    assert_ne!(refused.code, 0);
}

/// Opens the annex, and everything that does not open it.
fn openings(world: &mut World, id: &str) {
    let open = |key: &str, passphrase: &str, out: &str| {
        format!("annex open {id} {AT_B} --as {key} --passphrase-file in/{passphrase} --out {out}")
    };
    let wrong = world.run(&open("desk.key", "wrong", "out/none.json"));
    assert!(wrong.talk.contains("the passphrase does not open this key"), "{}", wrong.talk);
    let other = world.run(&open("other.key", "passphrase", "out/none.json"));
    assert_eq!(other.code, 1, "{}", other.talk);
    assert!(other.talk.contains("is sealed to victims-desk of xb.pps"), "{}", other.talk);
    let receipt = "--receipt out/opened.tlog-proof";
    let opened =
        world.json(&format!("{} {receipt}", open("desk.key", "passphrase", "out/p3.json")));
    assert_eq!(opened["official"], "victims-desk");
    assert_eq!(opened["receipt"]["event"], "ContentAccessTracking");
    let again = world.run(&open("desk.key", "passphrase", "out/p3.json"));
    assert!(again.talk.contains("is not overwritten"), "{}", again.talk);
    world.done("receipt verify out/opened.tlog-proof --card xb.pps/card.txt");
}

fn erasures(world: &mut World, id: &str) {
    let erased = world.json(&format!("annex erase {id} --home xb.pps --reason COURT_ORDER"));
    assert_eq!((&erased["reason"], &erased["earlier"]), (&"COURT_ORDER".into(), &false.into()));
    let open = format!("annex open {id} {AT_B} --as desk.key --passphrase-file in/passphrase");
    let gone = world.run(&format!("{open} --out out/none.json"));
    assert!(gone.talk.contains("was erased at"), "{}", gone.talk);
    let shown = world.json(&format!("show {id} {AT_B}"));
    assert_eq!(shown["annexes"][0]["erasure"]["reason"], "COURT_ORDER");
    assert!(shown["content"]["request"]["subject"].is_string(), "the message is there");
    world.done(&format!("erase --message {id} --home xb.pps --reason COURT_ORDER"));
}

/// What auditors get, of both nodes.
fn exports(world: &mut World) {
    for home in ["xa.oag", "xb.pps"] {
        let out = format!("exports/{home}");
        world.done(&format!("audit export --home {home} --out {out}"));
        world.done(&format!("audit verify {out} --card {home}/card.txt"));
        let replayed = world.json(&format!("audit replay {out} --card {home}/card.txt"));
        assert_eq!(replayed["ok"], true, "{replayed}");
        assert_eq!(replayed["findings"], Value::Array(Vec::new()), "{replayed}");
        world.done(&format!("audit check --home {home} --bodies"));
    }
    let cards = "--card-a xa.oag/card.txt --card-b xb.pps/card.txt";
    let reconciled = world.run(&format!("audit reconcile exports/xa.oag exports/xb.pps {cards}"));
    assert_eq!(reconciled.code, 0, "{}{}", reconciled.data, reconciled.talk);
}

#[test]
fn a_canary_is_in_the_file_of_the_official_and_nowhere_else() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut world = World { root: dir.path().to_owned(), commands: 0 };
    plant(&world);
    let (mut a, mut b) = nodes(&mut world);
    refusals(&mut world);
    let sent = world.json(&format!("{SUBMIT} {AT_A} --annex in/{FILE}.toml"));
    let id = sent["message_id"].as_str().expect("an id").to_owned();
    world.awaits(&format!("list {AT_B}"), &format!("\"{id}\""));
    world.awaits(&format!("list {AT_B}"), "CONSIGNED");
    let listed = world.done(&format!("list {AT_B}"));
    assert!(listed.contains("PROTECTED_CHILD"), "{listed}");
    let shown = world.json(&format!("show {id} {AT_B}"));
    assert_eq!(shown["handling"], "PROTECTED_CHILD");
    assert_eq!(shown["annexes"].as_array().map(Vec::len), Some(1));
    openings(&mut world, &id);
    // The sender learns of it.
    let told = world.awaits(&format!("show {id} {AT_A}"), "ContentAccessTracking xb.pps");
    assert_eq!(told["annexes"], shown["annexes"]);
    world.done(&format!("receipt save {id} {AT_A} --out receipts-a"));
    world.done(&format!("receipt save {id} {AT_B} --out receipts-b"));
    world.done(&format!("disclose --message {id} --out content/{id}.jsonl {AT_A}"));
    world.done(&format!("fetch {id} {AT_B} --out content/fetched"));
    world.done(&format!("confirm {id} {AT_B}"));
    world.awaits(&format!("list {AT_A}"), "HANDED_OVER");
    erasures(&mut world, &id);
    exports(&mut world);
    for node in [&mut a, &mut b] {
        node.stop();
    }
    search(&world);
}

/// Every file but those that somebody else wrote: path and bytes.
fn files(dir: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(dir).expect("readable") {
        let path = entry.expect("readable").path();
        match std::fs::symlink_metadata(&path).expect("there") {
            meta if meta.is_dir() => files(&path, found),
            meta if meta.is_file() => {
                found.insert(path.clone(), std::fs::read(&path).expect("readable"));
            }
            _ => {}
        }
    }
}

/// A text in the encodings in which it may hide. Base64 depends on where it begins: the middle of
/// each of the three is the same whatever stands around it.
fn disguises(text: &str) -> Vec<Vec<u8>> {
    let utf16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect();
    let utf16: [Vec<u8>; 2] = [utf16(u16::to_le_bytes), utf16(u16::to_be_bytes)];
    let mut all = vec![text.as_bytes().to_vec(), text.to_lowercase().into_bytes()];
    all.extend(utf16.clone());
    // As JSON, TOML and Rust escape it.
    all.push(text.escape_unicode().to_string().into_bytes());
    let json: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    all.push(json.into_bytes());
    for plain in [text.as_bytes(), &utf16[0]] {
        all.push(hex::encode(plain).into_bytes());
        all.push(hex::encode_upper(plain).into_bytes());
        for shift in 0..3 {
            let shifted = [&[0_u8; 3][..shift], plain].concat();
            for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                let encoded = engine.encode(&shifted).into_bytes();
                all.push(encoded[[0, 2, 3][shift]..encoded.len() - 2].to_vec());
            }
        }
    }
    all.push(format!("{:?}", text.as_bytes()).trim_matches(['[', ']']).as_bytes().to_vec());
    all
}

fn has(bytes: &[u8], canary: &str) -> bool {
    let finders = disguises(canary);
    finders.iter().any(|form| memchr::memmem::find(bytes, form).is_some())
}

fn search(world: &World) {
    let mut found = BTreeMap::new();
    files(&world.root, &mut found);
    let opened = world.root.join("out/p3.json");
    let text = &found[&opened];
    for canary in SEALED {
        assert!(has(text, canary), "the official reads {canary}");
    }
    assert!(!world.root.join("out/none.json").exists());
    for canary in SAID {
        let content = found.iter().filter(|(path, _)| path.starts_with(world.root.join("content")));
        assert!(
            content.map(|(_, bytes)| bytes).any(|bytes| has(bytes, canary)),
            "{canary} is read"
        );
    }
    let traces = &found[&world.root.join("xb.pps/trace.log")];
    assert!(memchr::memmem::find(traces, b"TRACE").is_some(), "traces are at their fullest");
    assert!(memchr::memmem::find(traces, b"an annex is opened").is_some());
    for (path, bytes) in &found {
        let path = path.strip_prefix(&world.root).expect("below it");
        if path.starts_with("in") || path == Path::new("out/p3.json") {
            continue;
        }
        let name = path.to_string_lossy().into_owned();
        for canary in SEALED {
            assert!(!has(bytes, canary), "{name} has {canary}");
            assert!(!has(name.as_bytes(), canary), "the name {name} has {canary}");
        }
        // The command line names the file that its user has named.
        if !path.starts_with("outputs") {
            assert!(!has(bytes, FILE) && !has(name.as_bytes(), FILE), "{name} has {FILE}");
        }
        if !path.starts_with("content") {
            for canary in SAID {
                assert!(!has(bytes, canary), "{name} has {canary}");
            }
        }
    }
}

#[test]
fn a_canary_is_found_in_every_disguise() {
    for canary in SEALED.iter().chain(&SAID).chain([&FILE]) {
        let utf16: Vec<u8> = canary.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let within = |bytes: &[u8]| [b"ab", bytes, b"cd"].concat();
        let mut hidden = vec![
            within(canary.as_bytes()),
            within(&utf16),
            hex::encode(within(canary.as_bytes())).into_bytes(),
            format!("{:?}", within(canary.as_bytes())).into_bytes(),
        ];
        for before in ["", "a", "ab", "abc"] {
            let text = [before.as_bytes(), canary.as_bytes(), b"xyz"].concat();
            hidden.push(STANDARD_NO_PAD.encode(&text).into_bytes());
            hidden
                .push(URL_SAFE_NO_PAD.encode([before.as_bytes(), &utf16, b"xyz"].concat()).into());
        }
        for (number, hidden) in hidden.iter().enumerate() {
            assert!(has(hidden, canary), "{canary} in disguise {number}");
        }
    }
    assert!(!has(b"nothing", SEALED[0]));
}
