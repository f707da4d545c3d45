//! One round with one peer.

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::Message as _;

use super::apart::{Difference, Reconciliation, gravest};
use super::fetch::{Fetch, Misfit, RoundError};
use super::judge::{Extent, Judged};
use super::report::{report, wrong_digest};
use super::table::row_of;
use crate::audit::checkpoint::Checkpoint;
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::{EntryDraft, Event};
use crate::audit::reconcile::{Class, Ends};
use crate::crypto::sha256;
use crate::domain::Timestamp;
use crate::exchange::pieces::piece;
use crate::exchange::rows::peer_key;
use crate::exchange::{ActionError, Exchange, Peer};
use crate::pb::store::v1::ReconciledRow;
use crate::store::{Direction, Head, Position, Table};

/// Rows that are removed at once.
const REMOVED_AT_ONCE: usize = 256;
const DAY_MS: i64 = 24 * 3600 * 1000;

/// Where something stands in the logs of the peer, counted from the first that is known here.
pub(super) fn place(log: usize, index: u64) -> u64 {
    Position::new(u32::try_from(log).unwrap_or(u32::MAX), index).number()
}

pub(super) struct Round<'a> {
    pub(super) exchange: &'a Arc<Exchange>,
    pub(super) peer: &'a Arc<Peer>,
    pub(super) key: [u8; 16],
    pub(super) row: ReconciledRow,
    began: Timestamp,
    /// Messages of which the peer's log alone speaks.
    pub(super) claimed: usize,
    /// What can be believed of each of the peer's logs, in their order.
    pub(super) logs: Vec<SignedCheckpoint>,
}

/// What a round has found.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// The peer's log, where it answered with a checkpoint that can be believed.
    pub(super) checkpoint: Option<Checkpoint>,
    pub(super) ours: u64,
    pub(super) theirs: u64,
    pub(super) misfit: Option<Misfit>,
    pub(super) counts: BTreeMap<Class, u64>,
    pub(super) differences: Vec<Difference>,
    /// How many more there are that are wrong.
    pub(super) unlisted: BTreeMap<Class, u64>,
}

impl Compared {
    /// What is wrong and was not put right; of several, the gravest.
    pub(super) fn code(&self) -> Option<&'static str> {
        self.misfit
            .as_ref()
            .map(|misfit| misfit.code)
            .or_else(|| gravest(&self.differences, &self.unlisted))
    }
}

impl<'a> Round<'a> {
    /// Reads where the last round ended. A peer that has another root now may have another log:
    /// with that one it begins anew, and what was said of the old one is let go.
    pub(super) async fn begin(
        exchange: &'a Arc<Exchange>,
        peer: &'a Arc<Peer>,
    ) -> Result<Self, ActionError> {
        let key = peer_key(&exchange.home, peer.authority());
        let row = row_of(exchange, peer.authority())?;
        let began = exchange.now();
        let root = sha256(peer.card.fingerprint().hex().as_bytes()).to_vec();
        let logs = exchange.heads.all_from(peer.card.log_origin());
        let mut round =
            Self { exchange, peer, key, row: ReconciledRow::default(), began, claimed: 0, logs };
        match row {
            Some(row) if row.root == root => round.row = row,
            Some(_) => {
                let ours = exchange.store.last_number(peer.authority().as_str())?;
                round.row = ReconciledRow { root, ours, ..ReconciledRow::default() };
                round.forget_all().await?;
            }
            None => round.row.root = root,
        }
        Ok(round)
    }

    pub(super) async fn run(mut self) -> Result<Reconciliation, ActionError> {
        let name = self.peer.authority();
        let unknown = || ActionError::Unavailable(format!("no checkpoint of {name} is held yet"));
        if self.logs.is_empty() {
            return Err(unknown());
        }
        let complete = match self.read_theirs().await {
            Ok(read) => read,
            Err(RoundError::Misfit(misfit)) => {
                let compared =
                    Compared { misfit: Some(misfit), checkpoint: None, ..self.compared() };
                let head = self.exchange.store.head();
                return self.conclude(&head, compared).await;
            }
            Err(RoundError::Action(error)) => return Err(error),
        };
        // Read after the peer's: whatever that has from us is in ours by now.
        let head = self.exchange.store.head();
        if !complete || !self.read_ours(&head).await? {
            return Ok(self.partial());
        }
        let mut compared = self.judge(&head).await?;
        for found in &mut compared.differences {
            self.heal(found).await;
        }
        self.conclude(&head, compared).await
    }

