//! What a rebuild of the live view needs of single executions.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};
use std::sync::Arc;

use rusqlite::{OptionalExtension, Row};

use crate::sqlite::{Result, from_json};
use agentpulse_core::bucket::Day;
use agentpulse_core::execution::{Execution, MAX_ERROR_BYTES, Status};
use agentpulse_core::retention::{
    DURATIONS_KEPT, DURATIONS_MS, ENDED_KEPT, FAILED_KEPT, TIMELINE_KEPT, TIMELINE_MS,
};
use agentpulse_core::view::{Active, LastDuration, Recent};
use agentpulse_core::zone::Zone;

use super::read::Reader;

/// The name under which Redis counts an agent on a day; several may share one.
type Label<'a> = &'a dyn Fn(&str, Day) -> String;

impl Reader {
    /// It reads every row once, and of none the execution itself.
    pub fn recent(&self, place: Label, now_ms: i64) -> Result<Recent> {
        self.db.snapshot(|_| {
            self.db.read(|conn| {
                let mut choice = Choice::new(self.zone(), now_ms);
                let mut select = conn.prepare_cached(
                    "SELECT rowid, id, seq, started_ms, ended_ms, agent_name, status, duration_ms
                     FROM executions",
                )?;
                let mut rows = select.query([])?;
                while let Some(row) = rows.next()? {
                    choice.consider(row, place)?;
                }
                Ok(choice.into_recent())
            })
        })
    }
}

impl Reader {
    /// Executions of [`Recent::running`], as they are shown. Those that have ended meanwhile are
    /// left out.
    pub fn active(&self, rowids: &[i64]) -> Result<Vec<Active>> {
        let mut active = Vec::new();
        self.each_of(rowids, |whole| {
            if whole.is_running() {
                active.push(Active::of(&whole));
            }
        })?;
        Ok(active)
    }

    /// Executions of [`Recent::ended`], as lists show them. Those that were pruned or run again
    /// meanwhile are left out.
    pub fn listed(&self, rowids: &[i64]) -> Result<Vec<Arc<Execution>>> {
        let mut listed = Vec::new();
        self.each_of(rowids, |whole| {
            if whole.outcome().is_some() {
                listed.push(Arc::new(whole.listed(MAX_ERROR_BYTES)));
            }
        })?;
        Ok(listed)
    }

    fn each_of(&self, rowids: &[i64], mut f: impl FnMut(Execution)) -> Result<()> {
        self.db.snapshot(|_| {
            self.db.read(|conn| {
                let mut select =
                    conn.prepare_cached("SELECT execution FROM executions WHERE rowid = ?1")?;
                for rowid in rowids {
                    let whole = select.query_row([rowid], |row| from_json(row, 0));
                    if let Some(whole) = whole.optional()? {
                        f(whole);
                    }
                }
                Ok(())
            })
        })
    }
}

struct Choice<'a> {
    zone: &'a Zone,
    now_ms: i64,
    running: Vec<i64>,
    by_name: HashMap<String, usize>,
    places: Vec<OfPlace>,
    /// Start and id: equal starts are sorted by id, as Redis does it.
    started: Top<(i64, String, ())>,
}

/// What is chosen of the agents that share a place.
struct OfPlace {
    name: String,
    /// Last change and row.
    ended: Top<(i64, i64)>,
    failed: Top<(i64, i64)>,
    /// End, id and duration.
    durations: Top<(i64, String, i64)>,
}

