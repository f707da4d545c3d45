//! `rogatory cases`, and cases in the forms in which people and programs get them.

use clap::Args;
use serde_json::{Value, json};

use super::closed::none_of;
use super::connect::{AgencyAccess, AgencyClient};
use super::exit::Failure;
use super::out::Out;
use super::view;
use crate::domain::lifecycle::RequestState;
use crate::domain::time::DAY_MS;
use crate::domain::{AuthorityId, Timestamp};
use crate::pb::v1 as pb;

/// Lists cases: where their requests stand, what is due next, what is late
///
///   rogatory cases --overdue --peer xb.pps
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct CasesArgs {
    #[command(flatten)]
    access: AgencyAccess,
    /// Only where a duty is overdue, of this authority or of its peer
    #[arg(long)]
    overdue: bool,
    /// Only with this authority
    #[arg(long, value_name = "AUTHORITY")]
    peer: Option<AuthorityId>,
    /// Only where a request is in this state, as in UNDER_REVIEW or ACCEPTED
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Option<RequestState>,
}

fn state(word: &str) -> Result<RequestState, String> {
    let wanted = word.to_ascii_uppercase().replace('-', "_");
    let found = RequestState::ALL.iter().copied().find(|state| state.as_str() == wanted);
    found.ok_or_else(|| {
        let words: Vec<&str> = RequestState::ALL.iter().map(|state| state.as_str()).collect();
        none_of(word, &words)
    })
}

/// Cases in one answer of the node.
const PAGE: i32 = 200;

pub(crate) async fn run(args: CasesArgs, out: &mut Out) -> Result<(), Failure> {
    let mut client = args.access.connect(out).await?;
    let wanted = pb::ListCasesRequest {
        page_size: PAGE,
        overdue: args.overdue,
        peer: args.peer.map(String::from).unwrap_or_default(),
        state: args.state.map_or(0, |state| state as i32),
        ..Default::default()
    };
    list(&mut client, wanted, crate::node::now(), out).await
}

async fn list(
    client: &mut AgencyClient,
    mut wanted: pb::ListCasesRequest,
    now: Timestamp,
    out: &mut Out,
) -> Result<(), Failure> {
    let mut rows = Vec::new();
    loop {
        let page = client.list_cases(wanted.clone()).await?.into_inner();
        match out.is_json() {
            true => page.cases.iter().for_each(|one| out.json(&case(one))),
            false => rows.extend(page.cases.iter().flat_map(|one| lines(one, &wanted, now))),
        }
        wanted.page_token = page.next_page_token;
        if wanted.page_token.is_empty() || out.is_closed() {
            break;
        }
    }
    if !out.is_json() {
        let header =
            ["case", "peer", "side", "state", "since", "duty", "whose", "due", "used", "report"];
        out.list(&header, &rows, Clone::clone, |_| Value::Null);
    }
    Ok(())
}

/// A line for each request of a case that was asked for, or one for a case that has none.
fn lines(case: &pb::Case, wanted: &pb::ListCasesRequest, now: Timestamp) -> Vec<Vec<String>> {
    if case.requests.is_empty() {
        let mut line = vec![case.case_id.clone(), case.peers.join(" ")];
        line.resize(10, String::new());
        return vec![line];
    }
    let fits = |request: &&pb::CaseRequest| {
        (!wanted.overdue || request.is_overdue)
            && (wanted.state == 0 || wanted.state == request.state)
            && (wanted.peer.is_empty() || wanted.peer == request.peer)
    };
    let line = |request: &pb::CaseRequest| {
        let next = next(request, wanted.overdue);
        let duty = |of: fn(&pb::Clock) -> String| next.map(of).unwrap_or_default();
        vec![
            case.case_id.clone(),
            request.peer.clone(),
            side(request).to_owned(),
            standing(request),
            request.since_time.clone(),
            duty(|clock| duty_word(clock.duty)),
            duty(|clock| whose(clock).to_owned()),
            duty(|clock| clock.due_time.clone()),
            duty(used),
            report(request, now),
        ]
    };
    case.requests.iter().filter(fits).map(line).collect()
}

/// The clock to look at first: of those that are late, where that was asked for.
fn next(request: &pb::CaseRequest, overdue: bool) -> Option<&pb::Clock> {
    let late = request.clocks.iter().find(|clock| overdue && clock.is_overdue);
    late.or_else(|| request.clocks.iter().find(|clock| clock.duty == request.next_duty))
}

/// `requested` where this authority decides.
pub(super) fn side(request: &pb::CaseRequest) -> &'static str {
    if request.is_requested { "requested" } else { "requesting" }
}

/// The state; of a request that nothing was said about, how far its message has come too.
pub(super) fn standing(request: &pb::CaseRequest) -> String {
    let state = view::request_state(request.state);
    match request.state == RequestState::Issued as i32 {
        true => format!("{state} ({})", view::state(request.delivery)),
        false => state.to_owned(),
    }
}

/// When the requested authority was heard last, where that is the other one and something is expected.
pub(super) fn report(request: &pb::CaseRequest, now: Timestamp) -> String {
    let state = RequestState::from_number(request.state);
    if request.is_requested || state.is_none_or(RequestState::is_final) {
        return String::new();
    }
    let (since, word) = match request.report_time.as_str() {
        "" => (&request.create_time, "none"),
        _ => (&request.report_time, "last"),
    };
    let Ok(since) = Timestamp::parse(since) else { return word.to_owned() };
    let days = (now.unix_ms() - since.unix_ms()).max(0) / DAY_MS;
    match (word, days) {
        ("none", 1) => "none for 1 day".to_owned(),
        ("none", days) => format!("none for {days} days"),
        (_, 1) => "1 day ago".to_owned(),
        (_, days) => format!("{days} days ago"),
    }
}

