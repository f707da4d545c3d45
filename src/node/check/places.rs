//! Where the node keeps things and where it is called.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

use super::{Look, Why};

const DATA: &str = "store.data";
const MARK: &str = "store.mark";
const SOCKET: &str = "operator.socket";

const MOUNT: &str =
    "mount its disk, or restore it from a backup; if it is gone: `rogatory recover`";

impl Look<'_> {
    /// The data directory, as far as it can be told without opening the store.
    pub(super) fn data(&mut self) {
        let data = &self.config.data;
        let shown = data.display();
        match fs::metadata(data) {
            Err(_) if self.why == Why::Begin && !data.exists() => {}
            Err(error) => self.refuse(DATA, format!("{shown} cannot be read: {error}"), MOUNT),
            Ok(found) if !found.is_dir() => {
                self.refuse(DATA, format!("{shown} is no directory"), MOUNT);
            }
            Ok(_) if !data.join("journal").is_dir() && self.why != Why::Begin => {
                self.refuse(DATA, format!("{shown} holds no journal"), MOUNT);
            }
            Ok(_) => self.writable_directory(DATA, data),
        }
    }

    /// The high-water mark. Its directory is not made here: on a disk that is not mounted the node
    /// would begin a new mark, and notice nothing (I3).
    pub(super) fn mark(&mut self) {
        let mark = &self.config.mark;
        let dir = mark.parent().unwrap_or(Path::new("/"));
        if let Ok(found) = fs::metadata(mark) {
            let opened = match found.is_file() {
                true => OpenOptions::new().write(true).open(mark).map(drop),
                false => Err(io::Error::other("it is no file")),
            };
            if let Err(error) = opened {
                let message = format!("{} cannot be written: {error}", mark.display());
                self.refuse(MARK, message, "the node's user must be able to write it");
            }
        } else if !dir.is_dir() {
            let message = format!("its directory {} is missing", dir.display());
            self.refuse(MARK, message, "mount its disk, or make the directory");
        } else {
            let message = format!(
                "{} is missing: the node cannot tell whether its data are an old copy",
                mark.display()
            );
            self.warn(MARK, message, "expected once after a move to a new machine, and never else");
            self.writable_directory(MARK, dir);
        }
    }

    /// Only the attempt tells: modes say nothing of disks that are mounted read-only.
    fn writable_directory(&mut self, key: &'static str, dir: &Path) {
        // Whoever is about to open it finds out in a moment.
        if self.why.opens() {
            return;
        }
        let probe = dir.join(format!(".probe-{}", std::process::id()));
        let made = File::create_new(&probe).and_then(|_| fs::remove_file(&probe));
        if let Err(error) = made {
            let message = format!("{} cannot be written: {error}", dir.display());
            self.refuse(key, message, "the node's user must own it, and its disk must be writable");
        }
    }

    /// An address that says only "anywhere" cannot be called.
    pub(super) fn agencies(&mut self) {
        let listen = self.config.agency_listen;
        if listen.ip().is_unspecified() && self.config.agency_endpoint.is_none() {
            let message =
                format!("is not set, so profiles of agencies say {listen}, which nobody can call");
            let hint = "set it to the host and port that agencies reach";
            self.warn("agencies.endpoint", message, hint);
        }
    }

    /// What would only fail after the ports are bound.
    pub(super) fn socket(&mut self) {
        let socket = &self.config.operator_socket;
        let shown = socket.display();
        if std::os::unix::net::SocketAddr::from_pathname(socket).is_err() {
            let hint = "name a shorter one, as in \"/run/rogatory/operator.sock\"";
            let message = format!("{shown} is longer than the path of a socket may be");
            self.refuse(SOCKET, message, hint);
        }
        let above = socket.ancestors().skip(1).find(|dir| dir.exists());
        if let Some(file) = above.filter(|dir| !dir.is_dir()) {
            let message = format!("{} is no directory", file.display());
            self.refuse(SOCKET, message, "the socket's directory is made if it is missing");
        }
    }
}
