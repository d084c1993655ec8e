//! The definitions of agents, page by page.

use std::collections::{BTreeSet, HashMap};
use std::ops::{Range, RangeInclusive};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answer::MAX_ANSWER_BYTES;
use crate::error::Error;
use crate::report::Report;
use crate::source::{Sources, View};
use crate::window::{ended_in, last_days};
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, LIMIT, Param, Params};
use agentpulse_core::bucket::Day;
use agentpulse_core::json::json_bytes;
use agentpulse_definitions::Scope;
use agentpulse_store::history::Reader;
use agentpulse_store::registry::Store;

use super::agent::Agent;
use super::choice::{Chosen, Status};
use super::figures::{Figures, figures};
use super::rank::{Filter, Sort};
use super::{Definitions, in_background};

const LIMITS: RangeInclusive<usize> = 1..=500;
const DEFAULT_LIMIT: usize = 100;
/// As many definitions as are read.
const MAX_OFFSET: usize = 20_000;
const MAX_PRIORITY: i64 = 1_000_000;
pub const DAYS: i32 = 30;

const STATUS: Param = Param::new("status", "How an agent is.");
const PRIORITY: Param = Param::new("priority", "The least value of the field `priority`.");
const TOOLS: Param = Param::new(
    "tools",
    "Tools that it may use, separated by commas: all of them.",
);
const WORDS: Param = Param::new("q", "Words in its name or its description: all of them.");
const SCOPE: Param = Param::new("scope", "The kind of place that its definition is in.");
const TYPE: Param = Param::new("type", "A type of agents.");
const SORT: Param = Param::new("sort", "The order; without it that of the names.");
pub const OFFSET: Param = Param::new("offset", "How many to leave out before.");
pub const SCOPES: [(&str, Scope); 5] = [
    ("managed", Scope::Managed),
    ("project", Scope::Project),
    ("user", Scope::User),
    ("plugin", Scope::Plugin),
    ("library", Scope::Library),
];

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    filter: Filter,
    days: i32,
    sort: Sort,
    limit: usize,
    offset: usize,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DefinedAgents")]
pub struct Agents {
    /// Fewer than `limit` where they have more than 4 MiB; the next ones are behind so many.
    pub agents: Vec<Agent>,
    /// Also of those that are on other pages.
    pub total: usize,
    /// Grows with each change of the definitions.
    pub seq: u64,
    /// Another one in each life of the daemon.
    pub epoch: String,
}

impl Endpoint for Query {
    const PATH: &'static str = "/api/registry/agents";
    const ALSO: Option<&'static str> = Some("/registry/agents");
    const SUMMARY: &'static str = "The definitions of agents, with what was counted of each";
    type Answer = Agents;

    fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        let status = params.choice(STATUS, &Status::CHOICES)?;
        let priority = params.number(PRIORITY, 0..=MAX_PRIORITY, None)?;
        let tools = params.name(TOOLS)?.unwrap_or_default();
        let limit = params.number(LIMIT, LIMITS, Some(DEFAULT_LIMIT))?;
        let offset = params.number(OFFSET, 0..=MAX_OFFSET, Some(0))?;
        let words = params.name(WORDS)?.unwrap_or_default();
        let filter = Filter {
            status,
            priority,
            tools: listed(&tools, ','),
            words: listed(&words.to_lowercase(), ' '),
            scope: params.choice(SCOPE, &SCOPES)?,
            agent_type: params.name(TYPE)?,
            names: None,
        };
        Ok(Query {
            filter,
            sort: params.choice(SORT, &Sort::CHOICES)?.unwrap_or_default(),
            days: params.days(DAYS)?,
            limit: limit.unwrap_or(DEFAULT_LIMIT),
            offset: offset.unwrap_or(0),
        })
    }
}

fn listed(text: &str, separator: char) -> Vec<String> {
    let words = text.split(separator).map(str::trim);
    words
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

impl Query {
    /// All definitions whose executions have one of these names.
    pub(crate) fn of_names(names: BTreeSet<String>) -> Query {
        Query {
            filter: Filter {
                names: Some(names),
                ..Filter::default()
            },
            days: DAYS,
            sort: Sort::Name,
            limit: *LIMITS.end(),
            offset: 0,
        }
    }
}

impl Report for Query {
    type Built = Agents;

    /// Rows of a page are looked up; an order by numbers needs those of all agents.
    fn is_scan(&self) -> bool {
        self.sort != Sort::Name
    }

    fn ended_ms(&self, sources: &Sources, now_ms: i64) -> Range<i64> {
        ended_in(sources.zone(), last_days(self.days, sources.today(now_ms)))
    }

    fn reads_definitions(&self) -> bool {
        true
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(Agents, View), Error> {
        let definitions = &sources.definitions;
        let current = definitions.current().await;
        let settings = definitions.settings.borrow().clone();
        let (filter, sort) = (self.filter.clone(), self.sort);
        let filtered = move |mut all: Vec<Chosen>| {
            all.retain(|one| filter.takes(one, &settings.catalog.types));
            all
        };
        let all = sources.choose(&current, filtered).await?;
        let total = all.len();
        let days = last_days(self.days, sources.today(now_ms));
        let mut known = HashMap::new();
        if sort != Sort::Name {
            known = figures_of(sources, &all, days).await?;
        }
        let (offset, limit) = (self.offset, self.limit);
        let cut = move || {
            let mut all = all;
            sort.sort(&mut all, &known);
            let page: Vec<Chosen> = all.into_iter().skip(offset).take(limit).collect();
            (page, known)
        };
        let (page, mut known) = in_background(cut).await?;
        if sort == Sort::Name {
            known = figures_of(sources, &page, days).await?;
        }
        let created_ms = created_of(definitions, &page).await?;
        let nothing = Figures::default();
        let agent = |one: &Chosen| {
            let known = known
                .get(one.agent.run_name())
                .filter(|_| one.has_figures());
            let created_ms = created_ms.get(&one.agent.id).copied();
            let figures = known.unwrap_or(&nothing);
            Agent::of(one, figures, created_ms, self.days, definitions)
        };
        let mut room = MAX_ANSWER_BYTES;
        let fits = |agent: &Agent| {
            room = room.saturating_sub(json_bytes(agent));
            room > 0
        };
        let agents = Agents {
            agents: page.iter().map(agent).take_while(fits).collect(),
            total,
            seq: current.seq,
            epoch: current.epoch.clone(),
        };
        Ok((agents, View::History))
    }
}

/// By their ids.
pub async fn created_of(
    definitions: &Definitions,
    chosen: &[Chosen],
) -> Result<HashMap<String, i64>, Error> {
    let ids: Vec<String> = chosen.iter().map(|one| one.agent.id.clone()).collect();
    let created = move |past: &Store| past.created_ms(ids.iter().map(String::as_str));
    definitions.past.read(created).await
}

/// By their names.
pub async fn figures_of(
    sources: &Sources,
    chosen: &[Chosen],
    days: (Day, Day),
) -> Result<HashMap<String, Figures>, Error> {
    let named = chosen.iter().filter(|one| one.has_figures());
    let names: Vec<String> = named.map(|one| one.agent.run_name().to_owned()).collect();
    let is_all = sources.only().is_all();
    sources
        .history(move |reader: &Reader| figures(reader, is_all, &names, days))
        .await
}
