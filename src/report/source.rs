//! Which of the two views answers.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use tokio::time::timeout;
use tracing::{debug, warn};

use super::Error;
use super::active::MAX_LISTED;
use crate::domain::execution::TokenUsage;
use crate::domain::names::{NameKind, Names};
use crate::domain::view::{Active, HourTally, ToolDay, ToolPair, TypeTool};
use crate::flow::live_state::LiveState;
use crate::flow::spending::Spending;
use crate::history::{self, Lanes, Reader, Readers};
use crate::live::{self, Actives, Live};

/// Redis answers in milliseconds. One that takes this long stands still, and history answers.
const MAX_LIVE_WAIT: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    Live,
    History,
}

impl View {
    pub fn as_str(self) -> &'static str {
        match self {
            View::Live => "live",
            View::History => "history",
        }
    }
}

pub struct Sources {
    pub(super) live: Live,
    readers: Readers,
    names: Arc<RwLock<Names>>,
    state: Arc<LiveState>,
    spending: Arc<Spending>,
}

/// What all reports are made of.
pub struct Pictures {
    pub live: Live,
    pub lanes: Lanes,
    pub names: Arc<RwLock<Names>>,
    pub state: Arc<LiveState>,
    pub spending: Arc<Spending>,
}

impl Sources {
    pub(super) fn new(pictures: &Pictures, readers: &Readers) -> Sources {
        Sources {
            live: pictures.live.clone(),
            readers: readers.clone(),
            names: pictures.names.clone(),
            state: pictures.state.clone(),
            spending: pictures.spending.clone(),
        }
    }

    /// Asks the live view while it is in order, and history when it is not or does not answer.
    pub async fn either<T: Send + 'static>(
        &self,
        live: impl Future<Output = Result<T, live::Error>>,
        history: impl FnOnce(&Reader) -> Result<T, history::Error> + Send + 'static,
    ) -> Result<(T, View), Error> {
        if self.state.readable() {
            match timeout(MAX_LIVE_WAIT, live).await {
                Ok(Ok(rows)) => return Ok((rows, View::Live)),
                Ok(Err(error)) if error.is_inexact() => debug!(%error, "history is asked"),
                Ok(Err(error)) => warn!(%error, "live does not answer, history does"),
                Err(_) => warn!("live answers too late, history does"),
            }
        }
        Ok((self.history(history).await?, View::History))
    }

    /// Asks history for what the live view does not have.
    pub async fn history<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Reader) -> Result<T, history::Error> + Send + 'static,
    ) -> Result<T, Error> {
        Ok(self.readers.run(ask).await?)
    }

    /// What runs now.
    pub async fn active(&self) -> Result<(Vec<Active>, View), Error> {
        let (mut actives, view) = self.either(self.live.active(), running).await?;
        if view == View::History {
            self.tell_spent(&mut actives.active);
        }
        Ok((self.complete(actives, MAX_LISTED).await, view))
    }

    /// What a running execution has spent so far. Memory tells, and waits for nobody.
    pub(super) fn spent(&self, id: &str) -> Option<TokenUsage> {
        self.spending.spent(id)
    }

    /// History knows nothing of what is still to be spent.
    fn tell_spent(&self, active: &mut [Active]) {
        for active in active {
            active.token_usage = self.spent(&active.agent_id).or(active.token_usage);
        }
    }

    /// With what history knows of those that are silent in the live view, at most `most` of them.
    /// Without that the rest of an answer is still good.
    pub(super) async fn complete(&self, actives: Actives, most: usize) -> Vec<Active> {
        let Actives { mut active, silent } = actives;
        if silent.is_empty() {
            return active;
        }
        let ask = move |reader: &Reader| {
            let mut found = Vec::new();
            for id in silent.iter().take(most) {
                let execution = reader.execution(id)?;
                let running = execution.filter(|execution| execution.is_running());
                found.extend(running.map(|execution| Active::of(&execution, None)));
            }
            Ok(found)
        };
        match self.history(ask).await {
            Ok(mut found) => {
                self.tell_spent(&mut found);
                active.extend(found);
            }
            Err(error) => warn!(%error, "details of what runs are missing"),
        }
        active
    }

    /// Whether an agent of that name ever ran, or runs; `_other` is known though it be nobody.
    pub(super) async fn is_known(&self, agent_name: &str) -> Result<bool, Error> {
        let name = agent_name.to_owned();
        if self.has_place(agent_name) || self.history(move |reader| reader.has_agent(&name)).await?
        {
            return Ok(true);
        }
        let (active, _) = self.active().await?;
        Ok(active.iter().any(|active| active.agent_name == agent_name))
    }

    /// Whether the live view counts by this name: an agent's own, or `_other`.
    pub(super) fn has_place(&self, agent_name: &str) -> bool {
        self.names().place(NameKind::Agent, agent_name) == agent_name
    }

    /// A panic elsewhere leaves the names whole: every change to them is one call.
    pub(super) fn names(&self) -> RwLockReadGuard<'_, Names> {
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn running(reader: &Reader) -> Result<Actives, history::Error> {
    let running = reader.running()?;
    let active = running.iter().map(|execution| Active::of(execution, None));
    Ok(Actives {
        active: active.collect(),
        silent: Vec::new(),
    })
}

