//! What a receipt of evidence says.

use crate::cli::out::Out;
use crate::domain::request::{ExhibitVerdict, LIST_MAX, Note};

/// Puts the verdicts into the note, and tells them before they are signed. What has no room is counted in
/// the text: an exhibit that is not named would otherwise count as whole.
pub(super) fn fill(note: &mut Note, mut verdicts: Vec<ExhibitVerdict>, out: &mut Out) {
    let count = verdicts.len();
    if count == 0 {
        out.talk("note: this says that every exhibit arrived whole");
    }
    for ExhibitVerdict { package, exhibit, verdict, .. } in verdicts.iter().take(LIST_MAX) {
        out.talk(&format!(
            "note: this says that exhibit {exhibit} of package {package} is {verdict}"
        ));
    }
    if count > LIST_MAX {
        let text =
            format!("{count} exhibits did not arrive whole; the first {LIST_MAX} are named.");
        match note.text.is_empty() {
            true => (note.text, note.language) = (text, "en".into()),
            false => note.text = format!("{}\n\n{text}", note.text),
        }
        verdicts.truncate(LIST_MAX);
        out.talk(&format!(
            "note: {count} exhibits are not whole: the text says so, and {LIST_MAX} are named"
        ));
    }
    note.verdicts = verdicts;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::{Format, testing::memory};
    use crate::domain::PackageId;
    use crate::domain::request::{Content, Severity, Verdict};
    use crate::domain::{MessageKind, Timestamp};

    fn filled(count: u32) -> Note {
        let package = PackageId::new(Timestamp::from_unix_ms(0), [0; 10]);
        let verdict = |exhibit| ExhibitVerdict {
            package,
            exhibit,
            verdict: Verdict::Damaged,
            text: String::new(),
        };
        let mut note = Note::default();
        fill(&mut note, (0..count).map(verdict).collect(), &mut memory(Format::Table).0);
        note
    }

    #[test]
    fn a_receipt_that_cannot_name_all_says_how_many() {
        assert_eq!(filled(0), Note::default());
        let all = filled(LIST_MAX as u32);
        assert_eq!((all.verdicts.len(), all.text.as_str()), (LIST_MAX, ""));
        let more = filled(LIST_MAX as u32 + 200);
        assert_eq!(more.verdicts.len(), LIST_MAX);
        assert!(more.text.starts_with("300 exhibits did not arrive whole"), "{}", more.text);
        let content = Content::note(MessageKind::EvidenceReceipt, more);
        assert!(content.check().iter().all(|one| one.severity != Severity::Error));
    }
}
