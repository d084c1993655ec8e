//! Why history could not be written.

use agentpulse_store::history;

#[derive(Debug, thiserror::Error)]
pub enum FlushError {
    #[error("{0}")]
    Store(#[from] history::Error),
    #[error("the journal lacks what history needs after change {0}: restore both from one backup")]
    Gap(u64),
}

impl FlushError {
    /// No retry repairs it.
    pub fn is_damage(&self) -> bool {
        match self {
            FlushError::Store(error) => error.is_corrupt(),
            FlushError::Gap(_) => true,
        }
    }
}
