//! Alerts: which rules there are, how each is set, and an alert as it is sent to everybody.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::bucket::rfc3339;

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AlertRule")]
pub enum Rule {
    SuccessRate,
    AvgDuration,
    TokenBudget,
    CostBudget,
    ActiveAgents,
    RedisMemory,
    ApiLatency,
    TokenSpike,
    LiveLag,
    HistoryLag,
    LiveDown,
    HungAgent,
    Spool,
    Disk,
    AgentFailing,
    ConfigReload,
    DefinitionBroken,
    DefinitionTwin,
    OverBudget,
    RegistryStale,
    QueueLength,
    TaskStuck,
    TaskDead,
    LeaseChurn,
}

impl Rule {
    pub const ALL: [Rule; 24] = [
        Rule::SuccessRate,
        Rule::AvgDuration,
        Rule::TokenBudget,
        Rule::CostBudget,
        Rule::ActiveAgents,
        Rule::RedisMemory,
        Rule::ApiLatency,
        Rule::TokenSpike,
        Rule::LiveLag,
        Rule::HistoryLag,
        Rule::LiveDown,
        Rule::HungAgent,
        Rule::Spool,
        Rule::Disk,
        Rule::AgentFailing,
        Rule::ConfigReload,
        Rule::DefinitionBroken,
        Rule::DefinitionTwin,
        Rule::OverBudget,
        Rule::RegistryStale,
        Rule::QueueLength,
        Rule::TaskStuck,
        Rule::TaskDead,
        Rule::LeaseChurn,
    ];

    /// As it stands in settings and answers.
    pub fn name(self) -> &'static str {
        match self {
            Rule::SuccessRate => "success_rate",
            Rule::AvgDuration => "avg_duration",
            Rule::TokenBudget => "token_budget",
            Rule::CostBudget => "cost_budget",
            Rule::ActiveAgents => "active_agents",
            Rule::RedisMemory => "redis_memory",
            Rule::ApiLatency => "api_latency",
            Rule::TokenSpike => "token_spike",
            Rule::LiveLag => "live_lag",
            Rule::HistoryLag => "history_lag",
            Rule::LiveDown => "live_down",
            Rule::HungAgent => "hung_agent",
            Rule::Spool => "spool",
            Rule::Disk => "disk",
            Rule::AgentFailing => "agent_failing",
            Rule::ConfigReload => "config_reload",
            Rule::DefinitionBroken => "definition_broken",
            Rule::DefinitionTwin => "definition_twin",
            Rule::OverBudget => "over_budget",
            Rule::RegistryStale => "registry_stale",
            Rule::QueueLength => "queue_length",
            Rule::TaskStuck => "task_stuck",
            Rule::TaskDead => "task_dead",
            Rule::LeaseChurn => "lease_churn",
        }
    }

    /// What its values and its threshold count.
    pub fn unit(self) -> &'static str {
        match self {
            Rule::SuccessRate | Rule::AvgDuration | Rule::RedisMemory => "percent",
            Rule::TokenSpike | Rule::Spool => "percent",
            Rule::TokenBudget => "tokens",
            Rule::CostBudget => "dollars",
            Rule::ActiveAgents | Rule::HungAgent => "agents",
            Rule::ApiLatency | Rule::LiveLag | Rule::HistoryLag | Rule::TaskStuck => "ms",
            Rule::QueueLength | Rule::TaskDead => "tasks",
            Rule::LeaseChurn => "leases",
            Rule::Disk => "bytes",
            Rule::AgentFailing => "executions",
            Rule::LiveDown | Rule::ConfigReload | Rule::RegistryStale => "faults",
            Rule::DefinitionBroken | Rule::DefinitionTwin | Rule::OverBudget => "faults",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AlertSeverity")]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "AlertState")]
pub enum State {
    /// Its condition holds, and has not yet held for long enough.
    Pending,
    Firing,
    Resolved,
}

/// How a rule is set.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RuleSettings {
    /// In the unit of the rule; of a state 0.
    pub threshold: f64,
    /// Of rules that look back; else 0.
    pub window_ms: i64,
    /// How long its condition must hold before it fires.
    pub hold: Duration,
    pub severity: Severity,
}

/// The rules that are in force.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules(BTreeMap<Rule, RuleSettings>);

impl Rules {
    pub fn get(&self, rule: Rule) -> Option<&RuleSettings> {
        self.0.get(&rule)
    }
}

impl FromIterator<(Rule, RuleSettings)> for Rules {
    fn from_iter<I: IntoIterator<Item = (Rule, RuleSettings)>>(rules: I) -> Rules {
        Rules(rules.into_iter().collect())
    }
}

/// One occurrence: from the moment that its condition began to hold until it ceased to.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Alert {
    pub id: String,
    pub rule: Rule,
    pub severity: Severity,
    pub state: State,
    #[serde(rename = "since", serialize_with = "moment")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub since_ms: i64,
    #[serde(rename = "fired_at", serialize_with = "maybe_moment")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub fired_ms: Option<i64>,
    #[serde(rename = "resolved_at", serialize_with = "maybe_moment")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub resolved_ms: Option<i64>,
    /// The last that was measured while the condition held.
    pub value: f64,
    pub threshold: f64,
    pub unit: &'static str,
    pub message: String,
    /// The agent or the project, of rules that look at each.
    pub subject: Option<String>,
}

fn moment<S: Serializer>(at_ms: &i64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*at_ms))
}

fn maybe_moment<S: Serializer>(at_ms: &Option<i64>, serializer: S) -> Result<S::Ok, S::Error> {
    match at_ms {
        Some(at_ms) => moment(at_ms, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_written_by_the_name_that_settings_have() {
        for rule in Rule::ALL {
            assert_eq!(serde_json::to_value(rule).unwrap(), rule.name());
        }
        let distinct: std::collections::BTreeSet<Rule> = Rule::ALL.into_iter().collect();
        assert_eq!(distinct.len(), Rule::ALL.len());
    }
}
