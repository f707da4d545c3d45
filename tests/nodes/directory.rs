//! What an authority says of itself and of its law reaches the others, and what it may not send does
//! not.

use crate::support::*;
use rogatory::audit::entry::Event;
use rogatory::domain::AuthorityKind;
use rogatory::pb::v1 as pb;
use tonic::transport::Channel;

use pb::directory_service_client::DirectoryServiceClient;

type Directory = DirectoryServiceClient<Channel>;

/// The directory over the operator's socket.
async fn directory(node: &Node) -> Directory {
    node.operator().await;
    let local = rogatory::node::Local::connect(&node.home, None).await.expect("connects");
    DirectoryServiceClient::new(local.channel())
}

/// As a desk sees it.
async fn as_reader(node: &Node, name: &str) -> Directory {
    node.agency(name, &["submit", "read"], false).await;
    let path = node.home.join(format!("{name}.toml"));
    let profile = rogatory::client::Profile::read(&path).expect("a profile");
    DirectoryServiceClient::new(profile.connect().await.expect("connects"))
}

async fn publish(node: &Node, changes: &str) -> pb::PublishCardResponse {
    let request = pb::PublishCardRequest { changes: changes.into() };
    node.operator().await.publish_card(request).await.expect("published").into_inner()
}

async fn shown(directory: &mut Directory, of: &Node) -> pb::Authority {
    let authority = of.authority().to_string();
    let request = pb::GetAuthorityRequest { authority, ..Default::default() };
    directory.get_authority(request).await.expect("known").into_inner()
}

