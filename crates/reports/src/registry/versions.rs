//! What was counted of each version of a definition: what a change of it did.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::Error;
use crate::interval::interval;
use crate::source::Sources;
use agentpulse_core::bucket::rfc3339;
use agentpulse_core::execution::Execution;
use agentpulse_core::sketch::Sketch;
use agentpulse_core::tally::{Tally, dollars, rounded_mean};
use agentpulse_definitions::Scope;
use agentpulse_registry::Current;
use agentpulse_store::history::Reader;
use agentpulse_store::registry;

/// Executions of one answer: some 100 ms. Of more the newest count, and the answer says so.
const MAX_EXECUTIONS: usize = 10_000;
/// The newest.
const MAX_VERSIONS: usize = 50;
/// A client reads a changed definition within seconds.
const UNSETTLED_MS: i64 = 5_000;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DefinedVersions")]
pub struct Versions {
    /// The newest first, at most 50. An execution counts for the version that was in force in its
    /// project when it started.
    pub versions: Vec<Version>,
    /// Executions that started within 5 s of a change: which version they had is not known.
    pub unsettled: i64,
    /// Executions of the name that had another definition, or of which it is not known: those
    /// without a project where several have the name, and those of before the first version.
    pub others: i64,
    /// Whether these are all executions of the days: of more than 10,000 the newest count.
    pub is_whole: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "DefinedVersion")]
pub struct Version {
    pub version: String,
    #[schemars(extend("format" = "date-time"))]
    pub from: String,
    /// Null: it is still in force.
    #[schemars(extend("format" = "date-time"))]
    pub until: Option<String>,
    /// The fields that are not as in the version before it; `body` is the prompt.
    pub changed: Vec<String>,
    /// Of the prompt; estimated by its length.
    pub prompt_tokens: u64,
    pub executions: i64,
    /// 0..1 with four decimals; null without an execution.
    pub success_rate: Option<f64>,
    /// The ends of the 90 % Wilson interval of the success rate: where those of two versions do not
    /// overlap, it is hardly by chance.
    pub success_rate_low: f64,
    pub success_rate_high: f64,
    pub failure_count: i64,
    pub timeout_count: i64,
    /// Within 1 %; null if no duration is known.
    pub p50_duration_ms: Option<u64>,
    /// Within 1 %; null if no duration is known.
    pub p95_duration_ms: Option<u64>,
    pub total_tokens: i64,
    /// The mean; null without an execution.
    pub tokens_per_execution: Option<i64>,
    /// Dollars, of those executions whose cost is known.
    pub estimated_cost: f64,
    /// Executions with tokens of a model whose price is not known.
    pub unpriced_count: i64,
}

impl Versions {
    /// Of the definition with this id and name, and of executions that ended in this time.
    pub(super) async fn read(
        sources: &Sources,
        current: &Current,
        (id, run_name): (&str, &str),
        ended_ms: Range<i64>,
    ) -> Result<Versions, Error> {
        let name = run_name.to_owned();
        let recorded = sources
            .definitions
            .past
            .read(move |past| past.versions(&name));
        let mut counts = Counts::new(Order::of(current, run_name), id, recorded.await?);
        let name = run_name.to_owned();
        sources
            .history(move |reader: &Reader| {
                let count = |execution: &Execution| counts.add(execution);
                reader.each_of_agent(&name, ended_ms, MAX_EXECUTIONS, count)?;
                Ok(counts.versions())
            })
            .await
    }
}

/// Whose the executions of a name are.
struct Order {
    /// The ids of its definitions in each known project, in the order in which a client takes them.
    projects: HashMap<String, Vec<String>>,
    /// Those of the library, which have what is no other's.
    library: HashSet<String>,
}

impl Order {
    fn of(current: &Current, run_name: &str) -> Order {
        let sites = current.sites.iter();
        let known = sites.filter_map(|site| Some((site.project.clone()?, site.ids(run_name))));
        let library = current.library.iter().map(|root| root.agent_id(run_name));
        let agents = current.snapshot.registered.agents.values();
        let twins = agents
            .filter(|agent| agent.scope == Scope::Library && agent.run_name() == run_name)
            .map(|agent| agent.id.clone());
        Order {
            projects: known.collect(),
            library: library.chain(twins).collect(),
        }
    }
}

struct Counts {
    order: Order,
    id: String,
    /// Of all definitions of the name, the oldest first.
    recorded: Vec<registry::Version>,
    figures: Vec<(Tally, Sketch)>,
    unsettled: i64,
    others: i64,
    read: usize,
}

impl Counts {
    fn new(order: Order, id: &str, recorded: Vec<registry::Version>) -> Counts {
        Counts {
            order,
            id: id.to_owned(),
            figures: vec![Default::default(); recorded.len()],
            recorded,
            unsettled: 0,
            others: 0,
            read: 0,
        }
    }

