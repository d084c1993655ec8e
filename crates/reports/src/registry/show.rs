//! One definition.

use std::ops::Range;

use crate::error::Error;
use crate::report::Report;
use crate::source::{Sources, View};
use crate::window::{ended_in, last_days};
use agentpulse_api::code::Code;
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, Param, Params};

use super::agent::Agent;
use super::choice::Chosen;
use super::figures::Figures;
use super::list::{DAYS, figures_of};

const ID: Param = Param::new(
    "id",
    "The agent_id or the run_name of a definition, at most 256 bytes of UTF-8.",
);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    id: String,
    days: i32,
}

impl Endpoint for Query {
    const PATH: &'static str = "/api/registry/agents/{id}";
    const ALSO: Option<&'static str> = Some("/registry/agents/{id}");
    const SUMMARY: &'static str = "One definition, with what was counted of it";
    const CODES: &'static [Code] = &[Code::UnknownAgent, Code::Ambiguous];
    type Answer = Agent;

    fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        Ok(Query {
            id: params.item_name(ID)?,
            days: params.days(DAYS)?,
        })
    }
}

impl Report for Query {
    type Built = Agent;

    fn is_scan(&self) -> bool {
        false
    }

    fn ended_ms(&self, sources: &Sources, now_ms: i64) -> Range<i64> {
        ended_in(sources.zone(), last_days(self.days, sources.today(now_ms)))
    }

    fn reads_definitions(&self) -> bool {
        true
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(Agent, View), Error> {
        let definitions = &sources.definitions;
        let current = definitions.current().await;
        let id = self.id.clone();
        let named = move |mut all: Vec<Chosen>| {
            all.retain(|one| one.agent.id == id || one.agent.run_name() == id);
            all
        };
        let mut found = sources.choose(&current, named).await?;
        // One that is taken in a project is meant before those that are not.
        if found.len() > 1 && sources.only().project.is_some() {
            found.retain(|one| one.is_effective);
        }
        if found.len() > 1 {
            let ids = found.iter().map(|one| one.agent.id.clone()).collect();
            return Err(Error::Ambiguous(self.id.clone(), ids));
        }
        let Some(one) = found.first() else {
            return Err(Error::UnknownAgent(self.id.clone()));
        };
        let days = last_days(self.days, sources.today(now_ms));
        let known = figures_of(sources, &found, days).await?;
        let nothing = Figures::default();
        let figures = known.get(one.agent.run_name()).unwrap_or(&nothing);
        let agent = Agent::of(one, figures, self.days, definitions);
        Ok((agent, View::History))
    }
}
