//! Processes of this very program, and the ports that they listen on.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Read as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use tokio::net::UnixDatagram;

use crate::crypto::random;

/// How long a node may take to say that it is ready, and to stop: what only a hang reaches, on a
/// loaded machine too.
const READY_WITHIN: Duration = Duration::from_secs(180);
const STOPPED_WITHIN: Duration = Duration::from_secs(60);

/// How often a process is asked whether it still lives, while we wait for its word.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often a command is asked whether it has ended.
const COMMAND_LOOK_EVERY: Duration = Duration::from_millis(5);

/// A process that does not outlive this.
pub(super) struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only for a process that has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts the node of a configuration, and waits for its word that it is ready, on a socket
    /// that is made for it. What the node traces is put behind what `trace` has.
    pub(super) async fn start(config: &Path, notify: &Path, trace: &Path) -> Result<Self> {
        // The socket of an earlier start; a missing one is none.
        let _ = fs::remove_file(notify);
        let word = UnixDatagram::bind(notify)
            .with_context(|| format!("{} cannot be made", notify.display()))?;
        let trace = OpenOptions::new().create(true).append(true).open(trace)?;
        let child = program()?
            .args([OsStr::new("serve"), OsStr::new("--config"), config.as_os_str()])
            .env("NOTIFY_SOCKET", notify)
            .stdin(Stdio::null())
            .stdout(trace.try_clone()?)
            .stderr(trace)
            .spawn()
            .context("cannot be started")?;
        let mut running = Self(child);
        running.ready(&word).await?;
        Ok(running)
    }

    /// Kills the process with SIGKILL: it has no time for anything.
    pub(super) fn kill(mut self) -> Result<()> {
        let ended = self.0.try_wait()?;
        ensure!(ended.is_none(), "had ended already");
        // Dropping it kills it.
        Ok(())
    }

    /// Asks the process to stop, and waits until it has.
    pub(super) async fn stop(mut self) -> Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        // Without a `kill` program there is no gentle way.
        if !asked.is_ok_and(|status| status.success()) {
            return self.kill();
        }
        let deadline = Instant::now() + STOPPED_WITHIN;
        while Instant::now() < deadline {
            if let Some(status) = self.0.try_wait()? {
                ensure!(status.success(), "ended with {status}");
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY / 5).await;
        }
        bail!("does not stop when it is asked to")
    }

    /// Waits for `READY=1` of sd_notify(3), or for the end of the process.
    async fn ready(&mut self, notify: &UnixDatagram) -> Result<()> {
        let deadline = Instant::now() + READY_WITHIN;
        let mut datagram = [0; 4096];
        while Instant::now() < deadline {
            if let Ok(size) = tokio::time::timeout(LOOK_EVERY, notify.recv(&mut datagram)).await {
                let mut lines = datagram[..size?].split(|byte| *byte == b'\n');
                if lines.any(|line| line == b"READY=1") {
                    return Ok(());
                }
            } else if let Some(status) = self.0.try_wait()? {
                bail!("ended before it was ready, with {status}");
            }
        }
        bail!("has not said within {} seconds that it is ready", READY_WITHIN.as_secs())
    }
}

/// This program, without what the environment says to it about other homes.
fn program() -> Result<Command> {
    let mut command = Command::new(std::env::current_exe().context("where is this program?")?);
    for name in ["ROGATORY_HOME", "ROGATORY_PROFILE", "ROGATORY_PASSPHRASE_FILE", "NOTIFY_SOCKET"] {
        command.env_remove(name);
    }
    Ok(command)
}

/// Runs a command of this program to its end; gives what it wrote to its standard output. What
/// these commands write fits into a pipe, so it can wait there until they have ended.
pub(super) async fn rogatory<'a>(args: impl Iterator<Item = &'a OsStr>) -> Result<String> {
    let args: Vec<_> = args.collect();
    let shown = args.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ");
    let mut command = program()?;
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut running = Running(command.spawn()?);
    let status = loop {
        match running.0.try_wait()? {
            Some(status) => break status,
            None => tokio::time::sleep(COMMAND_LOOK_EVERY).await,
        }
    };
    let (mut data, mut talk) = (String::new(), String::new());
    if let (Some(out), Some(err)) = (&mut running.0.stdout, &mut running.0.stderr) {
        out.read_to_string(&mut data)?;
        err.read_to_string(&mut talk)?;
    }
    ensure!(status.success(), "`rogatory {shown}` ended with {status}:\n{}", talk.trim_end());
    Ok(data)
}

/// Ports on which nobody listens. They lie below those that kernels give to outgoing connections,
/// so that none of these takes the port of a node while it is down.
pub(super) fn free_ports<const N: usize>() -> Result<[u16; N]> {
    const FIRST: u16 = 20_000;
    const SPAN: u16 = 12_000;
    let mut held: Vec<(u16, TcpListener)> = Vec::new();
    for _ in 0..1000 {
        let port = FIRST + u16::from_le_bytes(random()) % SPAN;
        held.extend(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok().map(|held| (port, held)));
        if held.len() == N {
            break;
        }
    }
    let ports: Vec<u16> = held.iter().map(|(port, _)| *port).collect();
    ports
        .try_into()
        .map_err(|_| anyhow!("this machine has no free ports on {}", Ipv4Addr::LOCALHOST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_differ() {
        let mut ports = free_ports::<6>().expect("free").to_vec();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 6);
    }

    #[tokio::test]
    async fn readiness_is_heard_among_other_news() {
        let dir = tempfile::tempdir().expect("made");
        let path = dir.path().join("s");
        let notify = UnixDatagram::bind(&path).expect("bound");
        let child = Command::new("cat").stdin(Stdio::piped()).spawn().expect("started");
        let node = UnixDatagram::unbound().expect("made");
        node.send_to(b"STATUS=opening the store", &path).await.expect("sent");
        node.send_to(b"MAINPID=1\nREADY=1\n", &path).await.expect("sent");
        Running(child).ready(&notify).await.expect("ready");
    }

    #[tokio::test]
    async fn a_process_that_ends_is_not_waited_for() {
        let dir = tempfile::tempdir().expect("made");
        let notify = UnixDatagram::bind(dir.path().join("s")).expect("bound");
        let child = Command::new("false").spawn().expect("started");
        let error = Running(child).ready(&notify).await.expect_err("it ended");
        assert!(error.to_string().starts_with("ended before it was ready"), "{error}");
    }
}
