//! Executions and rows for the tests of the reports.

use std::collections::BTreeMap;

use agentpulse_core::bucket::Hour;
use agentpulse_core::execution::{Catalog, Execution, Fact, Origin, Status, Stop};
use agentpulse_core::kind::Kind;
use agentpulse_core::tally::Tally;
use agentpulse_core::view::{Active, Heartbeat, HourTally};
use agentpulse_pipeline::running::RunSnapshot;

pub fn active(id: &str, started_ms: i64) -> Active {
    Active {
        agent_id: id.to_owned(),
        agent_name: "a".to_owned(),
        agent_type: "generic".to_owned(),
        kind: Kind::Agent,
        started_ms,
        task_description: None,
        tools_granted: Vec::new(),
        context_size: None,
        session_id: None,
        parent_agent_id: None,
        depth: None,
        model: None,
        project: None,
        branch: None,
        host: None,
        source: None,
        progress: None,
        current_tool: None,
        last_sign_ms: None,
        deadline_ms: None,
        token_usage: None,
    }
}

/// Without a heartbeat.
pub fn shown(active: Active) -> RunSnapshot {
    let heartbeat = Heartbeat {
        deadline_ms: 301_000,
        ..Heartbeat::of_change(2_000, 0)
    };
    RunSnapshot {
        known: active.into(),
        heartbeat,
        after: 1,
    }
}

/// A successful execution without other fields.
pub fn stopped(id: &str, ended_ms: i64, duration_ms: Option<u64>) -> Execution {
    let mut execution = Execution::new(id.to_owned());
    let stop = Stop {
        agent_name: Some("a".to_owned()),
        agent_type: Some("tester".to_owned()),
        started_ms: None,
        ended_ms,
        duration_ms,
        status: Status::Success,
        error_details: None,
        tools_used: Vec::new(),
        tool_calls: BTreeMap::new(),
        token_usage: None,
        performance_metrics: None,
        task_metadata: None,
        output_metrics: None,
        origin: Origin::default(),
    };
    execution.merge(Fact::Stop(Box::new(stop)), &Catalog::default());
    execution
}

/// An hour of a type: executions, how many succeeded, and how long all took.
pub fn hour_tally(
    hour: i32,
    agent_type: &str,
    count: i64,
    successes: i64,
    total_ms: i64,
) -> HourTally {
    HourTally {
        hour: Hour(hour),
        agent_type: agent_type.to_owned(),
        tally: Tally {
            execution_count: count,
            success_count: successes,
            duration_count: count,
            total_duration_ms: total_ms,
            ..Tally::default()
        },
    }
}
