//! Which agents launch which, and which work in the same sessions.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::report::Report;
use crate::source::{Sources, View};
use crate::window::{ended_in, last_days};
use crate::zoned::Zoned;
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, Params};
use agentpulse_core::bucket::rfc3339;
use agentpulse_core::execution::Status;
use agentpulse_core::sketch::Sketch;
use agentpulse_core::sum::add;
use agentpulse_core::tally::{dollars, ratio};
use agentpulse_store::history::{Launched, Reader};

/// Executions of one answer: some 150 ms. Of more the newest count, and the answer says since when.
const MAX_EXECUTIONS: usize = 20_000;
/// Agents, launches from one to another, and pairs, each.
const MAX_ROWS: usize = 500;
/// Agents of one session that are paired.
const MAX_OF_SESSION: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    days: i32,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Network {
    /// Those with most executions first.
    pub nodes: Vec<Node>,
    /// Those with most launches first.
    pub edges: Vec<Edge>,
    /// Those with most sessions first.
    pub together: Vec<Together>,
    /// Rows beyond the 500 of each list.
    pub omitted: Omitted,
    /// Executions whose parent is not known any more.
    pub unknown_parents: i64,
    /// It is of the executions that ended since then.
    #[schemars(extend("format" = "date-time"))]
    pub since: String,
    /// Whether these are all of the days: of more than 20,000 executions the newest count.
    pub is_whole: bool,
    #[serde(flatten)]
    pub zoned: Zoned,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "NodeOfNetwork")]
pub struct Node {
    pub agent_name: String,
    pub executions: i64,
    pub success_rate: f64,
    pub total_tokens: i64,
    pub estimated_cost: f64,
}

/// Executions of `child` that executions of `parent` launched.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "EdgeOfNetwork")]
pub struct Edge {
    pub parent: String,
    pub child: String,
    pub launches: i64,
    pub success_rate: f64,
    /// Within 1 %; null if no duration is known.
    pub p50_duration_ms: Option<u64>,
}

/// Two agents, in the order of their names, that ran in the same sessions.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "AgentsTogether")]
pub struct Together {
    pub first: String,
    pub second: String,
    pub sessions: i64,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "OmittedOfNetwork")]
pub struct Omitted {
    pub nodes: usize,
    pub edges: usize,
    pub together: usize,
}

impl Endpoint for Query {
    const PATH: &'static str = "/api/agents/network";
    const SUMMARY: &'static str = "Which agents launch which, and which work in the same sessions";
    type Answer = Network;

    fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        let days = params.days(7)?;
        Ok(Query { days })
    }
}

impl Report for Query {
    type Built = Network;

    fn is_scan(&self) -> bool {
        true
    }

    fn ended_ms(&self, _: &Sources, _now_ms: i64) -> Range<i64> {
        // It reads no rollups.
        0..0
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(Network, View), Error> {
        let days = last_days(self.days, sources.today(now_ms));
        let ended_ms = ended_in(sources.zone(), days);
        let zoned = sources.zoned(now_ms);
        let ask = move |reader: &Reader| {
            let since_ms = ended_ms.start;
            let launched = reader.launched(ended_ms, MAX_EXECUTIONS)?;
            let parents = launched.iter().filter_map(|one| one.parent_id.as_deref());
            let names = reader.agent_names(parents.collect::<BTreeSet<&str>>())?;
            Ok(build(&launched, &names, since_ms, zoned))
        };
        Ok((sources.history(ask).await?, View::History))
    }
}

/// What executions come to.
#[derive(Default)]
struct Sum {
    executions: i64,
    successes: i64,
    total_tokens: i64,
    cost_micros: i64,
    durations: Sketch,
}

impl Sum {
    fn add(&mut self, one: &Launched) {
        self.executions += 1;
        self.successes += i64::from(one.status == Some(Status::Success));
        add(&mut self.total_tokens, one.total_tokens);
        add(&mut self.cost_micros, one.cost_micros);
        if let Some(duration_ms) = one.duration_ms {
            self.durations.add(duration_ms, 1);
        }
    }

