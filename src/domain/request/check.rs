//! What a request lacks: what the instruments ask for field by field, and the form of every field.
//! Whether anybody asks for it, and how gravely, is the table's to say.

use super::finding::{Finding, Lacks};
use super::parts::{
    Assistance, Deadline, Offence, Person, PriorContact, RelatedCase, RequestingAuthority,
};
use super::translation::{self, BodyTexts};
use super::words::{AssistanceType, PersonRole, UrgencyLevel};
use super::{MlaRequest, Need, Target, rules};

impl MlaRequest {
    /// Everything that is wrong with it, in the order of the fields. Without errors it may go.
    pub fn check(&self) -> Vec<Finding> {
        self.check_for(&Target::default())
    }

    /// The same, with what the authority that it goes to publishes about itself.
    pub fn check_for(&self, target: &Target<'_>) -> Vec<Finding> {
        let mut found = Lacks::default();
        self.walk(target, &mut found);
        rules::judge(found.into_list(), &self.legal_basis, target)
    }

    pub(super) fn walk(&self, target: &Target<'_>, found: &mut Lacks) {
        self.authorities(target, found);
        self.matter(found);
        self.admissible_offences(target, found);
        self.asked(found);
        found.each("persons", &self.persons, person);
        self.one_reference_each(found);
        found.required_text("purpose", Need::Purpose, &self.purpose);
        self.times(found);
        self.secrecy(found);
        self.languages(target, found);
        self.surroundings(found);
        self.undertaken(found);
        self.bases(target, found);
    }

    fn authorities(&self, target: &Target<'_>, found: &mut Lacks) {
        let sender = target
            .sender
            .filter(|sender| self.requesting_authority.id.as_ref().is_some_and(|id| id != *sender));
        if let Some(sender) = sender {
            let message = format!("must be {sender}, whose node signs it");
            found.add("requesting_authority.id", Need::OwnAuthority, &message);
        }
        found.within("requesting_authority", |found| {
            requesting_authority(found, &self.requesting_authority);
        });
        found.within("competent_authority", |found| {
            let competent = &self.competent_authority;
            found.required_line("name", Need::CompetentName, &competent.name);
            found.required_text("functions", Need::CompetentFunctions, &competent.functions);
        });
    }

    fn matter(&self, found: &mut Lacks) {
        found.required_line("subject", Need::Subject, &self.subject);
        if self.nature.is_none() {
            found.add("nature", Need::Nature, "is missing");
        }
        found.line("stage", &self.stage);
        found.asked("stage", Need::Stage, &self.stage, "is missing");
        if self.offences.is_empty() {
            found.add("offences", Need::Offences, "are missing: name one at least");
        }
        found.each("offences", &self.offences, offence);
        self.dual(found);
        if self.only_serves_documents() {
            found.text("facts_summary", &self.facts_summary);
        } else {
            found.required_text("facts_summary", Need::Facts, &self.facts_summary);
        }
    }

    /// The one exception of UNTOC 18(15)(c).
    fn only_serves_documents(&self) -> bool {
        let serves = |a: &Assistance| a.assistance_type == AssistanceType::ServiceOfDocuments;
        !self.assistance.is_empty() && self.assistance.iter().all(serves)
    }

    fn asked(&self, found: &mut Lacks) {
        if self.assistance.is_empty() {
            found.add("assistance", Need::Assistance, "is missing: ask for one thing at least");
        }
        found.each("assistance", &self.assistance, assistance);
        self.admissible_assistance(found);
    }

    fn one_reference_each(&self, found: &mut Lacks) {
        for (number, person) in self.persons.iter().enumerate() {
            let earlier = &self.persons[..number];
            let taken = earlier.iter().any(|other| other.reference == person.reference);
            if taken && !person.reference.is_empty() {
                let field = format!("persons[{number}].ref");
                found.add(&field, Need::FormRefTwice, "is the reference of an earlier person");
            }
        }
    }

    fn times(&self, found: &mut Lacks) {
        if let Some(Deadline { date, reason }) = &self.deadline {
            found.within("deadline", |found| {
                found.required("date", Need::DeadlineDate, date);
                found.date("date", date);
                found.required_text("reason", Need::DeadlineReason, reason);
            });
        }
        let ground = &self.urgency.ground;
        found.text("urgency.ground", ground);
        match self.urgency.level {
            UrgencyLevel::Emergency => {
                found.required("urgency.ground", Need::EmergencyGround, ground);
            }
            UrgencyLevel::Urgent if ground.trim().is_empty() => {
                found.add("urgency.ground", Need::UrgentGround, "is missing: say why it is urgent");
            }
            UrgencyLevel::Urgent | UrgencyLevel::Routine => {}
        }
    }

