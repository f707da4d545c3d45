//! Who calls, and what is looked at of an answer.

use prost::Message as _;

use crate::exchange::ActionError;
use crate::exchange::agencies::{Caller, Role};
use crate::exchange::rows::MessageRow;

/// An agency that may do what agencies may, in all cases.
pub(in crate::exchange) fn desk() -> Caller {
    Caller { name: "desk".into(), roles: vec![Role::Submit, Role::Read], all_cases: true }
}

/// Whoever operates.
pub(in crate::exchange) fn operator() -> Caller {
    Caller::local_operator()
}

/// The code of a conflict.
pub(in crate::exchange) fn conflict<T>(result: Result<T, ActionError>) -> &'static str {
    match result {
        Err(ActionError::Conflict { code, .. }) => code,
        Err(other) => panic!("another error: {other}"),
        Ok(_) => panic!("no error"),
    }
}

/// What is stored in a row, as it is written.
pub(in crate::exchange) fn encoded(row: &MessageRow) -> Vec<u8> {
    row.encode_to_vec()
}
