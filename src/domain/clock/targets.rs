//! How long each duty may take: data, which a node's configuration replaces.

use std::collections::BTreeMap;

use super::Duty;
use crate::domain::AuthorityId;
use crate::domain::request::UrgencyLevel;
use crate::domain::time::DAY_MS;

const HOUR_MS: i64 = 3600 * 1000;
/// The longest target: ten years are a slip of the hand.
pub(super) const TARGET_MAX_MS: i64 = 3650 * DAY_MS;

/// What is shipped.
const SHIPPED: &str = include_str!("targets.toml");

/// The targets of one peer and one urgency, in milliseconds, by the order of [`Duty::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Track([i64; Duty::ALL.len()]);

impl Track {
    /// How long a duty may take, in milliseconds; more than none.
    pub fn target_ms(&self, duty: Duty) -> i64 {
        self.0[duty.place()]
    }
}

/// What replaces a target.
type Replaced = BTreeMap<(UrgencyLevel, Duty), i64>;

/// The targets of every urgency, and what peers have instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Targets {
    all: Replaced,
    peers: BTreeMap<AuthorityId, Replaced>,
}

impl Default for Targets {
    /// Those that are shipped.
    fn default() -> Self {
        Self { all: parse(SHIPPED).expect("a test reads it"), peers: BTreeMap::new() }
    }
}

impl Targets {
    /// Replaces a target, for one peer or for all that have none of their own. `ms` as
    /// [`parse_target`] gives it.
    pub fn set(&mut self, peer: Option<&AuthorityId>, urgency: UrgencyLevel, duty: Duty, ms: i64) {
        let replaced = match peer {
            None => &mut self.all,
            Some(peer) => self.peers.entry(peer.clone()).or_default(),
        };
        replaced.insert((urgency, duty), ms.clamp(1, TARGET_MAX_MS));
    }

    /// The targets of requests between us and a peer.
    pub fn of(&self, peer: &str, urgency: UrgencyLevel) -> Track {
        let own = self.peers.iter().find(|(id, _)| id.as_str() == peer).map(|(_, own)| own);
        Track(Duty::ALL.map(|duty| {
            let key = (urgency, duty);
            let target = own.and_then(|own| own.get(&key)).or_else(|| self.all.get(&key));
            target.copied().unwrap_or(TARGET_MAX_MS)
        }))
    }
}

/// Reads a target, as in `7 days` or `8 hours`: at least an hour, ten years at most. In milliseconds.
///
/// # Errors
/// Says the rule.
pub fn parse_target(text: &str) -> Result<i64, String> {
    let rule = || {
        format!("{text:?} is no target: as in \"7 days\" or \"8 hours\", from 1 hour to 3650 days")
    };
    let (count, unit) = text.split_once(' ').ok_or_else(rule)?;
    let unit = match unit {
        "hour" | "hours" => HOUR_MS,
        "day" | "days" => DAY_MS,
        _ => return Err(rule()),
    };
    let digits = !count.is_empty() && count.bytes().all(|b| b.is_ascii_digit());
    let count = digits.then(|| count.parse::<i64>().ok()).flatten().ok_or_else(rule)?;
    let ms = count.checked_mul(unit).filter(|ms| (HOUR_MS..=TARGET_MAX_MS).contains(ms));
    ms.ok_or_else(rule)
}

/// Every target of every urgency.
fn parse(text: &str) -> Result<Replaced, String> {
    let read: BTreeMap<String, BTreeMap<String, String>> =
        toml::from_str(text).map_err(|error| error.to_string())?;
    let mut targets = Replaced::new();
    for (urgency, duties) in &read {
        let known = UrgencyLevel::ALL.iter().copied().find(|one| one.as_str() == urgency);
        let urgency = known.ok_or_else(|| format!("no urgency: {urgency}"))?;
        for (duty, target) in duties {
            let duty = Duty::parse(duty).ok_or_else(|| format!("no duty: {duty}"))?;
            targets.insert((urgency, duty), parse_target(target)?);
        }
    }
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(targets: &Targets, peer: &str, urgency: UrgencyLevel, duty: Duty) -> i64 {
        targets.of(peer, urgency).target_ms(duty)
    }

    #[test]
    fn the_shipped_table_is_complete_and_the_more_urgent_the_shorter() {
        let shipped = parse(SHIPPED).expect("it is sound");
        assert_eq!(shipped.len(), UrgencyLevel::ALL.len() * Duty::ALL.len());
        let targets = Targets::default();
        for duty in Duty::ALL {
            let by_urgency = [UrgencyLevel::Emergency, UrgencyLevel::Urgent, UrgencyLevel::Routine]
                .map(|urgency| of(&targets, "xb.pps", urgency, duty));
            assert!(by_urgency.is_sorted(), "{duty}: {by_urgency:?}");
            assert!(by_urgency[0] < by_urgency[2], "{duty}");
        }
        let routine = |duty| of(&targets, "xb.pps", UrgencyLevel::Routine, duty) / DAY_MS;
        assert_eq!(routine(Duty::Acknowledgement), 7);
        assert_eq!((routine(Duty::Decision), routine(Duty::Execution)), (30, 90));
        assert_eq!((routine(Duty::StatusAnswer), routine(Duty::Review)), (14, 90));
        let emergency = of(&targets, "xb.pps", UrgencyLevel::Emergency, Duty::Execution);
        assert_eq!(emergency, 8 * HOUR_MS);
    }

    #[test]
    fn a_peer_may_have_its_own_and_the_rest_stays() {
        let mut targets = Targets::default();
        let peer = AuthorityId::parse("xb.pps").expect("valid");
        let (urgency, duty) = (UrgencyLevel::Routine, Duty::Decision);
        targets.set(None, urgency, duty, 20 * DAY_MS);
        targets.set(Some(&peer), urgency, duty, 60 * DAY_MS);
        assert_eq!(of(&targets, "xb.pps", urgency, duty), 60 * DAY_MS);
        assert_eq!(of(&targets, "xc.moj", urgency, duty), 20 * DAY_MS);
        assert_eq!(of(&targets, "xb.pps", urgency, Duty::Execution), 90 * DAY_MS);
        let urgent = of(&targets, "xb.pps", UrgencyLevel::Urgent, duty);
        assert_eq!(urgent, 5 * DAY_MS);
    }

    #[test]
    fn targets_have_a_unit_and_a_limit() {
        assert_eq!(parse_target("1 day"), Ok(DAY_MS));
        assert_eq!(parse_target("36 hours"), Ok(36 * HOUR_MS));
        for bad in
            ["", "7", "7days", "7 weeks", "0 days", "-1 days", "+1 days", "3651 days", "1.5 days"]
        {
            let told = parse_target(bad).expect_err(bad);
            assert!(told.contains("\"8 hours\"") && told.contains("3650 days"), "{told}");
        }
    }
}
