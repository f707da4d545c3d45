//! What a node's refusal means here: exit code, lines for people, a hint.

use std::error::Error as _;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use super::exit::{Exit, Failure, told};

const NODE_DOWN: &str = "is the node running? `rogatory serve --config FILE` starts it, and \
                         `rogatory status --home DIR` says how it is";
pub(crate) const DESK_NODE_DOWN: &str = "nothing was sent: ask the operator of your node whether it \
                                         runs (`rogatory status --home DIR`), and whether the address \
                                         in your profile is still its own; then try again";
pub(crate) const CERTIFICATE: &str = "the certificate in the profile does not let you in: an operator gives \
                           a new one with `rogatory agency renew NAME`";

/// A status as a failure.
pub(crate) fn failure(status: &Status) -> Failure {
    let details = status.get_error_details();
    let reason = details.error_info().map_or("", |info| info.reason.as_str());
    let message = violations(&details).unwrap_or_else(|| message(status, reason));
    let hint = hint_of_reason(reason)
        .or_else(|| hint_of_field(&details))
        .or_else(|| hint_of_text(&message))
        .or_else(|| hint_of_code(status));
    let hint = [hint.map(str::to_owned), logged(&details)].into_iter().flatten();
    let hint = hint.reduce(|hint, logged| format!("{hint}; {logged}"));
    Failure { hint, ..Failure::new(code(status), message) }
}

/// Where the node's log says that it has refused this.
fn logged(details: &ErrorDetails) -> Option<String> {
    let told = &details.error_info()?.metadata;
    let (event, index) = (told.get("event")?, told.get("log_index")?);
    let origin = told.get("log_origin")?;
    Some(format!("the refusal is entry {index} of {origin} ({event})"))
}

/// The reason that the node gives, for programs; empty where it gives none.
pub(crate) fn reason(status: &Status) -> String {
    status.get_details_error_info().map_or_else(String::new, |info| info.reason)
}

/// Whether the same call may go well in a moment: the node is away, or the connection broke.
pub(crate) fn is_passing(status: &Status) -> bool {
    let is_away =
        matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled);
    is_away || is_broken_connection(status)
}

/// Whether the status was made on this side, because the connection broke.
fn is_broken_connection(status: &Status) -> bool {
    status.source().is_some()
}

fn code(status: &Status) -> Exit {
    match status.code() {
        Code::InvalidArgument => Exit::BadInput,
        Code::NotFound => Exit::NotFound,
        Code::PermissionDenied | Code::Unauthenticated => Exit::NotPermitted,
        Code::Unavailable | Code::DeadlineExceeded | Code::ResourceExhausted | Code::Cancelled => {
            Exit::Unavailable
        }
        Code::DataLoss | Code::Internal | Code::Unknown if is_broken_connection(status) => {
            Exit::Unavailable
        }
        Code::DataLoss | Code::Internal | Code::Unknown => Exit::Fault,
        _ => Exit::Failed,
    }
}

