//! Which of the two views answers.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::{RwLock, RwLockReadGuard};
use tokio::time::timeout;
use tracing::{debug, warn};

use crate::client::Clients;
use crate::error::Error;
use crate::registry::Definitions;
use crate::selection::ledger::LedgerHandle;
use agentpulse_core::bucket::Day;
use agentpulse_core::names::{NameKind, Names, OTHER};
use agentpulse_core::only::Only;
use agentpulse_core::view::{HourTally, ToolDay, ToolPair, TypeTool};
use agentpulse_core::zone::{Calendar, Zone};
use agentpulse_live::{self as live, Live};
use agentpulse_pipeline::live_state::LiveState;
use agentpulse_pipeline::running::Running;
use agentpulse_store::history::{self, Lanes, Reader, Readers, Wanted};

/// Redis answers in milliseconds. If it takes this long it is stuck, and history answers.
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

#[derive(Clone)]
pub struct Sources {
    pub(super) live: Live,
    readers: Readers,
    names: Arc<RwLock<Names>>,
    state: Arc<LiveState>,
    pub(super) running: Arc<Running>,
    calendar: Calendar,
    pub(super) clients: Clients,
    pub(super) definitions: Definitions,
    chosen: Chosen,
}

/// The executions of which answers are, and the rollups that are read of them: none but all is in
/// the live view.
#[derive(Clone, Default)]
struct Chosen {
    only: Only,
    wanted: Wanted,
}

/// The sources of all reports.
pub struct Views {
    pub live: Live,
    pub lanes: Lanes,
    pub names: Arc<RwLock<Names>>,
    pub state: Arc<LiveState>,
    pub running: Arc<Running>,
    pub calendar: Calendar,
    pub clients: Clients,
    pub definitions: Definitions,
    pub ledger: LedgerHandle,
}

impl Sources {
    pub(super) fn new(views: &Views, readers: &Readers) -> Sources {
        Sources {
            live: views.live.clone(),
            readers: readers.clone(),
            names: views.names.clone(),
            state: views.state.clone(),
            running: views.running.clone(),
            calendar: views.calendar.clone(),
            clients: views.clients.clone(),
            definitions: views.definitions.clone(),
            chosen: Chosen::default(),
        }
    }

    /// The same of these executions alone, with the rollups that are wanted.
    pub(super) fn of(&self, only: &Only, wanted: Wanted) -> Sources {
        Sources {
            chosen: Chosen {
                only: only.clone(),
                wanted,
            },
            ..self.clone()
        }
    }

    /// Of which executions they are.
    pub(super) fn only(&self) -> &Only {
        &self.chosen.only
    }