    fn success_rate(&self) -> f64 {
        ratio(self.successes, self.executions)
    }
}

/// The executions are the newest end first; `names` are those of their parents.
fn build(
    launched: &[Launched],
    names: &HashMap<&str, String>,
    since_ms: i64,
    zoned: Zoned,
) -> Network {
    let (mut nodes, mut edges) = (BTreeMap::<&str, Sum>::new(), BTreeMap::new());
    let (mut sessions, mut unknown_parents) = (BTreeMap::<&str, BTreeSet<&str>>::new(), 0);
    for one in launched {
        nodes.entry(&one.agent_name).or_default().add(one);
        if let Some(session_id) = &one.session_id {
            let agents = sessions.entry(session_id).or_default();
            agents.insert(&one.agent_name);
        }
        let Some(parent_id) = one.parent_id.as_deref() else {
            continue;
        };
        match names.get(parent_id) {
            None => unknown_parents += 1,
            Some(parent) => {
                let edge = edges.entry((parent.as_str(), one.agent_name.as_str()));
                edge.or_insert_with(Sum::default).add(one);
            }
        }
    }
    let mut pairs: BTreeMap<(&str, &str), i64> = BTreeMap::new();
    for agents in sessions.into_values() {
        let agents: Vec<&str> = agents.into_iter().take(MAX_OF_SESSION).collect();
        for (i, first) in agents.iter().enumerate() {
            for second in &agents[i + 1..] {
                *pairs.entry((first, second)).or_default() += 1;
            }
        }
    }
    let node = |(agent_name, sum): (&str, Sum)| Node {
        agent_name: agent_name.to_owned(),
        executions: sum.executions,
        success_rate: sum.success_rate(),
        total_tokens: sum.total_tokens,
        estimated_cost: dollars(sum.cost_micros),
    };
    let edge = |((parent, child), sum): ((&str, &str), Sum)| Edge {
        parent: parent.to_owned(),
        child: child.to_owned(),
        launches: sum.executions,
        success_rate: sum.success_rate(),
        p50_duration_ms: sum.durations.quantile_ms(0.5),
    };
    let pair = |((first, second), sessions): ((&str, &str), i64)| Together {
        first: first.to_owned(),
        second: second.to_owned(),
        sessions,
    };
    let is_whole = launched.len() < MAX_EXECUTIONS;
    let oldest_ms = launched.last().map(|one| one.ended_ms);
    let (nodes, more_nodes) = most(nodes.into_iter().map(node), |node| node.executions);
    let (edges, more_edges) = most(edges.into_iter().map(edge), |edge| edge.launches);
    let (together, more_pairs) = most(pairs.into_iter().map(pair), |pair| pair.sessions);
    Network {
        nodes,
        edges,
        together,
        omitted: Omitted {
            nodes: more_nodes,
            edges: more_edges,
            together: more_pairs,
        },
        unknown_parents,
        since: rfc3339(oldest_ms.filter(|_| !is_whole).unwrap_or(since_ms)),
        is_whole,
        zoned,
    }
}

/// The largest first, by name where two are equal, and how many are left out.
fn most<T>(rows: impl Iterator<Item = T>, count: impl Fn(&T) -> i64) -> (Vec<T>, usize) {
    let mut rows: Vec<T> = rows.collect();
    rows.sort_by_key(|row| Reverse(count(row)));
    let omitted = rows.len().saturating_sub(MAX_ROWS);
    rows.truncate(MAX_ROWS);
    (rows, omitted)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn one(id: i64, agent_name: &str, session_id: &str, parent_id: Option<&str>) -> Launched {
        Launched {
            agent_name: agent_name.to_owned(),
            ended_ms: id * 1_000,
            status: Some(match id % 2 {
                0 => Status::Success,
                _ => Status::Failure,
            }),
            duration_ms: Some(10 * id as u64),
            session_id: Some(session_id.to_owned()),
            total_tokens: 100,
            cost_micros: 500_000,
            parent_id: parent_id.map(str::to_owned),
        }
    }

    #[test]
    fn launches_and_sessions_are_counted_by_agents() {
        let launched = [
            one(8, "coder", "s2", None),
            one(6, "tester", "s1", Some("run-1")),
            one(5, "tester", "s1", Some("run-3")),
            one(4, "tester", "s1", Some("gone")),
            one(3, "coder", "s1", Some("still-runs")),
        ];
        let names = [
            ("run-1", "coder"),
            ("run-3", "coder"),
            ("still-runs", "main"),
        ];
        let names = HashMap::from(names.map(|(id, name)| (id, name.to_owned())));
        let network = build(&launched, &names, 0, Zoned::utc());
        let expect = json!({
            "nodes": [
                {
                    "agent_name": "tester", "executions": 3, "success_rate": 0.6667,
                    "total_tokens": 300, "estimated_cost": 1.5,
                },
                {
                    "agent_name": "coder", "executions": 2, "success_rate": 0.5,
                    "total_tokens": 200, "estimated_cost": 1.0,
                },
            ],
            "edges": [
                {
                    "parent": "coder", "child": "tester", "launches": 2, "success_rate": 0.5,
                    "p50_duration_ms": 50,
                },
                {
                    "parent": "main", "child": "coder", "launches": 1, "success_rate": 0.0,
                    "p50_duration_ms": 30,
                },
            ],
            "together": [{"first": "coder", "second": "tester", "sessions": 1}],
            "omitted": {"nodes": 0, "edges": 0, "together": 0}, "unknown_parents": 1,
            "since": "1970-01-01T00:00:00.000Z", "is_whole": true,
            "today": "1970-01-01", "time_zone": "UTC", "time_zone_since": null,
        });
        assert_eq!(serde_json::to_value(network).unwrap(), expect);
    }

    #[test]
    fn an_answer_has_its_bounds_and_says_so() {
        let launched: Vec<Launched> = (1..=MAX_EXECUTIONS as i64)
            .rev()
            .map(|id| one(id, &format!("agent-{}", id % 600), "s", Some("p")))
            .collect();
        let names = HashMap::from([("p", "main".to_owned())]);
        let network = build(&launched, &names, 0, Zoned::utc());
        assert!(!network.is_whole);
        assert_eq!(network.since, "1970-01-01T00:00:01.000Z");
        let lists = (
            network.nodes.len(),
            network.edges.len(),
            network.together.len(),
        );
        assert_eq!(lists, (500, 500, 500));
        let pairs_of_64 = 64 * 63 / 2;
        let omitted = Omitted {
            nodes: 100,
            edges: 100,
            together: pairs_of_64 - 500,
        };
        assert_eq!(network.omitted, omitted);
    }
}
