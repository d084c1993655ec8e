//! The hook program as a process, against a socket that answers as the daemon does.

mod place;

use std::collections::HashSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::place::{
    PATIENCE, PROGRAM, Place, assert_silent, await_end, filled_pipe, parse, run, shorten_queue,
    start,
};

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
fn a_payload_that_is_not_json_is_marked_as_cut() {
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
    run(bounded(2 * line_bytes), PAYLOAD.as_bytes());
    assert_eq!((place.spooled().len(), place.refused()), (2, 0));
    run(bounded(2 * line_bytes), PAYLOAD.as_bytes());
    assert_eq!((place.spooled().len(), place.refused()), (2, 1));

    let begin = |_| start(bounded(1), filled_pipe(PAYLOAD.as_bytes()).0);
    let children: Vec<_> = (0..8).map(begin).collect();
    for child in children {
        assert_silent(child.wait_with_output().unwrap());
    }
    assert_eq!((place.spooled().len(), place.refused()), (2, 9));
}

#[test]
fn the_daemon_tells_the_bound_in_a_file_beside_the_spool() {
    let place = Place::new();
    place.run(PAYLOAD.as_bytes());
    let (name, _) = place.spooled().remove(0);
    let line_bytes = fs::metadata(place.spool().join(name)).unwrap().len();
    let bound = place.spool().with_file_name("spool.max_bytes");
    fs::write(&bound, format!("{}\n", 2 * line_bytes)).unwrap();
    for _ in 0..2 {
        place.run(PAYLOAD.as_bytes());
    }
    assert_eq!((place.spooled().len(), place.refused()), (2, 1));
    fs::write(&bound, "no number").unwrap();
    place.run(PAYLOAD.as_bytes());
    assert_eq!((place.spooled().len(), place.refused()), (3, 1));
}

#[test]
fn a_spool_that_cannot_be_made_has_another_beside_the_socket() {
    let place = Place::new();
    fs::write(place.folder.join("data"), "a file where a folder should be").unwrap();
    place.run(PAYLOAD.as_bytes());
    let found: Vec<_> = fs::read_dir(place.folder.join("sock.spool"))
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert_eq!(found.len(), 1);
    assert_line(&parse(&found[0]), session_start());
}

#[test]
fn a_full_spool_is_not_got_around() {
    let place = Place::new();
    let mut command = place.command();
    command.env("AGENTPULSE_SPOOL_MAX_BYTES", "1");
    run(command, PAYLOAD.as_bytes());
    assert_eq!((place.spooled().len(), place.refused()), (0, 1));
    assert!(!place.folder.join("sock.spool").exists());
}

#[test]
fn nowhere_to_write_is_no_reason_to_speak() {
    let place = Place::new();
    fs::write(place.folder.join("data"), "a file where a folder should be").unwrap();
    let mut nowhere = place.command();
    nowhere.env("AGENTPULSE_SOCKET", place.folder.join("data").join("sock"));
    run(nowhere, PAYLOAD.as_bytes());
    let mut homeless = place.command();
    homeless.env_clear().env("HOME", place.folder.join("data"));
    run(homeless, PAYLOAD.as_bytes());
}

#[test]
fn a_socket_that_is_none_is_no_daemon() {
    let place = Place::new();
    fs::write(place.socket(), "a file").unwrap();
    place.run(PAYLOAD.as_bytes());
    assert_line(&place.only_spooled(), session_start());
}

#[test]
fn a_peer_that_closes_at_once_is_no_daemon() {
    let place = Place::new();
    let listener = UnixListener::bind(place.socket()).unwrap();
    let closing = thread::spawn(move || drop(listener.accept().unwrap()));
    place.run(PAYLOAD.as_bytes());
    closing.join().unwrap();
    assert_line(&place.only_spooled(), session_start());
}

#[test]
fn a_full_queue_of_connections_is_no_daemon() {
    let place = Place::new();
    let listener = UnixListener::bind(place.socket()).unwrap();
    shorten_queue(&listener);
    let waiting = UnixStream::connect(place.socket()).unwrap();
    place.run(PAYLOAD.as_bytes());
    assert_line(&place.only_spooled(), session_start());
    drop(waiting);
}

#[test]
fn closed_descriptors_are_no_reason_to_speak() {
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let place = Place::new();
        let script = format!("exec {PROGRAM} claude-code {closed}");
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", &script])
            .env_clear()
            .env("AGENTPULSE_SOCKET", place.socket())
            .env("AGENTPULSE_SPOOL", place.spool());
        run(command, PAYLOAD.as_bytes());
        let line = place.only_spooled();
        let nothing_read = closed.starts_with('<');
        assert_eq!(line.get("cut").is_some(), nothing_read, "{closed}");
    }
}

