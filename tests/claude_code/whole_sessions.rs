//! Captured sessions with their main threads: what is counted is what the client's own totals
//! say, by model, whatever the order of the hooks, and from the transcripts alone.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::claude_code::captured::{Run, start};
use crate::harness::{Daemon, eventually, folder};
use crate::model::load::ordered;

/// Requests, input, output, cache read and cache written, by model.
type ByModel = BTreeMap<String, [u64; 5]>;

pub const CAPTURED: [&str; 33] = [
    "bg-2.1.332",
    "bigwrite-2.1.332",
    "block-2.1.332",
    "compact-2.1.332",
    "custom-2.1.332",
    "err-2.1.332",
    "forkagent-2.1.332",
    "forks-2.1.332",
    "http-2.1.332",
    "kill-INT-2.1.332",
    "kill-TERM-2.1.332",
    "killwf-TERM-2.1.332",
    "m-claude-fable-5-2-2.1.332",
    "mainagent-2.1.332",
    "mainerr-2.1.332",
    "many-2.1.332",
    "nest-2.1.332",
    "one-2.1.332",
    "plain-2.1.332",
    "resume-2.1.332",
    "slow-2.1.332",
    "t-clear-2.1.332",
    "t-notif-2.1.332",
    "t-perm-2.1.332",
    "t-team-2.1.332",
    "tasks-2.1.332",
    "taskstop-2.1.332",
    "u-1h-2.1.332",
    "u-fast-2.1.332",
    "u-long-2.1.332",
    "u-web-2.1.332",
    "wfstop-2.1.332",
    "workflow-2.1.332",
];

/// The request that compaction itself makes is in no transcript.
const COMPACTED: &str = "compact-2.1.332";

/// What was counted, of the main thread and of agents, and what it cost.
#[derive(Debug, Default, PartialEq)]
struct Counted {
    main: ByModel,
    agents: ByModel,
}

impl Counted {
    fn by(daemon: &Daemon) -> Result<(Counted, f64), String> {
        let answer = daemon.read("/api/agents/executions?limit=500")?;
        let (mut counted, mut cost) = (Counted::default(), 0.0);
        for one in answer["executions"].as_array().expect("a list") {
            let sums = match one["kind"] == "main" {
                true => &mut counted.main,
                false => &mut counted.agents,
            };
            cost += one["token_usage"]["estimated_cost"].as_f64().unwrap_or(0.0);
            for (model, usage) in one["usage_by_model"].as_object().into_iter().flatten() {
                add(sums, model, usage, OURS);
            }
        }
        Ok((counted, cost))
    }

    fn expected(run: &Run) -> Counted {
        let mut expected = Counted::default();
        let main = &run.expected["by_transcripts"]["main_models"];
        for (model, usage) in main.as_object().into_iter().flatten() {
            add(
                &mut expected.main,
                &format!("claude-{model}"),
                usage,
                OF_MAIN,
            );
        }
        for one in run.expected["executions"].as_array().expect("a list") {
            for (model, usage) in one["usage_by_model"].as_object().expect("models") {
                add(&mut expected.agents, model, usage, OF_AGENTS);
            }
        }
        expected
    }
}

