//! The tables.

use std::path::Path;

use rusqlite_migration::M;

use crate::sqlite::{self, Result};

/// A released version is never edited.
pub(super) const SCHEMA: &[M] = &[M::up(VERSIONS), M::up(SELECTIONS)];

const VERSIONS: &str = "CREATE TABLE definitions (
         agent_id TEXT PRIMARY KEY,
         run_name TEXT NOT NULL,
         path TEXT NOT NULL,
         created_ms INTEGER NOT NULL,
         gone_ms INTEGER
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX definitions_by_name ON definitions (run_name);

     CREATE TABLE versions (
         agent_id TEXT NOT NULL,
         from_ms INTEGER NOT NULL,
         until_ms INTEGER,
         version TEXT NOT NULL,
         config TEXT NOT NULL,
         PRIMARY KEY (agent_id, from_ms)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX versions_ended ON versions (until_ms) WHERE until_ms IS NOT NULL;";

/// What was reported last has the highest number of `reported`.
const SELECTIONS: &str = "CREATE TABLE selections (
         id TEXT PRIMARY KEY,
         at_ms INTEGER NOT NULL,
         asker TEXT NOT NULL,
         project TEXT,
         session_id TEXT,
         terms TEXT NOT NULL,
         shown TEXT NOT NULL,
         recommended TEXT,
         unlearned TEXT,
         propensity REAL,
         chosen TEXT,
         outcome TEXT,
         rating INTEGER,
         run TEXT,
         reported INTEGER,
         reported_ms INTEGER,
         reward REAL,
         strength REAL
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX selections_at ON selections (at_ms);
     CREATE INDEX selections_of ON selections (asker, at_ms);
     CREATE UNIQUE INDEX selections_reported ON selections (reported) WHERE reported IS NOT NULL;
     CREATE INDEX selections_followed ON selections (at_ms)
         WHERE session_id IS NOT NULL AND run IS NULL;";

/// Checks that a foreign file has the schema of this version or of an older one; it is not changed.
pub fn check(path: &Path) -> Result<()> {
    sqlite::check(path, SCHEMA)
}
