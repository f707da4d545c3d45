//! Reads the text of a policy (C2SP tlog-policy).
//!
//! Names are octets, not characters: bytes above 0x7F are compared as they are.

use std::collections::{BTreeMap, BTreeSet};

use super::{Node, Policy, PolicyLog, PolicyWitness};
use crate::audit::checkpoint::parse_decimal;
use crate::audit::note::{NoteError, VerifierKey, WitnessKey, quoted};
use crate::crypto::{PublicKey, sha256};
use crate::domain::limits::POLICY_MAX_BYTES;

/// Why a file is not a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the policy: {rule}")]
pub struct PolicyError {
    /// Which line, from 1.
    pub line: usize,
    /// What it breaks.
    pub rule: PolicyRule,
}

/// The rules of a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyRule {
    /// The whole file is too long.
    #[error("the file has more than {POLICY_MAX_BYTES} bytes")]
    TooLarge,
    /// An octet that no policy has.
    #[error("byte {0:#04x} is not allowed: tab and newline are the only control characters")]
    Byte(u8),
    /// The last line has no end.
    #[error("the line does not end in a newline, so the file may be cut off")]
    Unterminated,
    /// A first word that nothing is defined with.
    #[error("{0:?} is none of log, witness, group, quorum")]
    Keyword(String),
    /// Words are missing or too many.
    #[error("the form is: {0}")]
    Form(&'static str),
    /// Not the key of a log, or not of a witness.
    #[error("the key is not one of a {0}: {1}")]
    Key(&'static str, #[source] NoteError),
    /// The same key stands on another line, whatever its name or type there.
    #[error("the key is the one of line {0}; each key stands for one log or witness")]
    DuplicateKey(usize),
    /// The name is taken, or is `none`.
    #[error("the name {0:?} is already defined")]
    NameTaken(String),
    /// The name is not defined above, or is `none`.
    #[error("the name {0:?} is not defined on a line above")]
    NameUnknown(String),
    /// A name in two groups, or twice in one.
    #[error("{0:?} is already a member of a group")]
    MemberTaken(String),
    /// Neither `all`, `any` nor a number from 1 to the number of members.
    #[error("{given:?} is neither all, any, nor a number from 1 to {members}")]
    Threshold {
        /// What stands there.
        given: String,
        /// How many members the group has.
        members: usize,
    },
    /// A second quorum.
    #[error("the quorum is already defined on line {0}")]
    QuorumTwice(usize),
    /// No quorum in the whole file.
    #[error("the file ends without a quorum line")]
    NoQuorum,
}

pub(super) fn parse(file: &[u8]) -> Result<Policy, PolicyError> {
    if file.len() > POLICY_MAX_BYTES {
        return Err(PolicyError { line: 1, rule: PolicyRule::TooLarge });
    }
    let mut draft = Draft::default();
    let mut last = 0;
    for (at, line) in file.split_inclusive(|b| *b == b'\n').enumerate() {
        last = at + 1;
        draft.line(last, line).map_err(|rule| PolicyError { line: last, rule })?;
    }
    let Draft { logs, witnesses, nodes, quorum, .. } = draft;
    let no_quorum = || PolicyError { line: last + 1, rule: PolicyRule::NoQuorum };
    let (_, quorum) = quorum.ok_or_else(no_quorum)?;
    Ok(Policy { digest: sha256(file), logs, witnesses, nodes, quorum })
}

/// What the lines so far have defined.
#[derive(Default)]
struct Draft<'a> {
    logs: Vec<PolicyLog>,
    witnesses: Vec<PolicyWitness>,
    nodes: Vec<Node>,
    /// The line of the quorum, and what it is.
    quorum: Option<(usize, Option<usize>)>,
    names: BTreeMap<&'a [u8], usize>,
    members: BTreeSet<usize>,
    /// Raw keys, with their lines.
    keys: BTreeMap<Vec<u8>, usize>,
}