impl Choice<'_> {
    fn new(zone: &Zone, now_ms: i64) -> Choice<'_> {
        Choice {
            zone,
            now_ms,
            running: Vec::new(),
            by_name: HashMap::new(),
            places: Vec::new(),
            started: Top::new(TIMELINE_KEPT),
        }
    }

    fn consider(&mut self, row: &Row, place: Label) -> rusqlite::Result<()> {
        let id = row.get_ref(1)?.as_str()?;
        let (started_ms, ended_ms): (Option<i64>, Option<i64>) = (row.get(3)?, row.get(4)?);
        // A row of an older version may say that it began after its end.
        let started_ms = started_ms.map(|ms| ms.min(ended_ms.unwrap_or(ms)));
        if let Some(started_ms) = started_ms.filter(|&ms| ms >= self.now_ms - TIMELINE_MS) {
            self.started.offer_named(started_ms, id, ());
        }
        let status = row.get_ref(6)?.as_str_or_null()?;
        let Some(ended_ms) = ended_ms else {
            if status.is_none() {
                self.running.push(row.get(0)?);
            }
            return Ok(());
        };
        let is_recent = ended_ms >= self.now_ms - DURATIONS_MS;
        let place = place(row.get_ref(5)?.as_str()?, self.zone.day_of(ended_ms));
        let of_place = self.of_place(place);
        let key = (row.get(2)?, row.get(0)?);
        of_place.ended.offer(key);
        if status != Some(Status::Success.as_str()) {
            of_place.failed.offer(key);
        }
        if let Some(duration_ms) = row.get::<_, Option<i64>>(7)?.filter(|_| is_recent) {
            of_place.durations.offer_named(ended_ms, id, duration_ms);
        }
        Ok(())
    }

    fn of_place(&mut self, name: String) -> &mut OfPlace {
        let index = *self.by_name.entry(name).or_insert_with_key(|name| {
            self.places.push(OfPlace::new(name.clone()));
            self.places.len() - 1
        });
        &mut self.places[index]
    }

    fn into_recent(self) -> Recent {
        let (mut ended, mut durations) = (Vec::new(), Vec::new());
        for of_place in self.places {
            let last = of_place.ended.into_descending();
            let of_it: BTreeSet<_> = last.chain(of_place.failed.into_descending()).collect();
            ended.push(of_it.into_iter().map(|(_, rowid)| rowid).collect());
            for (ended_ms, agent_id, duration_ms) in of_place.durations.into_descending() {
                durations.push(LastDuration {
                    label: of_place.name.clone(),
                    agent_id,
                    duration_ms: duration_ms as u64,
                    ended_ms,
                });
            }
        }
        let started = self.started.into_descending();
        Recent {
            running: self.running,
            ended,
            durations,
            started: started
                .map(|(started_ms, id, ())| (id, started_ms))
                .collect(),
        }
    }
}

impl OfPlace {
    fn new(name: String) -> OfPlace {
        OfPlace {
            name,
            ended: Top::new(ENDED_KEPT),
            failed: Top::new(FAILED_KEPT),
            durations: Top::new(DURATIONS_KEPT),
        }
    }
}

/// The largest `size` of what is offered.
struct Top<T> {
    size: usize,
    heap: BinaryHeap<Reverse<T>>,
}

impl<T: Ord> Top<T> {
    fn new(size: usize) -> Top<T> {
        Top {
            size,
            heap: BinaryHeap::new(),
        }
    }

    fn offer(&mut self, item: T) {
        if self.takes(|least| item > *least) {
            self.heap.push(Reverse(item));
            if self.heap.len() > self.size {
                self.heap.pop();
            }
        }
    }

    fn takes(&self, beats: impl FnOnce(&T) -> bool) -> bool {
        self.heap.len() < self.size || self.heap.peek().is_some_and(|least| beats(&least.0))
    }

    fn into_descending(self) -> impl Iterator<Item = T> {
        self.heap.into_sorted_vec().into_iter().map(|item| item.0)
    }
}

