//! International organisations: authorities of no State, and the few kinds of messages that they
//! take part in.

use serde::{Deserialize, Serialize};

use super::{AuthorityId, MessageKind};

/// What stands behind a card.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum AuthorityKind {
    /// The central authority of a State or territory: UNTOC 18(13).
    #[default]
    CentralAuthority,
    /// An organisation of States, as UNHCR, IOM and UNODC are.
    InternationalOrganisation,
}

/// What may pass between an organisation and anybody. Everything else is about a case, and case
/// content goes between central authorities only (UNTOC 18(13)): a kind that is not here is neither
/// sent nor taken.
pub const ORGANISATION_KINDS: &[MessageKind] = &[
    MessageKind::ProtectionReferral,
    MessageKind::VoluntaryReturnArrangement,
    MessageKind::StatisticsReturn,
    MessageKind::FrameworkUpdate,
    MessageKind::DeliveryEvidence,
    MessageKind::LogHeadExchange,
    MessageKind::Test,
];

/// Of those, what may carry files: what is published anyway. Of a person no file is sent.
const WITH_FILES: &[MessageKind] = &[MessageKind::StatisticsReturn, MessageKind::FrameworkUpdate];

/// Country codes that organisations have: those that ISO 3166-1 reserves exceptionally for the United
/// Nations and the European Union.
const ORGANISATION_CODES: [&str; 2] = ["un", "eu"];

impl AuthorityKind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CentralAuthority => "central_authority",
            Self::InternationalOrganisation => "international_organisation",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::CentralAuthority, Self::InternationalOrganisation]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }

    /// With its article, for people.
    pub fn about(self) -> &'static str {
        match self {
            Self::CentralAuthority => "a central authority",
            Self::InternationalOrganisation => "an international organisation",
        }
    }

    /// Whether it goes between central authorities only that a State has; that is, whether a card
    /// leaves the kind out.
    pub fn is_central(&self) -> bool {
        *self == Self::CentralAuthority
    }

    /// Whether an authority of this kind can have this name. An organisation is of no country: it
    /// has a code that ISO 3166-1 reserves for one, or one of those that are free for use, as
    /// exercises have. No State has the code of the United Nations.
    pub fn fits(self, authority: &AuthorityId) -> bool {
        let country = authority.country();
        match self {
            Self::CentralAuthority => country != "un",
            Self::InternationalOrganisation => {
                ORGANISATION_CODES.contains(&country) || is_user_assigned(country)
            }
        }
    }

    /// Whether a message of this kind may pass between the two.
    pub fn may_exchange(self, other: Self, kind: MessageKind) -> bool {
        (self.is_central() && other.is_central()) || ORGANISATION_KINDS.contains(&kind)
    }

    /// Whether one that does may carry evidence packages.
    pub fn may_carry(self, other: Self, kind: MessageKind) -> bool {
        (self.is_central() && other.is_central()) || WITH_FILES.contains(&kind)
    }

    /// Whether one that does may carry annexes: particulars of persons, sealed to named officials.
    pub fn may_annex(self, other: Self, kind: MessageKind) -> bool {
        let of_persons = [MessageKind::ProtectionReferral, MessageKind::VoluntaryReturnArrangement];
        (self.is_central() && other.is_central()) || of_persons.contains(&kind)
    }
}

impl std::fmt::Display for AuthorityKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// ISO 3166-1 clause 8.1.3: AA, QM to QZ, XA to XZ, ZZ.
fn is_user_assigned(country: &str) -> bool {
    match country.as_bytes() {
        b"aa" | b"zz" => true,
        [b'q', second] => (b'm'..=b'z').contains(second),
        [first, _] => *first == b'x',
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use AuthorityKind::{CentralAuthority, InternationalOrganisation};

    /// The whole table: what is not named is case content, and stays between States.
    #[test]
    fn an_organisation_takes_part_in_these_kinds_and_no_others() {
        let allowed: Vec<&str> = MessageKind::ALL
            .iter()
            .filter(|kind| CentralAuthority.may_exchange(InternationalOrganisation, **kind))
            .map(|kind| kind.as_str())
            .collect();
        let expected = [
            "FRAMEWORK_UPDATE",
            "STATISTICS_RETURN",
            "DELIVERY_EVIDENCE",
            "LOG_HEAD_EXCHANGE",
            "TEST",
            "PROTECTION_REFERRAL",
            "VOLUNTARY_RETURN_ARRANGEMENT",
        ];
        assert_eq!(allowed, expected);
        for kind in MessageKind::ALL.iter().copied() {
            let either = CentralAuthority.may_exchange(InternationalOrganisation, kind);
            assert_eq!(InternationalOrganisation.may_exchange(CentralAuthority, kind), either);
            let both = InternationalOrganisation.may_exchange(InternationalOrganisation, kind);
            assert_eq!(both, either, "{kind}");
            assert!(CentralAuthority.may_exchange(CentralAuthority, kind), "{kind}");
            assert!(!either || !kind.belongs_to_case(), "{kind} is case content");
            assert!(either || !CentralAuthority.may_carry(InternationalOrganisation, kind));
        }
    }

    #[test]
    fn an_organisation_has_the_code_of_no_state() {
        let fits = |kind: AuthorityKind, id| kind.fits(&AuthorityId::parse(id).expect("valid"));
        for id in ["un.unhcr", "un.iom", "eu.eurojust", "xz.org", "qm.org", "zz.org", "aa.org"] {
            assert!(fits(InternationalOrganisation, id), "{id}");
        }
        for id in ["th.oag", "ch.iom", "at.unodc", "ql.org", "za.org"] {
            assert!(!fits(InternationalOrganisation, id), "{id}");
        }
        assert!(fits(CentralAuthority, "th.oag") && fits(CentralAuthority, "xa.oag"));
        assert!(!fits(CentralAuthority, "un.unhcr"));
    }

    #[test]
    fn words_come_back() {
        for kind in [CentralAuthority, InternationalOrganisation] {
            assert_eq!(AuthorityKind::parse(kind.as_str()), Some(kind));
            let json = serde_json::to_string(&kind).expect("a word");
            assert_eq!(json, format!("\"{kind}\""));
        }
        assert_eq!(AuthorityKind::parse("state"), None);
    }
}
