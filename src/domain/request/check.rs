//! What a request must say: UNTOC 18(15) and its neighbours, and the form of every field.

use super::finding::{FORM, Finding, Findings};
use super::parts::{
    Assistance, Deadline, Offence, Person, PriorContact, RelatedCase, RequestingAuthority,
};
use super::rules::{self, DEFAULT_RULES, Rule};
use super::words::{AssistanceType, PersonRole, UndertakingKind, UrgencyLevel};
use super::{Instrument, MlaRequest};

impl MlaRequest {
    /// Everything that is wrong with it, in the order of the fields. Without errors it may go.
    pub fn check(&self) -> Vec<Finding> {
        self.check_with(DEFAULT_RULES)
    }

    /// The same, with the table that the requested State's profile brings instead of
    /// [`DEFAULT_RULES`].
    pub fn check_with(&self, rules: &[Rule]) -> Vec<Finding> {
        let mut found = Findings::default();
        self.authorities(&mut found);
        self.matter(&mut found);
        self.asked(&mut found);
        found.each("persons", &self.persons, person);
        self.one_reference_each(&mut found);
        found.required_text("purpose", "UNTOC 18(15)(f)", &self.purpose);
        self.times(&mut found);
        self.secrecy(&mut found);
        self.languages(&mut found);
        self.surroundings(&mut found);
        self.bases(&mut found);
        rules::apply(self, rules, &mut found);
        found.into_list()
    }

    fn authorities(&self, found: &mut Findings) {
        found.within("requesting_authority", |found| {
            requesting_authority(found, &self.requesting_authority);
        });
        found.within("competent_authority", |found| {
            let competent = &self.competent_authority;
            found.required_line("name", "UNTOC 18(15)(b)", &competent.name);
            found.required_text("functions", "UNTOC 18(15)(b)", &competent.functions);
        });
    }

    fn matter(&self, found: &mut Findings) {
        found.required_line("subject", "UNTOC 18(15)(b)", &self.subject);
        if self.nature.is_none() {
            found.error("nature", "UNTOC 18(15)(b)", "is missing");
        }
        found.line("stage", &self.stage);
        if self.offences.is_empty() {
            found.error("offences", "UNTOC 18(15)(b)", "are missing: name one at least");
        }
        found.each("offences", &self.offences, offence);
        if let Some(dual) = &self.dual_criminality {
            found.text("dual_criminality.note", &dual.note);
        }
        if self.only_serves_documents() {
            found.text("facts_summary", &self.facts_summary);
        } else {
            found.required_text("facts_summary", "UNTOC 18(15)(c)", &self.facts_summary);
        }
    }

    /// The one exception of UNTOC 18(15)(c).
    fn only_serves_documents(&self) -> bool {
        let serves = |a: &Assistance| a.assistance_type == AssistanceType::ServiceOfDocuments;
        !self.assistance.is_empty() && self.assistance.iter().all(serves)
    }

    fn asked(&self, found: &mut Findings) {
        if self.assistance.is_empty() {
            found.error("assistance", "UNTOC 18(15)(d)", "is missing: ask for one thing at least");
        }
        found.each("assistance", &self.assistance, assistance);
        let covered = self
            .legal_basis
            .iter()
            .any(|basis| matches!(basis, Instrument::Uncac | Instrument::Bilateral(_)));
        for (number, asked) in self.assistance.iter().enumerate() {
            let paragraph = match asked.assistance_type {
                AssistanceType::AssetFreezing => "UNCAC 46(3)(j)",
                AssistanceType::AssetRecovery => "UNCAC 46(3)(k)",
                _ => continue,
            };
            if !covered {
                let field = format!("assistance[{number}].type");
                found.warning(
                    &field,
                    paragraph,
                    "is a type of UNCAC, which is no legal basis here",
                );
            }
        }
    }

    fn one_reference_each(&self, found: &mut Findings) {
        for (number, person) in self.persons.iter().enumerate() {
            let earlier = &self.persons[..number];
            let taken = earlier.iter().any(|other| other.reference == person.reference);
            if taken && !person.reference.is_empty() {
                let field = format!("persons[{number}].ref");
                found.error(&field, FORM, "is the reference of an earlier person");
            }
        }
    }

    fn times(&self, found: &mut Findings) {
        if let Some(Deadline { date, reason }) = &self.deadline {
            found.within("deadline", |found| {
                found.required("date", "UNTOC 18(24)", date);
                found.date("date", date);
                found.required_text("reason", "UNTOC 18(24)", reason);
            });
        }
        let ground = &self.urgency.ground;
        found.text("urgency.ground", ground);
        match self.urgency.level {
            UrgencyLevel::Emergency => {
                found.required("urgency.ground", "CETS 224 10", ground);
            }
            UrgencyLevel::Urgent if ground.trim().is_empty() => {
                found.warning("urgency.ground", "UNTOC 18(13)", "is missing: say why it is urgent");
            }
            UrgencyLevel::Urgent | UrgencyLevel::Routine => {}
        }
    }

