//! The list of ended executions, newest end first, by pages. A page takes an amount of work that
//! does not grow with history.

use std::sync::Arc;

use rusqlite::{Connection, ToSql};

use crate::sqlite::{Result, from_json};
use agentpulse_core::bucket::Day;
use agentpulse_core::execution::{Execution, Status};
use agentpulse_core::only::Only;

use super::read::{Reader, execution};
use super::sessions::days;

/// Rows that one page looks at when what it is filtered by has no index: some 40 ms. A page may
/// then be short, or empty, and still have a next one.
const MAX_SCANNED: usize = 20_000;
/// What a page holds of executions, in bytes of their rows: more is on the next one.
const MAX_BYTES: usize = 4 << 20;

/// Which ended executions; what is not given does not matter.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub agent_name: Option<String>,
    pub agent_type: Option<String>,
    pub status: Option<Status>,
    pub session_id: Option<String>,
    pub model: Option<String>,
    /// Ended at this moment or later.
    pub from_ms: Option<i64>,
    /// Ended before this moment.
    pub to_ms: Option<i64>,
    pub only: Only,
}

/// A place in the list: the end, and, among those that ended in the same millisecond, the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    pub ended_ms: i64,
    pub rowid: i64,
}

#[derive(Debug)]
pub struct Page {
    /// The newest end first, each with its row.
    pub executions: Vec<(i64, Arc<Execution>)>,
    /// After which the next page goes on; nothing at the end of the list.
    pub next: Option<Position>,
}

impl Reader {
    /// Ended executions, newest end first, at most `limit`, those after `before` in that order.
    pub fn executions(
        &self,
        filter: &Filter,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Page> {
        let filter = &Filter {
            only: self.chosen.borrow().clone(),
            ..filter.clone()
        };
        self.db.snapshot(|_| {
            self.db
                .read(|conn| page(conn, filter, before, limit, MAX_SCANNED, MAX_BYTES))
        })
    }
}

impl Filter {
    /// The index in which the fewest rows have to be read, the condition that makes it
    /// usable, and the key in that.
    fn index(&self) -> (&'static str, &'static str, Option<&str>) {
        let failed = matches!(self.status, Some(Status::Failure | Status::Timeout));
        match (self.session_id.as_deref(), self.agent_name.as_deref()) {
            (Some(id), _) => (
                "executions_of_session",
                "session_id = ?1 AND day = ?5",
                Some(id),
            ),
            (None, Some(name)) if failed => (
                "executions_failed_of_agent",
                "agent_name = ?1 AND status IN ('failure', 'timeout')",
                Some(name),
            ),
            (None, Some(name)) => ("executions_of_agent", "agent_name = ?1", Some(name)),
            (None, None) if failed => (
                "executions_failed",
                "status IN ('failure', 'timeout')",
                None,
            ),
            (None, None) => ("executions_ended", "ended_ms IS NOT NULL", None),
        }
    }

    /// The index of sessions is by day: those that it is read in, newest first. The others are read
    /// at once.
    fn parts(&self, conn: &Connection) -> rusqlite::Result<Vec<Option<Day>>> {
        let Some(session_id) = &self.session_id else {
            return Ok(vec![None]);
        };
        let days = days(conn, session_id)?.into_iter().rev();
        Ok(days.map(|(day, _)| Some(day)).collect())
    }

