//! Which role each method demands: every method of the API, called with every role alone.

use std::collections::BTreeSet;

use crate::support::*;
use prost::Message as _;
use rogatory::client::Profile;
use rogatory::pb::v1 as pb;
use tonic::Code;
use tonic::transport::Channel;

use pb::agency_service_client::AgencyServiceClient;
use pb::audit_service_client::AuditServiceClient;
use pb::directory_service_client::DirectoryServiceClient;
use pb::operator_service_client::OperatorServiceClient;
use pb::pouch_service_client::PouchServiceClient;

const ROLES: [&str; 5] = ["submit", "read", "approve", "audit", "operate"];

/// Calls one method with an empty request; the code of the refusal, if it is one.
macro_rules! call {
    ($client:expr, $method:ident, stream $request:ty) => {
        $client.$method(tokio_stream::iter([<$request>::default()])).await.err()
    };
    ($client:expr, $method:ident, $request:ty) => {
        $client.$method(<$request>::default()).await.err()
    };
}

macro_rules! table {
    ($($service:ident $client:ident {
        $($rpc:ident $method:ident ($($request:tt)+) $role:literal;)+
    })+) => {
        /// Service, method, role.
        const TABLE: &[(&str, &str, &str)] =
            &[$($((stringify!($service), stringify!($rpc), $role),)+)+];

        /// What each method answers, in the order of the table.
        async fn call_all(channel: &Channel) -> Vec<Option<Code>> {
            let mut codes = Vec::new();
            $({
                let mut client = $client::new(channel.clone());
                $(
                    let refused: Option<tonic::Status> = call!(client, $method, $($request)+);
                    codes.push(refused.map(|status| status.code()));
                )+
            })+
            codes
        }
    };
}

table! {
    AgencyService AgencyServiceClient {
        SubmitMessage submit_message (pb::SubmitMessageRequest) "submit";
        CheckContent check_content (pb::CheckContentRequest) "submit";
        ReplyMessage reply_message (pb::ReplyMessageRequest) "submit";
        GetMessage get_message (pb::GetMessageRequest) "read";
        ListMessages list_messages (pb::ListMessagesRequest) "read";
        ListCases list_cases (pb::ListCasesRequest) "read";
        GetCase get_case (pb::GetCaseRequest) "read";
        GetStatistics get_statistics (pb::GetStatisticsRequest) "read";
        WatchInbox watch_inbox (pb::WatchInboxRequest) "read";
        ConfirmHandover confirm_handover (pb::ConfirmHandoverRequest) "read";
        CancelMessage cancel_message (pb::CancelMessageRequest) "submit";
        ShareMessage share_message (pb::ShareMessageRequest) "submit";
        UnshareMessage unshare_message (pb::UnshareMessageRequest) "submit";
        ListDrafts list_drafts (pb::ListDraftsRequest) "read";
        ApproveDraft approve_draft (pb::ApproveDraftRequest) "approve";
        RefuseDraft refuse_draft (pb::RefuseDraftRequest) "approve";
        ListReceipts list_receipts (pb::ListReceiptsRequest) "read";
        RefreshReceipts refresh_receipts (pb::RefreshReceiptsRequest) "read";
        GetAuthorityCard get_authority_card (pb::GetAuthorityCardRequest) "submit";
        GetAnnex get_annex (pb::GetAnnexRequest) "read";
        OpenAnnex open_annex (pb::OpenAnnexRequest) "read";
        UploadPackage upload_package (stream pb::UploadPackageRequest) "submit";
        GetUpload get_upload (pb::GetUploadRequest) "submit";
        ListExhibits list_exhibits (pb::ListExhibitsRequest) "read";
        GetExhibitProof get_exhibit_proof (pb::GetExhibitProofRequest) "read";
        DownloadExhibit download_exhibit (pb::DownloadExhibitRequest) "read";
    }
    DirectoryService DirectoryServiceClient {
        ListAuthorities list_authorities (pb::ListAuthoritiesRequest) "read or operate";
        GetAuthority get_authority (pb::GetAuthorityRequest) "read or operate";
        ListCards list_cards (pb::ListCardsRequest) "read or operate";
        ListStatements list_statements (pb::ListStatementsRequest) "read";
        GetStatement get_statement (pb::GetStatementRequest) "read";
    }
    OperatorService OperatorServiceClient {
        GetStatus get_status (pb::GetStatusRequest) "operate";
        GetCard get_card (pb::GetCardRequest) "operate";
        PublishCard publish_card (pb::PublishCardRequest) "operate";
        ListPeers list_peers (pb::ListPeersRequest) "operate";
        AddPeer add_peer (pb::AddPeerRequest) "operate";
        RemovePeer remove_peer (pb::RemovePeerRequest) "operate";
        SuspendPeer suspend_peer (pb::SuspendPeerRequest) "operate";
        ResumePeer resume_peer (pb::ResumePeerRequest) "operate";
        TestPeer test_peer (pb::TestPeerRequest) "operate";
        ReconcilePeer reconcile_peer (pb::ReconcilePeerRequest) "operate";
        GetReconciliationReport get_reconciliation_report (pb::GetReconciliationReportRequest) "operate";
        ListQueue list_queue (pb::ListQueueRequest) "operate";
        HoldMessage hold_message (pb::HoldMessageRequest) "operate";
        RetryMessage retry_message (pb::RetryMessageRequest) "operate";
        AddAgency add_agency (pb::AddAgencyRequest) "operate";
        RenewAgency renew_agency (pb::RenewAgencyRequest) "operate";
        RevokeAgency revoke_agency (pb::RevokeAgencyRequest) "operate";
        ListAgencies list_agencies (pb::ListAgenciesRequest) "operate";
        EraseMessage erase_message (pb::EraseMessageRequest) "operate";
        EraseAnnex erase_annex (pb::EraseAnnexRequest) "operate";
        SetHold set_hold (pb::SetHoldRequest) "operate";
        ReleaseHold release_hold (pb::ReleaseHoldRequest) "operate";
        ListHolds list_holds (pb::ListHoldsRequest) "operate";
        ListLogs list_logs (pb::ListLogsRequest) "operate";
        GetVaultUsage get_vault_usage (pb::GetVaultUsageRequest) "operate";
        CheckVault check_vault (pb::CheckVaultRequest) "operate";
        SealLog seal_log (pb::SealLogRequest) "operate";
    }
    PouchService PouchServiceClient {
        ExportPouch export_pouch (pb::ExportPouchRequest) "operate";
        ImportPouch import_pouch (stream pb::ImportPouchRequest) "operate";
    }
    AuditService AuditServiceClient {
        GetCheckpoint get_checkpoint (pb::GetCheckpointRequest) "audit";
        ListEntries list_entries (pb::ListEntriesRequest) "audit";
        GetInclusionProof get_inclusion_proof (pb::GetInclusionProofRequest) "audit";
        GetConsistencyProof get_consistency_proof (pb::GetConsistencyProofRequest) "audit";
        ListEvidence list_evidence (pb::ListEvidenceRequest) "audit";
        ExportLog export_log (pb::ExportLogRequest) "audit";
        // And operate for a case: see excerpts.rs.
        ExportExcerpt export_excerpt (pb::ExportExcerptRequest) "audit";
        GetAnchors get_anchors (pb::GetAnchorsRequest) "audit";
        CheckState check_state (pb::CheckStateRequest) "audit";
        // And read: see replayed.rs.
        DiscloseMessage disclose_message (pb::DiscloseMessageRequest) "audit";
    }
}

