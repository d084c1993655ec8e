//! The whole transcript of a main thread, split into its turns.

use std::collections::HashSet;

use super::line::{Line, readable};
use super::open_turn::OpenTurn;
use super::prompts::PromptKey;
use super::turns::{MAX_TURNS, Turn, Turns};
use crate::clean::clean_name;

/// Splits a transcript into the turns that a [`PromptSlice`](super::PromptSlice) takes. A prompt that
/// nothing of the model followed, such as a command of the client, is none.
#[derive(Debug, Default)]
pub struct MainTurnReader {
    found: Turns,
    /// The prompts that came. A client that writes its older lines once more repeats them.
    begun: HashSet<PromptKey>,
    open: OpenTurn,
    prompt: Option<(PromptKey, Option<String>)>,
    /// The client numbers its prompts.
    is_numbered: bool,
}

impl MainTurnReader {
    pub fn line(&mut self, bytes: &[u8]) {
        let text = readable(bytes);
        let Some(line) = Line::parse(text.as_bytes()) else {
            return;
        };
        if line.is_inherited() {
            // So is all before it, also where its lines do not say so.
            self.open = OpenTurn::default();
            return;
        }
        self.found.name(&line);
        self.is_numbered |= line.prompt_id().is_some();
        let by_line = line.uuid_of_prompt().filter(|_| !self.is_numbered);
        if let Some(prompt_id) = line.prompt_id().or(by_line) {
            self.prompted(prompt_id);
        }
        if self.prompt.is_some() {
            self.open.add(&line);
        }
    }

    pub fn finish(mut self) -> Turns {
        // Nothing comes behind it that would say more of its end.
        let turn = self.open.turn.take().filter(|_| self.open.is_answered);
        self.keep(turn);
        self.found
    }

    fn prompted(&mut self, prompt_id: &str) {
        let key = PromptKey::new(prompt_id);
        if self.prompt.as_ref().is_some_and(|(open, _)| *open == key) {
            return;
        }
        let is_answered = self.open.is_answered;
        let turn = self.open.close().filter(|_| is_answered);
        self.keep(turn);
        let is_new = self.begun.len() < MAX_TURNS && self.begun.insert(key);
        let id = clean_name(prompt_id.to_owned());
        self.prompt = is_new.then_some((key, id));
    }

    fn keep(&mut self, turn: Option<Turn>) {
        let prompt_id = self.prompt.take().and_then(|(_, id)| id);
        if let (Some(mut turn), Some(_)) = (turn, &prompt_id) {
            turn.prompt_id = prompt_id;
            self.found.turns.push(turn);
        }
    }
}
