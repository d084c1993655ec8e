//! A whole transcript, split into the turns of its agent.

use super::line::{Line, is_fork, readable};
use super::open_turn::OpenTurn;
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The turn of the main thread that it is, or in which it began.
    pub prompt_id: Option<String>,
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
    /// By the user.
    Interrupted,
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
    open: OpenTurn,
    /// The lines of a parent come first, up to the first that is not of the model.
    is_parents: bool,
}

impl TurnReader {
    /// Takes the next line; what a [`Slice`](super::Slice) skips is skipped here as well.
    pub fn line(&mut self, bytes: &[u8]) {
        let text = readable(bytes);
        let Some(line) = Line::parse(text.as_bytes()) else {
            self.is_parents |= self.open.is_empty() && is_fork(bytes);
            return;
        };
        self.is_parents &= line.is_assistant();
        if self.is_parents || line.is_inherited() {
            return;
        }
        self.found.name(&line);
        let has_room = self.found.turns.len() + 1 < MAX_TURNS;
        if line.is_prompt() && self.open.is_final && has_room {
            let ended = self.open.close_before(line.time_ms());
            self.found.turns.extend(ended);
        }
        self.open.add(&line);
    }

    pub fn finish(mut self) -> Turns {
        self.found.turns.extend(self.open.turn);
        self.found
    }
}

impl Turns {
    /// The first line that names its session, or its agent, counts.
    pub(super) fn name(&mut self, line: &Line) {
        if self.session_id.is_none() {
            self.session_id = line.session_id().map(str::to_owned).and_then(clean_name);
        }
        if self.agent_id.is_none() {
            self.agent_id = line.agent_id().map(str::to_owned).and_then(clean_name);
        }
    }
}
