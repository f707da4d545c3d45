//! The packages and annexes that wait with a draft: whoever is to approve it sees what goes along.

use std::ops::Range;

use prost::Message as _;
use zeroize::Zeroizing;

use super::body::from_body;
use super::{DraftRow, draft_in, draft_of, given};
use crate::audit::entry::{EntryDraft, Event};
use crate::domain::request::Handling;
use crate::domain::{MessageId, PackageId};
use crate::exchange::access::forget_other_days;
use crate::exchange::agencies::Caller;
use crate::exchange::annex::officials;
use crate::exchange::packages::key_of;
use crate::exchange::rows::{
    self, AccessRow, AnnexRow, DraftBody, DraftPackageRead, PackageFacts, PackageRow, shape_of,
};
use crate::exchange::{ActionError, Exchange};
use crate::pb::v1 as pb;
use crate::store::Table;
use crate::store::vault::PackageShape;

/// A package with its key. Has no `Debug`: it has the key (I6).
type Waiting = (PackageShape, Zeroizing<[u8; 32]>);

/// Takes down that an agency was given exhibits; whether that is new.
fn read_by(row: &mut DraftRow, agency: &str, package: PackageId, exhibits: Range<u32>) -> bool {
    let is_it =
        |one: &DraftPackageRead| one.agency == agency && one.package_id == package.as_bytes()[..];
    let at = row.package_readers.iter().position(is_it).unwrap_or_else(|| {
        row.package_readers.push(DraftPackageRead {
            package_id: package.as_bytes().to_vec(),
            agency: agency.to_owned(),
            given: Vec::new(),
        });
        row.package_readers.len() - 1
    });
    let given = &mut row.package_readers[at].given;
    // All of them, also behind the first that is new.
    exhibits.filter(|exhibit| given::add(given, *exhibit)).count() > 0
}

impl Exchange {
    /// What is to be seen of the packages that wait with it.
    pub(super) fn packages_of_draft(
        &self,
        row: &DraftRow,
    ) -> Result<Vec<PackageFacts>, ActionError> {
        let mut packages = Vec::new();
        for id in &row.packages {
            let package: Option<PackageRow> = rows::load(&self.store, Table::Packages, id)?;
            packages.extend(package.and_then(|package| package.facts));
        }
        Ok(packages)
    }

    /// What is to be seen of its annexes: that they are there, how large, and for whom. Nobody here can
    /// open them.
    pub(super) fn annexes_of_draft(
        row: &DraftRow,
        body: &DraftBody,
    ) -> Result<Vec<AnnexRow>, ActionError> {
        let annexes = from_body(row, body)?.annexes;
        let shown = annexes.iter().map(|annex| AnnexRow {
            annex_id: annex.id().as_bytes().to_vec(),
            digest: annex.reference().digest.to_vec(),
            sealed_bytes: annex.reference().sealed_bytes,
            officials: officials(annex),
            ..AnnexRow::default()
        });
        Ok(shown.collect())
    }

    fn waiting_package(
        &self,
        caller: &Caller,
        id: MessageId,
        package: PackageId,
    ) -> Result<Option<PackageRow>, ActionError> {
        let draft = draft_of(&self.store, id)?.filter(|row| row.waits() && row.is_seen_by(caller));
        let names = |row: &DraftRow| row.packages.iter().any(|one| one == package.as_bytes());
        match draft.is_some_and(|row| names(&row)) {
            true => rows::load(&self.store, Table::Packages, package.as_bytes()),
            false => Ok(None),
        }
    }

    /// A package that waits with a draft, with its key; `None` where there is no such.
    pub(in crate::exchange) fn package_of_draft(
        &self,
        caller: &Caller,
        id: MessageId,
        package: PackageId,
    ) -> Result<Option<Waiting>, ActionError> {
        let Some(row) = self.waiting_package(caller, id, package)? else { return Ok(None) };
        let (Some(facts), Some(key)) = (&row.facts, key_of(&self.store, &row)?) else {
            return Ok(None);
        };
        Ok(Some((shape_of(facts)?, key)))
    }

    /// Logs that the caller is about to be given what is in a package that waits with a draft; whether
    /// there is such a one. Once a day, as other accesses are: whoever asks again and again fills no log.
    pub(in crate::exchange) async fn reads_package_of_draft(
        &self,
        caller: &Caller,
        id: MessageId,
        package: PackageId,
    ) -> Result<bool, ActionError> {
        if self.waiting_package(caller, id, package)?.is_none() {
            return Ok(false);
        }
        let child = self.is_of_child(id)?;
        let key = self.access_key(self.now(), caller, id, Some(package), child);
        self.check_writable()?;
        let draft = EntryDraft::new(Event::AccessFetched).who(&self.handle(&caller.name));
        let draft = draft.message(id).package(package);
        let log = self.store.commit(move |tx| {
            if tx.get(Table::Access, &key).is_none() {
                forget_other_days(tx, &key);
                let entry_index = tx.append(draft);
                tx.put(Table::Access, &key, AccessRow { entry_index }.encode_to_vec());
            }
            Ok::<_, ActionError>(())
        });
        log.await?;
        Ok(true)
    }

    /// Whether a draft that waits is about a child.
    fn is_of_child(&self, id: MessageId) -> Result<bool, ActionError> {
        let Some(row) = draft_of(&self.store, id)?.filter(|row| !row.lost) else {
            return Ok(false);
        };
        let body = self.draft_body(id, &row)?;
        let content = pb::MessageContent::decode(body.content.as_slice());
        let content = content.map_err(ActionError::fault)?;
        Ok(self.handling_of_draft(&content, &body.in_reply_to)? == Handling::ProtectedChild as i32)
    }

    /// Notes that the caller was given exhibits to their ends, where their package waits with a draft that
    /// somebody else wrote: who has been given all of them can approve it.
    ///
    /// # Errors
    /// [`ActionError`] when that cannot be made durable.
    pub async fn gave_exhibits(
        &self,
        caller: &Caller,
        id: MessageId,
        package: PackageId,
        exhibits: Range<u32>,
    ) -> Result<(), ActionError> {
        if exhibits.is_empty() || self.waiting_package(caller, id, package)?.is_none() {
            return Ok(());
        }
        self.check_writable()?;
        let agency = caller.name.clone();
        let note = self.store.commit(move |tx| {
            let mut row = draft_in(tx, id)?;
            if row.agency != agency && read_by(&mut row, &agency, package, exhibits) {
                tx.put(Table::Drafts, id.as_bytes(), row.encode_to_vec());
            }
            Ok::<_, ActionError>(())
        });
        note.await?;
        Ok(())
    }

    /// The first exhibit of a draft's packages that an agency was not given to its end.
    pub(super) fn unread_exhibit(
        &self,
        agency: &str,
        row: &DraftRow,
    ) -> Result<Option<(PackageId, u32)>, ActionError> {
        for facts in self.packages_of_draft(row)? {
            let is_its = |one: &&DraftPackageRead| {
                one.agency == agency && one.package_id == facts.package_id
            };
            let given = row.package_readers.iter().find(is_its).map_or(&[][..], |one| &one.given);
            // The last is the manifest.
            if let Some(exhibit) = given::missing(given, facts.exhibits.saturating_sub(1)) {
                let id = PackageId::from_slice(&facts.package_id).map_err(ActionError::fault)?;
                return Ok(Some((id, exhibit)));
            }
        }
        Ok(None)
    }
}
