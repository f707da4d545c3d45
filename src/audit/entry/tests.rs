use super::*;
use crate::audit::testing::{TestLog, authority, delivery, envelope, message, secret, verifier};

fn coordinates() -> Coordinates {
    Coordinates { origin: "xb.oag/log/2026".into(), index: 7, size: 9, root: [7; 32] }
}

fn finished(draft: EntryDraft) -> Entry {
    let seq = draft.counterpart().map(|_| 41);
    draft.into_entry(Timestamp::from_unix_ms(1_795_451_281_123), [5; NONCE_BYTES], seq)
}

fn recorded() -> Entry {
    finished(
        delivery(Event::RelayAcceptance, "xb.oag", "xb.oag", 1)
            .receipt([9; 32])
            .remote(coordinates()),
    )
}

fn text_of(entry: &Entry) -> String {
    String::from_utf8(entry.encode()).expect("JSON is UTF-8")
}

/// The smallest sound entry of an event: just the fields that it must have.
fn smallest(event: Event) -> EntryDraft {
    event.fields().must.iter().fold(EntryDraft::new(event), |draft, field| with(draft, *field))
}

fn with(draft: EntryDraft, field: Field) -> EntryDraft {
    match field {
        Field::By => draft.by(authority("xa.moj")),
        Field::Card => draft.card([1; 32]),
        Field::Code => draft.code("EXPIRED"),
        Field::Document => draft.document([6; 32]),
        Field::Envelope => draft.envelope([2; 32]),
        Field::Key => draft.key(&"0f".repeat(16)),
        Field::Message => draft.message(message(1)),
        Field::Payload => draft.payload([3; 32]),
        Field::Peer => draft.peer(authority("xb.oag")),
        Field::Package => draft.package(crate::domain::PackageId::new(
            Timestamp::from_unix_ms(1_795_000_000_000),
            [1; 10],
        )),
        Field::PeerSeq => draft,
        Field::Receipt => draft.receipt([4; 32]),
        Field::Remote => draft.remote(coordinates()),
        Field::Software => draft.software("rogatory 0.1.0"),
        Field::Who => draft.who(&"0f".repeat(16)),
    }
}

#[test]
fn the_bytes_are_fixed() {
    assert_eq!(
        text_of(&recorded()),
        "{\"at\":\"2026-11-23T16:28:01.123Z\",\"by\":\"xb.oag\",\
         \"env\":\"zS6Mm+/F2hxzH86gYBrnYMXoewHaHNj5mMcEd6TTbv0=\",\"ev\":\"RelayAcceptance\",\
         \"mid\":\"MID\",\"nonce\":\"BQUFBQUFBQUFBQUFBQUFBQ==\",\"peer\":\"xb.oag\",\"pseq\":41,\
         \"rcpt\":\"CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\",\
         \"rem\":{\"i\":7,\"n\":9,\"o\":\"xb.oag/log/2026\",\
         \"r\":\"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\"},\"v\":1}"
            .replace("MID", &message(1).to_string())
            .replace("zS6Mm+/F2hxzH86gYBrnYMXoewHaHNj5mMcEd6TTbv0=", &{
                use base64::Engine as _;
                base64::engine::general_purpose::STANDARD.encode(envelope(1))
            })
    );
}

#[test]
fn every_event_round_trips_with_the_fewest_and_the_most_fields() {
    for event in Event::ALL.iter().copied() {
        assert_eq!(Event::parse(event.as_str()), Some(event));
        let least = finished(smallest(event));
        assert_eq!(Entry::parse(&least.encode()), Ok(least), "{event}, fewest");
        let optional = event.fields().may.iter().filter(|f| **f != Field::Receipt);
        let most = finished(optional.fold(smallest(event), |draft, field| with(draft, *field)));
        assert!(most.encode().len() < ENTRY_MAX_BYTES / 2, "{event} has room to grow");
        assert_eq!(Entry::parse(&most.encode()), Ok(most), "{event}, most");
    }
    assert_eq!(Event::parse("message.lost"), None);
}

#[test]
fn every_field_is_required_or_allowed_or_refused_as_the_table_says() {
    for event in Event::ALL.iter().copied() {
        let Fields { must, may } = event.fields();
        for field in Field::ALL.into_iter().filter(|f| !matches!(f, Field::PeerSeq)) {
            assert!(
                !(must.contains(&field) && may.contains(&field)),
                "{event} lists {field} twice"
            );
            if must.contains(&field) {
                let rest = must.iter().filter(|other| **other != field);
                let without = finished(rest.fold(EntryDraft::new(event), |d, f| with(d, *f)));
                assert_eq!(without.check(), Err(EntryError::Missing { event, field }));
                assert!(Entry::parse(&without.encode()).is_err(), "{event} without {field}");
            } else if !may.contains(&field) {
                let beyond = finished(with(smallest(event), field));
                assert_eq!(beyond.check(), Err(EntryError::NotAllowed { event, field }));
                assert!(Entry::parse(&beyond.encode()).is_err(), "{event} with {field}");
            }
        }
    }
}

