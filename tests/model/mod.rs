//! An independent, naive account of what events amount to. It shares no code with the daemon.
//!
//! | file | what it is |
//! |---|---|
//! | `execution` | the events of one execution, and what is known of it when it has ended |
//! | `load` | events at random |
//! | `merge` | one execution, from its events |
//! | `tests` | the model against numbers worked out by hand |
//! | `time` | the buckets of a time, and how it is written |
//! | `world` | the whole: every total is a sum over executions |

mod execution;
pub mod load;
mod merge;
mod tests;
mod time;
mod world;

pub use execution::{Arrival, Ended};
pub use time::{DAY_MS, HOUR_MS, day, hour, moment_ms, rfc3339};
pub use world::{KEPT_DAYS, Tally, Totals, World, share};
