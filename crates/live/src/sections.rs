//! How the content becomes writes: what is added to which key, and how long the key lives.

use std::fmt::Display;

use serde::Serialize;

use super::content::{AgentSum, Content};
use super::keys::{Key, Keyspace};
use super::listed::Listed;
use super::writes::{Merge, Section, Writes};
use agentpulse_core::execution::Execution;
use agentpulse_core::retention::{
    ENDED_KEPT, FAILED_KEPT, SLOWEST_KEPT, TIMELINE_KEPT, TIMELINE_MS,
};
use agentpulse_core::sketch::Sketch;
use agentpulse_core::tally::{FIELDS, Tally};

pub(super) const MIN_DURATION: &str = "min_duration_ms";
pub(super) const MAX_DURATION: &str = "max_duration_ms";
/// A duration was taken away from the bucket: history knows the smallest and the largest.
pub(super) const EXTREMES_FROM_HISTORY: &str = "extremes_from_history";

/// Of the error of an execution in the list of its agent: the list of errors has more of it.
const ERROR_BYTES: usize = 2 << 10;
/// Members of one section of a large set in a rebuild: some milliseconds of Redis's time.
const MEMBERS: usize = 2_000;

impl Content<'_> {
    pub(super) fn writes(self, keys: &Keyspace, now_ms: i64) -> Writes {
        let mut writes = Writes::default();
        self.write_tallies(keys, &mut writes);
        self.write_tools(keys, &mut writes);
        self.write_running(keys, &mut writes);
        self.write_timeline(keys, now_ms, &mut writes);
        self.write_agents(keys, &mut writes);
        writes
    }

    fn write_tallies(&self, keys: &Keyspace, writes: &mut Writes) {
        for ((hour, agent_type), tally) in &self.hours {
            let parts: [&dyn Display; 2] = [hour, agent_type];
            let section = Section::new(keys, Key::HourTally, &parts, hour.end_ms());
            writes.push(section.merge(Merge::default().add(fields(tally))));
        }
        for (day, tally) in &self.days {
            let section = Section::new(keys, Key::DayTally, &[day], day.end_ms());
            writes.push(section.merge(Merge::default().add(fields(tally))));
        }
        for ((day, agent), AgentSum { tally, durations }) in &self.agents {
            let merge = Merge::default()
                .add(fields(tally))
                .least(MIN_DURATION, durations.min_duration_ms)
                .most(MAX_DURATION, durations.max_duration_ms);
            let mark = if durations.extremes_unknown {
                vec![EXTREMES_FROM_HISTORY.to_owned(), "1".to_owned()]
            } else {
                Vec::new()
            };
            let section = Section::new(keys, Key::AgentTally, &[day, agent], day.end_ms());
            writes.push(section.merge(merge).operation("put", mark));
            let section = Section::new(keys, Key::AgentSketch, &[agent, day], day.end_ms());
            writes.push(section.merge(Merge::default().add(buckets(&durations.sketch))));
        }
    }

    fn write_tools(&self, keys: &Keyspace, writes: &mut Writes) {
        let rankings = [
            (Key::ToolCalls, &self.tool_calls),
            (Key::ToolExecutions, &self.tool_executions),
        ];
        for (key, days) in rankings {
            for (day, ranking) in days {
                let section = Section::new(keys, key, &[day], day.end_ms());
                writes.push(section.add(ranking.iter().map(|(&tool, &sum)| (tool, sum))));
            }
        }
        for ((day, agent_type), ranking) in &self.type_tools {
            let section = Section::new(keys, Key::TypeTools, &[day, agent_type], day.end_ms());
            writes.push(section.add(ranking.iter().map(|(&tool, &sum)| (tool, sum))));
        }
        for (day, pairs) in &self.pairs {
            let section = Section::new(keys, Key::ToolPairs, &[day], day.end_ms());
            writes.push(section.add(pairs.iter().map(|(pair, &sum)| (pair.as_str(), sum))));
        }
    }

    fn write_running(&self, keys: &Keyspace, writes: &mut Writes) {
        let mut started = Vec::new();
        let mut ended = Vec::new();
        for (id, running) in &self.running {
            if let Some(active) = running.is.as_deref() {
                let deadline_ms = active.deadline_ms.unwrap_or(0);
                started.push((deadline_ms, *id));
                let section = Section::new(keys, Key::ActiveOf, &[id], deadline_ms);
                writes.push(section.operation("set", vec![json(active)]));
            } else if running.was {
                ended.push(id.to_string());
                writes.push(Section::new(keys, Key::ActiveOf, &[id], 0).delete());
            }
        }
        for started in started.chunks(MEMBERS) {
            let ids = started.iter().map(|(_, id)| id.to_string()).collect();
            writes.push(Section::new(keys, Key::Active, &[], 0).operation("in", ids));
            let scores = Section::new(keys, Key::Deadlines, &[], 0);
            writes.push(scores.operation("score", scored(started.iter().copied())));
        }
        let section = Section::new(keys, Key::Active, &[], 0);
        writes.push(section.operation("out", ended.clone()));
        writes.push(Section::new(keys, Key::Deadlines, &[], 0).operation("rem", ended));
    }

    fn write_timeline(&self, keys: &Keyspace, now_ms: i64, writes: &mut Writes) {
        let starts: Vec<(i64, &str)> = self
            .timeline
            .what
            .iter()
            .map(|(&id, &started_ms)| (started_ms, id))
            .collect();
        for starts in starts.chunks(MEMBERS) {
            let section = Section::new(keys, Key::Timeline, &[], self.timeline.at_ms)
                .operation("score", scored(starts.iter().copied()))
                .operation("since", vec![(now_ms - TIMELINE_MS).to_string()])
                .operation("top", vec![TIMELINE_KEPT.to_string()]);
            writes.push(section);
        }
    }

    fn write_agents(&self, keys: &Keyspace, writes: &mut Writes) {
        for (agent, slowest) in &self.slowest {
            let durations = slowest.what.iter();
            let scores = durations.filter_map(|(&id, &ms)| Some((ms? as i64, id)));
            let gone = slowest.what.iter().filter(|(_, ms)| ms.is_none());
            let section = Section::new(keys, Key::Slowest, &[agent], slowest.at_ms)
                .operation("score", scored(scores))
                .operation("rem", gone.map(|(id, _)| id.to_string()).collect())
                .operation("top", vec![SLOWEST_KEPT.to_string()]);
            writes.push(section);
        }
        for (agent, history) in &self.history {
            let section = Section::new(keys, Key::History, &[agent], history.at_ms);
            let listed = |execution: &&Execution| json(&(*execution).clone().listed(ERROR_BYTES));
            writes.push(newest(section, &history.what, ENDED_KEPT, listed));
        }
        for (agent, errors) in &self.errors {
            let section = Section::new(keys, Key::Errors, &[agent], errors.at_ms);
            writes.push(newest(section, &errors.what, FAILED_KEPT, json));
        }
    }
}

fn fields(tally: &Tally) -> impl Iterator<Item = (&'static str, i64)> {
    FIELDS.into_iter().zip(tally.to_array())
}

fn buckets(sketch: &Sketch) -> impl Iterator<Item = (String, i64)> {
    sketch
        .counts()
        .map(|(lowest_ms, count)| (lowest_ms.to_string(), count))
}

fn scored<'a>(members: impl Iterator<Item = (i64, &'a str)>) -> Vec<String> {
    members
        .flat_map(|(score, member)| [score.to_string(), member.to_owned()])
        .collect()
}

fn newest<T>(section: Section, listed: &Listed<T>, kept: usize, json: fn(&T) -> String) -> Section {
    section
        .operation("pull", listed.stale().map(json).collect())
        .operation("push", listed.newest(kept).into_iter().map(json).collect())
        .operation("keep", vec![kept.to_string()])
}

pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("what is stored has string keys and writes to memory")
}
