//! Statistics for the client.

use std::sync::Arc;

use tonic::Status;

use super::convert::optional;
use super::status::{invalid, to_status};
use crate::domain::AuthorityId;
use crate::domain::limits::SMALLEST_CELL;
use crate::domain::statistics::{Period, suppress};
use crate::envelope::wire::statistics_to_pb;
use crate::exchange::cases::statistics::{Counted, Figures};
use crate::exchange::{Caller, Exchange};
use crate::pb::v1 as pb;

/// What the requests of a period add up to.
pub(super) async fn get(
    exchange: &Arc<Exchange>,
    caller: &Caller,
    request: pb::GetStatisticsRequest,
) -> Result<pb::GetStatisticsResponse, Status> {
    let period = Period::parse(&request.from, &request.until);
    let period = period.and_then(|period| period.begun(exchange.now()));
    let period = period.map_err(|error| invalid(error.field(), error))?;
    let peer = optional("peer", &request.peer)?;
    peer.as_ref().map_or(Ok(()), |peer| was_met(exchange, peer))?;
    let _pass = exchange.gates().statistics.enter(&caller.name).map_err(to_status)?;
    let counted = exchange.statistics(caller, Counted { period, peer }).await;
    let Figures { whole, unread } = counted.map_err(to_status)?;
    let (figures, unread) = match request.unsuppressed {
        true => (whole, unread),
        false => (suppress(whole, SMALLEST_CELL), 0),
    };
    Ok(pb::GetStatisticsResponse {
        statistics: Some(statistics_to_pb(&figures)),
        authority: exchange.me().to_string(),
        all_cases: caller.all_cases,
        unread,
    })
}

/// Whether anything can have been exchanged with an authority: figures of a name that nobody has
/// would be nothing, and be taken for a count.
fn was_met(exchange: &Exchange, peer: &AuthorityId) -> Result<(), Status> {
    if peer == exchange.me() {
        let rule = format!("{peer} is this authority: it makes no requests to itself");
        return Err(invalid("peer", rule));
    }
    let known = exchange.directory().get(peer).is_some()
        || !exchange.card_history(peer).map_err(to_status)?.is_empty();
    match known {
        true => Ok(()),
        false => Err(invalid("peer", format!("{peer} is not in the directory, and never was"))),
    }
}
