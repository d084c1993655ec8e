//! Sessions of Claude Code, written by hand: what its hooks say, and the transcripts that its
//! agents leave. Seconds count from the beginning of a session.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::harness::{Daemon, eventually, now_ms};
use crate::model::load::ordered;
use crate::model::rfc3339;

pub const HAIKU: &str = "claude-haiku-4-5";

/// Each line has an id of its own, also beside those of other sessions.
static LINES: AtomicU64 = AtomicU64::new(1);

pub struct Script {
    pub lines: Vec<Value>,
    pub session: String,
    /// In front of every agent's id, so that one daemon can take the same session many times.
    tag: String,
    roots: PathBuf,
    base_ms: i64,
}

impl Script {
    /// A session that began half an hour ago: nobody writes to its transcripts any more.
    pub fn new(roots: &Path, tag: &str) -> Script {
        Script::at(roots, tag, now_ms() - 1_800_000)
    }

    pub fn at(roots: &Path, tag: &str, base_ms: i64) -> Script {
        Script {
            lines: Vec::new(),
            session: format!("session-{tag}"),
            tag: format!("{tag}-"),
            roots: roots.to_owned(),
            base_ms,
        }
    }

    pub fn id(&self, agent: &str) -> String {
        format!("{}{agent}", self.tag)
    }

    pub fn ms(&self, at_s: f64) -> i64 {
        self.base_ms + (at_s * 1e3) as i64
    }

    /// An event of the main thread.
    pub fn main(&mut self, at_s: f64, event: &str, more: Value) -> &mut Value {
        let main = self.roots.join("p").join(format!("{}.jsonl", self.session));
        let mut payload = json!({
            "hook_event_name": event, "session_id": self.session, "transcript_path": main,
            "cwd": "/home/dev/shop",
        });
        for (field, value) in more.as_object().into_iter().flatten() {
            payload[field] = value.clone();
        }
        self.lines.push(json!({
            "event": "hook", "source": "claude-code", "observed_at": self.ms(at_s),
            "id": format!("{:032x}", LINES.fetch_add(1, Ordering::Relaxed)), "payload": payload,
        }));
        &mut self.lines.last_mut().expect("just pushed")["payload"]
    }

    /// An event within an agent.
    pub fn of(&mut self, agent: &str, at_s: f64, event: &str, more: Value) -> &mut Value {
        let id = self.id(agent);
        let payload = self.main(at_s, event, json!({"agent_id": id, "agent_type": "probe"}));
        for (field, value) in more.as_object().into_iter().flatten() {
            payload[field] = value.clone();
        }
        payload
    }

    pub fn start(&mut self, agent: &str, at_s: f64) {
        self.of(agent, at_s, "SubagentStart", json!({}));
    }

    pub fn stop(&mut self, agent: &str, at_s: f64) {
        self.stop_with(agent, at_s, json!({"stop_hook_active": false}));
    }

    pub fn stop_with(&mut self, agent: &str, at_s: f64, more: Value) {
        let path = self.transcript(agent);
        let payload = self.of(agent, at_s, "SubagentStop", more);
        payload["agent_transcript_path"] = path.display().to_string().into();
    }

    /// A call of half a second.
    pub fn tool(&mut self, agent: &str, at_s: f64, tool: &str, use_id: &str) {
        let call = json!({"tool_name": tool, "tool_use_id": use_id});
        self.of(agent, at_s, "PreToolUse", call.clone());
        self.of(agent, at_s + 0.5, "PostToolUse", call);
    }

    /// The answer to a launch; `by` is `None` for the main thread.
    pub fn launched(&mut self, by: Option<&str>, child: &str, at_s: f64) {
        let launch = json!({
            "tool_name": "Agent", "tool_use_id": format!("launch-{}", self.id(child)),
            "tool_input": {"subagent_type": "probe"},
            "tool_response": {"status": "async_launched", "agentId": self.id(child),
                "agentType": "probe", "resolvedModel": HAIKU,
                // Of the last request only.
                "totalTokens": 999_999, "usage": {"input_tokens": 999_999}},
        });
        match by {
            Some(agent) => self.of(agent, at_s, "PostToolUse", launch),
            None => self.main(at_s, "PostToolUse", launch),
        };
    }

