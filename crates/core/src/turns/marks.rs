//! What hooks said of one agent, one mark a line.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::id::prompt_of;
use super::session::{BY_IMPORT, BY_START, BY_STOP, Identity, Launch, Session, Who};
use super::signal::{AgentSignal, HookEvent, Imported};
use crate::error::Rejection;

/// Starts and stops of one agent, each. Somebody who talks to one agent for a day makes hundreds.
pub(super) const MAX_MARKS: usize = 1_024;
/// Tool calls that are remembered by their id; later ones are heartbeats and no more. With
/// their names they take some 40 bytes each.
pub(super) const MAX_TOOLS: usize = 2_000;
/// Distinct names of those tools; calls of others are heartbeats and no more.
const MAX_TOOL_NAMES: usize = 256;
/// Sessions in which an agent was seen.
const MAX_SESSIONS: usize = 64;
/// Agents that one agent launched and that follow when more is known of it.
const MAX_CHILDREN: usize = 1_024;

/// The state behind the turns of one agent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Turns {
    /// Of a turn of the main thread: the id of its prompt.
    pub(super) prompt_id: Option<String>,
    /// As versions kept it that had one of the agent and not of each of its sessions.
    #[serde(flatten)]
    shared: Identity,
    pub source: String,
    /// Agents that this one launched.
    pub(super) children: BTreeSet<String>,
    pub(super) sessions: Vec<Session>,
    pub(super) starts: BTreeSet<Start>,
    pub(super) stops: BTreeSet<Stop>,
    /// When it was stopped from outside.
    pub(super) closings: BTreeSet<Mark>,
    /// Ends that only the transcript shows.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) read_ends: BTreeSet<ReadEnd>,
    pub(super) imported: BTreeSet<(Imported, usize)>,
    pub(super) tool_names: Vec<String>,
    /// By the hash of their id.
    pub(super) tools: BTreeMap<u64, Tool>,
}

/// A stamp, and the line that brought it: the same line again is the same mark.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Mark {
    pub(super) at_ms: i64,
    pub(super) line: u64,
    pub(super) session: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Start {
    #[serde(flatten)]
    pub(super) mark: Mark,
    /// Of the turn of the main thread at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) prompt: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct ReadEnd {
    pub(super) at_ms: i64,
    pub(super) session: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Stop {
    #[serde(flatten)]
    pub(super) mark: Mark,
    /// The error's name, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<String>,
    /// A stop hook had sent it on after an earlier stop.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) again: bool,
    /// Without a name of an agent: of an internal fork, unless a start says otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) nameless: bool,
}

/// A tool call that ended: when, in which session, which tool, whether it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tool(
    pub(super) i64,
    pub(super) usize,
    pub(super) usize,
    pub(super) bool,
);

/// What one signal came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    Changed,
    Duplicate,
    /// There is nothing in it to remember.
    Heartbeat,
}

impl Turns {
    /// Of an agent of whom nothing is known.
    pub fn new(agent_id: &str) -> Turns {
        Turns {
            prompt_id: prompt_of(agent_id).map(str::to_owned),
            ..Turns::default()
        }
    }

    /// Takes in what one line said of this agent.
    pub fn apply(&mut self, what: &AgentSignal, hook: &HookEvent) -> Result<Applied, Rejection> {
        if self.source.is_empty() {
            self.source = hook.source.to_owned();
        }
        let mark = Mark {
            at_ms: hook.at_ms,
            line: hook.line,
            session: self.session(hook.session_id.as_deref()),
        };
        let first_ms = &mut self.sessions[mark.session].first_ms;
        *first_ms = Some(first_ms.map_or(hook.at_ms, |first| first.min(hook.at_ms)));
        let new = match what {
            AgentSignal::Started { name, prompt } => {
                let prompt = prompt.clone();
                let start = Start { mark, prompt };
                let new = insert("starts", &mut self.starts, start, |start| start.mark.line)?;
                self.name(BY_START, name.as_deref(), hook);
                new
            }
            AgentSignal::Stopped {
                name,
                failure,
                again,
            } => {
                let stop = Stop {
                    mark,
                    failure: failure.clone(),
                    again: *again,
                    nameless: name.is_none(),
                };
                let new = insert("stops", &mut self.stops, stop, |stop| stop.mark.line)?;
                self.name(BY_STOP, name.as_deref(), hook);
                new
            }
            AgentSignal::Closed => {
                insert("stops", &mut self.closings, mark, |closing| closing.line)?
            }
            AgentSignal::Launched(launched) => {
                let identity = &mut self.sessions[mark.session].identity;
                identity.learn_launch(launched, hook.at_ms, hook.line)
            }
            AgentSignal::HasLaunched { child } => self.add_child(child),
            AgentSignal::ToolBegan { .. } => return Ok(Applied::Heartbeat),
            AgentSignal::ToolEnded {
                use_id,
                name,
                failed,
            } => return Ok(self.tool_ended(mark, use_id.as_deref(), name, *failed)),
            AgentSignal::Imported { name, turns } => {
                let new = self.import(turns, mark.session)?;
                self.name(BY_IMPORT, name.as_deref(), hook);
                new
            }
        };
        Ok(if new {
            Applied::Changed
        } else {
            Applied::Duplicate
        })
    }

