//! Measuring, and telling what was measured.

use std::fs;
use std::hint::black_box;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Samples of which the median counts.
const SAMPLES: usize = 31;
/// A sample is at least so long.
const SAMPLE_LEAST: Duration = Duration::from_millis(50);

/// What is measured in one run.
pub struct Bench {
    dir: PathBuf,
    rows: Vec<Row>,
}

struct Row {
    what: String,
    cost: String,
    floor: String,
    ratio: String,
}

impl Bench {
    pub fn new() -> anyhow::Result<Self> {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-audit");
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        fs::create_dir_all(&dir)?;
        Ok(Self { dir, rows: Vec::new() })
    }

    /// Where files may be written; gone at the next run.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Measures what `run` does once: nanoseconds, the median of samples that are each long enough for
    /// the clock, after a warm-up. The median, because what disturbs a machine comes in bursts.
    pub fn measure<T>(&self, mut run: impl FnMut() -> T) -> f64 {
        let mut sample = |times: u32| {
            let begun = Instant::now();
            for _ in 0..times {
                black_box(run());
            }
            begun.elapsed()
        };
        let mut times = 1;
        while sample(times) < SAMPLE_LEAST && times < 1 << 24 {
            times *= 2;
        }
        let mut samples: Vec<f64> =
            (0..SAMPLES).map(|_| sample(times).as_nanos() as f64 / f64::from(times)).collect();
        samples.sort_by(f64::total_cmp);
        samples[SAMPLES / 2]
    }

    /// A figure with its floor, both in nanoseconds.
    pub fn beside(&mut self, what: &str, cost: f64, floor: &str, least: f64) {
        self.rows.push(Row {
            what: what.to_owned(),
            cost: time(cost),
            floor: format!("{} {floor}", time(least)),
            ratio: format!("{:.1}", cost / least),
        });
    }

    /// A figure that has no floor.
    pub fn figure(&mut self, what: &str, cost: String) {
        let (floor, ratio) = (String::new(), String::new());
        self.rows.push(Row { what: what.to_owned(), cost, floor, ratio });
    }

    /// Prints all of it as a table of Markdown.
    pub fn tell(&self) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "\n| | cost | floor | ratio |\n|---|---|---|---|")?;
        for Row { what, cost, floor, ratio } in &self.rows {
            writeln!(out, "| {what} | {cost} | {floor} | {ratio} |")?;
        }
        fs::remove_dir_all(&self.dir)?;
        Ok(())
    }
}

fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.1} µs", ns / 1e3),
        ns if ns < 1e9 => format!("{:.2} ms", ns / 1e6),
        ns => format!("{:.2} s", ns / 1e9),
    }
}

/// Bytes of all files below a directory, as the file system keeps them.
pub fn bytes_below(dir: &Path) -> anyhow::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    let mut bytes = 0;
    for item in fs::read_dir(dir)? {
        let item = item?;
        bytes += match item.file_type()?.is_dir() {
            true => bytes_below(&item.path())?,
            false => item.metadata()?.blocks() * 512,
        };
    }
    Ok(bytes)
}
