//! What readers are answered: one file a report. Each fetches its rows from one of the two views,
//! and a pure function makes the answer of them. How the daemon itself does is in [`system`].

pub mod active;
mod agent;
mod cache;
pub mod costs;
pub mod current;
pub mod daily;
pub mod dashboard;
pub mod errors;
pub mod executions;
pub mod exposition;
pub mod health;
pub mod item;
mod metrics;
pub mod performance;
pub mod probe;
pub mod requests;
mod source;
pub mod stream;
pub mod system;
pub mod timeline;
pub mod tools;
pub mod types;
mod window;

use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;
use tracing::error;
use xxhash_rust::xxh3::xxh3_64;

use crate::domain::bucket::Day;
use crate::domain::names::Names;
use crate::flow::live_state::LiveState;
use crate::flow::spending::Spending;
use crate::history::{self, Readers};
use crate::live::Live;
use cache::Cache;
use costs::CostsBy;
use dashboard::Part;
use executions::Page;
pub use source::{Sources, View};

/// Beyond this an answer comes too late for who asked: the dashboard gives up at 10 s.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// One report with its parameters, which are within their bounds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Query {
    /// Of today, or of the last hours.
    Current {
        hours: Option<i32>,
    },
    Timeline {
        hours: i32,
    },
    Types {
        hours: i32,
    },
    Performance {
        agent_name: String,
        days: i32,
    },
    /// Of the days up to `last`, else up to today.
    Tools {
        last: Option<Day>,
        days: i32,
    },
    Daily {
        days: i32,
    },
    Active,
    Executions(Page),
    Execution {
        id: String,
    },
    Errors {
        agent_name: String,
    },
    Costs {
        by: CostsBy,
        days: i32,
        limit: usize,
    },
    Dashboard(Part),
}

/// A finished answer: it is made once, and sent as often as it is asked for.
#[derive(Clone, Debug)]
pub struct Answer {
    /// JSON.
    pub body: Bytes,
    /// xxh3 of the body.
    pub digest: u64,
    pub view: View,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("no agent is named {0}")]
    UnknownAgent(String),
    #[error("no execution has the id {0}")]
    UnknownExecution(String),
    /// Neither view answers. The cause is for the log.
    #[error("{0}")]
    Unavailable(String),
}

pub struct Reports {
    sources: Sources,
    now_ms: fn() -> i64,
    cache: Cache<Query, Result<Answer, Error>>,
}

impl Reports {
    /// `now_ms` is the wall clock.
    pub fn new(
        live: Live,
        readers: Readers,
        names: Arc<RwLock<Names>>,
        state: Arc<LiveState>,
        spending: Arc<Spending>,
        now_ms: fn() -> i64,
    ) -> Reports {
        Reports {
            sources: Sources::new(live, readers, names, state, spending),
            now_ms,
            cache: Cache::new(|answer| answer.as_ref().map_or(0, |answer| answer.body.len())),
        }
    }

    /// The answer, at most a quarter of a second old. Once for all who wait for the same.
    pub async fn answer(&self, query: &Query) -> Result<Answer, Error> {
        let compute = || async {
            let made = tokio::time::timeout(MAX_WAIT, Box::pin(self.make(query))).await;
            let late = || Error::Unavailable(format!("no answer in {} s", MAX_WAIT.as_secs()));
            let answer = made.unwrap_or_else(|_| Err(late()));
            if let Err(Error::Unavailable(cause)) = &answer {
                error!(cause, ?query, "a report could not be made");
            }
            answer
        };
        self.cache.get(query, Instant::now(), compute).await
    }

    async fn make(&self, query: &Query) -> Result<Answer, Error> {
        let (sources, now_ms) = (&self.sources, (self.now_ms)());
        match query {
            Query::Current { hours } => seal(current::fetch(sources, *hours, now_ms).await?),
            Query::Timeline { hours } => seal(timeline::fetch(sources, *hours, now_ms).await?),
            Query::Types { hours } => seal(types::fetch(sources, *hours, now_ms).await?),
            Query::Performance { agent_name, days } => {
                seal(performance::fetch(sources, agent_name, *days, now_ms).await?)
            }
            Query::Tools { last, days } => seal(tools::fetch(sources, *last, *days, now_ms).await?),
            Query::Daily { days } => seal(daily::fetch(sources, *days, now_ms).await?),
            Query::Active => seal(active::fetch(sources, now_ms).await?),
            Query::Executions(page) => seal(executions::fetch(sources, page, now_ms).await?),
            Query::Execution { id } => seal(executions::fetch_one(sources, id).await?),
            Query::Errors { agent_name } => seal(errors::fetch(sources, agent_name).await?),
            Query::Costs { by, days, limit } => {
                seal(costs::fetch(sources, *by, *days, *limit, now_ms).await?)
            }
            Query::Dashboard(part) => seal(dashboard::fetch(sources, *part, now_ms).await?),
        }
    }
}

fn seal((report, view): (impl Serialize, View)) -> Result<Answer, Error> {
    let body = serde_json::to_vec(&report).map_err(|e| Error::Unavailable(e.to_string()))?;
    Ok(Answer {
        digest: xxh3_64(&body),
        body: body.into(),
        view,
    })
}

impl From<history::Error> for Error {
    fn from(error: history::Error) -> Error {
        Error::Unavailable(format!("history: {error}"))
    }
}
