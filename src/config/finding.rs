//! What is wrong with a configuration or a home: where, what, and what to do.

use std::fmt;
use std::path::PathBuf;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The node does not start.
    Error,
    /// It starts, and somebody should look at it.
    Warning,
}

impl Severity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// The file that it is about; `None` for the environment.
    pub file: Option<PathBuf>,
    /// The line in it, from 1, where there is one to be named.
    pub line: Option<usize>,
    /// The key of the configuration, as in `exchange.listen`, or the variable.
    pub key: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl Finding {
    /// Whether the node does not start with it.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}", file.display())?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
            }
            f.write_str(": ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// Everything for which a configuration or a home is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError(Vec<Finding>);

impl ConfigError {
    /// The error of these findings; `None` where all are warnings.
    pub fn of(findings: &[Finding]) -> Option<Self> {
        let errors: Vec<_> = findings.iter().filter(|one| one.is_error()).cloned().collect();
        (!errors.is_empty()).then_some(Self(errors))
    }

    /// What is wrong, one after the other; at least one.
    pub fn findings(&self) -> &[Finding] {
        &self.0
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Finding::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for ConfigError {}
