//! The file in which an agency gives the custody records of a package.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Custodian, CustodyAction, CustodyFault, CustodyRecord, CustodyTool, check_custody};
use crate::domain::Timestamp;
use crate::domain::nearest::nearest;
use crate::domain::request::{UnreadableFile, toml_of};

/// What stands for every exhibit of the package.
const EVERY: &str = "/";

/// The custody records of the exhibits of a package.
#[derive(Default)]
pub struct Custody {
    records: Vec<CustodyRecord>,
    /// The records of each exhibit, by their place in the file.
    of: Vec<Vec<u32>>,
}

impl Custody {
    /// The records of an exhibit, counted from 0.
    pub fn of(&self, exhibit: usize) -> Vec<CustodyRecord> {
        let places = self.of.get(exhibit).map(Vec::as_slice).unwrap_or_default();
        places.iter().filter_map(|place| self.records.get(*place as usize).cloned()).collect()
    }

    /// Puts the records that came with an exhibit before those that it has here: its custody goes on.
    ///
    /// # Errors
    /// [`CustodyFault`], naming the exhibit: what [`check_custody`] refuses of all of them together.
    pub fn go_on(
        &mut self,
        exhibit: usize,
        name: &str,
        before: &[CustodyRecord],
    ) -> Result<(), CustodyFault> {
        let all = [before, &self.of(exhibit)].concat();
        check_custody(&all).map_err(|CustodyFault { field, rule }| {
            CustodyFault::new(format!("exhibit {name:?}: {field}"), rule)
        })?;
        let first = self.records.len() as u32;
        self.records.extend_from_slice(before);
        if self.of.len() <= exhibit {
            self.of.resize(exhibit + 1, Vec::new());
        }
        self.of[exhibit].splice(0..0, first..self.records.len() as u32);
        Ok(())
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    record: Vec<Given>,
}

/// A record as it is written, with the exhibits that it is about.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    exhibits: Vec<String>,
    action: CustodyAction,
    at: String,
    by: Custodian,
    to: Option<Custodian>,
    #[serde(default)]
    place: String,
    #[serde(default)]
    reason: String,
    tool: Option<CustodyTool>,
    #[serde(default)]
    seals: Vec<String>,
    #[serde(default)]
    digest: String,
    #[serde(default)]
    note: String,
}

/// Why a file gives no custody records to a package.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum CustodyFileError {
    /// It cannot be read.
    #[error(transparent)]
    Unreadable(#[from] UnreadableFile),
    /// A record breaks a rule.
    #[error(transparent)]
    Fault(#[from] CustodyFault),
}

/// Reads the records of a package whose exhibits have these names, in this order, which is that of
/// their bytes.
///
/// # Errors
/// [`CustodyFileError`]: broken TOML, unknown fields and words, a record that is about no exhibit, and
/// all that [`check_custody`] refuses.
pub fn custody_from_toml(file: &str, exhibits: &[&str]) -> Result<Custody, CustodyFileError> {
    let file: File = toml_of(file)?;
    if file.record.is_empty() {
        return Err(CustodyFault::new("record", "there is none in this file").into());
    }
    let mut custody = Custody { records: Vec::new(), of: vec![Vec::new(); exhibits.len()] };
    for (place, given) in (0..).zip(file.record) {
        let path = format!("record[{place}]");
        let about = about(&given.exhibits, exhibits).map_err(|fault| fault.under(&path))?;
        for exhibit in about {
            custody.of[exhibit].push(place);
        }
        custody.records.push(record(given).map_err(|fault| fault.under(&path))?);
    }
    let mut checked: Option<&[u32]> = None;
    for (name, places) in exhibits.iter().zip(&custody.of) {
        // Exhibits of one directory have the same records: they are gone through once.
        if checked != Some(places) {
            check_one(&custody.records, places, name)?;
            checked = Some(places);
        }
    }
    Ok(custody)
}

/// Checks the records of one exhibit, and names them by their places in the file.
fn check_one(all: &[CustodyRecord], places: &[u32], name: &str) -> Result<(), CustodyFault> {
    let records: Vec<CustodyRecord> =
        places.iter().filter_map(|place| all.get(*place as usize).cloned()).collect();
    check_custody(&records).map_err(|fault| {
        let Some((number, field)) = fault.field.strip_prefix("custody[").and_then(|rest| {
            let (number, field) = rest.split_once("].")?;
            Some((places.get(number.parse::<usize>().ok()?)?, field))
        }) else {
            return CustodyFault::new(format!("exhibit {name:?}"), fault.rule);
        };
        CustodyFault::new(format!("record[{number}].{field}"), fault.rule)
    })
}

/// The exhibits that a record names, each once.
fn about(names: &[String], exhibits: &[&str]) -> Result<BTreeSet<usize>, CustodyFault> {
    if names.is_empty() {
        return Err(CustodyFault::new("exhibits", "must name the exhibits that it is about"));
    }
    let mut about = BTreeSet::new();
    for (number, name) in names.iter().enumerate() {
        let found = named(name, exhibits);
        if found.is_empty() {
            let field = format!("exhibits[{number}]");
            return Err(CustodyFault::new(field, no_exhibit(name, exhibits)));
        }
        about.extend(found);
    }
    Ok(about)
}

/// Those of one name, or below a directory.
fn named(name: &str, exhibits: &[&str]) -> std::ops::Range<usize> {
    if name == EVERY {
        return 0..exhibits.len();
    }
    let from = exhibits.partition_point(|exhibit| *exhibit < name);
    let fits = |exhibit: &&str| match name.ends_with('/') {
        true => exhibit.starts_with(name),
        false => *exhibit == name,
    };
    from..from + exhibits[from..].iter().take_while(|exhibit| fits(exhibit)).count()
}

fn no_exhibit(name: &str, exhibits: &[&str]) -> String {
    if name.ends_with('/') {
        return format!("no exhibit is below {name:?}");
    }
    match nearest(name, exhibits.iter().copied()) {
        Some(near) => format!("no exhibit is called {name:?}: did you mean {near:?}?"),
        None => format!("no exhibit is called {name:?}; what ends in / names a directory"),
    }
}

fn record(given: Given) -> Result<CustodyRecord, CustodyFault> {
    let Given { action, at, by, to, place, reason, tool, seals, digest, note, exhibits: _ } = given;
    let at = time(&at)?;
    Ok(CustodyRecord { action, at, by, to, place, reason, tool, seals, digest, note })
}

/// People write seconds; the rest of it is nought.
fn time(text: &str) -> Result<Timestamp, CustodyFault> {
    let whole = match text.strip_suffix('Z') {
        Some(seconds) if !seconds.contains('.') => format!("{seconds}.000Z"),
        _ => text.to_owned(),
    };
    Timestamp::parse(&whole).map_err(|_| {
        CustodyFault::new("at", "must be a time in UTC, as in 2026-11-20T09:15:00Z, in quotes")
    })
}
