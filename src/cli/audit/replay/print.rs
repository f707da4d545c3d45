//! What a replay tells.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::disclosed::Proved;
use super::{Findings, Replayed};
use crate::audit::Checkpoint;
use crate::audit::Position;
use crate::audit::replay::{Finding, Life, Moment, Queue, Side, State};
use crate::cli::audit::when::shown;
use crate::cli::out::Out;
use crate::domain::AuthorityId;

pub(super) fn all(
    replayed: &Replayed,
    proved: Option<&[Proved]>,
    checkpoint: &Checkpoint,
    out: &mut Out,
) {
    if out.is_json() {
        return out.json(&to_json(replayed, proved, checkpoint));
    }
    out.record(&fields(replayed, checkpoint), &Value::Null);
    tables(replayed, proved, out);
}

/// The life of a message, what was proved, and what was found.
pub(super) fn tables(replayed: &Replayed, proved: Option<&[Proved]>, out: &mut Out) {
    let none = |_: &Vec<String>| Value::Null;
    let mut table = |header: &[&str], rows: Vec<Vec<String>>| {
        if !rows.is_empty() {
            out.data("");
            out.list(header, &rows, Clone::clone, none);
        }
    };
    let logs = replayed.newest + 1;
    if let Some(life) = &replayed.life {
        let header = ["entry", "time", "event", "by", "code", "other log", "then"];
        table(&header, life.moments().iter().map(|moment| moment_row(moment, logs)).collect());
    }
    let header = ["message", "entry", "case", "kind", "reference"];
    let rows = proved.unwrap_or_default().iter().map(|proved| proved_row(proved, logs));
    table(&header, rows.collect());
    let header = ["entry", "severity", "rule", "message", "finding"];
    let rows = replayed.findings.listed.iter().map(|finding| finding_row(finding, logs));
    table(&header, rows.collect());
    for proved in proved.unwrap_or_default() {
        let (message, entry) = (proved.message, place(proved.entry, logs));
        out.talk(&format!(
            "proved: {message}: this content is the one committed to in entry {entry}"
        ));
    }
}

/// How many messages are in which state, by side.
pub(super) fn states(state: &State) -> BTreeMap<(Side, &'static str), u64> {
    let mut counts = BTreeMap::new();
    for message in state.messages() {
        *counts.entry((message.side, message.state.as_str())).or_default() += 1;
    }
    counts
}

/// Receipts that were issued, and that were recorded.
pub(super) fn receipts(state: &State) -> (u64, u64) {
    let events = state.messages().flat_map(|message| message.events);
    let receipts = events.filter(|stated| stated.event.is_receipt());
    receipts.fold((0, 0), |(issued, recorded), stated| match stated.recorded {
        true => (issued, recorded + 1),
        false => (issued + 1, recorded),
    })
}

fn fields(replayed: &Replayed, checkpoint: &Checkpoint) -> Vec<(&'static str, String)> {
    let Replayed { state, findings, of, .. } = replayed;
    let states = states(state).into_iter();
    let states = states.map(|((side, word), count)| format!("{} {word}: {count}", side.as_str()));
    let peers = state.peers().into_iter();
    let peers = peers
        .map(|peer| format!("{}: {}, {} entries", peer.name, peer.standing.as_str(), peer.seq));
    let (issued, recorded) = receipts(state);
    let node = state.node_view();
    let runs = format!(
        "started {}, recovered {}, stopped {}; {}",
        node.starts,
        node.recoveries,
        node.stops,
        node.software.unwrap_or("no program named")
    );
    let revoked = state.agencies().filter(|agency| agency.revoked).count();
    let agencies = state.agencies().count();
    let waiting = state.messages().filter(|message| message.queue != Queue::Gone).count();
    vec![
        ("log", checkpoint.origin.clone()),
        ("replayed", format!("{} of {of} entries, verified", state.total())),
        ("until", state.at().to_string()),
        ("messages", states.collect::<Vec<_>>().join("\n")),
        ("waiting", waiting.to_string()),
        ("receipts", format!("{issued} issued, {recorded} recorded, as the log says")),
        ("refusals", state.refusal_count().to_string()),
        ("peers", peers.collect::<Vec<_>>().join("\n")),
        ("agencies", format!("{} with access, {revoked} without", agencies - revoked)),
        ("keys in use", state.keys().filter(|(_, in_use)| *in_use).count().to_string()),
        ("node", runs),
        ("policy", policy(state, replayed.newest + 1)),
        ("state digest", hex::encode(state.digest())),
        ("errors", findings.errors.to_string()),
        ("notices", findings.notices.to_string()),
    ]
}

fn policy(state: &State, logs: u32) -> String {
    let policy = state.policy_in_force();
    policy
        .map(|(digest, entry)| format!("{}, entry {}", hex::encode(digest), place(entry, logs)))
        .unwrap_or_default()
}

fn place(number: u64, logs: u32) -> String {
    shown(Position::from_number(number), logs)
}

