//! How a command ends: the exit codes, and the failure that carries one.

use std::fmt;
use std::io;
use std::path::Path;

use super::refusal;
use crate::client::{ConnectError, ProfileError};
use crate::config::ConfigError;
use crate::crypto::home_key::UnlockError;
use crate::home::{InitError, KeyFileError};

/// What the process says to whoever started it. docs/cli.md lists the codes for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// Not done: refused, or the state of things does not allow it.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// What was handed over is wrong: a file, or fields that break rules.
    BadInput = 3,
    /// There is no such thing.
    NotFound = 4,
    /// The node or the peer does not answer: try again later.
    Unavailable = 5,
    /// Something is not what it claims to be.
    VerificationFailed = 6,
    /// The caller may not do this.
    NotPermitted = 7,
    /// A fault of this program or of the node.
    Fault = 70,
    /// Ended by a signal before it was done, as shells number it.
    Interrupted = 130,
}

/// The codes as `--help` shows them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0   done
  1   not done: refused, or the state of things does not allow it
  2   the command line is wrong
  3   what was handed over is wrong: a file, or fields that break rules
  4   there is no such thing
  5   the node or the peer does not answer: try again later
  6   verification failed: something is not what it claims to be
  7   not permitted
  70  a fault of this program or of the node
  130 interrupted

Data goes to standard output, everything else to standard error.";

/// Why a command was not done: a code for programs, a message and a hint for people.
///
/// Each line of the message is printed as an error of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// How the process ends.
    pub code: Exit,
    /// What went wrong.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What is wrong besides, each with its own hint. The code above is that of all.
    pub also: Vec<Failure>,
}

impl Failure {
    /// A failure without a hint.
    pub fn new(code: Exit, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, also: Vec::new() }
    }

    /// Several failures as one; `None` where there are none.
    pub(crate) fn all(failures: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut failures = failures.into_iter();
        let mut first = failures.next()?;
        first.also.extend(failures);
        Some(first)
    }

    /// The same with a hint, in place of any that it had.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a hint where it has none.
    #[must_use]
    pub(crate) fn or_hint(mut self, hint: &str) -> Self {
        self.hint.get_or_insert_with(|| hint.to_owned());
        self
    }

    /// A file that could not be used; `what` as in "cannot be read".
    pub(crate) fn file(path: &Path, what: &str, error: &io::Error) -> Self {
        let code = code_of_io(error).unwrap_or(Exit::Failed);
        Self::new(code, format!("{} {what}: {error}", path.display()))
    }

    /// A file whose content is not what is needed.
    pub(crate) fn bad_file(path: &Path, why: impl fmt::Display) -> Self {
        Self::new(Exit::BadInput, format!("{}: {why}", path.display()))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<tonic::Status> for Failure {
    fn from(status: tonic::Status) -> Self {
        refusal::failure(&status)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let each = error.findings().iter();
        let each = each.map(|one| Self::new(Exit::BadInput, one.to_string()).hint(&one.hint));
        Self::all(each).expect("a refusal has a finding")
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let error = match error.downcast::<Failure>() {
            Ok(failure) => return failure,
            Err(error) => error,
        };
        let message = told(error.as_ref());
        let mut failure = error.chain().find_map(of_cause).unwrap_or_else(|| {
            let hint = refusal::hint_of_text(&message);
            let failure = Self::new(Exit::Failed, "");
            Self { hint: hint.map(str::to_owned), ..failure }
        });
        // A cause that brings its own lines, one a field, is told as it is.
        if failure.message.is_empty() {
            failure.message = message;
        }
        if let (None, Some(hint)) = (&failure.hint, refusal::hint_of_text(&failure.message)) {
            failure.hint = Some(hint.to_owned());
        }
        failure
    }
}

/// What a cause says of the whole failure; the message is empty where the chain says it better.
fn of_cause(cause: &(dyn std::error::Error + 'static)) -> Option<Failure> {
    if let Some(failure) = cause.downcast_ref::<Failure>() {
        return Some(failure.clone());
    }
    if let Some(status) = cause.downcast_ref::<tonic::Status>() {
        return Some(refusal::failure(status));
    }
    if let Some(error) = cause.downcast_ref::<ConfigError>() {
        return Some(error.clone().into());
    }
    if let Some(error) = cause.downcast_ref::<InitError>() {
        let code = match error {
            InitError::Option { .. } => Exit::Usage,
            InitError::WeakPassphrase => Exit::BadInput,
        };
        return Some(Failure::new(code, "").hint(error.hint()));
    }
    if let Some(error) = cause.downcast_ref::<UnlockError>() {
        return Some(locked(error));
    }
    // It shows itself as what it wraps, which therefore does not come in the chain.
    if let Some(KeyFileError::Unlock(error)) = cause.downcast_ref::<KeyFileError>() {
        return Some(locked(error));
    }
    if let Some(error) = cause.downcast_ref::<ConnectError>() {
        return Some(not_connected(error));
    }
    if let Some(ProfileError::Form { .. }) = cause.downcast_ref::<ProfileError>() {
        return Some(Failure::new(Exit::BadInput, ""));
    }
    if cause.is::<tonic::transport::Error>() {
        return Some(Failure::new(Exit::Unavailable, ""));
    }
    let code = cause.downcast_ref::<io::Error>().and_then(code_of_io)?;
    Some(Failure::new(code, ""))
}

/// An error with its causes, each told once: many libraries tell the next one too.
pub(crate) fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = next.source();
    }
    text
}

