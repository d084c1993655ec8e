//! What is refused is not repeated: a secret in any field of an event that is wrong in any way is
//! in no answer, in no log and in no file.

use serde_json::{Map, Value, json};

use crate::harness::bytes::{holds, search};
use crate::harness::{Setup, now_ms};
use crate::model::rfc3339;

const CORE: &str = "aB3dE5gH7jaB3dE5gH7jaB3dE5gH7jaB3dE5";

fn token() -> String {
    ["gh", "p_", CORE].concat()
}

/// Good events of every kind, with every field that they may have.
fn good() -> Vec<Value> {
    let time = rfc3339(now_ms() - 1000);
    let origin = json!({"session_id": "s", "parent_agent_id": "p", "model": "m", "host": "h",
        "source": "x"});
    let with = |event: Value| {
        let mut all = event.as_object().expect("an object").clone();
        all.extend(origin.as_object().expect("an object").clone());
        Value::Object(all)
    };
    let payload = json!({"session_id": "s", "transcript_path": "/t/s.jsonl", "cwd": "/t",
        "agent_id": "a", "agent_type": "t", "tool_name": "Task", "tool_use_id": "u",
        "error": "e", "stop_hook_active": false, "tool_response": {"agentId": "b",
            "resolvedModel": "m"}, "tool_input": {"task_id": "c"}});
    let mut events = vec![
        with(
            json!({"event": "start", "agent_id": "a", "agent_name": "n", "agent_type": "t",
            "start_time": time, "task_description": "d", "tools_granted": ["r"],
            "context_size": 1}),
        ),
        json!({"event": "progress", "agent_id": "a", "progress": 0.5, "current_tool": "r",
            "timestamp": time}),
        with(
            json!({"event": "stop", "agent_id": "a", "agent_name": "n", "agent_type": "t",
            "execution_start": time, "execution_end": time, "duration_ms": 1, "status": "failure",
            "error_details": {"a": 1}, "tools_used": ["r"], "tool_calls": {"r": 1},
            "token_usage": {"input_tokens": 1, "estimated_cost": 0.1},
            "performance_metrics": {"a": 1}, "output_metrics": {"a": 1},
            "task_metadata": {"a": 1}}),
        ),
    ];
    for name in [
        "SubagentStart",
        "SubagentStop",
        "StopFailure",
        "PreToolUse",
        "PostToolUse",
        "PostToolUseFailure",
        "UserPromptSubmit",
        "SessionEnd",
    ] {
        let mut payload = payload.clone();
        payload["hook_event_name"] = name.into();
        events.push(
            json!({"event": "hook", "id": "0".repeat(32), "source": "claude-code",
            "observed_at": now_ms() as f64 / 1e3, "payload": payload}),
        );
    }
    events
}

/// What a field can be that it must not be, or that holds a secret where it may be anything.
fn wrong() -> Vec<Value> {
    let token = token();
    vec![
        json!(token),
        json!(format!("{token}\u{7}")),
        json!(token.repeat(20)),
        json!([token]),
        json!([[token], 7]),
        json!({(token.clone()): token}),
        json!({"input_tokens": token, (token): "x"}),
    ]
}

/// Every event with every field replaced by everything that is wrong.
fn broken() -> Vec<Value> {
    let mut all = Vec::new();
    for event in good() {
        let fields = event.as_object().expect("an object");
        for wrong in wrong() {
            for field in fields.keys() {
                let mut event = event.clone();
                event[field] = wrong.clone();
                all.push(event);
            }
            for field in event["payload"].as_object().into_iter().flat_map(Map::keys) {
                let mut event = event.clone();
                event["payload"][field] = wrong.clone();
                all.push(event);
            }
        }
        let mut named = event;
        named[token()] = token().into();
        all.push(named);
    }
    all
}

/// Lines that are no events at all.
fn torn() -> Vec<Vec<u8>> {
    let token = token();
    let deep = format!("{}\"{token}\"{}", "[".repeat(40), "]".repeat(40));
    let mut lines: Vec<Vec<u8>> = vec![
        token.clone().into_bytes(),
        format!("\"{token}\"").into_bytes(),
        format!("{{\"event\":\"{token}\"}}").into_bytes(),
        format!("{{\"event\":\"start\",\"agent_id\":{token}}}").into_bytes(),
        format!("{{\"event\":\"start\",\"agent_id\":\"{token}").into_bytes(),
        format!("{{\"event\":\"start\",\"agent_id\":\"{token}\\q\"}}").into_bytes(),
        format!("{{\"event\":\"stop\",\"{token}\":1e999}}").into_bytes(),
        format!("{{\"event\":\"stop\",\"error_details\":{{\"a\":{deep}}}}}").into_bytes(),
    ];
    lines.push([token.as_bytes(), b"\xff"].concat());
    lines
}

#[test]
fn no_refusal_repeats_what_is_refused() {
    let mut daemon = Setup::new().set("log.level", "\"debug\"").start();
    let token = token();
    let check = |place: &str, bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        assert!(!holds(bytes, CORE), "{place}: {text}");
    };
    let mut lines: Vec<Vec<u8>> = broken()
        .iter()
        .map(|e| e.to_string().into_bytes())
        .collect();
    let whole = good()
        .iter()
        .map(Value::to_string)
        .collect::<Vec<_>>()
        .join("\n");
    let answer = daemon.tell(whole.as_bytes());
    assert_eq!(answer.totals.rejected, 0, "{answer:?}");
    let mut refused = 0;
    let hooks = "/api/hooks/claude-code";
    for line in torn() {
        for path in [
            "/api/agents/events",
            "/api/agents/start",
            "/api/agents/complete",
            hooks,
        ] {
            let answer = daemon.request("POST", path, &[], &line);
            refused += usize::from(answer.status == 400);
            check(path, &answer.body);
        }
    }
    assert!(refused > 20, "{refused} are refused");
    lines.extend(torn());
    let all = lines.join(&b'\n');
    let answer = format!("{:?}", daemon.tell(&all));
    assert!(answer.contains("must be"), "{answer}");
    check("the socket", answer.as_bytes());
    let answer = daemon.request("POST", "/api/agents/events", &[], &all);
    check("POST", &answer.body);
    let emitted = daemon.command_with_input(&["emit"], &all);
    check("emit", &emitted.stdout);
    check("emit", &emitted.stderr);
    // What is asked for is not repeated either.
    for path in [
        format!("/api/agents/executions/{token}"),
        format!("/api/agents/errors/{token}"),
        format!("/api/agents/executions?limit={token}"),
        format!("/api/agents/executions?cursor={token}"),
        format!("/api/agents/executions?{token}=1"),
        format!("/api/agents/costs?by={token}"),
        format!("/{token}"),
    ] {
        check(&path, &daemon.get(&path).body);
    }
    let key = [("authorization", format!("Bearer {token}"))];
    let key = key.each_ref().map(|(name, value)| (*name, value.as_str()));
    check(
        "a key",
        &daemon.request("GET", "/api/agents/active", &key, b"").body,
    );
    check("/metrics", &daemon.get("/metrics").body);
    check("doctor", &daemon.command(&["doctor"]).stdout);
    check("audit", &daemon.command(&["audit"]).stdout);
    assert_eq!(daemon.sigterm().code(), Some(0));
    assert!(search(daemon.folder.path(), CORE) > 5, "files were read");
}
