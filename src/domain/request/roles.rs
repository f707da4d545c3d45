//! What persons are in a case, from one request or notice of protection to the next. Whoever was a victim or a witness
//! becomes something else by an explicit act, and nobody else becomes one of them in silence.

use std::collections::BTreeMap;

use super::{Body, MlaRequest, PersonRole, RoleChange};

const PARAGRAPH: &str = "Trafficking Protocol 6, UNTOC 24-25";

/// Something that is wrong with who somebody is. It says where, and never what stands there (I6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonFault {
    /// Path of the field, as in `persons[1].role`.
    pub field: String,
    /// The paragraph that asks for it; `form` where none does.
    pub paragraph: &'static str,
    /// What is wrong, for people.
    pub message: String,
}

fn fault(field: String, message: &str) -> PersonFault {
    PersonFault { field, paragraph: PARAGRAPH, message: message.to_owned() }
}

/// What the persons of earlier requests are, by reference.
#[derive(Default)]
pub struct KnownRoles(BTreeMap<String, PersonRole>);

impl KnownRoles {
    /// Takes what a request, or a notice of protection, says. What stands in a later one holds: learn
    /// the oldest first.
    pub fn learn(&mut self, body: &Body) {
        match body {
            Body::Request(request) => {
                let persons = request.persons.iter();
                self.0.extend(persons.map(|person| (person.reference.clone(), person.role)));
            }
            Body::Protection(notice) => {
                let changes = notice.role_changes.iter();
                self.0.extend(changes.map(|change| (change.reference.clone(), change.to)));
            }
            _ => {}
        }
    }

    /// What is wrong with who is who in a body, by what is known. Fields are those of the body.
    pub fn check(&self, body: &Body) -> Vec<PersonFault> {
        match body {
            Body::Request(request) => self.check_request(request),
            Body::Protection(notice) => self.check_changes(&notice.role_changes),
            _ => Vec::new(),
        }
    }

    /// Where a later request makes a protected person something else, or somebody else protected,
    /// without saying so; and where it says so of what is not so.
    fn check_request(&self, request: &MlaRequest) -> Vec<PersonFault> {
        let mut found = Vec::new();
        for (number, person) in request.persons.iter().enumerate() {
            let Some(was) = self.0.get(&person.reference).copied() else { continue };
            let is_said = |change: &RoleChange| {
                change.reference == person.reference
                    && (change.from, change.to) == (was, person.role)
            };
            let matters = was != person.role && (was.is_protected() || person.role.is_protected());
            if matters && !request.role_changes.iter().any(is_said) {
                let message = format!(
                    "is {}, and what was said earlier in the case is {was}: add an entry with the \
                     reason to role_changes, or leave it as it was",
                    person.role
                );
                found.push(fault(format!("persons[{number}].role"), &message));
            }
        }
        for (number, change) in request.role_changes.iter().enumerate() {
            found.extend(own_fault(request, number, change));
            found.extend(self.unfounded(number, change));
        }
        found
    }

    fn check_changes(&self, changes: &[RoleChange]) -> Vec<PersonFault> {
        let numbered = changes.iter().enumerate();
        numbered.filter_map(|(number, change)| self.unfounded(number, change)).collect()
    }

    /// A change from what nobody said that the person was.
    fn unfounded(&self, number: usize, change: &RoleChange) -> Option<PersonFault> {
        let founded = self.0.get(&change.reference) == Some(&change.from);
        let message = "is not what was said of this person earlier in the case";
        (!founded).then(|| fault(format!("role_changes[{number}].from"), message))
    }
}

