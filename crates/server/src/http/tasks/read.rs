//! What is read of the queue.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::Request;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ask::{Item, denied, id, queue, refused};
use super::cost::{Cost, cost};
use crate::http::error::HttpError;
use crate::http::state::HttpState;
use agentpulse_api::code::Code;
use agentpulse_api::params::{InvalidParameter, LIMIT, MAX_NUMBER, Param, Params, SINCE};
use agentpulse_core::bucket::rfc3339;
use agentpulse_queue::shown::{Attempt, Event, Logged, Message, Task};
use agentpulse_store::tasks::{Filter, State as Doing, Unread};
use agentpulse_tasks::refusal::Refusal;
use agentpulse_tasks::status::Status;

const STATUS: Param = Param::new("status", "Where tasks stand.");
const ASSIGNED_TO: Param = Param::new("assigned_to", "The role or the agent that takes them.");
const TYPE: Param = Param::new("task_type", "What they are.");
const CREATED_BY: Param = Param::new("created_by", "Who made them.");
const PARENT: Param = Param::new("parent", "The task that they follow.");
const CURSOR: Param = Param::new("cursor", "As the page before answered it in `next_cursor`.");
const AFTER: Param = Param::new("after", "Those after the line of this number.");
const SINCE_SEQ: Param = Param::new("since", "The seq that the client has.");
const WAIT: Param = Param::new("wait", "Seconds to wait for something that came later.");
const MAX_LIMIT: usize = 200;
const DEFAULT_LIMIT: usize = 50;
const MAX_MESSAGES: usize = 100;
const MAX_EVENTS: usize = 500;
const MAX_WAIT_S: u64 = 60;

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct Tasks {
    /// The newest first.
    pub tasks: Vec<Task>,
    /// Null on the last page.
    pub next_cursor: Option<String>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "WholeTask")]