#[test]
fn numbers_with_a_peer_stand_exactly_where_a_peer_stands() {
    let event = Event::PeerRemoved;
    let entry = |seq| smallest(event).into_entry(Timestamp::from_unix_ms(0), [0; 16], seq);
    let field = Field::PeerSeq;
    assert_eq!(entry(Some(1)).check(), Ok(()));
    assert_eq!(entry(None).check(), Err(EntryError::Missing { event, field }));
    assert_eq!(entry(Some(0)).check(), Err(EntryError::Value(field)));
    assert_eq!(entry(Some(INTEGER_MAX + 1)).check(), Err(EntryError::Value(field)));
    let event = Event::NodeStarted;
    let entry = smallest(event).into_entry(Timestamp::from_unix_ms(0), [0; 16], Some(1));
    assert_eq!(entry.check(), Err(EntryError::NotAllowed { event, field }));
}

#[test]
fn a_recorded_receipt_has_digest_and_place_and_an_issued_one_has_no_digest() {
    assert_eq!(recorded().check(), Ok(()));
    assert!(recorded().is_recorded_receipt());
    let event = Event::RelayAcceptance;
    let without = |field| Err(EntryError::Missing { event, field });
    let no_digest = Entry { receipt: None, ..recorded() };
    assert_eq!(no_digest.check(), without(Field::Receipt));
    let no_place = Entry { remote: None, ..recorded() };
    assert_eq!(no_place.check(), without(Field::Remote));
    let ours = Entry { by: Some(authority("xa.moj")), ..recorded() };
    assert_eq!(ours.check(), Err(EntryError::NotAllowed { event, field: Field::Receipt }));
    let issued = Entry { receipt: None, ..ours };
    assert_eq!(issued.check(), Ok(()));
    assert!(!issued.is_recorded_receipt());
}

#[test]
fn values_outside_their_field_are_refused() {
    let long = format!("A{}", "0".repeat(64));
    let refusal = |code: &str| {
        finished(delivery(Event::RelayRejection, "xa.moj", "xb.oag", 1).code(code)).check()
    };
    assert_eq!(refusal("BAD_SIGNATURE2"), Ok(()));
    for code in ["", "expired", "2LATE", "_X", "A B", "A-B", "A\"", &long] {
        assert_eq!(refusal(code), Err(EntryError::Value(Field::Code)), "{code:?}");
    }
    let who = |who: &str| finished(EntryDraft::new(Event::AgencyAdded).who(who)).check();
    assert_eq!(who(&"0a".repeat(16)), Ok(()));
    for bad in ["", "alice", &"0A".repeat(16), &"0a".repeat(17)] {
        assert_eq!(who(bad), Err(EntryError::Value(Field::Who)), "{bad:?}");
    }
    let soft = |soft: &str| finished(EntryDraft::new(Event::NodeStarted).software(soft)).check();
    assert_eq!(soft("rogatory 0.1.0"), Ok(()));
    for bad in ["", "a\nb", "\u{fc}", &"a".repeat(65)] {
        assert_eq!(soft(bad), Err(EntryError::Value(Field::Software)), "{bad:?}");
    }
    let key = |key: &str| finished(EntryDraft::new(Event::KeyAdded).key(key)).check();
    assert_eq!(key(&verifier("xa.moj/log/2026", &secret(1)).to_string()), Ok(()));
    for bad in ["", "key", "xa.moj/log/2026+00000000+AAAA"] {
        assert_eq!(key(bad), Err(EntryError::Value(Field::Key)), "{bad:?}");
    }
}

#[test]
fn places_outside_a_log_are_refused() {
    let place = |remote: Coordinates| {
        let draft = EntryDraft::new(Event::WitnessCosigned).peer(authority("xb.oag"));
        finished(draft.remote(remote)).check()
    };
    let (origin, root) = (coordinates().origin, [7; 32]);
    assert_eq!(place(coordinates()), Ok(()));
    assert_eq!(place(Coordinates { index: 0, size: 0, ..coordinates() }), Ok(()));
    for bad in [
        Coordinates { index: 9, size: 9, ..coordinates() },
        Coordinates { index: 0, size: INTEGER_MAX + 1, ..coordinates() },
        Coordinates { origin: String::new(), index: 0, size: 1, root },
        Coordinates { origin: "a b".into(), index: 0, size: 1, root },
        Coordinates { origin: format!("{origin}\u{e9}"), index: 0, size: 1, root },
    ] {
        assert_eq!(place(bad.clone()), Err(EntryError::Value(Field::Remote)), "{bad:?}");
    }
}

