//! Real nodes in this process: real TLS on loopback, real stores in temporary directories.
#![allow(dead_code, missing_docs)] // Each test file uses its part.

pub mod checked;
pub mod hostile;
pub mod impostor;
pub mod package;
pub mod ports;
pub mod process;
pub mod waits;
pub mod walker;

pub use waits::*;

use std::path::{Path, PathBuf};
use std::time::Duration;

use rogatory::card::Card;
use rogatory::client::Profile;
use rogatory::config::Config;
use rogatory::crypto::random;
use rogatory::domain::{AuthorityId, AuthorityKind, RequestId};
use rogatory::node::{Bound, InitOptions, Local, OpenNode, Patience, init, serve_bound};
use rogatory::pb::v1 as pb;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

use pb::agency_service_client::AgencyServiceClient;
use pb::audit_service_client::AuditServiceClient;
use pb::operator_service_client::OperatorServiceClient;

pub type Agency = AgencyServiceClient<Channel>;
pub type Auditor = AuditServiceClient<Channel>;
pub type Operator = OperatorServiceClient<Channel>;

/// Nothing here takes longer than this unless it hangs.
pub const DEADLINE: Duration = Duration::from_secs(60);

pub struct Node {
    pub home: PathBuf,
    pub card: Card,
    /// Of its stops, from the next start on.
    pub patience: Patience,
    ports: Option<ports::Held>,
    running: Option<Running>,
}

struct Running {
    stop: CancellationToken,
    served: tokio::task::JoinHandle<anyhow::Result<()>>,
}

impl Node {
    /// A home whose card names ports that are held already.
    pub async fn new(root: &Path, authority: &str) -> Self {
        Self::of_kind(root, authority, AuthorityKind::default()).await
    }

    /// The same, of an organisation too.
    pub async fn of_kind(root: &Path, authority: &str, kind: AuthorityKind) -> Self {
        let ports = ports::Held::new();
        let authority = AuthorityId::parse(authority).expect("valid");
        let home = root.join(authority.as_str());
        let card = init(InitOptions {
            kind,
            home: home.clone(),
            name: format!("Central Authority {authority}"),
            country: authority.country().to_ascii_uppercase(),
            endpoint: Some(ports::address(&ports.exchange)),
            listen: Some(ports::address(&ports.exchange)),
            agency_listen: Some(ports::address(&ports.agency)),
            passphrase: None,
            passphrase_file: None,
            insecure_plain_keys: true,
            languages: vec!["en".into()],
            functions: vec!["mla".into()],
            suite: 1,
            authority,
        })
        .expect("a home is made");
        quick_retries(&home);
        Self { home, card, patience: Patience::default(), ports: Some(ports), running: None }
    }

    /// A newer card of this home that its own node does not have, in which it is something else.
    pub fn claims(&self, kind: AuthorityKind) -> Card {
        let version = self.card.version() + 1;
        let body = rogatory::card::CardBody { kind, version, ..self.card.body().clone() };
        self.sign_card(&body)
    }

    /// The same with another name.
    pub fn claims_name(&self, name: &str) -> Card {
        let (name, version) = (name.to_owned(), self.card.version() + 1);
        let body = rogatory::card::CardBody { name, version, ..self.card.body().clone() };
        self.sign_card(&body)
    }

    /// Signs a card with the root key of this home.
    pub fn sign_card(&self, body: &rogatory::card::CardBody) -> Card {
        use rogatory::crypto::SigningSecret;
        use rogatory::crypto::keys::{Algorithm, Role};
        let keys = rogatory::home::HomeKeys::unlock(&self.home.join("keys"), None).expect("open");
        let root = SigningSecret::new(&keys.seed(Role::Root).expect("there"), Algorithm::Ed25519);
        Card::sign(body, &root.expect("signs")).expect("a sound card")
    }

    pub fn authority(&self) -> &AuthorityId {
        self.card.authority()
    }

    pub fn config(&self) -> Config {
        Config::read(&self.home.join("rogatory.toml")).expect("the configuration is valid")
    }

    pub async fn start(&mut self) {
        let node = self.open().await;
        let bound = match self.ports.take() {
            Some(ports) => ports.listen(),
            None => rebind(&node.config).await,
        };
        let stop = CancellationToken::new();
        let served = tokio::spawn(serve_bound(node, bound, self.patience, stop.clone()));
        self.running = Some(Running { stop, served });
        let up = self.takes_commits();
        tokio::time::timeout(DEADLINE, up).await.expect("the node comes up");
    }

