//! Callers that nobody knows: those that have not shaken hands yet, and those of the witness. Nobody
//! is turned away for them: who comes takes the place of who has been there longest (I7).

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

use crate::domain::limits::AtOnce;

/// Whom a caller counts with: its address, or the network that one subscriber has of IPv6.
fn source(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let network = u128::from(v6) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(network))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Those who are shaking hands, oldest first.
pub(in crate::api) struct Crowd {
    most: AtOnce,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    callers: BTreeMap<u64, (IpAddr, CancellationToken)>,
}

impl Crowd {
    pub(in crate::api) fn new(most: AtOnce) -> Arc<Self> {
        Arc::new(Self { most, waiting: Mutex::default() })
    }

    /// Lets a caller begin. Where its address has as many as it may, the oldest of them is told to
    /// go; where all places are taken, the oldest of the address that has most.
    pub(in crate::api) fn admit(self: &Arc<Self>, from: IpAddr) -> Shaking {
        let mut waiting = self.lock();
        let from = source(from);
        let crowded = match waiting.of(from) >= self.most.each {
            true => Some(from),
            false if waiting.callers.len() >= self.most.all => waiting.busiest(),
            false => None,
        };
        if let Some(oldest) = crowded.and_then(|source| waiting.oldest(source))
            && let Some((_, gone)) = waiting.callers.remove(&oldest)
        {
            gone.cancel();
        }
        let number = waiting.next;
        waiting.next += 1;
        let over = CancellationToken::new();
        waiting.callers.insert(number, (from, over.clone()));
        Shaking { crowd: self.clone(), number, over }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn of(&self, source: IpAddr) -> usize {
        self.callers.values().filter(|(from, _)| *from == source).count()
    }

    fn oldest(&self, source: IpAddr) -> Option<u64> {
        let mut callers = self.callers.iter();
        callers.find(|(_, (from, _))| *from == source).map(|(number, _)| *number)
    }

    /// The address that has most; of several, the one whose oldest caller is oldest.
    fn busiest(&self) -> Option<IpAddr> {
        let mut counts: BTreeMap<IpAddr, (usize, std::cmp::Reverse<u64>)> = BTreeMap::new();
        for (number, (from, _)) in &self.callers {
            let count = counts.entry(*from).or_insert((0, std::cmp::Reverse(*number)));
            count.0 += 1;
        }
        counts.into_iter().max_by_key(|(_, count)| *count).map(|(from, _)| from)
    }
}

/// A caller that is shaking hands. Dropping it leaves its place.
pub(in crate::api) struct Shaking {
    crowd: Arc<Crowd>,
    number: u64,
    /// Cancelled when another takes the place.
    pub(in crate::api) over: CancellationToken,
}

impl Drop for Shaking {
    fn drop(&mut self) {
        self.crowd.lock().callers.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn crowd() -> Arc<Crowd> {
        Crowd::new(AtOnce { each: 2, all: 4 })
    }

    fn over(all: &[&Shaking]) -> Vec<bool> {
        all.iter().map(|one| one.over.is_cancelled()).collect()
    }

    #[test]
    fn an_address_that_has_enough_loses_its_oldest_and_no_other() {
        let crowd = crowd();
        let other = crowd.admit(address("192.0.2.2"));
        let first = crowd.admit(address("192.0.2.1"));
        let second = crowd.admit(address("::ffff:192.0.2.1"));
        assert_eq!(over(&[&other, &first, &second]), [false; 3]);
        let third = crowd.admit(address("192.0.2.1"));
        assert_eq!(over(&[&other, &first, &second, &third]), [false, true, false, false]);
    }

    #[test]
    fn a_full_crowd_makes_room_at_the_cost_of_who_has_most() {
        let crowd = crowd();
        let honest = crowd.admit(address("198.51.100.1"));
        let [a, b] = ["192.0.2.1"; 2].map(|from| crowd.admit(address(from)));
        let c = crowd.admit(address("192.0.2.3"));
        let next = crowd.admit(address("192.0.2.4"));
        assert_eq!(over(&[&honest, &a, &b, &c, &next]), [false, true, false, false, false]);
        // Where all have one, the oldest goes.
        let last = crowd.admit(address("192.0.2.5"));
        assert_eq!(over(&[&honest, &b, &c, &next, &last]), [true, false, false, false, false]);
    }

    #[test]
    fn a_subscriber_of_ipv6_is_one_caller_and_who_is_done_leaves_its_place() {
        let crowd = crowd();
        let first = crowd.admit(address("2001:db8:1:1::1"));
        let second = crowd.admit(address("2001:db8:1:1:ffff::2"));
        let third = crowd.admit(address("2001:db8:1:1::3"));
        assert_eq!(over(&[&first, &second, &third]), [true, false, false]);
        let neighbour = crowd.admit(address("2001:db8:1:2::1"));
        drop((first, second, third));
        let _more = [1, 2].map(|_| crowd.admit(address("2001:db8:1:1::4")));
        assert_eq!(over(&[&neighbour]), [false]);
        drop(neighbour);
        assert_eq!(crowd.lock().callers.len(), 2);
    }
}
