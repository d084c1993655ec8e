//! What goes to which key, of a run of changes or of all that history knows. Both become the same
//! content, and the same content becomes the same writes: so a rebuilt Redis equals an applied one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::listed::Listed;
use super::pair;
use agentpulse_core::bucket::{Day, Hour};
use agentpulse_core::change::{Change, Net};
use agentpulse_core::dimension::Dimension;
use agentpulse_core::execution::Execution;
use agentpulse_core::names::{NameKind, Names};
use agentpulse_core::sum::add;
use agentpulse_core::sums::{Durations, Sums};
use agentpulse_core::tally::Tally;
use agentpulse_core::view::{
    Active, AgentDay, DayParts, DayTally, Failed, Heartbeat, HourTally, Recent, ToolDay, ToolPair,
    TypeTool,
};

/// What history knows, by its own names; those without a place are put under `_other`.
pub struct Rows<'a> {
    pub hours: &'a [HourTally],
    pub days: &'a [DayTally],
    pub day_parts: &'a [DayParts],
    pub agents: &'a [AgentDay],
    pub tools: &'a [ToolDay],
    pub type_tools: &'a [TypeTool],
    pub pairs: &'a [ToolPair],
    pub recent: &'a Recent,
}

type Ranking<'a> = BTreeMap<&'a str, i64>;
/// Each id is named once.
type ById<'a, T> = Vec<(&'a str, T)>;

/// Names are places. Each value of a map is one key.
#[derive(Default)]
pub(super) struct Content<'a> {
    pub(super) hours: BTreeMap<(Hour, &'a str), Tally>,
    pub(super) days: BTreeMap<Day, DaySum<'a>>,
    pub(super) agents: BTreeMap<(Day, &'a str), AgentSum>,
    pub(super) tool_calls: BTreeMap<Day, Ranking<'a>>,
    pub(super) tool_executions: BTreeMap<Day, Ranking<'a>>,
    pub(super) type_tools: BTreeMap<(Day, &'a str), Ranking<'a>>,
    pub(super) pairs: BTreeMap<Day, BTreeMap<String, i64>>,
    pub(super) running: ById<'a, Running<'a>>,
    pub(super) timeline: Touched<ById<'a, i64>>,
    pub(super) durations: BTreeMap<&'a str, Touched<ById<'a, Option<Lasted>>>>,
    pub(super) history: BTreeMap<&'a str, Touched<Listed<&'a Execution>>>,
    pub(super) errors: BTreeMap<&'a str, Touched<Listed<Failed>>>,
}

#[derive(Default)]
pub(super) struct DaySum<'a> {
    pub(super) tally: Tally,
    /// Executions by the hour of the day.
    pub(super) by_hour: BTreeMap<i32, i64>,
    pub(super) by_type: BTreeMap<&'a str, i64>,
}

/// An execution whose duration is known.
#[derive(Clone, Copy)]
pub(super) struct Lasted {
    pub(super) duration_ms: u64,
    pub(super) ended_ms: i64,
}

#[derive(Default)]
pub(super) struct AgentSum {
    pub(super) tally: Tally,
    pub(super) durations: Durations,
}

/// Something, and when the last change that touched it was accepted.
#[derive(Default)]
pub(super) struct Touched<T> {
    pub(super) at_ms: i64,
    pub(super) what: T,
}

pub(super) struct Running<'a> {
    /// Whether it ran before, as far as Redis knows.
    pub(super) was: bool,
    /// What is shown of it, if it runs now.
    pub(super) is: Option<Cow<'a, Active>>,
}

