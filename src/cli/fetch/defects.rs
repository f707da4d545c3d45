//! What of a message is not whole: `defects.json`, in the directory that it was fetched into, and the
//! verdicts of an EVIDENCE_RECEIPT (ASEAN MLAT 19).
//!
//! The file is for people and their programs. A receipt is signed for good, so its verdicts rest on what lies
//! there and on what the node gives now, and not on what was written down.

use std::path::Path;

use serde::Serialize;

use super::download::{Fault, Source, probe};
use super::tree::{Directory, Tree, kept};
use super::{MESSAGE_FILE, Said, compare, is_draft, listed};
use crate::cli::connect::AgencyClient;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::write_new;
use crate::cli::out::{Out, Progress, Unit};
use crate::domain::request::{ExhibitVerdict, Verdict};
use crate::domain::{MessageId, PackageId};
use crate::pb::v1 as pb;

/// Where it stands.
pub(super) const DEFECTS: &str = "defects.json";
/// More are not worth a line each.
const LINES_MAX: usize = 20;

/// The exhibits of a message that could not be fetched as they were sealed.
#[derive(Serialize)]
pub(super) struct Defects {
    message_id: MessageId,
    envelope_digest: String,
    exhibits: Vec<Defect>,
}

#[derive(Serialize)]
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

    /// Whether there are some in this package.
    pub(super) fn has(&self, package: PackageId) -> bool {
        self.exhibits.iter().any(|one| one.package_id == package)
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
        let (verdict, text) = judged(fault)?;
        let (number, original_name) = (exhibit.number, exhibit.original_name.clone());
        self.exhibits.push(Defect { package_id, number, original_name, verdict, text });
        Ok(())
    }

    /// Writes them down, and says what is to be done about them.
    pub(super) fn conclude(self, dir: &Path, message: &pb::Message) -> Failure {
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
        let failure = Failure::new(Exit::VerificationFailed, lines.join("\n"));
        if is_draft(message) || message.direction() == pb::Direction::Sent {
            return failure.hint(
                "the node's operator can say what became of it in the vault (`rogatory vault check`)",
            );
        }
        if message.kind() != pb::MessageKind::EvidencePackage {
            return failure.hint(
                "do not confirm this message: tell its sender in words, and ask the node's operator for a \
                 backup (`rogatory vault check`)",
            );
        }
        failure.hint(format!(
            "do not confirm this message; all else is in {dir}: `rogatory reply {id} --fetched {dir}` tells its \
             sender what is not whole, and the node's operator can say whether it was so when it came \
             (`rogatory vault check`)",
            dir = dir.display(),
            id = self.message_id,
        ))
    }
}

/// What a fault says of an exhibit.
fn judged(fault: Fault) -> Result<(Verdict, String), Failure> {
    let Some(verdict) = fault.verdict else { return Err(fault.failure) };
    let text = match fault.failure.code {
        Exit::VerificationFailed => fault.failure.message,
        // What exactly, the traces of the node say, and no other authority needs to know.
        _ => "it cannot be read any more where it arrived".into(),
    };
    Ok((verdict, text))
}

/// What an EVIDENCE_RECEIPT says of what was fetched to a directory, or packed into a container. All that
/// it does not name was compared with what its sender sealed, and is whole.
///
/// An exhibit that is not whole there is asked of the node once more: only where that cannot give it as it
/// was sealed, its sender is told.
pub(in crate::cli) async fn verdicts(
    client: &mut AgencyClient,
    id: MessageId,
    path: &Path,
    out: &Out,
) -> Result<Vec<ExhibitVerdict>, Failure> {
    if path.is_file() || path.join(MESSAGE_FILE).symlink_metadata().is_ok() {
        let tree = kept(path, out)?;
        let said = Said::of(tree.as_ref(), id)?;
        compare(client, &said, tree.as_ref(), out).await?;
        return match said.exhibits() {
            0 => Err(no_evidence(id)),
            _ => Ok(Vec::new()),
        };
    }
    let (_, packages) = listed(client, id).await?;
    let all = || packages.iter().flat_map(|(_, exhibits)| exhibits);
    if all().next().is_none() {
        return Err(no_evidence(id));
    }
    let tree = Directory(path.to_owned());
    // No link, and nothing that is no file.
    let names = tree.names_below("")?;
    let bytes = all().map(|one| one.size_bytes).fold(0, u64::saturating_add);
    let progress = out.progress("checking", bytes, Unit::Bytes);
    let mut verdicts = Vec::new();
    for (package, exhibits) in &packages {
        let mut source = Source::new(client, id, *package, false);
        for exhibit in exhibits {
            let name = format!("{package}/data/{}", exhibit.original_name);
            let lies_there = names.contains(&name);
            if lies_there && is_whole(&tree, &name, exhibit, &progress) {
                continue;
            }
            let asked = probe(&mut source, exhibit, &progress).await;
            let (verdict, text) = judged(asked.err().ok_or_else(|| lacking(&tree, &name))?)?;
            verdicts.push(ExhibitVerdict {
                package: *package,
                exhibit: exhibit.number,
                verdict,
                text,
            });
        }
    }
    Ok(verdicts)
}

fn is_whole(tree: &Directory, name: &str, exhibit: &pb::Exhibit, progress: &Progress) -> bool {
    let found = tree.digest(name, &mut |count| progress.add(count));
    found.is_ok_and(|digest| hex::encode(digest) == exhibit.sha256)
}

fn lacking(tree: &Directory, name: &str) -> Failure {
    let message =
        format!("{} is not there as its sender sealed it, and the node has it", tree.shown(name));
    Failure::new(Exit::VerificationFailed, message)
        .hint("nothing was sent: fetch the message again to the same directory")
}

fn no_evidence(id: MessageId) -> Failure {
    Failure::new(
        Exit::BadInput,
        format!("message {id} came without evidence: there is nothing to receipt"),
    )
}
