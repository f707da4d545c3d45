//! What the tests of commands need: an agency API in memory, and cards of test logs.

mod evidence;
mod exhibit;

use std::convert::Infallible;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio_stream::Iter;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Endpoint, Server};
use tonic::{Request, Response, Status, Streaming};

pub(crate) use exhibit::{Sent, sent};

use super::connect::AgencyClient;
use crate::audit::export::{Source, write_export};
use crate::audit::testing::{TestLog, cosigner, secret};
use crate::card::{Card, CardBody};
use crate::crypto::PublicKey;
use crate::crypto::keys::Algorithm;
use crate::domain::delivery::DeliveryState;
use crate::domain::lifecycle::RequestState;
use crate::domain::{MessageId, MessageKind};
use crate::pb::v1 as pb;
use crate::pb::v1::agency_service_server::{AgencyService, AgencyServiceServer};

/// What the node was sent.
#[derive(Default)]
pub(crate) struct Seen {
    /// Head and bytes of each exhibit.
    pub(crate) exhibits: Vec<(pb::ExhibitHead, Vec<u8>)>,
    /// Whether the upload ended as a whole one does; `None` while it lasts.
    pub(crate) whole: Option<bool>,
    /// The largest message.
    pub(crate) largest: usize,
    /// Whether a download has begun that will not end.
    pub(crate) stalled: bool,
    /// Where each upload began: whole exhibits, and bytes of the next.
    pub(crate) starts: Vec<(u32, u64)>,
    /// Exhibit and first chunk of each download.
    pub(crate) downloads: Vec<(u32, u32)>,
}

/// A node that answers with what it is given.
#[derive(Default)]
pub(crate) struct Fake {
    pub(crate) messages: Vec<pb::Message>,
    pub(crate) cases: Vec<pb::Case>,
    /// Messages and exhibits on a page.
    pub(crate) page: usize,
    pub(crate) exhibits: Vec<(pb::Exhibit, Vec<u8>)>,
    pub(crate) receipts: Vec<pb::Receipt>,
    pub(crate) refuses_uploads: bool,
    /// Downloads begin and never end.
    pub(crate) stalls: bool,
    /// So many uploads are cut off behind their first data.
    pub(crate) upload_cuts: usize,
    /// The node has another thing of a cut upload than was sent.
    pub(crate) upload_differs: bool,
    /// So many downloads are cut off behind their first part.
    pub(crate) cuts: usize,
    pub(crate) seen: Arc<Mutex<Seen>>,
}

impl Fake {
    /// Runs it until the test ends.
    pub(crate) async fn start(self) -> (AgencyClient, Arc<Mutex<Seen>>) {
        let seen = self.seen.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let server = Server::builder().add_service(AgencyServiceServer::new(self));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("an address");
        (AgencyClient::new(endpoint.connect().await.expect("it listens")), seen)
    }

    fn page<T: Clone>(&self, all: &[T], token: &str) -> (Vec<T>, String) {
        let from: usize = token.parse().unwrap_or(0);
        let page: Vec<T> = all.iter().skip(from).take(self.page).cloned().collect();
        let next = from + page.len();
        (page, if next < all.len() { next.to_string() } else { String::new() })
    }
}

/// The message with this position in the inbox.
pub(crate) fn message(position: u64) -> pb::Message {
    pb::Message {
        message_id: id(position).to_string(),
        inbox_position: position,
        state: DeliveryState::Consigned as i32,
        envelope_digest: "ab".repeat(32),
        ..Default::default()
    }
}

/// The case with this number, of which the next one is parallel. Its decision is late.
pub(crate) fn case(number: u64) -> pb::Case {
    let decision = pb::Clock {
        duty: pb::Duty::Decision as i32,
        start_time: "2026-11-24T08:00:00.000Z".into(),
        used_seconds: 31 * 86_400,
        target_seconds: 30 * 86_400,
        percent: 103,
        level: 100,
        due_time: "2026-12-24T08:00:00.000Z".into(),
        is_overdue: true,
        ..Default::default()
    };
    let request = pb::CaseRequest {
        message: format!("messages/{}", id(number)),
        kind: MessageKind::Request as i32,
        peer: "xa.oag".into(),
        create_time: "2026-11-24T08:00:00.000Z".into(),
        state: RequestState::Acknowledged as i32,
        report_time: "2026-11-25T08:00:00.000Z".into(),
        clocks: vec![decision],
        next_duty: pb::Duty::Decision as i32,
        is_overdue: true,
        ..Default::default()
    };
    let next = pb::RelatedCase {
        relation: pb::CaseRelation::Parallel as i32,
        authority: "xc.moj".into(),
        case_id: format!("ROG-XC-MOJ-2026-{:06}", number + 1),
        reference: String::new(),
    };
    pb::Case {
        case_id: format!("ROG-XC-MOJ-2026-{number:06}"),
        peers: vec!["xa.oag".into()],
        requests: vec![request],
        is_overdue: true,
        references: vec!["C-17/26".into()],
        related_cases: vec![next],
        ..Default::default()
    }
}

