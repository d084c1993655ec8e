//! Transcripts that are late, that grow, and that are none: the execution ends all the same, and
//! says what it knows.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use crate::claude_code::captured::start;
use crate::claude_code::numbers::agree;
use crate::claude_code::script::Script;
use crate::harness::{Daemon, Setup, eventually, folder, now_ms};

/// A session that began half a minute ago: its transcripts may still be written to.
fn just_now(roots: &Path, tag: &str) -> Script {
    Script::at(roots, tag, now_ms() - 30_000)
}

#[track_caller]
fn becomes(daemon: &Daemon, script: &Script, expected: Value) {
    eventually("what the transcript says", || {
        script.holds(daemon, &expected)
    });
}

#[test]
fn a_transcript_that_is_late_or_grows_is_read_to_its_last_message() {
    let place = folder();
    let roots = place.path().join("projects");
    let daemon = start(&roots);
    let mut script = just_now(&roots, "x");
    let lines = script.turn("grows", 0.0, 100, 10);
    script.write("grows", &lines[..2]);
    for agent in ["late", "grows", "torn"] {
        script.start(agent, 0.0);
        script.stop(agent, 10.0);
    }
    let torn = script.turn("torn", 0.0, 100, 10);
    let half = torn[3].to_string();
    script.write("torn", &torn[..3]);
    let mut file = File::options()
        .append(true)
        .open(script.transcript("torn"))
        .expect("a file");
    file.write_all(&half.as_bytes()[..half.len() / 2])
        .expect("half of a line");
    daemon.send(&script.lines);
    script.write("late", &script.turn("late", 0.0, 100, 10));
    script.write("grows", &lines[2..]);
    file.write_all(&half.as_bytes()[half.len() / 2..])
        .expect("the rest, without its newline");
    let whole = json!({"tokens": [100, 10], "tool_calls": {"Read": 1}, "unreadable": null});
    becomes(
        &daemon,
        &script,
        json!({"late": whole, "grows": whole, "torn": whole}),
    );
    agree(&daemon);
}

/// Each turn is reported when it ends, and its lines are written then.
#[test]
fn turns_of_one_transcript_that_grows_are_read_one_by_one() {
    let place = folder();
    let roots = place.path().join("projects");
    let mut daemon = start(&roots);
    let mut script = just_now(&roots, "x");
    let mut expected = json!({});
    for (number, id) in (0..3).zip(["a", "a#2", "a#3"]) {
        let at_s = f64::from(number) * 7.0;
        script.lines.clear();
        script.start("a", at_s);
        script.stop("a", at_s + 6.0);
        let output = 10 + u64::from(number as u32);
        let mut lines = script.turn("a", at_s, 100, output);
        lines[3] = script.answer("a", at_s + 5.9, [99, output, 0, 0, 0], &[]);
        daemon.send(&script.lines);
        script.write("a", &lines);
        expected[id] = json!({"tokens": [100, output], "seconds": 6.0});
        becomes(&daemon, &script, expected.clone());
        if number == 1 {
            daemon.kill9();
            daemon.restart();
        }
    }
    agree(&daemon);
}

/// The message that ended the turn before the stop hook sent it on is not the last one.
#[test]
fn a_resumed_agent_is_read_until_its_transcript_has_grown() {
    let place = folder();
    let roots = place.path().join("projects");
    let daemon = start(&roots);
    let mut script = just_now(&roots, "x");
    script.start("a", 0.0);
    script.stop("a", 10.0);
    script.write("a", &script.turn("a", 0.0, 100, 10));
    daemon.send(&script.lines);
    becomes(
        &daemon,
        &script,
        json!({"a": {"tokens": [100, 10], "seconds": 10.0}}),
    );
    script.lines.clear();
    script.stop_with("a", 20.0, json!({"stop_hook_active": true}));
    daemon.send(&script.lines);
    // It is checked meanwhile, and nothing has been added to it.
    becomes(&daemon, &script, json!({"a": {"seconds": 20.0}}));
    script.write("a", &[script.answer("a", 19.9, [11, 1, 0, 0, 0], &[])]);
    becomes(
        &daemon,
        &script,
        json!({"a": {"tokens": [111, 11], "seconds": 20.0}}),
    );
}

/// The end of the first turn is reported last, and takes lines that the second had been given.
#[test]
fn a_turn_is_read_anew_when_the_one_before_it_ends_elsewhere() {
    let place = folder();
    let roots = place.path().join("projects");
    let daemon = start(&roots);
    let mut script = Script::new(&roots, "x");
    let mut lines = script.turn("a", 0.0, 100, 10);
    lines.extend([
        script.prompt("a", 12.0),
        script.answer("a", 13.0, [1_000, 0, 0, 0, 0], &[]),
    ]);
    lines.extend(script.turn("a", 40.0, 30_000, 0));
    script.write("a", &lines);
    script.start("a", 0.0);
    script.stop("a", 10.0);
    script.start("a", 40.0);
    script.stop("a", 50.0);
    daemon.send(&script.lines);
    let told = json!({"a": {"tokens": [100, 10]}, "a#2": {"tokens": [31_000, 0]}});
    becomes(&daemon, &script, told);
    script.lines.clear();
    script.stop_with("a", 14.0, json!({"stop_hook_active": true}));
    daemon.send(&script.lines);
    let told = json!({"a": {"tokens": [1_100, 10]}, "a#2": {"tokens": [30_000, 0]}});
    becomes(&daemon, &script, told);
    agree(&daemon);
}

