//! Builds everything, and owns the order of the shutdown: senders stop before receivers.
//!
//! | file | subject |
//! |---|---|
//! | `run` | claims folder, address, stores and Redis; serves; gives them back |
//! | `start`, `context` | starts everything in its order; what the tasks are built from |
//! | `control` | what the daemon's user may ask for, and where the requests arrive |
//! | `pipeline` | what ends last: writer, views, checkpoints |
//! | `tasks` | what ends first, and how tasks and threads end |
//! | `http`, `intake`, `alerts`, `reload`, `notify`, `audit` | one kind of task each |
//! | `folder`, `ownership` | the data folder: its lock, and whether it is ours |
//! | `stores`, `names`, `zone`, `cursor` | the databases at the start, and whether they belong together |
//! | `backup`, `restore`, `rebuild`, `offline` | what commands do without a daemon |

mod access;
mod alerts;
mod audit;
mod backup;
mod catalog;
mod checkpoints;
mod context;
mod control;
mod cursor;
mod failure;
mod files;
mod folder;
mod http;
mod intake;
mod names;
mod notify;
mod offline;
mod ownership;
mod parts;
mod pipeline;
mod queue;
mod rebuild;
mod redis;
mod registry;
mod reload;
mod replay;
mod restore;
mod run;
mod security;
mod settings;
mod settle;
mod start;
mod stores;
mod tasks;
mod writer;
mod zone;

pub use self::backup::backup_offline;
pub use self::cursor::{FOREIGN_FIX, cursor_is_ours};
pub use self::failure::Failure;
pub use self::files::files_needed;
pub use self::folder::Folder;
pub use self::offline::{access_offline, access_to_read};
pub use self::ownership::{Found, inspect};
pub use self::rebuild::rebuild_offline;
pub use self::reload::Source;
pub use self::restore::{Keys, finish_before_reading, restore};
pub use self::run::{Signals, run};
