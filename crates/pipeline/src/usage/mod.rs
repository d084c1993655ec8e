//! Reads the transcripts of executions that ended: what they spent, which tools they called. The
//! stop is recorded before; the last lines of a transcript come a little after it.

mod attempt;
pub(super) mod lines;
pub(super) mod open;
mod queue;
mod read;
mod sidecar;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use self::attempt::Attempt;
pub use self::attempt::Files;
pub use self::open::Unreadable;
pub use self::queue::TranscriptQueue;
pub use self::read::{read, turns};
pub use self::sidecar::{MAX_SIDECAR_BYTES, sidecar};
use super::counters::Counters;
use super::settings::SettingsWatch;
use super::writer::{Unavailable, WriterHandle};
use agentpulse_core::event::{Event, Read};
use agentpulse_core::execution::{Execution, Reading};
use agentpulse_core::turns::{execution_id, turn_of};
use agentpulse_store::history::Readers;

/// The last line came 24 to 45 ms after the stop.
const FIRST_PAUSE: Duration = Duration::from_millis(60);
/// Each wait is twice the one before, up to here.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// For the turn before, which is read first.
const PATIENCE_FOR_TURN_BEFORE: Duration = Duration::from_secs(10);
/// Turns of other sessions between two of one.
const MAX_TURNS_BETWEEN: usize = 64;
/// Files that are read at once.
const MAX_READS: usize = 4;
/// Executions that are waited for at once; the others stay in [`TranscriptQueue`].
const MAX_WAITED_FOR: usize = 4_096;
/// What is taken from history at once.
const MAX_LOADED: usize = 16_384;

pub struct UsageReader {
    pub writer: WriterHandle,
    pub unread: Arc<TranscriptQueue>,
    pub history: Readers,
    pub settings: SettingsWatch,
    pub counters: Arc<Counters>,
}

/// One execution that is waited for.
struct Pending {
    since: Instant,
    /// For this end of it; unknown before the first look.
    ended_ms: Option<i64>,
    pause: Duration,
    /// It changed again while it was looked at.
    changed: bool,
}

impl Pending {
    fn new(since: Instant) -> Pending {
        Pending {
            since,
            ended_ms: None,
            pause: FIRST_PAUSE,
            changed: false,
        }
    }
}

/// Done with, unless it changed meanwhile.
fn finish(
    id: String,
    pending: &mut HashMap<String, Pending>,
    due: &mut BTreeSet<(Instant, String)>,
) {
    match pending.get_mut(&id) {
        Some(one) if one.changed => {
            *one = Pending::new(Instant::now());
            due.insert((Instant::now() + FIRST_PAUSE, id));
        }
        _ => drop(pending.remove(&id)),
    }
}

/// Later once more. Who has another end than was waited for is waited for anew.
fn reschedule(
    id: String,
    ended_ms: Option<i64>,
    pending: &mut HashMap<String, Pending>,
    due: &mut BTreeSet<(Instant, String)>,
) {
    let Some(one) = pending.get_mut(&id) else {
        return;
    };
    if one.ended_ms != ended_ms {
        *one = Pending {
            ended_ms,
            ..Pending::new(Instant::now())
        };
    }
    due.insert((Instant::now() + one.pause, id));
    one.pause = (one.pause * 2).min(LONGEST_PAUSE);
}

enum Next {
    Done,
    /// Once more, for the end that it has.
    Again(Option<i64>),
}

