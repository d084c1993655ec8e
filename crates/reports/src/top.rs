//! The agents that do best: those that succeed most surely, are quickest, or take least.

use std::collections::HashMap;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::interval::interval;
use crate::report::Report;
use crate::source::{Sources, View};
use crate::window::{days_are_few, ended_in, last_days};
use crate::zoned::Zoned;
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{InvalidParameter, LIMIT, Param, Params};
use agentpulse_core::names::{NameKind, Names, OTHER};
use agentpulse_core::sketch::Sketch;
use agentpulse_core::tally::{Tally, dollars, rounded_mean};
use agentpulse_core::view::AgentDay;
use agentpulse_store::history::Reader;

const MAX_ROWS: usize = 100;
const DEFAULT_ROWS: usize = 10;
/// Of fewer executions nothing can be said.
const MIN_EXECUTIONS: i64 = 5;

const BY: Param = Param::new("by", "What is best; the default is the success rate.");
const CHOICES: [(&str, By); 4] = [
    ("success", By::Success),
    ("speed", By::Speed),
    ("cost", By::Cost),
    ("tokens", By::Tokens),
];

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Query {
    by: By,
    days: i32,
    limit: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum By {
    Success,
    Speed,
    Cost,
    Tokens,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "TopAgents")]
pub struct Top {
    /// The best first; of two that are equal the one with more executions. Agents of which the
    /// figure is not known are left out, and so are untracked ones.
    pub top: Vec<Ranked>,
    /// Agents with fewer executions in these days are left out.
    pub min_executions: i64,
    #[serde(flatten)]
    pub zoned: Zoned,
}

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RankedAgent")]
pub struct Ranked {
    pub agent_name: String,
    pub executions: i64,
    pub success_rate: f64,
    /// The lower end of the 90 % Wilson interval of the success rate: it ranks by success, because
    /// 5 of 5 say less than 99 of 100.
    pub success_rate_at_least: f64,
    /// Within 1 %; null if no duration is known.
    pub p50_duration_ms: Option<u64>,
    pub avg_tokens: i64,
    /// Dollars, of those executions whose cost is known; null if there is none.
    pub avg_cost: Option<f64>,
    pub total_tokens: i64,
    pub estimated_cost: f64,
    pub unpriced_count: i64,
}

impl Endpoint for Query {
    const PATH: &'static str = "/api/agents/top";
    const SUMMARY: &'static str = "The agents that succeed most, are quickest or take least";
    type Answer = Top;

    fn parse(params: &Params) -> Result<Query, InvalidParameter> {
        let (by, days) = (params.choice(BY, &CHOICES)?, params.days(30)?);
        let limit = params.number(LIMIT, 1..=MAX_ROWS, Some(DEFAULT_ROWS))?;
        Ok(Query {
            by: by.unwrap_or(By::Success),
            days,
            limit: limit.unwrap_or(DEFAULT_ROWS),
        })
    }
}

impl Report for Query {
    type Built = Top;

    fn is_scan(&self) -> bool {
        !days_are_few(self.days)
    }

    fn ended_ms(&self, sources: &Sources, now_ms: i64) -> Range<i64> {
        ended_in(sources.zone(), last_days(self.days, sources.today(now_ms)))
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(Top, View), Error> {
        let (from, to) = last_days(self.days, sources.today(now_ms));
        let tracked_names = sources.tracked_names();
        let ask = move |reader: &Reader| {
            let mut agents = Agents::new(tracked_names());
            reader.each_agent_day(from, to, |row| agents.add(row))?;
            Ok(agents)
        };
        let agents = sources.history(ask).await?;
        let top = Top {
            top: agents.ranked(self.by, self.limit),
            min_executions: MIN_EXECUTIONS,
            zoned: sources.zoned(now_ms),
        };
        Ok((top, View::History))
    }
}

/// Only of tracked names: there may be very many others.
struct Agents {
    names: Names,
    by_name: HashMap<String, (Tally, Sketch)>,
}

impl Agents {
    fn new(names: Names) -> Agents {
        Agents {
            names,
            by_name: HashMap::new(),
        }
    }

    fn add(&mut self, row: AgentDay) {
        let (kind, name) = (NameKind::Agent, row.agent_name);
        if name == OTHER || !self.names.is_tracked(kind, row.day, &name) {
            return;
        }
        let (tally, sketch) = self.by_name.entry(name).or_default();
        *tally += row.tally;
        sketch.merge(&row.sketch);
    }

