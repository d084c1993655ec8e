//! Projects and branches: those of the first line of a turn, by hooks and by import.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::claude_code::captured::{Run, start};
use crate::claude_code::numbers::agree;
use crate::claude_code::script::Script;
use crate::harness::{Daemon, Setup, eventually, folder};

/// A turn whose client worked in a folder, and went on elsewhere.
fn turn(script: &mut Script, agent: &str, place: Option<(&Path, &str)>) {
    let mut lines = script.turn(agent, 1.0, 100, 10);
    if let Some((folder, branch)) = place {
        for line in &mut lines {
            line["cwd"] = folder.display().to_string().into();
            line["gitBranch"] = branch.into();
        }
        lines[3]["cwd"] = "/srv/elsewhere".into();
        lines[3]["gitBranch"] = "elsewhere".into();
    }
    script.write(agent, &lines);
    script.beside(agent, &json!({"agentType": "probe"}));
    script.start(agent, 1.0);
    script.stop(agent, 11.0);
}

fn at_home(roots: &Path, home: &Path) -> Daemon {
    Setup::new()
        .set("transcript.roots", &format!("[{roots:?}]"))
        .environment("HOME", &home.display().to_string())
        .start()
}

#[test]
fn a_worktree_counts_for_its_repository_by_hooks_and_by_import() {
    let place = folder();
    let (roots, home) = (place.path().join("projects"), place.path().join("home"));
    let (shop, fix, notes) = (home.join("shop"), home.join("fix"), home.join("notes"));
    for made in [
        shop.join(".git/worktrees/fix"),
        shop.join("src"),
        fix.clone(),
        notes.clone(),
    ] {
        fs::create_dir_all(made).expect("a folder");
    }
    let pointer = format!("gitdir: {}\n", shop.join(".git/worktrees/fix").display());
    fs::write(fix.join(".git"), pointer).expect("a file");
    let gone = shop.join(".claude/worktrees/agent-1/src");
    let mut script = Script::new(&roots, "x");
    turn(&mut script, "src", Some((&shop.join("src"), "main")));
    turn(&mut script, "fix", Some((&fix, "fix-1")));
    turn(&mut script, "gone", Some((&gone, "HEAD")));
    turn(&mut script, "notes", Some((&notes, "")));
    turn(&mut script, "none", None);
    let expected = json!({
        "src": {"project": "~/shop", "branch": "main"},
        "fix": {"project": "~/shop", "branch": "fix-1"},
        "gone": {"project": "~/shop", "branch": "HEAD"},
        "notes": {"project": "~/notes", "branch": null},
        "none": {"project": null, "branch": null},
    });
    let by_hooks = at_home(&roots, &home);
    by_hooks.send(&script.lines);
    let by_import = at_home(&roots, &home);
    let root = roots.display().to_string();
    let imported = by_import.command(&["import", "claude-code", "--root", &root]);
    assert!(imported.status.success(), "{imported:?}");
    for daemon in [by_hooks, by_import] {
        eventually("each has its project", || script.holds(&daemon, &expected));
        agree(&daemon);
        let costs = daemon
            .read("/api/agents/costs?by=project&days=1")
            .expect("costs");
        let rows = costs["costs"].as_array().expect("a list").iter();
        let mut rows: Vec<_> = rows
            .map(|row| (row["project"].clone(), row["executions"].clone()))
            .collect();
        rows.sort_by_key(|(project, _)| project.to_string());
        let expected = [
            (json!("~/notes"), 1),
            (json!("~/shop"), 3),
            (Value::Null, 1),
        ];
        assert_eq!(
            rows,
            expected.map(|(project, count)| (project, count.into()))
        );
    }
}

/// The sums by kind are those of the client's own totals, main thread and agents apart.
#[test]
fn costs_by_kind_are_those_of_the_captured_sessions() {
    for name in ["many-2.1.332", "workflow-2.1.332", "t-team-2.1.332"] {
        let place = folder();
        let roots = place.path().join("projects");
        let run = Run::captured(name, &roots);
        let daemon = start(&roots);
        daemon.send(&run.lines);
        eventually(name, || {
            let all = daemon.read("/api/agents/executions?limit=500")?;
            let is_read = |one: &Value| one["usage_by_model"].is_object();
            let all = all["executions"].as_array().ok_or("no list")?;
            match !all.is_empty() && all.iter().all(is_read) {
                true => Ok(()),
                false => Err("not all are read".to_owned()),
            }
        });
        agree(&daemon);
        let costs = daemon
            .read("/api/agents/costs?by=kind&days=2")
            .expect("costs");
        let of = |is_main: bool| -> i64 {
            let rows = costs["costs"].as_array().expect("a list").iter();
            let rows = rows.filter(|row| (row["kind"] == "main") == is_main);
            rows.map(|row| row["total_tokens"].as_i64().expect("tokens"))
                .sum()
        };
        let (main, agents) = tokens(&run.expected);
        assert_eq!((of(true), of(false)), (main, agents), "{name}");
        let read = |path: &str| daemon.read(path).expect("an answer");
        let by_kind = read("/api/agents/metrics/current")["by_kind"].clone();
        let today = read("/api/agents/costs?by=kind&days=1")["costs"].clone();
        for row in today.as_array().expect("a list") {
            let sums = &by_kind[row["kind"].as_str().expect("a kind")];
            for field in ["executions", "total_tokens", "estimated_cost"] {
                assert_eq!(sums[field], row[field], "{name}: {row}");
            }
        }
    }
}

/// Input and output of the main thread and of agents, by what was computed from the transcripts.
fn tokens(expected: &Value) -> (i64, i64) {
    let sum = |usage: &Value, names: [&str; 2]| -> i64 {
        names
            .iter()
            .map(|&name| usage[name].as_i64().unwrap_or(0))
            .sum()
    };
    let main = expected["by_transcripts"]["main_models"].as_object();
    let main = main.into_iter().flatten();
    let main = main.map(|(_, usage)| sum(usage, ["input", "output"])).sum();
    let executions = expected["executions"].as_array().expect("a list").iter();
    let models = executions.flat_map(|one| one["usage_by_model"].as_object().expect("models"));
    let agents = models
        .map(|(_, usage)| sum(usage, ["input", "output"]))
        .sum();
    (main, agents)
}
