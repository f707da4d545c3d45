//! `rogatory reply`.

use clap::{Args, ValueEnum};

use super::connect::AgencyAccess;
use super::exit::Failure;
use super::out::Out;
use super::send::{self, Ready, SendArgs, TextArgs};
use crate::domain::request::{Content, Decision, Note};
use crate::domain::{MessageId, MessageKind};
use crate::envelope::wire::content_to_pb;
use crate::pb::v1 as pb;

/// Answers a message: with an acknowledgement, a decision, evidence, or words
///
///   rogatory reply ID --text "We deal with it under B-17/26" --language en
///   rogatory reply ID --decision refuse --ground ESSENTIAL_INTERESTS --text "…"
///   rogatory reply ID --evidence bank-records/ --more-to-follow
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ReplyArgs {
    #[command(flatten)]
    access: AgencyAccess,
    /// The message that is answered
    id: MessageId,
    #[command(flatten)]
    text: TextArgs,
    /// The kind of message; absent: EVIDENCE_PACKAGE with evidence, DECISION with a decision, else
    /// CASE_ACKNOWLEDGEMENT
    #[arg(long, value_parser = send::kind)]
    kind: Option<MessageKind>,
    /// What was decided on the request
    #[arg(long)]
    decision: Option<DecisionWord>,
    /// Grounds of a refusal or postponement, as in ESSENTIAL_INTERESTS
    #[arg(long, num_args = 1.., value_name = "CODE")]
    ground: Vec<String>,
    /// Says that the evidence is a part, and more will come
    #[arg(long)]
    more_to_follow: bool,
    #[command(flatten)]
    send: SendArgs,
}

/// The decisions as the command line spells them.
#[derive(Clone, Copy, ValueEnum)]
enum DecisionWord {
    Accept,
    AcceptPartially,
    Refuse,
    Postpone,
}

impl From<DecisionWord> for Decision {
    fn from(word: DecisionWord) -> Self {
        match word {
            DecisionWord::Accept => Self::Accept,
            DecisionWord::AcceptPartially => Self::AcceptPartially,
            DecisionWord::Refuse => Self::Refuse,
            DecisionWord::Postpone => Self::Postpone,
        }
    }
}

pub(crate) async fn run(args: ReplyArgs, out: &mut Out) -> Result<(), Failure> {
    let content = content(&args)?;
    send::check(&content, None)?;
    let walk = args.send.walk()?;
    let mut client = args.access.connect(out).await?;
    let ready = Ready::make(args.send, walk, &mut client, out).await?;
    let request = pb::ReplyMessageRequest {
        name: format!("messages/{}", args.id),
        request_id: ready.request_id.clone(),
        content: Some(content_to_pb(&content)),
        packages: ready.package_names(),
        reference: ready.reference.clone(),
        expire_after_seconds: ready.expire_after_seconds,
    };
    let answer = client.reply_message(request).await.map_err(|status| ready.failure(status))?;
    send::tell(&answer.into_inner(), Some(&ready.request_id), &mut client, out).await;
    Ok(())
}

fn content(args: &ReplyArgs) -> Result<Content, Failure> {
    let (text, language) = args.text.read()?;
    let note = Note {
        text,
        language,
        grounds: args.ground.clone(),
        decision: args.decision.map(Decision::from),
        more_to_follow: args.more_to_follow,
    };
    let usual = match (args.decision, args.send.has_evidence()) {
        (Some(_), _) => MessageKind::Decision,
        (None, true) => MessageKind::EvidencePackage,
        (None, false) => MessageKind::CaseAcknowledgement,
    };
    Ok(Content::note(args.kind.unwrap_or(usual), note))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::Cli;
    use crate::cli::args::Command;

    const ID: &str = "01934f3e-0000-7000-8000-000000000001";

    fn said(line: &[&str]) -> Content {
        let cli = Cli::try_parse_from([&["rogatory", "reply", ID], line].concat());
        match cli.expect("a command line").command {
            Command::Reply(args) => content(&args).expect("a content"),
            _ => panic!("not a reply"),
        }
    }

    #[test]
    fn what_is_given_decides_the_kind() {
        assert_eq!(said(&[]).kind, MessageKind::CaseAcknowledgement);
        assert_eq!(said(&["--evidence", "a", "b"]).kind, MessageKind::EvidencePackage);
        assert_eq!(said(&["--decision", "accept-partially"]).kind, MessageKind::Decision);
        assert_eq!(
            said(&["--kind", "status-report", "--text", "x"]).kind,
            MessageKind::StatusReport
        );
    }

    #[test]
    fn a_refusal_has_its_reasons() {
        let refuse = ["--decision", "refuse", "--ground", "POLITICAL", "MILITARY", "--text", "x"];
        assert_eq!(send::check(&said(&refuse), None), Ok(()));
        assert!(send::check(&said(&["--decision", "refuse"]), None).is_err());
    }
}
