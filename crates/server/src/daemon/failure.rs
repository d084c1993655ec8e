//! Why the daemon does not run.

use agentpulse_contract::exit;

/// Why the daemon does not run, in one line, with the exit code.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub code: u8,
    pub message: String,
}

impl Failure {
    pub fn new(code: u8, message: impl Into<String>) -> Failure {
        Failure {
            code,
            message: message.into(),
        }
    }
}

/// What the databases report is damage of the data folder.
impl From<agentpulse_store::sqlite::Error> for Failure {
    fn from(error: agentpulse_store::sqlite::Error) -> Failure {
        Failure::new(exit::CORRUPT, error.to_string())
    }
}

pub fn cannot_create(what: &str) -> impl Fn(std::io::Error) -> Failure {
    move |error| Failure::new(exit::CANNOT_CREATE, format!("{what}: {error}"))
}
