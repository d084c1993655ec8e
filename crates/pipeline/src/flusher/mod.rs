//! Follows the journal into history: what has gathered is folded into one transaction that also
//! moves history's cursor.

mod counters;
mod error;
mod flush;
mod handle;
mod run;
mod upkeep;

pub use self::error::FlushError;
pub use self::flush::Flusher;
pub use self::handle::{Command, FlusherHandle, channel};