pub struct Whole {
    pub task: Task,
    /// The tasks that it waits for.
    pub blocked_by: Vec<i64>,
    pub children: Vec<i64>,
    /// The first one first.
    pub attempts: Vec<Attempt>,
    /// The oldest 100.
    pub messages: Vec<Message>,
    pub cost: Cost,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TaskChain")]
pub struct Chain {
    /// The first task of the chain and all that followed, in the order in which they were made.
    pub tasks: Vec<Task>,
    /// Of all of them.
    pub cost: Cost,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TaskLogs")]
pub struct Logs {
    /// The oldest first.
    pub lines: Vec<Logged>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TaskStats")]
pub struct Stats {
    /// By role or agent, and status.
    pub tasks: Vec<Counted>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "CountedTasks")]
pub struct Counted {
    pub assigned_to: String,
    pub status: Status,
    pub count: i64,
    /// When the oldest of them was made.
    #[schemars(extend("format" = "date-time"))]
    pub oldest: String,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TaskChanges")]
pub struct Changes {
    /// The oldest first.
    pub events: Vec<Event>,
    /// What to ask for next.
    pub seq: i64,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AgentStates")]
pub struct States {
    /// Of each role, and of each agent to which a task was assigned; always derived, never set.
    pub states: BTreeMap<String, AgentState>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
pub struct AgentState {
    /// `working` while it holds a task, `blocked` if all that it has waits for something.
    #[schemars(extend("enum" = ["idle", "working", "blocked"]))]
    pub status: String,
    #[schemars(extend("format" = "date-time"))]
    pub last_active: Option<String>,
    pub current_task_id: Option<i64>,
    pub metrics: Metrics,
}

#[derive(Default, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AgentStateMetrics")]
pub struct Metrics {
    pub completed: i64,
    pub failed: i64,
    /// Of tasks that ended, 0..1 with four decimals; null without one.
    pub success_rate: Option<f64>,
    /// From the first claim to the end.
    pub avg_task_ms: Option<i64>,
}

pub struct ListQuery {
    filter: Filter,
    behind: Option<i64>,
    limit: usize,
}

pub fn list_query(params: &Params) -> Result<ListQuery, InvalidParameter> {
    let limit = params.number(LIMIT, 1..=MAX_LIMIT, Some(DEFAULT_LIMIT))?;
    let parent = params.number(PARENT, 1..=MAX_NUMBER, None)?;
    Ok(ListQuery {
        filter: Filter {
            status: params.choice(STATUS, &Status::CHOICES)?,
            assigned_to: params.name(ASSIGNED_TO)?,
            task_type: params.name(TYPE)?,
            created_by: params.name(CREATED_BY)?,
            parent: parent.map(u64::cast_signed),
            since_ms: params.time_ms(SINCE)?,
        },
        behind: params
            .number(CURSOR, 1..=MAX_NUMBER, None)?
            .map(u64::cast_signed),
        limit: limit.unwrap_or(DEFAULT_LIMIT),
    })
}

pub async fn list(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Json<Tasks>, HttpError> {
    let query = list_query(&Params::of(request.uri().query(), None))?;
    let limit = query.limit;
    let read =
        queue(&http)?.read(move |tables| tables.list(&query.filter, query.behind, limit + 1));
    let mut found = read.await.map_err(denied)?;
    let is_last = found.len() <= limit;
    found.truncate(limit);
    let next_cursor = found
        .last()
        .filter(|_| !is_last)
        .map(|task| task.id.to_string());
    let tasks = found.into_iter().map(Task::from).collect();
    Ok(Json(Tasks { tasks, next_cursor }))
}

pub async fn one(State(http): State<Arc<HttpState>>, item: Item) -> Result<Json<Whole>, HttpError> {
    let id = id(item)?;
    let read = queue(&http)?.read(move |tables| {
        let Some(task) = tables.task(id)? else {
            return Ok(None);
        };
        let of_task = Unread {
            task: Some(id),
            ..Unread::default()
        };
        let messages = tables.messages(&of_task, MAX_MESSAGES)?;
        Ok(Some(Whole {
            task: task.into(),
            blocked_by: tables.needs(id)?,
            children: tables.children(id)?,
            attempts: tables
                .attempts(id)?
                .into_iter()
                .map(Attempt::from)
                .collect(),
            messages: messages.into_iter().map(Message::from).collect(),
            cost: Cost::default(),
        }))
    });
    let whole: Option<Whole> = read.await.map_err(denied)?;
    let mut whole = whole.ok_or_else(|| refused(Refusal::UnknownTask(id)))?;
    whole.cost = cost(&http, whole.task.root_id, Some(id)).await?;
    Ok(Json(whole))
}

pub async fn chain(
    State(http): State<Arc<HttpState>>,
    item: Item,
) -> Result<Json<Chain>, HttpError> {
    let id = id(item)?;
    let read = queue(&http)?.read(move |tables| match tables.task(id)? {
        Some(task) => tables.chain(task.root),
        None => Ok(Vec::new()),
    });
    let tasks = read.await.map_err(denied)?;
    let Some(root) = tasks.first().map(|task| task.root) else {
        return Err(refused(Refusal::UnknownTask(id)));
    };
    let tasks = tasks.into_iter().map(Task::from).collect();
    let cost = cost(&http, root, None).await?;
    Ok(Json(Chain { tasks, cost }))
}

pub fn logs_query(params: &Params) -> Result<(i64, usize), InvalidParameter> {
    let after = params.number(AFTER, 0..=MAX_NUMBER, Some(0))?;
    let limit = params.number(LIMIT, 1..=MAX_LIMIT, Some(DEFAULT_LIMIT))?;
    let after = after.map_or(0, u64::cast_signed);
    Ok((after, limit.unwrap_or(DEFAULT_LIMIT)))
}

pub async fn logs(
    State(http): State<Arc<HttpState>>,
    item: Item,
    request: Request<Body>,
) -> Result<Json<Logs>, HttpError> {
    let id = id(item)?;
    let (after, limit) = logs_query(&Params::of(request.uri().query(), None))?;
    let read = queue(&http)?.read(move |tables| tables.logs(id, after, limit));
    let lines = read.await.map_err(denied)?;
    let lines = lines.into_iter().map(Logged::from).collect();
    Ok(Json(Logs { lines }))
}

pub async fn stats(State(http): State<Arc<HttpState>>) -> Result<Json<Stats>, HttpError> {
    let read = queue(&http)?.read(|tables| tables.counted()).await;
    let counted = read.map_err(denied)?.into_iter().map(|one| Counted {
        assigned_to: one.assigned_to,
        status: one.status,
        count: one.count,
        oldest: rfc3339(one.oldest_ms),
    });
    let tasks = counted.collect();
    Ok(Json(Stats { tasks }))
}

pub fn changes_query(params: &Params) -> Result<(i64, Duration), InvalidParameter> {
    let since = params.number(SINCE_SEQ, 0..=MAX_NUMBER, Some(0))?;
    let wait = params.number(WAIT, 0..=MAX_WAIT_S, Some(0))?;
    let wait = Duration::from_secs(wait.unwrap_or(0));
    Ok((since.map_or(0, u64::cast_signed), wait))
}

pub async fn changes(
    State(http): State<Arc<HttpState>>,
    request: Request<Body>,
) -> Result<Json<Changes>, HttpError> {
    let (since, wait) = changes_query(&Params::of(request.uri().query(), None))?;
    let queue = queue(&http)?;
    queue.beyond(since, wait).await;
    let read = queue.read(move |tables| {
        let first = tables.first_event()?.unwrap_or(since + 1);
        if since > 0 && first > since + 1 {
            return Ok(None);
        }
        tables.events_after(since, MAX_EVENTS).map(Some)
    });
    let Some(events) = read.await.map_err(denied)? else {
        let message = "changes are not kept for so long: list again";
        return Err(HttpError::new(Code::Expired, message));
    };
    let seq = events.last().map_or(since, |event| event.seq);
    let events = events.into_iter().map(Event::from).collect();
    Ok(Json(Changes { events, seq }))
}

pub async fn states(State(http): State<Arc<HttpState>>) -> Result<Json<States>, HttpError> {
    let queue = queue(&http)?;
    let known = queue.read(|tables| tables.states()).await.map_err(denied)?;
    let roles = queue.settings().roles.names.clone();
    let idle = roles.into_iter().map(|role| {
        let state = AgentState {
            status: "idle".to_owned(),
            last_active: None,
            current_task_id: None,
            metrics: Metrics::default(),
        };
        (role, state)
    });
    let mut states: BTreeMap<String, AgentState> = idle.collect();
    for (name, state) in known {
        let ended = state.completed + state.failed;
        let rate = |share: f64| (share * 10_000.0).round() / 10_000.0;
        let shown = AgentState {
            status: match state.state {
                Doing::Idle => "idle",
                Doing::Working => "working",
                Doing::Blocked => "blocked",
            }
            .to_owned(),
            last_active: state.last_active_ms.map(rfc3339),
            current_task_id: state.current_task,
            metrics: Metrics {
                completed: state.completed,
                failed: state.failed,
                success_rate: (ended > 0).then(|| rate(state.completed as f64 / ended as f64)),
                avg_task_ms: state.avg_task_ms.map(|ms| ms.round() as i64),
            },
        };
        states.insert(name, shown);
    }
    Ok(Json(States { states }))
}
