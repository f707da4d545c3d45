//! Comparing the logs of a peer and of this node, for its operator.

use tonic::Status;

use super::OperatorApi;
use crate::api::convert::parse;
use crate::api::status::{to_status, whole};
use crate::domain::AuthorityId;
use crate::exchange::ActionError;
use crate::exchange::log::{index_in_log, log_of};
use crate::exchange::reconcile::{Difference, Reconciliation};
use crate::pb::v1 as pb;

impl OperatorApi {
    pub(super) async fn reconcile(&self, authority: &str) -> Result<pb::Reconciliation, Status> {
        let authority: AuthorityId = parse("authority", authority)?;
        let unknown = || ActionError::NotFound(format!("{authority} is not in the directory"));
        let peer = self.exchange.directory().get(&authority);
        let peer = peer.ok_or_else(|| to_status(unknown()))?;
        let exchange = self.exchange.clone();
        let done = whole(async move { exchange.reconcile(&peer).await }).await?;
        Ok(to_pb(self.exchange.me(), &done))
    }

    pub(super) fn logged_report(
        &self,
        authority: &str,
    ) -> Result<pb::ReconciliationReport, Status> {
        let authority: AuthorityId = parse("authority", authority)?;
        let (report, digest) = self.exchange.logged_report(&authority).map_err(to_status)?;
        let (authority, report_digest) = (authority.to_string(), hex::encode(digest));
        Ok(pb::ReconciliationReport { authority, report, report_digest })
    }
}

fn to_pb(me: &AuthorityId, done: &Reconciliation) -> pb::Reconciliation {
    let count = |(class, count): (&str, u64)| pb::ReconciledCount { class: class.into(), count };
    pb::Reconciliation {
        authority: done.peer.to_string(),
        reconcile_time: done.at.to_string(),
        complete: done.complete,
        code: done.code.unwrap_or_default().to_owned(),
        detail: done.detail.clone(),
        entries_own: done.ours,
        entries_peer: done.theirs,
        counts: done.counts().map(count).collect(),
        items: done.differences.iter().map(|found| item(me, &done.peer, found)).collect(),
        report: done.report.clone(),
        report_digest: hex::encode(done.digest),
        log_index: done.logged.map(index_in_log),
        log: done.logged.map(log_of),
    }
}

fn item(me: &AuthorityId, peer: &AuthorityId, found: &Difference) -> pb::ReconciledItem {
    let sender = if found.is_ours() { me } else { peer };
    pb::ReconciledItem {
        class: found.class().to_owned(),
        wrong: found.is_wrong(),
        message_id: found.message().unwrap_or_default(),
        sender: sender.to_string(),
        event: found.event().unwrap_or_default().to_owned(),
        entry_own: found.own_entry().map(|place| place.index),
        log_own: found.own_entry().map(|place| place.log),
        entry_peer: found.peer_entry().map(|place| place.index),
        log_peer: found.peer_entry().map(|place| place.log),
        detail: found.detail().to_owned(),
        action: found.action().to_owned(),
    }
}
