//! The databases: the journal, the history, keys and the audit trail, versions of definitions, and
//! their backup.

pub mod access;
pub mod backup;
pub mod history;
pub mod journal;
pub mod registry;
pub mod sqlite;
pub mod tasks;
