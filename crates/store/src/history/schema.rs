//! The tables of `history.db`, by version. A released version is never edited.

use std::path::Path;

use rusqlite_migration::M;

use super::session_costs::SESSION_COSTS;
use crate::sqlite::{self, Result};

/// The 13 columns of a tally, in the order of [`agentpulse_core::tally::FIELDS`].
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

/// The same columns without their types.
macro_rules! tally_names {
    () => {
        "execution_count, success_count, failure_count, timeout_count, duration_count,
         total_duration_ms, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
         total_tokens, cost_micros, unpriced_count"
    };
}

/// `executions` holds a row a run, also while it runs: then `ended_ms`, `day` and `status` are
/// null. Of a run of which nothing is left, because what hooks reported of it belongs to another,
/// the status is `void`. It is found by a 64-bit hash of its id, because an index of the random ids
/// themselves takes 26 µs a row beside a million others instead of 10. The execution itself stands
/// last, so that a scan of the other columns does not read it.
///
/// Of the indexes only `executions_hash` is in random order. One by session alone would take 9 µs
/// more: the executions of a session are found by its days, which its tallies know. A day is the
/// number of days since 1970-01-01, an hour that of hours. `zone` says whose days they are.
pub(super) const SCHEMA: &[M] = &[
    M::up(EXECUTIONS_AND_ROLLUPS),
    M::up(UNREAD),
    M::up(TOTALS),
    M::up(COSTLIEST),
    M::up(TOTALS_DAY),
    M::up(VOIDS),
    M::up(TALLIES),
    M::up(ZONE),
    M::up(UNCOUNTED),
    M::up(SESSIONS),
    M::up(SESSION_COSTS),
    M::up(FACETS),
];

/// The rollups of days that are over, by facet. They are made after the day, and a change of one of
/// its executions unmakes them: see `facets.rs`. Where `after_ms` is null all executions of the day
/// are in them, else those up to that end and row.
const FACETS: &str = concat!(
    "CREATE TABLE faceted_days (
         day INTEGER NOT NULL PRIMARY KEY,
         after_ms INTEGER,
         after_row INTEGER
     ) STRICT;
     CREATE TABLE facets (
         facet INTEGER PRIMARY KEY,
         day INTEGER NOT NULL,
         kind TEXT NOT NULL,
         project TEXT NOT NULL,
         branch TEXT NOT NULL,
         host TEXT NOT NULL
     ) STRICT;
     CREATE UNIQUE INDEX facets_of_day ON facets (day, kind, project, branch, host);
     CREATE TABLE facet_tallies (
         facet INTEGER NOT NULL,
         dimension INTEGER NOT NULL,
         bucket INTEGER NOT NULL,
         key TEXT NOT NULL,
     ",
    tally!(),
    ", min_duration_ms INTEGER,
         max_duration_ms INTEGER,
         sketch BLOB,
         PRIMARY KEY (facet, dimension, bucket, key)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE facet_tools (
         facet INTEGER NOT NULL,
         day INTEGER NOT NULL,
         agent_type TEXT NOT NULL,
         tool TEXT NOT NULL,
         calls INTEGER NOT NULL,
         executions INTEGER NOT NULL,
         PRIMARY KEY (facet, day, agent_type, tool)
     ) STRICT, WITHOUT ROWID;
     CREATE TABLE facet_pairs (
         facet INTEGER NOT NULL,
         day INTEGER NOT NULL,
         first TEXT NOT NULL,
         second TEXT NOT NULL,
         executions INTEGER NOT NULL,
         PRIMARY KEY (facet, day, first, second)
     ) STRICT, WITHOUT ROWID;",
);

/// The executions of a session on a day, and the sessions of a day with their last ends. Only the
/// rows of one day are in another order than they came: it takes 2 µs a row.
const SESSIONS: &str = "
     CREATE INDEX executions_of_session ON executions (day, session_id, ended_ms)
         WHERE day IS NOT NULL AND session_id IS NOT NULL;";

/// Dimensions, by their codes, whose rows have still to be made of the executions that are kept. It
/// is empty once the file has been opened: see `uncounted.rs`.
const UNCOUNTED: &str = "
     CREATE TABLE uncounted (dimension INTEGER NOT NULL PRIMARY KEY) STRICT;
     INSERT INTO uncounted VALUES (5), (6), (7), (8);";