impl<T: Ord> Top<(i64, String, T)> {
    /// Most of what is offered is not taken: the name is copied only if it is.
    fn offer_named(&mut self, value: i64, name: &str, with: T) {
        if self.takes(|(least, of, _)| (value, name) > (*least, of.as_str())) {
            self.offer((value, name.to_owned(), with));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{NOW_MS, Random, TODAY, World};
    use super::*;

    /// Half of the agents share a place.
    fn place(agent_name: &str, _: Day) -> String {
        match agent_name {
            "agent-0" | "agent-1" => agent_name.to_owned(),
            _ => "_other".to_owned(),
        }
    }

    #[test]
    fn it_is_what_a_look_at_all_executions_chooses() {
        let (mut world, mut random) = (World::new(), Random(9));
        for _ in 0..30 {
            for _ in 0..100 {
                let id = format!("run-{}", random.below(1_000));
                world.record(&id, random.fact());
            }
            world.flush();
        }
        let found = world.reader().recent(&place, NOW_MS).unwrap();

        let since_ms = NOW_MS - DURATIONS_MS;
        let mut ended = BTreeSet::new();
        let mut durations = BTreeSet::new();
        for name in ["agent-0", "agent-1", "_other"] {
            let mut of_place: Vec<_> = world
                .executions
                .values()
                .filter(|(_, e)| e.outcome().is_some() && place(e.agent_name(), TODAY) == name)
                .collect();
            of_place.sort_by_key(|(seq, _)| Reverse(*seq));
            assert!(
                of_place.len() > ENDED_KEPT,
                "the sample is larger than the lists"
            );
            ended.extend(of_place.iter().take(ENDED_KEPT).map(|(seq, _)| *seq));
            let failed = |e: &Execution| e.outcome().unwrap().status != Status::Success;
            let failed = of_place.iter().filter(|(_, e)| failed(e));
            ended.extend(failed.take(FAILED_KEPT).map(|(seq, _)| *seq));
            let last = |(_, e): &&(u64, Arc<Execution>)| {
                let outcome = e.outcome()?;
                Some(LastDuration {
                    label: name.to_owned(),
                    agent_id: e.id.clone(),
                    duration_ms: outcome.duration_ms?,
                    ended_ms: outcome.ended_ms,
                })
            };
            let mut last: Vec<_> = of_place.iter().filter_map(last).collect();
            last.retain(|one| one.ended_ms >= since_ms);
            last.sort_unstable_by_key(|one| Reverse((one.ended_ms, one.agent_id.clone())));
            last.truncate(DURATIONS_KEPT);
            durations.extend(last);
        }
        let seq = |execution: &Execution| world.executions[&execution.id].0;
        let mut found_ended = BTreeSet::new();
        for of_place in &found.ended {
            let listed = world.reader().listed(of_place).unwrap();
            assert_eq!(listed.len(), of_place.len());
            let seqs: Vec<u64> = listed.iter().map(|e| seq(e)).collect();
            assert!(seqs.is_sorted());
            found_ended.extend(seqs);
        }
        assert_eq!(found_ended, ended);
        assert_eq!(
            found.durations.iter().cloned().collect::<BTreeSet<_>>(),
            durations
        );

        let all = world.executions.values().map(|(_, e)| e);
        let mut started: Vec<_> = all
            .clone()
            .filter_map(|e| Some((e.started_ms()?, e.id.clone())))
            .filter(|(started_ms, _)| *started_ms >= since_ms)
            .collect();
        started.sort_unstable_by(|a, b| b.cmp(a));
        let found_started = found.started.iter().map(|(id, ms)| (*ms, id.clone()));
        assert_eq!(found_started.collect::<Vec<_>>(), started);
        let running: BTreeSet<&str> = all.filter(|e| e.is_running()).map(|e| &*e.id).collect();
        assert!(!running.is_empty());
        let found = world.reader().active(&found.running).unwrap();
        let found = found.iter().map(|active| &*active.agent_id);
        assert_eq!(found.collect::<BTreeSet<_>>(), running);
    }

    #[test]
    fn of_more_than_fit_the_largest_stay() {
        let mut top = Top::new(3);
        for (value, name) in [(5, "a"), (1, "b"), (9, "c"), (5, "d"), (5, "b")] {
            top.offer_named(value, name, ());
        }
        let expected = [
            (9, "c".to_owned(), ()),
            (5, "d".to_owned(), ()),
            (5, "b".to_owned(), ()),
        ];
        assert_eq!(top.into_descending().collect::<Vec<_>>(), expected);
    }
}
