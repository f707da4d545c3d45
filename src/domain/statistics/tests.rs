use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::domain::clock::{Targets, Turn};
use crate::domain::lifecycle::{RequestState as S, Side};
use crate::domain::limits::SMALLEST_CELL;
use crate::domain::request::{
    AssistanceType, Body, Content, Decision, Need, Note, UrgencyLevel, request_from_toml,
};
use crate::domain::time::DAY_MS;
use crate::domain::{AuthorityId, MessageId, MessageKind, Timestamp};

/// 2026-02-01.
pub(super) const START: i64 = 1_769_904_000_000;
/// 2027-01-02.
const AS_OF: i64 = START + 335 * DAY_MS;

pub(super) fn at(ms: i64) -> Timestamp {
    Timestamp::from_unix_ms(ms)
}

pub(super) fn id(ms: i64, number: u64) -> MessageId {
    let mut random = [0; 10];
    random[2..].copy_from_slice(&number.to_be_bytes());
    MessageId::new(at(ms), random)
}

fn peer(name: &str) -> AuthorityId {
    AuthorityId::parse(name).expect("valid")
}

/// A request that came to these states, each a day behind the other.
pub(super) fn facts(number: u64, way: Way, of: &str, states: &[S]) -> Facts {
    let request = id(START, number);
    let mut facts = Facts::new(request, way, peer(of), MessageKind::Request);
    let step = |(n, state): (usize, &S)| (at(START + n as i64 * DAY_MS), *state);
    facts.history.steps = states.iter().enumerate().map(step).collect();
    facts.what = What {
        instruments: BTreeSet::from(["UNTOC".to_owned()]),
        offences: BTreeSet::from([OFFENCES[0]]),
        assistance: BTreeSet::from([AssistanceType::Statement.as_str()]),
    };
    facts
}

fn year() -> Period {
    Period::year(2026).expect("a year")
}

pub(super) fn counted(all: &[Facts]) -> StatisticsReturn {
    let mut tally = Tally::new(year(), at(AS_OF));
    all.iter().for_each(|facts| tally.add(facts));
    tally.finish()
}

pub(super) fn line<'a>(
    of: &'a StatisticsReturn,
    way: Way,
    dimension: Dimension,
    value: &str,
) -> &'a ReturnLine {
    let found = of.lines.iter().find(|line| line.place() == (way, dimension, value));
    found.unwrap_or_else(|| panic!("no line {way} {dimension} {value}"))
}

pub(super) const DONE: &[S] = &[
    S::Received,
    S::Acknowledged,
    S::UnderReview,
    S::Accepted,
    S::InExecution,
    S::Executed,
    S::Closed,
];

#[test]
fn a_request_stands_in_a_line_of_each_table() {
    let refused = [S::Received, S::UnderReview, S::Consulting, S::Refused];
    let mut one = facts(1, Way::Received, "xb.pps", &refused);
    let content = |decision, grounds: &[&str]| {
        let grounds = grounds.iter().map(|one| (*one).to_owned()).collect();
        let note = Note { decision: Some(decision), grounds, ..Note::default() };
        Content::note(MessageKind::Decision, note)
    };
    let grounds = content(Decision::Refuse, &["NE_BIS_IN_IDEM", "A_WORD_OF_ITS_OWN"]);
    let mut heard = Heard::default();
    heard.takes(MessageKind::Decision, Some(&grounds), 0);
    heard.takes(MessageKind::Decision, Some(&content(Decision::Accept, &["POLITICAL"])), 0);
    heard.takes(MessageKind::AdditionalInfoRequest, None, 0);
    heard.takes(MessageKind::AdditionalInfoRequest, None, 0);
    heard.takes(MessageKind::HearingArrangement, None, 0);
    one.hears(Side::Requested, heard.clone());
    let mut lies = facts(3, Way::Received, "xb.pps", &[S::Received]);
    heard.takes(MessageKind::EvidencePackage, None, 1_000);
    lies.hears(Side::Requesting, heard);
    assert_eq!((lies.info_rounds, lies.has_hearing, lies.has_evidence), (0, true, false));
    assert_eq!((lies.evidence_bytes, lies.grounds.len()), (0, 0), "not for it to say");
    let figures = counted(&[one, facts(2, Way::Received, "xb.pps", DONE)]);
    let of = |dimension, value| line(&figures, Way::Received, dimension, value);
    assert_eq!(of(Dimension::Total, "").requests, Some(2));
    assert_eq!(of(Dimension::Outcome, "refused").requests, Some(1));
    assert_eq!(of(Dimension::Outcome, "executed").requests, Some(1));
    assert_eq!(of(Dimension::Ground, "NE_BIS_IN_IDEM").requests, Some(1));
    assert_eq!(of(Dimension::Ground, "OTHER").requests, Some(1), "a code of its own is free text");
    assert_eq!(figures.lines.iter().filter(|line| line.dimension == Dimension::Ground).count(), 2);
    assert_eq!(of(Dimension::Peer, "xb.pps").info_rounds, Some(2));
    assert_eq!(of(Dimension::Total, "").with_hearing, Some(1));
    assert_eq!(line(&figures, Way::Made, Dimension::Total, "").requests, Some(0));
    let day = u64::try_from(DAY_MS / 1000).expect("positive");
    let times = of(Dimension::Outcome, "executed");
    assert_eq!(times.acknowledgement.median_seconds, Some(day));
    assert_eq!(times.decision.p90_seconds, Some(3 * day));
    assert_eq!(
        times.execution,
        Times { count: Some(1), median_seconds: Some(2 * day), p90_seconds: Some(2 * day) }
    );
    assert_eq!(of(Dimension::Outcome, "refused").execution.count, Some(0));
}

