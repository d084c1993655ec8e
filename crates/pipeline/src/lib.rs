//! How an event becomes numbers: the one writer decides, journals and acknowledges; the applier
//! and the flusher follow the journal, each with a cursor of its own.

pub mod address;
pub mod applier;
mod apply_error;
pub mod backup;
pub mod blocked;
pub mod changes;
pub mod clock;
pub mod counters;
pub mod flusher;
pub mod holds;
pub mod live_state;
pub mod live_usage;
pub mod operations;
pub mod persisted_counters;
pub mod places;
pub mod progress_feed;
pub mod reaper;
mod rebuild;
pub mod recent_outcomes;
pub mod reload;
pub mod running;
pub mod settings;
mod snapshot;
pub mod usage;
pub mod verify;
pub mod watchdog;
pub mod writer;
