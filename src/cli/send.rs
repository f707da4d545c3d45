//! What submitting and replying have in common.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::annex::SealArgs;
use super::check::finding_json;
use super::connect::AgencyClient;
use super::evidence::{self, Walk};
use super::exit::{Exit, Failure};
use super::files::read_text;
use super::out::Out;
use super::refusal::in_file;
use super::{receipt, view};
use crate::crypto::{random, sha256};
use crate::domain::request::{Annex, Content, Finding, Form, Severity};
use crate::domain::{MessageId, MessageKind, PackageId, RequestId};
use crate::pb::v1 as pb;

/// The text of a note.
#[derive(Args)]
pub(crate) struct TextArgs {
    /// What is said
    #[arg(long, value_name = "TEXT", group = "said")]
    text: Option<String>,
    /// What is said, from a file: other users of this machine can read a command line
    #[arg(long, value_name = "FILE", group = "said")]
    text_file: Option<PathBuf>,
    /// The language of the text, as in en, fr or th
    #[arg(long, value_name = "TAG", default_value = "en")]
    language: String,
}

impl TextArgs {
    /// The text and its language, which a note without text has none of.
    pub(crate) fn read(&self) -> Result<(String, String), Failure> {
        let text = match (&self.text, &self.text_file) {
            (Some(text), _) => text.clone(),
            (None, Some(file)) => read_text(file)?.trim_end().to_owned(),
            (None, None) => return Ok(Default::default()),
        };
        Ok((text, self.language.clone()))
    }
}

/// What goes with a message.
#[derive(Args)]
pub(crate) struct SendArgs {
    /// Files and directories that are sealed into one evidence package
    #[arg(long, num_args = 1.., value_name = "PATH")]
    evidence: Vec<PathBuf>,
    /// Custody records of that evidence, a .toml file: who had it, when, where and why
    #[arg(long, value_name = "FILE", requires = "evidence")]
    custody: Option<PathBuf>,
    /// The message that the evidence came with from another authority: the custody records of an exhibit of
    /// the same name and bytes go on, and those of --custody follow them. For what is returned, or goes on to
    /// somebody else
    #[arg(long, value_name = "MESSAGE", requires = "evidence")]
    custody_from: Option<MessageId>,
    /// A package that was uploaded before, by a command that failed after it
    #[arg(long, value_name = "PACKAGE")]
    package: Vec<PackageId>,
    #[command(flatten)]
    pub(crate) annexes: SealArgs,
    /// Your own reference, at most 200 characters
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reference: String,
    /// Names this request, so that a repeat after a failure is not a second message
    #[arg(long, value_name = "UUID")]
    request_id: Option<RequestId>,
    /// Days within which it must be delivered; the node's default if absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=400))]
    expire_days: Option<u64>,
}

/// What the request of this command is called, whenever it is run with the same evidence.
fn request_of(walk: &Walk) -> RequestId {
    let upload = walk.upload_id(&command(), 0);
    let mut id = [0; 16];
    id.copy_from_slice(&sha256(format!("request of {upload}").as_bytes())[..16]);
    RequestId::new(id)
}

/// The command as it was typed: the same one goes on with what it has uploaded before.
fn command() -> String {
    std::env::args_os().map(|word| format!("{word:?} ")).collect()
}

impl SendArgs {
    /// Whether there is evidence.
    pub(crate) fn has_evidence(&self) -> bool {
        !self.evidence.is_empty() || !self.package.is_empty()
    }

    /// Finds the files, before anything is sent.
    pub(crate) fn walk(&self) -> Result<Option<Walk>, Failure> {
        if self.evidence.is_empty() {
            return Ok(None);
        }
        let mut walk = evidence::exhibits(&self.evidence)?;
        if let Some(file) = &self.custody {
            walk.read_custody(file)?;
        }
        Ok(Some(walk))
    }

    /// Has the custody go on of what came with another message, as the node has that.
    pub(crate) async fn go_on(
        &self,
        walk: Option<Walk>,
        client: &mut AgencyClient,
        out: &mut Out,
    ) -> Result<Option<Walk>, Failure> {
        match (walk, self.custody_from) {
            (Some(walk), Some(from)) => evidence::go_on(walk, from, client, out).await.map(Some),
            (walk, _) => Ok(walk),
        }
    }
}

/// What is ready to be named in a request.
pub(crate) struct Ready {
    pub(crate) request_id: String,
    pub(crate) packages: Vec<String>,
    pub(crate) annexes: Vec<bytes::Bytes>,
    pub(crate) reference: String,
    pub(crate) expire_after_seconds: u64,
}

