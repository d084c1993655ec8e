//! Why the live view cannot be followed.

use crate::writer::Unavailable;
use agentpulse_live as live;

#[derive(Debug)]
pub enum ApplyError {
    Live(live::Error),
    /// Redis did not answer in time.
    Unanswered,
    /// The cursor is not where a step of a rebuild has left it.
    Disturbed(String),
    /// What is to be applied cannot be read, and why.
    Journal(String),
    History(String),
    /// What runs cannot be asked for.
    Writer(Unavailable),
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

    /// Whether it is Redis that cannot be reached or written, and not what is to be written to it.
    pub fn is_redis_away(&self) -> bool {
        matches!(self, ApplyError::Live(_) | ApplyError::Unanswered)
    }
}

impl std::fmt::Display for ApplyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ApplyError::Live(error) => error.fmt(f),
            ApplyError::Unanswered => f.write_str("Redis does not answer"),
            ApplyError::Disturbed(reason) => write!(f, "a rebuild was disturbed: {reason}"),
            ApplyError::Journal(reason) => write!(f, "the journal cannot be read: {reason}"),
            ApplyError::History(reason) => write!(f, "the history cannot be read: {reason}"),
            ApplyError::Writer(reason) => reason.fmt(f),
            ApplyError::Changed(reason) => write!(f, "somebody goes on changing it: {reason}"),
            ApplyError::Foreign(cursor) => write!(
                f,
                "another daemon's numbers are in this Redis (journal:cursor is {cursor}): set \
                 redis.prefix to a name of its own, or give them up with agentpulse rebuild --force"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_no_failure_of_redis() {
        assert!(ApplyError::Unanswered.is_redis_away());
        let error = ApplyError::History("disk I/O error".to_owned());
        assert!(!error.is_redis_away());
        assert_eq!(
            error.to_string(),
            "the history cannot be read: disk I/O error"
        );
        assert!(!ApplyError::Journal("locked".to_owned()).is_redis_away());
    }
}
