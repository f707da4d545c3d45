//! A message that is fetched into a container: its parts lie beside that until it is whole.

use std::fs;
use std::path::{Path, PathBuf};

use super::bag::MANIFEST_512;
use super::{Directory, FetchArgs, MESSAGE_FILE, Said, cut_short, interrupted};
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{create_new_name, sync_directory};
use crate::cli::out::Out;
use crate::cli::pack::pack;

/// Where the parts of a container lie.
fn parts_of(file: &Path) -> PathBuf {
    let mut name = file.to_owned().into_os_string();
    name.push(".parts");
    name.into()
}

/// Fetches, packs, and removes the parts when the container is on the disk.
pub(super) async fn fetch(args: FetchArgs, out: &mut Out) -> Result<(), Failure> {
    let FetchArgs { access, id, out: file, seal, sha512, .. } = args;
    // What would stop the packing is found before a byte is fetched for it.
    let sealer = seal.sealer(&access, out)?;
    create_new_name(&file)?;
    let parts = parts_of(&file);
    let there = Said::read(&Directory(parts.clone())).ok().filter(|said| said.message_id == id);
    let has_sha512 = |said: &Said| {
        said.packages().all(|id| parts.join(id.to_string()).join(MANIFEST_512).exists())
    };
    if sha512 && there.as_ref().is_some_and(|said| !has_sha512(said)) {
        let message = format!("{} was fetched without --sha512", parts.display());
        return Err(Failure::new(Exit::Failed, message)
            .hint("leave out --sha512, or remove that directory and fetch it again"));
    }
    let is_there = there.is_some();
    if !is_there {
        let mut client = access.connect(out).await?;
        let fetched = tokio::select! {
            fetched = super::fetch(&mut client, id, (&parts, sha512), out) => fetched?,
            () = interrupted() => return Err(cut_short(&parts)),
        };
        fetched.warn(out);
    }
    let packed = pack(&parts, &file, &sealer, out).await?;
    remove(&parts)?;
    packed.print(&file, out);
    out.talk(&format!("next: rogatory confirm {id} --fetched {}", file.display()));
    Ok(())
}

/// The message goes first: what is left when this is cut off is not taken for whole.
fn remove(parts: &Path) -> Result<(), Failure> {
    let message = parts.join(MESSAGE_FILE);
    let removed = fs::remove_file(&message).and_then(|()| fs::remove_dir_all(parts));
    removed.map_err(|e| Failure::file(parts, "cannot be removed", &e))?;
    let parent = parts.parent().filter(|dir| !dir.as_os_str().is_empty());
    sync_directory(parent.unwrap_or(Path::new(".")))
}
