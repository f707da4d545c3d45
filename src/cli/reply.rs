//! `rogatory reply`.

mod elsewhere;
mod receipt;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::closed::not_misspelt;
use super::connect::AgencyAccess;
use super::day::day;
use super::exit::{Exit, Failure};
use super::fetch;
use super::out::Out;
use super::send::{self, Ready, SendArgs, TextArgs};
use super::submit::read_content;
use crate::domain::request::{
    Body, Content, Decision, Defect, Desk, Forwarded, GROUNDS, Note, Progress, UseConsent,
};
use crate::domain::{MessageId, MessageKind};
use crate::envelope::wire::content_to_pb;
use crate::pb::v1 as pb;

/// Answers a message: with an acknowledgement, a decision, evidence, or words
///
///   rogatory reply ID --text "We deal with it under B-17/26" --language en
///   rogatory reply ID --office "…" --office-reference 2026-17 --text "…"   # acknowledges
///   rogatory reply ID --forwarded-to "…" --text "…"
///   rogatory reply ID --kind CONSULTATION --text "…"        # before a refusal or a postponement
///   rogatory reply ID --decision refuse --ground ESSENTIAL_INTERESTS --text "…"
///   rogatory reply ID --decision return --defect "purpose=says nothing of its use"
///   rogatory reply ID --progress in-execution
///   rogatory reply ID --evidence bank-records/ --more-to-follow
///   rogatory reply ID --fetched case-42/1                   # a receipt of its evidence
///   rogatory reply ID --file hearing.toml                   # kinds with fields of their own
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ReplyArgs {
    #[command(flatten)]
    access: AgencyAccess,
    /// The message that is answered
    id: MessageId,
    /// A .json or .toml file with all that is said, in place of the options below: a note with its
    /// verdicts or limits of use, a request, or what its kind says in fields, as a hearing does
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = [
            "said", "decision", "ground", "more_to_follow", "progress", "review_date", "condition",
            "defect", "use_purpose", "consent", "office", "office_reference", "office_contact",
            "forwarded_to", "forwarded_on", "fetched"
        ]
    )]
    file: Option<PathBuf>,
    #[command(flatten)]
    text: TextArgs,
    #[command(flatten)]
    office: OfficeArgs,
    /// What ID was fetched into, a directory or a container: gives a receipt of its evidence. Each exhibit is
    /// compared with what its sender sealed first; those that the node cannot give as they were sealed are named
    #[arg(long, value_name = "PATH", conflicts_with_all = ["decision", "more_to_follow", "progress"])]
    fetched: Option<PathBuf>,
    /// The kind of message; absent: EVIDENCE_RECEIPT with --fetched, EVIDENCE_PACKAGE with evidence, DECISION with a decision,
    /// STATUS_REPORT with progress, CONDITIONS_PROPOSED with conditions, USE_CONSENT_REQUEST with a
    /// purpose of use, USE_CONSENT_RESPONSE with consent, FORWARDING_NOTICE with --forwarded-to, else
    /// CASE_ACKNOWLEDGEMENT
    #[arg(long, value_parser = send::kind)]
    kind: Option<MessageKind>,
    /// What was decided on the request
    #[arg(long)]
    decision: Option<DecisionWord>,
    /// Grounds of a refusal or postponement, as in ESSENTIAL_INTERESTS
    #[arg(long, num_args = 1.., value_name = "CODE", value_parser = ground)]
    ground: Vec<String>,
    /// Says that the evidence is a part, and more will come
    #[arg(long)]
    more_to_follow: bool,
    /// Says where the request stands from now on
    #[arg(long)]
    progress: Option<ProgressWord>,
    /// When a postponed request is looked at again, as in 2027-03-31
    #[arg(long, value_name = "DATE", value_parser = day)]
    review_date: Option<String>,
    /// A condition of the assistance; may be repeated
    #[arg(long, value_name = "TEXT")]
    condition: Vec<String>,
    /// What does not conform in a request that is returned, as in `purpose=is missing`
    #[arg(long, value_name = "FIELD=TEXT", value_parser = defect)]
    defect: Vec<DefectArg>,
    /// What it is to be used for beside what it was given for: asks for consent
    #[arg(long, value_name = "TEXT")]
    use_purpose: Option<String>,
    /// Whether what was asked for may be used so
    #[arg(long)]
    consent: Option<ConsentWord>,
    #[command(flatten)]
    send: SendArgs,
}

