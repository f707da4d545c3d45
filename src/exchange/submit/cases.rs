//! The numbers of the cases that this authority opens.

use std::sync::{Mutex, PoisonError};

use crate::exchange::ActionError;
use crate::store::{Store, Table};

/// Gives case numbers. A number that was given and not used is a gap, never a double.
#[derive(Default)]
pub(in crate::exchange) struct CaseNumbers(Mutex<Option<(i32, u64)>>);

impl CaseNumbers {
    pub(super) fn next(&self, store: &Store, year: i32) -> Result<u64, ActionError> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = match *last {
            Some((known_year, number)) if known_year == year => number,
            _ => match store.get(Table::Settings, &case_key(year))? {
                Some(bytes) => u64::from_be_bytes(bytes.as_slice().try_into().unwrap_or_default()),
                None => 0,
            },
        };
        *last = Some((year, known + 1));
        Ok(known + 1)
    }
}

/// Where the number that was given last stands.
pub(super) fn case_key(year: i32) -> Vec<u8> {
    format!("case/{year}").into_bytes()
}
