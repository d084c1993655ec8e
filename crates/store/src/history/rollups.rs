//! Sums, added to the rollups. A bucket whose executions have all left it is deleted. So is one
//! below zero: what is taken away there was pruned before.

use rusqlite::{CachedStatement, Connection, ToSql};

use agentpulse_core::dimension::{Row, TABLE};
use agentpulse_core::sum::MAX_SUM;
use agentpulse_core::sums::Sums;
use agentpulse_core::tally::FIELDS;

use super::durations::add_durations;

/// Which rollups are added to.
#[derive(Clone, Copy)]
pub(super) enum Of {
    All,
    /// Those of one facet: their tables have its number before the other keys.
    Facet(i64),
}

/// The executions must be in before: the smallest and largest durations are looked up there.
/// Returns how many buckets with a sum at its limit were added to.
pub(super) fn add_sums(conn: &Connection, sums: &Sums) -> rusqlite::Result<u64> {
    add_sums_of(conn, Of::All, sums, TABLE.iter())
}

/// The same with the tallies of these dimensions alone.
pub(super) fn add_sums_of<'r>(
    conn: &Connection,
    of: Of,
    sums: &Sums,
    rows: impl Iterator<Item = &'r Row>,
) -> rusqlite::Result<u64> {
    let tallies_at_limit = add_tallies(conn, of, sums, rows)?;
    for ((day, agent_name), durations) in &sums.durations {
        add_durations(conn, of, *day, agent_name, durations)?;
    }
    let (keys, counts) = (["day", "agent_type", "tool"], ["executions", "calls"]);
    let mut tools = Rollup::new(conn, of, "tools", &keys, &counts)?;
    for ((day, agent_type, tool), sum) in &sums.tools {
        tools.add(&[&day.0, agent_type, tool], &[sum.executions, sum.calls])?;
    }
    let mut pairs = Rollup::new(
        conn,
        of,
        "pairs",
        &["day", "first", "second"],
        &["executions"],
    )?;
    for ((day, first, second), executions) in &sums.pairs {
        pairs.add(&[&day.0, first, second], &[*executions])?;
    }
    Ok(tallies_at_limit + tools.at_limit + pairs.at_limit)
}

/// Those of these dimensions, as [`add_sums`] adds all.
pub(super) fn add_tallies<'r>(
    conn: &Connection,
    of: Of,
    sums: &Sums,
    rows: impl Iterator<Item = &'r Row>,
) -> rusqlite::Result<u64> {
    let mut tallies = Rollup::new(
        conn,
        of,
        "tallies",
        &["dimension", "bucket", "key"],
        &FIELDS,
    )?;
    for row in rows {
        for ((bucket, key), tally) in sums.by(row.dimension) {
            tallies.add(&[&row.code, bucket, key], &tally.to_array())?;
        }
    }
    Ok(tallies.at_limit)
}

/// A table of buckets that add up.
struct Rollup<'c> {
    of: Of,
    add: CachedStatement<'c>,
    delete_empty: CachedStatement<'c>,
    /// Buckets with a sum at its limit, each time that they were added to.
    at_limit: u64,
}

/// What a column comes to with what is added: once at its limit it stays there. Both are at most
/// [`MAX_SUM`], so that the sum is an integer.
pub(super) fn sum_of(column: &str) -> String {
    format!(
        "CASE WHEN {column} >= {MAX_SUM} THEN {MAX_SUM}
              ELSE min({MAX_SUM}, {column} + excluded.{column}) END"
    )
}

