//! Which exhibits of a package an official was given whole, before it approves what they go along with.

use crate::pb::store::v1::ExhibitRange;

/// Gaps that are kept account of. A client takes exhibits in their order, or some at a time; what else it
/// takes is not counted, and has to be taken again.
const MOST_RANGES: usize = 64;

/// Adds an exhibit; whether that says anything new.
pub(super) fn add(ranges: &mut Vec<ExhibitRange>, exhibit: u32) -> bool {
    let at = ranges.partition_point(|range| range.end < exhibit);
    let is_full = ranges.len() == MOST_RANGES;
    match ranges.get_mut(at) {
        Some(range) if (range.first..range.end).contains(&exhibit) => return false,
        Some(range) if range.end == exhibit => range.end += 1,
        Some(range) if range.first == exhibit + 1 => range.first = exhibit,
        _ if is_full => return false,
        _ => ranges.insert(at, ExhibitRange { first: exhibit, end: exhibit + 1 }),
    }
    if let [one, next, ..] = &mut ranges[at..]
        && one.end == next.first
    {
        one.end = next.end;
        ranges.remove(at + 1);
    }
    true
}

/// The first of so many exhibits that is not among them.
pub(super) fn missing(ranges: &[ExhibitRange], exhibits: u32) -> Option<u32> {
    let given = match ranges.first() {
        Some(range) if range.first == 0 => range.end,
        _ => 0,
    };
    (given < exhibits).then_some(given)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn of(ranges: &[ExhibitRange]) -> BTreeSet<u32> {
        ranges.iter().flat_map(|range| range.first..range.end).collect()
    }

    proptest! {
        #[test]
        fn what_was_given_is_what_is_kept(taken in proptest::collection::vec(0_u32..40, 0..80)) {
            let (mut ranges, mut whole) = (Vec::new(), BTreeSet::new());
            for exhibit in taken {
                prop_assert_eq!(add(&mut ranges, exhibit), whole.insert(exhibit));
                prop_assert_eq!(&of(&ranges), &whole);
                let apart = ranges.windows(2).all(|two| two[0].end < two[1].first);
                prop_assert!(apart, "{ranges:?}");
            }
            prop_assert_eq!(missing(&ranges, 40), (0..40).find(|exhibit| !whole.contains(exhibit)));
        }
    }

    #[test]
    fn the_account_of_gaps_has_an_end() {
        let mut ranges = Vec::new();
        for exhibit in (0..MOST_RANGES as u32).map(|number| 2 * number) {
            assert!(add(&mut ranges, exhibit));
        }
        assert!(!add(&mut ranges, 10_000), "this one has to be taken again");
        assert!(add(&mut ranges, 1), "what joins two is taken");
        assert!(add(&mut ranges, 10_000));
    }
}
