//! The case: what the desks say to each other, and what happens to them meanwhile.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::desk::Desk;
use super::evidence::{self, Made};
use super::nodes::Nodes;
use super::place::Place;
use super::teller::Teller;
use super::told::{Sent, Told};
use crate::cli::cases::duty_word;
use crate::cli::view;
use crate::domain::request::{Content, MlaRequest, Note, request_from_json, request_from_toml};
use crate::domain::{CaseId, MessageKind};
use crate::envelope::wire::content_from_pb;
use crate::pb::v1 as pb;

const TO_ORIGIN: &str = include_str!("../../../examples/request-tip.json");
const TO_TRANSIT: &str = include_str!("../../../examples/request-surveillance.toml");

/// Who says something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Origin,
    Transit,
    Destination,
    Organisation,
}

/// The case while it goes on.
pub(super) struct Story {
    origin: Desk,
    transit: Desk,
    destination: Desk,
    organisation: Desk,
    origin_files: Vec<Made>,
    transit_files: Vec<Made>,
    received: PathBuf,
    told: Vec<Sent>,
    /// What origin and transit were asked, as they have it.
    pub(super) asked_origin: pb::Message,
    pub(super) asked_transit: pb::Message,
}

impl Story {
    /// Connects the desks and makes the evidence.
    pub(super) async fn open(place: &Place, nodes: &Nodes) -> Result<Self> {
        Ok(Self {
            origin: Desk::open(nodes.origin()).await?,
            transit: Desk::open(nodes.transit()).await?,
            destination: Desk::open(nodes.destination()).await?,
            organisation: Desk::open(nodes.organisation()).await?,
            origin_files: evidence::of_origin(&place.below("evidence/xa.oag"))?,
            transit_files: evidence::of_transit(&place.below("evidence/xb.pps"))?,
            received: place.below("received"),
            told: Vec::new(),
            asked_origin: pb::Message::default(),
            asked_transit: pb::Message::default(),
        })
    }

    pub(super) fn desk(&mut self, part: Part) -> &mut Desk {
        match part {
            Part::Origin => &mut self.origin,
            Part::Transit => &mut self.transit,
            Part::Destination => &mut self.destination,
            Part::Organisation => &mut self.organisation,
        }
    }

    /// Keeps what was sent for those who check it afterwards.
    pub(super) fn tells(&mut self, sent: Sent) {
        self.told.push(sent);
    }

    /// One desk says something, the other finds it in its inbox, to the last word, and confirms that.
    pub(super) async fn passes(
        &mut self,
        label: &'static str,
        from: Part,
        to: Part,
        answers: Option<&pb::Message>,
        content: &Content,
    ) -> Result<pb::Message> {
        let recipient = self.desk(to).id.clone();
        let sender = self.desk(from);
        let sent = match answers {
            Some(answered) => sender.reply(answered, content, &[], "").await,
            None => sender.submit(&recipient, content, "").await,
        };
        let sent = sent.with_context(|| format!("the {label} is not taken"))?;
        let sender = self.desk(from).id.clone();
        self.tells(Sent::new(label, &sender, &sent)?);
        let came = self.desk(to).next().await?;
        same(&came, &sent, content)?;
        self.desk(to).confirm(&came).await?;
        Ok(came)
    }

    /// The destination asks the State of origin, which takes note.
    pub(super) async fn ask_origin(
        &mut self,
        tip: &pb::Message,
        teller: &mut Teller<'_>,
    ) -> Result<()> {
        teller.chapter("Corvane asks Arkesh for records");
        let request = request_from_json(TO_ORIGIN).context("the example cannot be read")?;
        let content = Content::request(MessageKind::Request, request);
        let sent = self.destination.reply(tip, &content, &[], "MOJ-ICD-2026-0311").await?;
        teller.step(
            "request-submitted",
            "The desk of xc.moj makes a request of the tip, and submits it to its own node.",
            &[
                "Before the node answered, it had checked the request against UNTOC Article \
                 18(15), sealed it so that only xa.oag can read it, signed it, logged it, and \
                 had it safe on disk.",
                &format!("The case is {}, which the tip has opened.", sent.case_id),
            ],
            json!({ "message": sent.message_id, "case": sent.case_id, "warnings": sent.warnings }),
        );
        self.told.push(Sent::new("request 1", &self.destination.id, &sent)?);
        let came = self.origin.next().await?;
        same(&came, &sent, &content)?;
        self.origin.confirm(&came).await?;
        teller.step(
            "request-received",
            "The desk of xa.oag finds it in its inbox, reads it and confirms that it has it.",
            &["Each of these steps is an entry in a log that xa.oag cannot change unseen. \
                 xc.moj gets the entry with the proof that it is in there: that is a receipt."],
            json!({ "message": came.message_id }),
        );
        self.acknowledge(&came, teller).await?;
        self.asked_origin = came;
        Ok(())
    }

