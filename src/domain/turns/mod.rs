//! What hooks said of one agent, and the turns that follow from it.
//!
//! An agent's id is not the id of a run: a message to an agent that has finished makes it run once
//! more under the same id. Every hook line is therefore kept as a mark with its stamp, and the
//! turns are derived from all marks together ([`Turns::derive`]). That makes the order in which
//! the lines arrive, and how often, meaningless.

mod derive;
mod said;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

pub use self::derive::{End, Turn};
pub use self::said::{Hook, Imported, Outcome, Said, What};
use super::error::Refusal;

/// Starts and stops of one agent, each. Somebody who talks to one agent for a day makes hundreds.
const MAX_MARKS: usize = 1_024;
/// Tool calls that are remembered by their id; later ones are signs of life and no more. With
/// their names they take some 40 bytes each.
const MAX_TOOLS: usize = 2_000;
/// Sessions in which an agent was seen.
const MAX_SESSIONS: usize = 64;

/// The state behind the turns of one agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Turns {
    pub agent_name: Option<String>,
    pub source: String,
    /// The agent's own transcript.
    pub transcript: Option<String>,
    pub launch: Launch,
    sessions: Vec<Option<String>>,
    starts: BTreeSet<Mark>,
    stops: BTreeSet<Stop>,
    /// When it was stopped from outside.
    closings: BTreeSet<i64>,
    imported: BTreeSet<Imported>,
    tool_names: Vec<String>,
    tools: BTreeSet<Tool>,
}

/// What the launch of an agent, or the file beside its transcript, says of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Launch {
    /// The agent that launched it; nothing for the main thread.
    pub parent: Option<String>,
    pub model: Option<String>,
    pub description: Option<String>,
    /// 1 below the main thread.
    pub depth: Option<u64>,
}

/// A stamp, and the line that brought it: the same line again is the same mark.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Mark {
    at_ms: i64,
    line: u64,
    session: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Stop {
    #[serde(flatten)]
    mark: Mark,
    /// The error's name, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failure: Option<String>,
    /// A stop hook had sent it on after an earlier stop.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    again: bool,
    /// Without a name of an agent: of an internal fork, unless a start says otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    nameless: bool,
}

/// A tool call that ended: when, the hash of its id, which tool, whether it failed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Tool(i64, u64, usize, bool);

/// What became of one thing that was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    New,
    Known,
    /// Nothing to remember: a sign of life.
    Sign,
}

/// The execution of an agent's turn, counted from 1.
pub fn execution_id(agent_id: &str, turn: usize) -> String {
    if turn <= 1 {
        agent_id.to_owned()
    } else {
        format!("{agent_id}#{turn}")
    }
}

/// The agent and the turn behind [`execution_id`].
pub fn turn_of(execution_id: &str) -> (&str, usize) {
    execution_id
        .rsplit_once('#')
        .and_then(|(agent, turn)| Some((agent, turn.parse().ok().filter(|&turn| turn > 1)?)))
        .unwrap_or((execution_id, 1))
}

impl Turns {
    /// Takes in what one line said of this agent.
    pub fn take(&mut self, what: &What, hook: &Hook) -> Result<Taken, Refusal> {
        if self.source.is_empty() {
            self.source = hook.source.to_owned();
        }
        let mark = Mark {
            at_ms: hook.at_ms,
            line: hook.line,
            session: self.session(hook.session_id.as_deref()),
        };
        let new = match what {
            What::Started { name } => {
                bounded("starts", self.starts.len())?;
                self.agent_name = Some(name.clone());
                self.starts.insert(mark)
            }
            What::Stopped {
                name,
                failure,
                again,
            } => {
                bounded("stops", self.stops.len())?;
                self.agent_name = self.agent_name.take().or_else(|| name.clone());
                self.stops.insert(Stop {
                    mark,
                    failure: failure.clone(),
                    again: *again,
                    nameless: name.is_none(),
                })
            }
            What::Closed => {
                bounded("stops", self.closings.len())?;
                self.closings.insert(hook.at_ms)
            }
            What::Launched { parent, model } => self.launched(parent, model),
            What::ToolBegan { .. } => return Ok(Taken::Sign),
            What::ToolEnded {
                use_id,
                name,
                failed,
            } => self.tool_ended(hook.at_ms, use_id.as_deref(), name, *failed),
            What::Imported { name, turns } => {
                bounded("turns", self.imported.len())?;
                self.agent_name = self.agent_name.take().or_else(|| name.clone());
                let before = self.imported.len();
                self.imported.extend(turns.iter().cloned());
                self.imported.len() > before
            }
        };
        Ok(if new { Taken::New } else { Taken::Known })
    }

    /// Whether a call of a tool has ended, also where its end overtook its beginning.
    pub fn has_ended(&self, use_id: &str) -> bool {
        let id = xxh3_64(use_id.as_bytes());
        self.tools.iter().any(|tool| tool.1 == id)
    }

    /// Where the agent's lines are; a stop's own word wins over what was guessed from a path of
    /// the session.
    pub fn set_transcript(&mut self, path: &str, certain: bool) -> bool {
        if self.transcript.as_deref() == Some(path) || self.transcript.is_some() && !certain {
            return false;
        }
        self.transcript = Some(path.to_owned());
        true
    }

    /// Adds what is not known yet.
    pub fn describe(&mut self, said: Launch) -> bool {
        let before = self.launch.clone();
        let launch = &mut self.launch;
        launch.parent = launch.parent.take().or(said.parent);
        launch.model = launch.model.take().or(said.model);
        launch.description = launch.description.take().or(said.description);
        launch.depth = launch.depth.or(said.depth);
        *launch != before
    }

    /// Whether all but the marks is the same.
    pub fn is_described_as(&self, other: &Turns) -> bool {
        self.agent_name == other.agent_name
            && self.source == other.source
            && self.transcript == other.transcript
            && self.launch == other.launch
    }

    pub fn sessions(&self) -> impl Iterator<Item = &str> {
        self.sessions.iter().flatten().map(String::as_str)
    }

    fn launched(&mut self, parent: &Option<String>, model: &Option<String>) -> bool {
        self.describe(Launch {
            parent: parent.clone(),
            model: model.clone(),
            ..Launch::default()
        })
    }

    /// A call is counted once by its id; one without an id cannot be told from its repetition.
    fn tool_ended(&mut self, at_ms: i64, use_id: Option<&str>, name: &str, failed: bool) -> bool {
        let Some(use_id) = use_id.filter(|id| self.tools.len() < MAX_TOOLS && !self.has_ended(id))
        else {
            return false;
        };
        let known = self.tool_names.iter().position(|tool| tool == name);
        let tool = known.unwrap_or_else(|| {
            self.tool_names.push(name.to_owned());
            self.tool_names.len() - 1
        });
        self.tools
            .insert(Tool(at_ms, xxh3_64(use_id.as_bytes()), tool, failed))
    }

    /// Beyond the bound the last one stands for all others: the marks are kept apart as far as
    /// they can be.
    fn session(&mut self, id: Option<&str>) -> usize {
        if let Some(known) = self.sessions.iter().position(|s| s.as_deref() == id) {
            return known;
        }
        if self.sessions.len() < MAX_SESSIONS {
            self.sessions.push(id.map(str::to_owned));
        }
        self.sessions.len() - 1
    }
}

fn bounded(what: &str, count: usize) -> Result<(), Refusal> {
    if count < MAX_MARKS {
        return Ok(());
    }
    Err(Refusal::new(format!(
        "hook: an agent has at most {MAX_MARKS} {what}"
    )))
}

#[cfg(test)]
mod tests;
