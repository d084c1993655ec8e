//! What hooks reported so far, as one commit sees it: what the journal has, and on top of it what
//! the commit is going to keep.

use std::collections::HashMap;
use std::sync::Arc;

use super::commit::Commit;
use super::handle::Unavailable;
use agentpulse_core::limits::MAX_NESTING;
use agentpulse_core::turns::{SessionEvent, SessionMark, Turn, Turns};

impl Commit<'_> {
    pub(super) fn turns(&mut self, agent_id: &str) -> Result<Arc<Turns>, Unavailable> {
        let staged = self.batch.turns.get(agent_id);
        if let Some(turns) = staged.or_else(|| self.hooks.turns(agent_id)) {
            return Ok(turns.clone());
        }
        let turns = self.journaled(self.writer.journal.turns(agent_id))?;
        let turns = Arc::new(turns.unwrap_or_else(|| Turns::new(agent_id)));
        // Once more, for what may become of it.
        self.batch.bytes += 2 * turns.bytes();
        self.hooks.keep_turns(agent_id, turns.clone());
        Ok(turns)
    }

    /// What happened to a session from a moment on.
    pub(super) fn session_marks(
        &mut self,
        session_id: &str,
        from_ms: i64,
    ) -> Result<Vec<SessionMark>, Unavailable> {
        let of = (session_id.to_owned(), from_ms);
        if self.hooks.session_marks(&of).is_none() {
            let marks = self.journaled(self.writer.journal.session_marks(session_id, from_ms))?;
            self.hooks.keep_session_marks(of.clone(), marks);
        }
        let journaled = self.hooks.session_marks(&of).into_iter().flatten();
        let staged = self.staged_marks(session_id, from_ms);
        Ok(journaled.chain(staged).cloned().collect())
    }

    /// The prompt before a moment, of another turn than `own`: of all turns of the main thread only
    /// its own can be ended by what happens then.
    pub(super) fn prompt_before(
        &mut self,
        session_id: &str,
        at_ms: i64,
        own: Option<&str>,
    ) -> Result<Option<String>, Unavailable> {
        let journal = &self.writer.journal;
        let journaled = self.journaled(journal.prompt_before(session_id, at_ms, own))?;
        let staged = self.staged_marks(session_id, i64::MIN);
        let staged = staged.filter_map(|mark| match &mark.what {
            SessionEvent::Prompted(prompt) if Some(prompt.as_str()) != own => {
                Some((mark.at_ms, prompt.clone()))
            }
            _ => None,
        });
        let before = staged.filter(|(began_ms, _)| *began_ms <= at_ms);
        Ok(before.chain(journaled).max().map(|(_, prompt)| prompt))
    }

    /// Those of the commit, in order.
    fn staged_marks(&self, session_id: &str, from_ms: i64) -> impl Iterator<Item = &SessionMark> {
        let first = SessionMark {
            at_ms: from_ms,
            what: SessionEvent::Ended,
        };
        let staged = self
            .batch
            .session_marks
            .range((session_id.to_owned(), first)..);
        staged
            .take_while(move |(id, _)| id == session_id)
            .map(|(_, mark)| mark)
    }

    pub(super) fn derive(&mut self, turns: &Turns) -> Result<Vec<Turn>, Unavailable> {
        let marks = self.all_marks(turns)?;
        Ok(turns.derive(|session_id| marks.get(session_id).cloned().unwrap_or_default()))
    }

    /// The turns without the calls of their tools, which are what takes time.
    pub(super) fn derive_uncounted(&mut self, turns: &Turns) -> Result<Vec<Turn>, Unavailable> {
        let marks = self.all_marks(turns)?;
        Ok(turns.derive_uncounted(|session_id| marks.get(session_id).cloned().unwrap_or_default()))
    }

    /// How many launches below the main thread; None if one of them is not known.
    pub(super) fn depth(
        &mut self,
        turns: &Turns,
        session_id: Option<&str>,
    ) -> Result<Option<u64>, Unavailable> {
        if turns.prompt_id().is_some() {
            return Ok(Some(0));
        }
        let who = turns.who(session_id);
        let mut depth = who.depth();
        let mut parent = who.parent().map(str::to_owned);
        let mut below = 0;
        while depth.is_none()
            && below < MAX_NESTING as u64
            && let Some(agent_id) = parent
        {
            let turns = self.turns(&agent_id)?;
            let who = turns.who(session_id);
            below += 1;
            depth = who.depth();
            parent = who.parent().map(str::to_owned);
        }
        Ok(depth.map(|depth| depth + below))
    }

    /// What may have ended a turn of the agent.
    fn all_marks(
        &mut self,
        turns: &Turns,
    ) -> Result<HashMap<String, Vec<SessionMark>>, Unavailable> {
        let mut marks = HashMap::new();
        if let Some(from_ms) = turns.first_start_ms() {
            for session_id in turns.sessions() {
                let of_session = self.session_marks(session_id, from_ms)?;
                marks.insert(session_id.to_owned(), of_session);
            }
        }
        Ok(marks)
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
