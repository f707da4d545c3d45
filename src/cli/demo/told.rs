//! The messages of the story, for those who check it afterwards.

use anyhow::{Context as _, Result};

use super::desk::RECEIPTS;
use crate::crypto::Digest;
use crate::domain::{AuthorityId, MessageId};
use crate::pb::v1 as pb;

/// A message of the story.
pub(super) struct Sent {
    /// What the story calls it.
    pub(super) label: &'static str,
    /// Its id.
    pub(super) id: MessageId,
    /// SHA-256 of its envelope.
    pub(super) envelope: Digest,
    /// Who sent it.
    pub(super) from: AuthorityId,
    /// To whom.
    pub(super) to: AuthorityId,
    /// Its receipts, once it is settled.
    pub(super) receipts: Vec<pb::Receipt>,
    /// As its sender's node answered.
    pub(super) message: pb::Message,
    /// Whether an official has opened an annex of it, for which there is a receipt more.
    pub(super) opened: bool,
}

impl Sent {
    /// How many receipts there will be.
    pub(super) fn due(&self) -> usize {
        RECEIPTS + usize::from(self.opened)
    }

    pub(super) fn new(
        label: &'static str,
        from: &AuthorityId,
        message: &pb::Message,
    ) -> Result<Self> {
        let mut envelope = Digest::default();
        hex::decode_to_slice(&message.envelope_digest, &mut envelope)
            .with_context(|| format!("{label} has no envelope digest"))?;
        Ok(Self {
            label,
            id: MessageId::parse(&message.message_id)?,
            envelope,
            from: from.clone(),
            to: AuthorityId::parse(&message.peer)?,
            receipts: Vec::new(),
            message: message.clone(),
            opened: false,
        })
    }
}

/// The case when all is settled.
pub(super) struct Told {
    /// Its messages, in their order.
    pub(super) sent: Vec<Sent>,
}

impl Told {
    /// How many receipts there are.
    pub(super) fn receipts(&self) -> usize {
        self.sent.iter().map(|sent| sent.receipts.len()).sum()
    }

    /// The message with an id.
    pub(super) fn of(&self, id: MessageId) -> Option<&Sent> {
        self.sent.iter().find(|sent| sent.id == id)
    }
}