    fn ranked(self, by: By, limit: usize) -> Vec<Ranked> {
        let agents = self.by_name.into_iter();
        let agents = agents.filter(|(_, (tally, _))| tally.execution_count >= MIN_EXECUTIONS);
        let ranked = agents.map(|(name, (tally, sketch))| Ranked::of(name, &tally, &sketch));
        let known = ranked.filter_map(|agent| Some((agent.lack(by)?, agent)));
        let mut known: Vec<(f64, Ranked)> = known.collect();
        known.sort_by(|(a, one), (b, other)| {
            let more = other.executions.cmp(&one.executions);
            let by_name = one.agent_name.cmp(&other.agent_name);
            a.total_cmp(b).then(more).then(by_name)
        });
        known.truncate(limit);
        known.into_iter().map(|(_, agent)| agent).collect()
    }
}

impl Ranked {
    fn of(agent_name: String, tally: &Tally, sketch: &Sketch) -> Ranked {
        let executions = tally.execution_count;
        let priced = executions - tally.unpriced_count;
        let avg_cost = dollars(tally.cost_micros) / priced as f64;
        Ranked {
            agent_name,
            executions,
            success_rate: tally.success_rate(),
            success_rate_at_least: interval(tally.success_count, executions).0,
            p50_duration_ms: sketch.quantile_ms(0.5),
            avg_tokens: rounded_mean(tally.total_tokens, executions),
            avg_cost: (priced > 0).then_some((avg_cost * 1e6).round() / 1e6),
            total_tokens: tally.total_tokens,
            estimated_cost: tally.cost(),
            unpriced_count: tally.unpriced_count,
        }
    }

    /// The less the better; `None` where it is not known. An agent that reports no tokens is not
    /// the cheapest.
    fn lack(&self, by: By) -> Option<f64> {
        let has_tokens = self.total_tokens > 0;
        match by {
            By::Success => Some(-self.success_rate_at_least),
            By::Speed => self.p50_duration_ms.map(|ms| ms as f64),
            By::Cost => self.avg_cost.filter(|_| has_tokens),
            By::Tokens => has_tokens.then_some(self.avg_tokens as f64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agentpulse_core::bucket::Day;
    use agentpulse_core::names::NameLimits;
    use agentpulse_core::zone::Zone;

    fn agents(tracked: &[&str]) -> Agents {
        let limits = NameLimits {
            agents: tracked.len(),
            types: 1,
            tools: 1,
        };
        let mut names = Names::new(limits, Zone::utc(), Day(1));
        for name in tracked {
            names.track(NameKind::Agent, Day(1), name);
        }
        Agents::new(names)
    }

    fn row(name: &str, successes: i64, durations_ms: &[u64], cost_micros: i64) -> AgentDay {
        let count = durations_ms.len() as i64;
        AgentDay {
            day: Day(1),
            agent_name: name.to_owned(),
            tally: Tally {
                execution_count: count,
                success_count: successes,
                total_tokens: cost_micros,
                cost_micros,
                ..Tally::default()
            },
            sketch: durations_ms.iter().map(|&ms| (ms, 1)).collect(),
            min_duration_ms: None,
            max_duration_ms: None,
        }
    }

    fn ranked(by: By, limit: usize) -> Vec<String> {
        let mut agents = agents(&["sure", "lucky", "quick", "new", "silent"]);
        agents.add(row("sure", 99, &[50; 100], 300));
        agents.add(row("lucky", 5, &[40; 5], 500));
        agents.add(row("quick", 3, &[10, 20, 30], 60));
        agents.add(row("quick", 1, &[10, 20, 30], 60));
        agents.add(row("new", 4, &[1; 4], 1));
        agents.add(row("silent", 0, &[60; 5], 0));
        agents.add(row("untracked", 900, &[1; 900], 1));
        agents.add(row(OTHER, 900, &[1; 900], 1));
        let ranked = agents.ranked(by, limit).into_iter();
        ranked.map(|agent| agent.agent_name).collect()
    }

    #[test]
    fn the_best_come_first_and_those_with_too_few_executions_not_at_all() {
        // 99 of 100, 5 of 5, 4 of 6, 0 of 5.
        assert_eq!(ranked(By::Success, 9), ["sure", "lucky", "quick", "silent"]);
        assert_eq!(ranked(By::Speed, 9), ["quick", "lucky", "sure", "silent"]);
        // A mean of 3, 20 and 100 tokens and millionths of a dollar.
        assert_eq!(ranked(By::Cost, 9), ["sure", "quick", "lucky"]);
        assert_eq!(ranked(By::Tokens, 2), ["sure", "quick"]);
    }

    #[test]
    fn parameters_have_their_bounds() {
        let parsed = |query| Query::parse(&Params::of(Some(query), None));
        let expected = Query {
            by: By::Speed,
            days: 30,
            limit: 10,
        };
        assert_eq!(parsed("by=speed"), Ok(expected));
        let refused = |query| parsed(query).unwrap_err().to_string();
        assert_eq!(
            refused("by=luck"),
            "by must be one of success, speed, cost, tokens"
        );
        assert_eq!(refused("limit=101"), "limit must be 1..=100");
        assert_eq!(refused("days=401"), "days must be 1..=400");
    }
}
