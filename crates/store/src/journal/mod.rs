//! The journal: accepted events with what they changed, in order, on the disk before they are
//! acknowledged. Both views follow it; what both no longer need is pruned.

mod append;
mod deferred;
mod entry;
mod epochs;
mod heartbeats;
mod marks;
mod prune;
mod schema;
mod tail;
#[cfg(test)]
mod tests;
mod tracked_names;
mod trial;
mod writer;

pub use crate::sqlite::Error;
pub use entry::{ALL_TURNS, Deferred, Entry};
pub use epochs::epochs_of;
pub use prune::Prune;
pub use schema::check;
pub use tail::Tail;
pub use writer::Journal;
