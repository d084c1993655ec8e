//! The names that cost the most. A query reads as many rows as its answer and its days have, not
//! as many as there are names: the rest is what the days have more than those that are listed.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use rusqlite::Connection;

use crate::sqlite::Result;
use agentpulse_core::bucket::Day;
use agentpulse_core::dimension::Dimension;
use agentpulse_core::tally::{FIELDS, Tally};

use super::columns::{of, tally};
use super::costliest_sessions::costliest_sessions;
use super::read::Reader;

#[derive(Debug, Default, PartialEq)]
pub struct Costliest {
    /// The most costly first. [`NONE`](agentpulse_core::dimension::NONE) is those that name none.
    pub rows: Vec<(String, Tally)>,
    /// Everything else of the range.
    pub rest: Tally,
}

impl Reader {
    /// At most `limit` names, each with its sum over the whole range. Sessions are the most costly
    /// ones, if few of them live across its ends. Of other names only one that is among the `limit`
    /// most costly of one of the days is read: to find one that is never among those, and yet
    /// would be in the sum, all names would have to be summed.
    pub fn costliest(&self, by: Dimension, from: Day, to: Day, limit: usize) -> Result<Costliest> {
        self.db
            .snapshot(|_| self.db.read(|conn| costliest(conn, by, from, to, limit)))
    }
}

fn costliest(
    conn: &Connection,
    by: Dimension,
    from: Day,
    to: Day,
    limit: usize,
) -> rusqlite::Result<Costliest> {
    let all = of(Dimension::Day);
    let fields = FIELDS.join(", ");
    let days: BTreeMap<i32, Tally> = conn
        .prepare_cached(&format!(
            "SELECT bucket, {fields} FROM tallies WHERE {all} AND bucket BETWEEN ?1 AND ?2"
        ))?
        .query_map((from.0, to.0), |row| Ok((row.get(0)?, tally(row, 1)?)))?
        .collect::<rusqlite::Result<_>>()?;

    let names = match by {
        Dimension::Session => costliest_sessions(conn, from, to, limit)?,
        _ => None,
    };
    let names = match names {
        Some(names) => names,
        None => costliest_of_a_day(conn, by, days.keys(), limit)?,
    };
    let by = of(by);
    let mut of_name = conn.prepare_cached(&format!(
        "SELECT bucket, {fields} FROM tallies INDEXED BY tallies_by_key
         WHERE {by} AND key = ?1 AND bucket BETWEEN ?2 AND ?3"
    ))?;
    let mut rows = Vec::with_capacity(names.len());
    for name in names {
        let mut sum = Tally::default();
        let of_days = of_name.query_map((&name, from.0, to.0), |row| {
            Ok((row.get::<_, i32>(0)?, tally(row, 1)?))
        })?;
        for row in of_days {
            let (day, tally) = row?;
            if days.contains_key(&day) {
                sum += tally;
            }
        }
        rows.push((name, sum));
    }
    // The names are sorted, so that equal ones stay in that order.
    rows.sort_by_key(|(_, tally)| Reverse((tally.cost_micros, tally.total_tokens)));
    rows.truncate(limit);

    let mut rest = Tally::default();
    days.values().for_each(|tally| rest += *tally);
    rows.iter().for_each(|(_, tally)| rest += -*tally);
    // Where the sum of the days is at its limit, the names may come to more.
    let rest = Tally::from_array(rest.to_array().map(|sum| sum.max(0)));
    Ok(Costliest { rows, rest })
}

/// The most costly names of each day.
fn costliest_of_a_day<'a>(
    conn: &Connection,
    by: Dimension,
    days: impl Iterator<Item = &'a i32>,
    limit: usize,
) -> rusqlite::Result<BTreeSet<String>> {
    let mut select = conn.prepare_cached(&format!(
        "SELECT key FROM tallies INDEXED BY tallies_by_cost WHERE {} AND bucket = ?1
         ORDER BY cost_micros DESC, total_tokens DESC LIMIT ?2",
        of(by)
    ))?;
    let mut names = BTreeSet::new();
    for day in days {
        for name in select.query_map((day, limit as i64), |row| row.get(0))? {
            names.insert(name?);
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NAMED, TODAY, World};
    use super::*;
    use agentpulse_core::zone::Zone;

    /// Of every name, by adding up the executions themselves.
    fn sums(world: &World, by: Dimension, from: Day) -> BTreeMap<String, Tally> {
        let mut sums: BTreeMap<String, Tally> = BTreeMap::new();
        for (_, execution) in world.ended() {
            let Some(contribution) = execution.contribution() else {
                continue;
            };
            let name = match by {
                Dimension::Agent => Some(contribution.agent_name),
                Dimension::Model => contribution.model,
                Dimension::Session => contribution.session_id,
                Dimension::Kind => Some(contribution.kind.as_str()),
                Dimension::Project => contribution.project,
                Dimension::Branch => contribution.branch,
                Dimension::Host => contribution.host,
                Dimension::Type | Dimension::Day => unreachable!("{by:?} is not asked"),
            };
            if contribution.day(&Zone::utc()) >= from {
                *sums.entry(name.unwrap_or_default().to_owned()).or_default() += contribution.tally;
            }
        }
        sums
    }

    #[test]
    fn the_most_costly_come_first_and_the_rest_adds_up_to_all() {
        let world = World::any();
        for by in NAMED {
            for days in [1, 5, 10] {
                let from = TODAY.back(days - 1);
                let mut expected: Vec<_> = sums(&world, by, from).into_iter().collect();
                expected.sort_by_key(|(_, sum)| Reverse((sum.cost_micros, sum.total_tokens)));
                let all = world.reader().costliest(by, from, TODAY, 100).unwrap();
                assert_eq!(all.rows, expected, "{by:?}, {days} days");
                assert!(all.rest.is_zero(), "{by:?}, {days} days");

                let few = world.reader().costliest(by, from, TODAY, 2).unwrap();
                assert_eq!(few.rows.len(), 2);
                if by == Dimension::Session && days == 10 {
                    assert_eq!(few.rows, expected[..2], "no session goes on");
                }
                let mut sum = few.rest;
                few.rows.iter().for_each(|(_, tally)| sum += *tally);
                let mut of_all = Tally::default();
                expected.iter().for_each(|(_, tally)| of_all += *tally);
                assert_eq!(sum, of_all, "{by:?}, {days} days");
                for (name, tally) in &few.rows {
                    assert!(expected.contains(&(name.clone(), *tally)), "{name}");
                }
            }
        }
    }

    #[test]
    fn a_day_alone_is_exact_however_few_are_listed() {
        let world = World::any();
        let mut expected: Vec<_> = sums(&world, Dimension::Session, TODAY)
            .into_iter()
            .collect();
        expected.sort_by_key(|(_, sum)| Reverse((sum.cost_micros, sum.total_tokens)));
        for limit in 1..=expected.len() {
            let found = world.reader();
            let found = found.costliest(Dimension::Session, TODAY, TODAY, limit);
            assert_eq!(found.unwrap().rows, expected[..limit]);
        }
    }
}
