//! Rebuilds the live view from history, in steps that can be interrupted at any point: as long
//! as the cursor says `rebuilding`, nobody applies to it and nobody reads it.

use std::sync::Arc;
use std::time::Instant;

use parking_lot::RwLock;
use tracing::info;

use super::error::ApplyError;
use super::history::HistorySnapshots;
use super::snapshot::Snapshot;
use crate::changes::{Changes, View};
use crate::clock::now_ms;
use crate::counters::Counters;
use crate::holds::{Holder, Holds};
use crate::live_state::{Condition, LiveState};
use crate::settings::SettingsWatch;
use crate::watchdog::{Part, Watchdog};
use agentpulse_core::cursor::Cursor;
use agentpulse_core::names::Names;
use agentpulse_core::view::Heartbeat;
use agentpulse_failpoint::failpoint;
use agentpulse_live::{Live, Writes, with_layout};
use agentpulse_store::history::Reader;

/// Executions that have ended, of one step: about 5 MB of the largest.
const LISTED_AT_ONCE: usize = 500;
/// Executions that run, of one step: the same.
const RUNNING_AT_ONCE: usize = 250;

/// The cursor of a live view that is being rebuilt; our own epoch and the step follow it.
pub const REBUILDING: &str = "rebuilding";

/// Rebuilds the live view from history.
pub struct Rebuild {
    pub live: Live,
    pub epoch: String,
    pub history: HistorySnapshots,
    pub settings: SettingsWatch,
    pub names: Arc<RwLock<Names>>,
    pub changes: Arc<Changes>,
    pub state: Arc<LiveState>,
    pub counters: Arc<Counters>,
    pub watchdog: Arc<Watchdog>,
    pub holds: Arc<Holds>,
    /// Distinguishes the rebuilds of this start from those of others; `attempt` counts them.
    pub nonce: u64,
    pub attempt: u64,
}

impl Rebuild {
    /// Whether a cursor is one that a rebuild of this journal has left.
    pub fn is_marker(&self, cursor: &str) -> bool {
        cursor == REBUILDING || cursor.starts_with(&self.marker_prefix())
    }

    fn marker_prefix(&self) -> String {
        format!("{REBUILDING}:{}:", self.epoch)
    }

    /// Every step checks the cursor first, from `found` on, so that one which lands late changes
    /// nothing. Returns the change up to which the live view then reaches. The journal stays held
    /// until the caller has come to its end.
    pub async fn run(&mut self, found: &str) -> Result<u64, ApplyError> {
        let began = Instant::now();
        self.state.set_rebuilt(0, 1);
        self.state.set(Condition::Rebuilding);
        self.counters.rebuilds.add(1);
        // What history commits from here on stays in the journal, until live has caught up.
        self.holds
            .hold(Holder::Rebuild, self.changes.position(View::History));
        self.attempt += 1;
        // A step of an earlier attempt that lands late must not pass for one of this.
        let prefix = format!("{}{:x}.{}:", self.marker_prefix(), self.nonce, self.attempt);
        let marker = |step: usize| format!("{prefix}{step}");
        failpoint("rebuild.held");
        self.apply_step(found, &marker(0), Writes::default())
            .await?;
        failpoint("rebuild.marked");
        let Some(deleted) = self.live.clear(&marker(0)).await? else {
            return Err(ApplyError::Disturbed("the cursor has changed".to_owned()));
        };
        failpoint("rebuild.cleared");
        let (cursor, rows) = self.snapshot().await?;
        let chunks = {
            let names = self.names.read();
            Writes::of_rows(&rows.borrowed(), &names, self.live.keys(), now_ms())
        };
        let running = rows.recent.running.chunks(RUNNING_AT_ONCE);
        let running = running.map(|rows| Step::Running(rows.to_vec()));
        let lists = parts(rows.recent.ended).into_iter().map(Step::Lists);
        let steps = chunks.into_iter().map(Step::Writes);
        let steps: Vec<Step> = steps.chain(running).chain(lists).collect();
        let count = steps.len();
        for (step, next) in steps.into_iter().enumerate() {
            self.watchdog.busy(Part::Live);
            let writes = match next {
                Step::Writes(writes) => writes,
                Step::Running(rows) => self.running(rows).await?,
                Step::Lists(rows) => self.lists(rows).await?,
            };
            self.apply_step(&marker(step), &marker(step + 1), writes)
                .await?;
            self.state.set_rebuilt(step + 1, count);
            failpoint("rebuild.step");
        }
        self.apply_step(&marker(count), &cursor.to_string(), Writes::default())
            .await?;
        failpoint("rebuild.done");
        info!(
            seq = cursor.seq,
            deleted,
            steps = count,
            took_ms = began.elapsed().as_millis() as u64,
            "rebuilt the live view from history"
        );
        Ok(cursor.seq)
    }

    /// What runs. It is read when it is written, so that never all of it is in memory; what has
    /// changed since the snapshot is in the journal and comes once more. Its heartbeats are
    /// known to the writer, and written after the rebuild; until then its start stands for it.
    async fn running(&mut self, rows: Vec<i64>) -> Result<Writes, ApplyError> {
        let read = move |reader: &Reader| reader.active(&rows);
        let (_, mut active) = self.history.read(read).await?;
        let (idle_ms, now_ms) = (self.settings.borrow().idle_ms(), now_ms());
        for active in &mut active {
            active.take_heartbeat(&Heartbeat {
                deadline_ms: now_ms + idle_ms,
                ..Heartbeat::of_change(active.started_ms, 0)
            });
        }
        Ok(Writes::of_active(&active, self.live.keys(), now_ms))
    }

    /// The lists of what has ended, read when they are written as what runs.
    async fn lists(&mut self, rows: Vec<i64>) -> Result<Writes, ApplyError> {
        let read = move |reader: &Reader| reader.listed(&rows);
        let (_, ended) = self.history.read(read).await?;
        let names = self.names.read();
        Ok(Writes::of_ended(&ended, &names, self.live.keys(), now_ms()))
    }

    async fn apply_step(&mut self, from: &str, to: &str, writes: Writes) -> Result<(), ApplyError> {
        let answer = self.live.apply(from, to, writes).await?;
        if answer == to {
            return Ok(());
        }
        Err(ApplyError::Disturbed(format!("the cursor is {answer}")))
    }

    async fn snapshot(&mut self) -> Result<(Cursor, Snapshot), ApplyError> {
        let names = self.names.read().clone();
        let read = move |reader: &Reader| Snapshot::read(reader, &names, now_ms());
        let (seq, snapshot) = self.history.read(read).await?;
        Ok((Cursor::new(&with_layout(&self.epoch), seq), snapshot))
    }
}

enum Step {
    Writes(Writes),
    /// The rows of some of what runs.
    Running(Vec<i64>),
    /// The rows of what has ended, of some agents.
    Lists(Vec<i64>),
}

/// The rows of agents, some hundred together: each agent is in one part.
fn parts(agents: Vec<Vec<i64>>) -> Vec<Vec<i64>> {
    let mut parts: Vec<Vec<i64>> = Vec::new();
    for rows in agents {
        match parts.last_mut() {
            Some(part) if part.len() + rows.len() <= LISTED_AT_ONCE => part.extend(rows),
            _ => parts.push(rows),
        }
    }
    parts
}
