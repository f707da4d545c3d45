//! Which cells of a table are in words of this program.

/// Under which names stand words of this program: they are said in the reader's language. Under all
/// others stand names, codes, ids, and what people have written.
const OWN_WORDS: [&str; 55] = [
    "access",
    "agencies",
    "annexes",
    "cases",
    "clocks",
    "direction",
    "done",
    "earlier logs",
    "entries read",
    "events",
    "evidence",
    "excerpt of",
    "exhibits",
    "exported policy",
    "finding",
    "found",
    "holds",
    "in the card",
    "is",
    "level",
    "link",
    "log",
    "moved to",
    "node",
    "note",
    "overdue",
    "packages",
    "policy",
    "put back",
    "quorum",
    "receipt",
    "receipt files",
    "receipts",
    "reconciled",
    "replayed",
    "report",
    "request then",
    "result",
    "revoked",
    "severity",
    "side",
    "signatures",
    "since",
    "size",
    "stands",
    "state",
    "state digest",
    "to do",
    "trouble",
    "used",
    "verified",
    "way",
    "what",
    "whose",
    "with peers",
];

/// Whether what stands under this name is said in the reader's language.
pub(crate) fn is_own(name: &str) -> bool {
    OWN_WORDS.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_have_written_is_not_ours_to_say_again() {
        for name in ["title", "name", "names", "reference", "official", "office", "reason", "about"]
        {
            assert!(!is_own(name), "{name}");
        }
    }
}
