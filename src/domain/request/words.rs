//! The closed vocabularies of a request, in the words of its files.

use serde::{Deserialize, Serialize};

/// Declares a vocabulary: each variant with its word in JSON and TOML. What it is about stands above it,
/// or behind it where that is short.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $word:literal $(: $short:literal)?,)+ }) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
        )]
        pub enum $name {
            $($(#[$about])* $(#[doc = $short])? #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every word of the vocabulary, in the order of the paragraphs.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word for it, in lower case as files have it.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(super) use words;

words! {
    /// A type of assistance, by the letters of UNTOC 18(3) and of UNCAC 46(3), which are the same
    /// up to (i). Other instruments count theirs under these, so that statistics add up.
    AssistanceType {
        /// (a) Evidence or statements from persons.
        Statement = "statement",
        /// (b) Service of judicial documents.
        ServiceOfDocuments = "service_of_documents",
        /// (c) Searches, seizures and freezing.
        SearchSeizureFreezing = "search_seizure_freezing",
        /// (d) Examination of objects and sites.
        Examination = "examination",
        /// (e) Information, evidentiary items and expert evaluations.
        Information = "information",
        /// (f) Originals or certified copies of records.
        Records = "records",
        /// (g) Identifying or tracing proceeds, property and instrumentalities, for evidence.
        Tracing = "tracing",
        /// (h) Voluntary appearance of persons in the requesting State.
        Appearance = "appearance",
        /// (i) Any other that the requested State's law does not forbid.
        Other = "other",
        /// UNCAC (j): identifying, freezing and tracing proceeds of crime.
        AssetFreezing = "asset_freezing",
        /// UNCAC (k): recovery of assets.
        AssetRecovery = "asset_recovery",
    }
}

words! {
    /// What a request relates to: UNTOC 18(15)(b).
    ProceedingNature {
        /// An investigation.
        Investigation = "investigation",
        /// A prosecution.
        Prosecution = "prosecution",
        /// A judicial proceeding.
        JudicialProceeding = "judicial_proceeding",
    }
}

words! {
    /// What an offence is counted as.
    OffenceFamily {
        /// Trafficking in persons: Trafficking Protocol 5.
        TraffickingInPersons = "trafficking_in_persons",
        /// Smuggling of migrants: Smuggling Protocol 6.
        SmugglingOfMigrants = "smuggling_of_migrants",
        /// Laundering of proceeds: UNTOC 6.
        MoneyLaundering = "money_laundering",
        /// Participation in an organized criminal group: UNTOC 5.
        OrganizedCriminalGroup = "organized_criminal_group",
        /// Corruption: UNTOC 8, UNCAC.
        Corruption = "corruption",
        /// Obstruction of justice: UNTOC 23.
        ObstructionOfJustice = "obstruction_of_justice",
        /// Another serious crime, a predicate offence among them: UNTOC 2(b), 2(h).
        Predicate = "predicate",
    }
}

words! {
    /// What a person is in the case: UNTOC 18(15)(e).
    PersonRole {
        /// Under investigation.
        Suspect = "suspect",
        /// Charged.
        Accused = "accused",
        /// Saw or knows something; protected, by alias only: UNTOC 24.
        Witness = "witness",
        /// Was exploited or harmed; protected, by alias only: Trafficking Protocol 6(1).
        Victim = "victim",
        /// An expert.
        Expert = "expert",
        /// Holds records or property.
        Holder = "holder",
    }
}

words! {
    /// How urgent a request is: UNTOC 18(13)-(14).
    UrgencyLevel {
        /// In its turn.
        Routine = "routine",
        /// Before others.
        Urgent = "urgent",
        /// Life or safety is at imminent risk: CETS 224 Article 10.
        Emergency = "emergency",
    }
}

words! {
    /// What a requesting authority may undertake.
    UndertakingKind {
        /// To assist likewise: UNTOC 18(1).
        Reciprocity = "reciprocity",
        /// To use what is obtained only for the purpose stated: UNTOC 18(19).
        Specialty = "specialty",
        /// To return items: ASEAN MLAT 19.
        ReturnOfItems = "return_of_items",
        /// To bear costs: UNTOC 18(28).
        Costs = "costs",
        /// Not to impose, or not to carry out, the death penalty.
        NoDeathPenalty = "no_death_penalty",
        /// Not to prosecute who comes to testify for earlier acts: UNTOC 18(27).
        SafeConduct = "safe_conduct",
    }
}

words! {
    /// How another case is related to this one.
    CaseRelation {
        /// It is in the State where persons were recruited.
        Origin = "origin",
        /// It is in a State that they passed through.
        Transit = "transit",
        /// It is in the State where they were exploited.
        Destination = "destination",
        /// It concerns the same incident or group elsewhere.
        Parallel = "parallel",
        /// This one supplements it.
        Supplement = "supplement",
        /// One of the two is about the extradition of a person of the other: UNTOC 16.
        Extradition = "extradition",
    }
}

words! {
    /// What was decided on a request.
    Decision {
        /// It will be executed: UNTOC 18(17).
        Accept = "accept",
        /// It will be executed in part: UNTOC 18(17).
        AcceptPartially = "accept_partially",
        /// It is refused, with reasons: UNTOC 18(21), (23).
        Refuse = "refuse",
        /// It is postponed, with reasons: UNTOC 18(23), (25).
        Postpone = "postpone",
        /// It goes back to be mended, with what does not conform: UNTOC 18(21)(a).
        Return = "return",
    }
}

words! {
    /// How far a request has come, where a report says that it stands elsewhere now: UNTOC 18(24).
    Progress {
        /// Whether it can be executed is being looked at.
        UnderReview = "under_review",
        /// It is being executed.
        InExecution = "in_execution",
        /// It was refused, withdrawn or returned, and that is the end of it.
        Closed = "closed",
    }
}

words! {
    /// In what condition an exhibit arrived: ASEAN MLAT 19.
    Verdict {
        /// Whole, with the digest that the package names.
        Ok = "ok",
        /// It is there and cannot be used.
        Damaged = "damaged",
        /// It is not there.
        Missing = "missing",
    }
}

words! {
    /// What keeps what was given from being used as whoever has it likes.
    LimitKind {
        /// Only for the investigation, prosecution or proceeding that the request states: UNTOC
        /// 18(19).
        Specialty = "specialty",
        /// It stays confidential: UNTOC 18(5).
        Confidential = "confidential",
        /// Only as the text says: UNTOC 18(5).
        Restricted = "restricted",
        /// A condition of the assistance that was accepted: UNTOC 18(26).
        Condition = "condition",
        /// For leads only: no evidence until a formal request has confirmed it: UNTOC 27(1).
        LeadOnly = "lead_only",
    }
}

words! {
    /// The answer to whether something may be used for another purpose: UNTOC 18(19).
    UseConsent {
        /// It may.
        Granted = "granted",
        /// It may not.
        Refused = "refused",
    }
}

words! {
    /// Why what an authority was given goes to another agency of its country: UNTOC 18(5), (19).
    ReleasePurpose {
        /// For the proceeding for which it was asked for, or given.
        SameProceeding = "same_proceeding",
        /// For anything else: its sender has to consent.
        OtherPurpose = "other_purpose",
        /// Because it exculpates an accused person: its sender has to be told.
        Exculpatory = "exculpatory",
    }
}

impl PersonRole {
    /// Whether a body must say no more of such a person than an alias.
    pub fn is_protected(self) -> bool {
        matches!(self, Self::Victim | Self::Witness)
    }
}

impl Decision {
    /// Whether reasons and grounds are due with it: UNTOC 18(23). What is returned has in their place
    /// what does not conform.
    pub fn needs_reasons(self) -> bool {
        matches!(self, Self::Refuse | Self::Postpone)
    }
}

words! {
    /// What a statement about the legal framework is about.
    FrameworkSubject {
        /// Domestic law: UNTOC 5(3).
        Law = "law",
        /// A treaty or arrangement: UNTOC 16(5), 18(30).
        Treaty = "treaty",
        /// Who is competent, and how it is reached: UNTOC 18(13).
        Authority = "authority",
        /// How requests are to be made and are executed: UNTOC 18(17).
        Procedure = "procedure",
        /// In which languages requests are accepted: UNTOC 18(14).
        Language = "language",
        /// From which penalty or amount on, and whether both States must punish it: UNTOC 18(9).
        Threshold = "threshold",
        /// Anything else that others should know.
        Other = "other",
    }
}

words! {
    /// Who has said yes for a person.
    ConsentGiver {
        /// The person.
        Person = "person",
        /// The guardian of a child.
        Guardian = "guardian",
        /// Somebody whom the person has chosen, or a court.
        Representative = "representative",
    }
}

words! {
    /// What a person who is referred needs: Trafficking Protocol 6(3)-(5).
    ProtectionNeed {
        /// A place to stay: 6(3)(a).
        Accommodation = "accommodation",
        /// Counselling and information about rights, in a language that is understood: 6(3)(b).
        LegalCounsel = "legal_counsel",
        /// Medical help: 6(3)(c).
        Medical = "medical",
        /// Psychological help: 6(3)(c).
        Psychological = "psychological",
        /// Schooling and other needs of a child: 6(4).
        Child = "child",
        /// Physical safety: 6(5).
        Safety = "safety",
        /// An interpreter: 6(3)(b).
        Interpretation = "interpretation",
        /// Papers: 8(4).
        Documents = "documents",
        /// Somebody who determines whether the person is a refugee: 14(1).
        RefugeeStatus = "refugee_status",
        /// Finding the family: 6(4).
        FamilyTracing = "family_tracing",
        /// Anything else, which the reason says.
        Other = "other",
    }
}
