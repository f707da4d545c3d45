//! `[reconcile]`: how often what peers' logs and ours say of each other is compared.

use super::file::{Reader, Section};
use crate::exchange::reconcile::Rules;

const MINUTE_MS: u64 = 60_000;
/// A week: what is compared less often is compared by hand.
const MINUTES_MAX: u64 = 7 * 24 * 60;

/// An hour after it was lost, a receipt is missed.
pub(super) const DEFAULT: Rules = Rules { interval_ms: 60 * MINUTE_MS, grace_ms: 3_600_000 };

/// Reads the section.
pub(super) fn read<'a>(reader: &mut Reader<'a>, root: &mut Section<'a>) -> Rules {
    let mut section = reader.section(root, "reconcile");
    let mut minutes = |key| reader.number(&mut section, key, 0..=MINUTES_MAX);
    let interval = minutes("reconcile.interval_minutes").map(|minutes| minutes * MINUTE_MS);
    let grace = minutes("reconcile.grace_minutes").map(|minutes| minutes * MINUTE_MS);
    reader.end(section);
    Rules {
        interval_ms: interval.unwrap_or(DEFAULT.interval_ms),
        grace_ms: grace.map_or(DEFAULT.grace_ms, u64::cast_signed),
    }
}
