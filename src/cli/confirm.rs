//! `rogatory confirm`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::Deserialize;

use super::connect::AgencyAccess;
use super::exit::{Exit, Failure};
use super::fetch::MESSAGE_FILE;
use super::files::read_text;
use super::out::Out;
use super::{send, show};
use crate::domain::MessageId;
use crate::pb::v1 as pb;

/// Confirms that you have what a message carries; its sender gets a receipt of that
///
///   rogatory fetch ID --out case-42/1 && rogatory confirm ID --fetched case-42/1
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ConfirmArgs {
    #[command(flatten)]
    access: AgencyAccess,
    /// The message
    id: MessageId,
    /// The directory that it was fetched into: confirms the message whose digest stands in its
    /// message.json (the files were compared when they were fetched, and are not looked at again)
    #[arg(long, value_name = "DIR")]
    fetched: Option<PathBuf>,
}

/// What a confirmation needs of a fetched message.
#[derive(Deserialize)]
struct Fetched {
    message_id: MessageId,
    envelope_digest: String,
}

pub(crate) async fn run(args: ConfirmArgs, out: &mut Out) -> Result<(), Failure> {
    let digest = args.fetched.as_deref().map(|dir| digest_of(dir, args.id)).transpose()?;
    let mut client = args.access.connect().await?;
    let envelope_digest = match digest {
        Some(digest) => digest,
        None => show::message(&mut client, args.id).await?.envelope_digest,
    };
    let name = format!("messages/{}", args.id);
    let request = pb::ConfirmHandoverRequest { name, envelope_digest };
    send::print(&client.confirm_handover(request).await?.into_inner(), out);
    Ok(())
}

/// The digest of the message that was fetched into a directory.
fn digest_of(dir: &Path, id: MessageId) -> Result<String, Failure> {
    let path = dir.join(MESSAGE_FILE);
    let text = read_text(&path).map_err(|failure| match failure.code {
        Exit::NotFound => failure.hint("nothing was fetched there, or not all of it: fetch again"),
        _ => failure,
    })?;
    let fetched: Fetched = serde_json::from_str(&text)
        .map_err(|_| Failure::bad_file(&path, "is not what `rogatory fetch` wrote"))?;
    match fetched.message_id == id {
        true => Ok(fetched.envelope_digest),
        false => Err(Failure::bad_file(&path, format!("is of message {}", fetched.message_id))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_fetched_whole_and_is_meant_is_confirmed() {
        let dir = tempfile::tempdir().expect("a directory");
        let id = "01934f3e-0000-7000-8000-000000000001".parse().expect("an id");
        let other = "01934f3e-0000-7000-8000-000000000002".parse().expect("an id");
        assert_eq!(digest_of(dir.path(), id).expect_err("nothing").code, Exit::NotFound);
        let text = format!("{{\"message_id\":\"{id}\",\"envelope_digest\":\"ab\",\"x\":1}}");
        std::fs::write(dir.path().join(MESSAGE_FILE), text).expect("written");
        assert_eq!(digest_of(dir.path(), id), Ok("ab".to_owned()));
        assert_eq!(digest_of(dir.path(), other).expect_err("another").code, Exit::BadInput);
    }
}
