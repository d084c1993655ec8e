//! Which agent should take a task: of the definitions, of what runs, and of what was counted.

mod answer;
mod ask;
mod candidates;
mod indexed;
mod record;

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use agentpulse_core::error::Rejection;
use agentpulse_core::only::Only;
use agentpulse_pipeline::counters::Counters;
use agentpulse_registry::Current;
use agentpulse_selection::cache::Cache;
use agentpulse_selection::query::Query;
use agentpulse_selection::request::Request;
use agentpulse_selection::select::{Knowledge, Selector};

use crate::error::Error;
use crate::registry::choice::choose;
use crate::registry::in_background;
use crate::source::Sources;
use crate::window::{ended_in, last_days};

use self::answer::Of;
use self::candidates::candidates;
use self::indexed::Indexed;
use self::record::{DAYS, Record};

pub use self::answer::{Ranked, Selected};
pub use self::ask::{Ask, MAX_BODY_BYTES};

/// Each takes a few milliseconds of a core.
const MAX_AT_ONCE: usize = 4;
const MAX_WAIT: Duration = Duration::from_secs(5);
/// So long an answer waits for the index of definitions that have just changed.
const INDEX_WAIT: Duration = Duration::from_secs(2);
/// What was counted is read again after this.
const RECORD_AGE: Duration = Duration::from_secs(5);
/// Without a change the index stays as it is.
const LOOK_AGAIN: Duration = Duration::from_secs(3_600);

/// Why there is no answer.
#[derive(Debug)]
pub enum Refused {
    /// What was asked is out of its bounds.
    Wrong(Rejection),
    Failed(Error),
}

pub struct Selections {
    sources: Sources,
    counters: Arc<Counters>,
    now_ms: fn() -> i64,
    room: Semaphore,
    record: tokio::sync::Mutex<Option<(Instant, Arc<Record>)>>,
    known: Arc<Known>,
}

/// What a selection uses beside the connections.
struct Known {
    selector: Selector,
    indexed: watch::Sender<Arc<Indexed>>,
    cache: Mutex<Cache>,
}

impl Selections {
    pub(crate) fn new(
        sources: Sources,
        counters: Arc<Counters>,
        now_ms: fn() -> i64,
    ) -> Selections {
        let (indexed, _) = watch::channel(Arc::default());
        Selections {
            sources,
            counters,
            now_ms,
            room: Semaphore::new(MAX_AT_ONCE),
            record: tokio::sync::Mutex::default(),
            known: Arc::new(Known {
                selector: Selector::default(),
                indexed,
                cache: Mutex::default(),
            }),
        }
    }

    /// Keeps the index as the definitions are, until `stop`.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            _ = self.follow() => {}
        }
    }

    async fn follow(&self) -> Result<(), Error> {
        let definitions = &self.sources.definitions;
        loop {
            let before = self.known.indexed.borrow().clone();
            let current = definitions.handle.beyond(before.seq, LOOK_AGAIN).await;
            if current.seq == before.seq {
                continue;
            }
            let (known, catalog) = (
                self.known.clone(),
                definitions.settings.borrow().catalog.clone(),
            );
            let next = move || before.after(&current, &known.selector, &catalog.types);
            let next = in_background(next).await?;
            self.known.indexed.send_replace(Arc::new(next));
        }
    }

    /// # Errors
    /// What was asked is out of its bounds, too much is asked at once, or history does not answer.
    pub async fn answer(&self, ask: &Ask) -> Result<Selected, Refused> {
        let request = ask.request().map_err(Refused::Wrong)?;
        let answer = self.select(request, ask.project.clone());
        let answer = timeout(MAX_WAIT, Box::pin(answer)).await;
        let answer = answer.unwrap_or_else(|_| {
            let late = format!("no selection in {} s", MAX_WAIT.as_secs());
            Err(Refused::Failed(Error::Busy(late)))
        });
        match &answer {
            Ok(selected) => {
                self.counters.selections.add(1);
                let is_nobody = selected.recommendation.is_none();
                self.counters.selections_abstained.add(u64::from(is_nobody));
            }
            Err(_) => self.counters.selections_refused.add(1),
        }
        answer
    }

    async fn select(&self, request: Request, project: Option<String>) -> Result<Selected, Refused> {
        let _place = self.room.acquire().await;
        let current = self.sources.definitions.current().await;
        let indexed = self.indexed(current.seq).await;
        let record = self.record(&indexed).await.map_err(Refused::Failed)?;
        let (known, sources) = (self.known.clone(), self.sources.clone());
        let now_ms = (self.now_ms)();
        let work = move || {
            let seen = Seen {
                current: &current,
                indexed: &indexed,
                record: &record,
                now_ms,
            };
            known.select(&seen, &sources, &request, project)
        };
        let selected = in_background(work).await.map_err(Refused::Failed)?;
        selected.map_err(Refused::Wrong)
    }

    async fn indexed(&self, seq: u64) -> Arc<Indexed> {
        let mut indexed = self.known.indexed.subscribe();
        let _ = timeout(INDEX_WAIT, indexed.wait_for(|indexed| indexed.seq >= seq)).await;
        self.known.indexed.borrow().clone()
    }

    /// Read once for all that ask at the same time.
    async fn record(&self, indexed: &Arc<Indexed>) -> Result<Arc<Record>, Error> {
        let mut kept = self.record.lock().await;
        if let Some((read, record)) = &*kept
            && read.elapsed() < RECORD_AGE
        {
            return Ok(record.clone());
        }
        let days = last_days(DAYS, self.sources.today((self.now_ms)()));
        let since_ms = ended_in(self.sources.zone(), days).start;
        let (known, indexed) = (self.known.clone(), indexed.clone());
        let record = self
            .sources
            .history(move |reader| Record::read(reader, &indexed, &known.selector, since_ms, days));
        let record = Arc::new(record.await?);
        *kept = Some((Instant::now(), record.clone()));
        Ok(record)
    }
}

/// What is there at one moment.
struct Seen<'a> {
    current: &'a Current,
    indexed: &'a Indexed,
    record: &'a Record,
    now_ms: i64,
}

impl Known {
    fn select(
        &self,
        seen: &Seen,
        sources: &Sources,
        request: &Request,
        project: Option<String>,
    ) -> Result<Selected, Rejection> {
        let (index, seq) = (&seen.indexed.index, seen.indexed.seq);
        let query = self.selector.read(request, index)?;
        let search = |query: &Query| index.search(&query.terms);
        let (matches, cached) = self.cache.lock().matches(&query, seq, seen.now_ms, search);
        let only = Only {
            project,
            ..Only::default()
        };
        let maintenance = sources.definitions.settings.borrow().maintenance.clone();
        let chosen = choose(seen.current, &sources.running, &only, &maintenance);
        let candidates = candidates(&chosen, seen.record, &request.require_tools);
        let knowledge = Knowledge {
            index,
            experience: &seen.record.experience,
            expected_success: seen.record.expected_success,
            learned: None,
        };
        let selector = &self.selector;
        let found = selector.select(&knowledge, request, &query, &matches, &candidates);
        let shares = query.phase.map(|phase| selector.phases.shares(&phase));
        let shares = shares.into_iter().flatten();
        let of = Of {
            seq,
            epoch: &seen.current.epoch,
            cached,
            query: &query,
            phases: shares
                .map(|(name, share)| (name.to_owned(), share))
                .collect(),
            optimize: request.optimize,
            is_shared: &|name| seen.indexed.is_shared(name),
        };
        Ok(Selected::new(&of, found))
    }
}