#[test]
fn fields_behind_two_megabytes_are_found_in_any_order() {
    let content = "x = \\\"[{\\\" \\n".repeat(2_000_000 / 14);
    let members = [
        format!(r#""tool_response":{{"content":"{content}","list":[1,[2,"}}"]]}}"#),
        r#""hook_event_name":"PostToolUse""#.to_owned(),
        r#""session_id":"s""#.to_owned(),
        r#""agent_id":"a1""#.to_owned(),
        r#""agent_type":"probe""#.to_owned(),
        r#""tool_name":"Write""#.to_owned(),
        r#""tool_use_id":"toolu_1""#.to_owned(),
        r#""agent_transcript_path":"/t.jsonl""#.to_owned(),
    ];
    for first in [0, 3, 7] {
        let mut members = members.clone();
        members.rotate_left(first);
        let payload = format!("{{{}}}", members.join(","));
        let line = read_in_time(payload.as_bytes());
        assert_eq!(line["payload"]["hook_event_name"], "PostToolUse");
        assert_eq!(line["payload"]["session_id"], "s");
        assert_eq!(line["payload"]["agent_id"], "a1");
        assert_eq!(line["payload"]["agent_type"], "probe");
        assert_eq!(line["payload"]["tool_name"], "Write");
        assert_eq!(line["payload"]["tool_use_id"], "toolu_1");
        assert_eq!(line["payload"]["agent_transcript_path"], "/t.jsonl");
        assert!(!line.to_string().contains("x = "));
    }
}

/// A loaded machine may not read it all within the 45 ms: this tries until one run was in time.
fn read_in_time(payload: &[u8]) -> Value {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let place = Place::new();
        place.run(payload);
        let line = place.only_spooled();
        if line.get("cut").is_none() {
            return line;
        }
        assert!(Instant::now() < deadline, "never read in time");
    }
}

/// Hooks at once, of which a stand-in answers every second one: each line is in exactly one place.
#[test]
fn each_of_many_lines_at_once_is_acknowledged_or_spooled() {
    let place = Place::new();
    let listener = UnixListener::bind(place.socket()).unwrap();
    let (done, finished) = mpsc::channel::<()>();
    let daemon = thread::spawn(move || {
        let mut acknowledged = Vec::new();
        for (number, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            if line.is_empty() && finished.try_recv().is_ok() {
                return acknowledged;
            }
            if number % 2 == 0 && stream.write_all(ACKNOWLEDGED.as_bytes()).is_ok() {
                acknowledged.push(id_of(&parse(&line)));
            }
        }
        acknowledged
    });
    let children: Vec<_> = (0..64)
        .map(|_| start(place.command(), filled_pipe(PAYLOAD.as_bytes()).0))
        .collect();
    for child in children {
        assert_silent(child.wait_with_output().unwrap());
    }
    done.send(()).unwrap();
    drop(UnixStream::connect(place.socket()).unwrap());
    let acknowledged: HashSet<String> = daemon.join().unwrap().into_iter().collect();
    let spooled = place.spooled();
    let spooled: HashSet<String> = spooled.iter().map(|(_, line)| id_of(line)).collect();
    assert_eq!(acknowledged.union(&spooled).count(), 64);
    // On a loaded machine an answer may come too late: that line is in both places, under one id.
    assert!(acknowledged.len() <= 32 && spooled.len() >= 32);
}

fn id_of(line: &Value) -> String {
    line["id"].as_str().unwrap().to_owned()
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
const KEPT: [&str; 29] = [
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
    "background_tasks",
    "payload_bytes",
    "tool_input_bytes",
    "tool_response_bytes",
];

/// Replaces every string of a payload whose own member is not kept.
fn plant(value: &mut Value, key: &str) {
    match value {
        Value::String(text) if !KEPT.contains(&key) => *text = format!("planted in {key}"),
        Value::Array(items) => items.iter_mut().for_each(|item| plant(item, key)),
        Value::Object(members) => {
            members
                .iter_mut()
                .for_each(|(name, value)| match (key, name.as_str()) {
                    ("background_tasks", "id") => {}
                    _ => plant(value, name),
                });
        }
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
            assert!(KEPT.contains(&key) || key == "id", "{key}");
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
