//! `rogatory peer`.

mod reconcile;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use tonic::transport::Channel;

use super::connect::OperatorAccess;
use super::exit::{Exit, Failure};
use super::files::read_card;
use super::out::{Out, without_numbers};
use super::view;
use crate::card::Card;
use crate::domain::AuthorityId;
use crate::pb::v1 as pb;
use crate::pb::v1::operator_service_client::OperatorServiceClient;

/// The other authorities that this node trusts
#[derive(Args)]
pub(crate) struct PeerArgs {
    #[command(flatten)]
    access: OperatorAccess,
    #[command(subcommand)]
    command: PeerCommand,
}

#[derive(Subcommand)]
enum PeerCommand {
    /// Trusts an authority's card
    ///
    /// The fingerprint is what the authority itself read out to you, not what `card show` prints
    /// here: comparing the two is the point. A newer card of a known authority needs none.
    ///
    ///   rogatory peer add xb.pps.card --fingerprint "abandon ability … "
    #[command(verbatim_doc_comment)]
    Add {
        /// The card's file
        card: PathBuf,
        /// The fingerprint that the authority read out: twelve words or 64 hex digits
        #[arg(long, value_name = "WORDS|HEX")]
        fingerprint: Option<String>,
    },
    /// Lists the authorities that this node trusts
    List,
    /// Trusts an authority no more; what was exchanged with it stays
    Remove {
        /// As in xb.pps
        authority: AuthorityId,
    },
    /// Exchanges nothing with an authority until it is resumed; what waits for it waits
    Suspend {
        /// As in xb.pps
        authority: AuthorityId,
        /// Why, for the log: UPPER_SNAKE
        #[arg(long, value_name = "CODE", default_value = "SUSPENDED")]
        reason: String,
    },
    /// Ends a suspension
    Resume {
        /// As in xb.pps
        authority: AuthorityId,
    },
    /// Compares what both authorities' logs say of each other, and puts right what can be
    ///
    /// Nodes do so by themselves, every hour unless the configuration says otherwise. Receipts that
    /// were lost are recorded or sent again, messages that were lost are queued again. What remains
    /// wrong ends the command with exit code 6.
    Reconcile {
        /// As in xb.pps
        authority: AuthorityId,
        /// Compares nothing, and writes the report that the last entry of `peer.reconciled` has the
        /// SHA-256 of
        #[arg(long)]
        logged: bool,
    },
    /// Walks the way to an authority's node and says which step fails
    Test {
        /// As in xb.pps
        authority: AuthorityId,
    },
}

type Client = OperatorServiceClient<Channel>;

pub(crate) async fn run(args: PeerArgs, out: &mut Out) -> Result<(), Failure> {
    let PeerArgs { access, command } = args;
    // What is wrong with the card is told before anything is opened.
    let card = match &command {
        PeerCommand::Add { card, fingerprint } => Some(compared(card, fingerprint.as_deref())?),
        _ => None,
    };
    let act = async |channel, out: &mut Out| {
        let client = OperatorServiceClient::new(channel);
        match (command, card) {
            (PeerCommand::Add { fingerprint, .. }, Some(card)) => {
                add(client, &card, fingerprint, out).await
            }
            (PeerCommand::Add { .. } | PeerCommand::List, _) => list(client, out).await,
            (PeerCommand::Remove { authority }, _) => remove(client, authority, out).await,
            (PeerCommand::Suspend { authority, reason }, _) => {
                suspend(client, authority, reason, out).await
            }
            (PeerCommand::Resume { authority }, _) => resume(client, authority, out).await,
            (PeerCommand::Reconcile { authority, logged }, _) => {
                reconcile::run(client, authority, logged, out).await
            }
            (PeerCommand::Test { authority }, _) => test(client, authority, out).await,
        }
    };
    access.at(out, act).await
}

/// The card, if it is the one whose fingerprint was given.
fn compared(path: &Path, fingerprint: Option<&str>) -> Result<Card, Failure> {
    let card = read_card(path)?;
    if let Some(given) = fingerprint {
        compare(&card, given)?;
    }
    Ok(card)
}

/// Holds a card against the fingerprint that somebody was told.
pub(crate) fn compare(card: &Card, given: &str) -> Result<(), Failure> {
    let matches = card.fingerprint().matches(given);
    match matches.map_err(|error| Failure::new(Exit::BadInput, error.to_string()))? {
        true => Ok(()),
        false => {
            let message =
                format!("the card of {} does not have this fingerprint", card.authority());
            let hint = "do not trust the card: ask the authority for its card and its fingerprint";
            Err(Failure::new(Exit::VerificationFailed, message).hint(hint))
        }
    }
}

