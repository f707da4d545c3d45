//! What an auditor does, who was not there: with the cards, the receipts and the exported logs.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use serde_json::json;

use super::logs::{self, Log, of};
use super::nodes::{Node, Nodes};
use super::place::Place;
use super::teller::Teller;
use super::told::{Sent, Told};
use crate::audit::Event;
use crate::audit::verify::VerifyFailure;
use crate::card::Card;
use crate::domain::AuthorityId;
use crate::pb::v1 as pb;
use crate::receipt::{Expected, Receipt, verify};

/// What the receiving side says of a message, in this order.
const RECEIVED: [Event; 3] =
    [Event::RelayAcceptance, Event::ContentConsignment, Event::ContentHandover];

/// Verifies every receipt with the card of who issued it, and keeps it as a file.
pub(super) fn receipts(
    place: &Place,
    nodes: &Nodes,
    told: &Told,
    teller: &mut Teller<'_>,
) -> Result<()> {
    for (place_in_story, sent) in (1..).zip(&told.sent) {
        let mut due = vec![(Event::SubmissionAcceptance, &sent.from)];
        due.extend(RECEIVED.map(|event| (event, &sent.to)));
        due.extend(sent.opened.then_some((Event::ContentAccessTracking, &sent.to)));
        ensure!(sent.receipts.len() == sent.due(), "{} has too many receipts", sent.label);
        for (number, (event, issuer)) in (1..).zip(due) {
            let found = sent.receipts.iter().find(|receipt| receipt.event == event.as_str());
            let found = found.with_context(|| format!("{} has no {event}", sent.label))?;
            let said = || format!("the {event} of {}", sent.label);
            verify_receipt(sent, found, issuer, nodes.card(issuer)?).with_context(said)?;
            let label = sent.label.replace(' ', "-");
            let name = format!(
                "receipts/{place_in_story:02}-{label}.{number}-{event}.{issuer}.tlog-proof"
            );
            fs::write(place.below(name), &found.text)?;
        }
    }
    let count = told.receipts();
    teller.step(
        "receipts-verified",
        &format!("{count} receipts are verified offline, each with the card of who issued it."),
        &["Years later they still show who held which bytes, and since when. Nobody can take one \
             back, and no node has to be running."],
        json!({ "receipts": count }),
    );
    Ok(())
}

fn verify_receipt(
    sent: &Sent,
    receipt: &pb::Receipt,
    issuer: &AuthorityId,
    card: &Card,
) -> Result<()> {
    ensure!(receipt.issuer == issuer.as_str(), "is issued by {}", receipt.issuer);
    let receipt_text = Receipt::parse(&receipt.text)?;
    let expected = Expected {
        issuer,
        keys: &card.log_keys_of(&receipt_text.facts().origin),
        message: sent.id,
        envelope: sent.envelope,
        peer: if *issuer == sent.from { &sent.to } else { &sent.from },
    };
    let verified = verify(&receipt_text, &expected)?;
    ensure!(verified.event().as_str() == receipt.event, "is a {}", verified.event());
    Ok(())
}

/// Exports the logs and verifies each with nothing but its owner's card.
pub(super) async fn exports(
    place: &Place,
    nodes: &Nodes,
    teller: &mut Teller<'_>,
) -> Result<Vec<Log>> {
    let dir = |id: &AuthorityId| place.below(format!("exports/{id}"));
    try_join_all(nodes.all().iter().map(|node| async move { node.export(&dir(&node.id)).await }))
        .await?;
    let read = |node: &Node| Log::read(dir(&node.id), &node.card);
    let logs: Vec<Log> = nodes.all().iter().map(read).collect::<Result<_>>()?;
    let sizes: Vec<_> = logs
        .iter()
        .map(|log| format!("{} has {} entries", log.owner, log.report.entries))
        .collect();
    teller.step(
        "logs-verified",
        &format!("All logs are exported and verified: {}.", sizes.join(", ")),
        &[
            "Every entry, every hash and every signature, from the files alone: nobody was asked.",
            "The logs hold no names, case numbers or contents: an auditor needs none of them.",
        ],
        json!({
            "logs": logs.iter().map(|log| json!({
                "authority": log.owner, "entries": log.report.entries,
                "root": hex::encode(log.report.checkpoint.root),
            })).collect::<Vec<_>>(),
        }),
    );
    Ok(logs)
}

/// Checks that what one log says of another is in that other, and nothing twice.
pub(super) fn both_sides(logs: &[Log], told: &Told, teller: &mut Teller<'_>) -> Result<()> {
    let mut pairs = 0;
    for sent in &told.sent {
        let (ours, theirs) = (of(logs, &sent.from)?, of(logs, &sent.to)?);
        let (_, taken) = ours.only(sent, Event::SubmissionAcceptance, false)?;
        let accepted = theirs.only(sent, Event::RelayAcceptance, false)?.1;
        let place = accepted.remote.as_ref().map(|remote| remote.index);
        ensure!(
            place.and_then(|index| ours.entries.get(index as usize)) == Some(taken),
            "{} does not stand where {} saw it in the log of {}",
            sent.label,
            sent.to,
            sent.from
        );
        pairs += 1;
        for event in RECEIVED {
            let (index, stated) = theirs.only(sent, event, false)?;
            let (at, recorded) = ours.only(sent, event, true)?;
            let named = recorded.remote.as_ref().map(|remote| remote.index);
            let same = named == Some(index) && recorded.envelope == stated.envelope;
            ensure!(
                same,
                "entry {at} of {} misstates entry {index} of {}",
                ours.owner,
                theirs.owner
            );
            pairs += 1;
        }
    }
    teller.step(
        "logs-agree",
        &format!("The logs are held against each other: {pairs} statements, and both sides agree."),
        &["Each message was accepted exactly once, also the one that waited for its recipient."],
        json!({ "pairs": pairs }),
    );
    Ok(())
}

/// Changes one bit in a copy of an exported log, and checks that verification names the entry.
pub(super) fn altered(
    place: &Place,
    nodes: &Nodes,
    logs: &[Log],
    teller: &mut Teller<'_>,
) -> Result<()> {
    let log = of(logs, &nodes.origin().id)?;
    let index = (0..).zip(&log.entries).find(|(_, entry)| entry.event == Event::RelayAcceptance);
    let (index, _) = index.context("there is no RelayAcceptance to alter")?;
    let copy = place.below(format!("exports/{}-altered", log.owner));
    log.falsify(index, &copy)?;
    let found = logs::verify(&copy, &nodes.origin().card).err();
    let found = found.context("a changed bit is not found")?;
    let named = found.downcast_ref::<VerifyFailure>().and_then(VerifyFailure::entry);
    ensure!(named == Some(index), "entry {index} was changed, and verification says: {found}");
    teller.step(
        "alteration-found",
        &format!("One bit of entry {index} is changed in a copy of the log of {}.", log.owner),
        &[&format!("Verification says: {found}.")],
        json!({ "entry": index, "found": found.to_string() }),
    );
    Ok(())
}