fn not_connected(error: &ConnectError) -> Failure {
    match error {
        ConnectError::Unreachable { why, .. } => {
            let failure = Failure::new(Exit::Unavailable, "");
            // What no name server knows, no operator can start.
            match refusal::hint_of_text(why) {
                Some(hint) if why.contains("lookup address") => failure.hint(hint),
                _ => failure.hint(refusal::DESK_NODE_DOWN),
            }
        }
        ConnectError::NotTheNode { .. } => Failure::new(Exit::VerificationFailed, "")
            .hint("nothing was sent there: ask the operator whether the profile is still right"),
        ConnectError::NotTaken { .. } => {
            Failure::new(Exit::NotPermitted, "").hint(refusal::CERTIFICATE)
        }
    }
}

fn locked(error: &UnlockError) -> Failure {
    let code = match error {
        UnlockError::Damaged(_) => Exit::Fault,
        UnlockError::WrongPassphrase | UnlockError::PassphraseNeeded => Exit::NotPermitted,
    };
    Failure::new(code, "").hint("give the home's passphrase with --passphrase-file FILE")
}

pub(crate) fn code_of_io(error: &io::Error) -> Option<Exit> {
    use io::ErrorKind::*;
    match error.kind() {
        NotFound => Some(Exit::NotFound),
        PermissionDenied => Some(Exit::NotPermitted),
        InvalidData => Some(Exit::BadInput),
        ConnectionRefused | ConnectionReset | ConnectionAborted | NotConnected | TimedOut
        | HostUnreachable | NetworkUnreachable | UnexpectedEof => Some(Exit::Unavailable),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn the_help_lists_every_code() {
        use Exit::*;
        for code in [
            Done,
            Failed,
            Usage,
            BadInput,
            NotFound,
            Unavailable,
            VerificationFailed,
            NotPermitted,
            Fault,
            Interrupted,
        ] {
            let line = format!("\n  {:<3} ", code as u8);
            assert!(EXIT_CODES.contains(&line), "{code:?}");
        }
    }

    #[test]
    fn a_failure_comes_through_anyhow_as_it_was() {
        let failure = Failure::new(Exit::VerificationFailed, "no").hint("do");
        assert_eq!(Failure::from(anyhow::Error::new(failure.clone())), failure);
        let wrapped = Err::<(), _>(failure.clone()).context("outer").expect_err("an error");
        assert_eq!(Failure::from(wrapped).code, Exit::VerificationFailed);
    }

    #[test]
    fn causes_decide_the_code() {
        let io = |kind| anyhow::Error::new(io::Error::new(kind, "x")).context("the file");
        for (error, code) in [
            (io(io::ErrorKind::NotFound), Exit::NotFound),
            (io(io::ErrorKind::PermissionDenied), Exit::NotPermitted),
            (io(io::ErrorKind::ConnectionRefused), Exit::Unavailable),
            (io(io::ErrorKind::StorageFull), Exit::Failed),
            (anyhow::anyhow!("whatever"), Exit::Failed),
            (anyhow::Error::new(UnlockError::PassphraseNeeded), Exit::NotPermitted),
            (
                anyhow::Error::new(KeyFileError::Unlock(UnlockError::WrongPassphrase)),
                Exit::NotPermitted,
            ),
            (anyhow::Error::new(tonic::Status::not_found("gone")), Exit::NotFound),
        ] {
            let failure = Failure::from(error);
            assert_eq!(failure.code, code, "{failure}");
            assert!(!failure.message.is_empty());
        }
    }
}
