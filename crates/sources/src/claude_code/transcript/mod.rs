//! What the transcript of an agent or of a main thread says: tokens, tool calls, how it ended.
//!
//! A transcript is one JSON object a line, and grows for as long as its agent can be resumed. It
//! holds prompts, files and the output of tools. Of all these only what
//! [`Usage`](agentpulse_core::usage::Usage) and [`Turns`] name is kept; the rest is not even copied.

mod beginning;
mod client_totals;
mod hash;
mod line;
mod loose;
mod main_turns;
mod messages;
mod open_turn;
mod prompt_slice;
mod prompts;
mod requests;
mod slice;
mod span;
mod stated;
mod sums;
mod turn_lines;
mod turns;

pub use self::beginning::Beginning;
pub use self::client_totals::{ClientTotals, ClientTotalsReader, ClientUsage};
pub use self::main_turns::MainTurnReader;
pub use self::messages::{MessageKey, Messages};
pub use self::prompt_slice::PromptSlice;
pub use self::prompts::PromptKey;
pub use self::requests::{MAX_MODELS, MAX_REQUESTS};
pub use self::slice::Slice;
pub use self::span::Span;
pub use self::sums::{MAX_TOOL_IDS, MAX_TOOLS};
pub use self::turn_lines::TurnLines;
pub use self::turns::{MAX_TURNS, Outcome, Turn, TurnReader, Turns};

#[cfg(test)]
mod tests;
