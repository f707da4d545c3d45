//! Between whom a case is: its opener and each authority to which that one writes in it.
//!
//! Without that a peer could name a case that it has no part in, or the next that this authority opens,
//! and what it says would stand there among what others have said.

use super::index;
use crate::domain::{AuthorityId, CaseId};
use crate::exchange::submit::Submission;
use crate::exchange::{ActionError, Exchange, Violation};
use crate::store::{Table, Tx};

/// Where it is noted that messages were lost with a disk: which cases they were of, nobody knows.
const LOST: &[u8] = b"lost_messages";

/// Notes that a message was lost.
pub(in crate::exchange) fn note_lost(tx: &mut Tx<'_>) {
    tx.put(Table::Settings, LOST, vec![1]);
}

impl Exchange {
    /// A case that is named is ours, or the recipient's: to whom else it is told, its opener says.
    pub(in crate::exchange) fn check_between(
        &self,
        submission: &Submission,
        wrong: &mut Vec<Violation>,
    ) {
        let Some(case) = &submission.case else { return };
        let opener = case.opener();
        if opener != self.me && opener != submission.recipient {
            let rule = format!(
                "{case} is between {opener} and those to whom it writes: leave it out, for a case of your \
                 own, and name it in related_cases"
            );
            wrong.push(Violation::new("case_id", rule));
        }
    }

    /// Whether a peer may write in a case: one that it has opened, or one of ours in which we have
    /// written to it.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the store cannot be read.
    pub(in crate::exchange) fn is_between(
        &self,
        peer: &AuthorityId,
        case: &CaseId,
    ) -> Result<bool, ActionError> {
        let opener = case.opener();
        if opener != self.me {
            return Ok(opener == *peer);
        }
        let known = self.store.get(Table::Cases, case.as_str().as_bytes())?.is_some();
        let part = index::part(&self.home, case.as_str(), peer.as_str());
        if known && self.store.get(Table::CaseMessages, &part)?.is_some() {
            return Ok(true);
        }
        // Its number was given, and the rest is gone.
        let given = case.sequence() <= self.cases.last(&self.store, case.year())?;
        Ok(given && self.store.get(Table::Settings, LOST)?.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::testing::{desk, pair};

    fn third() -> AuthorityId {
        AuthorityId::parse("xd.moj").expect("valid")
    }

    #[tokio::test]
    async fn a_peer_writes_in_its_own_cases_and_where_it_was_written_to() {
        let (a, b) = pair().await;
        let [own, ours] = [&b, &a].map(|lone| lone.x().me.clone());
        let between = |case: &CaseId| a.x().is_between(&own, case).expect("read");
        assert!(between(&CaseId::new(&own, 2026, 7)), "it opens as many as it likes");
        assert!(!between(&CaseId::new(&third(), 2026, 7)), "of a third");
        let year = a.x().now().year();
        assert!(!between(&CaseId::new(&ours, year, 1)), "the next that we open");
        let case = CaseId::parse(&a.row(a.submit(&b, &[]).await).case_id).expect("a case");
        assert!(between(&case));
        assert!(!a.x().is_between(&third(), &case).expect("read"), "nobody wrote to it");
        assert!(!between(&CaseId::new(&ours, year, case.sequence() + 1)));
    }

    #[tokio::test]
    async fn what_was_lost_may_be_gone_on_with() {
        let (a, b) = pair().await;
        let (peer, year) = (b.x().me.clone(), a.x().now().year());
        let lost = CaseId::new(&a.x().me, year, 1);
        let commit = a.x().store.commit(move |tx| {
            note_lost(tx);
            crate::exchange::submit::skip_case_number(tx, year)
        });
        commit.await.expect("durable");
        assert!(a.x().is_between(&peer, &lost).expect("read"));
        let never = CaseId::new(&a.x().me, year, 2);
        assert!(!a.x().is_between(&peer, &never).expect("read"));
    }

    #[tokio::test]
    async fn the_case_of_a_third_is_not_gone_on_with() {
        let (a, b) = pair().await;
        let case = Some(CaseId::new(&third(), 2026, 1));
        let submission = Submission { case, ..a.submission(&b, &[]) };
        let refused = a.x().submit(&desk(), submission).await.map(drop).expect_err("refused");
        assert!(refused.to_string().contains("is between xd.moj and those"), "{refused}");
    }
}
