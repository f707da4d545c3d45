//! What waits for the approval of a second official: whoever approves is not who wrote it, and
//! nothing goes that was not approved.

use super::finding::{Rule, Step};
use super::state::{Draft, State};

impl State {
    pub(super) fn drafted(&mut self, step: &mut Step<'_>) {
        let (Some(id), Some(who)) = (step.entry.message, &step.entry.who) else { return };
        if self.drafts.contains_key(&id) || self.messages.contains_key(&id) {
            return step.find(Rule::SubmittedTwice);
        }
        let author = self.names.of(who);
        self.drafts.insert(id, Draft { submitted: step.index, author, approved: None });
    }

    pub(super) fn approved(&mut self, step: &mut Step<'_>) {
        let (Some(id), Some(who)) = (step.entry.message, &step.entry.who) else { return };
        let by = self.names.of(who);
        let goes_on = self.goes_on();
        let Some(draft) = self.drafts.get_mut(&id).filter(|draft| draft.approved.is_none()) else {
            return step.find(if goes_on { Rule::EarlierLog } else { Rule::NotDrafted });
        };
        if draft.author == by {
            return step.find(Rule::ApprovedByAuthor);
        }
        draft.approved = step.entry.envelope;
    }

    pub(super) fn draft_ended(&mut self, step: &mut Step<'_>) {
        let Some(id) = step.entry.message else { return };
        if self.drafts.remove(&id).is_none() {
            step.find(if self.goes_on() { Rule::EarlierLog } else { Rule::NotDrafted });
        }
    }

    /// A message is submitted that may have waited: then as it was approved.
    pub(super) fn leaves_draft(&mut self, step: &mut Step<'_>) {
        let draft = step.entry.message.and_then(|id| self.drafts.remove(&id));
        if draft.is_some_and(|draft| draft.approved != step.entry.envelope) {
            step.find(Rule::SentUnapproved);
        }
    }
}
