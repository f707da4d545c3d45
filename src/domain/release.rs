//! Whether what another authority gave may go to somebody else of this one, and for what.
//!
//! Evidence stays within the proceeding for which it was asked for, unless its sender consents (UNTOC
//! 18(19)); information that came unasked is bound by what its sender says (18(5)); conditions bind
//! once they are accepted (18(26)). What exculpates an accused person may always be disclosed, and the
//! sender is told before, or where that cannot be, without delay (18(5), (19)).

use crate::domain::MessageKind;
use crate::domain::request::{LimitKind, MlaRequest, Note, ReleasePurpose, UseLimit};

/// What bears on the release of one message.
#[derive(Clone, Default)]
pub struct Bearing {
    /// What limits its use.
    pub limits: Vec<UseLimit>,
    /// Its sender has consented to another use.
    pub consented: bool,
    /// Its sender was told that it exculpates somebody.
    pub notified: bool,
}

/// What a release rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ground {
    /// It stays within the proceeding.
    SameProceeding,
    /// Nothing limits its use.
    NoLimit,
    /// The sender's consent.
    Consent,
    /// It exculpates somebody, and the sender was told.
    Notice,
    /// It exculpates somebody, and the sender is told without delay.
    NoticeFollows,
}

/// What a release lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Lack {
    /// The consent of the sender.
    #[error(
        "its use is limited ({0}), and its sender has not consented to another one: ask with a \
         USE_CONSENT_REQUEST that answers it (UNTOC 18(19))"
    )]
    Consent(LimitKind),
    /// The sender does not know.
    #[error(
        "its sender has not been told: send an EXCULPATORY_NOTICE that answers it, and wait until it \
         has arrived (UNTOC 18(5), (19))"
    )]
    Notice,
}

impl Ground {
    /// The code that stands in the log.
    pub fn code(self) -> &'static str {
        match self {
            Self::SameProceeding => "SAME_PROCEEDING",
            Self::NoLimit => "NO_LIMIT",
            Self::Consent => "CONSENT",
            Self::Notice => "NOTICE",
            Self::NoticeFollows => "NOTICE_FOLLOWS",
        }
    }
}

impl Bearing {
    /// What a release for a purpose rests on; `today` is `YYYY-MM-DD`. With `notice_follows`,
    /// advance notice is not possible.
    ///
    /// # Errors
    /// [`Lack`] says what has to be there before.
    pub fn permits(
        &self,
        purpose: ReleasePurpose,
        today: &str,
        notice_follows: bool,
    ) -> Result<Ground, Lack> {
        match purpose {
            ReleasePurpose::SameProceeding => Ok(Ground::SameProceeding),
            ReleasePurpose::Exculpatory if self.notified => Ok(Ground::Notice),
            ReleasePurpose::Exculpatory if notice_follows => Ok(Ground::NoticeFollows),
            ReleasePurpose::Exculpatory => Err(Lack::Notice),
            ReleasePurpose::OtherPurpose if self.consented => Ok(Ground::Consent),
            ReleasePurpose::OtherPurpose => match self.limits.iter().find(|l| l.binds(today)) {
                Some(limit) => Err(Lack::Consent(limit.kind)),
                None => Ok(Ground::NoLimit),
            },
        }
    }
}

impl UseLimit {
    /// Whether it still binds on a day, `YYYY-MM-DD`: also on its last.
    pub fn binds(&self, today: &str) -> bool {
        self.until.is_empty() || today <= self.until.as_str()
    }

    fn of_all(kind: LimitKind, text: &str, until: &str) -> Self {
        let (text, until) = (text.to_owned(), until.to_owned());
        Self { kind, text, until, package: None, exhibit: None }
    }
}

/// What limits the use of what a message of another authority brings: what it says itself, the
/// `purpose` of the request of ours that it answers, and the conditions that were accepted. What police
/// tell police is a lead until a formal request about it is executed: then it is `confirmed`.
pub fn limits(
    kind: MessageKind,
    note: &Note,
    purpose: Option<&str>,
    conditions: &[String],
    confirmed: bool,
) -> Vec<UseLimit> {
    let mut limits = Vec::new();
    if kind.is_police() && !confirmed {
        limits.push(UseLimit::of_all(LimitKind::LeadOnly, "", ""));
    }
    let answers =
        matches!(kind, MessageKind::EvidencePackage | MessageKind::AdditionalInfoResponse);
    if let Some(purpose) = purpose.filter(|_| answers) {
        limits.push(UseLimit::of_all(LimitKind::Specialty, purpose, ""));
    }
    limits.extend(note.use_limits.iter().cloned());
    let condition = |text: &String| UseLimit::of_all(LimitKind::Condition, text, "");
    limits.extend(conditions.iter().map(condition).filter(|_| answers));
    limits
}