    fn compared(&self) -> Compared {
        Compared {
            checkpoint: self.logs.last().map(|newest| newest.checkpoint().clone()),
            ours: self.row.ours,
            theirs: self.row.theirs,
            ..Compared::default()
        }
    }

    pub(super) fn fetch(&self) -> Fetch<'a> {
        Fetch { exchange: self.exchange, peer: self.peer }
    }

    async fn judge(&mut self, head: &Head) -> Result<Compared, ActionError> {
        let newest = self.logs.len().saturating_sub(1);
        let size = self.logs.last().map_or(0, |newest| newest.checkpoint().size);
        let extent = Extent {
            ours: Ends { size: head.end().number(), at: self.exchange.now() },
            theirs: Ends { size: place(newest, size), at: self.began },
            grace_ms: self.exchange.settings.reconcile.grace_ms,
        };
        let (exchange, key) = (self.exchange.clone(), self.key);
        let mut judged = piece(move || exchange.judge_unsettled(&key, extent)).await?;
        let differences = judged.differences();
        let Judged { counts, unlisted, settled, .. } = judged;
        self.forget(settled).await?;
        Ok(Compared { counts, differences, unlisted, ..self.compared() })
    }

    async fn forget(&self, keys: Vec<Vec<u8>>) -> Result<(), ActionError> {
        for some in keys.chunks(REMOVED_AT_ONCE) {
            let some = some.to_vec();
            let remove = move |tx: &mut crate::store::Tx<'_>| {
                some.iter().for_each(|key| tx.delete(Table::Unsettled, key));
                Ok::<_, ActionError>(())
            };
            self.exchange.store.commit(remove).await?;
        }
        Ok(())
    }

    async fn forget_all(&self) -> Result<(), ActionError> {
        loop {
            let (table, limit) = (Table::Unsettled, REMOVED_AT_ONCE);
            let page =
                self.exchange.store.scan(table, &self.key, None, Direction::Forward, limit)?;
            if page.is_empty() {
                return Ok(());
            }
            self.forget(page.into_iter().map(|(key, _)| key).collect()).await?;
        }
    }

    /// Too much for one round.
    fn partial(&self) -> Reconciliation {
        self.reconciliation(false, self.compared(), String::new(), None)
    }

    /// Keeps and tells what was found; logs it where it is news, or the first of the day.
    async fn conclude(
        mut self,
        head: &Head,
        compared: Compared,
    ) -> Result<Reconciliation, ActionError> {
        let name = self.peer.authority();
        let text = report(&self.exchange.me, name, &head.checkpoint, &compared);
        let (code, wrong) = (compared.code(), wrong_digest(&compared).to_vec());
        if let Some(code) = code {
            let detail = compared.misfit.as_ref().map_or("", |misfit| &misfit.detail);
            tracing::error!(peer = %name, code, detail, "the peer's log and ours do not agree");
        }
        let day = self.began.unix_ms().div_euclid(DAY_MS);
        let news = self.row.logged_wrong != wrong || self.row.logged_day != day;
        self.row.at_ms = self.began.unix_ms();
        self.row.code = code.unwrap_or_default().to_owned();
        let mut draft = None;
        if news {
            (self.row.logged_day, self.row.logged_wrong) = (day, wrong);
            self.row.report.clone_from(&text);
            let entry = EntryDraft::new(Event::PeerReconciled).peer(name.clone());
            let entry = entry.document(sha256(text.as_bytes()));
            draft = Some(code.iter().fold(entry, |entry, code| entry.code(code)));
        }
        let (key, row) = (self.key, self.row.encode_to_vec());
        let kept = self.exchange.store.commit(move |tx| {
            tx.put(Table::Reconciled, &key, row);
            Ok::<_, ActionError>(draft.map(|draft| tx.append(draft)))
        });
        let logged = kept.await?.value;
        Ok(self.reconciliation(true, compared, text, logged))
    }

    fn reconciliation(
        &self,
        complete: bool,
        compared: Compared,
        report: String,
        logged: Option<u64>,
    ) -> Reconciliation {
        let code = compared.code();
        Reconciliation {
            peer: self.peer.authority().clone(),
            at: self.began,
            complete,
            code,
            detail: compared.misfit.map(|misfit| misfit.detail).unwrap_or_default(),
            ours: compared.ours,
            theirs: compared.theirs,
            counts: compared.counts,
            differences: compared.differences,
            digest: sha256(report.as_bytes()),
            report,
            logged,
        }
    }
}
