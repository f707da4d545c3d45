//! What a foreign witness holds of our own log. Like a peer it is a guard against an older copy of
//! this node (I3), and where no peer answers, the only one.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Poster;
use super::ask::{Asked, Unasked, by_url};
use crate::crypto::sha256;
use crate::exchange::Exchange;
use crate::exchange::courier::Trouble;
use crate::exchange::heads::OwnHead;
use crate::store::Head;

/// How long a witness that does not answer keeps a node from its first entry.
const ANSWERS_WITHIN: Duration = Duration::from_secs(5);

/// Asks each witness of the policy that has a URL once what it holds of our newest log, before
/// anything is appended to that, until `stop`. One that cannot be reached now is asked to cosign
/// later, and then tells.
pub async fn ask_before(
    exchange: &Arc<Exchange>,
    poster: &Arc<dyn Poster>,
    stop: &CancellationToken,
) {
    let mut asking = JoinSet::new();
    for witness in by_url(exchange.policy.witnesses()) {
        let (exchange, poster) = (exchange.clone(), poster.clone());
        asking.spawn(async move {
            let origin = exchange.store.head().checkpoint.origin.clone();
            let told = exchange.held_by(&*poster, &witness.url, &origin);
            let told = tokio::time::timeout(ANSWERS_WITHIN, told).await;
            let told = told.unwrap_or_else(|_| Err(Trouble("it does not answer".into())));
            if let Err(trouble) = told {
                tracing::info!(witness = witness.name, %trouble, "not told what the witness holds");
            }
        });
    }
    tokio::select! {
        () = stop.cancelled() => {}
        _ = asking.join_all() => {}
    }
}

impl Exchange {
    /// What a witness shows of one of our logs where monitors look for it, compared with what we
    /// have: a checkpoint that this log has signed and does not have freezes the store.
    async fn held_by(
        &self,
        poster: &dyn Poster,
        url: &str,
        origin: &str,
    ) -> Result<OwnHead, Trouble> {
        let hash = hex::encode(sha256(origin.as_bytes()));
        let url = format!("{}/{hash}/checkpoint", url.trim_end_matches('/'));
        let (status, body) = poster.get(url).await?;
        match status {
            200 => {}
            404 => return Ok(OwnHead::Nothing),
            status => return Err(Trouble(format!("HTTP {status}"))),
        }
        let note = String::from_utf8(body);
        let note = note.map_err(|_| Trouble("what it shows is no text".into()))?;
        self.compare_own_head(&note).map_err(|error| Trouble(error.to_string()))
    }

    /// A witness has seen `more` entries of one of our logs than there are, or, with `None`, another
    /// past of it. What it shows of that freezes the store, if our log has signed it. Its word alone
    /// does not, for anybody can say so: that is an alert, until it cosigns that log again.
    pub(super) async fn contradicted(
        &self,
        poster: &dyn Poster,
        witness: &Asked,
        head: &Head,
        more: Option<u64>,
    ) -> Unasked {
        let origin = &head.checkpoint.origin;
        let size = self.store.head_of(head.log).map_or(0, |now| now.checkpoint.size);
        if let Some(held) = more.filter(|held| *held <= size) {
            // It was shown a later round, at another address.
            return Trouble(format!("it holds {held} entries of this log")).into();
        }
        let why = match self.held_by(poster, &witness.url, origin).await {
            Ok(OwnHead::NotOurs { size }) => {
                self.agrees(witness, head);
                let held = format!("it holds {size} entries that this log has signed and lacks");
                return Unasked::Refused(Trouble(held));
            }
            Ok(OwnHead::Nothing) => "it shows no checkpoint".to_owned(),
            Ok(OwnHead::NotSigned) => "what it shows was not signed by this log".to_owned(),
            Ok(OwnHead::Ours(_)) => "what it shows is in this log".to_owned(),
            Err(trouble) => trouble.0,
        };
        let says = contradiction(&witness.name, origin, size, more, &why);
        self.alerts.raise(&about(witness, head), says.clone());
        Unasked::Refused(Trouble(says))
    }

    /// What the witness said against one of our logs is not so any more.
    pub(super) fn agrees(&self, witness: &Asked, head: &Head) {
        self.alerts.settle(&about(witness, head));
    }
}

fn about(witness: &Asked, head: &Head) -> String {
    format!("{} {}", witness.url, head.checkpoint.origin)
}

fn contradiction(name: &str, origin: &str, size: u64, more: Option<u64>, why: &str) -> String {
    match more {
        Some(held) => format!(
            "the witness {name} says that it has seen {held} entries of {origin}, which has {size} \
             here, and does not prove it ({why}): if this node was restored from an older copy, stop \
             it and put back what it lacks with `rogatory recover` (docs/storage.md); otherwise ask \
             the operator of the witness for the checkpoint that it holds"
        ),
        None => format!(
            "the witness {name} says that it has seen another past of {origin}, and does not prove it \
             ({why}): if this node was restored from an older copy, stop it and restore the newest \
             one (docs/storage.md); otherwise ask the operator of the witness for the checkpoint that \
             it holds"
        ),
    }
}
