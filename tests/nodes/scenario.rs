//! One incident of trafficking in persons, worked by three States: where victims were recruited,
//! where they passed through and where they were exploited. What their nodes say of it agrees.

mod figures;
mod protected;

use crate::support::checked::check;
use crate::support::*;
use protected::{Desk, NAME};
use rogatory::domain::request::{
    CaseRelation, Content, MlaRequest, RelatedCase, content_from_json, content_from_toml,
    request_from_json,
};
use rogatory::domain::{AuthorityId, AuthorityKind, CaseId, MessageKind};
use rogatory::envelope::wire::content_to_pb;
use rogatory::pb::v1 as pb;

use pb::RequestState::{self as State, *};

const EXAMPLE: &str = include_str!("../../examples/request-tip.json");
const HEARING: &str = include_str!("../../examples/messages/hearing-of-a-victim.toml");
const REFERRAL: &str = include_str!("../../examples/directory/protection-referral.toml");
const EXTRADITION: &str = include_str!("../../examples/messages/extradition-request.json");

/// A central authority with its desk.
struct Office {
    node: Node,
    desk: Agency,
}

impl Office {
    fn id(&self) -> AuthorityId {
        self.node.authority().clone()
    }

    /// Sends something to another authority, and waits until it is in its inbox.
    async fn sends(&mut self, to: &Self, content: pb::MessageContent) -> pb::Message {
        self.sends_with(to, content, Vec::new()).await
    }

    /// The same with sealed annexes.
    async fn sends_with(
        &mut self,
        to: &Self,
        content: pb::MessageContent,
        annexes: Vec<bytes::Bytes>,
    ) -> pb::Message {
        let content = Some(content);
        let request = pb::SubmitMessageRequest { content, annexes, ..submission(&to.node) };
        let sent = self.desk.submit_message(request).await.expect("submitted").into_inner();
        reaches(&mut self.desk, &sent.name, pb::DeliveryState::Consigned).await
    }

    /// Answers a message, and waits until the answer is in the other's inbox.
    async fn answers(&mut self, to: &pb::Message, content: pb::MessageContent) -> pb::Message {
        let sent = self.tries(to, content).await.expect("submitted");
        reaches(&mut self.desk, &sent.name, pb::DeliveryState::Consigned).await
    }

    async fn tries(
        &mut self,
        to: &pb::Message,
        content: pb::MessageContent,
    ) -> Result<pb::Message, tonic::Status> {
        self.tries_with(to, content, Vec::new()).await
    }

    async fn tries_with(
        &mut self,
        to: &pb::Message,
        content: pb::MessageContent,
        annexes: Vec<bytes::Bytes>,
    ) -> Result<pb::Message, tonic::Status> {
        let (name, content) = (to.name.clone(), Some(content));
        let reply = pb::ReplyMessageRequest {
            name,
            request_id: request_id(),
            content,
            annexes,
            ..Default::default()
        };
        self.desk.reply_message(reply).await.map(tonic::Response::into_inner)
    }

    /// A message with all that is to be known of it here.
    async fn reads(&mut self, message: &pb::Message) -> pb::Message {
        let request = pb::GetMessageRequest { name: message.name.clone() };
        self.desk.get_message(request).await.expect("readable").into_inner()
    }

    /// Where a request stands, as this office sees it.
    async fn sees(&mut self, request: &pb::Message) -> State {
        self.reads(request).await.standing.expect("a request").state()
    }

    async fn limits(&mut self, message: &pb::Message) -> Vec<pb::LimitKind> {
        self.reads(message).await.use_limits.iter().map(pb::UseLimit::kind).collect()
    }

    async fn case(&mut self, message: &pb::Message) -> pb::Case {
        let request = pb::GetCaseRequest { name: format!("cases/{}", message.case_id) };
        self.desk.get_case(request).await.expect("it is ours").into_inner()
    }
}

fn says(kind: pb::MessageKind, change: impl FnOnce(&mut pb::Note)) -> pb::MessageContent {
    let mut content = note(kind, "As the law says.");
    if let Some(pb::message_content::Body::Note(note)) = &mut content.body {
        change(note);
    }
    content
}

