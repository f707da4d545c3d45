//! A submission that breaks rules is refused with an entry, as everything is that the node judges.

use crate::audit::entry::{EntryDraft, Event};
use crate::crypto::Digest;
use crate::crypto::primitives::pae;
use crate::exchange::agencies::Caller;
use crate::exchange::{ActionError, Exchange, Violation};
use crate::store::Position;

impl Exchange {
    /// Logs that a submission was refused, and gives the error that says where. The same submission
    /// again is the same refusal: a client that repeats it costs one entry. Of other ones there is
    /// an end.
    pub(super) async fn refuse_submission(
        &self,
        caller: &Caller,
        digest: &Digest,
        violations: Vec<Violation>,
    ) -> ActionError {
        let name = pae("submission", &[caller.name.as_bytes(), digest]);
        let key = self.home.blind("submission-refusal", &name);
        let draft = EntryDraft::new(Event::SubmissionRejection)
            .by(self.me.clone())
            .code(code_of(&violations))
            .who(&self.handle(&caller.name));
        let may = || self.budgets.rejections.take(&caller.name, self.now());
        match self.log_refusal(key, draft, may).await {
            Ok(Some(entry)) => {
                // A repeated one stands in the log in which it was refused first.
                let log = self.store.head_of(Position::from_number(entry).log);
                let log = log.unwrap_or_else(|| self.store.head());
                let origin = log.checkpoint.origin.clone();
                ActionError::Refused { violations, origin, entry }
            }
            Ok(None) => {
                let wrong = ActionError::Invalid(violations);
                let message = format!(
                    "too many different submissions of {} were refused, and this one is not logged \
                     any more: mend what sends them, and wait a moment ({wrong})",
                    caller.name
                );
                ActionError::exhausted("TOO_MANY_REFUSALS", message)
            }
            // Nothing is answered that is not durable: the client comes again (I1).
            Err(error) => error,
        }
    }
}

/// The closed code of what is wrong. Which fields are stays between the node and its client.
fn code_of(violations: &[Violation]) -> &'static str {
    let any = |is: fn(&str) -> bool| violations.iter().any(|one| is(&one.field));
    if any(|field| field == "content" || field.starts_with("content.")) {
        "CONTENT_INVALID"
    } else if any(|field| field == "recipient") {
        "RECIPIENT_UNKNOWN"
    } else {
        "FORM_INVALID"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RequestId;
    use crate::exchange::budgets::REFUSALS;
    use crate::exchange::retention::Rules;
    use crate::exchange::submit::Submission;
    use crate::exchange::testing::{Lone, desk};

    async fn refused(lone: &Lone, caller: &Caller, submission: Submission) -> u64 {
        match lone.x().submit(caller, submission).await.map(|view| view.id) {
            Err(ActionError::Refused { entry, origin, violations }) => {
                assert_eq!(origin, "xa.oag/log/2026");
                assert!(!violations.is_empty());
                entry
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_refusal_is_logged_once_for_each_request() {
        let (a, b) = (Lone::new("xa.oag", Rules::default()), Lone::new("xb.pps", Rules::default()));
        a.meet(&b).await;
        let good = a.submission(&b, &[]);
        let bad = Submission { reference: "x".repeat(201), ..good.clone() };
        let first = refused(&a, &desk(), bad.clone()).await;
        assert_eq!(refused(&a, &desk(), bad.clone()).await, first, "the same refusal");
        let other = Caller { name: "other".into(), ..desk() };
        let others = refused(&a, &other, bad.clone()).await;
        let anew = Submission { request: RequestId::new([7; 16]), ..bad.clone() };
        let anew = refused(&a, &desk(), anew).await;
        let changed = Submission { reference: "y".repeat(201), ..bad };
        let changed = refused(&a, &desk(), changed).await;
        let logged = a.entries(Event::SubmissionRejection);
        let places: Vec<u64> = logged.iter().map(|(index, _)| *index).collect();
        assert_eq!(places, [first, others, anew, changed]);
        let (_, entry) = &logged[0];
        assert_eq!(entry.code.as_deref(), Some("FORM_INVALID"));
        assert_eq!(entry.by.as_ref(), Some(a.x().me()));
        assert_eq!(entry.who, Some(a.x().handle("desk")));
        // Mended, the same request goes.
        assert!(a.x().submit(&desk(), good).await.is_ok());
    }

    #[tokio::test]
    async fn a_flood_of_refusals_costs_few_entries() {
        let (a, b) = (Lone::new("xa.oag", Rules::default()), Lone::new("xb.pps", Rules::default()));
        a.meet(&b).await;
        let bad = |n: u8| {
            let reference = "x".repeat(201);
            Submission { reference, request: RequestId::new([n; 16]), ..a.submission(&b, &[]) }
        };
        let (most, repeated) = (u8::try_from(REFUSALS.0).expect("few"), bad(1));
        let first = refused(&a, &desk(), repeated.clone()).await;
        for n in 2..=most {
            refused(&a, &desk(), bad(n)).await;
        }
        let told = a.x().submit(&desk(), bad(most + 1)).await.map(drop);
        let is_told = |told: &ActionError| {
            matches!(told, ActionError::Exhausted { code: "TOO_MANY_REFUSALS", .. })
                && told.to_string().contains("reference: must have")
        };
        assert!(told.as_ref().is_err_and(is_told), "{told:?}");
        assert_eq!(refused(&a, &desk(), repeated).await, first, "what is logged is answered");
        let other = Caller { name: "other".into(), ..desk() };
        refused(&a, &other, bad(0)).await;
        assert_eq!(a.entries(Event::SubmissionRejection).len(), usize::from(most) + 1);
        assert!(a.x().submit(&desk(), a.submission(&b, &[])).await.is_ok(), "what is good gets in");
        a.wait_days(1);
        refused(&a, &desk(), bad(most + 1)).await;
    }

    #[tokio::test]
    async fn what_was_not_judged_is_not_a_refusal() {
        let (a, b) = (Lone::new("xa.oag", Rules::default()), Lone::new("xb.pps", Rules::default()));
        a.meet(&b).await;
        let first = a.submission(&b, &[]);
        a.x().submit(&desk(), first.clone()).await.map(drop).expect("submitted");
        let reused = Submission { reference: "other".into(), ..first };
        let reused = a.x().submit(&desk(), reused).await.map(drop);
        assert!(matches!(reused, Err(ActionError::Conflict { code: "REQUEST_ID_REUSED", .. })));
        a.x().store.freeze("held by a peer").expect("frozen");
        let late = a.x().submit(&desk(), a.submission(&b, &[])).await.map(drop);
        assert!(matches!(late, Err(ActionError::Conflict { code: "LOG_ROLLED_BACK", .. })));
        assert!(a.entries(Event::SubmissionRejection).is_empty());
    }

    #[test]
    fn the_code_says_what_is_wrong_and_not_where() {
        for (fields, code) in [
            (&["content.request.subject", "recipient"][..], "CONTENT_INVALID"),
            (&["content"], "CONTENT_INVALID"),
            (&["packages[0]", "recipient"], "RECIPIENT_UNKNOWN"),
            (&["reference"], "FORM_INVALID"),
            (&["contents"], "FORM_INVALID"),
        ] {
            let violations: Vec<_> = fields.iter().map(|f| Violation::new(*f, "x")).collect();
            assert_eq!(code_of(&violations), code, "{fields:?}");
        }
    }
}
