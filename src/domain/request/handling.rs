//! With how much care a message is handled.

use super::{Body, Content};

/// With how much care a message is handled, by whom it concerns. The numbers are those of the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Handling {
    /// No person in it needs protection.
    Ordinary = 1,
    /// A victim or a witness is concerned: Trafficking Protocol 6, UNTOC 24-25.
    Protected = 2,
    /// A child is concerned: Trafficking Protocol 6(4).
    ProtectedChild = 3,
}

impl Handling {
    /// From its number; `None` for one that it does not have.
    pub fn from_number(number: i32) -> Option<Self> {
        [Self::Ordinary, Self::Protected, Self::ProtectedChild]
            .into_iter()
            .find(|handling| *handling as i32 == number)
    }

    /// The word for it, as in `PROTECTED_CHILD`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ordinary => "ORDINARY",
            Self::Protected => "PROTECTED",
            Self::ProtectedChild => "PROTECTED_CHILD",
        }
    }

    fn of_referred(child: bool) -> Self {
        if child { Self::ProtectedChild } else { Self::Protected }
    }

    /// That of a content, which may be about a request that has one of its own: the higher holds.
    pub fn of(content: &Content, request: Option<Self>) -> Self {
        let own = match &content.body {
            Body::Note(_) | Body::Framework(_) | Body::Costs(_) | Body::Statistics(_) => {
                Self::Ordinary
            }
            // Who is sought or sent back is not protected by that; the case may be.
            Body::Extradition(_) => Self::Ordinary,
            Body::TransferRequest(_) | Body::TransferConsent(_) | Body::TransferReturn(_) => {
                Self::Protected
            }
            Body::SafeConduct(_) => Self::Protected,
            Body::Referral(body) => Self::of_referred(body.child),
            Body::VoluntaryReturn(body) => Self::of_referred(body.child),
            Body::Hearing(body) => Self::of_referred(body.child),
            Body::Protection(body) => Self::of_referred(body.child),
            Body::NationalityQuery(body) => Self::of_referred(body.child),
            Body::NationalityAnswer(body) => Self::of_referred(body.child),
            Body::Request(request) if request.persons.iter().any(|person| person.child) => {
                Self::ProtectedChild
            }
            Body::Request(request) if request.persons.iter().any(|p| p.role.is_protected()) => {
                Self::Protected
            }
            Body::Request(_) => Self::Ordinary,
        };
        request.map_or(own, |request| own.max(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::MessageKind;
    use crate::domain::request::{Note, request_from_toml};

    #[test]
    fn a_child_raises_it_and_an_answer_inherits_it() {
        let of = |persons: &str| {
            let request = request_from_toml(persons).expect("a request");
            Handling::of(&Content::request(MessageKind::Request, request), None)
        };
        assert_eq!(of(""), Handling::Ordinary);
        let person = |more: &str| format!("[[persons]]\nref = \"P1\"\n{more}");
        assert_eq!(of(&person("role = \"suspect\"")), Handling::Ordinary);
        assert_eq!(of(&person("role = \"witness\"")), Handling::Protected);
        let child = of(&person("role = \"suspect\"\nchild = true"));
        assert_eq!(child, Handling::ProtectedChild, "whatever the child is in the case");
        let note = Content::note(MessageKind::StatusReport, Note::default());
        assert_eq!(Handling::of(&note, Some(child)), Handling::ProtectedChild);
        assert_eq!(Handling::of(&note, None), Handling::Ordinary);
        assert_eq!(Handling::from_number(child as i32), Some(child));
        assert_eq!(Handling::from_number(0), None);
    }
}