    fn secrecy(&self, found: &mut Findings) {
        let Some(secrecy) = &self.confidentiality else {
            found.error("confidentiality", "UNTOC 18(20)", "is missing: say what is secret");
            return;
        };
        found.within("confidentiality", |found| {
            found.date("until", &secrecy.until);
            found.text("reason", &secrecy.reason);
            let secret = secrecy.fact_secret || secrecy.substance_secret;
            if secret && secrecy.reason.trim().is_empty() {
                found.warning("reason", "UNTOC 18(20)", "is missing: say why it is secret");
            }
        });
    }

    fn languages(&self, found: &mut Findings) {
        found.required("language", "UNTOC 18(14)", &self.language);
        found.language("language", &self.language);
        found.each("translations", &self.translations, |found, translation| {
            found.required("language", "UNTOC 18(14)", &translation.language);
            found.language("language", &translation.language);
        });
        found.within("authenticity", |found| {
            found.required_line("signature", "UNTOC 18(14)", &self.authenticity.signature);
            found.items("certifications", &self.authenticity.certifications);
        });
    }

    fn surroundings(&self, found: &mut Findings) {
        if let Some(why) = &self.transnationality {
            found.required_text("transnationality.link", "UNTOC 3(2)", &why.link);
            if !self.legal_basis.iter().any(Instrument::is_untoc) {
                found.warning("transnationality", "UNTOC 18(1)", "matters only under UNTOC");
            }
        }
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

    fn bases(&self, found: &mut Findings) {
        let bases = &self.legal_basis;
        found.count("legal_basis", bases.len());
        if bases.is_empty() {
            found.error("legal_basis", "UNTOC 18(7)", "is missing: name one at least");
        }
        for (number, basis) in bases.iter().enumerate() {
            if bases[..number].contains(basis) {
                found.error(&format!("legal_basis[{number}]"), FORM, "stands there twice");
            }
        }
        if !bases.is_sorted_by_key(Instrument::rank) {
            found.warning(
                "legal_basis",
                "UNTOC 18(7)",
                "is out of order: a treaty between the two States, a regional one, a convention, \
                 reciprocity",
            );
        }
        let no_treaty = !bases.is_empty() && bases.iter().all(|b| *b == Instrument::Reciprocity);
        if no_treaty && !rules::undertakes(self, UndertakingKind::Reciprocity) {
            found.error(
                "undertakings",
                "UNTOC 18(1)",
                "lack one of reciprocity, and there is no treaty to rest on",
            );
        }
    }
}

fn requesting_authority(found: &mut Findings, authority: &RequestingAuthority) {
    let country = &authority.country;
    found.required_line("name", "UNTOC 18(15)(a)", &authority.name);
    found.required("country", "UNTOC 18(15)(a)", country);
    found.country("country", country);
    found.required_line("contact", "UNTOC 18(15)(a)", &authority.contact);
    found.required_line("signer", "UNTOC 18(14)", &authority.signer);
    match &authority.id {
        None => found.error("id", "UNTOC 18(15)(a)", "is missing"),
        Some(id) if !country.is_empty() && !id.country().eq_ignore_ascii_case(country) => {
            found.error("country", "UNTOC 18(15)(a)", "is another country than that of the id");
        }
        Some(_) => {}
    }
}

fn offence(found: &mut Findings, offence: &Offence) {
    found.required_line("title", "UNTOC 18(15)(b)", &offence.title);
    found.line("provision", &offence.provision);
    found.line("max_penalty", &offence.max_penalty);
    found.text("statute_text", &offence.statute_text);
}

fn assistance(found: &mut Findings, asked: &Assistance) {
    found.required_text("description", "UNTOC 18(15)(d)", &asked.description);
    found.text("particular_procedure", &asked.particular_procedure);
    found.items("questions", &asked.questions);
    found.items("items", &asked.items);
    found.items("places", &asked.places);
    found.text("court_order", &asked.court_order);
}

fn person(found: &mut Findings, person: &Person) {
    found.required("ref", "UNTOC 18(15)(e)", &person.reference);
    found.code("ref", &person.reference);
    found.code("alias", &person.alias);
    found.country("nationality", &person.nationality);
    found.line("location", &person.location);
    if person.role.is_protected() {
        protected(found, person);
    }
}

/// Of whom a leak can cost the life, the body says an alias and nothing else.
fn protected(found: &mut Findings, person: &Person) {
    let paragraph = match person.role {
        PersonRole::Victim => "Trafficking Protocol 6(1)",
        _ => "UNTOC 24",
    };
    found.required("alias", paragraph, &person.alias);
    for (field, text) in [("nationality", &person.nationality), ("location", &person.location)] {
        if !text.is_empty() {
            let message = "must not stand in a body: of victims and witnesses only the alias does";
            found.error(field, paragraph, message);
        }
    }
}

fn prior_contact(found: &mut Findings, contact: &PriorContact) {
    found.date("date", &contact.date);
    found.line("channel", &contact.channel);
    found.text("summary", &contact.summary);
}

pub(super) fn related_case(found: &mut Findings, case: &RelatedCase) {
    found.line("reference", &case.reference);
    if case.case_id.is_none() && case.reference.trim().is_empty() {
        found.error("reference", FORM, "is missing, and so is the case id: give one of the two");
    }
}
