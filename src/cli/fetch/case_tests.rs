use super::*;
use crate::cli::fetch::tests::{PACKAGE, exhibit, held};
use crate::cli::testing::message;

fn graph(message: &pb::Message) -> Vec<Value> {
    let mut one = exhibit(0, "a/phone.bin", b"one").0;
    one.custody = held(&one.sha256);
    let two = exhibit(1, "b.txt", b"two").0;
    let mut text = Vec::new();
    let package = PackageId::parse(PACKAGE).expect("an id");
    Case::of(message, &[]).write(&mut text, package, &[one, two]).expect("written");
    let mut whole: Value = serde_json::from_slice(&text).expect("JSON");
    assert_eq!(whole["@context"]["kb"], "urn:uuid:");
    serde_json::from_value(whole["@graph"].take()).expect("nodes")
}

fn received() -> pb::Message {
    let receipts = vec!["RelayAcceptance xa.moj".to_owned()];
    pb::Message {
        peer: "xb.oag".into(),
        direction: pb::Direction::Received.into(),
        receipts,
        ..message(1)
    }
}

#[test]
fn every_exhibit_its_records_and_the_transfer_are_there() {
    let graph = graph(&received());
    let kinds: Vec<&str> = graph.iter().filter_map(|node| node["@type"].as_str()).collect();
    let provenance = "case-investigation:ProvenanceRecord";
    let (object, action) =
        ("uco-observable:ObservableObject", "case-investigation:InvestigativeAction");
    let expected = [provenance, object, provenance, action, action, object, provenance, action];
    assert_eq!(kinds, expected);
    assert_eq!(graph[0]["uco-core:object"].as_array().map(Vec::len), Some(2));
    assert_eq!(graph[1]["uco-core:hasFacet"][0]["uco-observable:fileName"], "phone.bin");
    assert_eq!(graph[2]["case-investigation:exhibitNumber"], "0");
    assert_eq!(graph[3]["uco-core:name"], "transferred");
    assert_eq!(graph[4]["case-investigation:wasInformedBy"]["@id"], graph[3]["@id"]);
    assert_eq!(graph[7]["uco-action:performer"]["uco-core:name"], "xb.oag");
    assert_eq!(graph[7]["uco-action:participant"]["uco-core:name"], "xa.moj");
    assert_eq!(graph[7]["uco-action:object"]["@id"], graph[0]["@id"]);
}

#[test]
fn the_same_thing_has_one_id_and_two_things_have_two() {
    let (first, again) = (graph(&received()), graph(&received()));
    assert_eq!(first, again);
    let ids: std::collections::BTreeSet<&str> =
        first.iter().filter_map(|node| node["@id"].as_str()).collect();
    assert_eq!(ids.len(), first.len());
    let custodian = |node: &Value| node["uco-action:performer"]["@id"].clone();
    assert_eq!(custodian(&first[3]), custodian(&first[4]));
}

#[test]
fn a_draft_was_not_transferred_and_what_was_sent_comes_from_here() {
    let state = pb::DeliveryState::AwaitingApproval.into();
    let draft = pb::Message { state, ..received() };
    assert_eq!(graph(&draft).len(), 7);
    let sent = pb::Message {
        direction: pb::Direction::Sent.into(),
        receipts: vec!["SubmissionAcceptance xa.moj".into()],
        ..received()
    };
    let graph = graph(&sent);
    assert_eq!(graph[7]["uco-action:performer"]["uco-core:name"], "xa.moj");
    assert_eq!(graph[7]["uco-action:participant"]["uco-core:name"], "xb.oag");
}

/// Whoever writes custody records chooses the names in them.
#[test]
fn an_organisation_of_a_record_is_never_the_authority_of_the_transfer() {
    let graph = Graph { package: PackageId::parse(PACKAGE).expect("an id") };
    let name = "xa.moj";
    assert_ne!(graph.organisation(name)["@id"], graph.authority(name)["@id"]);
}
