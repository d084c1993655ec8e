//! The plan of a sample day: who ran when, for whom, and how it ended. The same seed and end
//! make the same day.

use super::cast::{Agent, BUSY, CAST, Craft, MODELS};
use super::random::Random;
use agentpulse_core::bucket::{DAY_MS, Hour, rfc3339_seconds};

/// Delegation below delegation; a real one rarely goes deeper.
const MAX_DEPTH: usize = 3;
/// One run of so many dies without a stop: few, for each of them stays active until the daemon
/// gives it up.
const HUNG_ONE_IN: u64 = 400;
const TIMEOUTS: f64 = 0.012;
/// What a run that times out was given.
const TIME_LIMIT_MS: i64 = 600_000;
const LATE_ONE_IN: u64 = 40;
const LATE_MS: u64 = 60_000;
const HOSTS: &[&str] = &["workstation", "laptop", "ci-1", "ci-2"];

pub struct Day {
    pub seed: u64,
    pub start_ms: i64,
    pub end_ms: i64,
    pub sessions: Vec<Session>,
    pub runs: Vec<Run>,
}

pub struct Session {
    pub id: String,
    pub model: &'static str,
    pub host: &'static str,
}

pub struct Run {
    pub id: String,
    pub agent: &'static Agent,
    /// Its place in [`Day::sessions`].
    pub session: usize,
    /// Its place in [`Day::runs`].
    pub parent: Option<usize>,
    /// The how many-eth of the waves that were launched side by side.
    pub wave: u64,
    pub children: u64,
    pub start_ms: i64,
    pub ending: Ending,
    pub end_ms: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    Success,
    Failure,
    Timeout,
    /// No stop was sent, and none will be.
    Hung,
}

struct Planner {
    day: Day,
    random: Random,
    stamp: String,
    executions: usize,
}

/// What is about to be launched.
struct Launch {
    session: usize,
    parent: Option<usize>,
    wave: u64,
    depth: usize,
    start_ms: i64,
}

impl Day {
    /// The 24 hours before `end_ms`, with so many executions.
    pub fn plan(seed: u64, executions: usize, end_ms: i64) -> Day {
        let start_ms = end_ms - DAY_MS;
        let stamp = rfc3339_seconds(start_ms).replace(['-', ':'], "");
        let mut planner = Planner {
            day: Day {
                seed,
                start_ms,
                end_ms,
                sessions: Vec::new(),
                runs: Vec::with_capacity(executions),
            },
            random: Random::new(seed),
            stamp,
            executions,
        };
        // Every session begins within the day with one run at least, so this ends.
        while planner.has_room() {
            planner.session();
        }
        planner.day
    }
}

impl Run {
    /// Whether it still runs when the day ends.
    pub fn is_running_at(&self, time_ms: i64) -> bool {
        self.ending != Ending::Hung && self.end_ms > time_ms
    }

    pub fn duration_ms(&self) -> i64 {
        self.end_ms - self.start_ms
    }
}

impl Planner {
    fn has_room(&self) -> bool {
        self.day.runs.len() < self.executions
    }

    fn session(&mut self) {
        let session = self.day.sessions.len();
        let model = self
            .random
            .weighted(MODELS.iter().map(|&(_, weight)| weight));
        self.day.sessions.push(Session {
            id: format!("demo-{}-{}-s{session:05}", self.day.seed, self.stamp),
            model: MODELS[model].0,
            host: HOSTS[self.random.below(HOSTS.len() as u64) as usize],
        });
        let mut now_ms = self.session_start();
        for wave in 1..=self.random.between(1, 12) {
            let width = self.width();
            for _ in 0..width {
                let jitter_ms = self.random.below(900) as i64;
                let end_ms = self.launch(&Launch {
                    session,
                    parent: None,
                    wave,
                    depth: 1,
                    start_ms: now_ms + jitter_ms,
                });
                now_ms = now_ms.max(end_ms);
            }
            // The person reads, thinks and types.
            now_ms += (self.random.log_normal(45.0, 0.9) * 1000.0) as i64;
        }
    }

    /// Within the day, at hours that are as busy as they are; a few just before its end, so that a
    /// user who opens the page then sees something run.
    fn session_start(&mut self) -> i64 {
        if self.random.below(LATE_ONE_IN) == 0 {
            return self.day.end_ms - self.random.between(1, LATE_MS) as i64;
        }
        loop {
            let start_ms = self.day.start_ms + self.random.below(DAY_MS as u64) as i64;
            let busy = BUSY[Hour::of(start_ms).utc_of_day() as usize];
            // The busiest hour is 16, so one of 16 draws is taken at the quietest.
            if self.random.below(16) < busy {
                return start_ms;
            }
        }
    }

    /// How many are launched side by side.
    fn width(&mut self) -> u64 {
        1 + self.random.weighted([60, 22, 12, 6].into_iter()) as u64
    }

