//! `rogatory case`.

mod graph;

use std::collections::{BTreeMap, VecDeque};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::cases::{self, duty_word, used, whose};
use super::connect::{AgencyAccess, AgencyClient};
use super::exit::Failure;
use super::list::Pages;
use super::out::Out;
use super::view;
use crate::domain::CaseId;
use crate::pb::v1 as pb;

/// Cases that are looked up to draw what a case is related to.
const GRAPH_MAX: usize = 50;

/// Shows a case: its requests, their clocks, what was sent and received, what it is related to
#[derive(Args)]
pub(crate) struct CaseArgs {
    #[command(subcommand)]
    command: CaseCommand,
}

#[derive(Subcommand)]
enum CaseCommand {
    Show(CaseShowArgs),
}

/// Shows a case: its requests, their clocks, its messages, its related cases
///
///   rogatory case show ROG-TH-OAG-2026-000042
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct CaseShowArgs {
    #[command(flatten)]
    access: AgencyAccess,
    /// The case
    #[arg(value_name = "CASE", value_parser = CaseId::parse)]
    id: CaseId,
}

pub(crate) async fn run(args: CaseArgs, out: &mut Out) -> Result<(), Failure> {
    let CaseCommand::Show(args) = args.command;
    let mut client = args.access.connect(out).await?;
    show(&mut client, &args.id, out).await
}

async fn show(client: &mut AgencyClient, id: &CaseId, out: &mut Out) -> Result<(), Failure> {
    let first = case(client, id.as_str()).await?;
    let mut messages = messages(client, id).await?;
    messages.reverse();
    let around = around(client, first.clone()).await?;
    if out.is_json() {
        out.json(&whole(&first, &messages, &around));
        return Ok(());
    }
    print(&first, out);
    if !messages.is_empty() {
        out.data("");
        let header = ["time", "way", "peer", "kind", "request then", "delivery", "message"];
        out.list(&header, &messages, message_row, |_| Value::Null);
    }
    out.data("");
    let drawn = graph::drawn(&first, &around, out);
    out.data(&drawn);
    Ok(())
}

async fn case(client: &mut AgencyClient, id: &str) -> Result<pb::Case, Failure> {
    let request = pb::GetCaseRequest { name: format!("cases/{id}") };
    let answer = client.get_case(request).await.map_err(|status| {
        Failure::from(status).or_hint("`rogatory cases` shows the cases that you may see")
    })?;
    Ok(answer.into_inner())
}

/// Its messages, the newest first.
async fn messages(client: &mut AgencyClient, id: &CaseId) -> Result<Vec<pb::Message>, Failure> {
    let wanted = pb::ListMessagesRequest { case_id: id.to_string(), ..Default::default() };
    let (mut pages, mut messages) = (Pages::new(wanted), Vec::new());
    while let Some(page) = pages.next(client).await? {
        messages.extend(page);
    }
    Ok(messages)
}

/// The cases that a case leads to and that may be seen here, with itself.
async fn around(
    client: &mut AgencyClient,
    first: pb::Case,
) -> Result<BTreeMap<String, pb::Case>, Failure> {
    let mut found = BTreeMap::new();
    let mut to_look = VecDeque::from(graph::names(&first));
    found.insert(first.case_id.clone(), first);
    let mut asked = 0;
    while let Some(id) = to_look.pop_front().filter(|_| asked < GRAPH_MAX) {
        if found.contains_key(&id) {
            continue;
        }
        asked += 1;
        let request = pb::GetCaseRequest { name: format!("cases/{id}") };
        match client.get_case(request).await {
            Ok(answer) => {
                let case = answer.into_inner();
                to_look.extend(graph::names(&case));
                found.insert(id, case);
            }
            // Another authority's, or not this agency's to see.
            Err(status) if status.code() == tonic::Code::NotFound => {}
            Err(status) => return Err(status.into()),
        }
    }
    Ok(found)
}

fn print(case: &pb::Case, out: &mut Out) {
    let now = crate::node::now();
    let fields = [
        ("case", case.case_id.clone()),
        ("peers", case.peers.join("\n")),
        ("references", case.references.join("\n")),
        ("overdue", if case.is_overdue { "yes".to_owned() } else { String::new() }),
    ];
    out.record(&fields, &Value::Null);
    if case.requests.is_empty() {
        return;
    }
    out.data("");
    let header = ["request", "kind", "peer", "side", "state", "since", "report"];
    let row = |r: &pb::CaseRequest| {
        vec![
            r.message.trim_start_matches("messages/").to_owned(),
            view::kind(r.kind).to_owned(),
            r.peer.clone(),
            cases::side(r).to_owned(),
            cases::standing(r),
            r.since_time.clone(),
            cases::report(r, now),
        ]
    };
    out.list(&header, &case.requests, row, |_| Value::Null);
    let clocks: Vec<(&pb::CaseRequest, &pb::Clock)> = case
        .requests
        .iter()
        .flat_map(|request| request.clocks.iter().map(move |clock| (request, clock)))
        .collect();
    if !clocks.is_empty() {
        out.data("");
        let header = ["duty", "whose", "since", "used", "target", "due", "done", "request"];
        out.list(&header, &clocks, clock_row, |_| Value::Null);
    }
}