    /// Ready, unless it is to wait for peers.
    async fn takes_commits(&self) {
        let mut operator = self.operator().await;
        while self.config().ask_peers == 0 {
            let status = operator.get_status(pb::GetStatusRequest {}).await.expect("answered");
            let asks = |warning: &String| warning.contains("asks its peers");
            if !status.into_inner().warnings.iter().any(asks) {
                return;
            }
        }
    }

    /// The store is let go of when the last task of the stopped node is gone.
    pub async fn open(&self) -> OpenNode {
        let open = async {
            loop {
                match OpenNode::open(self.config(), None) {
                    Ok(node) => return node,
                    Err(error) if format!("{error:#}").contains("lock") => {
                        tokio::task::yield_now().await;
                    }
                    Err(error) => panic!("the home does not open: {error:#}"),
                }
            }
        };
        tokio::time::timeout(DEADLINE, open).await.expect("the store is let go of")
    }

    /// Adds to a section of the configuration.
    pub fn add_to(&self, section: &str, text: &str) {
        let path = self.home.join("rogatory.toml");
        let known = std::fs::read_to_string(&path).expect("readable");
        let head = format!("[{section}]\n");
        assert!(known.contains(&head), "{section}");
        std::fs::write(&path, known.replace(&head, &format!("{head}{text}"))).expect("written");
    }

    /// Has the node cosign for strangers too; where.
    pub async fn witness_port(&mut self) -> String {
        let socket = ports::socket();
        let address = ports::address(&socket);
        self.ports.as_mut().expect("not started").witness = Some(socket);
        address
    }

    /// The port that the card names, for somebody else to answer on.
    pub fn exchange_port(&mut self) -> tokio::net::TcpListener {
        ports::listen(self.ports.take().expect("not started").exchange)
    }

    /// Answers where the other's card says that the other is.
    pub fn take_place_of(&mut self, other: &mut Node) {
        let (mine, theirs) = (self.ports.take(), other.ports.take());
        let (mine, theirs) = (mine.expect("not started"), theirs.expect("not started"));
        self.ports = Some(ports::Held { exchange: theirs.exchange, ..mine });
    }

    pub async fn stop(&mut self) {
        if let Some(Running { stop, served }) = self.running.take() {
            stop.cancel();
            let ended = tokio::time::timeout(DEADLINE, served).await.expect("it stops");
            ended.expect("no panic").expect("a graceful stop");
        }
    }

