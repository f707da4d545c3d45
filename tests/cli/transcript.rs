//! Runs a transcript, and compares it with what it was.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::names::Names;

/// Nothing here takes longer than this unless it hangs: as long as other nodes that are processes
/// of their own get.
const DEADLINE: Duration = Duration::from_secs(180);

pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli")
}

/// Runs a transcript.
pub fn holds(name: &str) {
    let path = directory().join(format!("{name}.txt"));
    let expected = std::fs::read_to_string(&path).expect("there is a transcript");
    let writes = std::env::var_os("TRANSCRIPTS").is_some_and(|word| word == "write");
    let dir = tempfile::tempdir().expect("a directory");
    let mut stage = Stage::new(dir.path(), writes);
    let seen: String = blocks(&expected).into_iter().map(|block| stage.play(block)).collect();
    if writes {
        std::fs::write(&path, seen).expect("written");
    } else {
        compare(name, &expected, &seen);
    }
}

/// A command and what follows it, or lines without a command.
fn blocks(text: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = vec![0];
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if !line.starts_with(['|', '!', '?']) {
            starts.push(at);
        }
        at += line.len();
    }
    starts.push(text.len());
    starts.windows(2).map(|two| &text[two[0]..two[1]]).filter(|block| !block.is_empty()).collect()
}

struct Stage {
    dir: PathBuf,
    names: Names,
    nodes: BTreeMap<String, Child>,
    /// Whether what is seen is to be believed.
    writes: bool,
}

impl Stage {
    fn new(dir: &Path, writes: bool) -> Self {
        let dir = dir.canonicalize().expect("there");
        Self { names: Names::new(&dir), dir, nodes: BTreeMap::new(), writes }
    }

    /// Plays a block; gives it as it was seen.
    fn play(&mut self, block: &str) -> String {
        let line = block.lines().next().unwrap_or_default();
        match line.split_once(' ') {
            Some(("$", _)) => self.once(block, line),
            Some(("~", _)) => self.until(block, line),
            Some(("+", home)) => {
                self.start(home);
                block.to_owned()
            }
            Some(("-", home)) => {
                self.stop(home);
                block.to_owned()
            }
            _ => block.to_owned(),
        }
    }

    /// Runs a command once; what fits what was expected is shown as it was expected.
    fn once(&mut self, block: &str, line: &str) -> String {
        let mut names = self.names.clone();
        let seen = self.run(&mut names, line);
        self.names = names;
        as_expected(block, &seen)
    }

    fn until(&mut self, block: &str, line: &str) -> String {
        let deadline = Instant::now() + if self.writes { DEADLINE / 12 } else { DEADLINE };
        loop {
            let mut names = self.names.clone();
            let seen = self.run(&mut names, line);
            if fits(block, &seen) || Instant::now() > deadline {
                self.names = names;
                return as_expected(block, &seen);
            }
        }
    }

    fn run(&self, names: &mut Names, line: &str) -> String {
        let command = names.resolve(&line[2..]);
        let limit = DEADLINE.as_secs().to_string();
        let done = self.command("timeout").args([&limit, "sh", "-c", &command]).output();
        let done = done.expect("sh runs");
        let mut seen = format!("{line}\n");
        for (mark, bytes) in [('|', done.stdout), ('!', done.stderr)] {
            for text in String::from_utf8(bytes).expect("UTF-8").lines() {
                let _ = writeln!(seen, "{}", format!("{mark} {}", names.name(text)).trim_end());
            }
        }
        match done.status.code() {
            Some(0) => seen,
            code => seen + &format!("? {}\n", code.unwrap_or(-1)),
        }
    }

    /// A program in the directory of the transcript, with nothing of ours in its environment.
    fn command(&self, program: &str) -> Command {
        let binary = Path::new(env!("CARGO_BIN_EXE_rogatory"));
        let path = std::env::var("PATH").unwrap_or_default();
        let path = format!("{}:{path}", binary.parent().expect("a directory").display());
        let mut command = Command::new(program);
        command.current_dir(&self.dir).stdin(Stdio::null());
        let ours = |name: &str| name.starts_with("ROGATORY_") || name.starts_with("RUST_");
        for (name, _) in std::env::vars_os() {
            let other = ["NOTIFY_SOCKET", "CREDENTIALS_DIRECTORY", "COLUMNS", "NO_COLOR"];
            if name.to_str().is_some_and(|name| ours(name) || other.contains(&name)) {
                command.env_remove(name);
            }
        }
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        command.env("PATH", path).env("LC_ALL", "C").env("EXAMPLES", examples);
        command
    }

