//! What ended in the last day, in memory, for alerts on the last minutes: the rollups know hours.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::AddAssign;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use xxhash_rust::xxh3::xxh3_64;

use agentpulse_core::bucket::{DAY_MS, HOUR_MS};
use agentpulse_core::change::Change;
use agentpulse_core::execution::{Execution, Status};
use agentpulse_core::limits::MAX_COUNT;
use agentpulse_core::sum::add;
use agentpulse_store::history::Ended;

/// A window is exact to this.
const SLOT_MS: i64 = 10_000;
/// Sums reach back so far.
pub const SUMS_KEPT_MS: i64 = HOUR_MS;
/// The last executions of an agent are remembered for so long.
pub const ENDS_KEPT_MS: i64 = DAY_MS;
/// Agents whose ends are kept by agent; as many have a name of their own by default. Of the others
/// only the sums count.
const MAX_AGENTS: usize = 1_024;
/// Ends of one agent: a mean of more would hardly differ, and nobody waits for more failures.
pub const MAX_ENDS: usize = 64;

#[derive(Default)]
pub struct RecentOutcomes(Mutex<Outcomes>);

#[derive(Default)]
struct Outcomes {
    /// By the moment of the end, in slots since 1970.
    slots: BTreeMap<i64, Sums>,
    agents: HashMap<String, Last>,
}

/// The last ends of an agent.
#[derive(Default)]
struct Last {
    /// The oldest first.
    ends: VecDeque<End>,
    /// Older ones were dropped for want of room.
    is_trimmed: bool,
    /// The change that took one away, where older ones had been dropped: history has those.
    lacks_since: Option<u64>,
}

/// What ended in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    pub executions: i64,
    pub successes: i64,
    /// Those that the reaper ended.
    pub reaped: i64,
    pub tokens: i64,
}

/// One end of an agent, the oldest first in its list.
struct End {
    id: u64,
    ended_ms: i64,
    failed: bool,
    reaped: bool,
    duration_ms: Option<u64>,
}

/// How long the executions of an agent took lately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mean {
    pub agent_name: String,
    pub count: i64,
    pub total_duration_ms: i64,
}

impl RecentOutcomes {
    /// Takes in what was just committed.
    pub fn take(&self, changes: &[Arc<Change>]) {
        let mut outcomes = self.outcomes();
        for change in changes {
            if let Some(before) = &change.before {
                outcomes.remove(before, change);
            }
            outcomes.add(&change.after, change.accepted_ms);
        }
    }

    /// Takes in an end from before the start of the daemon, for the sums.
    pub fn restore_sum(&self, ended: &Ended) {
        *self.outcomes().slot(ended.ended_ms) += Sums::of_ended(ended);
    }

    /// The same, for its agent; a second time changes nothing.
    pub fn restore_end(&self, ended: &Ended) {
        self.outcomes()
            .insert(&ended.agent_name, End::of_ended(ended));
    }

    /// At most `max` agents that had older ends than are here and lost one by a change that history
    /// has, each with that change: to be read from there and given to [`RecentOutcomes::refill`].
    pub fn lacking(&self, history_seq: u64, max: usize) -> Vec<(String, u64)> {
        let outcomes = self.outcomes();
        let lacking = outcomes.agents.iter().filter_map(|(name, last)| {
            let seq = last.lacks_since.filter(|&seq| seq <= history_seq)?;
            Some((name.clone(), seq))
        });
        lacking.take(max).collect()
    }

    /// Takes in the last ends of an agent as history has them, up to [`MAX_ENDS`]. Does nothing if
    /// one was taken away since `seq`: what was read may hold it still.
    pub fn refill(&self, agent_name: &str, seq: u64, ended: &[Ended]) {
        let mut outcomes = self.outcomes();
        let last = outcomes.agents.get_mut(agent_name);
        let Some(last) = last.filter(|last| last.lacks_since == Some(seq)) else {
            return;
        };
        last.lacks_since = None;
        last.is_trimmed = ended.len() >= MAX_ENDS;
        for ended in ended {
            last.insert(End::of_ended(ended));
        }
    }

