//! Accepting what a peer delivers: verify, commit, acknowledge. In that order (I1, I2).

use std::sync::Arc;

use super::budgets::Budgets;
use super::heads::{digests, put_head};
use super::issue::{Issued, issue};
use super::parties::KIND_NOT_PERMITTED;
use super::pieces::piece;
use super::pouch::came;
use super::refusals::{Refused, refuse_in, too_many};
use super::rows::{
    self, MessageRow, RECEIVED, RefusalRow, facts_of, load_in, message_in, put_message,
    shape_of_ref,
};
use super::suspend::Trust;
use super::{ActionError, Exchange, Peer, annex};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::{Coordinates, Entry, EntryDraft, Event};
use crate::audit::merkle::{leaf_hash, verify_inclusion};
use crate::crypto::{Digest, sha256};
use crate::domain::delivery::DeliveryState;
use crate::domain::limits::{ENTRY_MAX_BYTES, ENVELOPE_MAX_BYTES};
use crate::domain::{AuthorityId, MessageId, Timestamp};
use crate::envelope::{
    AuthenticMessage, AuthenticateError, Header, Incoming, SealedAnnex, SenderTrust, authenticate,
};
use crate::pb::v1 as pb;
use crate::store::vault::{InUse, PackageShape};
use crate::store::{Table, Tx};

/// Why a message is refused whose id another one has.
const CONFLICT: &str = "MESSAGE_ID_CONFLICT";
/// How long before it is in its sender's log a message may have been sealed: a disk that hangs.
const SEALED_BEFORE_MS: i64 = 3_600_000;

/// What becomes of a delivered message.
#[derive(Debug)]
pub enum Accepted {
    /// A receipt of ours says so: an acceptance or a refusal, logged and durable.
    Issued(Issued),
    /// Not judged; the sender is to do what the code says and come again.
    Retry {
        /// UPPER_SNAKE.
        code: &'static str,
        /// For people.
        message: String,
    },
}

impl Exchange {
    /// Accepts a message, refuses it with a signed receipt, or says what is missing.
    ///
    /// `proven` is the checkpoint of the peer that was verified on this stream.
    ///
    /// # Errors
    /// [`ActionError`]: ours or the weather's; the peer is told to come again.
    pub(crate) async fn accept(
        &self,
        peer: &Peer,
        proven: &SignedCheckpoint,
        deliver: pb::Deliver,
    ) -> Result<Accepted, ActionError> {
        self.accept_by(peer, proven, deliver, None).await
    }

    /// The same by whichever road: `pouch` is the SHA-256 of the one that it came in.
    pub(super) async fn accept_by(
        &self,
        peer: &Peer,
        proven: &SignedCheckpoint,
        deliver: pb::Deliver,
        pouch: Option<Digest>,
    ) -> Result<Accepted, ActionError> {
        self.check_writable()?;
        let digest = sha256(&deliver.envelope);
        let refuse = |code, message| self.refuse(peer, Refused { code, message }, digest);
        if let Some(again) = self.repeat(peer.authority(), &deliver, &digest)? {
            return Ok(Accepted::Issued(again));
        }
        let entry = match check_log_proof(peer, &self.me, proven.checkpoint(), &deliver, &digest) {
            Ok(entry) => entry,
            Err(LogProof::TooNew) => return Ok(retry("CHECKPOINT_TOO_OLD")),
            Err(LogProof::Bad) => {
                // What the peer says it sent, so that it knows which message is refused.
                let claimed = Entry::parse(&deliver.entry).ok().and_then(|entry| entry.message);
                return refuse("BAD_LOG_PROOF", claimed).await;
            }
        };
        let message = match self.authenticate(peer, deliver.envelope.clone(), Some(entry.at)) {
            Ok(message) => message,
            // A node that lives by courier may have nothing that sets its clock: that is mended, and a
            // refusal is for ever.
            Err(error @ AuthenticateError::FromTheFuture(_)) if pouch.is_some() => {
                return Ok(retry(error.code()));
            }
            Err(error) => {
                tracing::warn!(peer = %peer.authority(), code = error.code(), "message refused");
                return refuse(error.code(), entry.message).await;
            }
        };
        if entry.message != Some(message.header().message)
            || entry.payload != Some(message.header().plaintext_commitment)
        {
            return refuse("BAD_LOG_PROOF", entry.message).await;
        }
        if !self.permits(peer, &message.header().purpose) {
            return refuse(KIND_NOT_PERMITTED, entry.message).await;
        }
        let annexes = match annex::check_delivered(message.header(), deliver.annexes) {
            Ok(annexes) => annexes,
            Err(code) => return refuse(code, entry.message).await,
        };
        let packages: Vec<PackageShape> =
            message.header().packages.iter().map(shape_of_ref).collect();
        // Not swept between being seen here and being named by a row.
        let _held: Vec<InUse> = packages.iter().map(|shape| self.vault.hold(shape)).collect();
        if !packages.iter().all(|shape| self.vault.contains(shape)) {
            return Ok(retry("PACKAGES_MISSING"));
        }
        if !packages.is_empty() {
            let vault = self.vault.clone();
            piece(move || Ok(vault.settle()?)).await?;
        }
        let remote = Coordinates {
            origin: proven.checkpoint().origin.clone(),
            index: deliver.index,
            size: proven.checkpoint().size,
            root: proven.checkpoint().root,
        };
        self.commit_message(peer, proven, message, annexes, (remote, pouch)).await
    }

