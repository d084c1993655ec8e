//! What events say of an execution, as they said it.

use std::collections::BTreeMap;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::details::Details;
use crate::limits::{MAX_COST_MICROS, MAX_COUNT};
use crate::price::Tokens;

/// What an event, or the reaper, says of an execution.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    Start(Box<Start>),
    Stop(Box<Stop>),
    /// It had no heartbeat for too long.
    TimedOut {
        ended_ms: i64,
    },
    /// A heartbeat.
    Alive,
}

/// What a start brought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    pub agent_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_type: Option<String>,
    pub started_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_description: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools_granted: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_size: Option<u64>,
    #[serde(flatten)]
    pub origin: Origin,
}

/// Where an execution belongs; a start and a stop may both say it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_agent_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// What a stop brought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<i64>,
    pub ended_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_details: Option<Details>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools_used: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tool_calls: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_usage: Option<TokenUsage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance_metrics: Option<Details>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_metadata: Option<Details>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_metrics: Option<Details>,
    #[serde(flatten)]
    pub origin: Origin,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cache_read_tokens: u64,
    pub cache_write_tokens: u64,
    pub total_tokens: u64,
    /// What the event itself says that it cost, in millionths of a dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micros: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "EndStatus")]
pub enum Status {
    Success,
    Failure,
    Timeout,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Success => "success",
            Status::Failure => "failure",
            Status::Timeout => "timeout",
        }
    }
}

/// Reads what [`Status::as_str`] writes.
impl FromStr for Status {
    type Err = ();

    fn from_str(text: &str) -> Result<Status, ()> {
        let all = [Status::Success, Status::Failure, Status::Timeout];
        all.into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(())
    }
}

impl Start {
    /// Nothing but name, time and origin.
    pub(super) fn is_bare(&self) -> bool {
        self.agent_type.is_none()
            && self.task_description.is_none()
            && self.tools_granted.is_empty()
            && self.context_size.is_none()
    }
}

impl Stop {
    /// Nothing but name, time, status, error and origin.
    pub(super) fn is_bare(&self) -> bool {
        self.agent_type.is_none()
            && self.started_ms.is_none()
            && self.duration_ms.is_none()
            && self.tools_used.is_empty()
            && self.tool_calls.is_empty()
            && self.token_usage.is_none()
            && self.performance_metrics.is_none()
            && self.task_metadata.is_none()
            && self.output_metrics.is_none()
    }
}

impl TokenUsage {
    /// Each number at the most that a run counts for: those of an event are within it one by one,
    /// and not what they come to.
    pub(super) fn capped(self) -> TokenUsage {
        let cap = |count| MAX_COUNT.min(count);
        TokenUsage {
            input_tokens: cap(self.input_tokens),
            output_tokens: cap(self.output_tokens),
            cache_read_tokens: cap(self.cache_read_tokens),
            cache_write_tokens: cap(self.cache_write_tokens),
            total_tokens: cap(self.total_tokens),
            cost_micros: self.cost_micros.map(|cost| cost.min(MAX_COST_MICROS)),
        }
    }

    pub(super) fn is_spent(&self) -> bool {
        self.tokens() != Tokens::default() || self.total_tokens > 0
    }

    /// An event does not say for how long a cache write was meant; five minutes is the default of
    /// the providers.
    pub(super) fn tokens(&self) -> Tokens {
        Tokens {
            input: self.input_tokens,
            output: self.output_tokens,
            cache_read: self.cache_read_tokens,
            cache_write_5m: self.cache_write_tokens,
            cache_write_1h: 0,
        }
    }
}