/// Rows by the names that have a place in the live view, so that both views answer alike. Rows
/// that came from there stay as they are.
pub(super) trait Place {
    fn place(&mut self, names: &Names);
}

impl Place for Vec<HourTally> {
    fn place(&mut self, names: &Names) {
        for row in self {
            rename(NameKind::Type, &mut row.agent_type, names);
        }
    }
}

impl Place for Vec<ToolDay> {
    fn place(&mut self, names: &Names) {
        for row in self {
            rename(NameKind::Tool, &mut row.tool, names);
        }
    }
}

impl Place for Vec<TypeTool> {
    fn place(&mut self, names: &Names) {
        for row in self {
            rename(NameKind::Type, &mut row.agent_type, names);
            rename(NameKind::Tool, &mut row.tool, names);
        }
    }
}

/// A pair with a tool that has no place says nothing.
impl Place for Vec<ToolPair> {
    fn place(&mut self, names: &Names) {
        let has_place = |tool: &str| names.is_admitted(NameKind::Tool, tool);
        self.retain(|pair| has_place(&pair.first) && has_place(&pair.second));
    }
}

fn rename(kind: NameKind, name: &mut String, names: &Names) {
    let place = names.place(kind, name);
    if place != name {
        *name = place.to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::bucket::Day;
    use crate::domain::names::{NameLimits, OTHER};

    #[test]
    fn rows_of_both_views_bear_the_same_names() {
        let mut names = Names::new(NameLimits {
            agents: 1,
            types: 1,
            tools: 2,
        });
        names.admit(NameKind::Type, "analyzer");
        names.admit(NameKind::Tool, "Read");
        names.admit(NameKind::Tool, "Edit");
        let row = |agent_type: &str, tool: &str| TypeTool {
            day: Day(1),
            agent_type: agent_type.to_owned(),
            tool: tool.to_owned(),
            calls: 1,
        };
        let mut rows = vec![
            row("analyzer", "Read"),
            row("rare", "Weird"),
            row(OTHER, "Edit"),
        ];
        rows.place(&names);
        let expect = [
            row("analyzer", "Read"),
            row(OTHER, OTHER),
            row(OTHER, "Edit"),
        ];
        assert_eq!(rows, expect);
        let pair = |first: &str, second: &str| ToolPair {
            day: Day(1),
            first: first.to_owned(),
            second: second.to_owned(),
            executions: 1,
        };
        let mut pairs = vec![pair("Edit", "Read"), pair("Read", "Weird")];
        pairs.place(&names);
        assert_eq!(pairs, [pair("Edit", "Read")]);
    }
}
