//! `rogatory audit check`: a node's own state against its own log.

use clap::Args;
use serde_json::{Value, json};

use crate::audit::Position;
use crate::cli::connect::OperatorAccess;
use crate::cli::exit::{Exit, Failure};
use crate::cli::out::{Out, Progress, Unit};
use crate::pb::v1 as pb;
use crate::pb::v1::audit_service_client::AuditServiceClient;
use pb::check_state_response::Told;

/// Holds what a node keeps of messages, peers and agencies against its own log, while it runs
///
/// The log is replayed from its first entry. What the node has otherwise than the log says is
/// named, the first first; so is every entry that breaks a rule of its order.
#[derive(Args)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    access: OperatorAccess,
    /// Reads every stored message too, and compares its digest
    #[arg(long)]
    bodies: bool,
}

/// What the phase is called in which the logs are replayed.
const LOG: &str = "log";

/// Findings that are listed.
const LISTED_MAX: usize = 1000;

pub(super) async fn run(args: CheckArgs, out: &mut Out) -> Result<(), Failure> {
    let CheckArgs { access, bodies } = args;
    let check = async |channel, out: &mut Out| {
        let mut client = AuditServiceClient::new(channel);
        let request = pb::CheckStateRequest { bodies };
        let mut told = client.check_state(request).await?.into_inner();
        let mut bar: Option<(String, Progress)> = None;
        let mut found = Found::default();
        while let Some(pb::CheckStateResponse { told: Some(told) }) = told.message().await? {
            match told {
                Told::Progress(progress) => {
                    found.saw(&progress);
                    show(&mut bar, &progress, out);
                }
                // All are counted in the report.
                Told::Finding(_) if found.findings.len() == LISTED_MAX => {}
                Told::Finding(finding) => found.findings.push(finding),
                Told::Divergence(divergence) => found.divergences.push(divergence),
                Told::Report(report) => found.report = Some(report),
            }
        }
        Ok(found)
    };
    let found = access.at(out, check).await?;
    found.tell(out)
}

fn show(bar: &mut Option<(String, Progress)>, progress: &pb::CheckProgress, out: &Out) {
    if bar.as_ref().is_none_or(|(phase, _)| *phase != progress.phase) {
        let what = if progress.phase == LOG { "replaying" } else { "comparing" };
        *bar = Some((progress.phase.clone(), out.progress(what, progress.total, Unit::Entries)));
    }
    if let Some((_, bar)) = bar {
        bar.at(progress.done);
    }
}

#[derive(Default)]
struct Found {
    findings: Vec<pb::LogFinding>,
    divergences: Vec<pb::StateDivergence>,
    report: Option<pb::CheckReport>,
    /// Entries of all logs that were replayed.
    replayed: u64,
}

impl Found {
    fn saw(&mut self, progress: &pb::CheckProgress) {
        if progress.phase == LOG {
            self.replayed = self.replayed.max(progress.done);
        }
    }

    fn tell(&self, out: &mut Out) -> Result<(), Failure> {
        let Some(report) = &self.report else {
            return Err(Failure::new(Exit::Unavailable, "the check ended early")
                .hint("is the node being stopped? check again"));
        };
        out.record(&self.fields(report), &self.json(report));
        if !out.is_json() {
            self.tables(out);
        }
        match (self.divergences.first(), report.errors) {
            (Some(first), _) => {
                let message = format!("{}: {}", first.what, first.detail);
                Err(Failure::new(Exit::VerificationFailed, message).hint(
                    "the log is what was signed: keep the home as it is, and look at docs/storage.md",
                ))
            }
            (None, 0) => Ok(()),
            (None, errors) => {
                let message = format!("{errors} entries of the log break a rule of their order");
                Err(Failure::new(Exit::VerificationFailed, message))
            }
        }
    }

