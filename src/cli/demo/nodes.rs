//! The four nodes: processes of this very program, on ports of this machine.

use std::ffi::OsStr;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, ensure};
use futures_util::future::try_join_all;

use super::place::Place;
use super::process::{Running, free_ports, rogatory};
use super::teller::narrated;
use crate::card::Card;
use crate::domain::AuthorityId;

/// An authority of the story.
pub(super) struct Authority {
    id: &'static str,
    /// Its name for people.
    pub(super) name: &'static str,
    country: &'static str,
    /// What its State is in the story.
    pub(super) part: &'static str,
}

/// The cast. XA to XZ are codes that ISO 3166-1 gives to no State.
const CAST: [Authority; 4] = [
    Authority {
        id: "xa.oag",
        name: "Office of the Attorney General of Arkesh",
        country: "XA",
        part: narrated("Here people were recruited with false promises."),
    },
    Authority {
        id: "xb.pps",
        name: "Public Prosecution Service of Belmara",
        country: "XB",
        part: narrated("Through here they were taken, by night."),
    },
    Authority {
        id: "xc.moj",
        name: "Ministry of Justice of the Republic of Corvane",
        country: "XC",
        part: narrated("Here they were found, and here is the trial."),
    },
    Authority {
        id: "xz.refugees",
        name: "International Refugee Office",
        country: "",
        part: narrated("Here nobody is tried: it protects people, and is told of no case."),
    },
];

/// Who has an official that particulars of persons can be sealed to, and which.
const OFFICIALS: [(&str, &str, &str); 2] = [
    ("xc.moj", "victims-desk", "Victim protection desk"),
    ("xz.refugees", "protection-unit", "Protection unit"),
];

/// The name of the agency that every authority has.
pub(super) const DESK: &str = "desk";

/// All four.
pub(super) struct Nodes([Node; 4]);

/// One authority's node.
pub(super) struct Node {
    /// Whose.
    pub(super) id: AuthorityId,
    /// What the story says of it.
    pub(super) about: &'static Authority,
    /// Its card: all that the others know of it.
    pub(super) card: Card,
    /// The words of its fingerprint, as its own `card show` prints them.
    pub(super) words: String,
    home: PathBuf,
    trace: PathBuf,
    notify: PathBuf,
    running: Option<Running>,
}

impl Nodes {
    /// Makes the homes, each with the officials that its card names.
    pub(super) async fn init(place: &Place) -> Result<Self> {
        let ports: [u16; 8] = free_ports()?;
        let made = CAST.iter().zip(ports.chunks_exact(2)).map(|(about, ports)| async move {
            let mut node = Node::init(about, place, ports[0], ports[1]).await?;
            for (_, id, office) in OFFICIALS.iter().filter(|(whose, ..)| *whose == about.id) {
                node.name_official(place, id, office).await?;
            }
            Ok::<_, anyhow::Error>(node)
        });
        let nodes: Vec<Node> = try_join_all(made).await?;
        Ok(Self(nodes.try_into().map_err(|_| anyhow!("not all homes were made"))?))
    }

    /// Has each add the cards of the others, with the words that those read out, and gives each
    /// an agency.
    pub(super) async fn introduce(&self) -> Result<()> {
        try_join_all(self.all().iter().map(|node| async move {
            for other in self.all().iter().filter(|other| other.id != node.id) {
                node.add_peer(other).await?;
            }
            node.add_desk().await
        }))
        .await?;
        Ok(())
    }

    /// Starts all; says how long the slowest took.
    pub(super) async fn start(&mut self) -> Result<Duration> {
        let ready = try_join_all(self.0.iter_mut().map(Node::start)).await?;
        Ok(ready.into_iter().max().unwrap_or_default())
    }

    /// Stops all, as an operator would.
    pub(super) async fn stop(&mut self) -> Result<()> {
        try_join_all(self.0.iter_mut().map(Node::stop)).await?;
        Ok(())
    }

    pub(super) fn all(&self) -> &[Node; 4] {
        &self.0
    }
    pub(super) fn origin(&self) -> &Node {
        &self.0[0]
    }
    pub(super) fn transit(&self) -> &Node {
        &self.0[1]
    }
    pub(super) fn transit_mut(&mut self) -> &mut Node {
        &mut self.0[1]
    }
    pub(super) fn destination(&self) -> &Node {
        &self.0[2]
    }
    pub(super) fn organisation(&self) -> &Node {
        &self.0[3]
    }

    /// The card of an authority.
    pub(super) fn card(&self, id: &AuthorityId) -> Result<&Card> {
        let node = self.all().iter().find(|node| node.id == *id);
        node.map(|node| &node.card).ok_or_else(|| anyhow!("{id} has no part in this"))
    }
}

