//! What runs now, one by one.

use schemars::JsonSchema;
use serde::Serialize;

use super::item::Tokens;
use super::{Error, Sources, View};
use crate::domain::bucket::rfc3339;
use crate::domain::view::Active;

/// Ten times what any machine has been seen to run at once; the oldest are listed.
pub(super) const MAX_LISTED: usize = 10_000;

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct ActiveList {
    /// Oldest first.
    pub active: Vec<Listed>,
}

/// A running execution in short, as the current picture shows it.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Running {
    pub agent_id: String,
    pub agent_name: String,
    #[schemars(extend("const" = "running"))]
    pub status: &'static str,
    pub duration_so_far_ms: i64,
    /// 0..1.
    pub progress: Option<f64>,
}

/// A running execution with all that its start told.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "RunningExecution")]
pub struct Listed {
    #[serde(flatten)]
    pub running: Running,
    pub agent_type: String,
    #[schemars(extend("format" = "date-time"))]
    pub start_time: String,
    pub current_tool: Option<String>,
    /// So far; null while it is not known.
    pub token_usage: Option<Tokens>,
    pub parent_agent_id: Option<String>,
    /// Launches below the main thread; null where no hook told of it.
    pub depth: Option<u64>,
    pub task_description: Option<String>,
    pub tools_granted: Vec<String>,
    pub context_size: Option<u64>,
    pub session_id: Option<String>,
    pub model: Option<String>,
    pub host: Option<String>,
    pub source: Option<String>,
    /// When it was last heard of.
    #[schemars(extend("format" = "date-time"))]
    pub last_sign: Option<String>,
    /// When it counts as hung, if nothing more is heard.
    #[schemars(extend("format" = "date-time"))]
    pub deadline: Option<String>,
}

pub async fn fetch(sources: &Sources, now_ms: i64) -> Result<(ActiveList, View), Error> {
    let (active, view) = sources.active().await?;
    Ok((build(active, now_ms), view))
}

pub fn build(mut active: Vec<Active>, now_ms: i64) -> ActiveList {
    active.sort_by(|a, b| (a.started_ms, &a.agent_id).cmp(&(b.started_ms, &b.agent_id)));
    active.truncate(MAX_LISTED);
    let listed = active.into_iter().map(|active| Listed::of(active, now_ms));
    ActiveList {
        active: listed.collect(),
    }
}

impl Running {
    pub fn of(active: Active, now_ms: i64) -> Running {
        Running {
            agent_id: active.agent_id,
            agent_name: active.agent_name,
            status: "running",
            duration_so_far_ms: now_ms.saturating_sub(active.started_ms).max(0),
            progress: active.progress,
        }
    }
}

impl Listed {
    pub fn of(mut active: Active, now_ms: i64) -> Listed {
        Listed {
            agent_type: std::mem::take(&mut active.agent_type),
            start_time: rfc3339(active.started_ms),
            current_tool: active.current_tool.take(),
            token_usage: active.token_usage.map(Tokens::from),
            parent_agent_id: active.parent_agent_id.take(),
            depth: active.depth,
            task_description: active.task_description.take(),
            tools_granted: std::mem::take(&mut active.tools_granted),
            context_size: active.context_size,
            session_id: active.session_id.take(),
            model: active.model.take(),
            host: active.host.take(),
            source: active.source.take(),
            last_sign: active.last_sign_ms.map(rfc3339),
            deadline: active.deadline_ms.map(rfc3339),
            running: Running::of(active, now_ms),
        }
    }
}

#[cfg(test)]
pub mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::execution::TokenUsage;

    pub fn active(id: &str, started_ms: i64) -> Active {
        Active {
            agent_id: id.to_owned(),
            agent_name: "a".to_owned(),
            agent_type: "generic".to_owned(),
            started_ms,
            task_description: None,
            tools_granted: Vec::new(),
            context_size: None,
            session_id: None,
            parent_agent_id: None,
            depth: None,
            model: None,
            host: None,
            source: None,
            progress: None,
            current_tool: None,
            last_sign_ms: None,
            deadline_ms: None,
            token_usage: None,
        }
    }

    #[test]
    fn what_runs_is_listed_oldest_first_with_nulls_for_the_unknown() {
        let mut known = active("z", 1_000);
        known.tools_granted = vec!["Read".to_owned()];
        known.session_id = Some("s".to_owned());
        known.deadline_ms = Some(301_000);
        known.token_usage = Some(TokenUsage {
            input_tokens: 10,
            output_tokens: 2,
            cache_read_tokens: 300,
            cache_write_tokens: 4_000,
            total_tokens: 12,
            cost_micros: Some(7_600),
        });
        // Its clock runs ahead of ours.
        let ahead = active("y", 5_000);
        let list = serde_json::to_value(build(vec![ahead, known], 4_000)).unwrap();
        let expect = json!({
            "agent_id": "z", "agent_name": "a", "agent_type": "generic", "status": "running",
            "start_time": "1970-01-01T00:00:01.000Z", "duration_so_far_ms": 3000,
            "progress": null, "current_tool": null, "parent_agent_id": null,
            "token_usage": {
                "input_tokens": 10, "output_tokens": 2, "cache_read_tokens": 300,
                "cache_write_tokens": 4_000, "total_tokens": 12, "estimated_cost": 0.0076,
            },
            "depth": null,
            "task_description": null, "tools_granted": ["Read"], "context_size": null,
            "session_id": "s", "model": null, "host": null, "source": null,
            "last_sign": null, "deadline": "1970-01-01T00:05:01.000Z",
        });
        assert_eq!(list["active"][0], expect);
        assert_eq!(list["active"][1]["agent_id"], "y");
        assert_eq!(list["active"][1]["duration_so_far_ms"], 0);
        assert_eq!(list["active"][1]["token_usage"], json!(null));
    }
}
