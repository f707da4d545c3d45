use super::*;
use crate::audit::note::sign_note;
use crate::audit::testing::{TestLog, secret, verifier};

fn log() -> TestLog {
    TestLog::new("xa.moj", 1)
}

#[test]
fn a_checkpoint_is_three_lines() {
    let checkpoint = log().head();
    let text = checkpoint.text();
    let lines: Vec<&str> = text.split('\n').collect();
    assert_eq!(lines[..2], ["xa.moj/log/2026", "1"]);
    assert_eq!(lines.len(), 4);
    assert_eq!(Checkpoint::parse_text(&text), Ok(checkpoint));
}

#[test]
fn a_signed_checkpoint_verifies() {
    let log = log();
    let note = log.head().sign(&log.key);
    assert_eq!(Checkpoint::verify(&note, &[log.verifier()]), Ok(log.head()));
    assert_eq!(Checkpoint::parse_unverified(&note), Ok(log.head()));
}

#[test]
fn the_checkpoint_of_an_empty_log_has_the_empty_root() {
    let empty = Checkpoint { origin: "x".into(), size: 0, root: empty_root() };
    assert_eq!(Checkpoint::parse_text(&empty.text()), Ok(empty.clone()));
    let wrong = Checkpoint { root: [1; 32], ..empty };
    assert_eq!(Checkpoint::parse_text(&wrong.text()), Err(CheckpointError::EmptyRoot));
}

#[test]
fn malformed_texts_are_refused() {
    use CheckpointError::*;
    let text = log().head().text();
    let root = text.lines().nth(2).expect("a root");
    for (defect, bad, expected) in [
        ("empty", String::new(), Lines),
        ("no newline at the end", text.trim_end().to_owned(), Lines),
        ("two lines", "xa.moj/log/2026\n1\n".to_owned(), Lines),
        ("extension line", format!("{text}extension\n"), Extension),
        ("blank line", format!("{text}\n"), Extension),
        ("no origin", format!("\n1\n{root}\n"), Origin),
        ("space in the origin", format!("xa moj\n1\n{root}\n"), Origin),
        ("plus in the origin", format!("xa+moj\n1\n{root}\n"), Origin),
        ("leading zero", text.replace("\n1\n", "\n01\n"), Size),
        ("plus sign", text.replace("\n1\n", "\n+1\n"), Size),
        ("negative", text.replace("\n1\n", "\n-1\n"), Size),
        ("hexadecimal", text.replace("\n1\n", "\n0x1\n"), Size),
        ("no size", text.replace("\n1\n", "\n\n"), Size),
        ("too large a size", text.replace("\n1\n", "\n18446744073709551616\n"), Size),
        ("space after the size", text.replace("\n1\n", "\n1 \n"), Size),
        ("short root", text.replace(root, "AAAA"), Root),
        ("unpadded root", text.replace('=', ""), Root),
        ("root in hex", text.replace(root, &"00".repeat(32)), Root),
        ("URL-safe root", text.replace(root, &format!("{}=", "_".repeat(43))), Root),
    ] {
        assert_eq!(Checkpoint::parse_text(&bad), Err(expected), "{defect}");
    }
}

#[test]
fn the_signer_is_the_log_itself() {
    let log = log();
    let other = verifier("xb.oag/log/2026", &secret(2));
    let foreign = sign_note(&log.head().text(), other.name(), &secret(2)).expect("signs");
    let keys = [log.verifier(), other];
    assert_eq!(
        Checkpoint::verify(&foreign, &keys),
        Err(CheckpointError::OtherOrigin { origin: log.origin.clone() })
    );
    assert_eq!(
        Checkpoint::verify(&log.head().sign(&log.key), &keys[1..]),
        Err(CheckpointError::Note(NoteError::NoKnownKey))
    );
    let forged = log.head().sign(&secret(2));
    assert_eq!(
        Checkpoint::verify(&forged, &keys),
        Err(CheckpointError::Note(NoteError::NoKnownKey)),
        "another key under the log's name has another id"
    );
}

#[test]
fn a_signed_extension_line_is_refused() {
    let log = log();
    let text = log.head().text() + "extension\n";
    let note = sign_note(&text, &log.origin, &log.key).expect("signs");
    assert_eq!(Checkpoint::verify(&note, &[log.verifier()]), Err(CheckpointError::Extension));
}

#[test]
fn oversized_notes_are_refused_unread() {
    let long = "x".repeat(CHECKPOINT_MAX_BYTES + 1);
    assert_eq!(Checkpoint::verify(&long, &[]), Err(CheckpointError::TooLarge(long.len())));
    assert_eq!(Checkpoint::parse_unverified(&long), Err(CheckpointError::TooLarge(long.len())));
}
