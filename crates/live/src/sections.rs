//! How the content becomes writes: what is added to which key, and how long the key lives.

use std::fmt::Display;

use super::content::{AgentSum, Content, Lasted};
use super::keys::{Key, Keyspace};
use super::listed::Listed;
use super::shown::{self, score_s};
use super::writes::{Merge, Section, Writes};
use agentpulse_core::retention::{
    DURATIONS_KEPT, DURATIONS_MS, ENDED_KEPT, FAILED_KEPT, TIMELINE_KEPT, TIMELINE_MS,
};
use agentpulse_core::sketch::Sketch;
use agentpulse_core::tally::{FIELDS, Tally};

pub(super) const MIN_DURATION: &str = "min_duration_ms";
pub(super) const MAX_DURATION: &str = "max_duration_ms";
/// A duration was taken away from the bucket: history knows the smallest and the largest.
pub(super) const EXTREMES_FROM_HISTORY: &str = "extremes_from_history";

/// Before the hour of the day (00 to 23) in the name of a field of a day.
pub(super) const HOUR_COUNT: &str = "execution_count:hour:";
/// Before the agent type in the name of a field of a day.
pub(super) const TYPE_COUNT: &str = "execution_count:type:";

/// Members of one section of a large set in a rebuild: some milliseconds of Redis's time.
const MEMBERS: usize = 2_000;

