//! Sealing annexes before anything of them leaves this machine.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;
use zeroize::Zeroizing;

use crate::card::{Card, is_official_id};
use crate::cli::connect::AgencyClient;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::read_text;
use crate::cli::out::Out;
use crate::crypto::random;
use crate::domain::request::{Annex, Content};
use crate::domain::{AnnexId, AuthorityId, Timestamp};
use crate::envelope::{AnnexDraft, NamedOfficial, SealedAnnex, seal_annex};
use crate::node::now;
use crate::pb::v1 as pb;

/// Annexes, and to whom they are sealed.
#[derive(Args)]
pub(crate) struct AnnexArgs {
    /// The particulars of persons, a .json or .toml file: sealed here, and read by no node
    #[arg(long, value_name = "FILE", requires = "officials")]
    annex: Vec<PathBuf>,
    /// An official whom the annexes are for, as in xb.moj/victims-desk
    #[arg(long = "for", id = "officials", value_name = "AUTHORITY/OFFICIAL", requires = "annex")]
    officials: Vec<OfficialName>,
}

/// An official of an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
struct OfficialName {
    authority: AuthorityId,
    id: String,
}

impl FromStr for OfficialName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let rule = || "it is an authority, a slash and an official, as in xb.moj/victims-desk";
        let (authority, id) = text.split_once('/').ok_or_else(rule)?;
        let authority = AuthorityId::parse(authority).map_err(|error| error.to_string())?;
        match is_official_id(id) {
            true => Ok(Self { authority, id: id.to_owned() }),
            false => Err(rule().into()),
        }
    }
}

impl AnnexArgs {
    /// Reads the annexes and tells everything that is wrong with them, before anything is sent. What
    /// is in them is never told.
    pub(crate) fn read(&self, content: &Content) -> Result<Vec<Annex>, Failure> {
        let persons = content.body.persons();
        let one = |file: &PathBuf| {
            let annex = read_annex(file)?;
            let found = annex.check(persons.as_deref());
            let line = |one: &crate::domain::request::PersonFault| {
                format!("{}: {}: {} ({})", file.display(), one.field, one.message, one.paragraph)
            };
            let lines: Vec<String> = found.iter().map(line).collect();
            match lines.is_empty() {
                true => Ok(annex),
                false => Err(Failure::new(Exit::BadInput, lines.join("\n"))
                    .hint("nothing was sent: docs/request.md has the fields of an annex")),
            }
        };
        self.annex.iter().map(one).collect()
    }

    /// Seals the annexes to the officials, by the card of their authority that the node has.
    pub(crate) async fn seal(
        &self,
        annexes: &[Annex],
        client: &mut AgencyClient,
        out: &mut Out,
    ) -> Result<Vec<bytes::Bytes>, Failure> {
        let Some(OfficialName { authority, .. }) = self.officials.first() else {
            return Ok(Vec::new());
        };
        if self.officials.iter().any(|official| official.authority != *authority) {
            let message = "--for: an annex is for officials of one authority";
            return Err(Failure::new(Exit::BadInput, message).hint("send each authority its own"));
        }
        let (card, sender) = card_of(client, authority).await?;
        out.talk(&format!(
            "sealing to officials of {authority}, whose card has the fingerprint {}",
            card.fingerprint().hex()
        ));
        let officials = self.named(&card, now())?;
        let keys = card.sealing_keys(now());
        let seal = |annex: &Annex| {
            let draft = draft(annex, &sender, authority)?;
            let sealed = seal_annex(&draft, &officials, &keys);
            let sealed = sealed.map_err(|e| Failure::new(Exit::BadInput, e.to_string()))?;
            Ok(SealedAnnex::bytes(&sealed).clone())
        };
        annexes.iter().map(seal).collect()
    }

