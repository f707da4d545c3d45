//! Submitting: from what an agency says to a durable, signed, sealed message in the outbox.

mod cases;
mod judged;
mod packages;
mod pending;
mod refuse;

use prost::Message as _;
use zeroize::Zeroizing;

pub(super) use self::cases::CaseNumbers;
use self::cases::case_key;
pub use self::judged::Judged;
use self::packages::{Carried, check_exhibits};
use self::pending::Pending;
pub(super) use self::pending::first_answer;
pub(super) use self::pending::{last_case_in, skip_case_number};
use super::agencies::Caller;
use super::cases::index;
use super::drafts::Approval;
use super::query::MessageView;
use super::roles::CaseOf;
use super::rows::{self, MessageDetails, MessageRow, RequestRow, SENT, facts_of, ref_of};
use super::standing::{About, is_moved};
use super::{ActionError, Exchange, Peer, Violation};
use crate::audit::entry::{EntryDraft, Event};
use crate::crypto::primitives::{pae, random};
use crate::crypto::{Digest, PublicKey, sha256};
use crate::domain::delivery::DeliveryState;
use crate::domain::limits::{DELIVERY_WINDOW_MAX_MS, PACKAGES_PER_MESSAGE_MAX};
use crate::domain::request::{Content, Finding, Handling};
use crate::domain::{AuthorityId, CaseId, MessageId, MessageKind, PackageId, RequestId};
use crate::envelope::wire::{content_to_pb, kind_to_pb};
use crate::envelope::{Draft, SealError, SealedAnnex, SignedMessage, seal, sign};
use crate::pb::v1 as pb;
use crate::store::Table;

/// Characters of an agency's own reference.
pub const REFERENCE_MAX_CHARS: usize = 200;

/// How often a message is sealed where others move its request meanwhile.
const SEALED_ANEW_MAX: u32 = 5;

/// What an agency submits.
#[derive(Clone)]
pub struct Submission {
    /// Names the request, so that a repeat is known as one.
    pub request: RequestId,
    /// Whom it is for.
    pub recipient: AuthorityId,
    /// What is said.
    pub content: Content,
    /// Packages that were uploaded before.
    pub packages: Vec<PackageId>,
    /// Annexes that the client has sealed.
    pub annexes: Vec<SealedAnnex>,
    /// The agency's own reference; may be empty.
    pub reference: String,
    /// Delivery window in milliseconds; the default where there is none.
    pub window_ms: Option<i64>,
    /// The case that it belongs to.
    pub case: Option<CaseId>,
    /// What it answers.
    pub in_reply_to: Option<MessageId>,
}

impl Submission {
    /// What a repeat must be equal in. With the request id, which is kept nowhere: whoever has the
    /// home cannot try contents against what stays of a message that was erased.
    pub(super) fn digest(&self) -> Digest {
        let content = content_to_pb(&self.content).encode_to_vec();
        let packages: Vec<u8> = self.packages.iter().flat_map(|id| *id.as_bytes()).collect();
        let annexes: Vec<u8> =
            self.annexes.iter().flat_map(|annex| annex.reference().digest).collect();
        let window = self.window_ms.unwrap_or(0).to_le_bytes();
        let case = self.case.as_ref().map(CaseId::as_str).unwrap_or_default();
        let answered = self.in_reply_to.map_or([0; 16], |id| *id.as_bytes());
        sha256(&pae(
            "rogatory/v1/request",
            &[
                self.request.as_bytes(),
                self.recipient.as_str().as_bytes(),
                &content,
                &packages,
                &annexes,
                self.reference.as_bytes(),
                &window,
                case.as_bytes(),
                &answered,
            ],
        ))
    }
}

/// A submission that was checked, with what it needs.
struct Checked {
    peer: std::sync::Arc<Peer>,
    packages: Vec<Carried>,
    /// The case of what is answered; once it is to be sealed, whichever it belongs to.
    case: Option<String>,
    new_case: Option<(i32, u64)>,
    warnings: Vec<Finding>,
    about: About,
}

impl Exchange {
    /// Checks, seals, signs and commits a message. When this returns it is durable, and it will be
    /// relayed; a repeat returns the first answer (AIP-155).
    ///
    /// # Errors
    /// [`ActionError::Refused`] with every field that breaks a rule, which is logged;
    /// [`ActionError::Conflict`] with code `REQUEST_ID_REUSED` when the id came with other content.
    pub async fn submit(
        &self,
        caller: &Caller,
        submission: Submission,
    ) -> Result<MessageView, ActionError> {
        self.check_writable()?;
        let digest = submission.digest();
        match self.judge(caller, submission, digest).await {
            Err(ActionError::Invalid(violations)) => {
                Err(self.refuse_submission(caller, &digest, violations).await)
            }
            judged => judged,
        }
    }

