//! The home folder of a user with definitions in it, and a daemon of that user.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::{Daemon, Setup, eventually, folder};

pub struct Home(TempDir);

/// So seldom that only the watch or a request is a reason to scan.
const NEVER: &str = "\"1h\"";

impl Home {
    pub fn new() -> Home {
        Home(folder())
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    pub fn user(&self) -> PathBuf {
        self.path(".claude/agents")
    }

    /// Of a project.
    pub fn of(&self, project: &str) -> PathBuf {
        self.path(&format!("{project}/.claude/agents"))
    }

    pub fn setup(&self) -> Setup {
        let home = self.0.path().display().to_string();
        Setup::new()
            .set("registry.folder", "\"\"")
            .set("registry.rescan", NEVER)
            .environment("HOME", &home)
            .environment("CLAUDE_CONFIG_DIR", "")
    }
}

/// A daemon whose user has definitions in this folder, of which something can be said.
pub fn with_definitions(setup: Setup, folder: &Path) -> Setup {
    let agents = folder.join("agents");
    write(
        &agents,
        "writer",
        &definition("writer", "tools: Read\npriority: 8\n"),
    );
    write(&agents, "twin", &definition("twin", ""));
    write(&agents, "twin2", &definition("twin", ""));
    setup.set(
        "registry.folder",
        &format!("{:?}", folder.display().to_string()),
    )
}

pub fn write(folder: &Path, name: &str, text: &str) {
    fs::create_dir_all(folder).expect("a folder");
    fs::write(folder.join(format!("{name}.md")), text).expect("a file");
}

pub fn definition(name: &str, more: &str) -> String {
    format!("---\nname: {name}\ndescription: Does {name}.\n{more}---\nDo it.\n")
}

pub fn agents(daemon: &Daemon, query: &str) -> Vec<Value> {
    let answer = daemon.read(&format!("/api/registry/agents?limit=500{query}"));
    let answer = answer.expect("the definitions");
    answer["agents"].as_array().expect("a list").clone()
}

/// Of each the name and one field.
pub fn shown(agents: &[Value], field: &str) -> Vec<(String, Value)> {
    let one = |agent: &Value| {
        let name = agent["run_name"].as_str().expect("a name").to_owned();
        (name, agent.pointer(field).cloned().unwrap_or_default())
    };
    agents.iter().map(one).collect()
}

/// Waits until the definitions are as they should be.
#[track_caller]
pub fn until(daemon: &Daemon, what: &str, is_so: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    eventually(what, || {
        let found = agents(daemon, "");
        match is_so(&found) {
            true => Ok(found),
            false => Err(format!("{:?}", shown(&found, "/status"))),
        }
    })
}

#[track_caller]
pub fn refresh(daemon: &Daemon) -> Value {
    let answer = daemon.request("POST", "/registry/refresh", &[], b"");
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.json()
}

pub fn counter(daemon: &Daemon, name: &str) -> u64 {
    let status = daemon.command(&["status", "--json"]);
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    status["counters"][name].as_u64().expect("the counter")
}