#[test]
fn what_became_of_it_is_where_it_stood_before_it_was_closed() {
    for (states, outcome) in [
        (&[S::Issued][..], Outcome::Pending),
        (&[S::Received, S::InfoPending], Outcome::Pending),
        (&[S::Received, S::Accepted, S::InfoPending], Outcome::Accepted),
        (&[S::Received, S::UnderReview, S::Postponed], Outcome::Postponed),
        (&[S::Received, S::Returned, S::Closed], Outcome::Returned),
        (&[S::Received, S::Accepted, S::Withdrawn, S::Closed], Outcome::Withdrawn),
        (DONE, Outcome::Executed),
    ] {
        assert_eq!(facts(1, Way::Made, "xb.pps", states).outcome(), outcome, "{states:?}");
    }
}

#[test]
fn overdue_is_what_the_clocks_say() {
    let overdue = |states: &[S], as_of| {
        let mut tally = Tally::new(year(), at(as_of));
        tally.add(&facts(1, Way::Received, "xb.pps", states));
        line(&tally.finish(), Way::Received, Dimension::Total, "").overdue
    };
    assert_eq!(overdue(&[S::Received], START + 6 * DAY_MS), Some(0));
    assert_eq!(overdue(&[S::Received], START + 8 * DAY_MS), Some(1));
    assert_eq!(overdue(DONE, AS_OF), Some(0));
    let mut waiting = facts(1, Way::Received, "xb.pps", &[S::Received, S::InfoPending]);
    waiting.history.turns.push((at(START + DAY_MS), Turn::Asked));
    let mut tally = Tally::new(year(), at(AS_OF));
    tally.add(&waiting);
    let figures = tally.finish();
    let total = line(&figures, Way::Received, Dimension::Total, "");
    assert_eq!(total.overdue, Some(0), "the other authority has not answered");
}

#[test]
fn the_year_is_that_of_the_id_on_both_sides() {
    let old = Facts { request: id(START - 40 * DAY_MS, 1), ..facts(1, Way::Made, "xb.pps", DONE) };
    assert_eq!(line(&counted(&[old]), Way::Made, Dimension::Total, "").requests, Some(0));
    let edge = Timestamp::parse("2026-12-31T23:59:59.999Z").expect("a time").unix_ms();
    let last = Facts { request: id(edge, 1), ..facts(1, Way::Made, "xb.pps", DONE) };
    assert_eq!(line(&counted(&[last]), Way::Made, Dimension::Total, "").requests, Some(1));
    assert_eq!(Period::year(2026).expect("a year").whole_year(), Some(2026));
    assert_eq!(Period::parse("2026-01-01", "2026-11-30").expect("days").whole_year(), None);
    let wrong = |from, until| Period::parse(from, until).expect_err("no period").field();
    assert_eq!(wrong("2026-02-01", "2026-01-31"), "until");
    assert_eq!(wrong("2026-02-30", "2026-03-01"), "from");
    assert_eq!(wrong("2026-02-01", "2026-02-30"), "until");
    for none in [26, 1969, 10_000, -1] {
        let error = Period::year(none).expect_err("no such year");
        assert_eq!(error, InvalidPeriod::NoYear(none));
        assert!(error.to_string().contains("all four digits"), "{error}");
    }
    let end = Period::year(9999).expect("the last").begun(at(START));
    assert!(end.expect_err("far off").to_string().starts_with("9999-01-01 is yet to come"));
    assert!(year().begun(at(START)).is_ok(), "a year that is not over is counted as far as it is");
}

