//! The packages that a submission names, with their keys.

use zeroize::Zeroizing;

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
