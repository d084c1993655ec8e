//! Why there is no answer.

use std::path::PathBuf;
use std::time::Duration;

use hyper::StatusCode;

#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error("no daemon runs on {}: start one with `agentpulse serve`", .0.display())]
    NotRunning(PathBuf),
    #[error("the daemon on {} did not answer within {} s", .0.display(), .1.as_secs())]
    TooLate(PathBuf, Duration),
    #[error("the daemon on {dir}: {reason}")]
    Broken { dir: String, reason: String },
    /// It answered, and not with success.
    #[error("the daemon answered {0}: {1}")]
    Refused(StatusCode, String),
}
