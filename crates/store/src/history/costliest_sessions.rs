//! The sessions that cost the most in a range of days. There are as many as executions, and they
//! live for some days only: what the most costly of their last days come to in all bounds what they
//! come to in the range.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use rusqlite::{Connection, Row};

use agentpulse_core::bucket::Day;
use agentpulse_core::dimension::Dimension;
use agentpulse_core::sum::MAX_SUM;

use super::columns::{count, of};

/// What a session has cost, and its tokens: the order of the answer.
type Cost = (i64, i64);

/// What all days of a session come to, and in which they are.
struct Life {
    session_id: String,
    first: Day,
    last: Day,
    cost: Cost,
}

/// Those of at most `limit` sessions that have anything in the range. Returns `None` where so many
/// sessions live across its ends that to look at days is no more work.
pub(super) fn costliest_sessions(
    conn: &Connection,
    from: Day,
    to: Day,
    limit: usize,
) -> rusqlite::Result<Option<BTreeSet<String>>> {
    let mut left = limit.saturating_mul(to.0.saturating_sub(from.0).max(0) as usize + 1);
    let mut next_day = conn.prepare_cached(
        "SELECT min(last_day) FROM session_costs INDEXED BY session_costs_by_day
         WHERE last_day >= ?1",
    )?;
    let mut of_day = conn.prepare_cached(
        "SELECT cost_micros, total_tokens, first_day, session_id FROM session_costs
         INDEXED BY session_costs_by_day WHERE last_day = ?1
         ORDER BY cost_micros DESC, total_tokens DESC",
    )?;
    let mut found: BinaryHeap<Reverse<(Cost, String)>> = BinaryHeap::new();
    let mut begin = from;
    while let Some(last) = next_day.query_row([begin.0], |row| row.get(0))? {
        let last = Day(last);
        let mut rows = of_day.query([last.0])?;
        while let Some(row) = rows.next()? {
            let life = life(row, last)?;
            let least = found.peek().map(|Reverse((cost, _))| *cost);
            let is_full = found.len() >= limit;
            // Neither can those that follow on this day come to more.
            if is_full && least.is_none_or(|least| life.cost <= least) {
                break;
            }
            let cost = match life.is_within(from, to) {
                true => Some(life.cost),
                false if left == 0 => return Ok(None),
                false => {
                    left -= 1;
                    cost_within(conn, &life, from, to)?
                }
            };
            let Some(cost) = cost else {
                continue;
            };
            found.push(Reverse((cost, life.session_id)));
            if is_full {
                found.pop();
            }
        }
        begin = Day(last.0 + 1);
    }
    Ok(Some(found.into_iter().map(|Reverse((_, id))| id).collect()))
}

impl Life {
    /// A sum at its limit may be more.
    fn is_exact(&self) -> bool {
        self.cost.0 < MAX_SUM && self.cost.1 < MAX_SUM
    }

    fn is_within(&self, from: Day, to: Day) -> bool {
        self.is_exact() && from <= self.first && self.last <= to
    }
}

fn life(row: &Row, last: Day) -> rusqlite::Result<Life> {
    Ok(Life {
        cost: (count(row, 0)?, count(row, 1)?),
        first: Day(row.get(2)?),
        session_id: row.get(3)?,
        last,
    })
}

/// Returns `None` for a session of which nothing is in the range. What is outside is taken away
/// where those are fewer days.
fn cost_within(
    conn: &Connection,
    life: &Life,
    from: Day,
    to: Day,
) -> rusqlite::Result<Option<Cost>> {
    if life.first > to {
        return Ok(None);
    }
    let inside = life.last.min(to).0 - life.first.max(from).0;
    let outside = (from.0 - life.first.0).max(0) + (life.last.0 - to.0).max(0);
    match life.is_exact() && outside < inside {
        true => {
            let before = sum(conn, life, Day(i32::MIN), Day(from.0 - 1))?.unwrap_or_default();
            let after = sum(conn, life, Day(to.0 + 1), Day(i32::MAX))?.unwrap_or_default();
            let rest = |all: i64, before: i64, after: i64| all - before - after;
            let (micros, tokens) = life.cost;
            Ok(Some((
                rest(micros, before.0, after.0),
                rest(tokens, before.1, after.1),
            )))
        }
        false => sum(conn, life, from, to),
    }
}

