//! What the requested authority has said of a request, in the order of its own count.
//!
//! Its messages are opened in whatever order they come. Each has its number, so that what came late is
//! put where it belongs, and everybody who has the same messages tells the same course.

use super::RequestState;
use crate::domain::{MessageId, Timestamp};

/// Messages that follow each other in the count and say the same state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// From when on it is known.
    pub at: Timestamp,
    /// The state.
    pub state: RequestState,
    /// The message that said so first, or the request itself.
    pub message: MessageId,
    /// The number of the first of them; 0 for what nobody has said, as that it is issued.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
}

/// How a message stands to those that came before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It is the newest.
    Newest,
    /// A newer one was here already, since then.
    Late(Timestamp),
    /// Its number was here already.
    Known,
}

/// Puts what one message says where it belongs. What is known late is known no later than what follows
/// it.
pub fn put_in_order(course: &mut Vec<Stretch>, said: Stretch) -> Place {
    let behind = course.partition_point(|one| one.first <= said.first);
    let before = behind.checked_sub(1);
    if before.is_some_and(|before| said.first <= course[before].last) {
        return Place::Known;
    }
    let mut said = said;
    let next = course.get(behind).copied();
    if let Some(next) = next {
        said.at = said.at.min(next.at);
        if next.state == said.state && next.first == said.last.saturating_add(1) {
            said.last = next.last;
            course.remove(behind);
        }
    }
    match before.map(|before| &mut course[before]) {
        Some(one) if one.state == said.state && said.first == one.last.saturating_add(1) => {
            one.last = said.last;
        }
        _ => course.insert(behind, said),
    }
    next.map_or(Place::Newest, |next| Place::Late(next.at))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn stretch(at: i64, state: RequestState, number: u64) -> Stretch {
        let at = Timestamp::from_unix_ms(at);
        let message = MessageId::new(Timestamp::from_unix_ms(1), [number as u8; 10]);
        Stretch { at, state, message, first: number, last: number }
    }

    fn told(course: &[Stretch]) -> Vec<(RequestState, u64, u64)> {
        course.iter().map(|one| (one.state, one.first, one.last)).collect()
    }

    #[test]
    fn what_was_overtaken_is_put_where_it_belongs() {
        use RequestState as S;
        let mut course = vec![stretch(0, S::Issued, 0)];
        let mut takes = |at, state, number| put_in_order(&mut course, stretch(at, state, number));
        assert_eq!(takes(1, S::Accepted, 1), Place::Newest);
        assert_eq!(takes(2, S::Closed, 3), Place::Newest);
        assert_eq!(takes(9, S::Executed, 2), Place::Late(Timestamp::from_unix_ms(2)));
        assert_eq!(takes(9, S::Refused, 2), Place::Known, "its first word stands");
        assert_eq!(takes(9, S::Refused, 0), Place::Known);
        let states =
            [(S::Issued, 0, 0), (S::Accepted, 1, 1), (S::Executed, 2, 2), (S::Closed, 3, 3)];
        assert_eq!(told(&course), states);
        assert_eq!(course[2].at, course[3].at, "known no later than what follows it");
    }

    proptest! {
        /// Whatever the order in which messages are opened, the same course comes of them.
        #[test]
        fn the_order_of_opening_is_nothing(
            (states, order) in vec(select(RequestState::ALL), 1..40).prop_flat_map(|states| {
                let order: Vec<usize> = (0..states.len()).collect();
                (Just(states), Just(order).prop_shuffle())
            }),
        ) {
            let opened = |order: &[usize]| {
                let mut course = vec![stretch(0, RequestState::Issued, 0)];
                for (at, number) in order.iter().enumerate() {
                    let said = stretch(1 + at as i64, states[*number], 1 + *number as u64);
                    let place = put_in_order(&mut course, said);
                    prop_assert_ne!(place, Place::Known);
                    prop_assert_eq!(put_in_order(&mut course, said), Place::Known);
                    prop_assert!(course.is_sorted_by_key(|one| one.at));
                }
                Ok(told(&course))
            };
            let in_order: Vec<usize> = (0..states.len()).collect();
            prop_assert_eq!(opened(&order)?, opened(&in_order)?);
        }
    }
}
