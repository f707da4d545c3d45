//! Who had the evidence of the story before it was sent.

use time::macros::datetime;

use super::evidence::Made;
use crate::domain::Timestamp;
use crate::domain::custody::{Custodian, CustodyAction, CustodyRecord, CustodyTool};

/// The custody records of a file.
pub(super) fn of(made: &Made) -> Vec<CustodyRecord> {
    let mut records = match made.name.split_once('/') {
        Some(("telephone", _)) => of_telephone(),
        Some(("cctv", _)) => of_recording(),
        _ => of_copy(),
    };
    // Whoever packs a file says what it was then.
    if let Some(last) = records.last_mut() {
        last.digest = hex::encode(made.sha256);
    }
    records
}

fn of_telephone() -> Vec<CustodyRecord> {
    let unit = who("Officer 0117", "Anti-Trafficking Unit of Arkesh");
    let laboratory = who("Examiner 4", "Forensic Laboratory of Arkesh");
    let seized = at(datetime!(2026-06-02 05:40 UTC));
    let handed = at(datetime!(2026-06-02 14:10 UTC));
    let acquired = at(datetime!(2026-06-03 08:00 UTC));
    let tool = Some(CustodyTool { name: "Imager".into(), version: "7.2".into() });
    vec![
        CustodyRecord {
            seals: vec!["AR-0117".into()],
            ..record(CustodyAction::Seized, seized, &unit, "Office of the agency, room 2")
        },
        CustodyRecord {
            to: Some(laboratory.clone()),
            seals: vec!["AR-0117".into()],
            ..record(CustodyAction::Transferred, handed, &unit, "Forensic Laboratory, reception")
        },
        CustodyRecord {
            tool,
            seals: vec!["AR-0118".into()],
            note: "Seal AR-0117 was whole. The telephone is kept under seal AR-0118.".into(),
            ..record(CustodyAction::Acquired, acquired, &laboratory, "Forensic Laboratory, room 12")
        },
    ]
}

fn of_recording() -> Vec<CustodyRecord> {
    let operator = who("Operator on duty", "Border post of North Ford");
    let clerk = who("Clerk of evidence", "Public Prosecution Service of Belmara");
    let copied = at(datetime!(2026-04-14 09:30 UTC));
    let stored = at(datetime!(2026-04-15 07:15 UTC));
    vec![
        record(CustodyAction::Copied, copied, &operator, "Border post of North Ford"),
        CustodyRecord {
            seals: vec!["BM-2231".into()],
            ..record(CustodyAction::Stored, stored, &clerk, "Evidence room 3")
        },
    ]
}

fn of_copy() -> Vec<CustodyRecord> {
    let clerk = who("Clerk of evidence", "Prosecution");
    let copied = at(datetime!(2026-06-20 10:00 UTC));
    vec![record(CustodyAction::Copied, copied, &clerk, "Registry")]
}

fn who(name: &str, organisation: &str) -> Custodian {
    Custodian { name: name.into(), organisation: organisation.into() }
}

fn at(time: time::OffsetDateTime) -> Timestamp {
    Timestamp::from_unix_ms(time.unix_timestamp() * 1000)
}

fn record(action: CustodyAction, at: Timestamp, by: &Custodian, place: &str) -> CustodyRecord {
    CustodyRecord {
        action,
        at,
        by: by.clone(),
        to: None,
        place: place.into(),
        reason: "Mutual legal assistance to Corvane, UNTOC 18(3)".into(),
        tool: None,
        seals: Vec::new(),
        digest: String::new(),
        note: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::custody::check_custody;

    #[test]
    fn every_chain_is_sound() {
        for records in [of_telephone(), of_recording(), of_copy()] {
            assert_eq!(check_custody(&records), Ok(()));
        }
    }
}
