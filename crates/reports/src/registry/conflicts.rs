//! What is wrong between definitions.

use std::ops::Range;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::report::Report;
use crate::source::{Sources, View};
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, LIMIT, Params};
use agentpulse_registry::Together;

use super::finding::Finding;
use super::in_background;
use super::list::OFFSET;

const MAX_ROWS: usize = 1_000;
const DEFAULT_ROWS: usize = 100;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    limit: usize,
    offset: usize,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DefinedConflicts")]
pub struct Conflicts {
    pub conflicts: Vec<Conflict>,
    /// Also of those that are on other pages.
    pub total: usize,
    /// Grows with each change of the definitions.
    pub seq: u64,
    /// Another one in each life of the daemon.
    pub epoch: String,
}

/// A finding, and the definition that has it.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DefinedConflict")]
pub struct Conflict {
    /// The project in which it was found; null for the user's own places, and for the
    /// library.
    pub project: Option<String>,
    pub agent_id: String,
    pub run_name: String,
    pub file_path: String,
    #[serde(flatten)]
    pub finding: Finding,
}

impl Endpoint for Query {
    const PATH: &'static str = "/api/registry/conflicts";
    const ALSO: Option<&'static str> = Some("/registry/conflicts");
    const SUMMARY: &'static str = "What is wrong between definitions: names that several have";
    type Answer = Conflicts;

    fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        let limit = params.number(LIMIT, 1..=MAX_ROWS, Some(DEFAULT_ROWS))?;
        let offset = params.number(OFFSET, 0..=10_000, Some(0))?;
        Ok(Query {
            limit: limit.unwrap_or(DEFAULT_ROWS),
            offset: offset.unwrap_or(0),
        })
    }
}

impl Report for Query {
    type Built = Conflicts;

    fn is_scan(&self) -> bool {
        false
    }

    fn ended_ms(&self, _: &Sources, now_ms: i64) -> Range<i64> {
        now_ms..now_ms
    }

    fn reads_definitions(&self) -> bool {
        true
    }

    async fn fetch(&self, sources: &Sources, _: i64) -> Result<(Conflicts, View), Error> {
        let definitions = &sources.definitions;
        let current = definitions.current().await;
        let together = match sources.only().project.clone() {
            None => current.together.clone(),
            Some(project) => {
                let of = current.clone();
                let of_site = move || {
                    let sites: Vec<_> = of.site(&project).into_iter().cloned().collect();
                    Together::of(&of.snapshot, &sites, &[])
                };
                Arc::new(in_background(of_site).await?)
            }
        };
        let found = &together.conflicts;
        let conflict = |found: &agentpulse_registry::Conflict| Conflict {
            project: found.project.clone(),
            agent_id: found.agent.id.clone(),
            run_name: found.agent.run_name().to_owned(),
            file_path: definitions.shown(&found.agent.path),
            finding: definitions.finding(&found.finding),
        };
        let page = found.iter().skip(self.offset).take(self.limit);
        let conflicts = Conflicts {
            conflicts: page.map(conflict).collect(),
            total: found.len(),
            seq: current.seq,
            epoch: current.epoch.clone(),
        };
        Ok((conflicts, View::History))
    }
}