    fn takes(&self, row: &rusqlite::Row) -> rusqlite::Result<bool> {
        let wanted = [
            self.agent_name.as_deref(),
            self.agent_type.as_deref(),
            self.status.map(Status::as_str),
            self.session_id.as_deref(),
            self.model.as_deref(),
        ];
        for (i, wanted) in wanted.into_iter().enumerate() {
            if wanted.is_some() && row.get_ref(2 + i)?.as_str_or_null()? != wanted {
                return Ok(false);
            }
        }
        Ok(self.only.is_all() || self.only.takes(&from_json(row, 7)?))
    }
}

fn page(
    conn: &Connection,
    filter: &Filter,
    before: Option<Position>,
    limit: usize,
    max_scanned: usize,
    max_bytes: usize,
) -> rusqlite::Result<Page> {
    let (index, condition, key) = filter.index();
    // To read it takes ten times as long as all other columns.
    let execution = match filter.only.is_all() {
        true => "NULL",
        false => "execution",
    };
    let mut select = conn.prepare_cached(&format!(
        "SELECT rowid, ended_ms, agent_name, agent_type, status, session_id, model,
             {execution}
         FROM executions INDEXED BY {index}
         WHERE {condition} AND ended_ms >= ?2 AND (ended_ms, rowid) < (?3, ?4)
         ORDER BY ended_ms DESC, rowid DESC"
    ))?;
    let from_ms = filter.from_ms.unwrap_or(i64::MIN);
    let to = Position {
        ended_ms: filter.to_ms.unwrap_or(i64::MAX),
        rowid: i64::MIN,
    };
    let before = before.map_or(to, |before| before.min(to));
    let parameters = select.parameter_count();
    let (mut found, mut last, mut scanned) = (Vec::new(), None, 0);
    for day in filter.parts(conn)? {
        let day = day.map(|day| day.0);
        let params: [&dyn ToSql; 5] = [&key, &from_ms, &before.ended_ms, &before.rowid, &day];
        let mut rows = select.query(&params[..parameters])?;
        while let Some(row) = rows.next()? {
            if found.len() == limit || scanned == max_scanned {
                return fetch(conn, &found, last, max_bytes);
            }
            scanned += 1;
            let position = Position {
                rowid: row.get(0)?,
                ended_ms: row.get(1)?,
            };
            last = Some(position);
            if filter.takes(row)? {
                found.push(position);
            }
        }
    }
    fetch(conn, &found, None, max_bytes)
}

/// As many of the found ones as have so many bytes, but at least one.
fn fetch(
    conn: &Connection,
    found: &[Position],
    next: Option<Position>,
    max_bytes: usize,
) -> rusqlite::Result<Page> {
    let mut select = conn.prepare_cached("SELECT execution FROM executions WHERE rowid = ?1")?;
    let (mut executions, mut bytes) = (Vec::new(), 0);
    for (at, position) in found.iter().enumerate() {
        let (execution, length) = select.query_row([position.rowid], |row| {
            Ok((execution(row, 0)?, row.get_ref(0)?.as_bytes()?.len()))
        })?;
        bytes += length;
        if bytes > max_bytes && at > 0 {
            let next = Some(found[at - 1]);
            return Ok(Page { executions, next });
        }
        executions.push((position.rowid, execution));
    }
    Ok(Page { executions, next })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::super::sample::{NOW_MS, World, stop};
    use super::*;
    use agentpulse_core::bucket::DAY_MS;
    use agentpulse_core::execution::Fact;
    use agentpulse_core::json::json_bytes;

    /// All pages of the list, by pages of `limit` and `max_bytes`, looking at `max_scanned` rows at
    /// most for each.
    fn pages(
        world: &World,
        filter: &Filter,
        (limit, max_scanned, max_bytes): (usize, usize, usize),
    ) -> Vec<String> {
        let reader = world.reader();
        let (mut ids, mut before) = (Vec::new(), None);
        loop {
            let page = reader
                .db
                .read(|conn| page(conn, filter, before, limit, max_scanned, max_bytes))
                .unwrap();
            let held = page.executions.iter().map(|(_, one)| json_bytes(one));
            assert!(page.executions.len() <= 1 || held.sum::<usize>() <= max_bytes);
            assert!(page.executions.len() <= limit);
            ids.extend(
                page.executions
                    .iter()
                    .map(|(_, execution)| execution.id.clone()),
            );
            match page.next {
                None => return ids,
                next => before = next,
            }
        }
    }

    #[test]
    fn pages_cover_every_execution_once_newest_end_first() {
        let world = World::any();
        let text = |text: &str| Some(text.to_owned());
        let all = Filter::default();
        let filters = [
            all.clone(),
            Filter {
                agent_name: text("agent-1"),
                ..all.clone()
            },
            Filter {
                agent_type: text("type-2"),
                ..all.clone()
            },
            Filter {
                status: Some(Status::Success),
                ..all.clone()
            },
            Filter {
                status: Some(Status::Timeout),
                ..all.clone()
            },
            Filter {
                session_id: text("session-3"),
                ..all.clone()
            },
            Filter {
                model: text("model-0"),
                ..all.clone()
            },
            Filter {
                from_ms: Some(NOW_MS - 5 * DAY_MS),
                to_ms: Some(NOW_MS - 2 * DAY_MS),
                ..all.clone()
            },
            Filter {
                agent_name: text("agent-2"),
                status: Some(Status::Failure),
                from_ms: Some(NOW_MS - 5 * DAY_MS),
                ..all.clone()
            },
            Filter {
                agent_name: text("nobody"),
                ..all.clone()
            },
        ];
        for filter in &filters {
            let is = |wanted: &Option<String>, found: Option<&str>| {
                wanted.is_none() || wanted.as_deref() == found
            };
            let expected: Vec<_> = world
                .ended()
                .into_iter()
                .filter(|(_, e)| {
                    let outcome = e.outcome().unwrap();
                    is(&filter.agent_name, Some(e.agent_name()))
                        && is(&filter.agent_type, Some(e.agent_type()))
                        && is(&filter.session_id, e.origin(|origin| &origin.session_id))
                        && is(&filter.model, e.model())
                        && filter.status.is_none_or(|status| status == outcome.status)
                        && filter
                            .from_ms
                            .is_none_or(|from_ms| outcome.ended_ms >= from_ms)
                        && filter.to_ms.is_none_or(|to_ms| outcome.ended_ms < to_ms)
                })
                .collect();
            let ended_ms = |id: &str| world.executions[id].1.outcome().unwrap().ended_ms;
            for bounds in [
                (7, MAX_SCANNED, MAX_BYTES),
                (1_000, MAX_SCANNED, MAX_BYTES),
                (7, 20, MAX_BYTES),
                (1_000, MAX_SCANNED, 2_000),
                (7, MAX_SCANNED, 1),
            ] {
                let found = pages(&world, filter, bounds);
                assert_eq!(found.len(), expected.len(), "{filter:?}");
                assert!(found.is_sorted_by(|a, b| ended_ms(a) >= ended_ms(b)));
                let found: HashSet<_> = found.iter().map(String::as_str).collect();
                assert!(expected.iter().all(|(_, e)| found.contains(&*e.id)));
                assert_eq!(found.len(), expected.len(), "each once");
            }
        }
        assert!(pages(&world, &all, (50, MAX_SCANNED, MAX_BYTES)).len() > 200);
    }

    #[test]
    fn ends_in_the_same_millisecond_are_paged_as_well() {
        let mut world = World::new();
        for i in 0..25 {
            let stop = stop(NOW_MS, None, Status::Success);
            let fact = Fact::Stop(Box::new(stop));
            world.record(&format!("run-{i}"), fact);
        }
        world.flush();
        let found = pages(&world, &Filter::default(), (4, MAX_SCANNED, MAX_BYTES));
        assert_eq!(found.iter().collect::<HashSet<_>>().len(), 25);
        assert_eq!(found.len(), 25);
    }
}
