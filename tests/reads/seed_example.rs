//! The example of a whole run appears in every answer, with exactly its fields and its own numbers.

use serde_json::{Value, json};

use crate::harness::{Daemon, Setup, now_ms};
use crate::model::{DAY_MS, HOUR_MS, day, hour, rfc3339};
use crate::reads::seed_fields::{CURRENT, POINT, TOOL_USAGE, has_exactly, read, read_when};

const TYPE: &[&str] = &[
    "type",
    "count",
    "percentage",
    "avg_duration_ms",
    "success_rate",
    "common_tools",
];
/// `avg_duration_ms`, `slowest` and the zone are ours, the rest the dashboard's.
const PERFORMANCE: &[&str] = &[
    "agent_name",
    "total_executions",
    "success_rate",
    "avg_duration_ms",
    "performance",
    "token_usage",
    "daily_trend",
    "slowest",
    "today",
    "time_zone",
    "time_zone_since",
];
const PERCENTILES: &[&str] = &[
    "p50_duration_ms",
    "p95_duration_ms",
    "p99_duration_ms",
    "min_duration_ms",
    "max_duration_ms",
];
const TOKEN_USAGE: &[&str] = &["avg_tokens", "total_tokens", "estimated_cost"];
const TREND: &[&str] = &["date", "executions", "avg_duration_ms", "success_rate"];
const TOOL: &[&str] = &[
    "name",
    "usage_count",
    "percentage",
    "avg_per_execution",
    "agents_using",
];
const INSIGHTS: &[&str] = &["most_used_tool", "least_used_tool", "high_correlation"];
const COSTS: &[&str] = &["costs", "today", "time_zone", "time_zone_since"];
const COST: &[&str] = &[
    "date",
    "agent_name",
    "model",
    "session_id",
    "kind",
    "project",
    "branch",
    "host",
    "executions",
    "total_tokens",
    "estimated_cost",
    "unpriced_count",
];

/// The run of the dashboard's own description, ended at `end_ms`.
pub(super) fn example_stop(end_ms: i64) -> Value {
    json!({
        "event": "stop",
        "agent_id": "ag_123",
        "agent_name": "screenshot-analyzer",
        "agent_type": "analyzer",
        "execution_start": rfc3339(end_ms - 2340),
        "execution_end": rfc3339(end_ms),
        "duration_ms": 2340,
        "status": "failure",
        "error_details": {"type": "ValidationError", "message": "Failed to process image",
            "stack_trace": "..."},
        "tools_used": ["Read", "Write", "Bash"],
        "tool_calls": {"Read": 5, "Write": 2, "Bash": 3},
        "token_usage": {"input_tokens": 1500, "output_tokens": 2300, "total_tokens": 3800,
            "estimated_cost": 0.0076},
        "performance_metrics": {"response_time_ms": 1234, "memory_usage_mb": 45.2,
            "cpu_usage_percent": 23.5},
        "task_metadata": {"description": "Analyze screenshot for UI components",
            "source": "user_command", "parent_task_id": "parent_123", "wave_number": 3},
        "output_metrics": {"files_created": 2, "files_modified": 5, "lines_added": 150,
            "lines_removed": 30, "tests_passed": 12, "tests_failed": 0}
    })
}

#[track_caller]
fn all_integers(value: &Value, fields: &[&str]) {
    for field in fields {
        assert!(
            value[field].is_i64() || value[field].is_u64(),
            "{field}: {}",
            value[field]
        );
    }
}

/// The example, ended a second ago, and a daemon that has counted it.
fn with_example() -> (Daemon, i64) {
    let daemon = Setup::new().start();
    let end_ms = now_ms() - 1000;
    daemon.accept(&[example_stop(end_ms)]);
    let row = "/api/agents/executions/ag_123";
    read_when(&daemon, row, "/agent_id", &json!("ag_123"));
    let window = "/api/agents/metrics/current?timeRange=6h";
    read_when(&daemon, window, "/executions_today", &json!(1));
    (daemon, end_ms)
}

