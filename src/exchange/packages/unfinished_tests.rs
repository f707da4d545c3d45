use std::fs;
use std::path::PathBuf;

use super::*;
use crate::domain::limits::CHUNK_BYTES;
use crate::envelope::stream::SEALED_CHUNK_BYTES;
use crate::exchange::packages::{PackageContent, PageToken, Upload, UploadFrom};
use crate::exchange::retention::Rules;
use crate::exchange::testing::{Lone, desk};
use crate::store::vault::PackageShape;

fn id() -> UploadId {
    UploadId::new([0xee; 16])
}

fn lone() -> Lone {
    Lone::new("xa.oag", Rules::default())
}

/// Three exhibits: two chunks and a part, none, and a part.
fn files() -> [Vec<u8>; 3] {
    let image: Vec<u8> = (0..2 * CHUNK_BYTES + 100).map(|at| (at % 251) as u8).collect();
    [image, Vec::new(), b"twelve bytes".to_vec()]
}

/// What an upload of so much of these files has taken.
fn taken(exhibits: usize, bytes: usize) -> Standing {
    let files = files();
    let mut digests: Vec<u8> = files[..exhibits].iter().flat_map(|file| sha256(file)).collect();
    if bytes > 0 {
        digests.extend(sha256(&files[exhibits][..bytes]));
    }
    let sha256 = sha256(&digests);
    Standing::Unfinished(Taken { exhibits: exhibits as u32, bytes: bytes as u64, sha256 })
}

async fn standing(lone: &Lone) -> Result<Standing, ActionError> {
    loop {
        match lone.x().upload_standing(&desk(), id()).await {
            // What was cut off goes back to its place beside us.
            Err(ActionError::Unavailable(_)) => tokio::task::yield_now().await,
            standing => return standing,
        }
    }
}

async fn go_on(lone: &Lone, id: UploadId, at: (u32, u64)) -> Result<Upload, ActionError> {
    let (exhibits, bytes) = at;
    let from = UploadFrom { id, exhibits, bytes, total_bytes: 1 << 30 };
    Upload::go_on(lone.x().clone(), &desk(), from).await
}

/// Sends so many bytes of the files in all, from where the node is; ends it where that is all.
async fn send(lone: &Lone, upto: usize) -> Option<PackageShape> {
    let (exhibits, bytes) = match standing(lone).await {
        Ok(Standing::Unfinished(taken)) => (taken.exhibits as usize, taken.bytes as usize),
        _ => (0, 0),
    };
    let at = (exhibits as u32, bytes as u64);
    let mut upload = go_on(lone, id(), at).await.expect("goes on");
    let files = files();
    let mut done: usize = files[..exhibits].iter().map(Vec::len).sum::<usize>() + bytes;
    let mut behind = bytes;
    for (number, file) in files.iter().enumerate().skip(exhibits) {
        if behind == 0 {
            upload.exhibit(&format!("{number}"), "", Vec::new()).await.expect("named");
        }
        let rest = &file[behind..];
        let now = &rest[..rest.len().min(upto - done)];
        for piece in now.chunks(1000) {
            upload.data(piece.to_vec().into()).await.expect("taken");
        }
        (done, behind) = (done + now.len(), 0);
        if done == upto && now.len() < rest.len() {
            return None;
        }
    }
    Some(upload.finish(3).await.expect("sealed"))
}

fn incoming(lone: &Lone) -> PathBuf {
    let dir = lone.path().join("data/vault/incoming");
    let mut dirs = fs::read_dir(dir).expect("there");
    dirs.next().expect("an upload").expect("readable").path()
}

/// Everything as it was sent.
async fn check(lone: &Lone, shape: PackageShape) {
    let other = Lone::new("xb.pps", Rules::default());
    lone.meet(&other).await;
    let id = lone.submit(&other, &[shape.id]).await;
    let mut content = PackageContent::open(lone.x(), &desk(), id, shape.id).expect("carried");
    let page = content.exhibits(PageToken::default(), 50).expect("a manifest");
    for (number, file) in files().iter().enumerate() {
        let mut bytes = Vec::new();
        for chunk in 0..content.chunks(number as u32).expect("there") {
            bytes.extend(content.chunk(number as u32, chunk).expect("opens"));
        }
        assert!(bytes == *file, "exhibit {number}");
        assert_eq!(page.exhibits[number].sha256, hex::encode(sha256(file)));
        assert_eq!(page.exhibits[number].name, number.to_string());
    }
    assert_eq!(page.exhibits.len(), 3);
}

