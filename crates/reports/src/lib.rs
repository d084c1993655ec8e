//! The reports, one a file. Each fetches its rows from one of the two views, and a pure function
//! builds the answer from them. The daemon's own metrics are in [`system`].

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
mod room;
mod share;
mod source;
pub mod stream;
pub mod system;
pub mod timeline;
pub mod tools;
pub mod types;
mod window;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;
use tracing::{error, warn};
use xxhash_rust::xxh3::xxh3_64;

use agentpulse_core::bucket::Day;
use agentpulse_core::execution::Status;
use agentpulse_core::names::OTHER;
use agentpulse_pipeline::counters::Counters;
use agentpulse_store::history::{self, LOOKUPS, Readers, SCANS};
use cache::Cache;
use costs::CostsBy;
use dashboard::Part;
use executions::Page;
use room::{Full, Room};
pub use share::Asker;
use share::{Shares, TooMany};
pub use source::{Sources, View, Views};
use window::{days_are_few, hours_are_live};

/// Beyond this an answer comes too late for the client: the dashboard gives up at 10 s.
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
    Active(active::Page),
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

/// A finished answer: it is built once, and sent to all who request it.
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
    /// History has too many requests at once. The cause is for the log.
    #[error("{0}")]
    Busy(String),
    /// The client has too many requests at once.
    #[error("too many questions of one client at once")]
    TooMany,
}

/// Queries that wait for each other, and for no others.
struct Lane {
    sources: Sources,
    shares: Shares,
}

/// The client has used up its own share: other clients do not notice.
enum Refused {
    /// Of the readers.
    Place,
    /// Of the memory for answers.
    Room,
}

pub struct Reports {
    lookups: Lane,
    scans: Lane,
    /// For the clients of the stream.
    own: Sources,
    counters: Arc<Counters>,
    now_ms: fn() -> i64,
    cache: Cache<Query, Result<Answer, Error>>,
    room: Room,
}

impl Query {
    /// Whether history may have to read many rows for it.
    fn is_scan(&self) -> bool {
        match self {
            Query::Current { hours: Some(hours) }
            | Query::Timeline { hours }
            | Query::Types { hours } => !hours_are_live(*hours),
            Query::Performance { agent_name, days } => agent_name == OTHER || !days_are_few(*days),
            Query::Tools { days, .. } | Query::Daily { days } => !days_are_few(*days),
            Query::Costs { by, days, .. } => *by != CostsBy::Day && !days_are_few(*days),
            // No index covers these.
            Query::Executions(page) => {
                let of_type = page.agent_type.is_some() || page.model.is_some();
                of_type || page.session_id.is_some() || page.status == Some(Status::Success)
            }
            Query::Errors { agent_name } => agent_name == OTHER,
            Query::Current { hours: None } | Query::Execution { .. } => false,
            Query::Active(_) | Query::Dashboard(_) => false,
        }
    }
}

impl Reports {
    /// `now_ms` is the wall clock.
    pub fn new(views: Views, counters: Arc<Counters>, now_ms: fn() -> i64) -> Reports {
        // The last reader of a lane is always for others.
        let lane = |readers: &Readers, count: usize| Lane {
            sources: Sources::new(&views, readers),
            shares: Shares::new(count - 1),
        };
        Reports {
            lookups: lane(&views.lanes.lookups, LOOKUPS),
            scans: lane(&views.lanes.scans, SCANS),
            own: Sources::new(&views, &views.lanes.own),
            counters,
            now_ms,
            cache: Cache::new(|answer| answer.as_ref().map_or(0, |answer| answer.body.len())),
            room: Room::default(),
        }
    }

    /// The answer, at most a quarter of a second old, built once for equal requests. Of
    /// `asker` only so many are built at once; the daemon itself has no limit.
    pub async fn answer(&self, query: &Query, asker: Option<&Asker>) -> Result<Answer, Error> {
        let shares = &self.lane(query).shares;
        let mut held = None;
        loop {
            let place = held.take();
            let make = || async move {
                // A client without a place must not delay others that have one.
                let place = match (place, asker) {
                    (None, Some(asker)) => Some(shares.try_take(asker).ok_or(Refused::Place)?),
                    (place, _) => place,
                };
                let answer = self.compute(query).await;
                drop(place);
                self.hold(answer, asker)
            };
            match (self.cache.try_get(query, Instant::now(), make).await, asker) {
                (Ok(answer), _) => return answer,
                (Err(Refused::Place), Some(asker)) => {
                    let taken = shares.take(asker, MAX_WAIT).await;
                    held = Some(taken.map_err(|TooMany| self.too_many())?);
                }
                (Err(_), _) => return Err(self.too_many()),
            }
        }
    }

    fn too_many(&self) -> Error {
        self.counters.reads_refused.add(1);
        Error::TooMany
    }

    /// Without memory all requests are rejected; without a share only those of its client.
    fn hold(
        &self,
        answer: Result<Answer, Error>,
        asker: Option<&Asker>,
    ) -> Result<Result<Answer, Error>, Refused> {
        let Ok(answer) = answer else {
            return Ok(answer);
        };
        match self.room.hold(answer.body, asker) {
            Ok(body) => Ok(Ok(Answer { body, ..answer })),
            Err(Full::OfClient) => Err(Refused::Room),
            Err(Full::OfAll) => {
                self.counters.reads_refused.add(1);
                let cause = "too many large answers are being sent at once";
                warn!("{cause}");
                Ok(Err(Error::Busy(cause.to_owned())))
            }
        }
    }

    async fn compute(&self, query: &Query) -> Result<Answer, Error> {
        let made = tokio::time::timeout(MAX_WAIT, Box::pin(self.make(query))).await;
        let late = || Error::Unavailable(format!("no answer in {} s", MAX_WAIT.as_secs()));
        let answer = made.unwrap_or_else(|_| Err(late()));
        match &answer {
            Err(Error::Unavailable(cause)) => error!(cause, ?query, "a report could not be made"),
            Err(Error::Busy(cause)) => {
                self.counters.reads_refused.add(1);
                warn!(cause, ?query, "a report could not be made");
            }
            _ => {}
        }
        answer
    }

    fn lane(&self, query: &Query) -> &Lane {
        match query.is_scan() {
            true => &self.scans,
            false => &self.lookups,
        }
    }

    async fn make(&self, query: &Query) -> Result<Answer, Error> {
        let (sources, now_ms) = (&self.lane(query).sources, (self.now_ms)());
        match query {
            Query::Current { hours } => seal(current::fetch(sources, *hours, now_ms).await?),
            Query::Timeline { hours } => seal(timeline::fetch(sources, *hours, now_ms).await?),
            Query::Types { hours } => seal(types::fetch(sources, *hours, now_ms).await?),
            Query::Performance { agent_name, days } => {
                seal(performance::fetch(sources, agent_name, *days, now_ms).await?)
            }
            Query::Tools { last, days } => seal(tools::fetch(sources, *last, *days, now_ms).await?),
            Query::Daily { days } => seal(daily::fetch(sources, *days, now_ms).await?),
            Query::Active(page) => seal(active::fetch(sources, page, now_ms)),
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

/// What an answer with a list in it may have, in bytes; what does not fit is on the next page.
pub const MAX_ANSWER_BYTES: usize = 4 << 20;

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
        let cause = format!("history: {error}");
        match error.is_busy() {
            true => Error::Busy(cause),
            false => Error::Unavailable(cause),
        }
    }
}
