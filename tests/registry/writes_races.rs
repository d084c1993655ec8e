//! Writes of definitions that meet others, and those in the midst of which the daemon dies.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::thread;

use rustix::process::Signal;
use serde_json::json;

use super::home::{Home, definition, write};
use super::writes::{
    AGENTS, REVIEWER, change, create, done, is, names, open, remove, reviewer, version,
};
use crate::harness::wire::{self, Response};
use crate::harness::{Daemon, eventually};

#[test]
fn of_two_changes_of_one_version_one_is_made() {
    let home = Home::new();
    write(
        &home.user(),
        "writer",
        &definition("writer", "model: opus\n"),
    );
    let daemon = open(&home).start();
    let mut models = ["haiku", "sonnet", "fable", "inherit"].iter().cycle();
    for _ in 0..10 {
        let shown = version(&daemon, "writer");
        let models = [
            models.next().expect("a model"),
            models.next().expect("a model"),
        ];
        let answers = thread::scope(|scope| {
            let put = |model| {
                let (daemon, shown) = (&daemon, &shown);
                scope.spawn(move || change(daemon, "writer", shown, &json!({"model": model})))
            };
            let both = models.map(put);
            both.map(|one| one.join().expect("an answer"))
        });
        let won = answers
            .iter()
            .position(|answer| answer.status == 200)
            .expect("one");
        is(&answers[1 - won], 412, "changed_meanwhile");
        let file = fs::read_to_string(home.user().join("writer.md")).expect("a file");
        let expected = definition("writer", &format!("model: {}\n", models[won]));
        assert_eq!(file, expected);
        assert_eq!(answers[won].json()["config"]["model"], *models[won]);
    }
}

/// Lets the daemon wait at a place of a write, changes a file meanwhile, and lets it go on.
fn meanwhile(
    place: &str,
    ask: impl Fn(&Daemon) -> Response + Sync,
    waits: impl Fn(&Home, &Daemon) -> bool,
    (name, text): (&str, &str),
) -> (Home, Response) {
    let home = Home::new();
    write(&home.user(), "writer", &definition("writer", ""));
    let hold = home.path("hold");
    fs::write(&hold, "").expect("a file");
    let place = format!("{place}@{}", hold.display());
    let daemon = open(&home).crash_at(&place).start();
    let answer = thread::scope(|scope| {
        let asked = scope.spawn(|| ask(&daemon));
        eventually("the daemon waits", || {
            waits(&home, &daemon).then_some(()).ok_or(String::new())
        });
        write(&home.user(), name, text);
        fs::remove_file(&hold).expect("it waits");
        asked.join().expect("an answer")
    });
    let file = home.user().join(format!("{name}.md"));
    assert_eq!(fs::read_to_string(file).expect("a file"), text);
    (home, answer)
}

#[test]
fn what_is_written_by_hand_meanwhile_stays() {
    if !cfg!(debug_assertions) {
        eprintln!("skipped: a release build has no places to wait at");
        return;
    }
    // Beside the definition the new file that is not in its place yet.
    let is_staged = |home: &Home, _: &Daemon| names(&home.user()).len() == 2;
    let is_kept = |_: &Home, daemon: &Daemon| !names(&daemon.data.join("trash")).is_empty();
    let by_hand = definition("writer", "color: red\n");
    let put = |daemon: &Daemon| {
        let version = version(daemon, "writer");
        change(daemon, "writer", &version, &json!({"model": "opus"}))
    };
    let (home, answer) = meanwhile("definition.staged", put, is_staged, ("writer", &by_hand));
    is(&answer, 412, "changed_meanwhile");
    assert_eq!(names(&home.user()), ["writer.md"]);

    let delete = |daemon: &Daemon| remove(daemon, "writer");
    let (_, answer) = meanwhile("definition.kept", delete, is_kept, ("writer", &by_hand));
    is(&answer, 412, "changed_meanwhile");

    let post = |daemon: &Daemon| create(daemon, &reviewer());
    let (home, answer) = meanwhile(
        "definition.staged",
        post,
        is_staged,
        ("reviewer", "# mine\n"),
    );
    is(&answer, 409, "name_taken");
    assert_eq!(names(&home.user()), ["reviewer.md", "writer.md"]);
}

#[test]
fn a_daemon_that_dies_leaves_each_file_whole() {
    if !cfg!(debug_assertions) {
        eprintln!("skipped: a release build has no crash points");
        return;
    }
    let home = Home::new();
    let before = definition("writer", "model: opus\n");
    let after = before.replace("opus", "haiku");
    let mut daemon = open(&home).start();
    let socket = daemon.data.join("control.sock");
    let ask = |method: &str, path: &str, version: &str, body: &str| {
        let quoted = format!("\"{version}\"");
        let headers = [("if-match", quoted.as_str())];
        let headers = if version.is_empty() {
            &[][..]
        } else {
            &headers
        };
        // It dies, and answers nothing.
        let answer = wire::request_control(&socket, method, path, headers, body.as_bytes());
        assert!(answer.is_err(), "{answer:?}");
    };
    let body = reviewer().to_string();
    let one = "/registry/agents/writer";
    for (place, method, old) in [
        ("definition.staged", "POST", true),
        ("definition.renamed", "POST", false),
        ("definition.staged", "PUT", true),
        ("definition.renamed", "PUT", false),
        ("definition.kept", "DELETE", true),
        ("definition.unlinked", "DELETE", false),
    ] {
        let _ = fs::remove_file(home.user().join("reviewer.md"));
        write(&home.user(), "writer", &before);
        daemon.kill9();
        daemon.setup = daemon.setup.clone().crash_at(place);
        daemon.restart();
        let shown = version(&daemon, "writer");
        match method {
            "POST" => ask(method, AGENTS, "", &body),
            "PUT" => ask(method, one, &shown, r#"{"model": "haiku"}"#),
            _ => ask(method, one, &shown, ""),
        }
        assert_eq!(
            daemon.wait_end().signal(),
            Some(Signal::ABORT.as_raw()),
            "{place}"
        );
        let files = ["reviewer", "writer"]
            .map(|name| fs::read_to_string(home.user().join(format!("{name}.md"))).ok());
        let expected = match (method, old) {
            ("POST", false) => [Some(REVIEWER.to_owned()), Some(before.clone())],
            ("PUT", false) => [None, Some(after.clone())],
            ("DELETE", false) => [None, None],
            _ => [None, Some(before.clone())],
        };
        assert_eq!(files, expected, "{method} {place}");
        // What was removed is kept before it goes.
        if method == "DELETE" {
            let kept = names(&daemon.data.join("trash"));
            let newest = daemon.data.join("trash").join(kept.last().expect("a file"));
            assert_eq!(fs::read_to_string(newest).expect("a file"), before);
        }
        daemon.setup = daemon.setup.clone().without_crash();
        daemon.restart();
        // The next write clears away what is left.
        done(
            &create(
                &daemon,
                &json!({"name": "next", "description": "d", "prompt": "",
            "scope": "user"}),
            ),
            201,
        );
        assert!(names(&home.user()).iter().all(|name| name.ends_with(".md")));
        done(&remove(&daemon, "next"), 200);
    }
}
