//! History: every execution that is still kept, and the rollups, which are what all of them add
//! up to. The flusher writes it behind the journal; whoever reads it reads beside that.

mod executions;
mod flush;
mod pool;
mod prune;
mod reader;
mod recent;
mod rollups;
mod schema;

pub use crate::sqlite::Error;
pub use executions::Filter;
pub use flush::History;
pub use pool::Readers;
pub use prune::Pruned;
pub use reader::Reader;
