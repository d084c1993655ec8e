//! What both views answer, in the same types, so that a report need not know which one it asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::bucket::{Day, Hour};
use super::execution::{Details, Execution, MAX_ERROR_BYTES, Status, TokenUsage, few_names};
use super::kind::Kind;
use super::sketch::Sketch;
use super::sum::add;
use super::tally::Tally;

/// Of the tools that a running execution was granted, in bytes: some hundred names.
const MAX_GRANTED_BYTES: usize = 4 << 10;

/// The last heartbeat of a running execution, and what it said.
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    pub progress: Option<f64>,
    pub current_tool: Option<Arc<str>>,
    pub last_sign_ms: i64,
    /// When it counts as hung, unless a further heartbeat comes.
    pub deadline_ms: i64,
    /// What it has spent so far, where that is known.
    pub token_usage: Option<TokenUsage>,
}

impl Heartbeat {
    /// A change is a heartbeat too, of which no more is known.
    pub fn of_change(accepted_ms: i64, idle_ms: i64) -> Heartbeat {
        Heartbeat {
            progress: None,
            current_tool: None,
            last_sign_ms: accepted_ms,
            deadline_ms: accepted_ms + idle_ms,
            token_usage: None,
        }
    }
}

/// An execution that runs now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Active {
    pub agent_id: String,
    pub agent_name: String,
    pub agent_type: String,
    pub kind: Kind,
    pub started_ms: i64,
    pub task_description: Option<String>,
    pub tools_granted: Vec<String>,
    pub context_size: Option<u64>,
    pub session_id: Option<String>,
    pub parent_agent_id: Option<String>,
    pub depth: Option<u64>,
    pub model: Option<String>,
    pub project: Option<String>,
    pub branch: Option<String>,
    pub host: Option<String>,
    pub source: Option<String>,
    pub progress: Option<f64>,
    pub current_tool: Option<String>,
    pub last_sign_ms: Option<i64>,
    pub deadline_ms: Option<i64>,
    /// So far; in no total.
    pub token_usage: Option<TokenUsage>,
}

impl Active {
    /// Without a heartbeat.
    pub fn of(execution: &Execution) -> Active {
        let text = |text: Option<&str>| text.map(str::to_owned);
        let start = execution.start.as_ref();
        Active {
            agent_id: execution.id.clone(),
            agent_name: execution.agent_name().to_owned(),
            agent_type: execution.agent_type().to_owned(),
            kind: execution.kind(),
            started_ms: execution.started_ms().unwrap_or(0),
            task_description: text(execution.task_description()),
            tools_granted: start
                .map(|start| few_names(&start.tools_granted, MAX_GRANTED_BYTES))
                .unwrap_or_default(),
            context_size: start.and_then(|start| start.context_size),
            session_id: text(execution.origin(|origin| &origin.session_id)),
            parent_agent_id: text(execution.origin(|origin| &origin.parent_agent_id)),
            depth: execution.depth(),
            model: text(execution.model()),
            project: text(execution.project()),
            branch: text(execution.branch()),
            host: text(execution.host()),
            source: text(execution.origin(|origin| &origin.source)),
            progress: None,
            current_tool: None,
            last_sign_ms: None,
            deadline_ms: None,
            // One that had timed out, and was read then, has spent that much.
            token_usage: execution.token_usage(),
        }
    }

    pub fn with(mut self, heartbeat: &Heartbeat) -> Active {
        self.take_heartbeat(heartbeat);
        self
    }

    pub fn take_heartbeat(&mut self, heartbeat: &Heartbeat) {
        self.progress = heartbeat.progress;
        self.current_tool = heartbeat.current_tool.as_deref().map(str::to_owned);
        self.last_sign_ms = Some(heartbeat.last_sign_ms);
        self.deadline_ms = Some(heartbeat.deadline_ms);
        self.token_usage = heartbeat.token_usage.or(self.token_usage);
    }
}

/// Executions of one type that ended in one hour.
#[derive(Clone, Debug, PartialEq)]
pub struct HourTally {
    pub hour: Hour,
    pub agent_type: String,
    pub tally: Tally,
}

