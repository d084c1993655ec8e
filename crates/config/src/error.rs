//! Why settings are refused.

/// One line that names the place (file and line, variable or command line), the key, and
/// what it must be. It never holds the refused value: that may be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct ConfigError {
    pub(super) place: String,
    pub(super) problem: String,
}

impl ConfigError {
    pub(super) fn new(place: impl Into<String>, problem: impl Into<String>) -> ConfigError {
        ConfigError {
            place: place.into(),
            problem: problem.into(),
        }
    }
}