/// One line a field.
fn violations(details: &ErrorDetails) -> Option<String> {
    let fields = &details.bad_request()?.field_violations;
    let line = |one: &FieldViolation| format!("{}: {}", in_file(&one.field), one.description);
    let lines: Vec<String> = fields.iter().map(line).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// A field of a message as the file of a request names it.
pub(crate) fn in_file(field: &str) -> &str {
    let inner = field.strip_prefix("content.").unwrap_or(field);
    inner.strip_prefix("request.").unwrap_or(inner)
}

fn message(status: &Status, reason: &str) -> String {
    let said = match status.message() {
        "" => status.code().description(),
        text => text,
    };
    let text = match status.source().map(told) {
        Some(cause) if !["", "transport error"].contains(&said) && !cause.contains(said) => {
            format!("{said}: {cause}")
        }
        Some(cause) => cause,
        None => said.to_owned(),
    };
    if reason.is_empty() { text } else { format!("{text} ({reason})") }
}

fn hint_of_reason(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "TOO_MANY_UPLOADS" => {
            "run one of the commands again that were cut off, or wait until the node has removed what they left"
        }
        "REQUEST_ID_REUSED" => "leave --request-id away, and a fresh one is made",
        "AGENCY_EXISTS" => "`rogatory agency renew NAME` gives it a new certificate",
        "DIGEST_MISMATCH" => "fetch the message again, and confirm what was fetched",
        "NOT_QUEUED" => {
            "it has begun to leave: tell the other authority with a message of kind WITHDRAWAL"
        }
        "ON_HOLD" => "`rogatory hold release --message ID` lifts it",
        "STILL_QUEUED" => "`rogatory queue` shows what waits; its agency can `rogatory cancel` it",
        "TOO_MANY_AT_ONCE" => "end a call of this agency that is still open, or wait for its end",
        "TOO_MANY_ACTS" => "find out which program does it again and again, then try in a minute",
        "TOO_MANY_REFUSALS" => "mend what is named, then send it again after ten seconds",
        "OWN_DRAFT" => "an agency with the role approve does it: `rogatory agency list`",
        "NOT_READ" => "`rogatory show ID` shows what it says, and the log notes that it was read",
        "PACKAGE_NOT_READ" => {
            "`rogatory fetch ID --out DIR` writes what is in it, and the log notes that"
        }
        "NOT_APPROVED" => "its author writes another",
        "AUTHOR_GONE" => "refuse it, and have another agency submit it",
        "NOTHING_WAITS" => {
            "`rogatory queue` shows what waits; what is held back goes nowhere until `rogatory queue retry ID`"
        }
        "MESSAGE_HELD" => "`rogatory queue retry ID` lets it go on",
        "PEER_SUSPENDED" => "`rogatory peer resume AUTHORITY` ends that",
        "POUCH_GAP" => "`rogatory peer test AUTHORITY` shows whether there is a link",
        "DISK_FULL" => "nothing is lost: ask the node's operator to make room, then try again",
        "LOG_ROLLED_BACK" => {
            "a backup older than what peers hold was restored: stop the node, and put back what is \
             lacking with `rogatory recover`; `audit export` and `audit verify` go on as they did"
        }
        _ => return None,
    })
}

fn hint_of_field(details: &ErrorDetails) -> Option<&'static str> {
    let fields = &details.bad_request()?.field_violations;
    let has = |name: &str| fields.iter().any(|one| one.field == name);
    if fields.iter().any(|one| one.description.contains("is this authority: ")) {
        return Some("name the other authority: this one is your own");
    }
    if has("recipient") || has("peer") {
        return Some("`rogatory directory list` shows the authorities that the node knows");
    }
    if has("pouch.recipient") {
        return Some("`rogatory pouch show FILE` says for whom a pouch is");
    }
    if has("pouch") {
        return Some(
            "copy the file again, and compare its SHA-256 with the one that its maker was told: `rogatory pouch show FILE`",
        );
    }
    if has("case_id") {
        return Some("name the case with --case, as `rogatory list` shows it");
    }
    has("fingerprint").then_some(
        "ask the other authority to read its fingerprint out to you, over a channel that you trust",
    )
}

/// A hint for what only the words of an error tell, as those of TLS alerts.
pub(crate) fn hint_of_text(text: &str) -> Option<&'static str> {
    let text = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&[
        "certificateexpired",
        "certificate expired",
        "certificaterevoked",
        "newer certificate",
    ]) || has(&["certificate that has ended", "certificaterequired", "accessdenied"])
    {
        Some(CERTIFICATE)
    } else if has(&["lookup address"]) {
        Some("is the address in the profile right? does the name server answer?")
    } else if has(&["connection refused", "not reachable"]) {
        Some(NODE_DOWN)
    } else if has(&["is not in the directory"]) {
        Some(
            "`rogatory peer list` shows whom the node knows, and `rogatory peer add` makes it know another",
        )
    } else if has(&["does not wait for"]) {
        Some("`rogatory queue` shows what waits")
    } else {
        None
    }
}

