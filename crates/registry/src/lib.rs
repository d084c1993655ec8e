//! The definitions of agents on this machine: the places in which a client looks for them, and what
//! stands there. Files are the truth. Nothing is registered; a scan says what there is, and what a
//! scan cannot read is said to be of an earlier one.

mod file;
mod place;
mod plugin;
mod registry;
mod snapshot;
#[cfg(test)]
mod tests;
mod tree;

pub use self::place::{Places, Root};
pub use self::registry::Registry;
pub use self::snapshot::{FileReport, Snapshot};
