use serde_json::json;

use super::testing::{broken, memory};
use super::*;

#[test]
fn a_reader_that_had_enough_is_no_failure() {
    let mut out = broken(io::ErrorKind::BrokenPipe);
    out.data("one");
    assert!(out.is_closed());
    out.data("two");
    assert_eq!(out.finish(), Ok(()));
}

#[test]
fn data_that_is_lost_is_a_failure() {
    let mut out = broken(io::ErrorKind::StorageFull);
    out.json(&json!({}));
    assert_eq!(out.finish().expect_err("lost").code, Exit::Failed);
}

#[test]
fn terminals_are_told_nothing_to_obey() {
    let (mut out, data, talk) = memory(Format::Table);
    out.data("a\u{1b}[2Jb\tc\n");
    out.talk("x\u{9b}y\u{202e}z");
    assert_eq!(data.text(), "a\u{fffd}[2Jb\tc\n");
    assert_eq!(talk.text(), "x\u{fffd}y\u{fffd}z\n");
    let (mut out, data, _) = memory(Format::Json);
    out.json(&json!({ "a": "\u{1b}\u{9b}ü" }));
    assert_eq!(data.text(), "{\"a\":\"\\u001b\\u009bü\"}\n");
    assert_eq!(data.json(), json!({ "a": "\u{1b}\u{9b}ü" }));
}

#[test]
fn a_failure_is_errors_and_then_a_hint() {
    let (mut out, data, talk) = memory(Format::Json);
    out.failure(&Failure::new(Exit::BadInput, "a: is missing\nb: is wrong").hint("mend them"));
    assert_eq!(talk.text(), "error: a: is missing\nerror: b: is wrong\nhint: mend them\n");
    assert_eq!(data.text(), "");
}

#[test]
fn lists_are_tables_or_lines() {
    let print = |format, items: &[(&str, u32)]| {
        let (mut out, data, talk) = memory(format);
        let row = |item: &(&str, u32)| vec![item.0.to_owned(), item.1.to_string()];
        out.list(&["name", "size"], items, row, |item| json!({ "name": item.0 }));
        (data.text(), talk.text())
    };
    let two = [("a", 1), ("long name", 22)];
    assert_eq!(print(Format::Table, &two).0, "NAME       SIZE\na          1\nlong name  22\n");
    assert_eq!(print(Format::Json, &two).0, "{\"name\":\"a\"}\n{\"name\":\"long name\"}\n");
    assert_eq!(print(Format::Json, &[]), (String::new(), String::new()));
    assert_eq!(print(Format::Table, &[]), (String::new(), "there are none\n".into()));
}

#[test]
fn records_leave_empty_fields_away() {
    let (mut out, data, _) = memory(Format::Table);
    let fields = [("case", String::new()), ("state", "QUEUED".to_owned())];
    out.record(&fields, &json!({}));
    assert_eq!(data.text(), "state  QUEUED\n");
}