    /// Plans a run and all that it launches; returns when it ends. Nothing is planned after the
    /// day, nor beyond the wanted number.
    fn launch(&mut self, launch: &Launch) -> i64 {
        let &Launch { start_ms, .. } = launch;
        if !self.has_room() || start_ms >= self.day.end_ms {
            return start_ms;
        }
        let agent = self.agent(launch.depth);
        let place = self.day.runs.len();
        self.day.runs.push(Run {
            id: format!("demo-{}-{}-{place:06}", self.day.seed, self.stamp),
            agent,
            session: launch.session,
            parent: launch.parent,
            wave: launch.wave,
            children: 0,
            start_ms,
            ending: Ending::Success,
            end_ms: start_ms,
        });
        let own_ms = self
            .random
            .log_normal(f64::from(agent.median_s) * 1000.0, 0.6) as i64;
        let children_end_ms = match agent.craft {
            Craft::Delegates => self.delegate(place, launch),
            _ => start_ms,
        };
        let has_children = self.day.runs.len() > place + 1;
        let ending = self.ending(agent, has_children);
        let run = &mut self.day.runs[place];
        run.ending = ending;
        run.end_ms = match ending {
            Ending::Timeout => start_ms + TIME_LIMIT_MS,
            // It reads what its children bring before it ends.
            _ => (start_ms + own_ms.max(400)).max(children_end_ms + own_ms / 8),
        };
        run.end_ms
    }

    /// Returns when the last of the children ends.
    fn delegate(&mut self, parent: usize, launch: &Launch) -> i64 {
        let mut now_ms = launch.start_ms;
        for wave in 1..=self.random.between(1, 3) {
            now_ms += self.random.between(2_000, 15_000) as i64;
            let begin_ms = now_ms;
            for _ in 0..self.width() {
                let known = self.day.runs.len();
                let end_ms = self.launch(&Launch {
                    session: launch.session,
                    parent: Some(parent),
                    wave,
                    depth: launch.depth + 1,
                    start_ms: begin_ms,
                });
                self.day.runs[parent].children += u64::from(self.day.runs.len() > known);
                now_ms = now_ms.max(end_ms);
            }
        }
        now_ms
    }

    fn agent(&mut self, depth: usize) -> &'static Agent {
        let may_delegate = depth < MAX_DEPTH;
        let weights = CAST.iter().map(|agent| {
            if agent.craft == Craft::Delegates && !may_delegate {
                0
            } else {
                agent.weight
            }
        });
        &CAST[self.random.weighted(weights)]
    }

    /// Who has children ends after them, and so neither hangs nor times out.
    fn ending(&mut self, agent: &Agent, has_children: bool) -> Ending {
        if !has_children && self.random.below(HUNG_ONE_IN) == 0 {
            Ending::Hung
        } else if !has_children && self.random.chance(TIMEOUTS) {
            Ending::Timeout
        } else if self.random.below(100) < u64::from(agent.failures) {
            Ending::Failure
        } else {
            Ending::Success
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-20T18:40:00Z.
    const END_MS: i64 = 1_795_200_000_000;

    #[test]
    fn there_are_as_many_runs_as_wanted_and_all_begin_within_the_day() {
        for executions in [0, 1, 2_000] {
            let day = Day::plan(1, executions, END_MS);
            assert_eq!(day.runs.len(), executions);
            for run in &day.runs {
                assert!((day.start_ms..END_MS).contains(&run.start_ms));
                assert!(run.end_ms > run.start_ms, "{}", run.id);
            }
        }
    }

    #[test]
    fn a_child_runs_within_a_parent_that_exists() {
        let day = Day::plan(1, 2_000, END_MS);
        let mut deepest = 0;
        let mut children = vec![0; day.runs.len()];
        for (place, run) in day.runs.iter().enumerate() {
            let Some(parent_place) = run.parent else {
                continue;
            };
            assert!(parent_place < place);
            let parent = &day.runs[parent_place];
            assert_eq!(parent.session, run.session);
            assert!(parent.start_ms < run.start_ms && run.end_ms <= parent.end_ms);
            children[parent_place] += 1;
            let ancestors = std::iter::successors(Some(place), |&at| day.runs[at].parent);
            deepest = deepest.max(ancestors.count());
        }
        assert_eq!(deepest, MAX_DEPTH);
        for (run, children) in day.runs.iter().zip(children) {
            assert_eq!(run.children, children);
        }
    }

    #[test]
    fn every_ending_occurs_and_few_hang() {
        let day = Day::plan(1, 2_000, END_MS);
        let count = |ending| day.runs.iter().filter(|run| run.ending == ending).count();
        assert!(count(Ending::Success) > 1_700);
        assert!((60..240).contains(&count(Ending::Failure)));
        assert!((5..60).contains(&count(Ending::Timeout)));
        assert!((1..20).contains(&count(Ending::Hung)));
        let running = day.runs.iter().filter(|run| run.is_running_at(END_MS));
        assert!((1..50).contains(&running.count()));
    }

    #[test]
    fn another_seed_is_another_day_with_other_ids() {
        let day = Day::plan(1, 50, END_MS);
        let other = Day::plan(2, 50, END_MS);
        assert_eq!(day.runs[7].id, "demo-1-20261119T184000Z-000007");
        assert_eq!(other.runs[7].id, "demo-2-20261119T184000Z-000007");
        let starts = |day: &Day| day.runs.iter().map(|run| run.start_ms).collect::<Vec<_>>();
        assert_ne!(starts(&day), starts(&other));
        assert_eq!(starts(&day), starts(&Day::plan(1, 50, END_MS)));
    }
}