    pub fn transcript(&self, agent: &str) -> PathBuf {
        let folder = self.roots.join("p").join(&self.session).join("subagents");
        folder.join(format!("agent-{}.jsonl", self.id(agent)))
    }

    /// Writes to the end of the agent's transcript.
    pub fn write(&self, agent: &str, lines: &[Value]) {
        let path = self.transcript(agent);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .expect("a file");
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        file.write_all(text.as_bytes()).expect("a transcript");
    }

    pub fn beside(&self, agent: &str, sidecar: &Value) {
        let path = self.transcript(agent).with_extension("meta.json");
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, sidecar.to_string()).expect("a sidecar");
    }

    fn line(&self, agent: &str, at_s: f64, kind: &str, message: Value) -> Value {
        json!({
            "type": kind, "agentId": self.id(agent), "sessionId": self.session,
            "isSidechain": true, "timestamp": rfc3339(self.ms(at_s)), "message": message,
        })
    }

    pub fn prompt(&self, agent: &str, at_s: f64) -> Value {
        self.line(
            agent,
            at_s,
            "user",
            json!({"role": "user", "content": "look into it"}),
        )
    }

    /// A message of the model with its uncached input, output, cache read and cache writes of five
    /// minutes and of an hour. It calls the tools, or it is the last of its turn.
    pub fn answer(
        &self,
        agent: &str,
        at_s: f64,
        tokens: [u64; 5],
        tools: &[(&str, &str)],
    ) -> Value {
        let [input, output, read, write_5m, write_1h] = tokens;
        let content = tools.iter().map(|(id, name)| {
            json!({"type": "tool_use", "id": id,
            "name": name, "input": {}})
        });
        let reason = if tools.is_empty() {
            "end_turn"
        } else {
            "tool_use"
        };
        let id = format!("msg-{}-{at_s}", self.id(agent));
        let message = json!({
            "id": id, "role": "assistant", "model": HAIKU, "stop_reason": reason,
            "content": content.collect::<Vec<_>>(),
            "usage": {"input_tokens": input, "output_tokens": output,
                "cache_read_input_tokens": read,
                "cache_creation_input_tokens": write_5m + write_1h,
                "cache_creation": {"ephemeral_5m_input_tokens": write_5m,
                    "ephemeral_1h_input_tokens": write_1h}},
        });
        let mut line = self.line(agent, at_s, "assistant", message);
        line["requestId"] = format!("req-{at_s}").into();
        line
    }

    pub fn result(&self, agent: &str, at_s: f64, use_id: &str, is_error: bool) -> Value {
        let result = json!({"type": "tool_result", "tool_use_id": use_id, "content": "text",
            "is_error": is_error});
        self.line(
            agent,
            at_s,
            "user",
            json!({"role": "user", "content": [result]}),
        )
    }

    /// A turn of ten seconds: a prompt, a call of `Read` and the last message, which took so much
    /// input and output.
    pub fn turn(&self, agent: &str, at_s: f64, input: u64, output: u64) -> Vec<Value> {
        let use_id = format!("use-{}-{at_s}", self.id(agent));
        vec![
            self.prompt(agent, at_s),
            self.answer(agent, at_s + 1.0, [1, 0, 0, 0, 0], &[(&use_id, "Read")]),
            self.result(agent, at_s + 2.0, &use_id, false),
            self.answer(agent, at_s + 9.9, [input - 1, output, 0, 0, 0], &[]),
        ]
    }

    /// The executions of the session, by what is expected of each; those that are not expected
    /// must not be there. Ids are without the tag.
    pub fn holds(&self, daemon: &Daemon, expected: &Value) -> Result<(), String> {
        let mut found = BTreeMap::new();
        for one in self.executions(daemon)? {
            let id = self.untagged(&one["agent_id"]);
            let id = id.as_str().unwrap_or_default().to_owned();
            let seen = match expected.get(&id) {
                Some(wanted) => self.seen(&one, wanted),
                None => one.clone(),
            };
            found.insert(id, seen);
        }
        let found = json!(found);
        if found == *expected {
            return Ok(());
        }
        Err(format!("{}: {found:#} and not {expected:#}", self.tag))
    }

    pub fn executions(&self, daemon: &Daemon) -> Result<Vec<Value>, String> {
        let ended = daemon.read("/api/agents/executions?limit=500")?;
        let active = daemon.read("/api/agents/active")?;
        let mut all = ended["executions"].as_array().ok_or("no list")?.clone();
        for one in active["active"].as_array().ok_or("no list")? {
            let mut one = one.clone();
            one["status"] = "running".into();
            all.push(one);
        }
        all.retain(|one| {
            one["agent_id"]
                .as_str()
                .is_some_and(|id| id.starts_with(&self.tag))
        });
        Ok(all)
    }

    fn untagged(&self, id: &Value) -> Value {
        let id = id
            .as_str()
            .map(|id| id.strip_prefix(&self.tag).unwrap_or(id));
        id.map_or(Value::Null, Value::from)
    }

    /// Of an execution what is asked for.
    fn seen(&self, one: &Value, wanted: &Value) -> Value {
        let field = |name: &String| match name.as_str() {
            "error" => one["error_details"]["type"].clone(),
            "parent" => self.untagged(&one["parent_agent_id"]),
            "seconds" => one["duration_ms"]
                .as_f64()
                .map_or(Value::Null, |ms| json!(ms / 1e3)),
            "micros" => {
                let cost = one["token_usage"]["estimated_cost"].as_f64();
                cost.map_or(Value::Null, |dollars| json!((dollars * 1e6).round() as i64))
            }
            "tokens" => {
                let usage = &one["token_usage"];
                match usage.is_null() {
                    true => Value::Null,
                    false => json!([usage["input_tokens"], usage["output_tokens"]]),
                }
            }
            name => one[name].clone(),
        };
        let names = wanted.as_object().expect("an object").keys();
        names
            .map(|name| (name.clone(), field(name)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }
}

/// Sends a session in order, in three other orders, and in order with a kill -9 of the daemon in
/// its middle: each time it amounts to what is expected, also when all of it is sent again.
pub fn in_any_order(
    daemon: &mut Daemon,
    roots: &Path,
    write: impl Fn(&mut Script),
    expected: &Value,
) {
    let mut told = Vec::new();
    for order in 0..5_u32 {
        let mut script = Script::new(roots, &format!("o{order}"));
        write(&mut script);
        // Multiples of a large odd number, cut to 32 bits, are in no order; those of 0 are.
        let factor = 2_654_435_761_u32.wrapping_mul(order % 4);
        let keys = (1..=script.lines.len() as u32).map(|i| i.wrapping_mul(factor));
        let lines = ordered(script.lines.clone(), &keys.collect::<Vec<_>>());
        let (first, second) = lines.split_at(lines.len() / 2);
        daemon.send(first);
        if order == 4 {
            daemon.kill9();
            daemon.restart();
        }
        daemon.send(second);
        told.push((script, lines));
    }
    for (script, lines) in &told {
        eventually("what was told is there", || script.holds(daemon, expected));
        let (_, again) = daemon.send(lines);
        assert_eq!(again.totals.accepted, 0, "a line that comes again");
        script.holds(daemon, expected).expect("nothing has changed");
    }
    daemon.kill9();
    daemon.restart();
    for (script, lines) in &told {
        let (_, again) = daemon.send(lines);
        assert_eq!(
            again.totals.accepted, 0,
            "a line that comes again after a restart"
        );
        eventually("nothing has changed", || script.holds(daemon, expected));
    }
}
