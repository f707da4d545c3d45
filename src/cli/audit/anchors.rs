//! `rogatory audit anchors`: what an auditor must have compared before an export proves anything.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::audit::Checkpoint;
use crate::card::Card;
use crate::cli::connect::OperatorAccess;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{create_directory, empty_directory, read_text, sync_directory, write_new};
use crate::cli::out::Out;
use crate::crypto::sha256;
use crate::pb::v1 as pb;
use crate::pb::v1::audit_service_client::AuditServiceClient;

/// Writes what trust in an export begins with: cards, fingerprints, log keys, and with whom to
/// compare them
///
/// Whatever an export proves, it proves under keys. This writes the keys that the node knows, for
/// an auditor to compare with their owners; README.txt in the directory says how. And the newest
/// states of the peers' logs that it holds, which an export of those must go on from: `audit compare`.
#[derive(Args)]
#[command(about = "Writes what trust in an export begins with: cards, fingerprints, keys")]
pub(super) struct AnchorsArgs {
    #[command(flatten)]
    access: OperatorAccess,
    /// Where: a new directory
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The witness policy, where there is one: a copy goes with the cards
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// A card, and since when the node trusts it; its own has no such time.
struct Anchor {
    card: Card,
    since: String,
    /// The newest state of its log that the node holds, where it holds one of another's.
    head: Option<Head>,
}

/// A checkpoint, with the note that it stands in.
struct Head {
    note: String,
    checkpoint: Checkpoint,
}

pub(super) async fn run(args: AnchorsArgs, out: &mut Out) -> Result<(), Failure> {
    let AnchorsArgs { access, out: dir, policy } = args;
    let policy = policy.as_deref().map(read_text).transpose()?;
    let ask = async |channel, _: &mut Out| {
        let mut client = AuditServiceClient::new(channel);
        Ok(client.get_anchors(pb::GetAnchorsRequest {}).await?.into_inner())
    };
    let answer = access.at(out, ask).await?;
    let anchors = anchors(&answer)?;
    empty_directory(&dir)?;
    write(&dir, &anchors, policy.as_deref())?;
    let header = ["authority", "since", "fingerprint"];
    let row = |anchor: &Anchor| {
        let (card, since) = (&anchor.card, anchor.since.clone());
        vec![card.authority().to_string(), since, card.fingerprint().words()]
    };
    out.list(&header, &anchors, row, to_json);
    let readme = dir.join(README);
    out.talk(&format!("next: {} says with whom to compare them", readme.display()));
    Ok(())
}

const README: &str = "README.txt";
const HEADS: &str = "heads/";

fn anchors(answer: &pb::GetAnchorsResponse) -> Result<Vec<Anchor>, Failure> {
    let parse = |text: &str, since: &str, head: &str| {
        let card = Card::parse(text)
            .map_err(|error| Failure::new(Exit::Fault, format!("a card of the node: {error}")))?;
        let head = (!head.is_empty()).then(|| self::head(head)).transpose()?;
        Ok(Anchor { card, since: since.to_owned(), head })
    };
    let own = parse(&answer.card, "", "");
    let peers =
        answer.peers.iter().map(|peer| parse(&peer.card, &peer.create_time, &peer.checkpoint));
    std::iter::once(own).chain(peers).collect()
}

fn head(note: &str) -> Result<Head, Failure> {
    let checkpoint = Checkpoint::parse_unverified(note);
    let checkpoint = checkpoint.map_err(|error| {
        Failure::new(Exit::Fault, format!("a checkpoint that the node holds: {error}"))
    })?;
    Ok(Head { note: note.to_owned(), checkpoint })
}

fn head_path(card: &Card) -> String {
    format!("{HEADS}{}.checkpoint", card.authority())
}

fn write(dir: &Path, anchors: &[Anchor], policy: Option<&str>) -> Result<(), Failure> {
    let (cards, heads) = (dir.join("cards"), dir.join(HEADS));
    [&cards, &heads].into_iter().try_for_each(|folder| create_directory(folder))?;
    for Anchor { card, head, .. } in anchors {
        let name = format!("{}.card", card.authority());
        write_new(&cards.join(name), card.text().as_bytes())?;
        if let Some(head) = head {
            write_new(&dir.join(head_path(card)), head.note.as_bytes())?;
        }
    }
    let mut index = json!({ "anchors": anchors.iter().map(to_json).collect::<Vec<_>>() });
    if let Some(policy) = policy {
        write_new(&dir.join("witness.policy"), policy.as_bytes())?;
        index["witness_policy_sha256"] = hex::encode(sha256(policy.as_bytes())).into();
    }
    write_new(&dir.join("anchors.json"), format!("{index:#}\n").as_bytes())?;
    write_new(&dir.join(README), readme(anchors, policy).as_bytes())?;
    [&cards, &heads, dir].into_iter().try_for_each(sync_directory)
}

fn to_json(anchor: &Anchor) -> Value {
    let body = anchor.card.body();
    json!({
        "authority": body.authority,
        "name": body.name,
        "trusted_since": anchor.since,
        "fingerprint": anchor.card.fingerprint().hex(),
        "fingerprint_words": anchor.card.fingerprint().words(),
        "card_version": body.version,
        "card_sha256": hex::encode(anchor.card.digest()),
        "issued": body.issued,
        "expires": body.expires,
        "log_origin": body.log.origin,
        "log_keys": body.log.keys,
        "held": anchor.head.as_ref().map(|head| held_json(&anchor.card, &head.checkpoint)),
        "witness": body.witness,
        "witness_pq": body.witness_pq,
    })
}

fn held_json(card: &Card, held: &Checkpoint) -> Value {
    let Checkpoint { origin, size, root } = held;
    let file = head_path(card);
    json!({ "log_origin": origin, "size": size, "root": hex::encode(root), "file": file })
}

fn readme(anchors: &[Anchor], policy: Option<&str>) -> String {
    let mut text = String::from(INTRODUCTION);
    for (at, anchor) in anchors.iter().enumerate() {
        let body = anchor.card.body();
        let role = match at {
            0 => "the authority whose node wrote this".to_owned(),
            _ => format!("a peer, trusted by the node since {}", anchor.since),
        };
        let keys = body.log.keys.iter().map(|key| format!("              {key}\n"));
        let own = [
            format!("{}  {}\n", body.authority, body.name),
            format!("  who         {role}\n"),
            format!("  fingerprint {}\n", anchor.card.fingerprint().words()),
            format!("              {}\n", anchor.card.fingerprint().hex()),
            format!("  card        cards/{}.card, version {}\n", body.authority, body.version),
            format!("  valid       {} to {}\n", body.issued, body.expires),
            format!("  log         {}\n", body.log.origin),
            "  log keys\n".to_owned(),
        ];
        let held = anchor.head.iter().map(|Head { checkpoint, .. }| {
            let Checkpoint { origin, size, root } = checkpoint;
            let (file, root) = (head_path(&anchor.card), hex::encode(root));
            format!("  held here   {file}: {origin}, {size} entries, root\n              {root}\n")
        });
        let witness = [&body.witness, &body.witness_pq].into_iter().filter(|key| !key.is_empty());
        let witness = witness.map(|key| format!("  witness key {key}\n"));
        let parts = own.into_iter().chain(keys).chain(witness).chain(held);
        text.extend(parts.chain(["\n".to_owned()]));
    }
    if let Some(policy) = policy {
        let digest = hex::encode(sha256(policy.as_bytes()));
        text.push_str(&format!("witness.policy\n  sha256      {digest}\n\n{POLICY}"));
    }
    text
}

const INTRODUCTION: &str = "\
What this directory is

An export of a log proves something only to somebody who knows the key of the log. The key stands in
the authority's card, the card is signed by the authority's root key, and the fingerprint below is
that of the root key. This directory was written by a node: it is the node's word, and proves nothing
until the fingerprints have been compared.

How to compare them, and with whom