#[test]
fn a_transcript_that_comes_while_the_daemon_is_away_is_read_when_it_is_back() {
    let place = folder();
    let roots = place.path().join("projects");
    let mut daemon = start(&roots);
    let mut script = just_now(&roots, "x");
    script.start("a", 0.0);
    script.stop("a", 29.0);
    daemon.send(&script.lines);
    daemon.kill9();
    script.write("a", &script.turn("a", 0.0, 100, 10));
    daemon.restart();
    becomes(&daemon, &script, json!({"a": {"tokens": [100, 10]}}));
    // The same for one whose session ended: by its transcript it had ended before.
    script.lines.clear();
    script.start("b", 1.0);
    script.main(29.0, "SessionEnd", json!({"reason": "other"}));
    daemon.send(&script.lines);
    daemon.kill9();
    script.write("b", &script.turn("b", 1.0, 200, 20));
    daemon.restart();
    let ended = json!({"tokens": [200, 20], "status": "success", "error": null});
    becomes(
        &daemon,
        &script,
        json!({"a": {"tokens": [100, 10]}, "b": ended}),
    );
    agree(&daemon);
}

/// The stop of the first comes when both turns were read, and the daemon has started again.
#[test]
fn a_late_stop_replaces_the_end_that_the_next_turn_showed() {
    let place = folder();
    let roots = place.path().join("projects");
    let mut daemon = start(&roots);
    let mut script = just_now(&roots, "x");
    for (at_s, input) in [(0.0, 100), (12.0, 2_000)] {
        script.write("a", &script.turn("a", at_s, input, 1));
        script.start("a", at_s);
    }
    script.stop("a", 22.0);
    daemon.send(&script.lines);
    let second = json!({"tokens": [2_000, 1], "seconds": 10.0});
    let read = json!({"a": {"tokens": [100, 1], "seconds": 9.9}, "a#2": second});
    becomes(&daemon, &script, read);
    daemon.kill9();
    daemon.restart();
    script.lines.clear();
    script.stop("a", 10.0);
    daemon.send(&script.lines);
    let read = json!({"a": {"tokens": [100, 1], "seconds": 10.0}, "a#2": second});
    becomes(&daemon, &script, read);
    agree(&daemon);
}

#[test]
fn a_file_that_is_no_transcript_is_not_read_and_the_reason_given() {
    let place = folder();
    let roots = place.path().join("projects");
    let text = format!("[{:?}]", roots.display().to_string());
    let setup = Setup::new().set("transcript.roots", &text);
    let daemon = setup.set("transcript.max_bytes", "\"1MiB\"").start();
    let mut script = Script::new(&roots, "x");
    let agents = [
        "missing", "outside", "relative", "pipe", "folder", "link", "large", "socket", "windows",
    ];
    for agent in agents {
        script.start(agent, 0.0);
        script.tool(agent, 1.0, "Bash", agent);
        script.stop(agent, 10.0);
        fs::create_dir_all(script.transcript(agent).parent().expect("a folder")).expect("a folder");
    }
    let lines = script.turn("a", 0.0, 100, 10);
    let text = lines.iter().map(Value::to_string).collect::<Vec<_>>();
    let text = text.join("\n");
    let outside = place.path().join("secret.jsonl");
    fs::write(&outside, &text).expect("a file");
    let names = [
        ("outside", outside.display().to_string()),
        ("relative", "p/a.jsonl".to_owned()),
        (
            "windows",
            r"C:\Users\me\.claude\projects\p\a.jsonl".to_owned(),
        ),
    ];
    for (agent, path) in names {
        let id = script.id(agent);
        let stop = script
            .lines
            .iter_mut()
            .filter(|line| line["payload"]["agent_id"] == id)
            .last();
        stop.expect("its stop")["payload"]["agent_transcript_path"] = path.into();
    }
    let pipe = script.transcript("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
    fs::create_dir(script.transcript("folder")).expect("a folder");
    symlink(&outside, script.transcript("link")).expect("a link");
    let _socket = std::os::unix::net::UnixListener::bind(script.transcript("socket"));
    let large = text + &" ".repeat(1 << 20);
    fs::write(script.transcript("large"), &large).expect("a file");
    daemon.send(&script.lines);
    let because = |reason: &str| {
        json!({"status": "success", "seconds": 10.0, "tokens": null, "usage_by_model": null,
            "tool_calls": {"Bash": 1}, "tool_errors": 0, "unreadable": reason})
    };
    let outside = because("lies outside of the folders of transcripts");
    let not_regular = because("is not a regular file");
    let large = format!("{} bytes, at most 1048576 are read", large.len());
    let expected = json!({
        // What is no absolute path names no file, and the file that the session implies is read.
        "missing": because("there is no such file"), "relative": because("there is no such file"),
        "outside": outside, "link": outside, "pipe": not_regular, "folder": not_regular,
        "socket": not_regular, "large": because(&large),
        "windows": because("has a path of Windows: run Claude Code for Linux, in WSL"),
    });
    becomes(&daemon, &script, expected);
    agree(&daemon);
}