/// The word for a duty, as the configuration has it.
pub(crate) fn duty_word(number: i32) -> String {
    let duty = pb::Duty::try_from(number).unwrap_or_default();
    duty.as_str_name().trim_start_matches("DUTY_").to_lowercase()
}

/// Whose duty it is.
pub(super) fn whose(clock: &pb::Clock) -> &'static str {
    if clock.is_ours { "ours" } else { "peer" }
}

/// How much of a clock's time is used, and that it is late or stands still.
pub(super) fn used(clock: &pb::Clock) -> String {
    let percent = clock.percent;
    match (clock.is_overdue, clock.is_stopped) {
        (true, _) => format!("{percent} %, overdue"),
        (false, true) => format!("{percent} %, stopped"),
        (false, false) => format!("{percent} %"),
    }
}

/// A case as JSON.
pub(super) fn case(c: &pb::Case) -> Value {
    json!({
        "case_id": c.case_id,
        "peers": c.peers,
        "requests": c.requests.iter().map(request).collect::<Vec<_>>(),
        "is_overdue": c.is_overdue,
        "report_time": c.report_time,
    })
}

fn request(r: &pb::CaseRequest) -> Value {
    let next = if r.next_duty == 0 { String::new() } else { duty_word(r.next_duty) };
    let urgency = pb::UrgencyLevel::try_from(r.urgency).unwrap_or_default();
    json!({
        "message_id": r.message.trim_start_matches("messages/"),
        "kind": view::kind(r.kind),
        "peer": r.peer,
        "is_requested": r.is_requested,
        "reference": r.reference,
        "parent": r.parent.trim_start_matches("messages/"),
        "urgency": urgency.as_str_name().trim_start_matches("URGENCY_LEVEL_").to_lowercase(),
        "create_time": r.create_time,
        "delivery": view::state(r.delivery),
        "state": view::request_state(r.state),
        "since_time": r.since_time,
        "report_time": r.report_time,
        "clocks": r.clocks.iter().map(clock).collect::<Vec<_>>(),
        "next_duty": next,
        "is_overdue": r.is_overdue,
    })
}

fn clock(c: &pb::Clock) -> Value {
    let stop =
        |stop: &pb::ClockStop| json!({ "start_time": stop.start_time, "end_time": stop.end_time });
    json!({
        "duty": duty_word(c.duty),
        "is_ours": c.is_ours,
        "start_time": c.start_time,
        "stops": c.stops.iter().map(stop).collect::<Vec<_>>(),
        "used_seconds": c.used_seconds,
        "target_seconds": c.target_seconds,
        "percent": c.percent,
        "level": c.level,
        "due_time": c.due_time,
        "done_time": c.done_time,
        "is_stopped": c.is_stopped,
        "is_overdue": c.is_overdue,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::{Format, testing::memory};
    use crate::cli::testing::{Fake, case as example};

    const NOW: &str = "2026-11-30T08:00:00.000Z";

    async fn told(format: Format, wanted: pb::ListCasesRequest) -> String {
        let cases = (1..=3).map(example).collect();
        let (mut client, _) = Fake { cases, page: 2, ..Default::default() }.start().await;
        let (mut out, data, _) = memory(format);
        let now = Timestamp::parse(NOW).expect("a time");
        list(&mut client, wanted, now, &mut out).await.expect("listed");
        data.text()
    }

    #[tokio::test]
    async fn a_line_says_what_is_due_next_and_who_is_silent() {
        let text = told(Format::Table, Default::default()).await;
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4, "all pages:\n{text}");
        for part in
            ["ROG-XC-MOJ-2026-000001  xa.oag  requesting  ACKNOWLEDGED", "  decision  peer  "]
        {
            assert!(lines[1].contains(part), "{text}");
        }
        assert!(lines[1].contains("103 %, overdue  5 days ago"), "{text}");
        assert_eq!(told(Format::Json, Default::default()).await.lines().count(), 3);
    }

    #[tokio::test]
    async fn of_a_case_only_those_requests_stand_there_that_were_asked_for() {
        let wanted = pb::ListCasesRequest { state: S::Refused as i32, ..Default::default() };
        assert_eq!(told(Format::Table, wanted).await, "");
    }

    use RequestState as S;

    #[test]
    fn a_silent_peer_is_told_by_its_silence() {
        let now = Timestamp::parse(NOW).expect("a time");
        let mut request = example(1).requests.remove(0);
        request.report_time.clear();
        assert_eq!(report(&request, now), "none for 6 days");
        request.state = S::Issued as i32;
        request.delivery = crate::domain::DeliveryState::Queued as i32;
        assert_eq!(standing(&request), "ISSUED (QUEUED)");
        request.is_requested = true;
        assert_eq!(report(&request, now), "", "nobody waits for a report of this authority here");
        request = example(1).requests.remove(0);
        request.state = S::Closed as i32;
        assert_eq!(report(&request, now), "", "nothing is expected");
    }

    #[test]
    fn states_are_taken_in_any_usual_spelling() {
        assert_eq!(state("under-review"), Ok(S::UnderReview));
        assert!(state("lost").expect_err("no state").contains("CONDITIONS_PENDING"));
    }
}
