//! The definitions of agents on this machine: the places in which a client looks for them, and what
//! stands there. Files are the truth. Nothing is registered; a scan says what there is, and what a
//! scan cannot read is said to be of an earlier one.

mod current;
mod event;
mod file;
mod handle;
mod keeper;
mod place;
mod plugin;
mod prompt;
mod recorder;
mod registry;
mod scan;
mod snapshot;
#[cfg(test)]
mod tests;
mod tree;
mod watch;
mod workplace;
mod write;

pub use self::current::{Conflict, Current, Expired, LastScan, Lost, Member, Site, Together};
pub use self::event::{Event, What};
pub use self::handle::{Handle, NotScanned};
pub use self::keeper::Keeper;
pub use self::place::{Places, Root};
pub use self::prompt::{NotShown, prompt_of};
pub use self::recorder::{Recorder, shown};
pub use self::registry::Registry;
pub use self::snapshot::{FileReport, Snapshot};
pub use self::workplace::{Workplace, Workplaces};
pub use self::write::{Busy, Change, Done, Editor, Home, New, Pen, Refused};