#[test]
fn the_example_run_appears_in_the_live_numbers() {
    let (daemon, end_ms) = with_example();
    let current = read(&daemon, "/api/agents/metrics/current?timeRange=24h");
    has_exactly(&current, CURRENT);
    let counts = [
        "active_agents",
        "executions_today",
        "avg_duration_ms",
        "tokens_used_today",
    ];
    all_integers(&current, &counts);
    assert_eq!(
        counts.map(|field| current[field].as_i64()),
        [0, 1, 2340, 3800].map(Some)
    );
    assert_eq!(current["success_rate"].as_f64(), Some(0.0));
    assert_eq!(current["estimated_cost_today"].as_f64(), Some(0.0076));

    let timeline = read(&daemon, "/api/agents/metrics/timeline?hours=2");
    has_exactly(&timeline, &["timeline"]);
    let this_hour = rfc3339(end_ms.div_euclid(HOUR_MS) * HOUR_MS);
    let points = timeline["timeline"].as_array().expect("a list");
    let point = points
        .iter()
        .find(|point| point["timestamp"] == this_hour.as_str());
    let point = point.expect("the hour of the example");
    has_exactly(point, POINT);
    assert_eq!(
        (&point["executions"], &point["avg_duration_ms"]),
        (&json!(1), &json!(2340))
    );
    assert_eq!(point["dominant_agent_type"], "analyzer");

    let types = read(&daemon, "/api/agents/types/distribution?timeRange=24h");
    has_exactly(&types, &["distribution"]);
    let row = &types["distribution"][0];
    has_exactly(row, TYPE);
    assert_eq!(
        (&row["type"], &row["count"]),
        (&json!("analyzer"), &json!(1))
    );
    assert_eq!(row["percentage"].as_f64(), Some(1.0));
    assert_eq!(row["avg_duration_ms"], 2340);
    assert_eq!(row["common_tools"], json!(["Read", "Bash", "Write"]));
}

#[test]
fn the_example_run_appears_in_the_numbers_of_its_agent() {
    let (daemon, end_ms) = with_example();
    let told = read(
        &daemon,
        "/api/agents/performance/screenshot-analyzer?days=7",
    );
    has_exactly(&told, PERFORMANCE);
    assert_eq!(told["agent_name"], "screenshot-analyzer");
    assert_eq!(
        (&told["total_executions"], told["success_rate"].as_f64()),
        (&json!(1), Some(0.0))
    );
    has_exactly(&told["performance"], PERCENTILES);
    for field in ["p50_duration_ms", "p95_duration_ms", "p99_duration_ms"] {
        let percentile = told["performance"][field].as_i64().expect("a whole number");
        assert!((2317..=2363).contains(&percentile), "{field}: {percentile}");
    }
    assert_eq!(told["performance"]["min_duration_ms"], 2340);
    assert_eq!(told["performance"]["max_duration_ms"], 2340);
    has_exactly(&told["token_usage"], TOKEN_USAGE);
    assert_eq!(told["token_usage"]["avg_tokens"], 3800);
    assert_eq!(told["token_usage"]["total_tokens"], 3800);
    assert_eq!(told["token_usage"]["estimated_cost"].as_f64(), Some(0.0076));
    let trend = &told["daily_trend"][0];
    has_exactly(trend, TREND);
    assert_eq!(
        (&trend["date"], &trend["executions"]),
        (&json!(day(end_ms)), &json!(1))
    );
    assert_eq!(told["slowest"][0]["agent_id"], "ag_123");
    assert_eq!(told["slowest"][0]["duration_ms"], 2340);

    let errors = read_when(
        &daemon,
        "/api/agents/errors/screenshot-analyzer",
        "/errors/0/agent_id",
        &json!("ag_123"),
    );
    assert!(
        errors.to_string().contains("Failed to process image"),
        "{errors}"
    );
}

