//! Restates the executions of an agent by what its turns now are, and those of the agents that it
//! launched by what follows for them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::commit::{Commit, MAX_BATCH_BYTES};
use super::handle::Unavailable;
use agentpulse_core::error::Rejection;
use agentpulse_core::execution::{Execution, Origin, Start, Status, Stop, TurnFacts};
use agentpulse_core::kind::Kind;
use agentpulse_core::retention::oldest_accepted;
use agentpulse_core::turns::{End, Turn, Turns, execution_id, main_id, turn_of};
use agentpulse_store::journal::ALL_TURNS;

/// Agents that follow one that they descend from, in one commit.
const MAX_DESCENDANTS: usize = 4_096;

/// An agent to which its client gave no name.
const UNNAMED: &str = "unknown";

/// An execution before, if it was known, and after.
pub(super) type Moved = (Option<Arc<Execution>>, Execution);

impl Commit<'_> {
    /// Keeps the marks of an agent, and stages each of its turns that is not as it was. Returns the
    /// rejection of a start for which there is no room.
    pub(super) fn restate(
        &mut self,
        agent_id: &str,
        turns: Turns,
    ) -> Result<Option<Rejection>, Unavailable> {
        let known = self.turns(agent_id)?;
        let before = self.derive(&known)?;
        let derived = self.derive(&turns)?;
        // Where only marks were added, turns that are derived as before need no look.
        let is_described_as = turns.is_described_as(&known);
        let is_other = |&number: &usize| {
            let (before, after) = (before.get(number - 1), derived.get(number - 1));
            after.is_none() || !is_described_as || before != after
        };
        let others = (1..=before.len().max(derived.len())).rev().filter(is_other);
        let (moved, left) = self.moved(agent_id, &turns, &derived, others)?;
        for (before, after) in &moved {
            let made = self.make_room(before.as_deref(), after);
            if let Err(rejection) = made {
                return Ok(Some(rejection));
            }
        }
        self.stage_all(agent_id, moved, left);
        let is_tracked = turns.has_place_of(&known);
        let turns = Arc::new(turns);
        self.batch.turns.insert(agent_id.to_owned(), turns.clone());
        let began = |turns: &[Turn]| turns.iter().map(Turn::began_ms).collect::<Vec<_>>();
        if !is_tracked || began(&before) != began(&derived) {
            self.restate_descendants(&turns, !is_tracked)?;
        }
        Ok(None)
    }

    /// Restates all turns of an agent, because of something that its own marks do not say.
    pub(super) fn restate_agent(&mut self, agent_id: &str) -> Result<(), Unavailable> {
        let turns = self.turns(agent_id)?;
        let derived = self.derive(&turns)?;
        // Nothing begins by this, and nothing grows by more than a name.
        let numbers = (1..=derived.len()).rev();
        let (moved, left) = self.moved(agent_id, &turns, &derived, numbers)?;
        self.stage_all(agent_id, moved, left);
        Ok(())
    }

    /// Applies to one execution what is known of its turn, as of one that is over.
    pub(super) fn restate_on_end(&mut self, execution: &mut Execution) -> Result<(), Unavailable> {
        if execution.hooked.is_none() {
            return Ok(());
        }
        let (agent_id, number) = turn_of(&execution.id);
        let turns = self.turns(agent_id)?;
        let derived = self.derive(&turns)?;
        if let Some(turn) = derived.get(number - 1) {
            execution.apply_turn(
                self.turn_facts(&turns, turn)?,
                &self.writer.settings.catalog,
            );
        }
        Ok(())
    }

    /// Each of these turns that is not as it was, before and after, in their order; and the last
    /// that finds no room in the commit, if there is one. `numbers` falls: what runs is among the
    /// last turns.
    pub(super) fn moved(
        &mut self,
        agent_id: &str,
        turns: &Turns,
        derived: &[Turn],
        numbers: impl Iterator<Item = usize>,
    ) -> Result<(Vec<Moved>, Option<usize>), Unavailable> {
        let (mut moved, mut bytes, mut left) = (Vec::new(), 0, None);
        for (count, number) in numbers.enumerate() {
            if count > 0 && self.batch.bytes + bytes >= MAX_BATCH_BYTES {
                left = Some(number);
                break;
            }
            let id = execution_id(agent_id, number);
            let before = self.execution(&id)?;
            let after = match derived.get(number - 1) {
                Some(turn) => self.restated(before.as_deref(), id, turns, turn)?,
                None => self.detached(before.as_deref()),
            };
            if let Some(after) = after.filter(|after| before.as_deref() != Some(after)) {
                bytes += after.bytes();
                moved.push((before, after));
            }
        }
        moved.reverse();
        Ok((moved, left))
    }

    /// Returns None if it ended so long ago that history has let go of it.
    fn restated(
        &mut self,
        before: Option<&Execution>,
        id: String,
        turns: &Turns,
        turn: &Turn,
    ) -> Result<Option<Execution>, Unavailable> {
        let oldest = oldest_accepted(self.now.wall_ms, self.writer.settings.remember_ms);
        let forgotten_ms = oldest.utc_start_ms();
        let ended_ms = turn.end.as_ref().map(|end| end.at_ms);
        if before.is_none() && ended_ms.is_some_and(|ended_ms| ended_ms < forgotten_ms) {
            return Ok(None);
        }
        let mut after = before.cloned().unwrap_or_else(|| Execution::new(id));
        after.apply_turn(self.turn_facts(turns, turn)?, &self.writer.settings.catalog);
        Ok(Some(after))
    }

    /// What had been imported as several turns was one, as hooks show: the last is none.
    fn detached(&self, before: Option<&Execution>) -> Option<Execution> {
        let mut after = before.filter(|before| before.hooked.is_some())?.clone();
        after.detach_turn(&self.writer.settings.catalog);
        Some(after)
    }

    fn stage_all(&mut self, agent_id: &str, moved: Vec<Moved>, left: Option<usize>) {
        for (before, after) in moved {
            self.stage(before, after);
        }
        if let Some(left) = left {
            self.defer(agent_id, left, false);
        }
    }

    /// The agents that one launched run in another turn of it than was known, or at another depth;
    /// with the depth also those that they launched.
    fn restate_descendants(&mut self, turns: &Turns, all: bool) -> Result<(), Unavailable> {
        let mut waiting: Vec<String> = turns.children().map(str::to_owned).collect();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        while let Some(agent_id) = waiting.pop()
            && seen.len() < MAX_DESCENDANTS
        {
            if self.batch.is_full() {
                self.defer(&agent_id, ALL_TURNS, all);
                seen.insert(agent_id);
                continue;
            }
            self.restate_agent(&agent_id)?;
            if all {
                let turns = self.turns(&agent_id)?;
                let children = turns.children().filter(|&child| !seen.contains(child));
                waiting.extend(children.map(str::to_owned));
            }
            seen.insert(agent_id);
        }
        Ok(())
    }

    fn turn_facts(&mut self, turns: &Turns, turn: &Turn) -> Result<TurnFacts, Unavailable> {
        let session_id = turn.session_id.as_deref();
        let who = turns.who(session_id);
        let origin = Origin {
            session_id: turn.session_id.clone(),
            parent_agent_id: self.parent(turns, turn)?,
            model: who.model().map(str::to_owned),
            // The transcript says these two, and where it was accepted the third.
            project: None,
            branch: None,
            host: None,
            source: Some(turns.source.clone()),
        };
        let agent_name = who.name().unwrap_or(UNNAMED);
        let kind = match turns.prompt_id() {
            Some(_) => Kind::Main,
            None => who.kind().unwrap_or_default(),
        };
        let types = &self.writer.settings.catalog.types;
        let agent_type = match turns.prompt_id() {
            Some(_) => Some(Kind::Main.as_str().to_owned()),
            None => who.agent_type().map(|of| types.classify(of).to_owned()),
        };
        Ok(TurnFacts {
            start: turn.started_ms.map(|started_ms| Start {
                agent_name: agent_name.to_owned(),
                agent_type: agent_type.clone(),
                started_ms,
                task_description: None,
                tools_granted: Vec::new(),
                context_size: None,
                origin: origin.clone(),
            }),
            stop: turn.end.as_ref().map(|end| Stop {
                agent_name: who.name().map(str::to_owned),
                agent_type,
                ..stop(end, origin)
            }),
            is_closed: turn.end.as_ref().is_some_and(|end| end.is_closing),
            kind,
            is_discovered: turn.is_discovered,
            transcript: turn.transcript.clone(),
            later_transcripts: turn.later_transcripts.clone(),
            later_sessions: turn.later_sessions.clone(),
            tool_calls: turn.tool_calls.clone(),
            tool_errors: turn.tool_errors,
            task_description: who.description().map(str::to_owned),
            depth: self.depth(turns, session_id)?,
        })
    }

    /// The execution in which a turn began: of the agent that launched it, else of the main thread.
    fn parent(&mut self, turns: &Turns, turn: &Turn) -> Result<Option<String>, Unavailable> {
        let session_id = turn.session_id.as_deref();
        let Some(parent) = turns.who(session_id).parent() else {
            let prompt = turn.prompt.as_deref();
            let prompt = prompt.filter(|_| self.writer.settings.counts_main);
            return Ok(prompt.map(main_id));
        };
        let of_parent = self.turns(parent)?;
        let of_parent = self.derive_uncounted(&of_parent)?;
        let number = Turns::number_at(&of_parent, session_id, turn.began_ms());
        Ok(Some(execution_id(parent, number)))
    }
}

fn stop(end: &End, origin: Origin) -> Stop {
    let details = |failure: &String| [("type".to_owned(), failure.clone().into())];
    Stop {
        agent_name: None,
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
