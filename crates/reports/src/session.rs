//! One session: its executions as a tree, and who spent what.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::MAX_ANSWER_BYTES;
use crate::client::ClientCheck;
use crate::costs::{Cost, by_name};
use crate::error::Error;
use crate::item::started;
use crate::report::Report;
use crate::sessions::{Session, ended_part};
use crate::source::{Sources, View};
use crate::tree::{Place, tree};
use agentpulse_api::code::Code;
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, Param, Params};
use agentpulse_core::dimension::{Dimension, NONE};
use agentpulse_core::execution::{Details, Execution, MAX_ERROR_BYTES};
use agentpulse_core::item::{Item, Tokens};
use agentpulse_core::json::json_bytes;
use agentpulse_core::kind::Kind;
use agentpulse_core::tally::Tally;
use agentpulse_pipeline::running::RunSnapshot;
use agentpulse_store::history::{self, Costliest, Reader};

/// Three times what any session has been seen to run.
const MAX_EXECUTIONS: usize = 1_000;
/// Agents, and models, that are summed up by name.
const MAX_NAMES: usize = 100;

const ID: Param = Param::new("id", "The id of a session.");

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    id: String,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SessionDetail {
    #[serde(flatten)]
    pub session: Session,
    /// In the order of the tree: each behind the one that launched it, those of one parent by
    /// their start. At most 1,000 and 4 MiB: of more, those that run and the newest ends.
    pub executions: Vec<SessionExecution>,
    /// Executions that are not listed; the sums have them.
    pub omitted: usize,
    /// What has ended, by agent, the most costly first; what is not among 100 is in `_other`.
    pub by_agent: Vec<Cost>,
    /// The same by the model that did most of an execution.
    pub by_model: Vec<Cost>,
    /// Null while something runs, and where the client says nothing.
    #[serde(default)]
    #[schemars(!default)]
    pub client: Option<ClientCheck>,
}

/// An execution in its session.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SessionExecution {
    pub agent_id: String,
    pub agent_name: String,
    pub agent_type: String,
    pub kind: Kind,
    /// How far below the main thread it stands in the tree: 0 for a turn of that.
    pub level: usize,
    /// The agent that launched it; null for the main thread.
    pub parent_agent_id: Option<String>,
    /// `running`, else how it ended.
    #[schemars(extend("enum" = ["running", "success", "failure", "timeout"]))]
    pub status: Cow<'static, str>,
    #[schemars(extend("format" = "date-time"))]
    pub execution_start: Option<String>,
    #[schemars(extend("format" = "date-time"))]
    pub execution_end: Option<String>,
    /// Of a running one so far.
    pub duration_ms: Option<u64>,
    pub task_description: Option<String>,
    pub model: Option<String>,
    /// Of a running one so far; null while it is unknown.
    pub token_usage: Option<Tokens>,
    /// Calls by tool; none while it runs.
    pub tool_calls: BTreeMap<String, u64>,
    /// Calls that failed; null if no hook reported it.
    pub tool_errors: Option<u64>,
    /// Of a running one.
    pub current_tool: Option<String>,
    /// At most 8 KiB; a part of a larger error is marked `"cut": true`.
    pub error_details: Option<Details>,
}

impl Endpoint for Query {
    const PATH: &'static str = "/api/sessions/{id}";
    const SUMMARY: &'static str = "One session: its executions as a tree, and who spent what";
    const CODES: &'static [Code] = &[Code::UnknownSession];
    type Answer = SessionDetail;

    fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        let id = params.item_name(ID)?;
        Ok(Query { id })
    }
}

impl Report for Query {
    type Built = SessionDetail;

    /// Each of its executions is read.
    fn is_scan(&self) -> bool {
        true
    }

    fn ended_ms(&self, _: &Sources, _now_ms: i64) -> Range<i64> {
        // It is one session whole.
        0..0
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(SessionDetail, View), Error> {
        let mut runs = sources.running().0.all();
        runs.retain(|run| run.known.session_id.as_ref() == Some(&self.id));
        let id = self.id.clone();
        let ask = move |reader: &Reader| read(reader, &id, &runs, now_ms);
        let found = sources.history(ask).await?;
        let unknown = || Error::UnknownSession(self.id.clone());
        let mut detail = found.ok_or_else(unknown)?;
        if detail.session.running == 0 {
            let counted = &detail.session.token_usage;
            detail.client = sources.clients.check(&self.id, counted).await;
        }
        Ok((detail, View::History))
    }
}

/// Returns `None` if nothing of it runs, and nothing has ended.
fn read(
    reader: &Reader,
    id: &str,
    runs: &[RunSnapshot],
    now_ms: i64,
) -> Result<Option<SessionDetail>, history::Error> {
    reader.snapshot(|reader| {
        let ended = ended_part(reader, id, runs)?;
        if ended.is_none() && runs.is_empty() {
            return Ok(None);
        }
        let mut found = Found::new(runs, now_ms, MAX_ANSWER_BYTES);
        let running: BTreeSet<&str> = runs.iter().map(RunSnapshot::id).collect();
        // One that had timed out, and of which history does not yet know that it runs again.
        let has_ended = |id: &str| !running.contains(id);
        reader.each_of_session(id, |execution| {
            if has_ended(&execution.id) {
                found.add(&execution);
            }
        })?;
        Ok(Some(found.detail(Session::of(id, ended.as_ref(), runs))))
    })
}

/// What is kept of the executions while they are read one by one.
struct Found {
    listed: Vec<Listed>,
    omitted: usize,
    bytes_left: usize,
    agents: BTreeMap<String, Tally>,
    models: BTreeMap<String, Tally>,
}

struct Listed {
    shown: SessionExecution,
    depth: Option<u64>,
    at_ms: i64,
}

impl Found {
    fn new(runs: &[RunSnapshot], now_ms: i64, max_bytes: usize) -> Found {
        let mut found = Found {
            listed: Vec::new(),
            omitted: 0,
            bytes_left: max_bytes,
            agents: BTreeMap::new(),
            models: BTreeMap::new(),
        };
        for run in runs {
            found.list(Listed::running(run, now_ms));
        }
        found
    }

