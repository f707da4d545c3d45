//! What proven evidence says, in plain words.

use std::fmt;

use super::{Claim, OtherEntry};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::Entry;
use crate::audit::merkle::leaf_hash;

/// Two facts that cannot both be true of a log that only grows. Only
/// [`Evidence::verify`](super::Evidence::verify) makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    origin: String,
    facts: [String; 2],
}

impl Verdict {
    pub(super) fn new(claim: &Claim, first: &Checkpoint, second: &Checkpoint) -> Self {
        let facts = match claim {
            Claim::SameSize => [signed(first), signed(second)],
            Claim::OtherPrefix { root, .. } => [
                signed(first),
                format!(
                    "{}, and the first {} entries of that log have the root {}",
                    signed(second),
                    first.size,
                    hex::encode(root)
                ),
            ],
            Claim::OtherEntry(other) => other.facts(first, second),
        };
        Self { origin: first.origin.clone(), facts }
    }

    /// The log that is proven to have signed both.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Both facts, a sentence each without its full stop.
    pub fn facts(&self) -> &[String; 2] {
        &self.facts
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { origin, facts: [first, second] } = self;
        writeln!(f, "The holder of the key of {origin} has signed two pasts.")?;
        writeln!(f, "First: {first}.")?;
        writeln!(f, "Second: {second}.")?;
        write!(f, "Both cannot be true of a log that only grows.")
    }
}

fn signed(checkpoint: &Checkpoint) -> String {
    format!("it signed a log of {} entries with the root {}", checkpoint.size, root(checkpoint))
}

fn root(checkpoint: &Checkpoint) -> String {
    hex::encode(checkpoint.root)
}

impl OtherEntry {
    fn facts(&self, first: &Checkpoint, second: &Checkpoint) -> [String; 2] {
        let (index, hash) = (self.index, hex::encode(leaf_hash(&self.entry)));
        let what = match Entry::parse(&self.entry) {
            Ok(Entry { event, at, message: Some(id), .. }) => {
                format!("{event} of {at} about message {id}, with the leaf hash {hash}")
            }
            Ok(Entry { event, at, .. }) => format!("{event} of {at}, with the leaf hash {hash}"),
            Err(_) => format!("the one with the leaf hash {hash}"),
        };
        let leaf = hex::encode(self.leaf);
        [
            format!("{}, and entry {index} of that log is {what}", signed(first)),
            format!(
                "{}, and entry {index} of that log is another one, with the leaf hash {leaf}",
                signed(second)
            ),
        ]
    }
}
