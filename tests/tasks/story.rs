//! classify_error, fix_bug, verify_fix: with handoffs, a question and its answer, a failure and a
//! retry, over the command line.

use serde_json::Value;

use super::{claim, task};
use crate::harness::{Daemon, Setup, eventually, short_program, wait_exit};

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn run(daemon: &Daemon, arguments: &[&str]) -> Said {
    // Before the others: what follows `--exec` is not of the program.
    let mut program = short_program();
    program.arg("--data-dir").arg(&daemon.data).args(arguments);
    let output = program.output().expect("the program runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    Said {
        code: output.status.code(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

#[track_caller]
fn says(daemon: &Daemon, arguments: &[&str], expected: &str) {
    let said = run(daemon, arguments);
    assert_eq!(
        (said.code, said.out.trim_end()),
        (Some(0), expected),
        "{}",
        said.err
    );
}

/// The token of the task that this role takes.
fn claimed(daemon: &Daemon, role: &str) -> String {
    let said = run(
        daemon,
        &["tasks", "claim", "--role", role, "--worker", role, "--json"],
    );
    let claimed: Value = serde_json::from_str(&said.out).unwrap_or_else(|_| panic!("{}", said.err));
    claimed["lease"]["token"]
        .as_str()
        .expect("a token")
        .to_owned()
}

#[test]
fn three_roles_hand_on_their_work_to_its_end() {
    let daemon = Setup::new().start();
    let context = r#"{"error":"checkout fails"}"#;
    let add = [
        "tasks",
        "add",
        "classify_error",
        "--to",
        "triage",
        "--context",
        context,
    ];
    says(&daemon, &add, "task 1 is for triage");
    let token = claimed(&daemon, "triage");
    let done = |id: &str, token: &str, result: &str, to: &str, then: &str, expected: &str| {
        let done = [
            "tasks", "done", id, "--token", token, "--result", result, "--to", to, "--then", then,
        ];
        says(&daemon, &done, expected);
    };
    let expected = "task 1 is completed; task 2 follows";
    done(
        "1",
        &token,
        r#"{"class":"bug"}"#,
        "developer",
        "fix_bug",
        expected,
    );

    let token = claimed(&daemon, "developer");
    let ask = [
        "tasks",
        "block",
        "2",
        "--token",
        &token,
        "--to",
        "architect",
        "Which one?",
    ];
    says(
        &daemon,
        &ask,
        "task 2 is blocked, until message 2 is answered",
    );
    let states = daemon.read("/api/agents/states").expect("the states");
    let state = |role: &str| states["states"][role]["status"].clone();
    assert_eq!(
        (state("developer"), state("qa")),
        ("blocked".into(), "idle".into())
    );
    let asked = run(
        &daemon,
        &["messages", "list", "--to", "architect", "--unread"],
    );
    assert!(asked.out.contains("Which one?"), "{}", asked.out);
    says(&daemon, &["messages", "read", "2"], "Which one?");
    let read = run(
        &daemon,
        &["messages", "list", "--to", "architect", "--unread"],
    );
    assert_eq!(read.out.lines().count(), 1, "the head alone: {}", read.out);
    let answer = [
        "messages",
        "send",
        "--from",
        "architect",
        "--to",
        "developer",
        "--type",
        "answer",
        "--reply-to",
        "2",
        "The second.",
    ];
    says(&daemon, &answer, "message 3");

    let token = claimed(&daemon, "developer");
    let fail = [
        "tasks",
        "fail",
        "2",
        "--token",
        &token,
        "the build is broken",
    ];
    says(&daemon, &fail, "task 2 is pending");
    let failed = task(&daemon, 2);
    assert_eq!(failed["task"]["retry_count"], 1);
    assert_eq!(failed["task"]["error_message"], "the build is broken");
    // The wait before the next attempt is cut short.
    let soon = daemon.control("PATCH", "/api/tasks/2", &[], b"{\"not_before_ms\":0}");
    assert_eq!(soon.status, 200, "{}", soon.text());
    let token = claimed(&daemon, "developer");
    let expected = "task 2 is completed; task 3 follows";
    done(
        "2",
        &token,
        r#"{"commit":"abc"}"#,
        "qa",
        "verify_fix",
        expected,
    );

    let verify = [
        "tasks",
        "claim",
        "--role",
        "qa",
        "--worker",
        "qa",
        "--exec",
        "sh",
        "-c",
        "cat; printf ' %s' \"$AGENTPULSE_TASK_TYPE\"",
    ];
    says(&daemon, &verify, "task 3 is completed");
    let chain = daemon.read("/api/tasks/2/chain").expect("the chain");
    let chain = chain["tasks"].as_array().expect("tasks");
    let shown: Vec<_> = chain
        .iter()
        .map(|task| (task["task_type"].as_str(), task["status"].as_str()))
        .collect();
    let completed = |of_type| (Some(of_type), Some("completed"));
    let expected = ["classify_error", "fix_bug", "verify_fix"].map(completed);
    assert_eq!(shown, expected);
    assert_eq!(chain[2]["result"], "{\"commit\":\"abc\"} verify_fix");
    let attempts = &task(&daemon, 2)["attempts"];
    let how: Vec<&str> = attempts
        .as_array()
        .expect("attempts")
        .iter()
        .filter_map(|attempt| attempt["how"].as_str())
        .collect();
    assert_eq!(how[0], "blocked");
    assert_eq!(how[2], "completed");
}

#[test]
fn a_command_that_fails_fails_its_task() {
    let daemon = Setup::new().start();
    says(
        &daemon,
        &["tasks", "add", "x", "--to", "qa", "--retries", "0"],
        "task 1 is for qa",
    );
    let work = [
        "tasks",
        "claim",
        "--role",
        "qa",
        "--exec",
        "sh",
        "-c",
        "echo bad >&2; exit 3",
    ];
    let said = run(&daemon, &work);
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.contains("task 1 is failed") && said.err.contains("bad"),
        "{}",
        said.err
    );
    let said = run(&daemon, &["tasks", "claim", "--role", "qa"]);
    assert_eq!(
        (said.code, said.err.trim_end()),
        (Some(1), "agentpulse: there is no task")
    );
    says(&daemon, &["tasks", "retry", "1"], "task 1 is pending");
}

#[test]
fn an_output_that_is_too_long_is_cut_and_the_task_is_completed() {
    let daemon = Setup::new().start();
    says(
        &daemon,
        &["tasks", "add", "x", "--to", "qa"],
        "task 1 is for qa",
    );
    let script = "yes | head -c 300000";
    let work = [
        "tasks", "claim", "--role", "qa", "--exec", "sh", "-c", script,
    ];
    says(&daemon, &work, "task 1 is completed");
    let result = task(&daemon, 1)["task"]["result"].clone();
    assert!(
        result
            .as_str()
            .is_some_and(|text| text.starts_with("y\ny\n"))
    );
}

/// With all that it has started, whether it is cancelled or another may have it.
#[test]
fn a_command_is_killed_when_its_task_is_not_its_own_any_more() {
    let daemon = Setup::new().start();
    for (id, is_cancelled) in [("1", true), ("2", false)] {
        let expected = format!("task {id} is for qa");
        says(
            &daemon,
            &["tasks", "add", "x", "--to", "qa", "--retries", "0"],
            &expected,
        );
        let made = daemon.folder.path().join(id);
        let script = format!("sh -c 'sleep 60; touch {}'; true", made.display());
        let mut program = short_program();
        program.arg("--data-dir").arg(&daemon.data);
        program.args([
            "tasks", "claim", "--role", "qa", "--worker", "w", "--lease", "10",
        ]);
        let mut worker = program
            .args(["--exec", "sh", "-c", &script])
            .spawn()
            .expect("a worker");
        let number = id.parse().expect("a number");
        eventually("it is held", || {
            let status = &task(&daemon, number)["task"]["status"];
            (status == "running")
                .then_some(())
                .ok_or(status.to_string())
        });
        match is_cancelled {
            true => says(
                &daemon,
                &["tasks", "cancel", id],
                &format!("the worker of task {id} is asked to give it up"),
            ),
            false => {
                // Its worker is given the task again.
                let (_, token) = claim(&daemon, "qa", "w").expect("the task");
                let release = ["tasks", "release", id, "--token", &token];
                says(&daemon, &release, &format!("task {id} is pending"));
            }
        }
        assert_eq!(wait_exit(&mut worker).code(), Some(1));
        assert!(!made.exists(), "what it has started is killed with it");
        let status = task(&daemon, number)["task"]["status"].clone();
        assert_eq!(status, ["pending", "cancelled"][usize::from(is_cancelled)]);
    }
}