    fn add(&mut self, execution: &Execution) {
        let Some(contribution) = execution.contribution() else {
            return;
        };
        let add = |sums: &mut BTreeMap<String, Tally>, name: &str| match sums.get_mut(name) {
            Some(sum) => *sum += contribution.tally,
            None => drop(sums.insert(name.to_owned(), contribution.tally)),
        };
        add(&mut self.agents, contribution.agent_name);
        add(&mut self.models, contribution.model.unwrap_or(NONE));
        self.list(Listed::ended(execution, contribution.ended_ms));
    }

    fn list(&mut self, one: Listed) {
        let bytes = json_bytes(&one.shown) + ",".len();
        if self.listed.len() == MAX_EXECUTIONS || bytes > self.bytes_left {
            self.omitted += 1;
            return;
        }
        self.bytes_left -= bytes;
        self.listed.push(one);
    }

    fn detail(mut self, session: Session) -> SessionDetail {
        let places: Vec<Place> = self.listed.iter().map(Listed::place).collect();
        let order = tree(&places);
        let mut executions = Vec::with_capacity(order.len());
        for (index, level) in order {
            let shown = std::mem::take(&mut self.listed[index].shown);
            executions.push(SessionExecution { level, ..shown });
        }
        SessionDetail {
            session,
            executions,
            omitted: self.omitted,
            by_agent: by_name(Dimension::Agent, costliest(self.agents)),
            by_model: by_name(Dimension::Model, costliest(self.models)),
            client: None,
        }
    }
}

fn costliest(sums: BTreeMap<String, Tally>) -> Costliest {
    let mut rows: Vec<(String, Tally)> = sums.into_iter().collect();
    // Equal ones stay in the order of their names.
    rows.sort_by_key(|(_, tally)| Reverse((tally.cost_micros, tally.total_tokens)));
    let mut rest = Tally::default();
    for (_, tally) in rows.drain(rows.len().min(MAX_NAMES)..) {
        rest += tally;
    }
    Costliest { rows, rest }
}

impl Listed {
    fn running(run: &RunSnapshot, now_ms: i64) -> Listed {
        let active = run.active();
        let (spent, current_tool) = (active.token_usage, active.current_tool.clone());
        let started_ms = active.started_ms;
        let execution = started(active);
        let so_far = now_ms.saturating_sub(started_ms).max(0);
        Listed {
            depth: execution.depth(),
            at_ms: started_ms,
            shown: SessionExecution {
                duration_ms: Some(so_far.cast_unsigned()),
                current_tool,
                ..SessionExecution::of(Item::running(&execution, spent))
            },
        }
    }

    fn ended(execution: &Execution, ended_ms: i64) -> Listed {
        Listed {
            depth: execution.depth(),
            at_ms: execution.started_ms().unwrap_or(ended_ms),
            shown: SessionExecution::of(Item::of(execution)),
        }
    }

    fn place(&self) -> Place<'_> {
        Place {
            id: &self.shown.agent_id,
            kind: self.shown.kind,
            parent: self.shown.parent_agent_id.as_deref(),
            depth: self.depth,
            at_ms: self.at_ms,
        }
    }
}

impl SessionExecution {
    fn of(item: Item) -> SessionExecution {
        let text = |text: Option<Cow<str>>| text.map(Cow::into_owned);
        let error = item.error_details.map(Cow::into_owned);
        SessionExecution {
            agent_id: item.agent_id.into_owned(),
            agent_name: item.agent_name.into_owned(),
            agent_type: item.agent_type.into_owned(),
            kind: item.kind,
            level: 0,
            parent_agent_id: text(item.parent_agent_id),
            status: item.status.into_owned().into(),
            execution_start: item.execution_start,
            execution_end: item.execution_end,
            duration_ms: item.duration_ms,
            task_description: text(item.task_description),
            model: text(item.model),
            token_usage: item.token_usage,
            tool_calls: item.tool_calls.into_owned(),
            tool_errors: item.tool_errors,
            current_tool: None,
            error_details: error.map(|error| error.within(MAX_ERROR_BYTES)),
        }
    }
}
