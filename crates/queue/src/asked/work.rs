//! What workers send.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use agentpulse_store::tasks::{Level, Line};
use agentpulse_tasks::limits::{
    LEASE_S, MAX_CONTENT_BYTES, MAX_JSON_BYTES, MAX_LOG_BYTES, MAX_LOG_LINES, MAX_METADATA_BYTES,
    PRIORITIES,
};
use agentpulse_tasks::token::Token;
use agentpulse_tasks::work::Failure;

use super::check::{Checked, Result, invalid, number, seconds_ms};
use crate::ops::{Claim, Handoff};
use agentpulse_tasks::settings::Roles;

const MAX_WAIT_S: u64 = 60;
const MAX_HELD: usize = 10;
const MAX_TYPES: usize = 16;
const MAX_RETRY_IN_S: u64 = 86_400;
const MAX_MESSAGE_BYTES: usize = 4_096;

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TaskClaim")]
pub struct ClaimRequest {
    /// One of the two at least.
    #[schemars(length(min = 1, max = 256))]
    pub role: Option<String>,
    #[schemars(length(min = 1, max = 256))]
    pub agent_name: Option<String>,
    /// Who takes it: one that holds as many tasks as it may is given one of those again.
    #[schemars(length(min = 1, max = 256))]
    pub worker: String,
    /// All, if none is named.
    #[serde(default)]
    #[schemars(length(max = 16))]
    pub task_types: Vec<String>,
    /// How long it may be silent, in seconds, in this attempt; else as the task has it.
    #[schemars(range(min = 10, max = 3_600))]
    pub lease_s: Option<u64>,
    /// Seconds to wait for a task.
    #[serde(default)]
    #[schemars(range(max = 60))]
    pub wait: u64,
    /// How many it may hold at once.
    #[schemars(range(min = 1, max = 10))]
    pub max: Option<usize>,
    /// The execution that works on it, if its events are sent: each of its heartbeats renews the
    /// lease, and its cost is that of the task.
    #[schemars(length(min = 1, max = 256))]
    pub execution_id: Option<String>,
}

/// A claim, how long it waits, and the execution that it names.
pub type ClaimAsked = (Claim, Duration, Option<String>);