/// The id of that message.
pub(crate) fn id(number: u64) -> MessageId {
    crate::audit::testing::message(number)
}

type Answer<T> = Result<Response<T>, Status>;
type Parts<T> = Iter<std::vec::IntoIter<Result<T, Status>>>;

fn parts<T>(all: Vec<T>) -> Answer<Parts<T>> {
    let all: Vec<Result<T, Status>> = all.into_iter().map(Ok).collect();
    Ok(Response::new(tokio_stream::iter(all)))
}

#[tonic::async_trait]
impl AgencyService for Fake {
    type WatchInboxStream = Parts<pb::WatchInboxResponse>;
    type DownloadExhibitStream = evidence::Downloads;

    async fn get_message(&self, request: Request<pb::GetMessageRequest>) -> Answer<pb::Message> {
        let name = request.into_inner().name;
        let found = self.messages.iter().find(|m| format!("messages/{}", m.message_id) == name);
        found.cloned().map(Response::new).ok_or_else(|| Status::not_found("there is none"))
    }

    async fn list_messages(
        &self,
        request: Request<pb::ListMessagesRequest>,
    ) -> Answer<pb::ListMessagesResponse> {
        let (messages, next_page_token) = self.page(&self.messages, &request.get_ref().page_token);
        Ok(Response::new(pb::ListMessagesResponse { messages, next_page_token }))
    }

    async fn list_cases(
        &self,
        request: Request<pb::ListCasesRequest>,
    ) -> Answer<pb::ListCasesResponse> {
        let (cases, next_page_token) = self.page(&self.cases, &request.get_ref().page_token);
        Ok(Response::new(pb::ListCasesResponse { cases, next_page_token }))
    }

    async fn get_case(&self, request: Request<pb::GetCaseRequest>) -> Answer<pb::Case> {
        let name = request.get_ref().name.trim_start_matches("cases/");
        let found = self.cases.iter().find(|case| case.case_id == name);
        found.cloned().map(Response::new).ok_or_else(|| Status::not_found("there is no case"))
    }

    async fn get_statistics(
        &self,
        _: Request<pb::GetStatisticsRequest>,
    ) -> Answer<pb::GetStatisticsResponse> {
        Err(Status::unimplemented(""))
    }

    async fn watch_inbox(
        &self,
        _: Request<pb::WatchInboxRequest>,
    ) -> Answer<Self::WatchInboxStream> {
        let one = |message: &pb::Message| pb::WatchInboxResponse { message: Some(message.clone()) };
        parts(self.messages.iter().map(one).collect())
    }

    async fn list_receipts(
        &self,
        _: Request<pb::ListReceiptsRequest>,
    ) -> Answer<pb::ListReceiptsResponse> {
        Ok(Response::new(pb::ListReceiptsResponse { receipts: self.receipts.clone() }))
    }

    async fn refresh_receipts(
        &self,
        _: Request<pb::RefreshReceiptsRequest>,
    ) -> Answer<pb::RefreshReceiptsResponse> {
        let receipts = self.receipts.clone();
        Ok(Response::new(pb::RefreshReceiptsResponse { receipts, stronger: 0 }))
    }

    async fn upload_package(
        &self,
        request: Request<Streaming<pb::UploadPackageRequest>>,
    ) -> Answer<pb::Package> {
        self.take_upload(request).await
    }

    async fn get_upload(&self, request: Request<pb::GetUploadRequest>) -> Answer<pb::Upload> {
        self.upload_standing(request)
    }

    async fn list_exhibits(
        &self,
        request: Request<pb::ListExhibitsRequest>,
    ) -> Answer<pb::ListExhibitsResponse> {
        let all: Vec<pb::Exhibit> = self.exhibits.iter().map(|(head, _)| head.clone()).collect();
        let (exhibits, next_page_token) = self.page(&all, &request.get_ref().page_token);
        Ok(Response::new(pb::ListExhibitsResponse { exhibits, next_page_token }))
    }

