//! The messages of the protocol, and what is none.

use serde_json::{Value, json};

use super::{Client, alone};
use crate::harness::{Setup, short_program};

const META: &str = "io.modelcontextprotocol/protocolVersion";
/// Of a list of tools; that of a tool for each read would be more than twice as long.
const MAX_LIST_BYTES: usize = 14 << 10;

fn tools(client: &mut Client) -> Vec<Value> {
    let listed = client.result("tools/list", &json!({}));
    let bytes = listed.to_string().len();
    assert!(bytes <= MAX_LIST_BYTES, "{bytes} bytes");
    listed["tools"].as_array().expect("a list").clone()
}

#[test]
fn a_client_of_either_kind_finds_the_tools() {
    let (_folder, mut client) = alone();
    let params = json!({
        "protocolVersion": "2025-06-18", "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    });
    let result = client.result("initialize", &params);
    assert_eq!(result["protocolVersion"], "2025-06-18");
    assert_eq!(result["serverInfo"]["name"], "agentpulse");
    assert_eq!(result["capabilities"], json!({"tools": {}}));
    client.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    assert_eq!(client.result("ping", &json!({})), json!({}));
    let before = tools(&mut client);

    let stateless = json!({"_meta": {META: "2026-07-28"}});
    let result = client.result("server/discover", &stateless);
    assert_eq!(result["supportedVersions"][0], "2026-07-28");
    let listed = client.result("tools/list", &stateless);
    assert_eq!(listed["resultType"], "complete");
    assert_eq!(listed["tools"], json!(before));

    let names: Vec<&str> = before
        .iter()
        .filter_map(|tool| tool["name"].as_str())
        .collect();
    let expected = [
        "read",
        "select_agent",
        "agent_info",
        "task_create",
        "task_claim",
        "task_heartbeat",
        "task_complete",
        "task_fail",
        "task_block",
        "message_send",
        "message_read",
    ];
    assert_eq!(names, expected);
    let read_only = before
        .iter()
        .filter(|tool| tool["annotations"]["readOnlyHint"] == true);
    let read_only: Vec<&str> = read_only.filter_map(|tool| tool["name"].as_str()).collect();
    assert_eq!(read_only, ["read", "agent_info"]);
    assert_eq!(client.end(), (Some(0), String::new()));
}

#[test]
fn what_a_tool_takes_is_what_its_route_takes() {
    let daemon = Setup::new().start();
    let mut client = Client::of(&daemon);
    let document = daemon.read("/api/openapi.json").expect("the document");
    let tools = tools(&mut client);
    // Beside the body: what is in the path. Left out: settings, and what the server knows itself.
    for (tool, path, beside, left_out) in [
        (
            "select_agent",
            "/api/agents/select",
            &[][..],
            &["explore", "weights"][..],
        ),
        ("task_create", "/api/tasks", &[], &[]),
        ("task_claim", "/api/tasks/claim", &[], &["execution_id"]),
        ("task_heartbeat", "/api/tasks/{id}/heartbeat", &["id"], &[]),
        ("task_complete", "/api/tasks/{id}/complete", &["id"], &[]),
        ("task_fail", "/api/tasks/{id}/fail", &["id"], &[]),
        ("task_block", "/api/tasks/{id}/block", &["id"], &[]),
        ("message_send", "/api/messages", &[], &[]),
    ] {
        let operation = &document["paths"][path]["post"];
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        let fields = body["properties"].as_object().expect("fields");
        let mut expected: Vec<&str> = fields.keys().map(String::as_str).collect();
        expected.retain(|name| !left_out.contains(name));
        expected.extend(beside);
        expected.sort_unstable();
        let listed = tools
            .iter()
            .find(|listed| listed["name"] == tool)
            .expect(tool);
        let properties = listed["inputSchema"]["properties"].as_object().expect(tool);
        let mut taken: Vec<&str> = properties.keys().map(String::as_str).collect();
        taken.sort_unstable();
        assert_eq!(taken, expected, "{tool}");
    }
}

#[test]
fn what_is_no_message_is_refused_and_the_server_goes_on() {
    let (_folder, mut client) = alone();
    for (line, id, code) in [
        ("nonsense", json!(null), -32_700),
        ("[]", json!(null), -32_600),
        (
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            json!(1),
            -32_600,
        ),
        (
            r#"{"jsonrpc":"2.0","id":"a","method":"resources/list"}"#,
            json!("a"),
            -32_601,
        ),
        (
            r#"{"jsonrpc":"2.0","id":2,"method":"tools/call"}"#,
            json!(2),
            -32_602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"rm"}}"#,
            json!(3),
            -32_602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":4,"method":"tools/list","params":{"_meta":
               {"io.modelcontextprotocol/protocolVersion":"2031-01-01"}}}"#,
            json!(4),
            -32_022,
        ),
    ] {
        client.send(&line.replace('\n', ""));
        let answer = client.receive();
        assert_eq!(
            (&answer["id"], &answer["error"]["code"]),
            (&id, &json!(code)),
            "{line}"
        );
    }
    // Neither is answered: the next answer is that of the ping.
    client.send("");
    client.send(r#"{"jsonrpc":"2.0","method":"notifications/unknown"}"#);
    client.send(&"x".repeat(3 << 20));
    let answer = client.receive();
    assert_eq!(
        (&answer["id"], &answer["error"]["code"]),
        (&json!(null), &json!(-32_600))
    );
    assert_eq!(client.result("ping", &json!({})), json!({}));
    let (code, log) = client.end();
    assert_eq!(code, Some(0));
    assert_eq!(log.lines().count(), 8, "{log}");
}

