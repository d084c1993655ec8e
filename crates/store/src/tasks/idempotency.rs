//! Answers of requests that may come again.

use rusqlite::{OptionalExtension, Result};

use super::store::Tables;

impl Tables<'_> {
    /// The hash of the request that came with this key, and its answer.
    pub fn answered(&self, key: &str) -> Result<Option<(i64, String)>> {
        let sql = "SELECT body_hash, answer FROM idempotency WHERE key = ?1";
        let mut select = self.conn.prepare_cached(sql)?;
        let found = select.query_row([key], |row| Ok((row.get(0)?, row.get(1)?)));
        found.optional()
    }

    pub fn keep_answer(&self, key: &str, body_hash: i64, answer: &str, now_ms: i64) -> Result<()> {
        let sql = "INSERT OR REPLACE INTO idempotency VALUES (?1, ?2, ?3, ?4)";
        let mut insert = self.conn.prepare_cached(sql)?;
        insert.execute((key, body_hash, answer, now_ms))?;
        Ok(())
    }
}
