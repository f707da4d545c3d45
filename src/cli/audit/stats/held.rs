//! Counting a year anew, and holding a return against it.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::figures::{Figures, Told, count, decode};
use crate::audit::replay::State;
use crate::cli::audit::dir::Export;
use crate::cli::audit::replay::disclosed::Disclosed;
use crate::cli::audit::when::When;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::read_text;
use crate::cli::out::Out;
use crate::cli::stats;
use crate::config::Config;
use crate::domain::Timestamp;
use crate::domain::clock::Targets;
use crate::domain::statistics::{Difference, Period, StatisticsReturn, compare, suppress};

/// What is counted anew, and held against what.
#[derive(Args, Default)]
pub(super) struct HeldArgs {
    /// Counts the requests of this year, UTC
    #[arg(long, value_name = "YEAR", requires = "disclosure")]
    pub(super) year: Option<i32>,
    /// The contents, which `rogatory disclose --year` wrote
    #[arg(long, value_name = "FILE", requires = "year")]
    pub(super) disclosure: Option<PathBuf>,
    /// A return that was sent: what `rogatory show --output json` or `rogatory stats --output json` wrote
    #[arg(long, value_name = "FILE", requires = "year")]
    pub(super) compare: Option<PathBuf>,
    /// As of this time; as of that of the return, or of the last entry, if absent
    #[arg(long, value_name = "TIME", requires = "year")]
    pub(super) as_of: Option<When>,
    /// The node's rogatory.toml, whose section [clock] says what is overdue; the shipped targets if absent
    #[arg(long, value_name = "FILE", requires = "year")]
    pub(super) config: Option<PathBuf>,
}

/// Times of what was sent begin when the receipt came, for the log does not say when the other side
/// wrote it: they may be shorter by as much.
const TOLERANCE_SECONDS: u64 = 3600;

/// Differences, and messages that are not disclosed, that are listed; all are counted.
const LISTED_MAX: usize = 1000;

pub(super) fn run(
    export: &Export,
    args: &HeldArgs,
    year: i32,
    out: &mut Out,
) -> Result<(), Failure> {
    let period = Period::year(year).map_err(|e| Failure::new(Exit::Usage, e.to_string()))?;
    let reported = args.compare.as_deref().map(read_return).transpose()?;
    if let Some(reported) = &reported {
        reported.fits(export, &period)?;
    }
    let reported = reported.map(|reported| reported.figures);
    let said = reported.as_ref().and_then(|reported| Timestamp::parse(&reported.as_of).ok());
    let as_of = args.as_of.map(|When(at)| at).or(said);
    let targets = args.config.as_deref().map(read_targets).transpose()?.unwrap_or_default();
    let disclosed = args.disclosure.as_deref().map(Disclosed::read).transpose()?;
    let mut state = State::new(export.card().authority().clone());
    let mut told = Told::new(as_of);
    export.verify(out, &mut |index, entry| {
        told.observe(index, entry, &state);
        // Whether their order is legal, a replay says.
        let _ = state.apply(index, entry);
    })?;
    let records = disclosed.map(|one| one.contents(&state)).transpose()?.unwrap_or_default();
    let contents = decode(records)?;
    let figures = count(period, &targets, &told, &state, &contents)?;
    let too_old = said.is_some_and(|said| state.at() < said);
    let told = tell(export, figures, reported.as_ref(), out);
    if told.is_err() && too_old {
        out.talk(
            "note: the export ends before the figures were counted: if something was logged in between, \
             export the log again",
        );
    }
    told
}

fn read_targets(path: &Path) -> Result<Targets, Failure> {
    let config = Config::parse(path, &read_text(path)?);
    config.map(|config| config.targets).map_err(|error| Failure::bad_file(path, error))
}

const A_RETURN: &str = "give what `rogatory stats --output json` or `rogatory show ID --output json` \
                        wrote, of this version of the program";

/// A return that was made.
struct Reported {
    figures: StatisticsReturn,
    author: Option<String>,
}

/// The figures in what a command wrote, or in a message that was shown.
fn read_return(path: &Path) -> Result<Reported, Failure> {
    let bad = |what: String| Failure::bad_file(path, what).hint(A_RETURN);
    let value: Value = serde_json::from_str(&read_text(path)?).map_err(|error| {
        bad(format!("it is no return of figures, for it is not JSON ({error})"))
    })?;
    let places = ["/statistics", "/content/statistics"];
    let found = places.iter().find_map(|place| value.pointer(place));
    let found = found
        .ok_or_else(|| bad("it is no return of figures: it has no field `statistics`".into()))?;
    let figures = serde_json::from_value(found.clone()).map_err(|error| {
        bad(format!("its `statistics` are not as this program writes them ({error})"))
    })?;
    Ok(Reported { figures, author: author(&value) })
}

/// Whose figures they are, where what was written says it; what one sent oneself does not.
fn author(value: &Value) -> Option<String> {
    let word = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let received = || word("peer").filter(|_| word("direction").as_deref() == Some("received"));
    word("authority").or_else(received)
}

