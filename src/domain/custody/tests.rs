use super::file::CustodyFileError;
use super::*;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_unix_ms(1_790_000_000_000 + minute * 60_000)
}

fn record(action: CustodyAction, minute: i64) -> CustodyRecord {
    CustodyRecord {
        action,
        at: at(minute),
        by: Custodian { name: "Inspector 117".into(), organisation: "Border Police".into() },
        to: None,
        place: "Post of North Ford".into(),
        reason: "Warrant 2026/113".into(),
        tool: None,
        seals: Vec::new(),
        digest: String::new(),
        note: String::new(),
    }
}

fn chain() -> Vec<CustodyRecord> {
    let handed = Custodian { name: "Evidence room".into(), organisation: "Prosecutor".into() };
    vec![
        CustodyRecord { seals: vec!["A-113".into()], ..record(CustodyAction::Seized, 0) },
        CustodyRecord { to: Some(handed), ..record(CustodyAction::Transferred, 5) },
        CustodyRecord {
            tool: Some(CustodyTool { name: "imager".into(), version: "4.2".into() }),
            digest: "ab".repeat(32),
            ..record(CustodyAction::Acquired, 5)
        },
    ]
}

#[test]
fn a_chain_of_custody_is_what_its_rules_say() {
    assert_eq!(check_custody(&[]), Ok(()));
    assert_eq!(check_custody(&chain()), Ok(()));
    assert_eq!(CustodyAction::ALL.map(CustodyAction::as_str).len(), 7);
    for action in CustodyAction::ALL {
        assert_eq!(serde_json::to_value(action).expect("JSON"), action.as_str());
    }
}

#[test]
fn every_rule_that_is_broken_is_named_with_its_field() {
    type Defect<'a> = (&'static str, &'static str, &'a dyn Fn(&mut Vec<CustodyRecord>));
    let defects: [Defect<'_>; 17] = [
        ("custody[0].by.name", "empty", &|c| c[0].by.name = " ".into()),
        ("custody[0].by.organisation", "empty", &|c| c[0].by.organisation.clear()),
        ("custody[1].to.name", "empty", &|c| c[1].to = Some(Custodian::default())),
        ("custody[1].to", "handed to", &|c| c[1].to = None),
        ("custody[0].to", "transfer only", &|c| c[0].to = c[1].to.clone()),
        ("custody[0].place", "empty", &|c| c[0].place.clear()),
        ("custody[2].reason", "empty", &|c| c[2].reason.clear()),
        ("custody[2].reason", "more than 512", &|c| c[2].reason = "x".repeat(513)),
        ("custody[2].tool.version", "empty", &|c| {
            c[2].tool = Some(CustodyTool { name: "x".into(), version: String::new() });
        }),
        ("custody[0].note", "control", &|c| c[0].note = "a\nb".into()),
        ("custody[0].note", "overrides", &|c| c[0].note = "a\u{202e}b".into()),
        ("custody[0].note", "more than 2048", &|c| c[0].note = "x".repeat(2049)),
        ("custody[0].seals", "more than 16", &|c| c[0].seals = vec!["x".into(); 17]),
        ("custody[0].seals[0]", "more than 64", &|c| c[0].seals = vec!["x".repeat(65)]),
        ("custody[2].digest", "SHA-256", &|c| c[2].digest = "AB".repeat(32)),
        ("custody[2].at", "earlier", &|c| c[2].at = at(4)),
        ("custody", "more than 64 records", &|c| {
            *c = vec![record(CustodyAction::Stored, 0); 65];
        }),
    ];
    for (field, rule, defect) in defects {
        let mut custody = chain();
        defect(&mut custody);
        let fault = check_custody(&custody).expect_err(rule);
        assert!(fault.field == field && fault.rule.contains(rule), "{field} {rule}: {fault}");
    }
    let much = CustodyRecord { note: "x".repeat(2048), ..record(CustodyAction::Stored, 0) };
    let fault = check_custody(&vec![much; 16]).expect_err("too much");
    assert!(fault.rule.contains("bytes in all"), "{fault}");
}

