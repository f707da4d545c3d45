//! `AgencyService`: what the agencies of this country call.

use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio_stream::Stream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use super::convert::{self, message_name, optional, package_name, page_size, parse, request_id};
use super::identity;
use super::status::{invalid, to_status, whole};
use crate::domain::{MessageId, PackageId};
use crate::envelope::wire::content_from_pb;
use crate::exchange::packages::{PackageContent, Upload};
use crate::exchange::query::Filter;
use crate::exchange::submit::Submission;
use crate::exchange::{ActionError, Caller, Exchange, Role};
use crate::pb::v1 as pb;
use pb::agency_service_server::AgencyService;

/// Messages or chunks that a stream to a client is ahead of it.
const AHEAD: usize = 4;
/// An upload that sends nothing for this long is over: it holds a thread.
const UPLOAD_SILENCE_MAX: std::time::Duration = std::time::Duration::from_secs(120);
/// Inbox rows that are read at once for a watcher.
const INBOX_PAGE: usize = 100;

/// The service.
pub struct AgencyApi {
    exchange: Arc<Exchange>,
    stop: CancellationToken,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl AgencyApi {
    /// Ends its streams at `stop`.
    pub fn new(exchange: Arc<Exchange>, stop: CancellationToken) -> Self {
        Self { exchange, stop }
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

    fn content(
        &self,
        content: Option<pb::MessageContent>,
    ) -> Result<crate::domain::request::Content, Status> {
        let content = content.ok_or_else(|| invalid("content", "must be given"))?;
        content_from_pb(content)
            .map_err(|error| invalid(&format!("content.{}", error.path), error.rule))
    }

    /// Runs what reads the vault on a thread for such work, once the log says who is given it.
    async fn opened<T: Send + 'static>(
        &self,
        caller: Caller,
        message: MessageId,
        package: PackageId,
        read: impl FnOnce(PackageContent) -> Result<T, ActionError> + Send + 'static,
    ) -> Result<T, Status> {
        let exchange = self.exchange.clone();
        exchange.read_package(&caller, message, package).await.map_err(to_status)?;
        let reading = tokio::task::spawn_blocking(move || {
            read(PackageContent::open(&exchange, &caller, message, package)?)
        });
        let read = reading.await.map_err(|error| ActionError::Fault(error.to_string()));
        read.and_then(|read| read).map_err(to_status)
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
        let case = match request.case_id.as_str() {
            "" => None,
            text => Some(
                crate::domain::CaseId::parse(text).map_err(|error| invalid("case_id", error))?,
            ),
        };
        let submission = Submission {
            request: request_id(&request.request_id)?,
            recipient: parse("recipient", &request.recipient)?,
            content: self.content(request.content)?,
            packages: packages(&request.packages)?,
            reference: request.reference,
            window_ms: window(request.expire_after_seconds),
            case,
            in_reply_to: None,
        };
        self.send(&caller, submission).await
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
            content: self.content(request.content)?,
            packages: packages(&request.packages)?,
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

    type WatchInboxStream = Answers<pb::WatchInboxResponse>;

    async fn watch_inbox(
        &self,
        request: Request<pb::WatchInboxRequest>,
    ) -> Result<Response<Self::WatchInboxStream>, Status> {
        let caller = self.caller(&request, Role::Read)?;
        let (answer, answers) = mpsc::channel(AHEAD);
        let watching = watch(
            self.exchange.clone(),
            caller,
            request.get_ref().after_position,
            answer,
            self.stop.child_token(),
        );
        tokio::spawn(watching);
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
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

    async fn upload_package(
        &self,
        request: Request<Streaming<pb::UploadPackageRequest>>,
    ) -> Result<Response<pb::Package>, Status> {
        use pb::upload_package_request::Part;
        let caller = self.caller(&request, Role::Submit)?;
        let mut parts = request.into_inner();
        let mut upload = Upload::begin(self.exchange.clone(), &caller).map_err(to_status)?;
        let exhibits = loop {
            // A stream that its client gave up ends like one that is complete, so only an end
            // that says so is one.
            let Ok(part) = tokio::time::timeout(UPLOAD_SILENCE_MAX, parts.message()).await else {
                return Err(Status::deadline_exceeded("nothing came for two minutes"));
            };
            let Some(part) = part? else {
                return Err(invalid("end", "must come last: nothing was sealed"));
            };
            let taken = match part.part {
                Some(Part::Exhibit(head)) => {
                    upload.exhibit(&head.original_name, &head.media_type).await
                }
                Some(Part::Data(data)) => upload.data(data).await,
                Some(Part::End(end)) => break end.exhibits,
                None => Err(ActionError::invalid("part", "must be an exhibit, data or the end")),
            };
            taken.map_err(to_status)?;
        };
        let shape = whole(upload.finish(exhibits)).await?;
        Ok(Response::new(pb::Package {
            name: format!("packages/{}", shape.id),
            package_id: shape.id.to_string(),
            root: hex::encode(shape.root),
            exhibits: shape.exhibits.saturating_sub(1),
            sealed_bytes: shape.sealed_bytes,
        }))
    }

    async fn list_exhibits(
        &self,
        request: Request<pb::ListExhibitsRequest>,
    ) -> Result<Response<pb::ListExhibitsResponse>, Status> {
        let caller = self.caller(&request, Role::Read)?;
        let request = request.into_inner();
        let message = message_name("parent", &request.parent)?;
        let package = package_name("package", &request.package)?;
        let limit = page_size(request.page_size)?;
        let from: usize = optional("page_token", &request.page_token)?.unwrap_or(0);
        let exhibits =
            self.opened(caller, message, package, |mut content| content.exhibits()).await?;
        let more = exhibits.len() > from.saturating_add(limit);
        let page = exhibits.into_iter().skip(from).take(limit).map(convert::exhibit);
        Ok(Response::new(pb::ListExhibitsResponse {
            exhibits: page.collect(),
            next_page_token: if more { (from + limit).to_string() } else { String::new() },
        }))
    }

    type DownloadExhibitStream = Answers<pb::DownloadExhibitResponse>;

    async fn download_exhibit(
        &self,
        request: Request<pb::DownloadExhibitRequest>,
    ) -> Result<Response<Self::DownloadExhibitStream>, Status> {
        let caller = self.caller(&request, Role::Read)?;
        let request = request.into_inner();
        let message = message_name("parent", &request.parent)?;
        let package = package_name("package", &request.package)?;
        let (exhibit, first) = (request.exhibit, request.first_chunk);
        let (answer, answers) = mpsc::channel(AHEAD);
        let (content, chunks) = self
            .opened(caller, message, package, move |content| {
                let chunks = content.chunks(exhibit)?;
                Ok((content, chunks))
            })
            .await?;
        tokio::task::spawn_blocking(move || read(content, exhibit, first..chunks, &answer));
        Ok(Response::new(Box::pin(ReceiverStream::new(answers))))
    }
}

/// The blocking half of a download; ends early when the client has gone.
fn read(
    mut content: PackageContent,
    exhibit: u32,
    chunks: std::ops::Range<u32>,
    answer: &mpsc::Sender<Result<pb::DownloadExhibitResponse, Status>>,
) {
    for number in chunks {
        let chunk = content.chunk(exhibit, number).map_err(to_status);
        let over = chunk.is_err();
        let chunk = chunk.map(|data| pb::DownloadExhibitResponse { data: data.into() });
        if answer.blocking_send(chunk).is_err() || over {
            return;
        }
    }
}

/// Sends what is in the inbox behind `after`, then what comes, until the client has gone.
async fn watch(
    exchange: Arc<Exchange>,
    caller: Caller,
    mut after: u64,
    answer: mpsc::Sender<Result<pb::WatchInboxResponse, Status>>,
    stop: CancellationToken,
) {
    let mut newest = exchange.watch_inbox();
    loop {
        newest.mark_unchanged();
        let (found, seen) = match exchange.inbox(&caller, after, INBOX_PAGE) {
            Ok(page) => page,
            Err(error) => {
                let _ = answer.send(Err(to_status(error))).await;
                return;
            }
        };
        for view in found {
            let message = Some(convert::message(view));
            if answer.send(Ok(pb::WatchInboxResponse { message })).await.is_err() {
                return;
            }
        }
        if seen > after {
            after = seen;
            continue;
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = answer.closed() => return,
            changed = newest.changed() => if changed.is_err() { return },
        }
    }
}
