//! The packages that a submission names, with their keys.

use zeroize::Zeroizing;

use super::Submission;
use crate::domain::request::{Body, Content};
use crate::domain::{MessageId, PackageId};
use crate::exchange::agencies::Caller;
use crate::exchange::packages::key_of;
use crate::exchange::rows::{self, PackageRow, shape_of};
use crate::exchange::{ActionError, Exchange, Violation};
use crate::store::Table;
use crate::store::vault::PackageShape;

/// A package that a message is to carry. Has no `Debug`: it has the key (I6).
pub(super) struct Carried {
    pub shape: PackageShape,
    pub key: Zeroizing<[u8; 32]>,
}

/// What a content names of the packages that go with it: where it says so, and what.
struct Named {
    field: String,
    package: Option<PackageId>,
    exhibit: Option<u32>,
}

/// The parts that a content names: translated documents, texts of law, what a limit of use is about.
fn named(content: &Content) -> Vec<Named> {
    let within = match &content.body {
        Body::Request(_) => "content.request.translations",
        _ => "content.translations",
    };
    let translations = content.translations().iter().enumerate().map(|(n, one)| Named {
        field: format!("{within}[{n}]"),
        package: one.package,
        exhibit: one.exhibit,
    });
    let mut all: Vec<Named> = translations.collect();
    match &content.body {
        Body::Note(note) => all.extend(note.use_limits.iter().enumerate().map(|(n, one)| Named {
            field: format!("content.note.use_limits[{n}]"),
            package: one.package,
            exhibit: one.exhibit,
        })),
        Body::Framework(update) => {
            all.extend(update.statements.iter().enumerate().map(|(n, one)| Named {
                field: format!("content.framework.statements[{n}]"),
                package: None,
                exhibit: one.exhibit,
            }));
        }
        _ => {}
    }
    all.retain(|one| one.package.is_some() || one.exhibit.is_some());
    all
}

/// What a content names of its packages goes along with it. Where it says not in which package, it is the
/// first. Only where all packages are there: which is missing was said.
pub(super) fn check_exhibits(
    submission: &Submission,
    carried: &[Carried],
    wrong: &mut Vec<Violation>,
) {
    if carried.len() != submission.packages.len() {
        return;
    }
    for Named { field, package, exhibit } in named(&submission.content) {
        let found = match package {
            Some(id) => carried.iter().find(|one| one.shape.id == id),
            None => carried.first(),
        };
        let Some(found) = found else {
            let (part, rule) = match package {
                Some(_) => ("package", "goes not with the message"),
                None => ("exhibit", "is in no package: none goes with the message"),
            };
            wrong.push(Violation::new(format!("{field}.{part}"), rule));
            continue;
        };
        // The manifest is the last of them, and nobody's exhibit.
        let exhibits = found.shape.exhibits.saturating_sub(1);
        if exhibit.is_some_and(|number| number >= exhibits) {
            let rule = format!("is none of the {exhibits} of the package, which count from 0");
            wrong.push(Violation::new(format!("{field}.exhibit"), rule));
        }
    }
}

const TAKEN: &str = "went with another message";

impl Exchange {
    pub(super) fn check_packages(
        &self,
        caller: &Caller,
        ids: &[PackageId],
        draft: Option<MessageId>,
        wrong: &mut Vec<Violation>,
    ) -> Result<Vec<Carried>, ActionError> {
        let mut packages = Vec::new();
        for (n, id) in ids.iter().enumerate() {
            let carried = match ids.iter().skip(n + 1).any(|other| other == id) {
                true => Err("stands twice"),
                false => self.uploaded(caller, *id, draft)?,
            };
            match carried {
                Ok(carried) => packages.push(carried),
                Err(rule) => wrong.push(Violation::new(format!("packages[{n}]"), rule)),
            }
        }
        Ok(packages)
    }

    /// A package of this agency that no message carries yet, or the rule that it breaks.
    fn uploaded(
        &self,
        caller: &Caller,
        id: PackageId,
        draft: Option<MessageId>,
    ) -> Result<Result<Carried, &'static str>, ActionError> {
        let row: Option<PackageRow> = rows::load(&self.store, Table::Packages, id.as_bytes())?;
        let Some(row) = row.filter(|row| row.agency == caller.name) else {
            return Ok(Err("is no package that this agency uploaded"));
        };
        if !row.message_id.is_empty() {
            return Ok(Err(TAKEN));
        }
        let own = draft.map_or_else(Vec::new, |id| id.as_bytes().to_vec());
        if row.draft_id != own {
            return Ok(Err("waits with another message for an approval"));
        }
        let damaged = || ActionError::Fault(format!("the row of package {id} is damaged"));
        let shape = shape_of(row.facts.as_ref().ok_or_else(damaged)?)?;
        // It went with another message this very moment.
        let Some(key) = key_of(&self.store, &row)? else { return Ok(Err(TAKEN)) };
        Ok(Ok(Carried { shape, key }))
    }
}