    /// Starts a node and waits for its word that it is ready.
    fn start(&mut self, home: &str) {
        let socket = self.dir.join("ready");
        let _ = std::fs::remove_file(&socket);
        let ready = UnixDatagram::bind(&socket).expect("a socket");
        ready.set_read_timeout(Some(DEADLINE)).expect("a deadline");
        let trace = std::fs::File::create(self.dir.join(format!("{home}.log"))).expect("a file");
        let child = self
            .command("rogatory")
            .args(["serve", "--config", &format!("{home}/rogatory.toml")])
            .env("NOTIFY_SOCKET", &socket)
            .stderr(trace)
            .spawn()
            .expect("it starts");
        self.nodes.insert(home.to_owned(), child);
        let mut word = [0; 64];
        let len = ready.recv(&mut word).unwrap_or_else(|error| {
            let trace = std::fs::read_to_string(self.dir.join(format!("{home}.log")));
            panic!("{home} does not become ready ({error}):\n{}", trace.unwrap_or_default())
        });
        assert_eq!(&word[..len], b"READY=1\n");
        std::fs::remove_file(&socket).expect("removed");
    }

    fn stop(&mut self, home: &str) {
        let mut child = self.nodes.remove(home).expect("it was started");
        let pid = child.id().to_string();
        Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(child.wait().expect("it ends").success(), "{home} stops in order");
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for child in self.nodes.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// What was seen, with the lines that fit as they were expected.
fn as_expected(expected: &str, seen: &str) -> String {
    let mut expected = expected.lines();
    let line = |seen| match expected.next() {
        Some(expected) if line_fits(expected, seen) => expected,
        _ => seen,
    };
    seen.lines().map(line).flat_map(|line| [line, "\n"]).collect()
}

/// Whether a block is what was expected, where `[..]` is anything.
fn fits(expected: &str, seen: &str) -> bool {
    expected.lines().count() == seen.lines().count()
        && expected.lines().zip(seen.lines()).all(|(expected, seen)| line_fits(expected, seen))
}

fn line_fits(expected: &str, seen: &str) -> bool {
    let parts: Vec<&str> = expected.split("[..]").collect();
    let [first, middle @ .., last] = parts.as_slice() else { return expected == seen };
    let Some(mut rest) = seen.strip_prefix(first).and_then(|rest| rest.strip_suffix(last)) else {
        return false;
    };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    true
}

fn compare(name: &str, expected: &str, seen: &str) {
    let (mut lines, mut differences) = (expected.lines(), String::new());
    for (number, seen) in (1..).zip(seen.lines()) {
        let expected = lines.next().unwrap_or("(the end)");
        if expected != seen {
            let _ = writeln!(
                differences,
                "{name}.txt:{number}\n  expected: {expected}\n  seen:     {seen}"
            );
        }
    }
    assert!(
        differences.is_empty() && lines.next().is_none(),
        "tests/cli/{name}.txt is not what happens. To take it over after reading it: \
         TRANSCRIPTS=write cargo test --test cli {name}\n{differences}\nall of it:\n{seen}"
    );
}

#[test]
fn anything_is_within_a_line() {
    for (expected, seen, fit) in [
        ("a", "a", true),
        ("a", "ab", false),
        ("a[..]", "abc", true),
        ("a[..]c", "abc", true),
        ("a[..]c", "abd", false),
        ("a[..]c", "abcd", false),
        ("a[..]c", "acbc", true),
        ("a[..]a", "a", false),
        ("a[..]b[..]c", "a-c", false),
        ("[..]", "", true),
    ] {
        assert_eq!(line_fits(expected, seen), fit, "{expected} {seen}");
    }
    assert!(!fits("a\n", "a\nb\n"));
}