    /// `window_ms` is at most [`SUMS_KEPT_MS`].
    pub fn sums(&self, now_ms: i64, window_ms: i64) -> Sums {
        let outcomes = self.outcomes();
        let first = (now_ms - window_ms).div_euclid(SLOT_MS) + 1;
        let mut sums = Sums::default();
        for slot in outcomes.slots.range(first..).map(|(_, slot)| slot) {
            sums += *slot;
        }
        sums
    }

    /// Agents whose last executions, `at_least` of them, did not succeed, by how many; those of
    /// before `window_ms` do not count.
    pub fn failing(&self, now_ms: i64, window_ms: i64, at_least: u64) -> Vec<(String, u64)> {
        let outcomes = self.outcomes();
        let streak = |last: &Last| {
            let last = last.ends.iter().rev();
            let since_ms = now_ms - window_ms;
            last.take_while(|end| end.failed && end.ended_ms > since_ms)
                .count() as u64
        };
        let streaks = outcomes
            .agents
            .iter()
            .map(|(name, last)| (name, streak(last)));
        streaks
            .filter(|(_, streak)| *streak >= at_least)
            .map(|(name, streak)| (name.clone(), streak))
            .collect()
    }

    /// Of agents with `at_least` executions of known duration in the window.
    pub fn means(&self, now_ms: i64, window_ms: i64, at_least: i64) -> Vec<Mean> {
        let outcomes = self.outcomes();
        let mean = |(name, last): (&String, &Last)| {
            let recent = last
                .ends
                .iter()
                .filter(|end| end.ended_ms > now_ms - window_ms);
            let (mut count, mut total_duration_ms) = (0, 0);
            for duration_ms in recent.filter_map(|end| end.duration_ms) {
                count += 1;
                total_duration_ms += duration_ms as i64;
            }
            (count >= at_least).then(|| Mean {
                agent_name: name.clone(),
                count,
                total_duration_ms,
            })
        };
        outcomes.agents.iter().filter_map(mean).collect()
    }

    /// Whether the reaper ended this execution lately.
    pub fn has_reaped(&self, id: &str) -> bool {
        let (outcomes, id) = (self.outcomes(), xxh3_64(id.as_bytes()));
        let mut ends = outcomes.agents.values().flat_map(|last| &last.ends);
        ends.any(|end| end.id == id && end.reaped)
    }

    /// Names of agents that the reaper ended in the window, sorted, at most `max`.
    pub fn reaped(&self, now_ms: i64, window_ms: i64, max: usize) -> Vec<String> {
        let outcomes = self.outcomes();
        let hung = |last: &Last| {
            let since_ms = now_ms - window_ms;
            last.ends
                .iter()
                .any(|end| end.reaped && end.ended_ms > since_ms)
        };
        let agents = outcomes.agents.iter().filter(|(_, last)| hung(last));
        let mut names: Vec<String> = agents.map(|(name, _)| name.clone()).collect();
        names.sort_unstable();
        names.truncate(max);
        names
    }

    /// Lets go of agents that did not run for long, and while most places are taken of those that
    /// ran an hour ago. Not with every end: the writer is not to look at all agents.
    pub fn forget(&self, now_ms: i64) {
        let mut outcomes = self.outcomes();
        let is_crowded = outcomes.agents.len() > MAX_AGENTS / 4 * 3;
        let keep_ms = if is_crowded { HOUR_MS } else { ENDS_KEPT_MS };
        let is_recent = |end: &End| end.ended_ms > now_ms - keep_ms;
        let is_kept = |last: &Last| last.lacks_since.is_some() || last.ends.iter().any(is_recent);
        outcomes.agents.retain(|_, last| is_kept(last));
        outcomes.slots = outcomes.slots.split_off(&first_kept(now_ms));
    }

    fn outcomes(&self) -> MutexGuard<'_, Outcomes> {
        self.0.lock()
    }
}

