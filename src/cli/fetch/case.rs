//! A package in the words of CASE 1.4 and UCO 1.4, as JSON-LD: `metadata/case.jsonld`.
//!
//! What each exhibit is, what was done with it, and who sent it to whom; for tools that read the
//! ontology. It is written a node at a time, whatever the number of exhibits.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::custody::read;
use super::is_draft;
use crate::crypto::sha256;
use crate::domain::PackageId;
use crate::domain::custody::{Custodian, CustodyRecord};
use crate::pb::v1 as pb;

/// What is said of the packages of a message.
pub(super) struct Case<'a> {
    message: &'a pb::Message,
    sender: Option<&'a str>,
    receiver: Option<&'a str>,
}

impl<'a> Case<'a> {
    /// Of a message with these receipts.
    pub(super) fn of(message: &'a pb::Message, receipts: &'a [pb::Receipt]) -> Self {
        let peer = Some(message.peer.as_str()).filter(|peer| !peer.is_empty());
        // Receipts are the two authorities' own: who is not the peer is this one.
        let listed = message.receipts.iter().filter_map(|said| Some(said.split_once(' ')?.1));
        let issuers = receipts.iter().map(|receipt| receipt.issuer.as_str()).chain(listed);
        let own = issuers.filter(|issuer| !issuer.is_empty()).find(|issuer| Some(*issuer) != peer);
        match message.direction() {
            pb::Direction::Sent => Self { message, sender: own, receiver: peer },
            _ => Self { message, sender: peer, receiver: own },
        }
    }

    /// Writes the graph of a package.
    pub(super) fn write(
        &self,
        out: &mut dyn Write,
        package: PackageId,
        exhibits: &[pb::Exhibit],
    ) -> io::Result<()> {
        let graph = Graph { package };
        write!(out, "{{\"@context\":{},\n\"@graph\":[\n", context())?;
        graph.write_package(out, exhibits)?;
        for exhibit in exhibits {
            graph.write_exhibit(out, exhibit)?;
        }
        // Where it has not been sent, there was no transfer.
        if !is_draft(self.message) {
            write!(out, ",\n{}", self.transfer(&graph))?;
        }
        out.write_all(b"\n]}\n")
    }

    /// That it was sent.
    fn transfer(&self, graph: &Graph) -> Value {
        let message = &self.message.message_id;
        let mut action = json!({
            "@id": graph.id(&["transfer", message]),
            "@type": "case-investigation:InvestigativeAction",
            "uco-core:name": "transferred",
            "uco-core:description": format!("{} was sent with message {message}", graph.about()),
            "uco-action:startTime": time(&self.message.create_time),
            "uco-action:object": reference(&graph.package_id()),
        });
        if let Some(sender) = self.sender {
            action["uco-action:performer"] = graph.authority(sender);
        }
        if let Some(receiver) = self.receiver {
            action["uco-action:participant"] = graph.authority(receiver);
        }
        action
    }
}

/// The nodes of one package.
struct Graph {
    package: PackageId,
}

impl Graph {
    /// The package: all its exhibits.
    fn write_package(&self, out: &mut dyn Write, exhibits: &[pb::Exhibit]) -> io::Result<()> {
        let (id, about) = (json!(self.package_id()), json!(self.about()));
        let kind = "case-investigation:ProvenanceRecord";
        write!(out, "{{\"@id\":{id},\"@type\":\"{kind}\",\"uco-core:description\":{about},")?;
        out.write_all(b"\"uco-core:object\":[")?;
        for (place, exhibit) in exhibits.iter().enumerate() {
            let comma = if place == 0 { "" } else { ",\n" };
            write!(out, "{comma}{}", reference(&self.exhibit_id(exhibit)))?;
        }
        out.write_all(b"]}")
    }

    fn write_exhibit(&self, out: &mut dyn Write, exhibit: &pb::Exhibit) -> io::Result<()> {
        write!(out, ",\n{}", self.object(exhibit))?;
        let record = json!({
            "@id": self.record_id(exhibit),
            "@type": "case-investigation:ProvenanceRecord",
            "case-investigation:exhibitNumber": exhibit.number.to_string(),
            "uco-core:object": reference(&self.exhibit_id(exhibit)),
        });
        write!(out, ",\n{record}")?;
        for (number, record) in exhibit.custody.iter().enumerate() {
            write!(out, ",\n{}", self.action(exhibit, number, &read(record)?))?;
        }
        Ok(())
    }

    /// An exhibit as it is in the bag.
    fn object(&self, exhibit: &pb::Exhibit) -> Value {
        let name = &exhibit.original_name;
        let id = |of: &str| self.id(&[of, &exhibit.number.to_string()]);
        let size = json!({ "@type": "xsd:integer", "@value": exhibit.size_bytes.to_string() });
        json!({
            "@id": self.exhibit_id(exhibit),
            "@type": "uco-observable:ObservableObject",
            "uco-core:hasFacet": [
                {
                    "@id": id("file"),
                    "@type": "uco-observable:FileFacet",
                    "uco-observable:fileName": name.rsplit('/').next().unwrap_or(name),
                    "uco-observable:filePath": format!("data/{name}"),
                    "uco-observable:sizeInBytes": size,
                },
                {
                    "@id": id("content"),
                    "@type": "uco-observable:ContentDataFacet",
                    "uco-observable:mimeType": exhibit.media_type,
                    "uco-observable:sizeInBytes": size,
                    "uco-observable:hash": hash(&id("hash"), &exhibit.sha256),
                },
            ],
        })
    }

