//! `rogatory demo`: three authorities and an organisation, one case, and no network but this machine's own.
//!
//! It starts four real nodes as processes of their own, plays a case over the API that agencies
//! use, kills a node in the middle of it, and believes nobody: receipts and audit logs are
//! verified with nothing but the cards that were exchanged in the beginning. A check that fails
//! ends it with a failure and the last lines of every node's trace.

mod checks;
mod custody;
mod desk;
mod evidence;
mod figures;
mod law;
mod logs;
mod nodes;
mod place;
mod process;
mod protected;
mod story;
mod teller;
mod timeline;
mod told;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::exit::{Exit, Failure};
use crate::cli::out::Out;
use nodes::Nodes;
use place::Place;
use story::Story;
use teller::Teller;

/// Plays a case between three invented States on this machine, with real nodes
///
/// Starts four nodes, has them exchange requests and evidence, kills one on the way, and verifies
/// everything in the end. Takes a few seconds, and 700 MiB of disk meanwhile; needs no network, no
/// configuration and no privileges.
///
///   rogatory demo --dir demo
#[derive(clap::Args, Clone, Debug)]
#[command(verbatim_doc_comment)]
pub struct DemoArgs {
    /// Work in this directory, which must be new or empty, and keep it
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Keep what was made: homes, evidence, receipts, exported logs and the nodes' traces
    #[arg(long)]
    keep: bool,
}

/// Plays the demo.
///
/// # Errors
/// [`Failure`] at the first thing that is not as it should be, or when it is interrupted. No
/// process that it started is left behind.
pub async fn run(args: DemoArgs, out: &mut Out) -> Result<(), Failure> {
    let place = Place::new(args.dir, args.keep)?;
    let mut teller = Teller::new(out);
    // Whichever ends first drops the other, and with it the guards that end its processes.
    let ended = tokio::select! {
        ended = play(&place, &mut teller) => ended,
        interrupted = interrupted() => return Err(interrupted),
    };
    ended.map_err(|error| {
        teller.show_traces(&place);
        // The cause decides the code; the whole chain says what was being done.
        let message = format!("{error:#}");
        let hint = match place.kept {
            true => format!("everything is still in {}", place.dir().display()),
            false => "`rogatory demo --dir DIR` keeps everything, to be looked at".to_owned(),
        };
        Failure { message, ..Failure::from(error) }.hint(hint)
    })
}

/// Ends when somebody wants the demo to end.
async fn interrupted() -> Failure {
    let told = async {
        let mut hangup = signal(SignalKind::hangup())?;
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed,
            _ = hangup.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
        }
    };
    let message = match told.await {
        Ok(()) => "the demo was interrupted; its nodes were stopped".to_owned(),
        Err(error) => format!("signals cannot be heard: {error}"),
    };
    Failure::new(Exit::Failed, message)
}

async fn play(place: &Place, teller: &mut Teller<'_>) -> Result<()> {
    teller.title(place);
    let mut nodes = begin(place, teller).await?;
    let mut story = Story::open(place, &nodes).await?;
    let tip = story.tip(teller).await?;
    story.ask_origin(&tip, teller).await?;
    story.condition(teller).await?;
    story.lose_transit(&mut nodes, teller).await?;
    story.answer_from_transit(teller).await?;
    story.refusal(teller).await?;
    story.look_at_cases(teller).await?;
    story.hearing(place, &nodes, teller).await?;
    story.referral(place, &nodes, teller).await?;
    story.end(teller).await?;
    story.figures(teller).await?;
    let told = story.settle(teller).await?;
    teller.chapter("Nobody has to be believed");
    checks::receipts(place, &nodes, &told, teller)?;
    let logs = checks::exports(place, &nodes, teller).await?;
    checks::both_sides(&logs, &told, teller)?;
    checks::altered(place, &nodes, &logs, teller)?;
    teller.chapter("What the logs say, put together");
    timeline::tell(&logs, &told, teller)?;
    nodes.stop().await.context("the nodes do not stop as they should")?;
    let entries: u64 = logs.iter().map(|log| log.report.entries).sum();
    let receipts = told.receipts();
    teller.end(
        place,
        json!({ "messages": told.sent.len(), "receipts": receipts, "log_entries": entries }),
    );
    Ok(())
}

/// Homes, cards and processes.
async fn begin(place: &Place, teller: &mut Teller<'_>) -> Result<Nodes> {
    teller.chapter("Three authorities and an organisation, and why they trust each other");
    let mut nodes = Nodes::init(place).await.context("the homes cannot be made")?;
    for node in nodes.all() {
        teller.step(
            "authority",
            &format!("{}: {}", node.id, node.about.name),
            &[
                node.about.part,
                "The words of its key, for reading out on a telephone:",
                &node.words,
            ],
            json!({ "authority": node.id, "fingerprint_words": node.words }),
        );
    }
    nodes.introduce().await.context("the cards cannot be exchanged")?;
    teller.step(
        "trust",
        "Each has taken the cards of the others, and compared the words.",
        &["A card holds every key of its authority. Whoever sits in between cannot exchange one."],
        json!({ "cards": 12 }),
    );
    let ready = nodes.start().await?;
    let listening: Vec<_> = nodes.all().iter().map(|node| node.endpoint()).collect();
    teller.step(
        "nodes",
        &format!("Four nodes run, each a process of its own: {}.", listening.join(", ")),
        &["They speak mutual TLS 1.3, with a key exchange that is built to hold against quantum \
           computers."],
        json!({ "endpoints": listening, "ready_ms": ready.as_millis() as u64 }),
    );
    Ok(nodes)
}
