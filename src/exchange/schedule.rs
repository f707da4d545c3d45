//! When to try a peer again. Pure.

/// The pause before the `attempt`-th retry (from 0): doubled each time from `first_ms` up to
/// `cap_ms`, then spread between half and the whole by `jitter` in 0..=1, so that many nodes that
/// lost one peer do not come back to it in step.
pub fn pause_ms(attempt: u32, first_ms: u64, cap_ms: u64, jitter: f64) -> u64 {
    let doubled = first_ms.saturating_mul(1_u64.checked_shl(attempt.min(63)).unwrap_or(u64::MAX));
    let full = doubled.min(cap_ms).max(1);
    let half = full / 2;
    half + ((full - half) as f64 * jitter.clamp(0.0, 1.0)) as u64
}

#[cfg(test)]
mod tests {
    use super::pause_ms;

    #[test]
    fn pauses_double_up_to_the_cap() {
        let full = |attempt| pause_ms(attempt, 500, 60_000, 1.0);
        assert_eq!([full(0), full(1), full(2), full(6)], [500, 1000, 2000, 32_000]);
        assert_eq!([full(7), full(50), full(u32::MAX)], [60_000; 3]);
    }

    #[test]
    fn jitter_keeps_half_at_least() {
        assert_eq!(pause_ms(0, 500, 60_000, 0.0), 250);
        assert_eq!(pause_ms(0, 500, 60_000, -3.0), 250);
        assert_eq!(pause_ms(0, 0, 0, 1.0), 1);
    }
}
