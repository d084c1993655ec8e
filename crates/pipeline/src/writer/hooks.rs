//! From hooks to executions: the marks of an agent are recorded, its turns derived again, and every
//! turn that is not as it was becomes a change like any other.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::commit::Commit;
use super::handle::{IngestOutcome, Unavailable};
use super::task_lists::TaskList;
use agentpulse_core::error::Rejection;
use agentpulse_core::event::{Progress, Read, SeenEnd, ToolCall};
use agentpulse_core::execution::{Execution, Status};
use agentpulse_core::turns::{
    AgentSignal, Applied, HookEvent, SessionEvent, SessionMark, Signal, Turns, execution_id,
    main_id, prompt_of, turn_of,
};
use agentpulse_store::history::Filter;
use agentpulse_store::journal::ALL_TURNS;

/// Executions of one session that had ended otherwise, and may have ended by it.
const MAX_ENDED: usize = 256;

impl Commit<'_> {
    /// A line is a duplicate when all that it says was known, and a heartbeat when there is
    /// nothing in it to remember.
    pub(super) fn apply_hook(&mut self, hook: &HookEvent) -> Result<IngestOutcome, Unavailable> {
        let mut outcome = IngestOutcome::Progress;
        for signal in &hook.signals {
            let applied = match signal {
                Signal::Session(SessionEvent::Prompted(_)) if !self.counts_main() => continue,
                Signal::Agent { id, .. } if prompt_of(id).is_some() && !self.counts_main() => {
                    continue;
                }
                Signal::InBackground(ids) => {
                    self.take_list(hook, ids);
                    continue;
                }
                Signal::Session(event) => Ok(self.apply_session(hook, event)?),
                Signal::Agent {
                    id,
                    what,
                    transcript,
                } => self.apply_signal(hook, (id, what, transcript.as_ref()))?,
            };
            outcome = match (applied, outcome) {
                (Err(rejection), _) => return Ok(IngestOutcome::Rejected(rejection)),
                (Ok(Applied::Changed), _) | (_, IngestOutcome::Accepted) => IngestOutcome::Accepted,
                (Ok(Applied::Duplicate), _) | (_, IngestOutcome::Duplicate) => {
                    IngestOutcome::Duplicate
                }
                (Ok(Applied::Heartbeat), outcome) => outcome,
            };
        }
        Ok(outcome)
    }

    /// Takes in what the transcript of an execution says, and what the file beside it says of its
    /// launch.
    pub(super) fn apply_transcript(&mut self, read: Read) -> Result<IngestOutcome, Unavailable> {
        let (agent_id, _) = turn_of(&read.id);
        let mut turns = self.turns(agent_id)?.as_ref().clone();
        let of = self.execution(&read.id)?;
        let session_id = of.as_ref().and_then(|one| one.origin(|o| &o.session_id));
        let is_described = turns.describe(session_id, read.launch);
        let is_open = |one: &Execution| one.is_closed() || one.timed_out_ms.is_some();
        let end = read.end.filter(|_| of.as_deref().is_some_and(is_open));
        let has_ended =
            end.is_some_and(|end| turns.ended_by_transcript(session_id, end.at_ms, end.failure));
        if is_described || has_ended {
            let parent = turns.who(session_id).parent();
            if let Some(parent) = parent.filter(|&parent| parent != agent_id) {
                self.add_child(parent, agent_id)?;
            }
            if let Some(rejection) = self.restate(agent_id, turns)? {
                return Ok(IngestOutcome::Rejected(rejection));
            }
        }
        match self.execution(&read.id)? {
            Some(before) if before.accepts_reading(&read.reading) => {
                let mut after = Execution::clone(&before);
                after.read(read.reading, &self.writer.settings.catalog);
                self.stage(Some(before), after);
                self.reread_next(&read.id)?;
                Ok(IngestOutcome::Accepted)
            }
            _ => Ok(IngestOutcome::Duplicate),
        }
    }

    /// Ends a run of which no hook reported the end.
    pub(super) fn end_seen(
        &mut self,
        id: &str,
        end: SeenEnd,
    ) -> Result<IngestOutcome, Unavailable> {
        let Some(of) = self.execution(id)?.filter(|one| one.is_running()) else {
            return Ok(IngestOutcome::Duplicate);
        };
        let (agent_id, _) = turn_of(id);
        let session_id = of.origin(|origin| &origin.session_id);
        let mut turns = self.turns(agent_id)?.as_ref().clone();
        if !turns.ended_by_transcript(session_id, end.at_ms, end.failure) {
            return Ok(IngestOutcome::Duplicate);
        }
        Ok(match self.restate(agent_id, turns)? {
            Some(rejection) => IngestOutcome::Rejected(rejection),
            None => IngestOutcome::Accepted,
        })
    }

    /// Agents that have ended and of which no hook says so are missing from it.
    fn take_list(&mut self, hook: &HookEvent, ids: &[String]) {
        if let Some(session_id) = &hook.session_id {
            let list = TaskList::new(session_id, hook.at_ms, ids);
            self.batch.task_lists.push(list);
        }
    }

    fn counts_main(&self) -> bool {
        self.writer.settings.counts_main
    }

    /// One signal of one agent.
    fn apply_signal(
        &mut self,
        hook: &HookEvent,
        (id, what, transcript): (&str, &AgentSignal, Option<&(String, bool)>),
    ) -> Result<Result<Applied, Rejection>, Unavailable> {
        let known = self.turns(id)?;
        let use_id = match what {
            AgentSignal::ToolBegan { use_id, .. } | AgentSignal::ToolEnded { use_id, .. } => {
                use_id.as_deref()
            }
            _ => None,
        };
        if use_id.is_some_and(|use_id| known.has_ended(use_id)) {
            // Of a call that has ended nothing is new, not even that its agent lives.
            return Ok(Ok(match what {
                AgentSignal::ToolBegan { .. } => Applied::Heartbeat,
                _ => Applied::Duplicate,
            }));
        }
        let mut turns = known.as_ref().clone();
        let applied = match turns.apply(what, hook) {
            Ok(applied) => applied,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let relabelled = transcript.is_some_and(|(path, is_certain)| {
            turns.set_transcript(hook.session_id.as_deref(), path, *is_certain)
        });
        if matches!(what, AgentSignal::ToolEnded { .. }) && self.is_open(id, &turns, hook)? {
            // While it runs, calls change nothing but the marks.
            if applied == Applied::Changed {
                self.batch.turns.insert(id.to_owned(), Arc::new(turns));
            }
        } else if applied == Applied::Changed || relabelled && applied != Applied::Heartbeat {
            let changes = self.batch.changes.len();
            if let Some(rejection) = self.restate(id, turns)? {
                return Ok(Err(rejection));
            }
            // The stop of an internal fork, which belongs to no execution.
            let is_nameless = matches!(what, AgentSignal::Stopped { name: None, .. });
            if is_nameless && applied == Applied::Changed && self.batch.changes.len() == changes {
                self.writer.counters.orphan_stops.add(1);
            }
        }
        self.record_heartbeat(hook, id, what)?;
        Ok(Ok(applied))
    }

    /// Whether a line is of a turn that runs.
    fn is_open(
        &mut self,
        agent_id: &str,
        turns: &Turns,
        hook: &HookEvent,
    ) -> Result<bool, Unavailable> {
        let derived = self.derive_uncounted(turns)?;
        let number = Turns::number_at(&derived, hook.session_id.as_deref(), hook.at_ms);
        let turn = derived.get(number.wrapping_sub(1));
        if turn.is_none_or(|turn| turn.end.is_some()) {
            return Ok(false);
        }
        Ok(self.is_running(&execution_id(agent_id, number)))
    }

    /// What runs in the session may have ended by it, and what had timed out, after all. Where it
    /// is late, what something later had ended may have ended by it.
    fn apply_session(
        &mut self,
        hook: &HookEvent,
        event: &SessionEvent,
    ) -> Result<Applied, Unavailable> {
        let Some(session_id) = &hook.session_id else {
            return Ok(Applied::Heartbeat);
        };
        let mark = SessionMark {
            at_ms: hook.at_ms,
            what: event.clone(),
        };
        let since = self.session_marks(session_id, hook.at_ms)?;
        if since.contains(&mark) {
            return Ok(Applied::Duplicate);
        }
        self.batch.session_marks.insert((session_id.clone(), mark));
        let agents = match event {
            SessionEvent::Ended | SessionEvent::WorkflowStopped => {
                self.agents_without_end(session_id, !since.is_empty())?
            }
            // An agent in the background outlives both.
            SessionEvent::Left => {
                let prompt = self.prompt_before(session_id, hook.at_ms, None)?;
                prompt.into_iter().map(|prompt| main_id(&prompt)).collect()
            }
            SessionEvent::Prompted(own) => {
                let prompt = self.prompt_before(session_id, hook.at_ms, Some(own))?;
                prompt.into_iter().map(|prompt| main_id(&prompt)).collect()
            }
        };
        for agent_id in agents {
            match self.batch.is_full() {
                true => self.defer(&agent_id, ALL_TURNS, false),
                false => self.restate_agent(&agent_id)?,
            }
        }
        Ok(Applied::Changed)
    }

    /// The agents of a session that run, or that no stop of their own has ended; `or_any` also those
    /// that have one.
    fn agents_without_end(
        &mut self,
        session_id: &str,
        or_any: bool,
    ) -> Result<BTreeSet<String>, Unavailable> {
        let ended = Filter {
            session_id: Some(session_id.to_owned()),
            status: (!or_any).then_some(Status::Timeout),
            ..Filter::default()
        };
        let mut agents = self.agents_of(&ended)?;
        let staged = self.staged.values().map(|execution| &**execution);
        let unflushed = self.memory.without_own_end();
        let here = staged
            .chain(unflushed)
            .filter(|one| one.is_of_session(session_id));
        let running = self.memory.running.of_session(session_id);
        let ids = running.iter().map(|id| &**id);
        let ids = ids.chain(here.map(|execution| execution.id.as_str()));
        agents.extend(ids.map(|id| turn_of(id).0.to_owned()));
        Ok(agents)
    }

    /// The agents of these executions, of the last [`MAX_ENDED`]; page by page, because each
    /// may be large.
    fn agents_of(&mut self, filter: &Filter) -> Result<BTreeSet<String>, Unavailable> {
        let (mut agents, mut left, mut before) = (BTreeSet::new(), MAX_ENDED, None);
        while left > 0 {
            let page =
                self.known_to_history(self.writer.history.executions(filter, before, left))?;
            left = left.saturating_sub(page.executions.len());
            let ids = page.executions.iter().map(|(_, execution)| &execution.id);
            agents.extend(ids.map(|id| turn_of(id).0.to_owned()));
            before = page.next;
            if before.is_none() {
                break;
            }
        }
        Ok(agents)
    }

    fn add_child(&mut self, parent: &str, child: &str) -> Result<(), Unavailable> {
        let mut turns = self.turns(parent)?.as_ref().clone();
        if turns.add_child(child) {
            self.batch.turns.insert(parent.to_owned(), Arc::new(turns));
        }
        Ok(())
    }

    /// A turn begins in the file where the one before it ends: where that is elsewhere now, it has
    /// to be read again.
    fn reread_next(&mut self, id: &str) -> Result<(), Unavailable> {
        let Some(read) = self.execution(id)? else {
            return Ok(());
        };
        let Some(end_offset) = read.usage().map(|usage| usage.end_offset) else {
            return Ok(());
        };
        let (agent_id, number) = turn_of(id);
        for number in number + 1.. {
            let next = self.execution(&execution_id(agent_id, number))?;
            let Some(next) = next else { break };
            if next.transcript() != read.transcript() {
                continue;
            }
            if next.read_from().is_some_and(|from| from != end_offset) {
                let mut after = Execution::clone(&next);
                after.reread();
                self.stage(Some(next), after);
            }
            break;
        }
        Ok(())
    }

    /// A heartbeat of the turn in which the signal was sent.
    fn record_heartbeat(
        &mut self,
        hook: &HookEvent,
        agent_id: &str,
        what: &AgentSignal,
    ) -> Result<(), Unavailable> {
        let (use_id, current_tool, is_open) = match what {
            AgentSignal::ToolBegan { use_id, name } => (use_id, Some(name.clone()), true),
            AgentSignal::ToolEnded { use_id, .. } => (use_id, None, false),
            _ => return Ok(()),
        };
        let turns = self.turns(agent_id)?;
        let derived = self.derive_uncounted(&turns)?;
        let number = Turns::number_at(&derived, hook.session_id.as_deref(), hook.at_ms);
        let id = execution_id(agent_id, number);
        if !self.is_running(&id) {
            self.execution(&id)?;
        }
        let progress = Progress {
            id,
            observed_ms: Some(hook.at_ms),
            progress: None,
            current_tool,
            tool_call: Some(ToolCall {
                use_id: use_id.clone(),
                is_open,
            }),
        };
        self.heartbeat(progress);
        Ok(())
    }
}
