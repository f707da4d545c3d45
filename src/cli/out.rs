//! The only place that writes to standard output and standard error.
//!
//! Standard output has data and nothing else: tables for people or, with `--output json`, one
//! object a line. Whatever a person is told beside it goes to standard error. Control characters
//! never reach a terminal: names and texts come from other States.
//!
//! It is also the only place that says a thing in another language than English. JSON, and what
//! others have written, are the same in all of them.

use std::io::{self, Write};
use std::os::fd::AsFd as _;
use std::sync::Arc;

use clap::ValueEnum;
use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use tokio::io::Interest;
use tokio::net::unix::pipe;

use super::catalogue::{self, Catalogue, MessageLanguage};
use super::exit::{Exit, Failure};
use super::screen::{escaped, isolated, printable};

/// How data is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables for people.
    #[default]
    Table,
    /// JSON: one object, or one a line.
    Json,
}

/// Where a command writes.
pub struct Out {
    format: Format,
    data: Box<dyn Write + Send>,
    talk: Box<dyn Write + Send>,
    lost: Option<io::Error>,
    /// Whether these are the process's own streams.
    own: bool,
    catalogue: Arc<Catalogue>,
}

impl Out {
    /// Writes to the process's own streams, to people in this language.
    pub fn new(format: Format, language: MessageLanguage) -> Self {
        let out = Self::to(format, Box::new(io::stdout()), Box::new(io::stderr()), true);
        Self { catalogue: Arc::new(Catalogue::of(language)), ..out }
    }

    /// The same streams anew, after data was lost.
    pub(super) fn again(&self) -> Self {
        let out = Self::to(Format::Table, Box::new(io::sink()), Box::new(io::stderr()), true);
        Self { catalogue: Arc::clone(&self.catalogue), ..out }
    }

    fn to(
        format: Format,
        data: Box<dyn Write + Send>,
        talk: Box<dyn Write + Send>,
        own: bool,
    ) -> Self {
        Self { format, data, talk, lost: None, own, catalogue: Arc::default() }
    }

    /// Whether data is to be JSON.
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Whether nobody reads the data any more, so that a stream may end.
    pub fn is_closed(&self) -> bool {
        self.lost.is_some()
    }

    /// Waits until nobody reads the data any more, and for ever where that cannot be told: a
    /// stream that waits for something to write would not notice.
    pub(crate) async fn abandoned(&self) {
        // Unchecked, since checking would make it non-blocking for whoever else writes to it.
        let pipe = || {
            let data = io::stdout().as_fd().try_clone_to_owned()?;
            pipe::Sender::from_owned_fd_unchecked(data)
        };
        match self.own.then(pipe) {
            Some(Ok(data)) => drop(data.ready(Interest::ERROR).await),
            // A file, or the memory of a test.
            Some(Err(_)) | None => std::future::pending().await,
        }
    }

    /// Writes data, and a line feed where it does not end in one.
    pub fn data(&mut self, text: &str) {
        let mut text = printable(text);
        if !text.ends_with('\n') {
            text.push('\n');
        }
        self.write(text.as_bytes());
    }

    /// Writes one JSON object on one line.
    pub fn json(&mut self, value: &Value) {
        let mut line = escaped(&value.to_string());
        line.push('\n');
        self.write(line.as_bytes());
    }

    /// Tells the person something, on standard error.
    pub fn talk(&mut self, text: &str) {
        let text = self.told(text);
        self.say(&text);
    }

    /// A text of this program or of a node's in the language of whoever reads it. Not for what
    /// people have written: that is shown as it is.
    pub(crate) fn told(&self, english: &str) -> String {
        self.catalogue.told(english)
    }

    fn say(&mut self, text: &str) {
        // Nobody is left to be told that telling failed.
        let _ = writeln!(self.talk, "{}", printable(text).trim_end_matches('\n'));
    }

    /// One thing: its JSON, or its fields without the empty ones.
    pub(crate) fn record(&mut self, fields: &[(&str, String)], json: &Value) {
        if self.is_json() {
            return self.json(json);
        }
        let told = fields.iter().filter(|(_, value)| !value.is_empty());
        let row = |(name, value): &(&str, String)| vec![self.told(name), self.value(name, value)];
        self.data(&table(None, told.map(row).collect()));
    }

    /// Many things: a JSON object each, or a table, or the word that there are none.
    pub(crate) fn list<T>(
        &mut self,
        header: &[&str],
        items: &[T],
        row: impl Fn(&T) -> Vec<String>,
        json: impl Fn(&T) -> Value,
    ) {
        if self.is_json() {
            items.iter().for_each(|item| self.json(&json(item)));
        } else if items.is_empty() {
            self.talk("there are none");
        } else {
            let cells = |cells: Vec<String>| {
                let named = header.iter().chain(std::iter::repeat(&"")).zip(cells);
                named.map(|(name, cell)| self.value(name, &cell)).collect()
            };
            let rows = items.iter().map(|item| cells(row(item))).collect();
            let header: Vec<String> = header.iter().map(|name| self.told(name)).collect();
            self.data(&table(Some(&header), rows));
        }
    }

