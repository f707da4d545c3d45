//! An exchange without a network, with a clock that is set by hand, for tests.

mod copies;
mod courier;
mod small;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::check::Told;
use super::packages::Upload;
use super::query::MessageView;
use super::rows::{MessageRow, RECEIVED, message, message_in, put_message};
use super::submit::Submission;
use super::{ActionError, Exchange, Keys, Parts, Settings, drafts, reconcile, retention, sweep};
use crate::audit::checkpoint::{Checkpoint, origin};
use crate::audit::entry::{Coordinates, Entry, EntryDraft, Event};
use crate::audit::note::VerifierKey;
use crate::audit::policy::Policy;
use crate::audit::replay::Rule;
use crate::audit::succession::end_of;
use crate::audit::testing::TestLog;
use crate::audit::witness::Cosigner;
use crate::card::{Card, CardBody, CardKey, Official};
use crate::crypto::keys::{Algorithm, Seed};
use crate::crypto::{Digest, HomeKey, SealingSecret, SigningSecret, random};
use crate::domain::clock::Targets;
use crate::domain::delivery::DeliveryState;
use crate::domain::request::{Content, Note};
pub(super) use crate::domain::time::DAY_MS;
use crate::domain::{AuthorityId, MessageId, MessageKind, PackageId, RequestId, Timestamp};
use crate::envelope::AuthenticMessage;
use crate::store::vault::{PackageShape, Vault};
use crate::store::{self, BodySlot, Position, Store, Table};

pub(super) use self::courier::Memory;
pub(super) use self::small::{conflict, desk, encoded, operator};

pub(super) const HOUR_MS: i64 = 3600 * 1000;
const START_MS: i64 = 1_795_000_000_000;

/// A home on disk, and its exchange.
pub(super) struct Lone {
    dir: tempfile::TempDir,
    home: HomeKey,
    seeds: [Seed; 6],
    clock: Arc<AtomicI64>,
    rules: retention::Rules,
    approval: drafts::Rules,
    pub(super) agency_quota_bytes: u64,
    officials: (u64, Vec<Official>),
    policy: Policy,
    opened: Option<Arc<Exchange>>,
}

impl Lone {
    pub(super) fn new(authority: &str, rules: retention::Rules) -> Self {
        Self::with(authority, rules, &[])
    }

    /// One where a second official has to approve messages of some kinds.
    pub(super) fn approving(authority: &str, kinds: &[MessageKind]) -> Self {
        Self::with(authority, retention::Rules::default(), kinds)
    }

    fn with(authority: &str, rules: retention::Rules, kinds: &[MessageKind]) -> Self {
        let kinds = kinds.iter().copied().collect();
        let approval = drafts::Rules { kinds, wait_ms: 30 * DAY_MS };
        let dir = tempfile::tempdir().expect("a directory");
        let clock = Arc::new(AtomicI64::new(START_MS));
        let (home, seeds) = (HomeKey::generate(), std::array::from_fn(|_| Seed::generate()));
        let (officials, policy, opened) = ((1, Vec::new()), Policy::none(), None);
        let agency_quota_bytes = u64::MAX;
        let mut lone = Self {
            dir,
            home,
            seeds,
            clock,
            rules,
            approval,
            agency_quota_bytes,
            officials,
            policy,
            opened,
        };
        let authority = AuthorityId::parse(authority).expect("valid");
        let (store, _) = Store::create(lone.store_settings(&authority)).expect("a store");
        lone.opened = Some(lone.exchange(store, &authority));
        lone
    }

    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(super) fn x(&self) -> &Arc<Exchange> {
        self.opened.as_ref().expect("open")
    }

    /// Ends, and starts again from what is on disk.
    pub(super) fn restart(&mut self) {
        let authority = self.x().me.clone();
        self.x().store.stop();
        self.opened = None;
        let (store, _) = Store::open(self.store_settings(&authority)).expect("opens");
        self.opened = Some(self.exchange(store, &authority));
    }

