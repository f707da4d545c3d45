//! Peers, agencies, keys, the policy, and the node itself.

use super::finding::{Rule, Step};
use super::state::{Agency, Key, Standing, State};
use crate::audit::entry::Event;

impl State {
    /// A peer came, changed or went. What is legal between two operators who do it at the same
    /// time is worth a look, and no error.
    pub(super) fn peer(&mut self, step: &mut Step<'_>) {
        let entry = step.entry;
        let Some(name) = self.peer_of(entry) else { return };
        let goes_on = self.goes_on();
        let Some(peer) = self.peers.get_mut(&name) else { return };
        let known = !matches!(peer.standing, Standing::Unknown);
        if !known && entry.event != Event::PeerAdded {
            match goes_on {
                true => step.find(Rule::EarlierLog),
                false => return step.find(Rule::PeerNeverAdded),
            }
        }
        let to = match entry.event {
            Event::PeerAdded | Event::PeerUpdated => Standing::Trusted,
            Event::PeerRemoved => Standing::Removed,
            Event::PeerSuspended => Standing::Suspended,
            _ => Standing::Trusted,
        };
        let odd = match entry.event {
            Event::PeerUpdated => peer.standing == Standing::Removed,
            _ => peer.standing == to,
        };
        // A newer card says nothing of whether trust rests.
        let rests = entry.event == Event::PeerUpdated && peer.standing == Standing::Suspended;
        if odd {
            step.find_with(Rule::PeerUnchanged, peer.standing.as_str().to_owned());
        }
        if !rests {
            peer.standing = to;
        }
        peer.card = entry.card.or(peer.card);
        peer.changed = Some(step.index);
    }

    /// Whether the peer of the entry was ever added; `moving` where something is exchanged with
    /// it, which is odd while it is not trusted.
    pub(super) fn trust(&mut self, step: &mut Step<'_>, moving: bool) {
        let Some(name) = self.peer_of(step.entry) else { return };
        let goes_on = self.goes_on();
        let Some(peer) = self.peers.get_mut(&name) else { return };
        match peer.standing {
            Standing::Unknown if goes_on => {
                peer.standing = Standing::Earlier;
                step.find(Rule::EarlierLog);
            }
            Standing::Unknown => step.find(Rule::PeerNeverAdded),
            Standing::Removed | Standing::Suspended if moving => {
                step.find_with(Rule::UntrustedPeer, peer.standing.as_str().to_owned());
            }
            _ => {}
        }
    }

    pub(super) fn agency(&mut self, step: &mut Step<'_>) {
        let entry = step.entry;
        let Some(handle) = &entry.who else { return };
        let revoked = entry.event == Event::AgencyRevoked;
        let (changed, goes_on) = (step.index, self.goes_on());
        match (self.agencies.get_mut(handle), entry.event) {
            (Some(_), Event::AgencyAdded) => return step.find(Rule::AgencyAddedTwice),
            (Some(agency), event) => {
                if agency.revoked && event == Event::AgencyRenewed {
                    step.find(Rule::RevokedAgency);
                }
                *agency = Agency { revoked, changed };
                return;
            }
            (None, Event::AgencyAdded) => {}
            (None, _) if goes_on => step.find(Rule::EarlierLog),
            (None, _) => return step.find(Rule::AgencyUnknown),
        }
        self.agencies.insert(handle.clone(), Agency { revoked, changed });
    }

    /// Whoever acts has access. Handles that were never given any are not odd: operators have none.
    pub(super) fn acts(&self, step: &mut Step<'_>) {
        let is_about_agency = matches!(
            step.entry.event,
            Event::AgencyAdded | Event::AgencyRenewed | Event::AgencyRevoked
        );
        let agency = step.entry.who.as_ref().and_then(|who| self.agencies.get(who));
        if !is_about_agency && agency.is_some_and(|agency| agency.revoked) {
            step.find(Rule::RevokedAgency);
        }
    }

    pub(super) fn key(&mut self, step: &mut Step<'_>) {
        let Some(text) = &step.entry.key else { return };
        let added = Key { added: step.index, retired: None };
        let goes_on = self.goes_on();
        match (self.keys.get_mut(text), step.entry.event) {
            (Some(key), Event::KeyRetired) => key.retired = Some(step.index),
            (Some(key), _) => {
                // After a retirement it comes into use again.
                match key.retired {
                    Some(_) => *key = added,
                    None => step.find(Rule::KeyAddedTwice),
                }
            }
            (None, Event::KeyRetired) if goes_on => {
                step.find(Rule::EarlierLog);
                self.keys.insert(text.clone(), Key { retired: Some(step.index), ..added });
            }
            (None, Event::KeyRetired) => step.find(Rule::KeyUnknown),
            (None, _) => {
                self.keys.insert(text.clone(), added);
            }
        }
    }

    pub(super) fn policy(&mut self, step: &mut Step<'_>) {
        self.policy = step.entry.document.map(|document| (document, step.index));
    }

    pub(super) fn node(&mut self, step: &mut Step<'_>) {
        let entry = step.entry;
        self.node.software = entry.software.clone();
        let running = self.node.running == Some(true);
        match entry.event {
            Event::NodeStarted => {
                if running {
                    step.find(Rule::NotStopped);
                }
                self.node.starts += 1;
            }
            Event::NodeRecovered => self.node.recoveries += 1,
            Event::NodeStopped => {
                if !running {
                    step.find(Rule::NotStarted);
                }
                self.node.stops += 1;
            }
            _ => {
                self.node.restored += 1;
                return;
            }
        }
        self.node.running = Some(entry.event != Event::NodeStopped);
    }
}
