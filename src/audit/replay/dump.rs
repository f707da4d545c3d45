//! The state as text, in one spelling, and its digest. `docs/audit.md` has it byte for byte.

use std::convert::Infallible;
use std::fmt::{Display, Write as _};

use super::names::Name;
use super::state::{Message, State};
use crate::audit::merkle::infallible;
use crate::crypto::{Digest, Sha256};
use crate::domain::MessageId;

/// The first line of a dump.
pub const HEADER: &str = "rogatory/v1/replayed-state";

impl State {
    /// SHA-256 of the bytes that [`State::dump`] gives. Two states of the same log and size have
    /// the same digest, and everything that the fold keeps is in it.
    pub fn digest(&self) -> Digest {
        let mut hasher = Sha256::new();
        infallible(self.dump(&mut |line| {
            hasher.update(line.as_bytes());
            Ok::<_, Infallible>(())
        }));
        hasher.finish()
    }

    /// Gives the dump, line by line, each with the line feed at its end.
    ///
    /// # Errors
    /// Whatever `out` gives.
    pub fn dump<E>(&self, out: &mut dyn FnMut(&str) -> Result<(), E>) -> Result<(), E> {
        let mut dump = Dump { line: String::new(), out };
        dump.line(&[&HEADER])?;
        self.dump_log(&mut dump)?;
        self.dump_parties(&mut dump)?;
        for (id, message) in &self.messages {
            self.dump_message(&mut dump, id, message)?;
        }
        for (id, draft) in &self.drafts {
            let author = self.names.text(draft.author);
            let approved = draft.approved.as_ref().map(Hex);
            let approved = Or(approved.as_ref());
            dump.line(&[&"draft", id, &author, &draft.submitted, &approved])?;
        }
        // By the peer's name, which is not the order of the map.
        for (peer, _) in self.peers_by_name() {
            let from = (peer, [0; 32]);
            for ((_, envelope), refusal) in self.refusals.range(from..=(peer, [0xff; 32])) {
                let (peer, code) = (self.names.text(peer), self.names.text(refusal.code));
                let message = Or(refusal.message.as_ref());
                dump.line(&[&"refusal", &peer, &Hex(envelope), &message, &code, &refusal.index])?;
            }
        }
        Ok(())
    }

    fn dump_log<E>(&self, dump: &mut Dump<'_, E>) -> Result<(), E> {
        for (origin, size) in &self.ended {
            dump.line(&[&"ended", origin, size])?;
        }
        let origin = Or(self.origin.as_ref());
        let sealed = if self.sealed { "sealed" } else { "open" };
        dump.line(&[&"log", &origin, &self.owner, &self.entries, &self.at, &sealed])?;
        if let Some(before) = &self.before {
            let (origin, root) = (&before.origin, Hex(&before.root));
            dump.line(&[&"before", origin, &before.index, &before.size, &root])?;
        }
        let node = &self.node;
        let running = match node.running {
            None => "never",
            Some(true) => "running",
            Some(false) => "stopped",
        };
        let counts: [&dyn Display; 4] =
            [&node.starts, &node.recoveries, &node.stops, &node.restored];
        let [starts, recoveries, stops, restored] = counts;
        let software = Or(node.software.as_ref());
        dump.line(&[&"node", &running, starts, recoveries, stops, restored, &software])?;
        if let Some((document, index)) = &self.policy {
            dump.line(&[&"policy", &Hex(document), index])?;
        }
        Ok(())
    }

    fn dump_parties<E>(&self, dump: &mut Dump<'_, E>) -> Result<(), E> {
        for (key, at) in &self.keys {
            dump.line(&[&"key", key, &at.added, &Or(at.retired.as_ref())])?;
        }
        for (handle, agency) in &self.agencies {
            let access = if agency.revoked { "revoked" } else { "access" };
            dump.line(&[&"agency", handle, &access, &agency.changed])?;
        }
        for (name, peer) in self.peers_by_name() {
            let (name, standing) = (self.names.text(name), peer.standing.as_str());
            let card = peer.card.as_ref().map(Hex);
            let (card, changed) = (Or(card.as_ref()), Or(peer.changed.as_ref()));
            dump.line(&[&"peer", &name, &standing, &peer.seq, &card, &changed])?;
        }
        for (origin, (size, root)) in &self.heads {
            dump.line(&[&"head", origin, size, &Hex(root)])?;
        }
        Ok(())
    }

    fn dump_message<E>(
        &self,
        dump: &mut Dump<'_, E>,
        id: &MessageId,
        message: &Message,
    ) -> Result<(), E> {
        let hex = |digest: &Option<Digest>| digest.as_ref().map_or("-".to_owned(), hex::encode);
        let word = |is: bool, word: &'static str| if is { word } else { "-" };
        dump.line(&[
            &"message",
            id,
            &message.side.as_str(),
            &self.names.text(message.peer),
            &message.state.as_str(),
            &message.queue.as_str(),
            &word(message.erased, "erased"),
            &word(message.hold, "hold"),
            &word(message.earlier, "earlier"),
            &hex(&message.envelope),
            &hex(&message.payload),
        ])?;
        let annexes = (*id, [0; 32])..=(*id, [0xff; 32]);
        for (_, annex) in self.erased_annexes.range(annexes) {
            dump.line(&[&"annex", &Hex(annex), &"erased"])?;
        }
        for stated in &message.events {
            let by = if stated.recorded { "peer" } else { "own" };
            let code = stated.code.map_or("-", |code| self.names.text(code));
            dump.line(&[&"event", &stated.index, &stated.event, &by, &code])?;
        }
        Ok(())
    }

    pub(super) fn peers_by_name(&self) -> Vec<(Name, &super::state::Peer)> {
        let mut peers: Vec<_> = self.peers.iter().map(|(name, peer)| (*name, peer)).collect();
        peers.sort_by_key(|(name, _)| self.names.text(*name));
        peers
    }
}

struct Dump<'a, E> {
    line: String,
    out: &'a mut dyn FnMut(&str) -> Result<(), E>,
}

impl<E> Dump<'_, E> {
    /// A line: its fields with one space between them.
    fn line(&mut self, fields: &[&dyn Display]) -> Result<(), E> {
        self.line.clear();
        for (at, field) in fields.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            // Writing to a string does not fail.
            let _ = write!(self.line, "{space}{field}");
        }
        self.line.push('\n');
        (self.out)(&self.line)
    }
}

/// A digest in lower-case hex.
struct Hex<'a>(&'a Digest);

impl Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

/// A value, or a hyphen where there is none.
struct Or<'a, T>(Option<&'a T>);

impl<T: Display> Display for Or<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(value) => value.fmt(f),
            None => f.write_str("-"),
        }
    }
}
