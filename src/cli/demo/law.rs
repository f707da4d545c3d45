//! What treaties are about: a tip that becomes a request, questions, conditions, what is put off and what
//! is refused, and how it ends.

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::story::{Part, Story, note, request_to_transit};
use super::teller::Teller;
use crate::cli::view;
use crate::domain::request::{
    CaseRelation, Content, Decision, LimitKind, Note, Progress, RelatedCase, UseLimit,
    content_from_json,
};
use crate::domain::{AuthorityId, CaseId, MessageKind};
use crate::pb::v1 as pb;

use MessageKind as Kind;
use Part::{Destination, Origin, Transit};

const EXTRADITION: &str = include_str!("../../../examples/messages/extradition-request.json");

impl Story {
    /// Police tell police, and a State tells another what nobody has asked for.
    pub(super) async fn tip(&mut self, teller: &mut Teller<'_>) -> Result<pb::Message> {
        teller.chapter("A tip");
        let says = "A van with three persons has left Port Hessen for the border at North Ford. The agency \
                    that recruited them is known to us.";
        let tip = note(Kind::PoliceInformation, says, false);
        let tip = self.passes("tip", Origin, Destination, None, &tip).await?;
        ensure!(limits(&tip) == [pb::LimitKind::LeadOnly], "a tip is more than a lead");
        let says = "The recruiting agency has an account with a bank of yours.";
        let unasked = said(Kind::SpontaneousInformation, says, |note| {
            let (text, until) = (String::new(), String::new());
            let kind = LimitKind::Confidential;
            note.use_limits = vec![UseLimit { kind, text, until, package: None, exhibit: None }];
        });
        let unasked = self.passes("unasked", Origin, Transit, None, &unasked).await?;
        ensure!(limits(&unasked) == [pb::LimitKind::Confidential], "it is not confidential");
        teller.step(
            "tip",
            "The police of Arkesh tip off those of Corvane; Arkesh tells Belmara, unasked, of an account.",
            &["The tip may be used for leads and is no evidence, until a formal request confirms it. \
               What was given unasked stays confidential. Both nodes keep to that (UNTOC 18(5), 27)."],
            json!({ "tip": tip.message_id, "unasked": unasked.message_id }),
        );
        Ok(tip)
    }

    /// The State of origin asks back, consults and sets a condition, which then binds.
    pub(super) async fn condition(&mut self, teller: &mut Teller<'_>) -> Result<()> {
        teller.chapter("Arkesh asks back, and sets a condition");
        let asked = self.asked_origin.clone();
        self.origin_says("under review", &asked, &report(Progress::UnderReview)).await?;
        let question = note(Kind::AdditionalInfoRequest, "Which of the accounts is meant?", false);
        let question = self.origin_says("question", &asked, &question).await?;
        ensure!(self.stands(Origin, &asked).await? == "INFO_PENDING", "no clock stands still");
        let answer = note(Kind::AdditionalInfoResponse, "The one that ends in 4417.", false);
        self.passes("answer", Destination, Origin, Some(&question), &answer).await?;
        teller.step(
            "asked-back",
            "xa.oag asks which account is meant, and is told.",
            &["While it waited for the answer, its time to decide stood still (UNTOC 18(16))."],
            json!({ "state": self.stands(Destination, &asked).await? }),
        );
        let consults =
            note(Kind::Consultation, "Our law protects witnesses from being seen.", false);
        self.origin_says("consultation", &asked, &consults).await?;
        let terms = ["Whoever is heard is heard by video, and not seen by the accused.".to_owned()];
        let proposal = said(Kind::ConditionsProposed, "On this condition we assist.", |note| {
            note.conditions = terms.to_vec();
        });
        let proposal = self.origin_says("condition", &asked, &proposal).await?;
        let accepts =
            said(Kind::ConditionsAccepted, "Agreed.", |note| note.conditions = terms.to_vec());
        self.passes("condition accepted", Destination, Origin, Some(&proposal), &accepts).await?;
        self.origin_says("in execution", &asked, &report(Progress::InExecution)).await?;
        teller.step(
            "condition",
            "They consult; xa.oag assists on a condition, which xc.moj accepts. The work begins.",
            &["From now on the condition goes with everything that comes of the request (UNTOC 18(26))."],
            json!({ "state": self.stands(Destination, &asked).await? }),
        );
        Ok(())
    }