fn plain(kind: pb::MessageKind) -> pb::MessageContent {
    says(kind, |_| {})
}

fn decides(decision: pb::Decision, grounds: &[&str]) -> pb::MessageContent {
    says(pb::MessageKind::Decision, |note| {
        note.decision = decision as i32;
        note.grounds = grounds.iter().map(|&code| code.to_owned()).collect();
    })
}

fn reports(progress: pb::Progress) -> pb::MessageContent {
    says(pb::MessageKind::StatusReport, |note| note.progress = progress as i32)
}

/// A request of an office, in which cases of the same incident are named.
fn request(of: &Office, related: Vec<RelatedCase>) -> pb::MessageContent {
    let mut request: MlaRequest = request_from_json(EXAMPLE).expect("an example");
    request.requesting_authority.country = of.id().country().to_ascii_uppercase();
    request.requesting_authority.id = Some(of.id());
    request.related_cases = related;
    content_to_pb(&Content::request(MessageKind::Request, request))
}

fn related(relation: CaseRelation, authority: &Office, case: &str) -> RelatedCase {
    let case_id = Some(CaseId::parse(case).expect("a case"));
    RelatedCase { relation, authority: authority.id(), case_id, reference: String::new() }
}

/// Origin, transit and destination, and an organisation, all of whom trust each other. The last two name
/// an official each.
async fn offices(root: &std::path::Path) -> ([Office; 4], [Desk; 2]) {
    let mut nodes = Vec::new();
    for authority in ["xa.oag", "xb.pps", "xc.moj", "un.unhcr"] {
        let kind = match authority {
            "un.unhcr" => AuthorityKind::InternationalOrganisation,
            _ => AuthorityKind::CentralAuthority,
        };
        nodes.push(Node::of_kind(root, authority, kind).await);
    }
    let desks = [Desk::new("victims-desk"), Desk::new("protection-unit")];
    desks.iter().zip(&mut nodes[2..]).for_each(|(desk, node)| desk.is_named_by(node));
    for one in &nodes {
        for other in nodes.iter().filter(|other| other.authority() != one.authority()) {
            one.trust(other).await;
        }
    }
    let mut offices = Vec::new();
    for mut node in nodes {
        node.start().await;
        let desk = node.desk().await;
        offices.push(Office { node, desk });
    }
    (offices.try_into().unwrap_or_else(|_| panic!("four")), desks)
}

/// Both sides see a request in a state.
async fn stands(asks: &mut Office, asked: &mut Office, request: &pb::Message, state: State) {
    assert_eq!((asks.sees(request).await, asked.sees(request).await), (state, state));
}

/// What the origin is asked after a tip of its police: it asks back, consults, sets a condition, and
/// executes in two parts.
async fn with_the_origin(
    destination: &mut Office,
    origin: &mut Office,
    asked: &pb::Message,
    victims_desk: &Desk,
) -> pb::Message {
    use pb::MessageKind as Kind;
    origin.answers(asked, plain(Kind::CaseAcknowledgement)).await;
    stands(destination, origin, asked, Acknowledged).await;
    origin.answers(asked, reports(pb::Progress::UnderReview)).await;
    let question = origin.answers(asked, plain(Kind::AdditionalInfoRequest)).await;
    stands(destination, origin, asked, InfoPending).await;
    destination.answers(&question, plain(Kind::AdditionalInfoResponse)).await;
    origin.answers(asked, plain(Kind::Consultation)).await;
    let conditions = vec!["The person is heard by video only.".to_owned()];
    let proposal = says(Kind::ConditionsProposed, |note| note.conditions = conditions);
    let proposal = origin.answers(asked, proposal).await;
    stands(destination, origin, asked, ConditionsPending).await;
    destination.answers(&proposal, plain(Kind::ConditionsAccepted)).await;
    origin.answers(asked, reports(pb::Progress::InExecution)).await;
    stands(destination, origin, asked, InExecution).await;
    is_heard(destination, origin, asked, victims_desk).await;
    let part = says(Kind::EvidencePackage, |note| note.more_to_follow = true);
    origin.answers(asked, part).await;
    stands(destination, origin, asked, PartlyExecuted).await;
    let last = origin.answers(asked, plain(Kind::EvidencePackage)).await;
    stands(destination, origin, asked, Executed).await;
    destination.answers(&last, plain(Kind::EvidenceReceipt)).await;
    assert_eq!(origin.sees(asked).await, Closed);
    last
}

