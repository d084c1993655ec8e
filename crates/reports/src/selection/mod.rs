//! Which agent should take a task: of the definitions, of what runs, and of what was counted.

mod answer;
mod ask;
mod asker;
mod company;
mod feedback;
mod follow;
mod indexed;
mod keep;
mod learned;
pub mod ledger;
mod record;
mod roster;
mod stats;

use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use agentpulse_core::error::Rejection;
use agentpulse_core::only::Only;
use agentpulse_definitions::Scope;
use agentpulse_pipeline::counters::Counters;
use agentpulse_pipeline::settings::RuntimeSettings;
use agentpulse_registry::Current;
use agentpulse_selection::cache::Cache;
use agentpulse_selection::query::Query;
use agentpulse_selection::request::Request;
use agentpulse_selection::select::{Knowledge, Selector};
use agentpulse_store::registry::Kept;

use crate::error::Error;
use crate::registry::by_project::Among;
use crate::registry::in_background;
use crate::source::Sources;
use crate::window::{ended_in, last_days};

use self::answer::Of;
use self::company::Company;
use self::follow::Following;
use self::indexed::Indexed;
use self::keep::By;
use self::learned::Learned;
use self::ledger::{Book, LedgerHandle};
use self::record::{DAYS, Record};
use self::roster::{Adding, Rosters};

pub use self::answer::{Launch, Ranked, Selected};
pub use self::ask::{Ask, MAX_BODY_BYTES};
pub use self::asker::Asker;
pub use self::feedback::{
    End, FEEDBACK, Feedback, FeedbackError, MAX_FEEDBACK_BYTES, Noted, Untaken,
};
pub use self::stats::{Counts, Stats, StatsQuery};

/// Each takes a few milliseconds of a core.
const MAX_AT_ONCE: usize = 4;
const MAX_WAIT: Duration = Duration::from_secs(5);
/// So long an answer waits for the index of definitions that have just changed.
const INDEX_WAIT: Duration = Duration::from_secs(2);
/// What was counted is read again after this.
const RECORD_AGE: Duration = Duration::from_secs(5);
/// Who worked together is read again after this.
const COMPANY_AGE: Duration = Duration::from_secs(60);
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
    company: tokio::sync::Mutex<Option<(Instant, Arc<Company>)>>,
    ledger: LedgerHandle,
    following: Following,
    known: Arc<Known>,
}

/// What a selection uses beside the connections.
struct Known {
    selector: Selector,
    indexed: watch::Sender<Arc<Indexed>>,
    cache: Mutex<Cache>,
    rosters: Rosters,
    learned: Arc<Learned>,
}

impl Selections {
    pub(crate) fn new(
        sources: Sources,
        counters: Arc<Counters>,
        now_ms: fn() -> i64,
        ledger: LedgerHandle,
    ) -> Selections {
        let (indexed, _) = watch::channel(Arc::default());
        Selections {
            sources,
            counters,
            now_ms,
            room: Semaphore::new(MAX_AT_ONCE),
            record: tokio::sync::Mutex::default(),
            company: tokio::sync::Mutex::default(),
            known: Arc::new(Known {
                selector: Selector::default(),
                indexed,
                cache: Mutex::default(),
                rosters: Rosters::default(),
                learned: ledger.learned().clone(),
            }),
            ledger,
            following: Following::default(),
        }
    }

    /// Keeps the index as the definitions are, and follows what became of selections, until `stop`.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            _ = self.follow() => {}
            () = self.follow_ends() => {}
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

