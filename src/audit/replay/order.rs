//! The order of entries as such: opened first, sealed last, in time, in the numbers of each peer.

use std::collections::btree_map;

use super::finding::{Rule, Step};
use super::names::Name;
use super::state::{Key, Peer, Standing, State};
use crate::audit::entry::{Entry, Event};
use crate::audit::note::VerifierKey;
use crate::domain::AuthorityId;

impl State {
    /// Opened once and first, nothing behind the seal, never back in time.
    pub(super) fn place(&mut self, step: &mut Step<'_>) {
        let entry = step.entry;
        if self.entries == 0 {
            self.open(step);
        } else if self.sealed {
            step.find(Rule::AfterSeal);
        } else if entry.event == Event::LogOpened {
            step.find(Rule::OpenedAgain);
        }
        self.sealed |= entry.event == Event::LogSealed;
        if entry.at < self.at {
            step.find_with(Rule::TimeRunsBack, format!("after {}", self.at));
        }
        self.at = self.at.max(entry.at);
    }

    fn open(&mut self, step: &mut Step<'_>) {
        let entry = step.entry;
        let opened = (entry.event == Event::LogOpened).then_some(entry.key.as_deref()).flatten();
        let key = opened.and_then(|key| VerifierKey::parse(key).ok());
        match (opened, key) {
            (Some(text), Some(key)) if is_log_of(key.name(), &self.owner) && self.joins(entry) => {
                self.origin = Some(key.name().to_owned());
                self.before = entry.remote.clone();
                self.goes_on |= self.log == 0 && self.before.is_some();
                self.keys.insert(text.to_owned(), Key { added: step.index, retired: None });
            }
            _ => step.find(Rule::NotOpened),
        }
    }

    /// Whether a log goes on from how the one before it ended, where that was replayed.
    fn joins(&self, opened: &Entry) -> bool {
        let before = opened.remote.as_ref().map(|before| (before.origin.as_str(), before.size));
        match self.ended.last() {
            None => true,
            Some((origin, size)) => before == Some((origin.as_str(), *size)),
        }
    }

    /// Each peer's numbers go on by one; in a log that goes on from another, from any.
    pub(super) fn sequence(&mut self, step: &mut Step<'_>) {
        let (Some(peer), Some(seq)) = (&step.entry.peer, step.entry.peer_seq) else { return };
        let name = self.names.of(peer.as_str());
        let goes_on = self.goes_on();
        let peer = match self.peers.entry(name) {
            btree_map::Entry::Occupied(known) => known.into_mut(),
            btree_map::Entry::Vacant(new) => {
                let seq = if goes_on { seq - 1 } else { 0 };
                let standing = Standing::Unknown;
                new.insert(Peer { standing, seq, card: None, changed: None })
            }
        };
        if seq != peer.seq + 1 {
            step.find_with(Rule::Sequence, format!("{seq}, where {} follows", peer.seq + 1));
        }
        peer.seq = seq;
    }

    /// What is not recorded from the peer is stated by the owner of the log.
    pub(super) fn is_attributable(&self, step: &mut Step<'_>) -> bool {
        let Entry { by, peer, receipt, .. } = step.entry;
        let wrong = match by {
            Some(by) => receipt.is_none() && *by != self.owner,
            None => false,
        };
        let alone = peer.as_ref() == Some(&self.owner);
        if wrong || alone {
            step.find(Rule::ThirdParty);
        }
        !(wrong || alone)
    }

    /// Notes the largest state of each other log that is named.
    pub(super) fn remote(&mut self, step: &mut Step<'_>) {
        let entry = step.entry;
        let Some(remote) = &entry.remote else { return };
        if matches!(entry.event, Event::LogOpened | Event::LogSealed) {
            return;
        }
        if let (true, Some(peer)) = (entry.event.is_receipt(), &entry.peer)
            && !is_log_of(&remote.origin, peer)
        {
            return step.find_with(Rule::ForeignOrigin, remote.origin.clone());
        }
        let now = (remote.size, remote.root);
        match self.heads.get_mut(&remote.origin) {
            None => {
                self.heads.insert(remote.origin.clone(), now);
            }
            Some((size, root)) if *size == remote.size && *root != remote.root => {
                step.find_with(Rule::PeerTwoRoots, format!("{} of {size}", remote.origin));
            }
            Some(head) if head.0 < now.0 => *head = now,
            Some(_) => {}
        }
    }

    /// The peer of the entry, by number.
    pub(super) fn peer_of(&mut self, entry: &Entry) -> Option<Name> {
        entry.peer.as_ref().map(|peer| self.names.of(peer.as_str()))
    }
}

/// Whether an origin is one of an authority's logs.
fn is_log_of(origin: &str, owner: &AuthorityId) -> bool {
    origin.strip_prefix(owner.as_str()).is_some_and(|rest| rest.starts_with("/log/"))
}