async fn add(
    mut client: Client,
    card: &Card,
    fingerprint: Option<String>,
    out: &mut Out,
) -> Result<(), Failure> {
    let fingerprint = fingerprint.unwrap_or_default();
    let request = pb::AddPeerRequest { card: card.text().to_owned(), fingerprint };
    let peer = client.add_peer(request).await?.into_inner();
    let fields = [
        ("authority", peer.authority.clone()),
        ("is", view::not_central(&peer.kind)),
        ("name", peer.display_name.clone()),
        ("endpoint", peer.endpoint.clone()),
        ("card version", peer.card_version.to_string()),
        ("expires", peer.expire_time.clone()),
    ];
    out.record(&fields, &view::peer(&peer));
    out.talk(&format!("next: rogatory peer test {}", peer.authority));
    Ok(())
}

async fn list(mut client: Client, out: &mut Out) -> Result<(), Failure> {
    let peers = client.list_peers(pb::ListPeersRequest {}).await?.into_inner().peers;
    let header = ["authority", "name", "endpoint", "card", "since", "expires", "suspended"];
    let row = |p: &pb::Peer| {
        let card = p.card_version.to_string();
        let texts = [&p.authority, &p.display_name, &p.endpoint, &card];
        let more = [&p.create_time, &p.expire_time, &p.suspended];
        texts.into_iter().chain(more).cloned().collect()
    };
    out.list(&header, &peers, row, view::peer);
    Ok(())
}

async fn remove(mut client: Client, who: AuthorityId, out: &mut Out) -> Result<(), Failure> {
    client.remove_peer(pb::RemovePeerRequest { authority: who.to_string() }).await?;
    out.record(&[("removed", who.to_string())], &json!({ "removed": who }));
    Ok(())
}

async fn suspend(
    mut client: Client,
    who: AuthorityId,
    code: String,
    out: &mut Out,
) -> Result<(), Failure> {
    let request = pb::SuspendPeerRequest { authority: who.to_string(), code };
    let peer = client.suspend_peer(request).await?.into_inner();
    let fields = [("suspended", peer.authority.clone()), ("reason", peer.suspended.clone())];
    out.record(&fields, &view::peer(&peer));
    out.talk(&format!("next: rogatory peer resume {who}, once it is cleared up"));
    Ok(())
}

async fn resume(mut client: Client, who: AuthorityId, out: &mut Out) -> Result<(), Failure> {
    let request = pb::ResumePeerRequest { authority: who.to_string() };
    let peer = client.resume_peer(request).await?.into_inner();
    out.record(&[("resumed", peer.authority.clone())], &view::peer(&peer));
    Ok(())
}

async fn test(mut client: Client, who: AuthorityId, out: &mut Out) -> Result<(), Failure> {
    let request = pb::TestPeerRequest { authority: who.to_string() };
    let mut steps = client.test_peer(request).await?.into_inner();
    let mut broken = None;
    while let Some(step) = steps.message().await? {
        print_step(&step, out);
        if !step.ok && broken.is_none() {
            broken = Some(step);
        }
    }
    match broken {
        None => Ok(()),
        Some(step) => Err(step_failure(&who, &step)),
    }
}

fn print_step(step: &pb::TestPeerResponse, out: &mut Out) {
    let pb::TestPeerResponse { step, ok, detail, hint } = step;
    if out.is_json() {
        out.json(&json!({ "step": step, "ok": ok, "detail": detail, "hint": hint }));
    } else {
        let (word, detail) =
            (if *ok { "ok" } else { "FAILED" }, out.told(&without_numbers(detail)));
        out.data(&format!("{word:<6}  {step:<8}  {detail}"));
    }
}

fn step_failure(who: &AuthorityId, step: &pb::TestPeerResponse) -> Failure {
    let code = match step.step.as_str() {
        "name" | "tcp" => Exit::Unavailable,
        "pin" | "heads" => Exit::VerificationFailed,
        // Something answers that is no node, or not this one.
        "tls"
            if ["invalid peer certificate", "corrupt message"]
                .iter()
                .any(|words| step.detail.contains(words)) =>
        {
            Exit::VerificationFailed
        }
        _ => Exit::Failed,
    };
    let failure = Failure::new(code, format!("{who}: {}: {}", step.step, step.detail));
    if step.hint.is_empty() { failure } else { failure.hint(&step.hint) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_step_that_fails_decides_the_code() {
        let who = AuthorityId::parse("xb.pps").expect("valid");
        let failure = |step: &str| {
            let (step, detail, hint) = (step.into(), "no".into(), "do".into());
            step_failure(&who, &pb::TestPeerResponse { step, ok: false, detail, hint })
        };
        assert_eq!(failure("tcp").code, Exit::Unavailable);
        assert_eq!(failure("pin").code, Exit::VerificationFailed);
        assert_eq!(failure("clock").code, Exit::Failed);
        assert_eq!(failure("tls").code, Exit::Failed, "it may be this node that is refused");
        let detail = "TLS: received corrupt message of type InvalidContentType".to_owned();
        let (step, hint) = ("tls".to_owned(), String::new());
        let other = pb::TestPeerResponse { step, ok: false, detail, hint };
        assert_eq!(step_failure(&who, &other).code, Exit::VerificationFailed);
        assert_eq!(failure("tcp").message, "xb.pps: tcp: no");
        assert_eq!(failure("tcp").hint.as_deref(), Some("do"));
    }
}
