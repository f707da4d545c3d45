//! Whom nobody names: a victim is heard, and one is referred. Who they are stands in annexes that only a
//! named official opens; that is done on the command line, as it is elsewhere.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::nodes::{Node, Nodes, official_key};
use super::place::Place;
use super::process::rogatory;
use super::story::{Part, Story};
use super::teller::Teller;
use super::told::Sent;
use crate::domain::request::content_from_toml;
use crate::pb::v1 as pb;

use Part::{Destination, Organisation, Origin};

const HEARING: &str = include_str!("../../../examples/messages/hearing-of-a-victim.toml");
const REFERRAL: &str = include_str!("../../../examples/directory/protection-referral.toml");

/// Who it is. It is written to one file, and comes out of another.
const PERSON: &str = "[[persons]]\nref = \"V-7F3A\"\nprotection = \"Not to be seen by the accused.\"\n\
                      [[persons.names]]\ntext = \"Namara Sample\"\n";
const NAME: &str = "Namara Sample";

impl Story {
    /// A hearing by video is proposed, and confirmed with who it is, for one official's eyes.
    pub(super) async fn hearing(
        &mut self,
        place: &Place,
        nodes: &Nodes,
        teller: &mut Teller<'_>,
    ) -> Result<()> {
        teller.chapter("A victim is heard, whom nobody names");
        let file = place.below("officials/hearing.toml");
        fs::write(&file, HEARING)?;
        let mut proposed = content_from_toml(HEARING).context("the example cannot be read")?;
        if let crate::domain::request::Body::Hearing(hearing) = &mut proposed.body {
            hearing.stage = Some(crate::domain::request::HearingStage::Proposed);
        }
        let asked = self.asked_origin.clone();
        let proposed =
            self.passes("hearing proposed", Destination, Origin, Some(&asked), &proposed).await?;
        let id = proposed.message_id.as_str();
        let to = nodes.destination();
        let sent = seal(place, nodes.origin(), to, &["reply", id, "--file"], &file).await?;
        let sent = self.desk(Origin).message(&sent).await?;
        let came = self.arrives("hearing", Origin, Destination, &sent).await?;
        ensure!(!format!("{came:?}").contains(NAME), "the desk reads who it is");
        let opened = open(place, to, &came).await?;
        teller.step(
            "hearing",
            "xa.oag confirms a hearing by video. Who is heard, the victims' desk of xc.moj alone reads.",
            &[
                "The annex is sealed to that official, and takes the node too: neither opens it alone. \
                 Before it was opened the log said so, and xa.oag has the receipt.",
                "No subject, no log, no trace and no file name has the person's name.",
            ],
            json!({ "message": came.message_id, "receipt": opened["receipt"]["event"] }),
        );
        Ok(())
    }

    /// A victim who may be a refugee is referred to an organisation, which is told of no case.
    pub(super) async fn referral(
        &mut self,
        place: &Place,
        nodes: &Nodes,
        teller: &mut Teller<'_>,
    ) -> Result<()> {
        let file = place.below("officials/referral.toml");
        fs::write(&file, REFERRAL)?;
        let (from, to) = (nodes.destination(), nodes.organisation());
        let args = ["submit", "--to", to.id.as_str(), "--request"];
        let sent = seal(place, from, to, &args, &file).await?;
        let sent = self.desk(Destination).message(&sent).await?;
        let came = self.arrives("referral", Destination, Organisation, &sent).await?;
        ensure!(came.case_id.is_empty(), "an organisation is told of a case");
        open(place, to, &came).await?;
        teller.step(
            "referral",
            "xc.moj refers a victim who may be a refugee to the International Refugee Office.",
            &["That she agrees is recorded in it. An organisation takes part in a few kinds of messages; \
               content of cases neither goes to it nor comes from it."],
            json!({ "message": came.message_id }),
        );
        Ok(())
    }

    /// Takes what was sent on the command line out of the recipient's inbox.
    async fn arrives(
        &mut self,
        label: &'static str,
        from: Part,
        to: Part,
        sent: &pb::Message,
    ) -> Result<pb::Message> {
        let mut told = Sent::new(label, &self.desk(from).id, sent)?;
        told.opened = true;
        self.tells(told);
        let came = self.desk(to).next().await?;
        ensure!(came.message_id == sent.message_id, "another message came than the {label}");
        self.desk(to).confirm(&came).await?;
        Ok(came)
    }
}

/// Sends a file with the annex, sealed to the official of the other one; gives the message's id.
async fn seal(place: &Place, from: &Node, to: &Node, does: &[&str], file: &Path) -> Result<String> {
    let annex = place.below("officials/person.toml");
    fs::write(&annex, PERSON)?;
    let official = format!("{}/{}", to.id, to.official()?);
    let profile = from.profile();
    let args = ["--output", "json"].iter().chain(does).map(OsStr::new).chain([file.as_os_str()]);
    let args = args.chain([OsStr::new("--annex"), annex.as_os_str()]);
    let args = args.chain(["--for", &official, "--profile"].map(OsStr::new));
    let sent = json_of(&rogatory(args.chain([profile.as_os_str()])).await?)?;
    let id = sent["message_id"].as_str();
    id.map(str::to_owned).context("it prints no message_id")
}

/// Opens the annex of a message, as its official.
async fn open(place: &Place, node: &Node, message: &pb::Message) -> Result<Value> {
    let (key, out): (PathBuf, PathBuf) = (
        official_key(place, node.official()?),
        place.below(format!("officials/{}.opened.json", message.message_id)),
    );
    let args = ["--output", "json", "annex", "open", &message.message_id, "--as"].map(OsStr::new);
    let args = args.into_iter().chain([key.as_os_str(), OsStr::new("--out"), out.as_os_str()]);
    let profile = node.profile();
    let args = args.chain([OsStr::new("--profile"), profile.as_os_str()]);
    let opened = json_of(&rogatory(args).await?)?;
    let read = fs::read_to_string(&out).context("nothing was opened")?;
    ensure!(read.contains(NAME), "the official reads something else");
    Ok(opened)
}

fn json_of(text: &str) -> Result<Value> {
    serde_json::from_str(text).context("it prints no JSON")
}