impl Ready {
    /// Uploads the evidence, and says what a repeat would need.
    pub(crate) async fn make(
        args: SendArgs,
        annexes: &[Annex],
        walk: Option<Walk>,
        client: &mut AgencyClient,
        out: &mut Out,
    ) -> Result<Self, Failure> {
        let annexes = args.annexes.seal(annexes, client, out).await?;
        let mut packages: Vec<String> = args.package.iter().map(PackageId::to_string).collect();
        let mut request_id = args.request_id;
        if let Some(walk) = walk {
            // Run again, the command is the same request: it becomes no second message.
            request_id = request_id.or_else(|| Some(request_of(&walk)));
            let (package, differing) = evidence::upload(client, walk, &command(), out).await?;
            let differing: Vec<&str> = differing.iter().map(String::as_str).collect();
            evidence::tell_differing(&differing, out);
            let size = view::bytes(package.sealed_bytes);
            let (id, exhibits) = (&package.package_id, package.exhibits);
            out.talk(&format!("package: {id} ({exhibits} exhibits, {size} sealed)"));
            packages.push(package.package_id);
        }
        let request_id = request_id.unwrap_or_else(|| RequestId::new(random()));
        out.talk(&format!("request id: {request_id}"));
        Ok(Self {
            request_id: request_id.to_string(),
            packages,
            annexes,
            reference: args.reference,
            expire_after_seconds: args.expire_days.unwrap_or(0) * 24 * 3600,
        })
    }

    /// The packages as requests name them.
    pub(crate) fn package_names(&self) -> Vec<String> {
        self.packages.iter().map(|id| format!("packages/{id}")).collect()
    }

    /// A failure after which the outcome is not known, with how to repeat.
    pub(crate) fn failure(&self, status: tonic::Status) -> Failure {
        let failure = Failure::from(status);
        if !matches!(failure.code, Exit::Unavailable | Exit::Fault) {
            return failure;
        }
        let packages: String = self.packages.iter().map(|id| format!(" --package {id}")).collect();
        let instead = if packages.is_empty() { "" } else { " in place of --evidence" };
        let flags = format!("--request-id {}{packages}{instead}", self.request_id);
        let hint = match self.annexes.is_empty() {
            true => format!("repeat it safely with {flags}: it becomes one message, never two"),
            false => format!(
                "repeat it safely with {flags}: it becomes one message, never two (annexes are \
                 sealed anew: REQUEST_ID_REUSED then says that the first one is there)"
            ),
        };
        match failure.hint.clone() {
            Some(first) => failure.hint(format!("{first}; {hint}")),
            None => failure.hint(hint),
        }
    }
}

/// Tells everything that the content lacks, before the node would. Each line names what the
/// person wrote: a field of the file, or an option.
pub(crate) fn check(content: &Content, file: Option<&Path>) -> Result<(), Failure> {
    if file.is_none() && !content.has_its_body() {
        return Err(needs_file(content.kind));
    }
    let errors = content.check().into_iter().filter(|one| one.severity == Severity::Error);
    let lines: Vec<String> = errors.map(|one| line(&one, file)).collect();
    let hint = match file {
        Some(_) => "nothing was sent: mend these and submit again; docs/request.md has every field",
        None => "nothing was sent: mend these and send it again",
    };
    match lines.is_empty() {
        true => Ok(()),
        false => Err(Failure::new(Exit::BadInput, lines.join("\n")).hint(hint)),
    }
}

/// A finding with what the person wrote: a field of the file, or an option.
pub(crate) fn line(one: &Finding, file: Option<&Path>) -> String {
    match file {
        Some(file) => {
            let field = in_file(&one.field);
            format!("{}: {field}: {} ({})", file.display(), one.message, one.paragraph)
        }
        None => format!("{}: {} ({})", option(&one.field), one.message, one.paragraph),
    }
}

/// That words alone do not say what this kind of message says.
fn needs_file(kind: MessageKind) -> Failure {
    let form = Form::of(kind).as_str();
    let message = format!("--kind {kind}: says more than a text: its fields stand in a file");
    Failure::new(Exit::BadInput, message).hint(format!(
        "write a file with kind = \"{kind}\" and a table [{form}], and give it with --file (reply) or \
         --request (submit); docs/request.md has its fields"
    ))
}

/// Tells that texts were put into the normal form, and that nothing of them is lost.
pub(crate) fn tell_originals(content: &Content, out: &mut Out) {
    match content.originals.len() {
        0 => {}
        1 => out.talk(
            "note: 1 text is put into the normal form C of Unicode; as given, it goes along under \
             originals",
        ),
        more => out.talk(&format!(
            "note: {more} texts are put into the normal form C of Unicode; as given, they go along \
             under originals"
        )),
    }
}

/// The option that a field of a note comes from.
fn option(field: &str) -> &str {
    match field.strip_prefix("note.").unwrap_or(field) {
        "text" => "--text",
        "language" => "--language",
        "decision" => "--decision",
        "more_to_follow" => "--more-to-follow",
        "progress" => "--progress",
        "review_date" => "--review-date",
        "use_purpose" => "--use-purpose",
        "consent" => "--consent",
        "desk.office" => "--office",
        "desk.reference" => "--office-reference",
        "desk.contact" => "--office-contact",
        "forwarded.to" => "--forwarded-to",
        "forwarded.date" => "--forwarded-on",
        field if field.starts_with("conditions") => "--condition",
        field if field.starts_with("defects") => "--defect",
        field if field.starts_with("grounds") => "--ground",
        _ => field,
    }
}

