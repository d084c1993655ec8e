//! What people read: `top --once` and the commands that print tables, against a daemon that has
//! a few runs.

use serde_json::{Value, json};

use crate::harness::{Daemon, Run, Setup, eventually, now_ms};
use crate::model::rfc3339;

/// A run of 90 s, an hour's work of two tools.
fn stop(id: &str, name: &str, status: &str, ended_ms: i64) -> Value {
    let error = match status {
        "failure" => json!({"type": "Broken"}),
        _ => Value::Null,
    };
    Run::new(id)
        .agent(name)
        .of_type("tester")
        .with("session_id", "s 1")
        .with("model", "claude-opus-5-5")
        .ended(ended_ms)
        .took(90_000)
        .status(status)
        .called(json!({"Bash": 3, "Read": 1}))
        .stops_with(
            "token_usage",
            json!({"input_tokens": 1000, "output_tokens": 100}),
        )
        .stops_with("error_details", error)
        .stop()
}

/// Two runs of zorp ended, one of them badly; one of an agent with a hostile name runs, and has
/// launched another.
fn daemon() -> Daemon {
    let daemon = Setup::new().start();
    let now_ms = now_ms();
    // A name has no control characters, but this one turns the direction of writing.
    let (parent, task) = ("hos\u{202e}tile", "clear\u{1b}[2J the screen");
    daemon.accept(&[
        stop("e 1", "zorp", "success", now_ms - 2_000),
        stop("e 2", "zorp", "failure", now_ms - 1_000),
        json!({"event": "start", "agent_id": "r1", "agent_name": parent,
            "task_description": task, "start_time": rfc3339(now_ms - 3_600_000)}),
        json!({"event": "start", "agent_id": "r2", "agent_name": "child",
            "parent_agent_id": "r1", "start_time": rfc3339(now_ms - 7_000)}),
    ]);
    let sign = json!({"event": "progress", "agent_id": "r2", "progress": 0.45,
        "current_tool": "Bash"});
    assert_eq!(daemon.send(&[sign]).1.totals.progress, 1);
    eventually("all is in the history and in the live view", || {
        let status: Value = serde_json::from_str(&said(&daemon, &["status", "--json"]))
            .map_err(|error| error.to_string())?;
        match (&status["journal"]["pending"], &status["live"]["lag_ms"]) {
            (pending, lag) if *pending == 0 && *lag == 0 => Ok(()),
            _ => Err(status.to_string()),
        }
    });
    daemon
}

/// Standard output of a command that must succeed.
#[track_caller]
fn said(daemon: &Daemon, arguments: &[&str]) -> String {
    let told = daemon.command(arguments);
    let error = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{arguments:?}: {error}");
    let text = String::from_utf8(told.stdout).expect("UTF-8");
    assert!(!text.contains('\u{1b}'), "an escape code: {text:?}");
    text
}