impl Node {
    async fn init(
        about: &'static Authority,
        place: &Place,
        exchange: u16,
        agency: u16,
    ) -> Result<Self> {
        let home = place.below(about.id);
        let (listen, agency_listen) = (local(exchange), local(agency));
        let of_country: &[&str] = match about.country {
            "" => &["--organisation"],
            country => &["--country", country],
        };
        let of_country = of_country.iter().copied();
        let args = ["init", "--authority", about.id, "--name", about.name]
            .into_iter()
            .chain(of_country)
            .chain(["--languages", "en,fr"])
            .chain(["--endpoint", &listen, "--listen", &listen])
            .chain(["--agency-listen", &agency_listen, "--insecure-plain-keys"]);
        rogatory(args.map(OsStr::new).chain([OsStr::new("--home"), home.as_os_str()])).await?;
        let card = card_in(&home)?;
        Ok(Self {
            id: card.authority().clone(),
            about,
            words: shown_words(&home).await?,
            card,
            trace: place.below(format!("traces/{}.log", about.id)),
            notify: place.below(format!("run/{}.sock", about.id)),
            home,
            running: None,
        })
    }

    /// Makes the key of an official and names it in the card.
    async fn name_official(&mut self, place: &Place, id: &str, office: &str) -> Result<()> {
        let key = official_key(place, id);
        let args = ["official", "new", id, "--insecure-plain-keys", "--out"].map(OsStr::new);
        rogatory(args.into_iter().chain([key.as_os_str()])).await?;
        let public = key.with_extension("key.pub");
        let args = ["official", "add"].map(OsStr::new).into_iter().chain([public.as_os_str()]);
        let args = args.chain(["--office", office, "--home"].map(OsStr::new));
        rogatory(args.chain([self.home.as_os_str()])).await?;
        self.card = card_in(&self.home)?;
        Ok(())
    }

    /// Where the other nodes find it.
    pub(super) fn endpoint(&self) -> String {
        self.card.body().endpoint.clone()
    }

    /// The official that its card names.
    pub(super) fn official(&self) -> Result<&str> {
        let named = self.card.officials().first().map(|(official, _)| official.id.as_str());
        named.with_context(|| format!("the card of {} names no official", self.id))
    }

    /// The file with which its desk calls it.
    pub(super) fn profile(&self) -> PathBuf {
        self.home.join(format!("agencies/{DESK}.profile.toml"))
    }

    async fn add_peer(&self, other: &Node) -> Result<()> {
        let card = other.home.join("card.txt");
        let args = [OsStr::new("peer"), OsStr::new("add"), card.as_os_str()]
            .into_iter()
            .chain(["--fingerprint", &other.words, "--home"].map(OsStr::new));
        rogatory(args.chain([self.home.as_os_str()])).await.map(|_| ())
    }

    async fn add_desk(&self) -> Result<()> {
        let args = ["agency", "add", DESK, "--roles", "submit,read", "--all-cases", "--home"];
        rogatory(args.map(OsStr::new).into_iter().chain([self.home.as_os_str()])).await?;
        ensure!(self.profile().is_file(), "{} has no profile for its {DESK}", self.id);
        Ok(())
    }

    /// Exports its log, while it runs.
    pub(super) async fn export(&self, to: &Path) -> Result<()> {
        let args = ["audit", "export", "--home"].map(OsStr::new).into_iter();
        let args = args.chain([self.home.as_os_str(), OsStr::new("--out"), to.as_os_str()]);
        rogatory(args).await.map(|_| ())
    }

    /// Starts the process; says how long it took until it was ready.
    pub(super) async fn start(&mut self) -> Result<Duration> {
        let begun = Instant::now();
        let config = self.home.join("rogatory.toml");
        let running = Running::start(&config, &self.notify, &self.trace).await;
        self.running = Some(running.with_context(|| format!("the node of {}", self.id))?);
        Ok(begun.elapsed())
    }

    /// Kills the process.
    pub(super) fn kill(&mut self) -> Result<()> {
        let running = self.running.take().context("there is no process to kill")?;
        running.kill().with_context(|| format!("the node of {}", self.id))
    }

    /// Stops the process in order.
    async fn stop(&mut self) -> Result<()> {
        let Some(running) = self.running.take() else { return Ok(()) };
        running.stop().await.with_context(|| format!("the node of {}", self.id))
    }
}

/// The private key of an official.
pub(super) fn official_key(place: &Place, id: &str) -> PathBuf {
    place.below(format!("officials/{id}.key"))
}

fn card_in(home: &Path) -> Result<Card> {
    let card = fs::read_to_string(home.join("card.txt")).context("there is no card")?;
    Card::parse(&card).context("there is a bad card")
}

/// The words that the authority's own command prints, which its officer reads out.
async fn shown_words(home: &Path) -> Result<String> {
    let args = ["--output", "json", "card", "show", "--home"].map(OsStr::new);
    let shown = rogatory(args.into_iter().chain([home.as_os_str()])).await?;
    let shown: serde_json::Value = serde_json::from_str(&shown).context("card show: no JSON")?;
    let words = shown["fingerprint_words"].as_str();
    words.map(str::to_owned).context("card show prints no fingerprint_words")
}

fn local(port: u16) -> String {
    format!("{}:{port}", Ipv4Addr::LOCALHOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cast_has_ids_of_no_state() {
        for one in &CAST {
            let id = AuthorityId::parse(one.id).expect("valid");
            assert!(id.country().starts_with('x'), "{id}");
            assert!(["", &id.country().to_ascii_uppercase()].contains(&one.country), "{id}");
        }
    }
}
