//! Reads the transcripts of executions that ended: what they spent, which tools they called. The
//! stop is recorded before; the last lines of a transcript come a little after it.

mod door;
mod lines;
mod read;
mod sidecar;
mod unread;

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

pub use self::door::Unreadable;
pub use self::read::{read, turns};
pub use self::sidecar::{MAX_SIDECAR_BYTES, Sidecar, sidecar};
pub use self::unread::Unread;
use super::clock::now_ms;
use super::counters::Counters;
use super::tuning::Tuned;
use super::writer::{Door, Unavailable};
use crate::domain::event::{Event, Read};
use crate::domain::execution::{Execution, Reading};
use crate::domain::transcript::{Span, Usage};
use crate::domain::turns::{Launch, execution_id, turn_of};
use crate::history::Readers;

/// The last line came 24 to 45 ms after the stop.
const FIRST_WAIT: Duration = Duration::from_millis(60);
/// Each wait is twice the one before, up to here.
const LONGEST_WAIT: Duration = Duration::from_millis(500);
/// After this a transcript is taken as it is.
const PATIENCE: Duration = Duration::from_secs(3);
/// Nothing is written any more to the transcript of what ended before this.
const SETTLED_MS: i64 = 60_000;
/// For the turn before, which is read first.
const PATIENCE_FOR_TURN_BEFORE: Duration = Duration::from_secs(10);
/// Files that are read at once.
const MAX_READS: usize = 4;
/// Executions that are waited for at once; the others stay in [`Unread`].
const MAX_WAITED_FOR: usize = 4_096;
/// What is taken from history at once.
const MAX_LOADED: usize = 16_384;

pub struct UsageReader {
    pub door: Door,
    pub unread: Arc<Unread>,
    pub history: Readers,
    pub tuned: Tuned,
    pub counters: Arc<Counters>,
}

/// One execution that is waited for.
struct Wait {
    since: Instant,
    pause: Duration,
    /// It changed again while it was looked at.
    changed: bool,
}

/// What one look at a transcript brought.
struct Looked {
    id: String,
    /// The execution as it was when the look began.
    execution: Arc<Execution>,
    usage: Result<Usage, Unreadable>,
    launch: Launch,
}

/// Done with, unless it changed meanwhile.
fn settle(id: String, waits: &mut HashMap<String, Wait>, due: &mut BTreeSet<(Instant, String)>) {
    match waits.get_mut(&id) {
        Some(wait) if wait.changed => {
            *wait = Wait {
                since: Instant::now(),
                pause: FIRST_WAIT,
                changed: false,
            };
            due.insert((Instant::now() + FIRST_WAIT, id));
        }
        _ => drop(waits.remove(&id)),
    }
}

enum Next {
    Done,
    Again,
}

