//! The project's own rules, held by reading its files: who may import whom, and how large files and
//! functions may be.
#![allow(missing_docs)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Every module of `src/` by tier. A module imports from tiers below its own; `lib.rs` has the
/// same table for people.
const TIERS: [&[&str]; 8] = [
    &["domain"],
    &["crypto", "disk"],
    &["envelope", "audit"],
    &["card", "receipt", "asic", "store"],
    &["exchange"],
    &["api"],
    &["home", "config", "telemetry", "client", "node"],
    &["cli", "main"],
];

/// Within tier 6 the node stands on the others, and traces are configured.
const WITHIN_A_TIER: [(&str, &str); 5] = [
    ("node", "home"),
    ("node", "config"),
    ("node", "telemetry"),
    ("node", "client"),
    ("telemetry", "config"),
];

/// Who may use the generated messages: those who put them on a wire or on the disk.
const USES_PB: [&str; 6] = ["envelope", "store", "exchange", "api", "node", "cli"];

/// What a module must not import although it lies below: the exchange is the only way to the
/// store, receipts and the log, and cryptography stays where it is reasoned about.
const NOT_FOR: [(&str, &str); 4] =
    [("api", "store"), ("api", "audit"), ("api", "receipt"), ("api", "crypto")];

/// Where [`NOT_FOR`] is set aside, and why.
const NOT_FOR_BUT: [(&str, &str); 1] = [
    // The id of a test message's request.
    ("api/probe.rs", "crypto"),
];

/// Crates that only these files or directories may name.
const ONLY_IN: [(&str, &[&str]); 14] = [
    ("ring", &["crypto/primitives.rs"]),
    ("hpke", &["crypto/primitives.rs"]),
    // In tls.rs it is rustls's module of that name, which chooses the key exchange.
    // and in certificate.rs webpki's, of the algorithms that it verifies with.
    (
        "aws_lc_rs",
        &["crypto/primitives.rs", "crypto/primitives/", "crypto/certificate.rs", "api/tls.rs"],
    ),
    ("webpki", &["crypto/certificate.rs"]),
    ("crc32fast", &["asic/zip/"]),
    ("miniz_oxide", &["asic/zip/"]),
    ("blake3", &["crypto/primitives.rs"]),
    ("argon2", &["crypto/primitives.rs"]),
    ("sled", &["store/index.rs"]),
    (
        "rustix",
        &["disk.rs", "store/vault/room.rs", "cli/audit/export/swap.rs", "cli/fetch/download.rs"],
    ),
    ("rustls", &["api/tls.rs", "api/https.rs", "api/listen.rs", "client.rs"]),
    ("rcgen", &["home/certificates.rs"]),
    ("tonic", &["api/", "node/", "cli/", "client.rs", "pb.rs"]),
    ("tokio", &["store/", "exchange/", "api/", "node/", "cli/", "main.rs"]),
];

/// What has a side effect or depends on the machine, and who must do without.
const PURE: [&str; 7] = ["domain", "crypto", "envelope", "audit", "card", "receipt", "asic"];
const IMPURE: [&str; 6] =
    ["std::fs", "std::net", "std::process", "std::env", "SystemTime", "Instant::now"];

/// Who reads the clock: everybody else is told the time.
const READS_THE_CLOCK: [&str; 2] = ["node/mod.rs", "cli/"];

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

fn root() -> PathBuf {
    let given = std::env::var("CARGO_MANIFEST_DIR").ok();
    let built = option_env!("CARGO_MANIFEST_DIR").map(str::to_owned);
    PathBuf::from(given.or(built).expect("cargo says where the project is"))
}

struct Source {
    /// Below `src/`, with `/`.
    path: String,
    module: String,
    text: String,
    /// Only compiled for tests.
    test: bool,
}

impl Source {
    /// Lines of code with their numbers: no comments, and nothing from `#[cfg(test)]` `mod tests`
    /// on, which stands at the end of a file.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let is_tests = |n: usize| {
            let next = lines.get(n + 1).map_or("", |line| line.trim());
            lines[n] == "#[cfg(test)]" && next.starts_with("mod ") && next.ends_with('{')
        };
        let end = (0..lines.len()).find(|n| is_tests(*n)).unwrap_or(lines.len());
        let numbered = lines.into_iter().take(end).enumerate();
        numbered.map(|(n, line)| (n + 1, line)).filter(|(_, line)| !is_comment(line))
    }

    fn is_in(&self, places: &[&str]) -> bool {
        let here = |place: &&str| match place.ends_with('/') {
            true => self.path.starts_with(*place),
            false => self.path == *place,
        };
        places.iter().any(here)
    }
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with("//")
}

fn files_below(dir: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap_or_else(|e| panic!("{}: {e}", dir.display()))
        .map(|entry| entry.expect("readable").path())
        .collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let skipped = name == "target" || name == ".git" || name.ends_with(".profraw");
        if path.is_dir() && !path.is_symlink() {
            if !skipped {
                files_below(&path, found);
            }
        } else if path.is_file() && !skipped {
            found.push(path);
        }
    }
}