    /// Who the agent is in a session.
    pub fn who(&self, session_id: Option<&str>) -> Who<'_> {
        let mut sessions = self.sessions.iter();
        let here = sessions.find(|session| session.id.as_deref() == session_id);
        Who {
            here: here.map(|session| &session.identity),
            shared: &self.shared,
        }
    }

    /// Of a turn of the main thread: the id of its prompt.
    pub fn prompt_id(&self) -> Option<&str> {
        self.prompt_id.as_deref()
    }

    pub fn children(&self) -> impl Iterator<Item = &str> {
        self.children.iter().map(String::as_str)
    }

    pub fn add_child(&mut self, agent_id: &str) -> bool {
        self.children.len() < MAX_CHILDREN && self.children.insert(agent_id.to_owned())
    }

    /// Whether a call of a tool has ended, also where its end overtook its beginning.
    pub fn has_ended(&self, use_id: &str) -> bool {
        self.tools.contains_key(&xxh3_64(use_id.as_bytes()))
    }

    /// Where the agent's lines of a session are; a stop's own word wins over what was guessed from
    /// a path of the session.
    pub fn set_transcript(&mut self, session_id: Option<&str>, path: &str, certain: bool) -> bool {
        let session = self.session(session_id);
        let session = &mut self.sessions[session];
        if session.transcript.is_some() && (session.is_certain || !certain) {
            return false;
        }
        let is_other = session.transcript.as_deref() != Some(path);
        session.transcript = Some(path.to_owned());
        session.is_certain = certain;
        is_other
    }

    /// Adds what the file beside the transcript of a session says.
    pub fn describe(&mut self, session_id: Option<&str>, beside: Launch) -> bool {
        let session = self.session(session_id);
        self.sessions[session].identity.describe(beside)
    }

    /// Adds an end that only the transcript of a session shows.
    pub fn ended_by_transcript(
        &mut self,
        session_id: Option<&str>,
        at_ms: i64,
        failure: Option<String>,
    ) -> bool {
        let session = self.session(session_id);
        let end = ReadEnd {
            at_ms,
            session,
            failure,
        };
        self.read_ends.len() < MAX_MARKS && self.read_ends.insert(end)
    }

    /// Whether all but the marks is the same.
    pub fn is_described_as(&self, other: &Turns) -> bool {
        let identities = |turns: &Turns| -> Vec<Identity> {
            let sessions = turns.sessions.iter();
            sessions.map(|session| session.identity.clone()).collect()
        };
        self.source == other.source
            && self.shared == other.shared
            && identities(self) == identities(other)
    }

    /// Whether parent and depth are the same in every session.
    pub fn has_place_of(&self, other: &Turns) -> bool {
        let sessions = self.sessions.iter().chain(&other.sessions);
        let mut ids = sessions.map(|session| session.id.as_deref());
        ids.all(|id| self.who(id).has_place_of(&other.who(id)))
    }

    pub fn first_start_ms(&self) -> Option<i64> {
        self.starts.first().map(|start| start.mark.at_ms)
    }

    pub fn sessions(&self) -> impl Iterator<Item = &str> {
        self.sessions
            .iter()
            .filter_map(|session| session.id.as_deref())
    }

    fn name(&mut self, rank: u8, name: Option<&str>, hook: &HookEvent) {
        let session = self.session(hook.session_id.as_deref());
        let identity = &mut self.sessions[session].identity;
        identity.learn_name(rank, name, hook.at_ms, hook.line);
    }

    /// A call is counted once by its id; one without an id looks the same as its repetition.
    fn tool_ended(
        &mut self,
        mark: Mark,
        use_id: Option<&str>,
        name: &str,
        failed: bool,
    ) -> Applied {
        let Some(use_id) = use_id else {
            return Applied::Heartbeat;
        };
        if self.has_ended(use_id) {
            return Applied::Duplicate;
        }
        if self.tools.len() >= MAX_TOOLS {
            return Applied::Heartbeat;
        }
        let known = self.tool_names.iter().position(|tool| tool == name);
        if known.is_none() && self.tool_names.len() >= MAX_TOOL_NAMES {
            return Applied::Heartbeat;
        }
        let tool = known.unwrap_or_else(|| {
            self.tool_names.push(name.to_owned());
            self.tool_names.len() - 1
        });
        let tool = Tool(mark.at_ms, mark.session, tool, failed);
        self.tools.insert(xxh3_64(use_id.as_bytes()), tool);
        Applied::Changed
    }

    fn import(&mut self, turns: &[Imported], session: usize) -> Result<bool, Rejection> {
        let mut new = turns
            .iter()
            .map(|turn| (turn.clone(), session))
            .collect::<Vec<_>>();
        new.retain(|turn| !self.imported.contains(turn));
        if self.imported.len() + new.len() > MAX_MARKS {
            return Err(too_many("turns"));
        }
        let is_new = !new.is_empty();
        self.imported.extend(new);
        Ok(is_new)
    }

    /// Beyond the bound the last one stands for all others: the marks are kept apart as far as
    /// they can be.
    fn session(&mut self, id: Option<&str>) -> usize {
        let known = |session: &Session| session.id.as_deref() == id;
        if let Some(known) = self.sessions.iter().position(known) {
            return known;
        }
        if self.sessions.len() < MAX_SESSIONS {
            self.sessions.push(Session {
                id: id.map(str::to_owned),
                ..Session::default()
            });
        }
        self.sessions.len() - 1
    }
}

/// A line is known by itself, also when it comes again under another stamp: of a clock that is
/// ahead the moment of receipt is taken.
fn insert<T: Ord>(
    what: &str,
    marks: &mut BTreeSet<T>,
    mark: T,
    line: impl Fn(&T) -> u64,
) -> Result<bool, Rejection> {
    if marks.iter().any(|known| line(known) == line(&mark)) {
        return Ok(false);
    }
    if marks.len() >= MAX_MARKS {
        return Err(too_many(what));
    }
    Ok(marks.insert(mark))
}

fn too_many(what: &str) -> Rejection {
    Rejection::new(format!("hook: an agent has at most {MAX_MARKS} {what}"))
}