impl ClaimRequest {
    /// # Errors
    /// A field is out of its bounds, or nobody is named.
    pub fn read(self, checked: &mut Checked, roles: &Roles) -> Result<ClaimAsked> {
        let role = checked.maybe_name("role", self.role)?;
        let agent_name = checked.maybe_name("agent_name", self.agent_name)?;
        if role.is_none() && agent_name.is_none() {
            return invalid("role: it or agent_name is needed");
        }
        let wait = number("wait", Some(self.wait), 0..=MAX_WAIT_S)?;
        let claim = Claim {
            to: roles.taken_by(role.as_deref(), agent_name.as_deref()),
            worker: checked.name("worker", self.worker)?,
            agent_name,
            task_types: checked.names("task_types", self.task_types, MAX_TYPES)?,
            lease_ms: seconds_ms("lease_s", self.lease_s, LEASE_S)?,
            max: number("max", self.max, 1..=MAX_HELD)?.unwrap_or(1),
            link: None,
        };
        let execution = checked.maybe_name("execution_id", self.execution_id)?;
        let wait = Duration::from_secs(wait.unwrap_or(0));
        Ok((claim, wait, execution))
    }
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TaskHeartbeat")]
pub struct BeatRequest {
    /// As the claim answered it.
    pub token: String,
    /// 0 to 1.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub progress: Option<f64>,
    /// A longer lease from now on, in seconds; else the one that it has, again.
    #[schemars(range(min = 10, max = 3_600))]
    pub extend_s: Option<u64>,
}

impl BeatRequest {
    /// # Errors
    /// A field is out of its bounds.
    pub fn read(self) -> Result<(Token, Option<f64>, Option<i64>)> {
        let progress = number("progress", self.progress, 0.0..=1.0)?;
        let extend_ms = seconds_ms("extend_s", self.extend_s, LEASE_S)?;
        Ok((token(&self.token)?, progress, extend_ms))
    }
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TaskCompletion")]
pub struct CompleteRequest {
    pub token: String,
    /// Any JSON of at most 256 KiB. Secrets are taken out.
    pub result: Option<Value>,
    /// A task that follows, with this one as its parent.
    pub handoff: Option<HandoffRequest>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TaskHandoff")]
pub struct HandoffRequest {
    /// A role, or an agent that is defined.
    #[schemars(length(min = 1, max = 256))]
    pub assigned_to: String,
    #[schemars(length(min = 1, max = 256))]
    pub task_type: String,
    /// Else the result.
    pub context: Option<Value>,
    #[schemars(range(min = 1, max = 10))]
    pub priority: Option<u8>,
}

impl CompleteRequest {
    /// # Errors
    /// A field is out of its bounds.
    pub fn read(self, checked: &mut Checked) -> Result<(Token, Option<String>, Option<Handoff>)> {
        let handoff = self.handoff.map(|handoff| {
            Ok(Handoff {
                assigned_to: checked.name("handoff.assigned_to", handoff.assigned_to)?,
                task_type: checked.name("handoff.task_type", handoff.task_type)?,
                context: checked.json("handoff.context", handoff.context, MAX_JSON_BYTES)?,
                priority: number("handoff.priority", handoff.priority, PRIORITIES)?,
            })
        });
        let handoff = handoff.transpose()?;
        let result = checked.json("result", self.result, MAX_JSON_BYTES)?;
        Ok((token(&self.token)?, result, handoff))
    }
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TaskFailure")]
pub struct FailRequest {
    pub token: String,
    /// At most 4 KiB.
    pub error_message: Option<String>,
    #[schemars(length(min = 1, max = 256))]
    pub error_type: Option<String>,
    /// False: it is not tried again.
    #[serde(default = "yes")]
    pub retryable: bool,
    /// When it is tried again, in seconds; else after a wait that doubles each time.
    #[schemars(range(max = 86_400))]
    pub retry_in_s: Option<u64>,
}

fn yes() -> bool {
    true
}

impl FailRequest {
    /// # Errors
    /// A field is out of its bounds.
    pub fn read(self, checked: &mut Checked) -> Result<(Token, Failure)> {
        let message = self.error_message;
        let message = message.map(|text| checked.text("error_message", text, MAX_MESSAGE_BYTES));
        let failure = Failure {
            error_type: checked.maybe_name("error_type", self.error_type)?,
            message: message.transpose()?,
            is_final: !self.retryable,
            retry_in_ms: seconds_ms("retry_in_s", self.retry_in_s, 0..=MAX_RETRY_IN_S)?,
        };
        Ok((token(&self.token)?, failure))
    }
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TaskBlock")]
pub struct BlockRequest {
    pub token: String,
    pub question: QuestionRequest,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TaskQuestion")]
pub struct QuestionRequest {
    /// A role, an agent, or `user`.
    #[schemars(length(min = 1, max = 256))]
    pub to: String,
    /// At most 64 KiB.
    pub content: String,
}

impl BlockRequest {
    /// # Errors
    /// A field is out of its bounds.
    pub fn read(self, checked: &mut Checked) -> Result<(Token, String, String)> {
        let to = checked.name("question.to", self.question.to)?;
        let content = self.question.content;
        let content = checked.text("question.content", content, MAX_CONTENT_BYTES)?;
        Ok((token(&self.token)?, to, content))
    }
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TaskRelease")]
pub struct ReleaseRequest {
    pub token: String,
}

impl ReleaseRequest {
    /// # Errors
    /// It is no token.
    pub fn read(self) -> Result<Token> {
        token(&self.token)
    }
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "TaskCancel")]
pub struct CancelRequest {
    /// Also the tasks that follow it.
    pub cascade: bool,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TaskLog")]
pub struct LogRequest {
    pub token: String,
    #[schemars(length(min = 1, max = 100))]
    pub lines: Vec<LogLine>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "TaskLogLine")]
pub struct LogLine {
    #[schemars(extend("enum" = ["debug", "info", "warn", "error"]))]
    pub level: String,
    /// At most 8 KiB.
    pub message: String,
    /// Any JSON of at most 16 KiB.
    pub data: Option<Value>,
}

impl LogRequest {
    /// # Errors
    /// A field is out of its bounds.
    pub fn read(self, checked: &mut Checked) -> Result<(Token, Vec<Line>)> {
        let count = self.lines.len();
        if !(1..=MAX_LOG_LINES).contains(&count) {
            return invalid(format!("lines: {count}, allowed are 1 to {MAX_LOG_LINES}"));
        }
        let line = |line: LogLine| {
            let Some(level) = Level::of(&line.level) else {
                return invalid("level: debug, info, warn or error");
            };
            Ok(Line {
                level,
                message: checked.text("message", line.message, MAX_LOG_BYTES)?,
                data: checked.json("data", line.data, MAX_METADATA_BYTES)?,
            })
        };
        let lines: Result<Vec<Line>> = self.lines.into_iter().map(line).collect();
        Ok((token(&self.token)?, lines?))
    }
}

fn token(text: &str) -> Result<Token> {
    text.parse()
        .or_else(|()| invalid("token: it is none of a claim"))
}
