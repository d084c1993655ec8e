//! Looks now and then whether Redis still is what it was, and holds what it was given: somebody may
//! have deleted or changed keys, and a server that is set up to make room drops them without a
//! word.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{error, info, warn};

use super::apply::Applier;
use super::error::ApplyError;
use super::snapshot::Snapshot;
use crate::changes::View;
use crate::clock::now_ms;
use agentpulse_core::bucket::DAY_MS;
use agentpulse_core::change::Change;
use agentpulse_live::Expected;
use agentpulse_store::history::Reader;

/// After a rebuild because of a difference: when it differs again so soon, something goes on
/// changing it, and a rebuild every half minute would help nobody.
const REBUILD_AFTER: Duration = Duration::from_secs(600);
/// While history is further behind than this the look is put off: what it lacks is added to it.
const BEHIND_MAX: u64 = 4_096;
/// Days whose tallies live in Redis, without the last, which may go at any moment.
const DAYS: i32 = 89;

/// What a look at Redis says.
enum CheckResult {
    Same,
    /// So many lists of agents are not there.
    WithoutLists(usize),
    /// A key of our names that we did not write. What we wrote is as it was.
    Surplus(String),
    Different(String),
}

impl Applier {
    /// Whether this server can be followed. One that could not, or has dropped keys since it was
    /// last checked, has to be filled again; the latter is answered in words.
    pub(super) async fn check_server(&mut self) -> Result<Option<String>, ApplyError> {
        let checked = self.live.check().await;
        let facts = checked.inspect_err(|error| self.must_rebuild |= error.is_unfit())?;
        let Some(facts) = facts else { return Ok(None) };
        let before = match &self.checks.evicted {
            None => facts.evicted_keys,
            Some((run, before)) if *run == facts.run_id => *before,
            Some(_) => 0,
        };
        let dropped = facts.evicted_keys.saturating_sub(before);
        self.checks.evicted = Some((facts.run_id, facts.evicted_keys));
        self.must_rebuild |= dropped > 0;
        Ok((dropped > 0).then(|| format!("Redis has dropped {dropped} keys to make room")))
    }

    pub(super) fn note_difference(&self, reason: &str) {
        self.counters.live_differences.add(1);
        self.state.set_difference(reason);
        error!(
            reason,
            "Redis does not hold what it was given: it is rebuilt"
        );
    }

    /// Once, as long as it is the last.
    fn note_surplus(&self, reason: &str) {
        if self.state.difference().as_deref() != Some(reason) {
            self.counters.live_differences.add(1);
            self.state.set_difference(reason);
            warn!(reason, "Redis holds what it was not given");
        }
    }

    /// Says whether Redis holds what it was given, when it is time to look. If it does not, it is
    /// rebuilt, but not over and over.
    pub(super) async fn check_content(&mut self, seq: u64) -> Result<bool, ApplyError> {
        let behind = seq.checked_sub(self.changes.position(View::History));
        let is_near = behind.is_some_and(|behind| behind <= BEHIND_MAX);
        if self.checks.at > Instant::now() || !is_near {
            return Ok(true);
        }
        self.checks.at = Instant::now() + self.settings.borrow().check_interval;
        let found = match self.check_server().await? {
            Some(reason) => CheckResult::Different(reason),
            None => self.difference(seq).await?,
        };
        let now = Instant::now();
        match found {
            CheckResult::Same => return Ok(true),
            // It changes no answer, and a rebuild would delete what is not ours.
            CheckResult::Surplus(key) => {
                self.note_surplus(&format!("{key} was written by another program"));
                return Ok(true);
            }
            // No answer is made of them, so that they can wait for their time.
            CheckResult::WithoutLists(_) if now < self.checks.rebuild_at => return Ok(true),
            CheckResult::WithoutLists(count) => {
                info!(count, "lists of agents are gone from Redis: it is rebuilt");
                self.must_rebuild = true;
            }
            CheckResult::Different(reason) => {
                self.note_difference(&reason);
                self.must_rebuild = true;
                if now < self.checks.rebuild_at {
                    return Err(ApplyError::Changed(reason));
                }
            }
        }
        self.checks.rebuild_at = now + REBUILD_AFTER;
        Ok(false)
    }

