//! Which lines of the transcript of a main thread are those of one turn.

use std::ops::ControlFlow;

use super::line::{Line, readable};
use super::prompts::PromptKey;
use super::sums::Sums;

/// Reads from the first line of a turn's prompt to the first of another prompt. Lines of the model
/// name no prompt: they are of the last one before them, so that each is of one turn.
///
/// Lines that are copies of another session's are of the turn there.
#[derive(Debug)]
pub struct PromptSlice {
    prompt: PromptKey,
    begun: Option<Begun>,
    sums: Sums,
}

/// By what its beginning was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Begun {
    ByPrompt,
    /// In a file of a client that does not number its prompts.
    ByLine,
}

impl PromptSlice {
    /// `from` is the offset in the file, in bytes, of the first line that will come.
    pub fn new(from: u64, prompt_id: &str) -> PromptSlice {
        PromptSlice {
            prompt: PromptKey::new(prompt_id),
            begun: None,
            sums: Sums::new(from),
        }
    }

    /// As [`TurnLines::line`](super::TurnLines::line).
    pub fn line(&mut self, bytes: &[u8], end: u64, is_ended: bool) -> ControlFlow<()> {
        let text = readable(bytes);
        let Some(line) = Line::parse(text.as_bytes()) else {
            if is_ended {
                self.sums.skip(end);
            }
            return ControlFlow::Continue(());
        };
        if line.is_inherited() {
            // So is all before it, also where its lines do not say so.
            self.sums = Sums::new(end);
            return ControlFlow::Continue(());
        }
        if self.ends_before(&line) {
            return ControlFlow::Break(());
        }
        if self.begun.is_none() {
            self.begun = self.begins_at(&line);
        }
        match self.begun {
            Some(_) => self.sums.add(&line, text.as_bytes(), end),
            None => self.sums.skip(end),
        }
        ControlFlow::Continue(())
    }

    pub fn sums(&self) -> &Sums {
        &self.sums
    }

    pub fn sums_mut(&mut self) -> &mut Sums {
        &mut self.sums
    }

    fn begins_at(&self, line: &Line) -> Option<Begun> {
        let is_own = |id: Option<&str>| id.is_some_and(|id| PromptKey::new(id) == self.prompt);
        if is_own(line.prompt_id()) {
            return Some(Begun::ByPrompt);
        }
        is_own(line.uuid_of_prompt()).then_some(Begun::ByLine)
    }

    fn ends_before(&self, line: &Line) -> bool {
        let id = match self.begun {
            None => None,
            Some(Begun::ByPrompt) => line.prompt_id(),
            Some(Begun::ByLine) => line.uuid_of_prompt(),
        };
        id.is_some_and(|id| PromptKey::new(id) != self.prompt)
    }
}
