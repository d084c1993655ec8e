//! How an event becomes numbers: the one writer decides, journals and acknowledges; the applier
//! and the flusher follow the journal, each with a cursor of its own.

pub mod address;
pub mod applier;
pub mod backup;
pub mod blocked;
pub mod changes;
pub mod clock;
pub mod counters;
pub mod ends;
pub mod flusher;
pub mod progress_feed;
pub mod holds;
pub mod kept;
pub mod live_state;
pub mod operations;
pub mod places;
pub mod pulse;
pub mod reaper;
mod rebuild;
pub mod reload;
pub mod running;
mod snapshot;
pub mod spending;
mod trouble;
pub mod tuning;
pub mod usage;
pub mod verify;
pub mod writer;
