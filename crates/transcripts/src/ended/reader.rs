//! The task that reads what has ended.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};
use tracing::{debug, warn};

use super::attempt::Attempt;
use super::discover::Discoverer;
use super::waiting::{Due, LONGEST_PAUSE, Waiting};
use crate::files::Files;
use crate::indexes::Indexes;
use crate::turn_before::{ReadBefore, turn_before};
use agentpulse_core::event::{Event, Read};
use agentpulse_core::execution::{Execution, Reading};
use agentpulse_core::turns::prompt_of;
use agentpulse_pipeline::counters::Counters;
use agentpulse_pipeline::settings::SettingsWatch;
use agentpulse_pipeline::writer::{TranscriptQueue, Unavailable, WriterHandle};
use agentpulse_store::history::Readers;

/// For the turn before, which is read first.
const PATIENCE_FOR_TURN_BEFORE: Duration = Duration::from_secs(10);
/// For a look at another session.
const PATIENCE_FOR_LOOK: Duration = Duration::from_secs(10);
/// Files that are read at once.
const MAX_READS: usize = 4;
/// What is taken from history at once.
const MAX_LOADED: usize = 16_384;

pub struct EndedReader {
    pub writer: WriterHandle,
    pub unread: Arc<TranscriptQueue>,
    pub history: Readers,
    pub settings: SettingsWatch,
    pub counters: Arc<Counters>,
    pub indexes: Arc<Indexes>,
}

enum Next {
    Done,
    /// Once more, for the end that it has.
    Again(Option<i64>),
}

impl EndedReader {
    /// Runs until `stop`. What is not read then is still marked so in the journal and in history.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let reader = Arc::new(self);
        let discoverer = Arc::new(Mutex::new(Discoverer::default()));
        let mut waiting = Waiting::default();
        let mut reads = JoinSet::new();
        reader.load().await;
        loop {
            reader.take_new(&mut waiting).await;
            while reads.len() < MAX_READS
                && let Some(due) = waiting.take_due()
            {
                let (reader, discoverer) = (reader.clone(), discoverer.clone());
                reads.spawn(async move {
                    let next = reader.poll_transcript(&due).await;
                    if matches!(next, Ok(Next::Done)) && prompt_of(&due.id).is_some() {
                        // What is not found now is found when the next turn has ended.
                        let _ = reader.discover(&due.id, &discoverer).await;
                    }
                    (due.id, next)
                });
            }
            let wake = match waiting.next_at() {
                Some(at) if reads.len() < MAX_READS => at,
                _ => Instant::now() + LONGEST_PAUSE,
            };
            tokio::select! {
                _ = stop.changed() => return,
                () = reader.unread.added() => {}
                () = sleep_until(wake) => {}
                Some(Ok((id, next))) = reads.join_next() => match next {
                    Ok(Next::Done) => waiting.finish(id),
                    Ok(Next::Again(ended_ms)) => waiting.reschedule(id, ended_ms),
                    Err(Unavailable(_)) => waiting.reschedule(id, None),
                },
            }
        }
    }

    /// Looks for agents of the session that no hook reported. One look at a time: a disk that does
    /// not answer it must not hold up the reading of what has ended.
    async fn discover(&self, id: &str, all: &Mutex<Discoverer>) -> Result<(), Unavailable> {
        let Some(main) = self.writer.get(id).await? else {
            return Ok(());
        };
        let Some(path) = main.transcript().map(Path::new) else {
            return Ok(());
        };
        let files = Files::of(&self.settings.borrow(), &self.indexes);
        match timeout(PATIENCE_FOR_LOOK, all.lock()).await {
            Ok(mut all) => all.look(&self.writer, files, path).await,
            Err(_) => Ok(()),
        }
    }

    async fn take_new(&self, waiting: &mut Waiting) {
        if waiting.is_empty() && self.unread.take_overflow() {
            self.load().await;
        }
        for id in self.unread.take(waiting.room()) {
            waiting.add(id);
        }
    }

    /// Takes over from history what is unread there.
    async fn load(&self) {
        let unread = self.history.run(|reader| reader.unread(MAX_LOADED));
        match unread.await {
            Ok(ids) => {
                ids.iter().for_each(|id| self.unread.put(id));
                if ids.len() == MAX_LOADED {
                    self.unread.overflow();
                }
            }
            Err(error) => warn!(%error, "history cannot say which transcripts are unread"),
        }
    }

    /// Reads the transcript of an execution once, and records what is certain.
    async fn poll_transcript(&self, due: &Due) -> Result<Next, Unavailable> {
        let Some(execution) = self.writer.get(&due.id).await?.filter(|e| e.is_unread()) else {
            return Ok(Next::Done);
        };
        let ended_ms = execution.outcome().map(|outcome| outcome.ended_ms);
        let waited = match due.ended_ms == ended_ms {
            true => due.since.elapsed(),
            false => Duration::ZERO,
        };
        let Some(before) = self.beginning(&execution, waited).await? else {
            return Ok(Next::Again(ended_ms));
        };
        let files = Files::of(&self.settings.borrow(), &self.indexes);
        let reading = tokio::task::spawn_blocking(move || Attempt::new(&files, execution, before));
        let Ok(Some(attempt)) = reading.await else {
            return Ok(Next::Done);
        };
        if attempt.may_improve(waited) {
            return Ok(Next::Again(ended_ms));
        }
        self.record(attempt).await?;
        Ok(Next::Done)
    }

    /// Where the lines of this turn begin: where those of the turn before it in the same file end.
    /// Returns `None` while that one is not read.
    async fn beginning(
        &self,
        execution: &Execution,
        waited: Duration,
    ) -> Result<Option<ReadBefore>, Unavailable> {
        if prompt_of(&execution.id).is_some() {
            return Ok(Some(ReadBefore::default()));
        }
        let before = turn_before(&self.writer, &execution.id, execution.transcript());
        let Some(before) = before.await? else {
            return Ok(Some(ReadBefore::default()));
        };
        let is_awaited = before.is_unread() || before.is_running();
        if is_awaited && waited < PATIENCE_FOR_TURN_BEFORE {
            return Ok(None);
        }
        Ok(Some(ReadBefore::of(&before)))
    }

    async fn record(&self, attempt: Attempt) -> Result<(), Unavailable> {
        let Some(outcome) = attempt.execution.outcome() else {
            return Ok(());
        };
        let id = attempt.execution.id.clone();
        match &attempt.read {
            Ok(_) => self.counters.transcripts_read.add(1),
            Err(reason) => {
                self.counters.transcripts_unreadable.add(1);
                debug!(id, %reason, "a transcript cannot be read");
            }
        }
        let (usage, end) = match attempt.read {
            Ok(read) => (Ok(Box::new(read.usage)), read.end),
            Err(reason) => (Err(reason.to_string()), None),
        };
        let reading = Reading {
            ended_ms: outcome.ended_ms,
            from: attempt.from,
            usage,
        };
        let read = Read {
            id,
            reading,
            launch: attempt.launch,
            end,
        };
        self.writer
            .submit(vec![Event::Read(Box::new(read))])
            .await?;
        Ok(())
    }
}