    async fn acknowledge(&mut self, asked: &pb::Message, teller: &mut Teller<'_>) -> Result<()> {
        let says = "The request is with the prosecutor for organized crime in the capital, \
                    reference OAG-INT-2026-1187. Records of the account will come first.";
        let content = note(MessageKind::CaseAcknowledgement, says, false);
        let sent = self.origin.reply(asked, &content, &[], "").await?;
        self.told.push(Sent::new("acknowledgement", &self.origin.id, &sent)?);
        let came = self.destination.next().await?;
        same(&came, &sent, &content)?;
        ensure!(came.case_id == asked.case_id, "the acknowledgement came under another case");
        self.destination.confirm(&came).await?;
        teller.step(
            "request-acknowledged",
            "xa.oag acknowledges the case and says who deals with it; xc.moj has that.",
            &[],
            json!({ "message": came.message_id, "case": came.case_id }),
        );
        Ok(())
    }

    /// The node of the State of transit is killed, is written to, and comes back.
    pub(super) async fn lose_transit(
        &mut self,
        nodes: &mut Nodes,
        teller: &mut Teller<'_>,
    ) -> Result<()> {
        teller.chapter("A node is gone, and nothing is lost");
        nodes.transit_mut().kill()?;
        let case = CaseId::parse(&self.asked_origin.case_id)?;
        let content = Content::request(MessageKind::Request, request_to_transit(case)?);
        let reference = "MOJ-ICD-2026-0312";
        let sent = self.destination.submit(&self.transit.id, &content, reference).await?;
        self.waits(&sent).await?;
        teller.step(
            "peer-lost",
            "The node of xb.pps is killed, without a warning. xc.moj sends it a request.",
            &["xb.pps is down; the request waits, durably, and nothing is lost."],
            json!({ "message": sent.message_id, "state": "QUEUED" }),
        );
        self.told.push(Sent::new("request 2", &self.destination.id, &sent)?);
        self.answer_from_origin(teller).await?;
        self.waits(&sent).await?;
        let ready = nodes.transit_mut().start().await?;
        self.transit.reopen(nodes.transit()).await?;
        let came = self.transit.next().await?;
        same(&came, &sent, &content)?;
        self.transit.confirm(&came).await?;
        teller.step(
            "peer-back",
            "xb.pps is started again, and the request that waited is delivered by itself.",
            &["Both nodes first compared what each holds of the other's log: a node that came \
                 back from an old copy would be noticed here, before it could do harm."],
            json!({ "message": came.message_id, "ready_ms": ready.as_millis() as u64 }),
        );
        self.asked_transit = came;
        Ok(())
    }

    /// Checks that a message is still in the queue of the destination.
    async fn waits(&mut self, sent: &pb::Message) -> Result<()> {
        let state = self.destination.state(&sent.message_id).await?;
        ensure!(
            state == pb::DeliveryState::Queued,
            "the request is {state:?} while xb.pps is down"
        );
        Ok(())
    }

    async fn answer_from_origin(&mut self, teller: &mut Teller<'_>) -> Result<()> {
        let says = "Certified records of the account and the image of a telephone that was left in \
                    the office. Statements of P3 and P4 will follow.";
        let content = note(MessageKind::EvidencePackage, says, true);
        let package = self.origin.upload(&self.origin_files).await?;
        let sent = self.origin.reply(&self.asked_origin, &content, &[package], "").await?;
        self.told.push(Sent::new("evidence 1", &self.origin.id, &sent)?);
        let (files, bytes) = self.take_evidence(&sent, &content).await?;
        teller.step(
            "evidence-received",
            &format!("Meanwhile xa.oag sends its evidence: {files} files, {}.", mib(bytes)),
            &["A peer that is down keeps nobody else waiting. xc.moj fetched every file, and \
                 each has the SHA-256 that it had when it left."],
            json!({ "message": sent.message_id, "files": files, "bytes": bytes }),
        );
        Ok(())
    }

    /// The State of transit answers, too.
    pub(super) async fn answer_from_transit(&mut self, teller: &mut Teller<'_>) -> Result<()> {
        teller.chapter("Belmara sends a recording");
        let says = "Recording of lane 2 at North Ford with the note of the operator, and the \
                    crossings of the van.";
        let content = note(MessageKind::EvidencePackage, says, false);
        let package = self.transit.upload(&self.transit_files).await?;
        let (sealed, root) = (package.sealed_bytes, package.root.clone());
        let sent = self.transit.reply(&self.asked_transit, &content, &[package], "").await?;
        self.told.push(Sent::new("evidence 2", &self.transit.id, &sent)?);
        let (files, bytes) = self.take_evidence(&sent, &content).await?;
        teller.step(
            "evidence-received",
            &format!("xb.pps sends its evidence: {files} files, {}.", mib(bytes)),
            &[
                "Every quarter of a MiB was checked as it arrived, against a root in the signed \
                 message. xc.moj fetched all files; each has the SHA-256 that it had when it left.",
            ],
            json!({
                "message": sent.message_id, "files": files, "bytes": bytes,
                "sealed_bytes": sealed, "root": root,
            }),
        );
        Ok(())
    }