impl<'a> Draft<'a> {
    fn line(&mut self, at: usize, line: &'a [u8]) -> Result<(), PolicyRule> {
        let line = line.strip_suffix(b"\n").ok_or(PolicyRule::Unterminated)?;
        // SPEC: 0x09, 0x0A, 0x20-0x7E, 0x80-0xFF.
        let allowed = |b: &&u8| matches!(b, 0x09 | 0x20..=0x7e | 0x80..);
        if let Some(byte) = line.iter().find(|b| !allowed(b)) {
            return Err(PolicyRule::Byte(*byte));
        }
        let words = line.split(|b| matches!(b, b' ' | b'\t')).filter(|word| !word.is_empty());
        let words: Vec<&[u8]> = words.collect();
        match words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", rest @ ..] => self.log(at, rest),
            [b"witness", rest @ ..] => self.witness(at, rest),
            [b"group", rest @ ..] => self.group(rest),
            [b"quorum", rest @ ..] => self.quorum(at, rest),
            [other, ..] => Err(PolicyRule::Keyword(shown(other))),
        }
    }

    fn log(&mut self, at: usize, words: &[&[u8]]) -> Result<(), PolicyRule> {
        let (key, url) = match words {
            [key] => (key, None),
            [key, url] => (key, Some(text(url))),
            _ => return Err(PolicyRule::Form("log <vkey> [<url>]")),
        };
        let key = key_text(key).and_then(VerifierKey::parse);
        let key = key.map_err(|e| PolicyRule::Key("log", e))?;
        self.take_key(at, key.public())?;
        self.logs.push(PolicyLog { key, url });
        Ok(())
    }

    fn witness(&mut self, at: usize, words: &[&'a [u8]]) -> Result<(), PolicyRule> {
        let (name, key, url) = match words {
            [name, key] => (*name, key, None),
            [name, key, url] => (*name, key, Some(text(url))),
            _ => return Err(PolicyRule::Form("witness <name> <vkey> [<url>]")),
        };
        let key = key_text(key).and_then(WitnessKey::parse);
        let key = key.map_err(|e| PolicyRule::Key("witness", e))?;
        self.take_key(at, key.public())?;
        self.define(name, Node::Witness(self.witnesses.len()))?;
        self.witnesses.push(PolicyWitness { name: text(name), key, url });
        Ok(())
    }

    fn group(&mut self, words: &[&'a [u8]]) -> Result<(), PolicyRule> {
        let [name, threshold, members @ ..] = words else {
            return Err(PolicyRule::Form("group <name> all|any|<k> <member>..."));
        };
        let count = members.len();
        let wrong = || PolicyRule::Threshold { given: shown(threshold), members: count };
        let needed = match *threshold {
            b"all" => count,
            b"any" => 1,
            number => std::str::from_utf8(number)
                .ok()
                .and_then(parse_decimal)
                .and_then(|number| usize::try_from(number).ok())
                .ok_or_else(wrong)?,
        };
        if !(1..=count).contains(&needed) {
            return Err(wrong());
        }
        let mut numbers = Vec::with_capacity(count);
        for member in members {
            let number = self.named(member)?;
            // SPEC: each name is a member at most once in the file: a witness counts in one way.
            if !self.members.insert(number) {
                return Err(PolicyRule::MemberTaken(shown(member)));
            }
            numbers.push(number);
        }
        self.define(name, Node::Group { needed, members: numbers })
    }

    fn quorum(&mut self, at: usize, words: &[&[u8]]) -> Result<(), PolicyRule> {
        let [name] = words else {
            return Err(PolicyRule::Form("quorum <name>|none"));
        };
        if let Some((line, _)) = self.quorum {
            return Err(PolicyRule::QuorumTwice(line));
        }
        let quorum = if *name == b"none" { None } else { Some(self.named(name)?) };
        self.quorum = Some((at, quorum));
        Ok(())
    }

    fn named(&self, name: &[u8]) -> Result<usize, PolicyRule> {
        self.names.get(name).copied().ok_or_else(|| PolicyRule::NameUnknown(shown(name)))
    }

    fn define(&mut self, name: &'a [u8], node: Node) -> Result<(), PolicyRule> {
        if name == b"none" || self.names.contains_key(name) {
            return Err(PolicyRule::NameTaken(shown(name)));
        }
        self.names.insert(name, self.nodes.len());
        self.nodes.push(node);
        Ok(())
    }

    /// SPEC: two logs, or two witnesses, must not share a key. Here no log shares one with a
    /// witness either: a log must not vouch for itself.
    fn take_key(&mut self, at: usize, key: &PublicKey) -> Result<(), PolicyRule> {
        match self.keys.insert(key.bytes().to_vec(), at) {
            Some(line) => Err(PolicyRule::DuplicateKey(line)),
            None => Ok(()),
        }
    }
}

/// A word as a text. What is no UTF-8 was allowed, and only looks different.
fn text(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}

/// A word as errors show it.
fn shown(word: &[u8]) -> String {
    quoted(&text(word))
}

/// The name in a key is compared as characters, so here they must be some.
fn key_text(word: &[u8]) -> Result<&str, NoteError> {
    std::str::from_utf8(word).map_err(|_| NoteError::Key(shown(word)))
}
