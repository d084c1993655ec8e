//! What the numbers mean: pure code, without input or output, without a clock.

#![warn(clippy::disallowed_methods)]

pub mod agent_type;
pub mod alert;
pub mod bucket;
pub mod change;
pub mod cursor;
pub mod dimension;
pub mod error;
pub mod event;
pub mod execution;
pub mod item;
pub mod json;
pub mod kind;
pub mod last_heartbeat;
pub mod lifetime;
pub mod limits;
pub mod names;
pub mod only;
pub mod price;
pub mod project;
pub mod redis_url;
pub mod retention;
pub mod sketch;
pub mod sum;
pub mod sums;
pub mod tally;
pub mod text;
pub mod turns;
pub mod usage;
pub mod view;
pub mod zone;
