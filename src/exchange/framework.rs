//! What authorities have said of their law and arrangements, by the day that is asked for.
//!
//! Statements stand in the bodies of messages and nowhere else: an index names the messages of an
//! authority, and they are opened when somebody asks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::try_join_all;

use super::agencies::Caller;
use super::pieces::piece;
use super::rows::{self, MessageRow, SENT, peer_key};
use super::{ActionError, Exchange};
use crate::domain::request::{Body, FrameworkSubject, Statement};
use crate::domain::{AuthorityId, MessageId, Timestamp};
use crate::envelope::wire::content_from_pb;
use crate::store::{Direction, Table, Tx};

/// Messages that are opened for one call: a fraction of a second, and more updates than a State makes
/// in years. The newest of each authority are read, so what supersedes an older one is among them.
pub const MESSAGES_READ_MAX: usize = 1024;

/// Statements that one call gives.
pub const STATEMENTS_MAX: usize = 1000;

/// Bytes of statements that are kept for one answer: half of what a client takes in one message.
const ANSWER_BYTES_MAX: usize = 2 << 20;

/// Keys that are read at once.
const PAGE: usize = 256;

/// Which statements are wanted.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Of this authority only; of all that are known here if absent.
    pub authority: Option<AuthorityId>,
    /// About this only.
    pub subject: Option<FrameworkSubject>,
    /// Under this code only.
    pub reference: Option<String>,
    /// The day for which is said whether each holds, `YYYY-MM-DD`.
    pub day: String,
    /// Only those that hold on that day.
    pub in_effect: bool,
}

/// Whether a statement holds on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// It does.
    InEffect,
    /// Its first day is later.
    NotYet,
    /// Its last day was before.
    Ended,
    /// Another one stands in its place.
    Superseded,
}

impl Holding {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InEffect => "in_effect",
            Self::NotYet => "not_yet",
            Self::Ended => "ended",
            Self::Superseded => "superseded",
        }
    }
}

/// A statement, and where it stands. Has no `Debug`: it holds plaintext (I6).
#[derive(Clone)]
pub struct Stated {
    /// Who has said it.
    pub authority: AuthorityId,
    /// The newest message that says it so.
    pub message: MessageId,
    /// When that was made, by its sender's clock.
    pub made: Timestamp,
    /// What it says.
    pub statement: Statement,
    /// Whether that holds on the day that was asked for.
    pub holding: Holding,
    /// The code of the statement that stands in its place then, or will.
    pub superseded_by: Option<String>,
}

/// What was found.
pub struct Found {
    /// By authority, the newest first day first.
    pub statements: Vec<Stated>,
    /// There is more than one call gives: ask for one authority, or one subject.
    pub truncated: bool,
}

/// How much may still be read, and kept.
struct Left {
    messages: usize,
    bytes: usize,
}

/// What a statement takes in an answer.
fn bytes_of(one: &Statement) -> usize {
    let texts = [&one.reference, &one.title, &one.text, &one.language, &one.effective_from];
    let more = [&one.effective_until, &one.supersedes, &one.url];
    texts.into_iter().chain(more).map(String::len).sum::<usize>() + 128
}

/// Notes that a message has statements of an authority, by its blinded name.
pub(super) fn note_statements(tx: &mut Tx<'_>, authority: &[u8; 16], id: MessageId) {
    tx.put(Table::Framework, &framework_key(authority, id), Vec::new());
}

fn framework_key(authority: &[u8; 16], id: MessageId) -> [u8; 32] {
    let mut key = [0; 32];
    key[..16].copy_from_slice(authority);
    key[16..].copy_from_slice(id.as_bytes());
    key
}

impl Exchange {
    /// The statements that are wanted, once the log says who was given them.
    ///
    /// # Errors
    /// [`ActionError`] when a body cannot be read, or the entries cannot be made durable: then nothing
    /// is given.
    pub async fn statements(
        self: &Arc<Self>,
        caller: &Caller,
        wanted: Wanted,
    ) -> Result<Found, ActionError> {
        let exchange = self.clone();
        let found = piece(move || exchange.find_statements(&wanted)).await?;
        let given: BTreeSet<MessageId> = found.statements.iter().map(|one| one.message).collect();
        let given = given.into_iter().map(|id| async move {
            match rows::message(&self.store, id)? {
                Some(row) => self.log_access(caller, id, &row, None).await,
                None => Ok(()),
            }
        });
        try_join_all(given).await?;
        Ok(found)
    }

    fn find_statements(&self, wanted: &Wanted) -> Result<Found, ActionError> {
        let authorities = match &wanted.authority {
            Some(authority) => vec![authority.clone()],
            None => {
                let peers = self.directory.all();
                let mut all: Vec<_> = peers.iter().map(|peer| peer.authority().clone()).collect();
                all.push(self.me.clone());
                all.sort();
                all
            }
        };
        let mut found = Found { statements: Vec::new(), truncated: false };
        let mut left = Left { messages: MESSAGES_READ_MAX, bytes: ANSWER_BYTES_MAX };
        for authority in authorities {
            let (stated, whole) = self.stated_by(&authority, wanted, &mut left)?;
            found.truncated |= !whole;
            found.statements.extend(judge(stated, wanted));
        }
        found.truncated |= found.statements.len() > STATEMENTS_MAX;
        found.statements.truncate(STATEMENTS_MAX);
        Ok(found)
    }

