//! Every answer has exactly its fields, with nothing in them and with a running agent.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Daemon, Setup, eventually, now_ms};
use crate::model::rfc3339;

pub const CURRENT: &[&str] = &[
    "date",
    "active_agents",
    "executions_today",
    "success_rate",
    "avg_duration_ms",
    "tokens_used_today",
    "estimated_cost_today",
    "active_agent_details",
    "by_kind",
];
const ACTIVE_DETAIL: &[&str] = &[
    "agent_id",
    "agent_name",
    "status",
    "duration_so_far_ms",
    "progress",
];
pub const POINT: &[&str] = &[
    "timestamp",
    "executions",
    "avg_duration_ms",
    "success_rate",
    "dominant_agent_type",
];

/// The zone is ours.
pub const TOOL_USAGE: &[&str] = &[
    "period",
    "tools",
    "insights",
    "today",
    "time_zone",
    "time_zone_since",
];

#[track_caller]
pub fn has_exactly(value: &Value, fields: &[&str]) {
    let told: BTreeSet<&str> = value
        .as_object()
        .unwrap_or_else(|| panic!("{value}"))
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(told, fields.iter().copied().collect(), "{value}");
}

pub fn read(daemon: &Daemon, path: &str) -> Value {
    daemon
        .read(path)
        .unwrap_or_else(|reason| panic!("{reason}"))
}

/// Waits until `field` of an answer has this value: the views follow the acknowledgement.
pub fn read_when(daemon: &Daemon, path: &str, pointer: &str, value: &Value) -> Value {
    eventually(path, || {
        let told = daemon.read(path)?;
        if told.pointer(pointer) == Some(value) {
            Ok(told)
        } else {
            Err(told.to_string())
        }
    })
}

#[test]
fn a_daemon_without_events_answers_with_the_same_fields() {
    let daemon = Setup::new().start();
    let current = read(&daemon, "/api/agents/metrics/current");
    assert_eq!(
        current,
        json!({"date": current["date"], "active_agents": 0, "executions_today": 0,
            "success_rate": current["success_rate"],
            "avg_duration_ms": 0, "tokens_used_today": 0, "by_kind": current["by_kind"],
            "estimated_cost_today": current["estimated_cost_today"], "active_agent_details": []})
    );
    assert_eq!(current["success_rate"].as_f64(), Some(0.0));
    assert_eq!(current["estimated_cost_today"].as_f64(), Some(0.0));

    let timeline = read(&daemon, "/api/agents/metrics/timeline");
    let points = timeline["timeline"].as_array().expect("a list");
    assert_eq!(points.len(), 24);
    for point in points {
        has_exactly(point, POINT);
        assert_eq!(
            (&point["executions"], &point["avg_duration_ms"]),
            (&json!(0), &json!(0))
        );
        assert_eq!(point["dominant_agent_type"], Value::Null);
    }
    assert_eq!(
        read(&daemon, "/api/agents/types/distribution"),
        json!({"distribution": []})
    );
    let tools = read(&daemon, "/api/agents/tools/usage?period=day");
    has_exactly(&tools, TOOL_USAGE);
    assert_eq!(tools["tools"], json!([]));
    assert_eq!(
        tools["insights"],
        json!({"most_used_tool": null, "least_used_tool": null, "high_correlation": []})
    );
    assert_eq!(daemon.get("/api/agents/performance/nobody").status, 404);
    assert_eq!(
        read(&daemon, "/api/agents/active"),
        json!({"active": [], "next_cursor": null, "omitted": 0})
    );
    assert_eq!(
        read(&daemon, "/api/agents/executions"),
        json!({"executions": [], "next_cursor": null})
    );
}

#[test]
fn a_running_agent_is_shown_with_what_is_known_of_it() {
    let daemon = Setup::new().start();
    let begin_ms = now_ms() - 5000;
    daemon.accept(&[
        json!({"event":"start","agent_id":"ag_9","agent_name":"screenshot-analyzer",
        "start_time":rfc3339(begin_ms),"task_description":"Look","session_id":"s-9"}),
    ]);
    let path = "/api/agents/metrics/current";
    let told = read_when(&daemon, path, "/active_agents", &json!(1));
    has_exactly(&told, CURRENT);
    let detail = &told["active_agent_details"][0];
    has_exactly(detail, ACTIVE_DETAIL);
    assert_eq!(detail["agent_id"], "ag_9");
    assert_eq!(detail["agent_name"], "screenshot-analyzer");
    assert_eq!(detail["status"], "running");
    assert_eq!(detail["progress"], Value::Null);
    let so_far = detail["duration_so_far_ms"].as_i64().expect("a number");
    assert!((5000..=now_ms() - begin_ms).contains(&so_far), "{so_far}");

    let (_, answer) = daemon.send(
        &[json!({"event":"progress","agent_id":"ag_9","progress":0.45,
        "current_tool":"Read"})],
    );
    assert_eq!(answer.totals.progress, 1);
    read_when(
        &daemon,
        path,
        "/active_agent_details/0/progress",
        &json!(0.45),
    );
    let active = read(&daemon, "/api/agents/active");
    has_exactly(&active, &["active", "next_cursor", "omitted"]);
    assert_eq!(active["active"][0]["agent_id"], "ag_9");
}