/// Who deals with the request, or to whom it went on.
#[derive(Args)]
struct OfficeArgs {
    /// In an acknowledgement: the office that deals with it
    #[arg(long, value_name = "TEXT")]
    office: Option<String>,
    /// The reference under which that office keeps it
    #[arg(long, value_name = "TEXT", requires = "office")]
    office_reference: Option<String>,
    /// How to reach that office
    #[arg(long, value_name = "TEXT", requires = "office")]
    office_contact: Option<String>,
    /// The authority or office to which it was sent on
    #[arg(long, value_name = "TEXT")]
    forwarded_to: Option<String>,
    /// When, as in 2027-03-31
    #[arg(long, value_name = "DATE", value_parser = day, requires = "forwarded_to")]
    forwarded_on: Option<String>,
}

impl OfficeArgs {
    fn desk(&self) -> Option<Desk> {
        let said = |text: &Option<String>| text.clone().unwrap_or_default();
        self.office.clone().map(|office| Desk {
            office,
            reference: said(&self.office_reference),
            contact: said(&self.office_contact),
        })
    }

    fn forwarded(&self) -> Option<Forwarded> {
        let date = self.forwarded_on.clone().unwrap_or_default();
        self.forwarded_to.clone().map(|to| Forwarded { to, date })
    }
}

/// The answer to a request for consent, as the command line spells it.
#[derive(Clone, Copy, ValueEnum)]
enum ConsentWord {
    Granted,
    Refused,
}

impl From<ConsentWord> for UseConsent {
    fn from(word: ConsentWord) -> Self {
        match word {
            ConsentWord::Granted => Self::Granted,
            ConsentWord::Refused => Self::Refused,
        }
    }
}

/// How far a request has come, as the command line spells it.
#[derive(Clone, Copy, ValueEnum)]
enum ProgressWord {
    UnderReview,
    InExecution,
    Closed,
}

impl From<ProgressWord> for Progress {
    fn from(word: ProgressWord) -> Self {
        match word {
            ProgressWord::UnderReview => Self::UnderReview,
            ProgressWord::InExecution => Self::InExecution,
            ProgressWord::Closed => Self::Closed,
        }
    }
}

/// A field and what is wrong with it.
#[derive(Clone)]
struct DefectArg(Defect);

/// A code that is known, or one that only a treaty has; a misspelt one would be final.
fn ground(given: &str) -> Result<String, String> {
    not_misspelt(given, GROUNDS.iter().map(|ground| ground.code))?;
    Ok(given.to_owned())
}

fn defect(given: &str) -> Result<DefectArg, String> {
    let (field, text) = given.split_once('=').ok_or("give FIELD=TEXT, as in purpose=is missing")?;
    Ok(DefectArg(Defect { field: field.to_owned(), text: text.to_owned() }))
}

/// The decisions as the command line spells them.
#[derive(Clone, Copy, ValueEnum)]
enum DecisionWord {
    Accept,
    AcceptPartially,
    Refuse,
    Postpone,
    Return,
}

impl From<DecisionWord> for Decision {
    fn from(word: DecisionWord) -> Self {
        match word {
            DecisionWord::Accept => Self::Accept,
            DecisionWord::AcceptPartially => Self::AcceptPartially,
            DecisionWord::Refuse => Self::Refuse,
            DecisionWord::Postpone => Self::Postpone,
            DecisionWord::Return => Self::Return,
        }
    }
}