impl<'a> Content<'a> {
    pub(super) fn of(changes: &'a [Arc<Change>], names: &Names, idle_ms: i64) -> Content<'a> {
        let mut content = Content::default();
        let nets = Net::of_each(changes.iter().map(Arc::as_ref));
        let sums = Sums::of_live(&nets, names);
        content.take_sums(sums);
        for net in &nets {
            content.follow(net, names, idle_ms);
        }
        content
    }

    pub(super) fn of_rows(rows: &Rows<'a>, names: &Names, now_ms: i64) -> Content<'a> {
        let mut content = Content::default();
        content.take_tallies(rows, names);
        content.take_tools(rows, names);
        for last in &rows.recent.durations {
            let lasted = Lasted {
                duration_ms: last.duration_ms,
                ended_ms: last.ended_ms,
            };
            let durations = content.durations.entry(&last.label).or_default();
            let durations = durations.touch(now_ms);
            durations.push((&last.agent_id, Some(lasted)));
        }
        for (id, started_ms) in &rows.recent.started {
            content.timeline.touch(now_ms).push((id, *started_ms));
        }
        content
    }

    pub(super) fn of_active(active: &'a [Active]) -> Content<'a> {
        let mut content = Content::default();
        for active in active {
            let running = Running {
                was: false,
                is: Some(Cow::Borrowed(active)),
            };
            content.running.push((&active.agent_id, running));
        }
        content
    }

    /// The lists of what has ended, in the order of the last changes.
    pub(super) fn of_ended(
        ended: &'a [Arc<Execution>],
        names: &'a Names,
        now_ms: i64,
    ) -> Content<'a> {
        let mut content = Content::default();
        for execution in ended {
            let Some(outcome) = execution.outcome() else {
                continue;
            };
            let day = names.zone().day_of(outcome.ended_ms);
            let place = names.label(NameKind::Agent, day, execution.agent_name());
            let history = content.history.entry(place).or_default().touch(now_ms);
            history.put(Some(execution), None);
            if let Some(failed) = Failed::of(execution) {
                let errors = content.errors.entry(place).or_default().touch(now_ms);
                errors.put(Some(failed), None);
            }
        }
        content
    }

    /// Sums, and beside them the tallies of rows.
    pub(super) fn of_sums(sums: Sums<'a>, rows: &Rows<'a>, names: &Names) -> Content<'a> {
        let mut content = Content::default();
        content.take_sums(sums);
        content.take_tallies(rows, names);
        content.take_tools(rows, names);
        content
    }

    fn take_sums(&mut self, mut sums: Sums<'a>) {
        for ((hour, agent_type), tally) in sums.take(Dimension::Type) {
            self.hours.insert((Hour(hour), agent_type), tally);
        }
        for ((day, _), tally) in sums.take(Dimension::Day) {
            self.days.entry(Day(day)).or_default().tally = tally;
        }
        for ((day, agent), tally) in sums.take(Dimension::Agent) {
            self.agents.entry((Day(day), agent)).or_default().tally = tally;
        }
        for ((day, clock_hour, agent_type), count) in sums.clocks {
            let day = self.days.entry(day).or_default();
            add(day.by_hour.entry(clock_hour).or_default(), count);
            add(day.by_type.entry(agent_type).or_default(), count);
        }
        for (key, durations) in sums.durations {
            self.agents.entry(key).or_default().durations = durations;
        }
        for ((day, agent_type, tool), sum) in sums.tools {
            let calls = self.tool_calls.entry(day).or_default();
            add(calls.entry(tool).or_default(), sum.calls);
            let executions = self.tool_executions.entry(day).or_default();
            add(executions.entry(tool).or_default(), sum.executions);
            let of_type = self.type_tools.entry((day, agent_type)).or_default();
            add(of_type.entry(tool).or_default(), sum.calls);
        }
        for ((day, first, second), executions) in sums.pairs {
            let pairs = self.pairs.entry(day).or_default();
            pairs.insert(pair::write(first, second), executions);
        }
    }

    fn take_tallies(&mut self, rows: &Rows<'a>, names: &Names) {
        for row in rows.hours {
            let day = names.zone().day_of_hour(row.hour);
            let place = names.label(NameKind::Type, day, &row.agent_type);
            *self.hours.entry((row.hour, place)).or_default() += row.tally;
        }
        for row in rows.days {
            self.days.entry(row.day).or_default().tally += row.tally;
        }
        for row in rows.day_parts {
            let day = self.days.entry(row.day).or_default();
            for (&hour, &count) in &row.by_hour {
                add(day.by_hour.entry(hour).or_default(), count);
            }
            for (agent_type, &count) in &row.by_type {
                let place = names.label(NameKind::Type, row.day, agent_type);
                add(day.by_type.entry(place).or_default(), count);
            }
        }
        for row in rows.agents {
            let place = names.label(NameKind::Agent, row.day, &row.agent_name);
            let durations = Durations {
                sketch: row.sketch.clone(),
                min_duration_ms: row.min_duration_ms,
                max_duration_ms: row.max_duration_ms,
                extremes_unknown: false,
            };
            let sum = self.agents.entry((row.day, place)).or_default();
            sum.tally += row.tally;
            sum.durations.merge(&durations);
        }
    }

    fn take_tools(&mut self, rows: &Rows<'a>, names: &Names) {
        for row in rows.tools {
            let place = names.label(NameKind::Tool, row.day, &row.tool);
            let calls = self.tool_calls.entry(row.day).or_default();
            add(calls.entry(place).or_default(), row.calls);
            let executions = self.tool_executions.entry(row.day).or_default();
            add(executions.entry(place).or_default(), row.executions);
        }
        for row in rows.type_tools {
            let of_type = names.label(NameKind::Type, row.day, &row.agent_type);
            let tools = self.type_tools.entry((row.day, of_type)).or_default();
            let place = names.label(NameKind::Tool, row.day, &row.tool);
            add(tools.entry(place).or_default(), row.calls);
        }
        for row in rows.pairs {
            let is_tracked = |tool: &str| names.is_tracked(NameKind::Tool, row.day, tool);
            if is_tracked(&row.first) && is_tracked(&row.second) {
                let pairs = self.pairs.entry(row.day).or_default();
                let pair = pair::write(&row.first, &row.second);
                add(pairs.entry(pair).or_default(), row.executions);
            }
        }
    }

    /// What happens to an execution beside the sums.
    fn follow(&mut self, net: &Net<'a>, names: &Names, idle_ms: i64) {
        let (after, at_ms) = (net.after(), net.last.accepted_ms);
        let is = after
            .is_running()
            .then(|| Cow::Owned(Active::of(after).with(&Heartbeat::of_change(at_ms, idle_ms))));
        let was = !net.first.first && net.before().is_none();
        self.running.push((&after.id, Running { was, is }));
        if let Some(started_ms) = after.started_ms() {
            self.timeline.touch(at_ms).push((&after.id, started_ms));
        }
        self.follow_lists(net, names);
    }

    /// The lists of agents. What an execution was there is taken out by its value, and what it is
    /// now comes in.
    fn follow_lists(&mut self, net: &Net<'a>, names: &Names) {
        let at_ms = net.last.accepted_ms;
        let place = |execution: &'a Execution| {
            let day = names.zone().day_of(execution.outcome()?.ended_ms);
            Some(names.label(NameKind::Agent, day, execution.agent_name()))
        };
        let (before, after) = (net.before(), net.after());
        let (was, is) = (before.and_then(place), place(after));
        for here in was.filter(|_| was != is).into_iter().chain(is) {
            let stale = before.filter(|_| was == Some(here));
            let newest = Some(after).filter(|_| is == Some(here));
            let history = self.history.entry(here).or_default().touch(at_ms);
            history.put(newest, stale);
            let (had_failed, failed) = (stale.and_then(Failed::of), newest.and_then(Failed::of));
            if had_failed.is_some() || failed.is_some() {
                let errors = self.errors.entry(here).or_default().touch(at_ms);
                errors.put(failed, had_failed);
            }
            let lasted = newest.and_then(Lasted::of);
            if lasted.is_some() || stale.and_then(Lasted::of).is_some() {
                let durations = self.durations.entry(here).or_default();
                durations.touch(at_ms).push((&after.id, lasted));
            }
        }
    }
}

impl Lasted {
    fn of(execution: &Execution) -> Option<Lasted> {
        let outcome = execution.outcome()?;
        Some(Lasted {
            duration_ms: outcome.duration_ms?,
            ended_ms: outcome.ended_ms,
        })
    }
}

impl<T> Touched<T> {
    fn touch(&mut self, at_ms: i64) -> &mut T {
        self.at_ms = at_ms;
        &mut self.what
    }
}
