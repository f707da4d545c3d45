//! The one place where errors become gRPC statuses (AIP-193).

use std::collections::HashMap;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::exchange::log::index_in_log;
use crate::exchange::{ActionError, Violation};

/// Runs an action to its end, whatever becomes of the call that asked for it: a client that goes
/// away between a commit and what follows it in memory must not leave the two apart.
///
/// # Errors
/// Those of the action, as statuses.
pub async fn whole<T: Send + 'static>(
    action: impl Future<Output = Result<T, ActionError>> + Send + 'static,
) -> Result<T, Status> {
    let done = tokio::spawn(action).await;
    done.map_err(|error| ActionError::Fault(error.to_string()))
        .and_then(|done| done)
        .map_err(to_status)
}

const DOMAIN: &str = "rogatory";

/// The status of an action's error. Faults are told to the traces; outward they are one sentence.
pub fn to_status(error: ActionError) -> Status {
    let message = error.to_string();
    match error {
        ActionError::Invalid(violations) => fields(message, violations, HashMap::new()),
        ActionError::Refused { violations, origin, entry } => {
            let logged = [("event", "SubmissionRejection".to_owned()), ("log_origin", origin)];
            let logged = logged.into_iter().chain([("log_index", index_in_log(entry).to_string())]);
            let logged = logged.map(|(key, value)| (key.to_owned(), value)).collect();
            fields(message, violations, logged)
        }
        ActionError::NotFound(_) => with(Code::NotFound, message, "NOT_FOUND"),
        ActionError::Forbidden(_) => with(Code::PermissionDenied, message, "FORBIDDEN"),
        ActionError::Conflict { code: code @ "REQUEST_ID_REUSED", .. } => {
            with(Code::AlreadyExists, message, code)
        }
        ActionError::Conflict { code, .. } => with(Code::FailedPrecondition, message, code),
        ActionError::Exhausted { code, .. } => with(Code::ResourceExhausted, message, code),
        ActionError::Stalled(_) => with(Code::DeadlineExceeded, message, "STALLED"),
        ActionError::Unavailable(_) => with(Code::Unavailable, message, "UNAVAILABLE"),
        ActionError::Fault(cause) => {
            tracing::error!(%cause, "a call failed");
            with(Code::Internal, "the node has a fault: its operator finds it traced", "FAULT")
        }
    }
}

/// Fields that break rules; `logged` says where in the log that stands, if it does.
fn fields(message: String, violations: Vec<Violation>, logged: HashMap<String, String>) -> Status {
    let mut details = ErrorDetails::with_error_info("FIELD_VIOLATION", DOMAIN, logged);
    for violation in violations {
        details.add_bad_request_violation(violation.field, violation.rule);
    }
    Status::with_error_details(Code::InvalidArgument, message, details)
}

fn info(reason: &str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, DOMAIN, [])
}

fn with(code: Code, message: impl Into<String>, reason: &str) -> Status {
    Status::with_error_details(code, message.into(), info(reason))
}

/// One field that breaks a rule.
pub fn invalid(field: &str, rule: impl ToString) -> Status {
    to_status(ActionError::invalid(field, rule.to_string()))
}
