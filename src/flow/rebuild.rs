//! Makes the live picture anew from history, in steps that can be broken off at any point: as long
//! as the cursor says `rebuilding`, nobody applies to it and nobody reads it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use tracing::info;

use super::applier::{Applier, Trouble};
use super::changes::View;
use super::clock::now_ms;
use super::live_state::Condition;
use crate::domain::bucket::{Day, Hour};
use crate::domain::names::Names;
use crate::history::{self, Reader};
use crate::live::{SnapshotRows, Writes};

impl Applier {
    /// Answers the change up to which the live picture then reaches.
    pub(super) async fn rebuild(&mut self) -> Result<u64, Trouble> {
        let began = Instant::now();
        self.state.set(Condition::Rebuilding);
        self.counters.rebuilds.add(1);
        // What history commits from here on stays in the journal, until live has caught up.
        self.hold.store(self.changes.position(View::History), Ordering::Release);
        let prefix = self.marker_prefix();
        let marker = |step: usize| format!("{prefix}{step}");
        self.live.begin_rebuild(&marker(0)).await?;
        let deleted = self.live.clear().await?;
        let (cursor, rows) = self.snapshot().await?;
        let chunks = {
            let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
            Writes::of_rows(&rows, &names, self.live.prefix(), self.idle_ms, now_ms())
        };
        let count = chunks.len();
        for (step, chunk) in chunks.into_iter().enumerate() {
            self.apply_step(&marker(step), &marker(step + 1), &chunk).await?;
        }
        self.apply_step(&marker(count), &cursor.to_string(), &Writes::default()).await?;
        self.must_rebuild = false;
        info!(
            seq = cursor.seq,
            deleted,
            steps = count,
            took_ms = began.elapsed().as_millis() as u64,
            "rebuilt the live picture from history"
        );
        Ok(cursor.seq)
    }

    async fn apply_step(&mut self, from: &str, to: &str, writes: &Writes) -> Result<(), Trouble> {
        let answer = self.live.apply(from, to, writes).await?;
        if answer == to {
            return Ok(());
        }
        Err(Trouble::Other(format!("a rebuild was disturbed: the cursor is {answer}")))
    }

    async fn snapshot(&mut self) -> Result<(crate::domain::cursor::Cursor, SnapshotRows), Trouble> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner).clone();
        let epoch = self.epoch.clone();
        let other = |error: history::Error| Trouble::Other(error.to_string());
        self.readers
            .run_long(move |reader| {
                let names = Arc::new(names);
                reader.snapshot(|reader| {
                    let cursor = reader.cursor()?;
                    let seq = cursor.map_or(0, |cursor| cursor.seq);
                    let cursor = crate::domain::cursor::Cursor::new(&epoch, seq);
                    Ok((cursor, rows(reader, &names, now_ms())?))
                })
            })
            .await
            .map_err(other)
    }
}

/// All that the live picture may still show, by the lives of its keys.
fn rows(reader: &Reader, names: &Names, now_ms: i64) -> Result<SnapshotRows, history::Error> {
    use crate::live::keys::{DAILY_DAYS, HOURLY_DAYS, RECENT_DAYS};
    let (hour, today) = (Hour::of(now_ms), Day::of(now_ms));
    // One day more than the life: a bucket lives from its end, not from its beginning.
    let daily = today.back(DAILY_DAYS + 1);
    let recent = today.back(RECENT_DAYS + 1);
    let place = |agent: &str| names.place(crate::domain::names::NameKind::Agent, agent).to_owned();
    Ok(SnapshotRows {
        hours: reader.hours(today.back(HOURLY_DAYS + 1).first_hour(), hour)?,
        days: reader.days(daily, today)?,
        agents: reader.agent_days(None, recent, today)?,
        tools: reader.type_tool_sums(daily, today)?,
        pairs: reader.pairs(recent, today)?,
        recent: reader.recent(&place, now_ms)?,
    })
}