    fn secrecy(&self, found: &mut Lacks) {
        let Some(secrecy) = &self.confidentiality else {
            found.add("confidentiality", Need::Confidentiality, "is missing: say what is secret");
            return;
        };
        found.within("confidentiality", |found| {
            found.date("until", &secrecy.until);
            found.text("reason", &secrecy.reason);
            let secret = secrecy.fact_secret || secrecy.substance_secret;
            if secret && secrecy.reason.trim().is_empty() {
                found.add("reason", Need::SecrecyReason, "is missing: say why it is secret");
            }
        });
    }

    fn languages(&self, target: &Target<'_>, found: &mut Lacks) {
        found.required("language", Need::Language, &self.language);
        found.language("language", &self.language);
        let body = BodyTexts::of_request(self);
        translation::check(found, &self.translations, &body);
        self.accepted_language(target, &body, found);
        found.within("authenticity", |found| {
            found.required_line("signature", Need::Signature, &self.authenticity.signature);
            found.items("certifications", &self.authenticity.certifications);
        });
    }

    fn surroundings(&self, found: &mut Lacks) {
        self.transnational(found);
        found.each("undertakings", &self.undertakings, |found, undertaking| {
            found.text("text", &undertaking.text);
        });
        found.each("prior_contacts", &self.prior_contacts, prior_contact);
        found.each("related_cases", &self.related_cases, related_case);
        found.text("ne_bis_in_idem", &self.ne_bis_in_idem);
        if let Some(costs) = &self.costs {
            found.line("costs.ordinary", &costs.ordinary);
        }
    }
}

fn requesting_authority(found: &mut Lacks, authority: &RequestingAuthority) {
    let country = &authority.country;
    found.required_line("name", Need::AuthorityName, &authority.name);
    found.required("country", Need::AuthorityCountry, country);
    found.country("country", country);
    found.required_line("contact", Need::AuthorityContact, &authority.contact);
    found.required_line("signer", Need::Signer, &authority.signer);
    match &authority.id {
        None => found.add("id", Need::AuthorityId, "is missing"),
        Some(id) if !country.is_empty() && !id.country().eq_ignore_ascii_case(country) => {
            found.add("country", Need::CountryOfId, "is another country than that of the id");
        }
        Some(_) => {}
    }
}

fn offence(found: &mut Lacks, offence: &Offence) {
    found.required_line("title", Need::OffenceTitle, &offence.title);
    found.line("provision", &offence.provision);
    found.line("max_penalty", &offence.max_penalty);
    found.asked("max_penalty", Need::MaxPenalty, &offence.max_penalty, "is missing");
    found.text("statute_text", &offence.statute_text);
    let message = "is missing: quote the law, or name the exhibit that has it";
    found.asked("statute_text", Need::StatuteText, &offence.statute_text, message);
}

fn assistance(found: &mut Lacks, asked: &Assistance) {
    found.required_text("description", Need::AssistanceDescription, &asked.description);
    found.text("particular_procedure", &asked.particular_procedure);
    found.items("questions", &asked.questions);
    let unasked = asked.assistance_type == AssistanceType::Statement && asked.questions.is_empty();
    found.add_if(unasked, "questions", Need::Questions, "are missing for a statement");
    found.items("items", &asked.items);
    found.items("places", &asked.places);
    found.text("court_order", &asked.court_order);
}

fn person(found: &mut Lacks, person: &Person) {
    found.required("ref", Need::PersonRef, &person.reference);
    found.code("ref", &person.reference);
    found.code("alias", &person.alias);
    found.country("nationality", &person.nationality);
    found.line("location", &person.location);
    if person.role.is_protected() {
        protected(found, person);
    }
}

/// Of whom a leak can cost the life, the body says an alias and nothing else.
fn protected(found: &mut Lacks, person: &Person) {
    let (alias, hidden) = match person.role {
        PersonRole::Victim => (Need::VictimAlias, Need::VictimHidden),
        _ => (Need::WitnessAlias, Need::WitnessHidden),
    };
    found.required("alias", alias, &person.alias);
    for (field, text) in [("nationality", &person.nationality), ("location", &person.location)] {
        if !text.is_empty() {
            let message = "must not stand in a body: of victims and witnesses only the alias does";
            found.add(field, hidden, message);
        }
    }
}

fn prior_contact(found: &mut Lacks, contact: &PriorContact) {
    found.date("date", &contact.date);
    found.line("channel", &contact.channel);
    found.text("summary", &contact.summary);
}

pub(super) fn related_case(found: &mut Lacks, case: &RelatedCase) {
    found.line("reference", &case.reference);
    if case.case_id.is_none() && case.reference.trim().is_empty() {
        found.add(
            "reference",
            Need::FormRelatedCase,
            "is missing, and so is the case id: give one of the two",
        );
    }
}
