//! Writes an export of a log with as many entries as are asked for, to try how verifying and
//! replaying scale.
//!
//! ```sh
//! cargo run --release --example big-export -- big 1000000
//! /usr/bin/time -v rogatory audit verify big --card big.card
//! /usr/bin/time -v rogatory audit replay big --card big.card
//! ```
//!
//! The log is legal: eight peers, messages sent and received, each with everything that can happen
//! to one. Its keys are made of nothing and worth nothing.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use rogatory::audit::Checkpoint;
use rogatory::audit::entry::{Coordinates, EntryDraft, Event};
use rogatory::audit::export::{Source, write_export};
use rogatory::audit::merkle::{Frontier, leaf_hash};
use rogatory::audit::note::VerifierKey;
use rogatory::card::{Card, CardBody};
use rogatory::crypto::keys::{Algorithm, Seed};
use rogatory::crypto::{PublicKey, SigningSecret, sha256};
use rogatory::domain::{AuthorityId, MessageId, Timestamp};

const PEERS: usize = 8;
/// The time of the first entry; the others follow every 100 ms.
const START_MS: i64 = 1_767_225_600_000;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(dir), Some(entries)) = (arguments.next(), arguments.next()) else {
        bail!("say where, and how many entries: big-export DIR 1000000");
    };
    let entries: u64 = entries.parse().context("the number of entries")?;
    if entries == 0 {
        bail!("a log has at least one entry");
    }
    let dir = PathBuf::from(dir);
    let path = dir.with_extension("card");
    let card = write(&dir, entries)?;
    fs::write(&path, card.text()).with_context(|| path.display().to_string())?;
    writeln!(io::stdout(), "{} {}", dir.display(), path.display())?;
    Ok(())
}

/// Writes an export with so many entries to a new directory; gives the card of its authority.
/// benches/audit.rs measures with it too.
pub fn write(dir: &Path, entries: u64) -> anyhow::Result<Card> {
    fs::create_dir(dir).with_context(|| dir.display().to_string())?;
    let log = Log::new()?;
    log.export(dir, entries)?;
    log.card()
}

struct Log {
    authority: AuthorityId,
    origin: String,
    key: SigningSecret,
}

impl Log {
    fn new() -> anyhow::Result<Self> {
        let seed = Seed::from_slice(&[1; 32]).context("32 bytes are a seed")?;
        let key = SigningSecret::new(&seed, Algorithm::Ed25519)?;
        let authority = AuthorityId::parse("xa.big")?;
        Ok(Self { origin: format!("{authority}/log/2026"), authority, key })
    }

    fn vkey(&self) -> anyhow::Result<VerifierKey> {
        let public = self.key.public().bytes().try_into().context("32 bytes")?;
        Ok(VerifierKey::ed25519(&self.origin, public)?)
    }

    fn card(&self) -> anyhow::Result<Card> {
        let sealing = PublicKey::new(Algorithm::XWing, vec![0; 1216])?;
        let root = self.key.public();
        let body = CardBody::least(&self.authority, root, &sealing, &self.vkey()?);
        Ok(Card::sign(&body, &self.key)?)
    }

    /// The entries are made twice: the checkpoint over them must be known before the first is
    /// written.
    fn export(&self, dir: &Path, size: u64) -> anyhow::Result<()> {
        let (mut frontier, mut traffic) = (Frontier::new(), Traffic::new(self)?);
        for _ in 0..size {
            frontier.push(leaf_hash(&traffic.next()));
        }
        let root = frontier.root();
        let checkpoint = Checkpoint { origin: self.origin.clone(), size, root };
        let mut traffic = Traffic::new(self)?;
        let mut entries =
            |_, limit| Ok::<_, io::Error>((0..limit).map(|_| traffic.next()).collect());
        let source = Source {
            checkpoint: &checkpoint.sign(&self.key),
            key: &self.key,
            entries: &mut entries,
            extras: &mut std::iter::empty(),
            progress: &mut |_, _| {},
        };
        let mut sink = |path: &str, bytes: &[u8]| {
            let path = dir.join(path);
            fs::create_dir_all(path.parent().unwrap_or(dir))?;
            fs::write(path, bytes)
        };
        write_export(source, &mut sink)?;
        Ok(())
    }
}

/// What happens, entry by entry; the same every time.
struct Traffic {
    me: AuthorityId,
    peers: Vec<AuthorityId>,
    seqs: [u64; PEERS],
    index: u64,
    messages: u64,
    due: VecDeque<(Option<usize>, EntryDraft)>,
}

impl Traffic {
    fn new(log: &Log) -> anyhow::Result<Self> {
        let names = (0..PEERS).map(|n| AuthorityId::parse(&format!("xb.peer-{n}")));
        let peers: Vec<AuthorityId> = names.collect::<Result<_, _>>()?;
        let opened = EntryDraft::new(Event::LogOpened).key(&log.vkey()?.to_string());
        let mut due = VecDeque::from([(None, opened)]);
        for (n, peer) in peers.iter().enumerate() {
            let card = sha256(peer.as_str().as_bytes());
            let draft = EntryDraft::new(Event::PeerAdded).peer(peer.clone()).card(card);
            due.push_back((Some(n), draft));
        }
        let me = log.authority.clone();
        Ok(Self { me, peers, seqs: [0; PEERS], index: 0, messages: 0, due })
    }

    fn next(&mut self) -> Vec<u8> {
        let next = loop {
            match self.due.pop_front() {
                Some(next) => break next,
                None => self.message(),
            }
        };
        let (peer, draft) = next;
        let seq = peer.map(|peer| {
            self.seqs[peer] += 1;
            self.seqs[peer]
        });
        let mut nonce = [0; 16];
        nonce.copy_from_slice(&sha256(&self.index.to_be_bytes())[..16]);
        let at = Timestamp::from_unix_ms(START_MS + 100 * self.index as i64);
        self.index += 1;
        draft.into_entry(at, nonce, seq).encode()
    }

    /// One more message: sent with three receipts, or received, consigned and handed over.
    fn message(&mut self) {
        let number = self.messages;
        self.messages += 1;
        let peer = number as usize % PEERS;
        let name = self.peers[peer].clone();
        let mut random = [0; 10];
        random.copy_from_slice(&sha256(&number.to_le_bytes())[..10]);
        let at = Timestamp::from_unix_ms(START_MS + 100 * self.index as i64);
        let id = MessageId::new(at, random);
        let draft = |event, by: &AuthorityId| {
            let draft = EntryDraft::new(event).by(by.clone()).peer(name.clone()).message(id);
            let draft = draft.envelope(sha256(id.as_bytes()));
            draft.payload(sha256(&number.to_be_bytes()))
        };
        let place = |n: u64| Coordinates {
            origin: format!("{name}/log/2026"),
            index: 4 * number + n,
            size: 4 * number + n + 1,
            root: sha256(&[id.as_bytes().as_slice(), &[n as u8]].concat()),
        };
        let events = [Event::RelayAcceptance, Event::ContentConsignment, Event::ContentHandover];
        let me = &self.me;
        if number.is_multiple_of(2) {
            self.due.push_back((Some(peer), draft(Event::SubmissionAcceptance, me)));
        }
        for (n, event) in (0..).zip(events) {
            let draft = match number % 2 {
                0 => {
                    let digest =
                        sha256(&[id.as_bytes().as_slice(), b"receipt", &[n as u8]].concat());
                    draft(event, &name).receipt(digest).remote(place(n))
                }
                _ if n == 0 => draft(event, me).remote(place(n)),
                _ => draft(event, me),
            };
            self.due.push_back((Some(peer), draft));
        }
    }
}
