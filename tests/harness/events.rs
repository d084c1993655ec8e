//! The events of one run, as its agent would send them.

use serde_json::{Map, Value, json};

use super::time::now_ms;
use crate::model::rfc3339;

/// A run of the agent `zorp`, unless it is given another name. What is not given is in no event.
#[derive(Clone)]
pub struct Run {
    /// In its start and in its stop.
    both: Map<String, Value>,
    start: Map<String, Value>,
    stop: Map<String, Value>,
}

impl Run {
    pub fn new(id: impl Into<String>) -> Run {
        let mut both = Map::new();
        both.insert("agent_id".to_owned(), id.into().into());
        both.insert("agent_name".to_owned(), "zorp".into());
        Run {
            both,
            start: Map::new(),
            stop: Map::new(),
        }
    }

    pub fn agent(self, name: impl Into<String>) -> Run {
        self.with("agent_name", name.into())
    }

    pub fn of_type(self, agent_type: impl Into<String>) -> Run {
        self.with("agent_type", agent_type.into())
    }

    /// Any other field of both events.
    pub fn with(mut self, field: &str, value: impl Into<Value>) -> Run {
        self.both.insert(field.to_owned(), value.into());
        self
    }

    pub fn began(mut self, at_ms: i64) -> Run {
        self.start
            .insert("start_time".to_owned(), rfc3339(at_ms).into());
        self
    }

    pub fn ended(self, at_ms: i64) -> Run {
        self.stops_with("execution_end", rfc3339(at_ms))
    }

    pub fn took(self, duration_ms: impl Into<Value>) -> Run {
        self.stops_with("duration_ms", duration_ms)
    }

    pub fn status(self, status: &str) -> Run {
        self.stops_with("status", status)
    }

    /// `calls` is an object: how often each tool was called.
    pub fn called(self, calls: Value) -> Run {
        self.stops_with("tool_calls", calls)
    }

    /// Any other field of the stop.
    pub fn stops_with(mut self, field: &str, value: impl Into<Value>) -> Run {
        self.stop.insert(field.to_owned(), value.into());
        self
    }

    pub fn start(&self) -> Value {
        self.event("start", &self.start)
    }

    pub fn stop(&self) -> Value {
        self.event("stop", &self.stop)
    }

    pub fn progress(&self) -> Value {
        json!({"event": "progress", "agent_id": self.both["agent_id"], "progress": 0.5})
    }

    fn event(&self, kind: &str, more: &Map<String, Value>) -> Value {
        let mut event = json!({"event": kind});
        let fields = event.as_object_mut().expect("an object");
        fields.extend(self.both.clone());
        fields.extend(more.clone());
        event
    }
}

/// A run that begins now.
pub fn start(id: &str) -> Value {
    Run::new(id).began(now_ms()).start()
}

pub fn progress(id: &str) -> Value {
    Run::new(id).progress()
}

/// A whole run that ended a second ago.
pub fn stop(id: &str) -> Value {
    stop_at(id, now_ms() - 1_000)
}

/// A whole run that ended then.
pub fn stop_at(id: &str, end_ms: i64) -> Value {
    let calls = json!({"Read": 1});
    Run::new(id).ended(end_ms).took(100).called(calls).stop()
}

/// As [`stop`], of so many runs.
pub fn stops(prefix: &str, count: usize) -> Vec<Value> {
    let end_ms = now_ms() - 1_000;
    let of_one = |n| stop_at(&format!("{prefix}{n}"), end_ms);
    (0..count).map(of_one).collect()
}
