//! `rogatory show`.

mod language;

use clap::Args;
use serde_json::{Map, Value};

use super::connect::{AgencyAccess, AgencyClient};
use super::exit::{Exit, Failure};
use super::out::Out;
use super::{stats, view};
use crate::domain::request::{Body, StatisticsReturn};
use crate::domain::{MessageId, PackageId};
use crate::envelope::wire::content_from_pb;
use crate::pb::v1 as pb;

/// Shows a message: what it says, what it carries, how far it has come
#[derive(Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    access: AgencyAccess,
    /// The message
    id: MessageId,
    /// Shows its texts in this language where they were translated into it, as in en or zh-Hant
    #[arg(long, value_name = "LANGUAGE", value_parser = language::parse)]
    language: Option<String>,
}

pub(crate) async fn run(args: ShowArgs, out: &mut Out) -> Result<(), Failure> {
    let mut client = args.access.connect(out).await?;
    let message = message(&mut client, args.id).await?;
    print(&message, args.language.as_deref(), out);
    refuse_without_content(&message)
}

/// Says that the content of a message is not there any more, if that is so.
pub(super) fn refuse_without_content(message: &pb::Message) -> Result<(), Failure> {
    if !message.lost_time.is_empty() {
        let what = format!(
            "the content of message {} of {} was lost with a disk of the node, and only what its log \
             says of it was put back",
            message.message_id, message.lost_time
        );
        return Err(Failure::new(Exit::Failed, what).hint("ask the other side for it"));
    }
    let Some(erasure) = &message.erasure else { return Ok(()) };
    let what = format!(
        "the content of message {} was erased at {} ({})",
        message.message_id, erasure.erase_time, erasure.reason
    );
    Err(Failure::new(Exit::Failed, what).hint(format!(
        "its receipts remain: `rogatory receipt show {}`; the erasure is entry {}, in this node's log",
        message.message_id,
        view::place(erasure.log, erasure.log_index)
    )))
}

/// One message with its content.
pub(super) async fn message(
    client: &mut AgencyClient,
    id: MessageId,
) -> Result<pb::Message, Failure> {
    let request = pb::GetMessageRequest { name: format!("messages/{id}") };
    let answer = client.get_message(request).await.map_err(|status| {
        Failure::from(status).or_hint("`rogatory list` shows the messages that you may see")
    })?;
    Ok(answer.into_inner())
}

fn print(m: &pb::Message, wanted: Option<&str>, out: &mut Out) {
    let position = match m.inbox_position {
        0 => String::new(),
        position => position.to_string(),
    };
    let fields = [
        ("message", m.message_id.clone()),
        ("way", way(m).to_owned()),
        ("peer", m.peer.clone()),
        ("kind", view::kind(m.kind).to_owned()),
        ("case", m.case_id.clone()),
        ("answers", m.in_reply_to.clone()),
        ("state", view::state(m.state).to_owned()),
        ("refused", m.refusal_code.clone()),
        ("handling", view::handling(m.handling).to_owned()),
        ("created", m.create_time.clone()),
        ("expires", m.expire_time.clone()),
        ("envelope", m.envelope_digest.clone()),
        ("reference", m.reference.clone()),
        ("agency", m.agency.clone()),
        ("approved by", m.approved_by.clone()),
        ("inbox", position),
        ("annexes", m.annexes.iter().map(annex).collect::<Vec<_>>().join("\n")),
        ("receipts", m.receipts.join("\n")),
        ("request", m.request.trim_start_matches("messages/").to_owned()),
        ("moved to", view::request_state(m.request_state).to_owned()),
        ("note", notice(&m.move_notice)),
        ("stands", m.standing.as_ref().map(stands).unwrap_or_default()),
        (
            "may be sent",
            m.standing.as_ref().map(|at| at.legal_moves.join("\n")).unwrap_or_default(),
        ),
        ("use limits", m.use_limits.iter().map(limit).collect::<Vec<_>>().join("\n")),
        ("shared with", m.shares.iter().map(share).collect::<Vec<_>>().join("\n")),
        ("lost", m.lost_time.clone()),
        ("erased", m.erasure.as_ref().map(erased).unwrap_or_default()),
    ];
    let read = wanted.zip(m.content.as_ref());
    let read = read.and_then(|(wanted, content)| language::Read::of(content, wanted));
    let mut json = view::message(m);
    if let Some(read) = &read {
        json["texts"] = read.json();
    }
    out.record(&fields, &json);
    tell_draft(m, out);
    if out.is_json() {
        return;
    }
    if !m.packages.is_empty() {
        out.data("");
        out.list(&["package", "exhibits", "size", "root"], &m.packages, package_row, view::package);
    }
    if let Some(content) = &m.content {
        out.data("");
        if let Some(figures) = statistics(content) {
            return stats::print(&figures, None, out);
        }
        match &read {
            Some(read) => read.print(out),
            None => out.data(&readable(&view::content(content))),
        }
    }
}

