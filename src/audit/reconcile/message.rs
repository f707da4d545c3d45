//! One message between two logs that go on: judged by the same rules as two exports.

use super::facts::Fact;
use super::judge::{Ends, Judge};
use super::{Class, Item};
use crate::audit::entry::Event;
use crate::domain::MessageId;

/// What one log says of a message.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// In the order of the log.
    pub facts: &'a [Fact],
    /// How far the log is known.
    pub ends: Ends,
}

/// What two logs do not say alike of a message; nothing where they do.
///
/// `a` is the log of whoever asks, read after `b`: what it has and `b` does not may have come
/// since. Where it saw a state of `b` that is beyond what is known of `b`, nothing is said: the next
/// round knows more.
pub fn judge_message(
    id: MessageId,
    a: Side<'_>,
    b: Side<'_>,
    grace_ms: Option<i64>,
) -> Option<Vec<Item>> {
    let beyond = |fact: &Fact| fact.seen.is_some_and(|seen| seen.size > b.ends.size);
    if a.facts.iter().any(beyond) {
        return None;
    }
    let ends = (a.ends, b.ends);
    let mut judge = Judge::new(id, a.facts, b.facts, ends, grace_ms, (&[], &[]));
    judge.judge();
    Some(judge.items)
}

/// Whether nothing more can become of a message of which both logs say the same: it was handed
/// over, or can never be, and its sender knows. Every other may still go on: a late acceptance wins,
/// and so does a late hand-over.
pub fn is_settled(a: &[Fact], b: &[Fact], items: &[Item]) -> bool {
    let last = [Event::ContentHandover, Event::ContentConsignmentFailure];
    let said = |facts: &[Fact], recorded| {
        facts.iter().any(|fact| fact.recorded == recorded && last.contains(&fact.event))
    };
    let both = (said(a, true) && said(b, false)) || (said(a, false) && said(b, true));
    both && items.iter().all(|item| item.class == Class::Matched)
}

#[cfg(test)]
#[path = "message_tests.rs"]
mod tests;