    async fn download_exhibit(
        &self,
        request: Request<pb::DownloadExhibitRequest>,
    ) -> Answer<Self::DownloadExhibitStream> {
        self.give_exhibits(request)
    }

    async fn get_exhibit_proof(
        &self,
        _: Request<pb::GetExhibitProofRequest>,
    ) -> Answer<pb::ExhibitProof> {
        Err(Status::unimplemented(""))
    }

    async fn submit_message(&self, _: Request<pb::SubmitMessageRequest>) -> Answer<pb::Message> {
        Err(Status::unimplemented(""))
    }

    async fn check_content(
        &self,
        _: Request<pb::CheckContentRequest>,
    ) -> Answer<pb::CheckContentResponse> {
        Err(Status::unimplemented(""))
    }

    async fn reply_message(&self, _: Request<pb::ReplyMessageRequest>) -> Answer<pb::Message> {
        Err(Status::unimplemented(""))
    }

    async fn get_authority_card(
        &self,
        _: Request<pb::GetAuthorityCardRequest>,
    ) -> Answer<pb::AuthorityCard> {
        Err(Status::unimplemented(""))
    }

    async fn get_annex(&self, _: Request<pb::GetAnnexRequest>) -> Answer<pb::SealedAnnexBytes> {
        Err(Status::unimplemented(""))
    }

    async fn open_annex(&self, _: Request<pb::OpenAnnexRequest>) -> Answer<pb::OpenAnnexResponse> {
        Err(Status::unimplemented(""))
    }

    async fn confirm_handover(
        &self,
        _: Request<pb::ConfirmHandoverRequest>,
    ) -> Answer<pb::Message> {
        Err(Status::unimplemented(""))
    }

    async fn share_message(&self, _: Request<pb::ShareMessageRequest>) -> Answer<pb::Message> {
        Err(Status::unimplemented(""))
    }

    async fn unshare_message(&self, _: Request<pb::UnshareMessageRequest>) -> Answer<pb::Message> {
        Err(Status::unimplemented(""))
    }

    async fn list_drafts(
        &self,
        _: Request<pb::ListDraftsRequest>,
    ) -> Answer<pb::ListDraftsResponse> {
        Ok(Response::new(pb::ListDraftsResponse::default()))
    }

    async fn approve_draft(&self, _: Request<pb::ApproveDraftRequest>) -> Answer<pb::Message> {
        Err(Status::unimplemented(""))
    }

    async fn refuse_draft(&self, _: Request<pb::RefuseDraftRequest>) -> Answer<pb::Draft> {
        Err(Status::unimplemented(""))
    }

    async fn cancel_message(&self, _: Request<pb::CancelMessageRequest>) -> Answer<pb::Message> {
        Err(Status::unimplemented(""))
    }
}

/// The card of the authority whose log this is; it is a witness with two keys.
pub(crate) fn card_of(log: &TestLog) -> Card {
    let root = secret(77);
    let sealing = PublicKey::new(Algorithm::XWing, vec![0; 1216]).expect("as long as one");
    let witness = |name: &str, algorithm| {
        let name = format!("{}/{name}", log.authority);
        cosigner(&name, 78, algorithm).key().to_string()
    };
    let body = CardBody {
        name: "An authority of the tests".into(),
        witness: witness("witness", Algorithm::Ed25519),
        witness_pq: witness("witness-pq", Algorithm::MlDsa44),
        ..CardBody::least(&log.authority, root.public(), &sealing, &log.verifier())
    };
    Card::sign(&body, &root).expect("a sound card")
}

/// Writes an export of a log, and gives the card of its authority.
pub(crate) fn export_of(log: &TestLog, dir: &Path) -> Card {
    let card = card_of(log);
    let mut entries = |from: u64, limit: usize| {
        let rest = log.entries.iter().skip(from as usize).take(limit);
        Ok::<_, Infallible>(rest.cloned().collect())
    };
    let extra = (format!("cards/{}.card", log.authority), card.text().as_bytes().to_vec());
    let source = Source {
        checkpoint: &log.head().sign(&log.key),
        key: &log.key,
        entries: &mut entries,
        extras: &mut [extra].into_iter().map(Ok),
        progress: &mut |_, _| {},
    };
    let mut sink = |path: &str, bytes: &[u8]| {
        let path = dir.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        std::fs::write(path, bytes).expect("written");
        Ok(())
    };
    write_export(source, &mut sink).expect("exported");
    card
}
