//! One definition.

use std::ops::Range;
use std::slice;
use std::sync::Arc;

use crate::error::Error;
use crate::report::Report;
use crate::service::Reports;
use crate::source::{Sources, View};
use crate::window::{ended_in, last_days};
use agentpulse_api::code::Code;
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, Param, Params};
use agentpulse_definitions::{self as definitions, Scope};
use agentpulse_redact::{redact, without_homes};
use agentpulse_registry::{Current, NotShown, prompt_of};

use super::agent::Agent;
use super::choice::Chosen;
use super::detail::{Health, Relationships};
use super::figures::Figures;
use super::in_background;
use super::list::{DAYS, created_of, figures_of};
use super::versions::Versions;

pub const ID: Param = Param::new(
    "id",
    "The agent_id or the run_name of a definition, at most 256 bytes of UTF-8.",
);
const BODY: Param = Param::new(
    "body",
    "Also the prompt, of a definition of the library: its file is read for it.",
);
const BY: Param = Param::new("by", "Also what was counted of each version of it.");
const CHOICES: [(&str, ()); 1] = [("version", ())];

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    id: String,
    days: i32,
    by_version: bool,
    body: bool,
}

impl Endpoint for Query {
    const PATH: &'static str = "/api/registry/agents/{id}";
    const ALSO: Option<&'static str> = Some("/registry/agents/{id}");
    const SUMMARY: &'static str = "One definition, with what was counted of it";
    const CODES: &'static [Code] = &[Code::UnknownAgent, Code::Ambiguous, Code::NoPrompt];
    type Answer = Agent;

    fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        Ok(Query {
            id: params.item_name(ID)?,
            days: params.days(DAYS)?,
            by_version: params.choice(BY, &CHOICES)?.is_some(),
            body: params.flag(BODY)?.unwrap_or(false),
        })
    }
}

impl Report for Query {
    type Built = Agent;

    /// Launches are searched in the executions of all agents.
    fn is_scan(&self) -> bool {
        true
    }

    fn ended_ms(&self, sources: &Sources, now_ms: i64) -> Range<i64> {
        ended_in(sources.zone(), last_days(self.days, sources.today(now_ms)))
    }

    fn reads_definitions(&self) -> bool {
        true
    }

    /// A prompt is in memory while it is sent.
    fn is_kept(&self) -> bool {
        !self.body
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(Agent, View), Error> {
        let definitions = &sources.definitions;
        let current = definitions.current().await;
        let one = named(sources, &current, &self.id).await?;
        let days = last_days(self.days, sources.today(now_ms));
        let known = figures_of(sources, slice::from_ref(&one), days).await?;
        let nothing = Figures::default();
        let figures = known.get(one.agent.run_name()).unwrap_or(&nothing);
        let created_ms = created_of(definitions, slice::from_ref(&one)).await?;
        let created_ms = created_ms.get(&one.agent.id).copied();
        let mut agent = Agent::of(&one, figures, created_ms, self.days, definitions);
        let ended_ms = self.ended_ms(sources, now_ms);
        agent.health = Some(Health::read(sources, &one, now_ms).await?);
        let related = Relationships::read(sources, one.agent.run_name(), ended_ms.clone());
        agent.relationships = Some(related.await?);
        if self.by_version {
            let named = (one.agent.id.as_str(), one.agent.run_name());
            agent.versions = Some(Versions::read(sources, &current, named, ended_ms).await?);
        }
        if self.body {
            agent.body = Some(body(one.agent).await?);
        }
        Ok((agent, View::History))
    }
}

async fn body(agent: Arc<definitions::Agent>) -> Result<String, Error> {
    let read = in_background(move || prompt_of(&agent)).await?;
    let text = read.map_err(|reason: NotShown| Error::NoPrompt(reason.to_string()))?;
    // As descriptions are.
    Ok(without_homes(&redact(&text)).into_owned())
}

/// A definition, for the one that changes it.
pub struct Named {
    pub agent: Arc<definitions::Agent>,
    /// Executions of it that run.
    pub running: usize,
}

impl Reports {
    /// # Errors
    /// None has this id or name, or several have it.
    pub async fn named(&self, id: &str) -> Result<Named, Error> {
        let current = self.own.definitions.current().await;
        let one = named(&self.own, &current, id).await?;
        Ok(Named {
            running: one.runs.count,
            agent: one.agent,
        })
    }

    /// What the report says of it now.
    ///
    /// # Errors
    /// There is no such definition, or no answer.
    pub async fn definition(&self, id: String) -> Result<Agent, Error> {
        let query = Query {
            id,
            days: DAYS,
            by_version: false,
            body: false,
        };
        let (agent, _) = query.fetch(&self.own, (self.now_ms)()).await?;
        Ok(agent)
    }
}

async fn named(sources: &Sources, current: &Arc<Current>, id: &str) -> Result<Chosen, Error> {
    let wanted = id.to_owned();
    let of_id = move |mut all: Vec<Chosen>| {
        all.retain(|one| one.agent.id == wanted || one.agent.run_name() == wanted);
        // A name is that of a definition that a client looks for, if there is one.
        let is_of_library = |one: &Chosen| one.agent.scope == Scope::Library;
        if !all.iter().all(is_of_library) {
            all.retain(|one| one.agent.id == wanted || !is_of_library(one));
        }
        all
    };
    let mut found = sources.choose(current, of_id).await?;
    // One that is taken in a project is meant before those that are not.
    if found.len() > 1 && sources.only().project.is_some() {
        found.retain(|one| one.is_effective);
    }
    if found.len() > 1 {
        let ids = found.iter().map(|one| one.agent.id.clone()).collect();
        return Err(Error::Ambiguous(id.to_owned(), ids));
    }
    found
        .pop()
        .ok_or_else(|| Error::UnknownAgent(id.to_owned()))
}
