//! `rogatory audit export`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::audit::manifest::{MANIFEST_PATH, is_export_path};
use crate::cli::connect::OperatorAccess;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{create, create_directory, empty_directory, sync_directory};
use crate::cli::out::{Out, Unit};
use crate::cli::view;
use crate::pb::v1 as pb;
use crate::pb::v1::audit_service_client::AuditServiceClient;

/// Writes the whole log, with cards and receipts, to a directory, while the node runs
///
/// The files are those of C2SP tlog-tiles, with a signed manifest: docs/audit-log.md describes
/// them, and how to verify them with and without this program.
#[derive(Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    access: OperatorAccess,
    /// Where: a new directory
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Leaves out the receipts of peers, one file each: a manifest has room for about a million
    #[arg(long)]
    without_receipts: bool,
}

pub(super) async fn run(args: ExportArgs, out: &mut Out) -> Result<(), Failure> {
    let ExportArgs { access, out: dir, without_receipts } = args;
    let receive = async |channel, out: &mut Out| {
        let mut client = AuditServiceClient::new(channel);
        let mut parts =
            client.export_log(pb::ExportLogRequest { without_receipts }).await?.into_inner();
        empty_directory(&dir)?;
        let mut sink = Sink::new(&dir);
        let progress = out.progress("exporting", 0, Unit::Bytes);
        while let Some(part) = parts.message().await? {
            progress.add(part.data.len() as u64);
            sink.take(&part.path, &part.data)?;
        }
        sink.finish()
    };
    let (files, bytes) = access.at(out, receive).await?;
    let shown = dir.display().to_string();
    let fields =
        [("export", shown.clone()), ("files", files.to_string()), ("size", view::bytes(bytes))];
    out.record(&fields, &json!({ "directory": shown, "files": files, "bytes": bytes }));
    out.talk(&format!("next: rogatory audit verify {shown} --card CARD"));
    Ok(())
}

/// Writes the files of an export as they come. Nothing is written outside its directory, and no
/// file twice.
struct Sink<'a> {
    root: &'a Path,
    open: Option<(String, PathBuf, File)>,
    directories: BTreeSet<PathBuf>,
    last: String,
    files: u64,
    bytes: u64,
}

impl<'a> Sink<'a> {
    fn new(root: &'a Path) -> Self {
        let directories = BTreeSet::from([root.to_owned()]);
        Self { root, open: None, directories, last: String::new(), files: 0, bytes: 0 }
    }

    fn take(&mut self, path: &str, data: &[u8]) -> Result<(), Failure> {
        if self.open.as_ref().is_none_or(|(name, ..)| name != path) {
            self.close()?;
            self.begin(path)?;
        }
        if let Some((_, path, file)) = &mut self.open {
            let written = file.write_all(data);
            written.map_err(|e| Failure::file(path, "cannot be written", &e))?;
        }
        self.bytes += data.len() as u64;
        Ok(())
    }

    fn begin(&mut self, name: &str) -> Result<(), Failure> {
        if !is_export_path(name) {
            let message = format!("the node sent a file called {name:?}, which no export has");
            return Err(Failure::new(Exit::VerificationFailed, message));
        }
        let path = self.root.join(name);
        if let Some(parent) = path.parent() {
            create_directory(parent)?;
            let above = parent.ancestors().take_while(|dir| *dir != self.root);
            self.directories.extend(above.map(Path::to_owned));
        }
        let file = create(&path)?;
        self.open = Some((name.to_owned(), path, file));
        Ok(())
    }

    fn close(&mut self) -> Result<(), Failure> {
        if let Some((name, path, file)) = self.open.take() {
            file.sync_all().map_err(|e| Failure::file(&path, "cannot be written", &e))?;
            self.last = name;
            self.files += 1;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(u64, u64), Failure> {
        self.close()?;
        // The manifest comes last: what ends without it was cut short.
        if self.last != MANIFEST_PATH {
            let message = "the export ended early, without its manifest: it is no export";
            return Err(Failure::new(Exit::Unavailable, message).hint("export again"));
        }
        self.directories.iter().try_for_each(|dir| sync_directory(dir))?;
        Ok((self.files, self.bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_in_pieces_and_the_manifest_last() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut sink = Sink::new(dir.path());
        for (path, data) in [
            ("tile/0/000.p/3", "ab"),
            ("tile/0/000.p/3", "cd"),
            ("cards/xa.oag.card", ""),
            ("manifest", "m"),
        ] {
            sink.take(path, data.as_bytes()).expect(path);
        }
        assert_eq!(sink.finish(), Ok((3, 5)));
        let tile = std::fs::read_to_string(dir.path().join("tile/0/000.p/3")).expect("there");
        assert_eq!(tile, "abcd");
        assert!(dir.path().join("cards/xa.oag.card").exists());
    }

    #[test]
    fn an_export_that_is_cut_short_is_none() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut sink = Sink::new(dir.path());
        sink.take("checkpoint", b"c").expect("taken");
        assert_eq!(sink.finish().expect_err("no manifest").code, Exit::Unavailable);
    }

    #[test]
    fn nothing_is_written_elsewhere_or_twice() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut sink = Sink::new(dir.path());
        for bad in ["../x", "/etc/x", "a/../b", ".hidden", "a//b", ""] {
            assert_eq!(sink.take(bad, b"x").expect_err(bad).code, Exit::VerificationFailed);
        }
        sink.take("a", b"one").expect("taken");
        sink.take("b", b"x").expect("taken");
        assert!(sink.take("a", b"two").is_err());
        assert_eq!(std::fs::read(dir.path().join("a")).expect("there"), b"one");
    }
}
