//! `rogatory stats`.

mod send;
mod table;

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

pub(crate) use self::table::print;
use super::closed::none_of;
use super::connect::{AgencyAccess, AgencyClient};
use super::day::day;
use super::exit::{Exit, Failure};
use super::files::write_new;
use super::out::Out;
use crate::domain::AuthorityId;
use crate::domain::statistics::{Dimension, Period, StatisticsReturn, to_csv};
use crate::envelope::wire::statistics_from_pb;
use crate::pb::v1 as pb;

/// Counts the requests of a year, received and made: what for, what became of them, how long it took
///
/// Counts below five are left out, and as many more as it takes that nobody learns them: the figures
/// may be handed on. Of one's own agency only the cases that it may see are counted. Nothing that is
/// counted names a person or a case. docs/statistics.md says how it is counted.
///
///   rogatory stats --year 2026 --by peer
///   rogatory stats --from 2026-07-01 --until 2026-09-30 --unsuppressed
///   rogatory stats --year 2026 --csv 2026.csv
///   rogatory stats --year 2026 --send-to un.unodc xb.pps
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    access: AgencyAccess,
    /// Requests made in this year, UTC; in this one if absent
    #[arg(long, value_name = "YEAR", conflicts_with_all = ["from", "until"])]
    year: Option<i32>,
    /// Requests made from this day on, YYYY-MM-DD, UTC
    #[arg(long, value_name = "DATE", value_parser = day, requires = "until")]
    from: Option<String>,
    /// Requests made up to this day, and on it
    #[arg(long, value_name = "DATE", value_parser = day, requires = "from")]
    until: Option<String>,
    /// This table only: year, peer, kind, instrument, offence, assistance, urgency, outcome or ground
    #[arg(long, value_name = "WORD", value_parser = dimension)]
    by: Option<Dimension>,
    /// Only requests to and from this authority
    #[arg(long, value_name = "AUTHORITY")]
    peer: Option<AuthorityId>,
    /// With small counts: for use within this authority only
    #[arg(long)]
    unsuppressed: bool,
    /// Writes the tables as CSV: a new file; with --by that table only, and the total
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Sends the figures of a whole year to these, as a STATISTICS_RETURN; never the same figures twice
    #[arg(
        long,
        value_name = "AUTHORITY",
        num_args = 1..,
        conflicts_with_all = ["unsuppressed", "peer", "from", "until", "by"]
    )]
    send_to: Vec<AuthorityId>,
}

/// A dimension by its word.
pub(crate) fn dimension(word: &str) -> Result<Dimension, String> {
    let words = || Dimension::ALL.iter().copied().filter(|one| *one != Dimension::Total);
    words().find(|one| one.as_str() == word).ok_or_else(|| {
        let words: Vec<&str> = words().map(Dimension::as_str).collect();
        none_of(word, &words)
    })
}

/// The figures that a node gives.
struct Given {
    figures: StatisticsReturn,
    authority: String,
    all_cases: bool,
    unread: u64,
}

pub(crate) async fn run(args: StatsArgs, out: &mut Out) -> Result<(), Failure> {
    let period = args.period()?;
    let mut client = args.access.connect(out).await?;
    let given = get(&mut client, &args, &period).await?;
    if let Some(file) = &args.csv {
        write_new(file, to_csv(&wanted(&given.figures, args.by)).as_bytes())?;
    }
    if !args.send_to.is_empty() {
        return send::send_all(&mut client, given, &period, &args.send_to, out).await;
    }
    if out.is_json() {
        out.json(&to_json(&given, args.by));
        return Ok(());
    }
    print(&given.figures, args.by, out);
    if !given.all_cases {
        out.talk("note: this agency does not see all cases: these are the figures of its own");
    }
    if given.unread > 0 {
        let count = given.unread;
        out.talk(&format!(
            "note: {count} requests whose content was erased are counted as unknown"
        ));
    }
    Ok(())
}