/// Waits until a node's status says that its peer goes by a version of its card.
async fn says_that_it_goes_by(node: &Node, version: u64) {
    let mut operator = node.operator().await;
    let waiting = async {
        loop {
            let status = operator.get_status(pb::GetStatusRequest {}).await.expect("answered");
            if status.into_inner().peers[0].card_version == version {
                return;
            }
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.expect("the peer has answered the card");
}

/// Waits until a node goes by a version of another's card.
async fn goes_by(directory: &mut Directory, of: &Node, version: u64) -> pb::Authority {
    let waiting = async {
        loop {
            let known = shown(directory, of).await;
            if known.card_version == version {
                return known;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.expect("the card comes")
}

async fn history(directory: &mut Directory, of: &Node) -> Vec<pb::CardVersion> {
    let authority = of.authority().to_string();
    directory
        .list_cards(pb::ListCardsRequest { authority })
        .await
        .expect("known")
        .into_inner()
        .cards
}

async fn logged(node: &Node, event: Event) -> usize {
    events(node).await.into_iter().filter(|one| *one == event).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_card_reaches_running_peers_at_once_and_others_when_they_come() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    a.start().await;
    b.start().await;
    let (mut at_a, mut at_b) = (directory(&a).await, directory(&b).await);
    let done =
        publish(&a, "languages = [\"th\", \"en\"]\n[profile]\nconventions = [\"UNTOC\"]").await;
    assert_eq!((done.version, done.changes.len()), (2, 2));
    let known = goes_by(&mut at_b, &a, 2).await;
    assert_eq!(
        (known.languages, known.conventions),
        (vec!["th".into(), "en".into()], vec!["UNTOC".into()])
    );
    assert_eq!(known.profile, "{\"conventions\":[\"UNTOC\"]}");
    assert_eq!(shown(&mut at_a, &a).await.card, known.card, "the same bytes");
    assert_eq!(
        (logged(&a, Event::CardPublished).await, logged(&b, Event::PeerUpdated).await),
        (1, 1)
    );

    // Published again, and nothing new.
    let again = publish(&a, "languages = [\"th\", \"en\"]").await;
    assert_eq!((again.version, again.changes.len()), (2, 0));

    // While the other is away.
    b.stop().await;
    assert_eq!(publish(&a, "name = \"สำนักงานอัยการสูงสุด\"").await.version, 3);
    b.start().await;
    let mut at_b = directory(&b).await;
    goes_by(&mut at_b, &a, 3).await;
    let versions: Vec<u64> = history(&mut at_b, &a).await.iter().map(|c| c.version).collect();
    assert_eq!(versions, [3, 2, 1]);
    let newest = history(&mut at_b, &a).await.remove(0);
    let changed: Vec<&str> = newest.changes.iter().map(|c| c.field.as_str()).collect();
    assert_eq!((changed, newest.until_time.as_str()), (vec!["name"], ""));

    // And it comes back with it after a start.
    a.stop().await;
    a.start().await;
    let mut at_a = directory(&a).await;
    assert_eq!(shown(&mut at_a, &a).await.card_version, 3);
    says_that_it_goes_by(&a, 3).await;
    assert_eq!(logged(&a, Event::CardPublished).await, 2, "a start has nothing to add");
    let search =
        pb::ListAuthoritiesRequest { words: "อัยการ".into(), ..Default::default() };
    let found = at_b.list_authorities(search).await.expect("looked up").into_inner().authorities;
    assert_eq!(found.len(), 1);

    // Messages go on under the new card.
    let mut desk = a.desk().await;
    let sent = desk.submit_message(submission(&b)).await.expect("sent").into_inner();
    reaches(&mut desk, &sent.name, pb::DeliveryState::Consigned).await;
    a.stop().await;
    b.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_without_a_root_key_or_with_a_broken_rule_is_not_published() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut a = Node::new(dir.path(), "xa.oag").await;
    a.start().await;
    let refused = async |changes: &str| {
        let request = pb::PublishCardRequest { changes: changes.into() };
        let status = a.operator().await.publish_card(request).await.expect_err("refused");
        (reason(&status), status.message().to_owned())
    };
    let (code, text) = refused("languages = []").await;
    assert_eq!(code, "FIELD_VIOLATION");
    assert!(text.contains("changes: the card's lists must each have 1 to 64 items"), "{text}");
    let (_, text) = refused("[profile.thresholds]\nmin_penalty_months = 0").await;
    assert!(text.contains("profile.thresholds.min_penalty_months"), "{text}");
    let (_, text) = refused("version = 9").await;
    assert!(text.contains("changes: line 1: unknown field"), "{text}");
    std::fs::rename(a.home.join("keys/root.key"), dir.path().join("root.key")).expect("moved");
    let (code, text) = refused("name = \"Another\"").await;
    assert_eq!(code, "NO_ROOT_KEY", "{text}");
    let mut at_a = directory(&a).await;
    assert_eq!(shown(&mut at_a, &a).await.card_version, 1, "as it was");
    a.stop().await;
}

fn law(reference: &str, supersedes: &str, from: &str) -> pb::FrameworkStatement {
    pb::FrameworkStatement {
        r#ref: reference.into(),
        subject: pb::FrameworkSubject::Law as i32,
        title: "Trafficking in persons".into(),
        text: "Eight to twenty years.".into(),
        language: "en".into(),
        effective_from: from.into(),
        supersedes: supersedes.into(),
        ..Default::default()
    }
}

fn update(to: &Node, statements: Vec<pb::FrameworkStatement>) -> pb::SubmitMessageRequest {
    let framework = pb::FrameworkUpdate { statements };
    let content = pb::MessageContent {
        kind: pb::MessageKind::FrameworkUpdate as i32,
        body: Some(pb::message_content::Body::Framework(framework)),
        ..Default::default()
    };
    pb::SubmitMessageRequest { content: Some(content), ..submission(to) }
}

#[tokio::test(flavor = "multi_thread")]
async fn statements_are_read_by_the_day_by_whoever_may_read() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    a.start().await;
    b.start().await;
    let mut desk = a.desk().await;
    for statements in
        [vec![law("LAW-1", "", "2019-01-01")], vec![law("LAW-2", "LAW-1", "2026-07-01")]]
    {
        let sent = desk.submit_message(update(&b, statements)).await.expect("sent").into_inner();
        assert_eq!(sent.case_id, "", "it belongs to no case");
        reaches(&mut desk, &sent.name, pb::DeliveryState::Consigned).await;
    }
    let mut reader = as_reader(&b, "registry").await;
    let holding = async |reader: &mut Directory, as_of: &str| {
        let request = pb::ListStatementsRequest { as_of: as_of.into(), ..Default::default() };
        let found = reader.list_statements(request).await.expect("read").into_inner();
        found.statements.into_iter().map(|one| one.name).collect::<Vec<_>>()
    };
    assert_eq!(holding(&mut reader, "2026-06-30").await, ["xa.oag/LAW-1"]);
    assert_eq!(holding(&mut reader, "2026-07-01").await, ["xa.oag/LAW-2"]);
    assert_eq!(holding(&mut reader, "").await.len(), 2);
    let request =
        pb::GetStatementRequest { name: "xa.oag/LAW-1".into(), as_of: "2027-01-01".into() };
    let one = reader.get_statement(request).await.expect("read").into_inner();
    assert_eq!((one.holding.as_str(), one.superseded_by.as_str()), ("superseded", "LAW-2"));
    assert_eq!(one.statement.expect("there").text, "Eight to twenty years.");
    assert_eq!(
        logged(&b, Event::AccessFetched).await,
        2,
        "one for each message, and no more that day"
    );
    for (name, as_of) in [("xa.oag/LAW-9", ""), ("LAW-1", ""), ("xa.oag/LAW-1", "tomorrow")] {
        let request = pb::GetStatementRequest { name: name.into(), as_of: as_of.into() };
        assert!(reader.get_statement(request).await.is_err(), "{name} {as_of}");
    }
    // An operator sees cards, and no content.
    let mut operator = directory(&b).await;
    let refused = operator.list_statements(pb::ListStatementsRequest::default()).await;
    assert_eq!(refused.expect_err("no role").code(), tonic::Code::PermissionDenied);
    a.stop().await;
    b.stop().await;
}

/// An organisation that breaks the rule is refused with a signed receipt, by the header alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_from_an_organisation_is_refused_with_a_receipt() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut a, mut b) = pair(dir.path()).await;
    // `a` has said to `b`'s operator that it is an organisation; its own node does not know.
    let claims = a.claims(AuthorityKind::InternationalOrganisation);
    b.start().await;
    let request = |fingerprint: &str| pb::AddPeerRequest {
        card: claims.text().to_owned(),
        fingerprint: fingerprint.into(),
    };
    let mut operator = b.operator().await;
    let refused = operator.add_peer(request("")).await.expect_err("to be confirmed");
    assert!(refused.message().contains("is an international organisation"), "{refused}");
    let added = operator.add_peer(request(&claims.fingerprint().words())).await.expect("confirmed");
    assert_eq!(added.into_inner().kind, "international_organisation");
    a.start().await;
    let mut desk = a.desk().await;
    let sent = desk.submit_message(submission(&b)).await.expect("its node lets it").into_inner();
    let refused = reaches(&mut desk, &sent.name, pb::DeliveryState::Rejected).await;
    assert_eq!(refused.refusal_code, "KIND_NOT_PERMITTED");
    let parent = refused.name.clone();
    let receipts = desk.list_receipts(pb::ListReceiptsRequest { parent }).await.expect("listed");
    let events: Vec<String> = receipts.into_inner().receipts.into_iter().map(|r| r.event).collect();
    assert_eq!(events, ["SubmissionAcceptance", "RelayRejection"]);
    let none = b.desk().await.list_messages(pb::ListMessagesRequest::default()).await;
    assert_eq!(none.expect("listed").into_inner().messages.len(), 0, "nobody sees it");
    a.stop().await;
    b.stop().await;
}
