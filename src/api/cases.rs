//! Cases and clocks for the client.

use std::sync::Arc;

use tonic::Status;

use super::convert::{message_ref, optional, page_size};
use super::status::{invalid, to_status};
use crate::domain::clock::{Clock, next};
use crate::domain::lifecycle::{RequestState, Side};
use crate::domain::{CaseId, Timestamp};
use crate::envelope::wire::urgency_to_pb;
use crate::exchange::cases::{CaseFilter, CaseView, LinkView, RequestView};
use crate::exchange::pieces::piece;
use crate::exchange::{Caller, Exchange};
use crate::pb::store::v1::RelatedCaseRow;
use crate::pb::v1 as pb;

/// A page of cases.
pub(super) async fn list(
    exchange: &Arc<Exchange>,
    caller: Caller,
    request: pb::ListCasesRequest,
) -> Result<pb::ListCasesResponse, Status> {
    let limit = page_size(request.page_size)?;
    let state = match request.state {
        0 => None,
        number => Some(
            RequestState::from_number(number)
                .ok_or_else(|| invalid("state", "is no state of a request"))?,
        ),
    };
    let peer = optional("peer", &request.peer)?;
    let filter = CaseFilter { overdue: request.overdue, peer, state };
    let after = match request.page_token.as_str() {
        "" => None,
        token => Some(CaseId::parse(token).map_err(|error| invalid("page_token", error))?),
    };
    let exchange = exchange.clone();
    let page = piece(move || exchange.list_cases(&caller, &filter, after, limit));
    let (cases, more) = page.await.map_err(to_status)?;
    Ok(pb::ListCasesResponse {
        cases: cases.into_iter().map(case).collect(),
        next_page_token: more.map_or_else(String::new, String::from),
    })
}

/// One case.
pub(super) async fn get(
    exchange: &Arc<Exchange>,
    caller: Caller,
    request: pb::GetCaseRequest,
) -> Result<pb::Case, Status> {
    let name = request.name.strip_prefix("cases/").unwrap_or(&request.name);
    let id = CaseId::parse(name).map_err(|error| invalid("name", error))?;
    let exchange = exchange.clone();
    let found = piece(move || exchange.case(&caller, &id)).await;
    found.map(case).map_err(to_status)
}

fn case(view: CaseView) -> pb::Case {
    let CaseView { id, peers, requests, references, related, links } = view;
    let mirrored = requests.iter().filter(|request| !request.standing.is_requested());
    let report = mirrored.map(|request| request.standing.told_ms).max().unwrap_or(0);
    pb::Case {
        name: format!("cases/{id}"),
        case_id: id.to_string(),
        peers: peers.into_iter().collect(),
        is_overdue: requests.iter().any(RequestView::is_overdue),
        report_time: told_time(report),
        requests: requests.into_iter().map(request).collect(),
        references: references.into_iter().collect(),
        related_cases: related.into_iter().map(related_case).collect(),
        extradition_links: links.iter().map(link).collect(),
    }
}

fn time(ms: i64) -> String {
    Timestamp::from_unix_ms(ms).to_string()
}

/// Empty where nothing was told.
fn told_time(ms: i64) -> String {
    if ms == 0 { String::new() } else { time(ms) }
}

fn request(view: RequestView) -> pb::CaseRequest {
    let is_overdue = view.is_overdue();
    let RequestView { id, row, details, standing, clocks } = view;
    let is_requested = standing.is_requested();
    let side = if is_requested { Side::Requested } else { Side::Requesting };
    pb::CaseRequest {
        message: format!("messages/{id}"),
        kind: row.kind,
        peer: row.peer,
        is_requested,
        reference: details.reference,
        parent: message_ref(&standing.parent),
        urgency: urgency_to_pb(standing.urgency()) as i32,
        create_time: time(row.created_ms),
        delivery: row.state,
        state: standing.state,
        since_time: standing.steps.last().map(|step| time(step.at_ms)).unwrap_or_default(),
        report_time: told_time(standing.told_ms),
        next_duty: next(&clocks).map_or(0, |clock| clock.duty as i32),
        clocks: clocks.iter().map(|one| clock(one, side)).collect(),
        is_overdue,
    }
}

fn clock(clock: &Clock, side: Side) -> pb::Clock {
    let seconds = |ms: i64| u64::try_from(ms / 1000).unwrap_or(0);
    let text = |at: Option<Timestamp>| at.map_or_else(String::new, String::from);
    let stop = |(from, until): &(Timestamp, Option<Timestamp>)| pb::ClockStop {
        start_time: from.to_string(),
        end_time: text(*until),
    };
    pb::Clock {
        duty: clock.duty as i32,
        is_ours: clock.duty.of() == side,
        start_time: clock.started.to_string(),
        stops: clock.stops.iter().map(stop).collect(),
        used_seconds: seconds(clock.used_ms),
        target_seconds: seconds(clock.target_ms),
        percent: clock.percent(),
        level: clock.level().percent(),
        due_time: text(clock.due()),
        done_time: text(clock.done),
        is_stopped: clock.is_stopped(),
        is_overdue: clock.is_overdue(),
    }
}

fn related_case(row: RelatedCaseRow) -> pb::RelatedCase {
    let RelatedCaseRow { relation, authority, case_id, reference } = row;
    pb::RelatedCase { relation, authority, case_id, reference }
}

fn link(view: &LinkView) -> pb::ExtraditionLink {
    pb::ExtraditionLink {
        message: format!("messages/{}", view.id),
        kind: view.row.kind,
        peer: view.row.peer.clone(),
        direction: i32::try_from(view.row.direction).unwrap_or_default(),
        create_time: time(view.row.created_ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::clock::Duty;

    #[test]
    fn duties_have_the_numbers_of_the_wire() {
        for duty in Duty::ALL {
            let wire = pb::Duty::try_from(duty as i32).expect("it is on the wire");
            let word = wire.as_str_name().trim_start_matches("DUTY_").to_lowercase();
            assert_eq!(word, duty.as_str());
        }
        assert!(pb::Duty::try_from(Duty::ALL.len() as i32 + 1).is_err(), "and no more");
    }
}
