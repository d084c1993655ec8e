//! Which agents launch which, of a daemon that was told so.

use serde_json::{Value, json};

use crate::harness::{Setup, eventually, now_ms};
use crate::model::rfc3339;

fn stop(id: &str, agent: &str, parent: Option<&str>, session: &str, project: &str) -> Value {
    json!({
        "event": "stop", "agent_id": id, "agent_name": agent, "parent_agent_id": parent,
        "session_id": session, "project": project, "status": "success", "duration_ms": 100,
        "execution_end": rfc3339(now_ms() - 60_000),
        "token_usage": {"input_tokens": 10, "output_tokens": 5, "estimated_cost": 0.25},
    })
}

#[test]
fn launches_are_counted_from_parents_that_ended_and_that_run() {
    let daemon = Setup::new().start();
    daemon.send(&[
        json!({"event": "start", "agent_id": "lead-1", "agent_name": "lead", "session_id": "s1"}),
        stop("coder-1", "coder", Some("lead-1"), "s1", "~/a"),
        stop("coder-2", "coder", Some("lead-1"), "s1", "~/b"),
        stop("tester-1", "tester", Some("coder-1"), "s1", "~/a"),
        stop("tester-2", "tester", Some("never-seen"), "s2", "~/a"),
        stop("alone", "writer", None, "s2", "~/a"),
    ]);
    let network = eventually("all have ended", || {
        let network = daemon.read("/api/agents/network")?;
        let executions = network["nodes"].as_array().into_iter().flatten();
        let executions = executions.filter_map(|node| node["executions"].as_i64());
        match executions.sum::<i64>() {
            5 => Ok(network),
            found => Err(format!("{found} executions")),
        }
    });
    let edge = |parent: &str, child: &str, launches: i64| {
        json!({
            "parent": parent, "child": child, "launches": launches, "success_rate": 1.0,
            "p50_duration_ms": 100,
        })
    };
    let edges = json!([edge("lead", "coder", 2), edge("coder", "tester", 1)]);
    assert_eq!(network["edges"], edges);
    assert_eq!(
        network["together"],
        json!([
            {"first": "coder", "second": "tester", "sessions": 1},
            {"first": "tester", "second": "writer", "sessions": 1},
        ])
    );
    assert_eq!(network["unknown_parents"], 1);
    assert_eq!(network["is_whole"], true);
    assert_eq!(network["nodes"][0]["agent_name"], "coder");
    assert_eq!(network["nodes"][0]["total_tokens"], 30);
    assert_eq!(network["nodes"][0]["estimated_cost"], 0.5);

    // Of one project alone; the parent may be of another.
    let of_b = daemon.read("/api/agents/network?project=~/b");
    assert_eq!(
        of_b.expect("an answer")["edges"],
        json!([edge("lead", "coder", 1)])
    );
}
