use super::*;
use crate::domain::Timestamp;
use crate::domain::limits::CUSTODY_MAX_BYTES;

/// The manifest of a package of so many exhibits, in chunks.
fn manifest(exhibits: u32, name: impl Fn(u32) -> String) -> Vec<Vec<u8>> {
    let sealed = Timestamp::from_unix_ms(1_000);
    let head = ManifestHead { v: 1, package: PackageId::new(sealed, [7; 10]), sealed };
    let mut text = serde_json::to_vec(&head).expect("JSON");
    text.push(b'\n');
    for number in 0..exhibits {
        text.extend(serde_json::to_vec(&info(number, name(number))).expect("JSON"));
        text.push(b'\n');
    }
    text.chunks(CHUNK_BYTES).map(<[u8]>::to_vec).collect()
}

fn info(number: u32, name: String) -> ExhibitInfo {
    let media_type = "text/plain".into();
    let sha256 = "ab".repeat(32);
    ExhibitInfo { number, name, media_type, bytes: 5, sha256, custody: Vec::new() }
}

/// A page, and which chunks were read for it.
fn read(
    chunks: &[Vec<u8>],
    exhibits: u32,
    from: PageToken,
    limit: usize,
) -> (Result<ExhibitPage, ActionError>, Vec<u32>) {
    let mut asked = Vec::new();
    let give = |number: u32| {
        asked.push(number);
        Ok(chunks[number as usize].clone())
    };
    let page = page(chunks.len() as u32, give, exhibits, from, limit);
    (page, asked)
}

fn names(length: usize) -> impl Fn(u32) -> String {
    move |number| format!("{number}/{}", "n".repeat(length))
}

#[test]
fn pages_go_on_where_the_one_before_ended_and_read_no_more_than_they_need() {
    let chunks = manifest(2_000, names(1_000));
    assert!(chunks.len() > 8, "{}", chunks.len());
    let (mut from, mut all) = (PageToken::default(), Vec::new());
    loop {
        let (page, asked) = read(&chunks, 2_000, from, 100);
        let page = page.expect("sound");
        assert!(asked.len() <= 2, "a page of 100 KiB is in two chunks at most: {asked:?}");
        all.extend(page.exhibits);
        match page.next {
            Some(next) => from = next.to_string().parse().expect("its own token"),
            None => break,
        }
    }
    let expected: Vec<_> = (0..2_000).map(|n| info(n, names(1_000)(n))).collect();
    assert!(all == expected, "all of them, in order");
}

#[test]
fn the_longest_name_with_every_byte_escaped_fits_in_a_line() {
    let escaped: String = (0..1_024).map(|_| "\\u0041").collect();
    let line = serde_json::to_string(&info(0, "A".repeat(1_024))).expect("JSON");
    let line = line.replace(&"A".repeat(1_024), &escaped);
    assert!(line.len() < MANIFEST_LINE_MAX_BYTES);
    let mut chunks = manifest(0, |_| String::new());
    chunks[0].extend_from_slice(line.as_bytes());
    // Without a line break behind the last, too.
    let page = read(&chunks, 1, PageToken::default(), 50).0.expect("sound");
    assert_eq!(page.exhibits[0].name, "A".repeat(1_024));
}

/// A record with a note of so many bytes.
fn stored(note: usize) -> CustodyRecord {
    let record = format!(
        r#"{{"action":"stored","at":"2026-11-20T09:15:00.000Z","place":"Capital","reason":"Warrant",
             "by":{{"name":"Clerk","organisation":"Court"}},"note":"{}"}}"#,
        "n".repeat(note)
    );
    serde_json::from_str(&record).expect("a record")
}