    pub(super) fn wait_days(&self, days: i64) {
        self.wait_ms(days * DAY_MS);
    }

    pub(super) fn wait_ms(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::Relaxed);
    }

    /// Trusts each other.
    pub(super) async fn meet(&self, other: &Self) {
        for (one, other) in [(self, other), (other, self)] {
            let card = other.x().card().as_ref().clone();
            let words = card.fingerprint().words();
            one.x().add_peer(card, &words).await.expect("trusted");
        }
    }

    fn store_settings(&self, authority: &AuthorityId) -> store::Settings {
        let secret = self.signer(2);
        let clock = self.clock.clone();
        store::Settings {
            data: self.path().join("data"),
            mark: self.path().join("mark"),
            home: self.home.clone(),
            origin: origin(authority, 2026),
            sign: Box::new(move |checkpoint: &Checkpoint| checkpoint.sign(&secret)),
            clock: Box::new(move || Timestamp::from_unix_ms(clock.load(Ordering::Relaxed))),
            progress: Box::new(|_| {}),
            segment_bytes: 1 << 20,
        }
    }

    fn signer(&self, seed: usize) -> SigningSecret {
        SigningSecret::new(&self.seeds[seed], Algorithm::Ed25519).expect("signs")
    }

    /// A checkpoint that its log's key has signed, whether or not its log is so.
    pub(super) fn signs(&self, size: u64, root: Digest) -> String {
        let origin = self.x().card().log_origin().to_owned();
        Checkpoint { origin, size, root }.sign(&self.signer(2))
    }

    fn exchange(&self, store: Store, authority: &AuthorityId) -> Arc<Exchange> {
        let clock = self.clock.clone();
        let parts = Parts {
            card: self.card(authority),
            keys: Keys {
                signing: self.signer(1),
                signing_pq: None,
                sealing: SealingSecret::new(&self.seeds[3]),
                sealing_retired: Vec::new(),
                archive: SealingSecret::new(&self.seeds[4]),
                log: self.signer(2),
                witness: Cosigner::new(&format!("{authority}/witness"), self.signer(5))
                    .expect("a name"),
                witness_pq: None,
            },
            home: self.home.clone(),
            store,
            vault: Vault::open(&self.path().join("data/vault")).expect("a vault"),
            settings: Settings {
                delivery_window_ms: 30 * DAY_MS,
                retry_first_ms: 1,
                retry_cap_ms: 1,
                links: super::links::Rules::new(),
                retention: self.rules,
                approval: self.approval.clone(),
                software: "rogatory 0.0.0".into(),
                keep: sweep::Keep { unfinished_ms: 30 * DAY_MS, unsubmitted_ms: 30 * DAY_MS },
                agency_quota_bytes: self.agency_quota_bytes,
                gossip: BTreeSet::new(),
                reconcile: reconcile::Rules { interval_ms: 0, grace_ms: HOUR_MS },
                targets: Targets::default(),
                policy_file: None,
                witnessed_logs: vec![stranger().verifier()],
            },
            policy: self.policy.clone(),
            clock: Box::new(move || Timestamp::from_unix_ms(clock.load(Ordering::Relaxed))),
        };
        Exchange::new(parts).expect("an exchange")
    }

    fn card(&self, authority: &AuthorityId) -> Card {
        let root = self.signer(0);
        let public = |seed: usize, algorithm| self.seeds[seed].public(algorithm);
        let log = public(2, Algorithm::Ed25519);
        let log = log.bytes().try_into().expect("32 bytes");
        let log = VerifierKey::ed25519(&origin(authority, 2026), log).expect("a key");
        let sealing = public(3, Algorithm::XWing);
        let body = CardBody::least(authority, root.public(), &sealing, &log);
        let signing = CardKey::new(&public(1, Algorithm::Ed25519), body.issued, body.expires);
        let (version, officials) = self.officials.clone();
        let body = CardBody { signing: vec![signing], version, officials, ..body };
        Card::sign(&body, &root).expect("a sound card")
    }

    /// Names these officials in its card from now on, and nobody else.
    pub(super) fn name_officials(&mut self, officials: Vec<Official>) {
        self.officials = (self.officials.0 + 1, officials);
        self.restart();
    }

    /// Goes by this policy of witnesses from now on.
    pub(super) fn go_by(&mut self, policy: &str) {
        self.policy = Policy::parse(policy.as_bytes()).expect("a policy");
        self.restart();
    }

    /// A newer card under the same root.
    pub(super) fn card_with(&self, change: impl FnOnce(&mut CardBody)) -> Card {
        let mut body = self.x().card().body().clone();
        body.version += 1;
        change(&mut body);
        Card::sign(&body, &self.signer(0)).expect("a sound card")
    }

    /// One that names another log.
    pub(super) fn card_with_origin(&self, origin: &str) -> Card {
        let key = self.x().card().log_keys()[0].renamed(origin).expect("a name").to_string();
        let log = crate::card::LogKeys { origin: origin.into(), keys: vec![key] };
        self.card_with(|body| body.log = log)
    }

    /// Seals a package of one exhibit.
    pub(super) async fn upload(&self, bytes: &'static [u8]) -> PackageShape {
        let mut upload = Upload::begin(self.x().clone(), &desk()).expect("begun");
        upload.exhibit("records.csv", "text/csv", Vec::new()).await.expect("named");
        upload.data(bytes.into()).await.expect("taken");
        upload.finish(1).await.expect("sealed")
    }

    /// Submits a message with these packages.
    pub(super) async fn submit(&self, to: &Self, packages: &[PackageId]) -> MessageId {
        let submission = self.submission(to, packages);
        self.x().submit(&desk(), submission).await.map_err(|e| e.to_string()).expect("submitted").id
    }

    pub(super) fn submission(&self, to: &Self, packages: &[PackageId]) -> Submission {
        let (text, language) = ("What the witness said.".into(), "en".into());
        let note = Note { text, language, ..Note::default() };
        Submission {
            request: RequestId::new(random()),
            recipient: to.x().me.clone(),
            content: Content::note(MessageKind::SpontaneousInformation, note),
            packages: packages.to_vec(),
            annexes: Vec::new(),
            reference: "our file on the witness".into(),
            window_ms: None,
            case: None,
            in_reply_to: None,
        }
    }

    /// As if the peer had taken the message and proved what became of it.
    pub(super) async fn becomes(&self, id: MessageId, state: DeliveryState) {
        let change = move |tx: &mut store::Tx<'_>| {
            let mut row = message_in(tx, id)?.expect("it is there");
            tx.delete(Table::Outbox, id.as_bytes());
            row.learn(state);
            put_message(tx, id, &row);
            Ok::<_, ActionError>(())
        };
        self.x().store.commit(change).await.expect("committed");
    }

    /// As if a message of another had been relayed here with its packages, and accepted.
    pub(super) async fn arrives(&self, from: &Self, id: MessageId) {
        let sent = self.copy_of(from, id);
        let slot = BodySlot(from.row(id).body_slot);
        let bytes = from.x().store.body(slot).expect("readable").expect("there");
        let authentic = AuthenticMessage::from_store(bytes.clone()).expect("an envelope");
        let draft = EntryDraft::new(Event::RelayAcceptance)
            .by(self.x().me.clone())
            .peer(from.x().me.clone())
            .message(id)
            .envelope(authentic.digest())
            .remote(from.place_of(id));
        let accept = move |tx: &mut store::Tx<'_>| {
            let mut row = sent;
            row.entry_index = tx.append(draft);
            row.body_slot = tx.body(bytes).0;
            put_message(tx, id, &row);
            tx.put(Table::Unopened, id.as_bytes(), Vec::new());
            Ok::<_, ActionError>(())
        };
        self.x().store.commit(accept).await.expect("committed");
    }

    /// Where this log says that it sends a message, or its end, where it does not.
    pub(super) fn place_of(&self, id: MessageId) -> Coordinates {
        let end = end_of(&self.x().store.head().checkpoint);
        let mut sent = self.entries(Event::SubmissionAcceptance).into_iter();
        let sent = sent.rfind(|(_, entry)| entry.message == Some(id));
        Coordinates { index: sent.map_or(end.index, |(index, _)| index), ..end }
    }

    fn copy_of(&self, from: &Self, id: MessageId) -> MessageRow {
        let sent = from.row(id);
        for facts in &sent.packages {
            let name = super::rows::shape_of(facts).expect("sound").name();
            let packages = |lone: &Self| lone.path().join("data/vault/packages").join(&name);
            std::fs::create_dir_all(packages(self)).expect("made");
            for file in std::fs::read_dir(packages(from)).expect("there") {
                let file = file.expect("readable");
                let to = packages(self).join(file.file_name());
                std::fs::copy(file.path(), to).expect("copied");
            }
        }
        MessageRow {
            direction: RECEIVED,
            peer: from.x().me.to_string(),
            state: DeliveryState::Relayed as i32,
            in_reply_to: sent.in_reply_to,
            created_ms: sent.created_ms,
            expires_ms: sent.expires_ms,
            envelope_digest: sent.envelope_digest,
            payload_commitment: sent.payload_commitment,
            packages: sent.packages,
            ..MessageRow::default()
        }
    }

    pub(super) fn row(&self, id: MessageId) -> MessageRow {
        message(&self.x().store, id).expect("readable").expect("there")
    }

    pub(super) fn view(&self, id: MessageId) -> MessageView {
        self.x().view(&desk(), id, true).expect("visible")
    }

    /// What a check of rows and log finds; not that most of these logs were never opened.
    pub(super) async fn found(&self) -> Vec<String> {
        let x = self.x().clone();
        let check = move || {
            let mut found = Vec::new();
            let checked = x.check_state(false, &mut |told| {
                match told {
                    Told::Finding(finding) if finding.rule == Rule::NotOpened => {}
                    Told::Finding(finding) => found.push(finding.to_string()),
                    Told::Divergence(one) => found.push(format!("{}: {}", one.what, one.detail)),
                    Told::Log(..) | Told::Rows(..) => {}
                }
                true
            });
            checked.expect("readable");
            found
        };
        tokio::task::spawn_blocking(check).await.expect("no panic")
    }

    /// The entries of an event, with their places.
    pub(super) fn entries(&self, event: Event) -> Vec<(u64, Entry)> {
        let logs = 0..=self.x().log_head().log;
        let all = logs.flat_map(|log| {
            let page = |from| {
                let entries = self.x().log_entries(log, from, 1000).expect("readable");
                (!entries.is_empty()).then_some(entries)
            };
            let pages = (0..).step_by(1000).map_while(page);
            (Position::new(log, 0).number()..).zip(pages.flatten().collect::<Vec<_>>())
        });
        let all = all.map(|(place, entry)| (place, Entry::parse(&entry).expect("parses")));
        all.filter(|(_, entry)| entry.event == event).collect()
    }
}

/// Two homes with logs of their own that trust each other.
pub(super) async fn pair() -> (Lone, Lone) {
    let rules = retention::Rules::default();
    let (a, b) = (Lone::new("xa.oag", rules), Lone::new("xb.pps", rules));
    for lone in [&a, &b] {
        let key = lone.x().card().log_keys()[0].to_string();
        let open = move |tx: &mut store::Tx<'_>| {
            tx.append(EntryDraft::new(Event::LogOpened).key(&key));
            Ok::<_, ActionError>(())
        };
        lone.x().store.commit(open).await.expect("opened");
    }
    a.meet(&b).await;
    (a, b)
}

/// A stranger's log, of which each node is a witness.
pub(super) fn stranger() -> TestLog {
    TestLog::new("xz.foreign", 77)
}