fn hint_of_code(status: &Status) -> Option<&'static str> {
    Some(match status.code() {
        _ if is_broken_connection(status) => NODE_DOWN,
        Code::Unavailable | Code::ResourceExhausted | Code::DeadlineExceeded => {
            "nothing is lost: try again in a moment"
        }
        Code::Unauthenticated => CERTIFICATE,
        Code::PermissionDenied => {
            "`rogatory agency list` shows an operator which agency has which roles"
        }
        Code::Unimplemented => "the node is of another version than this program",
        Code::Internal | Code::Unknown | Code::DataLoss => {
            "the node's traces say more: ask its operator"
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_has_a_line_and_the_recipient_a_hint() {
        let mut details = ErrorDetails::new();
        details.add_bad_request_violation("content.note.text", "is missing");
        details.add_bad_request_violation("recipient", "xb.pps is not in the directory");
        let status = Status::with_error_details(Code::InvalidArgument, "2 fields", details);
        let failure = failure(&status);
        assert_eq!(failure.code, Exit::BadInput);
        let lines = "note.text: is missing\nrecipient: xb.pps is not in the directory";
        assert_eq!(failure.message, lines);
        assert!(failure.hint.expect("a hint").contains("directory list"));
    }

    #[test]
    fn a_refusal_that_was_logged_says_where() {
        let logged = [
            ("event", "SubmissionRejection"),
            ("log_index", "17"),
            ("log_origin", "xa.oag/log/2026"),
        ];
        let metadata: Vec<_> = logged.map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let mut details = ErrorDetails::with_error_info(
            "FIELD_VIOLATION",
            "rogatory",
            metadata.into_iter().collect::<std::collections::HashMap<_, _>>(),
        );
        details.add_bad_request_violation("reference", "is too long");
        let status = Status::with_error_details(Code::InvalidArgument, "1 field", details);
        let failure = failure(&status);
        assert_eq!(failure.message, "reference: is too long");
        let hint = failure.hint.expect("a hint");
        assert_eq!(hint, "the refusal is entry 17 of xa.oag/log/2026 (SubmissionRejection)");
    }

    #[test]
    fn reasons_stand_behind_the_message() {
        let details = ErrorDetails::with_error_info("AGENCY_EXISTS", "rogatory", []);
        let status = Status::with_error_details(Code::AlreadyExists, "it is there", details);
        let failure = failure(&status);
        assert_eq!(failure.message, "it is there (AGENCY_EXISTS)");
        assert_eq!(failure.code, Exit::Failed);
        assert!(failure.hint.expect("a hint").contains("renew"));
    }

    #[test]
    fn codes_by_whose_fault_it_is() {
        for (code, exit) in [
            (Code::InvalidArgument, Exit::BadInput),
            (Code::NotFound, Exit::NotFound),
            (Code::Unavailable, Exit::Unavailable),
            (Code::ResourceExhausted, Exit::Unavailable),
            (Code::PermissionDenied, Exit::NotPermitted),
            (Code::Unauthenticated, Exit::NotPermitted),
            (Code::FailedPrecondition, Exit::Failed),
            (Code::AlreadyExists, Exit::Failed),
            (Code::Internal, Exit::Fault),
        ] {
            assert_eq!(failure(&Status::new(code, "x")).code, exit, "{code:?}");
        }
    }

    #[test]
    fn a_broken_connection_is_no_fault_of_ours() {
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        let failure = failure(&Status::from_error(Box::new(broken)));
        assert_eq!(failure.code, Exit::Unavailable);
        assert_eq!(failure.hint.as_deref(), Some(NODE_DOWN));
    }

    #[test]
    fn a_certificate_that_ended_is_told_apart() {
        let hint = hint_of_text("received fatal alert: CertificateExpired").expect("a hint");
        assert!(hint.contains("agency renew"));
        assert_eq!(hint_of_text("anything"), None);
        let nowhere = "is not reachable: TCP: failed to lookup address information: unknown";
        assert!(hint_of_text(nowhere).expect("a hint").contains("name server"));
    }
}
