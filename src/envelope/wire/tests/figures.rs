//! Any statistics at all, whether they agree or not.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::arbitrary::text;
use crate::domain::request::{
    ReturnLine, StatisticsDimension, StatisticsReturn, StatisticsWay, Times,
};

fn count() -> impl Strategy<Value = Option<u64>> {
    option::of(0..1_u64 << 53)
}

fn line() -> impl Strategy<Value = ReturnLine> {
    let place = (select(StatisticsWay::ALL), select(StatisticsDimension::ALL), text());
    let counts = std::array::from_fn::<_, 7, _>(|_| count().boxed());
    let times = std::array::from_fn::<_, 9, _>(|_| count().boxed());
    (place, counts, times).prop_map(|((way, dimension, value), counts, seconds)| {
        let [
            requests,
            overdue,
            info_rounds,
            with_hearing,
            with_costs,
            with_evidence,
            evidence_bytes,
        ] = counts;
        let times = |n: usize| Times {
            count: seconds[n],
            median_seconds: seconds[n + 1],
            p90_seconds: seconds[n + 2],
        };
        let (acknowledgement, decision, execution) = (times(0), times(3), times(6));
        ReturnLine {
            way,
            dimension,
            value,
            requests,
            overdue,
            info_rounds,
            with_hearing,
            with_costs,
            with_evidence,
            evidence_bytes,
            acknowledgement,
            decision,
            execution,
        }
    })
}

pub(super) fn figures() -> impl Strategy<Value = StatisticsReturn> {
    ([text(), text(), text()], any::<u32>(), vec(line(), 0..4)).prop_map(
        |([from, until, as_of], smallest, lines)| StatisticsReturn {
            from,
            until,
            as_of,
            smallest,
            lines,
        },
    )
}