    /// A custody record of an exhibit.
    fn action(&self, exhibit: &pb::Exhibit, number: usize, record: &CustodyRecord) -> Value {
        let mut said = vec![record.reason.clone()];
        said.extend(record.to.as_ref().map(|to| format!("Handed to: {}", named(to))));
        said.extend((!record.note.is_empty()).then(|| record.note.clone()));
        let seals: Vec<String> = record.seals.iter().map(|seal| format!("seal:{seal}")).collect();
        let mut with = vec![self.organisation(&record.by.organisation)];
        if let Some(to) = &record.to {
            with.extend([self.custodian(to), self.organisation(&to.organisation)]);
        }
        let mut gave = vec![reference(&self.record_id(exhibit))];
        gave.extend(self.as_it_was(exhibit, number, record));
        let mut action = json!({
            "@id": self.action_id(exhibit, number),
            "@type": "case-investigation:InvestigativeAction",
            "uco-core:name": record.action.as_str(),
            "uco-core:description": said,
            "uco-action:startTime": time(&record.at.to_string()),
            "uco-action:performer": self.custodian(&record.by),
            "uco-action:participant": with,
            "uco-action:location": {
                "@id": self.id(&["place", &record.place]),
                "@type": "uco-location:Location",
                "uco-core:name": record.place,
            },
            "uco-action:object": reference(&self.exhibit_id(exhibit)),
            "uco-action:result": gave,
        });
        if !seals.is_empty() {
            action["uco-core:tag"] = json!(seals);
        }
        if let Some(tool) = &record.tool {
            action["uco-action:instrument"] = json!({
                "@id": self.id(&["tool", &tool.name, &tool.version]),
                "@type": "uco-tool:Tool",
                "uco-core:name": tool.name,
                "uco-tool:version": tool.version,
            });
        }
        if let Some(before) = number.checked_sub(1) {
            action["case-investigation:wasInformedBy"] =
                reference(&self.action_id(exhibit, before));
        }
        action
    }

    /// The exhibit with the digest that it had then.
    fn as_it_was(
        &self,
        exhibit: &pb::Exhibit,
        number: usize,
        record: &CustodyRecord,
    ) -> Option<Value> {
        if record.digest.is_empty() {
            return None;
        }
        let place = [exhibit.number.to_string(), number.to_string()];
        let id = |of: &str| self.id(&[of, &place[0], &place[1]]);
        Some(json!({
            "@id": id("then"),
            "@type": "uco-observable:ObservableObject",
            "uco-core:description": "The exhibit as it was at this step",
            "uco-core:hasFacet": {
                "@id": id("then-content"),
                "@type": "uco-observable:ContentDataFacet",
                "uco-observable:hash": hash(&id("then-hash"), &record.digest),
            },
        }))
    }

    fn custodian(&self, who: &Custodian) -> Value {
        json!({
            "@id": self.id(&["custodian", &who.name, &who.organisation]),
            "@type": "uco-identity:Identity",
            "uco-core:name": named(who),
        })
    }

    /// An authority, whose node has signed what is said of it: never one of those that a custody record
    /// only names, whatever its name.
    fn authority(&self, name: &str) -> Value {
        self.called("authority", name)
    }

    fn organisation(&self, name: &str) -> Value {
        self.called("organisation", name)
    }

    fn called(&self, kind: &str, name: &str) -> Value {
        json!({
            "@id": self.id(&[kind, name]),
            "@type": "uco-identity:Organization",
            "uco-core:name": name,
        })
    }

    fn about(&self) -> String {
        format!("Evidence package {}", self.package)
    }

    fn package_id(&self) -> String {
        self.id(&["package"])
    }

    fn exhibit_id(&self, exhibit: &pb::Exhibit) -> String {
        self.id(&["exhibit", &exhibit.number.to_string()])
    }

    fn record_id(&self, exhibit: &pb::Exhibit) -> String {
        self.id(&["record", &exhibit.number.to_string()])
    }

    fn action_id(&self, exhibit: &pb::Exhibit, number: usize) -> String {
        self.id(&["action", &exhibit.number.to_string(), &number.to_string()])
    }

    /// The same thing has the same id whoever writes this. The shapes of UCO know versions 0 to 5 of
    /// UUIDs, and SHA-256 has none of these: its bits stand for the random ones of version 4.
    fn id(&self, parts: &[&str]) -> String {
        let digest = sha256(format!("{} {}", self.package, json!(parts)).as_bytes());
        let mut bits = [0; 16];
        bits.copy_from_slice(&digest[..16]);
        format!("kb:{}", uuid::Builder::from_random_bytes(bits).into_uuid())
    }
}

fn named(who: &Custodian) -> String {
    format!("{}, {}", who.name, who.organisation)
}

fn reference(id: &str) -> Value {
    json!({ "@id": id })
}

fn time(text: &str) -> Value {
    json!({ "@type": "xsd:dateTime", "@value": text })
}

fn hash(id: &str, digest: &str) -> Value {
    json!({
        "@id": id,
        "@type": "uco-types:Hash",
        "uco-types:hashMethod": "SHA256",
        "uco-types:hashValue": { "@type": "xsd:hexBinary", "@value": digest },
    })
}

/// What the prefixes stand for.
fn context() -> Value {
    let uco = |part: &str| format!("https://ontology.unifiedcyberontology.org/uco/{part}/");
    json!({
        "kb": "urn:uuid:",
        "case-investigation": "https://ontology.caseontology.org/case/investigation/",
        "uco-action": uco("action"),
        "uco-core": uco("core"),
        "uco-identity": uco("identity"),
        "uco-location": uco("location"),
        "uco-observable": uco("observable"),
        "uco-tool": uco("tool"),
        "uco-types": uco("types"),
        "xsd": "http://www.w3.org/2001/XMLSchema#",
    })
}

#[cfg(test)]
#[path = "case_tests.rs"]
mod tests;
