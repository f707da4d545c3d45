//! The annexes of a submission, and of a message that was opened.

use crate::domain::limits::ANNEXES_PER_MESSAGE_MAX;
use crate::domain::request::Content;
use crate::domain::{AuthorityId, Timestamp};
use crate::envelope::SealedAnnex;
use crate::exchange::rows::MessageRow;
use crate::exchange::submit::Submission;
use crate::exchange::{ActionError, Exchange, Peer, Violation};
use crate::store::{BodySlot, Table};

impl Exchange {
    /// Whether the annexes of a submission can go with it: sealed from here, to officials and a key
    /// of the recipient, about persons of the request, and with no other message.
    pub(in crate::exchange) fn check_annexes(
        &self,
        submission: &Submission,
        peer: Option<&Peer>,
        wrong: &mut Vec<Violation>,
    ) -> Result<(), ActionError> {
        let annexes = &submission.annexes;
        if annexes.len() > ANNEXES_PER_MESSAGE_MAX {
            let rule = format!("must be {ANNEXES_PER_MESSAGE_MAX} at most");
            wrong.push(Violation::new("annexes", rule));
        }
        for (number, annex) in annexes.iter().enumerate() {
            let field = format!("annexes[{number}]");
            let key = annex.id();
            let again = annexes[..number].iter().any(|other| other.id() == key)
                || self.store.get(Table::Annexes, key.as_bytes())?.is_some();
            if again {
                let rule = "has gone with a message: seal it anew for another one";
                wrong.push(Violation::new(&field, rule));
            }
            if let Some(reference) = stranger(annex, &submission.content) {
                let rule = format!("names {reference}, who is no person of the message");
                wrong.push(Violation::new(format!("{field}.refs"), rule));
            }
            if *annex.sender() != self.me || *annex.recipient() != submission.recipient {
                let rule = "is sealed from another authority, or for another one";
                wrong.push(Violation::new(&field, rule));
            } else if let Some(peer) = peer {
                wrong.extend(not_for(annex, &field, peer, self.now()));
            }
        }
        Ok(())
    }

    /// Whether the annexes of a message that was opened are about its persons.
    pub(in crate::exchange) fn annexes_fit(
        &self,
        row: &MessageRow,
        content: &Content,
    ) -> Result<bool, ActionError> {
        for kept in row.annexes.iter().filter(|kept| kept.erased.is_none()) {
            let stored = self.store.body(BodySlot(kept.slot))?;
            let stored = stored.ok_or_else(|| ActionError::fault("an annex is missing"))?;
            let annex = SealedAnnex::parse(stored.into()).map_err(ActionError::fault)?;
            if stranger(&annex, content).is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A person of the annex who is none of those of whom the message speaks. A note has no persons of its
/// own.
fn stranger<'a>(annex: &'a SealedAnnex, content: &Content) -> Option<&'a str> {
    let known = content.body.persons()?;
    annex.refs().iter().map(String::as_str).find(|one| !known.contains(one))
}

/// Officials and keys in an annex that the recipient's card does not have now: it could not be
/// opened there.
fn not_for(annex: &SealedAnnex, field: &str, peer: &Peer, now: Timestamp) -> Vec<Violation> {
    let mut wrong = Vec::new();
    let authority: &AuthorityId = peer.authority();
    for (id, key) in annex.officials() {
        let known = peer.card.officials().iter();
        let valid = known.filter(|(one, _)| (one.from..=one.until).contains(&now));
        if !valid.into_iter().any(|(one, public)| one.id == id && public.id() == key) {
            let rule = format!(
                "names an official {} whom the card of {authority} does not have now: ask for its \
                 newest card, and seal the annex anew",
                if crate::card::is_official_id(id) { id } else { "with a malformed id" }
            );
            wrong.push(Violation::new(format!("{field}.officials"), rule));
        }
    }
    let keys = peer.card.sealing_keys(now);
    if !annex.node_keys().any(|id| keys.iter().any(|key| key.id() == id)) {
        let rule = format!("is sealed to no key that the node of {authority} has now");
        wrong.push(Violation::new(field, rule));
    }
    wrong
}
