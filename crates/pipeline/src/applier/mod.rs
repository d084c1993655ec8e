//! Follows the journal into Redis: sums a run of changes, applies it in one script that checks the
//! cursor first, and goes on from the cursor that the script answers, whatever happened before.

mod apply;
mod checks;
mod error;
mod handle;
mod history;
mod rebuild;
mod run;
mod runs;
mod snapshot;
mod sync;
mod verify;

pub use self::apply::Applier;
pub use self::handle::{ApplierHandle, Command, channel};
pub use self::history::HistorySnapshots;
pub use self::rebuild::{REBUILDING, Rebuild};
pub use self::runs::Runs;
