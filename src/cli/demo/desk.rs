//! A desk: the agency of an authority, and what it does through the gRPC API.

use std::fs::{self, File};
use std::future::Future;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;

use super::custody;
use super::evidence::Made;
use super::nodes::{DESK, Node};
use crate::cli::exit::Failure;
use crate::client::Profile;
use crate::crypto::{Sha256, random};
use crate::domain::limits::CHUNK_BYTES;
use crate::domain::request::{Content, StatisticsReturn};
use crate::domain::{AuthorityId, RequestId};
use crate::envelope::wire::{content_to_pb, custody_to_pb, statistics_from_pb};
use crate::node::now;
use crate::pb::v1 as pb;
use pb::agency_service_client::AgencyServiceClient;

/// How long anything may take that needs both nodes: what only a hang reaches.
const WITHIN: Duration = Duration::from_secs(180);

/// How often a state is asked for that nothing announces.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Receipts of a message that was handed over: taken, relayed, consigned, handed over.
pub(super) const RECEIPTS: usize = 4;

/// A desk, connected.
pub(super) struct Desk {
    /// Of whom.
    pub(super) id: AuthorityId,
    client: AgencyServiceClient<Channel>,
    /// The position of its inbox up to which it has looked.
    seen: u64,
}

impl Desk {
    /// Connects with the profile that the node gave out.
    pub(super) async fn open(node: &Node) -> Result<Self> {
        let profile = Profile::read(&node.profile())?;
        let channel = profile.connect().await;
        let channel = channel.with_context(|| format!("the {DESK} of {}", node.id))?;
        Ok(Self { id: node.id.clone(), client: AgencyServiceClient::new(channel), seen: 0 })
    }

    /// The same desk after its node was started again.
    pub(super) async fn reopen(&mut self, node: &Node) -> Result<()> {
        *self = Self { seen: self.seen, ..Self::open(node).await? };
        Ok(())
    }

    /// What its node answers instead of doing what was asked, as the command line tells it.
    fn said(&self) -> impl Fn(tonic::Status) -> anyhow::Error + use<> {
        let id = self.id.clone();
        move |status| {
            anyhow::Error::new(Failure::from(status)).context(format!("the {DESK} of {id}"))
        }
    }

    /// The cases that it may see: all fit one page.
    pub(super) async fn cases(&mut self) -> Result<Vec<pb::Case>> {
        let answer = self.client.list_cases(pb::ListCasesRequest::default()).await;
        Ok(answer.map_err(self.said())?.into_inner().cases)
    }

    /// Sends something that answers nothing.
    pub(super) async fn submit(
        &mut self,
        recipient: &AuthorityId,
        content: &Content,
        reference: &str,
    ) -> Result<pb::Message> {
        let request = pb::SubmitMessageRequest {
            request_id: RequestId::new(random()).to_string(),
            recipient: recipient.to_string(),
            content: Some(content_to_pb(content)),
            reference: reference.to_owned(),
            ..Default::default()
        };
        Ok(self.client.submit_message(request).await.map_err(self.said())?.into_inner())
    }

    /// Answers a message.
    pub(super) async fn reply(
        &mut self,
        answered: &pb::Message,
        content: &Content,
        packages: &[pb::Package],
        reference: &str,
    ) -> Result<pb::Message> {
        let request = pb::ReplyMessageRequest {
            reference: reference.to_owned(),
            name: answered.name.clone(),
            request_id: RequestId::new(random()).to_string(),
            content: Some(content_to_pb(content)),
            packages: packages.iter().map(|package| package.name.clone()).collect(),
            ..Default::default()
        };
        Ok(self.client.reply_message(request).await.map_err(self.said())?.into_inner())
    }

    /// The next message of the inbox, with its content.
    pub(super) async fn next(&mut self) -> Result<pb::Message> {
        let request = pb::WatchInboxRequest { after_position: self.seen };
        let (mut client, said) = (self.client.clone(), self.said());
        let came = within(format!("nothing comes to the {DESK} of {}", self.id), async move {
            let mut inbox = client.watch_inbox(request).await.map_err(&said)?.into_inner();
            let next = inbox.message().await.map_err(&said)?;
            next.and_then(|next| next.message).context("an inbox was closed")
        });
        let came = came.await?;
        self.seen = came.inbox_position;
        let request = pb::GetMessageRequest { name: came.name };
        Ok(self.client.get_message(request).await.map_err(self.said())?.into_inner())
    }

    /// What the requests of this year add up to: with one peer whole, with all of them as they may be
    /// sent.
    pub(super) async fn figures(&mut self, peer: Option<&AuthorityId>) -> Result<StatisticsReturn> {
        let year = now().year();
        let request = pb::GetStatisticsRequest {
            from: format!("{year}-01-01"),
            until: format!("{year}-12-31"),
            peer: peer.map(AuthorityId::to_string).unwrap_or_default(),
            unsuppressed: peer.is_some(),
        };
        let answer = self.client.get_statistics(request).await.map_err(self.said())?.into_inner();
        Ok(statistics_from_pb(answer.statistics.context("the node gives no figures")?)?)
    }

    /// A message that it sent or got, by its id.
    pub(super) async fn message(&mut self, id: &str) -> Result<pb::Message> {
        let request = pb::GetMessageRequest { name: format!("messages/{id}") };
        Ok(self.client.get_message(request).await.map_err(self.said())?.into_inner())
    }

