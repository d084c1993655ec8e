//! `agentpulse top`: what runs now, on a terminal, until it is left.
//!
//! | file | what it is for |
//! |---|---|
//! | [`command`] | the options, and which of the two is shown |
//! | [`ask`] | asks the daemon, on a thread of its own |
//! | [`snapshot`] | the answers of the daemon |
//! | [`hour`] | what ended in the last hour: rates, the sparkline |
//! | [`order`] | which rows are shown, and in which order |
//! | [`state`] | the state of the screen, and what a key does to it: no terminal, no clock |
//! | [`draw`] | the state as cells |
//! | [`screen`] | the terminal: taken, drawn to, given back |
//! | [`once`] | the same as plain text |

mod ask;
mod command;
mod draw;
mod hour;
mod once;
mod order;
mod screen;
mod snapshot;
mod state;

pub use command::Top;
