use std::fs;

use super::*;
use crate::cli::evidence::exhibits;
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::Fake;
use crate::domain::limits::CHUNK_BYTES;

fn evidence() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("a.pdf"), vec![7; 2 * CHUNK_BYTES + 3]).expect("written");
    fs::write(dir.path().join("empty"), "").expect("written");
    fs::create_dir(dir.path().join("z")).expect("made");
    fs::write(dir.path().join("z/b.csv"), vec![8; CHUNK_BYTES]).expect("written");
    dir
}

fn walk(dir: &tempfile::TempDir) -> Walk {
    exhibits(&[dir.path().to_owned()]).expect("a package")
}

#[tokio::test]
async fn everything_arrives_in_order_and_in_messages_of_a_chunk() {
    let dir = evidence();
    let (mut client, seen) = Fake::default().start().await;
    let (mut out, ..) = memory(Format::Table);
    let (_, differing) = upload(&mut client, walk(&dir), "", &mut out).await.expect("uploaded");
    assert_eq!(differing, Vec::<String>::new());
    let seen = seen.lock().expect("not poisoned");
    let heads: Vec<(&str, &str, usize)> = seen
        .exhibits
        .iter()
        .map(|(h, bytes)| (h.original_name.as_str(), h.media_type.as_str(), bytes.len()))
        .collect();
    let expected = [
        ("a.pdf", "application/pdf", 2 * CHUNK_BYTES + 3),
        ("empty", "", 0),
        ("z/b.csv", "text/csv", CHUNK_BYTES),
    ];
    assert_eq!(heads, expected);
    assert_eq!((seen.largest, seen.whole), (CHUNK_BYTES, Some(true)));
}

#[tokio::test]
async fn custody_goes_along_and_a_file_that_is_another_than_it_says_is_told() {
    let dir = evidence();
    let mut walk = walk(&dir);
    let record = |exhibit: &str, digest: &str| {
        format!(
            "[[record]]\nexhibits = [\"{exhibit}\"]\naction = \"packed\"\nplace = \"Registry\"\n\
             at = \"2026-06-20T10:00:00Z\"\nreason = \"Request\"\ndigest = \"{digest}\"\n\
             by = {{ name = \"Clerk\", organisation = \"Court\" }}\n"
        )
    };
    let empty = hex::encode(crate::crypto::sha256(b""));
    let file = dir.path().join("custody.toml");
    fs::write(&file, record("empty", &empty) + &record("z/", &empty)).expect("written");
    walk.read_custody(&file).expect("sound");
    let (mut client, seen) = Fake::default().start().await;
    let (mut out, ..) = memory(Format::Table);
    let (_, differing) = upload(&mut client, walk, "", &mut out).await.expect("uploaded");
    assert_eq!(differing, ["z/b.csv"]);
    let seen = seen.lock().expect("not poisoned");
    let counts: Vec<usize> = seen.exhibits.iter().map(|(head, _)| head.custody.len()).collect();
    assert_eq!(counts, [0, 1, 1]);
}

#[tokio::test]
async fn a_record_for_no_exhibit_is_refused_before_anything_is_sent() {
    let dir = evidence();
    let mut walk = walk(&dir);
    let file = dir.path().join("custody.toml");
    let text = include_str!("../../../examples/custody.toml");
    fs::write(&file, text).expect("written");
    let failure = walk.read_custody(&file).expect_err("there is no image.bin");
    assert_eq!(failure.code, Exit::BadInput);
    assert!(failure.message.contains("record[0].exhibits[0]: no exhibit is called"), "{failure}");
}

#[tokio::test]
async fn a_file_that_changes_meanwhile_breaks_the_upload_off() {
    let dir = evidence();
    let walk = walk(&dir);
    fs::write(dir.path().join("z/b.csv"), "shorter").expect("written");
    let (mut client, seen) = Fake::default().start().await;
    let (mut out, ..) = memory(Format::Table);
    let failure = upload(&mut client, walk, "", &mut out).await.expect_err("it changed");
    assert_eq!(failure.code, Exit::BadInput);
    assert!(failure.message.contains("was changed"), "{failure}");
    let whole = seen.lock().expect("not poisoned").whole;
    assert_eq!(whole, Some(false), "a part must not pass for the whole");
}

#[tokio::test]
async fn a_file_in_the_place_of_another_is_not_sent() {
    let dir = evidence();
    let walk = walk(&dir);
    // Made before the old one goes, so that it cannot get the old one's inode.
    fs::write(dir.path().join("new"), vec![7; 2 * CHUNK_BYTES + 3]).expect("written");
    fs::rename(dir.path().join("new"), dir.path().join("a.pdf")).expect("renamed");
    let (mut client, _) = Fake::default().start().await;
    let (mut out, ..) = memory(Format::Table);
    let failure = upload(&mut client, walk, "", &mut out).await.expect_err("another file");
    assert_eq!(failure.code, Exit::BadInput);
}

#[tokio::test]
async fn a_node_that_refuses_says_why() {
    let dir = evidence();
    let (mut client, _) = Fake { refuses_uploads: true, ..Default::default() }.start().await;
    let (mut out, ..) = memory(Format::Table);
    let failure = upload(&mut client, walk(&dir), "", &mut out).await.expect_err("refused");
    assert_eq!(failure.code, Exit::NotPermitted, "{failure}");
    assert!(failure.message.contains("may not submit"), "{failure}");
}

#[tokio::test]
async fn an_upload_that_is_cut_goes_on_behind_what_the_node_has() {
    let dir = evidence();
    let (mut client, seen) = Fake { upload_cuts: 2, ..Default::default() }.start().await;
    let (mut out, ..) = memory(Format::Table);
    upload(&mut client, walk(&dir), "", &mut out).await.expect("uploaded");
    let seen = seen.lock().expect("not poisoned");
    let chunk = CHUNK_BYTES as u64;
    assert_eq!(seen.starts, [(0, 0), (0, chunk), (0, 2 * chunk)]);
    let lengths: Vec<usize> = seen.exhibits.iter().map(|(_, bytes)| bytes.len()).collect();
    assert_eq!(lengths, [2 * CHUNK_BYTES + 3, 0, CHUNK_BYTES]);
    assert_eq!(seen.exhibits[0].1, vec![7; 2 * CHUNK_BYTES + 3]);
}

#[tokio::test]
async fn what_the_node_has_of_other_files_is_left_alone() {
    let dir = evidence();
    let node = Fake { upload_cuts: 1, upload_differs: true, ..Default::default() };
    let (mut client, seen) = node.start().await;
    let (mut out, ..) = memory(Format::Table);
    upload(&mut client, walk(&dir), "", &mut out).await.expect("uploaded");
    let seen = seen.lock().expect("not poisoned");
    assert_eq!(seen.starts, [(0, 0), (0, 0)], "under another name, from the beginning");
}

#[test]
fn the_same_command_has_the_same_upload() {
    let dir = evidence();
    let one = walk(&dir);
    assert_eq!(one.upload_id("submit", 0), walk(&dir).upload_id("submit", 0));
    assert_ne!(one.upload_id("submit", 0), one.upload_id("submit", 1));
    assert_ne!(one.upload_id("submit", 0), one.upload_id("reply", 0));
    fs::write(dir.path().join("z/b.csv"), vec![9; CHUNK_BYTES]).expect("written");
    assert_ne!(one.upload_id("submit", 0), walk(&dir).upload_id("submit", 0));
}