fn clock_row((request, clock): &(&pb::CaseRequest, &pb::Clock)) -> Vec<String> {
    vec![
        duty_word(clock.duty),
        whose(clock).to_owned(),
        clock.start_time.clone(),
        format!("{} ({})", span(clock.used_seconds), used(clock)),
        span(clock.target_seconds),
        clock.due_time.clone(),
        clock.done_time.clone(),
        request.message.trim_start_matches("messages/").to_owned(),
    ]
}

/// Days and hours, or hours and minutes.
pub(super) fn span(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

fn message_row(m: &pb::Message) -> Vec<String> {
    let moved = match m.move_notice.as_str() {
        "" => view::request_state(m.request_state).to_owned(),
        notice => notice.to_owned(),
    };
    vec![
        m.create_time.clone(),
        view::direction(m.direction).to_owned(),
        m.peer.clone(),
        view::kind(m.kind).to_owned(),
        moved,
        view::state(m.state).to_owned(),
        m.message_id.clone(),
    ]
}

/// A case with everything, as JSON.
fn whole(case: &pb::Case, messages: &[pb::Message], around: &BTreeMap<String, pb::Case>) -> Value {
    let link = |link: &pb::ExtraditionLink| {
        json!({
            "message_id": link.message.trim_start_matches("messages/"),
            "kind": view::kind(link.kind),
            "peer": link.peer,
            "direction": view::direction(link.direction),
            "create_time": link.create_time,
        })
    };
    let mut value = cases::case(case);
    value["references"] = json!(case.references);
    value["extradition_links"] = case.extradition_links.iter().map(link).collect();
    value["messages"] = messages.iter().map(view::message).collect();
    value["related_cases"] = graph::json(case, around);
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;
    use crate::cli::out::{Format, testing::memory};
    use crate::cli::testing::{Fake, case as example, message};

    async fn shown(format: Format, id: &str) -> (Result<(), Failure>, String) {
        let messages = (1..=3).map(message).collect();
        let cases = (1..=3).map(example).collect();
        let (mut client, _) = Fake { messages, cases, page: 2, ..Default::default() }.start().await;
        let (mut out, data, _) = memory(format);
        let id = CaseId::parse(id).expect("an id");
        (show(&mut client, &id, &mut out).await, data.text())
    }

    #[tokio::test]
    async fn a_case_is_shown_with_its_clocks_its_messages_and_what_it_leads_to() {
        let (done, text) = shown(Format::Table, "ROG-XC-MOJ-2026-000001").await;
        assert_eq!(done, Ok(()));
        for part in [
            "references  C-17/26",
            "8000-000000000001  REQUEST  xa.oag  requesting  ACKNOWLEDGED",
            "decision  peer   2026-11-24T08:00:00.000Z  31 d (103 %, overdue)  30 d",
            "REQUEST THEN",
            "└─ parallel: ROG-XC-MOJ-2026-000002",
        ] {
            assert!(text.contains(part), "{part}:\n{text}");
        }
        let (_, json) = shown(Format::Json, "ROG-XC-MOJ-2026-000001").await;
        let json: Value = serde_json::from_str(&json).expect("one object");
        assert_eq!(json["messages"].as_array().map(Vec::len), Some(3));
        assert_eq!(json["requests"][0]["clocks"][0]["level"], 100);
        assert_eq!(
            json["related_cases"][0]["related_cases"][0]["case_id"],
            "ROG-XC-MOJ-2026-000003"
        );
    }

    #[tokio::test]
    async fn a_case_that_is_not_there_has_a_hint() {
        let (done, text) = shown(Format::Table, "ROG-XC-MOJ-2026-000099").await;
        let failure = done.expect_err("it is not there");
        assert_eq!((failure.code, text.as_str()), (Exit::NotFound, ""));
        assert!(failure.hint.expect("a hint").contains("rogatory cases"));
    }

    #[test]
    fn spans_have_two_units_at_most() {
        let told = [59, 3600, 5400, 86_400, 95_000].map(span);
        assert_eq!(told, ["0 min", "1 h", "1 h 30 min", "1 d", "1 d 2 h"]);
    }
}
