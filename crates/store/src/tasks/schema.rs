//! The tables. Columns that other programs read keep their names; views give them as those expect.

use std::path::Path;

use rusqlite_migration::M;

use crate::sqlite::{self, Result};

/// A released version is never edited.
pub(super) const SCHEMA: &[M] = &[M::up(TASKS)];

/// `AUTOINCREMENT`: no number is given twice, also not that of the last row after it was deleted.
const TASKS: &str = "CREATE TABLE agent_tasks (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         task_type TEXT NOT NULL,
         assigned_to TEXT NOT NULL,
         created_by TEXT,
         status TEXT NOT NULL DEFAULT 'pending' CHECK (status IN
             ('pending', 'running', 'completed', 'failed', 'blocked', 'cancelled')),
         priority INTEGER NOT NULL DEFAULT 5 CHECK (priority BETWEEN 1 AND 10),
         context_json TEXT,
         result_json TEXT,
         parent_task_id INTEGER REFERENCES agent_tasks (id),
         error_message TEXT,
         created_at INTEGER NOT NULL,
         started_at INTEGER,
         completed_at INTEGER,
         retry_count INTEGER NOT NULL DEFAULT 0,
         root_id INTEGER NOT NULL,
         depth INTEGER NOT NULL DEFAULT 0,
         rank INTEGER NOT NULL,
         not_before INTEGER NOT NULL DEFAULT 0,
         ready_at INTEGER NOT NULL DEFAULT 0,
         max_retries INTEGER NOT NULL DEFAULT 3,
         released INTEGER NOT NULL DEFAULT 0,
         error_type TEXT,
         blocked_reason TEXT,
         fails_with_needs INTEGER NOT NULL DEFAULT 0,
         unique_key TEXT,
         cancel_asked INTEGER NOT NULL DEFAULT 0,
         worker TEXT,
         agent_name TEXT,
         claim INTEGER,
         lease_ms INTEGER NOT NULL,
         held_ms INTEGER,
         timeout_ms INTEGER,
         progress REAL,
         question INTEGER
     ) STRICT;
     CREATE INDEX idx_agent_tasks_assigned_to ON agent_tasks (assigned_to, status, rank, id);
     CREATE INDEX idx_agent_tasks_parent ON agent_tasks (parent_task_id);
     CREATE INDEX idx_agent_tasks_priority ON agent_tasks (priority DESC, created_at ASC);
     CREATE INDEX tasks_made ON agent_tasks (created_by, created_at);
     CREATE INDEX tasks_by_root ON agent_tasks (root_id);
     CREATE INDEX tasks_waiting ON agent_tasks (not_before) WHERE status = 'pending';
     CREATE INDEX tasks_held ON agent_tasks (worker) WHERE status = 'running';
     CREATE INDEX tasks_ended ON agent_tasks (completed_at) WHERE completed_at IS NOT NULL;
     CREATE UNIQUE INDEX tasks_unique ON agent_tasks (unique_key)
         WHERE unique_key IS NOT NULL AND status IN ('pending', 'running', 'blocked');

     CREATE TABLE task_needs (
         task INTEGER NOT NULL,
         needs INTEGER NOT NULL,
         PRIMARY KEY (task, needs)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX task_needs_back ON task_needs (needs);

     CREATE TABLE claims (
         claim INTEGER PRIMARY KEY AUTOINCREMENT,
         task INTEGER NOT NULL,
         worker TEXT NOT NULL,
         agent_name TEXT,
         at INTEGER NOT NULL,
         ended_at INTEGER,
         how TEXT
     ) STRICT;
     CREATE INDEX claims_of_task ON claims (task);
     CREATE INDEX claims_ended ON claims (ended_at) WHERE ended_at IS NOT NULL;

     CREATE TABLE claim_executions (
         claim INTEGER NOT NULL,
         execution_id TEXT NOT NULL,
         session_id TEXT,
         is_main INTEGER NOT NULL,
         PRIMARY KEY (claim, execution_id)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX claim_executions_of ON claim_executions (execution_id);

     CREATE TABLE agent_messages (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         task_id INTEGER REFERENCES agent_tasks (id),
         from_agent TEXT NOT NULL,
         to_agent TEXT NOT NULL,
         message_type TEXT NOT NULL CHECK (message_type IN
             ('question', 'answer', 'handoff', 'notification')),
         content TEXT NOT NULL,
         metadata_json TEXT,
         created_at INTEGER NOT NULL,
         read_at INTEGER,
         reply_to INTEGER
     ) STRICT;
     CREATE INDEX idx_agent_messages_task ON agent_messages (task_id);
     CREATE INDEX idx_agent_messages_to ON agent_messages (to_agent, read_at);
     CREATE INDEX messages_at ON agent_messages (created_at);

     CREATE TABLE agent_logs (
         id INTEGER PRIMARY KEY AUTOINCREMENT,
         task_id INTEGER REFERENCES agent_tasks (id),
         agent_name TEXT NOT NULL,
         log_level TEXT NOT NULL CHECK (log_level IN ('debug', 'info', 'warn', 'error')),
         message TEXT NOT NULL,
         data_json TEXT,
         created_at INTEGER NOT NULL
     ) STRICT;
     CREATE INDEX idx_agent_logs_task ON agent_logs (task_id);
     CREATE INDEX idx_agent_logs_agent ON agent_logs (agent_name, created_at);
     CREATE INDEX logs_at ON agent_logs (created_at);

     CREATE TABLE task_events (
         seq INTEGER PRIMARY KEY AUTOINCREMENT,
         task INTEGER,
         at INTEGER NOT NULL,
         kind TEXT NOT NULL,
         who TEXT,
         status TEXT
     ) STRICT;
     CREATE INDEX task_events_of ON task_events (task);

     CREATE TABLE idempotency (
         key TEXT PRIMARY KEY,
         body_hash INTEGER NOT NULL,
         answer TEXT NOT NULL,
         at INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX idempotency_at ON idempotency (at);

     CREATE TABLE epoch (
         only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
         epoch TEXT NOT NULL
     ) STRICT;

     CREATE VIEW seed_agent_tasks AS SELECT id, task_type, assigned_to, created_by, status,
         priority, context_json, result_json, parent_task_id, error_message,
         datetime(created_at / 1000, 'unixepoch') AS created_at,
         datetime(started_at / 1000, 'unixepoch') AS started_at,
         datetime(completed_at / 1000, 'unixepoch') AS completed_at, retry_count
         FROM agent_tasks;
     CREATE VIEW seed_agent_messages AS SELECT id, task_id, from_agent, to_agent, message_type,
         content, metadata_json, datetime(created_at / 1000, 'unixepoch') AS created_at,
         datetime(read_at / 1000, 'unixepoch') AS read_at
         FROM agent_messages;
     CREATE VIEW seed_agent_logs AS SELECT id, task_id, agent_name, log_level, message, data_json,
         datetime(created_at / 1000, 'unixepoch') AS created_at
         FROM agent_logs;
     CREATE VIEW agent_state AS SELECT agent_name,
         datetime(max(last_ms) / 1000, 'unixepoch') AS last_active,
         max(CASE WHEN status = 'running' THEN id END) AS current_task_id,
         CASE WHEN sum(status = 'running') > 0 THEN 'working'
              WHEN sum(status = 'blocked') > 0 AND sum(status = 'pending') = 0 THEN 'blocked'
              ELSE 'idle' END AS status,
         json_object('completed', sum(status = 'completed'), 'failed', sum(status = 'failed'),
             'avg_task_ms', avg(CASE WHEN status = 'completed'
                 THEN completed_at - started_at END)) AS metrics_json
         FROM (SELECT id, assigned_to AS agent_name, status, started_at, completed_at,
                   coalesce(completed_at, started_at, created_at) AS last_ms
               FROM agent_tasks)
         GROUP BY agent_name;";

/// Checks that a foreign file has the schema of this version or of an older one; it is not changed.
pub fn check(path: &Path) -> Result<()> {
    sqlite::check(path, SCHEMA)
}
