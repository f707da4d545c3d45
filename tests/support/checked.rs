//! What has happened between two nodes, and what a node finds of its rows and its log.

use rogatory::node::Local;
use rogatory::pb::v1 as pb;

use pb::audit_service_client::AuditServiceClient;
use pb::check_state_response::Told;

use super::*;

/// The auditor's services over the home's socket, or over the home itself.
pub async fn auditor(node: &Node) -> (Auditor, Local) {
    let local = Local::connect(&node.home, None).await.expect("connects");
    (AuditServiceClient::new(local.channel()), local)
}

pub struct Checked {
    pub report: pb::CheckReport,
    pub divergences: Vec<pb::StateDivergence>,
}

pub async fn check(node: &Node) -> Checked {
    let (mut client, local) = auditor(node).await;
    let request = pb::CheckStateRequest { bodies: true };
    let mut told = client.check_state(request).await.expect("checks").into_inner();
    let (mut report, mut divergences) = (None, Vec::new());
    while let Some(one) = told.message().await.expect("goes on") {
        match one.told.expect("something") {
            Told::Report(last) => report = Some(last),
            Told::Divergence(divergence) => divergences.push(divergence),
            Told::Finding(finding) => panic!("{finding:?}"),
            Told::Progress(progress) => assert!(progress.done <= progress.total),
        }
    }
    local.close().await;
    Checked { report: report.expect("a report"), divergences }
}

/// Two nodes between which everything has happened once: a request that was handed over, a reply, a
/// message that was held and withdrawn.
pub async fn traffic(dir: &Path) -> (Node, Node, pb::Message) {
    let (mut a, mut b) = pair(dir).await;
    a.start().await;
    b.start().await;
    let (mut sender, mut receiver) = (a.desk().await, b.desk().await);
    let sent = sender.submit_message(submission(&b)).await.expect("submitted").into_inner();
    let got = next_in_inbox(&mut receiver, 0).await;
    let (name, envelope_digest) = (got.name.clone(), got.envelope_digest.clone());
    let confirm = pb::ConfirmHandoverRequest { name, envelope_digest };
    receiver.confirm_handover(confirm).await.expect("confirmed");
    reaches(&mut sender, &sent.name, pb::DeliveryState::HandedOver).await;
    let reply = pb::ReplyMessageRequest {
        name: got.name,
        request_id: request_id(),
        content: Some(note(pb::MessageKind::StatusReport, "It is being looked into.")),
        ..pb::ReplyMessageRequest::default()
    };
    let reply = receiver.reply_message(reply).await.expect("replied").into_inner();
    reaches(&mut receiver, &reply.name, pb::DeliveryState::Consigned).await;
    // The state of a message may be ahead of its receipts; here they must all be in both logs.
    has_receipts(&mut sender, &sent.name, 3).await;
    has_receipts(&mut receiver, &reply.name, 2).await;
    for node in [&a, &b] {
        has_sent_all(node).await;
    }

    b.stop().await;
    let waits = sender.submit_message(submission(&b)).await.expect("submitted").into_inner();
    let message_id = waits.message_id;
    let mut operator = a.operator().await;
    let hold = pb::HoldMessageRequest { message_id: message_id.clone() };
    operator.hold_message(hold).await.expect("held");
    sender.cancel_message(pb::CancelMessageRequest { name: waits.name }).await.expect("cancelled");
    b.start().await;
    (a, b, sent)
}
