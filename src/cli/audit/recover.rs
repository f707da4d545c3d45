//! `rogatory recover`: puts back into an older copy of a home what an export of its log has.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::chain::Alone;
use super::dir::Export;
use super::{excerpt, verify};
use crate::audit::Position;
use crate::audit::entry::Entry;
use crate::audit::export::{CARDS, RECEIPTS};
use crate::audit::manifest::MANIFEST_PATH;
use crate::card::Card;
use crate::cli::connect::HomeAccess;
use crate::cli::evidence::files_below;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{read_card, read_text};
use crate::cli::out::{Out, Unit};
use crate::crypto::sha256;
use crate::domain::AuthorityId;
use crate::node::{EXPORT_TOO_OLD, Known, Lost, PAGE, Page, Recovered, Recovery};

/// Puts back what an older copy of a home lacks, from an export of its log
///
/// A home that was restored from a backup lacks the end of its log. A node would give it another
/// end, which no witness accepts; so it takes nothing until it has the entries again that it once
/// had, to the last one that anybody knows: peers are asked. Whoever has an export that is new enough
/// has them: auditors, or a copy of your own.
///
///   rogatory recover export/ --home /var/lib/rogatory
///
/// Entries come back, and with them states, receipts, peers, holds and erasures. Contents do not:
/// messages that came or were submitted since the copy are listed, their senders are told, and what
/// was sent from here is to be submitted again. Stop the node first.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct RecoverArgs {
    /// The export
    export: PathBuf,
    #[command(flatten)]
    access: HomeAccess,
    /// Begins anew where the data directory has no journal: everything in it is lost
    ///
    /// Look first whether its disk is mounted.
    #[arg(long)]
    from_nothing: bool,
    /// Goes on although a peer cannot be asked what it holds of this log
    ///
    /// If it holds more than the export has, the log is forked from then on, and that peer never
    /// takes anything of it again.
    #[arg(long)]
    unasked: bool,
}

pub(crate) async fn run(args: RecoverArgs, out: &mut Out) -> Result<(), Failure> {
    let home = args.access.home()?;
    excerpt::refuse(&args.export)?;
    let card = Recovery::card(home)?;
    let export = Source::open(&args.export, card, out)?;
    let passphrase = args.access.passphrase_file();
    let recovery = Recovery::open(home, passphrase, export.log.note(), args.from_nothing)?;
    let done = recover(&recovery, &export, args.unasked, out).await;
    let ended = recovery.end().await;
    let (entries, recovered) = done?;
    ended?;
    tell(entries, recovered.as_ref(), out);
    Ok(())
}

async fn recover(
    recovery: &Recovery,
    export: &Source,
    unasked: bool,
    out: &mut Out,
) -> Result<(u64, Option<Recovered>), Failure> {
    let begun = async {
        let silent = agrees(recovery, export).await?;
        // What is put back may bring the way to them.
        if !export.has_more_than(recovery.end_here()) {
            all_asked(&silent, unasked, out)?;
        }
        Ok(())
    };
    if let Err(failure) = begun.await {
        recovery.leave();
        return Err(failure);
    }
    // From here on only the end of all of it lets the home take anything again.
    let entries = put_back(recovery, export, out).await?;
    // Also where another run has put it back, and was refused for who was silent.
    if entries > 0 || recovery.was_frozen() {
        let mut silent = agrees(recovery, export).await?;
        silent.extend(recovery.peers_without_card()?);
        if let Err(failure) = all_asked(&silent, unasked, out) {
            out.talk(&format!(
                "note: {entries} entries are put back: the next run goes on from there"
            ));
            return Err(failure);
        }
    }
    let manifest = read_text(&export.dir.join(MANIFEST_PATH))?;
    let document = sha256(manifest.as_bytes());
    Ok((entries, recovery.close(entries, export.end(), document).await?))
}

/// Whether everything that anybody knows of the log is one of the export's states. Gives the peers
/// that did not say what they know.
async fn agrees(recovery: &Recovery, export: &Source) -> Result<BTreeSet<AuthorityId>, Failure> {
    let heard = recovery.ask_peers().await?;
    recovery.known(&heard)?.iter().try_for_each(|known| export.agrees(known))?;
    match export.log.logs().find(|(_, one)| recovery.differs(one.note())) {
        Some((_, one)) => Err(went_on(one)),
        None => Ok(heard.silent.into_iter().collect()),
    }
}

