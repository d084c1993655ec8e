//! Single executions of one agent, and all of them for an export.

use std::cmp::Reverse;
use std::ops::ControlFlow;
use std::sync::Arc;

use rusqlite::Connection;

use crate::domain::bucket::Day;
use crate::domain::execution::Execution;
use crate::domain::view::Failed;
use crate::sqlite::{Result, from_json};

use super::read::{Reader, by_rowid, execution};

impl Reader {
    /// The slowest that ended in the days from `from` to `to`, both included.
    pub fn slowest(
        &self,
        agent_name: &str,
        from: Day,
        to: Day,
        limit: usize,
    ) -> Result<Vec<Arc<Execution>>> {
        self.db.snapshot(|_| {
            self.db
                .read(|conn| slowest(conn, agent_name, from, to, limit))
        })
    }

    /// The last executions of the agent that did not succeed, newest end first.
    pub fn failed(&self, agent_name: &str, limit: usize) -> Result<Vec<Failed>> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT execution FROM executions INDEXED BY executions_failed_of_agent
                 WHERE agent_name = ?1 AND status IN ('failure', 'timeout')
                 ORDER BY ended_ms DESC, rowid DESC LIMIT ?2",
            )?;
            let rows = select.query_map((agent_name, limit as i64), |row| execution(row, 0))?;
            let failed = rows.filter_map(|row| row.map(|row| Failed::of(&row)).transpose());
            failed.collect()
        })
    }

    /// All that ended, oldest end first, each with the number of its last change, until `f` breaks.
    pub fn each_ended(&self, f: &mut dyn FnMut(u64, &Execution) -> ControlFlow<()>) -> Result<()> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT seq, execution FROM executions INDEXED BY executions_ended
                 WHERE ended_ms IS NOT NULL ORDER BY ended_ms, rowid",
            )?;
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let execution: Execution = from_json(row, 1)?;
                if f(row.get::<_, i64>(0)? as u64, &execution).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }
}

/// Of each day that the agent has, the index tells the slowest; of those the slowest of all.
fn slowest(
    conn: &Connection,
    agent_name: &str,
    from: Day,
    to: Day,
    limit: usize,
) -> rusqlite::Result<Vec<Arc<Execution>>> {
    let mut days = conn.prepare_cached(
        "SELECT day FROM agents INDEXED BY agents_by_name
         WHERE agent_name = ?1 AND day BETWEEN ?2 AND ?3",
    )?;
    let mut of_day = conn.prepare_cached(
        "SELECT duration_ms, rowid FROM executions INDEXED BY executions_by_duration
         WHERE agent_name = ?1 AND day = ?2 AND duration_ms IS NOT NULL
         ORDER BY duration_ms DESC LIMIT ?3",
    )?;
    let days: Vec<i32> = days
        .query_map((agent_name, from.0, to.0), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut slowest: Vec<(i64, i64)> = Vec::new();
    for day in days {
        let rows = of_day.query_map((agent_name, day, limit as i64), |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
        for row in rows {
            slowest.push(row?);
        }
        slowest.sort_unstable_by_key(|&row| Reverse(row));
        slowest.truncate(limit);
    }
    by_rowid(conn, slowest.into_iter().map(|(_, rowid)| rowid))
}

#[cfg(test)]
mod tests {
    use super::super::sample::{TODAY, World};
    use super::*;

    #[test]
    fn the_slowest_are_those_of_the_asked_days() {
        let world = World::any();
        let (from, to) = (TODAY.back(6), TODAY.back(1));
        let mut expected: Vec<u64> = world
            .ended()
            .iter()
            .filter(|(_, e)| e.agent_name() == "agent-0")
            .filter_map(|(_, e)| e.outcome())
            .filter(|outcome| (from..=to).contains(&Day::of(outcome.ended_ms)))
            .filter_map(|outcome| outcome.duration_ms)
            .collect();
        expected.sort_unstable_by_key(|&ms| Reverse(ms));
        assert!(expected.len() > 10);
        for limit in [0, 1, 10, 1_000] {
            let found = world.reader().slowest("agent-0", from, to, limit).unwrap();
            let found: Vec<u64> = found
                .iter()
                .filter_map(|e| e.outcome()?.duration_ms)
                .collect();
            assert_eq!(found, expected[..limit.min(expected.len())]);
        }
    }

    #[test]
    fn failures_are_listed_newest_first() {
        let world = World::any();
        let expected: Vec<i64> = world
            .ended()
            .iter()
            .filter(|(_, e)| e.agent_name() == "agent-3")
            .filter_map(|(_, e)| Some(Failed::of(e)?.ended_ms))
            .collect();
        let found = world.reader().failed("agent-3", 20).unwrap();
        assert!(found.iter().all(|failed| failed.agent_name == "agent-3"));
        let found: Vec<i64> = found.iter().map(|failed| failed.ended_ms).collect();
        assert_eq!(found, expected[..20]);
    }

    #[test]
    fn an_export_goes_on_until_it_is_stopped() {
        let world = World::any();
        let mut expected: Vec<_> = world.ended();
        expected.sort_by_key(|(seq, _)| *seq);
        let (mut found, mut ends) = (Vec::new(), Vec::new());
        let mut all = |seq: u64, execution: &Execution| {
            found.push((seq, Arc::new(execution.clone())));
            ends.push(execution.outcome().unwrap().ended_ms);
            ControlFlow::Continue(())
        };
        world.reader().each_ended(&mut all).unwrap();
        assert!(ends.is_sorted());
        found.sort_by_key(|(seq, _)| *seq);
        assert_eq!(found, expected);

        let mut left = 3;
        let mut three = |_: u64, _: &Execution| {
            left -= 1;
            if left == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        world.reader().each_ended(&mut three).unwrap();
        assert_eq!(left, 0);
    }
}
