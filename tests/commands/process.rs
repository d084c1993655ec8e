//! The program as a process: exit codes, signals, file modes, and the commands beside `serve`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::check;
use crate::harness::{Daemon, Exit, Setup, eventually, now_ms, program, short_program, wait_exit};
use crate::model::{World, rfc3339};

#[track_caller]
fn gives_up(exit: &Exit, code: i32, words: &[&str]) {
    assert_eq!(exit.code, Some(code), "{}", exit.log);
    for word in words {
        assert!(exit.log.contains(word), "{word} is not in:\n{}", exit.log);
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path)
        .expect("it is there")
        .permissions()
        .mode()
        & 0o777
}

fn output(arguments: &[&str]) -> (Option<i32>, String, String) {
    let told = short_program()
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (told.status.code(), text(&told.stdout), text(&told.stderr))
}

#[test]
fn a_bad_configuration_exits_78_and_names_the_place() {
    for (text, words) in [
        ("nonsense = 1\n", &["nonsense"][..]),
        ("[reaper]\nidle_timeuot = \"5s\"\n", &["idle_timeuot"]),
        ("[history]\nflush_interval = 7\n", &["flush_interval"]),
        ("[history\n", &[".toml:1"]),
    ] {
        gives_up(&Setup::from_text(text).run_to_exit_anywhere(), 78, words);
    }
    for (name, value) in [
        ("history.flush_interval", "\"soon\""),
        ("reaper.idle_timeout", "300"),
        ("redis.maxmemory", "\"much\""),
        ("limits.tools", "-1"),
    ] {
        let exit = Setup::new().set(name, value).run_to_exit_anywhere();
        let key = name.split('.').next_back().expect("a name");
        gives_up(&exit, 78, &[key]);
    }
    let exit = Setup::new()
        .environment("AGENTPULSE_HTTP__LISTNE", "x")
        .run_to_exit_anywhere();
    gives_up(&exit, 78, &[]);
}

#[test]
fn without_keys_only_loopback_is_served() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        gives_up(
            &Setup::new().listen(address).run_to_exit_anywhere(),
            78,
            &[],
        );
    }
}

#[test]
fn a_folder_that_others_can_write_to_exits_73() {
    let folder = tempfile::Builder::new()
        .prefix("ap")
        .tempdir_in("/tmp")
        .expect("a folder");
    let open = folder.path().join("open");
    fs::create_dir(&open).expect("a folder");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).expect("our own");
    let socket = open.join("s.sock");
    gives_up(
        &Setup::new().socket(&socket).run_to_exit_anywhere(),
        73,
        &[],
    );
    assert!(!socket.exists());
}

#[test]
fn the_socket_is_0600_in_a_0700_folder_whatever_the_umask() {
    let folder = tempfile::Builder::new()
        .prefix("ap")
        .tempdir_in("/tmp")
        .expect("a folder");
    let data = folder.path().join("d");
    let socket = data.join("agentpulse.sock");
    let mut command = Command::new("sh");
    command
        .args(["-c", "umask 0; exec \"$@\"", "sh"])
        .arg(program().get_program());
    command
        .arg("serve")
        .arg("--data-dir")
        .arg(&data)
        .arg("--socket")
        .arg(&socket);
    command
        .args(["--http", "127.0.0.1:0"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().expect("sh starts");
    let looked = std::panic::catch_unwind(|| {
        eventually("the socket is there", || {
            if socket.exists() {
                Ok(())
            } else {
                Err("no socket".to_owned())
            }
        });
        assert_eq!((mode(&socket), mode(&data)), (0o600, 0o700));
        for entry in fs::read_dir(&data).expect("the folder") {
            let path = entry.expect("an entry").path();
            assert_eq!(
                mode(&path) & 0o022,
                0,
                "others can write to {}",
                path.display()
            );
        }
    });
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("it runs");
    assert_eq!(wait_exit(&mut child).code(), Some(0));
    looked.expect("modes");
}

#[test]
fn version_help_and_usage() {
    let (code, out, _) = output(&["--version"]);
    assert_eq!(
        (code, out.trim()),
        (Some(0), concat!("agentpulse ", env!("CARGO_PKG_VERSION")))
    );
    let (code, out, _) = output(&["--help"]);
    assert_eq!(code, Some(0));
    for command in [
        "serve", "emit", "status", "doctor", "rebuild", "prune", "export", "backup", "restore",
    ] {
        assert!(out.contains(command), "{command} is not in the help");
        assert_eq!(output(&[command, "--help"]).0, Some(0), "{command}");
    }
    assert_eq!(output(&["explode"]).0, Some(2));
    assert_eq!(output(&["serve", "--explode"]).0, Some(2));
}

/// Reads `a.b` of nested objects, or of one object with dotted names.
fn named<'a>(told: &'a Value, name: &str) -> &'a Value {
    let (outer, inner) = name.split_once('.').expect("a dotted name");
    told.get(name).unwrap_or(&told[outer][inner])
}

