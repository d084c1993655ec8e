//! The lines of one turn, of an agent or of the main thread.

use std::collections::HashSet;
use std::ops::ControlFlow;

use super::messages::MessageKey;
use super::prompt_slice::PromptSlice;
use super::slice::Slice;
use super::sums::Sums;
use agentpulse_core::event::SeenEnd;
use agentpulse_core::price::Prices;
use agentpulse_core::usage::Usage;

#[derive(Debug)]
pub enum TurnLines {
    Agent(Slice),
    Main(PromptSlice),
}

impl TurnLines {
    /// Takes the next line. `end` is the offset behind it. `is_ended` says whether its newline
    /// was there: without one a line counts when it is whole, since nothing can follow the end
    /// of an object; else it is torn, and left to the next reader.
    ///
    /// Break means that the line is the next turn's, and that no more need to come.
    pub fn line(&mut self, bytes: &[u8], end: u64, is_ended: bool) -> ControlFlow<()> {
        match self {
            TurnLines::Agent(slice) => slice.line(bytes, end, is_ended),
            TurnLines::Main(slice) => slice.line(bytes, end, is_ended),
        }
    }

    /// What the lines so far amount to.
    pub fn usage(&self, prices: &Prices) -> Usage {
        self.sums().usage(prices)
    }

    /// The folder in which the client worked when the turn began. It names the user: what may be
    /// kept is its project.
    pub fn folder(&self) -> Option<&str> {
        self.sums().folder()
    }

    /// The end that the lines show, if they show one.
    pub fn end(&self) -> Option<SeenEnd> {
        self.sums().end()
    }

    /// The end, if it is an interrupt by the user: no hook reports it.
    pub fn interrupted(&self) -> Option<SeenEnd> {
        self.sums().interrupted()
    }

    /// The offset in the file, in bytes, behind the last line that was taken.
    pub fn end_offset(&self) -> u64 {
        self.sums().end_offset()
    }

    /// The messages that count, each with the time of its line.
    pub fn messages(&self) -> impl Iterator<Item = (MessageKey, i64)> {
        self.sums().messages()
    }

    /// Leaves out messages that belong to another transcript.
    pub fn leave_out(&mut self, messages: &HashSet<MessageKey>) {
        let sums = match self {
            TurnLines::Agent(slice) => slice.sums_mut(),
            TurnLines::Main(slice) => slice.sums_mut(),
        };
        sums.leave_out(messages);
    }

    /// How much memory it takes, in bytes.
    pub fn bytes(&self) -> usize {
        size_of::<TurnLines>() + self.sums().bytes()
    }

    fn sums(&self) -> &Sums {
        match self {
            TurnLines::Agent(slice) => slice.sums(),
            TurnLines::Main(slice) => slice.sums(),
        }
    }
}
