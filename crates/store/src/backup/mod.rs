//! Backups: the databases as they were at one moment, in one file with a manifest.
//!
//! A backup is a tar archive of `manifest.json`, `history.db`, `journal.db`, `access.db`,
//! `registry.db` and `tasks.db`. The databases are copied whole, whatever tables they have, history first: as long
//! as the journal is held from history's cursor on, the journal that is copied after it has
//! everything that history lacks. The others depend on neither, and are copied a moment later.

mod error;
mod folder;
mod hash;
mod manifest;
mod progress;
mod take;
#[cfg(test)]
mod tests;
mod unpack;

pub use error::Error;
pub use folder::{Target, make_folder, newest, own_folder, rotate, sync_folder};
pub use manifest::Manifest;
pub use progress::{Progress, Stage};
pub use take::{Taken, take};
pub use unpack::{Restored, manifest_of, unpack};