fn by(moment: &Moment) -> String {
    let by = moment.by.as_ref().map(AuthorityId::as_str).unwrap_or_default();
    match moment.recorded {
        true => format!("{by} (recorded)"),
        false => by.to_owned(),
    }
}

fn moment_row(moment: &Moment, logs: u32) -> Vec<String> {
    let remote = moment.remote.as_ref();
    let remote = remote.map(|r| format!("{} entry {} of {}", r.origin, r.index, r.size));
    vec![
        place(moment.index, logs),
        moment.at.to_string(),
        moment.event.to_string(),
        by(moment),
        moment.code.clone().unwrap_or_default(),
        remote.unwrap_or_default(),
        moment.state.map_or("", |state| state.as_str()).to_owned(),
    ]
}

fn proved_row(proved: &Proved, logs: u32) -> Vec<String> {
    vec![
        proved.message.to_string(),
        place(proved.entry, logs),
        proved.case_id.clone(),
        proved.kind.to_owned(),
        proved.reference.clone(),
    ]
}

fn finding_row(finding: &Finding, logs: u32) -> Vec<String> {
    vec![
        place(finding.index, logs),
        finding.severity().as_str().to_owned(),
        finding.rule.to_string(),
        finding.message.map(|id| id.to_string()).unwrap_or_default(),
        finding.to_string(),
    ]
}

fn to_json(replayed: &Replayed, proved: Option<&[Proved]>, checkpoint: &Checkpoint) -> Value {
    let Replayed { state, findings, life, of, .. } = replayed;
    let mut messages = Map::new();
    for ((side, word), count) in states(state) {
        messages.entry(side.as_str()).or_insert_with(|| json!({}))[word] = count.into();
    }
    let peers = state.peers().into_iter().map(|peer| {
        let card = peer.card.map(hex::encode);
        let value =
            json!({ "standing": peer.standing.as_str(), "entries": peer.seq, "card": card });
        (peer.name.to_owned(), value)
    });
    let (issued, recorded) = receipts(state);
    let node = state.node_view();
    let mut json = json!({
        "ok": findings.errors == 0,
        "log_origin": checkpoint.origin,
        "entries": state.total(),
        "of_entries": of,
        "until": state.at(),
        "state_digest": hex::encode(state.digest()),
        "messages": messages,
        "receipts_issued": issued,
        "receipts_recorded": recorded,
        "refusals": state.refusal_count(),
        "peers": peers.collect::<Map<_, _>>(),
        "agencies": state.agencies().map(|agency| {
            let Position { log, index } = Position::from_number(agency.changed);
            json!({ "handle": agency.handle, "revoked": agency.revoked, "entry": index, "log": log })
        }).collect::<Vec<_>>(),
        "keys": state.keys().map(|(key, in_use)| json!({ "key": key, "in_use": in_use }))
            .collect::<Vec<_>>(),
        "node": {
            "running": node.running,
            "starts": node.starts,
            "recoveries": node.recoveries,
            "stops": node.stops,
            "software": node.software,
        },
    });
    if *of == state.total() {
        json["root"] = hex::encode(checkpoint.root).into();
    }
    findings_json(findings, &mut json);
    if let Some(life) = life {
        json["message"] = life_json(life);
    }
    if let Some(proved) = proved {
        json["proved"] = proved.iter().map(proved_json).collect();
    }
    json
}

pub(super) fn findings_json(findings: &Findings, json: &mut Value) {
    json["errors"] = findings.errors.into();
    json["notices"] = findings.notices.into();
    let listed = findings.listed.iter().map(|finding| {
        json!({
            "index": Position::from_number(finding.index).index,
            "log": Position::from_number(finding.index).log,
            "severity": finding.severity().as_str(),
            "rule": finding.rule.as_str(),
            "event": finding.event.as_str(),
            "message_id": finding.message,
            "detail": finding.to_string(),
        })
    });
    json["findings"] = listed.collect();
}

pub(super) fn life_json(life: &Life) -> Value {
    let moments = life.moments().iter().map(|moment| {
        let remote = moment.remote.as_ref().map(|remote| {
            json!({
                "origin": remote.origin,
                "index": remote.index,
                "size": remote.size,
                "root": hex::encode(remote.root),
            })
        });
        json!({
            "index": Position::from_number(moment.index).index,
            "log": Position::from_number(moment.index).log,
            "at": moment.at,
            "event": moment.event.as_str(),
            "by": moment.by,
            "recorded": moment.recorded,
            "code": moment.code,
            "other_log": remote,
            "peer_seq": moment.peer_seq,
            "who": moment.who,
            "state": moment.state.map(|state| state.as_str()),
        })
    });
    json!({ "message_id": life.message(), "entries": moments.collect::<Vec<_>>() })
}

pub(super) fn proved_json(proved: &Proved) -> Value {
    json!({
        "message_id": proved.message,
        "entry": Position::from_number(proved.entry).index, "log": Position::from_number(proved.entry).log,
        "case_id": proved.case_id,
        "kind": proved.kind,
        "reference": proved.reference,
        "packages": proved.packages,
    })
}