/// What limits the use of a request of another authority: what it wants to be kept secret.
pub fn limits_of_request(request: &MlaRequest) -> Vec<UseLimit> {
    let secrecy = request.confidentiality.as_ref();
    let secret = secrecy.filter(|secrecy| secrecy.fact_secret || secrecy.substance_secret);
    let limit = |secrecy: &crate::domain::request::Confidentiality| {
        UseLimit::of_all(LimitKind::Confidential, &secrecy.reason, &secrecy.until)
    };
    secret.map(limit).into_iter().collect()
}

/// What limits the use of what is told of persons alone: their privacy (Trafficking Protocol 6(1), UNTOC
/// 24(2)(a)). What is not about the proceeding is told to nobody else.
pub fn limit_of_persons() -> UseLimit {
    UseLimit::of_all(LimitKind::Confidential, "", "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::request::Confidentiality;
    use ReleasePurpose::{Exculpatory, OtherPurpose, SameProceeding};

    fn bound(until: &str) -> Bearing {
        let limit = UseLimit::of_all(LimitKind::Confidential, "", until);
        Bearing { limits: vec![limit], ..Bearing::default() }
    }

    #[test]
    fn each_purpose_rests_on_its_own_ground() {
        let free = Bearing::default();
        let consented = Bearing { consented: true, ..bound("") };
        let notified = Bearing { notified: true, ..bound("") };
        for (bearing, purpose, follows, rests) in [
            (&bound(""), SameProceeding, false, Ok(Ground::SameProceeding)),
            (&free, OtherPurpose, false, Ok(Ground::NoLimit)),
            (&bound(""), OtherPurpose, false, Err(Lack::Consent(LimitKind::Confidential))),
            (&bound(""), OtherPurpose, true, Err(Lack::Consent(LimitKind::Confidential))),
            (&notified, OtherPurpose, true, Err(Lack::Consent(LimitKind::Confidential))),
            (&consented, OtherPurpose, false, Ok(Ground::Consent)),
            (
                &bound("2026-03-01"),
                OtherPurpose,
                false,
                Err(Lack::Consent(LimitKind::Confidential)),
            ),
            (&bound("2026-02-28"), OtherPurpose, false, Ok(Ground::NoLimit)),
            (&free, Exculpatory, false, Err(Lack::Notice)),
            (&free, Exculpatory, true, Ok(Ground::NoticeFollows)),
            (&consented, Exculpatory, false, Err(Lack::Notice)),
            (&notified, Exculpatory, true, Ok(Ground::Notice)),
        ] {
            assert_eq!(bearing.permits(purpose, "2026-03-01", follows), rests, "{purpose}");
        }
    }

    #[test]
    fn evidence_is_bound_to_what_was_asked_and_to_what_was_accepted() {
        let own = UseLimit::of_all(LimitKind::Restricted, "Not in public.", "");
        let note = Note { use_limits: vec![own], ..Note::default() };
        let conditions = ["No death penalty.".to_owned()];
        let kinds = |kind| -> Vec<LimitKind> {
            limits(kind, &note, Some("The trial."), &conditions, false)
                .iter()
                .map(|l| l.kind)
                .collect()
        };
        let all = [LimitKind::Specialty, LimitKind::Restricted, LimitKind::Condition];
        assert_eq!(kinds(MessageKind::EvidencePackage), all);
        assert_eq!(kinds(MessageKind::SpontaneousInformation), [LimitKind::Restricted]);
        let said = |kind, confirmed| limits(kind, &Note::default(), None, &[], confirmed).len();
        assert_eq!(said(MessageKind::StatusReport, false), 0);
        assert_eq!(said(MessageKind::PoliceInformation, false), 1);
        assert_eq!(said(MessageKind::PoliceInformation, true), 0);
    }

    #[test]
    fn a_request_is_as_secret_as_it_says() {
        let mut request = MlaRequest::default();
        assert!(limits_of_request(&request).is_empty());
        let secrecy = Confidentiality::default();
        request.confidentiality = Some(secrecy.clone());
        assert!(limits_of_request(&request).is_empty(), "it says that nothing is");
        let until = "2027-01-31".to_owned();
        request.confidentiality = Some(Confidentiality { fact_secret: true, until, ..secrecy });
        let limits = limits_of_request(&request);
        assert_eq!((limits.len(), limits[0].until.as_str()), (1, "2027-01-31"));
    }
}