#[tokio::test]
async fn a_cut_upload_goes_on_at_every_place_from_memory_and_from_the_disk() {
    let whole: usize = files().iter().map(Vec::len).sum();
    for from_disk in [false, true] {
        let lone = lone();
        assert!(matches!(standing(&lone).await, Err(ActionError::NotFound(_))));
        let chunk = CHUNK_BYTES;
        for (upto, exhibits, bytes, on_disk) in [
            (0, 0, 0, 0),
            (5000, 0, 5000, 0),
            (chunk, 0, chunk, 0),
            (chunk + 1, 0, chunk + 1, chunk),
            (2 * chunk + 99, 0, 2 * chunk + 99, 2 * chunk),
            (2 * chunk + 105, 2, 5, 0),
        ] {
            assert_eq!(send(&lone, upto).await, None, "{upto}");
            assert_eq!(standing(&lone).await, Ok(taken(exhibits, bytes)), "{upto}");
            if from_disk {
                lone.x().unfinished.forget_idle();
                assert_eq!(standing(&lone).await, Ok(taken(exhibits, on_disk)), "{upto}");
            }
        }
        let shape = send(&lone, whole).await.expect("whole");
        assert_eq!(
            standing(&lone).await,
            Ok(Standing::Sealed(crate::exchange::rows::facts_of(&shape)))
        );
        let again = go_on(&lone, id(), (0, 0)).await.map(drop);
        assert!(matches!(again, Err(ActionError::Conflict { code: "UPLOAD_ENDED", .. })));
        for dir in ["incoming", "uploads"] {
            let left =
                fs::read_dir(lone.path().join("data/vault").join(dir)).expect("there").count();
            assert_eq!(left, 0, "{dir}");
        }
        let facts = crate::exchange::rows::facts_of(&shape);
        check(&lone, shape).await;
        assert_eq!(standing(&lone).await, Ok(Standing::Sealed(facts)), "also when it is sent");
    }
}

#[tokio::test]
async fn what_a_loss_of_power_took_is_sent_again() {
    let whole: usize = files().iter().map(Vec::len).sum();
    let full = SEALED_CHUNK_BYTES as u64;
    // Of the first exhibit, of the second, of the third, and of the notes: what is left, and where it
    // then goes on.
    let lengths: [(&str, u64, usize, usize); 7] = [
        ("0", 2 * full + 50, 0, 2 * CHUNK_BYTES),
        ("0", full + 7, 0, CHUNK_BYTES),
        ("0", 0, 0, 0),
        ("1", 0, 1, 0),
        ("notes", 0, 0, 0),
        ("notes", 3, 0, 0),
        ("nothing", 0, 2, 0),
    ];
    for (file, left, exhibits, bytes) in lengths {
        let lone = lone();
        assert_eq!(send(&lone, whole - 3).await, None);
        assert_eq!(standing(&lone).await, Ok(taken(2, 9)));
        lone.x().unfinished.forget_idle();
        let dir = incoming(&lone);
        let name = dir.file_name().and_then(|name| name.to_str()).expect("UTF-8").to_owned();
        let path = match file {
            "notes" => lone.path().join("data/vault/uploads").join(&name["own-".len()..]),
            file => dir.join(file),
        };
        if path.exists() {
            fs::File::options().write(true).open(path).expect("there").set_len(left).expect("cut");
        }
        assert_eq!(standing(&lone).await, Ok(taken(exhibits, bytes)), "{file} {left}");
        let shape = send(&lone, whole).await.expect("whole");
        check(&lone, shape).await;
    }
}

#[tokio::test]
async fn an_upload_that_a_crash_cut_off_while_it_ended_ends() {
    let whole: usize = files().iter().map(Vec::len).sum();
    let lone = lone();
    assert_eq!(send(&lone, whole - 3).await, None);
    standing(&lone).await.expect("cut");
    lone.x().unfinished.forget_idle();
    fs::write(incoming(&lone).join("sizes"), [0; 16]).expect("written");
    let shape = send(&lone, whole).await.expect("whole");
    check(&lone, shape).await;
}

#[tokio::test]
async fn bytes_that_are_not_what_was_written_are_sent_again() {
    let whole: usize = files().iter().map(Vec::len).sum();
    let lone = lone();
    assert_eq!(send(&lone, whole - 3).await, None);
    standing(&lone).await.expect("cut");
    lone.x().unfinished.forget_idle();
    let path = incoming(&lone).join("0");
    let mut bytes = fs::read(&path).expect("there");
    bytes[SEALED_CHUNK_BYTES + 5] ^= 1;
    fs::write(&path, bytes).expect("written");
    assert_eq!(standing(&lone).await, Ok(taken(0, CHUNK_BYTES)));
    let shape = send(&lone, whole).await.expect("whole");
    check(&lone, shape).await;
}

