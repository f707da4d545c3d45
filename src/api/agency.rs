//! `AgencyService`: what the agencies of this country call.

use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::answers::{Answers, answers};
use super::convert::{self, message_name, optional, package_name, page_size, parse, request_id};
use super::standing::Standing;
use super::status::{invalid, to_status, whole};
use super::{annex, cases, drafts, evidence, identity, inbox, release, statistics};
use crate::domain::PackageId;
use crate::exchange::gates::Pass;
use crate::exchange::pieces::piece;
use crate::exchange::query::Filter;
use crate::exchange::submit::Submission;
use crate::exchange::{Caller, Exchange, Role};
use crate::pb::v1 as pb;
use pb::agency_service_server::AgencyService;

/// Messages that a watch is ahead of its client.
const AHEAD: usize = 4;

/// The service.
pub struct AgencyApi {
    exchange: Arc<Exchange>,
    stop: CancellationToken,
}

impl AgencyApi {
    /// Ends its streams at `stop`.
    pub fn new(exchange: Arc<Exchange>, stop: CancellationToken) -> Self {
        Self { exchange, stop }
    }

    fn standing<T>(&self, request: &Request<T>, role: Role, pass: Pass) -> Standing {
        Standing::new(&self.exchange, request, Some(role), &self.stop, Some(pass))
    }

    fn caller<T>(&self, request: &Request<T>, role: Role) -> Result<Caller, Status> {
        identity::caller(&self.exchange, request, role)
    }

    async fn send(
        &self,
        caller: &Caller,
        submission: Submission,
    ) -> Result<Response<pb::Message>, Status> {
        let (exchange, caller) = (self.exchange.clone(), caller.clone());
        let view = whole(async move { exchange.submit(&caller, submission).await }).await?;
        Ok(Response::new(convert::message(view)))
    }
}

fn packages(names: &[String]) -> Result<Vec<PackageId>, Status> {
    let one = |(n, name): (usize, &String)| package_name(&format!("packages[{n}]"), name);
    names.iter().enumerate().map(one).collect()
}

fn window(seconds: u64) -> Option<i64> {
    (seconds > 0).then(|| i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX))
}

#[tonic::async_trait]
impl AgencyService for AgencyApi {
    async fn submit_message(
        &self,
        request: Request<pb::SubmitMessageRequest>,
    ) -> Result<Response<pb::Message>, Status> {
        let caller = self.caller(&request, Role::Submit)?;
        let request = request.into_inner();
        let case = optional("case_id", &request.case_id)?;
        let submission = Submission {
            request: request_id(&request.request_id)?,
            recipient: parse("recipient", &request.recipient)?,
            content: convert::content(request.content)?,
            packages: packages(&request.packages)?,
            annexes: annex::sealed(request.annexes)?,
            reference: request.reference,
            window_ms: window(request.expire_after_seconds),
            case,
            in_reply_to: None,
        };
        self.send(&caller, submission).await
    }

    async fn check_content(
        &self,
        request: Request<pb::CheckContentRequest>,
    ) -> Result<Response<pb::CheckContentResponse>, Status> {
        let caller = self.caller(&request, Role::Submit)?;
        let pass = self.exchange.gates().checks.enter(&caller.name).map_err(to_status)?;
        let request = request.into_inner();
        let recipient = optional("recipient", &request.recipient)?;
        let content = convert::content(request.content)?;
        let exchange = self.exchange.clone();
        let checked = piece(move || {
            // Whoever goes away still has the work done, and so the place.
            let _pass = pass;
            exchange.check_content(recipient.as_ref(), &content)
        });
        let (findings, left_off) = checked.await.map_err(to_status)?;
        Ok(Response::new(pb::CheckContentResponse {
            findings: findings.into_iter().map(convert::finding).collect(),
            left_off: u32::try_from(left_off).unwrap_or(u32::MAX),
        }))
    }

