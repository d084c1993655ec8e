//! The tables of `journal.db`, by version. A released version is never edited.

use std::path::Path;

use rusqlite_migration::M;

use crate::sqlite::{self, Result};

/// `seq` is AUTOINCREMENT, so that a number is not given twice when all rows are pruned; its entry
/// in `sqlite_sequence` is made here, so that it can be raised before the first row. There is no
/// unique index on ids: the writer has recognized repetitions before (4 µs a row instead of 15 to
/// 19).
pub(super) const SCHEMA: &[M] = &[
    M::up(
        "CREATE TABLE journal (
         seq INTEGER PRIMARY KEY AUTOINCREMENT,
         at_ms INTEGER NOT NULL,
         change TEXT NOT NULL
     ) STRICT;
     INSERT INTO sqlite_sequence (name, seq) VALUES ('journal', 0);

     CREATE TABLE names (
         kind TEXT NOT NULL,
         name TEXT NOT NULL,
         PRIMARY KEY (kind, name)
     ) STRICT, WITHOUT ROWID;

     -- The one with the highest n is the present one, the others are of our own past.
     CREATE TABLE epochs (
         n INTEGER PRIMARY KEY,
         epoch TEXT NOT NULL
     ) STRICT;",
    ),
    M::up(
        "-- What hooks said of an agent, and when it was last said.
     CREATE TABLE turns (
         agent_id TEXT NOT NULL,
         at_ms INTEGER NOT NULL,
         turns TEXT NOT NULL,
         PRIMARY KEY (agent_id)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX turns_by_age ON turns (at_ms);

     CREATE TABLE session_ends (
         session_id TEXT NOT NULL,
         at_ms INTEGER NOT NULL,
         PRIMARY KEY (session_id, at_ms)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX session_ends_by_age ON session_ends (at_ms);",
    ),
    M::up(
        "-- Of executions that run.
     CREATE TABLE last_signs (
         id TEXT NOT NULL PRIMARY KEY,
         sign TEXT NOT NULL
     ) STRICT, WITHOUT ROWID;

     -- How long the daemon has listened, in milliseconds: at most one row.
     CREATE TABLE listened (
         only INTEGER PRIMARY KEY CHECK (only = 1),
         ms INTEGER NOT NULL
     ) STRICT;",
    ),
    M::up(
        "-- Which names have a place of their own on a day; `names` is what an older version had of
     -- all days, until it is taken over.
     CREATE TABLE places (
         day INTEGER NOT NULL,
         kind TEXT NOT NULL,
         name TEXT NOT NULL,
         counted INTEGER NOT NULL,
         PRIMARY KEY (day, kind, name)
     ) STRICT, WITHOUT ROWID;",
    ),
    M::up(
        "-- Agents whose turns up to a number are still to be restated.
     CREATE TABLE deferred_turns (
         agent_id TEXT NOT NULL PRIMARY KEY,
         up_to INTEGER NOT NULL,
         descends INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;",
    ),
    M::up(
        "-- What happened to a session: 0 it ended, 1 its client left it, 2 it was prompted,
     -- 3 a workflow of it was stopped.
     CREATE TABLE session_marks (
         session_id TEXT NOT NULL,
         at_ms INTEGER NOT NULL,
         kind INTEGER NOT NULL,
         prompt TEXT NOT NULL,
         PRIMARY KEY (session_id, at_ms, kind, prompt)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX session_marks_by_age ON session_marks (at_ms);
     INSERT INTO session_marks SELECT session_id, at_ms, 0, '' FROM session_ends;
     DROP TABLE session_ends;",
    ),
    M::up(
        "-- 1 if the daemon stopped in order: all heartbeats until then are in `last_signs`.
     ALTER TABLE listened ADD COLUMN is_whole INTEGER NOT NULL DEFAULT 0;",
    ),
];

/// Whether a file from elsewhere is a sound journal of this version or an older one; it is not
/// changed.
pub fn check(path: &Path) -> Result<()> {
    sqlite::check(path, SCHEMA)
}