    /// The operator's services over the home's socket, once they answer.
    pub async fn operator(&self) -> Operator {
        let connecting = async {
            loop {
                // The socket is there a moment before it is listened on.
                if self.home.join("run/operator.sock").exists()
                    && let Ok(local) = Local::connect(&self.home, None).await
                {
                    assert!(!local.is_offline(), "a node runs");
                    return OperatorServiceClient::new(local.channel());
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, connecting).await.expect("the node answers its operator")
    }

    /// The home, opened once whoever had it open has let go of it.
    async fn local(&self) -> Local {
        let open = async {
            loop {
                match Local::connect(&self.home, None).await {
                    Ok(local) => return local,
                    Err(error) if format!("{error:#}").contains("lock") => {}
                    Err(error) => panic!("the home does not open: {error:#}"),
                }
            }
        };
        tokio::time::timeout(DEADLINE, open).await.expect("the store is let go of")
    }

    /// The auditor's services over the home's socket.
    pub async fn auditor(&self) -> Auditor {
        self.operator().await;
        let local = Local::connect(&self.home, None).await.expect("connects");
        AuditServiceClient::new(local.channel())
    }

    pub async fn trust(&self, other: &Node) {
        let local = self.local().await;
        let mut operator = OperatorServiceClient::new(local.channel());
        let request = pb::AddPeerRequest {
            card: other.card.text().to_owned(),
            fingerprint: other.card.fingerprint().words(),
        };
        operator.add_peer(request).await.expect("the card is trusted");
        local.close().await;
    }

    /// A new agency, connected.
    pub async fn agency(&self, name: &str, roles: &[&str], all_cases: bool) -> Agency {
        let request = pb::AddAgencyRequest {
            agency: name.into(),
            roles: roles.iter().map(|role| role.to_string()).collect(),
            all_cases,
            valid_days: 1,
        };
        let issued = self.operator().await.add_agency(request).await.expect("issued");
        let path = self.home.join(format!("{name}.toml"));
        std::fs::write(&path, issued.into_inner().profile).expect("written");
        self.connect(name).await
    }

    /// Another connection of an agency.
    pub async fn connect(&self, name: &str) -> Agency {
        let profile = Profile::read(&self.home.join(format!("{name}.toml"))).expect("a profile");
        AgencyServiceClient::new(profile.connect().await.expect("connects"))
    }

    /// Changes a line of the configuration.
    pub fn configure(&self, line: &str, to: &str) {
        let path = self.home.join("rogatory.toml");
        let text = std::fs::read_to_string(&path).expect("readable");
        assert!(text.contains(line), "no line {line:?}");
        std::fs::write(&path, text.replace(line, to)).expect("writable");
    }

    pub async fn desk(&self) -> Agency {
        self.agency("desk", &["submit", "read"], true).await
    }
}

/// The code of a refusal, for programs.
pub fn reason(status: &tonic::Status) -> String {
    use tonic_types::StatusExt as _;
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

pub fn quick_retries(home: &Path) {
    let path = home.join("rogatory.toml");
    let text = std::fs::read_to_string(&path).expect("readable");
    let text = text
        .replace("# retry_first_ms = 500", "retry_first_ms = 20")
        .replace("# retry_cap_seconds = 300", "retry_cap_seconds = 1");
    std::fs::write(&path, text).expect("writable");
}

async fn rebind(config: &Config) -> Bound {
    let bind = async {
        loop {
            if let Ok(bound) = Bound::bind(config).await {
                return bound;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, bind).await.expect("the ports are free again")
}

/// Two nodes that trust each other.
pub async fn pair(root: &Path) -> (Node, Node) {
    let (a, b) = (Node::new(root, "xa.oag").await, Node::new(root, "xb.pps").await);
    a.trust(&b).await;
    b.trust(&a).await;
    (a, b)
}

pub fn request_id() -> String {
    RequestId::new(random()).to_string()
}

pub fn note(kind: pb::MessageKind, text: &str) -> pb::MessageContent {
    pb::MessageContent {
        kind: kind as i32,
        body: Some(pb::message_content::Body::Note(pb::Note {
            text: text.into(),
            language: "en".into(),
            ..pb::Note::default()
        })),
        ..Default::default()
    }
}

/// The example request of the repository, from its file.
pub fn example_request() -> pb::MessageContent {
    use rogatory::domain::MessageKind;
    use rogatory::domain::request::{Content, request_from_json};
    let text = include_str!("../../examples/request-tip.json");
    let mut request = request_from_json(text).expect("the example is valid");
    // The senders of the tests, all but where a test says otherwise.
    request.requesting_authority.id = Some(AuthorityId::parse("xa.oag").expect("valid"));
    request.requesting_authority.country = "XA".into();
    rogatory::envelope::wire::content_to_pb(&Content::request(MessageKind::Request, request))
}

pub fn submission(to: &Node) -> pb::SubmitMessageRequest {
    pb::SubmitMessageRequest {
        request_id: request_id(),
        recipient: to.authority().to_string(),
        content: Some(example_request()),
        ..pb::SubmitMessageRequest::default()
    }
}

/// Uploads exhibits as one package.
pub async fn upload(agency: &mut Agency, exhibits: Vec<(&str, Vec<u8>)>) -> pb::Package {
    use pb::upload_package_request::Part;
    let mut parts = Vec::new();
    let end = pb::UploadEnd { exhibits: u32::try_from(exhibits.len()).expect("few") };
    for (name, bytes) in exhibits {
        let head = pb::ExhibitHead { original_name: name.into(), ..pb::ExhibitHead::default() };
        parts.push(Part::Exhibit(head));
        parts.extend(bytes.chunks(256 << 10).map(|piece| Part::Data(piece.to_vec().into())));
    }
    parts.push(Part::End(end));
    let parts = parts.into_iter().map(|part| pb::UploadPackageRequest { part: Some(part) });
    agency.upload_package(tokio_stream::iter(parts)).await.expect("sealed").into_inner()
}

/// All bytes of an exhibit.
pub async fn download(
    agency: &mut Agency,
    message: &str,
    package: &str,
    exhibit: u32,
) -> Result<Vec<u8>, tonic::Status> {
    let request = pb::DownloadExhibitRequest {
        parent: message.into(),
        package: package.into(),
        exhibit,
        ..pb::DownloadExhibitRequest::default()
    };
    let mut pieces = agency.download_exhibit(request).await?.into_inner();
    let mut bytes = Vec::new();
    while let Some(piece) = pieces.message().await? {
        bytes.extend_from_slice(&piece.data);
    }
    Ok(bytes)
}
