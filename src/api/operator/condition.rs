//! How the node is, for its operator.

use std::sync::Arc;

use tonic::Status;

use super::OperatorApi;
use crate::api::convert;
use crate::api::status::to_status;
use crate::domain::Timestamp;
use crate::domain::time::DAY_MS;
use crate::exchange::log::LogHead;
use crate::exchange::replayed::StateDigest;
use crate::exchange::{Exchange, Peer};
use crate::pb::v1 as pb;

const WAITING: &str = "the node has just started and asks its peers what they hold of its log: it \
                       takes nothing until they have answered";

/// The node's logs, the oldest first.
pub(super) fn logs(exchange: &Exchange) -> pb::ListLogsResponse {
    let log = |(head, sealed): (Arc<LogHead>, bool)| pb::Log {
        origin: head.checkpoint.origin.clone(),
        size: head.checkpoint.size,
        root: hex::encode(head.checkpoint.root),
        sealed,
    };
    let ended = exchange.log_ends().into_iter().map(|head| (head, true));
    pb::ListLogsResponse { logs: ended.chain([(exchange.log_head(), false)]).map(log).collect() }
}

impl OperatorApi {
    pub(super) async fn status(&self) -> Result<pb::Status, Status> {
        let exchange = &self.exchange;
        // Before the head is read: then it is no larger than the log that is shown.
        let replayed = exchange.recent_state_digest().await.map_err(to_status)?;
        let head = exchange.log_head();
        let queued = exchange.waiting().map_err(to_status)?.len();
        let overdue = exchange.overdue().await.map_err(to_status)?;
        let unopened = exchange.unopened().map_err(to_status)?;
        Ok(pb::Status {
            authority: exchange.me().to_string(),
            software: exchange.software().to_owned(),
            start_time: self.facts.start_time.clone(),
            log_origin: head.checkpoint.origin.clone(),
            log_size: head.checkpoint.size,
            log_root: hex::encode(head.checkpoint.root),
            peers: self.peers()?,
            queued: u32::try_from(queued).unwrap_or(u32::MAX),
            unopened: u32::try_from(unopened).unwrap_or(u32::MAX),
            warnings: self.warnings(replayed.as_deref()),
            replayed: replayed.as_deref().map(convert::replayed),
            exchange_address: self.facts.exchange_address.clone(),
            agency_address: self.facts.agency_address.clone(),
            resident_bytes: resident_bytes(),
            overdue_ours: overdue.ours as u64,
            overdue_peers: overdue.peers as u64,
        })
    }

    fn peers(&self) -> Result<Vec<pb::PeerStatus>, Status> {
        self.exchange.directory().all().iter().map(|peer| self.peer_status(peer)).collect()
    }

    fn peer_status(&self, peer: &Peer) -> Result<pb::PeerStatus, Status> {
        let name = peer.authority();
        let link = self.exchange.link(name);
        let head = self.exchange.head_of(peer);
        let reconciled = self.exchange.last_reconciled(name).map_err(to_status)?;
        let (reconcile_time, reconcile_code) =
            reconciled.map(|(at, code)| (at.to_string(), code)).unwrap_or_default();
        Ok(pb::PeerStatus {
            authority: name.to_string(),
            connected: link.connected,
            trouble: if link.connected { self.exchange.bulk_waits(name) } else { link.trouble },
            queued: u32::try_from(self.exchange.outbox().waiting(name)).unwrap_or(u32::MAX),
            log_size: head.map_or(0, |head| head.checkpoint().size),
            clock_offset_ms: link.clock_offset_ms,
            reconcile_time,
            reconcile_code,
            card_version: self.exchange.our_card_at(name).unwrap_or_default(),
        })
    }

    fn warnings(&self, replayed: Option<&StateDigest>) -> Vec<String> {
        let mut warnings = self.facts.warnings.clone();
        if let Some(errors) = replayed.map(|replayed| replayed.errors).filter(|n| *n > 0) {
            warnings.push(format!(
                "{errors} entries of this node's own log break a rule of their order: \
                 `rogatory audit check` names them"
            ));
        }
        if self.exchange.is_read_only() {
            warnings.push(
                "a longer log of this node is known than the node itself has: it takes nothing \
                 until it has what it lacks: `rogatory recover` (docs/storage.md)"
                    .into(),
            );
        }
        if self.exchange.is_waiting() {
            warnings.push(WAITING.into());
        }
        warnings.extend(self.exchange.vault_is_full());
        warnings.extend(self.exchange.witness_alerts());
        let now = self.exchange.now();
        for peer in self.exchange.directory().all() {
            if let Some(code) = &peer.suspended {
                warnings.push(format!("{} is suspended: {code}", peer.authority()));
            }
            if let Some(why) = self.exchange.refused_card(peer.authority()) {
                let name = peer.authority();
                warnings.push(format!(
                    "the newest card that {name} has sent is not taken, and the one before goes on: \
                     {why}: ask {name} by another road what it has changed"
                ));
            }
            warnings.extend(self.disagreement(&peer));
            if let Some(text) =
                ends_soon(&format!("the card of {}", peer.authority()), peer.card.expires(), now)
            {
                warnings.push(text);
            }
        }
        warnings
    }
}

impl OperatorApi {
    fn disagreement(&self, peer: &Peer) -> Option<String> {
        let name = peer.authority();
        let (at, code) = self.exchange.last_reconciled(name).ok()??;
        (!code.is_empty()).then(|| {
            format!(
                "the logs of {name} and of this node do not agree: {code}, at {at}: `rogatory \
                 peer reconcile {name}` says in what"
            )
        })
    }
}

/// Warned of this long before something ends: time for a meeting about it.
const WARN_BEFORE_MS: i64 = 60 * DAY_MS;

/// The warning about something that ends within sixty days, or has ended.
pub fn ends_soon(what: &str, ends: Timestamp, now: Timestamp) -> Option<String> {
    if ends < now {
        return Some(format!("{what} ended at {ends}"));
    }
    (ends < now.plus_ms(WARN_BEFORE_MS)).then(|| format!("{what} ends at {ends}"))
}

/// Resident memory of this process; 0 where the kernel does not say.
fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}
