//! What a rebuild of the live picture needs of single executions: one look over all, which opens
//! only those that it chooses.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::reader::Reader;
use crate::domain::bucket::DAY_MS;
use crate::domain::view::Recent;
use crate::sqlite::Result;

/// As many as the live picture keeps.
const ENDED_OF_AGENT: usize = 100;
const FAILED_OF_AGENT: usize = 50;
const SLOWEST_OF_AGENT: usize = 100;
const STARTED: usize = 10_000;
const KEPT_MS: i64 = 7 * DAY_MS;

/// The `most` greatest of what is offered.
struct Top<T: Ord> {
    most: usize,
    kept: BTreeSet<T>,
}

impl<T: Ord> Top<T> {
    fn new(most: usize) -> Top<T> {
        Top {
            most,
            kept: BTreeSet::new(),
        }
    }

    fn offer(&mut self, item: T) {
        if self.kept.len() < self.most || self.kept.first().is_some_and(|least| *least < item) {
            self.kept.insert(item);
            if self.kept.len() > self.most {
                self.kept.pop_first();
            }
        }
    }
}

struct OfAgent {
    ended: Top<(i64, i64)>,
    failed: Top<(i64, i64)>,
    slowest: Top<(i64, i64)>,
}

impl Reader {
    /// `place` names the agent under which the live picture keeps an execution.
    pub fn recent(&self, place: &dyn Fn(&str) -> String, now_ms: i64) -> Result<Recent> {
        let since_ms = now_ms - KEPT_MS;
        let mut agents: HashMap<String, OfAgent> = HashMap::new();
        let mut places: HashMap<String, String> = HashMap::new();
        let mut started = Top::new(STARTED);
        self.db.read(|conn| {
            let mut statement = conn.prepare_cached(
                "SELECT rowid, seq, started_ms, ended_ms, agent_name, status, duration_ms
                 FROM executions",
            )?;
            let mut rows = statement.query(())?;
            while let Some(row) = rows.next()? {
                let (rowid, seq): (i64, i64) = (row.get(0)?, row.get(1)?);
                let start: Option<i64> = row.get(2)?;
                if let Some(start) = start.filter(|&start| start >= since_ms) {
                    started.offer((start, rowid));
                }
                let Some(ended_ms) = row.get::<_, Option<i64>>(3)? else {
                    continue;
                };
                let name = row.get_ref(4)?.as_str()?;
                if !places.contains_key(name) {
                    places.insert(name.to_owned(), place(name));
                }
                let agent = agents
                    .entry(places[name].clone())
                    .or_insert_with(|| OfAgent {
                        ended: Top::new(ENDED_OF_AGENT),
                        failed: Top::new(FAILED_OF_AGENT),
                        slowest: Top::new(SLOWEST_OF_AGENT),
                    });
                agent.ended.offer((seq, rowid));
                if row.get_ref(5)?.as_str_or_null()? != Some("success") {
                    agent.failed.offer((seq, rowid));
                }
                let duration_ms: Option<i64> = row.get(6)?;
                if let Some(duration_ms) = duration_ms.filter(|_| ended_ms >= since_ms) {
                    agent.slowest.offer((duration_ms, rowid));
                }
            }
            Ok(())
        })?;
        let mut ended = BTreeSet::new();
        let mut slowest = Vec::new();
        for (agent, of_agent) in agents {
            ended.extend(of_agent.ended.kept);
            ended.extend(of_agent.failed.kept);
            for (duration_ms, rowid) in of_agent.slowest.kept {
                slowest.push((agent.clone(), rowid, duration_ms as u64));
            }
        }
        let starts: Vec<(i64, i64)> = started.kept.into_iter().collect();
        let ids = self.ids(
            slowest
                .iter()
                .map(|one| one.1)
                .chain(starts.iter().map(|one| one.1)),
        )?;
        let id = |rowid: i64| ids.get(&rowid).cloned();
        let rowids: Vec<i64> = ended.into_iter().map(|(_, rowid)| rowid).collect();
        Ok(Recent {
            running: self.running()?,
            ended: self.at(&rowids)?,
            slowest: slowest
                .into_iter()
                .filter_map(|(agent, rowid, ms)| Some((agent, id(rowid)?, ms)))
                .collect(),
            started: starts
                .into_iter()
                .filter_map(|(start, rowid)| Some((id(rowid)?, start)))
                .collect(),
        })
    }

    fn ids(&self, rowids: impl Iterator<Item = i64>) -> Result<BTreeMap<i64, String>> {
        let mut ids = BTreeMap::new();
        for rowid in rowids.collect::<BTreeSet<_>>() {
            let sql = "SELECT id FROM executions WHERE rowid = ?1";
            for id in self.rows(sql, [rowid], |row| row.get(0))? {
                ids.insert(rowid, id);
            }
        }
        Ok(ids)
    }
}