    async fn judge(
        &self,
        caller: &Caller,
        submission: Submission,
        digest: Digest,
    ) -> Result<MessageView, ActionError> {
        let request_key = self.request_key(caller, submission.request);
        let known = rows::load(&self.store, Table::Requests, &request_key)?;
        if let Some(id) = first_answer(known, &digest)? {
            return self.view(caller, id, true);
        }
        if self.needs_approval(submission.content.kind) {
            self.check_submission(caller, &*self.meant(caller, &submission)?, None)?;
            return self.keep_draft(caller, &submission, request_key, digest).await;
        }
        let id = self.send(caller, &submission, None).await?;
        self.view(caller, id, true)
    }

    /// Checks, seals, signs and commits what needs no approval, or has it.
    pub(super) async fn send(
        &self,
        caller: &Caller,
        submission: &Submission,
        approval: Option<Approval>,
    ) -> Result<MessageId, ActionError> {
        let draft = approval.as_ref().map(|approval| approval.id);
        let mut tries = 0;
        let committed = loop {
            let meant = self.meant(caller, submission)?;
            let mut checked = self.check_submission(caller, &meant, draft)?;
            let (case, new_case) = self.case_for(submission, checked.case.take())?;
            (checked.case, checked.new_case) = (Some(case), new_case);
            let signed = self.seal_submission(&meant, &checked, draft)?;
            let mut pending = self.pending(caller, submission, &checked, &signed);
            pending.approval.clone_from(&approval);
            let done = self.store.commit(move |tx| pending.apply(tx)).await;
            tries += 1;
            match done.map_err(ActionError::from) {
                // Somebody else spoke of the same request meanwhile.
                Err(error) if is_moved(&error) && tries < SEALED_ANEW_MAX => {}
                done => break done?,
            }
        };
        let (id, outbox) = committed.value;
        if let Some(outbox) = outbox {
            self.outbox.insert(outbox);
        }
        Ok(id)
    }

    fn request_key(&self, caller: &Caller, request: RequestId) -> [u8; 16] {
        let name = pae("request", &[caller.name.as_bytes(), request.as_bytes()]);
        self.home.blind("request", &name)
    }

    fn check_submission(
        &self,
        caller: &Caller,
        submission: &Submission,
        draft: Option<MessageId>,
    ) -> Result<Checked, ActionError> {
        let peer = self.directory.get(&submission.recipient);
        let Judged { mut wrong, warnings } =
            self.judge_content(&submission.content, peer.as_deref());
        check_form(submission, &mut wrong);
        check_return(caller, submission, &mut wrong);
        self.check_known_case(caller, submission, &mut wrong)?;
        if peer.is_none() {
            wrong.push(self.no_recipient(&submission.recipient));
        }
        if let Some(peer) = &peer {
            self.check_parties(peer, submission, &mut wrong);
        }
        let packages = self.check_packages(caller, &submission.packages, draft, &mut wrong)?;
        check_exhibits(submission, &packages, &mut wrong);
        let case = self.check_case(caller, submission, &mut wrong)?;
        self.check_annexes(submission, peer.as_deref(), &mut wrong)?;
        let about = self.check_request(caller, submission, &mut wrong)?;
        self.check_persons(submission, case.as_deref(), &mut wrong)?;
        match (wrong.is_empty(), peer) {
            (true, Some(peer)) => {
                Ok(Checked { peer, packages, case, new_case: None, warnings, about })
            }
            _ => Err(ActionError::Invalid(wrong)),
        }
    }

    /// What earlier requests of the case say of the persons in this one.
    fn check_persons(
        &self,
        submission: &Submission,
        answered: Option<&str>,
        wrong: &mut Vec<Violation>,
    ) -> Result<(), ActionError> {
        let body = &submission.content.body;
        let case = answered.or(submission.case.as_ref().map(CaseId::as_str));
        let of = CaseOf {
            direction: SENT,
            peer: submission.recipient.as_str(),
            case: case.unwrap_or_default(),
            before: None,
        };
        let form = body.form().as_str();
        for finding in self.check_roles(&of, body)? {
            let rule = format!("{} ({})", finding.message, finding.paragraph);
            wrong.push(Violation::new(format!("content.{form}.{}", finding.field), rule));
        }
        Ok(())
    }

    fn seal_submission(
        &self,
        submission: &Submission,
        checked: &Checked,
        draft: Option<MessageId>,
    ) -> Result<SignedMessage, ActionError> {
        let now = self.now();
        let window = submission.window_ms.unwrap_or(self.settings.delivery_window_ms);
        let draft = Draft {
            // What was approved has the name under which it waited.
            message: draft.unwrap_or_else(|| MessageId::new(now, random())),
            sender: self.me.clone(),
            recipient: submission.recipient.clone(),
            purpose: submission.content.kind.purpose().to_owned(),
            created: now,
            expires: now.plus_ms(window),
            in_reply_to: submission.in_reply_to,
            sender_card_version: self.card().version(),
            packages: checked.packages.iter().map(|package| ref_of(&package.shape)).collect(),
            annexes: submission.annexes.iter().map(SealedAnnex::reference).collect(),
            plaintext: encode_body(submission, checked),
        };
        // To every active key of the recipient, and to our own archive.
        let theirs = checked.peer.card.sealing_keys(now);
        if theirs.is_empty() {
            let rule = "its card has no sealing key that is valid now: ask for a new card";
            return Err(ActionError::invalid("recipient", rule));
        }
        let recipients: Vec<&PublicKey> =
            theirs.iter().chain(std::iter::once(self.keys.archive.public())).collect();
        let sealed = seal(draft, &recipients, &self.keys.signer_publics()).map_err(seal_error)?;
        sign(sealed, &self.keys.signers()).map_err(seal_error)
    }

