//! `rogatory audit evidence`: needs a file and a card, and no node.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::audit::evidence::Evidence;
use crate::cli::exit::{Exit, Failure};
use crate::cli::files::{read_card, read_text};
use crate::cli::out::Out;

/// Verifies evidence that a log has signed two pasts, offline
///
/// It ends with 0 only when the log is proven to have signed both, by the keys in the card: take
/// one whose fingerprint you have compared with the authority. A file that proves nothing ends
/// with 6, and accuses nobody.
///
///   rogatory audit evidence fork.equivocation --card xb.pps.card
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct EvidenceArgs {
    /// The evidence
    file: PathBuf,
    /// The card of the authority whose log it accuses
    #[arg(long, value_name = "FILE")]
    card: PathBuf,
}

pub(super) fn run(args: EvidenceArgs, out: &mut Out) -> Result<(), Failure> {
    let card = read_card(&args.card)?;
    let text = read_text(&args.file)?;
    let proven = Evidence::parse(&text).and_then(|evidence| {
        Ok((evidence.verify(&card.log_keys_of(evidence.origin()))?, evidence.digest()))
    });
    let (verdict, digest) = proven.map_err(|error| {
        let message = format!("{}: {error}", args.file.display());
        Failure::new(Exit::VerificationFailed, message)
            .hint("this accuses nobody: ask whoever gave it for the signed notes themselves")
    })?;
    let digest = hex::encode(digest);
    let [first, second] = verdict.facts();
    let fields = [
        ("evidence", "proven: two pasts of one log".to_owned()),
        ("log", verdict.origin().to_owned()),
        ("first", first.clone()),
        ("second", second.clone()),
        ("digest", digest.clone()),
    ];
    let json = json!({
        "ok": true,
        "log_origin": verdict.origin(),
        "authority": card.authority(),
        "facts": [first, second],
        "digest": digest,
        "card_fingerprint": card.fingerprint().hex(),
    });
    out.record(&fields, &json);
    out.talk("both cannot be true of a log that only grows");
    let words = card.fingerprint().words();
    out.talk(&format!("this rests on the card with the fingerprint {words}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::audit::testing::TestLog;
    use crate::cli::out::{Format, testing::memory};
    use crate::cli::testing::card_of;

    fn fixture(dir: &Path) -> EvidenceArgs {
        let (mut log, mut fork) = (TestLog::new("xa.moj", 1), TestLog::new("xa.moj", 1));
        log.push_many(4);
        fork.push_many(3);
        fork.push_stopped();
        let evidence = Evidence::same_size(&log.signed(5), &fork.signed(5)).expect("two roots");
        fs::write(dir.join("evidence"), evidence.to_text()).expect("written");
        fs::write(dir.join("card"), card_of(&log).text()).expect("written");
        fs::write(dir.join("other"), card_of(&TestLog::new("xb.oag", 2)).text()).expect("written");
        EvidenceArgs { file: dir.join("evidence"), card: dir.join("card") }
    }

    #[test]
    fn proven_evidence_names_both_facts() {
        let dir = tempfile::tempdir().expect("a directory");
        let (mut out, data, talk) = memory(Format::Json);
        run(fixture(dir.path()), &mut out).expect("proven");
        let json = data.json();
        assert_eq!((&json["ok"], &json["log_origin"]), (&json!(true), &json!("xa.moj/log/2026")));
        assert_ne!(json["facts"][0], json["facts"][1]);
        assert!(talk.text().contains("cannot be true"), "{}", talk.text());
        let (mut out, data, _) = memory(Format::Table);
        run(fixture(dir.path()), &mut out).expect("proven");
        assert!(data.text().contains("a log of 5 entries with the root"), "{}", data.text());
    }

    #[test]
    fn what_proves_nothing_accuses_nobody() {
        let dir = tempfile::tempdir().expect("a directory");
        let args = || fixture(dir.path());
        for (why, args) in [
            ("signed by a known key", EvidenceArgs { card: dir.path().join("other"), ..args() }),
            ("does not begin with", EvidenceArgs { file: dir.path().join("card"), ..args() }),
        ] {
            let (mut out, data, _) = memory(Format::Json);
            let failure = run(args, &mut out).expect_err(why);
            assert_eq!(failure.code, Exit::VerificationFailed, "{why}");
            assert!(failure.hint.is_some() && data.text().is_empty(), "{failure}");
        }
    }
}
