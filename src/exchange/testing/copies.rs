//! Copies of homes, and going back to them.

use std::path::Path;

use super::Lone;
use crate::domain::AuthorityId;
use crate::store::{Behind, Store};

impl Lone {
    /// Keeps a copy of the data directory as it is now.
    pub(in crate::exchange) fn backup(&mut self) -> tempfile::TempDir {
        let kept = tempfile::tempdir().expect("a directory");
        self.x().store.stop();
        copy_dir(&self.path().join("data"), kept.path());
        self.restart();
        kept
    }

    /// Puts the copy in the place of the data directory, and opens it until it has what `note` covers.
    pub(in crate::exchange) fn restore(&mut self, kept: &Path, note: &str) {
        let authority = self.x().me.clone();
        self.x().store.stop();
        self.opened = None;
        std::fs::remove_dir_all(self.path().join("data")).expect("removed");
        std::fs::create_dir(self.path().join("data")).expect("made");
        copy_dir(kept, &self.path().join("data"));
        self.open_behind(&authority, note);
    }

    /// As if putting back had been cut off, and begun again.
    pub(in crate::exchange) fn reopen_behind(&mut self, note: &str) {
        let authority = self.x().me.clone();
        self.x().store.stop();
        self.opened = None;
        self.open_behind(&authority, note);
    }

    fn open_behind(&mut self, authority: &AuthorityId, note: &str) {
        let behind = Behind { note: note.to_owned(), from_nothing: false };
        let (store, _) =
            Store::open_behind(self.store_settings(authority), &behind).expect("opens");
        self.opened = Some(self.exchange(store, authority));
    }
}

fn copy_dir(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status();
    assert!(done.expect("cp runs").success());
}