fn all_asked(silent: &BTreeSet<AuthorityId>, unasked: bool, out: &mut Out) -> Result<(), Failure> {
    if silent.is_empty() {
        return Ok(());
    }
    let names = silent.iter().map(|peer| peer.as_str()).collect::<Vec<_>>().join(", ");
    let message = format!("not told what they hold of this log: {names}");
    if unasked {
        out.talk(&format!("warning: {message}"));
        return Ok(());
    }
    Err(Failure::new(Exit::Unavailable, message).hint(
        "try again when they can be reached, and recover goes on: if one of them holds more than the \
         export has, this log would be forked; --unasked goes on without them",
    ))
}

/// An export that was verified with the home's own card.
struct Source {
    log: Export,
    dir: PathBuf,
    cards: Vec<Card>,
}

impl Source {
    fn open(dir: &Path, card: Card, out: &mut Out) -> Result<Self, Failure> {
        verify::verify(dir, &card, None, Alone::default(), out, &mut |_, _| {})?;
        let names = files_below(&dir.join(CARDS))?;
        let cards = names.iter().map(|file| read_card(&dir.join(CARDS).join(&file.name)));
        let cards = cards.collect::<Result<_, _>>()?;
        Ok(Self { log: Export::verified(dir, card)?, dir: dir.to_owned(), cards })
    }

    /// Where it ends.
    fn end(&self) -> Position {
        let last = self.log.logs().last().map_or(0, |(log, _)| log);
        Position::new(last, self.log.checkpoint().size)
    }

    fn has_more_than(&self, here: Position) -> bool {
        self.end() > here
    }

    /// How many entries follow those that a home has.
    fn lacks(&self, log: u32, size: u64) -> u64 {
        let later = self.log.logs().filter(|(number, _)| *number >= log);
        later.map(|(_, one)| one.checkpoint().size).sum::<u64>().saturating_sub(size)
    }

    /// Whether a state that is known of a log is one of the export's.
    fn agrees(&self, known: &Known) -> Result<(), Failure> {
        let Known { by, size, .. } = known;
        let is_it = |log: u32, export: &Export| {
            known.log.is_none_or(|number| number == log)
                && (known.origin.is_empty() || known.origin == export.checkpoint().origin)
        };
        let found = self.log.logs().find(|(log, export)| is_it(*log, export));
        match (by, found) {
            (_, Some((_, export))) if *size <= export.checkpoint().size => self.has(known, export),
            // The home has more: whether it has what the export has is compared there.
            (None, Some(_)) => Ok(()),
            (None, None) if known.log > Some(self.end().log) => Ok(()),
            (None, None) => Err(went_on(&self.log)),
            (Some(by), _) => {
                let message =
                    format!("{by} knows {size} entries, and the export does not go as far");
                Err(Failure::new(Exit::VerificationFailed, message).hint(EXPORT_TOO_OLD))
            }
        }
    }

    fn has(&self, known: &Known, export: &Export) -> Result<(), Failure> {
        if export.extends(known.size, &known.root)? {
            return Ok(());
        }
        let Some(by) = &known.by else { return Err(went_on(export)) };
        let message = format!(
            "{by} knows another past than the export: their first {} entries of {} differ",
            known.size,
            export.checkpoint().origin
        );
        Err(Failure::new(Exit::VerificationFailed, message)
            .hint("keep both: one of them is a fork of this log, signed with its key"))
    }

    /// The texts of the receipts that entries of a log record.
    fn receipts(&self, log: &Export, entries: &[Vec<u8>]) -> Result<Receipts, Failure> {
        let mut receipts = Receipts::new();
        for entry in entries.iter().filter_map(|bytes| Entry::parse(bytes).ok()) {
            let (Some(message), Some(by)) = (entry.message, &entry.by) else { continue };
            if entry.is_recorded_receipt() {
                let name = format!("{RECEIPTS}{message}.{}.{by}.tlog-proof", entry.event);
                let path = [log.path(), &self.dir].map(|dir| dir.join(&name));
                let path = path.iter().find(|path| path.exists()).unwrap_or(&path[0]);
                let text = read_text(path).map_err(|failure| {
                    failure.or_hint("give an export with receipts: this one was made without")
                })?;
                receipts.insert(sha256(text.as_bytes()), text);
            }
        }
        Ok(receipts)
    }
}