#[test]
fn what_a_request_asks_for_is_counted_in_words_that_are_fixed() {
    let request = request_from_toml(
        "legal_basis = [\"UNTOC\", \"BILATERAL:Treaty on a person of note\"]\n\
         [[offences]]\nfamily = \"trafficking_in_persons\"\ntitle = \"t\"\n\
         [[offences]]\nfamily = \"money_laundering\"\ntitle = \"t\"\n\
         [[assistance]]\ntype = \"records\"\ndescription = \"d\"",
    );
    let what = What::of(&request.expect("a request"));
    assert_eq!(what.instruments.iter().collect::<Vec<_>>(), ["BILATERAL", "UNTOC"]);
    assert_eq!(what.offences.iter().collect::<Vec<_>>(), [&"other", &"trafficking_in_persons"]);
    assert_eq!(what.assistance.iter().collect::<Vec<_>>(), [&"records"]);
}

pub(super) fn some() -> impl Strategy<Value = Vec<Facts>> {
    let states: Vec<&'static [S]> = vec![
        &[S::Issued],
        &[S::Received],
        &[S::Received, S::Acknowledged],
        &[S::Received, S::UnderReview, S::Accepted, S::PartlyExecuted],
        &[S::Received, S::UnderReview, S::Consulting, S::Refused],
        &[S::Received, S::Returned],
        &[S::Received, S::UnderReview, S::Consulting, S::Postponed],
        &[S::Received, S::UnderReview, S::Accepted, S::Consulting, S::Postponed],
        &[S::Received, S::UnderReview, S::Accepted, S::Withdrawn, S::Closed],
        &[S::Received, S::Accepted, S::Consulting, S::UnderReview, S::Consulting],
        &[S::Received, S::Accepted, S::UnderReview, S::Withdrawn],
        &[S::Received, S::Withdrawn],
        DONE,
    ];
    let peers = select(vec!["xb.pps", "xc.moj", "xd.oag", "xe.min"]);
    let urgency = select(UrgencyLevel::ALL);
    let one = (select(Way::ALL), peers, select(states), urgency, 0..4_u64, any::<[bool; 6]>());
    let facts = one.prop_map(|(way, peer, states, urgency, rounds, flags)| {
        let mut one = facts(7, way, peer, states);
        let [hearing, costs, evidence, smuggling, other, ground] = flags;
        one.track = Targets::default().of(peer, urgency);
        (one.urgency, one.info_rounds) = (urgency, rounds);
        (one.has_hearing, one.has_costs, one.has_evidence) = (hearing, costs, evidence);
        one.evidence_bytes = u64::from(evidence) * 5_000_000;
        one.what.offences.extend(smuggling.then_some(OFFENCES[1]));
        one.what.offences.extend(other.then_some(OFFENCES[2]));
        one.grounds.extend(ground.then_some("NE_BIS_IN_IDEM"));
        one
    });
    vec(facts, 0..60)
}

/// Whether somebody who has the total and the rest can tell a count that is not shown.
fn is_undone(shown: &StatisticsReturn, whole: &StatisticsReturn) -> Option<String> {
    for (dimension, way, column) in places() {
        let of = |figures: &StatisticsReturn, dimension| -> Vec<ReturnLine> {
            let fits = |line: &&ReturnLine| line.way == way && line.dimension == dimension;
            figures.lines.iter().filter(fits).cloned().collect()
        };
        let Some(total) = of(shown, Dimension::Total)[0].cell(column) else { continue };
        let table = of(shown, dimension);
        let missing: Vec<u64> = of(whole, dimension)
            .iter()
            .zip(&table)
            .filter(|(_, line)| line.cell(column).is_none())
            .filter_map(|(line, _)| line.cell(column))
            .collect();
        let sum: u64 = table.iter().filter_map(|line| line.cell(column)).sum();
        let rest = total - sum;
        if missing.len() == 1 || (rest > 0 && rest < u64::from(SMALLEST_CELL)) {
            return Some(format!("{way} {dimension} {}: {missing:?} of {total}", column.as_str()));
        }
    }
    None
}

fn places() -> impl Iterator<Item = (Dimension, Way, Column)> {
    let tables = Dimension::ALL.iter().copied().filter(|one| one.adds_up());
    let tables = tables.filter(|one| *one != Dimension::Total);
    tables.flat_map(|dimension| {
        let ways = Way::ALL.iter().copied();
        ways.flat_map(move |way| Column::ALL.map(move |column| (dimension, way, column)))
    })
}

