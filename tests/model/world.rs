//! What a list of events must amount to, computed as plainly as possible.
//!
//! Nothing here is incremental: the world is computed again from the first start and the first stop
//! of every execution, and every total is a sum over executions. It shares no code with the daemon.

use std::collections::{BTreeMap, BTreeSet};

use super::execution::{Arrival, Ended, Facts};
use super::merge;
use super::time::DAY_MS;

pub const KEPT_DAYS: i64 = 400;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    pub accepted: u64,
    pub duplicate: u64,
    pub rejected: u64,
    pub progress: u64,
}

impl Totals {
    pub fn handled(self) -> u64 {
        self.accepted + self.duplicate + self.rejected + self.progress
    }

    pub fn plus(self, other: Totals) -> Totals {
        Totals {
            accepted: self.accepted + other.accepted,
            duplicate: self.duplicate + other.duplicate,
            rejected: self.rejected + other.rejected,
            progress: self.progress + other.progress,
        }
    }
}

/// What some executions add up to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub executions: i64,
    pub successes: i64,
    pub failures: i64,
    pub timeouts: i64,
    /// Every known duration, ascending.
    pub durations: Vec<i64>,
    pub input: i64,
    pub output: i64,
    pub cache_read: i64,
    pub cache_write: i64,
    pub total: i64,
    pub cost_micros: i64,
    pub unpriced: i64,
}

impl Tally {
    pub fn of<'a>(executions: impl Iterator<Item = &'a Ended>) -> Tally {
        let mut tally = Tally::default();
        for one in executions {
            tally.executions += 1;
            match one.status {
                "success" => tally.successes += 1,
                "failure" => tally.failures += 1,
                _ => tally.timeouts += 1,
            }
            tally.durations.extend(one.duration_ms);
            if let Some(tokens) = &one.tokens {
                tally.input += tokens.input;
                tally.output += tokens.output;
                tally.cache_read += tokens.cache_read;
                tally.cache_write += tokens.cache_write;
                tally.total += tokens.total;
            }
            tally.cost_micros += one.cost_micros.unwrap_or(0);
            tally.unpriced += i64::from(one.unpriced());
        }
        tally.durations.sort_unstable();
        tally
    }

    pub fn success_rate(&self) -> f64 {
        share(self.successes, self.executions)
    }

    /// The exact mean; 0 when no duration is known.
    pub fn mean_duration_ms(&self) -> f64 {
        share(self.durations.iter().sum(), self.durations.len() as i64)
    }

    /// By nearest rank: the smallest duration that at least `percent` of all do not exceed.
    pub fn percentile_ms(&self, percent: usize) -> Option<i64> {
        let rank = (self.durations.len() * percent).div_ceil(100).max(1);
        self.durations.get(rank - 1).copied()
    }

    pub fn dollars(&self) -> f64 {
        self.cost_micros as f64 / 1e6
    }
}

pub fn share(part: i64, whole: i64) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

#[derive(Debug, Default)]
pub struct World {
    pub ended: Vec<Ended>,
    pub active: BTreeSet<String>,
    pub totals: Totals,
}

impl World {
    pub fn of(arrivals: &[Arrival]) -> World {
        let mut world = World::default();
        let mut all: BTreeMap<String, Facts> = BTreeMap::new();
        for arrival in arrivals {
            if too_old(arrival) {
                world.totals.rejected += 1;
                continue;
            }
            let id =
                merge::text(&arrival.line, "agent_id").expect("every event of a test has an id");
            let facts = all.entry(id).or_default();
            match arrival.line["event"].as_str() {
                Some("start") => first(&mut facts.start, arrival, &mut world.totals),
                Some("stop") => first(&mut facts.stop, arrival, &mut world.totals),
                Some("progress") => {
                    world.totals.progress += 1;
                    facts.timeout = None;
                }
                Some("timeout") => facts.timeout = Some(arrival.clone()),
                other => panic!("the model does not know the event {other:?}"),
            }
        }
        for (id, facts) in &all {
            match facts.stop.as_ref().or(facts.timeout.as_ref()) {
                Some(end) => world.ended.push(merge::ended(id, facts, end)),
                None if facts.start.is_some() => drop(world.active.insert(id.clone())),
                None => {}
            }
        }
        world
    }

    pub fn tally(&self, chosen: impl Fn(&Ended) -> bool) -> Tally {
        Tally::of(self.ended.iter().filter(|one| chosen(one)))
    }

    /// A tally for each value of `key`.
    pub fn by<K: Ord>(&self, key: impl Fn(&Ended) -> K) -> BTreeMap<K, Tally> {
        let mut groups: BTreeMap<K, Vec<&Ended>> = BTreeMap::new();
        for one in &self.ended {
            groups.entry(key(one)).or_default().push(one);
        }
        groups
            .into_iter()
            .map(|(key, all)| (key, Tally::of(all.into_iter())))
            .collect()
    }

    /// Calls of each tool in the chosen executions.
    pub fn tool_calls(&self, chosen: impl Fn(&Ended) -> bool) -> BTreeMap<String, i64> {
        let mut sums = BTreeMap::new();
        for one in self.ended.iter().filter(|one| chosen(one)) {
            for (tool, calls) in &one.calls {
                *sums.entry(tool.clone()).or_insert(0) += calls;
            }
        }
        sums
    }

    /// How many of the chosen executions used each tool.
    pub fn tool_executions(&self, chosen: impl Fn(&Ended) -> bool) -> BTreeMap<String, i64> {
        let mut sums = BTreeMap::new();
        for one in self.ended.iter().filter(|one| chosen(one)) {
            for tool in &one.used {
                *sums.entry(tool.clone()).or_insert(0) += 1;
            }
        }
        sums
    }

    /// How many of the chosen executions used both tools of each pair, as `A|B`.
    pub fn tool_pairs(&self, chosen: impl Fn(&Ended) -> bool) -> BTreeMap<String, i64> {
        let mut sums = BTreeMap::new();
        for one in self.ended.iter().filter(|one| chosen(one)) {
            let tools = one.paired_tools();
            for a in &tools {
                for b in tools.iter().filter(|b| *b > a) {
                    *sums.entry(format!("{a}|{b}")).or_insert(0) += 1;
                }
            }
        }
        sums
    }
}

fn first(place: &mut Option<Arrival>, arrival: &Arrival, totals: &mut Totals) {
    if place.is_some() {
        totals.duplicate += 1;
    } else {
        totals.accepted += 1;
        *place = Some(arrival.clone());
    }
}

fn too_old(arrival: &Arrival) -> bool {
    let oldest = (arrival.at_ms.div_euclid(DAY_MS) - KEPT_DAYS) * DAY_MS;
    let field = if arrival.line["event"] == "start" {
        "start_time"
    } else {
        "execution_end"
    };
    merge::time_ms(&arrival.line[field]).is_some_and(|at| at < oldest)
}
