//! Reads changes back from the journal.

use std::sync::Arc;

use super::failure::Failure;
use agentpulse_core::change::Change;
use agentpulse_store::journal::Tail;

/// Changes that are read back at once.
const PAGE: usize = 1_024;

/// Calls `f` with the changes after `seq`, in order.
pub fn each_after(
    tail: &Tail,
    mut seq: u64,
    mut f: impl FnMut(&[Arc<Change>]) -> Result<(), Failure>,
) -> Result<(), Failure> {
    loop {
        let changes = tail.read(seq, PAGE)?;
        let Some(last) = changes.last() else {
            return Ok(());
        };
        seq = last.seq;
        f(&changes)?;
    }
}