#[test]
fn the_table_has_every_method_that_agencies_can_reach() {
    let files = prost_types::FileDescriptorSet::decode(rogatory::pb::DESCRIPTORS).expect("decodes");
    let services = files.file.iter().flat_map(|file| &file.service);
    let methods = services.flat_map(|service| {
        service.method.iter().map(|method| (service.name().to_owned(), method.name().to_owned()))
    });
    // The exchange service is on another listener, for peers.
    let known: BTreeSet<_> = methods.filter(|(name, _)| name != "ExchangeService").collect();
    let table = TABLE.iter().map(|(service, rpc, _)| (service.to_string(), rpc.to_string()));
    assert_eq!(table.collect::<BTreeSet<_>>(), known);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_is_reached_with_its_role_and_with_no_other() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut node = Node::new(dir.path(), "xa.oag").await;
    node.start().await;
    for given in ROLES {
        node.agency(given, &[given], false).await;
        let profile = Profile::read(&node.home.join(format!("{given}.toml"))).expect("a profile");
        let channel = profile.connect().await.expect("connects");
        for ((service, rpc, role), code) in TABLE.iter().zip(call_all(&channel).await) {
            let denied = code == Some(Code::PermissionDenied);
            let opens = role.split(" or ").any(|role| role == given);
            assert_eq!(denied, !opens, "{service}.{rpc} with the role {given}: {code:?}");
        }
    }
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_role_any_more_reaches_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut node = Node::new(dir.path(), "xa.oag").await;
    node.start().await;
    node.agency("desk", &ROLES, true).await;
    let profile = Profile::read(&node.home.join("desk.toml")).expect("a profile");
    let channel = profile.connect().await.expect("connects");
    let revoke = pb::RevokeAgencyRequest { agency: "desk".into() };
    node.operator().await.revoke_agency(revoke).await.expect("revoked");
    for ((service, rpc, _), code) in TABLE.iter().zip(call_all(&channel).await) {
        assert_eq!(code, Some(Code::PermissionDenied), "{service}.{rpc}");
    }
    node.stop().await;
}

/// What a listener says of its services: serving, or not there.
async fn health(channel: Channel) -> [bool; 3] {
    let mut client = tonic_health::pb::health_client::HealthClient::new(channel);
    let mut serving = [false; 3];
    for (n, service) in ["AgencyService", "OperatorService", "AuditService"].iter().enumerate() {
        let service = format!("rogatory.v1.{service}");
        let asked = client.check(tonic_health::pb::HealthCheckRequest { service }).await;
        serving[n] = match asked {
            Ok(told) => told.into_inner().status == tonic_health::ServingStatus::Serving as i32,
            Err(status) => {
                assert_eq!(status.code(), Code::NotFound);
                false
            }
        };
    }
    serving
}

#[tokio::test(flavor = "multi_thread")]
async fn health_names_the_services_that_a_listener_has() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut node = Node::new(dir.path(), "xa.oag").await;
    node.start().await;
    node.desk().await;
    let profile = Profile::read(&node.home.join("desk.toml")).expect("a profile");
    let agencies = profile.connect().await.expect("connects");
    assert_eq!(health(agencies).await, [true, true, true]);
    let socket = rogatory::node::Local::connect(&node.home, None).await.expect("connects");
    assert_eq!(health(socket.channel()).await, [false, true, true]);
    node.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_is_open_is_waited_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let node = Node::new(dir.path(), "xa.oag").await;
    let held = node.open().await;
    let mut opening = Box::pin(rogatory::node::OpenNode::open_in_turn(node.config(), None));
    tokio::select! {
        biased;
        opened = &mut opening => panic!("{:?}", opened.map(|_| "two have it open")),
        () = std::future::ready(()) => {}
    }
    held.store.stop();
    drop(held);
    opening.await.expect("it is let go of").store.stop();
}
