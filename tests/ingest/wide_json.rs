//! JSON that is far larger as a tree than as text: whatever says it, it costs the daemon little, is
//! refused where it would have to be kept, and stands in nobody's way.

use std::fs;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::claude_code::captured::start;
use crate::claude_code::script::Script;
use crate::harness::{Daemon, Setup, eventually, folder, now_ms};

/// What the process holds at most, without what is only mapped from files, in a debug build. A tree
/// of one body, or of one line of a transcript, took 700 MiB more.
const MAX_MIB: u64 = 350;
const MAX_PARTS: usize = 8_192;

/// A list of objects, each of which takes 640 bytes in a tree.
fn wide(bytes: usize) -> String {
    format!("[{}]", vec![r#"{"":0}"#; bytes / 7].join(","))
}

/// The most that the daemon holds while something is done.
fn peak_mib(daemon: &Daemon, work: impl FnOnce()) -> u64 {
    let (done, is_done) = mpsc::channel::<()>();
    thread::scope(|scope| {
        let watch = scope.spawn(move || {
            let mut peak = 0;
            while is_done.recv_timeout(Duration::from_millis(5)) == Err(RecvTimeoutError::Timeout) {
                peak = peak.max(daemon.memory_mib());
            }
            peak
        });
        work();
        drop(done);
        watch.join().expect("it watched")
    })
}

fn post(daemon: &Daemon, path: &str, body: &str) -> (u16, String) {
    let answer = daemon.request("POST", path, &[], body.as_bytes());
    (answer.status, answer.text())
}

#[test]
fn a_wide_field_that_nobody_reads_costs_its_text() {
    let daemon = Setup::new().start();
    let wide = wide((8 << 20) - 200);
    let hook = format!(r#"{{"hook_event_name":"Stop","agent_id":"a","x":{wide}}}"#);
    let launch = format!(
        r#"{{"hook_event_name":"PostToolUse","session_id":"s","tool_name":"Agent","tool_response":{wide}}}"#
    );
    let wrong = format!(r#"{{"hook_event_name":"Stop","agent_id":{wide}}}"#);
    let peak = peak_mib(&daemon, || {
        thread::scope(|scope| {
            for (body, status) in [(&hook, 200), (&launch, 200), (&wrong, 400), (&wide, 400)] {
                let daemon = &daemon;
                scope.spawn(move || {
                    let (told, text) = post(daemon, "/api/hooks/claude-code", body);
                    assert_eq!(told, status, "{text}");
                });
            }
        });
    });
    assert!(peak < MAX_MIB, "{peak} MiB");
}

#[test]
fn a_line_that_is_too_wide_is_refused_by_name_and_its_neighbours_are_taken() {
    let daemon = Setup::new().start();
    let wide = wide(250 << 10);
    let stop = |id: usize, field: &str, value: &str| {
        format!(r#"{{"event":"stop","agent_id":"w{id}","agent_name":"a","{field}":{value}}}"#)
    };
    // The object and the list are two.
    let of_parts = |parts: usize| format!(r#"{{"x":[{}]}}"#, vec!["{}"; parts - 2].join(","));
    let fields: String = (0..MAX_PARTS).map(|n| format!(r#""f{n}":0,"#)).collect();
    let bound = "objects and lists must be 0..=8192";
    let lines = [
        (stop(0, "unknown", &wide), None),
        (
            stop(1, "task_metadata", &format!(r#"{{"x":{wide}}}"#)),
            Some(format!("stop: task_metadata: {bound}")),
        ),
        (stop(2, "error_details", &of_parts(MAX_PARTS)), None),
        (
            stop(3, "error_details", &of_parts(MAX_PARTS + 1)),
            Some(format!("stop: error_details: {bound}")),
        ),
        (
            stop(4, "tools_used", &wide),
            Some("stop: tools_used must be a list of 0..=256 names".to_owned()),
        ),
        (
            format!(r#"{{{fields}"event":"stop","agent_id":"w5","agent_name":"a"}}"#),
            Some("fields must be 0..=8192".to_owned()),
        ),
        (wide.clone(), Some(bound.to_owned())),
        (stop(7, "status", r#""success""#), None),
    ];
    let text: String = lines.iter().map(|(line, _)| format!("{line}\n")).collect();
    let peak = peak_mib(&daemon, || {
        let answer = daemon.tell(text.as_bytes());
        assert_eq!((answer.totals.accepted, answer.totals.rejected), (3, 5));
        let refusals = lines.iter().zip(1..);
        let refusals = refusals.filter_map(|((_, why), line)| Some((line, why.clone()?)));
        let told = answer.refusals.into_iter();
        let told: Vec<_> = told.map(|refusal| (refusal.line, refusal.error)).collect();
        assert_eq!(told, refusals.collect::<Vec<_>>());
        for path in ["start", "complete"] {
            let wide = format!(r#"{{"agent_id":"h","agent_name":"a","task_metadata":{wide}}}"#);
            let (status, text) = post(&daemon, &format!("/api/agents/{path}"), &wide);
            // A start has no such field.
            let refused = path == "complete";
            assert_eq!(status, if refused { 400 } else { 200 }, "{text}");
            assert_eq!(text.contains(bound), refused, "{text}");
        }
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let text = text.repeat(4);
                    let (status, told) = post(&daemon, "/api/agents/events", &text);
                    assert_eq!(status, 207, "{told}");
                    assert_eq!(daemon.tell(text.as_bytes()).totals.rejected, 20);
                });
            }
        });
    });
    assert!(peak < MAX_MIB, "{peak} MiB");
}

/// A failure of the API of some 8 MiB, as the last line of a transcript.
fn fail(script: &Script, agent: &str) {
    let mut line = script.answer(agent, 12.0, [0; 5], &[]);
    line["isApiErrorMessage"] = true.into();
    line["error"] = "overloaded".into();
    line["message"] = json!({"content": [{"type": "text", "text": "slow down"}]});
    let line = line.to_string();
    let line = line.strip_suffix('}').expect("an object");
    let wide = wide((8 << 20) - 1_000);
    append(
        &script.transcript(agent),
        &format!("{line},\"x\":{wide}}}\n"),
    );
}

fn append(path: &Path, text: &str) {
    let before = fs::read_to_string(path).expect("a transcript");
    fs::write(path, before + text).expect("a transcript");
}

fn failure(daemon: &Daemon, id: &str) -> Result<(), String> {
    let run: Value = daemon.read(&format!("/api/agents/executions/{id}"))?;
    let told = &run["error_details"];
    (told["message"] == "slow down" && told["type"] == "overloaded")
        .then_some(())
        .ok_or(run.to_string())
}

#[test]
fn a_wide_line_of_a_transcript_costs_its_text_also_after_a_kill() {
    let place = folder();
    let roots = place.path().join("projects");
    let mut daemon = start(&roots);
    let mut script = Script::at(&roots, "x", now_ms() - 20_000);
    let agents = ["a", "b", "c", "d"];
    for agent in agents {
        script.write(agent, &script.turn(agent, 1.0, 100, 10));
        fail(&script, agent);
        script.start(agent, 0.0);
    }
    let peak = peak_mib(&daemon, || {
        daemon.send(&script.lines);
        // While they run their transcripts are checked each second.
        for agent in agents {
            let path = format!("/api/agents/executions/{}", script.id(agent));
            eventually("what it has spent so far", || {
                let run = daemon.read(&path)?;
                (run["token_usage"]["input_tokens"] == 100)
                    .then_some(())
                    .ok_or(run.to_string())
            });
        }
    });
    assert!(peak < MAX_MIB, "{peak} MiB");
    script.lines.clear();
    for agent in agents {
        script.stop(agent, 15.0);
    }
    daemon.send(&script.lines);
    daemon.kill9();
    daemon.restart();
    let peak = peak_mib(&daemon, || {
        for agent in agents {
            let id = script.id(agent);
            eventually("its failure", || failure(&daemon, &id));
        }
    });
    assert!(peak < MAX_MIB, "{peak} MiB");
}