    /// Takes the marks off the packages of a message that is durable. Where that fails, the sweep
    /// does it.
    async fn claim(&self, header: &Header) {
        if header.packages.is_empty() {
            return;
        }
        let names: Vec<String> = header.packages.iter().map(|p| shape_of_ref(p).name()).collect();
        let vault = self.vault.clone();
        let claimed = piece(move || Ok(names.iter().try_for_each(|name| vault.claim(name))?));
        if let Err(error) = claimed.await {
            tracing::warn!(%error, "a mark in the vault cannot be removed");
        }
    }

    /// Signature, addresses and freshness, without a decryption key. When it was created the sender
    /// says; `logged` is when its log has it, and whose key had ended well before that signs nothing.
    pub(crate) fn authenticate(
        &self,
        peer: &Peer,
        envelope: bytes::Bytes,
        logged: Option<Timestamp>,
    ) -> Result<AuthenticMessage, AuthenticateError> {
        let keys = |created: Timestamp| {
            let mut keys = peer.card.signing_keys(created);
            if let Some(logged) = logged {
                let late = peer.card.signing_keys(created.max(logged.plus_ms(-SEALED_BEFORE_MS)));
                keys.retain(|key| late.contains(key));
            }
            keys
        };
        let trust =
            SenderTrust { peer: peer.authority(), keys: &keys, min_suite: self.card().min_suite() };
        authenticate(Incoming(envelope), &self.me, &trust, self.now())
    }

    /// What was answered once is answered with the same receipt, without judging it again: its
    /// window may have ended since, or its key been retired (I5). A refusal may still be on its way by
    /// one road when the other brings the same bytes: they must not get two answers that contradict
    /// each other.
    fn repeat(
        &self,
        peer: &AuthorityId,
        deliver: &pb::Deliver,
        digest: &Digest,
    ) -> Result<Option<Issued>, ActionError> {
        if deliver.entry.len() > ENTRY_MAX_BYTES || deliver.envelope.len() > ENVELOPE_MAX_BYTES {
            return Ok(None);
        }
        let Ok(Entry { message: Some(id), .. }) = Entry::parse(&deliver.entry) else {
            return Ok(None);
        };
        let row = rows::message(&self.store, id)?;
        match row.filter(|row| is_same(row, peer, digest)) {
            Some(row) => Ok(Some(Issued::again(&row))),
            None => self.refused_before(peer, (id, digest)),
        }
    }

    async fn commit_message(
        &self,
        peer: &Peer,
        proven: &SignedCheckpoint,
        message: AuthenticMessage,
        annexes: Vec<SealedAnnex>,
        (remote, pouch): (Coordinates, Option<Digest>),
    ) -> Result<Accepted, ActionError> {
        let header = message.header();
        let row = received_row(header, message.digest());
        let draft = EntryDraft::new(Event::RelayAcceptance)
            .by(self.me.clone())
            .peer(peer.authority().clone())
            .message(header.message)
            .envelope(message.digest())
            .payload(header.plaintext_commitment)
            .remote(remote);
        let incoming = Arrived {
            trust: self.trust_in(peer),
            me: self.me.clone(),
            peer: peer.authority().clone(),
            head_key: self.head_key(proven),
            refusal_key: self.refusal_key(
                peer.authority(),
                &message.digest(),
                Some(header.message),
            ),
            head: proven.clone(),
            id: header.message,
            bytes: message.bytes().clone(),
            annexes,
            row,
            draft,
            pouch,
            refusals: self.refusals.clone(),
            now: self.now(),
        };
        let committed = self.store.commit(move |tx| incoming.apply(tx)).await?;
        self.opener.notify_one();
        match committed.value {
            // Committed in this very transaction: a row names the packages.
            Became::Accepted => {
                self.earns_advance(peer.authority());
                self.claim(message.header()).await;
                issue(&message, &committed)
                    .map(Accepted::Issued)
                    .ok_or_else(|| ActionError::Fault("a commit bore no entry".into()))
            }
            Became::Known(index) => Ok(Accepted::Issued(Issued::at(index))),
            Became::TooMany => Ok(too_many(peer.authority(), CONFLICT)),
        }
    }
}

/// Whether a row is the message that came before from this peer as these very bytes.
pub(super) fn is_same(row: &MessageRow, peer: &AuthorityId, digest: &Digest) -> bool {
    row.direction == RECEIVED && row.peer == peer.as_str() && row.envelope_digest == digest
}