#[test]
fn the_same_values_in_other_bytes_are_refused() {
    let good = text_of(&recorded());
    assert!(Entry::parse(good.as_bytes()).is_ok());
    let at = good.split(',').next().expect("a first field").trim_start_matches('{');
    let unsorted =
        good.replacen(&format!("{at},"), "", 1).replace(",\"v\":1}", &format!(",{at},\"v\":1}}"));
    for (defect, bad) in [
        ("unsorted", unsorted),
        ("space after a colon", good.replacen("\":", "\": ", 1)),
        ("space at the end", format!("{good} ")),
        ("newline at the end", format!("{good}\n")),
        ("escaped letter", good.replace("\"v\"", "\"\\u0076\"")),
        ("escaped slash", good.replace("/log", "\\/log")),
        ("null for absent", good.replace(",\"v\":1", ",\"soft\":null,\"v\":1")),
    ] {
        let result = Entry::parse(bad.as_bytes());
        assert_eq!(result, Err(EntryError::NotCanonical), "{defect}");
    }
}

#[test]
fn what_is_not_of_the_schema_is_refused() {
    let good = text_of(&recorded());
    for (defect, bad) in [
        ("empty", String::new()),
        ("not an object", "[]".to_owned()),
        ("cut off", good[..good.len() - 1].to_owned()),
        ("two entries", format!("{good}{good}")),
        ("unknown field", good.replace("\"v\":1", "\"v\":1,\"x\":1")),
        ("unknown field of a place", good.replace("\"i\":7", "\"h\":1,\"i\":7")),
        ("repeated field", good.replace("\"v\":1", "\"v\":1,\"v\":1")),
        ("unknown event", good.replace("RelayAcceptance", "RelayMaybe")),
        ("no time", good.replacen("\"at\"", "\"aq\"", 1)),
        ("time without milliseconds", good.replace(".123Z", "Z")),
        ("no nonce", good.replace("\"nonce\":\"BQUFBQUFBQUFBQUFBQUFBQ==\",", "")),
        ("short nonce", good.replace("BQUFBQUFBQUFBQUFBQUFBQ==", "BQUF")),
        (
            "base64 with loose bits",
            good.replace("BQUFBQUFBQUFBQUFBQUFBQ==", "BQUFBQUFBQUFBQUFBQUFBR=="),
        ),
        (
            "base64 without padding",
            good.replace("BQUFBQUFBQUFBQUFBQUFBQ==", "BQUFBQUFBQUFBQUFBQUFBQ"),
        ),
        (
            "digest in hex",
            good.replace("CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=", &"09".repeat(32)),
        ),
        ("peer that is none", good.replace("\"peer\":\"xb.oag\"", "\"peer\":\"XB\"")),
        ("message that is none", good.replace("\"mid\":\"0", "\"mid\":\"x")),
        ("number as a string", good.replace("\"pseq\":41", "\"pseq\":\"41\"")),
        ("negative number", good.replace("\"pseq\":41", "\"pseq\":-41")),
        ("fraction", good.replace("\"pseq\":41", "\"pseq\":41.0")),
        ("not UTF-8's text", good.replace("xb.oag/log", "xb.oag\u{0}/log")),
    ] {
        let result = Entry::parse(bad.as_bytes());
        assert!(matches!(result, Err(EntryError::Schema(_))), "{defect}: {result:?}");
    }
    assert_eq!(
        Entry::parse(good.replace("\"v\":1", "\"v\":2").as_bytes()),
        Err(EntryError::Version(2))
    );
    assert!(Entry::parse(b"\xff").is_err());
}

#[test]
fn an_entry_above_the_limit_is_refused_unread() {
    let long = vec![b' '; ENTRY_MAX_BYTES + 1];
    assert_eq!(Entry::parse(&long), Err(EntryError::TooLarge(long.len())));
}

#[test]
fn every_flipped_bit_is_another_entry_or_none() {
    let log = TestLog::new("xa.moj", 1);
    for good in [recorded().encode(), log.entries[0].clone()] {
        for at in 0..good.len() {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                if let Ok(entry) = Entry::parse(&bad) {
                    assert_eq!(entry.encode(), bad, "byte {at}, bit {bit}");
                }
            }
        }
    }
}

#[test]
fn the_documentation_has_the_table_of_fields() {
    let page = include_str!("../../../docs/audit.md");
    let keys = |fields: &[Field]| {
        let mut keys: Vec<String> = fields.iter().map(|f| format!("`{f}`")).collect();
        keys.sort();
        if keys.is_empty() { "–".to_owned() } else { keys.join(" ") }
    };
    for event in Event::ALL {
        let Fields { must, may } = event.fields();
        let row = format!("| `{event}` | {} | {} | ", keys(must), keys(may));
        assert!(page.contains(&row), "docs/audit.md needs the row {row}");
    }
}