/// A kind in either case, with hyphens or underscores.
pub(crate) fn kind(word: &str) -> Result<MessageKind, String> {
    let word = word.to_ascii_uppercase().replace('-', "_");
    MessageKind::parse(&word).map_err(|error| error.to_string())
}

/// Tells what became of a message, and nothing of what it says.
pub(crate) async fn tell(
    message: &pb::Message,
    request_id: Option<&str>,
    client: &mut AgencyClient,
    out: &mut Out,
) {
    let receipt = newest_receipt(message, client).await;
    print(message, request_id, receipt.as_ref(), out);
}

/// The newest receipt of a message, for its place in the log. It is done whether this is told or
/// not, and who may only submit may not read receipts.
async fn newest_receipt(message: &pb::Message, client: &mut AgencyClient) -> Option<pb::Receipt> {
    let id = message.message_id.parse().ok()?;
    receipt::receipts_of(client, id).await.ok()?.pop()
}

fn print(
    message: &pb::Message,
    request_id: Option<&str>,
    receipt: Option<&pb::Receipt>,
    out: &mut Out,
) {
    let place = receipt.map(|r| format!("{}, entry {} of {}", r.event, r.index, r.log_origin));
    let receipts = place.unwrap_or_else(|| message.receipts.join(", "));
    let fields = [
        ("message", message.message_id.clone()),
        ("kind", view::kind(message.kind).to_owned()),
        ("peer", message.peer.clone()),
        ("case", message.case_id.clone()),
        ("state", view::state(message.state).to_owned()),
        ("expires", message.expire_time.clone()),
        ("envelope", message.envelope_digest.clone()),
        ("receipt", receipts),
        ("refused", message.refusal_code.clone()),
    ];
    let json = json!({
        "message_id": message.message_id,
        "request_id": request_id,
        "kind": view::kind(message.kind),
        "peer": message.peer,
        "case_id": message.case_id,
        "in_reply_to": message.in_reply_to,
        "state": view::state(message.state),
        "create_time": message.create_time,
        "expire_time": message.expire_time,
        "envelope_digest": message.envelope_digest,
        "package_ids": message.packages.iter().map(|p| &p.package_id).collect::<Vec<_>>(),
        "receipt": receipt.map(|r| json!({
            "event": r.event,
            "issuer": r.issuer,
            "event_time": r.event_time,
            "index": r.index,
            "log_origin": r.log_origin,
        })),
        "refusal_code": message.refusal_code,
        "warnings": message.warnings,
        "findings": message.findings.iter().map(finding_json).collect::<Vec<_>>(),
    });
    out.record(&fields, &json);
    if message.state == pb::DeliveryState::AwaitingApproval as i32 {
        out.talk("note: nothing is sent until another official has read and approved it");
        let id = &message.message_id;
        out.talk(&match message.packages.is_empty() {
            true => format!(
                "hint: with the roles read and approve: `rogatory show {id}`, then `rogatory draft \
                 approve {id}`"
            ),
            false => format!(
                "hint: with the roles read and approve: `rogatory show {id}`, `rogatory fetch {id} \
                 --out DIR`, then `rogatory draft approve {id}`"
            ),
        });
    }
    for warning in &message.warnings {
        out.talk(&format!("warning: {}", in_file(warning)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::request::Note;

    #[test]
    fn kinds_are_taken_in_any_usual_spelling() {
        assert_eq!(kind("status-report"), Ok(MessageKind::StatusReport));
        assert_eq!(kind("REQUEST"), Ok(MessageKind::Request));
        assert!(kind("letter").is_err());
    }

    #[test]
    fn what_is_lacking_is_told_with_its_field() {
        let note = Content::note(MessageKind::StatusReport, Note::default());
        let failure = check(&note, None).expect_err("no text");
        assert_eq!(failure.code, Exit::BadInput);
        assert!(failure.message.starts_with("--text: "), "{failure}");
        let failure = check(&note, Some(Path::new("a.json"))).expect_err("no text");
        assert!(failure.message.starts_with("a.json: note.text: "), "{failure}");
        let fine = Content::note(MessageKind::StatusQuery, Note::default());
        assert_eq!(check(&fine, None), Ok(()));
    }

    #[test]
    fn an_unknown_outcome_can_be_repeated_as_the_same_request() {
        let ready = Ready {
            request_id: "r".into(),
            packages: vec!["p".into()],
            annexes: Vec::new(),
            reference: String::new(),
            expire_after_seconds: 0,
        };
        let hint = ready.failure(tonic::Status::unavailable("gone")).hint.expect("a hint");
        assert!(hint.contains("--request-id r --package p in place of --evidence"), "{hint}");
        let refused = ready.failure(tonic::Status::not_found("x"));
        assert!(refused.hint.is_none_or(|hint| !hint.contains("--request-id")));
    }
}
