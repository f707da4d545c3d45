//! A disclosure, held against the log.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;

use prost::Message as _;

use crate::audit::disclosure::{DisclosureError, Head, LINE_MAX_BYTES, Record, VERSION};
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
        let head = next()?.ok_or_else(|| Failure::bad_file(path, "is empty").hint(A_DISCLOSURE))?;
        let head = read_head(path, &head)?;
        let (mut records, mut known) = (Vec::new(), BTreeSet::new());
        while let Some(line) = next()? {
            let what = format!("record {}", records.len() + 1);
            let record: Record = serde_json::from_str(&line).map_err(|e| bad(&what, &e))?;
            if !known.insert(record.message_id) {
                return Err(bad(&what, &format!("message {} is there twice", record.message_id)));
            }
            records.push(record);
        }
        if records.is_empty() {
            return Err(
                Failure::bad_file(path, "has no record: it would prove nothing").hint(A_DISCLOSURE)
            );
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
            record.prove(state).map_err(not_of_the_log)?;
        }
        Ok(self.records)
    }

    /// Proves every record, or says which one is none of this log's. Where there is only a `part` of the
    /// entries, gives the messages that no entry is about.
    pub(super) fn prove(
        mut self,
        state: &State,
        part: bool,
    ) -> Result<(Vec<Proved>, Vec<MessageId>), Failure> {
        self.is_of(state)?;
        let mut absent = Vec::new();
        if part {
            let ids = self.records.iter().map(|record| record.message_id);
            absent = ids.filter(|id| state.message(id).is_none()).collect();
            self.records.retain(|record| state.message(&record.message_id).is_some());
        }
        let prove = |record: &Record| {
            let entry = record.prove(state).map_err(not_of_the_log)?;
            let id = record.message_id;
            let body = pb::MessageBody::decode(record.body.as_slice())
                .map_err(|_| unproven(format!("message {id}: its content is no message body")))?;
            // The body is proven; what is written beside it is only for finding it.
            if body.case_id != record.case_id {
                let message = match body.case_id.as_str() {
                    "" => format!("message {id}: its content names no case"),
                    case => format!("message {id}: its content names the case {case}"),
                };
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
        let proved = self.records.iter().map(prove).collect::<Result<_, _>>()?;
        Ok((proved, absent))
    }
}

const A_DISCLOSURE: &str = "`rogatory disclose --out FILE` writes a disclosure: name that file";

/// The first line, which says what the file is.
fn read_head(path: &Path, line: &str) -> Result<Head, Failure> {
    let head = serde_json::from_str::<Head>(line).map_err(|error| {
        let why = format!("it is no disclosure: its first line does not begin one ({error})");
        Failure::bad_file(path, why).hint(A_DISCLOSURE)
    })?;
    if head.disclosure != VERSION {
        let why = format!(
            "it is a disclosure of version {}, and this program reads version {VERSION}",
            head.disclosure
        );
        return Err(Failure::bad_file(path, why)
            .hint("have `rogatory disclose` of the same version as this program write it anew"));
    }
    Ok(head)
}

fn not_of_the_log(failure: DisclosureError) -> Failure {
    let hint = "if the message came after the log was exported, export the log again";
    match failure {
        DisclosureError::UnknownMessage(_) => unproven(failure.to_string()).hint(hint),
        other => unproven(other.to_string()),
    }
}

fn unproven(message: String) -> Failure {
    Failure::new(Exit::VerificationFailed, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_disclosure_of_this_version_is_told_so() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("year.jsonl");
        let read = |text: &str| {
            std::fs::write(&path, text).expect("written");
            Disclosed::read(&path).err().expect("refused")
        };
        let head = "{\"disclosure\":7,\"authority\":\"xa.oag\",\"log\":\"xa.oag/log/2026\"}\n";
        for (text, told) in [
            ("", "is empty"),
            ("{\n", "it is no disclosure"),
            ("{\"statistics\":{}}\n", "it is no disclosure"),
            (head, "version 7, and this program reads version 1"),
        ] {
            let failure = read(text);
            assert_eq!(failure.code, Exit::BadInput);
            assert!(failure.message.contains(told), "{failure}");
            assert!(failure.hint.expect("a hint").contains("rogatory disclose"));
        }
    }
}
