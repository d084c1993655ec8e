//! Captured runs of Claude Code, replayed: what comes out must be what was computed from them
//! independently, whatever the order of the lines and however often they come.
//!
//! What is particular about this client, and the tests that hold the daemon to it:
//!
//! | | |
//! |---|---|
//! | a failed agent reports `StopFailure` and no stop; so does the main thread | `captured_runs_…`, `hooks_that_are_no_run_…` |
//! | one that was killed reports nothing | `an_agent_stopped_from_outside_…`, `an_agent_left_by_its_session_…`, `an_agent_with_an_open_call_…` |
//! | an agent's id is not the id of a run | `an_agent_that_is_resumed_…`, `a_stop_that_a_stop_hook_…` |
//! | internal forks report a stop without a name | `hooks_that_are_no_run_…` |
//! | the answer to a launch comes before the start, or after it | `an_agent_knows_the_turn_of_its_parent_…` |
//! | payloads carry no time and no id | `hooks`, `a_hook_that_was_reported_once_is_known_for_ever` |
//! | the answer to a launch counts the last request only | `the_cost_of_a_turn_…` |
//! | the transcript lags behind the stop | `a_transcript_that_is_late_…`, `a_resumed_agent_is_read_…` |
//! | a message is several lines with the same usage | `the_cost_of_a_turn_…` |
//! | payloads are unbounded and hold everything | `no_text_of_a_payload_…`, `a_run_is_told_by_http_hooks` |
//! | hooks hold up the agent | the tests of the hook program |
//! | the end of a call may overtake its beginning | `calls_count_once_…`, `the_open_call_is_shown_…` |

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::harness::{Daemon, Setup, eventually, folder, now_ms};
use crate::model::load::ordered;

const CAPTURED: [&str; 4] = [
    "background-agent-2.1.329",
    "failed-agent-2.1.329",
    "terminated-session-2.1.329",
    "two-parallel-agents-2.1.197",
];

/// Where the captured client kept its transcripts.
const PROJECTS: &str = "/home/dev/.claude/projects";

/// One captured run, moved to now and into a folder of transcripts.
pub struct Run {
    pub lines: Vec<Value>,
    pub expected: Value,
}

fn data(name: &str) -> PathBuf {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/claude-code");
    data.join(name)
}

/// The paths of the files below a folder, from there.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("UTF-8");
        if entry.path().is_dir() {
            let below = files(&entry.path()).into_iter();
            found.extend(below.map(|path| format!("{name}/{path}")));
        } else {
            found.push(name);
        }
    }
    found
}

/// As if nobody had written to a file for ten minutes.
pub fn settle(path: &Path) {
    let file = File::options().append(true).open(path).expect("a file");
    let ago = SystemTime::now() - Duration::from_secs(600);
    file.set_modified(ago).expect("a time");
}

/// Every string below a key, changed in place.
fn each_string(value: &mut Value, change: &mut impl FnMut(&str, &mut String)) {
    fn walk(key: &str, value: &mut Value, change: &mut impl FnMut(&str, &mut String)) {
        match value {
            Value::String(text) => change(key, text),
            Value::Array(items) => items.iter_mut().for_each(|item| walk(key, item, change)),
            Value::Object(fields) => {
                for (key, value) in fields {
                    walk(key, value, change);
                }
            }
            _ => {}
        }
    }
    walk("", value, change);
}

impl Run {
    /// Its last line was said a minute ago.
    pub fn captured(name: &str, roots: &Path) -> Run {
        let text = fs::read_to_string(data(name).join("hooks.jsonl")).expect("captured hooks");
        let mut lines: Vec<Value> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .collect();
        let stamp = |line: &Value| (line["observed_at"].as_f64().expect("a stamp") * 1e3) as i64;
        let later_ms = now_ms() - 60_000 - stamp(lines.last().expect("some lines"));
        for (number, line) in lines.iter_mut().enumerate() {
            let at_ms = stamp(line) + later_ms;
            let mut payload = line["payload"].take();
            each_string(&mut payload, &mut |_, text| {
                *text = text.replace(PROJECTS, &roots.display().to_string());
            });
            *line = json!({
                "event": "hook", "source": "claude-code", "payload": payload,
                "id": format!("{:032x}", number + 1), "observed_at": at_ms,
            });
        }
        let session = lines[0]["payload"]["session_id"]
            .as_str()
            .expect("a session");
        let project = roots.join("-home-dev-shop");
        let place = |path: &str| match path.strip_prefix("main/") {
            Some(main) => Some(project.join(main)),
            None if path.starts_with("subagents/") => Some(project.join(session).join(path)),
            None if path.contains("/subagents/") => Some(project.join(path)),
            None => None,
        };
        for path in files(&data(name)) {
            let from = data(name).join(&path);
            let Some(to) = place(&path) else { continue };
            let text = fs::read_to_string(&from).expect("a transcript");
            let text = match path.ends_with(".jsonl") {
                true => text
                    .lines()
                    .map(|line| moved(line, later_ms) + "\n")
                    .collect(),
                false => text,
            };
            fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
            fs::write(&to, text).expect("a transcript");
            settle(&to);
        }
        let expected = fs::read_to_string(data(name).join("expected.json")).expect("figures");
        Run {
            lines,
            expected: serde_json::from_str(&expected).expect("JSON"),
        }
    }

