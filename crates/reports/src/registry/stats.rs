//! How many definitions there are, what is wrong with them, and how they are watched.

use std::collections::BTreeMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::report::Report;
use crate::source::{Sources, View};
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, Params};
use agentpulse_core::bucket::rfc3339;
use agentpulse_registry::Current;

use super::Definitions;
use super::choice::{Chosen, Status};
use super::finding::severity;

const MAX_UNREADABLE: usize = 16;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DefinedStats")]
pub struct Stats {
    pub agent_counts: Counts,
    pub findings: Findings,
    /// Findings between definitions.
    pub conflicts: usize,
    /// Files that define no agent, and were read as well.
    pub other_files: usize,
    /// What a client has there: the user's own places first, without a name. Without
    /// `privacy.projects` no project has one.
    pub projects: Vec<Project>,
    pub watch: Watch,
    /// Grows with each change of the definitions.
    pub seq: u64,
    /// Another one in each life of the daemon.
    pub epoch: String,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DefinedCounts")]
pub struct Counts {
    pub total: usize,
    pub active: usize,
    pub idle: usize,
    pub error: usize,
    pub maintenance: usize,
    /// That may not be as they are shown, as their folder cannot be read.
    pub stale: usize,
    pub by_scope: BTreeMap<String, usize>,
}

/// Of all files.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DefinedFindings")]
pub struct Findings {
    pub error: usize,
    pub warning: usize,
    pub hint: usize,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DefinedProject")]
pub struct Project {
    pub project: Option<String>,
    pub agents: usize,
    /// What every session there pays for the descriptions; estimated by their length.
    pub description_tokens: usize,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DefinedWatch")]
pub struct Watch {
    /// `watch` where the system reports each change, else `poll`.
    #[schemars(extend("enum" = ["watch", "poll"]))]
    pub mode: String,
    /// Places that were scanned, also those in which there is nothing.
    pub places: usize,
    /// When the last scan began; null before the first has ended.
    #[schemars(extend("format" = "date-time"))]
    pub last_scan: Option<String>,
    pub scan_ms: u64,
    /// The next scan takes longer than 30 s: a disk does not answer.
    pub is_late: bool,
    /// There are more files than are read.
    pub is_cut: bool,
    /// Folders that cannot be read, at most 16 of them.
    pub unreadable: Vec<String>,
}

impl Endpoint for Query {
    const PATH: &'static str = "/api/registry/stats";
    const ALSO: Option<&'static str> = Some("/registry/stats");
    const SUMMARY: &'static str = "How many definitions there are, and what is wrong with them";
    type Answer = Stats;

    fn parse(_: &Params) -> Result<Query, InvalidParameter> {
        Ok(Query {})
    }
}

impl Report for Query {
    type Built = Stats;

    fn is_scan(&self) -> bool {
        false
    }

    fn ended_ms(&self, _: &Sources, now_ms: i64) -> Range<i64> {
        now_ms..now_ms
    }

    fn reads_definitions(&self) -> bool {
        true
    }

    async fn fetch(&self, sources: &Sources, _: i64) -> Result<(Stats, View), Error> {
        let definitions = &sources.definitions;
        let current = definitions.current().await;
        let (of, definitions) = (current.clone(), definitions.clone());
        let built = move |all: Vec<Chosen>| build(&of, &all, &definitions);
        Ok((sources.choose(&current, built).await?, View::History))
    }
}

fn build(current: &Current, all: &[Chosen], definitions: &Definitions) -> Stats {
    let files = &current.snapshot.files;
    let mut findings = Findings::default();
    for finding in files.iter().flat_map(|file| file.findings()) {
        match severity(finding.severity) {
            "error" => findings.error += 1,
            "warning" => findings.warning += 1,
            _ => findings.hint += 1,
        }
    }
    let last = &current.last_scan;
    let unreadable = current.snapshot.unreadable.iter().take(MAX_UNREADABLE);
    Stats {
        agent_counts: counts(all),
        findings,
        conflicts: current.together.conflicts.len(),
        other_files: files
            .len()
            .saturating_sub(current.snapshot.registered.agents.len()),
        projects: projects(current),
        watch: Watch {
            mode: match last.is_watched {
                true => "watch",
                false => "poll",
            }
            .to_owned(),
            places: current.snapshot.registered.roots.len(),
            last_scan: last.began_ms.map(rfc3339),
            scan_ms: last.took.as_millis() as u64,
            is_late: last.is_late,
            is_cut: current.snapshot.is_cut,
            unreadable: unreadable.map(|path| definitions.shown(path)).collect(),
        },
        seq: current.seq,
        epoch: current.epoch.clone(),
    }
}

fn counts(all: &[Chosen]) -> Counts {
    let mut counts = Counts {
        total: all.len(),
        ..Counts::default()
    };
    for one in all {
        let of_status = match one.status {
            Status::Active => &mut counts.active,
            Status::Idle => &mut counts.idle,
            Status::Error => &mut counts.error,
            Status::Maintenance => &mut counts.maintenance,
        };
        *of_status += 1;
        counts.stale += usize::from(one.agent.stale_since_ms.is_some());
        let scope = one.agent.scope.name().to_owned();
        *counts.by_scope.entry(scope).or_default() += 1;
    }
    counts
}

fn projects(current: &Current) -> Vec<Project> {
    let project = |site: &agentpulse_registry::Site| {
        let members = current.members(site).into_iter();
        let taken: Vec<_> = members.filter(|member| member.lost_to.is_none()).collect();
        let tokens =
            |member: &agentpulse_registry::Member<'_>| member.agent.definition.description_tokens;
        Project {
            project: site.project.clone(),
            agents: taken.len(),
            description_tokens: taken.iter().map(tokens).sum(),
        }
    };
    current.sites.iter().map(project).collect()
}
