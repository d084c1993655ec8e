//! The counters of all time. A correction takes away what was counted before, and a counter that
//! falls is taken for one that began again: Prometheus would then count all of it a second time.
//! So each number has its true value and the most that it ever was; the second is what is shown.
//! It stands still after a correction until the truth has caught up, and so is never more than was
//! once true. To count additions only would keep for ever what was corrected.

use std::collections::BTreeMap;

use rusqlite::Connection;

use crate::sqlite::Result;
use agentpulse_core::bucket::Day;
use agentpulse_core::lifetime::{LifetimeCounters as Added, TOOL_CALLS};
use agentpulse_core::names::OTHER;
use agentpulse_core::sum::MAX_SUM;

use super::read::Reader;
use super::rollups::sum_of;

/// Agent types, and tools, each with series of their own that stay though nothing was counted for
/// long.
const MAX_LABELS: i64 = 512;

/// One counter; see [`Series`](agentpulse_core::lifetime::Series) for its names.
#[derive(Clone, Debug, PartialEq)]
pub struct Total {
    pub name: String,
    pub label: String,
    pub part: String,
    pub count: i64,
}

/// Everything that is counted, of one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LifetimeCounters {
    pub counted: Vec<Total>,
    /// Agent types and how many of each run.
    pub running: Vec<(String, i64)>,
}

/// `day` is the one on which the changes were accepted.
pub(super) fn add_lifetime(conn: &Connection, totals: &Added, day: Day) -> rusqlite::Result<()> {
    let sum = sum_of("value");
    let mut add = conn.prepare_cached(&format!(
        "INSERT INTO totals (name, label, part, value, peak, day)
         VALUES (?1, ?2, ?3, ?4, max(?4, 0), ?5)
         ON CONFLICT DO UPDATE SET day = max(day, excluded.day), value = {sum},
             peak = max(peak, {sum})",
    ))?;
    for (series, count) in &totals.0 {
        add.execute((series.name, series.label, series.part, count, day.0))?;
    }
    Ok(())
}

/// While types or tools have more than [`MAX_LABELS`] of them, the labels go under which nothing
/// was counted since the day `oldest`, the longest idle first: no correction can come to them.
pub(super) fn prune_labels(conn: &Connection, oldest: Day) -> rusqlite::Result<usize> {
    let mut pruned = 0;
    for is_tool in [false, true] {
        pruned += conn
            .prepare_cached(
                "DELETE FROM totals WHERE (name = ?1) = ?2 AND label IN (
                     SELECT label FROM totals
                     WHERE (name = ?1) = ?2 AND label NOT IN ('', ?3)
                     GROUP BY label HAVING max(day) < ?4 ORDER BY max(day), label
                     LIMIT max(0, (SELECT count(DISTINCT label) FROM totals
                                   WHERE (name = ?1) = ?2) - ?5))",
            )?
            .execute((TOOL_CALLS, is_tool, OTHER, oldest.0, MAX_LABELS))?;
    }
    Ok(pruned)
}

impl Reader {
    pub fn totals(&self) -> Result<LifetimeCounters> {
        self.db.snapshot(|_| {
            self.db.read(|conn| {
                let mut select =
                    conn.prepare_cached("SELECT name, label, part, peak FROM totals")?;
                let counted = select.query_map([], |row| {
                    Ok(Total {
                        name: row.get(0)?,
                        label: row.get(1)?,
                        part: row.get(2)?,
                        count: row.get::<_, i64>(3)?.min(MAX_SUM),
                    })
                })?;
                let mut select = conn.prepare_cached(
                    "SELECT agent_type, count(*) FROM executions INDEXED BY executions_running
                     WHERE ended_ms IS NULL AND status IS NULL
                     GROUP BY agent_type ORDER BY agent_type",
                )?;
                let running = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
                Ok(LifetimeCounters {
                    counted: counted.collect::<rusqlite::Result<_>>()?,
                    running: running.collect::<rusqlite::Result<_>>()?,
                })
            })
        })
    }

    /// What the daemon had counted when it last wrote it down.
    pub fn counters(&self) -> Result<BTreeMap<String, u64>> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached("SELECT name, count FROM counters")?;
            let rows =
                select.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?;
            rows.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::flush::History;
    use super::super::sample::{NOW_MS, TODAY, World, start, stop, stop_of};
    use super::*;
    use agentpulse_core::execution::{Fact, Status};
    use agentpulse_core::tally::FIELDS;

    fn count(world: &World, name: &str, part: &str) -> i64 {
        let totals = world.reader().totals().unwrap();
        let of = |total: &&Total| total.name == name && total.part == part;
        totals
            .counted
            .iter()
            .filter(of)
            .map(|total| total.count)
            .sum()
    }

    #[test]
    fn a_correction_takes_nothing_from_a_counter_until_it_is_overtaken() {
        let mut world = World::new();
        world.record("a", start("x", NOW_MS - 700));
        world.flush();
        assert_eq!(
            (
                count(&world, "started", ""),
                count(&world, "executions", "timeout")
            ),
            (1, 0)
        );
        assert_eq!(world.reader().totals().unwrap().running[0].1, 1);
        world.record("a", Fact::TimedOut { ended_ms: NOW_MS });
        world.flush();
        world.record("a", stop_of("x", NOW_MS, 700, Status::Success));
        world.flush();
        let outcomes = |world: &World| {
            ["success", "failure", "timeout"].map(|status| count(world, "executions", status))
        };
        assert_eq!(outcomes(&world), [1, 0, 1]);
        assert_eq!(world.reader().totals().unwrap().running, []);
        // The truth is 1 again: the counter was there before.
        for id in ["b", "c"] {
            world.record(id, start("x", NOW_MS - 700));
            world.record(id, Fact::TimedOut { ended_ms: NOW_MS });
            world.flush();
            let expect = if id == "b" { 1 } else { 2 };
            assert_eq!(outcomes(&world), [1, 0, expect]);
        }
        assert_eq!(count(&world, "started", ""), 3);
    }

