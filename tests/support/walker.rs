//! Everything that a home's key opens, read from the files as docs/storage.md describes them and
//! without the store: what a thief has who has the disk and the key.
#![allow(dead_code, missing_docs)] // Each test file uses its part.

use std::path::{Path, PathBuf};

use prost::Message as _;
use rogatory::crypto::primitives::{AeadKey, pae};
use rogatory::crypto::{HomeKey, Role, SealingSecret};
use rogatory::envelope::reopen;
use rogatory::home::HomeKeys;
use rogatory::pb::store::v1::Commit;

const BLOCK: usize = 4096;
const RECORD_BYTES: usize = 64;

#[derive(Default)]
pub struct Walked {
    pub frames: usize,
    /// Records, values of rows, bodies and contents of envelopes, opened.
    pub texts: Vec<Vec<u8>>,
    /// Stored bodies that open.
    pub bodies: Vec<Vec<u8>>,
    /// Stored bodies that do not.
    pub closed: usize,
    /// All files as they are.
    files: Vec<(PathBuf, Vec<u8>)>,
}

impl Walked {
    /// Walks the home of a node, running or not.
    pub fn of(home: &Path) -> Self {
        let keys = HomeKeys::unlock(&home.join("keys"), None).expect("the home's key");
        let mut walked = Self::default();
        read_below(home, &mut walked.files);
        let slots = std::fs::read(home.join("data/slots")).expect("slots");
        let mut next_slot = 0;
        for segment in 1.. {
            let path = home.join(format!("data/journal/{segment:08}.journal"));
            let Ok(bytes) = std::fs::read(path) else { break };
            walked.segment(keys.home(), &slots, &bytes, segment, &mut next_slot);
        }
        assert!(walked.frames > 0, "no frame was found");
        let secrets = [Role::Sealing, Role::Archive]
            .map(|role| SealingSecret::new(&keys.seed(role).expect("a key")));
        for body in &walked.bodies {
            if let Ok((_, content)) = reopen(body, &[&secrets[0], &secrets[1]]) {
                walked.texts.push(content.encode_to_vec());
            }
        }
        walked
    }

    fn segment(
        &mut self,
        home: &HomeKey,
        slots: &[u8],
        bytes: &[u8],
        segment: u64,
        next_slot: &mut u64,
    ) {
        let origin = &bytes[16..48];
        let mut at = BLOCK;
        while bytes[at..].starts_with(b"RGF1") {
            let word = |from: usize| {
                u32::from_be_bytes(bytes[at + from..at + from + 4].try_into().expect("4 bytes"))
                    as usize
            };
            let (record, bodies) = (word(16), word(20));
            let from = at + 32;
            let place = [origin, &segment.to_be_bytes(), &bytes[at + 8..at + 16]];
            let aad = pae("rogatory/v1/journal-record", &place);
            let key = home.aead(&format!("store/journal/{segment}"));
            let opened = key.open_random(&aad, &bytes[from..from + record]);
            let opened = opened.expect("a record opens under the home's key").to_vec();
            let commit = Commit::decode(opened.as_slice()).expect("a record");
            let mut body = from + record;
            for length in &commit.body_bytes {
                let end = body + *length as usize;
                self.body(home, slots, origin, *next_slot, &bytes[body..end]);
                (body, *next_slot) = (end, *next_slot + 1);
            }
            assert_eq!((body, *next_slot), (from + record + bodies, commit.next_slot));
            self.rows(home, &commit);
            self.texts.push(opened);
            self.frames += 1;
            at += (32 + record + bodies).next_multiple_of(BLOCK);
        }
    }

    fn rows(&mut self, home: &HomeKey, commit: &Commit) {
        for row in &commit.rows {
            let Some(sealed) = &row.sealed_value else { continue };
            let key = home.aead(&format!("store/rows/{:02x}", row.table));
            let place = [&[row.table as u8], row.key.as_slice()].concat();
            let value = key.open_random(&place, sealed).expect("a row opens under the home's key");
            self.texts.push(value.to_vec());
        }
    }

    fn body(&mut self, home: &HomeKey, slots: &[u8], origin: &[u8], slot: u64, sealed: &[u8]) {
        let at = (slot as usize + 1) * RECORD_BYTES;
        let aad = pae("rogatory/v1/slot", &[origin, &slot.to_be_bytes()]);
        let key = home.aead("store/slots").open_random(&aad, &slots[at..at + 60]);
        let opened = key.ok().and_then(|key| {
            let key = AeadKey::new(key.as_slice().try_into().expect("32 bytes"));
            let aad = pae("rogatory/v1/stored-body", &[&slot.to_be_bytes()]);
            key.open_random(&aad, sealed).ok()
        });
        match opened {
            Some(body) => {
                self.texts.push(body.to_vec());
                self.bodies.push(body.to_vec());
            }
            None => self.closed += 1,
        }
    }

    /// Whether these bytes stand in anything that opens, or in any file as it is.
    pub fn finds(&self, needle: &[u8]) -> bool {
        // By first bytes, because this is not optimized and there are many windows.
        let stands_in = |bytes: &[u8]| {
            let mut from = bytes;
            while let Some(at) = from.iter().position(|byte| *byte == needle[0]) {
                if from[at..].starts_with(needle) {
                    return true;
                }
                from = &from[at + 1..];
            }
            false
        };
        self.texts.iter().any(|text| stands_in(text))
            || self.files.iter().any(|(_, bytes)| stands_in(bytes))
    }
}

fn read_below(dir: &Path, files: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(dir).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            read_below(&path, files);
        } else if path.is_file()
            && let Ok(mut bytes) = std::fs::read(&path)
        {
            // Segments are written full of zeros ahead: as many blocks are left away at the end.
            let last = bytes.chunks(BLOCK).rposition(|block| block != &[0; BLOCK][..block.len()]);
            bytes.truncate(last.map_or(0, |last| (last + 1) * BLOCK));
            files.push((path, bytes));
        }
    }
}