fn sources() -> Vec<Source> {
    let src = root().join("src");
    let mut files = Vec::new();
    files_below(&src, &mut files);
    let rust = files.iter().filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let read = |path: &PathBuf| {
        let below = path.strip_prefix(&src).expect("below src").to_str().expect("UTF-8");
        let module = below.split('/').next().expect("a part").trim_end_matches(".rs");
        let name = below.rsplit('/').next().expect("a part").trim_end_matches(".rs");
        let test = ["tests", "testing"].contains(&name)
            || name.ends_with("_tests")
            || below.split('/').any(|part| part == "tests");
        Source {
            path: below.to_owned(),
            module: module.to_owned(),
            text: fs::read_to_string(path).expect("UTF-8"),
            test,
        }
    };
    let sources: Vec<Source> = rust.map(read).collect();
    assert!(sources.len() > 50, "only {} files found below {}", sources.len(), src.display());
    sources
}

fn tier(module: &str) -> Option<usize> {
    TIERS.iter().position(|modules| modules.contains(&module))
}

/// The modules that `crate::…` names in a line; `crate::{a, b}` names several.
fn imports(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for after in line.split("crate::").skip(1) {
        let word_end = |text: &str| {
            text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
        };
        match after.strip_prefix('{') {
            None => found.push(&after[..word_end(after)]),
            Some(list) => {
                let list = list.split('}').next().unwrap_or_default();
                found.extend(list.split(',').map(|item| {
                    let item = item.trim();
                    &item[..word_end(item)]
                }));
            }
        }
    }
    found.retain(|module| !module.is_empty());
    found
}

/// Why `source` may not import `module`, if it may not.
fn objection(source: &Source, module: &str) -> Option<String> {
    let from = source.module.as_str();
    if from == module || ["lib", "pb"].contains(&from) {
        return None;
    }
    if module == "pb" {
        return (!USES_PB.contains(&from)).then(|| {
            format!("{from} must not know the generated messages (USES_PB in tests/tidy.rs)")
        });
    }
    let Some(own) = tier(from) else {
        return Some(format!("{from} stands in no tier: add it to TIERS and to lib.rs"));
    };
    // A macro or an item of the crate's root, not a module.
    let other = tier(module)?;
    if other > own || (other == own && !WITHIN_A_TIER.contains(&(from, module))) {
        return Some(format!("{from} is of tier {own}, {module} of tier {other}"));
    }
    let excepted = NOT_FOR_BUT.contains(&(source.path.as_str(), module));
    (NOT_FOR.contains(&(from, module)) && !excepted)
        .then(|| format!("{from} must not know {module} (NOT_FOR in tests/tidy.rs)"))
}

/// Whether a line names a crate: at the start of a path, not as a part of another's.
fn names_crate(line: &str, name: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let begins = |at: usize| {
        let before = code[..at].trim_end();
        let glued =
            code[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || "_:.\"".contains(c));
        let used = before.ends_with("use") || before.ends_with("extern crate");
        let after = &code[at + name.len()..];
        !glued && (after.starts_with("::") || (used && after.starts_with([';', ' '])))
    };
    code.match_indices(name).any(|(at, _)| begins(at))
}

fn fail_if_any(broken: &str, rule: &str) {
    assert!(broken.is_empty(), "{rule}:\n{broken}");
}

#[test]
fn modules_import_only_from_tiers_below_their_own() {
    let mut broken = String::new();
    for source in sources().iter().filter(|source| !source.test) {
        for (line_number, line) in source.code() {
            for module in imports(line) {
                if let Some(why) = objection(source, module) {
                    let _ = writeln!(broken, "  src/{}:{line_number}: {why}", source.path);
                }
            }
        }
    }
    fail_if_any(&broken, "imports against the tiers");
}

#[test]
fn every_module_stands_in_a_tier() {
    let modules: Vec<&str> = TIERS.iter().flat_map(|modules| modules.iter().copied()).collect();
    let sources = sources();
    for source in &sources {
        let module = source.module.as_str();
        let known = modules.contains(&module) || ["lib", "pb"].contains(&module);
        assert!(known, "src/{} is in no tier: add {module} to TIERS and to lib.rs", source.path);
    }
    for module in modules {
        let there = sources.iter().any(|source| source.module == module);
        assert!(there, "{module} stands in TIERS and not in src/");
    }
}

#[test]
fn a_library_is_named_only_where_it_is_wrapped() {
    let mut broken = String::new();
    for source in sources().iter().filter(|source| !source.test) {
        for (line_number, line) in source.code() {
            for (name, places) in ONLY_IN {
                if names_crate(line, name) && !source.is_in(places) {
                    let at = format!("  src/{}:{line_number}", source.path);
                    let _ = writeln!(broken, "{at}: {name} is for {} only", places.join(", "));
                }
            }
        }
    }
    fail_if_any(&broken, "libraries named outside their place");
}

