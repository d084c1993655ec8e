//! The payloads of a coding agent's own HTTP hooks.

use serde_json::{Value, json};

use crate::claude_code::captured::start;
use crate::claude_code::script::Script;
use crate::harness::wire::Response;
use crate::harness::{Daemon, eventually, folder};

fn post(daemon: &Daemon, source: &str, body: &[u8]) -> Response {
    let json = [("content-type", "application/json")];
    daemon.request("POST", &format!("/api/hooks/{source}"), &json, body)
}

#[test]
fn a_run_is_told_by_http_hooks() {
    let place = folder();
    let roots = place.path().join("projects");
    let daemon = start(&roots);
    let mut script = Script::at(&roots, "x", crate::harness::now_ms());
    script.write("a", &script.turn("a", -10.0, 100, 10));
    script.main(0.0, "UserPromptSubmit", json!({"prompt": "go"}));
    script.launched(None, "a", 0.0);
    script.start("a", 0.0);
    let large = json!({"tool_name": "Read", "tool_use_id": "t1",
        "tool_response": {"file": {"content": "x".repeat(2 << 20)}}});
    script.of(
        "a",
        0.0,
        "PreToolUse",
        json!({"tool_name": "Read", "tool_use_id": "t1"}),
    );
    script.of("a", 0.0, "PostToolUse", large);
    script.stop("a", 0.0);
    script.main(0.0, "SessionEnd", json!({"reason": "other"}));
    for line in &script.lines {
        let answer = post(
            &daemon,
            "claude-code",
            line["payload"].to_string().as_bytes(),
        );
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, "{}"),
            "{}",
            answer.text()
        );
    }
    let expected = json!({"a": {"status": "success", "depth": 1, "tokens": [100, 10],
        "tool_calls": {"Read": 1}, "agent_name": "probe"}});
    eventually("the run", || script.holds(&daemon, &expected));
}

#[test]
fn a_body_that_is_no_payload_is_rejected_and_not_repeated() {
    let place = folder();
    let daemon = start(&place.path().join("projects"));
    let start = json!({"hook_event_name": "SubagentStart", "agent_id": "a", "session_id": "s"});
    let refused: [(&str, Vec<u8>, u16); 8] = [
        ("claude-code", b"{".to_vec(), 400),
        ("claude-code", b"".to_vec(), 400),
        ("claude-code", b"[]".to_vec(), 400),
        ("claude-code", b"\"MARKED secret\"".to_vec(), 400),
        ("claude-code", b"{\"MARKED\xff\": 1}".to_vec(), 400),
        ("claude-code", start.to_string().into_bytes(), 400),
        ("no-such-client", start.to_string().into_bytes(), 400),
        ("claude-code", vec![b' '; (8 << 20) + 1], 413),
    ];
    for (source, body, status) in refused {
        let shown = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        let answer = post(&daemon, source, &body);
        assert_eq!(answer.status, status, "{shown}: {}", answer.text());
        assert!(!answer.text().contains("MARKED"), "{}", answer.text());
    }
    assert_eq!(
        daemon.read("/api/agents/active").expect("the list")["active"],
        json!([])
    );
    let told: Value = daemon.read("/api/agents/executions").expect("the list");
    assert_eq!(told["executions"], json!([]));
}
