use super::*;
use crate::audit::entry::{EntryDraft, Event};
use crate::audit::note::VerifierKey;
use crate::audit::policy::{Level, Policy, PolicyFailure};
use crate::audit::testing::{
    TestLog, authority, cosigner, delivery, envelope, message, secret, verifier,
};
use crate::crypto::keys::Algorithm;
use crate::domain::AuthorityId;

/// The log of xb.oag, which acknowledged messages of xa.moj (and one of xc.moj).
fn log() -> TestLog {
    let mut log = TestLog::new("xb.oag", 2);
    for number in 1..=9 {
        log.push(delivery(Event::RelayAcceptance, "xb.oag", "xa.moj", number));
    }
    log.push(delivery(Event::RelayRejection, "xb.oag", "xa.moj", 10).code("EXPIRED"));
    log
}

fn receipt(log: &TestLog, index: u64) -> Receipt {
    let head = log.head();
    let hashes = log.proof(index, head.size);
    Receipt::new(&log.entries[index as usize], index, hashes, head.sign(&log.key))
        .expect("a receipt")
}

struct Wanted {
    issuer: AuthorityId,
    keys: Vec<VerifierKey>,
    number: u64,
    peer: AuthorityId,
}

impl Wanted {
    /// The acceptance of message 3, which is entry 3.
    fn third(log: &TestLog) -> Self {
        let (issuer, peer) = (authority("xb.oag"), authority("xa.moj"));
        Self { issuer, keys: vec![log.verifier()], number: 3, peer }
    }

    fn check(&self, receipt: &Receipt) -> Result<VerifiedReceipt, ReceiptError> {
        self.check_with_envelope(receipt, envelope(self.number))
    }

    fn check_with_envelope(
        &self,
        receipt: &Receipt,
        envelope: Digest,
    ) -> Result<VerifiedReceipt, ReceiptError> {
        let Self { issuer, keys, number, peer } = self;
        let expected = Expected { issuer, keys, message: message(*number), envelope, peer };
        verify(receipt, &expected)
    }
}

#[test]
fn a_receipt_verifies_and_says_what_happened() {
    let log = log();
    let receipt = receipt(&log, 3);
    let verified = Wanted::third(&log).check(&receipt).expect("sound");
    assert_eq!(verified.event(), Event::RelayAcceptance);
    assert_eq!(verified.at(), receipt.facts().entry.at);
    assert_eq!(verified.code(), None);
    assert_eq!(verified.coordinates(), log.coordinates(3, 11));
    assert_eq!(verified.text(), receipt.text());
    assert_eq!(verified.digest(), sha256(receipt.text().as_bytes()));
    assert_eq!(verified.receipt(), &receipt);
}

#[test]
fn a_refusal_verifies_with_its_code() {
    let log = log();
    let wanted = Wanted { number: 10, ..Wanted::third(&log) };
    let verified = wanted.check(&receipt(&log, 10)).expect("sound");
    assert_eq!((verified.event(), verified.code()), (Event::RelayRejection, Some("EXPIRED")));
}

#[test]
fn the_text_is_the_whole_receipt() {
    let log = log();
    let receipt = receipt(&log, 3);
    assert_eq!(receipt.checkpoint_note(), log.head().sign(&log.key));
    assert_eq!(Receipt::parse(receipt.text()), Ok(receipt));
}

#[test]
fn refused_as_malformed() {
    let log = log();
    let good = receipt(&log, 3).text().to_owned();
    let extra = good.lines().nth(1).expect("an extra line").to_owned();
    for (defect, bad) in [
        ("empty", String::new()),
        ("no entry", good.replace(&format!("{extra}\n"), "")),
        ("entry that is none", good.replace(&extra, "extra eHh4")),
        ("no checkpoint", good.split_once("\n\n").expect("a blank line").0.to_owned() + "\n\n"),
        ("size with a leading zero", good.replace("\n11\n", "\n011\n")),
    ] {
        let result = Receipt::parse(&bad);
        assert!(matches!(result, Err(ReceiptError::Malformed(_))), "{defect}: {result:?}");
    }
    let head = log.head().sign(&log.key);
    assert!(matches!(Receipt::new(b"{}", 3, Vec::new(), head), Err(ReceiptError::Malformed(_))));
}

