//! What an entry says of the exhibit, in plain words.

use super::{Step, is_refusal};
use crate::audit::entry::{Entry, Event};
use crate::domain::AuthorityId;

impl Step {
    /// What it says of the custody of the exhibit.
    pub fn words(&self) -> String {
        let peer = self.entry.peer.as_ref().map_or("another authority", AuthorityId::as_str);
        if self.other_content {
            return other_content(&self.entry, self.authority.as_str(), peer);
        }
        if self.entry.is_recorded_receipt() {
            return recorded(self.entry.event, peer);
        }
        match self.entry.event.is_receipt() {
            true => stated(&self.entry, self.authority.as_str(), peer),
            false => domestic(&self.entry).to_owned(),
        }
    }
}

/// Something else under the same message id.
fn other_content(entry: &Entry, here: &str, peer: &str) -> String {
    match (entry.is_recorded_receipt(), entry.event) {
        (_, event) if !is_refusal(event) => {
            format!("about another content under this message id, between {here} and {peer}")
        }
        (true, _) => {
            format!(
                "recorded the receipt of {peer}: it refused another content under this message id"
            )
        }
        (false, Event::RelayRejection) => {
            format!("refused at {here}: another content under this message id, from {peer}")
        }
        (false, _) => format!("refused at {here}: another content under this message id"),
    }
}

/// A receipt of the peer that was recorded.
fn recorded(event: Event, peer: &str) -> String {
    match event {
        Event::RelayAcceptance => format!("recorded the receipt of {peer}: it is held there"),
        Event::RelayRejection => format!("recorded the receipt of {peer}: it was refused there"),
        Event::ContentConsignment => {
            format!("recorded the receipt of {peer}: it was opened there, for an agency")
        }
        Event::ContentConsignmentFailure => {
            format!(
                "recorded the receipt of {peer}: it could not be opened there, or was not \
                 lawful in form"
            )
        }
        Event::ContentHandover => {
            format!("recorded the receipt of {peer}: it was handed to the agency there")
        }
        Event::ContentHandoverFailure => {
            format!(
                "recorded the receipt of {peer}: no agency there has confirmed it in \
                 time, or its content was lost"
            )
        }
        Event::ContentAccessTracking => {
            format!(
                "recorded the receipt of {peer}: a sealed annex beside it was released to \
                 an official there"
            )
        }
        _ => format!("recorded a receipt of {peer}"),
    }
}

/// A delivery event that the owner of the log states.
fn stated(entry: &Entry, here: &str, peer: &str) -> String {
    match entry.event {
        Event::SubmissionAcceptance => format!("sealed and signed at {here}, for {peer}"),
        Event::SubmissionRejection => format!("refused at {here}, as it was submitted"),
        Event::RelayAcceptance => format!("held at {here}, from {peer}"),
        Event::RelayRejection => format!("refused at {here}, from {peer}"),
        Event::RelayFailure => format!("not relayed to {peer} within its window"),
        Event::ContentConsignment => format!("opened at {here}, in the inbox of an agency"),
        Event::ContentConsignmentFailure => {
            format!("could not be opened at {here}, or was not lawful in form")
        }
        Event::ContentHandover => format!("handed to the agency at {here}, which has confirmed it"),
        Event::ContentHandoverFailure if entry.code.as_deref() == Some("CONTENT_LOST") => {
            format!("its content was lost at {here} before an agency had confirmed it")
        }
        Event::ContentHandoverFailure => format!("no agency at {here} has confirmed it in time"),
        Event::ContentAccessTracking => {
            format!("a sealed annex beside it was released to an official at {here}")
        }
        Event::RelayToNonErds => format!("left {here} in a pouch, for {peer}"),
        Event::ReceivedFromNonErds => format!("came to {here} in a pouch, from {peer}"),
        _ => domestic(entry).to_owned(),
    }
}

/// What happened within the authority, which no peer is told.
fn domestic(entry: &Entry) -> &'static str {
    let package = entry.package.is_some();
    match entry.event {
        Event::MessageCancelled => "withdrawn by its agency before it was relayed",
        Event::MessageHeld => "an operator stopped its relaying",
        Event::MessageReleased => "an operator let its relaying go on",
        Event::DraftSubmitted => "submitted, for a second official to approve",
        Event::DraftApproved => "approved by a second official",
        Event::DraftRefused => "not approved by a second official, or withdrawn before",
        Event::AccessFetched if package => "its package was given to this agency",
        Event::AccessFetched => "its message was given to this agency",
        Event::AccessExported => exported(entry.code.as_deref()),
        Event::AccessShared if package => "this agency shared its package with another agency",
        Event::AccessShared => "this agency shared its message with another agency",
        Event::AccessUnshared => "it was taken back from an agency that it was shared with",
        Event::EraseBody => "its content was erased",
        Event::EraseAnnex => "a sealed annex beside it was erased",
        Event::HoldSet => "it must not be erased from here on",
        Event::HoldReleased => "it may be erased again",
        _ => "its message is named",
    }
}

fn exported(code: Option<&str>) -> &'static str {
    match code {
        Some("MESSAGE") => "an excerpt of the log about its message was given out",
        Some("DISCLOSED_TO_AUDITOR") => "what its message says was disclosed to an auditor",
        _ => "its message was exported",
    }
}