impl Content<'_> {
    pub(super) fn writes(self, keys: &Keyspace, now_ms: i64) -> Writes {
        let mut writes = Writes::default();
        self.write_tallies(keys, &mut writes);
        self.write_tools(keys, &mut writes);
        self.write_running(keys, &mut writes);
        self.write_timeline(keys, now_ms, &mut writes);
        self.write_durations(keys, now_ms, &mut writes);
        self.write_lists(keys, &mut writes);
        writes
    }

    fn write_tallies(&self, keys: &Keyspace, writes: &mut Writes) {
        for ((hour, agent_type), tally) in &self.hours {
            let parts: [&dyn Display; 2] = [hour, agent_type];
            let section = Section::new(keys, Key::HourTally, &parts, hour.end_ms());
            let merge = Merge::default().add(fields(tally));
            writes.push(section.merge(merge).derive("hour"));
        }
        for (day, sum) in &self.days {
            let by_hour = sum.by_hour.iter();
            let by_hour = by_hour.map(|(hour, &count)| (format!("{hour:02}"), count));
            let by_type = sum.by_type.iter().map(|(name, &count)| (*name, count));
            let merge = Merge::default()
                .add(fields(&sum.tally))
                .add(counts(HOUR_COUNT, by_hour))
                .add(counts(TYPE_COUNT, by_type));
            let section = Section::new(keys, Key::DayTally, &[day], keys.zone().end_ms(*day));
            writes.push(section.merge(merge).derive("day"));
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
            let section = Section::new(
                keys,
                Key::AgentTally,
                &[day, agent],
                keys.zone().end_ms(*day),
            );
            writes.push(section.merge(merge).operation("put", mark));
            let section = Section::new(
                keys,
                Key::AgentSketch,
                &[agent, day],
                keys.zone().end_ms(*day),
            );
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
                let section = Section::new(keys, key, &[day], keys.zone().end_ms(*day));
                writes
                    .push(section.add(ranking.iter().map(|(&tool, &sum)| (tool.to_owned(), sum))));
            }
        }
        for ((day, agent_type), ranking) in &self.type_tools {
            let section = Section::new(
                keys,
                Key::TypeTools,
                &[day, agent_type],
                keys.zone().end_ms(*day),
            );
            writes.push(section.add(ranking.iter().map(|(&tool, &sum)| (tool.to_owned(), sum))));
        }
        for (day, pairs) in &self.pairs {
            let section = Section::new(keys, Key::ToolPairs, &[day], keys.zone().end_ms(*day));
            writes.push(section.add(pairs.iter().map(|(pair, &sum)| (pair.clone(), sum))));
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
                writes.push(section.texts("set", vec![shown::running(active)]));
            } else if running.was {
                ended.push(id.to_string());
                writes.push(Section::new(keys, Key::ActiveOf, &[id], 0).delete());
            }
        }
        for started in started.chunks(MEMBERS) {
            let ids = started.iter().map(|(_, id)| id.to_string()).collect();
            writes.push(Section::new(keys, Key::Active, &[], 0).operation("in", ids));
            let scores = Section::new(keys, Key::Deadlines, &[], 0);
            writes.push(scores.operation("score", at(started)));
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
            .map(|&(id, started_ms)| (started_ms, id))
            .collect();
        for starts in starts.chunks(MEMBERS) {
            let section = Section::new(keys, Key::Timeline, &[], self.timeline.at_ms)
                .operation("score", at(starts))
                .operation("since", vec![score_s(now_ms - TIMELINE_MS)])
                .operation("top", vec![TIMELINE_KEPT.to_string()]);
            writes.push(section);
        }
    }

    /// The durations, and beside them the ends, by which both are trimmed.
    fn write_durations(&self, keys: &Keyspace, now_ms: i64, writes: &mut Writes) {
        for (agent, durations) in &self.durations {
            let lasted = durations.what.iter();
            let lasted = lasted.filter_map(|&(id, lasted)| Some((id, lasted?)));
            let lasted: Vec<(&str, Lasted)> = lasted.collect();
            let gone = durations.what.iter().filter(|(_, lasted)| lasted.is_none());
            let gone: Vec<String> = gone.map(|(id, _)| id.to_string()).collect();
            let by_duration = lasted
                .iter()
                .flat_map(|(id, lasted)| [lasted.duration_ms.to_string(), id.to_string()]);
            let by_end: Vec<(i64, &str)> = lasted
                .iter()
                .map(|(id, lasted)| (lasted.ended_ms, *id))
                .collect();
            let limits = [DURATIONS_KEPT.to_string(), score_s(now_ms - DURATIONS_MS)];
            let section = |key| Section::new(keys, key, &[agent], durations.at_ms);
            writes.push_both(
                section(Key::Durations)
                    .operation("score", by_duration.collect())
                    .operation("rem", gone.clone()),
                section(Key::DurationEnds)
                    .operation("score", at(&by_end))
                    .operation("rem", gone)
                    .operation("latest", limits.into()),
            );
        }
    }

    fn write_lists(&self, keys: &Keyspace, writes: &mut Writes) {
        for (agent, history) in &self.history {
            let section = Section::new(keys, Key::History, &[agent], history.at_ms);
            writes.push(newest(section, &history.what, ENDED_KEPT, |one| {
                shown::ended(one)
            }));
        }
        for (agent, errors) in &self.errors {
            let section = Section::new(keys, Key::Errors, &[agent], errors.at_ms);
            writes.push(newest(section, &errors.what, FAILED_KEPT, shown::failed));
        }
    }
}

fn fields(tally: &Tally) -> impl Iterator<Item = (&'static str, i64)> {
    FIELDS.into_iter().zip(tally.to_array())
}

/// Counts by a part, with what stands before it in the name of the field.
fn counts<T: Display>(
    prefix: &str,
    parts: impl Iterator<Item = (T, i64)>,
) -> impl Iterator<Item = (String, i64)> {
    parts.map(move |(part, count)| (format!("{prefix}{part}"), count))
}

fn buckets(sketch: &Sketch) -> impl Iterator<Item = (String, i64)> {
    sketch
        .counts()
        .map(|(lowest_ms, count)| (lowest_ms.to_string(), count))
}

/// Members by their moments.
fn at(members: &[(i64, &str)]) -> Vec<String> {
    members
        .iter()
        .flat_map(|&(time_ms, member)| [score_s(time_ms), member.to_owned()])
        .collect()
}

fn newest<T>(section: Section, listed: &Listed<T>, kept: usize, json: fn(&T) -> String) -> Section {
    section
        .texts("pull", listed.stale().iter().map(json).collect())
        .texts("push", listed.newest(kept).iter().map(json).collect())
        .operation("keep", vec![kept.to_string()])
}