/// A hearing is proposed, and confirmed with who it is, for one official's eyes; that moves no request.
async fn is_heard(
    destination: &mut Office,
    origin: &mut Office,
    asked: &pb::Message,
    victims_desk: &Desk,
) {
    let words = note(pb::MessageKind::HearingArrangement, "We would like to hear her by video.");
    let refused = destination.tries(asked, words).await.expect_err("a hearing has fields");
    assert!(refused.message().contains("give a hearing"), "{refused}");
    let hearing = |stage: &str| {
        let file = HEARING.replace("\"confirmed\"", &format!("\"{stage}\""));
        content_to_pb(&content_from_toml(&file).expect("an example"))
    };
    let proposed = destination.answers(asked, hearing("proposed")).await;
    let annex = victims_desk.sealed(origin, &destination.node.card, &["V-7F3A"]);
    let confirmed = origin.tries_with(&proposed, hearing("confirmed"), vec![annex]).await;
    let confirmed = confirmed.expect("submitted");
    reaches(&mut origin.desk, &confirmed.name, pb::DeliveryState::Consigned).await;
    let seen = destination.reads(&confirmed).await;
    assert_eq!(seen.handling, pb::Handling::ProtectedChild as i32, "as the request");
    assert_eq!(destination.limits(&confirmed).await, [pb::LimitKind::Confidential]);
    assert!(!format!("{seen:?}").contains(NAME), "no desk reads it");
    let (read, receipt) = victims_desk.opens(destination, &confirmed).await;
    assert!(String::from_utf8_lossy(&read).contains(NAME));
    assert_eq!(receipt.event, "ContentAccessTracking");
    told_of(origin, &confirmed, "ContentAccessTracking").await;
    stands(destination, origin, asked, InExecution).await;
}

/// Waits until the sender of a message has a receipt of that event.
async fn told_of(sender: &mut Office, message: &pb::Message, event: &str) {
    let looks = async {
        while !sender.reads(message).await.receipts.iter().any(|one| one.starts_with(event)) {}
    };
    tokio::time::timeout(DEADLINE, looks).await.expect("the sender is told");
}

/// A victim who may be a refugee is referred: of the case nothing goes along, and nothing could.
async fn is_referred(destination: &mut Office, organisation: &mut Office, unit: &Desk) {
    let refused = destination.desk.submit_message(pb::SubmitMessageRequest {
        content: Some(request(destination, Vec::new())),
        ..submission(&organisation.node)
    });
    let refused = refused.await.expect_err("case content");
    assert!(refused.message().contains("international organisation"), "{refused}");
    let content = content_to_pb(&content_from_toml(REFERRAL).expect("an example"));
    let annex = unit.sealed(destination, &organisation.node.card, &["V-7F3A"]);
    let referred = destination.sends_with(organisation, content, vec![annex]).await;
    assert_eq!(referred.case_id, "");
    let (read, _) = unit.opens(organisation, &referred).await;
    assert!(String::from_utf8_lossy(&read).contains(NAME));
    told_of(destination, &referred, "ContentAccessTracking").await;
}

/// An extradition is a case of its own, which both name; the request stays where it is.
async fn is_extradited(destination: &mut Office, origin: &mut Office, asked: &pb::Message) {
    let extradition = |related: RelatedCase| {
        let mut content = content_from_json(EXTRADITION).expect("an example");
        content.related_cases = vec![related];
        content_to_pb(&content)
    };
    let to_ours = related(CaseRelation::Extradition, destination, &asked.case_id);
    let own = destination.sends(origin, extradition(to_ours)).await;
    assert_ne!(own.case_id, asked.case_id);
    let to_it = related(CaseRelation::Extradition, destination, &own.case_id);
    let link = destination.answers(asked, extradition(to_it)).await;
    for office in [destination, origin] {
        let case = office.case(asked).await;
        assert_eq!((case.requests.len(), case.extradition_links.len()), (1, 1), "{}", link.name);
        assert_eq!(case.related_cases[0].case_id, own.case_id);
        let case = office.case(&own).await;
        assert_eq!(case.requests.len(), 0, "no state of a request");
        assert_eq!(case.related_cases[0].relation(), pb::CaseRelation::Extradition);
        assert_eq!(case.related_cases[0].case_id, asked.case_id);
    }
}

