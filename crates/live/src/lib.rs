//! The live view: what runs and what the last days have come to, in Redis.
//!
//! What counts is only ever written by one script that applies a batch if the cursor stands where
//! the batch begins (`lua/apply.lua`), so that the applier may ask, fail and ask again. What a
//! rebuild deletes depends on the cursor likewise (`lua/clear.lua`).

mod commands;
mod connection;
mod content;
mod derived;
mod error;
mod expected;
mod facts;
mod handle;
mod keys;
mod layout;
mod listed;
mod pair;
mod pattern;
pub mod private_server;
mod read;
mod sample;
mod sections;
mod shown;
#[cfg(test)]
mod tests;
mod writes;

pub use content::Rows;
pub use error::Error;
pub use expected::Expected;
pub use facts::Facts;
pub use handle::{Live, LiveConfig};
pub use keys::{Key, Keyspace, Kind, Life, Merge, Moment, Row, TABLE};
pub use layout::{with_layout, without_layout};
pub use read::{AgentDays, Current};
pub use sample::Sample;
pub use writes::Writes;