#[test]
fn nothing_of_it_lies_ahead() {
    assert_eq!(check_not_after(&chain(), at(5)), Ok(()));
    let fault = check_not_after(&chain(), at(4)).expect_err("later");
    assert_eq!(fault.field, "custody[1].at");
}

#[test]
fn a_digest_that_was_taken_last_can_be_another_than_the_sealed_one() {
    assert!(!differs("", "ab") && !differs("ab", "ab") && differs("ac", "ab"));
}

#[test]
fn what_a_record_says_has_no_debug() {
    assert_eq!(format!("{:?}", chain()[0]), "CustodyRecord { .. }");
}

const FILE: &str = r#"
[[record]]
exhibits = ["telephone/"]
action = "seized"
at = "2026-11-20T09:15:00Z"
by = { name = "Inspector 117", organisation = "Border Police" }
place = "Post of North Ford"
reason = "Warrant 2026/113"
seals = ["A-113"]

[[record]]
exhibits = ["/"]
action = "packed"
at = "2026-11-21T10:00:00.500Z"
by = { name = "Evidence room", organisation = "Prosecutor" }
place = "Capital"
reason = "Request of xc.moj"
"#;

const NAMES: [&str; 4] = ["bank.csv", "telephone/a.bin", "telephone/b.bin", "telephones.txt"];

fn refused(file: &str) -> String {
    match custody_from_toml(file, &NAMES) {
        Err(CustodyFileError::Fault(fault)) => fault.to_string(),
        Err(CustodyFileError::Unreadable(error)) => error.to_string(),
        Ok(_) => panic!("taken: {file}"),
    }
}

#[test]
fn records_are_given_to_names_and_to_directories() {
    let custody = custody_from_toml(FILE, &NAMES).expect("sound");
    let counts: Vec<usize> = (0..5).map(|exhibit| custody.of(exhibit).len()).collect();
    assert_eq!(counts, [1, 2, 2, 1, 0]);
    let records = custody.of(1);
    assert_eq!(records[0].at.to_string(), "2026-11-20T09:15:00.000Z");
    assert_eq!(records[1].at.to_string(), "2026-11-21T10:00:00.500Z");
    let twice = FILE.replace("\"/\"", "\"bank.csv\", \"/\", \"bank.csv\"");
    let custody = custody_from_toml(&twice, &NAMES).expect("sound");
    assert_eq!(custody.of(0).len(), 1, "an exhibit that is named twice has it once");
}

#[test]
fn the_example_is_sound() {
    let file = include_str!("../../../examples/custody.toml");
    let custody = custody_from_toml(file, &["bank.csv", "image.bin"]).expect("sound");
    assert_eq!((custody.of(0).len(), custody.of(1).len()), (1, 4));
}

#[test]
fn what_a_file_has_wrong_is_told_with_its_place() {
    for (from, to, told) in [
        ("telephone/", "telefone/", "record[0].exhibits[0]: no exhibit is below"),
        ("\"telephone/\"", "\"bank.cvs\"", "did you mean \"bank.csv\"?"),
        ("[\"/\"]", "[]", "record[1].exhibits: must name"),
        ("seized", "siezed", "did you mean `seized`?"),
        ("seals", "seal", "did you mean `seals`?"),
        ("2026-11-20T09:15:00Z", "20 November", "record[0].at: must be a time in UTC"),
        ("2026-11-20", "2026-11-22", "record[1].at: is earlier than"),
        ("place = \"Capital\"", "", "record[1].place: must not be empty"),
    ] {
        let told_here = refused(&FILE.replacen(from, to, 1));
        assert!(told_here.contains(told), "{from}: {told_here}");
    }
    assert!(refused("").contains("record: there is none"), "an empty file");
}
