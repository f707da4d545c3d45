//! A disclosure, held against the log.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use prost::Message as _;

use crate::audit::disclosure::{Head, LINE_MAX_BYTES, Record, VERSION};
use crate::audit::replay::State;
use crate::cli::exit::{Exit, Failure};
use crate::cli::view;
use crate::domain::MessageId;
use crate::pb::v1 as pb;

/// What a disclosure file has. No `Debug`: it holds plaintext.
pub(in crate::cli::audit) struct Disclosed {
    head: Head,
    records: Vec<Record>,
}

/// A content that is the one that the log commits to.
pub(super) struct Proved {
    /// The message.
    pub(super) message: MessageId,
    /// The entry that commits to it.
    pub(super) entry: u64,
    /// The case that it names.
    pub(super) case_id: String,
    /// What kind of message it is.
    pub(super) kind: &'static str,
    /// The sender's own reference.
    pub(super) reference: String,
    /// Evidence packages that it brings.
    pub(super) packages: usize,
}

impl Disclosed {
    /// Reads a disclosure file, a line at a time.
    pub(in crate::cli::audit) fn read(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|e| Failure::file(path, "cannot be read", &e))?;
        let mut lines = BufReader::new(file);
        let mut number = 0;
        let mut next = || -> Result<Option<String>, Failure> {
            number += 1;
            let mut line = String::new();
            let mut limited = (&mut lines).take(LINE_MAX_BYTES as u64 + 1);
            let read = limited.read_line(&mut line);
            read.map_err(|e| Failure::file(path, "cannot be read", &e))?;
            if line.len() > LINE_MAX_BYTES {
                return Err(Failure::bad_file(path, format!("line {number} is too long")));
            }
            Ok((!line.is_empty()).then_some(line))
        };
        let bad = |what: &str, error: &dyn std::fmt::Display| {
            Failure::bad_file(path, format!("{what}: {error}"))
        };
        let head = next()?.ok_or_else(|| Failure::bad_file(path, "is empty"))?;
        let head: Head = serde_json::from_str(&head).map_err(|e| bad("line 1", &e))?;
        if head.disclosure != VERSION {
            let why = format!("is of version {}, not {VERSION}", head.disclosure);
            return Err(Failure::bad_file(path, why));
        }
        let mut records = Vec::new();
        while let Some(line) = next()? {
            let what = format!("record {}", records.len() + 1);
            records.push(serde_json::from_str(&line).map_err(|e| bad(&what, &e))?);
        }
        Ok(Self { head, records })
    }

    /// Whether it is of one of these logs.
    fn is_of(&self, state: &State) -> Result<(), Failure> {
        let ended = state.ended().iter().map(|(origin, _)| origin.as_str());
        if !ended.chain(state.origin()).any(|origin| origin == self.head.log) {
            return Err(unproven(format!("the disclosure is of {}, another log", self.head.log)));
        }
        Ok(())
    }

    /// Every record, once each content is proved to be that of its message.
    pub(in crate::cli::audit) fn contents(self, state: &State) -> Result<Vec<Record>, Failure> {
        self.is_of(state)?;
        for record in &self.records {
            record.prove(state).map_err(|error| unproven(error.to_string()))?;
        }
        Ok(self.records)
    }

    /// Proves every record, or says which one is none of this log's.
    pub(super) fn prove(self, state: &State) -> Result<Vec<Proved>, Failure> {
        self.is_of(state)?;
        let prove = |record: &Record| {
            let entry = record.prove(state).map_err(|error| unproven(error.to_string()))?;
            let id = record.message_id;
            let body = pb::MessageBody::decode(record.body.as_slice())
                .map_err(|_| unproven(format!("message {id}: its content is no message body")))?;
            // The body is proven; what is written beside it is only for finding it.
            if body.case_id != record.case_id {
                let message = format!("message {id}: its content names the case {}", body.case_id);
                return Err(unproven(message));
            }
            let kind = body.content.as_ref().map_or(0, |content| content.kind);
            Ok(Proved {
                message: id,
                entry,
                case_id: body.case_id,
                kind: view::kind(kind),
                reference: body.sender_reference,
                packages: body.packages.len(),
            })
        };
        self.records.iter().map(prove).collect()
    }
}

fn unproven(message: String) -> Failure {
    Failure::new(Exit::VerificationFailed, message)
}
