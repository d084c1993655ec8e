//! The live view: what runs and what the last days have come to, in Redis.
//!
//! What counts is only ever written by one script that applies a batch if the cursor stands where
//! the batch begins (`lua/apply.lua`), so that the applier may ask, fail and ask again. What a
//! rebuild deletes depends on the cursor likewise (`lua/clear.lua`).

mod commands;
mod connection;
mod content;
mod error;
mod expected;
mod facts;
mod handle;
mod keys;
mod listed;
mod pair;
pub mod private_server;
mod read;
mod sections;
#[cfg(test)]
mod tests;
mod writes;

pub use content::Rows;
pub use error::Error;
pub use expected::Expected;
pub use facts::Facts;
pub use handle::{Live, LiveConfig};
pub use keys::{Key, Keyspace, Kind, Life, Merge, Moment, Row, TABLE};
pub use read::{AgentDays, Current};
pub use writes::Writes;
