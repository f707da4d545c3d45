//! What the checker can miss or object to, each by its word. The data files of [`super::rules`] say
//! which instrument asks for it, where, and how much it matters.

use serde::{Deserialize, Serialize};

use super::words::{UndertakingKind, words};

words! {
    /// What a rule asks for. The word stands in the data files, in a peer's profile and in findings.
    Need {
        /// The id of the authority that asks.
        AuthorityId = "authority_id",
        /// The id of the authority whose node signs.
        OwnAuthority = "own_authority",
        /// Its name.
        AuthorityName = "authority_name",
        /// Its country.
        AuthorityCountry = "authority_country",
        /// The same country in the id.
        CountryOfId = "country_of_id",
        /// Where its desk is reached.
        AuthorityContact = "authority_contact",
        /// Who signs.
        Signer = "signer",
        /// The authority that conducts the matter.
        CompetentName = "competent_name",
        /// What that authority does.
        CompetentFunctions = "competent_functions",
        /// The subject.
        Subject = "subject",
        /// Investigation, prosecution or judicial proceeding.
        Nature = "nature",
        /// How far the matter has come.
        Stage = "stage",
        /// An offence.
        Offences = "offences",
        /// What the law calls each offence.
        OffenceTitle = "offence_title",
        /// The highest penalty of each offence.
        MaxPenalty = "max_penalty",
        /// The words of the law on each offence.
        StatuteText = "statute_text",
        /// An offence of trafficking in persons.
        OffenceOfTrafficking = "offence_of_trafficking",
        /// An offence of smuggling of migrants.
        OffenceOfSmuggling = "offence_of_smuggling",
        /// An offence that UNCAC has States establish.
        OffenceOfCorruption = "offence_of_corruption",
        /// A crime that is serious enough: four years at least, in months.
        SeriousCrime = "serious_crime",
        /// An offence with a penalty as high as the requested authority asks for.
        MinPenalty = "min_penalty",
        /// The penalty in months, where the requested authority has a threshold.
        MinPenaltyUnsaid = "min_penalty_unsaid",
        /// A word on dual criminality, whatever is asked for.
        DualCriminality = "dual_criminality",
        /// A word on dual criminality, where something coercive is asked for: types (c) and (j).
        DualCriminalityForCoercion = "dual_criminality_for_coercion",
        /// That the conduct is an offence in both States, where a word is said and denies it.
        DualCriminalityDenied = "dual_criminality_denied",
        /// The facts, unless nothing but service is asked.
        Facts = "facts",
        /// Something asked for.
        Assistance = "assistance",
        /// What is asked for, described.
        AssistanceDescription = "assistance_description",
        /// The questions, where statements are asked for.
        Questions = "questions",
        /// The court order, where something coercive is asked for.
        CourtOrderForCoercion = "court_order_for_coercion",
        /// A person on whom documents are to be served.
        ServiceAddressee = "service_addressee",
        /// A safe conduct, where somebody is to appear.
        SafeConductForAppearance = "safe_conduct_for_appearance",
        /// A basis that has the type "freezing of assets".
        AssetFreezingBasis = "asset_freezing_basis",
        /// A basis that has the type "recovery of assets".
        AssetRecoveryBasis = "asset_recovery_basis",
        /// A reference for each person.
        PersonRef = "person_ref",
        /// An alias for each victim.
        VictimAlias = "victim_alias",
        /// Nothing more of a victim.
        VictimHidden = "victim_hidden",
        /// An alias for each witness.
        WitnessAlias = "witness_alias",
        /// Nothing more of a witness.
        WitnessHidden = "witness_hidden",
        /// What it is sought for.
        Purpose = "purpose",
        /// Why the offence is transnational and involves a group.
        Transnationality = "transnationality",
        /// What makes it transnational, where a word is said.
        TransnationalityLink = "transnationality_link",
        /// No word on it without UNTOC.
        TransnationalityOutside = "transnationality_outside",
        /// The date of a deadline.
        DeadlineDate = "deadline_date",
        /// Why then.
        DeadlineReason = "deadline_reason",
        /// Why it is an emergency.
        EmergencyGround = "emergency_ground",
        /// Why it is urgent.
        UrgentGround = "urgent_ground",
        /// A word on what is secret.
        Confidentiality = "confidentiality",
        /// Why it is secret.
        SecrecyReason = "secrecy_reason",
        /// Its language.
        Language = "language",
        /// A language that the requested authority accepts.
        AcceptedLanguage = "accepted_language",
        /// The language of each translation.
        TranslationLanguage = "translation_language",
        /// How it is signed.
        Signature = "signature",
        /// An undertaking of reciprocity.
        UndertakingReciprocity = "undertaking_reciprocity",
        /// An undertaking of specialty.
        UndertakingSpecialty = "undertaking_specialty",
        /// An undertaking to return items.
        UndertakingReturnOfItems = "undertaking_return_of_items",
        /// An undertaking to bear costs.
        UndertakingCosts = "undertaking_costs",
        /// An undertaking on the death penalty.
        UndertakingNoDeathPenalty = "undertaking_no_death_penalty",
        /// An undertaking of safe conduct.
        UndertakingSafeConduct = "undertaking_safe_conduct",
        /// An undertaking of reciprocity, where no treaty is a basis.
        ReciprocityWithoutTreaty = "reciprocity_without_treaty",
        /// A legal basis.
        LegalBasis = "legal_basis",
        /// The governing basis first.
        BasisOrder = "basis_order",
        /// A basis to which the requested State is a party.
        NotParty = "not_party",
        /// An authority that is competent for requests.
        FunctionMla = "function_mla",
        /// An authority that takes requests first made orally.
        OralAccepted = "oral_accepted",
        /// That an emergency request is one.
        EmergencyLevel = "emergency_level",
        /// The language of a note.
        NoteLanguage = "note_language",
        /// A language of a note that the other authority accepts.
        NoteAcceptedLanguage = "note_accepted_language",
        /// Reasons for a refusal or a postponement.
        Reasons = "reasons",
        /// Grounds for a refusal or a postponement.
        Grounds = "grounds",
        /// A ground that has a known code.
        GroundKnown = "ground_known",
        /// A ground other than bank secrecy.
        GroundBankSecrecy = "ground_bank_secrecy",
        /// A ground other than fiscal matters.
        GroundFiscal = "ground_fiscal",
        /// Which decision, in a decision.
        Decision = "decision",
        /// The conditions, in a proposal.
        Conditions = "conditions",
        /// When a postponed request is looked at again.
        ReviewDate = "review_date",
        /// What does not conform, in a return.
        Defects = "defects",
        /// The field of a defect.
        DefectField = "defect_field",
        /// What is wrong with it.
        DefectText = "defect_text",
        /// What it is to be used for, in a request for consent.
        UsePurpose = "use_purpose",
        /// Whether it may be, in the answer to one.
        ConsentSaid = "consent_said",
        /// What a restriction of use is.
        RestrictionText = "restriction_text",
        /// What a condition of use is.
        ConditionText = "condition_text",
        /// What a statement about domestic law says.
        StatementLaw = "statement_law",
        /// What a statement about a treaty says.
        StatementTreaty = "statement_treaty",
        /// What a statement about an authority says.
        StatementAuthority = "statement_authority",
        /// What a statement about procedure says.
        StatementProcedure = "statement_procedure",
        /// What a statement about languages says.
        StatementLanguage = "statement_language",
        /// What a statement about thresholds says.
        StatementThreshold = "statement_threshold",
        /// What any other statement says.
        StatementOther = "statement_other",
        /// The treaty that a statement is about.
        StatementInstrument = "statement_instrument",
        /// The language of a statement.
        StatementTextLanguage = "statement_text_language",
        /// The consent of a person who is referred.
        ReferralConsent = "referral_consent",
        /// Why a person is referred.
        ReferralReason = "referral_reason",
        /// What a person needs who is referred.
        ReferralNeeds = "referral_needs",
        /// The consent of a person who goes home.
        ReturnConsent = "return_consent",
        /// Where a person goes.
        ReturnCountry = "return_country",
        /// What is arranged for a person who goes home.
        ReturnText = "return_text",
        /// The consent of a guardian, where a child is concerned.
        GuardianConsent = "guardian_consent",
        /// Persons who are named by codes alone.
        PersonCode = "person_code",
        /// Each person once.
        FormPersonTwice = "form_person_twice",
        /// Each need once.
        FormNeedTwice = "form_need_twice",
        /// One person at least.
        FormPersons = "form_persons",
        /// The language of what is told of a person.
        FormTextLanguage = "form_text_language",
        /// One statement at least.
        FormStatements = "form_statements",
        /// A code for each statement, each of them once.
        FormStatementRef = "form_statement_ref",
        /// An end that is not before the beginning.
        FormPeriod = "form_period",
        /// Another statement than itself that a statement supersedes.
        FormSupersedes = "form_supersedes",
        /// An address on the web.
        FormUrl = "form_url",
        /// No more characters than fit.
        FormLength = "form_length",
        /// No control characters.
        FormControl = "form_control",
        /// No more entries than fit.
        FormCount = "form_count",
        /// No empty entry.
        FormEmptyItem = "form_empty_item",
        /// A day of the calendar.
        FormDate = "form_date",
        /// The shape of a country.
        FormCountry = "form_country",
        /// The shape of a language tag.
        FormLanguage = "form_language",
        /// The shape of a code.
        FormCode = "form_code",
        /// The shape of the code of a ground.
        FormGround = "form_ground",
        /// Each reference once.
        FormRefTwice = "form_ref_twice",
        /// Each basis once.
        FormBasisTwice = "form_basis_twice",
        /// Each ground once.
        FormGroundTwice = "form_ground_twice",
        /// The name of a related case.
        FormRelatedCase = "form_related_case",
        /// Related cases of a request in the request.
        FormRelatedOutside = "form_related_outside",
        /// A body that fits the kind of message.
        FormBody = "form_body",
        /// A text, where the kind says nothing by itself.
        FormSilent = "form_silent",
        /// Nothing that only another kind of message says.
        FormElsewhere = "form_elsewhere",
        /// The package of an exhibit.
        FormPart = "form_part",
    }
}

impl Need {
    /// The need of an undertaking of a kind.
    pub fn of_undertaking(kind: UndertakingKind) -> Self {
        match kind {
            UndertakingKind::Reciprocity => Self::UndertakingReciprocity,
            UndertakingKind::Specialty => Self::UndertakingSpecialty,
            UndertakingKind::ReturnOfItems => Self::UndertakingReturnOfItems,
            UndertakingKind::Costs => Self::UndertakingCosts,
            UndertakingKind::NoDeathPenalty => Self::UndertakingNoDeathPenalty,
            UndertakingKind::SafeConduct => Self::UndertakingSafeConduct,
        }
    }
}