#[test]
fn refused_as_no_receipt() {
    let log = log();
    let head = log.head().sign(&log.key);
    let opened = Receipt::new(&log.entries[0], 0, log.proof(0, 11), head);
    assert_eq!(opened, Err(ReceiptError::NotAReceipt(Event::LogOpened)));
}

#[test]
fn refused_because_the_issuer_only_recorded_it() {
    let mut log = log();
    // xb.oag recorded that xa.moj accepted: that is no statement of xb.oag about message 3.
    let index = log.push(
        delivery(Event::RelayAcceptance, "xa.moj", "xa.moj", 3)
            .receipt([1; 32])
            .remote(log.coordinates(1, 2)),
    );
    assert_eq!(
        Wanted::third(&log).check(&receipt(&log, index)),
        Err(ReceiptError::NotAReceipt(Event::RelayAcceptance))
    );
}

#[test]
fn refused_for_its_log() {
    let log = log();
    let keys = vec![verifier("xb.oag/log/2025", &log.key)];
    let wanted = Wanted { keys, ..Wanted::third(&log) };
    let origin = log.origin.clone();
    assert_eq!(wanted.check(&receipt(&log, 3)), Err(ReceiptError::OtherLog { origin }));
    let wanted = Wanted { keys: Vec::new(), ..Wanted::third(&log) };
    assert!(matches!(wanted.check(&receipt(&log, 3)), Err(ReceiptError::OtherLog { .. })));
}

#[test]
fn refused_for_its_checkpoint() {
    let log = log();
    let head = log.head();
    let entry = &log.entries[3];
    let forged = head.sign(&secret(9));
    let forged = Receipt::new(entry, 3, log.proof(3, 11), forged).expect("well formed");
    assert!(matches!(Wanted::third(&log).check(&forged), Err(ReceiptError::BadCheckpoint(_))));
    let other = log.checkpoint(10).text() + "\n";
    let mixed = head.sign(&log.key).replace(&(head.text() + "\n"), &other);
    let mixed = Receipt::new(entry, 3, log.proof(3, 10), mixed).expect("well formed");
    assert!(matches!(Wanted::third(&log).check(&mixed), Err(ReceiptError::BadCheckpoint(_))));
}

#[test]
fn refused_for_its_issuer() {
    let log = log();
    let wanted = Wanted { issuer: authority("xb.moj"), ..Wanted::third(&log) };
    assert_eq!(wanted.check(&receipt(&log, 3)), Err(ReceiptError::OtherIssuer));
}

#[test]
fn refused_for_its_message() {
    let log = log();
    let result = Wanted::third(&log).check_with_envelope(&receipt(&log, 4), envelope(4));
    assert_eq!(result, Err(ReceiptError::OtherMessage));
    let mut log = log;
    let nameless = EntryDraft::new(Event::RelayRejection).by(authority("xb.oag"));
    let nameless = nameless.peer(authority("xa.moj")).envelope(envelope(3)).code("MALFORMED");
    let index = log.push(nameless);
    let result = Wanted::third(&log).check(&receipt(&log, index));
    assert_eq!(result, Err(ReceiptError::OtherMessage), "of no message at all");
}

#[test]
fn refused_for_its_envelope() {
    let log = log();
    let result = Wanted::third(&log).check_with_envelope(&receipt(&log, 3), envelope(4));
    assert_eq!(result, Err(ReceiptError::OtherEnvelope));
}

