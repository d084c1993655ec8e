//! `agentpulse doctor`: what it finds wrong, each in the real thing, and that a well daemon has
//! nothing but hints.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, SystemTime};

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::json;

use crate::harness::doctor::Person;
use crate::harness::{Setup, eventually, folder, wait_exit};

#[test]
fn a_well_daemon_has_hints_at_most() {
    let daemon = Setup::new().start();
    let person = Person::of(&daemon);
    let told = person.ask();
    told.is_well();
    told.is(
        "hooks",
        "hint",
        &["none of Claude Code", "agentpulse hooks install"],
    );
    told.is("backup", "hint", &["there is none", "agentpulse backup"]);
    told.is("redis", "ok", &["MiB of 256 MiB, and evicts nothing"]);
    assert!(told.of("prices", "hint").is_empty() && told.of("clock", "error").is_empty());
    daemon.accept(&[
        json!({"event":"stop","agent_id":"a","agent_name":"zorp","duration_ms":5,
        "model":"zorp-9","token_usage":{"input_tokens":7,"output_tokens":1}}),
    ]);
    assert!(daemon.command(&["backup"]).status.success());
    eventually("the execution is in the history", || {
        let told = person.ask();
        told.is("backup", "ok", &["0 h old"]);
        let hints = told.of("prices", "hint");
        match hints.first() {
            Some(hint) if hint.contains("1 executions") && hint.contains("zorp-9") => Ok(()),
            _ => Err(format!("{hints:?}")),
        }
    });
    let shown = person.command(&["doctor"]).output().expect("it starts");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        shown.starts_with("ok") && shown.contains("\nhint  prices "),
        "{shown}"
    );
}

#[test]
fn hooks_that_are_not_whole_or_mean_another_daemon() {
    let daemon = Setup::new().start();
    let person = Person::of(&daemon);
    let program = person.home.path().join("agentpulse-hook");
    fs::write(&program, "#!/bin/sh\n").expect("a file");
    fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("our own file");
    let command = format!("{} claude-code", program.display());
    // The settings of a project would be joined; the home folder is none.
    let installed = person
        .command(&["hooks", "install", "--command", &command])
        .output();
    assert!(installed.expect("it starts").status.success());
    let elsewhere = person.ask();
    elsewhere.is(
        "hooks",
        "error",
        &["hooks write to", "the daemon listens at"],
    );
    elsewhere.is("hooks", "error", &["hooks spool to", "AGENTPULSE_SPOOL"]);
    let person = person
        .with("AGENTPULSE_SOCKET", daemon.socket())
        .with("AGENTPULSE_SPOOL", daemon.data.join("spool"));
    let told = person.ask();
    told.is_well();
    told.is("hooks", "ok", &["report to the daemon"]);

    let settings = person.home.path().join(".claude/settings.json");
    let text = fs::read_to_string(&settings).expect("the settings");
    fs::write(
        &settings,
        text.replace("\"SubagentStop\"", "\"SomethingElse\""),
    )
    .expect("a file");
    person
        .ask()
        .only_error("hooks", &["no hook of ours is on SubagentStop"]);
    fs::write(&settings, format!("{text}}}")).expect("a file");
    person
        .ask()
        .is("hooks", "error", &[".claude/settings.json: line"]);
    fs::write(&settings, &text).expect("a file");
    fs::remove_file(&program).expect("our own file");
    person
        .ask()
        .only_error("hooks", &["agentpulse-hook is not there"]);
}

#[test]
fn a_socket_that_was_taken_away_or_is_another() {
    let data = folder();
    let other = data.path().join("other.sock");
    let daemon = Setup::new().socket(&other).start();
    let told = Person::of(&daemon).ask();
    told.is_well();
    told.is(
        "socket",
        "hint",
        &["other.sock accepts events", "AGENTPULSE_SOCKET="],
    );
    fs::remove_file(&other).expect("our own file");
    Person::of(&daemon)
        .ask()
        .only_error("socket", &["other.sock: ", "restart the daemon"]);
}

