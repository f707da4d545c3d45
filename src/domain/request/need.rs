//! What the checker can miss or object to, each by its word. The data files of [`super::rules`] say
//! which instrument asks for it, where, and how much it matters.

use serde::{Deserialize, Serialize};

use super::words::words;

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
        /// A translation of all that the other authority acts on.
        TranslationWhole = "translation_whole",
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
        /// A ground that a refusal may rest on.
        GroundRefusal = "ground_refusal",
        /// A ground that a postponement may rest on.
        GroundPostponement = "ground_postponement",
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
        /// How far the arrangement of a hearing has come.
        HearingStage = "hearing_stage",
        /// By which means a person is heard.
        HearingMeans = "hearing_means",
        /// When a hearing begins.
        HearingStart = "hearing_start",
        /// Who conducts a hearing.
        HearingPresides = "hearing_presides",
        /// Who attends a hearing for the requested State.
        HearingAttends = "hearing_attends",
        /// When the link of a hearing is tried.
        HearingLinkTest = "hearing_link_test",
        /// What record of a hearing follows.
        HearingRecord = "hearing_record",
        /// Why a hearing does not take place.
        HearingReason = "hearing_reason",
        /// The consent of who is heard.
        HearingConsent = "hearing_consent",
        /// What protects a child who is heard.
        HearingChildMeasures = "hearing_child_measures",
        /// What a person in custody is wanted for.
        TransferPurpose = "transfer_purpose",
        /// By when a person who is transferred is back.
        TransferReturnBy = "transfer_return_by",
        /// That a person who is transferred stays in custody.
        TransferCustody = "transfer_custody",
        /// That the person is returned without delay.
        TransferReturned = "transfer_returned",
        /// That no extradition is needed for the return.
        TransferNoExtradition = "transfer_no_extradition",
        /// That the time counts towards the sentence.
        TransferTimeCounts = "transfer_time_counts",
        /// That the person is not prosecuted for what came before.
        TransferEarlierActs = "transfer_earlier_acts",
        /// The consent of the person.
        TransferConsent = "transfer_consent",
        /// That the person knew what it is about.
        TransferInformed = "transfer_informed",
        /// Why an authority does not agree to a transfer.
        TransferNotAgreed = "transfer_not_agreed",
        /// When the person goes back.
        TransferReturnDate = "transfer_return_date",
        /// Who takes the person back.
        TransferHandedTo = "transfer_handed_to",
        /// How many days count.
        TransferDays = "transfer_days",
        /// From when on a safe conduct holds.
        SafeConductFrom = "safe_conduct_from",
        /// How long the person can leave.
        SafeConductDays = "safe_conduct_days",
        /// What a safe conduct covers.
        SafeConductActs = "safe_conduct_acts",
        /// How far a consultation on costs has come.
        CostStage = "cost_stage",
        /// What costs how much.
        CostItems = "cost_items",
        /// Whether a cost is out of the ordinary.
        CostKind = "cost_kind",
        /// Who bears what is agreed.
        CostBearer = "cost_bearer",
        /// Ordinary costs where they belong.
        CostOrdinary = "cost_ordinary",
        /// How shared costs are shared.
        CostShares = "cost_shares",
        /// When a person was arrested.
        ExtraditionArrest = "extradition_arrest",
        /// By when the request for extradition has to be there.
        ExtraditionDue = "extradition_due",
        /// When extradition was requested.
        ExtraditionRequest = "extradition_request",
        /// What an extradition rests on.
        ExtraditionBasis = "extradition_basis",
        /// Which authority has the case of who is not extradited, and since when.
        ExtraditionReferred = "extradition_referred",
        /// Why who is no national is not extradited.
        ExtraditionWhyNot = "extradition_why_not",
        /// When a person is surrendered.
        ExtraditionSurrender = "extradition_surrender",
        /// On which conditions a national comes back.
        ExtraditionReturn = "extradition_return",
        /// The case that an extradition goes with.
        ExtraditionCase = "extradition_case",
        /// What protects a person.
        ProtectionMeasures = "protection_measures",
        /// Who has become something else, and why.
        ProtectionRoleChange = "protection_role_change",
        /// What speaks for a nationality.
        NationalityEvidence = "nationality_evidence",
        /// What was found of it.
        NationalityFinding = "nationality_finding",
        /// The papers of who may come.
        NationalityDocument = "nationality_document",
        /// Which office deals with a case.
        DeskOffice = "desk_office",
        /// To whom a request went on.
        ForwardedTo = "forwarded_to",
        /// When it went there.
        ForwardedDate = "forwarded_date",
        FormConsentDate = "form_consent_date": "When somebody was asked.",
        FormMeasureTwice = "form_measure_twice": "Each measure once.",
        FormMeasureOther = "form_measure_other": "What another measure is.",
        FormEvidenceTwice = "form_evidence_twice": "Each kind of evidence once.",
        FormNumber = "form_number": "A number that can be meant.",
        FormTime = "form_time": "A moment with its offset.",
        FormAmount = "form_amount": "The shape of an amount.",
        FormCurrency = "form_currency": "The shape of a currency.",
        /// Persons who are named by codes alone.
        PersonCode = "person_code",
        FormPersonTwice = "form_person_twice": "Each person once.",
        FormNeedTwice = "form_need_twice": "Each need once.",
        FormPersons = "form_persons": "One person at least.",
        FormTextLanguage = "form_text_language": "The language of what is told of a person.",
        /// A calendar year, in a statistics return.
        ReturnPeriod = "return_period",
        /// As of when its figures are.
        ReturnAsOf = "return_as_of",
        /// A year that is over.
        ReturnYearOver = "return_year_over",
        /// No small counts.
        ReturnSmallest = "return_smallest",
        /// Its lines, each once, with the totals.
        ReturnLines = "return_lines",
        /// A value by which requests are told apart.
        ReturnValue = "return_value",
        /// Counts that agree with each other.
        ReturnSums = "return_sums",
        /// Small counts that cannot be learnt.
        ReturnSmall = "return_small",
        FormStatements = "form_statements": "One statement at least.",
        FormStatementRef = "form_statement_ref": "A code for each statement, each of them once.",
        FormPeriod = "form_period": "An end that is not before the beginning.",
        FormSupersedes = "form_supersedes": "Another statement than itself that a statement supersedes.",
        FormUrl = "form_url": "An address on the web.",
        FormLength = "form_length": "No more characters than fit.",
        FormControl = "form_control": "No control characters.",
        FormCount = "form_count": "No more entries than fit.",
        FormEmptyItem = "form_empty_item": "No empty entry.",
        FormDate = "form_date": "A day of the calendar.",
        FormCountry = "form_country": "The shape of a country.",
        FormLanguage = "form_language": "The shape of a language tag.",
        FormCode = "form_code": "The shape of a code.",
        FormGround = "form_ground": "The shape of the code of a ground.",
        FormRefTwice = "form_ref_twice": "Each reference once.",
        FormBasisTwice = "form_basis_twice": "Each basis once.",
        FormGroundTwice = "form_ground_twice": "Each ground once.",
        FormRelatedCase = "form_related_case": "The name of a related case.",
        FormRelatedOutside = "form_related_outside": "Related cases of a request in the request.",
        FormBody = "form_body": "A body that fits the kind of message.",
        FormSilent = "form_silent": "A text, where the kind says nothing by itself.",
        FormElsewhere = "form_elsewhere": "Nothing that only another kind of message says.",
        FormPart = "form_part": "The package of an exhibit.",
        FormInvisible = "form_invisible": "No characters that cannot be seen and change what is.",
        FormNfc = "form_nfc": "Texts in the normal form C of Unicode.",
        FormOriginal = "form_original": "The originals of texts that are there.",
        FormTranslationField = "form_translation_field": "Translations of texts that are there.",
        FormTranslationTwice = "form_translation_twice": "Each language, and each text in it, once.",
        FormTranslationSame = "form_translation_same": "Another language than the one translated from.",
        FormTranslationExhibit = "form_translation_exhibit": "The exhibit of a package that has a translation.",
        FormTransliteration = "form_transliteration": "Names in Latin letters, where a scheme is named.",
    }
}
