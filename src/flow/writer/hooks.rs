//! From what hooks say to executions: the marks of an agent are taken in, its turns derived anew,
//! and every turn that is not as it was becomes a change like any other.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::decide::Batch;
use super::{Memory, Unavailable, Verdict, Writer};
use crate::domain::error::Refusal;
use crate::domain::event::{Event, Progress, Read, ToolCall};
use crate::domain::execution::{Execution, Origin, Start, Status, Stop, Told};
use crate::domain::turns::{End, Hook, Said, Taken, Turn, Turns, What, execution_id, turn_of};
use crate::flow::running::Now;

/// What hooks told and one commit has to keep, beside its changes.
#[derive(Default)]
pub struct Heard {
    pub turns: HashMap<String, Arc<Turns>>,
    /// Session and moment of its end.
    pub ends: BTreeSet<(String, i64)>,
}

impl Writer {
    /// A line is a duplicate when all that it says was known, and a sign of life when there is
    /// nothing in it to remember.
    pub(super) fn hear(
        &self,
        memory: &Memory,
        batch: &mut Batch,
        hook: &Hook,
        now: Now,
    ) -> Result<Verdict, Unavailable> {
        let mut verdict = Verdict::Progress;
        for said in &hook.said {
            let taken = match said {
                Said::SessionEnded => self.session_ended(memory, batch, hook, now)?,
                Said::Agent {
                    id,
                    what,
                    transcript,
                } => {
                    let known = self.turns(batch, id)?;
                    let mut turns = known.as_ref().clone();
                    let taken = match turns.take(what, hook) {
                        Ok(taken) => taken,
                        Err(refusal) => return Ok(Verdict::Refused(refusal)),
                    };
                    let placed = transcript
                        .as_ref()
                        .is_some_and(|(path, certain)| turns.set_transcript(path, *certain));
                    if taken == Taken::New || placed && taken != Taken::Sign {
                        let told = self.retell(memory, batch, id, Some(&known), turns, now)?;
                        if let Some(refusal) = told {
                            return Ok(Verdict::Refused(refusal));
                        }
                        self.count_orphan(batch, id, what)?;
                    }
                    self.sign(memory, batch, hook, id, what, now)?;
                    taken
                }
            };
            verdict = match (taken, verdict) {
                (Taken::New, _) | (_, Verdict::Accepted) => Verdict::Accepted,
                (Taken::Known, _) | (_, Verdict::Duplicate) => Verdict::Duplicate,
                (Taken::Sign, verdict) => verdict,
            };
        }
        Ok(verdict)
    }

    /// Takes in what the transcript of an execution says, and what the file beside it says of its
    /// launch.
    pub(super) fn read(
        &self,
        memory: &Memory,
        batch: &mut Batch,
        read: Read,
        now: Now,
    ) -> Result<Verdict, Unavailable> {
        let (agent_id, _) = turn_of(&read.id);
        let mut turns = self.turns(batch, agent_id)?.as_ref().clone();
        if turns.describe(read.launch)
            && let Some(refusal) = self.retell(memory, batch, agent_id, None, turns, now)?
        {
            return Ok(Verdict::Refused(refusal));
        }
        match self.execution(memory, batch, &read.id)? {
            Some(before) if before.takes_reading(&read.reading) => {
                let mut after = Execution::clone(&before);
                after.read(read.reading, &self.tuning.catalog);
                self.stage(batch, Some(before), after, now);
                Ok(Verdict::Accepted)
            }
            _ => Ok(Verdict::Duplicate),
        }
    }

    fn session_ended(
        &self,
        memory: &Memory,
        batch: &mut Batch,
        hook: &Hook,
        now: Now,
    ) -> Result<Taken, Unavailable> {
        let Some(session_id) = &hook.session_id else {
            return Ok(Taken::Sign);
        };
        let end = (session_id.clone(), hook.at_ms);
        if batch.heard.ends.contains(&end) || self.ends_of(batch, session_id)?.contains(&end.1) {
            return Ok(Taken::Known);
        }
        batch.heard.ends.insert(end);
        let staged = batch
            .staged
            .values()
            .filter(|execution| execution.origin(|origin| &origin.session_id) == Some(session_id));
        let staged: Vec<String> = staged.map(|execution| execution.id.clone()).collect();
        let running = memory.running.of_session(session_id).into_iter();
        let ids = running.chain(staged.iter().map(String::as_str));
        let agents: BTreeSet<&str> = ids.map(|id| turn_of(id).0).collect();
        for agent_id in agents {
            let turns = self.turns(batch, agent_id)?.as_ref().clone();
            self.retell(memory, batch, agent_id, None, turns, now)?;
        }
        Ok(Taken::New)
    }

    /// Derives the turns of an agent anew, stages what is not as it was, and keeps the marks.
    /// Where only marks were added to what was `known`, turns that are derived as before need no
    /// look. The refusal is of a start for which there is no room.
    fn retell(
        &self,
        memory: &Memory,
        batch: &mut Batch,
        agent_id: &str,
        known: Option<&Turns>,
        turns: Turns,
        now: Now,
    ) -> Result<Option<Refusal>, Unavailable> {
        let derived = self.derive(batch, &turns)?;
        let same = known.filter(|known| known.is_described_as(&turns));
        let before = match same {
            Some(known) => self.derive(batch, known)?,
            None => Vec::new(),
        };
        let mut moved = Vec::new();
        for (number, turn) in (1..).zip(&derived) {
            if before.get(number - 1) == Some(turn) {
                continue;
            }
            let id = execution_id(agent_id, number);
            let before = self.execution(memory, batch, &id)?;
            let mut after = match &before {
                Some(execution) => Execution::clone(execution),
                None => Execution::new(id),
            };
            after.retell(self.told(batch, &turns, turn)?, &self.tuning.catalog);
            let was_running = before.as_ref().is_some_and(|before| before.is_running());
            if after.is_running() && !was_running && self.is_full(memory, batch) {
                return Ok(Some(self.full()));
            }
            if before.as_deref() != Some(&after) {
                moved.push((before, after));
            }
        }
        for (before, after) in moved {
            self.stage(batch, before, after, now);
        }
        let turns = Arc::new(turns);
        batch.heard.turns.insert(agent_id.to_owned(), turns);
        Ok(None)
    }