    async fn reply_message(
        &self,
        request: Request<pb::ReplyMessageRequest>,
    ) -> Result<Response<pb::Message>, Status> {
        let caller = self.caller(&request, Role::Submit)?;
        let request = request.into_inner();
        let answered = message_name("name", &request.name)?;
        let view = self.exchange.view(&caller, answered, false).map_err(to_status)?;
        let submission = Submission {
            request: request_id(&request.request_id)?,
            recipient: parse("name", &view.row.peer)?,
            content: convert::content(request.content)?,
            packages: packages(&request.packages)?,
            annexes: annex::sealed(request.annexes)?,
            reference: request.reference,
            window_ms: window(request.expire_after_seconds),
            case: None,
            in_reply_to: Some(answered),
        };
        self.send(&caller, submission).await
    }

    async fn get_message(
        &self,
        request: Request<pb::GetMessageRequest>,
    ) -> Result<Response<pb::Message>, Status> {
        let caller = self.caller(&request, Role::Read)?;
        let id = message_name("name", &request.get_ref().name)?;
        let view = self.exchange.read(&caller, id).await.map_err(to_status)?;
        Ok(Response::new(convert::message(view)))
    }

    async fn list_messages(
        &self,
        request: Request<pb::ListMessagesRequest>,
    ) -> Result<Response<pb::ListMessagesResponse>, Status> {
        let caller = self.caller(&request, Role::Read)?;
        let request = request.into_inner();
        let limit = page_size(request.page_size)?;
        let filter = Filter {
            sent: match request.direction() {
                pb::Direction::Unspecified => None,
                direction => Some(direction == pb::Direction::Sent),
            },
            peer: optional("peer", &request.peer)?,
            case_id: (!request.case_id.is_empty()).then(|| request.case_id.clone()),
            state: (request.state != 0).then_some(request.state),
        };
        let after = optional("page_token", &request.page_token)?;
        let found = self.exchange.list(&caller, &filter, after, limit).map_err(to_status)?;
        let next_page_token = match found.len() == limit {
            true => found.last().map(|view| view.id.to_string()).unwrap_or_default(),
            false => String::new(),
        };
        let messages = found.into_iter().map(convert::message).collect();
        Ok(Response::new(pb::ListMessagesResponse { messages, next_page_token }))
    }

    async fn list_cases(
        &self,
        request: Request<pb::ListCasesRequest>,
    ) -> Result<Response<pb::ListCasesResponse>, Status> {
        let caller = self.caller(&request, Role::Read)?;
        cases::list(&self.exchange, caller, request.into_inner()).await.map(Response::new)
    }

    async fn get_statistics(
        &self,
        request: Request<pb::GetStatisticsRequest>,
    ) -> Result<Response<pb::GetStatisticsResponse>, Status> {
        let caller = self.caller(&request, Role::Read)?;
        statistics::get(&self.exchange, &caller, request.into_inner()).await.map(Response::new)
    }

    async fn get_case(
        &self,
        request: Request<pb::GetCaseRequest>,
    ) -> Result<Response<pb::Case>, Status> {
        let caller = self.caller(&request, Role::Read)?;
        cases::get(&self.exchange, caller, request.into_inner()).await.map(Response::new)
    }

    type WatchInboxStream = Answers<pb::WatchInboxResponse>;

    async fn watch_inbox(
        &self,
        request: Request<pb::WatchInboxRequest>,
    ) -> Result<Response<Self::WatchInboxStream>, Status> {
        let caller = self.caller(&request, Role::Read)?;
        let pass = self.exchange.gates().inbox_watches.enter(&caller.name).map_err(to_status)?;
        let standing = self.standing(&request, Role::Read, pass);
        let (answer, passing) = mpsc::channel(AHEAD);
        let after = request.get_ref().after_position;
        let watching = inbox::watch(self.exchange.clone(), caller, after, answer);
        Ok(Response::new(answers(passing, watching, standing)))
    }

