//! What is no policy, by the rule that it breaks.

use super::*;
use crate::domain::limits::POLICY_MAX_BYTES;

type Case = (&'static str, String, usize, PolicyRule);

fn check<const N: usize>(cases: [Case; N]) {
    for (defect, text, line, rule) in cases {
        let refused = parse(&text).expect_err(defect);
        assert_eq!(refused, PolicyError { line, rule }, "{defect}");
        let told = refused.to_string();
        assert!(told.starts_with(&format!("line {line} of the policy: ")), "{told}");
    }
}

/// The log whose key is the one of witness `a`.
fn log() -> String {
    verifier("xa.moj/log/2026", &secret(1)).to_string()
}

#[test]
fn lines_and_their_words() {
    use PolicyRule::*;
    let log = log();
    check([
        ("empty", String::new(), 1, NoQuorum),
        ("no quorum", with_three(""), 4, NoQuorum),
        ("no newline at the end", with_three("quorum a"), 4, Unterminated),
        ("carriage return", with_three("quorum a\r\n"), 4, Byte(b'\r')),
        ("NUL", with_three("quorum a\0\n"), 4, Byte(0)),
        ("delete", with_three("# \x7f\nquorum a\n"), 4, Byte(0x7f)),
        ("form feed for a space", with_three("quorum\x0ca\n"), 4, Byte(0x0c)),
        ("unknown word", with_three("quorums a\n"), 4, Keyword("quorums".into())),
        ("upper case", with_three("QUORUM a\n"), 4, Keyword("QUORUM".into())),
        ("a quorum of two", with_three("quorum a b\n"), 4, Form("quorum <name>|none")),
        ("a quorum of nothing", with_three("quorum\n"), 4, Form("quorum <name>|none")),
        ("two quorums", with_three("quorum a\nquorum a\n"), 5, QuorumTwice(4)),
        ("none and another", with_three("quorum none\nquorum a\n"), 5, QuorumTwice(4)),
        ("log without a key", "log\n".into(), 1, Form("log <vkey> [<url>]")),
        ("log with too much", format!("log {log} u x\n"), 1, Form("log <vkey> [<url>]")),
        ("comment behind a log", format!("log {log} u # x\n"), 1, Form("log <vkey> [<url>]")),
        ("nameless witness", "witness a\n".into(), 1, Form("witness <name> <vkey> [<url>]")),
    ]);
    let large = "#\n".repeat(POLICY_MAX_BYTES / 2) + "\n";
    assert_eq!(parse(&large), Err(PolicyError { line: 1, rule: TooLarge }));
}

#[test]
fn names_and_keys() {
    use PolicyRule::*;
    let log = log();
    let ml_dsa = cosigner("w1.example", 1, Algorithm::MlDsa44).key().to_string();
    let renamed = cosigner("other.example", 2, Algorithm::Ed25519).key().to_string();
    check([
        ("unknown quorum", with_three("quorum d\n"), 4, NameUnknown("d".into())),
        ("name in other case", with_three("quorum A\n"), 4, NameUnknown("A".into())),
        (
            "quorum before its group",
            with_three("quorum g\ngroup g all a b\n"),
            4,
            NameUnknown("g".into()),
        ),
        ("a log's key twice", format!("log {log}\nlog {log}\n"), 2, DuplicateKey(1)),
        ("a witness twice", with_three(&format!("witness d {}\n", vkey(2))), 4, DuplicateKey(2)),
        ("a key renamed", with_three(&format!("witness d {renamed}\n")), 4, DuplicateKey(2)),
        ("a log vouches for itself", with_three(&format!("log {log}\n")), 4, DuplicateKey(1)),
        ("name taken", with_three(&format!("witness a {}\n", vkey(4))), 4, NameTaken("a".into())),
        ("group named as a witness", with_three("group a all b\n"), 4, NameTaken("a".into())),
        (
            "group named twice",
            with_three("group g all a\ngroup g all b\n"),
            5,
            NameTaken("g".into()),
        ),
        ("witness named none", format!("witness none {}\n", vkey(1)), 1, NameTaken("none".into())),
        ("group named none", with_three("group none all a\n"), 4, NameTaken("none".into())),
        (
            "a log's key for a witness",
            format!("witness a {log}\n"),
            1,
            Key("witness", NoteError::KeyType(1)),
        ),
        (
            "a witness's key for a log",
            format!("log {}\n", vkey(1)),
            1,
            Key("log", NoteError::KeyType(4)),
        ),
        ("ML-DSA-44 for a log", format!("log {ml_dsa}\n"), 1, Key("log", NoteError::KeyType(6))),
        ("no key at all", "witness a b\n".into(), 1, Key("witness", NoteError::Key("b".into()))),
    ]);
}

#[test]
fn groups_and_their_members() {
    use PolicyRule::*;
    let threshold = |given: &str, members| Threshold { given: given.into(), members };
    check([
        ("none as a member", with_three("group g any none\n"), 4, NameUnknown("none".into())),
        ("unknown member", with_three("group g any d\n"), 4, NameUnknown("d".into())),
        ("itself as a member", with_three("group g any g\n"), 4, NameUnknown("g".into())),
        ("a member twice", with_three("group g any a a\n"), 4, MemberTaken("a".into())),
        (
            "in two groups",
            with_three("group g any a b\ngroup h any b c\n"),
            5,
            MemberTaken("b".into()),
        ),
        ("group without members", with_three("group g all\n"), 4, threshold("all", 0)),
        ("any of nobody", with_three("group g any\n"), 4, threshold("any", 0)),
        ("more than there are", with_three("group g 4 a b c\n"), 4, threshold("4", 3)),
        ("zero", with_three("group g 0 a b c\n"), 4, threshold("0", 3)),
        ("leading zero", with_three("group g 02 a b c\n"), 4, threshold("02", 3)),
        ("negative", with_three("group g -1 a b c\n"), 4, threshold("-1", 3)),
        ("hexadecimal", with_three("group g 0x1 a b c\n"), 4, threshold("0x1", 3)),
        ("threshold left out", with_three("group g a b c\n"), 4, threshold("a", 2)),
        (
            "enormous",
            with_three("group g 18446744073709551617 a\n"),
            4,
            threshold("18446744073709551617", 1),
        ),
        ("bare group", with_three("group g\n"), 4, Form("group <name> all|any|<k> <member>...")),
    ]);
}
