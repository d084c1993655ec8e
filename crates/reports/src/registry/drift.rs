//! Where definitions and executions part: what runs and is not defined, what is defined and does
//! not run, what does other than it says.

mod found;
mod judge;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::report::Report;
use crate::source::{Sources, View};
use crate::window::{ended_in, last_days};
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, LIMIT, Param, Params};
use agentpulse_definitions::Scope;
use agentpulse_registry::Current;
use agentpulse_store::history::Reader;
use agentpulse_store::registry::Store;

use super::choice::Chosen;
use super::list::{DAYS, OFFSET, created_of};

use self::found::Found;
use self::judge::{Code, Defined, judge};

pub use self::judge::Row;

const MAX_ROWS: usize = 1_000;
const DEFAULT_ROWS: usize = 100;
const CODE: Param = Param::new("code", "What differs.");

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    days: i32,
    code: Option<Code>,
    limit: usize,
    offset: usize,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DefinedDrift")]
pub struct Drift {
    /// By code, then by name.
    pub drift: Vec<Row>,
    /// Also of those that are on other pages.
    pub total: usize,
    pub days: i32,
    /// Whether all executions were read that could say something: of more than 20,000 the
    /// newest of each agent were.
    pub is_whole: bool,
    /// Grows with each change of the definitions.
    pub seq: u64,
    /// Another one in each life of the daemon.
    pub epoch: String,
}

impl Endpoint for Query {
    const PATH: &'static str = "/api/registry/drift";
    const ALSO: Option<&'static str> = Some("/registry/drift");
    const SUMMARY: &'static str = "Where definitions and executions differ";
    type Answer = Drift;

    fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        let limit = params.number(LIMIT, 1..=MAX_ROWS, Some(DEFAULT_ROWS))?;
        let offset = params.number(OFFSET, 0..=100_000, Some(0))?;
        Ok(Query {
            days: params.days(DAYS)?,
            code: params.choice(CODE, &Code::CHOICES)?,
            limit: limit.unwrap_or(DEFAULT_ROWS),
            offset: offset.unwrap_or(0),
        })
    }
}

impl Report for Query {
    type Built = Drift;

    fn is_scan(&self) -> bool {
        true
    }

    fn ended_ms(&self, sources: &Sources, now_ms: i64) -> Range<i64> {
        ended_in(sources.zone(), last_days(self.days, sources.today(now_ms)))
    }

    fn reads_definitions(&self) -> bool {
        true
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(Drift, View), Error> {
        let definitions = &sources.definitions;
        let current = definitions.current().await;
        let chosen = sources.choose(&current, |all: Vec<Chosen>| all).await?;
        let created_ms = created_of(definitions, &chosen).await?;
        let days = last_days(self.days, sources.today(now_ms));
        let ended_ms = self.ended_ms(sources, now_ms);
        let names = names(&current, &chosen);
        let found =
            sources.history(move |reader: &Reader| Found::read(reader, &names, days, ended_ms));
        let found = found.await?;
        let undefined: Vec<String> = found.undefined.keys().cloned().collect();
        let removed_ms = definitions.past.read(move |past: &Store| {
            let removed = |name: String| Ok(past.ended_ms(&name)?.map(|ended| (name, ended)));
            let removed: Result<Vec<_>, _> = undefined.into_iter().map(removed).collect();
            Ok(removed?.into_iter().flatten().collect::<HashMap<_, _>>())
        });
        let is_whole = found.is_whole;
        let mut rows = judge(&Defined {
            current: &current,
            chosen: &chosen,
            created_ms: &created_ms,
            removed_ms: &removed_ms.await?,
            found: &found,
            shown: &|path| definitions.shown(path),
            now_ms,
        });
        rows.retain(|row| self.code.is_none_or(|code| row.code == code));
        let total = rows.len();
        let page = rows.into_iter().skip(self.offset).take(self.limit);
        let drift = Drift {
            drift: page.collect(),
            total,
            days: self.days,
            is_whole,
            seq: current.seq,
            epoch: current.epoch.clone(),
        };
        Ok((drift, View::History))
    }
}

/// The names that are defined, and whether executions may contradict what is said of them.
fn names(current: &Current, chosen: &[Chosen]) -> HashMap<String, bool> {
    let mut names = HashMap::new();
    for one in chosen
        .iter()
        .filter(|one| one.agent.scope != Scope::Library)
    {
        let config = &one.agent.definition.config;
        let says_something = config.model.is_some() || config.tools.is_some();
        let name = one.agent.run_name().to_owned();
        names
            .entry(name)
            // Of several, one may be taken for another.
            .and_modify(|is_asked| *is_asked = true)
            .or_insert(says_something);
    }
    // One of the library runs where its user gives it to a session.
    let agents = current.snapshot.registered.agents.values();
    for agent in agents.filter(|agent| agent.scope == Scope::Library) {
        names.entry(agent.run_name().to_owned()).or_insert(false);
    }
    names
}
