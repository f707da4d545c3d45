//! The section `[links]`: what evidence may take of the link to a peer, and when.

use super::file::{Reader, Section};
use crate::domain::AuthorityId;
use crate::domain::limits::STREAMS_PER_PUSH_MAX;
use crate::domain::quiet;
use crate::exchange::links::{Rule, Rules};

/// 10 Gbit/s: more is no cap.
const KIB_PER_SECOND_MAX: u64 = 10 * 1000 * 1000 * 1000 / 8 / 1024;
const PEER_HINT: &str = "name a peer, as in [links.\"xb.pps\"]";

/// Reads the section of the node of `me`; what breaks a rule is found, and nothing stands in its place.
pub(super) fn read<'a>(reader: &mut Reader<'a>, root: &mut Section<'a>, me: &AuthorityId) -> Rules {
    let mut rules = Rules::new();
    let section = reader.section(root, "links");
    for (name, mut peer) in reader.tables(section) {
        match AuthorityId::parse(&name) {
            Ok(id) if id == *me => {
                reader.refuse_section(
                    &peer,
                    "is this node itself, to which no link leads",
                    PEER_HINT,
                );
            }
            Ok(id) => {
                rules.insert(id, rule(reader, &mut peer));
                reader.end(peer);
            }
            Err(error) => reader.refuse_section(&peer, error, PEER_HINT),
        }
    }
    rules
}

fn rule<'a>(reader: &mut Reader<'a>, peer: &mut Section<'a>) -> Rule {
    let kib = reader.counted(peer, "bulk_kib_per_second", 1..=KIB_PER_SECOND_MAX);
    let streams = reader.counted(peer, "streams", 1..=STREAMS_PER_PUSH_MAX as u64);
    let mut rule = Rule {
        bulk_bytes_per_second: kib.map(|kib| kib * 1024),
        streams: streams.and_then(|streams| usize::try_from(streams).ok()),
        ..Rule::default()
    };
    reader.each(peer, "quiet", |period| rule.quiet.add(period), quiet::FORM);
    rule
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ConfigError};
    use crate::domain::Timestamp;

    fn judged(section: &str) -> Result<Rules, ConfigError> {
        let text = format!(
            "authority = \"th.oag\"\n[exchange]\nlisten = \"127.0.0.1:7443\"\n[agencies]\n\
             listen = \"127.0.0.1:8443\"\n{section}\n"
        );
        let path = std::path::Path::new("/etc/rogatory/rogatory.toml");
        Config::parse(path, &text).map(|config| config.links)
    }

    #[test]
    fn what_is_not_set_is_not_bounded() {
        assert_eq!(judged("").expect("valid"), Rules::new());
        let set = judged(
            "[links.\"xb.pps\"]\nbulk_kib_per_second = 64\nquiet = [\"Mon-Fri 08:00-18:00 UTC\"]\n\
             streams = 4\n[links.\"xc.moj\"]\n",
        );
        let set = set.expect("valid");
        let rule = |peer| &set[&AuthorityId::parse(peer).expect("valid")];
        assert_eq!(rule("xc.moj"), &Rule::default());
        let there = rule("xb.pps");
        assert_eq!((there.bulk_bytes_per_second, there.streams), (Some(64 << 10), Some(4)));
        let noon = Timestamp::parse("2026-11-27T12:00:00.000Z").expect("a time");
        assert!(there.quiet.until(noon).is_some());
    }

    #[test]
    fn slips_are_named_with_their_line() {
        for (line, key) in [
            ("bulk_kib_per_second = 0", "bulk_kib_per_second"),
            ("bulk_kib_per_second = \"64\"", "bulk_kib_per_second"),
            ("streams = 9", "streams"),
            ("quiet = \"Mon-Fri 08:00-18:00 UTC\"", "quiet"),
            ("quiet = [\"weekdays\"]", "quiet"),
            ("quiet = [8]", "quiet"),
            ("quiet = [\"Mon-Sun 00:00-24:00 UTC\"]", "quiet"),
            ("stream = 4", "stream"),
        ] {
            let error = judged(&format!("[links.\"xb.pps\"]\n{line}")).expect_err(line).to_string();
            let named = format!("rogatory.toml:7: links.xb.pps.{key}: ");
            assert!(error.contains(&named), "{line}: {error}");
        }
        let error = judged("[links.nobody]\nstreams = 4").expect_err("no peer").to_string();
        assert!(error.contains("rogatory.toml:6: links.nobody: "), "{error}");
        let error = judged("[links.\"th.oag\"]\nstreams = 4").expect_err("itself").to_string();
        assert!(error.contains("rogatory.toml:6: links.th.oag: is this node itself"), "{error}");
    }
}
