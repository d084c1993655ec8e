//! From a transcript to the lines that report its turns to the daemon.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use xxhash_rust::xxh3::xxh3_128;

use super::summary::Summary;
use super::walk::session;
use agentpulse_core::limits::MAX_ITEMS;
use agentpulse_sources::claude_code::Sidecar;
use agentpulse_sources::claude_code::transcript::{Outcome, Turn, Turns};
use agentpulse_transcripts::layout::{agent_id, main_session};
use agentpulse_transcripts::{MAX_SIDECAR_BYTES, main_turns, sidecar, turns};

/// As long as a model or a tool is silent, as a rule: what changed since may still go on.
const QUIET: Duration = Duration::from_secs(5 * 60);
const UNKNOWN: &str = "unknown";

/// What decides which turns are sent.
pub struct Importer {
    pub now_ms: i64,
    /// The first day that the daemon takes.
    pub oldest_ms: i64,
    pub since_ms: Option<i64>,
    pub roots: Vec<PathBuf>,
    pub max_bytes: u64,
}

impl Importer {
    /// The lines of one transcript, none when it is skipped; and counts what became of it.
    pub fn lines(&self, path: io::Result<PathBuf>, summary: &mut Summary) -> String {
        let Ok(path) = path else {
            summary.skip_folder();
            return String::new();
        };
        summary.transcripts += 1;
        match self.read(&path, summary) {
            Ok(lines) => lines,
            Err(reason) => {
                summary.skip(&reason);
                String::new()
            }
        }
    }

    /// The error is why the whole transcript is skipped.
    fn read(&self, path: &Path, summary: &mut Summary) -> Result<String, String> {
        let Some(shown) = path.to_str() else {
            return Err("the path is not UTF-8".to_owned());
        };
        if main_session(path).is_some() {
            return self.read_main(path, shown, summary);
        }
        let id = agent_id(path).unwrap_or_default();
        let sidecar = sidecar(&self.roots, path, MAX_SIDECAR_BYTES);
        if sidecar.is_none() && is_internal(id) {
            return Err("the client's own, such as a summary".to_owned());
        }
        let found = turns(&self.roots, path, self.max_bytes).map_err(|error| error.to_string())?;
        self.is_over(path, &found)?;
        let first = self.first(&found.turns, summary);
        let agent = Agent::new(path, shown, found, sidecar);
        let lines = agent.lines(first);
        summary.turns += (agent.turns.len() - first) as u64;
        summary.sent += u64::from(!lines.is_empty());
        Ok(lines)
    }

    /// Each turn of a main thread is known by its prompt, so that each has a line of its own.
    fn read_main(&self, path: &Path, shown: &str, summary: &mut Summary) -> Result<String, String> {
        let found = main_turns(&self.roots, path, self.max_bytes);
        let found = found.map_err(|error| error.to_string())?;
        self.is_over(path, &found)?;
        let first = self.first(&found.turns, summary);
        let session = found.session_id.as_deref().or(main_session(path));
        let turns = &found.turns[first..];
        let lines = turns.iter().map(|turn| {
            let mut payload = json!({
                "session_id": session.unwrap_or_default(),
                "prompt_id": turn.prompt_id,
                "transcript_path": shown,
            });
            let key = format!(
                "{}\0{}",
                turn.prompt_id.as_deref().unwrap_or_default(),
                turn.last_ms
            );
            line(&key, &mut payload, std::slice::from_ref(turn)).to_string() + "\n"
        });
        summary.turns += turns.len() as u64;
        summary.sent += u64::from(!turns.is_empty());
        Ok(lines.collect())
    }

    /// The last turn may still go on.
    fn is_over(&self, path: &Path, found: &Turns) -> Result<(), String> {
        let Some(last) = found.turns.last() else {
            return Err("without a turn".to_owned());
        };
        let is_open = matches!(last.outcome, Outcome::Unfinished | Outcome::OpenEnded);
        match is_open && self.changed_just_now(path) {
            true => Err("still being written".to_owned()),
            false => Ok(()),
        }
    }

