use super::*;
use crate::audit::testing::{secret, verifier};

const ORIGIN: &str = "xa.moj/log/2026";

fn manifest() -> Manifest {
    let files = [("checkpoint", [1; 32]), ("tile/0/000.p/1", [2; 32])];
    let files = files.map(|(path, digest)| (path.to_owned(), digest)).into();
    Manifest { origin: ORIGIN.to_owned(), size: 1, files }
}

fn keys() -> Vec<VerifierKey> {
    vec![verifier(ORIGIN, &secret(1))]
}

fn check(note: &str) -> Result<Manifest, ManifestError> {
    Manifest::verify(note.as_bytes(), ORIGIN, &keys())
}

fn signed(text: &str) -> String {
    sign_note(text, ORIGIN, &secret(1)).expect("signs")
}

#[test]
fn a_manifest_comes_back() {
    let note = manifest().sign(&secret(1)).expect("signs");
    assert_eq!(check(&note), Ok(manifest()));
    assert!(note.starts_with("rogatory/v1/export-manifest\nxa.moj/log/2026\n1\n0101"));
    assert!(note.contains("01  checkpoint\n0202"));
}

#[test]
fn malformed_manifests_are_refused_though_signed() {
    let note = manifest().sign(&secret(1)).expect("signs");
    let text = note.split("\n\n").next().expect("a text").to_owned() + "\n";
    let (first, second) = (text.lines().nth(3).expect("a file"), text.lines().nth(4).expect("two"));
    let checkpoint = format!("{ORIGIN}\n1\nAAAA\n");
    for (defect, bad, expected) in [
        ("a checkpoint", checkpoint, ManifestError::Header(1)),
        ("size with a leading zero", text.replace("\n1\n", "\n01\n"), ManifestError::Header(3)),
        (
            "unsorted",
            text.replace(&format!("{first}\n{second}"), &format!("{second}\n{first}")),
            ManifestError::Line(5),
        ),
        ("listed twice", text.replace(first, &format!("{first}\n{first}")), ManifestError::Line(5)),
        ("one space", text.replace("  checkpoint", " checkpoint"), ManifestError::Line(4)),
        ("binary mark", text.replace("  checkpoint", " *checkpoint"), ManifestError::Line(4)),
        ("upper-case digest", text.replace("0101", "ABCD"), ManifestError::Line(4)),
        ("short digest", text.replacen("0101", "01", 1), ManifestError::Line(4)),
        ("itself", text.replace("  checkpoint", "  manifest"), ManifestError::Line(4)),
        ("absolute path", text.replace("  checkpoint", "  /checkpoint"), ManifestError::Line(4)),
        ("path upwards", text.replace("  checkpoint", "  a/../checkpoint"), ManifestError::Line(4)),
        ("blank line", text.replace(first, ""), ManifestError::Line(4)),
    ] {
        assert_eq!(check(&signed(&bad)), Err(expected), "{defect}");
    }
}

#[test]
fn manifests_of_others_are_refused() {
    let other = Manifest { origin: "xb.oag/log/2026".to_owned(), ..manifest() };
    let other = other.sign(&secret(1)).expect("signs");
    assert_eq!(check(&other), Err(ManifestError::OtherOrigin("xb.oag/log/2026".to_owned())));
    let forged = manifest().sign(&secret(2)).expect("signs");
    assert_eq!(check(&forged), Err(ManifestError::Note(NoteError::NoKnownKey)));
    assert_eq!(Manifest::verify(b"\xff", ORIGIN, &keys()), Err(ManifestError::NotText));
}

#[test]
fn paths_are_plain_and_relative() {
    for good in ["checkpoint", "tile/0/x001/234.p/17", "cards/xa.moj.card", "a-b_c/d.e"] {
        assert!(is_export_path(good), "{good:?}");
    }
    let long = "a".repeat(PATH_MAX_BYTES + 1);
    for bad in [
        "", "/a", "a/", "a//b", "..", "a/../b", ".hidden", "-rf", "a b", "a\\b", "a:b", "\u{e9}",
        &long,
    ] {
        assert!(!is_export_path(bad), "{bad:?}");
    }
}
