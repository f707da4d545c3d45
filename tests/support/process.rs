//! Nodes as processes of their own, to be killed.
#![allow(dead_code, missing_docs)] // Each test file uses its part.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rogatory::client::Profile;
use rogatory::pb::v1 as pb;

use super::Agency;
use super::ports::free_port;
use pb::agency_service_client::AgencyServiceClient;

/// Until a node that was started says that it is ready: more than other things get, because some run
/// under a tracer.
const READY_WITHIN: Duration = Duration::from_secs(180);

pub const ROGATORY: &str = env!("CARGO_BIN_EXE_rogatory");

/// A home and the process that runs on it, if one does.
pub struct Process {
    pub home: PathBuf,
    pub authority: &'static str,
    child: Option<Child>,
    /// What the command line begins with: nothing, or a tracer.
    pub under: Vec<String>,
}

/// Runs the program to its end; gives its standard output.
pub fn run(args: &[&str]) -> String {
    let done = Command::new(ROGATORY).args(args).output().expect("it runs");
    let talk = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{args:?}: {talk}");
    String::from_utf8(done.stdout).expect("UTF-8")
}

fn free_address() -> String {
    format!("127.0.0.1:{}", free_port())
}

impl Process {
    pub fn new(root: &Path, authority: &'static str) -> Self {
        let home = root.join(authority);
        let (listen, agency) = (free_address(), free_address());
        let path = home.to_str().expect("UTF-8");
        run(&[
            "init",
            "--authority",
            authority,
            "--name",
            "An authority",
            "--home",
            path,
            "--listen",
            &listen,
            "--endpoint",
            &listen,
            "--agency-listen",
            &agency,
            "--insecure-plain-keys",
        ]);
        super::quick_retries(&home);
        Self { home, authority, child: None, under: Vec::new() }
    }

    pub fn path(&self) -> &str {
        self.home.to_str().expect("UTF-8")
    }

    pub fn trust(&self, other: &Process) {
        let card = other.home.join("card.txt");
        let card = card.to_str().expect("UTF-8");
        let shown = run(&["card", "show", card, "--output", "json"]);
        let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
        let words = shown["fingerprint_words"].as_str().expect("words");
        run(&["peer", "add", card, "--home", self.path(), "--fingerprint", words]);
    }

    /// The profile of a new agency.
    pub fn agency(&self, name: &str, roles: &str) -> PathBuf {
        let args = ["agency", "add", name, "--home", self.path(), "--roles", roles, "--all-cases"];
        run(&args);
        self.home.join(format!("agencies/{name}.profile.toml"))
    }

    /// Starts the node and waits until it says that it is ready.
    pub fn start(&mut self) {
        let socket = self.home.join("ready.sock");
        let _ = std::fs::remove_file(&socket);
        let ready = UnixDatagram::bind(&socket).expect("a socket");
        ready.set_read_timeout(Some(READY_WITHIN)).expect("a deadline");
        let config = self.home.join("rogatory.toml");
        let trace = self.home.join("trace.log");
        let trace = std::fs::OpenOptions::new().create(true).append(true).open(trace);
        let words: Vec<String> = self.under.iter().cloned().chain([ROGATORY.to_owned()]).collect();
        let child = Command::new(&words[0])
            .args(&words[1..])
            .args(["serve", "--config", config.to_str().expect("UTF-8")])
            .env("NOTIFY_SOCKET", &socket)
            .stdout(Stdio::null())
            .stderr(trace.expect("a file"))
            .spawn()
            .expect("it starts");
        self.child = Some(child);
        let mut said = [0; 64];
        let len = ready.recv(&mut said).unwrap_or_else(|error| panic!("{}", self.silent(&error)));
        assert_eq!(&said[..len], b"READY=1\n");
    }

    /// What is known of a node that has not said that it is ready.
    fn silent(&mut self, error: &std::io::Error) -> String {
        let ended = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
        let said = std::fs::read_to_string(self.home.join("trace.log")).unwrap_or_default();
        format!("{} is not ready: {error}; ended: {ended:?}; it said:\n{said}", self.authority)
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            kill_traced(&child);
            // A tracer ends by itself when what it traces has ended.
            if self.under.is_empty() {
                child.kill().expect("it can be killed");
            }
            child.wait().expect("it ends");
        }
    }

    /// SIGTERM, and its end.
    pub fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let pid = child.id().to_string();
            Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
            let ended = child.wait().expect("it ends");
            assert!(ended.success(), "a graceful stop: {ended}");
        }
    }

    /// Exports the log of this home and verifies it against its card.
    pub fn verify_log(&self) -> serde_json::Value {
        let out = self.home.join("export");
        let out = out.to_str().expect("UTF-8");
        run(&["audit", "export", "--home", self.path(), "--out", out]);
        let card = self.home.join("card.txt");
        let card = card.to_str().expect("UTF-8");
        let report = run(&["audit", "verify", out, "--card", card, "--output", "json"]);
        serde_json::from_str(&report).expect("JSON")
    }
}

/// Kills the children of a process: a tracer that is killed leaves what it traces behind.
fn kill_traced(child: &Child) {
    let pid = child.id();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    for traced in children.unwrap_or_default().split_whitespace() {
        let _ = Command::new("kill").args(["-KILL", traced]).status();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            kill_traced(child);
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

pub async fn connect(profile: &Path) -> Agency {
    let profile = Profile::read(profile).expect("a profile");
    AgencyServiceClient::new(profile.connect().await.expect("connects"))
}
