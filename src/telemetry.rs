//! Traces: what the program says about itself on standard error. Never content, never names of
//! persons (I6); the audit log is something else.

use tracing_subscriber::EnvFilter;

use crate::config::Config;

/// Overrides the filter of the configuration.
pub const FILTER_VARIABLE: &str = "ROGATORY_LOG";

/// Sends traces to standard error as the configuration says; `ROGATORY_LOG` overrides the filter.
/// A second call changes nothing.
pub fn start(config: &Config) {
    let filter = std::env::var(FILTER_VARIABLE).unwrap_or_else(|_| config.trace_filter.clone());
    // A node that starts has looked at both before.
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let traces = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // An error means that a test or a second node in this process was first.
    let _ = match config.trace_json {
        true => traces.json().try_init(),
        false => traces.with_ansi(false).try_init(),
    };
}
