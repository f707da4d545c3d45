use std::fs;
use std::io::Cursor;

use super::*;
use crate::asic::cms::tests::identity;
use crate::asic::zip::Archive;
use crate::audit::testing::envelope;
use crate::cli::container::Container;
use crate::cli::fetch::compare;
use crate::cli::fetch::tests::{PACKAGE, fake, fetched, three};
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::{Fake, id};
use crate::cli::verify_package::{VerifyPackageArgs, run as verify};

fn node() -> Fake {
    let mut node = fake(three());
    // The envelope that its receipt is about.
    node.messages[0].envelope_digest = hex::encode(envelope(1));
    node
}

/// A directory with what was fetched, and the container of it.
async fn made() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    fetched(node(), &dir.path().join("got")).await.expect("fetched");
    let file = dir.path().join("whole.asice");
    packed(dir.path(), &file).await.expect("packed");
    (dir, file)
}

async fn packed(dir: &Path, file: &Path) -> Result<Packed, Failure> {
    let (mut out, ..) = memory(Format::Table);
    let sealer = Sealer { identity: identity(), tsa: None };
    pack(&dir.join("got"), file, &sealer, &mut out).await
}

/// What is said of a container or directory.
fn verified(path: &Path) -> Result<serde_json::Value, Failure> {
    let (mut out, data, _) = memory(Format::Json);
    let args = VerifyPackageArgs { path: path.to_owned(), ca: None, tsa_ca: None };
    verify(args, &mut out).map(|()| data.json())
}

/// The files of a container, in their order.
type Files = Vec<(String, Vec<u8>)>;

fn files_of(path: &Path) -> Files {
    let mut archive = Archive::open(fs::File::open(path).expect("there")).expect("sound");
    let names: Vec<String> = archive.entries().iter().map(|one| one.name.clone()).collect();
    let whole = |(place, name)| (name, archive.whole(place, 1 << 20).expect("read"));
    names.into_iter().enumerate().map(whole).collect()
}

fn write(path: &Path, files: &Files) {
    let mut writer = Writer::new(Cursor::new(Vec::new()), crate::node::now());
    for (name, bytes) in files {
        writer.file(name, bytes).expect(name);
    }
    let bytes = writer.finish().expect("written").into_inner();
    fs::write(path, bytes).expect("written");
}

/// The place of the file whose name ends so.
fn place(files: &Files, end: &str) -> usize {
    files.iter().position(|(name, _)| name.ends_with(end)).expect(end)
}

/// Lists and signs what is there, as anybody with a key can.
fn sign_anew(files: &mut Files) {
    files.retain(|(name, _)| !name.starts_with("META-INF/"));
    let digests: Vec<(String, Digest)> =
        files[1..].iter().map(|(name, bytes)| (name.clone(), sha256(bytes))).collect();
    let listed = digests.iter().map(|(name, digest)| (name.as_str(), digest));
    let text = manifest::write(SIGNATURE, SIGNATURE_TYPE, listed);
    let signature = cms::sign(&identity(), text.as_bytes(), crate::node::now());
    files.push((MANIFEST.to_owned(), text.into_bytes()));
    files.push((SIGNATURE.to_owned(), signature));
}

#[tokio::test]
async fn what_was_fetched_is_packed_verified_and_compared() {
    let (dir, file) = made().await;
    let said = verified(&file).expect("as it was packed");
    assert_eq!(said["message_id"], id(1).to_string());
    assert_eq!((&said["exhibits"], &said["receipts"]), (&json!(3), &json!(1)));
    assert_eq!(said["signature"]["signer"], "desk");
    assert_eq!(said["signature"]["trusted"], false);
    assert_eq!(said["time_stamp"], json!(null));
    let of_directory = verified(&dir.path().join("got")).expect("a directory is, too");
    assert_eq!(of_directory["exhibits"], 3);
    let (out, ..) = memory(Format::Table);
    let container = Container::open(&file, &out).expect("sound");
    let said = Said::read(&container).expect("said");
    let (mut client, _) = node().start().await;
    let compared = compare(&mut client, &said, &container, &out).await;
    assert_eq!(compared, Ok(hex::encode(envelope(1))));
}

#[tokio::test]
async fn the_container_has_the_files_as_they_are() {
    let (dir, file) = made().await;
    let files = files_of(&file);
    assert_eq!(files[0], (MIMETYPE.to_owned(), MEDIA_TYPE.as_bytes().to_vec()));
    for (name, bytes) in &files[1..] {
        if let Some(name) = name.strip_prefix(&format!("{}/", id(1))) {
            assert_eq!(fs::read(dir.path().join("got").join(name)).expect(name), *bytes);
        }
    }
    let leftovers = fs::read_dir(dir.path()).expect("there").count();
    assert_eq!(leftovers, 2, "the directory and the container");
    let again = packed(dir.path(), &file).await.err().expect("it is there");
    assert!(again.message.contains("is not overwritten"), "{again}");
}