#[tokio::test]
async fn an_upload_goes_on_only_where_the_node_is_and_is_its_agencys_alone() {
    let lone = lone();
    assert_eq!(send(&lone, 5000).await, None);
    standing(&lone).await.expect("cut");
    for at in [(0, 0), (0, 4999), (1, 0), (0, 5001)] {
        let refused = go_on(&lone, id(), at).await.map(drop);
        let Err(ActionError::Conflict { code, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(code, "UPLOAD_IS_ELSEWHERE");
        assert_eq!(standing(&lone).await, Ok(taken(0, 5000)), "it is where it was");
    }
    let other = Caller { name: "other".into(), ..desk() };
    let found = lone.x().upload_standing(&other, id()).await;
    assert!(matches!(found, Err(ActionError::NotFound(_))), "{found:?}");
    let held = go_on(&lone, id(), (0, 5000)).await.expect("goes on");
    let second = lone.x().upload_standing(&desk(), id()).await;
    assert!(matches!(second, Err(ActionError::Unavailable(_))), "{second:?}");
    drop(held);
}

#[tokio::test]
async fn uploads_that_nobody_goes_on_with_are_swept_and_counted_until_then() {
    let lone = lone();
    for number in 0..UNFINISHED_UPLOADS_MAX {
        let id = UploadId::new([number as u8; 16]);
        go_on(&lone, id, (0, 0)).await.map(drop).expect("begun");
    }
    let one_more = go_on(&lone, id(), (0, 0)).await.map(drop);
    let Err(ActionError::Exhausted { code, .. }) = one_more else { panic!("{one_more:?}") };
    assert_eq!(code, "TOO_MANY_UPLOADS");
    let first = UploadId::new([0; 16]);
    while lone.x().upload_standing(&desk(), first).await.is_err() {
        tokio::task::yield_now().await;
    }
    let later = lone.x().now().plus_ms(1000 * 24 * 3600 * 1000);
    // What was dropped a moment ago goes back to its place first.
    while fs::read_dir(lone.path().join("data/vault/incoming")).expect("there").count() > 0 {
        lone.x().sweep(later).await.expect("swept");
        tokio::task::yield_now().await;
    }
    lone.x().sweep(later).await.expect("swept");
    let found = lone.x().upload_standing(&desk(), first).await;
    assert!(matches!(found, Err(ActionError::NotFound(_))), "{found:?}");
    assert_eq!(fs::read_dir(lone.path().join("data/vault/uploads")).expect("there").count(), 0);
    assert_eq!(send(&lone, 10).await, None, "there is room again");
}

#[tokio::test]
async fn an_agency_has_so_much_here_that_it_has_not_sent_and_no_more() {
    let mut lone = lone();
    lone.agency_quota_bytes = 1000;
    lone.restart();
    let begin = async |number: u8, total_bytes: u64| {
        let id = UploadId::new([number; 16]);
        let from = UploadFrom { id, exhibits: 0, bytes: 0, total_bytes };
        Upload::go_on(lone.x().clone(), &desk(), from).await
    };
    let refused = |refused: Result<(), ActionError>| match refused {
        Err(ActionError::Exhausted { code, .. }) => code,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(begin(1, 1001).await.map(drop)), "QUOTA_REACHED", "before a byte is sent");
    let mut first = begin(1, 600).await.expect("begun");
    let begun = begin(4, 1).await.map(drop);
    begun.expect("begun");
    let larger = loop {
        match begin(4, 400).await.map(drop) {
            Err(ActionError::Unavailable(_)) => tokio::task::yield_now().await,
            larger => break larger,
        }
    };
    assert!(matches!(larger, Err(ActionError::Invalid(_))), "it counted as less: {larger:?}");
    assert_eq!(refused(begin(2, 400).await.map(drop)), "QUOTA_REACHED", "it counts what is begun");
    // Who does not say how much it is counts as it comes.
    let mut unsaid = Upload::begin(lone.x().clone(), &desk()).expect("begun");
    unsaid.exhibit("a", "", Vec::new()).await.expect("named");
    unsaid.data(vec![7; 399].into()).await.expect("taken");
    assert_eq!(refused(unsaid.data(vec![7; 1].into()).await), "QUOTA_REACHED");
    first.exhibit("a", "", Vec::new()).await.expect("named");
    first.data(vec![7; 500].into()).await.expect("taken");
    let shape = first.finish(1).await.expect("sealed");
    assert_eq!(refused(begin(3, 500).await.map(drop)), "QUOTA_REACHED", "and what is not sent");
    let other = Lone::new("xb.pps", Rules::default());
    lone.meet(&other).await;
    lone.submit(&other, &[shape.id]).await;
    begin(3, 999).await.map(drop).expect("what is sent does not count");
}
