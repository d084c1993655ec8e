//! The tables of `history.db`, by version. A released version is never edited.

use rusqlite_migration::M;

/// The 13 columns of a tally, in the order of `domain::tally::FIELDS`.
macro_rules! tally {
    () => {
        "execution_count INTEGER NOT NULL,
         success_count INTEGER NOT NULL,
         failure_count INTEGER NOT NULL,
         timeout_count INTEGER NOT NULL,
         duration_count INTEGER NOT NULL,
         total_duration_ms INTEGER NOT NULL,
         input_tokens INTEGER NOT NULL,
         output_tokens INTEGER NOT NULL,
         cache_read_tokens INTEGER NOT NULL,
         cache_write_tokens INTEGER NOT NULL,
         total_tokens INTEGER NOT NULL,
         cost_micros INTEGER NOT NULL,
         unpriced_count INTEGER NOT NULL"
    };
}

/// `executions` holds a row a run, also while it runs: then `ended_ms`, `day` and `status` are
/// null. It is found by a 64-bit hash of its id, because an index of the random ids themselves
/// takes 26 µs a row beside a million others instead of 10. The execution itself stands last, so
/// that a scan of the other columns does not read it.
///
/// Of the indexes only `executions_hash` is in random order. One by session would take 9 µs more:
/// the executions of a session are found by its days, which `sessions` knows. A day is the number
/// of days since 1970-01-01, an hour that of hours.
pub(super) const SCHEMA: &[M] = &[
    M::up(concat!(
        "CREATE TABLE executions (
         rowid INTEGER PRIMARY KEY,
         id TEXT NOT NULL,
         id_hash INTEGER NOT NULL,
         seq INTEGER NOT NULL,
         started_ms INTEGER,
         ended_ms INTEGER,
         day INTEGER,
         agent_name TEXT NOT NULL,
         agent_type TEXT NOT NULL,
         status TEXT,
         duration_ms INTEGER,
         session_id TEXT,
         model TEXT,
         total_tokens INTEGER NOT NULL,
         cost_micros INTEGER,
         execution TEXT NOT NULL
     ) STRICT;
     CREATE INDEX executions_hash ON executions (id_hash);
     CREATE INDEX executions_running ON executions (agent_name) WHERE ended_ms IS NULL;
     CREATE INDEX executions_ended ON executions (ended_ms) WHERE ended_ms IS NOT NULL;
     CREATE INDEX executions_of_agent ON executions (agent_name, ended_ms)
         WHERE ended_ms IS NOT NULL;
     CREATE INDEX executions_by_duration ON executions (agent_name, day, duration_ms)
         WHERE duration_ms IS NOT NULL;
     CREATE INDEX executions_failed ON executions (ended_ms)
         WHERE status IN ('failure', 'timeout');
     CREATE INDEX executions_failed_of_agent ON executions (agent_name, ended_ms)
         WHERE status IN ('failure', 'timeout');

     CREATE TABLE hours (
         hour INTEGER NOT NULL,
         agent_type TEXT NOT NULL,
     ",
        tally!(),
        ", PRIMARY KEY (hour, agent_type)
     ) STRICT, WITHOUT ROWID;

     CREATE TABLE days (
         day INTEGER NOT NULL PRIMARY KEY,
     ",
        tally!(),
        ") STRICT, WITHOUT ROWID;

     -- The sketch is an HdrHistogram in the V2 format, null while no duration is known.
     CREATE TABLE agents (
         day INTEGER NOT NULL,
         agent_name TEXT NOT NULL,
     ",
        tally!(),
        ", min_duration_ms INTEGER,
         max_duration_ms INTEGER,
         sketch BLOB,
         PRIMARY KEY (day, agent_name)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX agents_by_name ON agents (agent_name, day);

     CREATE TABLE models (
         day INTEGER NOT NULL,
         model TEXT NOT NULL,
     ",
        tally!(),
        ", PRIMARY KEY (day, model)
     ) STRICT, WITHOUT ROWID;

     CREATE TABLE sessions (
         day INTEGER NOT NULL,
         session_id TEXT NOT NULL,
     ",
        tally!(),
        ", PRIMARY KEY (day, session_id)
     ) STRICT, WITHOUT ROWID;

     CREATE TABLE tools (
         day INTEGER NOT NULL,
         agent_type TEXT NOT NULL,
         tool TEXT NOT NULL,
         calls INTEGER NOT NULL,
         executions INTEGER NOT NULL,
         PRIMARY KEY (day, agent_type, tool)
     ) STRICT, WITHOUT ROWID;

     CREATE TABLE pairs (
         day INTEGER NOT NULL,
         first TEXT NOT NULL,
         second TEXT NOT NULL,
         executions INTEGER NOT NULL,
         PRIMARY KEY (day, first, second)
     ) STRICT, WITHOUT ROWID;

     -- How far the journal is in here: at most one row.
     CREATE TABLE cursor (
         only INTEGER PRIMARY KEY CHECK (only = 1),
         epoch TEXT NOT NULL,
         seq INTEGER NOT NULL
     ) STRICT;",
    )),
    M::up(
        "-- 1 for an execution whose transcript has still to be read.
     ALTER TABLE executions ADD COLUMN is_unread INTEGER NOT NULL DEFAULT 0;
     CREATE INDEX executions_unread ON executions (ended_ms) WHERE is_unread = 1;",
    ),
];
