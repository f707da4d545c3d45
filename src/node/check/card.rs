//! The card and the certificates: they must be this authority's, of these keys, and still valid.

use std::path::{Path, PathBuf};

use super::Look;
use crate::api::operator::ends_soon;
use crate::api::tls;
use crate::card::Card;
use crate::config::{Config, ConfigError, Finding, Severity};
use crate::crypto::PublicKey;
use crate::crypto::keys::Role;
use crate::home::{KeysSeen, is_cut_off};
use crate::node::now;
use crate::node::open::certificate;

const BACKUP: &str = "card.txt, keys/ and tls/ belong together: restore them from one backup";

fn path_of(config: &Config) -> PathBuf {
    config.home.join("card.txt")
}

fn finding(config: &Config, message: String, hint: &str) -> Finding {
    Finding {
        severity: Severity::Error,
        file: Some(path_of(config)),
        line: None,
        key: None,
        message,
        hint: hint.to_owned(),
    }
}

/// The card of a home.
///
/// # Errors
/// When there is none, it is none, or it is another authority's.
pub(in crate::node) fn read_card(config: &Config) -> Result<Card, ConfigError> {
    card_of(config).map_err(|finding| ConfigError::of(&[finding]).expect("it is an error"))
}

fn card_of(config: &Config) -> Result<Card, Finding> {
    let text = std::fs::read_to_string(path_of(config))
        .map_err(|e| finding(config, format!("the card cannot be read: {e}"), BACKUP))?;
    let card = Card::parse(&text).map_err(|e| finding(config, e.to_string(), BACKUP))?;
    match *card.authority() == config.authority || !config.is_named() {
        true => Ok(card),
        false => {
            let (whose, said) = (card.authority(), &config.authority);
            let message = format!("is the card of {whose}, and the configuration says {said}");
            let hint = "the configuration must lie in the home of the authority that it names";
            Err(finding(config, message, hint))
        }
    }
}

impl Look<'_> {
    /// The card, and the certificates beside it. Nothing is held against an authority that the
    /// file does not name rightly: that has been said.
    pub(super) fn card(&mut self, seen: Option<&KeysSeen>) {
        match card_of(self.config) {
            Ok(card) => {
                self.validity(&card);
                match is_cut_off(&self.config.home) {
                    true => self.cut_off(),
                    false => self.same_keys(&card, seen),
                }
                self.certificates(Some(&card));
            }
            Err(finding) => {
                self.findings.push(finding);
                self.certificates(None);
            }
        }
    }

    fn validity(&mut self, card: &Card) {
        let (path, at) = (path_of(self.config), now());
        let what = "the card of this node, with its certificates and keys,";
        let hint = "peers refuse what comes under a card that has ended (docs/configuration.md)";
        if let Some(text) = ends_soon(what, card.expires(), at) {
            let ended = card.expires() < at && !self.why.opens();
            let severity = if ended { Severity::Error } else { Severity::Warning };
            self.note(severity, Some(&path), text, hint);
        }
        if at < card.body().issued {
            let message =
                format!("the card is valid from {}, which is to come", card.body().issued);
            self.refuse_file(&path, message, "is the clock of this machine right?");
        }
    }

    /// Card and keys are not of one time.
    fn cut_off(&mut self) {
        let severity = if self.why.opens() { Severity::Warning } else { Severity::Error };
        let message = "a change of this home's keys was begun and not ended";
        let hint = "`rogatory key rotate ROLE` ends it, whatever the role";
        self.note(severity, Some(&path_of(self.config)), message, hint);
    }

    /// Peers would refuse everything that a node with other keys sends.
    fn same_keys(&mut self, card: &Card, seen: Option<&KeysSeen>) {
        let Some(seen) = seen else { return };
        // One that has ended still says whose keys it was for.
        let at = card.expires().min(now()).max(card.body().issued);
        let log: Vec<PublicKey> = card.log_keys().iter().map(|key| key.public().clone()).collect();
        for (role, keys) in [
            (Role::Signing, card.signing_keys(at)),
            (Role::Sealing, card.sealing_keys(at)),
            (Role::Log, log),
        ] {
            // A key file that cannot be read has been told.
            let Some(id) = seen.id(role) else { continue };
            if !keys.iter().any(|key| key.id().to_string() == id) {
                let message = format!("the card does not have this home's {} key", role.as_str());
                self.refuse_file(&path_of(self.config), message, BACKUP);
            }
        }
    }

    fn certificates(&mut self, card: Option<&Card>) {
        let tls = self.config.home.join("tls");
        for name in ["ca.pem", "node.pem", "agency-ca.pem"] {
            let path = tls.join(name);
            match certificate(&path) {
                Ok(found) if name == "node.pem" => {
                    let pins = card.map(Card::tls_pins);
                    let pinned = |digest| pins.is_none_or(|pins| pins.contains(&digest));
                    if !tls::key_digest(&found).is_ok_and(pinned) {
                        self.certificate(&path, "the card does not have this certificate's key");
                    }
                }
                Ok(_) => {}
                Err(error) => self.certificate(&path, &format!("{error:#}")),
            }
        }
    }

    fn certificate(&mut self, path: &Path, message: &str) {
        self.refuse_file(path, message, BACKUP);
    }
}
