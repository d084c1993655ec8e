//! What the transcript of a subagent says: its tokens, its tool calls, how it ended.
//!
//! A transcript is one JSON object a line, and grows for as long as its agent can be resumed. It
//! holds prompts, files and the output of tools. Of all these only what
//! [`Usage`](agentpulse_core::usage::Usage) and [`Turns`] name is kept; the rest is not even copied.

mod beginning;
mod line;
mod loose;
mod slice;
mod span;
mod stated;
mod turns;

pub use self::beginning::Beginning;
pub use self::slice::{MAX_NAMES, MAX_REQUESTS, MAX_TOOL_IDS, Slice};
pub use self::span::Span;
pub use self::turns::{MAX_TURNS, Outcome, Turn, TurnReader, Turns};

#[cfg(test)]
mod tests;