  1. With each authority below itself: not with the one whose node wrote this, not with whoever handed
     this over. The telephone number, the address or the person come from elsewhere than this
     directory: a treaty's list of central authorities, an earlier visit, a colleague who knows them.
  2. They read their fingerprint out to you, from `rogatory card show --home DIR` at their node. You
     listen, and compare. Do not read yours out first.
  3. Twelve words are enough. If one differs, all of it is wrong: the card is somebody else's, or old.
  4. Keep the cards whose fingerprints were compared, and write down who read them out, when and how.

How to use them then

  rogatory audit verify EXPORT --card cards/AUTHORITY.card
  rogatory audit replay EXPORT --card cards/AUTHORITY.card
  rogatory audit reconcile EXPORT-A EXPORT-B --card-a cards/A.card --card-b cards/B.card

What the node holds of the logs of its peers

heads/ has the newest checkpoint of each peer's log that the node holds: signed by that log, which it
cannot take back. An export that the peer gives you must go on from there, and so must what any other
peer holds:

  rogatory audit compare heads/AUTHORITY.checkpoint EXPORT --card cards/AUTHORITY.card

A newer card under the same fingerprint needs no new comparison. The card's own dates say how long its
keys are valid.

The cards

";

const POLICY: &str = "\
The policy says whose cosignatures are asked for. Which policy was in force the log itself says: its
digest must be the one of the last policy.set entry (`rogatory audit replay` shows it). Ask whoever is
responsible for the witnesses, not only the authority, whether these are their keys.
";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::TestLog;
    use crate::cli::testing::card_of;

    #[test]
    fn cards_fingerprints_and_a_readme_are_written() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut log = TestLog::new("xb.pps", 2);
        log.push_many(3);
        let (own, peer) = (card_of(&TestLog::new("xa.oag", 1)), card_of(&log));
        let answer = pb::GetAnchorsResponse {
            card: own.text().to_owned(),
            peers: vec![pb::AnchorPeer {
                card: peer.text().to_owned(),
                create_time: "2026-11-23T16:28:01.123Z".into(),
                checkpoint: log.signed(4).to_note(),
            }],
        };
        let anchors = anchors(&answer).expect("cards");
        write(dir.path(), &anchors, Some("quorum none\n")).expect("written");
        let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).expect(name);
        assert_eq!(read("cards/xb.pps.card"), peer.text());
        let readme = read("README.txt");
        for part in [own.fingerprint().words(), peer.fingerprint().hex(), peer.log_origin().into()]
        {
            assert!(readme.contains(&part), "{part}");
        }
        assert!(readme.contains("policy.set") && readme.is_ascii());
        let index: Value = serde_json::from_str(&read("anchors.json")).expect("JSON");
        assert_eq!(index["anchors"][1]["fingerprint"], peer.fingerprint().hex());
        assert_eq!(read("heads/xb.pps.checkpoint"), log.signed(4).to_note());
        assert_eq!(index["anchors"][1]["held"]["size"], 4);
        assert!(readme.contains("heads/xb.pps.checkpoint: xb.pps/log/2026, 4 entries"), "{readme}");
        assert!(index["anchors"][0]["held"].is_null());
        assert_eq!(index["witness_policy_sha256"], hex::encode(sha256(b"quorum none\n")));
    }

    #[test]
    fn a_card_that_is_none_is_a_fault_of_the_node() {
        let answer = pb::GetAnchorsResponse { card: "x".into(), peers: Vec::new() };
        assert_eq!(anchors(&answer).err().map(|failure| failure.code), Some(Exit::Fault));
    }
}
