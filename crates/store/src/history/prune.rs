//! What is too old goes, a little at a time.

use rusqlite::Connection;

use crate::sqlite::Result;
use agentpulse_core::bucket::Day;
use agentpulse_core::dimension::TABLE;

use super::facets;
use super::flush::History;
use super::lifetime::prune_labels;

/// What one call deleted. When it is less than the call was allowed, nothing is left to delete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub executions: usize,
    pub buckets: usize,
}

impl Pruned {
    pub fn rows(&self) -> usize {
        self.executions + self.buckets
    }
}

impl History {
    /// Deletes executions that ended before the day `oldest`, then the buckets before it, at most
    /// `max_rows` rows in all. The pages become free for new rows: the file does not shrink.
    pub fn prune(&mut self, oldest: Day, max_rows: usize) -> Result<Pruned> {
        let zone = &self.zone;
        self.db.write(|tx| {
            let mut pruned = Pruned {
                executions: executions(tx, zone.start_ms(oldest), max_rows)?,
                buckets: 0,
            };
            pruned.executions += voids(tx, max_rows - pruned.rows())?;
            for row in &TABLE {
                let first = row.bucket.first_of(zone, oldest);
                let max_rows = max_rows - pruned.rows();
                pruned.buckets += tallies(tx, row.code, first, max_rows)?;
            }
            for (table, key) in [
                ("tools", "day, agent_type, tool"),
                ("pairs", "day, first, second"),
            ] {
                let max_rows = max_rows - pruned.rows();
                pruned.buckets += buckets(tx, table, key, oldest, max_rows)?;
            }
            pruned.buckets += facets::prune(tx, oldest, max_rows - pruned.rows())?;
            if pruned.rows() < max_rows {
                prune_labels(tx, oldest)?;
            }
            Ok(pruned)
        })
    }
}

fn executions(conn: &Connection, before_ms: i64, max_rows: usize) -> rusqlite::Result<usize> {
    conn.prepare_cached(
        "DELETE FROM executions WHERE rowid IN (
             SELECT rowid FROM executions INDEXED BY executions_ended
             WHERE ended_ms < ?1 ORDER BY ended_ms LIMIT ?2)",
    )?
    .execute((before_ms, max_rows as i64))
}

/// A row of which nothing is left has no time. It goes once all that ended and was inserted before
/// it has gone.
fn voids(conn: &Connection, max_rows: usize) -> rusqlite::Result<usize> {
    conn.prepare_cached(
        "DELETE FROM executions WHERE rowid IN (
             SELECT rowid FROM executions INDEXED BY executions_running
             WHERE ended_ms IS NULL AND rowid < (
                 SELECT rowid FROM executions WHERE ended_ms IS NOT NULL ORDER BY rowid LIMIT 1)
             AND status = 'void' LIMIT ?1)",
    )?
    .execute([max_rows as i64])
}

fn tallies(conn: &Connection, code: i64, oldest: i32, max_rows: usize) -> rusqlite::Result<usize> {
    conn.prepare_cached(
        "DELETE FROM tallies WHERE (dimension, bucket, key) IN (
             SELECT dimension, bucket, key FROM tallies
             WHERE dimension = ?1 AND bucket < ?2 LIMIT ?3)",
    )?
    .execute((code, oldest, max_rows as i64))
}

