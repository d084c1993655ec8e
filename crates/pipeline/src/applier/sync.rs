//! From the cursor in Redis to one from which the applier can go on, by a rebuild if need be.

use tracing::info;

use super::apply::Applier;
use super::error::ApplyError;
use crate::live_state::Condition;
use crate::running::RunSnapshot;
use agentpulse_core::cursor::Cursor;
use agentpulse_live::without_layout;

/// What the cursor in Redis asks for.
enum CursorState {
    Ours(u64),
    Stale,
    Foreign,
}

impl Applier {
    /// Reads the cursor and makes it one to go on from, by a rebuild if need be.
    pub(super) async fn sync(&mut self) -> Result<Option<u64>, ApplyError> {
        if let Some(reason) = self.check_server().await? {
            self.note_difference(&reason);
        }
        let (cursor, found) = self.cursor_state().await?;
        let seq = match found {
            CursorState::Ours(seq) if !self.must_rebuild => seq,
            CursorState::Ours(_) | CursorState::Stale => self.rebuild(&cursor).await?,
            CursorState::Foreign => return Err(ApplyError::Foreign(cursor)),
        };
        self.refresh(seq).await?;
        self.advance(seq);
        if self.state.set(Condition::Following) {
            info!(seq, "the live view follows the journal");
        }
        Ok(Some(seq))
    }

    /// Writes again what is only in memory: the last heartbeats of all that runs. Those of
    /// executions that the live view does not know yet wait until it does.
    async fn refresh(&mut self, seq: u64) -> Result<(), ApplyError> {
        let running = self.runs.all().await?;
        let (known, early): (Vec<_>, Vec<_>) = running
            .into_iter()
            .partition(|heartbeat| heartbeat.after <= seq);
        self.heartbeats.put_back(early);
        self.live
            .progress(known.iter().map(RunSnapshot::active))
            .await?;
        Ok(())
    }

    /// Rebuilds what the cursor is of; one that is not ours only if it is forced.
    pub(super) async fn rebuild_found(&mut self, force: bool) -> Result<(), ApplyError> {
        match self.cursor_state().await? {
            (cursor, CursorState::Foreign) if !force => Err(ApplyError::Foreign(cursor)),
            (cursor, _) => self.rebuild(&cursor).await.map(drop),
        }
    }

    /// Returns the change up to which the live view then reaches.
    async fn rebuild(&mut self, found: &str) -> Result<u64, ApplyError> {
        let rebuilt = self.rebuild.run(found).await;
        match &rebuilt {
            Err(error) if error.is_out_of_memory() => self.out_of_memory_retries += 1,
            Err(_) => {}
            Ok(_) => {
                self.out_of_memory_retries = 0;
                self.must_rebuild = false;
                self.release_at = self.changes.head();
            }
        }
        rebuilt
    }

    /// The cursor, empty where there is none, and what it asks for.
    async fn cursor_state(&mut self) -> Result<(String, CursorState), ApplyError> {
        let Some(cursor) = self.live.cursor().await? else {
            return Ok((String::new(), CursorState::Stale));
        };
        let head = self.changes.head();
        let found = match Cursor::parse(&cursor) {
            Some(Cursor { epoch, seq }) if epoch == self.live_epoch => {
                if seq <= head && self.continues(seq) {
                    CursorState::Ours(seq)
                } else {
                    CursorState::Stale
                }
            }
            Some(Cursor { epoch, .. }) if self.is_of_ours(&epoch) => CursorState::Stale,
            _ if self.rebuild.is_marker(&cursor) => CursorState::Stale,
            _ => CursorState::Foreign,
        };
        Ok((cursor, found))
    }

    /// Of this journal or of one before it, in whatever layout.
    fn is_of_ours(&self, epoch: &str) -> bool {
        let epoch = without_layout(epoch);
        epoch == self.epoch || self.past_epochs.iter().any(|past| past == epoch)
    }

    /// Whether the journal still has what follows.
    fn continues(&self, seq: u64) -> bool {
        seq == self.changes.head()
            || self
                .changes
                .after(seq, 1, &self.tail)
                .is_ok_and(|next| !next.is_empty())
    }
}
