//! History: every execution that is still kept, and the rollups, which are what all of them add
//! up to. The flusher writes it behind the journal; readers read beside that.

mod columns;
mod costliest;
mod costliest_sessions;
mod durations;
mod ended;
mod facets;
mod flush;
mod launched;
mod lifetime;
mod list;
mod moments;
mod only;
mod only_rollups;
#[cfg(test)]
mod plans;
mod pool;
mod prune;
mod read;
mod read_executions;
mod read_rollups;
mod recent;
mod relabelled;
mod rollups;
#[cfg(test)]
mod sample;
mod schema;
mod session_costs;
mod sessions;
#[cfg(test)]
mod sums_at_limit;
mod uncounted;
#[cfg(test)]
mod work;
mod zone;

pub use crate::sqlite::Error;
pub use costliest::Costliest;
pub use ended::Ended;
pub use flush::History;
pub use launched::Launched;
pub use lifetime::{LifetimeCounters, Total};
pub use list::{Filter, Page, Position};
pub use only_rollups::Wanted;
pub use pool::{LOOKUPS, Lanes, Readers, SCANS};
pub use prune::Pruned;
pub use read::Reader;
pub use schema::check;
pub use sessions::{Session, SessionPage};
pub use zone::Recorded;