#[test]
fn refused_for_its_peer() {
    let log = log();
    let wanted = Wanted { peer: authority("xc.moj"), ..Wanted::third(&log) };
    assert_eq!(wanted.check(&receipt(&log, 3)), Err(ReceiptError::OtherPeer));
}

#[test]
fn refused_because_the_entry_is_not_in_the_log() {
    let log = log();
    let head = log.head().sign(&log.key);
    let entry = &log.entries[3];
    for (defect, index, hashes) in [
        ("path of another entry", 3, log.proof(4, 11)),
        ("another index", 4, log.proof(3, 11)),
        ("index outside", 11, log.proof(3, 11)),
        ("path of another size", 3, log.proof(3, 8)),
        ("no path", 3, Vec::new()),
    ] {
        let receipt = Receipt::new(entry, index, hashes, head.clone()).expect("well formed");
        let result = Wanted::third(&log).check(&receipt);
        assert!(matches!(result, Err(ReceiptError::NotIncluded(_))), "{defect}: {result:?}");
    }
}

#[test]
fn a_receipt_gains_levels_and_stays_the_same_receipt() {
    let log = log();
    let sender = cosigner("xa.moj/witness", 11, Algorithm::Ed25519);
    let auditor = cosigner("auditor.example/w", 12, Algorithm::MlDsa44);
    let policy = format!("witness auditor {}\nquorum auditor\n", auditor.key());
    let policy = Policy::parse(policy.as_bytes()).expect("sound");
    for (by, level, bare) in [
        (&[][..], Level::Signed, Level::Signed),
        (&[&sender], Level::Witnessed, Level::Witnessed),
        (&[&auditor], Level::Quorum, Level::Signed),
        (&[&sender, &auditor], Level::Quorum, Level::Witnessed),
    ] {
        let note = log.cosigned(11, by, 1_795_000_000).to_note();
        let receipt = Receipt::new(&log.entries[3], 3, log.proof(3, 11), note).expect("sound");
        let verified =
            Wanted::third(&log).check(&receipt).expect("cosignatures do not matter here");
        assert_eq!(verified.coordinates(), log.coordinates(3, 11), "the same entry and state");
        let standing =
            verified.level(&policy, std::slice::from_ref(sender.key())).expect("sound lines");
        assert_eq!((standing.level, standing.satisfied), (level, level == Level::Quorum));
        let standing = verified
            .level(&Policy::none(), std::slice::from_ref(sender.key()))
            .expect("sound lines");
        assert_eq!((standing.level, standing.satisfied), (bare, true));
    }
}

#[test]
fn a_wrong_line_of_a_witness_spoils_the_level_and_not_the_receipt() {
    let log = log();
    let sender = cosigner("xa.moj/witness", 11, Algorithm::Ed25519);
    let earlier = log.cosigned_by(&sender, 10, 1_795_000_000).to_line();
    let note = format!("{}{earlier}\n", log.head().sign(&log.key));
    let receipt = Receipt::new(&log.entries[3], 3, log.proof(3, 11), note).expect("sound");
    let verified = Wanted::third(&log).check(&receipt).expect("signed by its log");
    let refused = verified.level(&Policy::none(), std::slice::from_ref(sender.key()));
    assert!(matches!(refused, Err(PolicyFailure::Cosignature(_))), "{refused:?}");
    assert!(verified.level(&Policy::none(), &[]).is_ok_and(|s| s.level == Level::Signed));
}

#[test]
fn every_flipped_byte_is_refused() {
    let log = log();
    let good = receipt(&log, 3);
    let wanted = Wanted::third(&log);
    for at in 0..good.text().len() {
        let mut bad = good.text().as_bytes().to_vec();
        bad[at] ^= 1;
        let accepted = String::from_utf8(bad)
            .ok()
            .and_then(|text| Receipt::parse(&text).ok())
            .and_then(|receipt| wanted.check(&receipt).ok());
        assert!(accepted.is_none(), "byte {at}");
    }
}