pub(crate) async fn run(args: ReplyArgs, out: &mut Out) -> Result<(), Failure> {
    let mut content = content(&args)?;
    send::tell_originals(&content, out);
    send::check(&content, args.file.as_deref())?;
    if content.kind == MessageKind::EvidencePackage && args.file.is_none() && !args.more_to_follow {
        out.talk(
            "note: this says that the evidence is complete: while more is to come, say --more-to-follow",
        );
    }
    let annexes = args.send.annexes.read(&content)?;
    let walk = args.send.walk()?;
    let mut client = args.access.connect(out).await?;
    if let (Some(path), Body::Note(note)) = (&args.fetched, &mut content.body) {
        let verdicts = fetch::verdicts(&mut client, args.id, path, out).await?;
        receipt::fill(note, verdicts, out);
        send::check(&content, None)?;
    }
    let walk = args.send.go_on(walk, &mut client, out).await?;
    let ready = Ready::make(args.send, &annexes, walk, &mut client, out).await?;
    let request = pb::ReplyMessageRequest {
        name: format!("messages/{}", args.id),
        request_id: ready.request_id.clone(),
        content: Some(content_to_pb(&content)),
        packages: ready.package_names(),
        annexes: ready.annexes.clone(),
        reference: ready.reference.clone(),
        expire_after_seconds: ready.expire_after_seconds,
    };
    let said = (args.id, &content, args.file.as_deref());
    let answer = client.reply_message(request).await;
    let answer = answer.map_err(|status| elsewhere::failure(status, &ready, said, out))?;
    send::tell(&answer.into_inner(), Some(&ready.request_id), &mut client, out).await;
    Ok(())
}

fn content(args: &ReplyArgs) -> Result<Content, Failure> {
    if let Some(file) = &args.file {
        let mut content = read_content(file)?;
        content.kind = args.kind.unwrap_or(content.kind);
        return Ok(content);
    }
    let (text, language) = args.text.read()?;
    let note = Note {
        text,
        language,
        grounds: args.ground.clone(),
        decision: args.decision.map(Decision::from),
        more_to_follow: args.more_to_follow,
        progress: args.progress.map(Progress::from),
        review_date: args.review_date.clone().unwrap_or_default(),
        conditions: args.condition.clone(),
        defects: args.defect.iter().map(|defect| defect.0.clone()).collect(),
        use_purpose: args.use_purpose.clone().unwrap_or_default(),
        consent: args.consent.map(UseConsent::from),
        desk: args.office.desk(),
        forwarded: args.office.forwarded(),
        ..Note::default()
    };
    let silent = Note { language: note.language.clone(), ..Note::default() };
    let bare = note == silent && !args.send.has_evidence() && args.fetched.is_none();
    if bare && args.kind.is_none() {
        return Err(says_nothing());
    }
    let receipt = MessageKind::EvidenceReceipt;
    if args.fetched.is_some() {
        return match args.kind.unwrap_or(receipt) == receipt {
            true => Ok(Content::note(receipt, note).normalised()),
            false => Err(Failure::new(Exit::Usage, "--fetched is for an EVIDENCE_RECEIPT")
                .hint("leave out --kind, or --fetched")),
        };
    }
    if args.kind == Some(receipt) {
        return Err(Failure::new(
            Exit::Usage,
            "an EVIDENCE_RECEIPT that names no exhibit says that every one arrived whole",
        )
        .hint("give --fetched, so that it is compared, or --file with what is not whole"));
    }
    let usual = match (args.decision, args.send.has_evidence()) {
        (Some(_), _) => MessageKind::Decision,
        (None, true) => MessageKind::EvidencePackage,
        (None, false) if args.progress.is_some() => MessageKind::StatusReport,
        (None, false) if args.use_purpose.is_some() => MessageKind::UseConsentRequest,
        (None, false) if args.consent.is_some() => MessageKind::UseConsentResponse,
        (None, false) if !args.condition.is_empty() => MessageKind::ConditionsProposed,
        (None, false) if args.office.forwarded_to.is_some() => MessageKind::ForwardingNotice,
        (None, false) => MessageKind::CaseAcknowledgement,
    };
    Ok(Content::note(args.kind.unwrap_or(usual), note).normalised())
}

