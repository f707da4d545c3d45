//! The values by which requests are told apart: words that are fixed, so that no table names a person or
//! a treaty in free text.

use super::StatisticsDimension as Dimension;
use crate::domain::request::{AssistanceType, GROUNDS, Instrument, Outcome, UrgencyLevel};
use crate::domain::{AuthorityId, MessageKind};

/// What stands in place of a value that nobody can read any more, because the content was erased.
pub const UNKNOWN: &str = "unknown";

/// The families that offences are counted as: those of the two Protocols, and everything else.
pub const OFFENCES: [&str; 3] = ["trafficking_in_persons", "people_smuggling", "other"];

/// The code under which treaties between two States are counted: their names are free text.
pub(in crate::domain) const BILATERAL: &str = "BILATERAL";

/// The code for a ground of which no instrument speaks.
pub(in crate::domain) const OTHER_GROUND: &str = "OTHER";

/// The code under which an instrument is counted.
pub(in crate::domain) fn instrument(of: &Instrument) -> String {
    match of {
        Instrument::Bilateral(_) => BILATERAL.to_owned(),
        fixed => fixed.to_string(),
    }
}

/// The code of a ground that is known; what a peer made up is counted with others of that sort.
pub(in crate::domain) fn ground(code: &str) -> &'static str {
    let known = GROUNDS.iter().find(|ground| ground.code == code);
    known.map_or(OTHER_GROUND, |ground| ground.code)
}

/// Whether a value can stand in a table.
pub(super) fn is_value(dimension: Dimension, value: &str) -> bool {
    use Dimension as D;
    let is = |known: &str| known == value;
    match dimension {
        D::Total => value.is_empty(),
        D::Year => value.len() == 4 && value.bytes().all(|b| b.is_ascii_digit()),
        D::Peer => AuthorityId::parse(value).is_ok(),
        D::Kind => MessageKind::parse(value).is_ok_and(MessageKind::is_request),
        D::Instrument => {
            let mut fixed = Instrument::FIXED.iter().map(ToString::to_string);
            value == BILATERAL || value == UNKNOWN || fixed.any(|code| is(&code))
        }
        D::Offence => value == UNKNOWN || OFFENCES.contains(&value),
        D::Assistance => value == UNKNOWN || AssistanceType::ALL.iter().any(|one| is(one.as_str())),
        D::Urgency => UrgencyLevel::ALL.iter().any(|one| is(one.as_str())),
        D::Outcome => Outcome::ALL.iter().any(|one| is(one.as_str())),
        D::Ground => value == OTHER_GROUND || GROUNDS.iter().any(|one| is(one.code)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_for_an_opinion_never_counts() {
        let is = |kind: MessageKind| is_value(Dimension::Kind, kind.as_str());
        assert!(is(MessageKind::Request) && !is(MessageKind::DraftConsultation));
    }
}
