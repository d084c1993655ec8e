//! What a released version left on a disk opens for ever, with the answers that it gave itself.
//! `tests/compat/freeze.py` made the folders; a frozen folder is never changed.

mod hooks;
mod schema;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use agentpulse_core::item::Item;
use agentpulse_reports::errors::Failure;
use serde_json::Value;

use crate::harness::{Daemon, Setup, eventually, folder, short_program};

const FROZEN: [&str; 1] = ["v0.1.0"];

struct Frozen {
    folder: PathBuf,
    answers: Value,
}

impl Frozen {
    fn all() -> impl Iterator<Item = Frozen> {
        Frozen::with("answers.json")
    }

    fn with(answers: &str) -> impl Iterator<Item = Frozen> {
        FROZEN.into_iter().map(move |version| {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compat");
            let folder = root.join(version);
            let answers = fs::read(folder.join(answers)).expect("the answers");
            Frozen {
                answers: serde_json::from_slice(&answers).expect("JSON"),
                folder,
            }
        })
    }

    fn list(&self, name: &str) -> &Vec<Value> {
        self.answers[name].as_array().expect("a list")
    }

    fn key(&self) -> &str {
        self.answers["key"].as_str().expect("a key")
    }

    fn read(&self, daemon: &Daemon, path: &str) -> Result<Value, String> {
        let response = daemon.request("GET", path, &[("x-api-key", self.key())], b"");
        match response.status {
            200 => Ok(response.json()),
            status => Err(format!("GET {path}: {status} {}", response.text())),
        }
    }

    fn executions(&self, daemon: &Daemon) -> Result<BTreeMap<String, Value>, String> {
        let (mut found, mut cursor) = (BTreeMap::new(), String::new());
        loop {
            let page = self.read(daemon, &format!("/api/agents/executions?limit=100{cursor}"))?;
            for one in page["executions"].as_array().expect("a list") {
                found.insert(text(&one["agent_id"]), one.clone());
            }
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(found),
            }
        }
    }

    /// What ran then runs still, or has timed out since; nothing else was added but what waited
    /// in the spool.
    fn holds(&self, daemon: &Daemon, spooled: Option<&str>) -> Result<(), String> {
        self.counts(daemon, spooled)?;
        let errors = self.read(daemon, "/api/agents/errors/frozen-builder")?;
        same("errors", &self.answers["errors"], &errors["errors"])
    }

    fn sums(&self, daemon: &Daemon) -> Result<(), String> {
        let metrics = daemon.request("GET", "/metrics", &[("x-api-key", self.key())], b"");
        let metrics = metrics.text();
        let now = sums(metrics.lines().filter(|line| !line.starts_with('#')));
        let then = self.list("metrics").iter();
        for (series, then) in sums(then.map(|line| line.as_str().expect("a line"))) {
            if now.get(&series) != Some(&then) {
                return Err(format!("{series} is {:?} and not {then}", now.get(&series)));
            }
        }
        self.kinds(daemon)?;
        for (path, then) in self.answers["reports"].as_object().expect("reports") {
            let (now, then) = (calls(&self.read(daemon, path)?), calls(then));
            if now != then {
                return Err(format!("{path}: {now} calls and not {then}"));
            }
        }
        Ok(())
    }

    /// What was counted before costs were asked by kind has one.
    fn kinds(&self, daemon: &Daemon) -> Result<(), String> {
        let costs = |by: &str| -> Result<Vec<(Value, Value)>, String> {
            let told = self.read(daemon, &format!("/api/agents/costs?by={by}&days=90"))?;
            let rows = told["costs"].as_array().expect("a list").iter();
            let row = |row: &Value| (row["kind"].clone(), row["executions"].clone());
            Ok(rows.map(row).collect())
        };
        let all = costs("day")?.into_iter();
        let all: i64 = all.map(|(_, count)| count.as_i64().expect("a count")).sum();
        let kinds = costs("kind")?;
        match all == 0 || kinds == [("agent".into(), all.into())] {
            true => Ok(()),
            false => Err(format!("{kinds:?} of {all} executions")),
        }
    }

    fn counts(&self, daemon: &Daemon, spooled: Option<&str>) -> Result<(), String> {
        let mut now = self.executions(daemon)?;
        for then in self.list("executions") {
            let id = text(&then["agent_id"]);
            let one = now.remove(&id).ok_or(format!("{id} is missing"))?;
            same("", then, &one)?;
        }
        let active = self.read(daemon, "/api/agents/active")?;
        let active = active["active"].as_array().expect("a list").iter();
        let active: BTreeSet<String> = active.map(|one| text(&one["agent_id"])).collect();
        let added = now.len() as u64;
        for id in self.list("active").iter().map(text) {
            let ended = now.remove(&id);
            let timed_out = ended.is_some_and(|one| one["status"] == "timeout");
            if active.contains(&id) == timed_out {
                return Err(format!("{id} runs: {}", active.contains(&id)));
            }
        }
        let rest: Vec<&str> = now.keys().map(String::as_str).collect();
        if rest != Vec::from_iter(spooled) {
            return Err(format!("{rest:?} beside what was frozen"));
        }
        let then = self.list("executions_total").iter().map(text);
        let total = sum(then.collect::<Vec<_>>().iter().map(String::as_str)) + added;
        let metrics = daemon.request("GET", "/metrics", &[("x-api-key", self.key())], b"");
        let counted = sum(metrics.text().lines());
        if counted != total {
            return Err(format!("{counted} executions are counted and not {total}"));
        }
        Ok(())
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn sum<'a>(lines: impl Iterator<Item = &'a str>) -> u64 {
    lines
        .filter(|line| line.starts_with("agentpulse_executions_total{"))
        .map(|line| line.rsplit(' ').next().expect("a value"))
        .map(|value| value.parse::<u64>().expect("a count"))
        .sum()
}

