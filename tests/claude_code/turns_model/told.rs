//! A session at random on its way to a daemon, and what the daemon says of it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::expected::{When, expected};
use super::history::{Hook, Ms, Said, Session, Way, What};
use crate::claude_code::captured::settle;
use crate::claude_code::script::{HAIKU, Script};
use crate::harness::{Daemon, now_ms};
use crate::model::rfc3339;

/// A session that goes on: its transcripts are waited for.
const FRESH_AGO_MS: i64 = 45_000;

pub struct Told {
    pub session: Session,
    script: Script,
    /// The lines of its hooks, each with the way that it takes.
    pub lines: Vec<(Hook, Value)>,
}

impl Told {
    /// Writes its transcripts, but for the late lines.
    pub fn new(roots: &Path, tag: &str, session: Session) -> Told {
        let mut script = match session.late {
            Some(_) => Script::at(roots, tag, now_ms() - FRESH_AGO_MS),
            None => Script::new(roots, tag),
        };
        for hook in &session.hooks {
            report(&mut script, hook);
        }
        let lines = std::mem::take(&mut script.lines);
        let lines = session.hooks.iter().cloned().zip(lines).collect();
        let told = Told {
            session,
            script,
            lines,
        };
        let late = told.session.late.unwrap_or(0);
        let main = told.session.main.as_deref().unwrap_or_default();
        told.write(
            &told.main(),
            "main",
            &main[..main.len().saturating_sub(late)],
        );
        for (n, lines) in told.session.agents.iter().enumerate() {
            let agent = format!("a{n}");
            if let Some(lines) = lines {
                told.write(&told.script.transcript(&agent), &agent, lines);
                let sidecar = json!({"agentType": "probe", "spawnDepth": 1});
                told.script.beside(&agent, &sidecar);
            }
        }
        told
    }

    pub fn write_late(&self) {
        let late = self.session.late.unwrap_or(0);
        let main = self.session.main.as_deref().unwrap_or_default();
        self.write(
            &self.main(),
            "main",
            &main[main.len().saturating_sub(late)..],
        );
    }

    fn main(&self) -> PathBuf {
        let folder = self.script.transcript("");
        let session = folder
            .ancestors()
            .nth(2)
            .expect("the folder of the session");
        session.with_extension("jsonl")
    }

    fn write(&self, path: &Path, of: &str, lines: &[(Ms, Said)]) {
        if lines.is_empty() {
            return;
        }
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        let file = File::options().create(true).append(true).open(path);
        let lines = lines.iter().map(|(at, said)| self.line(of, *at, *said));
        let text: String = lines.map(|line| format!("{line}\n")).collect();
        file.expect("a file")
            .write_all(text.as_bytes())
            .expect("its lines");
        if self.session.late.is_none() {
            settle(path);
        }
    }

    fn line(&self, of: &str, at: Ms, said: Said) -> Value {
        let id = self.script.id(&format!("{of}-{at}"));
        let assistant = |model: &str, content: Value, reason: Option<&str>, usage: Value| {
            json!({"type": "assistant", "requestId": format!("r-{id}"), "message": {
                "id": id, "role": "assistant", "model": model, "content": content,
                "stop_reason": reason, "usage": usage}})
        };
        let asked = json!({"role": "user", "content": "look into it"});
        let mut line = match said {
            Said::Prompt(prompt) => json!({"type": "user", "message": asked,
                "promptId": self.script.id(&format!("p{prompt}"))}),
            Said::Answer {
                input,
                output,
                is_last,
            } => {
                let usage = json!({"input_tokens": input, "output_tokens": output});
                let reason = if is_last { "end_turn" } else { "tool_use" };
                assistant(HAIKU, json!([]), Some(reason), usage)
            }
            Said::Refused => {
                let content = json!([{"type": "text", "text": "overloaded"}]);
                let mut line = assistant("<synthetic>", content, Some("stop_sequence"), json!({}));
                line["isApiErrorMessage"] = true.into();
                line["error"] = "overloaded".into();
                line
            }
            Said::Interrupt => json!({"type": "user", "message": asked, "isMeta": false,
                "interruptedMessageId": id}),
        };
        line["sessionId"] = self.script.session.as_str().into();
        line["timestamp"] = rfc3339(self.script.ms(at as f64 / 1e3)).into();
        if of != "main" {
            line["agentId"] = self.script.id(of).into();
            line["isSidechain"] = true.into();
        }
        line
    }

    /// What is expected, by the ids that the daemon knows.
    pub fn expected(&self, when: When) -> BTreeMap<String, Value> {
        expected(&self.session, when)
    }

    pub fn holds(&self, daemon: &Daemon, when: When) -> Result<(), String> {
        let expected = self.expected(when);
        let found = self.found(daemon, &expected)?;
        if found == expected {
            return Ok(());
        }
        let [found, expected] = [found, expected].map(|all| json!(all));
        Err(format!(
            "{found:#} and not {expected:#} of {:#?}",
            self.session
        ))
    }

