//! Why an operation is refused. Nothing has changed then.

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    Invalid(String),
    #[error("there is no task {0}")]
    UnknownTask(i64),
    #[error("there is no message {0}")]
    UnknownMessage(i64),
    /// A misspelt name would wait for ever.
    #[error("assigned_to: \"{0}\" is no role, and no agent that is defined")]
    UnknownRole(String),
    /// The token is not that of the last claim, or its lease has ended and another worker came.
    #[error("the lease is lost: {0}")]
    LeaseLost(String),
    #[error("task {id} is {status} already")]
    AlreadyEnded { id: i64, status: &'static str },
    /// Its status does not allow it.
    #[error("task {id} is {status}: {needed}")]
    WrongStatus {
        id: i64,
        status: &'static str,
        needed: &'static str,
    },
    #[error("{0}")]
    TooMany(String),
    /// The same key came with another body.
    #[error("this idempotency key came with another request before")]
    KeyReused,
}