    async fn take_evidence(
        &mut self,
        sent: &pb::Message,
        content: &Content,
    ) -> Result<(usize, u64)> {
        let came = self.destination.next().await?;
        same(&came, sent, content)?;
        let made = match came.peer == self.origin.id.as_str() {
            true => &self.origin_files,
            false => &self.transit_files,
        };
        let into = self.received.join(&came.peer);
        let got = self.destination.fetch(&came, &into, made).await?;
        self.destination.confirm(&came).await?;
        Ok(got)
    }

    /// The State of destination looks at where its two requests stand, and what it waits for.
    pub(super) async fn look_at_cases(&mut self, teller: &mut Teller<'_>) -> Result<()> {
        let cases = self.destination.cases().await?;
        let requests: Vec<&pb::CaseRequest> =
            cases.iter().flat_map(|case| &case.requests).collect();
        let mut stands: Vec<(&str, &str)> = requests
            .iter()
            .map(|request| (request.peer.as_str(), view::request_state(request.state)))
            .collect();
        stands.sort_unstable();
        let signed = [("xa.oag", "PARTLY_EXECUTED"), ("xb.pps", "EXECUTED"), ("xb.pps", "REFUSED")];
        ensure!(stands == signed, "the requests stand at {stands:?}");
        ensure!(requests.iter().all(|request| !request.is_overdue), "a duty is overdue");
        let due = requests.iter().flat_map(|request| &request.clocks);
        let due = due.clone().find(|clock| !clock.due_time.is_empty());
        let due = due.context("nothing is due from anybody")?;
        let (duty, until) = (duty_word(due.duty), due.due_time.clone());
        teller.step(
            "cases",
            "`rogatory cases` at xc.moj: one request is executed in part, one wholly, one refused.",
            &[
                &format!("What is due next is the {duty} of xa.oag, until {until}."),
                "Nobody keeps a list of deadlines: each follows from what the peers have signed.",
            ],
            json!({ "cases": cases.len(), "duty": duty, "due_time": until }),
        );
        Ok(())
    }

    /// Waits until every sender has every receipt.
    pub(super) async fn settle(mut self, teller: &mut Teller<'_>) -> Result<Told> {
        let mut told = std::mem::take(&mut self.told);
        for sent in &mut told {
            let desks = [&mut self.origin, &mut self.transit, &mut self.destination];
            let desk = desks.into_iter().find(|desk| desk.id == sent.from);
            let desk = desk.context("a message has no sender")?;
            let settled = desk.settled(&sent.message, sent.due()).await;
            sent.receipts = settled.with_context(|| format!("{} is not settled", sent.label))?;
        }
        let told = Told { sent: told };
        let (messages, receipts) = (told.sent.len(), told.receipts());
        teller.step(
            "settled",
            &format!(
                "All {messages} messages are handed over. Their senders hold {receipts} receipts."
            ),
            &["Four each: taken here, safe there, opened there, in the hands of the desk there; and one \
               for each annex that an official has opened."],
            json!({ "messages": messages, "receipts": receipts }),
        );
        Ok(told)
    }
}

/// The second example, with the case that the first one has got.
pub(super) fn request_to_transit(case: CaseId) -> Result<MlaRequest> {
    let mut request = request_from_toml(TO_TRANSIT).context("the example cannot be read")?;
    let related = request.related_cases.first_mut().context("the example has no related case")?;
    related.case_id = Some(case);
    Ok(request)
}

pub(super) fn note(kind: MessageKind, text: &str, more_to_follow: bool) -> Content {
    let (text, language) = (text.to_owned(), "en".to_owned());
    Content::note(kind, Note { text, language, more_to_follow, ..Note::default() })
}

/// Checks that what came is what was sent, to the last word.
fn same(came: &pb::Message, sent: &pb::Message, content: &Content) -> Result<()> {
    ensure!(came.message_id == sent.message_id, "another message came than {}", sent.message_id);
    ensure!(came.envelope_digest == sent.envelope_digest, "other bytes came than were sent");
    let read = came.content.clone().context("a message came without its content")?;
    ensure!(content_from_pb(read)? == *content, "another content came than was sent");
    Ok(())
}

fn mib(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::request::Severity;

    #[test]
    fn the_examples_are_complete_and_the_second_names_the_first() {
        let case = CaseId::parse("ROG-XC-MOJ-2026-000001").expect("valid");
        let second = request_to_transit(case.clone()).expect("readable");
        assert_eq!(second.related_cases[0].case_id, Some(case));
        let first = request_from_json(TO_ORIGIN).expect("readable");
        for request in [first, second] {
            let found = Content::request(MessageKind::Request, request).check();
            assert!(found.iter().all(|finding| finding.severity != Severity::Error), "{found:?}");
        }
    }

    #[test]
    fn the_notes_may_be_sent() {
        for (kind, more) in
            [(MessageKind::CaseAcknowledgement, false), (MessageKind::EvidencePackage, true)]
        {
            assert_eq!(note(kind, "text", more).check(), [], "{kind}");
        }
    }
}