    async fn confirm_handover(
        &self,
        request: Request<pb::ConfirmHandoverRequest>,
    ) -> Result<Response<pb::Message>, Status> {
        let caller = self.caller(&request, Role::Read)?;
        let request = request.into_inner();
        let id = message_name("name", &request.name)?;
        let mut digest = [0; 32];
        hex::decode_to_slice(&request.envelope_digest, &mut digest)
            .map_err(|_| invalid("envelope_digest", "must be 64 hex digits"))?;
        let exchange = self.exchange.clone();
        let row = whole(async move { exchange.confirm(&caller, id, digest).await }).await?;
        let view = self.exchange.shown(id, row, false).map_err(to_status)?;
        Ok(Response::new(convert::message(view)))
    }

    async fn cancel_message(
        &self,
        request: Request<pb::CancelMessageRequest>,
    ) -> Result<Response<pb::Message>, Status> {
        let caller = self.caller(&request, Role::Submit)?;
        let id = message_name("name", &request.get_ref().name)?;
        let exchange = self.exchange.clone();
        let view = whole(async move { exchange.cancel(&caller, id).await }).await?;
        Ok(Response::new(convert::message(view)))
    }

    async fn share_message(
        &self,
        request: Request<pb::ShareMessageRequest>,
    ) -> Result<Response<pb::Message>, Status> {
        let caller = self.caller(&request, Role::Submit)?;
        release::share(&self.exchange, caller, request.into_inner()).await.map(Response::new)
    }

    async fn unshare_message(
        &self,
        request: Request<pb::UnshareMessageRequest>,
    ) -> Result<Response<pb::Message>, Status> {
        let caller = self.caller(&request, Role::Submit)?;
        release::unshare(&self.exchange, caller, request.into_inner()).await.map(Response::new)
    }

    async fn list_drafts(
        &self,
        request: Request<pb::ListDraftsRequest>,
    ) -> Result<Response<pb::ListDraftsResponse>, Status> {
        let caller = self.caller(&request, Role::Read)?;
        drafts::list(&self.exchange, &caller, request.get_ref()).map(Response::new)
    }

    async fn approve_draft(
        &self,
        request: Request<pb::ApproveDraftRequest>,
    ) -> Result<Response<pb::Message>, Status> {
        let caller = self.caller(&request, Role::Approve)?;
        drafts::approve(&self.exchange, caller, request.into_inner()).await.map(Response::new)
    }

    async fn refuse_draft(
        &self,
        request: Request<pb::RefuseDraftRequest>,
    ) -> Result<Response<pb::Draft>, Status> {
        let caller = self.caller(&request, Role::Approve)?;
        drafts::refuse(&self.exchange, caller, request.into_inner()).await.map(Response::new)
    }

    async fn list_receipts(
        &self,
        request: Request<pb::ListReceiptsRequest>,
    ) -> Result<Response<pb::ListReceiptsResponse>, Status> {
        let caller = self.caller(&request, Role::Read)?;
        let id = message_name("parent", &request.get_ref().parent)?;
        let (row, receipts) = self.exchange.receipts(&caller, id).map_err(to_status)?;
        let receipts =
            receipts.into_iter().map(|r| convert::receipt(r, &row.envelope_digest)).collect();
        Ok(Response::new(pb::ListReceiptsResponse { receipts }))
    }

    async fn refresh_receipts(
        &self,
        request: Request<pb::RefreshReceiptsRequest>,
    ) -> Result<Response<pb::RefreshReceiptsResponse>, Status> {
        let caller = self.caller(&request, Role::Read)?;
        let id = message_name("parent", &request.get_ref().parent)?;
        let (exchange, asking) = (self.exchange.clone(), caller.clone());
        let stronger = whole(async move { exchange.refresh_receipts(&asking, id).await }).await?;
        let (row, receipts) = self.exchange.receipts(&caller, id).map_err(to_status)?;
        let receipts =
            receipts.into_iter().map(|r| convert::receipt(r, &row.envelope_digest)).collect();
        let stronger = u32::try_from(stronger).unwrap_or(u32::MAX);
        Ok(Response::new(pb::RefreshReceiptsResponse { receipts, stronger }))
    }