/// The zone of the days: at most one row. Days were those of UTC before, and a history that has
/// begun goes on with them. `is_local`: it was the zone of the system, and not named in a setting.
/// `since` is the first day that is whole in it, where older ones are of another zone.
const ZONE: &str = "
     CREATE TABLE zone (
         only INTEGER PRIMARY KEY CHECK (only = 1),
         name TEXT NOT NULL,
         is_local INTEGER NOT NULL,
         since INTEGER
     ) STRICT;
     INSERT INTO zone SELECT 1, 'UTC', 0, NULL FROM cursor;";

/// One table for all dimensions, so that a new one needs no table: only the rows of what history
/// has already. The sketch is a histogram of HdrHistogram in its V2 format. Agents have it, and it
/// is null while no duration is known.
///
/// Rows come in the order of the primary key. In the index by cost only the rows of one bucket are
/// in another order, so that it is made before them. The index by key is made after them: row by
/// row it would grow in random order. Half a million sessions took 2 s of processor time.
const TALLIES: &str = concat!(
    "CREATE TABLE tallies (
         dimension INTEGER NOT NULL,
         bucket INTEGER NOT NULL,
         key TEXT NOT NULL,
     ",
    tally!(),
    ", min_duration_ms INTEGER,
         max_duration_ms INTEGER,
         sketch BLOB,
         PRIMARY KEY (dimension, bucket, key)
     ) STRICT, WITHOUT ROWID;
     -- The most costly keys of a bucket, and the buckets of a key.
     CREATE INDEX tallies_by_cost ON tallies (dimension, bucket, cost_micros, total_tokens);

     INSERT INTO tallies SELECT 0, hour, agent_type, ",
    tally_names!(),
    ", NULL, NULL, NULL FROM hours;
     INSERT INTO tallies SELECT 1, day, '', ",
    tally_names!(),
    ", NULL, NULL, NULL FROM days;
     INSERT INTO tallies SELECT 2, day, agent_name, ",
    tally_names!(),
    ", min_duration_ms, max_duration_ms, sketch FROM agents;
     INSERT INTO tallies SELECT 3, day, model, ",
    tally_names!(),
    ", NULL, NULL, NULL FROM models;
     INSERT INTO tallies SELECT 4, day, session_id, ",
    tally_names!(),
    ", NULL, NULL, NULL FROM sessions;
     CREATE INDEX tallies_by_key ON tallies (dimension, key, bucket);

     DROP TABLE hours;
     DROP TABLE days;
     DROP TABLE agents;
     DROP TABLE models;
     DROP TABLE sessions;"
);

/// The most costly names of a day, and the days of a name. Agents have the second already.
const COSTLIEST: &str = "
     CREATE INDEX agents_by_cost ON agents (day, cost_micros, total_tokens);
     CREATE INDEX models_by_cost ON models (day, cost_micros, total_tokens);
     CREATE INDEX models_by_name ON models (model, day);
     CREATE INDEX sessions_by_cost ON sessions (day, cost_micros, total_tokens);
     CREATE INDEX sessions_by_name ON sessions (session_id, day);";

/// The last day on which something was counted.
const TOTALS_DAY: &str = "
     ALTER TABLE totals ADD COLUMN day INTEGER NOT NULL DEFAULT 0;
     UPDATE totals SET day = unixepoch() / 86400;";

/// Rows of which nothing is left once looked as if they ran.
const VOIDS: &str = "
     UPDATE executions SET status = 'void'
     WHERE ended_ms IS NULL AND execution ->> 'start' IS NULL;";

/// 1 for an execution whose transcript has still to be read.
const UNREAD: &str = "
     ALTER TABLE executions ADD COLUMN is_unread INTEGER NOT NULL DEFAULT 0;
     CREATE INDEX executions_unread ON executions (ended_ms) WHERE is_unread = 1;";

const EXECUTIONS_AND_ROLLUPS: &str = concat!(
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
);

