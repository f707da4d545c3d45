//! Between whom a case is: its opener and each authority to which that one writes in it.
//!
//! Without that a peer could name a case that it has no part in, or the next that this authority opens,
//! and what it says would stand there among what others have said.

use super::index;
use crate::crypto::HomeKey;
use crate::domain::{AuthorityId, CaseId};
use crate::exchange::submit::{Submission, last_case_in};
use crate::exchange::{ActionError, Exchange, Violation};
use crate::store::{Table, Tx};

/// Where it is noted that messages to a peer were lost with a disk: which cases they were of, nobody
/// knows.
fn lost_key(home: &HomeKey, peer: &str) -> Vec<u8> {
    [b"lost_messages/".as_slice(), &home.blind("lost_messages", peer.as_bytes())].concat()
}

/// Notes that a message to a peer was lost that was sent in a year: it may have been in any case that
/// had been opened by then, and in no later one.
pub(in crate::exchange) fn note_lost(
    tx: &mut Tx<'_>,
    home: &HomeKey,
    peer: &str,
    year: i32,
) -> Result<(), ActionError> {
    let opened = last_case_in(tx, year)?;
    let value = [year.to_be_bytes().as_slice(), &opened.to_be_bytes()].concat();
    tx.put(Table::Settings, &lost_key(home, peer), value);
    Ok(())
}

/// The year and number of a case, of which a row of [`lost_key`] has the last that may have had a lost
/// message.
fn lost_until(value: &[u8]) -> Option<(i32, u64)> {
    let (year, number) = value.split_first_chunk::<4>()?;
    Some((i32::from_be_bytes(*year), u64::from_be_bytes(number.try_into().ok()?)))
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
    /// written to it, as far as what we wrote to it is known.
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
        let lost = self.store.get(Table::Settings, &lost_key(&self.home, peer.as_str()))?;
        let until = lost.as_deref().and_then(lost_until);
        Ok(given && until.is_some_and(|until| (case.year(), case.sequence()) <= until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::submit::skip_case_number;
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
        let nth = |number| CaseId::new(&a.x().me, year, number);
        let (home, to) = (a.x().home.clone(), peer.to_string());
        let commit = a.x().store.commit(move |tx| {
            skip_case_number(tx, year)?;
            note_lost(tx, &home, &to, year)?;
            // One to somebody else, who opened nothing.
            skip_case_number(tx, year)
        });
        commit.await.expect("durable");
        let between = |of: &AuthorityId, number| a.x().is_between(of, &nth(number)).expect("read");
        assert!(between(&peer, 1));
        assert!(!between(&third(), 1), "nothing to it was lost");
        assert!(!between(&peer, 2), "it was opened behind all that was lost to this peer");
        assert!(!between(&peer, 3), "never given");
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
