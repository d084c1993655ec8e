//! What the transcript of a subagent says: its tokens, its tool calls, how it ended.
//!
//! A transcript is one JSON object a line, and grows for as long as its agent can be resumed. It
//! holds prompts, files and the output of tools. Of all these only what
//! [`Usage`](agentpulse_core::usage::Usage) and [`Turns`] name is kept; the rest is not even copied.

mod beginning;
mod hash;
mod line;
mod loose;
mod requests;
mod slice;
mod span;
mod stated;
mod sums;
mod turns;

pub use self::beginning::Beginning;
pub use self::requests::{MAX_MODELS, MAX_REQUESTS};
pub use self::slice::Slice;
pub use self::span::Span;
pub use self::sums::{MAX_TOOL_IDS, MAX_TOOLS};
pub use self::turns::{MAX_TURNS, Outcome, Turn, TurnReader, Turns};

#[cfg(test)]
mod tests;
