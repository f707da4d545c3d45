//! `rogatory pack`: a container that stands alone, from what was fetched.

mod identity;
mod tsa;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::connect::AgencyAccess;
use super::container::names_below;
use super::exit::{Exit, Failure};
use super::fetch::{Directory, MESSAGE_FILE, RECEIPTS, Said, Tree, interrupted};
use super::files::{Partial, create_new_name, sync_directory};
use super::out::{Out, Unit};
use super::view;
use crate::asic::cms::{self, Identity};
use crate::asic::manifest::{self, SIGNATURE_TYPE, STAMP_TYPE};
use crate::asic::zip::Writer;
use crate::asic::{MANIFEST, MEDIA_TYPE, MIMETYPE, SIGNATURE, STAMP, STAMP_MANIFEST};
use crate::crypto::{Digest, sha256};
use crate::domain::Timestamp;
pub(crate) use identity::{SealArgs, certificates};

/// Bytes that are copied at once.
const PIECE_BYTES: usize = 256 << 10;

/// Packs a fetched message into one signed file that stands alone (ASiC-E)
///
/// The file is a ZIP with everything in DIR as it is, a manifest of it, and the agency's signature
/// over that (CAdES). No node is asked. Whoever gets it needs nothing of ours:
///
///   rogatory pack case-42/1 --out case-42-1.asice
///   unzip case-42-1.asice && cd ID/PACKAGE && sha256sum --check manifest-sha256.txt
///
/// `rogatory verify-package` checks all of it; docs/cli.md has the commands of openssl.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct PackArgs {
    #[command(flatten)]
    access: AgencyAccess,
    /// The directory that `rogatory fetch` wrote; every file in it is checked on the way
    dir: PathBuf,
    /// The file, which must not be there
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    seal: SealArgs,
}

pub(crate) async fn run(args: PackArgs, out: &mut Out) -> Result<(), Failure> {
    let sealer = args.seal.sealer(&args.access, out)?;
    let packed = pack(&args.dir, &args.out, &sealer, out).await?;
    packed.print(&args.out, out);
    out.talk(&format!("next: rogatory verify-package {}", args.out.display()));
    Ok(())
}

/// What signs a container, and who stamps it.
pub(crate) struct Sealer {
    identity: Identity,
    tsa: Option<tsa::Tsa>,
}

/// What was packed.
pub(crate) struct Packed {
    message_id: String,
    files: usize,
    bytes: u64,
    signer: String,
    certificate: Digest,
    at: Timestamp,
    stamped: Option<Timestamp>,
}

/// Packs a directory into a file; what is interrupted leaves nothing.
pub(crate) async fn pack(
    dir: &Path,
    file: &Path,
    sealer: &Sealer,
    out: &mut Out,
) -> Result<Packed, Failure> {
    create_new_name(file)?;
    tokio::select! {
        packed = packed(dir, file, sealer, out) => packed,
        () = interrupted() => {
            let message = format!("interrupted: {} was not written", file.display());
            Err(Failure::new(Exit::Interrupted, message).hint("run the command again"))
        }
    }
}

async fn packed(
    dir: &Path,
    file: &Path,
    sealer: &Sealer,
    out: &mut Out,
) -> Result<Packed, Failure> {
    let cannot = |e: io::Error| Failure::file(file, "cannot be written", &e);
    let directory = Directory(dir.to_owned());
    let said = Said::read(&directory)?;
    let (partial, at) = (Partial::of(file), crate::node::now());
    let mut writer = Writer::new(partial.create()?, at);
    writer.file(MIMETYPE, MEDIA_TYPE.as_bytes()).map_err(cannot)?;
    let files = payload(&said, dir)?;
    let bytes = files.iter().map(|one| one.bytes).fold(0, u64::saturating_add);
    let progress = out.progress("packing", bytes, Unit::Bytes);
    let root = format!("{}/", said.message_id);
    let mut digests = BTreeMap::new();
    for one in &files {
        let name = format!("{root}{}", one.name);
        let digest = copy(&mut writer, &name, one, file, |count| progress.add(count)).await?;
        digests.insert(name, digest);
    }
    let tree = Copied { directory, root, digests };
    // Nothing is signed before it is what was fetched: the check is of the bytes that were packed.
    said.check(&tree, &progress).map_err(|failure| {
        failure.hint("nothing was packed: keep these files apart, and fetch the message again")
    })?;
    let over = tree.digests.iter().map(|(name, digest)| (name.as_str(), digest));
    let listed = manifest::write(SIGNATURE, SIGNATURE_TYPE, over);
    let signature = cms::sign(&sealer.identity, listed.as_bytes(), at);
    writer.file(MANIFEST, listed.as_bytes()).map_err(cannot)?;
    writer.file(SIGNATURE, &signature).map_err(cannot)?;
    let stamped = match &sealer.tsa {
        Some(tsa) => {
            let digest = sha256(&signature);
            let listed = manifest::write(STAMP, STAMP_TYPE, [(SIGNATURE, &digest)]);
            let (token, at) = tsa.stamp(listed.as_bytes()).await?;
            writer.file(STAMP_MANIFEST, listed.as_bytes()).map_err(cannot)?;
            writer.file(STAMP, &token).map_err(cannot)?;
            Some(at)
        }
        None => None,
    };
    writer.finish().and_then(|whole| whole.sync_all()).map_err(cannot)?;
    partial.admit(file).map_err(cannot)?;
    let parent = file.parent().filter(|dir| !dir.as_os_str().is_empty());
    sync_directory(parent.unwrap_or(Path::new(".")))?;
    let certificate = sealer.identity.certificate();
    Ok(Packed {
        message_id: said.message_id.to_string(),
        files: files.len(),
        bytes,
        signer: certificate.subject(),
        certificate: sha256(certificate.der()),
        at,
        stamped,
    })
}