impl UsageReader {
    /// Runs until `stop`. What is not read then is still marked so in the journal and in history.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let reader = Arc::new(self);
        let mut waits: HashMap<String, Wait> = HashMap::new();
        let mut due: BTreeSet<(Instant, String)> = BTreeSet::new();
        let mut reads = JoinSet::new();
        reader.load().await;
        loop {
            reader.take_new(&mut waits, &mut due).await;
            while reads.len() < MAX_READS
                && due.first().is_some_and(|(at, _)| *at <= Instant::now())
                && let Some((_, id)) = due.pop_first()
            {
                let since = waits.get(&id).map_or_else(Instant::now, |wait| wait.since);
                let reader = reader.clone();
                reads.spawn(async move {
                    let next = reader.attend(&id, since).await;
                    (id, next)
                });
            }
            let wake = match due.first() {
                Some((at, _)) if reads.len() < MAX_READS => *at,
                _ => Instant::now() + LONGEST_WAIT,
            };
            tokio::select! {
                _ = stop.changed() => return,
                () = reader.unread.added() => {}
                () = sleep_until(wake) => {}
                Some(Ok((id, next))) = reads.join_next() => match next {
                    Ok(Next::Done) => settle(id, &mut waits, &mut due),
                    Ok(Next::Again) | Err(Unavailable(_)) => {
                        if let Some(wait) = waits.get_mut(&id) {
                            due.insert((Instant::now() + wait.pause, id));
                            wait.pause = (wait.pause * 2).min(LONGEST_WAIT);
                        }
                    }
                },
            }
        }
    }

    async fn take_new(
        &self,
        waits: &mut HashMap<String, Wait>,
        due: &mut BTreeSet<(Instant, String)>,
    ) {
        if waits.is_empty() && self.unread.take_overflow() {
            self.load().await;
        }
        let room = MAX_WAITED_FOR.saturating_sub(waits.len());
        let now = Instant::now();
        for id in self.unread.take(room) {
            if let Some(wait) = waits.get_mut(&id) {
                wait.changed = true;
                continue;
            }
            let wait = Wait {
                since: now,
                pause: FIRST_WAIT,
                changed: false,
            };
            waits.insert(id.clone(), wait);
            due.insert((now + FIRST_WAIT, id));
        }
    }

    /// Takes over from history what is unread there.
    async fn load(&self) {
        let unread = self.history.run(|reader| reader.unread(MAX_LOADED));
        match unread.await {
            Ok(ids) => ids.iter().for_each(|id| self.unread.put(id)),
            Err(error) => warn!(%error, "history cannot say which transcripts are unread"),
        }
    }

    /// Looks at the transcript of an execution once, and tells the writer what is certain.
    async fn attend(self: &Arc<Self>, id: &str, since: Instant) -> Result<Next, Unavailable> {
        let Some(execution) = self.door.look(id).await?.filter(|e| e.is_unread()) else {
            return Ok(Next::Done);
        };
        let Some(from) = self.beginning(id, since).await? else {
            return Ok(Next::Again);
        };
        let reader = self.clone();
        let looked = {
            let id = id.to_owned();
            tokio::task::spawn_blocking(move || reader.look(id, execution, from))
        };
        let Ok(Some(looked)) = looked.await else {
            return Ok(Next::Done);
        };
        if looked.may_improve(since) {
            return Ok(Next::Again);
        }
        self.tell(looked).await?;
        Ok(Next::Done)
    }

    /// Where the lines of this turn begin: where those of the turn before end. Nothing while that
    /// one is not read.
    async fn beginning(&self, id: &str, since: Instant) -> Result<Option<u64>, Unavailable> {
        let (agent_id, number) = turn_of(id);
        if number == 1 {
            return Ok(Some(0));
        }
        let before = self.door.look(&execution_id(agent_id, number - 1)).await?;
        let Some(before) = before else {
            return Ok(Some(0));
        };
        if (before.is_unread() || before.is_running()) && since.elapsed() < PATIENCE_FOR_TURN_BEFORE
        {
            return Ok(None);
        }
        Ok(Some(before.usage().map_or(0, |usage| usage.end_offset)))
    }

    fn look(&self, id: String, execution: Arc<Execution>, from: u64) -> Option<Looked> {
        let path = PathBuf::from(execution.hooked.as_ref()?.transcript.as_ref()?);
        let span = Span {
            started_ms: execution.start.as_ref().map(|start| start.started_ms),
            ended_ms: Some(execution.outcome()?.ended_ms),
        };
        let tuning = self.tuned.borrow().clone();
        let usage = read(
            &tuning.transcript_roots,
            &path,
            tuning.transcript_max_bytes,
            from,
            span,
            &tuning.catalog.prices,
        );
        let launch =
            sidecar(&tuning.transcript_roots, &path, MAX_SIDECAR_BYTES).map(|sidecar| Launch {
                parent: sidecar.parent_agent_id,
                model: sidecar.model,
                description: sidecar.description,
                depth: sidecar.spawn_depth,
            });
        Some(Looked {
            id,
            execution,
            usage,
            launch: launch.unwrap_or_default(),
        })
    }

    async fn tell(&self, looked: Looked) -> Result<(), Unavailable> {
        let Some(outcome) = looked.execution.outcome() else {
            return Ok(());
        };
        match &looked.usage {
            Ok(_) => self.counters.transcripts_read.add(1),
            Err(reason) => {
                self.counters.transcripts_unreadable.add(1);
                debug!(id = looked.id, %reason, "a transcript cannot be read");
            }
        }
        let reading = Reading {
            ended_ms: outcome.ended_ms,
            usage: looked
                .usage
                .map(Box::new)
                .map_err(|reason| reason.to_string()),
        };
        let read = Read {
            id: looked.id,
            reading,
            launch: looked.launch,
        };
        self.door.submit(vec![Event::Read(Box::new(read))]).await?;
        Ok(())
    }
}

impl Looked {
    /// Whether a later look may see more.
    fn may_improve(&self, since: Instant) -> bool {
        let settled = self
            .execution
            .outcome()
            .is_none_or(|outcome| outcome.ended_ms < now_ms() - SETTLED_MS);
        let certain = match &self.usage {
            Ok(usage) => usage.is_final || settled,
            Err(reason) => settled || !reason.may_pass(),
        };
        !certain && since.elapsed() < PATIENCE
    }
}

#[cfg(test)]
mod tests;