    fn told(&self, batch: &Batch, turns: &Turns, turn: &Turn) -> Result<Told, Unavailable> {
        let origin = Origin {
            session_id: turn.session_id.clone(),
            parent_agent_id: self.parent(batch, turns, turn)?,
            model: turns.launch.model.clone(),
            host: None,
            source: Some(turns.source.clone()),
        };
        let ended = turn.end.as_ref();
        let start = turn.started_ms.zip(turns.agent_name.clone());
        Ok(Told {
            start: start.map(|(started_ms, agent_name)| Start {
                agent_name,
                agent_type: None,
                started_ms,
                task_description: None,
                tools_granted: Vec::new(),
                context_size: None,
                origin: origin.clone(),
            }),
            stop: ended.map(|end| stop(turns, end, origin)),
            transcript: turns.transcript.clone(),
            // While it runs, calls are signs of life and no change.
            tool_calls: ended.map_or_else(Default::default, |_| turn.tool_calls.clone()),
            tool_errors: ended.map_or(0, |_| turn.tool_errors),
            task_description: turns.launch.description.clone(),
            depth: turns.launch.depth,
        })
    }

    /// The execution of the parent in which a turn began.
    fn parent(
        &self,
        batch: &Batch,
        turns: &Turns,
        turn: &Turn,
    ) -> Result<Option<String>, Unavailable> {
        let Some(parent) = &turns.launch.parent else {
            return Ok(None);
        };
        let at_ms = turn.started_ms.or(turn.end.as_ref().map(|end| end.at_ms));
        let of_parent = self.derive(batch, self.turns(batch, parent)?.as_ref())?;
        let number = Turns::number_at(&of_parent, at_ms.unwrap_or(i64::MAX));
        Ok(Some(execution_id(parent, number)))
    }

    /// Something was heard of the turn in which it was said.
    fn sign(
        &self,
        memory: &Memory,
        batch: &mut Batch,
        hook: &Hook,
        agent_id: &str,
        what: &What,
        now: Now,
    ) -> Result<(), Unavailable> {
        let (use_id, current_tool, is_open) = match what {
            What::ToolBegan { use_id, name } => (use_id, Some(name.clone()), true),
            What::ToolEnded { use_id, .. } => (use_id, None, false),
            _ => return Ok(()),
        };
        let turns = self.turns(batch, agent_id)?;
        let derived = self.derive(batch, &turns)?;
        // An end may overtake its beginning, which then opens nothing.
        let has_ended = use_id.as_deref().is_some_and(|id| turns.has_ended(id));
        let id = execution_id(agent_id, Turns::number_at(&derived, hook.at_ms));
        self.execution(memory, batch, &id)?;
        let progress = Progress {
            id,
            progress: None,
            current_tool,
            tool_call: Some(ToolCall {
                use_id: use_id.clone(),
                is_open: is_open && !has_ended,
            }),
        };
        self.decide(memory, batch, Event::Progress(progress), now)?;
        Ok(())
    }

    /// A stop of an internal fork belongs to no execution.
    fn count_orphan(&self, batch: &Batch, id: &str, what: &What) -> Result<(), Unavailable> {
        let What::Stopped { name: None, .. } = what else {
            return Ok(());
        };
        if self
            .derive(batch, self.turns(batch, id)?.as_ref())?
            .is_empty()
        {
            self.counters.orphan_stops.add(1);
        }
        Ok(())
    }

    fn derive(&self, batch: &Batch, turns: &Turns) -> Result<Vec<Turn>, Unavailable> {
        let mut ends = HashMap::new();
        for session_id in turns.sessions() {
            ends.insert(session_id, self.ends_of(batch, session_id)?);
        }
        Ok(turns.derive(|session_id| ends.get(session_id).cloned().unwrap_or_default()))
    }

    fn turns(&self, batch: &Batch, agent_id: &str) -> Result<Arc<Turns>, Unavailable> {
        if let Some(turns) = batch.heard.turns.get(agent_id) {
            return Ok(turns.clone());
        }
        let known = self.journal.turns(agent_id);
        Ok(Arc::new(self.journaled(known)?.unwrap_or_default()))
    }

    fn ends_of(&self, batch: &Batch, session_id: &str) -> Result<Vec<i64>, Unavailable> {
        let mut ends = self.journaled(self.journal.session_ends(session_id))?;
        let staged = batch.heard.ends.iter().filter(|(id, _)| id == session_id);
        ends.extend(staged.map(|&(_, at_ms)| at_ms));
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

fn stop(turns: &Turns, end: &End, origin: Origin) -> Stop {
    let details = |failure: &String| [("type".to_owned(), failure.clone().into())];
    Stop {
        agent_name: turns.agent_name.clone(),
        agent_type: None,
        started_ms: None,
        ended_ms: end.at_ms,
        duration_ms: None,
        status: match end.failure {
            Some(_) => Status::Failure,
            None => Status::Success,
        },
        error_details: end
            .failure
            .as_ref()
            .map(|failure| details(failure).into_iter().collect()),
        tools_used: Vec::new(),
        tool_calls: Default::default(),
        token_usage: None,
        performance_metrics: None,
        task_metadata: None,
        output_metrics: None,
        origin,
    }
}