/// The names of requests, input, output, cache read and the two kinds of cache writes.
type Names = [&'static str; 6];

const OURS: Names = [
    "requests",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
];
const OF_MAIN: Names = ["requests", "input", "output", "read", "w5", "w1"];
const OF_AGENTS: Names = [
    "requests",
    "input",
    "output",
    "cache_read",
    "cache_5m",
    "cache_1h",
];

fn add(sums: &mut ByModel, model: &str, usage: &Value, names: Names) {
    let sum = sums.entry(model.to_owned()).or_default();
    let counts = names.map(|name| usage[name].as_u64().unwrap_or(0));
    for (place, count) in counts.into_iter().enumerate() {
        sum[place.min(4)] += count;
    }
}

/// The total that the client gave at its end.
fn client_cost(run: &Run) -> Option<f64> {
    run.expected["client"].as_array()?.last()?["cost"].as_f64()
}

/// The reports of its sessions come to the same, and each is what its executions come to.
fn sessions_hold(run: &Run, name: &str, daemon: &Daemon) {
    let list = daemon.read("/api/sessions?limit=500").unwrap();
    let dollars = |usage: &Value| usage["estimated_cost"].as_f64().unwrap_or(0.0);
    let (mut cost, mut executions) = (0.0, 0);
    for session in list["sessions"].as_array().expect("a list") {
        let id = session["session_id"].as_str().expect("an id");
        let mut detail = daemon.read(&format!("/api/sessions/{id}")).unwrap();
        let tree = detail["executions"].take();
        let tree = tree.as_array().expect("a list");
        for (field, value) in session.as_object().expect("an object") {
            assert_eq!(detail[field], *value, "{name}: {field}");
        }
        let all = [&session["turns"], &session["agent_runs"]];
        let all: i64 = all
            .map(|count| count.as_i64().expect("a count"))
            .iter()
            .sum();
        assert_eq!(tree.len() as i64, all, "{name}");
        let of_tree: f64 = tree.iter().map(|one| dollars(&one["token_usage"])).sum();
        assert!(
            (of_tree - dollars(&session["token_usage"])).abs() < ROUNDED,
            "{name}"
        );
        for by in ["by_agent", "by_model"] {
            let rows = detail[by].as_array().expect("a list");
            let sum: f64 = rows.iter().map(dollars).sum();
            assert!((of_tree - sum).abs() < ROUNDED, "{name}: {by}");
        }
        stand_below_their_parents(name, tree);
        cost += dollars(&session["token_usage"]);
        executions += tree.len();
    }
    let list = daemon.read("/api/agents/executions?limit=500").unwrap();
    assert_eq!(
        list["executions"].as_array().map(Vec::len),
        Some(executions),
        "{name}"
    );
    if let Some(client) = client_cost(run).filter(|_| name != COMPACTED) {
        assert!(
            (client - cost).abs() <= ROUNDED,
            "{name}: {cost} and not {client}"
        );
    }
}

/// A turn of the main thread is at the top, and all that it launched is below one.
fn stand_below_their_parents(name: &str, tree: &[Value]) {
    let mut path: Vec<&Value> = Vec::new();
    for one in tree {
        let level = one["level"].as_u64().expect("a level") as usize;
        assert!(level <= path.len(), "{name}: {one}");
        path.truncate(level);
        assert_eq!(level == 0, one["kind"] == "main", "{name}: {one}");
        if let (Some(launcher), Some(above)) = (one["parent_agent_id"].as_str(), path.last()) {
            let above = above["agent_id"].as_str().expect("an id");
            assert_eq!(above.split('#').next(), Some(launcher), "{name}: {one}");
        }
        path.push(one);
    }
}

/// Each execution is rounded to a millionth of a dollar.
const ROUNDED: f64 = 0.000_01;

fn holds(run: &Run, name: &str, daemon: &Daemon) -> Result<(), String> {
    let (counted, cost) = Counted::by(daemon)?;
    let expected = Counted::expected(run);
    if counted != expected {
        return Err(format!("{counted:#?} and not {expected:#?}"));
    }
    match client_cost(run).filter(|_| name != COMPACTED) {
        Some(client) if (client - cost).abs() > ROUNDED => {
            Err(format!("{cost} dollars, the client says {client}"))
        }
        _ => Ok(()),
    }
}

#[test]
fn sessions_come_to_what_their_clients_say_in_any_order() {
    for (number, name) in CAPTURED.into_iter().enumerate() {
        let place = folder();
        let roots = place.path().join("projects");
        let run = Run::captured(name, &roots);
        let daemon = start(&roots);
        // Each in an order of its own; the first as it was.
        let order = number as u32;
        let key = |i: usize| (i as u32 + 1).wrapping_mul(2_654_435_761_u32.wrapping_mul(order));
        let keys: Vec<u32> = (0..run.lines.len()).map(key).collect();
        daemon.send(&ordered(run.lines.clone(), &keys));
        eventually(name, || holds(&run, name, &daemon));
        sessions_hold(&run, name, &daemon);
        let running = daemon.read("/api/agents/active").unwrap();
        assert_eq!(running["active"], json!([]), "{name}");
    }
}

#[test]
fn transcripts_alone_come_to_the_same_and_add_nothing_to_hooks() {
    for name in [
        "forks-2.1.332",
        "many-2.1.332",
        "t-clear-2.1.332",
        "workflow-2.1.332",
    ] {
        let place = folder();
        let roots = place.path().join("projects");
        let run = Run::captured(name, &roots);
        let daemon = start(&roots);
        let root = roots.display().to_string();
        let import = || {
            let imported = daemon.command(&["import", "claude-code", "--root", &root]);
            assert!(imported.status.success(), "{imported:?}");
        };
        import();
        eventually(name, || holds(&run, name, &daemon));
        let of = |field: &str| -> Vec<Value> {
            let answer = daemon.read("/api/agents/executions?limit=500").unwrap();
            let list = answer["executions"].as_array().expect("a list").clone();
            list.iter().map(|one| one[field].clone()).collect()
        };
        assert!(of("is_discovered").iter().all(|found| *found == true));
        daemon.send(&run.lines);
        eventually(name, || {
            holds(&run, name, &daemon)?;
            match of("is_discovered").iter().any(|found| *found == true) {
                true => Err("a hook reported each of them".to_owned()),
                false => Ok(()),
            }
        });
        import();
        holds(&run, name, &daemon).unwrap();
    }
}

/// What the client itself says stands beside a session, with whether it was counted so.
#[test]
fn a_session_is_verified_by_the_totals_of_its_client() {
    for (name, is_equal) in [
        ("many-2.1.332", json!(true)),
        (COMPACTED, json!(false)),
        ("kill-INT-2.1.332", json!(true)),
    ] {
        let place = folder();
        let roots = place.path().join("projects");
        let run = Run::captured(name, &roots);
        let daemon = start(&roots);
        daemon.send(&run.lines);
        eventually(name, || holds(&run, name, &daemon));
        let list = daemon.read("/api/sessions").unwrap();
        let id = list["sessions"][0]["session_id"].as_str().expect("an id");
        let client = daemon.read(&format!("/api/sessions/{id}")).unwrap()["client"].clone();
        assert_eq!(client["is_equal"], is_equal, "{name}: {client}");
        let said = client["cost"].as_f64().expect("a cost");
        let expected = client_cost(&run).expect("a total");
        assert!((said - expected).abs() < ROUNDED, "{name}: {client}");
    }
}

/// Two sessions of which one is a fork, whose totals go on, and one that was compacted.
#[test]
fn verify_finds_the_totals_of_the_client_equal_or_says_why_not() {
    for (name, verdict) in [
        ("forks-2.1.332", "equal"),
        ("t-clear-2.1.332", "equal"),
        (COMPACTED, "explained"),
    ] {
        let place = folder();
        let roots = place.path().join("projects");
        let run = Run::captured(name, &roots);
        let daemon = start(&roots);
        let verify = || {
            let root = roots.display().to_string();
            let verified = daemon.command(&["verify", "claude-code", "--json", "--root", &root]);
            let text = String::from_utf8_lossy(&verified.stdout).into_owned();
            (verified.status.code(), text)
        };
        // Nothing is counted yet.
        assert_eq!(verify().0, Some(if name == COMPACTED { 0 } else { 1 }));
        daemon.send(&run.lines);
        eventually(name, || holds(&run, name, &daemon));
        let (code, text) = verify();
        let found: Value = serde_json::from_str(&text).expect("JSON");
        let verdicts = found["compared"].as_array().expect("a list").iter();
        assert!(
            verdicts
                .map(|one| &one["verdict"])
                .all(|one| one == verdict),
            "{text}"
        );
        assert_eq!(code, Some(0));
    }
}

/// The hooks of agents were not installed, or lost: what lies beside the main thread is counted
/// when a turn of that ends.
#[test]
fn agents_that_no_hook_reported_are_found_beside_the_main_thread() {
    for name in ["many-2.1.332", "nest-2.1.332", "workflow-2.1.332"] {
        let place = folder();
        let roots = place.path().join("projects");
        let run = Run::captured(name, &roots);
        let daemon = start(&roots);
        let of_main = |line: &&Value| line["payload"].get("agent_id").is_none();
        let is_launch = |line: &&Value| line["payload"]["tool_name"] == "Agent";
        let lines = run.lines.iter().filter(of_main);
        let lines: Vec<Value> = lines.filter(|line| !is_launch(line)).cloned().collect();
        daemon.send(&lines);
        eventually(name, || holds(&run, name, &daemon));
        let answer = daemon.read("/api/agents/executions?limit=500").unwrap();
        for one in answer["executions"].as_array().expect("a list") {
            assert_eq!(one["is_discovered"], one["kind"] != "main", "{one}");
        }
        // Their hooks come after all.
        daemon.send(&run.lines);
        eventually(name, || holds(&run, name, &daemon));
    }
}
