//! The turn before a turn: where its lines end, those of the next begin.

use std::sync::Arc;

use agentpulse_core::execution::Execution;
use agentpulse_core::turns::{execution_id, turn_of};
use agentpulse_pipeline::writer::{Unavailable, WriterHandle};

/// Turns of other sessions between two of one.
const MAX_TURNS_BETWEEN: usize = 64;

/// How far the file was read for the turns before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadBefore {
    /// The offset in bytes at which the turn begins; 0 is to be found out.
    pub offset: u64,
    /// The time of the latest line.
    pub until_ms: Option<i64>,
}

impl ReadBefore {
    pub fn of(before: &Execution) -> ReadBefore {
        before
            .usage()
            .map_or_else(ReadBefore::default, |usage| ReadBefore {
                offset: usage.end_offset,
                until_ms: usage.last_ms,
            })
    }
}

/// The last turn of the agent before the execution `id` whose lines are in the same file.
pub async fn turn_before(
    writer: &WriterHandle,
    id: &str,
    transcript: Option<&str>,
) -> Result<Option<Arc<Execution>>, Unavailable> {
    let (agent_id, number) = turn_of(id);
    for number in (1..number).rev().take(MAX_TURNS_BETWEEN) {
        let Some(before) = writer.get(&execution_id(agent_id, number)).await? else {
            return Ok(None);
        };
        if before.transcript() == transcript {
            return Ok(Some(before));
        }
    }
    Ok(None)
}