    fn named(&self, card: &Card, now: Timestamp) -> Result<Vec<NamedOfficial>, Failure> {
        let valid = |id: &str| {
            let found = card.officials().iter().find(|(official, _)| official.id == id);
            found.filter(|(official, _)| (official.from..=official.until).contains(&now))
        };
        let one = |name: &OfficialName| {
            let found = valid(&name.id).ok_or_else(|| {
                let (authority, id) = (&name.authority, &name.id);
                let message = format!("--for: the card of {authority} names no official {id} now");
                let known = card.officials().iter().map(|(official, _)| official.id.as_str());
                let known: Vec<&str> = known.filter(|id| valid(id).is_some()).collect();
                let hint = match known.is_empty() {
                    true => "it names none at all: ask that authority for its newest card".into(),
                    false => format!("it names {}", known.join(", ")),
                };
                Failure::new(Exit::BadInput, message).hint(hint)
            })?;
            Ok(NamedOfficial { id: name.id.clone(), key: found.1.clone() })
        };
        self.officials.iter().map(one).collect()
    }
}

fn draft(
    annex: &Annex,
    sender: &AuthorityId,
    recipient: &AuthorityId,
) -> Result<AnnexDraft, Failure> {
    let text = serde_json::to_vec(annex);
    // The error would quote what cannot be written.
    let text = text.map_err(|_| Failure::new(Exit::Fault, "an annex cannot be written as JSON"))?;
    Ok(AnnexDraft {
        id: AnnexId::new(now(), random()),
        sender: sender.clone(),
        recipient: recipient.clone(),
        refs: annex.refs(),
        plaintext: Zeroizing::new(text),
    })
}

/// The card of an authority, and whose the node is.
async fn card_of(
    client: &mut AgencyClient,
    authority: &AuthorityId,
) -> Result<(Card, AuthorityId), Failure> {
    let request = pb::GetAuthorityCardRequest { authority: authority.to_string() };
    let answer = client.get_authority_card(request).await?.into_inner();
    let broken =
        |why: String| Failure::new(Exit::Fault, format!("the node's answer is broken: {why}"));
    let card = Card::parse(&answer.text).map_err(|error| broken(error.to_string()))?;
    if card.authority() != authority {
        return Err(broken("it is the card of another authority".into()));
    }
    let own = AuthorityId::parse(&answer.own_authority).map_err(|e| broken(e.to_string()))?;
    Ok((card, own))
}

fn read_annex(file: &Path) -> Result<Annex, Failure> {
    let text = Zeroizing::new(read_text(file)?);
    let read = match file.extension().and_then(|ending| ending.to_str()) {
        Some("json") => Annex::from_json(&text),
        Some("toml") => Annex::from_toml(&text),
        _ => {
            return Err(Failure::bad_file(file, "has a name that ends in neither .json nor .toml"));
        }
    };
    let hint = "docs/request.md has the fields of an annex, and examples/ has one";
    read.map_err(|error| Failure::bad_file(file, error).hint(hint))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::MessageKind;
    use crate::domain::request::{MlaRequest, Note};

    #[test]
    fn an_official_is_named_with_its_authority() {
        let name: OfficialName = "xb.moj/victims-desk".parse().expect("a name");
        assert_eq!((name.authority.as_str(), name.id.as_str()), ("xb.moj", "victims-desk"));
        for bad in ["victims-desk", "xb.moj/", "xb.moj/Mary Smith", "xb/desk", "xb.moj/a/b"] {
            assert!(bad.parse::<OfficialName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_wrong_with_an_annex_is_told_without_what_is_in_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let read = |text: &str, content: &Content| {
            let file = dir.path().join("a.json");
            std::fs::write(&file, text).expect("written");
            let failure = AnnexArgs { annex: vec![file], officials: Vec::new() }.read(content);
            failure.expect_err("wrong").to_string()
        };
        let request = Content::request(MessageKind::Request, MlaRequest::default());
        let note = Content::note(MessageKind::Consultation, Note::default());
        let stranger = read(r#"{"persons":[{"ref":"P9","born":"Canary"}]}"#, &request);
        assert!(stranger.contains("persons[0].ref: is the ref of no person"), "{stranger}");
        assert!(stranger.contains("persons[0].born: is not a day"), "{stranger}");
        let broken = read(r#"{"persons":[{"Canary":1}]}"#, &note);
        assert!(broken.contains("line 1, column"), "{broken}");
        assert!(!stranger.contains("Canary") && !broken.contains("Canary"));
    }
}