    /// The State of transit puts off a second request, and refuses it in the end.
    pub(super) async fn refusal(&mut self, teller: &mut Teller<'_>) -> Result<()> {
        teller.chapter("Belmara puts a request off, and refuses it");
        let case = CaseId::parse(&self.asked_transit.case_id)?;
        let content = Content::request(Kind::Request, request_to_transit(case)?);
        let asked = self.passes("request 3", Destination, Transit, None, &content).await?;
        let refusal = |ground: &str| decides(Decision::Refuse, ground);
        let rash = self.refused(Transit, &asked, &refusal("NE_BIS_IN_IDEM")).await?;
        self.transit_says("consultation 2", &asked, &consults("A trial of the driver goes on."))
            .await?;
        let put_off = said(Kind::Decision, "Until the judgment.", |note| {
            note.decision = Some(Decision::Postpone);
            note.grounds = vec!["POSTPONE_ONGOING_PROCEEDING".into()];
            note.review_date = "2099-03-31".into();
        });
        self.transit_says("postponed", &asked, &put_off).await?;
        ensure!(self.stands(Destination, &asked).await? == "POSTPONED", "it is not put off");
        teller.step(
            "postponed",
            "xb.pps would refuse at once; its node does not let it. It consults, and postpones.",
            &[&format!("What the node said: {rash}")],
            json!({ "message": asked.message_id, "refused": rash, "state": "POSTPONED" }),
        );
        self.transit_says("resumed", &asked, &report(Progress::UnderReview)).await?;
        let judged = "The driver was tried here for the same acts.";
        self.transit_says("consultation 3", &asked, &consults(judged)).await?;
        let secrecy = self.refused(Transit, &asked, &refusal("BANK_SECRECY")).await?;
        self.transit_says("refusal", &asked, &refusal("NE_BIS_IN_IDEM")).await?;
        ensure!(self.stands(Destination, &asked).await? == "REFUSED", "it is not refused");
        teller.step(
            "refused",
            "Later it refuses, with the reason: the driver was tried for it (ne bis in idem).",
            &[&format!("Bank secrecy would have been no reason: {secrecy}")],
            json!({ "message": asked.message_id, "refused": secrecy, "state": "REFUSED" }),
        );
        Ok(())
    }

    /// The rest of the evidence comes, all of it is whole, and an extradition is asked for.
    pub(super) async fn end(&mut self, teller: &mut Teller<'_>) -> Result<()> {
        teller.chapter("The rest of the evidence, and an extradition");
        let asked = self.asked_origin.clone();
        let rest = note(Kind::EvidencePackage, "That is all that there is.", false);
        let rest = self.origin_says("evidence 3", &asked, &rest).await?;
        let whole = note(Kind::EvidenceReceipt, "Every exhibit is whole.", false);
        self.passes("all received", Destination, Origin, Some(&rest), &whole).await?;
        ensure!(self.stands(Origin, &asked).await? == "CLOSED", "the request is still open");
        let moj = self.desk(Destination).id.clone();
        let own = extradition(&moj, &asked.case_id)?;
        let own = self.passes("extradition", Destination, Origin, None, &own).await?;
        let link = extradition(&moj, &own.case_id)?;
        let link =
            self.passes("extradition link", Destination, Origin, Some(&asked), &link).await?;
        ensure!(own.case_id != link.case_id, "an extradition is a case of its own");
        teller.step(
            "closed",
            "xa.oag has sent everything, xc.moj says that all is whole: the request is closed.",
            &[&format!(
                "The extradition of the recruiter is a case of its own, {}, and each names the other.",
                own.case_id
            )],
            json!({ "case": asked.case_id, "extradition": own.case_id, "state": "CLOSED" }),
        );
        Ok(())
    }

    async fn origin_says(
        &mut self,
        label: &'static str,
        to: &pb::Message,
        content: &Content,
    ) -> Result<pb::Message> {
        self.passes(label, Origin, Destination, Some(to), content).await
    }

    async fn transit_says(
        &mut self,
        label: &'static str,
        to: &pb::Message,
        content: &Content,
    ) -> Result<pb::Message> {
        self.passes(label, Transit, Destination, Some(to), content).await
    }

    /// Where a request stands, as a desk sees it.
    pub(super) async fn stands(&mut self, part: Part, asked: &pb::Message) -> Result<&'static str> {
        let message = self.desk(part).message(&asked.message_id).await?;
        let standing = message.standing.context("it is no request")?;
        Ok(view::request_state(standing.state))
    }

    /// What a node says to its own desk, which may not do that.
    async fn refused(&mut self, part: Part, to: &pb::Message, content: &Content) -> Result<String> {
        match self.desk(part).reply(to, content, &[], "").await {
            Ok(_) => anyhow::bail!("what is illegal was sent"),
            Err(refused) => Ok(refused.root_cause().to_string()),
        }
    }
}

fn limits(message: &pb::Message) -> Vec<pb::LimitKind> {
    message.use_limits.iter().map(pb::UseLimit::kind).collect()
}

fn said(kind: MessageKind, text: &str, change: impl FnOnce(&mut Note)) -> Content {
    let mut note = Note { text: text.into(), language: "en".into(), ..Note::default() };
    change(&mut note);
    Content::note(kind, note)
}

fn report(progress: Progress) -> Content {
    said(Kind::StatusReport, "So far has it come.", |note| note.progress = Some(progress))
}

fn consults(text: &str) -> Content {
    note(Kind::Consultation, text, false)
}

fn decides(decision: Decision, ground: &str) -> Content {
    said(Kind::Decision, "For the reason that is named.", |note| {
        note.decision = Some(decision);
        note.grounds = vec![ground.into()];
    })
}

/// The example, with the case that the other one is.
fn extradition(authority: &AuthorityId, case: &str) -> Result<Content> {
    let mut content = content_from_json(EXTRADITION).context("the example cannot be read")?;
    content.related_cases = vec![RelatedCase {
        relation: CaseRelation::Extradition,
        authority: authority.clone(),
        case_id: Some(CaseId::parse(case)?),
        reference: String::new(),
    }];
    Ok(content)
}
