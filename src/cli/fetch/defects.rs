//! What of a message is not whole: `defects.json`, in the directory that it was fetched into, and the
//! verdicts of an EVIDENCE_RECEIPT that are made from it (ASEAN MLAT 19).

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::download::Fault;
use super::tree::{Directory, Tree, kept};
use super::{Packages, Said, compare, listed};
use crate::cli::connect::AgencyClient;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{read_long_text, write_new};
use crate::cli::out::{Out, Unit};
use crate::domain::request::{ExhibitVerdict, Verdict};
use crate::domain::{MessageId, PackageId};
use crate::pb::v1 as pb;

/// Where it stands.
pub(super) const DEFECTS: &str = "defects.json";
/// 100,000 exhibits, a few hundred bytes each.
const DEFECTS_MAX_BYTES: u64 = 64 << 20;
/// More are not worth a line each.
const LINES_MAX: usize = 20;

/// The exhibits of a message that could not be fetched as they were sealed.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Defects {
    message_id: MessageId,
    envelope_digest: String,
    exhibits: Vec<Defect>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Defect {
    package_id: PackageId,
    number: u32,
    original_name: String,
    verdict: Verdict,
    text: String,
}

impl Defects {
    /// None, so far.
    pub(super) fn of(id: MessageId, message: &pb::Message) -> Self {
        let envelope_digest = message.envelope_digest.clone();
        Self { message_id: id, envelope_digest, exhibits: Vec::new() }
    }

    /// Whether there are some.
    pub(super) fn is_empty(&self) -> bool {
        self.exhibits.is_empty()
    }

    /// Notes that an exhibit did not come whole.
    ///
    /// # Errors
    /// The failure itself, where it says nothing of the exhibit: a full disk, a node that is away.
    pub(super) fn note(
        &mut self,
        package_id: PackageId,
        exhibit: &pb::Exhibit,
        fault: Fault,
    ) -> Result<(), Failure> {
        let Some(verdict) = fault.verdict else { return Err(fault.failure) };
        let text = match fault.failure.code {
            Exit::VerificationFailed => fault.failure.message,
            // What exactly, the traces of the node say, and no other authority needs to know.
            Exit::Fault => "it cannot be read any more where it arrived".into(),
            _ => "the package does not have it".into(),
        };
        let (number, original_name) = (exhibit.number, exhibit.original_name.clone());
        self.exhibits.push(Defect { package_id, number, original_name, verdict, text });
        Ok(())
    }

    /// Writes them down, and says what is to be done about them.
    pub(super) fn conclude(self, dir: &Path) -> Failure {
        let text = match serde_json::to_string_pretty(&self) {
            Ok(text) => text + "\n",
            Err(error) => return Failure::new(Exit::Fault, error.to_string()),
        };
        if let Err(failure) = write_new(&dir.join(DEFECTS), text.as_bytes()) {
            return failure;
        }
        let count = self.exhibits.len();
        let line = |one: &Defect| format!("{}: {}: {}", one.original_name, one.verdict, one.text);
        let mut lines: Vec<String> = self.exhibits.iter().take(LINES_MAX).map(line).collect();
        if count > LINES_MAX {
            lines.push(format!("and {} more", count - LINES_MAX));
        }
        Failure::new(Exit::VerificationFailed, lines.join("\n")).hint(format!(
            "do not confirm this message; all else is in {dir}: `rogatory reply {id} --fetched {dir}` tells its \
             sender what is not whole, and the node's operator can say whether it was so when it came \
             (`rogatory vault check`)",
            dir = dir.display(),
            id = self.message_id,
        ))
    }

    /// Reads what a fetch has left; `None` where it has left none.
    fn read(dir: &Path) -> Result<Option<Self>, Failure> {
        let path = dir.join(DEFECTS);
        if path.symlink_metadata().is_err() {
            return Ok(None);
        }
        let text = read_long_text(&path, DEFECTS_MAX_BYTES)?;
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|_| Failure::bad_file(&path, "is not what `rogatory fetch` wrote"))
    }

    fn has(&self, package: PackageId, exhibit: &pb::Exhibit) -> bool {
        self.exhibits.iter().any(|one| (one.package_id, one.number) == (package, exhibit.number))
    }

    /// That it is about this message, and that everything else in it lies there whole.
    fn check(
        &self,
        dir: PathBuf,
        (message, packages): &(pb::Message, Packages),
        out: &Out,
    ) -> Result<(), Failure> {
        let path = dir.join(DEFECTS);
        if self.message_id.to_string() != message.message_id
            || self.envelope_digest != message.envelope_digest
        {
            return Err(Failure::bad_file(&path, format!("is of message {}", self.message_id)));
        }
        let exhibits = packages.iter().flat_map(|(id, all)| all.iter().map(move |one| (*id, one)));
        let others: Vec<_> = exhibits.filter(|(id, one)| !self.has(*id, one)).collect();
        let bytes = others.iter().map(|(_, one)| one.size_bytes).fold(0, u64::saturating_add);
        let progress = out.progress("checking", bytes, Unit::Bytes);
        let tree = Directory(dir);
        for (package, exhibit) in others {
            let name = format!("{package}/data/{}", exhibit.original_name);
            let found = tree.digest(&name, &mut |count| progress.add(count));
            if found.map(hex::encode).ok().as_ref() != Some(&exhibit.sha256) {
                let message = format!("{} is not what its sender sealed", tree.shown(&name));
                return Err(Failure::new(Exit::VerificationFailed, message)
                    .hint("nothing was sent: fetch the message again to the same directory"));
            }
        }
        Ok(())
    }

    fn verdicts(self) -> Vec<ExhibitVerdict> {
        let verdict = |Defect { package_id, number, verdict, text, .. }| ExhibitVerdict {
            package: package_id,
            exhibit: number,
            verdict,
            text,
        };
        self.exhibits.into_iter().map(verdict).collect()
    }
}

/// What an EVIDENCE_RECEIPT says of what was fetched to a directory, or packed into a container. All that
/// it does not name was compared with what its sender sealed, and is whole.
pub(in crate::cli) async fn verdicts(
    client: &mut AgencyClient,
    id: MessageId,
    path: &Path,
    out: &Out,
) -> Result<Vec<ExhibitVerdict>, Failure> {
    if let Some(defects) = Defects::read(path)? {
        let has = listed(client, id).await?;
        defects.check(path.to_owned(), &has, out)?;
        return Ok(defects.verdicts());
    }
    let tree = kept(path, out)?;
    let said = Said::of(tree.as_ref(), id)?;
    compare(client, &said, tree.as_ref(), out).await?;
    Ok(Vec::new())
}
