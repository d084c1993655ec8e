//! What is too old goes, a little at a time.

use rusqlite::Connection;

use crate::domain::bucket::Day;
use crate::sqlite::Result;

use super::flush::History;

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
    /// Deletes executions that ended before the day `oldest`, then the buckets of hours, sessions,
    /// tools and pairs before it, at most `max_rows` rows in all. The rollups of days, agents and
    /// models stay for ever: they are small, and say what was spent.
    pub fn prune(&mut self, oldest: Day, max_rows: usize) -> Result<Pruned> {
        self.db.write(|tx| {
            let mut pruned = Pruned {
                executions: executions(tx, oldest, max_rows)?,
                buckets: 0,
            };
            for (table, key, bound) in [
                ("hours", "hour, agent_type", oldest.first_hour().0),
                ("sessions", "day, session_id", oldest.0),
                ("tools", "day, agent_type, tool", oldest.0),
                ("pairs", "day, first, second", oldest.0),
            ] {
                let max_rows = max_rows - pruned.rows();
                pruned.buckets += buckets(tx, table, key, bound, max_rows)?;
            }
            Ok(pruned)
        })
    }
}

fn executions(conn: &Connection, oldest: Day, max_rows: usize) -> rusqlite::Result<usize> {
    conn.prepare_cached(
        "DELETE FROM executions WHERE rowid IN (
             SELECT rowid FROM executions INDEXED BY executions_ended
             WHERE ended_ms < ?1 ORDER BY ended_ms LIMIT ?2)",
    )?
    .execute((oldest.start_ms(), max_rows as i64))
}

/// `key` is the table's primary key; it begins with the hour or the day.
fn buckets(
    conn: &Connection,
    table: &str,
    key: &str,
    bound: i32,
    max_rows: usize,
) -> rusqlite::Result<usize> {
    let time = key.split(',').next().unwrap_or(key);
    conn.prepare_cached(&format!(
        "DELETE FROM {table} WHERE ({key}) IN (
             SELECT {key} FROM {table} WHERE {time} < ?1 LIMIT ?2)"
    ))?
    .execute((bound, max_rows as i64))
}

#[cfg(test)]
mod tests {
    use super::super::Named;
    use super::super::sample::{NOW_MS, TODAY, World, start, stop_of};
    use super::*;
    use crate::domain::bucket::{DAY_MS, Hour};
    use crate::domain::execution::Status;

    #[test]
    fn old_executions_go_a_few_at_a_time_and_their_days_stay() {
        let mut world = World::new();
        for day in 0..10 {
            for run in 0..5 {
                let ended_ms = NOW_MS - day * DAY_MS;
                let fact = stop_of("x", ended_ms, 1, Status::Success);
                world.tell(&format!("run-{day}-{run}"), fact);
            }
        }
        world.tell("long", start("x", NOW_MS - 20 * DAY_MS));
        world.flush();
        let oldest = TODAY.back(2);
        let executions = |executions, buckets| Pruned {
            executions,
            buckets,
        };
        // Seven days are older: 35 executions, and for each day an hour and a session.
        assert_eq!(world.history.prune(oldest, 30).unwrap(), executions(30, 0));
        assert_eq!(world.history.prune(oldest, 10).unwrap(), executions(5, 5));
        assert_eq!(world.history.prune(oldest, 100).unwrap(), executions(0, 9));
        assert_eq!(world.history.prune(oldest, 100).unwrap(), Pruned::default());

        let reader = world.reader();
        for (id, stays) in [("run-2-0", true), ("run-3-0", false), ("long", true)] {
            assert_eq!(reader.execution(id).unwrap().is_some(), stays, "{id}");
        }
        let (from, to) = (TODAY.back(100), TODAY);
        assert_eq!(reader.hours(Hour(0), to.first_hour()).unwrap().len(), 2);
        assert_eq!(reader.hours(Hour(0), Hour::of(NOW_MS)).unwrap().len(), 3);
        let sessions = reader.costliest(Named::Session, from, to, 100).unwrap();
        // What was pruned is in the rest: the days still have it.
        let kept = sessions.rows[0].1.execution_count;
        assert_eq!((kept, sessions.rest.execution_count), (15, 35));
        let days = reader.days(from, to).unwrap();
        assert_eq!(days.len(), 10);
        assert_eq!(reader.agent_days(Some("x"), from, to).unwrap().len(), 10);
        let all: i64 = days.iter().map(|day| day.tally.execution_count).sum();
        let models = reader.costliest(Named::Model, from, to, 100).unwrap();
        let of_models: i64 = models
            .rows
            .iter()
            .map(|(_, tally)| tally.execution_count)
            .sum();
        assert_eq!(of_models, all);
    }
}
