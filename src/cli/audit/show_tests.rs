use super::*;
use crate::audit::testing::{TestLog, authority, delivery, message};
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::export_of;

fn args(dir: &std::path::Path) -> ShowArgs {
    let export = ExportDir::of(dir);
    ShowArgs { export, index: Vec::new(), message: None, peer: None, event: None, limit: 1000 }
}

/// Entries of the newest log, or of the one that is named.
fn places(texts: &[&str]) -> Vec<Place> {
    texts.iter().map(|text| text.parse().expect(text)).collect()
}

fn export(dir: &std::path::Path) -> TestLog {
    let mut log = TestLog::new("xa.moj", 1);
    for number in 1..300 {
        let peer = if number % 3 == 0 { "xb.oag" } else { "xc.moj" };
        log.push(delivery(Event::RelayAcceptance, "xa.moj", peer, number));
    }
    export_of(&log, dir);
    log
}

#[test]
fn entries_are_shown_by_their_numbers() {
    let dir = tempfile::tempdir().expect("a directory");
    let log = export(dir.path());
    let (mut out, data, _) = memory(Format::Json);
    run(ShowArgs { index: places(&["0", "299"]), ..args(dir.path()) }, &mut out).expect("shown");
    let lines: Vec<Value> =
        data.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((lines.len(), &lines[0]["entry"]["ev"]), (2, &json!("log.opened")));
    let entry: Value = serde_json::from_slice(&log.entries[299]).expect("JSON");
    assert_eq!((&lines[1]["index"], &lines[1]["entry"]), (&json!(299), &entry));
    let (mut out, data, _) = memory(Format::Table);
    run(ShowArgs { index: places(&["7"]), ..args(dir.path()) }, &mut out).expect("shown");
    assert!(data.text().contains("number with peer (pseq)"), "{}", data.text());
    let (mut out, ..) = memory(Format::Table);
    let failure = run(ShowArgs { index: places(&["300"]), ..args(dir.path()) }, &mut out);
    assert_eq!(failure.expect_err("none").code, Exit::NotFound);
}

#[test]
fn entries_are_found_by_message_peer_and_event() {
    let dir = tempfile::tempdir().expect("a directory");
    export(dir.path());
    let count = |args: ShowArgs| {
        let (mut out, data, talk) = memory(Format::Json);
        run(args, &mut out).expect("found");
        (data.text().lines().count(), talk.text())
    };
    let of = || args(dir.path());
    assert_eq!(count(ShowArgs { message: Some(message(7)), ..of() }).0, 1);
    assert_eq!(count(ShowArgs { peer: Some(authority("xb.oag")), ..of() }).0, 99);
    assert_eq!(count(ShowArgs { event: Some(EventName(Event::LogOpened)), ..of() }).0, 1);
    let both = ShowArgs { peer: Some(authority("xb.oag")), message: Some(message(1)), ..of() };
    assert_eq!(count(both).0, 0, "all conditions hold");
    let (shown, talk) = count(ShowArgs { peer: Some(authority("xb.oag")), limit: 5, ..of() });
    assert_eq!(shown, 5);
    assert!(talk.contains("99 entries were found"), "{talk}");
}

#[test]
fn what_does_not_verify_is_not_shown_as_if_it_did() {
    let dir = tempfile::tempdir().expect("a directory");
    export(dir.path());
    let path = dir.path().join("tile/entries/000");
    let mut bytes = std::fs::read(&path).expect("there");
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    let (mut out, ..) = memory(Format::Table);
    let search = ShowArgs { event: Some(EventName(Event::LogOpened)), ..args(dir.path()) };
    assert_eq!(run(search, &mut out).expect_err("changed").code, Exit::VerificationFailed);
    let changed: Vec<Exit> = (0..256)
        .filter_map(|index| {
            let (mut out, ..) = memory(Format::Table);
            run(ShowArgs { index: places(&[&index.to_string()]), ..args(dir.path()) }, &mut out)
                .err()
        })
        .map(|failure| failure.code)
        .collect();
    assert_eq!(changed, [Exit::VerificationFailed], "the one entry that was changed");
}

/// A log that has ended, in its folder, and the one that follows.
fn two_logs(dir: &std::path::Path) -> [TestLog; 2] {
    let mut first = TestLog::new("xa.moj", 1);
    for number in 1..20 {
        first.push(delivery(Event::RelayAcceptance, "xa.moj", "xb.oag", number));
    }
    let mut second = first.succeed(1);
    for number in 20..30 {
        second.push(delivery(Event::RelayAcceptance, "xa.moj", "xb.oag", number));
    }
    export_of(&second, dir);
    export_of(&first, &dir.join("earlier/2026"));
    [first, second]
}

#[test]
fn an_entry_of_an_earlier_log_is_named_as_the_search_shows_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let [first, second] = two_logs(dir.path());
    let elsewhere = tempfile::tempdir().expect("a directory");
    let card = elsewhere.path().join("xa.moj.card");
    std::fs::write(&card, crate::cli::testing::card_of(&first).text()).expect("written");
    let of = || ShowArgs { export: ExportDir::with_card(dir.path(), &card), ..args(dir.path()) };
    for (number, shown, log, index) in [(7, "1:7", &first, 7), (21, "2:2", &second, 2)] {
        let (mut out, data, _) = memory(Format::Table);
        run(ShowArgs { message: Some(message(number)), ..of() }, &mut out).expect("found");
        assert!(data.text().contains(&format!("\n{shown} ")), "{}", data.text());
        let (mut out, data, _) = memory(Format::Json);
        run(ShowArgs { index: places(&[shown]), ..of() }, &mut out).expect("shown");
        let entry: Value = serde_json::from_slice(&log.entries[index]).expect("JSON");
        assert_eq!(data.json()["entry"], entry);
    }
    let (mut out, ..) = memory(Format::Table);
    let failure = run(ShowArgs { index: places(&["3:0"]), ..of() }, &mut out);
    let failure = failure.expect_err("no such log");
    assert_eq!(failure.code, Exit::NotFound);
    assert!(failure.message.contains("there are 2 logs"), "{failure}");
}
