//! How an event becomes numbers: the one writer decides, journals and acknowledges; the applier
//! and the flusher follow the journal, each with a cursor of its own.

pub mod address;
pub mod applier;
pub mod backup;
pub mod blocked;
pub mod changes;
pub mod clock;
pub mod connection_slots;
pub mod counters;
pub mod flusher;
pub mod holds;
pub mod live_state;
pub mod persisted_counters;
pub mod progress_feed;
pub mod readiness;
pub mod reaper;
pub mod recent_outcomes;
pub mod reload;
mod request;
pub mod running;
pub mod settings;
pub mod watchdog;
pub mod writer;