#[test]
fn what_is_pure_touches_no_machine_and_only_the_node_reads_the_clock() {
    let mut broken = String::new();
    for source in sources().iter().filter(|source| !source.test) {
        for (line_number, line) in source.code() {
            let at = format!("  src/{}:{line_number}", source.path);
            let impure = IMPURE.iter().find(|word| line.contains(**word));
            if let (true, Some(word)) = (PURE.contains(&source.module.as_str()), impure) {
                let _ = writeln!(broken, "{at}: {word} in {}, which is pure", source.module);
            }
            let clock = line.contains("SystemTime::now") || line.contains("now_utc()");
            if clock && !source.is_in(&READS_THE_CLOCK) {
                let _ = writeln!(broken, "{at}: reads the clock; take the time as a parameter");
            }
        }
    }
    fail_if_any(&broken, "side effects where there must be none");
}

#[test]
fn no_file_is_too_long() {
    let mut broken = String::new();
    for source in sources() {
        let lines = source.text.lines().count();
        if lines > FILE_LINES_MAX {
            let _ = writeln!(broken, "  src/{}: {lines} lines", source.path);
        }
    }
    fail_if_any(&broken, &format!("files of more than {FILE_LINES_MAX} lines"));
}

/// Codes that a piece of code gives a refusal: those behind the two that make one.
fn codes(text: &str) -> Vec<&str> {
    fn first(call: &str) -> Option<&str> {
        let quoted = call.trim_start().strip_prefix('"')?;
        quoted.split_once('"').map(|(code, _)| code)
    }
    let behind = |begin| text.split(begin).skip(1);
    behind("::conflict(").chain(behind("::exhausted(")).filter_map(first).collect()
}

#[test]
fn every_code_of_a_refusal_is_documented() {
    let document = fs::read_to_string(root().join("docs/exchange.md")).expect("readable");
    let (mut broken, mut found) = (String::new(), 0);
    for source in sources().iter().filter(|source| !source.test) {
        for code in codes(&source.text) {
            found += 1;
            if !document.contains(&format!("`{code}`")) {
                let _ = writeln!(broken, "  {code}: src/{}", source.path);
            }
        }
    }
    assert!(found > 30, "only {found} codes found");
    fail_if_any(&broken, "codes that docs/exchange.md does not explain");
}

/// Whether a line begins a function, going by how rustfmt writes one.
fn begins_function(line: &str) -> bool {
    let mut words = line.split_whitespace();
    let modifiers = ["pub", "pub(crate)", "pub(super)", "async", "const", "unsafe", "extern"];
    let first = words.find(|word| !modifiers.contains(word) && !word.starts_with("pub(in"));
    first == Some("fn")
}

#[test]
fn no_function_is_too_long() {
    let mut broken = String::new();
    for source in sources() {
        let lines: Vec<&str> = source.text.lines().collect();
        for (start, line) in lines.iter().enumerate() {
            if is_comment(line) || !begins_function(line) {
                continue;
            }
            // It ends at the brace in its own column; one without a body, at its semicolon.
            let indent = &line[..line.len() - line.trim_start().len()];
            let is_end = |text: &str| {
                let rest = text.strip_prefix(indent).unwrap_or_default();
                rest == "}" || (rest.ends_with(';') && !rest.starts_with(' ') && rest.contains(')'))
            };
            let on_one_line = line.ends_with('}') || line.ends_with(';');
            let length = match on_one_line {
                true => 1,
                false => lines[start..].iter().position(|text| is_end(text)).unwrap_or(0) + 1,
            };
            if length > FUNCTION_LINES_MAX {
                let name = line.split("fn ").nth(1).unwrap_or(line);
                let name = name.split(['(', '<']).next().unwrap_or(name);
                let at = format!("  src/{}:{}", source.path, start + 1);
                let _ = writeln!(broken, "{at}: {name} has {length} lines");
            }
        }
    }
    fail_if_any(&broken, &format!("functions of more than {FUNCTION_LINES_MAX} lines"));
}

#[test]
fn the_rules_see_what_they_are_for() {
    assert_eq!(imports("use crate::{api, store::Tx};"), ["api", "store"]);
    assert_eq!(imports("let x = crate::node::now();"), ["node"]);
    assert!(imports("pub(crate) fn f()").is_empty());
    assert!(names_crate("use sled::Db;", "sled") && names_crate("let d: sled::Db", "sled"));
    assert!(!names_crate("use rustls::crypto::ring::x;", "ring"));
    assert!(!names_crate("the_ring::x", "ring") && !names_crate("// sled::Db", "sled"));
    assert!(begins_function("    pub(crate) async fn f(") && !begins_function("let f = 1;"));
    let source = |module: &str, path: &str| Source {
        path: path.into(),
        module: module.into(),
        text: String::new(),
        test: false,
    };
    assert!(objection(&source("envelope", "envelope/x.rs"), "audit").is_some());
    assert!(objection(&source("exchange", "exchange/x.rs"), "api").is_some());
    assert!(objection(&source("exchange", "exchange/x.rs"), "store").is_none());
    assert!(objection(&source("api", "api/exchange.rs"), "crypto").is_some());
    assert!(objection(&source("new", "new.rs"), "domain").is_some());
}