    /// What stands under a name, said again where it is in our words.
    fn value(&self, name: &str, value: &str) -> String {
        match catalogue::is_own(name) {
            true => self.told(value),
            false => value.to_owned(),
        }
    }

    /// Tells why a command was not done.
    pub fn failure(&mut self, failure: &Failure) {
        for line in failure.message.lines() {
            let (error, line) = (self.told("error"), self.told(&without_numbers(line)));
            self.say(&format!("{error}: {line}"));
        }
        if let Some(hint) = &failure.hint {
            let (word, hint) = (self.told("hint"), self.told(hint));
            self.say(&format!("{word}: {hint}"));
        }
        failure.also.iter().for_each(|other| self.failure(other));
    }

    /// A bar on standard error, where that is a terminal; `total` 0 where it is not known.
    pub(crate) fn progress(&self, what: &'static str, total: u64, unit: Unit) -> Progress {
        let target = match self.own {
            true => ProgressDrawTarget::stderr(),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target((total > 0).then_some(total), target);
        bar.set_style(unit.style(total > 0));
        bar.set_message(self.told(what));
        Progress(bar)
    }

    /// The same for who says how much there is only on the way: a place, and where the end is.
    pub(crate) fn counting(&self, what: &'static str, unit: Unit) -> impl FnMut(u64, u64) + use<> {
        let bar = self.progress(what, 1, unit);
        move |done, total| {
            bar.0.set_length(total);
            bar.at(done);
        }
    }

    /// Ends the writing.
    ///
    /// # Errors
    /// Data was lost for another reason than that its reader had enough.
    pub fn finish(mut self) -> Result<(), Failure> {
        let flushed = self.data.flush();
        match self.lost.or(flushed.err()) {
            Some(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                let message = format!("standard output cannot be written: {error}");
                Err(Failure::new(Exit::Failed, message))
            }
            _ => Ok(()),
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.lost.is_none() {
            self.lost = self.data.write_all(bytes).and_then(|()| self.data.flush()).err();
        }
    }
}

/// What a bar counts.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Bytes,
    Entries,
}

impl Unit {
    fn style(self, total: bool) -> ProgressStyle {
        let template = match (self, total) {
            (Self::Bytes, true) => "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            (Self::Bytes, false) => "{msg} {spinner} {bytes} {bytes_per_sec}",
            (Self::Entries, _) => "{msg} {wide_bar} {human_pos}/{human_len} {eta}",
        };
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
    }
}

/// A bar; gone when it is dropped.
pub(crate) struct Progress(ProgressBar);

impl Progress {
    pub(crate) fn add(&self, count: u64) {
        self.0.inc(count);
    }

    pub(crate) fn at(&self, position: u64) {
        self.0.set_position(position);
    }

    /// Another handle to the same bar, for another thread.
    pub(crate) fn handle(&self) -> ProgressBar {
        self.0.clone()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// A line without the numbers that the system gives to its errors.
pub(crate) fn without_numbers(line: &str) -> String {
    let mut line = line.to_owned();
    while let Some(at) = line.find(" (os error ") {
        let Some(end) = line[at..].find(')') else { break };
        line.replace_range(at..=at + end, "");
    }
    line
}

fn table(header: Option<&[String]>, rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    // As wide as it is, on a terminal too: an id that is broken into two cannot be copied.
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    if let Some(header) = header {
        table.set_header(header.iter().map(|word| word.to_uppercase()));
    }
    table.add_rows(rows.iter().map(|row| row.iter().map(|cell| isolated(&printable(cell)))));
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.trim_fmt()
}

#[cfg(test)]
pub(crate) mod testing {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// What a command wrote.
    #[derive(Clone, Default)]
    pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

    impl Written {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("UTF-8")
        }

        pub(crate) fn json(&self) -> Value {
            serde_json::from_str(&self.text()).expect("one JSON value")
        }
    }

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// An output that keeps data and talk.
    pub(crate) fn memory(format: Format) -> (Out, Written, Written) {
        let (data, talk) = (Written::default(), Written::default());
        (Out::to(format, Box::new(data.clone()), Box::new(talk.clone()), false), data, talk)
    }

    /// An output whose every write ends in an error of this kind.
    pub(crate) fn broken(kind: io::ErrorKind) -> Out {
        struct Broken(io::ErrorKind);
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }

            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        Out::to(Format::Json, Box::new(Broken(kind)), Box::new(io::sink()), false)
    }
}

#[cfg(test)]
#[path = "out_tests.rs"]
mod tests;