#[test]
fn a_spool_that_nobody_takes_or_that_is_none() {
    let daemon = Setup::new().start();
    let other = daemon.folder.path().join("other");
    fs::create_dir(&other).expect("a folder");
    let person = Person::of(&daemon).with("AGENTPULSE_SPOOL", &other);
    let line = File::create(other.join("1-a.json")).expect("a file");
    person.ask().is_well();
    line.set_modified(SystemTime::now() - Duration::from_secs(300))
        .expect("our own file");
    person.ask().only_error(
        "spool",
        &["1 lines wait", "does not read them", "spool.path"],
    );
    let file = daemon.folder.path().join("file");
    fs::write(&file, "").expect("a file");
    let person = Person::of(&daemon).with("AGENTPULSE_SPOOL", &file);
    person
        .ask()
        .only_error("spool", &["is not a folder", "remove it"]);
}

#[test]
fn secrets_that_everybody_can_read() {
    let daemon = Setup::new()
        .set(
            "alerts.webhooks",
            "[{ url = \"http://127.0.0.1:9/s3cret\" }]",
        )
        .start();
    let file = daemon.data.with_extension("toml");
    let person = Person::of(&daemon);
    let mode = |mode| fs::set_permissions(&file, Permissions::from_mode(mode));
    mode(0o644).expect("our own file");
    let told = person.ask();
    told.only_error("settings", &["alerts.webhooks.0.url", "chmod o-r"]);
    assert!(
        !told.report.to_string().contains("s3cret"),
        "{:#}",
        told.report
    );
    mode(0o640).expect("our own file");
    person.ask().is_well();
    let plain = Setup::new().start();
    let file = plain.data.with_extension("toml");
    fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("our own file");
    Person::of(&plain).ask().is_well();
}

#[test]
fn fewer_files_than_connections() {
    let daemon = Setup::new().set("http.max_connections", "2000").start();
    let person = Person::of(&daemon);
    person.ask().is("open files", "ok", &["all 3152"]);
    let low = Rlimit {
        current: Some(700),
        maximum: Some(700),
    };
    prlimit(Some(daemon.pid()), Resource::Nofile, low).expect("our own process");
    person.ask().only_error(
        "open files",
        &["may open 700", "3152", "http.max_connections"],
    );
}

/// A shell often allows 1,024 where more are allowed to who asks.
#[test]
fn the_daemon_asks_for_the_files_that_it_needs() {
    let folder = folder();
    let data = folder.path().join("d");
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -S -n 300 && exec \"$0\" \"$@\""]);
    shell.arg(env!("CARGO_BIN_EXE_agentpulse"));
    shell
        .args(["serve", "--http", "127.0.0.1:0", "--data-dir"])
        .arg(&data);
    let log = File::create(folder.path().join("log")).expect("a file");
    shell
        .env("HOME", folder.path())
        .env_remove("XDG_RUNTIME_DIR")
        .stderr(log);
    let mut child = shell.spawn().expect("it starts");
    let control = data.join("control.sock");
    eventually("it listens", || {
        UnixStream::connect(&control).map_err(|error| error.to_string())
    });
    let told = Person::at(&data).ask();
    let pid = Pid::from_child(&child);
    kill_process(pid, Signal::TERM).expect("it runs");
    assert!(wait_exit(&mut child).success());
    // The defaults: two listeners with 1,024 connections each, and its own.
    told.is("open files", "ok", &["all 2176"]);
}

#[test]
fn a_door_that_is_open_to_everybody() {
    let folder = folder();
    let person =
        Person::at(&folder.path().join("d")).with("AGENTPULSE_HTTP__LISTEN", "0.0.0.0:4056");
    let told = person.ask();
    told.is(
        "http",
        "error",
        &["0.0.0.0:4056", "no API key", "agentpulse key create"],
    );
    told.is("daemon", "error", &["not running", "agentpulse serve"]);
    assert!(
        person
            .command(&["key", "create", "one"])
            .output()
            .expect("it starts")
            .status
            .success()
    );
    let told = person.ask();
    told.is("http", "hint", &["without TLS", "proxy"]);
    told.only_error("daemon", &["not running"]);
}
