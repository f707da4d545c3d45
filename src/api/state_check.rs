//! What is told while a node holds what it keeps against its own log.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::answers::{Answers, answers};
use super::exports::pass_on;
use super::standing::Standing;
use crate::exchange::check::{CheckReport, Divergence, Told};
use crate::exchange::log::{index_in_log, log_of};
use crate::exchange::{ActionError, Exchange};
use crate::pb::v1 as pb;

/// What is told of a check and may be ahead of the client.
const AHEAD: usize = 8;
/// A check of which nothing is read for this long is over.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// What a check tells, the report last. It holds a thread to its end, which comes when nobody listens.
pub(super) fn told(
    exchange: Arc<Exchange>,
    standing: Standing,
    bodies: bool,
) -> Answers<pb::CheckStateResponse> {
    let (say, said) = mpsc::channel(1);
    let (tell, passing) = mpsc::channel(AHEAD);
    let checking = tokio::task::spawn_blocking(move || {
        let report = exchange
            .check_state(bodies, &mut |told| say.blocking_send(told_to_pb(told)).is_ok())?;
        // Nobody may be listening any more.
        let _ = say.blocking_send(report_to_pb(&report));
        Ok(())
    });
    let producing = async move {
        pass_on(said, tell, SILENCE_MAX).await?;
        checking.await.map_err(ActionError::fault)?
    };
    answers(passing, producing, standing)
}

fn told_to_pb(told: Told) -> pb::CheckStateResponse {
    use pb::check_state_response::Told as Pb;
    let progress = |phase: &str, done, total| {
        Pb::Progress(pb::CheckProgress { phase: phase.to_owned(), done, total })
    };
    let told = match told {
        Told::Log(done, total) => progress("log", done, total),
        Told::Rows(done, total) => progress("rows", done, total),
        Told::Finding(finding) => Pb::Finding(pb::LogFinding {
            index: index_in_log(finding.index),
            log: log_of(finding.index),
            event: finding.event.to_string(),
            message_id: finding.message.map(|id| id.to_string()).unwrap_or_default(),
            rule: finding.rule.to_string(),
            severity: finding.severity().as_str().to_owned(),
            detail: finding.to_string(),
        }),
        Told::Divergence(Divergence { what, detail }) => {
            Pb::Divergence(pb::StateDivergence { what, detail })
        }
    };
    pb::CheckStateResponse { told: Some(told) }
}

fn report_to_pb(report: &CheckReport) -> pb::CheckStateResponse {
    let report = pb::CheckReport {
        size: report.size,
        root: hex::encode(report.root),
        state_digest: hex::encode(report.digest),
        messages: report.messages,
        errors: report.errors,
        notices: report.notices,
        divergences: report.divergences,
    };
    let told = Some(pb::check_state_response::Told::Report(report));
    pb::CheckStateResponse { told }
}