/// The home has entries that the export has not, in the place of others.
fn went_on(export: &Export) -> Failure {
    let message = format!(
        "this home has gone on by itself since it was restored: its entries of {} are not those of \
         the export",
        export.checkpoint().origin
    );
    Failure::new(Exit::VerificationFailed, message).hint(
        "keep it aside, for what came to it since is nowhere else; restore the copy once more and, \
         without starting the node on it, recover that",
    )
}

type Receipts = BTreeMap<crate::crypto::Digest, String>;

/// Puts back what is lacking; gives how many entries.
async fn put_back(recovery: &Recovery, export: &Source, out: &mut Out) -> Result<u64, Failure> {
    let here = recovery.end_here();
    let (log, size) = (here.log, here.index);
    let mut ends: Option<(Vec<u8>, String)> = None;
    let (mut done, total) = (0, export.lacks(log, size));
    let bar = out.progress("putting back", total, Unit::Entries);
    for (number, one) in export.log.logs().skip(log as usize) {
        if let Some((_, origin)) = &mut ends {
            origin.clone_from(&one.checkpoint().origin);
        }
        let mut from = if number == log { size } else { 0 };
        let until = one.checkpoint().size - u64::from(number < export.end().log);
        while from < until {
            let entries = one.some(from, until.min(from + PAGE as u64))?;
            let receipts = export.receipts(one, &entries)?;
            from += entries.len() as u64;
            done += entries.len() as u64 + u64::from(ends.is_some());
            let page = Page { ends: ends.take(), entries, receipts };
            recovery.put_back(page, &export.cards).await?;
            bar.at(done);
        }
        if from < one.checkpoint().size {
            let sealed = one.some(from, from + 1)?;
            ends = sealed.into_iter().next().map(|sealed| (sealed, String::new()));
        }
    }
    Ok(done)
}

fn tell(entries: u64, recovered: Option<&Recovered>, out: &mut Out) {
    let nothing = Recovered::default();
    let found = recovered.unwrap_or(&nothing);
    if out.is_json() {
        return out.json(&json!({
            "put_back": entries,
            "recovered": recovered.is_some(),
            "lost": found.lost.iter().map(lost_json).collect::<Vec<_>>(),
            "peers_removed": found.peers,
            "agencies_revoked": found.agencies,
        }));
    }
    if recovered.is_none() {
        return out.record(&[("put back", "nothing: the log lacks nothing".into())], &Value::Null);
    }
    let fields = [
        ("put back", format!("{entries} entries")),
        ("messages without content", found.lost.len().to_string()),
        ("peers to add again", found.peers.join("\n")),
        ("agencies to register again", found.agencies.join("\n")),
    ];
    out.record(&fields, &Value::Null);
    if !found.lost.is_empty() {
        out.data("");
        let header = ["message", "direction", "peer", "agency", "state", "to do"];
        out.list(&header, &found.lost, lost_row, lost_json);
    }
    out.talk(
        "note: the node does not remember what it has cosigned since the copy was made: `rogatory \
         key rotate witness` keeps it from being held to that",
    );
}

fn lost_row(lost: &Lost) -> Vec<String> {
    vec![
        lost.id.to_string(),
        direction(lost).to_owned(),
        lost.peer.clone(),
        lost.agency.clone(),
        lost.state.as_str().to_owned(),
        to_do(lost).to_owned(),
    ]
}

fn direction(lost: &Lost) -> &'static str {
    if lost.sent { "sent" } else { "received" }
}

fn to_do(lost: &Lost) -> &'static str {
    use crate::domain::delivery::DeliveryState as D;
    match (lost.sent, lost.state) {
        (true, D::ExpiredUnknown) => "ask the peer whether it came; if not, submit it again",
        (false, D::HandedOver) => "its agency has it",
        (false, _) => "its sender is told: it must come again",
        (true, _) => "nothing: the peer has it",
    }
}

fn lost_json(lost: &Lost) -> Value {
    json!({
        "message_id": lost.id,
        "direction": direction(lost),
        "peer": lost.peer,
        "agency": lost.agency,
        "state": lost.state.as_str(),
    })
}
