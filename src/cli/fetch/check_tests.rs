use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use super::*;
use crate::cli::evidence::files_below;
use crate::cli::fetch::Directory;
use crate::cli::fetch::tests::{PACKAGE, fake, fetched, three};
use crate::cli::fetch::{compare, fetch};
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::id;

/// A directory into which three exhibits were fetched.
async fn directory() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    fetched(fake(three()), dir.path()).await.expect("fetched");
    dir
}

async fn compared(dir: &Path) -> Result<String, Failure> {
    let (mut client, _) = fake(three()).start().await;
    let (out, ..) = memory(Format::Table);
    let tree = Directory(dir.to_owned());
    compare(&mut client, &Said::read(&tree)?, &tree, &out).await
}

#[tokio::test]
async fn what_was_fetched_is_what_is_there() {
    let dir = directory().await;
    assert_eq!(compared(dir.path()).await, Ok("ab".repeat(32)));
}

#[tokio::test]
async fn every_file_that_is_not_what_it_was_is_named() {
    let in_bag = |dir: &Path, name: &str| dir.join(PACKAGE).join(name);
    let write = |path: PathBuf, text: &str| fs::write(path, text).expect("written");
    let remove = |path: PathBuf| fs::remove_file(path).expect("removed");
    type Defect<'a> = (&'static str, &'static str, &'a dyn Fn(&Path));
    let defects: [Defect<'_>; 18] = [
        ("data/a/bank records.csv", "is not what was fetched", &|dir| {
            write(in_bag(dir, "data/a/bank records.csv"), "one, two, three, fouR");
        }),
        ("data/พยาน.txt", "is missing", &|dir| remove(in_bag(dir, "data/พยาน.txt"))),
        ("data/a/more.csv", "was added", &|dir| write(in_bag(dir, "data/a/more.csv"), "")),
        (".partial", "was added", &|dir| write(in_bag(dir, ".partial"), "")),
        ("notes.txt", "was added", &|dir| write(in_bag(dir, "notes.txt"), "")),
        ("data/empty", "is a symbolic link", &|dir| {
            remove(in_bag(dir, "data/empty"));
            symlink("/dev/null", in_bag(dir, "data/empty")).expect("linked");
        }),
        ("manifest-sha256.txt", "is not what was fetched", &|dir| {
            write(in_bag(dir, "manifest-sha256.txt"), "");
        }),
        ("manifest-sha512.txt", "is missing", &|dir| remove(in_bag(dir, "manifest-sha512.txt"))),
        ("manifest-sha512.txt", "is not what was fetched", &|dir| {
            write(in_bag(dir, "manifest-sha512.txt"), "00  data/empty\n");
        }),
        ("manifest-sha512.txt", "is not that of the exhibits", &|dir| {
            let (path, tags) =
                (in_bag(dir, "manifest-sha512.txt"), in_bag(dir, "tagmanifest-sha256.txt"));
            let [was, listed] = [&path, &tags].map(|path| fs::read_to_string(path).expect("there"));
            let forged = was.replacen(&was[..2], "00", 1);
            let [old, new] = [&was, &forged].map(|text| hex::encode(sha256(text.as_bytes())));
            write(path, &forged);
            write(tags, &listed.replace(&old, &new));
        }),
        ("bag-info.txt", "is not what was fetched", &|dir| {
            write(in_bag(dir, "bag-info.txt"), "Source-Organization: nobody\n");
        }),
        ("metadata/custody.csv", "is not what was fetched", &|dir| {
            write(in_bag(dir, "metadata/custody.csv"), "exhibit\r\n");
        }),
        ("metadata/case.jsonld", "is missing", &|dir| {
            remove(in_bag(dir, "metadata/case.jsonld"));
        }),
        ("metadata/more.csv", "was added", &|dir| write(in_bag(dir, "metadata/more.csv"), "")),
        ("bagit.txt", "is missing", &|dir| remove(in_bag(dir, "bagit.txt"))),
        ("tagmanifest-sha256.txt", "is missing", &|dir| {
            remove(in_bag(dir, "tagmanifest-sha256.txt"));
        }),
        ("xb.oag-1-RelayAcceptance.tlog-proof", "is not the receipt", &|dir| {
            write(dir.join("receipts/xb.oag-1-RelayAcceptance.tlog-proof"), "x");
        }),
        (PACKAGE, "cannot be read", &|dir| {
            fs::remove_dir_all(dir.join(PACKAGE)).expect("removed");
        }),
    ];
    for (file, what, defect) in defects {
        let dir = directory().await;
        defect(dir.path());
        let failure = compared(dir.path()).await.expect_err(file);
        assert_eq!(failure.code, Exit::VerificationFailed, "{file}");
        let named = failure.message.lines().any(|line| line.contains(file) && line.contains(what));
        assert!(named, "{file} {what}: {failure}");
    }
}

#[tokio::test]
async fn a_directory_that_fits_itself_must_still_fit_the_node() {
    let dir = directory().await;
    // Whoever changes an exhibit can change what lists it, too.
    let forged = fake({
        let mut exhibits = three();
        exhibits[0] = super::super::tests::exhibit(0, "a/bank records.csv", b"another");
        exhibits
    });
    let other = dir.path().join("forged");
    fetched(forged, &other).await.expect("fetched");
    let failure = compared(&other).await.expect_err("not what the node has");
    assert_eq!(failure.code, Exit::VerificationFailed);
    assert!(failure.message.contains("its packages is not what the node has"), "{failure}");
}

#[tokio::test]
async fn only_what_was_fetched_whole_is_looked_at() {
    let dir = tempfile::tempdir().expect("a directory");
    assert_eq!(
        Said::read(&Directory(dir.path().to_owned())).err().expect("nothing").code,
        Exit::NotFound
    );
    fs::write(dir.path().join(MESSAGE_FILE), "{}").expect("written");
    assert_eq!(
        Said::read(&Directory(dir.path().to_owned())).err().expect("no message").code,
        Exit::BadInput
    );
}

#[tokio::test]
async fn what_is_interrupted_stays_for_the_next_one() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut node = fake(three());
    node.stalls = true;
    let seen = node.seen.clone();
    let (mut client, _) = node.start().await;
    let (mut out, ..) = memory(Format::Table);
    let asked = async {
        while !seen.lock().expect("not poisoned").stalled {
            tokio::task::yield_now().await;
        }
        // The piece that was sent has come as far as the disk, or has not: either is fine.
    };
    tokio::select! {
        _ = fetch(&mut client, id(1), (dir.path(), false), &mut out) => panic!("it never ends"),
        () = asked => {}
    }
    // The next one goes on with it.
    let left = files_below(dir.path()).expect("readable");
    let left: Vec<String> = left.into_iter().map(|file| file.name).collect();
    assert_eq!(left, [".fetching".to_owned(), format!("{PACKAGE}/.partial-0")]);
}