/// By metric and direction. What was counted for an agent type or a tool counts as `_other` once
/// its day is longer over than names are remembered, which changes no sum.
fn sums<'a>(lines: impl Iterator<Item = &'a str>) -> BTreeMap<String, f64> {
    let is_name = |part: &&str| part.starts_with("agent_type=") || part.starts_with("tool=");
    let mut sums = BTreeMap::new();
    for line in lines {
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let parts = series.split(['{', ',', '}']).filter(|part| !is_name(part));
        *sums.entry(parts.collect()).or_default() += value.parse::<f64>().expect("a number");
    }
    sums
}

/// All calls of tools in a report.
fn calls(report: &Value) -> u64 {
    let tools = report["tools"].as_array().expect("tools").iter();
    tools
        .map(|tool| tool["usage_count"].as_u64().expect("a count"))
        .sum()
}

/// Every value of `then` stands in `now`; fields that came later may stand beside it.
fn same(place: &str, then: &Value, now: &Value) -> Result<(), String> {
    match (then, now) {
        (Value::Object(then), Value::Object(now)) => then.iter().try_for_each(|(key, value)| {
            // Older versions did not say where a run was.
            if key == "host" && value.is_null() {
                return Ok(());
            }
            let missing = || format!("{place}.{key} is missing");
            same(
                &format!("{place}.{key}"),
                value,
                now.get(key).ok_or_else(missing)?,
            )
        }),
        (Value::Array(then), Value::Array(now)) if then.len() == now.len() => then
            .iter()
            .zip(now)
            .enumerate()
            .try_for_each(|(n, (then, now))| same(&format!("{place}[{n}]"), then, now)),
        _ if then == now => Ok(()),
        _ => Err(format!("{place} was {then} and is {now}")),
    }
}

fn setup() -> Setup {
    Setup::new()
        .set("history.keep", "\"3650d\"")
        .set("reaper.idle_timeout", "\"7d\"")
        .set("reaper.tool_timeout", "\"7d\"")
}