    /// By name, label and part; what is nothing left out.
    fn values(world: &World) -> Vec<(String, String, String, i64)> {
        let db = &world.history.db;
        let sql = "SELECT name, label, part, value FROM totals
                   WHERE value <> 0 AND part <> 'other' ORDER BY 1, 2, 3";
        db.read(|conn| {
            let mut select = conn.prepare(sql)?;
            let row =
                |row: &rusqlite::Row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
            select.query_map([], row)?.collect()
        })
        .unwrap()
    }

    /// Takes away what later versions have added, and puts the tallies where they were.
    fn make_version_2(conn: &Connection) -> rusqlite::Result<()> {
        let fields = FIELDS.join(", ");
        for (code, table, keys, more) in [
            (0, "hours", "bucket AS hour, key AS agent_type", ""),
            (1, "days", "bucket AS day", ""),
            (
                2,
                "agents",
                "bucket AS day, key AS agent_name",
                ", min_duration_ms, max_duration_ms, sketch",
            ),
            (3, "models", "bucket AS day, key AS model", ""),
            (4, "sessions", "bucket AS day, key AS session_id", ""),
        ] {
            conn.execute_batch(&format!(
                "CREATE TABLE {table} AS SELECT {keys}, {fields}{more} FROM tallies
                 WHERE dimension = {code}"
            ))?;
        }
        conn.execute_batch(
            "DROP TABLE tallies; DROP TABLE totals; DROP TABLE counters; DROP TABLE zone;
             DROP TABLE uncounted; DROP TABLE session_costs; DROP INDEX executions_of_session;
             DROP TABLE faceted_days; DROP TABLE facets; DROP TABLE facet_tallies;
             DROP TABLE facet_tools; DROP TABLE facet_pairs;
             PRAGMA user_version = 2",
        )
    }

    #[test]
    fn counters_of_an_older_version_are_taken_over() {
        let world = World::any();
        let folded = values(&world);
        assert!(folded.len() > 20, "{folded:?}");
        world.history.db.read(make_version_2).unwrap();
        let history = History::open(&world.path).unwrap();
        drop(history);
        assert_eq!(values(&world), folded);
        let peaks = world.reader().totals().unwrap().counted;
        assert!(peaks.iter().all(|total| total.count > 0));
    }

    #[test]
    fn executions_pruned_before_count_as_other() {
        let mut world = World::new();
        world.record("a", stop_of("x", NOW_MS, 700, Status::Success));
        world.flush();
        world
            .history
            .db
            .read(|conn| {
                conn.execute("DELETE FROM tallies WHERE dimension = 0", [])?;
                make_version_2(conn)
            })
            .unwrap();
        drop(History::open(&world.path).unwrap());
        let totals = world.reader().totals().unwrap().counted;
        let of = |total: &&Total| total.name == "executions";
        let executions: Vec<&Total> = totals.iter().filter(of).collect();
        assert_eq!(executions.len(), 1);
        assert_eq!(
            (executions[0].label.as_str(), executions[0].count),
            ("_other", 1)
        );
    }

    #[test]
    fn labels_go_when_they_are_idle_and_more_than_there_is_room_for() {
        let mut world = World::new();
        // A tool each: more of them idle than there is room for, and some of today.
        let mut record = |names: std::ops::Range<i64>, today: Day| {
            world.accepted_ms = today.utc_start_ms();
            for n in names {
                let mut fact = stop(NOW_MS, Some(1), Status::Success);
                fact.tool_calls = [(format!("tool-{n}"), 1)].into();
                world.record(&format!("run-{n}"), Fact::Stop(Box::new(fact)));
            }
            world.flush();
        };
        record(0..10, TODAY.back(100));
        record(10..MAX_LABELS, TODAY.back(99));
        record(MAX_LABELS..MAX_LABELS + 4, TODAY);
        let labels = |world: &World| {
            let counted = world.reader().totals().unwrap().counted;
            let tools = counted.into_iter().filter(|total| total.name == TOOL_CALLS);
            tools.map(|total| total.label).collect::<BTreeSet<String>>()
        };
        assert_eq!(labels(&world).len() as i64, MAX_LABELS + 4);
        world.history.prune(TODAY.back(100), 10).unwrap();
        assert_eq!(
            labels(&world).len() as i64,
            MAX_LABELS + 4,
            "none is idle for so long"
        );
        world.history.prune(TODAY.back(91), 10).unwrap();
        let left = labels(&world);
        assert_eq!(left.len() as i64, MAX_LABELS);
        // The longest idle went first, and of equals the first by name.
        for gone in 0..4 {
            assert!(!left.contains(&format!("tool-{gone}")), "{gone}");
        }
        assert!(left.contains(&format!("tool-{}", MAX_LABELS + 3)));
        assert_eq!(count(&world, "executions", "success"), MAX_LABELS + 4);
    }

    #[test]
    fn counters_are_kept() {
        let mut world = World::new();
        assert_eq!(world.reader().counters().unwrap(), BTreeMap::new());
        for count in [7, 9] {
            let counters = BTreeMap::from([("rebuilds".to_owned(), count)]);
            world.history.put_counters(&counters).unwrap();
            assert_eq!(world.reader().counters().unwrap(), counters);
        }
    }
}
