//! The hook program as a process, against a socket that answers as the daemon does.

mod place;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::place::{PATIENCE, PROGRAM, Place, assert_silent, await_end, filled_pipe, run, start};

const ACKNOWLEDGED: &str = "{\"accepted\":1,\"duplicate\":0,\"rejected\":0,\"progress\":0}\n";
const PAYLOAD: &str = r#"{"hook_event_name":"SessionStart","session_id":"s","source":"startup"}"#;

fn assert_line(line: &Value, payload: Value) {
    let id = line["id"].as_str().unwrap();
    assert_eq!(id.len(), 32);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let age_s = now.as_secs_f64() - line["observed_at"].as_f64().unwrap();
    assert!((0.0..PATIENCE.as_secs_f64()).contains(&age_s), "{line}");
    let expect = json!({
        "event": "hook", "id": id, "source": "claude-code", "observed_at": line["observed_at"],
        "payload": payload,
    });
    assert_eq!(*line, expect);
}

fn session_start() -> Value {
    json!({
        "hook_event_name": "SessionStart", "session_id": "s", "source": "startup",
        "payload_bytes": PAYLOAD.len(),
    })
}

/// A loaded machine may miss the 50 ms, and the line is then spooled as well, which is right: so
/// this tries until one run was in time.
fn check_counted(answer: &'static str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let place = Place::new();
        let daemon = place.daemon(answer);
        place.run(PAYLOAD.as_bytes());
        // A connection that never came ends the stand-in as well.
        let _ = UnixStream::connect(place.socket());
        if let Ok(line) = daemon.join()
            && place.spooled().is_empty()
        {
            return assert_line(&line, session_start());
        }
        assert!(
            Instant::now() < deadline,
            "never delivered, with the answer {answer}"
        );
    }
}

fn check_spooled(answer: &'static str) {
    let place = Place::new();
    let daemon = place.daemon(answer);
    place.run(PAYLOAD.as_bytes());
    let _ = UnixStream::connect(place.socket());
    assert_line(&place.only_spooled(), session_start());
    drop(daemon);
}

#[test]
fn an_acknowledged_line_is_not_spooled() {
    check_counted(ACKNOWLEDGED);
    check_counted("{\"accepted\":0,\"duplicate\":1,\"rejected\":0,\"progress\":0}\n");
}

#[test]
fn a_refused_line_is_not_spooled() {
    check_counted(
        "{\"line\":1,\"error\":\"hook: unknown source\"}\n\
         {\"accepted\":0,\"duplicate\":0,\"rejected\":1,\"progress\":0}\n",
    );
}

#[test]
fn a_line_without_acknowledgement_is_spooled() {
    check_spooled("{\"error\":\"shutting down\"}\n");
    check_spooled("{\"accepted\":0,\"duplicate\":0,\"rejected\":0,\"progress\":0}\n");
    check_spooled("not the daemon\n");
    check_spooled("");
}

#[test]
fn without_a_daemon_the_line_is_spooled() {
    let place = Place::new();
    place.run(PAYLOAD.as_bytes());
    assert_line(&place.only_spooled(), session_start());

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (name, _) = place.spooled().remove(0);
    assert_eq!(mode(&place.spool()), 0o700);
    assert_eq!(mode(place.spool().parent().unwrap()), 0o700);
    assert_eq!(mode(&place.spool().join(name)), 0o600);
}

#[test]
fn a_socket_that_nobody_listens_on_any_more_is_no_daemon() {
    let place = Place::new();
    drop(UnixListener::bind(place.socket()).unwrap());
    place.run(PAYLOAD.as_bytes());
    assert_line(&place.only_spooled(), session_start());
}

#[test]
fn a_peer_that_never_answers_is_given_up() {
    let place = Place::new();
    let listener = UnixListener::bind(place.socket()).unwrap();
    let (reader, writer, _) = filled_pipe(PAYLOAD.as_bytes());
    drop(writer);
    let mut child = start(place.command(), reader);
    await_end(&mut child);
    assert_silent(child.wait_with_output().unwrap());
    drop(listener);
    assert_line(&place.only_spooled(), session_start());
}