/// The counters of all time. `value` is what the executions add up to, `peak` the most that it ever
/// was after a flush. What is kept of the time before this version is taken over: durations and
/// tools as far as they are kept, executions, tokens and cost whole, those of hours that are pruned
/// under `_other`. `total` is a sum that cannot overflow.
const TOTALS: &str = "
     CREATE TABLE totals (
         name TEXT NOT NULL,
         label TEXT NOT NULL,
         part TEXT NOT NULL,
         value INTEGER NOT NULL,
         peak INTEGER NOT NULL,
         PRIMARY KEY (name, label, part)
     ) STRICT, WITHOUT ROWID;

     -- What the daemon itself has counted.
     CREATE TABLE counters (
         name TEXT NOT NULL PRIMARY KEY,
         count INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;

     CREATE TABLE taken_over AS
         SELECT agent_type AS label, success_count AS success, failure_count AS failure,
             timeout_count AS timeout, input_tokens AS input, output_tokens AS output,
             cache_read_tokens AS cache_read, cache_write_tokens AS cache_write,
             total_tokens AS tokens
         FROM hours;
     INSERT INTO taken_over
         SELECT '_other', success_count, failure_count, timeout_count, input_tokens,
             output_tokens, cache_read_tokens, cache_write_tokens, total_tokens
         FROM days
         UNION ALL
         SELECT '_other', -success_count, -failure_count, -timeout_count, -input_tokens,
             -output_tokens, -cache_read_tokens, -cache_write_tokens, -total_tokens
         FROM hours;
     INSERT INTO totals
         SELECT 'executions', label, 'success', CAST(total(success) AS INTEGER), 0
         FROM taken_over GROUP BY label
         UNION ALL
         SELECT 'executions', label, 'failure', CAST(total(failure) AS INTEGER), 0
         FROM taken_over GROUP BY label
         UNION ALL
         SELECT 'executions', label, 'timeout', CAST(total(timeout) AS INTEGER), 0
         FROM taken_over GROUP BY label
         UNION ALL
         SELECT 'tokens', label, 'input', CAST(total(input) AS INTEGER), 0
         FROM taken_over GROUP BY label
         UNION ALL
         SELECT 'tokens', label, 'output', CAST(total(output) AS INTEGER), 0
         FROM taken_over GROUP BY label
         UNION ALL
         SELECT 'tokens', label, 'cache_read', CAST(total(cache_read) AS INTEGER), 0
         FROM taken_over GROUP BY label
         UNION ALL
         SELECT 'tokens', label, 'cache_write', CAST(total(cache_write) AS INTEGER), 0
         FROM taken_over GROUP BY label
         UNION ALL
         SELECT 'tokens', label, 'other',
             CAST(max(0, total(tokens) - total(input) - total(output)) AS INTEGER), 0
         FROM taken_over GROUP BY label
         UNION ALL
         SELECT 'cost_micros', '', '', CAST(total(cost_micros) AS INTEGER), 0 FROM days
         UNION ALL
         SELECT 'unpriced', '', '', CAST(total(unpriced_count) AS INTEGER), 0 FROM days
         UNION ALL
         SELECT 'started', '', '', CAST(total(execution_count) AS INTEGER)
             + (SELECT count(*) FROM executions INDEXED BY executions_running
                WHERE ended_ms IS NULL), 0 FROM days
         UNION ALL
         SELECT 'tool_calls', tool, '', CAST(total(calls) AS INTEGER), 0
         FROM tools GROUP BY tool
         UNION ALL
         SELECT 'duration_ms', agent_type, '', CAST(total(duration_ms) AS INTEGER), 0
         FROM executions WHERE duration_ms IS NOT NULL GROUP BY agent_type
         UNION ALL
         SELECT 'durations', agent_type, CASE
             WHEN duration_ms <= 100 THEN '100' WHEN duration_ms <= 500 THEN '500'
             WHEN duration_ms <= 1000 THEN '1000' WHEN duration_ms <= 2500 THEN '2500'
             WHEN duration_ms <= 5000 THEN '5000' WHEN duration_ms <= 10000 THEN '10000'
             WHEN duration_ms <= 30000 THEN '30000' WHEN duration_ms <= 60000 THEN '60000'
             WHEN duration_ms <= 120000 THEN '120000' WHEN duration_ms <= 300000 THEN '300000'
             WHEN duration_ms <= 600000 THEN '600000' WHEN duration_ms <= 1800000 THEN '1800000'
             WHEN duration_ms <= 3600000 THEN '3600000'
             WHEN duration_ms <= 14400000 THEN '14400000'
             WHEN duration_ms <= 28800000 THEN '28800000' ELSE 'inf' END AS bucket,
             count(*), 0
         FROM executions WHERE duration_ms IS NOT NULL GROUP BY agent_type, bucket;
     DELETE FROM totals WHERE value <= 0;
     UPDATE totals SET peak = value;
     DROP TABLE taken_over;";

/// Whether a file from elsewhere is a sound history of this version or an older one; it is not
/// changed.
pub fn check(path: &Path) -> Result<()> {
    sqlite::check(path, SCHEMA)
}