impl StatsArgs {
    fn period(&self) -> Result<Period, Failure> {
        let now = crate::node::now();
        let period = match (&self.from, &self.until) {
            (Some(from), Some(until)) => Period::parse(from, until),
            _ => Period::year(self.year.unwrap_or_else(|| now.year())),
        };
        let period = period.and_then(|period| period.begun(now));
        period.map_err(|error| Failure::new(Exit::Usage, error.to_string()))
    }
}

async fn get(
    client: &mut AgencyClient,
    args: &StatsArgs,
    period: &Period,
) -> Result<Given, Failure> {
    let request = pb::GetStatisticsRequest {
        from: period.from().to_owned(),
        until: period.until().to_owned(),
        peer: args.peer.as_ref().map(AuthorityId::to_string).unwrap_or_default(),
        unsuppressed: args.unsuppressed,
    };
    let answer = client.get_statistics(request).await?.into_inner();
    let fault = |why: String| Failure::new(Exit::Fault, format!("the node's figures: {why}"));
    let figures = answer.statistics.ok_or_else(|| fault("there are none".into()))?;
    let figures = statistics_from_pb(figures).map_err(|error| fault(error.to_string()))?;
    let pb::GetStatisticsResponse { authority, all_cases, unread, .. } = answer;
    Ok(Given { figures, authority, all_cases, unread })
}

/// The table that is wanted, and the total; all tables where none is named.
fn wanted(figures: &StatisticsReturn, by: Option<Dimension>) -> StatisticsReturn {
    let mut figures = figures.clone();
    let wanted = |one: Dimension| one == Dimension::Total || by.is_none_or(|by| by == one);
    figures.lines.retain(|line| wanted(line.dimension));
    figures
}

fn to_json(given: &Given, by: Option<Dimension>) -> Value {
    json!({
        "authority": given.authority,
        "all_cases": given.all_cases,
        "unread": given.unread,
        "statistics": wanted(&given.figures, by),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::{Format, testing::memory};
    use crate::domain::statistics::{ReturnLine, Way};

    fn figures() -> StatisticsReturn {
        let line = |way, dimension, value: &str, requests| ReturnLine {
            requests,
            ..ReturnLine::new(way, dimension, value)
        };
        StatisticsReturn {
            from: "2026-01-01".into(),
            until: "2026-12-31".into(),
            as_of: "2027-01-01T00:00:00.000Z".into(),
            smallest: 5,
            lines: vec![
                line(Way::Made, Dimension::Total, "", Some(0)),
                line(Way::Received, Dimension::Total, "", Some(12)),
                line(Way::Received, Dimension::Year, "2026", Some(12)),
                line(Way::Received, Dimension::Peer, "xb.pps", None),
                line(Way::Received, Dimension::Peer, "xc.moj", None),
            ],
        }
    }

    #[test]
    fn tables_tell_what_is_not_shown() {
        let (mut out, data, talk) = memory(Format::Table);
        print(&figures(), Some(Dimension::Peer), &mut out);
        let text = data.text();
        assert!(text.contains("YEAR"), "{text}");
        let row = text.lines().find(|line| line.starts_with("2026 ")).expect("the year");
        assert_eq!(row.split_whitespace().collect::<Vec<_>>(), ["2026", "12", "0"]);
        assert!(
            text.lines().any(|line| line.starts_with("xb.pps") && line.contains('*')),
            "{text}"
        );
        assert!(talk.text().contains("below 5"), "{}", talk.text());
    }

    #[test]
    fn json_has_the_table_that_is_wanted_and_the_total() {
        let (figures, authority) = (figures(), "xa.oag".to_owned());
        let given = Given { figures, authority, all_cases: true, unread: 0 };
        let json = to_json(&given, Some(Dimension::Peer));
        assert_eq!(json["statistics"]["lines"].as_array().map(Vec::len), Some(4));
        assert_eq!(json["statistics"]["lines"][2].get("requests"), None, "not shown");
        assert_eq!(dimension("peer"), Ok(Dimension::Peer));
        assert!(dimension("total").expect_err("no table").contains("peer, kind"));
    }
}