    async fn get_authority_card(
        &self,
        request: Request<pb::GetAuthorityCardRequest>,
    ) -> Result<Response<pb::AuthorityCard>, Status> {
        self.caller(&request, Role::Submit)?;
        annex::card(&self.exchange, request.get_ref()).map(Response::new)
    }

    async fn get_annex(
        &self,
        request: Request<pb::GetAnnexRequest>,
    ) -> Result<Response<pb::SealedAnnexBytes>, Status> {
        let caller = self.caller(&request, Role::Read)?;
        annex::get(&self.exchange, &caller, request.get_ref()).map(Response::new)
    }

    async fn open_annex(
        &self,
        request: Request<pb::OpenAnnexRequest>,
    ) -> Result<Response<pb::OpenAnnexResponse>, Status> {
        let caller = self.caller(&request, Role::Read)?;
        annex::open(&self.exchange, caller, request.into_inner()).await.map(Response::new)
    }

    async fn upload_package(
        &self,
        request: Request<Streaming<pb::UploadPackageRequest>>,
    ) -> Result<Response<pb::Package>, Status> {
        let caller = self.caller(&request, Role::Submit)?;
        let pass = self.exchange.gates().uploads.enter(&caller.name).map_err(to_status)?;
        let mut standing = self.standing(&request, Role::Submit, pass);
        let uploading = evidence::upload(&self.exchange, &caller, request.into_inner());
        tokio::select! {
            biased;
            status = standing.lost() => Err(status),
            package = uploading => package.map(Response::new),
        }
    }

    async fn get_upload(
        &self,
        request: Request<pb::GetUploadRequest>,
    ) -> Result<Response<pb::Upload>, Status> {
        let caller = self.caller(&request, Role::Submit)?;
        let _pass = self.exchange.gates().uploads.enter(&caller.name).map_err(to_status)?;
        let standing = evidence::standing(&self.exchange, &caller, request.into_inner());
        standing.await.map(Response::new)
    }

    async fn list_exhibits(
        &self,
        request: Request<pb::ListExhibitsRequest>,
    ) -> Result<Response<pb::ListExhibitsResponse>, Status> {
        let caller = self.caller(&request, Role::Read)?;
        let request = request.into_inner();
        let limit = page_size(request.page_size)?;
        let pass = self.exchange.gates().exhibit_lists.enter(&caller.name).map_err(to_status)?;
        let page = evidence::list(&self.exchange, caller, request, limit, pass).await?;
        Ok(Response::new(page))
    }

    type DownloadExhibitStream = Answers<pb::DownloadExhibitResponse>;

    async fn download_exhibit(
        &self,
        request: Request<pb::DownloadExhibitRequest>,
    ) -> Result<Response<Self::DownloadExhibitStream>, Status> {
        let caller = self.caller(&request, Role::Read)?;
        let pass = self.exchange.gates().downloads.enter(&caller.name).map_err(to_status)?;
        let standing = self.standing(&request, Role::Read, pass);
        let (producing, passing) =
            evidence::download(&self.exchange, caller, request.into_inner()).await?;
        Ok(Response::new(answers(passing, producing, standing)))
    }

    async fn get_exhibit_proof(
        &self,
        request: Request<pb::GetExhibitProofRequest>,
    ) -> Result<Response<pb::ExhibitProof>, Status> {
        let caller = self.caller(&request, Role::Read)?;
        let pass = self.exchange.gates().exhibit_lists.enter(&caller.name).map_err(to_status)?;
        let proof = evidence::prove(&self.exchange, caller, request.into_inner(), pass).await?;
        Ok(Response::new(proof))
    }
}
