//! Why the live view cannot be followed.

use crate::live;

#[derive(Debug)]
pub enum Trouble {
    Live(live::Error),
    Other(String),
    /// Redis does not hold what it was given, and did not before either.
    Changed(String),
    /// The cursor in Redis is of a journal that was never ours.
    Foreign(String),
}

impl From<live::Error> for Trouble {
    fn from(error: live::Error) -> Trouble {
        Trouble::Live(error)
    }
}

impl Trouble {
    pub fn is_out_of_memory(&self) -> bool {
        matches!(self, Trouble::Live(error) if error.is_out_of_memory())
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Live(error) => error.fmt(f),
            Trouble::Other(reason) => f.write_str(reason),
            Trouble::Changed(reason) => write!(f, "somebody goes on changing it: {reason}"),
            Trouble::Foreign(cursor) => write!(
                f,
                "another daemon's numbers are in this Redis (journal:cursor is {cursor}): set \
                 redis.prefix to a name of its own, or give them up with agentpulse rebuild --force"
            ),
        }
    }
}