pub(super) fn retry(code: &'static str) -> Accepted {
    let message = match code {
        "PACKAGES_MISSING" => "push the packages of this message first",
        "TOO_MANY_REFUSALS" => "too many messages of yours were refused: see why, and come later",
        _ => "send a newer checkpoint first",
    };
    Accepted::Retry { code, message: message.into() }
}

enum LogProof {
    TooNew,
    Bad,
}

/// The sender logged exactly this envelope, for us, before it sent it (I2).
fn check_log_proof(
    peer: &Peer,
    me: &AuthorityId,
    proven: &Checkpoint,
    deliver: &pb::Deliver,
    digest: &Digest,
) -> Result<Entry, LogProof> {
    if deliver.index >= proven.size {
        return Err(LogProof::TooNew);
    }
    let hashes = digests(&deliver.inclusion).ok_or(LogProof::Bad)?;
    let leaf = leaf_hash(&deliver.entry);
    verify_inclusion(&leaf, deliver.index, proven.size, &hashes, &proven.root)
        .map_err(|_| LogProof::Bad)?;
    let entry = Entry::parse(&deliver.entry).map_err(|_| LogProof::Bad)?;
    let fits = entry.event == Event::SubmissionAcceptance
        && entry.by.as_ref() == Some(peer.authority())
        && entry.peer.as_ref() == Some(me)
        && entry.envelope.as_ref() == Some(digest);
    if fits { Ok(entry) } else { Err(LogProof::Bad) }
}

fn received_row(header: &Header, digest: Digest) -> MessageRow {
    MessageRow {
        direction: RECEIVED,
        peer: header.sender.to_string(),
        in_reply_to: header.in_reply_to.map_or_else(Vec::new, |id| id.as_bytes().to_vec()),
        state: DeliveryState::Relayed as i32,
        created_ms: header.created.unix_ms(),
        expires_ms: header.expires.unix_ms(),
        envelope_digest: digest.to_vec(),
        payload_commitment: header.plaintext_commitment.to_vec(),
        packages: header.packages.iter().map(|p| facts_of(&shape_of_ref(p))).collect(),
        ..MessageRow::default()
    }
}

/// A verified message on its way into the journal.
struct Arrived {
    trust: Trust,
    me: AuthorityId,
    peer: AuthorityId,
    head_key: [u8; 16],
    refusal_key: [u8; 16],
    head: SignedCheckpoint,
    id: MessageId,
    bytes: bytes::Bytes,
    annexes: Vec<SealedAnnex>,
    row: MessageRow,
    draft: EntryDraft,
    /// The SHA-256 of the pouch that it came in.
    pouch: Option<Digest>,
    refusals: Arc<Budgets>,
    now: Timestamp,
}

/// What came of it there.
enum Became {
    Accepted,
    /// Somebody delivered the same while we verified, or it is a logged conflict.
    Known(u64),
    /// A conflict, of which the peer has caused enough.
    TooMany,
}

impl Arrived {
    /// On the writer's thread, where nothing happens beside it: exactly once (I5).
    fn apply(self, tx: &mut Tx<'_>) -> Result<Became, ActionError> {
        // Judging took a while: it may have been suspended meanwhile.
        self.trust.check(tx)?;
        put_head(tx, &self.head_key, &self.head)?;
        if let Some(known) = message_in(tx, self.id)? {
            let digest: Digest = self.row.digest();
            if is_same(&known, &self.peer, &digest) {
                return Ok(Became::Known(known.entry_index));
            }
            // The same id with other content, or somebody else's: a signed conflict.
            return self.conflicts(tx, CONFLICT);
        }
        // Refused meanwhile: then that is the answer (I5).
        if let Some(refused) = load_in::<RefusalRow>(tx, Table::Refusals, &self.refusal_key)? {
            return Ok(Became::Known(refused.entry_index));
        }
        // An annex goes with one message: who copies it to another is refused.
        if annex::is_known(tx, &self.annexes) {
            return self.conflicts(tx, annex::REUSED);
        }
        let mut row = self.row;
        row.entry_index = tx.append(self.draft);
        row.body_slot = tx.body(self.bytes.to_vec()).0;
        annex::keep(tx, self.id, &mut row, &self.annexes);
        put_message(tx, self.id, &row);
        if let Some(pouch) = self.pouch {
            came(tx, self.id, row, &self.me, pouch)?;
        }
        tx.put(Table::Unopened, self.id.as_bytes(), Vec::new());
        Ok(Became::Accepted)
    }

    fn conflicts(self, tx: &mut Tx<'_>, code: &'static str) -> Result<Became, ActionError> {
        let draft = EntryDraft::new(Event::RelayRejection)
            .by(self.me)
            .peer(self.peer.clone())
            .message(self.id)
            .envelope(self.row.digest())
            .code(code);
        let may = || self.refusals.take(self.peer.as_str(), self.now);
        let logged = refuse_in(tx, &self.refusal_key, draft, may)?;
        Ok(logged.map_or(Became::TooMany, Became::Known))
    }
}