/// What the transit State is asked in parallel: it puts it off, and refuses it in the end.
async fn with_transit(destination: &mut Office, transit: &mut Office, asked: &pb::Message) {
    use pb::MessageKind as Kind;
    let refusal = || decides(pb::Decision::Refuse, &["NE_BIS_IN_IDEM"]);
    let illegal = transit.tries(asked, refusal()).await.expect_err("nobody was consulted");
    assert_eq!(illegal.code(), tonic::Code::InvalidArgument, "{illegal}");
    transit.answers(asked, plain(Kind::Consultation)).await;
    let put_off = says(Kind::Decision, |note| {
        note.decision = pb::Decision::Postpone as i32;
        note.grounds = vec!["POSTPONE_ONGOING_PROCEEDING".into()];
        note.review_date = "2099-03-31".into();
    });
    transit.answers(asked, put_off).await;
    stands(destination, transit, asked, Postponed).await;
    transit.answers(asked, reports(pb::Progress::UnderReview)).await;
    transit.answers(asked, plain(Kind::Consultation)).await;
    let secrecy = decides(pb::Decision::Refuse, &["BANK_SECRECY"]);
    transit.tries(asked, secrecy).await.expect_err("no State refuses on that");
    transit.answers(asked, refusal()).await;
    stands(destination, transit, asked, Refused).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_states_work_one_incident() {
    use pb::MessageKind as Kind;
    let dir = tempfile::tempdir().expect("a directory");
    let (offices, [victims_desk, unit]) = offices(dir.path()).await;
    let [mut origin, mut transit, mut destination, mut organisation] = offices;
    // A tip between police, and what nobody asked for.
    let tip = origin.sends(&destination, plain(Kind::PoliceInformation)).await;
    assert_eq!(destination.limits(&tip).await, [pb::LimitKind::LeadOnly]);
    let unasked = says(Kind::SpontaneousInformation, |note| {
        let kind = pb::LimitKind::Confidential as i32;
        note.use_limits = vec![pb::UseLimit { kind, ..pb::UseLimit::default() }];
    });
    let unasked = origin.sends(&transit, unasked).await;
    assert_eq!(transit.limits(&unasked).await, [pb::LimitKind::Confidential]);
    // The tip becomes a request; the transit State is asked in parallel.
    let formal = request(&destination, Vec::new());
    let asked = destination.answers(&tip, formal).await;
    assert_eq!(asked.case_id, tip.case_id);
    let same = vec![related(CaseRelation::Origin, &origin, &asked.case_id)];
    let parallel = request(&destination, same);
    let parallel = destination.sends(&transit, parallel).await;

    let evidence = with_the_origin(&mut destination, &mut origin, &asked, &victims_desk).await;
    with_transit(&mut destination, &mut transit, &parallel).await;

    assert_eq!(destination.limits(&tip).await, [], "it was confirmed");
    let bound = [pb::LimitKind::Specialty, pb::LimitKind::Condition];
    assert_eq!(destination.limits(&evidence).await, bound);
    is_extradited(&mut destination, &mut origin, &asked).await;
    is_referred(&mut destination, &mut organisation, &unit).await;
    figures::returns(&mut origin, &mut transit, &mut destination).await;
    let case = transit.case(&parallel).await;
    assert_eq!(case.related_cases[0].case_id, asked.case_id);
    assert_eq!(case.related_cases[0].authority, "xa.oag");

    for office in [&mut origin, &mut transit, &mut destination, &mut organisation] {
        has_sent_all(&office.node).await;
        let checked = check(&office.node).await;
        assert_eq!((checked.report.errors, checked.divergences), (0, Vec::new()));
        office.node.stop().await;
    }
}