#[test]
fn arguments_that_are_wrong_are_named() {
    let (_folder, mut client) = alone();
    for (tool, arguments, expected) in [
        (
            "task_create",
            json!({"task_type": "x"}),
            "task_create: assigned_to: it is missing",
        ),
        (
            "task_create",
            json!({"task_type": "x", "assigned_to": "qa", "priority": "high"}),
            "task_create: priority: a whole number is needed",
        ),
        (
            "task_block",
            json!({"id": 1, "token": "x", "question": {"to": "qa"}}),
            "task_block: question.content: it is missing",
        ),
        (
            "message_send",
            json!({"to_agent": "qa", "content": "x", "message_type": "cry"}),
            "message_send: message_type: it is one of question, answer, handoff, notification",
        ),
        (
            "task_fail",
            json!({"id": 1, "token": "x", "why": "x"}),
            "task_fail: why: it is unknown; taken are error_message, error_type, id, retry_in_s, \
             retryable, token",
        ),
        (
            "read",
            json!({"path": "/control/status"}),
            "path: it is none of the list in the description of this tool",
        ),
        (
            "read",
            json!({"path": "/api/tasks/7/logs", "query": {"limt": 1}}),
            "query.limt: it is unknown; /api/tasks/{id}/logs takes after, limit",
        ),
    ] {
        assert_eq!(client.refuses(tool, &arguments), expected);
    }
}

