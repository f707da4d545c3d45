//! Receipts that do not fit the log beside which they lie.

use super::*;

const PATH: &str = "receipts/x.tlog-proof";

/// What the verifier says of one more receipt.
fn fault(log: &TestLog, receipt: &str) -> ReceiptFault {
    let export = export_of(log, &[(PATH.to_owned(), receipt.as_bytes().to_vec())]);
    match check(log, &export) {
        Err(VerifyFailure::Receipt { path, fault }) if path == PATH => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_text_that_is_no_receipt() {
    let (log, _) = log();
    assert!(matches!(fault(&log, "text"), ReceiptFault::Proof(_)));
    let good = proof(&log, 4, ENTRIES);
    let extra = good.lines().nth(1).expect("an extra line").to_owned();
    let bad = good.replace(&extra, "extra eHh4");
    assert!(matches!(fault(&log, &bad), ReceiptFault::Entry(_)));
    let bad = good.replace("\n600\n", "\n0600\n");
    assert!(matches!(fault(&log, &bad), ReceiptFault::Checkpoint(_)));
    let export = export_of(&log, &[(PATH.to_owned(), vec![0xff])]);
    let failure = check(&log, &export).expect_err("not UTF-8");
    assert_eq!(failure, VerifyFailure::Receipt { path: PATH.into(), fault: ReceiptFault::NotText });
}

#[test]
fn a_receipt_of_this_log_that_it_did_not_sign() {
    let (log, _) = log();
    let forger = TestLog { key: secret(9), ..self::log().0 };
    assert!(matches!(fault(&log, &proof(&forger, 4, ENTRIES)), ReceiptFault::Proof(_)));
}

#[test]
fn a_receipt_whose_proof_fails() {
    let (log, _) = log();
    let bad = proof(&log, 4, ENTRIES).replace("\nindex 4\n", "\nindex 5\n");
    assert!(matches!(fault(&log, &bad), ReceiptFault::Proof(_)));
}

#[test]
fn a_receipt_from_another_past_of_this_log() {
    let (log, _) = log();
    let mut fork = TestLog::new("xa.moj", 1);
    for number in 1..300 {
        fork.push(sent("xb.oag", 7000 + number));
    }
    let index = 4;
    assert_eq!(fault(&log, &proof(&fork, index, 300)), ReceiptFault::OtherEntry { index });
    // The entry is in both pasts, the state is not.
    assert_eq!(fault(&log, &proof(&fork, 0, 300)), ReceiptFault::OtherPast { size: 300 });
}

#[test]
fn a_receipt_from_the_future_of_this_log() {
    let (log, _) = log();
    let mut later = self::log().0;
    later.push(sent("xb.oag", 7000));
    let size = ENTRIES + 1;
    assert_eq!(fault(&log, &proof(&later, 4, size)), ReceiptFault::Ahead { size });
}

#[test]
fn a_receipt_of_another_log_that_nothing_records() {
    let (log, foreign) = log();
    let spoilt = foreign.replacen("index 1", "index 2", 1);
    assert_eq!(fault(&log, &spoilt), ReceiptFault::Unrecorded);
}

#[test]
fn a_receipt_that_its_record_describes_wrongly() {
    let mut other = TestLog::new("xb.oag", 2);
    let index = other.push(delivery(Event::RelayAcceptance, "xb.oag", "xa.moj", 1));
    let for_another = other.push(delivery(Event::RelayAcceptance, "xb.oag", "xc.moj", 1));
    let receipt = proof(&other, index, 3);
    let digest = sha256(receipt.as_bytes());
    let place = other.coordinates(index, 3);
    let accepted = |number| delivery(Event::RelayAcceptance, "xb.oag", "xb.oag", number);
    let opened = delivery(Event::ContentConsignment, "xb.oag", "xb.oag", 1);
    for (defect, record) in [
        ("another message", accepted(2).receipt(digest).remote(place.clone())),
        ("another event", opened.receipt(digest).remote(place)),
        ("another place", accepted(1).receipt(digest).remote(other.coordinates(0, 3))),
        ("another state", accepted(1).receipt(digest).remote(other.coordinates(index, 2))),
    ] {
        let mut log = TestLog::new("xa.moj", 1);
        let index = log.push(record);
        assert_eq!(fault(&log, &receipt), ReceiptFault::Contradicted { index }, "{defect}");
    }
    let receipt = proof(&other, for_another, 3);
    let mut log = TestLog::new("xa.moj", 1);
    let record = accepted(1).receipt(sha256(receipt.as_bytes()));
    let index = log.push(record.remote(other.coordinates(for_another, 3)));
    assert_eq!(fault(&log, &receipt), ReceiptFault::Contradicted { index }, "not issued to us");
}
