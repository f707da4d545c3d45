//! Two authorities count the same requests, each by its own node, and agree; an auditor counts them
//! anew from the log and the contents, and comes to the same.

use std::process::Command;

use crate::support::*;
use rogatory::domain::request::StatisticsReturn;
use rogatory::domain::statistics::{Dimension, ReturnLine, Way, audit_lines, compare};
use rogatory::envelope::wire::{statistics_from_pb, statistics_to_pb};
use rogatory::pb::v1 as pb;
use serde_json::Value;
use tonic::Code;

/// Requests that are refused, and in which information is asked for; of twelve.
const REFUSED: usize = 5;
const ASKED: usize = 6;
const ALL: usize = 12;
/// Seconds that a message takes here at most.
const WAY_SECONDS: u64 = 600;

fn decided(decision: pb::Decision, ground: &str) -> pb::MessageContent {
    let mut content = note(pb::MessageKind::Decision, "As the law says.");
    if let Some(pb::message_content::Body::Note(note)) = &mut content.body {
        note.decision = decision as i32;
        note.grounds = if ground.is_empty() { Vec::new() } else { vec![ground.into()] };
    }
    content
}

async fn answers(from: &mut Agency, to: &str, content: pb::MessageContent) -> pb::Message {
    let reply = pb::ReplyMessageRequest {
        name: to.into(),
        request_id: request_id(),
        content: Some(content),
        ..Default::default()
    };
    let sent = from.reply_message(reply).await.expect("legal").into_inner();
    reaches(from, &sent.name, pb::DeliveryState::Consigned).await
}

/// What the desk of A and the desk of B do with twelve requests and a draft.
async fn traffic(a: &mut Agency, b: &mut Agency, to: &Node) {
    let draft = note(pb::MessageKind::DraftConsultation, "What would you say to this?");
    let draft = pb::SubmitMessageRequest { content: Some(draft), ..submission(to) };
    let draft = a.submit_message(draft).await.expect("sent").into_inner();
    reaches(a, &draft.name, pb::DeliveryState::Consigned).await;
    for number in 0..ALL {
        let sent = a.submit_message(submission(to)).await.expect("sent").into_inner();
        reaches(a, &sent.name, pb::DeliveryState::Consigned).await;
        let name = sent.name.as_str();
        answers(b, name, note(pb::MessageKind::CaseAcknowledgement, "We deal with it.")).await;
        if number < ASKED {
            answers(b, name, note(pb::MessageKind::AdditionalInfoRequest, "Which account?")).await;
            answers(a, name, note(pb::MessageKind::AdditionalInfoResponse, "The first.")).await;
        }
        if number < REFUSED {
            answers(b, name, note(pb::MessageKind::Consultation, "We would refuse it.")).await;
            answers(b, name, decided(pb::Decision::Refuse, "NE_BIS_IN_IDEM")).await;
        } else {
            answers(b, name, decided(pb::Decision::Accept, "")).await;
        }
        if number == ALL - 1 {
            answers(a, name, note(pb::MessageKind::Withdrawal, "We need it no more.")).await;
        }
    }
    // One is taken back before it leaves, if it comes to that: it is counted by both or by neither.
    let last = a.submit_message(submission(to)).await.expect("sent").into_inner();
    let cancelled = a.cancel_message(pb::CancelMessageRequest { name: last.name.clone() }).await;
    if cancelled.is_err() {
        reaches(a, &last.name, pb::DeliveryState::Consigned).await;
    }
}

async fn figures(agency: &mut Agency, unsuppressed: bool) -> StatisticsReturn {
    let year = time_year();
    let request = pb::GetStatisticsRequest {
        from: format!("{year}-01-01"),
        until: format!("{year}-12-31"),
        unsuppressed,
        ..Default::default()
    };
    let answer = agency.get_statistics(request).await.expect("counted").into_inner();
    assert!(answer.all_cases);
    statistics_from_pb(answer.statistics.expect("figures")).expect("sound")
}

fn time_year() -> i32 {
    rogatory::node::now().year()
}

