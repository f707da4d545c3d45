//! Custody records on the wire.

use super::WireError;
use super::words::{Word as _, word};
use crate::domain::Timestamp;
use crate::domain::custody::{Custodian, CustodyRecord, CustodyTool};
use crate::pb::v1 as pb;

/// A custody record for the wire.
pub fn custody_to_pb(record: CustodyRecord) -> pb::CustodyRecord {
    let CustodyRecord { action, at, by, to, place, reason, tool, seals, digest, note } = record;
    pb::CustodyRecord {
        action: action.number(),
        at: at.to_string(),
        by: Some(custodian_to_pb(by)),
        to: to.map(custodian_to_pb),
        place,
        reason,
        tool: tool.map(|CustodyTool { name, version }| pb::CustodyTool { name, version }),
        seals,
        digest,
        note,
    }
}

/// A custody record from the wire. Its rules are not judged here; `check_custody` does that.
///
/// # Errors
/// [`WireError`]: an action or a time that is none, and nobody who did it.
pub fn custody_from_pb(record: pb::CustodyRecord) -> Result<CustodyRecord, WireError> {
    let pb::CustodyRecord { action, at, by, to, place, reason, tool, seals, digest, note } = record;
    let no_time = |_| {
        let rule = "must be RFC 3339 in UTC with milliseconds, as in 2026-11-20T09:15:00.000Z";
        WireError::new("at", rule)
    };
    let by = by.ok_or_else(|| WireError::new("by", "must say who did it"))?;
    Ok(CustodyRecord {
        action: word(action, "action")?,
        at: Timestamp::parse(&at).map_err(no_time)?,
        by: custodian_from_pb(by),
        to: to.map(custodian_from_pb),
        place,
        reason,
        tool: tool.map(|pb::CustodyTool { name, version }| CustodyTool { name, version }),
        seals,
        digest,
        note,
    })
}

fn custodian_to_pb(who: Custodian) -> pb::Custodian {
    let Custodian { name, organisation } = who;
    pb::Custodian { name, organisation }
}

fn custodian_from_pb(who: pb::Custodian) -> Custodian {
    let pb::Custodian { name, organisation } = who;
    Custodian { name, organisation }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::custody::CustodyAction;

    fn record(action: CustodyAction) -> CustodyRecord {
        let who = Custodian { name: "Clerk".into(), organisation: "Court".into() };
        CustodyRecord {
            action,
            at: Timestamp::from_unix_ms(1_790_000_000_000),
            by: who.clone(),
            to: Some(who),
            place: "Capital".into(),
            reason: "Warrant".into(),
            tool: Some(CustodyTool { name: "imager".into(), version: "1".into() }),
            seals: vec!["A-1".into()],
            digest: "ab".repeat(32),
            note: "x".into(),
        }
    }

    #[test]
    fn every_field_comes_back() {
        for action in CustodyAction::ALL {
            let record = record(action);
            assert!(custody_from_pb(custody_to_pb(record.clone())) == Ok(record));
        }
    }

    #[test]
    fn what_is_no_record_is_refused_with_its_field() {
        let good = custody_to_pb(record(CustodyAction::Packed));
        for (field, bad) in [
            ("action", pb::CustodyRecord { action: 0, ..good.clone() }),
            ("action", pb::CustodyRecord { action: 99, ..good.clone() }),
            ("at", pb::CustodyRecord { at: "yesterday".into(), ..good.clone() }),
            ("by", pb::CustodyRecord { by: None, ..good.clone() }),
        ] {
            assert_eq!(custody_from_pb(bad).expect_err(field).path, field);
        }
    }
}