proptest! {
    #[test]
    fn tables_add_up_whatever_the_order(all in some(), cut in 0..60_usize) {
        let whole = counted(&all);
        prop_assert_eq!(audit_lines(&whole), vec![]);
        let backwards: Vec<Facts> = all.iter().rev().cloned().collect();
        prop_assert_eq!(&counted(&backwards), &whole);
        let (one, other) = all.split_at(cut.min(all.len()));
        let mut tally = Tally::new(year(), at(AS_OF));
        let mut more = Tally::new(year(), at(AS_OF));
        other.iter().for_each(|facts| tally.add(facts));
        one.iter().for_each(|facts| more.add(facts));
        tally.merge(more);
        prop_assert_eq!(tally.requests(), all.len() as u64);
        prop_assert_eq!(&tally.finish(), &whole);
        for way in Way::ALL {
            let count = all.iter().filter(|facts| facts.way == *way).count() as u64;
            prop_assert_eq!(line(&whole, *way, Dimension::Total, "").requests, Some(count));
        }
    }

    #[test]
    fn small_counts_are_not_shown_and_cannot_be_told(all in some()) {
        let whole = counted(&all);
        let shown = suppress(whole.clone(), SMALLEST_CELL);
        prop_assert_eq!(audit_lines(&shown), vec![]);
        for line in &shown.lines {
            for column in Column::ALL {
                let few = line.cell(column).is_some_and(|n| (1..5).contains(&n));
                prop_assert!(!few, "{:?}", line);
            }
            prop_assert!(line.requests.is_some() || line.evidence_bytes.is_none());
        }
        prop_assert_eq!(is_undone(&shown, &whole), None);
        // What is not suppressed is what it was.
        for (line, before) in shown.lines.iter().zip(&whole.lines) {
            for column in Column::ALL {
                prop_assert!(line.cell(column).is_none() || line.cell(column) == before.cell(column));
            }
        }
        // And the check notices whoever puts one back.
        let secret = shown.lines.iter().position(|line| line.requests.is_none());
        if let Some(number) = secret.filter(|n| whole.lines[*n].requests.is_some_and(|n| n < 5)) {
            let mut told = shown.clone();
            told.lines[number].requests = whole.lines[number].requests;
            let found = audit_lines(&told);
            prop_assert!(found.iter().any(|one| one.need == Need::ReturnSmall), "{:?}", found);
        }
    }
}

#[test]
fn a_csv_has_a_row_a_line_and_a_cell_a_column() {
    let all: Vec<Facts> = (0..3).map(|n| facts(n, Way::Made, "xb.pps", DONE)).collect();
    let shown = suppress(counted(&all), SMALLEST_CELL);
    let csv = to_csv(&shown);
    let rows: Vec<&str> = csv.split("\r\n").collect();
    assert_eq!(rows.len(), shown.lines.len() + 2);
    let columns = rows[0].split(',').count();
    assert!(rows[1..rows.len() - 1].iter().all(|row| row.split(',').count() == columns), "{csv}");
    assert!(
        rows[1].starts_with("2026-01-01,2026-12-31,2027-01-02T00:00:00.000Z,5,made,total,,,,"),
        "{csv}"
    );
}

#[test]
fn two_counts_are_compared_cell_by_cell() {
    let all: Vec<Facts> = (0..6).map(|n| facts(n, Way::Made, "xb.pps", DONE)).collect();
    let one = counted(&all);
    assert_eq!(compare(&one, &one, 0), []);
    let other = counted(&all[..5]);
    let found = compare(&one, &other, 0);
    let first = &found[0];
    assert_eq!((first.field, first.reported, first.counted), ("requests", Some(6), Some(5)));
    assert!(found.iter().all(|one| one.reported == Some(6) && one.counted == Some(5)), "{found:?}");
    // A line that only one of the two has, whichever.
    let more = counted(&[&all[..], &[facts(9, Way::Made, "xc.moj", DONE)]].concat());
    for (reported, counted) in [(&one, &more), (&more, &one)] {
        let found = compare(reported, counted, 0);
        let is_new = |one: &&Difference| one.value == "xc.moj" && one.field == "requests";
        let new = found.iter().find(is_new).expect("it is missing on one side");
        assert_eq!(new.reported.or(new.counted), Some(1));
        assert!(new.reported.is_none() || new.counted.is_none(), "{new:?}");
    }
}

#[test]
fn only_requests_are_counted_and_a_body_is_checked() {
    let shown = suppress(counted(&[facts(1, Way::Made, "xb.pps", DONE)]), SMALLEST_CELL);
    let body = Body::Statistics(shown.clone());
    let content = Content::of(MessageKind::StatisticsReturn, body);
    assert_eq!(content.check(), []);
    let needs = |of: StatisticsReturn| of.check().iter().map(|f| f.need).collect::<Vec<_>>();
    let named = |value: &str| {
        let mut named = shown.clone();
        let at = named.lines.iter().position(|line| line.dimension == Dimension::Ground);
        let at = at.unwrap_or(named.lines.len() - 1);
        named.lines[at].value = value.into();
        named
    };
    assert_eq!(needs(named("Somchai")), [Need::ReturnValue]);
    assert_eq!(needs(StatisticsReturn { smallest: 4, ..shown }), [Need::ReturnSmallest]);
}