#[test]
fn without_a_daemon_each_call_says_so_and_one_that_starts_is_found() {
    let mut daemon = Setup::new().start();
    let mut client = Client::of(&daemon);
    let read = json!({"path": "/api/tasks/stats"});
    assert_eq!(client.says("read", &read), r#"{"tasks":[]}"#);
    daemon.sigterm();
    for (tool, arguments) in [
        ("read", read.clone()),
        ("select_agent", json!({"task": "x"})),
        ("agent_info", json!({"id": "x"})),
        (
            "task_create",
            json!({"task_type": "x", "assigned_to": "qa"}),
        ),
        ("task_claim", json!({"role": "qa"})),
        ("task_heartbeat", json!({"id": 1, "token": "x"})),
        ("task_complete", json!({"id": 1, "token": "x"})),
        ("task_fail", json!({"id": 1, "token": "x"})),
        (
            "task_block",
            json!({"id": 1, "token": "x", "question": {"to": "qa", "content": "?"}}),
        ),
        (
            "message_send",
            json!({"to_agent": "qa", "content": "x", "message_type": "notification"}),
        ),
        ("message_read", json!({})),
    ] {
        let text = client.refuses(tool, &arguments);
        let expected = format!(
            "no daemon runs on {}: start one with `agentpulse serve`",
            daemon.data.display()
        );
        assert_eq!(text, expected, "{tool}");
    }
    daemon.restart();
    assert_eq!(client.says("read", &read), r#"{"tasks":[]}"#);
}

#[test]
fn calls_run_side_by_side_and_a_cancelled_one_is_not_answered() {
    let daemon = Setup::new().start();
    let mut client = Client::of(&daemon);
    let claim = |role: &str, worker: &str| {
        let arguments = json!({"role": role, "worker": worker, "wait": 60});
        json!({"name": "task_claim", "arguments": arguments})
    };
    let cancelled = client.ask("tools/call", &claim("security", "w1"));
    let waits = client.ask("tools/call", &claim("qa", "w2"));
    // The id of a call that is not answered cannot be used again.
    let again = json!({"jsonrpc": "2.0", "id": waits, "method": "ping"});
    client.send(&again.to_string());
    assert_eq!(client.receive()["error"]["code"], -32_600);
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
        "params": {"requestId": cancelled}});
    client.send(&cancel.to_string());
    client.says(
        "task_create",
        &json!({"task_type": "x", "assigned_to": "qa"}),
    );
    let (text, _) = super::said(&client.answer(&waits)["result"]);
    assert!(text.starts_with("Task 1 (x) is held by w2"), "{text}");
    // The daemon may not have seen yet that the first one has gone.
    let other = client.ask("tools/call", &claim("security", "w3"));
    for _ in 0..2 {
        let create = json!({"task_type": "x", "assigned_to": "security"});
        client.says("task_create", &create);
    }
    let (text, _) = super::said(&client.answer(&other)["result"]);
    assert!(text.contains("(x) is held by w3"), "{text}");
    // One still waits as the input ends.
    client.ask("tools/call", &claim("architect", "w4"));
    client.input = None;
    let rest: Vec<String> = client.lines.iter().collect();
    assert!(
        client.early.is_empty() && rest.is_empty(),
        "{:?} {rest:?}",
        client.early
    );
    assert_eq!(client.end().0, Some(0));
}

#[test]
fn more_calls_than_there_is_room_for_are_refused() {
    const ROOM: usize = 16;
    let daemon = Setup::new().start();
    let mut client = Client::of(&daemon);
    for n in 0..ROOM {
        let arguments = json!({"role": "qa", "worker": format!("w{n}"), "wait": 60});
        client.ask(
            "tools/call",
            &json!({"name": "task_claim", "arguments": arguments}),
        );
    }
    let text = client.refuses("read", &json!({"path": "/api/tasks"}));
    assert_eq!(text, "16 calls run: wait until one has ended");
}

#[test]
fn config_prints_what_starts_this_server() {
    let output = short_program()
        .args(["mcp", "config", "--data-dir", "/a b"])
        .env("HOME", "/nonexistent")
        .output()
        .expect("it runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let program = env!("CARGO_BIN_EXE_agentpulse");
    let line = format!("claude mcp add --scope user agentpulse -- {program} mcp --data-dir '/a b'");
    assert!(text.lines().any(|shown| shown == line), "{text}");
    let (_, entry) = text.split_once(".mcp.json:\n").expect("the entry");
    let entry: Value = serde_json::from_str(entry).expect("JSON");
    let expected = json!({"type": "stdio", "command": program,
        "args": ["mcp", "--data-dir", "/a b"]});
    assert_eq!(entry["mcpServers"]["agentpulse"], expected);
}