    fn add(&mut self, execution: &Execution) {
        let (Some(contribution), Some(started_ms)) =
            (execution.contribution(), execution.started_ms())
        else {
            return;
        };
        self.read += 1;
        let version = self.version_at(started_ms, contribution.project);
        match version.filter(|&at| self.recorded[at].agent_id == self.id) {
            None => self.others += 1,
            Some(at) if self.is_unsettled(at, started_ms) => self.unsettled += 1,
            Some(at) => {
                let (tally, sketch) = &mut self.figures[at];
                *tally += contribution.tally;
                if let Some(ms) = contribution.duration_ms {
                    sketch.add(ms, 1);
                }
            }
        }
    }

    /// The place of the version that a client had in this project at that moment.
    fn version_at(&self, at_ms: i64, project: Option<&str>) -> Option<usize> {
        let is_then = |one: &registry::Version| {
            one.from_ms <= at_ms && one.until_ms.is_none_or(|until| at_ms < until)
        };
        let then = self
            .recorded
            .iter()
            .enumerate()
            .filter(|(_, one)| is_then(one));
        let then: Vec<_> = then.collect();
        let of_library = |one: &registry::Version| self.order.library.contains(&one.agent_id);
        let (library, others): (Vec<_>, Vec<_>) =
            then.into_iter().partition(|(_, one)| of_library(one));
        match project.and_then(|project| self.order.projects.get(project)) {
            Some(ids) => ids.iter().find_map(|id| {
                let of_id = others.iter().find(|(_, one)| one.agent_id == *id);
                of_id.map(|(at, _)| *at)
            }),
            None => only(&others),
        }
        .or_else(|| only(&library).filter(|_| others.is_empty()))
    }

    /// Where one version follows another, a client may still have the one before.
    fn is_unsettled(&self, at: usize, started_ms: i64) -> bool {
        let one = &self.recorded[at];
        let mut own = self
            .recorded
            .iter()
            .filter(|other| other.agent_id == one.agent_id);
        let follows = own.any(|other| other.until_ms == Some(one.from_ms));
        let is_new = started_ms < one.from_ms + UNSETTLED_MS;
        let is_old = one
            .until_ms
            .is_some_and(|until| started_ms >= until - UNSETTLED_MS);
        (follows && is_new) || is_old
    }

    fn versions(self) -> Versions {
        let own = self.recorded.iter().zip(&self.figures);
        let own = own.filter(|(recorded, _)| recorded.agent_id == self.id);
        let mut versions = Vec::new();
        let mut before = None;
        for (recorded, figures) in own {
            let config = serde_json::from_str(&recorded.config).unwrap_or(Value::Null);
            let changed = before.as_ref().map(|before| changed(before, &config));
            versions.push(version(
                recorded,
                &config,
                changed.unwrap_or_default(),
                figures,
            ));
            before = Some(config);
        }
        versions.reverse();
        versions.truncate(MAX_VERSIONS);
        Versions {
            versions,
            unsettled: self.unsettled,
            others: self.others,
            is_whole: self.read < MAX_EXECUTIONS,
        }
    }
}

fn only(versions: &[(usize, &registry::Version)]) -> Option<usize> {
    match versions {
        [(at, _)] => Some(*at),
        _ => None,
    }
}

fn version(
    recorded: &registry::Version,
    definition: &Value,
    changed: Vec<String>,
    (tally, sketch): &(Tally, Sketch),
) -> Version {
    let count = tally.execution_count;
    let (low, high) = interval(tally.success_count, count);
    Version {
        version: recorded.version.clone(),
        from: rfc3339(recorded.from_ms),
        until: recorded.until_ms.map(rfc3339),
        changed,
        prompt_tokens: definition["body"]["tokens"].as_u64().unwrap_or(0),
        executions: count,
        success_rate: (count > 0).then(|| tally.success_rate()),
        success_rate_low: low,
        success_rate_high: high,
        failure_count: tally.failure_count,
        timeout_count: tally.timeout_count,
        p50_duration_ms: sketch.quantile_ms(0.5),
        p95_duration_ms: sketch.quantile_ms(0.95),
        total_tokens: tally.total_tokens,
        tokens_per_execution: (count > 0).then(|| rounded_mean(tally.total_tokens, count)),
        estimated_cost: dollars(tally.cost_micros),
        unpriced_count: tally.unpriced_count,
    }
}

/// The names of what differs: of the description, the fields of the frontmatter, the prompt.
fn changed(before: &Value, after: &Value) -> Vec<String> {
    let nothing = Map::new();
    let fields = |of: &Value| of["config"].as_object().cloned();
    let (old, new) = (fields(before), fields(after));
    let (old, new) = (
        old.as_ref().unwrap_or(&nothing),
        new.as_ref().unwrap_or(&nothing),
    );
    let differs = |name: &&str| before[*name] != after[*name];
    let mut changed: Vec<String> = ["description"]
        .into_iter()
        .filter(differs)
        .map(str::to_owned)
        .collect();
    changed.extend(
        new.iter()
            .filter(|(name, value)| old.get(*name) != Some(value))
            .map(|(name, _)| name.clone()),
    );
    changed.extend(["body"].into_iter().filter(differs).map(str::to_owned));
    changed
}

#[cfg(test)]
mod tests;