#[test]
fn custody_records_come_back_and_a_page_is_never_larger_than_a_client_takes() {
    let mut chunks = manifest(0, |_| String::new());
    let mut text = chunks.remove(0);
    let full = |number: u32| ExhibitInfo {
        custody: vec![stored(2_000); 16],
        ..info(number, format!("{number}"))
    };
    for number in 0..60 {
        text.extend(serde_json::to_vec(&full(number)).expect("JSON"));
        text.push(b'\n');
    }
    let chunks: Vec<_> = text.chunks(CHUNK_BYTES).map(<[u8]>::to_vec).collect();
    let (mut from, mut all, mut pages) = (PageToken::default(), Vec::new(), 0);
    loop {
        let page = read(&chunks, 60, from, 1_000).0.expect("sound");
        pages += 1;
        all.extend(page.exhibits);
        match page.next {
            Some(next) => from = next,
            None => break,
        }
    }
    assert!(pages == 2 && all == (0..60).map(full).collect::<Vec<_>>(), "{pages}");
}

#[test]
fn the_largest_custody_with_every_byte_escaped_fits_in_a_line() {
    let mut full = info(0, "A".repeat(1_024));
    full.custody = vec![stored(1_950); 16];
    assert_eq!(check_custody(&full.custody), Ok(()));
    let escaped: usize = 6 * (1_024 + CUSTODY_MAX_BYTES);
    let rest = serde_json::to_vec(&info(0, String::new())).expect("JSON").len();
    assert!(escaped + rest + 64 * 512 < MANIFEST_LINE_MAX_BYTES, "{rest}");
}

#[test]
fn tokens_that_no_page_gave_are_the_callers_fault() {
    let chunks = manifest(100, names(10));
    let good = read(&chunks, 100, PageToken::default(), 10).0.expect("sound").next;
    let good = good.expect("more");
    let PageToken { number, at } = good;
    for wrong in [
        PageToken { number: number + 1, at },
        PageToken { number, at: at + 1 },
        PageToken { number, at: at - 1 },
        PageToken { number, at: 0 },
        PageToken { number: 0, at: 1 },
        PageToken { number, at: u64::MAX },
    ] {
        let refused = read(&chunks, 100, wrong, 10).0;
        assert!(matches!(refused, Err(ActionError::Invalid(_))), "{wrong:?}: {refused:?}");
    }
    for text in ["", "10", "x-1", "1-x", "-1", "1-2-3"] {
        assert!(text.parse::<PageToken>().is_err(), "{text:?}");
    }
}

#[test]
fn manifests_that_break_a_rule_are_faults() {
    let good = manifest(3, names(10));
    let text = String::from_utf8(good.concat()).expect("UTF-8");
    let unplaced = CustodyRecord { place: String::new(), ..stored(1) };
    let unplaced = serde_json::to_string(&unplaced).expect("JSON");
    for (what, text, exhibits) in [
        ("fewer lines than exhibits", text.clone(), 4),
        ("more lines than exhibits", text.clone(), 2),
        ("another version", text.replace("\"v\":1", "\"v\":2"), 3),
        ("no head", text.lines().skip(1).collect::<Vec<_>>().join("\n"), 3),
        ("numbers out of order", text.replace("\"number\":1", "\"number\":2"), 3),
        ("a name that leads out", text.replace("1/nnn", "../nnn"), 3),
        ("an unknown field", text.replace("\"bytes\"", "\"octets\""), 3),
        (
            "custody without a place",
            text.replacen("\"sha256\"", &format!("\"custody\":[{unplaced}],\"sha256\""), 1),
            3,
        ),
        ("a line without end", text.replace("1/nnn", &"n".repeat(300 << 10)), 3),
        ("nothing", String::new(), 3),
    ] {
        let mut chunks: Vec<_> =
            text.into_bytes().chunks(CHUNK_BYTES).map(<[u8]>::to_vec).collect();
        if chunks.is_empty() {
            chunks.push(Vec::new());
        }
        let refused = read(&chunks, exhibits, PageToken::default(), 50).0;
        assert!(matches!(refused, Err(ActionError::Fault(_))), "{what}: {refused:?}");
    }
}
