//! Excerpts of our own log: the entries that concern one peer, one case or one message.

use std::collections::{BTreeMap, BTreeSet};

use super::agencies::Caller;
use super::cases::index;
use super::log::files_of;
use super::rows;
use super::{ActionError, Exchange, Peer};
use crate::audit::Entry;
use crate::audit::cosigned::SignedCheckpoint;
use crate::audit::entry::{EntryDraft, Event};
use crate::audit::excerpt::{Chosen, ExcerptSource, Excerpted, Extras, Made, Scope, write_excerpt};
use crate::audit::export::{ExportError, earlier_dir};
use crate::crypto::primitives::random;
use crate::crypto::sha256;
use crate::domain::{AuthorityId, MessageId};
use crate::store::{Direction, Head, Tx};

/// Rows and entries that are read at once.
const PAGE: usize = 256;

/// What an excerpt is asked of. Has no `Debug`: it has the number of a case (I6).
#[derive(Clone)]
pub enum ExcerptOf {
    /// A peer, trusted now or once.
    Peer(AuthorityId),
    /// A case that this node knows.
    Case(String),
    /// A message that the log knows.
    Message(MessageId),
}

/// An excerpt that has something in it.
pub struct ExcerptWish {
    scope: Scope,
    messages: BTreeMap<MessageId, AuthorityId>,
    beside: Beside,
    /// Which excerpt it is to be.
    id: [u8; 16],
}

/// What goes along with the entries of an excerpt.
#[derive(Clone, Copy, Debug)]
pub struct Beside {
    /// The receipts of peers.
    pub receipts: bool,
    /// The cosignatures of all witnesses, and the policy: they name peers that the excerpt does not
    /// concern.
    pub witnesses: bool,
}

impl ExcerptWish {
    fn chosen(&self) -> Chosen {
        Chosen::new(self.scope.clone(), self.messages.clone())
    }

    fn is_of(&self, peer: &AuthorityId) -> bool {
        matches!(&self.scope, Scope::Peer(of) if of == peer)
            || self.messages.values().any(|of| of == peer)
    }
}

/// What the parts of an excerpt have in common.
struct Parts<'a> {
    wish: &'a ExcerptWish,
    made: Made,
    chosen: Chosen,
}

impl Exchange {
    /// Looks whether the logs have anything of it. Blocks: where they have nothing, all of them are
    /// read.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] when there is nothing, and the log then is not told that it was
    /// asked for: the entry would name a peer or message that nobody knows.
    pub fn find_excerpt(&self, of: ExcerptOf, beside: Beside) -> Result<ExcerptWish, ActionError> {
        let (scope, messages, what) = match of {
            ExcerptOf::Peer(peer) => {
                let what = format!("peer {peer}");
                (Scope::Peer(peer), BTreeMap::new(), what)
            }
            ExcerptOf::Message(id) => {
                let messages = self.peers_of(BTreeSet::from([id]))?;
                (Scope::Message(id), messages, format!("message {id}"))
            }
            ExcerptOf::Case(case) => {
                let messages = self.peers_of(self.messages_of(&case)?)?;
                (Scope::Case, messages, "that case".to_owned())
            }
        };
        let wish = ExcerptWish { scope, messages, beside, id: random() };
        match self.has_any(&wish)? {
            true => Ok(wish),
            false => Err(ActionError::NotFound(format!("no entry of the log is about {what}"))),
        }
    }

    fn messages_of(&self, case: &str) -> Result<BTreeSet<MessageId>, ActionError> {
        let mut found = BTreeSet::new();
        let mut after = None;
        loop {
            let page = index::scan(&self.store, case, index::ANY, after, Direction::Forward, PAGE)?;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some(*last);
            found.extend(page);
        }
    }

    /// With whom messages are exchanged; without those of which there is no row.
    fn peers_of(
        &self,
        messages: BTreeSet<MessageId>,
    ) -> Result<BTreeMap<MessageId, AuthorityId>, ActionError> {
        let mut peers = BTreeMap::new();
        for id in messages {
            if let Some(row) = rows::message(&self.store, id)? {
                peers.insert(id, row.peer_id()?);
            }
        }
        Ok(peers)
    }

