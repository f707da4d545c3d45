//! The section `[clock]`: how long each duty in a request may take, for all peers and for single ones.

use super::file::{Reader, Section};
use crate::domain::AuthorityId;
use crate::domain::clock::{Duty, Targets, parse_target};
use crate::domain::request::UrgencyLevel;

const HINT: &str = "as in \"7 days\" or \"8 hours\"; docs/configuration.md lists every key";

/// Reads the section; what breaks a rule is found, and the shipped target stays.
pub(super) fn read<'a>(reader: &mut Reader<'a>, root: &mut Section<'a>) -> Targets {
    let mut targets = Targets::default();
    let mut section = reader.section(root, "clock");
    tracks(reader, &mut section, None, &mut targets);
    let peers = reader.below(&mut section, "peers");
    for (name, mut peer) in reader.tables(peers) {
        match AuthorityId::parse(&name) {
            Ok(id) => {
                tracks(reader, &mut peer, Some(&id), &mut targets);
                reader.end(peer);
            }
            Err(error) => reader.refuse_section(&peer, error, "name a peer, as in \"xb.pps\""),
        }
    }
    reader.end(section);
    targets
}

/// The targets of each urgency, of one peer or of all.
fn tracks<'a>(
    reader: &mut Reader<'a>,
    section: &mut Section<'a>,
    peer: Option<&AuthorityId>,
    targets: &mut Targets,
) {
    for urgency in UrgencyLevel::ALL.iter().copied() {
        let mut track = reader.below(section, urgency.as_str());
        for duty in Duty::ALL {
            if let Some(ms) = reader.parsed(&mut track, duty.as_str(), parse_target, HINT) {
                targets.set(peer, urgency, duty, ms);
            }
        }
        reader.end(track);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ConfigError};
    use crate::domain::time::DAY_MS;

    fn judged(section: &str) -> Result<Targets, ConfigError> {
        let text = format!(
            "authority = \"th.oag\"\n[exchange]\nlisten = \"127.0.0.1:7443\"\n[agencies]\n\
             listen = \"127.0.0.1:8443\"\n{section}\n"
        );
        let path = std::path::Path::new("/etc/rogatory/rogatory.toml");
        Config::parse(path, &text).map(|config| config.targets)
    }

    fn days(targets: &Targets, peer: &str, urgency: UrgencyLevel, duty: Duty) -> i64 {
        targets.of(peer, urgency).target_ms(duty) / DAY_MS
    }

    #[test]
    fn what_is_not_set_is_as_it_is_shipped() {
        assert_eq!(judged("").expect("valid"), Targets::default());
        let set = judged(
            "[clock.routine]\ndecision = \"20 days\"\n[clock.peers.\"xb.pps\".routine]\n\
             decision = \"60 days\"\nexecution = \"180 days\"\n[clock.peers.\"xb.pps\".urgent]\n\
             answer = \"1 day\"",
        )
        .expect("valid");
        let routine = UrgencyLevel::Routine;
        assert_eq!(days(&set, "xc.moj", routine, Duty::Decision), 20);
        assert_eq!(days(&set, "xb.pps", routine, Duty::Decision), 60);
        assert_eq!(days(&set, "xb.pps", routine, Duty::Execution), 180);
        assert_eq!(days(&set, "xb.pps", routine, Duty::Acknowledgement), 7);
        assert_eq!(days(&set, "xb.pps", UrgencyLevel::Urgent, Duty::Answer), 1);
        assert_eq!(days(&set, "xc.moj", UrgencyLevel::Urgent, Duty::Answer), 5);
    }

    #[test]
    fn slips_are_named_with_their_line() {
        for (section, key) in [
            ("[clock.routine]\ndecision = \"soon\"", "clock.routine.decision"),
            ("[clock.routine]\ndecision = 30", "clock.routine.decision"),
            ("[clock.routine]\nverdict = \"1 day\"", "clock.routine.verdict"),
            ("[clock]\nsometime = \"1 day\"", "clock.sometime"),
            ("[clock.peers.\"xb.pps\".routine]\nreview = \"0 days\"", "xb.pps.routine.review"),
            ("[clock.peers.\"xb.pps\"]\nreview = \"1 day\"", "clock.peers.xb.pps.review"),
            ("[clock.peers]\nnobody = { }", "clock.peers.nobody"),
        ] {
            let error = judged(section).expect_err(section).to_string();
            let named = error.contains(&format!("{key}: ")) || error.contains(&format!("{key} "));
            let is_there = error.contains("rogatory.toml:7: ") && named;
            assert!(is_there, "{section}: {error}");
        }
    }
}