/// What a change lacks, whatever came before it.
fn own_fault(request: &MlaRequest, number: usize, change: &RoleChange) -> Option<PersonFault> {
    let field = |name| format!("role_changes[{number}].{name}");
    let person = request.persons.iter().find(|one| one.reference == change.reference);
    match () {
        () if change.reason.trim().is_empty() => Some(fault(field("reason"), "is missing")),
        () if change.reason.chars().count() > super::TEXT_MAX_CHARS => {
            Some(fault(field("reason"), "has too many characters"))
        }
        () if change.from == change.to => Some(fault(field("to"), "is what the person was before")),
        () if person.is_none_or(|person| person.role != change.to) => {
            Some(fault(field("to"), "is not the role of this person in persons"))
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::request::{content_from_toml, request_from_toml};

    fn request(role: &str, changes: &str) -> Body {
        let text =
            format!("[[persons]]\nref = \"P1\"\nrole = \"{role}\"\nalias = \"V-1\"\n{changes}");
        Body::Request(Box::new(request_from_toml(&text).expect("a request")))
    }

    fn notice(changes: &str) -> Body {
        let text = format!("kind = \"VICTIM_PROTECTION_NOTICE\"\n[protection]\n{changes}");
        let text = text.replace("[[role_changes]]", "[[protection.role_changes]]");
        content_from_toml(&text).expect("a notice").body
    }

    fn change(from: &str, to: &str, reason: &str) -> String {
        format!(
            "[[role_changes]]\nref = \"P1\"\nfrom = \"{from}\"\nto = \"{to}\"\nreason = \"{reason}\"\n"
        )
    }

    fn fields(before: &[&Body], after: &Body) -> Vec<String> {
        let mut known = KnownRoles::default();
        before.iter().for_each(|request| known.learn(request));
        known.check(after).into_iter().map(|one| one.field).collect()
    }

    #[test]
    fn a_victim_becomes_a_suspect_by_an_explicit_act_only() {
        let victim = request("victim", "");
        let silent = request("suspect", "");
        assert_eq!(fields(&[&victim], &silent), ["persons[0].role"]);
        let said = request("suspect", &change("victim", "suspect", "court order"));
        assert_eq!(fields(&[&victim], &said), Vec::<String>::new());
        assert_eq!(fields(&[&silent], &victim), ["persons[0].role"], "nor the other way round");
        assert_eq!(fields(&[&victim, &said], &silent), Vec::<String>::new(), "it is one now");
    }

    #[test]
    fn a_change_of_what_is_not_so_changes_nothing() {
        let said = request("suspect", &change("witness", "suspect", "court order"));
        let wrong = ["persons[0].role", "role_changes[0].from"];
        assert_eq!(fields(&[&request("victim", "")], &said), wrong);
        assert_eq!(fields(&[], &said), ["role_changes[0].from"], "nothing came before it");
    }

    #[test]
    fn a_notice_changes_a_role_as_a_request_does() {
        let (suspect, victim) = (request("suspect", ""), request("victim", ""));
        let found_out = notice(&change("suspect", "victim", "She was recruited herself."));
        assert_eq!(fields(&[&suspect], &found_out), Vec::<String>::new());
        assert_eq!(fields(&[&victim], &found_out), ["role_changes[0].from"]);
        assert_eq!(fields(&[], &found_out), ["role_changes[0].from"], "nobody said what she was");
        let known = [&suspect, &found_out];
        assert_eq!(fields(&known, &victim), Vec::<String>::new());
        assert_eq!(fields(&known, &suspect), ["persons[0].role"], "she is a victim now");
    }

    #[test]
    fn nobody_is_protected_from_being_charged() {
        let (suspect, accused) = (request("suspect", ""), request("accused", ""));
        assert_eq!(fields(&[&suspect], &accused), Vec::<String>::new());
    }

    #[test]
    fn a_change_has_a_reason_and_fits_the_persons() {
        let own = |body: &Body| -> Vec<String> {
            let Body::Request(request) = body else { panic!("a request") };
            let changes = request.role_changes.iter().enumerate();
            let found = changes.filter_map(|(number, change)| own_fault(request, number, change));
            found.map(|one| one.field).collect()
        };
        let silent = request("suspect", &change("victim", "suspect", ""));
        assert_eq!(own(&silent), ["role_changes[0].reason"]);
        let other = request("accused", &change("victim", "suspect", "x"));
        assert_eq!(own(&other), ["role_changes[0].to"]);
        let none = request("suspect", &change("suspect", "suspect", "x"));
        assert_eq!(own(&none), ["role_changes[0].to"]);
    }
}
