//! What goes to which key, of a run of changes or of all that history knows. Both become the same
//! content, and the same content becomes the same writes: so a rebuilt Redis equals an applied one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::keys::SLOWEST_MS;
use super::listed::Listed;
use super::pair;
use crate::domain::bucket::{Day, Hour};
use crate::domain::change::Change;
use crate::domain::execution::{Execution, Status};
use crate::domain::names::{NameKind, Names};
use crate::domain::sum::add;
use crate::domain::sums::{AgentSum, Sums};
use crate::domain::tally::Tally;
use crate::domain::view::{
    Active, AgentDay, DayTally, Failed, HourTally, Recent, Sign, ToolDay, ToolPair, TypeTool,
};

/// What history knows, by its own names; those without a place are put under `_other`.
pub struct Rows<'a> {
    pub hours: &'a [HourTally],
    pub days: &'a [DayTally],
    pub agents: &'a [AgentDay],
    pub tools: &'a [ToolDay],
    pub type_tools: &'a [TypeTool],
    pub pairs: &'a [ToolPair],
    /// Those that run with the last that was heard of them.
    pub recent: &'a Recent,
}

type Ranking<'a> = BTreeMap<&'a str, i64>;

/// Names are places. Each value of a map is one key.
#[derive(Default)]
pub(super) struct Content<'a> {
    pub(super) hours: BTreeMap<(Hour, &'a str), Tally>,
    pub(super) days: BTreeMap<Day, Tally>,
    pub(super) agents: BTreeMap<(Day, &'a str), AgentSum>,
    pub(super) tool_calls: BTreeMap<Day, Ranking<'a>>,
    pub(super) tool_executions: BTreeMap<Day, Ranking<'a>>,
    pub(super) type_tools: BTreeMap<(Day, &'a str), Ranking<'a>>,
    pub(super) pairs: BTreeMap<Day, BTreeMap<String, i64>>,
    pub(super) running: BTreeMap<&'a str, Running<'a>>,
    pub(super) timeline: Touched<BTreeMap<&'a str, i64>>,
    pub(super) slowest: BTreeMap<&'a str, Touched<BTreeMap<&'a str, Option<u64>>>>,
    pub(super) history: BTreeMap<&'a str, Touched<Listed<'a, &'a Execution>>>,
    pub(super) errors: BTreeMap<&'a str, Touched<Listed<'a, Failed>>>,
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
        let sums = Sums::of(changes.iter().map(|change| &**change)).placed(names);
        content.take_sums(sums);
        for change in changes {
            content.follow(change, names, idle_ms);
        }
        content
    }

    pub(super) fn of_rows(rows: &Rows<'a>, names: &Names, now_ms: i64) -> Content<'a> {
        let mut content = Content::default();
        content.take_tallies(rows, names);
        content.take_tools(rows, names);
        for active in &rows.recent.running {
            let running = Running {
                was: false,
                is: Some(Cow::Borrowed(active)),
            };
            content.running.insert(&active.agent_id, running);
        }
        for execution in &rows.recent.ended {
            let place = names.place(NameKind::Agent, execution.agent_name());
            let history = content.history.entry(place).or_default().touch(now_ms);
            history.push(&execution.id, execution, None);
            if let Some(failed) = Failed::of(execution) {
                let errors = content.errors.entry(place).or_default().touch(now_ms);
                errors.push(&execution.id, failed, None);
            }
        }
        for (agent, id, duration_ms) in &rows.recent.slowest {
            let place = names.place(NameKind::Agent, agent);
            let slowest = content.slowest.entry(place).or_default();
            slowest.touch(now_ms).insert(id, Some(*duration_ms));
        }
        for (id, started_ms) in &rows.recent.started {
            content.timeline.touch(now_ms).insert(id, *started_ms);
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

    fn take_sums(&mut self, sums: Sums<'a>) {
        self.hours = sums.hours;
        self.days = sums.days;
        self.agents = sums.agents;
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
            let place = names.place(NameKind::Type, &row.agent_type);
            *self.hours.entry((row.hour, place)).or_default() += row.tally;
        }
        for row in rows.days {
            *self.days.entry(row.day).or_default() += row.tally;
        }
        for row in rows.agents {
            let place = names.place(NameKind::Agent, &row.agent_name);
            let sum = AgentSum {
                tally: row.tally,
                sketch: row.sketch.clone(),
                min_duration_ms: row.min_duration_ms,
                max_duration_ms: row.max_duration_ms,
                shrunk: false,
            };
            self.agents.entry((row.day, place)).or_default().merge(&sum);
        }
    }

    fn take_tools(&mut self, rows: &Rows<'a>, names: &Names) {
        for row in rows.tools {
            let place = names.place(NameKind::Tool, &row.tool);
            let calls = self.tool_calls.entry(row.day).or_default();
            add(calls.entry(place).or_default(), row.calls);
            let executions = self.tool_executions.entry(row.day).or_default();
            add(executions.entry(place).or_default(), row.executions);
        }
        for row in rows.type_tools {
            let of_type = names.place(NameKind::Type, &row.agent_type);
            let tools = self.type_tools.entry((row.day, of_type)).or_default();
            let place = names.place(NameKind::Tool, &row.tool);
            add(tools.entry(place).or_default(), row.calls);
        }
        let admitted = |tool: &str| names.is_admitted(NameKind::Tool, tool);
        for row in rows.pairs {
            if admitted(&row.first) && admitted(&row.second) {
                let pairs = self.pairs.entry(row.day).or_default();
                let pair = pair::write(&row.first, &row.second);
                add(pairs.entry(pair).or_default(), row.executions);
            }
        }
    }

    /// What a change does beside the sums.
    fn follow(&mut self, change: &'a Change, names: &Names, idle_ms: i64) {
        let (after, at_ms) = (&*change.after, change.accepted_ms);
        let running = self.running.entry(&after.id).or_insert_with(|| Running {
            was: !change.first && change.before.is_none(),
            is: None,
        });
        running.is = after
            .is_running()
            .then(|| Cow::Owned(Active::of(after).with(&Sign::of_change(at_ms, idle_ms))));
        if let Some(started_ms) = after.started_ms() {
            self.timeline.touch(at_ms).insert(&after.id, started_ms);
        }
        let place = names.place(NameKind::Agent, after.agent_name());
        let before = change.before.as_deref();
        let place_before = before.map(|before| names.place(NameKind::Agent, before.agent_name()));
        // Where an execution was and is no more, it is there as it is now, and a reader sees that
        // it belongs elsewhere, runs, or has succeeded. What it was is taken out by its value: an
        // older version may have written that otherwise, and then the newest entry counts.
        let moved_from = place_before.filter(|&place_before| place_before != place);
        for place in moved_from.into_iter().chain([place]) {
            if before.is_some() || after.outcome().is_some() {
                let stale = before.filter(|_| place_before == Some(place));
                let history = self.history.entry(place).or_default().touch(at_ms);
                history.push(&after.id, after, stale);
            }
        }
        self.follow_errors(change, place, place_before);
        let duration_ms = |execution: &Execution| {
            let outcome = execution.outcome()?;
            outcome
                .duration_ms
                .filter(|_| outcome.ended_ms >= at_ms - SLOWEST_MS)
        };
        let had = before.and_then(duration_ms).and(place_before);
        let has = duration_ms(after).map(|_| place);
        for place in had.filter(|&had| Some(had) != has).into_iter().chain(has) {
            let slowest = self.slowest.entry(place).or_default();
            let duration_ms = duration_ms(after).filter(|_| Some(place) == has);
            slowest.touch(at_ms).insert(&after.id, duration_ms);
        }
    }

    fn follow_errors(&mut self, change: &'a Change, place: &'a str, before: Option<&'a str>) {
        let (id, at_ms) = (&change.after.id, change.accepted_ms);
        let failed = Failed::of(&change.after);
        let mut stale = change.before.as_deref().and_then(Failed::of);
        if let Some(before) = before
            && (failed.is_none() || before != place)
            && let Some(had_failed) = stale.take()
        {
            let gone = Failed {
                status: Status::Success,
                error_details: None,
                ..had_failed.clone()
            };
            let errors = self.errors.entry(before).or_default().touch(at_ms);
            errors.push(id, gone, Some(had_failed));
        }
        if let Some(failed) = failed {
            let errors = self.errors.entry(place).or_default().touch(at_ms);
            errors.push(id, failed, stale);
        }
    }
}

impl<T> Touched<T> {
    fn touch(&mut self, at_ms: i64) -> &mut T {
        self.at_ms = at_ms;
        &mut self.what
    }
}