/// All executions that ended on one day.
#[derive(Clone, Debug, PartialEq)]
pub struct DayTally {
    pub day: Day,
    pub tally: Tally,
}

/// How many executions of one day ended in which of its hours, and of which type they were.
#[derive(Clone, Debug, PartialEq)]
pub struct DayParts {
    pub day: Day,
    /// By the hour that clocks showed, 0 to 23. Where they are set back, one comes twice.
    pub by_hour: BTreeMap<i32, i64>,
    pub by_type: BTreeMap<String, i64>,
}

impl DayParts {
    pub fn none(day: Day) -> DayParts {
        DayParts {
            day,
            by_hour: BTreeMap::new(),
            by_type: BTreeMap::new(),
        }
    }

    pub fn add(&mut self, clock_hour: i32, agent_type: &str, executions: i64) {
        add(self.by_hour.entry(clock_hour).or_default(), executions);
        match self.by_type.get_mut(agent_type) {
            Some(sum) => add(sum, executions),
            None => drop(self.by_type.insert(agent_type.to_owned(), executions)),
        }
    }
}

/// Executions of one agent that ended on one day.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentDay {
    pub day: Day,
    pub agent_name: String,
    pub tally: Tally,
    pub sketch: Sketch,
    pub min_duration_ms: Option<u64>,
    pub max_duration_ms: Option<u64>,
}

impl AgentDay {
    /// Adds what another agent under the same label, or on another day, comes to.
    pub fn add(&mut self, other: &AgentDay) {
        self.tally += other.tally;
        self.sketch.merge(&other.sketch);
        let (least, most) = (&mut self.min_duration_ms, &mut self.max_duration_ms);
        *least = least.iter().copied().chain(other.min_duration_ms).min();
        *most = most.iter().copied().chain(other.max_duration_ms).max();
    }
}

/// One tool on one day.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolDay {
    pub day: Day,
    pub tool: String,
    pub calls: i64,
    pub executions: i64,
}

/// One tool as one agent type used it on one day.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeTool {
    pub day: Day,
    pub agent_type: String,
    pub tool: String,
    pub calls: i64,
}

/// Two tools that the same executions used on one day.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolPair {
    pub day: Day,
    pub first: String,
    pub second: String,
    pub executions: i64,
}

/// An execution that did not succeed.
#[derive(Clone, Debug, PartialEq)]
pub struct Failed {
    pub agent_id: String,
    pub agent_name: String,
    pub agent_type: String,
    pub ended_ms: i64,
    pub status: Status,
    pub error_details: Option<Details>,
}

impl Failed {
    /// Returns `None` if the execution runs or succeeded. Of a large error it has a part, wherever
    /// it is read.
    pub fn of(execution: &Execution) -> Option<Failed> {
        let outcome = execution
            .outcome()
            .filter(|outcome| outcome.status != Status::Success)?;
        let error_details = execution.error_details();
        Some(Failed {
            agent_id: execution.id.clone(),
            agent_name: execution.agent_name().to_owned(),
            agent_type: execution.agent_type().to_owned(),
            ended_ms: outcome.ended_ms,
            status: outcome.status,
            error_details: error_details.map(|error| error.into_owned().within(MAX_ERROR_BYTES)),
        })
    }
}

/// How long an execution took that ended lately.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LastDuration {
    pub label: String,
    pub agent_id: String,
    pub duration_ms: u64,
    pub ended_ms: i64,
}

/// What a rebuild of the live view needs of single executions, by their labels: the tracked
/// names and `_other`.
#[derive(Debug, Default)]
pub struct Recent {
    /// The rows of those that run. They are read when they are written, as those that have ended,
    /// so that not all of them are in memory once more.
    pub running: Vec<i64>,
    /// The rows of the last that ended or failed, of each label, in the order of their last change.
    /// The executions themselves may take a gigabyte: they are fetched label by label.
    pub ended: Vec<Vec<i64>>,
    /// Of each label those that ended last.
    pub durations: Vec<LastDuration>,
    /// Executions by their start, the newest.
    pub started: Vec<(String, i64)>,
}
