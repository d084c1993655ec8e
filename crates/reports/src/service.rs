//! The reports as they are asked for: cached, in lanes that do not wait for each other, and of one
//! client only so many at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{error, warn};

use crate::answer::Answer;
use crate::cache::Cache;
use crate::endpoints::Asked;
use crate::error::Error;
use crate::registry::Definitions;
use crate::room::{Full, Room};
use crate::selection::Selections;
use crate::share::{Shares, TooMany};
use crate::source::{Sources, Views};
use agentpulse_core::bucket::Day;
use agentpulse_pipeline::connection_slots::ConnectionHolder;
use agentpulse_pipeline::counters::Counters;
use agentpulse_store::history::{LOOKUPS, Readers, SCANS};

/// Beyond this an answer comes too late for the client: the dashboard gives up at 10 s.
const MAX_WAIT: Duration = Duration::from_secs(10);

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
    pub(crate) own: Sources,
    pub selections: Arc<Selections>,
    counters: Arc<Counters>,
    pub(crate) now_ms: fn() -> i64,
    cache: Cache<Asked, Result<Answer, Error>>,
    room: Room,
}

impl Reports {
    /// `now_ms` is the wall clock.
    pub fn new(views: Views, counters: Arc<Counters>, now_ms: fn() -> i64) -> Reports {
        // The last reader of a lane is always for others.
        let lane = |readers: &Readers, count: usize| Lane {
            sources: Sources::new(&views, readers),
            shares: Shares::new(count - 1),
        };
        let own = Sources::new(&views, &views.lanes.own);
        let selections =
            Selections::new(own.clone(), counters.clone(), now_ms, views.ledger.clone());
        Reports {
            lookups: lane(&views.lanes.lookups, LOOKUPS),
            scans: lane(&views.lanes.scans, SCANS),
            own,
            selections: Arc::new(selections),
            counters,
            now_ms,
            cache: Cache::new(|answer| answer.as_ref().map_or(0, |answer| answer.body.len())),
            room: Room::default(),
        }
    }

    pub fn definitions(&self) -> &Definitions {
        &self.own.definitions
    }

    pub(crate) fn today(&self) -> Day {
        self.own.today((self.now_ms)())
    }

    /// The answer, at most a quarter of a second old, built once for equal requests. Of
    /// `asker` only so many are built at once; the daemon itself has no limit.
    pub async fn answer(
        &self,
        query: &Asked,
        asker: Option<&ConnectionHolder>,
    ) -> Result<Answer, Error> {
        let of_now = query.of_definitions(&self.own.definitions);
        let query = of_now.as_ref().unwrap_or(query);
        if !query.query.is_kept() {
            return Box::pin(self.make(query, asker)).await;
        }
        match self.cache.fresh(query, Instant::now()) {
            Some(answer) => answer,
            // Apart, so that a request that finds one does not carry what making it takes.
            None => Box::pin(self.wait(query, asker)).await,
        }
    }

    /// Waits for the answer that is being made, or makes it.
    async fn wait(&self, query: &Asked, asker: Option<&ConnectionHolder>) -> Result<Answer, Error> {
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

    /// An answer that is nobody else's.
    async fn make(&self, query: &Asked, asker: Option<&ConnectionHolder>) -> Result<Answer, Error> {
        let shares = &self.lane(query).shares;
        let place = match asker {
            Some(asker) => shares.take(asker, MAX_WAIT).await.map(Some),
            None => Ok(None),
        };
        let place = place.map_err(|TooMany| self.too_many())?;
        let answer = self.compute(query).await;
        drop(place);
        let held = self.hold(answer, asker);
        held.unwrap_or_else(|_| Err(self.too_many()))
    }

    fn too_many(&self) -> Error {
        self.counters.reads_refused.add(1);
        Error::TooMany
    }

    /// Without memory all requests are rejected; without a share only those of its client.
    fn hold(
        &self,
        answer: Result<Answer, Error>,
        asker: Option<&ConnectionHolder>,
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

    async fn compute(&self, query: &Asked) -> Result<Answer, Error> {
        let answer = query.answer(&self.lane(query).sources, (self.now_ms)());
        let made = tokio::time::timeout(MAX_WAIT, Box::pin(answer)).await;
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

    fn lane(&self, query: &Asked) -> &Lane {
        match query.is_scan() {
            true => &self.scans,
            false => &self.lookups,
        }
    }
}