#[test]
fn ten_megabytes_are_taken_and_not_passed_on() {
    let content = "secret \\\" \\n ".repeat(10_000_000 / 12);
    let head = r#"{"session_id":"s","hook_event_name":"PostToolUse","tool_name":"Write""#;
    let response = format!(r#"{{"content":"{content}"}}"#);
    let payload = format!(r#"{head},"tool_response":{response},"tool_use_id":"toolu_1"}}"#);
    let place = Place::new();
    let daemon = place.daemon(ACKNOWLEDGED);
    place.run(payload.as_bytes());
    let _ = UnixStream::connect(place.socket());
    let line = match place.spooled().pop() {
        Some((_, line)) => line,
        None => daemon.join().unwrap(),
    };
    assert_eq!(line["payload"]["hook_event_name"], "PostToolUse");
    assert!(!line.to_string().contains("secret"));
    // A machine too slow to read it in time says so.
    if line.get("cut").is_none() {
        assert_eq!(line["payload"]["payload_bytes"], payload.len());
        assert_eq!(line["payload"]["tool_response_bytes"], response.len());
        assert_eq!(line["payload"]["tool_use_id"], "toolu_1");
    }
}

#[test]
fn a_payload_over_the_limit_is_spooled_as_cut() {
    let mut payload = br#"{"session_id":"s","hook_event_name":"PreToolUse","x":""#.to_vec();
    payload.resize(17 * 1024 * 1024, b'x');
    payload.extend_from_slice(br#"","agent_id":"a1"}"#);
    let place = Place::new();
    place.run(&payload);
    let line = place.only_spooled();
    assert_eq!(line["cut"], true);
    assert_eq!(line["payload"]["hook_event_name"], "PreToolUse");
    assert_eq!(line["payload"].get("agent_id"), None);
}

#[test]
fn an_input_that_stays_open_is_spooled_as_cut() {
    let place = Place::new();
    let torn = br#"{"session_id":"s","hook_event_name":"Stop","last_assis"#;
    let (reader, writer, _) = filled_pipe(torn);
    let mut child = start(place.command(), reader);
    await_end(&mut child);
    drop(writer);
    assert_silent(child.wait_with_output().unwrap());
    let line = place.only_spooled();
    assert_eq!(line["cut"], true);
    assert_eq!(line["payload"]["hook_event_name"], "Stop");
}

#[test]
fn what_is_not_json_is_passed_on_as_cut() {
    for payload in [
        "not json at all",
        "",
        "[1,2]",
        "{\"session_id\":\"s\" oops",
        "\u{0}",
    ] {
        let place = Place::new();
        place.run(payload.as_bytes());
        let line = place.only_spooled();
        assert_eq!(line["cut"], true, "{payload}");
        assert_eq!(line["payload"]["payload_bytes"], payload.len());
        assert_eq!(line["payload"].get("hook_event_name"), None);
    }
    let place = Place::new();
    place.run(b"{\"session_id\":\"\xff\"}");
    assert_eq!(place.only_spooled()["cut"], true);
}

#[test]
fn a_full_spool_counts_what_it_refuses() {
    let place = Place::new();
    place.run(PAYLOAD.as_bytes());
    let (name, _) = place.spooled().remove(0);
    let line_bytes = fs::metadata(place.spool().join(name)).unwrap().len();
    let bounded = |max_bytes: u64| {
        let mut command = place.command();
        command.env("AGENTPULSE_SPOOL_MAX_BYTES", max_bytes.to_string());
        command
    };
    // Lines differ by up to six bytes: a time may end in zeros, which are not written.
    run(bounded(2 * line_bytes + 12), PAYLOAD.as_bytes());
    assert_eq!((place.spooled().len(), place.refused()), (2, 0));
    run(bounded(2 * line_bytes + 12), PAYLOAD.as_bytes());
    assert_eq!((place.spooled().len(), place.refused()), (2, 1));

    let begin = |_| start(bounded(1), filled_pipe(PAYLOAD.as_bytes()).0);
    let children: Vec<_> = (0..8).map(begin).collect();
    for child in children {
        assert_silent(child.wait_with_output().unwrap());
    }
    assert_eq!((place.spooled().len(), place.refused()), (2, 9));
}

#[test]
fn a_spool_that_cannot_be_made_is_no_reason_to_speak() {
    let place = Place::new();
    fs::write(place.folder.join("data"), "a file where a folder should be").unwrap();
    place.run(PAYLOAD.as_bytes());
    let mut nowhere = place.command();
    nowhere.env_clear();
    run(nowhere, PAYLOAD.as_bytes());
}

#[test]
fn without_a_source_nothing_is_done() {
    for argument in [None, Some("--help"), Some("Claude Code"), Some("")] {
        let place = Place::new();
        let mut command = Command::new(PROGRAM);
        command
            .args(argument)
            .env("AGENTPULSE_SPOOL", place.spool());
        run(command, PAYLOAD.as_bytes());
        assert!(!place.spool().exists(), "{argument:?}");
    }
}

/// What of a captured payload may appear in a line, by the name of the member that holds it.
const KEPT: [&str; 26] = [
    "hook_event_name",
    "session_id",
    "transcript_path",
    "prompt_id",
    "agent_id",
    "agent_type",
    "agent_transcript_path",
    "stop_hook_active",
    "tool_name",
    "tool_use_id",
    "duration_ms",
    "is_interrupt",
    "source",
    "reason",
    "tool_input",
    "subagent_type",
    "model",
    "task_id",
    "tool_response",
    "status",
    "agentId",
    "agentType",
    "resolvedModel",
    "totalDurationMs",
    "totalToolUseCount",
    "payload_bytes",
];

/// Replaces every string of a payload whose own member is not kept.
fn plant(value: &mut Value, key: &str) {
    match value {
        Value::String(text) if !KEPT.contains(&key) => *text = format!("planted in {key}"),
        Value::Array(items) => items.iter_mut().for_each(|item| plant(item, key)),
        Value::Object(members) => members
            .iter_mut()
            .for_each(|(key, value)| plant(value, key)),
        _ => {}
    }
}

fn keys_of(value: &Value) -> Vec<&str> {
    let members = value.as_object().into_iter().flatten();
    members
        .flat_map(|(key, value)| [vec![key.as_str()], keys_of(value)].concat())
        .collect()
}

#[test]
fn no_text_of_captured_payloads_is_passed_on() {
    let captured = include_str!("data/background-agent.jsonl");
    let mut planted = 0;
    for captured_line in captured.lines() {
        let mut payload: Value = serde_json::from_str(captured_line).unwrap();
        let mut payload = payload["payload"].take();
        plant(&mut payload, "");
        planted += payload.to_string().matches("planted").count();
        let place = Place::new();
        place.run(payload.to_string().as_bytes());
        let line = place.only_spooled();
        assert!(!line.to_string().contains("planted"), "{line}");
        assert_eq!(line.get("cut"), None);
        for key in keys_of(&line["payload"]) {
            assert!(KEPT.contains(&key) || key == "tool_response_bytes", "{key}");
        }
        for key in [
            "hook_event_name",
            "session_id",
            "agent_id",
            "tool_name",
            "duration_ms",
        ] {
            assert_eq!(line["payload"].get(key), payload.get(key), "{line}");
        }
    }
    // The capture holds 21 payloads, each with at least its working directory.
    assert!(planted > 21, "{planted}");
}