    fn fields(&self, report: &pb::CheckReport) -> [(&'static str, String); 7] {
        let size = report.size;
        let replayed = match self.replayed {
            all if all > size => format!("{all} entries, {size} of them in the newest log"),
            _ => format!("{size} entries"),
        };
        [
            ("replayed", replayed),
            ("root", report.root.clone()),
            ("state digest", report.state_digest.clone()),
            ("messages compared", report.messages.to_string()),
            ("divergences", report.divergences.to_string()),
            ("errors", report.errors.to_string()),
            ("notices", report.notices.to_string()),
        ]
    }

    fn tables(&self, out: &mut Out) {
        let none = |_: &Vec<String>| Value::Null;
        let findings = self.findings.iter().map(|f| {
            let place = Position::new(f.log, f.index).to_string();
            vec![place, f.severity.clone(), f.rule.clone(), f.detail.clone()]
        });
        let divergences = self.divergences.iter().map(|d| vec![d.what.clone(), d.detail.clone()]);
        let tables: [(&[&str], Vec<Vec<String>>); 2] = [
            (&["what", "log and node"], divergences.collect()),
            (&["entry", "severity", "rule", "finding"], findings.collect()),
        ];
        for (header, rows) in tables {
            if !rows.is_empty() {
                out.data("");
                out.list(header, &rows, Clone::clone, none);
            }
        }
    }

    fn json(&self, report: &pb::CheckReport) -> Value {
        let findings = self.findings.iter().map(|f| {
            json!({
                "index": f.index,
                "log": f.log,
                "event": f.event,
                "message_id": f.message_id,
                "rule": f.rule,
                "severity": f.severity,
                "detail": f.detail,
            })
        });
        let divergences =
            self.divergences.iter().map(|d| json!({ "what": d.what, "detail": d.detail }));
        json!({
            "ok": report.divergences == 0 && report.errors == 0,
            "size": report.size,
            "replayed": self.replayed.max(report.size),
            "root": report.root,
            "state_digest": report.state_digest,
            "messages": report.messages,
            "errors": report.errors,
            "notices": report.notices,
            "divergences_found": report.divergences,
            "divergences": divergences.collect::<Vec<_>>(),
            "findings": findings.collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::{Format, testing::memory};

    fn found(divergences: u64, errors: u64) -> Found {
        let report = pb::CheckReport { size: 9, divergences, errors, ..Default::default() };
        let one = |n: u64| pb::StateDivergence { what: format!("message {n}"), detail: "x".into() };
        Found {
            findings: Vec::new(),
            divergences: (0..divergences).map(one).collect(),
            report: Some(report),
            replayed: 0,
        }
    }

    #[test]
    fn what_differs_ends_in_a_failure_that_names_the_first() {
        let (mut out, data, _) = memory(Format::Json);
        let failure = found(2, 1).tell(&mut out).expect_err("they differ");
        assert_eq!(failure.code, Exit::VerificationFailed);
        assert_eq!(failure.message, "message 0: x");
        assert_eq!(data.json()["divergences"][1]["what"], "message 1");
        let (mut out, ..) = memory(Format::Table);
        let failure = found(0, 3).tell(&mut out).expect_err("the log itself is wrong");
        assert_eq!(failure.code, Exit::VerificationFailed);
    }

    #[test]
    fn what_agrees_is_told_and_a_check_that_ends_early_is_none() {
        let (mut out, data, _) = memory(Format::Table);
        found(0, 0).tell(&mut out).expect("they agree");
        assert!(data.text().contains("9 entries"), "{}", data.text());
        let mut several = found(0, 0);
        for (phase, done) in [("log", 100), ("log", 197), ("rows", 999)] {
            several.saw(&pb::CheckProgress { phase: phase.into(), done, total: 999 });
        }
        let (mut out, data, _) = memory(Format::Table);
        several.tell(&mut out).expect("they agree");
        assert!(
            data.text().contains("197 entries, 9 of them in the newest log"),
            "{}",
            data.text()
        );
        let (mut out, ..) = memory(Format::Table);
        let failure = Found::default().tell(&mut out).expect_err("no report");
        assert_eq!(failure.code, Exit::Unavailable);
    }
}
