//! `tasks.db`: tasks, messages and logs. One connection writes, in transactions of several
//! operations, each of which is applied whole or not at all.

mod events;
mod idempotency;
mod links;
mod list;
mod logs;
mod messages;
mod prune;
mod row;
mod schema;
mod stats;
mod store;
mod tables;
#[cfg(test)]
mod tests;

pub use events::{Event, Kind};
pub use links::Linked;
pub use list::{Filter, Place};
pub use logs::{Level, Line, Logged};
pub use messages::{Message, MessageKind, Unread, Written};
pub use prune::Before;
pub use schema::check;
pub use stats::{AgentState, Counted, Since, State, Trouble};
pub use store::{Store, Tables, Unapplied};
pub use tables::{Attempt, New};

/// What a statement said.
pub type DiskError = rusqlite::Error;