    fn pending(
        &self,
        caller: &Caller,
        submission: &Submission,
        checked: &Checked,
        signed: &SignedMessage,
    ) -> Pending {
        let header = signed.header();
        let row = MessageRow {
            direction: SENT,
            peer: header.recipient.to_string(),
            kind: kind_to_pb(submission.content.kind) as i32,
            case_id: checked.case.clone().unwrap_or_default(),
            in_reply_to: header.in_reply_to.map_or_else(Vec::new, |id| id.as_bytes().to_vec()),
            state: DeliveryState::Queued as i32,
            created_ms: header.created.unix_ms(),
            expires_ms: header.expires.unix_ms(),
            envelope_digest: signed.digest().to_vec(),
            payload_commitment: header.plaintext_commitment.to_vec(),
            agency: caller.name.clone(),
            packages: checked.packages.iter().map(|package| facts_of(&package.shape)).collect(),
            ..MessageRow::default()
        };
        let details = MessageDetails {
            reference: submission.reference.clone(),
            findings: checked.warnings.iter().map(judged::detail).collect(),
            related: index::related(&submission.content),
        };
        let entry = EntryDraft::new(Event::SubmissionAcceptance)
            .by(self.me.clone())
            .peer(header.recipient.clone())
            .message(header.message)
            .envelope(signed.digest())
            .payload(header.plaintext_commitment)
            .who(&self.handle(&caller.name));
        Pending {
            id: header.message,
            row,
            details,
            entry,
            bytes: signed.bytes().clone(),
            packages: checked.packages.iter().map(|package| package.shape.id).collect(),
            new_case: checked.new_case,
            kind: submission.content.kind,
            about: checked.about.clone(),
            approval: None,
            framework: (submission.content.kind == MessageKind::FrameworkUpdate)
                .then(|| rows::peer_key(&self.home, &self.me)),
            home: self.home.clone(),
            handling: Handling::of(&submission.content, None),
            annexes: submission.annexes.clone(),
            request_key: self.request_key(caller, submission.request),
            request: RequestRow {
                digest: submission.digest().to_vec(),
                message_id: header.message.as_bytes().to_vec(),
            },
        }
    }
}

/// A return is of the whole authority, and what one of its agencies sees is a part.
fn check_return(caller: &Caller, submission: &Submission, wrong: &mut Vec<Violation>) {
    if submission.content.kind == MessageKind::StatisticsReturn && !caller.all_cases {
        let rule =
            "is that of the whole authority: an agency that does not see all cases sends none";
        wrong.push(Violation::new("content.kind", rule));
    }
}

fn check_form(submission: &Submission, wrong: &mut Vec<Violation>) {
    let reference = &submission.reference;
    if reference.chars().count() > REFERENCE_MAX_CHARS || reference.chars().any(char::is_control) {
        let rule = "must have 200 characters at most and no control characters";
        wrong.push(Violation::new("reference", rule));
    }
    if submission.packages.len() > PACKAGES_PER_MESSAGE_MAX {
        let rule = format!("must be {PACKAGES_PER_MESSAGE_MAX} at most");
        wrong.push(Violation::new("packages", rule));
    }
    if submission.window_ms.is_some_and(|ms| !(1..=DELIVERY_WINDOW_MAX_MS).contains(&ms)) {
        let rule = "must be between one second and 400 days";
        wrong.push(Violation::new("expire_after_seconds", rule));
    }
}

fn encode_body(submission: &Submission, checked: &Checked) -> Zeroizing<Vec<u8>> {
    let key = |package: &Carried| pb::PackageKey {
        package_id: package.shape.id.as_bytes().to_vec().into(),
        key: package.key.to_vec().into(),
    };
    let body = pb::MessageBody {
        content: Some(content_to_pb(&submission.content)),
        case_id: checked.case.clone().unwrap_or_default(),
        sender_reference: submission.reference.clone(),
        packages: checked.packages.iter().map(key).collect(),
        request: checked.about.request.map_or_else(Vec::new, |id| id.as_bytes().to_vec()).into(),
        standing: checked.about.told.clone(),
    };
    Zeroizing::new(body.encode_to_vec())
}

fn seal_error(error: SealError) -> ActionError {
    match error {
        SealError::BodyTooLarge(_) => ActionError::invalid("content", error.to_string()),
        SealError::TooManyPackages(_) => ActionError::invalid("packages", error.to_string()),
        SealError::TooManyAnnexes(_) => ActionError::invalid("annexes", error.to_string()),
        SealError::Window => ActionError::invalid("expire_after_seconds", error.to_string()),
        SealError::RecipientKeys => ActionError::invalid("recipient", error.to_string()),
        SealError::SignerKeys => ActionError::fault(error),
    }
}
