//! Who bears which costs: UNTOC 18(28).

use serde::{Deserialize, Serialize};

use super::finding::Lacks;
use super::referral::language;
use super::words::words;
use super::{Need, opaque_debug};

words! {
    /// How far a consultation on costs has come.
    CostStage {
        /// Proposed.
        Proposed = "proposed",
        /// Agreed.
        Agreed = "agreed",
        /// Not agreed.
        Declined = "declined",
    }
}

words! {
    /// What kind of cost it is.
    CostKind {
        /// The requested State bears it unless otherwise agreed.
        Ordinary = "ordinary",
        /// Substantial: the States consult on it.
        Substantial = "substantial",
        /// Extraordinary: the States consult on it.
        Extraordinary = "extraordinary",
    }
}

words! {
    /// Who bears a cost.
    CostBearer {
        /// The requested State.
        Requested = "requested",
        /// The requesting State.
        Requesting = "requesting",
        /// Both, as the text says.
        Shared = "shared",
    }
}

/// The body of a `COST_CONSULTATION`.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CostConsultation {
    /// How far it has come.
    pub stage: Option<CostStage>,
    /// What costs.
    pub items: Vec<CostItem>,
    /// What else there is to say; how shared costs are shared.
    pub text: String,
    /// The language of the texts, BCP 47.
    pub language: String,
}

/// One thing that costs.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CostItem {
    /// What, without names.
    pub what: String,
    /// How much: digits, with a point before the fraction, as in `1250.00`. A binary number would
    /// not be the one that was written.
    pub amount: String,
    /// Of which currency: the three capitals of ISO 4217.
    pub currency: String,
    /// What kind of cost.
    pub kind: Option<CostKind>,
    /// Who bears it.
    pub bearer: Option<CostBearer>,
}

opaque_debug!(CostConsultation, CostItem);

/// Digits before the point: more than any budget has.
const WHOLE_DIGITS_MAX: usize = 15;
/// Digits behind it: ISO 4217 has currencies with three, and one with four.
const FRACTION_DIGITS_MAX: usize = 4;

impl CostConsultation {
    pub(super) fn walk(&self, found: &mut Lacks) {
        let message = "is missing: say whether it is proposed, agreed or declined";
        found.add_if(self.stage.is_none(), "stage", Need::CostStage, message);
        let none = self.items.is_empty();
        found.add_if(none, "items", Need::CostItems, "are missing: name one at least");
        let agreed = self.stage == Some(CostStage::Agreed);
        found.each("items", &self.items, |found, one| item(found, one, agreed));
        let shared = self.items.iter().any(|one| one.bearer == Some(CostBearer::Shared));
        if shared {
            found.required("text", Need::CostShares, &self.text);
        }
        found.text("text", &self.text);
        language(found, &self.language);
    }
}

fn item(found: &mut Lacks, one: &CostItem, agreed: bool) {
    found.required_line("what", Need::CostItems, &one.what);
    if found.required("amount", Need::CostItems, &one.amount) && !is_amount(&one.amount) {
        let message = "is no amount: digits, with a point before the fraction, as in 1250.00";
        found.add("amount", Need::FormAmount, message);
    }
    let currency = one.currency.as_bytes();
    let sound = currency.len() == 3 && currency.iter().all(u8::is_ascii_uppercase);
    if found.required("currency", Need::CostItems, &one.currency) && !sound {
        let message = "is not three upper-case letters of ISO 4217";
        found.add("currency", Need::FormCurrency, message);
    }
    let message = "is missing: say whether it is ordinary, substantial or extraordinary";
    found.add_if(one.kind.is_none(), "kind", Need::CostKind, message);
    let open = one.bearer.is_none();
    found.add_if(open && agreed, "bearer", Need::CostBearer, "is missing in what is agreed");
    let turned = one.kind == Some(CostKind::Ordinary) && one.bearer == Some(CostBearer::Requesting);
    let message =
        "is the requesting State, and it is not agreed: the requested one bears ordinary costs";
    found.add_if(turned && !agreed, "bearer", Need::CostOrdinary, message);
}

fn is_amount(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit())
    };
    digits(whole, WHOLE_DIGITS_MAX) && digits(fraction, FRACTION_DIGITS_MAX)
}

#[cfg(test)]
mod tests {
    use super::is_amount;

    #[test]
    fn an_amount_is_written_in_one_way() {
        for good in ["0", "12", "1250.00", "0.5", "999999999999999.9999"] {
            assert!(is_amount(good), "{good}");
        }
        for bad in ["", ".", "1.", ".5", "1,250", "1 250", "-1", "+1", "1e3", "1.00000", "๑"] {
            assert!(!is_amount(bad), "{bad}");
        }
        assert!(!is_amount("1234567890123456"), "too many digits");
    }
}