fn sum(conn: &Connection, life: &Life, from: Day, to: Day) -> rusqlite::Result<Option<Cost>> {
    let mut select = conn.prepare_cached(&format!(
        "SELECT cost_micros, total_tokens FROM tallies INDEXED BY tallies_by_key
         WHERE {} AND key = ?1 AND bucket BETWEEN ?2 AND ?3",
        of(Dimension::Session)
    ))?;
    let mut rows = select.query((&life.session_id, from.0, to.0))?;
    let mut sum: Option<Cost> = None;
    while let Some(row) = rows.next()? {
        let (micros, tokens) = sum.unwrap_or_default();
        sum = Some((
            micros.saturating_add(count(row, 0)?),
            tokens.saturating_add(count(row, 1)?),
        ));
    }
    Ok(sum)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::sample::{TODAY, World};
    use super::*;

    type Rows = BTreeMap<String, (i64, i64, i64)>;

    /// Days, cost and tokens of each session, and those that the tallies add up to.
    fn rows(world: &World) -> [Rows; 2] {
        let read = |sql: &str| {
            world.history.db.read(|conn| {
                let mut select = conn.prepare(sql)?;
                let row = |row: &Row| {
                    let sums = (row.get(1)?, row.get(2)?, row.get(3)?);
                    Ok((row.get(0)?, sums))
                };
                select.query_map([], row)?.collect()
            })
        };
        [
            read("SELECT session_id, days, cost_micros, total_tokens FROM session_costs").unwrap(),
            read(
                "SELECT key, count(*), sum(cost_micros), sum(total_tokens) FROM tallies
                 WHERE dimension = 4 GROUP BY key",
            )
            .unwrap(),
        ]
    }

    #[test]
    fn a_session_is_what_its_days_add_up_to_after_every_write() {
        let mut world = World::any();
        let [kept, expected] = rows(&world);
        assert!(
            expected.values().any(|(days, ..)| *days > 2),
            "{expected:?}"
        );
        assert_eq!(kept, expected);
        while world.history.prune(TODAY.back(4), 50).unwrap().rows() == 50 {}
        let [kept, expected] = rows(&world);
        assert_eq!(kept, expected);
        let zone = agentpulse_core::zone::Zone::of(jiff::tz::TimeZone::get("Asia/Tokyo").unwrap());
        world
            .history
            .set_zone(&zone.unwrap(), false, |_, _| {})
            .unwrap();
        let [kept, expected] = rows(&world);
        assert_eq!(kept, expected);
    }

    #[test]
    fn a_session_that_goes_on_counts_with_what_it_cost_in_the_range() {
        let world = World::new();
        let put = |day: Day, key: &str, micros: i64| {
            let zeros = "0, ".repeat(10);
            let sql = format!(
                "INSERT INTO tallies VALUES (4, {}, '{key}', 1, {zeros} {micros}, 0, NULL, NULL,
                     NULL)",
                day.0
            );
            let put = world.history.db.read(|conn| conn.execute(&sql, []));
            put.unwrap();
        };
        let before = TODAY.back(9);
        for (key, micros) in [("a", 90), ("b", 50)] {
            put(before, key, micros);
        }
        for (day, key, micros) in [
            (TODAY, "a", 1),
            (TODAY, "b", 7),
            (TODAY.back(1), "c", 5),
            (TODAY.back(1), "d", MAX_SUM),
            (TODAY.back(2), "d", MAX_SUM),
            (TODAY.back(3), "b", 7),
        ] {
            put(day, key, micros);
        }
        let found = |from, to, limit| -> Vec<String> {
            let read = |conn: &Connection| costliest_sessions(conn, from, to, limit);
            let found = world.history.db.read(read).unwrap();
            found.expect("few go on").into_iter().collect()
        };
        assert_eq!(found(before, TODAY, 2), ["a", "d"]);
        assert_eq!(found(TODAY.back(3), TODAY, 2), ["b", "d"]);
        assert_eq!(found(TODAY.back(3), TODAY, 3), ["b", "c", "d"]);
        assert_eq!(found(TODAY, TODAY, 2), ["a", "b"]);
        assert_eq!(found(before, before, 9), ["a", "b"]);
        assert_eq!(found(TODAY.back(8), TODAY.back(4), 9), Vec::<String>::new());
        assert_eq!(found(before, TODAY, 0), Vec::<String>::new());
    }

    #[test]
    fn where_many_sessions_go_on_the_days_are_looked_at() {
        let world = World::new();
        let fill = format!(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
             INSERT INTO tallies SELECT 4, day, 'x' || i, 1, {} i, 0, NULL, NULL, NULL
             FROM n, (SELECT {} AS day UNION SELECT {})",
            "0, ".repeat(10),
            TODAY.back(9).0,
            TODAY.0
        );
        world
            .history
            .db
            .read(|conn| conn.execute(&fill, []))
            .unwrap();
        let found = |from| {
            let read = |conn: &Connection| costliest_sessions(conn, from, TODAY, 2);
            world.history.db.read(read).unwrap()
        };
        assert_eq!(found(TODAY), None);
        let both = ["x1000", "x999"].map(str::to_owned);
        assert_eq!(found(TODAY.back(9)), Some(both.into()));
    }
}
