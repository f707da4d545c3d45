use super::*;
use crate::crypto::sha256;

#[test]
fn names_are_encoded_and_come_back() {
    for (name, uri) in [
        ("a/b-c_d.e~f", "a/b-c_d.e~f"),
        ("a b", "a%20b"),
        ("100%", "100%25"),
        ("a&b<c>\"d'", "a%26b%3Cc%3E%22d%27"),
        ("พ.txt", "%E0%B8%9E.txt"),
        ("a+b?c#d:e", "a%2Bb%3Fc%23d%3Ae"),
    ] {
        assert_eq!(encoded(name), uri, "{name}");
        assert_eq!(decoded(uri).as_deref(), Ok(name), "{uri}");
    }
    for bad in ["%", "%1", "%zz", "%+1", "%ff"] {
        assert!(decoded(bad).is_err(), "{bad}");
    }
}

fn written() -> String {
    let digests = [sha256(b"one"), sha256(b"two")];
    write("META-INF/x.p7s", SIGNATURE_TYPE, [("a/พ & b", &digests[0]), ("c", &digests[1])])
}

#[test]
fn what_is_written_is_read() {
    let manifest = Manifest::parse(&written()).expect("read");
    assert_eq!(manifest.over, "META-INF/x.p7s");
    let files = [("a/พ & b".to_owned(), sha256(b"one")), ("c".to_owned(), sha256(b"two"))];
    assert_eq!(manifest.files, BTreeMap::from(files));
}

#[test]
fn another_writers_xml_is_read_too() {
    let text = written()
        .replace("asic:", "")
        .replace("xmlns:asic", "xmlns")
        .replace('"', "'")
        .replace("<ds:DigestValue>", "<!-- a > b --> <ds:DigestValue>\n ")
        .replace("#sha256'/>", "#sha256'></ds:DigestMethod>");
    let manifest = Manifest::parse(&text);
    assert_eq!(manifest, Manifest::parse(&written()));
}

#[test]
fn a_value_may_have_references_to_characters() {
    assert_eq!(unescaped("a&amp;&lt;&gt;&quot;&apos;b").as_deref(), Ok("a&<>\"'b"));
    assert!(unescaped("&x;").is_err() && unescaped("&#65;").is_err());
}

#[test]
fn what_is_no_manifest_is_refused() {
    let good = written();
    for (why, text) in [
        ("empty", String::new()),
        ("a document type", good.replace("?>\n", "?><!DOCTYPE x [<!ENTITY a 'b'>]>")),
        ("another root", good.replace("ASiCManifest", "Other")),
        ("no end", good.replace("</asic:ASiCManifest>", "")),
        ("more behind its end", good.clone() + "<x/>"),
        ("text between", good.replace("<asic:DataObjectReference", "x<asic:DataObjectReference")),
        ("no reference to a signature", good.replace("SigReference", "Other")),
        ("another digest", good.replace("xmlenc#sha256", "xmldsig#sha1")),
        ("no digest", good.replace("Algorithm=", "Other=")),
        ("a short digest", good.replace("</ds:DigestValue>", "AA</ds:DigestValue>")),
        ("a file twice", good.replace("URI=\"c\"", "URI=\"a/%E0%B8%9E%20%26%20b\"")),
        ("an attribute twice", good.replace("URI=\"c\"", "URI=\"c\" URI=\"d\"")),
        ("no quotes", good.replace("URI=\"c\"", "URI=c")),
        ("no name", good.replace("URI=\"c\"", "Other=\"c\"")),
        ("cut off", good[..good.len() / 2].to_owned()),
    ] {
        assert!(Manifest::parse(&text).is_err(), "{why}");
    }
}