    /// Says that it has the message.
    pub(super) async fn confirm(&mut self, message: &pb::Message) -> Result<()> {
        let request = pb::ConfirmHandoverRequest {
            name: message.name.clone(),
            envelope_digest: message.envelope_digest.clone(),
        };
        self.client.confirm_handover(request).await.map_err(self.said())?;
        Ok(())
    }

    /// Where a message that it sent is now.
    pub(super) async fn state(&mut self, id: &str) -> Result<pb::DeliveryState> {
        let request = pb::ListMessagesRequest {
            direction: pb::Direction::Sent.into(),
            page_size: 100,
            ..Default::default()
        };
        let listed = self.client.list_messages(request).await.map_err(self.said())?.into_inner();
        let found = listed.messages.iter().find(|message| message.message_id == id);
        Ok(found.with_context(|| format!("{} does not list message {id}", self.id))?.state())
    }

    /// Waits until a message that it sent is handed over and all its receipts are here.
    pub(super) async fn settled(
        &mut self,
        message: &pb::Message,
        due: usize,
    ) -> Result<Vec<pb::Receipt>> {
        let deadline = Instant::now() + WITHIN;
        loop {
            let state = self.state(&message.message_id).await?;
            let request = pb::ListReceiptsRequest { parent: message.name.clone() };
            let listed =
                self.client.list_receipts(request).await.map_err(self.said())?.into_inner();
            if state == pb::DeliveryState::HandedOver && listed.receipts.len() >= due {
                return Ok(listed.receipts);
            }
            if Instant::now() > deadline {
                let have = listed.receipts.len();
                bail!("message {} is {state:?}, with {have} receipts", message.message_id);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Uploads files as one evidence package.
    pub(super) async fn upload(&mut self, files: &[Made]) -> Result<pb::Package> {
        let (parts, taken) = mpsc::channel(8);
        let files: Vec<_> = files
            .iter()
            .map(|made| {
                let (original_name, media_type) = (made.name.into(), made.media_type.into());
                let custody = custody::of(made).into_iter().map(custody_to_pb).collect();
                (pb::ExhibitHead { original_name, media_type, custody }, made.path.clone())
            })
            .collect();
        let reading = tokio::task::spawn_blocking(move || -> Result<()> {
            use pb::upload_package_request::Part;
            let send =
                |part| parts.blocking_send(pb::UploadPackageRequest { part: Some(part) }).is_ok();
            let exhibits = u32::try_from(files.len())?;
            for (head, path) in files {
                let mut file = File::open(path)?;
                let mut open = send(Part::Exhibit(head));
                while open && let Some(piece) = read_piece(&mut file)? {
                    open = send(Part::Data(piece));
                }
            }
            send(Part::End(pb::UploadEnd { exhibits }));
            Ok(())
        });
        let uploaded = self.client.upload_package(ReceiverStream::new(taken)).await;
        reading.await??;
        Ok(uploaded.map_err(self.said())?.into_inner())
    }

    /// Fetches the packages of a message and compares every file with what was made. Gives the
    /// number of files and of bytes.
    pub(super) async fn fetch(
        &mut self,
        message: &pb::Message,
        into: &Path,
        made: &[Made],
    ) -> Result<(usize, u64)> {
        let mut got = (0, 0);
        for package in &message.packages {
            let request = pb::ListExhibitsRequest {
                parent: message.name.clone(),
                package: package.name.clone(),
                page_size: 1000,
                ..Default::default()
            };
            let listed =
                self.client.list_exhibits(request).await.map_err(self.said())?.into_inner();
            for exhibit in listed.exhibits {
                let expected = made.iter().find(|made| made.name == exhibit.original_name);
                let expected =
                    expected.with_context(|| format!("nobody made {:?}", exhibit.original_name))?;
                let request = pb::DownloadExhibitRequest {
                    parent: message.name.clone(),
                    package: package.name.clone(),
                    exhibit: exhibit.number,
                    ..Default::default()
                };
                self.download(request, into, expected, &exhibit.sha256).await?;
                got = (got.0 + 1, got.1 + expected.bytes);
            }
        }
        ensure!(got.0 == made.len(), "{} files were made and {} came", made.len(), got.0);
        Ok(got)
    }

    async fn download(
        &mut self,
        request: pb::DownloadExhibitRequest,
        into: &Path,
        expected: &Made,
        listed: &str,
    ) -> Result<()> {
        let path = into.join(expected.name);
        fs::create_dir_all(path.parent().unwrap_or(into))?;
        let (mut file, mut hash) = (File::create(&path)?, Sha256::new());
        let mut stream =
            self.client.download_exhibit(request).await.map_err(self.said())?.into_inner();
        while let Some(piece) = stream.message().await.map_err(self.said())? {
            hash.update(&piece.data);
            file.write_all(&piece.data)?;
        }
        let hash = hash.finish();
        let (name, hex) = (expected.name, hex::encode(hash));
        ensure!(hash == expected.sha256, "{name} has arrived with another SHA-256: {hex}");
        ensure!(hex == listed, "{name} is listed with another SHA-256: {listed}");
        Ok(())
    }
}

fn read_piece(file: &mut File) -> Result<Option<bytes::Bytes>> {
    let mut piece = Vec::with_capacity(CHUNK_BYTES);
    file.take(CHUNK_BYTES as u64).read_to_end(&mut piece)?;
    Ok((!piece.is_empty()).then(|| piece.into()))
}

async fn within<T>(trouble: String, does: impl Future<Output = Result<T>>) -> Result<T> {
    let done = tokio::time::timeout(WITHIN, does).await;
    done.unwrap_or_else(|_| Err(anyhow!("{trouble} for {} seconds", WITHIN.as_secs())))
}
