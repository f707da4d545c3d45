//! `rogatory peer reconcile`.

use serde_json::{Map, Value, json};

use super::Client;
use crate::cli::exit::{Exit, Failure};
use crate::cli::out::Out;
use crate::cli::view;
use crate::domain::AuthorityId;
use crate::pb::v1 as pb;

pub(super) async fn run(
    mut client: Client,
    who: AuthorityId,
    logged: bool,
    out: &mut Out,
) -> Result<(), Failure> {
    if logged {
        return show_logged(client, &who, out).await;
    }
    let request = pb::ReconcilePeerRequest { authority: who.to_string() };
    let done = client.reconcile_peer(request).await?.into_inner();
    tell(&done, out);
    conclude(&done)
}

async fn show_logged(mut client: Client, who: &AuthorityId, out: &mut Out) -> Result<(), Failure> {
    let request = pb::GetReconciliationReportRequest { authority: who.to_string() };
    let logged = client.get_reconciliation_report(request).await?.into_inner();
    if out.is_json() {
        let pb::ReconciliationReport { authority, report, report_digest } = &logged;
        out.json(&json!({ "peer": authority, "report": report, "report_digest": report_digest }));
    } else {
        // A line end is written behind it.
        out.data(logged.report.trim_end_matches('\n'));
    }
    Ok(())
}

fn tell(done: &pb::Reconciliation, out: &mut Out) {
    if out.is_json() {
        return out.json(&to_json(done));
    }
    let counts = done.counts.iter().map(|found| format!("{}: {}", found.class, found.count));
    let place = |log: Option<u32>, index| view::place(log.unwrap_or_default(), index);
    let logged = done.log_index.map(|index| format!("entry {}", place(done.log, index)));
    let fields = [
        ("peer", done.authority.clone()),
        ("at", done.reconcile_time.clone()),
        ("result", result(done).to_owned()),
        (
            "entries read",
            format!("{} of this node, {} of the peer", done.entries_own, done.entries_peer),
        ),
        ("found", counts.collect::<Vec<_>>().join("\n")),
        ("report", done.report_digest.clone()),
        ("logged", logged.unwrap_or_default()),
    ];
    out.record(&fields, &Value::Null);
    if !done.items.is_empty() {
        out.data("");
        let header =
            ["class", "message", "sent by", "event", "own entry", "peer's entry", "what", "done"];
        out.list(&header, &done.items, row, |_| Value::Null);
    }
}

fn result(done: &pb::Reconciliation) -> &str {
    match (done.complete, done.code.as_str()) {
        (false, _) => "not yet: there is more to read",
        (true, "") => "both logs agree",
        (true, code) => code,
    }
}

fn row(item: &pb::ReconciledItem) -> Vec<String> {
    let entry = |log: Option<u32>, index: Option<u64>| {
        index.map(|index| view::place(log.unwrap_or_default(), index)).unwrap_or_default()
    };
    vec![
        item.class.clone(),
        item.message_id.clone(),
        item.sender.clone(),
        item.event.clone(),
        entry(item.log_own, item.entry_own),
        entry(item.log_peer, item.entry_peer),
        item.detail.clone(),
        item.action.clone(),
    ]
}

fn conclude(done: &pb::Reconciliation) -> Result<(), Failure> {
    let who = &done.authority;
    if !done.complete {
        let message = format!("{who}: there is more than one round reads");
        return Err(Failure::new(Exit::Failed, message).hint("give the command again to go on"));
    }
    if done.code.is_empty() {
        return Ok(());
    }
    let what = match done.detail.as_str() {
        "" => "the two logs do not agree",
        detail => detail,
    };
    let message = format!("{who}: {}: {what}", done.code);
    let hint = match done.code.as_str() {
        "LOST_RECEIPT" => "give the command again in a moment; then ask the peer's operator",
        _ => {
            "export the log, ask the peer's operator for an export too, and hold them against each \
             other: rogatory audit reconcile"
        }
    };
    Err(Failure::new(Exit::VerificationFailed, message).hint(hint))
}

fn to_json(done: &pb::Reconciliation) -> Value {
    let counts: Map<String, Value> =
        done.counts.iter().map(|found| (found.class.clone(), json!(found.count))).collect();
    let item = |item: &pb::ReconciledItem| {
        json!({
            "class": item.class,
            "wrong": item.wrong,
            "message_id": item.message_id,
            "sender": item.sender,
            "event": item.event,
            "entry_own": item.entry_own,
            "log_own": item.log_own,
            "entry_peer": item.entry_peer,
            "log_peer": item.log_peer,
            "detail": item.detail,
            "action": item.action,
        })
    };
    json!({
        "ok": done.complete && done.code.is_empty(),
        "peer": done.authority,
        "at": done.reconcile_time,
        "complete": done.complete,
        "code": done.code,
        "detail": done.detail,
        "entries_own": done.entries_own,
        "entries_peer": done.entries_peer,
        "counts": counts,
        "items": done.items.iter().map(item).collect::<Vec<_>>(),
        "report": done.report,
        "report_digest": done.report_digest,
        "log_index": done.log_index,
        "log": done.log,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::{Format, testing::memory};

    fn done() -> pb::Reconciliation {
        let item = pb::ReconciledItem {
            class: "lost_receipt".into(),
            sender: "xa.oag".into(),
            event: "ContentHandover".into(),
            entry_peer: Some(12),
            log_peer: Some(1),
            action: "recorded".into(),
            ..Default::default()
        };
        pb::Reconciliation {
            authority: "xb.pps".into(),
            complete: true,
            counts: vec![pb::ReconciledCount { class: "lost_receipt".into(), count: 1 }],
            items: vec![item],
            ..Default::default()
        }
    }

    #[test]
    fn what_was_put_right_is_no_failure() {
        assert_eq!(conclude(&done()), Ok(()));
        let (mut out, data, _) = memory(Format::Table);
        tell(&done(), &mut out);
        for words in ["both logs agree", "lost_receipt: 1", "2:12", "recorded"] {
            assert!(data.text().contains(words), "{words}: {}", data.text());
        }
        let (mut out, data, _) = memory(Format::Json);
        tell(&done(), &mut out);
        assert_eq!(data.json()["ok"], true);
        assert_eq!(data.json()["items"][0]["entry_peer"], 12);
        assert_eq!(data.json()["items"][0]["log_peer"], 1);
        assert_eq!(data.json()["log_index"], Value::Null);
    }

    #[test]
    fn what_is_wrong_has_its_code_and_says_what_to_do() {
        let wrong = pb::Reconciliation { code: "OTHER_PAST".into(), ..done() };
        let failure = conclude(&wrong).expect_err("wrong");
        assert_eq!(failure.code, Exit::VerificationFailed);
        assert!(failure.message.contains("xb.pps: OTHER_PAST"), "{failure}");
        assert!(failure.hint.is_some_and(|hint| hint.contains("audit reconcile")));
        let partial = pb::Reconciliation { complete: false, ..done() };
        assert_eq!(conclude(&partial).expect_err("not all").code, Exit::Failed);
    }
}
