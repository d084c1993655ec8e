//! What hooks reported so far, as one commit sees it: what the journal has, and on top of it what
//! the commit is going to keep.

use std::collections::HashMap;
use std::sync::Arc;

use super::commit::Commit;
use super::handle::Unavailable;
use agentpulse_core::limits::MAX_NESTING;
use agentpulse_core::turns::{Turn, Turns};

impl Commit<'_> {
    pub(super) fn turns(&mut self, agent_id: &str) -> Result<Arc<Turns>, Unavailable> {
        let staged = self.batch.turns.get(agent_id);
        if let Some(turns) = staged.or_else(|| self.hooks.turns(agent_id)) {
            return Ok(turns.clone());
        }
        let turns = self.journaled(self.writer.journal.turns(agent_id))?;
        let turns = Arc::new(turns.unwrap_or_default());
        // Once more, for what may become of it.
        self.batch.bytes += 2 * turns.bytes();
        self.hooks.keep_turns(agent_id, turns.clone());
        Ok(turns)
    }

    /// When a session ended.
    pub(super) fn ends_of(&mut self, session_id: &str) -> Result<Vec<i64>, Unavailable> {
        if self.hooks.ends(session_id).is_none() {
            let ends = self.journaled(self.writer.journal.session_ends(session_id))?;
            self.hooks.keep_ends(session_id, ends);
        }
        let journaled = self.hooks.ends(session_id).into_iter().flatten();
        let staged = self.batch.session_ends.iter();
        let staged = staged.filter(|(id, _)| id == session_id);
        Ok(journaled
            .copied()
            .chain(staged.map(|&(_, at_ms)| at_ms))
            .collect())
    }

    pub(super) fn derive(&mut self, turns: &Turns) -> Result<Vec<Turn>, Unavailable> {
        let ends = self.all_ends(turns)?;
        Ok(turns.derive(|session_id| ends.get(session_id).cloned().unwrap_or_default()))
    }

    /// The turns without the calls of their tools, which are what takes time.
    pub(super) fn derive_uncounted(&mut self, turns: &Turns) -> Result<Vec<Turn>, Unavailable> {
        let ends = self.all_ends(turns)?;
        Ok(turns.derive_uncounted(|session_id| ends.get(session_id).cloned().unwrap_or_default()))
    }

    /// How many launches below the main thread; None if one of them is not known.
    pub(super) fn depth(&mut self, turns: &Turns) -> Result<Option<u64>, Unavailable> {
        let mut depth = turns.depth();
        let mut parent = turns.parent().map(str::to_owned);
        let mut below = 0;
        while depth.is_none()
            && below < MAX_NESTING as u64
            && let Some(agent_id) = parent
        {
            let turns = self.turns(&agent_id)?;
            below += 1;
            depth = turns.depth();
            parent = turns.parent().map(str::to_owned);
        }
        Ok(depth.map(|depth| depth + below))
    }

    fn all_ends(&mut self, turns: &Turns) -> Result<HashMap<String, Vec<i64>>, Unavailable> {
        let mut ends = HashMap::new();
        for session_id in turns.sessions() {
            ends.insert(session_id.to_owned(), self.ends_of(session_id)?);
        }
        Ok(ends)
    }

    fn journaled<T>(
        &self,
        read: Result<T, agentpulse_store::journal::Error>,
    ) -> Result<T, Unavailable> {
        read.map_err(|error| {
            tracing::error!(%error, "the journal cannot be read");
            self.writer.report_damage(&error);
            Unavailable("the journal cannot be read".to_owned())
        })
    }
}