/// A daemon whose folder was made by `fill` before it started.
fn on_folder(fill: impl FnOnce(&Path)) -> Daemon {
    let mut daemon = setup().start();
    assert_eq!(daemon.sigterm().code(), Some(0));
    fs::remove_dir_all(&daemon.data).expect("its own folder goes");
    fs::create_dir(&daemon.data).expect("a new folder");
    let private = fs::Permissions::from_mode(0o700);
    fs::set_permissions(&daemon.data, private).expect("a private folder");
    fill(&daemon.data);
    daemon.restart();
    daemon
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
    }
}

#[test]
fn folders_of_released_versions_open_with_the_answers_they_gave() {
    for frozen in Frozen::all() {
        let mut daemon = on_folder(|data| {
            copy(&frozen.folder.join("data"), data);
            copy(&frozen.folder.join("spool"), &data.join("spool"));
        });
        let spooled = frozen.answers["spooled"].as_str();
        eventually("as before", || frozen.holds(&daemon, spooled));
        daemon.request_rebuild();
        eventually("rebuilt", || frozen.holds(&daemon, spooled));
        daemon.restart();
        eventually("restarted", || frozen.holds(&daemon, spooled));
    }
}

#[test]
fn answers_of_released_versions_are_read() {
    for frozen in Frozen::all() {
        for execution in frozen.list("executions") {
            let read = serde_json::from_value::<Item>(execution.clone()).expect("an execution");
            assert_eq!(execution["agent_id"], *read.agent_id);
        }
        for error in frozen.list("errors") {
            serde_json::from_value::<Failure>(error.clone()).expect("an error");
        }
    }
}

#[test]
fn sums_in_folders_of_released_versions_are_kept() {
    for frozen in Frozen::with("totals.json") {
        let daemon = on_folder(|data| copy(&frozen.folder.join("data"), data));
        eventually("as before", || frozen.sums(&daemon));
    }
}

#[test]
fn backups_of_released_versions_are_restored_with_the_answers_they_gave() {
    for frozen in Frozen::all() {
        let backup = frozen.folder.join("backup.tar");
        let daemon = on_folder(|data| {
            fs::remove_dir(data).expect("it is empty");
            let mut restore = short_program();
            restore
                .arg("restore")
                .arg(&backup)
                .arg("--data-dir")
                .arg(data);
            let done = restore.output().expect("the program runs");
            assert!(done.status.success(), "{done:?}");
        });
        eventually("as before", || frozen.holds(&daemon, None));
    }
}

/// The lines of `config show`, without the blanks between the columns.
fn rows(text: &str) -> BTreeSet<Vec<&str>> {
    let rows = text.lines().map(|line| line.split_whitespace().collect());
    rows.collect()
}

#[test]
fn settings_of_released_versions_keep_their_values() {
    for frozen in Frozen::all() {
        let then = fs::read_to_string(frozen.folder.join("changed.txt")).expect("the values");
        let mut show = short_program();
        show.args(["config", "show", "--config"]);
        let done = show.arg(frozen.folder.join("changed.toml")).output();
        let done = done.expect("the program runs");
        assert!(done.status.success(), "{done:?}");
        let now = String::from_utf8(done.stdout).expect("UTF-8");
        let (then, now) = (rows(&then), rows(&now));
        assert_eq!(then.difference(&now).next(), None);
    }
}

#[test]
fn settings_files_of_released_versions_are_understood() {
    let folder = folder();
    for frozen in Frozen::all() {
        let mut check = short_program();
        check
            .args(["config", "check", "--config"])
            .arg(frozen.folder.join("agentpulse.toml"));
        let done = check.arg("--data-dir").arg(folder.path()).output();
        let done = done.expect("the program runs");
        assert!(done.status.success(), "{done:?}");
    }
}