fn line(of: &StatisticsReturn, way: Way, dimension: Dimension, value: &str) -> ReturnLine {
    let is_it = |line: &&ReturnLine| {
        (line.way, line.dimension, line.value.as_str()) == (way, dimension, value)
    };
    of.lines.iter().find(is_it).cloned().unwrap_or_else(|| panic!("no {way} {dimension} {value}"))
}

/// What one has made is what the other has received, in every line and cell of either; they differ in
/// who the other one is.
fn agree(a: &StatisticsReturn, b: &StatisticsReturn) {
    for (one, other) in [(a, b), (b, a)] {
        let of = |figures: &StatisticsReturn, way: Way| {
            let is_told = |line: &&ReturnLine| line.way == way && line.dimension != Dimension::Peer;
            let told = figures.lines.iter().filter(is_told).cloned();
            let lines = told.map(|line| ReturnLine { way: Way::Made, ..line }).collect();
            StatisticsReturn { lines, ..figures.clone() }
        };
        let (made, received) = (of(one, Way::Made), of(other, Way::Received));
        assert_eq!(compare(&made, &received, WAY_SECONDS), []);
    }
    let of = |figures, way, peer| line(figures, way, Dimension::Peer, peer).requests;
    assert_eq!(of(a, Way::Made, "xb.pps"), of(b, Way::Received, "xa.oag"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_returns_agree_and_an_auditor_comes_to_the_same() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    a.start().await;
    b.start().await;
    let (mut of_a, mut of_b) = (a.desk().await, b.desk().await);
    traffic(&mut of_a, &mut of_b, &b).await;

    let (made, received) = (figures(&mut of_a, true).await, figures(&mut of_b, true).await);
    agree(&made, &received);
    let total = line(&received, Way::Received, Dimension::Total, "").requests.expect("shown");
    assert!((ALL as u64..=ALL as u64 + 1).contains(&total), "{total}");
    let of = |dimension, value| line(&received, Way::Received, dimension, value);
    assert_eq!(of(Dimension::Outcome, "refused").requests, Some(REFUSED as u64));
    assert_eq!(of(Dimension::Outcome, "withdrawn").requests, Some(1));
    assert_eq!(of(Dimension::Ground, "NE_BIS_IN_IDEM").requests, Some(REFUSED as u64));
    assert_eq!(of(Dimension::Total, "").info_rounds, Some(ASKED as u64));
    assert_eq!(of(Dimension::Total, "").decision.count, Some(ALL as u64));
    assert_eq!(of(Dimension::Kind, "REQUEST").requests, Some(total));
    assert_eq!(line(&received, Way::Made, Dimension::Total, "").requests, Some(0));

    let shown = figures(&mut of_b, false).await;
    assert_eq!(audit_lines(&shown), []);
    for (node, name) in [(&a, "a"), (&b, "b")] {
        audited(dir.path(), node, name).await;
    }
    sent_and_read(&mut of_b, &mut of_a, &a, &shown).await;
    let bare = returned(&a, &received);
    let refused = of_b.submit_message(bare).await.expect_err("small counts");
    assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    assert!(refused.message().contains("statistics.smallest"), "{refused}");
    a.stop().await;
    b.stop().await;
}

fn returned(to: &Node, figures: &StatisticsReturn) -> pb::SubmitMessageRequest {
    let content = pb::MessageContent {
        kind: pb::MessageKind::StatisticsReturn as i32,
        body: Some(pb::message_content::Body::Statistics(statistics_to_pb(figures))),
        ..Default::default()
    };
    pb::SubmitMessageRequest { content: Some(content), ..submission(to) }
}

/// A return crosses as it was, and may say nothing that its own counts contradict.
async fn sent_and_read(from: &mut Agency, to: &mut Agency, node: &Node, shown: &StatisticsReturn) {
    let sent = from.submit_message(returned(node, shown)).await.expect("sent").into_inner();
    assert_eq!(sent.case_id, "");
    reaches(from, &sent.name, pb::DeliveryState::Consigned).await;
    let read = pb::GetMessageRequest { name: sent.name.clone() };
    let read = to.get_message(read).await.expect("readable").into_inner();
    let content = rogatory::envelope::wire::content_from_pb(read.content.expect("whole"));
    let body = content.expect("sound").body;
    assert!(body == rogatory::domain::request::Body::Statistics(shown.clone()));
    let mut wrong = shown.clone();
    let at = wrong.lines.iter().position(|line| line.dimension == Dimension::Peer).expect("a peer");
    wrong.lines[at].requests = Some(1_000);
    let refused = from.submit_message(returned(node, &wrong)).await.expect_err("no sums");
    assert!(refused.message().contains("add up"), "{refused}");
}

/// Runs the program; what it writes as JSON, and whether it succeeded.
fn program(args: &[&str]) -> (Value, String, bool) {
    let done = Command::new(process::ROGATORY).args(args).args(["--output", "json"]).output();
    let done = done.expect("it runs");
    let text = String::from_utf8(done.stdout).expect("UTF-8");
    let last = text.lines().last().map(|line| serde_json::from_str(line).expect("JSON"));
    let talk = String::from_utf8_lossy(&done.stderr).into_owned();
    (last.unwrap_or(Value::Null), talk, done.status.success())
}

async fn audited(root: &std::path::Path, node: &Node, name: &str) {
    node.agency("both", &["audit", "read"], true).await;
    let path = |end: &str| root.join(format!("{name}{end}")).to_str().expect("UTF-8").to_owned();
    let in_home = |file: &str| node.home.join(file).to_str().expect("UTF-8").to_owned();
    let (profile, home, card) = (in_home("both.toml"), in_home(""), in_home("card.txt"));
    let (export, contents, file) = (path(".export"), path(".jsonl"), path(".json"));
    let year = time_year().to_string();
    let steps = move || {
        let desk = ["stats", "--year", &year, "--profile", &profile];
        let (given, talk, ok) = program(&[&desk[..], &["--unsuppressed"]].concat());
        assert!(ok, "{talk}");
        std::fs::write(&file, given.to_string()).expect("written");
        let all = ["disclose", "--year", &year, "--out", &contents, "--profile", &profile];
        assert!(program(&all).2);
        assert!(program(&["audit", "export", "--home", &home, "--out", &export]).2);
        let audit = ["audit", "stats", &export, "--card", &card, "--year", &year];
        let held = [&audit[..], &["--disclosure", &contents, "--compare", &file]].concat();
        let (counted, talk, ok) = program(&held);
        assert!(ok, "{talk}");
        assert_eq!(counted["differences"], serde_json::json!([]), "{talk}");
        assert_eq!(counted["undisclosed"], 0, "{talk}");
        assert_eq!(counted["statistics"]["as_of"], given["statistics"]["as_of"]);

        // A return that says something else is found out, and a message that is kept back is named.
        let lines = &given["statistics"]["lines"];
        let at = lines.as_array().expect("lines").iter().position(|line| line["requests"] != 0);
        let mut false_return = given.clone();
        let cell = &mut false_return["statistics"]["lines"][at.expect("some")]["requests"];
        *cell = (cell.as_u64().expect("a count") - 1).into();
        std::fs::write(&file, false_return.to_string()).expect("written");
        let (counted, talk, ok) = program(&held);
        assert!(!ok && talk.contains("differs in 1 cells"), "{talk}");
        assert_eq!(counted["differences"].as_array().map(Vec::len), Some(1));
        let text = std::fs::read_to_string(&contents).expect("there");
        let some: Vec<&str> = text.lines().take(3).collect();
        std::fs::write(&contents, some.join("\n") + "\n").expect("written");
        let (counted, talk, ok) = program(&held);
        assert!(!ok && talk.contains("are not disclosed"), "{talk}");
        assert_eq!(counted["undisclosed"].as_u64().map(|n| n > 10), Some(true));
    };
    tokio::task::spawn_blocking(steps).await.expect("it succeeds");
}