impl<'c> Rollup<'c> {
    /// The first of `counts` is that of the executions in a bucket.
    fn new(
        conn: &'c Connection,
        of: Of,
        table: &str,
        keys: &[&str],
        counts: &[&str],
    ) -> rusqlite::Result<Rollup<'c>> {
        let (table, facet): (_, &[&str]) = match of {
            Of::All => (table.to_owned(), &[]),
            Of::Facet(_) => (format!("facet_{table}"), &["facet"]),
        };
        let keys = &[facet, keys].concat();
        let columns = [keys, counts].concat();
        let places: Vec<String> = (1..=columns.len()).map(|n| format!("?{n}")).collect();
        let sums: Vec<String> = counts
            .iter()
            .map(|count| {
                let sum = sum_of(count);
                format!("{count} = max(0, {sum})")
            })
            .collect();
        let at_limit: Vec<String> = counts
            .iter()
            .map(|count| format!("{count} >= {MAX_SUM}"))
            .collect();
        let bucket: Vec<String> = keys
            .iter()
            .zip(&places)
            .map(|(key, place)| format!("{key} = {place}"))
            .collect();
        Ok(Rollup {
            of,
            add: conn.prepare_cached(&format!(
                "INSERT INTO {table} ({}) VALUES ({}) ON CONFLICT DO UPDATE SET {} RETURNING {}",
                columns.join(", "),
                places.join(", "),
                sums.join(", "),
                at_limit.join(" OR ")
            ))?,
            at_limit: 0,
            delete_empty: conn.prepare_cached(&format!(
                "DELETE FROM {table} WHERE {} AND {} <= 0",
                bucket.join(" AND "),
                counts[0]
            ))?,
        })
    }

    fn add(&mut self, keys: &[&dyn ToSql], counts: &[i64]) -> rusqlite::Result<()> {
        if counts.iter().all(|&count| count == 0) {
            return Ok(());
        }
        let keys = match &self.of {
            Of::All => keys.to_vec(),
            Of::Facet(facet) => [&[facet as &dyn ToSql], keys].concat(),
        };
        let mut values = keys.clone();
        values.extend(counts.iter().map(|count| count as &dyn ToSql));
        let at_limit: bool = self.add.query_row(&*values, |row| row.get(0))?;
        self.at_limit += u64::from(at_limit);
        if counts[0] <= 0 {
            self.delete_empty.execute(&*keys)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::sample::{NOW_MS, Random, TODAY, World, start, stop, stop_of};
    use agentpulse_core::bucket::{DAY_MS, Day, Hour};
    use agentpulse_core::dimension::Dimension;
    use agentpulse_core::execution::{Fact, Status};
    use agentpulse_core::sketch::Sketch;
    use agentpulse_core::tally::Tally;
    use agentpulse_core::view::AgentDay;

    const ALWAYS: (Day, Day) = (Day(0), Day(100_000));

    fn agent_days(world: &World) -> Vec<AgentDay> {
        let reader = world.reader();
        reader.all_agent_days(ALWAYS.0, ALWAYS.1)
    }

    /// What the executions as they are now add up to: what a rebuild would count.
    fn check_sums(world: &World) {
        let (from, to) = ALWAYS;
        let reader = world.reader();
        let (mut hours, mut days) = (BTreeMap::new(), BTreeMap::new());
        let (mut models, mut sessions) = (BTreeMap::new(), BTreeMap::new());
        let (mut tools, mut pairs) = (BTreeMap::new(), BTreeMap::new());
        let mut agents: BTreeMap<_, (Tally, Vec<u64>)> = BTreeMap::new();
        for (_, execution) in world.executions.values() {
            let Some(c) = execution.contribution() else {
                continue;
            };
            let (day, add) = (c.day(reader.zone()), |sum: &mut Tally| *sum += c.tally);
            add(hours.entry((c.hour(), c.agent_type)).or_default());
            add(days.entry(day).or_default());
            add(models.entry((day, c.model.unwrap_or(""))).or_default());
            add(sessions.entry(c.session_id.unwrap_or("")).or_default());
            let agent = agents.entry((day, c.agent_name)).or_default();
            add(&mut agent.0);
            agent.1.extend(c.duration_ms);
            for &(tool, calls) in &c.tools {
                let sum: &mut (i64, i64) = tools.entry((day, c.agent_type, tool)).or_default();
                *sum = (sum.0 + calls, sum.1 + 1);
            }
            for (first, second) in c.tool_pairs() {
                *pairs.entry((day, first, second)).or_insert(0) += 1;
            }
        }

        let found = reader.hours(Hour(0), Hour(to.0 * 24));
        let found: Vec<_> = found
            .iter()
            .map(|h| ((h.hour, &*h.agent_type), h.tally))
            .collect();
        assert_eq!(found, hours.into_iter().collect::<Vec<_>>());
        let found = reader.days(from, to).unwrap();
        let found: Vec<_> = found.iter().map(|d| (d.day, d.tally)).collect();
        assert_eq!(found, days.into_iter().collect::<Vec<_>>());
        let found = reader
            .costliest(Dimension::Model, from, to, 1_000)
            .unwrap()
            .rows;
        let found: BTreeMap<_, _> = found.iter().map(|(model, t)| (&**model, *t)).collect();
        let mut by_model: BTreeMap<&str, Tally> = BTreeMap::new();
        for ((_, model), tally) in models {
            *by_model.entry(model).or_default() += tally;
        }
        assert_eq!(found, by_model);
        let found = reader
            .costliest(Dimension::Session, from, to, 1_000)
            .unwrap()
            .rows;
        let found: BTreeMap<_, _> = found.iter().map(|(id, tally)| (&**id, *tally)).collect();
        assert_eq!(found, sessions);
        let found = reader.type_tool_sums(from, to);
        let found: Vec<_> = found
            .iter()
            .map(|(t, runs)| ((t.day, &*t.agent_type, &*t.tool), (t.calls, *runs)))
            .collect();
        assert_eq!(found, tools.into_iter().collect::<Vec<_>>());
        let found = reader.pairs(from, to);
        let found: Vec<_> = found
            .iter()
            .map(|p| ((p.day, &*p.first, &*p.second), p.executions))
            .collect();
        assert_eq!(found, pairs.into_iter().collect::<Vec<_>>());

        let found = agent_days(world);
        assert_eq!(found.len(), agents.len());
        for (found, ((day, agent_name), (tally, durations))) in found.iter().zip(agents) {
            assert_eq!((found.day, &*found.agent_name), (day, agent_name));
            assert_eq!(found.tally, tally);
            assert_eq!(found.min_duration_ms, durations.iter().copied().min());
            assert_eq!(found.max_duration_ms, durations.iter().copied().max());
            let sketch = Sketch::from_iter(durations.into_iter().map(|ms| (ms, 1)));
            assert_eq!(found.sketch, sketch);
        }
    }

    #[test]
    fn rollups_are_what_the_executions_add_up_to() {
        let (mut world, mut random) = (World::new(), Random(11));
        for _ in 0..40 {
            for _ in 0..1 + random.below(60) {
                let id = format!("run-{}", random.below(300));
                world.record(&id, random.fact());
            }
            world.flush();
        }
        let timeouts = world
            .executions
            .values()
            .filter(|(_, e)| e.timed_out_ms.is_some());
        assert!(
            timeouts.count() > 5,
            "the sample has every kind of execution"
        );
        check_sums(&world);
    }

    #[test]
    fn a_start_after_its_stop_moves_what_was_counted() {
        let mut world = World::new();
        for (id, duration_ms) in [("a", 100), ("b", 250), ("c", 150)] {
            let stop = stop(NOW_MS, Some(duration_ms), Status::Success);
            world.record(id, Fact::Stop(Box::new(stop)));
        }
        world.flush();
        let ends = |agent: &AgentDay| (agent.min_duration_ms, agent.max_duration_ms);
        let days = agent_days(&world);
        assert_eq!(days[0].agent_name, "unknown");
        assert_eq!(ends(&days[0]), (Some(100), Some(250)));

        world.record("b", start("late", NOW_MS - 250));
        world.flush();
        let days = agent_days(&world);
        assert_eq!(
            (&*days[0].agent_name, days[0].tally.execution_count),
            ("late", 1)
        );
        assert_eq!(ends(&days[0]), (Some(250), Some(250)));
        assert_eq!(ends(&days[1]), (Some(100), Some(150)));

        world.record("a", start("late", NOW_MS - 100));
        world.record("c", start("late", NOW_MS - 150));
        world.flush();
        let days = agent_days(&world);
        assert_eq!(days.len(), 1, "nobody is unknown any more: {days:?}");
        assert_eq!(ends(&days[0]), (Some(100), Some(250)));
        assert_eq!(days[0].sketch.quantile_ms(0.5), Some(150));
    }

    #[test]
    fn a_timeout_that_was_none_leaves_its_day() {
        let mut world = World::new();
        let yesterday_ms = NOW_MS - DAY_MS;
        world.record("a", start("x", yesterday_ms));
        world.record(
            "a",
            Fact::TimedOut {
                ended_ms: yesterday_ms,
            },
        );
        world.flush();
        let days = |world: &World| world.reader().days(ALWAYS.0, ALWAYS.1).unwrap();
        assert_eq!(
            (days(&world)[0].day, days(&world)[0].tally.timeout_count),
            (TODAY.back(1), 1)
        );
        world.record("a", Fact::Alive);
        world.flush();
        assert_eq!(days(&world), []);
        assert_eq!(agent_days(&world), []);
        world.record("a", stop_of("x", NOW_MS, 5, Status::Success));
        world.flush();
        assert_eq!(
            (days(&world)[0].day, days(&world)[0].tally.success_count),
            (TODAY, 1)
        );
    }
}
