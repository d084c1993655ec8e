//! What hooks told so far, as one commit sees it: what the journal has, and on top of it what the
//! commit is going to keep.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::decide::Batch;
use super::{Unavailable, Writer};
use crate::domain::event::MAX_NESTING;
use crate::domain::turns::{Turn, Turns};

/// What is remembered of the journal in one commit; beyond it, it is read again.
const MAX_JOURNALED_BYTES: usize = 16 << 20;

/// What hooks told and one commit has to keep, beside its changes.
#[derive(Default)]
pub struct Heard {
    pub turns: HashMap<String, Arc<Turns>>,
    /// Session and moment of its end.
    pub ends: BTreeSet<(String, i64)>,
    /// As the journal has them: to read the marks of an agent takes a millisecond when they are
    /// many, and an agent tells of itself many times in one commit.
    journaled_turns: HashMap<String, Arc<Turns>>,
    journaled_bytes: usize,
    journaled_ends: HashMap<String, Vec<i64>>,
}

impl Writer {
    pub(super) fn turns(
        &self,
        batch: &mut Batch,
        agent_id: &str,
    ) -> Result<Arc<Turns>, Unavailable> {
        let heard = &mut batch.heard;
        let known = heard.turns.get(agent_id);
        if let Some(turns) = known.or_else(|| heard.journaled_turns.get(agent_id)) {
            return Ok(turns.clone());
        }
        let turns = self.journaled(self.journal.turns(agent_id))?;
        let turns = Arc::new(turns.unwrap_or_default());
        // Once more, for what may become of it.
        batch.bytes += 2 * turns.bytes();
        let heard = &mut batch.heard;
        heard.journaled_bytes += turns.bytes();
        let journaled = &mut heard.journaled_turns;
        if heard.journaled_bytes > MAX_JOURNALED_BYTES {
            heard.journaled_bytes = turns.bytes();
            journaled.clear();
        }
        journaled.insert(agent_id.to_owned(), turns.clone());
        Ok(turns)
    }

    /// When a session ended.
    pub(super) fn ends_of(
        &self,
        batch: &mut Batch,
        session_id: &str,
    ) -> Result<Vec<i64>, Unavailable> {
        let heard = &mut batch.heard;
        if !heard.journaled_ends.contains_key(session_id) {
            let ends = self.journaled(self.journal.session_ends(session_id))?;
            heard.journaled_ends.insert(session_id.to_owned(), ends);
        }
        let journaled = heard.journaled_ends.get(session_id).into_iter().flatten();
        let staged = heard.ends.iter().filter(|(id, _)| id == session_id);
        Ok(journaled
            .copied()
            .chain(staged.map(|&(_, at_ms)| at_ms))
            .collect())
    }

    pub(super) fn derive(
        &self,
        batch: &mut Batch,
        turns: &Turns,
    ) -> Result<Vec<Turn>, Unavailable> {
        let ends = self.all_ends(batch, turns)?;
        Ok(turns.derive(|session_id| ends.get(session_id).cloned().unwrap_or_default()))
    }

    /// The turns without the calls of their tools, which are what takes time.
    pub(super) fn derive_uncounted(
        &self,
        batch: &mut Batch,
        turns: &Turns,
    ) -> Result<Vec<Turn>, Unavailable> {
        let ends = self.all_ends(batch, turns)?;
        Ok(turns.derive_uncounted(|session_id| ends.get(session_id).cloned().unwrap_or_default()))
    }

    /// How many launches below the main thread; nothing where one of them is not known.
    pub(super) fn depth(
        &self,
        batch: &mut Batch,
        turns: &Turns,
    ) -> Result<Option<u64>, Unavailable> {
        let mut depth = turns.depth();
        let mut parent = turns.parent().map(str::to_owned);
        let mut below = 0;
        while depth.is_none()
            && below < MAX_NESTING as u64
            && let Some(agent_id) = parent
        {
            let turns = self.turns(batch, &agent_id)?;
            below += 1;
            depth = turns.depth();
            parent = turns.parent().map(str::to_owned);
        }
        Ok(depth.map(|depth| depth + below))
    }

    fn all_ends(
        &self,
        batch: &mut Batch,
        turns: &Turns,
    ) -> Result<HashMap<String, Vec<i64>>, Unavailable> {
        let mut ends = HashMap::new();
        for session_id in turns.sessions() {
            ends.insert(session_id.to_owned(), self.ends_of(batch, session_id)?);
        }
        Ok(ends)
    }

    fn journaled<T>(&self, read: Result<T, crate::journal::Error>) -> Result<T, Unavailable> {
        read.map_err(|error| {
            tracing::error!(%error, "the journal cannot be read");
            self.tell_damage(&error);
            Unavailable("the journal cannot be read".to_owned())
        })
    }
}
