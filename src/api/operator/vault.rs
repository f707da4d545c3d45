//! The vault over the operator API.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tonic::Status;

use crate::api::answers::{Answers, answers};
use crate::api::exports::pass_on;
use crate::api::standing::Standing;
use crate::api::status::to_status;
use crate::exchange::pieces::piece;
use crate::exchange::vault::{Checked, Fault, Unclaimed, Usage};
use crate::exchange::{ActionError, Exchange};
use crate::pb::v1 as pb;

/// What is told of a check and may be ahead of the client.
const AHEAD: usize = 8;
/// A check of which nothing is read for this long is over.
const SILENCE_MAX: Duration = Duration::from_secs(120);

/// What evidence takes on the disk.
pub(super) async fn usage(exchange: Arc<Exchange>) -> Result<pb::VaultUsage, Status> {
    let usage = piece(move || exchange.vault_usage()).await.map_err(to_status)?;
    Ok(usage_to_pb(usage))
}

fn usage_to_pb(usage: Usage) -> pb::VaultUsage {
    let unclaimed = |all: BTreeMap<String, Unclaimed>, quota_bytes| {
        let each = all.into_iter();
        each.map(|(owner, Unclaimed { packages, bytes })| pb::UnclaimedEvidence {
            owner,
            packages,
            bytes,
            quota_bytes,
        })
        .collect()
    };
    pb::VaultUsage {
        packages: usage.survey.packages,
        bytes: usage.survey.bytes,
        passing_bytes: usage.survey.passing_bytes,
        free_bytes: usage.room.bytes,
        reserve_bytes: usage.reserve_bytes,
        agencies: unclaimed(usage.agencies, usage.agency_quota_bytes),
        peers: unclaimed(usage.peers, usage.peer_quota_bytes),
    }
}

/// What a check tells, its end last. It holds a thread to its end, which comes when nobody listens.
pub(super) fn check(
    exchange: Arc<Exchange>,
    standing: Standing,
) -> Answers<pb::CheckVaultResponse> {
    let (say, said) = mpsc::channel(1);
    let (tell, passing) = mpsc::channel(AHEAD);
    let checking = tokio::task::spawn_blocking(move || {
        let mut tell = |checked: &Checked| say.blocking_send(to_pb(checked)).is_ok();
        let whole = exchange.check_vault(&mut tell)?;
        // Nobody may be listening any more.
        let _ = say.blocking_send(pb::CheckVaultResponse { done: true, ..to_pb(&whole) });
        Ok(())
    });
    let producing = async move {
        pass_on(said, tell, SILENCE_MAX).await?;
        checking.await.map_err(ActionError::fault)?
    };
    answers(passing, producing, standing)
}

fn to_pb(checked: &Checked) -> pb::CheckVaultResponse {
    let fault = checked.fault.as_ref().map(|fault| {
        let Fault { package, message, owner, detail } = fault;
        pb::VaultFault {
            package_id: package.to_string(),
            message_id: message.map(|id| id.to_string()).unwrap_or_default(),
            owner: owner.clone(),
            detail: detail.clone(),
        }
    });
    let Checked { packages, bytes, .. } = *checked;
    pb::CheckVaultResponse { packages, bytes, fault, done: false }
}
