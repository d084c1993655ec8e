//! Single executions of one agent, and all of them for an export.

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, ToSql, params};

use crate::sqlite::{Result, from_json};
use agentpulse_core::bucket::Day;
use agentpulse_core::dimension::Dimension;
use agentpulse_core::execution::Execution;
use agentpulse_core::view::Failed;

use super::columns::of;
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
        let sql = format!(
            "SELECT bucket, key FROM tallies INDEXED BY tallies_by_key
             WHERE {} AND key = ?3 AND bucket BETWEEN ?1 AND ?2",
            of(Dimension::Agent)
        );
        let range = params![from.0, to.0, agent_name];
        self.snapshot(|_| {
            self.db
                .read(|conn| self.slowest_of(conn, &sql, range, &|_, _| true, limit))
        })
    }

    /// The same of all agents that are chosen on a day.
    pub fn slowest_where(
        &self,
        choose: &dyn Fn(Day, &str) -> bool,
        from: Day,
        to: Day,
        limit: usize,
    ) -> Result<Vec<Arc<Execution>>> {
        let sql = format!(
            "SELECT bucket, key FROM tallies WHERE {} AND bucket BETWEEN ?1 AND ?2",
            of(Dimension::Agent)
        );
        let range = params![from.0, to.0];
        self.snapshot(|_| {
            self.db
                .read(|conn| self.slowest_of(conn, &sql, range, choose, limit))
        })
    }

    /// The last that ended since then, at most `max`, one at a time, the newest first.
    pub fn each_ended_since(
        &self,
        since_ms: i64,
        max: usize,
        mut f: impl FnMut(&Execution),
    ) -> Result<()> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT execution FROM executions INDEXED BY executions_ended
                 WHERE ended_ms >= ?1 ORDER BY ended_ms DESC LIMIT ?2",
            )?;
            let mut rows = select.query((since_ms, max as i64))?;
            while let Some(row) = rows.next()? {
                f(&*execution(row, 0)?);
            }
            Ok(())
        })
    }

    /// The same of one agent, that ended in this time.
    pub fn each_of_agent(
        &self,
        agent_name: &str,
        ended_ms: Range<i64>,
        max: usize,
        mut f: impl FnMut(&Execution),
    ) -> Result<()> {
        let only = self.chosen.borrow();
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT execution FROM executions INDEXED BY executions_of_agent
                 WHERE agent_name = ?1 AND ended_ms >= ?2 AND ended_ms < ?3
                 ORDER BY ended_ms DESC",
            )?;
            let mut rows = select.query((agent_name, ended_ms.start, ended_ms.end))?;
            let mut read = 0;
            while read < max
                && let Some(row) = rows.next()?
            {
                let execution = execution(row, 0)?;
                if only.takes(&execution) {
                    f(&execution);
                    read += 1;
                }
            }
            Ok(())
        })
    }

    /// When the last execution of the agent ended.
    pub fn last_ended(&self, agent_name: &str) -> Result<Option<i64>> {
        self.snapshot(|_| {
            self.db.read(|conn| {
                let mut select = conn.prepare_cached(
                    "SELECT ended_ms, rowid FROM executions INDEXED BY executions_of_agent
                     WHERE agent_name = ?1 AND ended_ms IS NOT NULL
                     ORDER BY ended_ms DESC",
                )?;
                let rows = select.query_map([agent_name], |row| Ok((row.get(0)?, row.get(1)?)))?;
                let last = self.first_taken(conn, rows, 1)?;
                Ok(last.first().map(|(ended_ms, _)| *ended_ms))
            })
        })
    }

    /// The projects of executions, those of the last day first.
    pub fn projects(&self, limit: usize) -> Result<Vec<String>> {
        let sql = format!(
            "SELECT key FROM tallies INDEXED BY tallies_by_key WHERE {}
             GROUP BY key ORDER BY max(bucket) DESC, key LIMIT ?1",
            of(Dimension::Project)
        );
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(&sql)?;
            let rows = select.query_map([limit as i64], |row| row.get(0))?;
            rows.collect()
        })
    }

    /// The last executions of the agent that did not succeed, newest end first, by id where two
    /// ended at once.
    pub fn failed(&self, agent_name: &str, limit: usize) -> Result<Vec<Failed>> {
        self.snapshot(|_| {
            self.db.read(|conn| {
                let mut select = conn.prepare_cached(
                    "SELECT ended_ms, rowid FROM executions INDEXED BY executions_failed_of_agent
                     WHERE agent_name = ?1 AND status IN ('failure', 'timeout')
                     ORDER BY ended_ms DESC, id",
                )?;
                let rows = select.query_map([agent_name], |row| Ok((row.get(0)?, row.get(1)?)))?;
                failed(conn, self.first_taken(conn, rows, limit)?)
            })
        })
    }

    /// The same of the chosen agents, on one day.
    pub fn failed_where(
        &self,
        choose: &dyn Fn(&str) -> bool,
        day: Day,
        limit: usize,
    ) -> Result<Vec<Failed>> {
        let zone = self.zone();
        self.snapshot(|_| {
            self.db.read(|conn| {
                let mut select = conn.prepare_cached(
                    "SELECT ended_ms, rowid, agent_name FROM executions
                     INDEXED BY executions_failed
                     WHERE ended_ms >= ?1 AND ended_ms < ?2 AND status IN ('failure', 'timeout')
                     ORDER BY ended_ms DESC, id",
                )?;
                let range = (zone.start_ms(day), zone.end_ms(day));
                let rows = select.query_map(range, |row| {
                    let is_chosen = choose(row.get_ref(2)?.as_str()?);
                    Ok(is_chosen.then_some((row.get(0)?, row.get(1)?)))
                })?;
                let chosen = rows.filter_map(rusqlite::Result::transpose);
                failed(conn, self.first_taken(conn, chosen, limit)?)
            })
        })
    }

    /// The executions of all agents that did not succeed and ended since then, newest end first,
    /// one at a time.
    pub fn each_failed_since(&self, since_ms: i64, mut f: impl FnMut(Failed)) -> Result<()> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT execution FROM executions INDEXED BY executions_failed
                 WHERE ended_ms >= ?1 AND status IN ('failure', 'timeout')
                 ORDER BY ended_ms DESC",
            )?;
            let mut rows = select.query([since_ms])?;
            while let Some(row) = rows.next()? {
                let one: Execution = from_json(row, 0)?;
                if self.chosen.borrow().takes(&one) {
                    Failed::of(&one).into_iter().for_each(&mut f);
                }
            }
            Ok(())
        })
    }

    /// Of each day of an agent, which `sql` selects, the index gives the slowest; of those the
    /// slowest of all.
    fn slowest_of(
        &self,
        conn: &Connection,
        sql: &str,
        range: &[&dyn ToSql],
        choose: &dyn Fn(Day, &str) -> bool,
        limit: usize,
    ) -> rusqlite::Result<Vec<Arc<Execution>>> {
        let mut days = conn.prepare_cached(sql)?;
        let mut of_day = conn.prepare_cached(
            "SELECT duration_ms, rowid FROM executions INDEXED BY executions_by_duration
             WHERE agent_name = ?1 AND day = ?2 AND duration_ms IS NOT NULL
             ORDER BY duration_ms DESC",
        )?;
        let mut slowest: Vec<(i64, i64)> = Vec::new();
        let mut days = days.query(range)?;
        while let Some(row) = days.next()? {
            let (day, agent_name): (i32, &str) = (row.get(0)?, row.get_ref(1)?.as_str()?);
            if !choose(Day(day), agent_name) {
                continue;
            }
            let rows = of_day.query_map((agent_name, day), |row| Ok((row.get(0)?, row.get(1)?)))?;
            slowest.extend(self.first_taken(conn, rows, limit)?);
            slowest.sort_unstable_by_key(|&row| Reverse(row));
            slowest.truncate(limit);
        }
        by_rowid(conn, slowest.into_iter().map(|(_, rowid)| rowid))
    }

    /// The first of these rows, at most `limit`, whose executions are read. What they are sorted by
    /// stands before each.
    fn first_taken(
        &self,
        conn: &Connection,
        rows: impl Iterator<Item = rusqlite::Result<(i64, i64)>>,
        limit: usize,
    ) -> rusqlite::Result<Vec<(i64, i64)>> {
        let mut select =
            conn.prepare_cached("SELECT execution FROM executions WHERE rowid = ?1")?;
        let is_all = self.chosen.borrow().is_all();
        let mut taken = Vec::new();
        for row in rows.take_while(|_| limit > 0) {
            let row = row?;
            if is_all || select.query_row([row.1], |row| self.takes(row, 0))? {
                taken.push(row);
            }
            if taken.len() == limit {
                break;
            }
        }
        Ok(taken)
    }

    /// The rows of all that ended from one moment up to another, the latter left out, oldest end
    /// first. Nothing but the index is read.
    pub fn ended_rows(&self, from_ms: i64, before_ms: i64) -> Result<Vec<i64>> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT rowid FROM executions INDEXED BY executions_ended
                 WHERE ended_ms >= ?1 AND ended_ms < ?2 ORDER BY ended_ms, rowid",
            )?;
            let rows = select.query_map((from_ms, before_ms), |row| row.get(0))?;
            rows.collect()
        })
    }

    /// What is in those of the rows that are still there, in that order and of one moment.
    pub fn in_rows(&self, rows: &[i64]) -> Result<Vec<Arc<Execution>>> {
        self.db.snapshot(|_| {
            self.db.read(|conn| {
                let mut select =
                    conn.prepare_cached("SELECT execution FROM executions WHERE rowid = ?1")?;
                let mut found = Vec::with_capacity(rows.len());
                for rowid in rows {
                    let row = select.query_row([rowid], |row| execution(row, 0));
                    found.extend(row.optional()?);
                }
                Ok(found)
            })
        })
    }
}