/// Which way it goes or went; a draft goes none yet.
fn way(m: &pb::Message) -> &'static str {
    match pb::DeliveryState::try_from(m.state) {
        Ok(pb::DeliveryState::AwaitingApproval) => "to be sent, once approved",
        Ok(pb::DeliveryState::NotApproved) => "never sent",
        _ => view::direction(m.direction),
    }
}

fn tell_draft(m: &pb::Message, out: &mut Out) {
    if m.state == pb::DeliveryState::AwaitingApproval as i32 {
        let (author, id) = (&m.agency, &m.message_id);
        out.talk(&format!(
            "note: a draft of {author}, which waits for the approval of another agency: `rogatory draft \
             approve {id}` sends it"
        ));
    }
}

/// The figures that it has, where it has some.
fn statistics(content: &pb::MessageContent) -> Option<StatisticsReturn> {
    match content_from_pb(content.clone()).ok()?.body {
        Body::Statistics(figures) => Some(figures),
        _ => None,
    }
}

/// How something may be used, in one line.
fn limit(limit: &pb::UseLimit) -> String {
    let part = match (PackageId::from_slice(&limit.package_id), limit.exhibit) {
        (Ok(package), Some(exhibit)) => format!(" (exhibit {exhibit} of {package})"),
        (Ok(package), None) => format!(" ({package})"),
        _ => String::new(),
    };
    let until =
        if limit.until.is_empty() { String::new() } else { format!(" until {}", limit.until) };
    let text = match limit.text.split_whitespace().collect::<Vec<_>>().join(" ") {
        text if text.is_empty() => text,
        text => format!(": {text}"),
    };
    format!("{}{until}{part}{text}", view::limit_kind(limit.kind))
}

fn share(share: &pb::Share) -> String {
    let purpose = view::release_purpose(share.purpose);
    format!("{} since {} ({purpose}, {})", share.agency, share.share_time, share.ground)
}

/// Where the request stands, and who says so.
fn stands(at: &pb::RequestStanding) -> String {
    let state = view::request_state(at.state);
    let unjudged = match at.unjudged {
        0 => String::new(),
        some => format!("; {some} of ours not judged yet"),
    };
    let by = match (at.is_requested, at.is_told) {
        (true, _) => "this authority decides",
        (false, true) => "as the peer has said",
        (false, false) => "the peer has said nothing yet",
    };
    format!("{state} since {} ({by}{unjudged})", at.since_time)
}

/// What is to be noted of how a message moved its request, for people.
fn notice(code: &str) -> String {
    let why = match code {
        "" => return String::new(),
        "REQUEST_UNKNOWN" => {
            "it moved nothing: its request has not come, or is that of another message"
        }
        "CROSSED" => "it moved nothing: the request stood elsewhere already",
        "OVERTAKEN" => "it moved nothing: a newer message of the peer came before it",
        "ILLEGAL_MOVE" => {
            "by the rules it could not do that where the request stood; it is so all the same"
        }
        _ => "",
    };
    format!("{code}: {why}")
}

fn erased(erasure: &pb::Erasure) -> String {
    format!("{} ({})", erasure.erase_time, erasure.reason)
}