#[tokio::test]
async fn nothing_is_packed_that_is_not_what_was_fetched() {
    type Defect<'a> = (&'static str, Exit, &'a dyn Fn(&Path));
    let defects: [Defect<'_>; 5] = [
        ("is not what was fetched", Exit::VerificationFailed, &|got| {
            fs::write(got.join(PACKAGE).join("data/พยาน.txt"), "u").expect("written");
        }),
        ("was added", Exit::VerificationFailed, &|got| {
            fs::write(got.join(PACKAGE).join("notes"), "u").expect("written");
        }),
        ("differs from another", Exit::BadInput, &|got| {
            fs::write(got.join(PACKAGE).join("BAGIT.TXT"), "u").expect("written");
        }),
        ("is a symbolic link", Exit::BadInput, &|got| {
            std::os::unix::fs::symlink("x", got.join(PACKAGE).join("x")).expect("linked");
        }),
        ("cannot be read", Exit::NotFound, &|got| {
            fs::remove_file(got.join(MESSAGE_FILE)).expect("removed");
        }),
    ];
    for (why, code, defect) in defects {
        let dir = tempfile::tempdir().expect("a directory");
        fetched(node(), &dir.path().join("got")).await.expect("fetched");
        defect(&dir.path().join("got"));
        let failure = packed(dir.path(), &dir.path().join("x.asice")).await.err().expect(why);
        assert_eq!(failure.code, code, "{failure}");
        assert!(failure.message.contains(why), "{why}: {failure}");
        assert_eq!(fs::read_dir(dir.path()).expect("there").count(), 1, "{why}");
    }
}

#[tokio::test]
async fn every_hostile_container_is_refused_by_name() {
    let (dir, file) = made().await;
    let good = files_of(&file);
    let root = format!("{}/", id(1));
    type Defect<'a> = (&'static str, &'a dyn Fn(&mut Files));
    let defects: [Defect<'_>; 16] = [
        ("its first file is not mimetype", &|files| files.swap(0, 1)),
        ("its first file is not mimetype", &|files| files[0].1.push(b'\n')),
        ("is where it has no file", &|files| files.push(("other/x".into(), Vec::new()))),
        ("is where it has no file", &|files| files.push(("x".into(), Vec::new()))),
        ("META-INF/more.xml is where", &|files| {
            files.push(("META-INF/more.xml".into(), Vec::new()));
        }),
        ("x is not in META-INF/ASiCManifest001.xml", &|files| {
            files.push((format!("{root}x"), Vec::new()));
        }),
        ("and is missing", &|files| drop(files.remove(place(files, "/bagit.txt")))),
        ("is not what META-INF/ASiCManifest001.xml says", &|files| {
            let at = place(files, "พยาน.txt");
            files[at].1.push(b'x');
        }),
        ("signature001.p7s is missing", &|files| drop(files.pop())),
        ("it has half of a time-stamp", &|files| files.push((STAMP.into(), Vec::new()))),
        ("timestamp002.tst: its signature: it is not", &|files| {
            let digest = sha256(&files[place(files, ".p7s")].1);
            let text = manifest::write(STAMP, STAMP_TYPE, [(SIGNATURE, &digest)]);
            files.push((STAMP_MANIFEST.into(), text.into_bytes()));
            files.push((STAMP.into(), vec![0x30, 0]));
        }),
        ("is not of META-INF/signature001.p7s as it is", &|files| {
            let text = manifest::write(STAMP, STAMP_TYPE, [(SIGNATURE, &[0; 32])]);
            files.push((STAMP_MANIFEST.into(), text.into_bytes()));
            files.push((STAMP.into(), vec![0x30, 0]));
        }),
        ("it signs something else", &|files| {
            let at = place(files, MANIFEST);
            files[at].1.extend_from_slice(b"<!-- -->\n");
        }),
        ("is not what was fetched", &|files| {
            let at = place(files, "พยาน.txt");
            files[at].1.push(b'x');
            sign_anew(files);
        }),
        ("was added", &|files| {
            files.insert(1, (format!("{root}more"), Vec::new()));
            sign_anew(files);
        }),
        ("is not named after its message", &|files| {
            for (name, _) in files.iter_mut() {
                *name = name.replace(&root, "other/");
            }
            sign_anew(files);
        }),
    ];
    for (why, defect) in defects {
        let mut files = good.clone();
        defect(&mut files);
        let path = dir.path().join("hostile.asice");
        write(&path, &files);
        let failure = verified(&path).expect_err(why);
        assert_eq!(failure.code, Exit::VerificationFailed, "{failure}");
        assert!(failure.message.contains(why), "{why}: {failure}");
    }
    let mut files = good.clone();
    sign_anew(&mut files);
    write(&file, &files);
    assert!(verified(&file).is_ok(), "only --ca tells who may sign");
}

#[tokio::test]
async fn a_receipt_must_be_about_the_message() {
    let dir = tempfile::tempdir().expect("a directory");
    let got = dir.path().join("got");
    // Its receipt is about another envelope.
    fetched(fake(three()), &got).await.expect("fetched");
    let failure = verified(&got).expect_err("another envelope");
    assert!(failure.message.contains("is about another message"), "{failure}");
}
