//! What hooks said of one agent, and the turns that follow from it.
//!
//! An agent's id is not the id of a run: a message to an agent that has finished makes it run once
//! more under the same id. Every hook line is therefore kept as a mark with its stamp, and the
//! turns are derived from all marks together ([`Turns::derive`]). That makes the order in which
//! the lines arrive, and how often, meaningless.

mod derive;
mod id;
mod joined;
mod main_turn;
mod marks;
mod session;
mod signal;
mod size;
mod turn;

pub use self::derive::INTERRUPTED;
pub use self::id::{execution_id, main_id, prompt_of, turn_of};
pub use self::marks::{Applied, Turns};
pub use self::session::{Launch, Who};
pub use self::signal::{
    AgentSignal, HookEvent, Imported, Launched, Outcome, SessionEvent, SessionMark, Signal,
};
pub use self::turn::{End, Turn};

#[cfg(test)]
mod tests;