    /// The place of the first turn that is sent. What comes after it did not end earlier, but by
    /// a clock that was set.
    fn first(&self, turns: &[Turn], summary: &mut Summary) -> usize {
        let ended = |from_ms: i64| {
            let is_late = |turn: &Turn| turn.last_ms >= from_ms;
            turns.iter().position(is_late).unwrap_or(turns.len())
        };
        let kept = ended(self.oldest_ms);
        let wanted = self.since_ms.map_or(0, ended);
        summary.turns_too_old += kept as u64;
        summary.turns_unwanted += wanted.saturating_sub(kept) as u64;
        kept.max(wanted)
    }

    fn changed_just_now(&self, path: &Path) -> bool {
        let changed = fs::metadata(path).and_then(|file| file.modified());
        let since_ms = changed.map_or(0, |changed| {
            let since_1970 = changed.duration_since(SystemTime::UNIX_EPOCH);
            self.now_ms - since_1970.map_or(0, |since| since.as_millis() as i64)
        });
        since_ms < QUIET.as_millis() as i64
    }
}

/// An agent that the client started for its own ends, to sum up a conversation for one: such have
/// no sidecar and a word in their id, where agents have a number.
fn is_internal(id: &str) -> bool {
    !id.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// One transcript.
struct Agent<'a> {
    path: &'a str,
    session_id: String,
    id: String,
    name: String,
    turns: Vec<Turn>,
}

impl<'a> Agent<'a> {
    /// Its lines name the agent; if they do not, its path does.
    fn new(path: &Path, shown: &'a str, found: Turns, sidecar: Option<Sidecar>) -> Agent<'a> {
        let session = session(path).and_then(Path::file_name);
        let session = session.map(|name| name.to_string_lossy().into_owned());
        let name = sidecar.and_then(|sidecar| sidecar.agent_type);
        let id = agent_id(path).unwrap_or(UNKNOWN);
        Agent {
            path: shown,
            session_id: found.session_id.or(session).unwrap_or_default(),
            id: found.agent_id.unwrap_or_else(|| id.to_owned()),
            name: name.unwrap_or_else(|| UNKNOWN.to_owned()),
            turns: found.turns,
        }
    }

    /// The turns from one on, as many a line as a list of an event may have items.
    fn lines(&self, first: usize) -> String {
        let mut number = first;
        let mut lines = String::new();
        for turns in self.turns[first..].chunks(MAX_ITEMS) {
            lines.push_str(&self.line(number, turns).to_string());
            lines.push('\n');
            number += turns.len();
        }
        lines
    }

    /// `before` turns of the agent are not in this line.
    fn line(&self, before: usize, turns: &[Turn]) -> Value {
        let ended_ms = turns.last().map_or(0, |turn| turn.last_ms);
        let (session, agent, last) = (&self.session_id, &self.id, before + turns.len());
        let key = format!("{session}\0{agent}\0{before}\0{last}\0{ended_ms}");
        let mut payload = json!({
            "session_id": session,
            "agent_id": agent,
            "agent_type": self.name,
            "agent_transcript_path": self.path,
            "first_turn": before + 1,
        });
        line(&key, &mut payload, turns)
    }
}

/// The same turns have the same `key`, so that they are duplicates when they are sent again.
fn line(key: &str, payload: &mut Value, turns: &[Turn]) -> Value {
    let ended_ms = turns.last().map_or(0, |turn| turn.last_ms);
    payload["hook_event_name"] = "Imported".into();
    payload["turns"] = turns.iter().map(written).collect();
    json!({
        "event": "hook",
        "id": format!("{:032x}", xxh3_128(key.as_bytes())),
        "source": "claude-code",
        "observed_at": ended_ms,
        "payload": payload,
    })
}

fn written(turn: &Turn) -> Value {
    let outcome = match turn.outcome {
        Outcome::Success | Outcome::OpenEnded => "success",
        Outcome::Failure => "failure",
        Outcome::Unfinished | Outcome::Interrupted => "interrupted",
    };
    let mut written = json!({
        "started_at": turn.first_ms,
        "ended_at": turn.last_ms,
        "outcome": outcome,
    });
    if let Some(prompt_id) = &turn.prompt_id {
        written["prompt_id"] = prompt_id.as_str().into();
    }
    written
}