fn annex(a: &pb::Annex) -> String {
    let size = view::bytes(a.sealed_bytes.into());
    match &a.erasure {
        Some(erasure) => format!("{}  erased {}", a.annex_id, erased(erasure)),
        None if a.officials.is_empty() => format!("{}  {size} sealed", a.annex_id),
        None => format!("{}  {size} sealed to {}", a.annex_id, a.officials.join(", ")),
    }
}

fn package_row(p: &pb::Package) -> Vec<String> {
    let size = view::bytes(p.sealed_bytes);
    vec![p.package_id.clone(), p.exhibits.to_string(), size, p.root.clone()]
}

/// A content as a TOML file would have it, without what is not said.
fn readable(content: &Value) -> String {
    let said = without_absent(content).unwrap_or(Value::Object(Map::new()));
    // What TOML cannot write is shown as JSON rather than not at all.
    toml::to_string_pretty(&said).unwrap_or_else(|_| format!("{said:#}"))
}

/// The value without what is absent: nothing, no, empty texts, lists and tables.
fn without_absent(value: &Value) -> Option<Value> {
    match value {
        Value::Null | Value::Bool(false) => None,
        Value::String(text) => (!text.is_empty()).then(|| value.clone()),
        Value::Array(items) => {
            let items: Vec<Value> = items.iter().filter_map(without_absent).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Value::Object(fields) => {
            let said =
                |(name, value): (&String, &Value)| Some((name.clone(), without_absent(value)?));
            let fields: Map<String, Value> = fields.iter().filter_map(said).collect();
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
        other => Some(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::{Format, testing::memory};
    use crate::domain::MessageKind;
    use crate::domain::request::{Content, Note, content_from_toml};
    use crate::envelope::wire::content_to_pb;

    #[test]
    fn a_content_is_shown_as_a_file_that_can_be_read_again() {
        let text = "Line one.\nLine \"two\".".to_owned();
        let note = Note { text, language: "en".into(), ..Note::default() };
        let content = Content::note(MessageKind::StatusReport, note);
        let shown = readable(&view::content(&content_to_pb(&content)));
        assert!(!shown.contains("more_to_follow"), "{shown}");
        assert!(content_from_toml(&shown).expect("a content") == content, "{shown}");
    }

    #[test]
    fn a_request_survives_being_shown() {
        let file = include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/examples/request-surveillance.toml"
        ));
        let content = content_from_toml(file).expect("an example");
        let shown = readable(&view::content(&content_to_pb(&content)));
        assert!(content_from_toml(&shown).expect("a content") == content, "{shown}");
    }

    #[test]
    fn what_was_erased_is_shown_as_far_as_it_is_there_and_then_told() {
        let (mut out, data, _) = memory(Format::Table);
        let erasure = pb::Erasure {
            erase_time: "2026-11-23T16:28:01.123Z".into(),
            reason: "COURT_ORDER".into(),
            log_index: 9,
            log: 0,
        };
        let id = "m".to_owned();
        let message = pb::Message { message_id: id, erasure: Some(erasure), ..Default::default() };
        print(&message, None, &mut out);
        let told = "erased   2026-11-23T16:28:01.123Z (COURT_ORDER)";
        assert!(data.text().contains(told), "{}", data.text());
        let failure = refuse_without_content(&message).expect_err("it is gone");
        assert_eq!(failure.code, Exit::Failed);
        assert!(failure.message.contains("(COURT_ORDER)"), "{failure}");
        assert!(failure.hint.expect("a hint").contains("entry 9"));
        assert_eq!(refuse_without_content(&pb::Message::default()), Ok(()));
    }

    #[test]
    fn receipts_and_packages_stand_below_each_other() {
        let (mut out, data, _) = memory(Format::Table);
        let receipts = vec!["RelayAcceptance xb.pps".into(), "ContentConsignment xb.pps".into()];
        let packages = vec![pb::Package { package_id: "p".into(), ..Default::default() }];
        let id = "m".to_owned();
        let message = pb::Message { message_id: id, receipts, packages, ..Default::default() };
        print(&message, None, &mut out);
        assert!(data.text().contains("\n          ContentConsignment xb.pps"), "{}", data.text());
        assert!(data.text().contains("\nPACKAGE  EXHIBITS"), "{}", data.text());
    }
}
