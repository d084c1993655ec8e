//! The turn to which the lines belong that come now.

use std::collections::HashSet;

use super::hash::hash;
use super::line::Line;
use super::sums::MAX_TOOL_IDS;
use super::turns::{Outcome, Turn};
use crate::clean::clean_name;

#[derive(Debug, Default)]
pub struct OpenTurn {
    pub turn: Option<Turn>,
    /// The model's last message may have ended it.
    pub is_final: bool,
    /// The model has said something.
    pub is_answered: bool,
    /// Calls that have no result, by the hashes of their ids.
    calls: HashSet<u128>,
}

impl OpenTurn {
    pub fn is_empty(&self) -> bool {
        self.turn.is_none()
    }

    /// The turn, if all of it is earlier than what comes next.
    pub fn close_before(&mut self, time_ms: Option<i64>) -> Option<Turn> {
        let is_later = |turn: &Turn| time_ms.is_some_and(|time_ms| time_ms > turn.last_ms);
        if self.turn.as_ref().is_some_and(is_later) {
            self.close()
        } else {
            self.is_final = self.turn.is_some();
            None
        }
    }

    pub fn close(&mut self) -> Option<Turn> {
        let mut turn = std::mem::take(self).turn?;
        if turn.outcome == Outcome::OpenEnded {
            turn.outcome = Outcome::Success;
        }
        Some(turn)
    }

    pub fn add(&mut self, line: &Line) {
        if let Some(time_ms) = line.time_ms().filter(|_| !line.is_meta()) {
            let turn = self.turn.get_or_insert(Turn {
                prompt_id: None,
                first_ms: time_ms,
                last_ms: time_ms,
                outcome: Outcome::Unfinished,
            });
            turn.first_ms = turn.first_ms.min(time_ms);
            turn.last_ms = turn.last_ms.max(time_ms);
            if turn.prompt_id.is_none() {
                turn.prompt_id = line.prompt_id().map(str::to_owned).and_then(clean_name);
            }
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
            self.is_answered = true;
            self.is_final = outcome != Outcome::Unfinished;
            self.ended(outcome);
        } else if line.is_interrupt() {
            self.ended(Outcome::Interrupted);
        }
    }

    fn ended(&mut self, outcome: Outcome) {
        if let Some(turn) = &mut self.turn {
            turn.outcome = outcome;
        }
    }
}
