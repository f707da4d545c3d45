//! `rogatory erase`.

use std::fmt::Write as _;

use clap::Args;

use super::closed::not_misspelt;
use super::connect::OperatorAccess;
use super::exit::Failure;
use super::out::Out;
use super::view;
use crate::domain::{MessageId, Reason};
use crate::pb::v1 as pb;
use crate::pb::v1::operator_service_client::OperatorServiceClient;

/// Destroys the content of a message at this node, for good
///
/// The keys of what is stored here are overwritten; evidence that no other message names leaves the
/// vault. The log, the receipts and all proofs stay as they are, and say that the content was
/// erased, when and why. What the other authority holds is out of reach.
///
///   rogatory erase --message ID --reason RETENTION_ENDED
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct EraseArgs {
    #[command(flatten)]
    access: OperatorAccess,
    /// The message
    #[arg(long, value_name = "ID")]
    message: MessageId,
    /// Why: a code that stands in the log for ever, as in RETENTION_ENDED
    #[arg(long, value_name = "CODE", long_help = help(&Reason::ERASURE),
        value_parser = |given: &str| reason(given, &Reason::ERASURE))]
    reason: Reason,
}

/// What an option says that takes a reason.
pub(super) fn help(listed: &[(&str, &str)]) -> String {
    let mut help = "Why: a code that stands in the log for ever. It must name a rule, and never a \
                    person or a case. These have a meaning, others may be used as well:\n"
        .to_owned();
    for (code, says) in listed {
        // Writing to a string cannot fail.
        let _ = write!(help, "\n  {code:<22} {says}");
    }
    help
}

/// A reason that has a meaning here, or one of the authority's own; a misspelt one would stand for ever.
pub(super) fn reason(given: &str, listed: &[(&str, &str)]) -> Result<Reason, String> {
    not_misspelt(given, listed.iter().map(|(code, _)| *code))?;
    Reason::parse(given).map_err(|error| error.to_string())
}

pub(crate) async fn run(args: EraseArgs, out: &mut Out) -> Result<(), Failure> {
    let EraseArgs { access, message, reason } = args;
    let erase = async |channel, _: &mut Out| {
        let request =
            pb::EraseMessageRequest { message_id: message.to_string(), reason: reason.to_string() };
        let mut client = OperatorServiceClient::new(channel);
        Ok(client.erase_message(request).await?.into_inner())
    };
    let erased = access.at(out, erase).await?;
    print(&erased, out);
    Ok(())
}

fn print(erased: &pb::ErasedMessage, out: &mut Out) {
    let packages = match erased.packages {
        0 => String::new(),
        count => format!("{count}, removed within minutes unless another message names them"),
    };
    let fields = [
        ("message", erased.message_id.clone()),
        ("erased", erased.erase_time.clone()),
        ("reason", erased.reason.clone()),
        ("entry", view::place(erased.log, erased.log_index)),
        ("packages", packages),
    ];
    out.record(&fields, &view::erased_message(erased));
    if erased.earlier {
        out.talk("note: it had been erased before: nothing was changed");
    }
    out.talk(
        "note: out of reach are what the other authority holds, what agencies have fetched, and \
         old copies of the file data/slots: replace its backups now (docs/storage.md)",
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::{Format, testing::memory};

    #[test]
    fn people_are_told_what_is_out_of_reach() {
        let (mut out, data, talk) = memory(Format::Table);
        let erased = pb::ErasedMessage {
            message_id: "m".into(),
            reason: "COURT_ORDER".into(),
            packages: 2,
            log_index: 7,
            log: 1,
            earlier: true,
            ..Default::default()
        };
        print(&erased, &mut out);
        assert!(data.text().contains("entry     2:7\n"), "{}", data.text());
        assert!(data.text().contains("packages  2, removed"), "{}", data.text());
        assert!(talk.text().contains("nothing was changed"), "{}", talk.text());
        assert!(talk.text().contains("data/slots"), "{}", talk.text());
    }

    #[test]
    fn help_and_documentation_list_every_reason() {
        let page = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md"));
        for listed in [Reason::ERASURE.as_slice(), &Reason::HOLD, &Reason::DRAFT] {
            let help = help(listed);
            for (code, says) in listed {
                assert!(help.contains(&format!("  {code} ")) && help.contains(says), "{help}");
                assert!(page.contains(&format!("| `{code}` | {says}")), "docs/cli.md: {code}");
            }
        }
    }
}