    /// Reads the live view while it is in order, and history if it is not or does not answer.
    pub async fn either<T: Send + 'static>(
        &self,
        live: impl Future<Output = Result<T, live::Error>>,
        history: impl FnOnce(&Reader) -> Result<T, history::Error> + Send + 'static,
    ) -> Result<(T, View), Error> {
        if self.chosen.only.is_all() && self.state.readable() {
            match timeout(MAX_LIVE_WAIT, live).await {
                Ok(Ok(rows)) => return Ok((rows, View::Live)),
                Ok(Err(error)) if error.is_inexact() => debug!(%error, "history is asked"),
                Ok(Err(error)) => warn!(%error, "live does not answer, history does"),
                Err(_) => warn!("live answers too late, history does"),
            }
        }
        Ok((self.history(history).await?, View::History))
    }

    /// Reads from history what the live view lacks.
    pub async fn history<T: Send + 'static>(
        &self,
        ask: impl FnOnce(&Reader) -> Result<T, history::Error> + Send + 'static,
    ) -> Result<T, Error> {
        let Chosen { only, wanted } = self.chosen.clone();
        let asked = move |reader: &Reader| match only.is_all() {
            true => ask(reader),
            false => reader.only(&only, &wanted, ask),
        };
        Ok(self.readers.run(asked).await?)
    }

    pub(super) fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// Of the days.
    pub(super) fn zone(&self) -> &Zone {
        &self.calendar.zone
    }

    pub(super) fn today(&self, now_ms: i64) -> Day {
        self.zone().day_of(now_ms)
    }

    /// Running executions are known to the daemon itself, whichever view answers the rest.
    pub(super) fn running(&self) -> (&Running, View) {
        let view = match self.chosen.only.is_all() && self.state.readable() {
            true => View::Live,
            false => View::History,
        };
        (&self.running, view)
    }

    /// Whether an agent of that name ran lately, or runs; `_other` is known even if it is empty.
    pub(super) async fn is_known(&self, agent_name: &str) -> Result<bool, Error> {
        let name = agent_name.to_owned();
        let ended = agent_name == OTHER || self.names().is_known(NameKind::Agent, agent_name);
        Ok(ended
            || self.running.has_agent(agent_name)
            || self
                .readers
                .run(move |reader| reader.has_agent(&name))
                .await?)
    }

    /// Whether the live view counts all of the agent's executions of these days by its name: it has
    /// no place on a day only if it has none there at all. Of `_other` it does.
    pub(super) fn is_live_by_name(&self, agent_name: &str, from: Day, to: Day) -> bool {
        let names = self.names();
        let is_whole = |day| {
            names.is_tracked(NameKind::Agent, day, agent_name)
                || !names.is_closed(NameKind::Agent, day)
        };
        agent_name == OTHER || from.to(to).all(is_whole)
    }

    /// The names that have a place, when they are asked for. Rows of history are put under them
    /// one by one: with very many names there are very many rows.
    pub(super) fn tracked_names(&self) -> impl Fn() -> Names + Send + use<> {
        let names = self.names.clone();
        move || names.read().clone()
    }

    pub(super) fn names(&self) -> RwLockReadGuard<'_, Names> {
        self.names.read()
    }
}

/// Rows by the names that have a place in the live view, so that both views answer alike. Rows
/// that came from there stay as they are.
pub(super) trait Relabel {
    fn relabel(&mut self, names: &Names);
}

impl Relabel for Vec<HourTally> {
    fn relabel(&mut self, names: &Names) {
        for row in self {
            let day = names.zone().day_of_hour(row.hour);
            rename(NameKind::Type, day, &mut row.agent_type, names);
        }
    }
}

impl Relabel for Vec<ToolDay> {
    fn relabel(&mut self, names: &Names) {
        for row in self {
            rename(NameKind::Tool, row.day, &mut row.tool, names);
        }
    }
}

impl Relabel for Vec<TypeTool> {
    fn relabel(&mut self, names: &Names) {
        for row in self {
            rename(NameKind::Type, row.day, &mut row.agent_type, names);
            rename(NameKind::Tool, row.day, &mut row.tool, names);
        }
    }
}

/// A pair with a tool that has no place says nothing.
impl Relabel for Vec<ToolPair> {
    fn relabel(&mut self, names: &Names) {
        let is_tracked = |day, tool: &str| names.is_tracked(NameKind::Tool, day, tool);
        self.retain(|pair| is_tracked(pair.day, &pair.first) && is_tracked(pair.day, &pair.second));
    }
}

fn rename(kind: NameKind, day: Day, name: &mut String, names: &Names) {
    let place = names.label(kind, day, name);
    if place != name {
        *name = place.to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentpulse_core::names::NameLimits;

    #[test]
    fn rows_of_both_views_bear_the_same_names() {
        let limits = NameLimits {
            agents: 1,
            types: 1,
            tools: 2,
        };
        let mut names = Names::new(limits, Zone::utc(), Day(1));
        names.track(NameKind::Type, Day(1), "analyzer");
        names.track(NameKind::Tool, Day(1), "Read");
        names.track(NameKind::Tool, Day(1), "Edit");
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
        rows.relabel(&names);
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
        pairs.relabel(&names);
        assert_eq!(pairs, [pair("Edit", "Read")]);
    }
}
