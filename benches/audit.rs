//! What the audit log costs, each figure beside its floor: the least that the same work could cost on
//! this machine, measured in the same run.
//!
//! ```sh
//! cargo bench --bench audit               # some minutes; needs 1 GB of disk and of memory
//! cargo bench --bench audit -- --big      # with 10 million entries: 5 GB of disk, about 10 minutes
//! cargo bench --bench audit -- append     # only groups whose names have this in them
//! ```
//!
//! docs/audit.md (Scale) says what each floor is.
#![allow(missing_docs)]

#[path = "groups/append.rs"]
mod append;
#[path = "../examples/big-export.rs"]
#[allow(dead_code)]
mod big_export;
mod common;
#[path = "groups/proofs.rs"]
mod proofs;
#[path = "groups/whole.rs"]
mod whole;

use common::Bench;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["--measure", what, dir] = arguments[..] {
        return whole::measured(what, dir.as_ref());
    }
    // cargo test runs benches too, to see that they run; it measures nothing.
    if !arguments.contains(&"--bench") {
        return Ok(());
    }
    let named = arguments.iter().find(|argument| !argument.starts_with("--"));
    let wanted = |name: &str| named.is_none_or(|named| name.contains(*named));
    let mut bench = Bench::new()?;
    if wanted("append") {
        append::run(&mut bench)?;
    }
    if wanted("proofs") {
        proofs::run(&mut bench)?;
    }
    if wanted("export") {
        let entries = if arguments.contains(&"--big") { 10_000_000 } else { 1_000_000 };
        whole::run(&mut bench, entries)?;
    }
    bench.tell()
}