/// A file that is packed.
struct Part {
    name: String,
    path: PathBuf,
    bytes: u64,
}

/// What was fetched: the message, its receipts, and every file of its packages.
fn payload(said: &Said, dir: &Path) -> Result<Vec<Part>, Failure> {
    let path = dir.join(MESSAGE_FILE);
    let data = path.symlink_metadata();
    let data = data.map_err(|e| Failure::file(&path, "cannot be read", &e))?;
    if !data.is_file() {
        return Err(Failure::bad_file(&path, "is not a regular file"));
    }
    let mut parts = vec![Part { name: MESSAGE_FILE.to_owned(), path, bytes: data.len() }];
    let packages = said.packages().map(|package| package.to_string());
    for below in std::iter::once(RECEIPTS.to_owned()).chain(packages) {
        for found in super::evidence::files_below(&dir.join(&below))? {
            let name = format!("{below}/{}", found.name);
            parts.push(Part { name, path: found.path, bytes: found.bytes });
        }
    }
    Ok(parts)
}

/// Copies a file into the container, and gives others their turn between the pieces.
async fn copy(
    writer: &mut Writer<File>,
    name: &str,
    part: &Part,
    file: &Path,
    read: impl Fn(u64),
) -> Result<Digest, Failure> {
    let unreadable = |e: io::Error| Failure::file(&part.path, "cannot be read", &e);
    let cannot = |e: io::Error| match e.get_ref() {
        Some(inner) if inner.is::<crate::asic::zip::Changed>() => {
            Failure::new(Exit::VerificationFailed, format!("{}: {e}", part.path.display()))
                .hint("somebody writes to it: nothing was packed")
        }
        _ if e.kind() == io::ErrorKind::InvalidInput => Failure::new(Exit::BadInput, e.to_string())
            .hint("such names cannot be in a container: hand over the directory instead"),
        _ => Failure::file(file, "cannot be written", &e),
    };
    let mut source = File::open(&part.path).map_err(unreadable)?;
    writer.begin(name, part.bytes).map_err(cannot)?;
    let mut piece =
        vec![0; PIECE_BYTES.min(usize::try_from(part.bytes).unwrap_or(PIECE_BYTES)) + 1];
    loop {
        match source.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => {
                writer.write(&piece[..count]).map_err(cannot)?;
                read(count as u64);
                tokio::task::yield_now().await;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    writer.end().map_err(cannot)
}

/// A directory, as it was copied.
struct Copied {
    directory: Directory,
    root: String,
    digests: BTreeMap<String, Digest>,
}

impl Tree for Copied {
    fn path(&self) -> &Path {
        self.directory.path()
    }

    fn names_below(&self, dir: &str) -> Result<BTreeSet<String>, Failure> {
        Ok(names_below(&self.digests, &self.root, dir))
    }

    fn digest(&self, name: &str, _: &mut dyn FnMut(u64)) -> io::Result<Digest> {
        let digest = self.digests.get(&format!("{}{name}", self.root));
        digest.copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn sha512(&self, name: &str) -> io::Result<Vec<u8>> {
        self.directory.sha512(name)
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let bytes = self.directory.read(name)?;
        match self.digest(name, &mut |_| {})? == sha256(&bytes) {
            true => Ok(bytes),
            false => Err(io::Error::other("it was changed while it was packed")),
        }
    }

    fn shown(&self, name: &str) -> String {
        self.directory.shown(name)
    }

    fn is_closed(&self) -> bool {
        false
    }
}

impl Packed {
    pub(crate) fn print(&self, file: &Path, out: &mut Out) {
        let shown = file.display().to_string();
        let stamped = self.stamped.map(|at| at.to_string());
        let fields = [
            ("message", self.message_id.clone()),
            ("container", shown.clone()),
            ("files", self.files.to_string()),
            ("size", view::bytes(self.bytes)),
            ("signed by", self.signer.clone()),
            ("certificate", hex::encode(self.certificate)),
            ("signed at", self.at.to_string()),
            ("time-stamp", stamped.clone().unwrap_or_default()),
        ];
        let json = json!({
            "message_id": self.message_id,
            "container": shown,
            "files": self.files,
            "bytes": self.bytes,
            "signer": self.signer,
            "certificate_sha256": hex::encode(self.certificate),
            "signing_time": self.at,
            "time_stamp": stamped,
        });
        out.record(&fields, &json);
    }
}

#[cfg(test)]
#[path = "pack/tests.rs"]
mod tests;