    /// The newest wording of each statement of an authority, and whether all its messages were read.
    fn stated_by(
        &self,
        authority: &AuthorityId,
        wanted: &Wanted,
        left: &mut Left,
    ) -> Result<(Vec<Stated>, bool), ActionError> {
        let prefix = peer_key(&self.home, authority);
        let mut stated: BTreeMap<String, Stated> = BTreeMap::new();
        let mut after: Option<Vec<u8>> = None;
        loop {
            let (table, from) = (Table::Framework, after.as_deref());
            let page = self.store.scan(table, &prefix, from, Direction::Backward, PAGE)?;
            let Some((last, _)) = page.last() else { return Ok((in_order(stated), true)) };
            after = Some(last.clone());
            for (key, _) in &page {
                if left.messages == 0 {
                    return Ok((in_order(stated), false));
                }
                left.messages -= 1;
                let id = key.get(16..).unwrap_or_default();
                let id = MessageId::from_slice(id).map_err(ActionError::fault)?;
                for mut one in self.statements_in(authority, id)? {
                    if stated.contains_key(&one.statement.reference) {
                        continue;
                    }
                    // A list is told what there is; the text is for who asks for one.
                    if wanted.reference.is_none() {
                        one.statement.text.clear();
                    }
                    match left.bytes.checked_sub(bytes_of(&one.statement)) {
                        Some(rest) => left.bytes = rest,
                        None => return Ok((in_order(stated), false)),
                    }
                    stated.insert(one.statement.reference.clone(), one);
                }
            }
        }
    }

    /// The statements of one message; none where its content is gone, or it never went.
    fn statements_in(
        &self,
        authority: &AuthorityId,
        id: MessageId,
    ) -> Result<Vec<Stated>, ActionError> {
        let row = rows::message(&self.store, id)?.filter(counts);
        let Some(row) = row else { return Ok(Vec::new()) };
        let Some(body) = self.content(id, &row)? else { return Ok(Vec::new()) };
        let content = body.content.map(content_from_pb).transpose().map_err(ActionError::fault)?;
        let Some(Body::Framework(update)) = content.map(|content| content.body) else {
            return Ok(Vec::new());
        };
        let made = Timestamp::from_unix_ms(row.created_ms);
        let stated = |statement| Stated {
            authority: authority.clone(),
            message: id,
            made,
            statement,
            holding: Holding::InEffect,
            superseded_by: None,
        };
        Ok(update.statements.into_iter().map(stated).collect())
    }
}

/// Whether a message says what it says: it is here, and one of ours was not taken back or refused.
fn counts(row: &MessageRow) -> bool {
    let gone = row.erased.is_some() || row.lost_ms != 0;
    !(gone || row.direction == SENT && row.delivery().never_came())
}

fn in_order(stated: BTreeMap<String, Stated>) -> Vec<Stated> {
    let mut stated: Vec<Stated> = stated.into_values().collect();
    stated.sort_by(|one, other| {
        let (one, other) = (&one.statement, &other.statement);
        let newest_first = other.effective_from.cmp(&one.effective_from);
        newest_first.then_with(|| one.reference.cmp(&other.reference))
    });
    stated
}

/// Says of each statement of one authority whether it holds, and keeps those that are wanted.
fn judge(mut stated: Vec<Stated>, wanted: &Wanted) -> Vec<Stated> {
    let day = wanted.day.as_str();
    let mut successors: BTreeMap<String, (String, bool)> = BTreeMap::new();
    for one in stated.iter().map(|one| &one.statement) {
        let (Statement { supersedes, reference, .. }, begun) = (one, one.has_begun_on(day));
        let has_one = successors.get(supersedes).is_some_and(|(_, begun)| *begun);
        if !supersedes.is_empty() && supersedes != reference && !has_one {
            successors.insert(supersedes.clone(), (reference.clone(), begun));
        }
    }
    for one in &mut stated {
        let successor = successors.get(&one.statement.reference);
        one.superseded_by = successor.map(|(reference, _)| reference.clone());
        one.holding = match successor {
            _ if !one.statement.has_begun_on(day) => Holding::NotYet,
            Some((_, true)) => Holding::Superseded,
            _ if !one.statement.holds_on(day) => Holding::Ended,
            _ => Holding::InEffect,
        };
    }
    stated.retain(|one| {
        wanted.subject.is_none_or(|subject| subject == one.statement.subject)
            && wanted.reference.as_ref().is_none_or(|wanted| *wanted == one.statement.reference)
            && (!wanted.in_effect || one.holding == Holding::InEffect)
    });
    stated
}

#[cfg(test)]
#[path = "framework_tests.rs"]
mod tests;
