//! Tasks and messages as they are answered, in JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use agentpulse_core::bucket::rfc3339;
use agentpulse_store::tasks as store;
use agentpulse_store::tasks::MessageKind;
use agentpulse_tasks::status::{BlockedReason, Status};
use agentpulse_tasks::task;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    pub id: i64,
    pub task_type: String,
    pub assigned_to: String,
    pub created_by: Option<String>,
    pub status: Status,
    pub priority: u8,
    /// Any JSON.
    pub context: Option<Value>,
    /// Any JSON.
    pub result: Option<Value>,
    pub parent_task_id: Option<i64>,
    /// The first task of its chain.
    pub root_id: i64,
    pub error_message: Option<String>,
    pub error_type: Option<String>,
    pub blocked_reason: Option<BlockedReason>,
    pub unique_key: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// Of the first attempt.
    #[schemars(extend("format" = "date-time"))]
    pub started_at: Option<String>,
    /// When it ended, however it did.
    #[schemars(extend("format" = "date-time"))]
    pub completed_at: Option<String>,
    /// It is not taken before then.
    #[schemars(extend("format" = "date-time"))]
    pub not_before: Option<String>,
    /// Attempts that failed.
    pub retry_count: u32,
    pub max_retries: u32,
    /// Its worker is to give it up.
    pub cancel_requested: bool,
    /// Who holds it, or held it last.
    pub worker: Option<String>,
    pub agent_name: Option<String>,
    /// 0..1, of this attempt.
    pub progress: Option<f64>,
    pub lease_s: i64,
    pub timeout_s: Option<i64>,
}

impl From<task::Task> for Task {
    fn from(task: task::Task) -> Task {
        let json = |text: Option<String>| {
            text.map(|text| serde_json::from_str(&text).unwrap_or(Value::String(text)))
        };
        let lease_ms = task.lease_of_attempt_ms();
        Task {
            id: task.id,
            task_type: task.task_type,
            assigned_to: task.assigned_to,
            created_by: task.created_by,
            status: task.status,
            priority: task.priority,
            context: json(task.context),
            result: json(task.result),
            parent_task_id: task.parent,
            root_id: task.root,
            error_message: task.error_message,
            error_type: task.error_type,
            blocked_reason: task.blocked_reason,
            unique_key: task.unique_key,
            created_at: rfc3339(task.created_ms),
            started_at: task.started_ms.map(rfc3339),
            completed_at: task.completed_ms.map(rfc3339),
            not_before: (task.not_before_ms > 0).then(|| rfc3339(task.not_before_ms)),
            retry_count: task.retry_count,
            max_retries: task.max_retries,
            cancel_requested: task.is_cancel_asked,
            worker: task.worker,
            agent_name: task.agent_name,
            progress: task.progress,
            lease_s: lease_ms / 1_000,
            timeout_s: task.timeout_ms.map(|ms| ms / 1_000),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TaskAttempt")]
pub struct Attempt {
    pub worker: String,
    pub agent_name: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    #[schemars(extend("format" = "date-time"))]
    pub ended_at: Option<String>,
    /// `completed`, `blocked`, `cancelled`, `released`, or the type of the error.
    pub how: Option<String>,
}

impl From<store::Attempt> for Attempt {
    fn from(attempt: store::Attempt) -> Attempt {
        Attempt {
            worker: attempt.worker,
            agent_name: attempt.agent_name,
            at: rfc3339(attempt.at_ms),
            ended_at: attempt.ended_ms.map(rfc3339),
            how: attempt.how,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TaskMessage")]
pub struct Message {
    pub id: i64,
    pub task_id: Option<i64>,
    pub from_agent: String,
    pub to_agent: String,
    pub message_type: MessageKind,
    pub content: String,
    /// Any JSON.
    pub metadata: Option<Value>,
    pub reply_to: Option<i64>,
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
    /// When it was first marked as read.
    #[schemars(extend("format" = "date-time"))]
    pub read_at: Option<String>,
}

impl From<store::Message> for Message {
    fn from(message: store::Message) -> Message {
        let written = message.written;
        let metadata = written.metadata;
        Message {
            id: message.id,
            task_id: written.task,
            from_agent: written.from,
            to_agent: written.to,
            message_type: written.kind,
            content: written.content,
            metadata: metadata.map(|text| serde_json::from_str(&text).unwrap_or_default()),
            reply_to: written.reply_to,
            created_at: rfc3339(message.created_ms),
            read_at: message.read_ms.map(rfc3339),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TaskLogged")]
pub struct Logged {
    pub id: i64,
    pub agent_name: String,
    #[schemars(extend("enum" = ["debug", "info", "warn", "error"]))]
    pub level: String,
    pub message: String,
    /// Any JSON.
    pub data: Option<Value>,
    #[schemars(extend("format" = "date-time"))]
    pub created_at: String,
}

impl From<store::Logged> for Logged {
    fn from(logged: store::Logged) -> Logged {
        let data = logged.line.data;
        Logged {
            id: logged.id,
            agent_name: logged.agent_name,
            level: logged.line.level.word().to_owned(),
            message: logged.line.message,
            data: data.map(|text| serde_json::from_str(&text).unwrap_or_default()),
            created_at: rfc3339(logged.created_ms),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TaskEvent")]
pub struct Event {
    pub seq: i64,
    #[schemars(extend("enum" = [
        "task_created", "task_claimed", "task_progress", "task_completed", "task_failed",
        "task_blocked", "task_requeued", "task_cancel_asked", "task_cancelled", "task_changed",
        "message"]))]
    pub kind: String,
    pub task_id: Option<i64>,
    /// The worker, or who asked for it.
    pub who: Option<String>,
    /// Of the task, after it.
    pub status: Option<Status>,
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
}

impl From<store::Event> for Event {
    fn from(event: store::Event) -> Event {
        Event {
            seq: event.seq,
            kind: event.kind.word().to_owned(),
            task_id: event.task,
            who: event.who,
            status: event.status,
            at: rfc3339(event.at_ms),
        }
    }
}
