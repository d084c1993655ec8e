//! Why a report has no answer.

use agentpulse_store::history;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("no agent is named {0}")]
    UnknownAgent(String),
    #[error("no execution has the id {0}")]
    UnknownExecution(String),
    #[error("no session has the id {0}")]
    UnknownSession(String),
    /// With the ids of the definitions.
    #[error("several definitions are named {0}: {ids}", ids = .1.join(", "))]
    Ambiguous(String, Vec<String>),
    /// Of a definition.
    #[error("{0}")]
    NoPrompt(String),
    /// Neither view answers. The cause is for the log.
    #[error("{0}")]
    Unavailable(String),
    /// History has too many requests at once. The cause is for the log.
    #[error("{0}")]
    Busy(String),
    /// The client has too many requests at once.
    #[error("too many questions of one client at once")]
    TooMany,
}

impl From<history::Error> for Error {
    fn from(error: history::Error) -> Error {
        let cause = format!("history: {error}");
        match error.is_busy() {
            true => Error::Busy(cause),
            false => Error::Unavailable(cause),
        }
    }
}