impl Reported {
    /// Whether it is of the authority whose log is looked at, and of the year.
    fn fits(&self, export: &Export, period: &Period) -> Result<(), Failure> {
        let whose = export.card().authority().as_str();
        if let Some(author) = self.author.as_deref().filter(|author| *author != whose) {
            let what = format!("the return is of {author}, and the export is of {whose}");
            return Err(Failure::new(Exit::BadInput, what)
                .hint("give the return of the authority whose log was exported"));
        }
        check_year(&self.figures, period)
    }
}

fn check_year(reported: &StatisticsReturn, period: &Period) -> Result<(), Failure> {
    if (reported.from.as_str(), reported.until.as_str()) == (period.from(), period.until()) {
        return Ok(());
    }
    let what = format!("the return is about {} to {}", reported.from, reported.until);
    Err(Failure::new(Exit::BadInput, what).hint("name its year with --year"))
}

fn tell(
    export: &Export,
    figures: Figures,
    reported: Option<&StatisticsReturn>,
    out: &mut Out,
) -> Result<(), Failure> {
    let Figures { counted, undisclosed, erased, request_unknown } = figures;
    let smallest = reported.map_or(0, |reported| reported.smallest);
    let counted = if smallest > 0 { suppress(counted, smallest) } else { counted };
    let differences = reported.map(|reported| compare(reported, &counted, TOLERANCE_SECONDS));
    if out.is_json() {
        out.json(&json!({
            "log_origin": export.checkpoint().origin,
            "statistics": counted,
            "undisclosed": undisclosed.len(),
            "undisclosed_messages": undisclosed.iter().take(LISTED_MAX).collect::<Vec<_>>(),
            "erased": erased,
            "request_unknown": request_unknown.len(),
            "request_unknown_messages": request_unknown.iter().take(LISTED_MAX)
                .collect::<Vec<_>>(),
            "differences": differences.iter().flatten().take(LISTED_MAX).map(to_json)
                .collect::<Vec<_>>(),
        }));
    } else {
        stats::print(&counted, None, out);
        undisclosed
            .iter()
            .take(LISTED_MAX)
            .for_each(|id| out.talk(&format!("not disclosed: {id}")));
        request_unknown
            .iter()
            .take(LISTED_MAX)
            .for_each(|id| out.talk(&format!("not counted: {id}")));
    }
    let short = !undisclosed.is_empty() || erased > 0;
    if short {
        let (missing, total) = (undisclosed.len(), erased);
        out.talk(&format!(
            "warning: of the messages since the year began {missing} are not disclosed and {total} \
             were erased: requests among them are not counted"
        ));
    }
    if !request_unknown.is_empty() {
        let count = request_unknown.len();
        out.talk(&format!(
            "warning: {count} messages are not counted: the node says that what each answers is not of \
             the request that it names (REQUEST_UNKNOWN), and nothing in the export proves that"
        ));
    }
    if differences.as_ref().is_some_and(Vec::is_empty) {
        out.talk("the return agrees, cell by cell, with what the log and the contents give");
    }
    conclude(&differences.unwrap_or_default(), short, out)
}

fn to_json(one: &Difference) -> Value {
    json!({
        "way": one.way,
        "dimension": one.dimension,
        "value": one.value,
        "field": one.field,
        "reported": one.reported,
        "counted": one.counted,
    })
}

fn conclude(differences: &[Difference], short: bool, out: &mut Out) -> Result<(), Failure> {
    let Some(first) = differences.first() else { return Ok(()) };
    let cell = |count: Option<u64>| count.map_or_else(|| "*".to_owned(), |count| count.to_string());
    let line = |one: &Difference| {
        let place = [one.way.as_str(), one.dimension.as_str(), &one.value, one.field];
        let place = place.into_iter().filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        format!("{place}: {} reported, {} counted", cell(one.reported), cell(one.counted))
    };
    if !out.is_json() {
        differences
            .iter()
            .take(LISTED_MAX)
            .for_each(|one| out.talk(&format!("differs: {}", line(one))));
    }
    let count = differences.len();
    let message = format!("the return differs in {count} cells, the first {}", line(first));
    let hint = match short {
        true => "have the messages disclosed that are missing, and count again",
        false => "the return is not what log and contents add up to: ask its author",
    };
    Err(Failure::new(Exit::VerificationFailed, message).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_return_is_told_so_with_what_to_give() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("return.json");
        let read = |text: &str| {
            std::fs::write(&path, text).expect("written");
            read_return(&path)
        };
        for (text, told) in [
            ("from,until,as_of\r\n", "is not JSON"),
            ("{\"kind\":\"REQUEST\"}", "has no field `statistics`"),
            ("{\"statistics\":{\"figures\":[]}}", "not as this program writes them"),
        ] {
            let failure = read(text).err().expect("refused");
            assert_eq!(failure.code, Exit::BadInput);
            assert!(failure.message.contains(told), "{failure}");
            assert!(failure.hint.expect("a hint").contains("rogatory stats --output json"));
        }
        let ours = read("{\"authority\":\"xa.oag\",\"statistics\":{}}").expect("a return");
        assert_eq!(ours.author.as_deref(), Some("xa.oag"));
        let got =
            "{\"direction\":\"received\",\"peer\":\"xb.pps\",\"content\":{\"statistics\":{}}}";
        assert_eq!(read(got).expect("a return").author.as_deref(), Some("xb.pps"));
        let sent = got.replace("received", "sent");
        assert_eq!(read(&sent).expect("a return").author, None, "the peer is whom it went to");
    }
}