#[test]
fn emit_sends_lines_and_status_export_and_doctor_tell_of_them() {
    let daemon = Setup::new().start();
    let lines: Vec<Value> = (0..20)
        .map(|n| {
            json!({"event":"stop","agent_id":format!("e{n}"),"agent_name":"zorp",
                "duration_ms":10 + n,"execution_end":rfc3339(now_ms() - 1000)})
        })
        .collect();
    let text = |lines: &[Value]| {
        lines
            .iter()
            .map(|line| format!("{line}\n"))
            .collect::<String>()
    };
    let file = daemon.folder.path().join("events.ndjson");
    fs::write(&file, text(&lines[..10])).expect("a file");
    let sent = daemon.command(&["emit", file.to_str().expect("a short path")]);
    assert!(
        sent.status.success(),
        "{}",
        String::from_utf8_lossy(&sent.stderr)
    );
    let sent = daemon.command_with_input(&["emit"], text(&lines[10..]).as_bytes());
    assert!(
        sent.status.success(),
        "{}",
        String::from_utf8_lossy(&sent.stderr)
    );
    let at_ms = now_ms();
    let arrival = |line: &Value| crate::model::Arrival {
        line: line.clone(),
        at_ms,
    };
    check::everywhere(
        &daemon,
        &World::of(&lines.iter().map(arrival).collect::<Vec<_>>()),
    );
    let refused = daemon.command_with_input(&["emit"], b"broken\n");
    assert!(
        !refused.status.success(),
        "a refusal is an exit code that is not 0"
    );

    let status = daemon.command(&["status", "--json"]);
    assert!(
        status.status.success(),
        "{}",
        String::from_utf8_lossy(&status.stderr)
    );
    let told: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    assert!(named(&told, "redis.url").is_string(), "{told}");
    for name in ["live.lag_ms", "history.lag_ms", "journal.pending"] {
        assert!(named(&told, name).is_number(), "{name} in {told}");
    }
    let doctor = daemon.command(&["doctor"]);
    assert!(
        doctor.status.success(),
        "{}",
        String::from_utf8_lossy(&doctor.stdout)
    );
    exports(&daemon, &lines);
}

fn exports(daemon: &Daemon, lines: &[Value]) {
    let jsonl = daemon.command(&["export", "--format", "jsonl"]);
    assert!(
        jsonl.status.success(),
        "{}",
        String::from_utf8_lossy(&jsonl.stderr)
    );
    let text = String::from_utf8(jsonl.stdout).expect("UTF-8");
    let mut durations: Vec<i64> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .map(|row| row["duration_ms"].as_i64().expect("a duration"))
        .collect();
    durations.sort_unstable();
    assert_eq!(durations, (10..30).collect::<Vec<i64>>());
    let csv = daemon.command(&["export", "--format", "csv"]);
    assert!(
        csv.status.success(),
        "{}",
        String::from_utf8_lossy(&csv.stderr)
    );
    let text = String::from_utf8(csv.stdout).expect("UTF-8");
    let mut rows = text.lines();
    let head = rows.next().expect("a head");
    assert!(
        head.contains("agent_id") && head.contains("duration_ms"),
        "{head}"
    );
    assert_eq!(rows.count(), lines.len());
}

#[test]
fn a_command_without_a_daemon_says_so() {
    let folder = tempfile::Builder::new()
        .prefix("ap")
        .tempdir_in("/tmp")
        .expect("a folder");
    let data = folder.path().join("none");
    let told = short_program()
        .args(["status", "--json", "--data-dir"])
        .arg(&data)
        .output();
    let told = told.expect("it runs");
    assert!(!told.status.success());
    assert!(!told.stderr.is_empty(), "it says why");
    let hidden = String::from_utf8_lossy(&told.stderr);
    assert!(!hidden.contains("panicked"), "{hidden}");
}
