//! The one writer: decides what each event changes, journals the changes in one commit for all
//! that are queued, and only then acknowledges them.

mod accept;
mod append;
mod blocked;
mod commit;
mod deferred;
mod dispatch;
mod facts;
mod handle;
mod heartbeats;
mod hook_cache;
mod hook_state;
mod hooks;
mod keep;
mod live_usage;
mod memory;
mod reap;
mod restate;
mod run;
mod state;
mod task_lists;
mod transcript_queue;

pub use self::handle::{IngestOutcome, Message, Submission, Unavailable, WriterHandle, channel};
pub use self::heartbeats::Heartbeats;
pub use self::live_usage::{Due, LiveUsage, RunningLines};
pub use self::memory::Memory;
pub use self::state::Writer;
pub use self::task_lists::{TaskList, TaskLists};
pub use self::transcript_queue::TranscriptQueue;