/// The cells of a table's rows below its heads, which are two blanks apart.
fn cells(table: &str) -> Vec<Vec<&str>> {
    let cells = |line| {
        str::split(line, "  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
    };
    table
        .lines()
        .skip(1)
        .map(|line| cells(line).collect())
        .collect()
}

#[test]
fn each_table_says_what_its_json_says() {
    let daemon = daemon();
    let agents = said(&daemon, &["agents"]);
    // Each run spent 1000*4 + 100*20 = 6,000 micro-dollars.
    let zorp = [
        "zorp", "tester", "2", "50.0%", "1m30s", "1m30s", "2200", "$0.01",
    ];
    assert_eq!(cells(&agents), [zorp]);
    let agents: Value = serde_json::from_str(&said(&daemon, &["agents", "--json"])).expect("JSON");
    let expect = json!([{
        "agent_name": "zorp", "agent_type": "tester", "executions": 2, "success_rate": 0.5,
        "avg_duration_ms": 90_000, "p95_duration_ms": 90_000, "total_tokens": 2200,
        "estimated_cost": 0.012,
    }]);
    assert_eq!(agents["agents"], expect);

    executions(&daemon);
    let tools = said(&daemon, &["tools", "--period", "week"]);
    assert_eq!(
        cells(&tools)[1..],
        [
            ["Bash", "6", "75.0%", "3.00", "tester"],
            ["Read", "2", "25.0%", "1.00", "tester"]
        ]
    );
    let costs = said(&daemon, &["costs", "--by", "session"]);
    assert_eq!(
        cells(&costs),
        [["s 1", "2", "2200", "$0.01"], ["all", "2", "2200", "$0.01"]]
    );
    let agents = said(&daemon, &["agents", "--kind", "main", "--json"]);
    assert!(!agents.contains("zorp"), "{agents}");
    let sessions = said(&daemon, &["sessions"]);
    let of_session = [
        "failure",
        "0",
        "2",
        "1",
        "2.2k",
        "$0.01",
        "claude-opus-5-5",
        "s 1",
    ];
    assert_eq!(cells(&sessions)[0][2..], of_session);
    session(&daemon);
    for (command, path) in [
        (
            &["sessions", "--limit", "2", "--json"][..],
            "/api/sessions?limit=2",
        ),
        (&["session", "s 1", "--json"], "/api/sessions/s%201"),
        (&["tools", "--json"][..], "/api/agents/tools/usage"),
        (
            &["costs", "--by", "model", "--days", "2", "--json"],
            "/api/agents/costs?by=model&days=2",
        ),
        (
            &["costs", "--kind", "main", "--json"],
            "/api/agents/costs?kind=main",
        ),
        (
            &["tools", "--project", "~/shop & co", "--json"],
            "/api/agents/tools/usage?project=~/shop%20%26%20co",
        ),
    ] {
        let told: Value = serde_json::from_str(&said(&daemon, command)).expect("JSON");
        assert_eq!(told, daemon.read(path).expect("a read"), "{command:?}");
    }
}

fn session(daemon: &Daemon) {
    let text = said(daemon, &["session", "s 1"]);
    let rows = cells(&text);
    let row = |id: &str| rows.iter().find(|row| row.contains(&id)).expect("a row")[1..].to_vec();
    let mut failed = row("e 2");
    failed.remove(1); // When it started.
    let expect = [
        "failure",
        "1m30s",
        "1.1k",
        "$0.0060",
        "claude-opus-5-5",
        "Bash 3, Read 1",
        "e 2",
        "Broken",
    ];
    assert_eq!(failed, expect, "{text}");
    assert!(rows.contains(&vec!["zorp", "2", "2.2k", "$0.01"]), "{text}");
    let unknown = daemon.command(&["session", "nobody"]);
    assert_eq!(unknown.status.code(), Some(1));
    let error = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(error.contains("no session has the id nobody"), "{error}");
}

fn executions(daemon: &Daemon) {
    let executions = said(
        daemon,
        &["executions", "--agent", "zorp", "--session", "s 1"],
    );
    let found = cells(&executions);
    assert_eq!(found.len(), 2, "{executions}");
    assert_eq!(
        found[0][1..],
        [
            "zorp", "tester", "failure", "1m30s", "1100", "$0.0060", "e 2", "s 1"
        ]
    );
    let failed = [
        "executions",
        "--status",
        "failure",
        "--since",
        "1970-01-01",
        "--json",
    ];
    let failed: Value = serde_json::from_str(&said(daemon, &failed)).expect("JSON");
    assert_eq!(
        failed,
        daemon
            .read("/api/agents/executions?status=failure")
            .expect("a read")
    );
    assert_eq!(
        cells(&said(daemon, &["executions", "--limit", "1"]))[1][0],
        "there are older ones: --limit shows more, --until goes back"
    );
    assert!(cells(&said(daemon, &["executions", "--agent", "z&status=x"])).is_empty());
}

#[test]
fn one_is_shown_by_its_id_or_its_name() {
    let daemon = daemon();
    let execution = said(&daemon, &["show", "e 2"]);
    assert!(execution.contains("error_details.type  "), "{execution}");
    let json: Value =
        serde_json::from_str(&said(&daemon, &["show", "e 2", "--json"])).expect("JSON");
    assert_eq!(
        json,
        daemon.read("/api/agents/executions/e%202").expect("a read")
    );
    let agent = said(&daemon, &["show", "zorp"]);
    assert!(agent.contains("\ntotal_executions "), "{agent}");
    assert!(agent.contains("e 2        type: Broken\n"), "{agent}");
    let running = said(&daemon, &["show", "r1"]);
    assert!(running.contains("clear[2J the screen\n"), "{running}");
    let nobody = daemon.command(&["show", "../x"]);
    assert_eq!(nobody.status.code(), Some(1));
    let expect = "agentpulse: no execution has the id ../x, and no agent has that name\n";
    assert_eq!(String::from_utf8_lossy(&nobody.stderr), expect);
}

#[test]
fn top_is_a_table_once_and_a_screen_only_on_a_terminal() {
    let daemon = daemon();
    let text = said(&daemon, &["top", "--once"]);
    let lines: Vec<&str> = text.lines().collect();
    assert!(
        lines[0]
            .starts_with("running 2  today 2  success 50.0%  avg 1m30s  tokens 2.2k  cost $0.01"),
        "{text}"
    );
    assert!(
        lines[1].starts_with("last minute  2 ended  2.2k tokens  $0.01"),
        "{text}"
    );
    let rows = cells(&text);
    let row = |name: &str| {
        let row = rows.iter().find(|row| row[0] == name);
        row.unwrap_or_else(|| panic!("no {name} in {text}")).clone()
    };
    assert_eq!(row("hostile")[2], "1h00m");
    assert_eq!(row("child")[3..], ["Bash", "45%", "–", "–", "r2"]);
    assert!(
        text.contains("\n  child "),
        "it stands below who launched it: {text}"
    );
    let parent = text.find("hostile").expect("it runs");
    assert!(parent < text.find("  child").expect("it runs"));

    let piped = daemon.command(&["top"]);
    assert_eq!(piped.status.code(), Some(1));
    assert!(piped.stdout.is_empty(), "nothing is drawn");
    assert!(String::from_utf8_lossy(&piped.stderr).contains("--once"));
}
