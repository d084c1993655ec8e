//! Dimensions that came with a migration: the rows of what was counted before are made of the
//! executions that are kept. What was deleted has none, and counts as the rest.

use rusqlite::Connection;

use crate::sqlite::{Db, Result, from_json};
use agentpulse_core::dimension::{Row, TABLE};
use agentpulse_core::execution::Execution;
use agentpulse_core::sums::Sums;
use agentpulse_core::zone::Zone;

use super::facets::forget_all;
use super::rollups::{Of, add_tallies};

/// Executions that are in memory at once.
const AT_ONCE: usize = 1_000;

/// Counts by the dimensions that have no rows yet: all of it, or, after an error, nothing.
pub(super) fn count_dimensions(db: &mut Db, zone: &Zone) -> Result<()> {
    let rows = db.read(uncounted)?;
    if rows.is_empty() {
        return Ok(());
    }
    db.write(|tx| {
        count(tx, zone, &rows)?;
        forget_all(tx)?;
        tx.execute("DELETE FROM uncounted", [])?;
        Ok(())
    })
}

fn uncounted(conn: &Connection) -> rusqlite::Result<Vec<&'static Row>> {
    let mut select = conn.prepare("SELECT dimension FROM uncounted")?;
    let codes = select.query_map([], |row| row.get(0))?;
    let codes: Vec<i64> = codes.collect::<rusqlite::Result<_>>()?;
    let is_uncounted = |row: &&Row| codes.contains(&row.code);
    Ok(TABLE.iter().filter(is_uncounted).collect())
}

fn count(conn: &Connection, zone: &Zone, rows: &[&Row]) -> rusqlite::Result<()> {
    let mut select = conn.prepare(
        "SELECT rowid, execution FROM executions
         WHERE rowid > ?1 AND ended_ms IS NOT NULL ORDER BY rowid LIMIT ?2",
    )?;
    let mut last = 0;
    loop {
        let page = select.query_map((last, AT_ONCE as i64), |row| {
            Ok((row.get(0)?, from_json(row, 1)?))
        })?;
        let page: Vec<(i64, Execution)> = page.collect::<rusqlite::Result<_>>()?;
        let Some(&(end, _)) = page.last() else {
            return Ok(());
        };
        let mut sums = Sums::default();
        for contribution in page.iter().filter_map(|(_, one)| one.contribution()) {
            sums.add_tally(1, &contribution, zone);
        }
        add_tallies(conn, Of::All, &sums, rows.iter().copied())?;
        last = end;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::sample::World;
    use super::super::{History, Reader};

    type Rows = BTreeMap<(i64, i32, String), i64>;

    fn rows(reader: &Reader) -> Rows {
        let sql = "SELECT dimension, bucket, key, total_tokens FROM tallies WHERE dimension >= 5";
        let rows = reader.db.read(|conn| {
            let mut select = conn.prepare(sql)?;
            let row = |row: &rusqlite::Row| {
                let key = (row.get(0)?, row.get(1)?, row.get(2)?);
                Ok((key, row.get(3)?))
            };
            select.query_map([], row)?.collect()
        });
        rows.unwrap()
    }

    #[test]
    fn a_dimension_that_came_later_counts_what_is_kept() {
        let world = World::any();
        let expected = rows(&world.reader());
        assert!(expected.len() > 40, "{}", expected.len());
        let older = "DELETE FROM tallies WHERE dimension >= 5;
                     INSERT INTO uncounted VALUES (5), (6), (7), (8);";
        let db = &world.history.db;
        db.read(|conn| conn.execute_batch(older)).unwrap();
        assert_eq!(rows(&world.reader()), BTreeMap::new());
        for _ in 0..2 {
            History::open(&world.path).unwrap();
            assert_eq!(rows(&world.reader()), expected);
        }
    }
}
