//! `rogatory submit`.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args};

use super::connect::AgencyAccess;
use super::exit::Failure;
use super::files::read_text;
use super::out::Out;
use super::send::{self, Ready, SendArgs, TextArgs};
use crate::domain::request::{Content, Note, content_from_json, content_from_toml};
use crate::domain::{AuthorityId, CaseId, MessageKind};
use crate::envelope::wire::content_to_pb;
use crate::pb::v1 as pb;

/// Sends a request, or another message, to another authority
///
/// When it returns, the message is signed, sealed and durable at your node, which delivers it as
/// soon as the other authority's node answers.
///
///   rogatory submit --to xb.pps --request request.toml --evidence warrant.pdf statements/
///   rogatory submit --to xb.pps --request request.toml --annex victims.toml --for xb.pps/victims-desk
///   rogatory submit --to xb.pps --kind SPONTANEOUS_INFORMATION --text "…" --language en
///
/// A request file has the fields of UNTOC Article 18(15); docs/request.md describes them.
#[derive(Args)]
#[command(verbatim_doc_comment)]
#[command(group(ArgGroup::new("says").required(true).args(["request", "text", "text_file"])))]
pub(crate) struct SubmitArgs {
    #[command(flatten)]
    access: AgencyAccess,
    /// The authority that it goes to, as in xb.pps
    #[arg(long, value_name = "AUTHORITY")]
    to: AuthorityId,
    /// The request: a .json or .toml file
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    #[command(flatten)]
    text: TextArgs,
    /// The kind of message; REQUEST if absent, and needed with a text
    #[arg(long, value_parser = send::kind, required_unless_present = "request")]
    kind: Option<MessageKind>,
    /// The case that it belongs to, as in ROG-TH-OAG-2026-000042; a request opens one if absent
    #[arg(long, value_name = "CASE", value_parser = CaseId::parse)]
    case: Option<CaseId>,
    #[command(flatten)]
    send: SendArgs,
}

pub(crate) async fn run(args: SubmitArgs, out: &mut Out) -> Result<(), Failure> {
    let content = content(&args)?;
    send::tell_originals(&content, out);
    send::check(&content, args.request.as_deref())?;
    let annexes = args.send.annexes.read(&content)?;
    let walk = args.send.walk()?;
    let mut client = args.access.connect(out).await?;
    let walk = args.send.go_on(walk, &mut client, out).await?;
    let ready = Ready::make(args.send, &annexes, walk, &mut client, out).await?;
    let request = pb::SubmitMessageRequest {
        request_id: ready.request_id.clone(),
        recipient: args.to.to_string(),
        content: Some(content_to_pb(&content)),
        packages: ready.package_names(),
        annexes: ready.annexes.clone(),
        reference: ready.reference.clone(),
        expire_after_seconds: ready.expire_after_seconds,
        case_id: args.case.map(String::from).unwrap_or_default(),
    };
    let answer = client.submit_message(request).await.map_err(|status| ready.failure(status))?;
    send::tell(&answer.into_inner(), Some(&ready.request_id), &mut client, out).await;
    Ok(())
}

fn content(args: &SubmitArgs) -> Result<Content, Failure> {
    match &args.request {
        Some(file) => {
            let mut content = read_content(file)?;
            content.kind = args.kind.unwrap_or(content.kind);
            Ok(content)
        }
        None => {
            let (text, language) = args.text.read()?;
            let note = Note { text, language, ..Note::default() };
            let kind = args.kind.unwrap_or(MessageKind::SpontaneousInformation);
            Ok(Content::note(kind, note).normalised())
        }
    }
}

/// Reads what a message says, by the ending of the file.
pub(crate) fn read_content(file: &Path) -> Result<Content, Failure> {
    let text = read_text(file)?;
    let read = match file.extension().and_then(|ending| ending.to_str()) {
        Some("json") => content_from_json(&text),
        Some("toml") => content_from_toml(&text),
        _ => {
            return Err(Failure::bad_file(file, "has a name that ends in neither .json nor .toml"));
        }
    };
    let hint = "docs/request.md has every field, and examples/ has whole requests";
    let read = read.map_err(|error| Failure::bad_file(file, error).hint(hint))?;
    Ok(read.normalised())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::exit::Exit;

    #[test]
    fn a_file_is_read_by_its_ending_and_its_faults_have_a_place() {
        let dir = tempfile::tempdir().expect("a directory");
        let read = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("written");
            read_content(&path)
        };
        let kind = |read: Result<Content, Failure>| read.expect("a content").kind;
        assert_eq!(kind(read("a.toml", "subject = \"x\"")), MessageKind::Request);
        assert_eq!(kind(read("a.json", "{\"kind\":\"TEST\",\"note\":{}}")), MessageKind::Test);
        let failure = read("b.toml", "a = 1\nsubjekt = 2").expect_err("an unknown field");
        assert_eq!(failure.code, Exit::BadInput);
        assert!(failure.message.contains("b.toml: line "), "{failure}");
        assert!(read("a.yaml", "").expect_err("an ending").message.contains(".json"));
    }
}