    /// Today is compared with history, and one day after the other of those before.
    async fn difference(&mut self, seq: u64) -> Result<CheckResult, ApplyError> {
        let now_ms = now_ms();
        // History may be pruned earlier than the keys go.
        let kept = (self.settings.borrow().remember_ms / DAY_MS) as i32;
        let back = self.checks.back % DAYS.min(kept - 1) + 1;
        let names = self.names.read().clone();
        let today = names.zone().day_of(now_ms);
        let days = [today, today.back(back)];
        let read = move |reader: &Reader| {
            let sample = Snapshot::of_days(reader, &days, &names, now_ms)?;
            Ok((sample, reader.running_ids()?))
        };
        let (flushed, (sample, running)) = self.history.read(read).await?;
        let Some(changes) = self.since(flushed, seq)? else {
            // History has gone on meanwhile: the next look compares.
            self.checks.at = Instant::now();
            return Ok(CheckResult::Same);
        };
        let expected = {
            let names = self.names.read();
            let rows = sample.borrowed();
            Expected::of(
                &rows,
                running,
                &changes,
                &days,
                &names,
                self.live.keys(),
                now_ms,
            )
        };
        let found = match self.live.difference(&expected).await {
            // A key of another type is a difference, too.
            Err(error) if error.is_broken() => CheckResult::Different(error.to_string()),
            found => match (found?, self.live.lists_gone(&expected).await?) {
                (Some(reason), _) => CheckResult::Different(reason),
                (None, 0) => self.sample(seq, &expected).await?,
                (None, gone) => CheckResult::WithoutLists(gone),
            },
        };
        self.checks.back = back;
        self.counters.live_checks.add(1);
        Ok(found)
    }

    /// Of all keys a page is looked through, the next one with the next check.
    async fn sample(&mut self, seq: u64, expected: &Expected) -> Result<CheckResult, ApplyError> {
        let (page, turn) = (self.checks.page.take(), self.checks.turn);
        let sample = match self.live.sample(page, turn, expected).await {
            Err(error) if error.is_broken() => {
                return Ok(CheckResult::Different(error.to_string()));
            }
            sample => sample?,
        };
        self.checks.page = sample.next.clone();
        self.checks.turn = turn.wrapping_add(1);
        let ids = sample.ids();
        let find = move |reader: &Reader| {
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            reader.find(&ids)
        };
        let (flushed, mut executions) = self.history.read(find).await?;
        let Some(changes) = self.since(flushed, seq)? else {
            return Ok(CheckResult::Same);
        };
        for change in &changes {
            executions.insert(change.after.id.clone(), Arc::clone(&change.after));
        }
        let found = match (sample.difference(&executions, now_ms()), sample.surplus) {
            (Some(reason), _) => CheckResult::Different(reason),
            (None, Some(key)) => CheckResult::Surplus(key),
            (None, None) => CheckResult::Same,
        };
        Ok(found)
    }

    /// The changes after `flushed` up to `seq`. Returns `None` if history is further, or if they
    /// are not available at once.
    fn since(&self, flushed: u64, seq: u64) -> Result<Option<Vec<Arc<Change>>>, ApplyError> {
        let Some(count) = seq
            .checked_sub(flushed)
            .filter(|&count| count <= BEHIND_MAX)
        else {
            return Ok(None);
        };
        let changes = self.changes.after(flushed, count as usize, &self.tail);
        let changes = changes.map_err(|error| ApplyError::Journal(error.to_string()))?;
        let last = changes.last().map_or(flushed, |last| last.seq);
        Ok((last == seq).then_some(changes))
    }
}