fn failed(conn: &Connection, rows: Vec<(i64, i64)>) -> rusqlite::Result<Vec<Failed>> {
    let executions = by_rowid(conn, rows.into_iter().map(|(_, rowid)| rowid))?;
    Ok(executions
        .iter()
        .filter_map(|one| Failed::of(one))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW_MS, TODAY, World, stop_of};
    use super::*;
    use agentpulse_core::execution::Status;

    #[test]
    fn the_slowest_are_those_of_the_asked_days() {
        let world = World::any();
        let (from, to) = (TODAY.back(6), TODAY.back(1));
        let mut expected: Vec<u64> = world
            .ended()
            .iter()
            .filter(|(_, e)| e.agent_name() == "agent-0")
            .filter_map(|(_, e)| e.outcome())
            .filter(|outcome| (from..=to).contains(&Day::utc_of(outcome.ended_ms)))
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
    fn ended_executions_are_paged_while_rows_change() {
        let mut world = World::any();
        let mut expected: Vec<_> = world.ended().into_iter().map(|(_, ended)| ended).collect();
        let reader = world.reader();
        let rows = reader.ended_rows(i64::MIN, i64::MAX).unwrap();
        assert_eq!(rows.len(), expected.len());
        let (first, second) = rows.split_at(rows.len() / 2);
        let mut found = reader.in_rows(first).unwrap();
        // One that begins and ends meanwhile is none of them.
        world.record("new", stop_of("new", NOW_MS, 1, Status::Success));
        world.flush();
        found.extend(reader.in_rows(second).unwrap());
        let end_ms = |execution: &Arc<Execution>| execution.outcome().unwrap().ended_ms;
        assert!(found.is_sorted_by_key(end_ms));
        let by_id = |a: &Arc<Execution>, b: &Arc<Execution>| a.id.cmp(&b.id);
        found.sort_by(by_id);
        expected.sort_by(by_id);
        assert_eq!(found, expected);
        // One that was pruned is left out.
        let gone = format!("DELETE FROM executions WHERE rowid = {}", rows[1]);
        let db = &world.history.db;
        db.read(|conn| conn.execute(&gone, [])).unwrap();
        assert_eq!(reader.in_rows(&rows[..3]).unwrap().len(), 2);
    }

    #[test]
    fn the_rows_are_those_of_the_asked_time() {
        let world = World::any();
        let (from_ms, before_ms) = (TODAY.back(6).utc_start_ms(), TODAY.utc_start_ms());
        let is_asked = |ms: i64| (from_ms..before_ms).contains(&ms);
        let ended = world.ended();
        let ends = ended.iter().map(|(_, e)| e.outcome().unwrap().ended_ms);
        let count = ends.filter(|&ms| is_asked(ms)).count();
        let rows = world.reader().ended_rows(from_ms, before_ms).unwrap();
        assert!(count > 0 && count < ended.len());
        assert_eq!(rows.len(), count);
    }
}