impl UsageReader {
    /// Runs until `stop`. What is not read then is still marked so in the journal and in history.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let reader = Arc::new(self);
        let mut pending: HashMap<String, Pending> = HashMap::new();
        let mut due: BTreeSet<(Instant, String)> = BTreeSet::new();
        let mut reads = JoinSet::new();
        reader.load().await;
        loop {
            reader.take_new(&mut pending, &mut due).await;
            while reads.len() < MAX_READS
                && due.first().is_some_and(|(at, _)| *at <= Instant::now())
                && let Some((_, id)) = due.pop_first()
            {
                let since = pending.get(&id).map(|one| (one.since, one.ended_ms));
                let reader = reader.clone();
                reads.spawn(async move {
                    let next = reader.poll_transcript(&id, since).await;
                    (id, next)
                });
            }
            let wake = match due.first() {
                Some((at, _)) if reads.len() < MAX_READS => *at,
                _ => Instant::now() + LONGEST_PAUSE,
            };
            tokio::select! {
                _ = stop.changed() => return,
                () = reader.unread.added() => {}
                () = sleep_until(wake) => {}
                Some(Ok((id, next))) = reads.join_next() => match next {
                    Ok(Next::Done) => finish(id, &mut pending, &mut due),
                    Ok(Next::Again(ended_ms)) => reschedule(id, ended_ms, &mut pending, &mut due),
                    Err(Unavailable(_)) => reschedule(id, None, &mut pending, &mut due),
                },
            }
        }
    }

    async fn take_new(
        &self,
        pending: &mut HashMap<String, Pending>,
        due: &mut BTreeSet<(Instant, String)>,
    ) {
        if pending.is_empty() && self.unread.take_overflow() {
            self.load().await;
        }
        let room = MAX_WAITED_FOR.saturating_sub(pending.len());
        let now = Instant::now();
        for id in self.unread.take(room) {
            if let Some(one) = pending.get_mut(&id) {
                one.changed = true;
                continue;
            }
            pending.insert(id.clone(), Pending::new(now));
            due.insert((now + FIRST_PAUSE, id));
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

    /// Looks at the transcript of an execution once, and tells the writer what is certain. `waited`
    /// says since when, and for which end of it.
    async fn poll_transcript(
        &self,
        id: &str,
        waited: Option<(Instant, Option<i64>)>,
    ) -> Result<Next, Unavailable> {
        let Some(execution) = self.writer.get(id).await?.filter(|e| e.is_unread()) else {
            return Ok(Next::Done);
        };
        let ended_ms = execution.outcome().map(|outcome| outcome.ended_ms);
        let waited = waited.filter(|(_, waited_for)| *waited_for == ended_ms);
        let waited = waited.map_or(Duration::ZERO, |(since, _)| since.elapsed());
        let Some(from) = self.beginning(&execution, waited).await? else {
            return Ok(Next::Again(ended_ms));
        };
        let files = Files::of(&self.settings.borrow());
        let reading = tokio::task::spawn_blocking(move || files.attempt(execution, from));
        let Ok(Some(attempt)) = reading.await else {
            return Ok(Next::Done);
        };
        if attempt.may_improve(waited) {
            return Ok(Next::Again(ended_ms));
        }
        self.tell(attempt).await?;
        Ok(Next::Done)
    }

    /// Where the lines of this turn begin: where those of the turn before it in the same file end.
    /// Nothing while that one is not read.
    async fn beginning(
        &self,
        execution: &Execution,
        waited: Duration,
    ) -> Result<Option<u64>, Unavailable> {
        let before = turn_before(&self.writer, &execution.id, execution.transcript());
        let Some(before) = before.await? else {
            return Ok(Some(0));
        };
        let is_awaited = before.is_unread() || before.is_running();
        if is_awaited && waited < PATIENCE_FOR_TURN_BEFORE {
            return Ok(None);
        }
        Ok(Some(before.usage().map_or(0, |usage| usage.end_offset)))
    }

    async fn tell(&self, attempt: Attempt) -> Result<(), Unavailable> {
        let Some(outcome) = attempt.execution.outcome() else {
            return Ok(());
        };
        let id = attempt.execution.id.clone();
        match &attempt.usage {
            Ok(_) => self.counters.transcripts_read.add(1),
            Err(reason) => {
                self.counters.transcripts_unreadable.add(1);
                debug!(id, %reason, "a transcript cannot be read");
            }
        }
        let reading = Reading {
            ended_ms: outcome.ended_ms,
            from: attempt.from,
            usage: attempt
                .usage
                .map(Box::new)
                .map_err(|reason| reason.to_string()),
        };
        let read = Read {
            id,
            reading,
            launch: attempt.launch,
        };
        self.writer
            .submit(vec![Event::Read(Box::new(read))])
            .await?;
        Ok(())
    }
}

/// The last turn of the agent before the execution `id` whose lines are in the same file.
pub(super) async fn turn_before(
    writer: &WriterHandle,
    id: &str,
    transcript: Option<&str>,
) -> Result<Option<Arc<Execution>>, Unavailable> {
    let (agent_id, number) = turn_of(id);
    for number in (1..number).rev().take(MAX_TURNS_BETWEEN) {
        let Some(before) = writer.get(&execution_id(agent_id, number)).await? else {
            return Ok(None);
        };
        if before.transcript() == transcript {
            return Ok(Some(before));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests;
