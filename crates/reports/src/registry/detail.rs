//! What is known of one definition beside its file and its sums: how it does, and which agents it
//! works with.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::source::Sources;
use agentpulse_core::execution::{Execution, Status};
use agentpulse_store::history::Reader;

use super::choice::Chosen;

/// The last ends that say how it does.
const RECENT: usize = 5;
/// Executions of all agents that are searched for launches: some 150 ms.
const MAX_EXECUTIONS: usize = 20_000;
/// Of each list, those with most launches.
const MAX_RELATED: usize = 50;
/// Of what runs, the oldest: they are nearest to their ends.
const MAX_RUNNING: usize = 1_000;
/// A heartbeat is late in the last so-many-eth of its time.
const LATE_SHARE: i64 = 5;

/// Four checks of what can be known from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DefinedHealth")]
pub struct Health {
    /// `stale`: its folder cannot be read.
    #[schemars(extend("enum" = ["ok", "stale"]))]
    pub file: String,
    /// `error`: the client does not load it, or does not launch it.
    #[schemars(extend("enum" = ["ok", "error"]))]
    pub loadable: String,
    /// `failing`: none of its last five executions succeeded; `unknown`: it has none.
    #[schemars(extend("enum" = ["ok", "failing", "unknown"]))]
    pub recent: String,
    /// `silent`: one that runs had no heartbeat for most of its time; `idle`: none runs.
    #[schemars(extend("enum" = ["ok", "silent", "idle"]))]
    pub alive: String,
}

/// By the executions that ended in the days.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DefinedRelationships")]
pub struct Relationships {
    /// Agents that launched it, those that did so most first; at most 50.
    pub parents: Vec<Related>,
    /// Agents that it launched.
    pub children: Vec<Related>,
    /// Whether all executions were searched: of more than 20,000 the newest.
    pub is_whole: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RelatedAgent")]
pub struct Related {
    pub name: String,
    pub launches: i64,
}

impl Health {
    pub(super) async fn read(
        sources: &Sources,
        one: &Chosen,
        now_ms: i64,
    ) -> Result<Health, Error> {
        let name = one.agent.run_name().to_owned();
        let last = sources.history(move |reader: &Reader| {
            let mut last = Vec::new();
            let add = |one: &Execution| last.extend(one.outcome().map(|ended| ended.status));
            reader.each_of_agent(&name, 0..i64::MAX, RECENT, add)?;
            Ok(last)
        });
        let last = last.await?;
        let word = |word: &str| word.to_owned();
        Ok(Health {
            file: word(match one.agent.stale_since_ms {
                None => "ok",
                Some(_) => "stale",
            }),
            loadable: word(match one.is_loadable() {
                true => "ok",
                false => "error",
            }),
            recent: word(match last.as_slice() {
                [] => "unknown",
                last if last.contains(&Status::Success) => "ok",
                _ => "failing",
            }),
            alive: word(alive(sources, one, now_ms)),
        })
    }
}

fn alive(sources: &Sources, one: &Chosen, now_ms: i64) -> &'static str {
    if one.runs.count == 0 {
        return "idle";
    }
    let (running, _) = sources.running.page(sources.only(), None, MAX_RUNNING);
    let own = running
        .iter()
        .filter(|run| run.known.agent_name == one.agent.run_name());
    let is_late = |run: &agentpulse_pipeline::running::RunSnapshot| {
        let heartbeat = &run.heartbeat;
        let time_ms = heartbeat.deadline_ms - heartbeat.last_sign_ms;
        heartbeat.deadline_ms - now_ms < time_ms / LATE_SHARE
    };
    match own.into_iter().any(is_late) {
        true => "silent",
        false => "ok",
    }
}

impl Relationships {
    pub(super) async fn read(
        sources: &Sources,
        run_name: &str,
        ended_ms: Range<i64>,
    ) -> Result<Relationships, Error> {
        let run_name = run_name.to_owned();
        let ask = move |reader: &Reader| {
            let launched = reader.launched(ended_ms, MAX_EXECUTIONS)?;
            let ids = launched.iter().filter_map(|one| one.parent_id.as_deref());
            let names = reader.agent_names(ids.collect::<BTreeSet<&str>>())?;
            let (mut parents, mut children) = (BTreeMap::new(), BTreeMap::new());
            for one in &launched {
                let parent = one.parent_id.as_deref().and_then(|id| names.get(id));
                let Some(parent) = parent else { continue };
                if one.agent_name == run_name {
                    *parents.entry(parent.as_str()).or_default() += 1;
                }
                if *parent == run_name {
                    *children.entry(one.agent_name.as_str()).or_default() += 1;
                }
            }
            Ok(Relationships {
                parents: most(parents),
                children: most(children),
                is_whole: launched.len() < MAX_EXECUTIONS,
            })
        };
        sources.history(ask).await
    }
}

fn most(counts: BTreeMap<&str, i64>) -> Vec<Related> {
    let related = |(name, launches): (&str, i64)| Related {
        name: name.to_owned(),
        launches,
    };
    let mut all: Vec<Related> = counts.into_iter().map(related).collect();
    all.sort_by_key(|one| std::cmp::Reverse(one.launches));
    all.truncate(MAX_RELATED);
    all
}