impl Outcomes {
    fn slot(&mut self, ended_ms: i64) -> &mut Sums {
        self.slots.entry(ended_ms.div_euclid(SLOT_MS)).or_default()
    }

    fn add(&mut self, execution: &Execution, now_ms: i64) {
        let Some((sums, end)) = read(execution) else {
            return;
        };
        if end.ended_ms.div_euclid(SLOT_MS) >= first_kept(now_ms) {
            *self.slot(end.ended_ms) += sums;
        }
        if end.ended_ms > now_ms - ENDS_KEPT_MS {
            self.insert(execution.agent_name(), end);
        }
    }

    fn remove(&mut self, execution: &Execution, change: &Change) {
        let now_ms = change.accepted_ms;
        let Some((sums, end)) = read(execution) else {
            return;
        };
        if end.ended_ms.div_euclid(SLOT_MS) >= first_kept(now_ms) {
            *self.slot(end.ended_ms) += sums.negative();
        }
        if let Some(last) = self.agents.get_mut(execution.agent_name()) {
            last.ends.retain(|known| known.id != end.id);
            if last.is_trimmed {
                last.lacks_since = Some(change.seq);
            }
        }
    }

    fn insert(&mut self, agent_name: &str, end: End) {
        if !self.agents.contains_key(agent_name) && self.agents.len() >= MAX_AGENTS {
            return;
        }
        let last = self.agents.entry(agent_name.to_owned()).or_default();
        last.insert(end);
    }
}

impl Last {
    fn insert(&mut self, end: End) {
        if self.ends.iter().any(|known| known.id == end.id) {
            return;
        }
        // Most come in the order of their ends.
        let place = self
            .ends
            .partition_point(|known| known.ended_ms <= end.ended_ms);
        self.ends.insert(place, end);
        if self.ends.len() > MAX_ENDS {
            self.ends.pop_front();
            self.is_trimmed = true;
        }
    }
}

impl End {
    fn of_ended(ended: &Ended) -> End {
        End {
            id: xxh3_64(ended.id.as_bytes()),
            ended_ms: ended.ended_ms,
            failed: ended.status != Status::Success,
            reaped: ended.is_reaped(),
            duration_ms: ended.duration_ms,
        }
    }
}

fn first_kept(now_ms: i64) -> i64 {
    (now_ms - SUMS_KEPT_MS).div_euclid(SLOT_MS)
}

/// Nothing of one that runs.
fn read(execution: &Execution) -> Option<(Sums, End)> {
    let outcome = execution.outcome()?;
    let reaped = execution.stop.is_none();
    let tokens = execution
        .token_usage()
        .map_or(0, |usage| usage.total_tokens);
    let sums = Sums {
        executions: 1,
        successes: i64::from(outcome.status == Status::Success),
        reaped: i64::from(reaped),
        tokens: tokens as i64,
    };
    let end = End {
        id: xxh3_64(execution.id.as_bytes()),
        ended_ms: outcome.ended_ms,
        failed: outcome.status != Status::Success,
        reaped,
        duration_ms: outcome.duration_ms,
    };
    Some((sums, end))
}

impl Sums {
    fn of_ended(ended: &Ended) -> Sums {
        Sums {
            executions: 1,
            successes: i64::from(ended.status == Status::Success),
            reaped: i64::from(ended.is_reaped()),
            // A row of an older version may hold more than a run counts for now.
            tokens: ended.total_tokens.min(MAX_COUNT as i64),
        }
    }

    fn negative(self) -> Sums {
        Sums {
            executions: -self.executions,
            successes: -self.successes,
            reaped: -self.reaped,
            tokens: -self.tokens,
        }
    }
}

impl AddAssign for Sums {
    fn add_assign(&mut self, other: Sums) {
        self.executions += other.executions;
        self.successes += other.successes;
        self.reaped += other.reaped;
        add(&mut self.tokens, other.tokens);
    }
}

#[cfg(test)]
mod tests;