    /// One that `keeps` has an id, by which its asker may say how it ended.
    ///
    /// # Errors
    /// What was asked is out of its bounds, too much is asked at once, or history does not answer.
    pub async fn answer(&self, ask: &Ask, asker: &Asker, keeps: bool) -> Result<Selected, Refused> {
        let answer = self.answer_in_time(ask, asker, keeps).await;
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

    async fn answer_in_time(
        &self,
        ask: &Ask,
        asker: &Asker,
        keeps: bool,
    ) -> Result<Selected, Refused> {
        let settings = self.sources.definitions.settings.borrow().clone();
        let mut request = ask.request(&settings).map_err(Refused::Wrong)?;
        if ask.explore {
            let seed = getrandom::u64().map_err(|error| {
                let why = format!("no random numbers: {error}");
                Refused::Failed(Error::Unavailable(why))
            })?;
            request.explore = Some(seed);
        }
        let by = By::new(ask, asker, keeps, &settings);
        let among = Among {
            project: ask.project.clone(),
            library: ask.library,
        };
        let answer = self.select(request, among, by, settings);
        let answer = timeout(MAX_WAIT, Box::pin(answer)).await;
        answer.unwrap_or_else(|_| {
            let late = format!("no selection in {} s", MAX_WAIT.as_secs());
            Err(Refused::Failed(Error::Busy(late)))
        })
    }

    async fn select(
        &self,
        request: Request,
        among: Among,
        by: By,
        settings: Arc<RuntimeSettings>,
    ) -> Result<Selected, Refused> {
        let _place = self.room.acquire().await;
        let current = self.sources.definitions.current().await;
        let indexed = self.indexed(current.seq).await;
        let record = self.record(&indexed).await.map_err(Refused::Failed)?;
        let company = self.company(&request).await.map_err(Refused::Failed)?;
        self.known.learned.ready().await;
        let (known, sources) = (self.known.clone(), self.sources.clone());
        let (now_ms, keeps) = ((self.now_ms)(), by.keeps);
        let work = move || {
            let seen = Seen {
                current: &current,
                indexed: &indexed,
                record: &record,
                company: &company,
                settings: &settings,
                now_ms,
            };
            known.select(&seen, &sources, &request, among, &by)
        };
        let selected = in_background(work).await.map_err(Refused::Failed)?;
        let (mut selected, kept) = selected.map_err(Refused::Wrong)?;
        if keeps {
            selected.selection_id = self.keep(kept).await;
            let is_unrecorded = selected.selection_id.is_none();
            let unrecorded = &self.counters.selections_unrecorded;
            unrecorded.add(u64::from(is_unrecorded));
        }
        Ok(selected)
    }

    /// Returns its id once it is on the disk.
    async fn keep(&self, kept: Option<Kept>) -> Option<String> {
        let kept = kept?;
        let id = kept.id.clone();
        let write = move |book: &mut Book| book.keep(&kept).map(|()| kept);
        let kept = self.ledger.write(write).await.ok()?;
        self.following.add(&kept);
        Some(id)
    }

    async fn indexed(&self, seq: u64) -> Arc<Indexed> {
        let mut indexed = self.known.indexed.subscribe();
        let _ = timeout(INDEX_WAIT, indexed.wait_for(|indexed| indexed.seq >= seq)).await;
        self.known.indexed.borrow().clone()
    }

    /// Read only if other agents are named.
    async fn company(&self, request: &Request) -> Result<Arc<Company>, Error> {
        if others(request).is_empty() {
            return Ok(Arc::default());
        }
        let mut kept = self.company.lock().await;
        if let Some((read, company)) = &*kept
            && read.elapsed() < COMPANY_AGE
        {
            return Ok(company.clone());
        }
        let (zone, today) = (
            self.sources.zone().clone(),
            self.sources.today((self.now_ms)()),
        );
        let read = self
            .sources
            .history(move |reader| Company::read(reader, &zone, today));
        let company = Arc::new(read.await?);
        *kept = Some((Instant::now(), company.clone()));
        Ok(company)
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

/// The agents that hand the task on, or take part in it.
fn others(request: &Request) -> Vec<&str> {
    let context = &request.context;
    let names = context.caller.iter().chain(&context.with);
    names.map(String::as_str).collect()
}

/// What is there at one moment.
struct Seen<'a> {
    current: &'a Arc<Current>,
    indexed: &'a Arc<Indexed>,
    record: &'a Arc<Record>,
    company: &'a Company,
    settings: &'a Arc<RuntimeSettings>,
    now_ms: i64,
}

impl Known {
    fn select(
        &self,
        seen: &Seen,
        sources: &Sources,
        request: &Request,
        among: Among,
        by: &By,
    ) -> Result<(Selected, Option<Kept>), Rejection> {
        let (index, seq) = (&seen.indexed.index, seen.indexed.seq);
        let query = self.selector.read(request, index)?;
        let search = |query: &Query| index.search(&query.terms);
        let (matches, cached) = self.cache.lock().matches(&query, seq, seen.now_ms, search);
        let standing = sources.definitions.standings.of(seen.current, &among);
        let roster = self.rosters.get(seen, &standing, &among);
        let only = Only {
            project: among.project,
            ..Only::default()
        };
        let learner = self.learned.read();
        let mut adding = Adding(roster);
        adding.running(&standing, &sources.running, &only);
        adding.together(seen.indexed, seen.company.beside(&others(request)));
        adding.preferences(learner.preferences(&by.asker, by.project.as_deref()));
        adding.denied(&standing, &request.require_tools);
        let knowledge = Knowledge {
            index,
            experience: &seen.record.experience,
            expected_success: seen.record.expected_success,
            min_fit: seen.settings.abstain_below,
            learned: Some((&learner, &by.asker)),
        };
        let selector = &self.selector;
        let found = selector.select(&knowledge, request, &query, &matches, &adding.0);
        let kept = by
            .keeps
            .then(|| by.kept(&found, &query, index, seen.now_ms));
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
            is_of_library: &|id| {
                let agent = seen.current.snapshot.registered.agents.get(id);
                agent.is_some_and(|agent| agent.scope == Scope::Library)
            },
        };
        Ok((Selected::new(&of, found), kept.flatten()))
    }
}