/// An acknowledgement that nobody meant would still be signed, sealed and sent.
fn says_nothing() -> Failure {
    Failure::new(Exit::Usage, "the reply says nothing").hint(
        "say it with --text or --file; an acknowledgement without a text is sent with \
         --kind CASE_ACKNOWLEDGEMENT",
    )
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;
    use crate::cli::args::Command;

    const ID: &str = "01934f3e-0000-7000-8000-000000000001";

    fn said(line: &[&str]) -> Content {
        read(line).expect("a content")
    }

    fn read(line: &[&str]) -> Result<Content, Failure> {
        let cli = Cli::try_parse_from([&["rogatory", "reply", ID], line].concat());
        match cli.expect("a command line").command {
            Command::Reply(args) => content(&args),
            _ => panic!("not a reply"),
        }
    }

    #[test]
    fn an_acknowledgement_that_says_nothing_is_asked_for_by_its_name() {
        for line in [&[][..], &["--text", ""], &["--reference", "A-1"]] {
            let refused = read(line).expect_err("says nothing");
            assert_eq!(refused.code, Exit::Usage, "{line:?}");
            assert!(refused.hint.expect("a hint").contains("--text"), "{line:?}");
        }
        let bare = said(&["--kind", "case-acknowledgement"]);
        assert_eq!(bare.kind, MessageKind::CaseAcknowledgement);
        assert_eq!(send::check(&bare, None), Ok(()));
    }

    #[test]
    fn what_is_given_decides_the_kind() {
        assert_eq!(said(&["--text", "x"]).kind, MessageKind::CaseAcknowledgement);
        assert_eq!(said(&["--evidence", "a", "b"]).kind, MessageKind::EvidencePackage);
        assert_eq!(said(&["--decision", "accept-partially"]).kind, MessageKind::Decision);
        assert_eq!(
            said(&["--kind", "status-report", "--text", "x"]).kind,
            MessageKind::StatusReport
        );
    }

    #[test]
    fn who_deals_with_it_is_said_in_fields() {
        let line = ["--office", "Prosecutor 3", "--office-reference", "26-17", "--text", "x"];
        let content = said(&line);
        assert_eq!(content.kind, MessageKind::CaseAcknowledgement);
        let crate::domain::request::Body::Note(note) = &content.body else { panic!("a note") };
        let desk = note.desk.as_ref().expect("a desk");
        assert_eq!((desk.office.as_str(), desk.reference.as_str()), ("Prosecutor 3", "26-17"));
        assert_eq!(send::check(&content, None), Ok(()));
        let on = ["--forwarded-to", "Court of P", "--forwarded-on", "2027-03-01", "--text", "x"];
        assert_eq!(said(&on).kind, MessageKind::ForwardingNotice);
        let never = on.map(|word| if word == "2027-03-01" { "2027-13-01" } else { word });
        let line = [&["rogatory", "reply", ID], &never[..]].concat();
        assert!(Cli::try_parse_from(line).is_err(), "there is no such month");
        let nowhere = said(&["--forwarded-to", "", "--forwarded-on", "2027-03-01", "--text", "x"]);
        let wrong = send::check(&nowhere, None).expect_err("it went to nobody").to_string();
        assert!(wrong.starts_with("--forwarded-to: "), "{wrong}");
        let alone = Cli::try_parse_from(["rogatory", "reply", ID, "--office-reference", "26-17"]);
        assert!(alone.is_err(), "a reference is some office's");
    }

    #[test]
    fn a_receipt_of_evidence_is_made_from_what_was_fetched() {
        let receipt = said(&["--fetched", "case"]);
        assert_eq!(receipt.kind, MessageKind::EvidenceReceipt);
        assert_eq!(send::check(&receipt, None), Ok(()));
        let named = read(&["--fetched", "case", "--kind", "STATUS_REPORT"]).expect_err("another");
        assert_eq!(named.code, Exit::Usage);
        let bare = read(&["--kind", "EVIDENCE_RECEIPT"]).expect_err("nothing was compared");
        assert!(bare.message.contains("every one arrived whole"), "{bare}");
    }

    #[test]
    fn a_refusal_has_its_reasons() {
        let refuse = ["--decision", "refuse", "--ground", "POLITICAL", "MILITARY", "--text", "x"];
        assert_eq!(send::check(&said(&refuse), None), Ok(()));
        assert!(send::check(&said(&["--decision", "refuse"]), None).is_err());
    }
}
