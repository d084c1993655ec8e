//! A whole transcript, split into the turns of its agent.

use std::collections::HashSet;

use super::hash::hash;
use super::line::{Line, is_fork, readable};
use super::sums::MAX_TOOL_IDS;
use crate::clean::clean_name;

/// Turns of one transcript. The last takes what comes after it.
pub const MAX_TURNS: usize = 100_000;

/// The turns of one transcript, the oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turns {
    pub session_id: Option<String>,
    pub agent_id: Option<String>,
    pub turns: Vec<Turn>,
}

/// One turn: from a prompt to the last message of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Milliseconds since 1970, of the earliest and the latest line.
    pub first_ms: i64,
    pub last_ms: i64,
    pub outcome: Outcome,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Success,
    /// Ended in a failure of the API.
    Failure,
    /// Without an end: interrupted, or not over yet.
    Unfinished,
    /// The model's last message is a text that does not say whether it ends the turn, and no call
    /// is without its result: the end, if nothing follows.
    OpenEnded,
}

/// Splits a transcript into turns.
///
/// A turn begins at a prompt after a message that ended the turn before, if the prompt is later
/// than all of that turn. So each turn is what a [`Slice`](super::Slice) takes when its end is
/// the turn's latest moment.
#[derive(Debug, Default)]
pub struct TurnReader {
    found: Turns,
    open: Option<Turn>,
    open_is_final: bool,
    /// Calls of the open turn that have no result, by the hashes of their ids.
    calls: HashSet<u128>,
    /// The lines of a parent come first, up to the first that is not of the model.
    is_parents: bool,
}

impl TurnReader {
    /// Takes the next line; what a [`Slice`](super::Slice) skips is skipped here as well.
    pub fn line(&mut self, bytes: &[u8]) {
        let text = readable(bytes);
        let Some(line) = Line::parse(text.as_bytes()) else {
            self.is_parents |= self.open.is_none() && is_fork(bytes);
            return;
        };
        self.is_parents &= line.is_assistant();
        if self.is_parents || line.is_inherited() {
            return;
        }
        let found = &mut self.found;
        if found.session_id.is_none() {
            found.session_id = line.session_id().map(str::to_owned).and_then(clean_name);
        }
        if found.agent_id.is_none() {
            found.agent_id = line.agent_id().map(str::to_owned).and_then(clean_name);
        }
        let time_ms = line.time_ms();
        let has_room = self.found.turns.len() + 1 < MAX_TURNS;
        if line.is_prompt() && self.open_is_final && has_room {
            let is_later = |turn: &mut Turn| time_ms.is_some_and(|time_ms| time_ms > turn.last_ms);
            let mut ended = self.open.take_if(is_later);
            if let Some(turn) = ended
                .as_mut()
                .filter(|turn| turn.outcome == Outcome::OpenEnded)
            {
                turn.outcome = Outcome::Success;
            }
            if ended.is_some() {
                self.calls.clear();
            }
            self.found.turns.extend(ended);
            self.open_is_final = self.open.is_some();
        }
        if let Some(time_ms) = time_ms.filter(|_| !line.is_meta()) {
            let turn = self.open.get_or_insert(Turn {
                first_ms: time_ms,
                last_ms: time_ms,
                outcome: Outcome::Unfinished,
            });
            turn.first_ms = turn.first_ms.min(time_ms);
            turn.last_ms = turn.last_ms.max(time_ms);
        }
        for (id, _) in line.tool_results() {
            self.calls.remove(&hash(id));
        }
        for (id, _) in line.tool_calls() {
            if self.calls.len() < MAX_TOOL_IDS {
                self.calls.insert(hash(id));
            }
        }
        if line.is_assistant() {
            let outcome = match line.is_final() {
                _ if line.is_api_failure() => Outcome::Failure,
                true => Outcome::Success,
                false if line.is_open_ended() && self.calls.is_empty() => Outcome::OpenEnded,
                false => Outcome::Unfinished,
            };
            self.open_is_final = outcome != Outcome::Unfinished;
            if let Some(turn) = &mut self.open {
                turn.outcome = outcome;
            }
        }
    }

    pub fn finish(mut self) -> Turns {
        self.found.turns.extend(self.open);
        self.found
    }
}