/// `key` is the table's primary key; it begins with the day.
fn buckets(
    conn: &Connection,
    table: &str,
    key: &str,
    oldest: Day,
    max_rows: usize,
) -> rusqlite::Result<usize> {
    conn.prepare_cached(&format!(
        "DELETE FROM {table} WHERE ({key}) IN (
             SELECT {key} FROM {table} WHERE day < ?1 LIMIT ?2)"
    ))?
    .execute((oldest.0, max_rows as i64))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW_MS, TODAY, World, start, stop_of};
    use super::*;
    use agentpulse_core::bucket::DAY_MS;
    use agentpulse_core::dimension::Dimension;
    use agentpulse_core::execution::Status;

    #[test]
    fn old_rows_are_pruned_a_few_at_a_time() {
        let mut world = World::new();
        for day in 0..10 {
            for run in 0..5 {
                let ended_ms = NOW_MS - day * DAY_MS;
                let fact = stop_of("x", ended_ms, 1, Status::Success);
                world.record(&format!("run-{day}-{run}"), fact);
            }
        }
        world.record("long", start("x", NOW_MS - 20 * DAY_MS));
        world.flush();
        let oldest = TODAY.back(2);
        let executions = |executions, buckets| Pruned {
            executions,
            buckets,
        };
        // Seven days are older: 35 executions, and for each day one bucket of an hour, of the day,
        // an agent, a model, a session, a kind, a project, a branch and a host.
        assert_eq!(world.history.prune(oldest, 30).unwrap(), executions(30, 0));
        assert_eq!(world.history.prune(oldest, 10).unwrap(), executions(5, 5));
        assert_eq!(world.history.prune(oldest, 20).unwrap(), executions(0, 20));
        assert_eq!(world.history.prune(oldest, 20).unwrap(), executions(0, 20));
        assert_eq!(world.history.prune(oldest, 20).unwrap(), executions(0, 18));
        assert_eq!(world.history.prune(oldest, 20).unwrap(), Pruned::default());

        let reader = world.reader();
        for (id, stays) in [("run-2-0", true), ("run-3-0", false), ("long", true)] {
            assert_eq!(reader.execution(id).unwrap().is_some(), stays, "{id}");
        }
    }

    /// Every rollup of these days.
    fn rollups(world: &World, from: Day, to: Day) -> String {
        let reader = world.reader();
        let zone = reader.zone();
        let (first, last) = (zone.hours_of(from).0, zone.hours_of(to).1);
        format!(
            "{:?} {:?} {:?} {:?} {:?} {:?} {:?}",
            reader.hours(first, last),
            reader.days(from, to).unwrap(),
            reader.all_agent_days(from, to),
            reader.costliest(Dimension::Model, from, to, 1_000).unwrap(),
            reader
                .costliest(Dimension::Session, from, to, 1_000)
                .unwrap(),
            reader.type_tool_sums(from, to),
            reader.pairs(from, to),
        )
    }

    #[test]
    fn the_days_that_are_kept_answer_as_before_and_go_on() {
        let (mut pruned, mut whole) = (World::any(), World::any());
        let (oldest, before) = (TODAY.back(5), TODAY.back(6));
        let counted = |world: &World| world.reader().totals().unwrap().counted;
        let counted_before = counted(&pruned);
        while pruned.history.prune(oldest, 50).unwrap().rows() == 50 {}
        assert_eq!(
            rollups(&pruned, oldest, TODAY),
            rollups(&whole, oldest, TODAY)
        );
        let nothing = rollups(&World::new(), Day(0), before);
        assert_ne!(rollups(&whole, Day(0), before), nothing);
        assert_eq!(rollups(&pruned, Day(0), before), nothing);
        assert_eq!(counted(&pruned), counted_before);

        // Late ends of the first day that is kept, and corrections of what has been pruned.
        let gone = |(_, run): &(u64, std::sync::Arc<agentpulse_core::execution::Execution>)| {
            let outcome = run.outcome()?;
            let is_hung = run.timed_out_ms.is_some() && run.stop.is_none();
            (is_hung && outcome.ended_ms < oldest.utc_start_ms()).then(|| run.id.clone())
        };
        let hung: Vec<String> = whole.executions.values().filter_map(gone).collect();
        assert!(
            !hung.is_empty(),
            "the sample has hung executions that are old"
        );
        for world in [&mut pruned, &mut whole] {
            world.record(
                "late",
                stop_of("agent-0", oldest.utc_start_ms(), 9, Status::Failure),
            );
            for id in &hung {
                world.record(id, stop_of("agent-1", NOW_MS, 7, Status::Success));
            }
            world.flush();
        }
        assert_eq!(
            rollups(&pruned, oldest, TODAY),
            rollups(&whole, oldest, TODAY)
        );
        assert_eq!(rollups(&pruned, Day(0), before), nothing);
    }

    #[test]
    fn pages_that_became_free_are_used_again() {
        let mut world = World::new();
        let mut sizes = Vec::new();
        for round in 0..4 {
            for run in 0..400 {
                let fact = stop_of("x", NOW_MS + round * DAY_MS, 1, Status::Success);
                world.record(&format!("run-{round}-{run}"), fact);
            }
            world.flush();
            let oldest = TODAY.back(-(round as i32));
            while world.history.prune(oldest, 100).unwrap().rows() == 100 {}
            let pages = world
                .history
                .db
                .read(|conn| conn.query_row("PRAGMA page_count", [], |row| row.get::<_, i64>(0)));
            sizes.push(pages.unwrap());
        }
        // Two rounds are there at once, and no third one.
        assert!(sizes[3] <= sizes[1] + 4, "{sizes:?}");
    }
}
