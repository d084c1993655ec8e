//! Small inputs that earlier versions got wrong, each with the steps and the right answers in its
//! `case.json` under `tests/data/cases`. Each stands for its kind.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::claude_code::captured::{moved, settle};
use crate::harness::{Daemon, Setup, eventually, folder, now_ms};

/// The earliest stamp of all cases: 2026-12-01T02:59:00Z or later.
const EARLIEST_MS: i64 = 1_796_093_940_000;
/// The cases are of some hours: their stamps are moved to yesterday.
const AGO_MS: i64 = 86_400_000;

/// A copy of a case, moved to its place and its time.
struct Case {
    folder: TempDir,
    steps: Vec<Value>,
    expect: Vec<Value>,
    later_ms: i64,
    daemon: Daemon,
}

impl Case {
    fn new(name: &str) -> Case {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cases");
        let folder = folder();
        let later_ms = now_ms() - AGO_MS - EARLIEST_MS;
        copy(&from.join(name), folder.path());
        let text = fs::read_to_string(folder.path().join("case.json")).expect("a case");
        let case: Value = serde_json::from_str(&text).expect("JSON");
        let list = |field: &str| case[field].as_array().expect("a list").clone();
        let roots = folder.path().join("home/.claude/projects");
        let roots = format!("[{:?}]", roots.display().to_string());
        let mut setup = Setup::new().set("transcript.roots", &roots);
        for (variable, value) in case["env"].as_object().expect("an object") {
            let setting = variable.trim_start_matches("AGENTPULSE_").to_lowercase();
            let setting = setting.replace("__", ".");
            setup = setup.set(&setting, &format!("{value}"));
        }
        let one = Case {
            steps: list("steps"),
            expect: list("expect"),
            later_ms,
            daemon: setup.start(),
            folder,
        };
        one.move_files(one.folder.path());
        one
    }

    fn path(&self, name: &str) -> PathBuf {
        let name = name
            .strip_prefix("HOME/")
            .map(|rest| format!("home/{rest}"));
        self.folder.path().join(name.unwrap_or_default())
    }

    /// Every transcript and every line of a hook, so much later and with its paths.
    fn move_files(&self, folder: &Path) {
        let place = self.folder.path().display().to_string();
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                self.move_files(&path);
                continue;
            }
            if path
                .extension()
                .is_none_or(|extension| extension != "jsonl")
            {
                continue;
            }
            // Some lines are no JSON on purpose, and one is torn.
            let bytes = fs::read(&path).expect("a file");
            let text = String::from_utf8_lossy(&bytes);
            let text = text.replace("HOME", &format!("{place}/home"));
            let lines = text.split_inclusive('\n').map(|line| self.moved(line));
            fs::write(&path, lines.collect::<String>()).expect("a file");
            settle(&path);
        }
    }

    fn moved(&self, line: &str) -> String {
        let (body, newline) = match line.strip_suffix('\n') {
            Some(body) => (body, "\n"),
            None => (line, ""),
        };
        if serde_json::from_str::<Value>(body).is_err() {
            return line.to_owned();
        }
        let mut value: Value = serde_json::from_str(&moved(body, self.later_ms)).expect("JSON");
        if let Some(observed) = value.get("observed_at").and_then(Value::as_f64) {
            value["observed_at"] = ((observed * 1e3) as i64 + self.later_ms).into();
        }
        value.to_string() + newline
    }

    fn run(&self) {
        for step in &self.steps {
            let text = |field: &str| step[field].as_str().unwrap_or_default();
            match text("do") {
                "emit" => {
                    let lines = fs::read(self.folder.path().join(text("file"))).expect("lines");
                    let answer = self.daemon.tell(&lines);
                    if let Some(rejected) = step["rejected"].as_u64() {
                        assert_eq!(answer.totals.rejected, rejected);
                    }
                }
                "import" => {
                    let root = self.path("HOME/.claude/projects").display().to_string();
                    let imported = self
                        .daemon
                        .command(&["import", "claude-code", "--root", &root]);
                    assert!(imported.status.success(), "{imported:?}");
                }
                "append" => {
                    let more = fs::read(self.folder.path().join(text("file"))).expect("lines");
                    let to = OpenOptions::new().append(true).open(self.path(text("to")));
                    to.expect("a file").write_all(&more).expect("it grows");
                }
                "http" => {
                    let body = fs::read(self.folder.path().join(text("file"))).expect("a body");
                    let answer = self
                        .daemon
                        .request(text("method"), text("path"), &[], &body);
                    assert_eq!(u64::from(answer.status), step["status"].as_u64().unwrap());
                }
                "wait" => eventually(text("get"), || self.holds(step)),
                // What is expected is waited for.
                "sleep" => {}
                other => panic!("{other} is not known"),
            }
        }
        eventually("the right answers", || {
            self.expect.iter().try_for_each(|expect| self.holds(expect))
        });
    }

    fn holds(&self, expect: &Value) -> Result<(), String> {
        let path = expect["get"].as_str().expect("a path");
        let answer = self.daemon.read(path)?;
        let found = match (expect["at"].as_str().expect("a pointer"), path) {
            ("/active_agents", _) => answer.get("active"),
            (pointer, _) => answer.pointer(pointer),
        };
        let found = found.cloned().unwrap_or_default();
        let is_right = if let Some(count) = expect.get("count") {
            found.as_array().map(Vec::len) == count.as_u64().map(|count| count as usize)
        } else if let Some(missing) = expect.get("missing_ids") {
            let ids = missing.as_array().expect("ids");
            let list = found.as_array().expect("a list");
            !list.iter().any(|one| ids.contains(&one["agent_id"]))
        } else {
            found == expect["eq"]
                || found
                    .as_f64()
                    .is_some_and(|n| Some(n) == expect["eq"].as_f64())
        };
        match is_right {
            true => Ok(()),
            false => Err(format!("{expect}, and found {found}")),
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let to = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &to),
            false => drop(fs::copy(&path, &to).expect("a copy")),
        }
    }
}

/// A test a case, so that each fails by its name.
macro_rules! cases {
    ($($test:ident: $name:literal,)*) => {
        $(#[test]
        fn $test() {
            Case::new($name).run();
        })*
    };
}

cases! {
    agents_of_workflows_are_imported: "01-workflow-import",
    a_stop_reason_may_be_null: "02-null-stop-reason",
    samplings_of_an_advisor_have_their_own_model: "03-advisor-iterations",
    web_searches_cost: "05-web-search",
    a_resumed_client_repeats_its_lines: "07-cold-resume-replay",
    an_agent_outlives_its_session: "08-session-switch",
    half_an_emoji_harms_nothing: "09-http-hook-surrogate",
    files_of_a_worktree_are_found: "11-worktree-path",
    an_empty_id_is_none: "14-empty-agent-id",
    lines_of_a_parent_are_not_of_its_fork: "16-fork-inherits",
    an_id_is_unique_within_a_session_only: "18-id-collision",
    names_that_look_like_secrets_are_kept_apart: "23-redacted-names",
    a_lost_stop_is_read_from_the_transcript: "24-lost-stop",
}
