//! Why the live view cannot be followed.

use agentpulse_live as live;

#[derive(Debug)]
pub enum ApplyError {
    Live(live::Error),
    Other(String),
    /// Redis does not hold what it was given, and did not before either.
    Changed(String),
    /// The cursor in Redis is of a journal that was never ours.
    Foreign(String),
}

impl From<live::Error> for ApplyError {
    fn from(error: live::Error) -> ApplyError {
        ApplyError::Live(error)
    }
}

impl ApplyError {
    pub fn is_out_of_memory(&self) -> bool {
        matches!(self, ApplyError::Live(error) if error.is_out_of_memory())
    }
}

impl std::fmt::Display for ApplyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ApplyError::Live(error) => error.fmt(f),
            ApplyError::Other(reason) => f.write_str(reason),
            ApplyError::Changed(reason) => write!(f, "somebody goes on changing it: {reason}"),
            ApplyError::Foreign(cursor) => write!(
                f,
                "another daemon's numbers are in this Redis (journal:cursor is {cursor}): set \
                 redis.prefix to a name of its own, or give them up with agentpulse rebuild --force"
            ),
        }
    }
}