    fn has_any(&self, wish: &ExcerptWish) -> Result<bool, ActionError> {
        let mut chosen = wish.chosen();
        for log in 0..=self.store.head().log {
            if self.log_has_any(log, &mut chosen)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn log_has_any(&self, log: u32, chosen: &mut Chosen) -> Result<bool, ActionError> {
        let mut next = 0;
        loop {
            let page = self.log_entries(log, next, PAGE)?;
            if page.is_empty() {
                return Ok(false);
            }
            for entry in &page {
                let entry = Entry::parse(entry).map_err(ActionError::fault)?;
                if chosen.concerns(&entry) {
                    return Ok(true);
                }
            }
            next += page.len() as u64;
        }
    }

    /// Logs that somebody begins to take an excerpt; of a case without its number. As with exports,
    /// a node whose log takes nothing goes on without.
    ///
    /// # Errors
    /// [`ActionError`] when the entry cannot be made durable: then nothing is given.
    pub async fn log_excerpt(
        &self,
        caller: &Caller,
        wish: &ExcerptWish,
    ) -> Result<(), ActionError> {
        if !self.may_append() {
            tracing::warn!("an excerpt of the log is taken without an entry: it takes none");
            return Ok(());
        }
        let draft = EntryDraft::new(Event::AccessExported).who(&self.handle(&caller.name));
        // Of all excerpts that were ever given, this one is that of the entry.
        let draft = draft.document(sha256(&wish.id));
        let draft = match &wish.scope {
            Scope::Peer(peer) => draft.code("PEER").peer(peer.clone()),
            // One that was refused is no message of the log's: whoever replays it would miss it.
            Scope::Message(id) if rows::message(&self.store, *id)?.is_none() => {
                draft.code("MESSAGE")
            }
            Scope::Message(id) => draft.code("MESSAGE").message(*id),
            Scope::Case => draft.code("CASE"),
        };
        let append = move |tx: &mut Tx<'_>| Ok::<_, ActionError>(tx.append(draft));
        self.store.commit(append).await?;
        Ok(())
    }

    /// Writes an excerpt of the log as it is now, and of each of those before it. Blocks: all of them
    /// are read. `sink` gives false when nobody wants more.
    ///
    /// # Errors
    /// As [`Exchange::export_log`].
    pub fn export_excerpt(
        &self,
        wish: ExcerptWish,
        sink: &mut dyn FnMut(&str, &[u8]) -> bool,
    ) -> Result<(), ActionError> {
        let newest = self.store.head();
        let made = Made { id: wish.id, at: self.now() };
        let mut parts = Parts { wish: &wish, made, chosen: wish.chosen() };
        // The oldest first: a message that began in one log may go on in the next.
        for ended in self.store.sealed().into_iter().filter(|ended| ended.log < newest.log) {
            let under = earlier_dir(&ended.checkpoint.origin);
            self.excerpt_one(&ended, &under, &mut parts, sink)?;
        }
        self.excerpt_one(&newest, "", &mut parts, sink)
    }

    /// Of one log: an excerpt of its own, in the folder `under`.
    fn excerpt_one(
        &self,
        head: &Head,
        under: &str,
        parts: &mut Parts<'_>,
        sink: &mut dyn FnMut(&str, &[u8]) -> bool,
    ) -> Result<(), ActionError> {
        let (wish, made) = (parts.wish, parts.made);
        let checkpoint = self.shown_cosigned(head, wish)?;
        let source = ExcerptSource {
            checkpoint: &checkpoint,
            key: &self.keys.log,
            made,
            chosen: &mut parts.chosen,
            entries: &mut |from, limit| self.log_entries(head.log, from, limit),
            prove: &mut |index, size| self.log_inclusion(head.log, index, size),
            beside: Box::new(|excerpted| self.beside(excerpted, wish.beside)),
        };
        let mut write = |path: &str, bytes: &[u8]| match sink(&format!("{under}{path}"), bytes) {
            true => Ok(()),
            false => Err(ActionError::Unavailable("the client went away".into())),
        };
        match write_excerpt(source, &mut write) {
            Ok(_) => Ok(()),
            Err(ExportError::Io(error)) => Err(error),
            Err(error @ ExportError::TooManyFiles) => {
                Err(ActionError::conflict("TOO_MANY_RECEIPTS", error.to_string()))
            }
            Err(error) => Err(ActionError::Fault(error.to_string())),
        }
    }

    /// The checkpoint with the lines of those whom the excerpt concerns, and of witnesses that are no
    /// peers: the others would tell with whom else messages are exchanged.
    fn shown_cosigned(&self, head: &Head, wish: &ExcerptWish) -> Result<String, ActionError> {
        let note = self.cosigned(head);
        if wish.beside.witnesses {
            return Ok(note);
        }
        let peers = self.directory.all();
        let is_by =
            |peer: &Peer, name: &str| peer.card.witness_keys().iter().any(|key| key.name() == name);
        // One that was removed is still nobody's business.
        let was_met = |name: &str| {
            let whose = name.split_once('/').and_then(|(whose, _)| AuthorityId::parse(whose).ok());
            whose.is_some_and(|whose| {
                self.card_history(&whose).is_ok_and(|history| !history.is_empty())
            })
        };
        let foreign = |name: &str| {
            let witnesses = self.policy.witnesses();
            witnesses.iter().any(|one| one.key.name() == name)
                && !peers.iter().any(|peer| is_by(peer, name))
                && !was_met(name)
        };
        let of_it =
            |name: &str| peers.iter().any(|peer| wish.is_of(peer.authority()) && is_by(peer, name));
        let is_shown = |name: &str| name == head.checkpoint.origin || of_it(name) || foreign(name);
        let signed = SignedCheckpoint::assume_verified(&note).map_err(ActionError::fault)?;
        Ok(signed.with_lines_of(is_shown).to_note())
    }

    /// Our card and those of the peers that are named, the policy, and the messages' receipts.
    fn beside<'a>(&'a self, excerpted: &Excerpted, beside: Beside) -> Extras<'a, ActionError> {
        let cards = self.card_files(|whose| excerpted.peers.contains(whose));
        let messages = beside.receipts.then(|| excerpted.messages.clone()).into_iter().flatten();
        let receipts = messages.flat_map(|id| self.receipt_files(id));
        let policy = self.policy_file().filter(move |_| beside.witnesses);
        Box::new(cards.chain(policy).chain(receipts))
    }

    fn receipt_files(&self, id: MessageId) -> Vec<Result<(String, Vec<u8>), ActionError>> {
        match rows::message(&self.store, id) {
            // Refused ones have no row.
            Ok(row) => {
                row.into_iter().flat_map(|row| files_of(id, row, |_| true)).map(Ok).collect()
            }
            Err(error) => vec![Err(error)],
        }
    }
}

#[cfg(test)]
#[path = "excerpt_tests.rs"]
mod tests;
