//! Whether the journal would take events again.

use super::writer::Journal;
use crate::sqlite::Result;

/// Four of the largest events.
const TRIAL_BYTES: usize = 1 << 20;

impl Journal {
    /// Whether an append of some hundred events would succeed: writes as much, and removes it. A
    /// few pages would find room in a log that the failed append left behind.
    pub fn try_write(&mut self) -> Result<()> {
        let attempt = format!(
            "DROP TABLE IF EXISTS trial; CREATE TABLE trial AS SELECT zeroblob({TRIAL_BYTES})"
        );
        self.db.write(|tx| tx.execute_batch(&attempt))?;
        self.db.write(|tx| tx.execute_batch("DROP TABLE trial"))
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    #[test]
    fn an_attempt_fails_without_room_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(&dir.path().join("journal.db")).unwrap();
        let most = |journal: &Journal, pages: u32| {
            let bound = format!("PRAGMA max_page_count = {pages}");
            journal.db.read(|conn| conn.execute_batch(&bound)).unwrap();
        };
        most(&journal, 32);
        assert!(journal.try_write().unwrap_err().is_full());
        most(&journal, 100_000);
        journal.try_write().unwrap();
        let tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'trial'";
        let left = |conn: &Connection| conn.query_row(tables, [], |row| row.get::<_, i64>(0));
        assert_eq!(journal.db.read(left).unwrap(), 0);
    }
}