    /// Of each execution of the session the fields that are expected, or all.
    fn found(
        &self,
        daemon: &Daemon,
        expected: &BTreeMap<String, Value>,
    ) -> Result<BTreeMap<String, Value>, String> {
        let path = format!("/api/sessions/{}", self.script.session);
        let answer = daemon.get(&path);
        if answer.status == 404 {
            return Ok(BTreeMap::new());
        }
        let answer = answer.json();
        let list = answer["executions"].as_array().ok_or(answer.to_string())?;
        let found = list.iter().map(|one| {
            let id = self.untagged(&one["agent_id"]);
            let id = id.as_str().unwrap_or_default().to_owned();
            let wanted = expected.get(&id).and_then(Value::as_object);
            let seen = wanted.map(|wanted| {
                let fields = wanted.keys();
                let fields = fields.map(|name| (name.clone(), self.field(one, name)));
                fields.collect::<serde_json::Map<_, _>>().into()
            });
            (id, seen.unwrap_or_else(|| one.clone()))
        });
        Ok(found.collect())
    }

    fn field(&self, one: &Value, name: &str) -> Value {
        let time = |field: &str| match one[field].as_str() {
            Some(text) => {
                let at: jiff::Timestamp = text.parse().expect("a time");
                (at.as_millisecond() - self.script.ms(0.0)).into()
            }
            None => Value::Null,
        };
        match name {
            "parent" => self.untagged(&one["parent_agent_id"]),
            "start" => time("execution_start"),
            "end" => time("execution_end"),
            "duration" => one["duration_ms"].clone(),
            "error" => one["error_details"]["type"].clone(),
            "tokens" => match &one["token_usage"] {
                Value::Null => Value::Null,
                usage => json!([usage["input_tokens"], usage["output_tokens"]]),
            },
            name => one[name].clone(),
        }
    }

    fn untagged(&self, id: &Value) -> Value {
        let tag = self.script.id("");
        id.as_str()
            .map_or(Value::Null, |id| id.replacen(&tag, "", 1).into())
    }
}

fn report(script: &mut Script, hook: &Hook) {
    let at_s = hook.at as f64 / 1e3;
    let agent = |n: usize| format!("a{n}");
    let of = |script: &Script, prompt: usize| {
        let id = script.id(&format!("p{prompt}"));
        json!({"prompt_id": id})
    };
    match hook.what {
        What::Prompt(prompt) => {
            let prompt = of(script, prompt);
            script.main(at_s, "UserPromptSubmit", prompt);
        }
        What::Stop(prompt) => {
            let prompt = of(script, prompt);
            script.main(at_s, "Stop", prompt);
        }
        What::Failure(prompt, error) => {
            let prompt = of(script, prompt);
            script.main(at_s, "StopFailure", prompt)["error"] = error.into();
        }
        What::SessionEnd("resume") => {
            script.main(at_s, "SessionStart", json!({"source": "resume"}));
        }
        What::SessionEnd(reason) => {
            script.main(at_s, "SessionEnd", json!({"reason": reason}));
        }
        What::AgentStart { agent: n, prompt } => {
            let prompt = of(script, prompt);
            script.of(&agent(n), at_s, "SubagentStart", prompt);
        }
        What::AgentStop(n) => script.stop(&agent(n), at_s),
        What::AgentFailure(n, error) => {
            script.of(&agent(n), at_s, "StopFailure", json!({"error": error}));
        }
    }
}

/// Leaves a line where a hook does that finds no daemon.
pub fn spool(daemon: &Daemon, line: &Value) {
    let folder = daemon.data.join("spool");
    fs::create_dir_all(&folder).expect("the spool");
    let text = line.to_string();
    let micros = line["observed_at"].as_i64().expect("a stamp") * 1_000;
    let id = line["id"].as_str().expect("an id");
    let name = format!("{micros:020}-{id}-{}.json", text.len());
    let temporary = folder.join(format!(".{name}.tmp"));
    fs::write(&temporary, text).expect("the spool");
    fs::rename(temporary, folder.join(name)).expect("a whole line");
}

/// In the order in which they come: each of those that are not lost, some twice. With whether they
/// come before the daemon is killed: nothing of a session whose late lines it waits for does.
pub fn arriving(told: &[Told]) -> Vec<(bool, Way, Value)> {
    let mut all = Vec::new();
    for one in told {
        let second_half = if one.session.late.is_some() {
            1 << 31
        } else {
            0
        };
        for (hook, line) in &one.lines {
            let orders = [hook.order, hook.order.rotate_left(7)];
            let times = match hook.way {
                Way::Lost => 0,
                Way::Twice => 2,
                Way::Socket | Way::Spool => 1,
            };
            let orders = orders.into_iter().take(times);
            all.extend(orders.map(|order| (order | second_half, hook.way, line.clone())));
        }
    }
    all.sort_by_key(|(order, ..)| *order);
    let half = |(order, way, line)| (order < 1 << 31, way, line);
    all.into_iter().map(half).collect()
}