    /// Whether the executions are those that were computed from the run.
    fn holds(&self, daemon: &Daemon) -> Result<(), String> {
        let told = daemon.read("/api/agents/executions?limit=100")?;
        let mut found = BTreeMap::new();
        for one in told["executions"].as_array().expect("a list") {
            if one["kind"] == "main" {
                continue;
            }
            found.insert(one["agent_id"].to_string(), comparable(one));
        }
        let mut expected = BTreeMap::new();
        for one in self.expected["executions"].as_array().expect("a list") {
            expected.insert(one["agent_id"].to_string(), self.of_expected(one));
        }
        if found == expected {
            return Ok(());
        }
        Err(format!("{found:#?} and not {expected:#?}"))
    }

    fn of_expected(&self, one: &Value) -> Value {
        let models = one["usage_by_model"].as_object().expect("models");
        let models = models.iter().map(|(model, usage)| {
            let usage = json!({
                "requests": usage["requests"], "input_tokens": usage["input"],
                "output_tokens": usage["output"], "cache_read_tokens": usage["cache_read"],
                "cache_write_5m_tokens": usage["cache_5m"],
                "cache_write_1h_tokens": usage["cache_1h"],
            });
            (model.clone(), usage)
        });
        // Of each the client saw the end, but for the run whose session was terminated.
        let interrupted = self.lines.iter().all(|line| {
            let payload = &line["payload"];
            let is_stop = ["SubagentStop", "StopFailure"]
                .contains(&payload["hook_event_name"].as_str().expect("an event"));
            !is_stop || payload["agent_id"] != one["agent_id"]
        });
        let (status, error) = match (one["api_error"].as_bool(), interrupted) {
            (_, true) => ("failure", json!("interrupted")),
            (Some(true), _) => ("failure", json!("unknown")),
            _ => ("success", Value::Null),
        };
        json!({
            "agent_name": one["agent_name"], "status": status, "error": error,
            "tool_calls": one["tool_calls"], "tool_errors": one["tool_errors"],
            "usage_by_model": models.collect::<serde_json::Map<_, _>>(),
        })
    }
}

fn comparable(one: &Value) -> Value {
    json!({
        "agent_name": one["agent_name"], "status": one["status"],
        "error": one["error_details"]["type"], "tool_calls": one["tool_calls"],
        "tool_errors": one["tool_errors"], "usage_by_model": one["usage_by_model"],
    })
}

/// A line of a transcript, so much later.
pub fn moved(line: &str, later_ms: i64) -> String {
    let mut line: Value = serde_json::from_str(line).expect("JSON");
    each_string(&mut line, &mut |key, text| {
        if key == "timestamp" {
            let at: jiff::Timestamp = text.parse().expect("a time");
            let at = at + jiff::SignedDuration::from_millis(later_ms);
            // As the client writes them, always with three digits.
            *text = at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
        }
    });
    line.to_string()
}

pub fn setup(roots: &Path) -> Setup {
    let roots = format!("[{:?}]", roots.display().to_string());
    Setup::new().set("transcript.roots", &roots)
}

pub fn start(roots: &Path) -> Daemon {
    setup(roots).start()
}

#[test]
fn captured_runs_come_out_as_they_were_computed_in_any_order() {
    for name in CAPTURED {
        let place = folder();
        let roots = place.path().join("projects");
        let run = Run::captured(name, &roots);
        for order in 0..3 {
            let daemon = start(&roots);
            // Multiples of a large odd number, cut to 32 bits, are in no order; those of 0 are.
            let key = |i: usize| (i as u32 + 1).wrapping_mul(2_654_435_761_u32.wrapping_mul(order));
            let keys: Vec<u32> = (0..run.lines.len()).map(key).collect();
            let lines = ordered(run.lines.clone(), &keys);
            daemon.send(&lines);
            eventually(&format!("{name}, order {order}"), || run.holds(&daemon));
            let (_, again) = daemon.send(&lines);
            assert_eq!(again.totals.accepted, 0, "{name}: a line that comes again");
            assert_eq!(
                daemon.read("/api/agents/active").unwrap()["active"],
                json!([])
            );
            run.holds(&daemon).unwrap();
        }
    }
}