#[test]
fn the_example_run_appears_in_the_numbers_of_its_tools() {
    let (daemon, end_ms) = with_example();
    let told = read(
        &daemon,
        &format!("/api/agents/tools/usage?date={}", day(end_ms)),
    );
    has_exactly(&told, TOOL_USAGE);
    assert_eq!(told["period"], day(end_ms));
    let rows: Vec<(&str, i64, f64, f64)> = told["tools"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| {
            has_exactly(row, TOOL);
            assert_eq!(row["agents_using"], json!(["analyzer"]));
            let number = |field: &str| row[field].as_f64().expect("a number");
            let calls = row["usage_count"].as_i64().expect("a whole number");
            let name = row["name"].as_str().expect("a text");
            (
                name,
                calls,
                number("percentage"),
                number("avg_per_execution"),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            ("Read", 5, 0.5, 5.0),
            ("Bash", 3, 0.3, 3.0),
            ("Write", 2, 0.2, 2.0)
        ]
    );
    has_exactly(&told["insights"], INSIGHTS);
    assert_eq!(told["insights"]["most_used_tool"], "Read");
    assert_eq!(told["insights"]["least_used_tool"], "Write");
    assert_eq!(told["insights"]["high_correlation"], json!([]));
    for (period, days) in [("week", 6), ("month", 29)] {
        let told = read(&daemon, &format!("/api/agents/tools/usage?period={period}"));
        let (first, last) = (day(now_ms() - days * DAY_MS), day(now_ms()));
        assert_eq!(told["period"], format!("{first}/{last}"));
    }
}

#[test]
fn the_example_run_is_kept_whole_in_history() {
    let (daemon, end_ms) = with_example();
    let one = read(&daemon, "/api/agents/executions/ag_123");
    let sent = example_stop(end_ms);
    let as_sent = [
        "agent_id",
        "agent_name",
        "agent_type",
        "duration_ms",
        "status",
        "error_details",
        "tool_calls",
        "performance_metrics",
        "task_metadata",
        "output_metrics",
    ];
    for field in as_sent {
        assert_eq!(one[field], sent[field], "{field}");
    }
    let mut used: Vec<&str> = one["tools_used"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    used.sort_unstable();
    assert_eq!(used, ["Bash", "Read", "Write"]);
    for (field, value) in sent["token_usage"].as_object().expect("an object") {
        assert_eq!(one["token_usage"][field], *value, "{field}");
    }
    let fields = one.as_object().expect("an object");
    for field in [
        "session_id",
        "parent_agent_id",
        "model",
        "source",
        "tool_errors",
    ] {
        assert!(fields.contains_key(field), "{field} is missing in {one}");
    }
    for field in ["execution_start", "execution_end"] {
        let at: jiff::Timestamp = one[field]
            .as_str()
            .expect("a time")
            .parse()
            .expect("RFC 3339");
        let want: jiff::Timestamp = sent[field].as_str().expect("a time").parse().expect("ours");
        assert_eq!(at, want, "{field}");
    }
    let list = read(&daemon, "/api/agents/executions");
    has_exactly(&list, &["executions", "next_cursor"]);
    assert_eq!(list["executions"][0], one);

    let costs = read(&daemon, "/api/agents/costs?by=agent&days=2");
    has_exactly(&costs, COSTS);
    has_exactly(&costs["costs"][0], COST);
    assert_eq!(costs["costs"][0]["agent_name"], "screenshot-analyzer");
    assert_eq!(costs["costs"][0]["date"], Value::Null);
    assert_eq!(costs["costs"][0]["estimated_cost"].as_f64(), Some(0.0076));

    let daily = read(&daemon, "/api/agents/metrics/daily?days=2");
    let rows = daily["daily"].as_array().expect("a list");
    let today = rows
        .iter()
        .find(|row| row["date"] == day(end_ms).as_str())
        .expect("its day");
    let whole = ["total_executions", "peak_hour", "total_tokens"];
    all_integers(today, &whole);
    let of_day: i64 = hour(end_ms)[11..].parse().expect("two digits");
    assert_eq!(
        whole.map(|field| today[field].as_i64()),
        [1, of_day, 3800].map(Some)
    );
    assert_eq!(today["agent_types"], json!(["analyzer"]));
    assert_eq!(today["total_cost"].as_f64(), Some(0.0076));
}
