//! One run of one agent: the facts that events brought, how an event merges into them in any
//! order, and what the run adds to every bucket.
//!
//! A start and a stop are each taken once, and every number is derived from the two together.
//! That makes the order in which they arrive, and how often, meaningless.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::agent_type::AgentTypes;
use super::bucket::{Day, Hour};
use super::price::{Prices, Tokens};
use super::sketch::MAX_DURATION_MS;
use super::tally::Tally;

/// The name of an agent whose stop came without one, and without a start.
pub const UNKNOWN_AGENT: &str = "unknown";

/// Of an execution's tools only the most called count in pairs: all pairs of 30 tools took 846 µs
/// an event in Redis, those of 12 take a sixth of it.
pub const PAIRED_TOOLS: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Success,
    Failure,
    Timeout,
}

impl Status {
    pub fn as_str(self) -> &'static str {
        match self {
            Status::Success => "success",
            Status::Failure => "failure",
            Status::Timeout => "timeout",
        }
    }
}

/// What a start brought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    pub agent_name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_type: Option<String>,
    pub started_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_description: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools_granted: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_size: Option<u64>,
    #[serde(flatten)]
    pub origin: Origin,
}

/// Where an execution belongs; a start and a stop may both say it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_agent_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// What a stop brought.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stop {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_ms: Option<i64>,
    pub ended_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_details: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools_used: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tool_calls: BTreeMap<String, u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_usage: Option<TokenUsage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub performance_metrics: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task_metadata: Option<Map<String, Value>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_metrics: Option<Map<String, Value>>,
    #[serde(flatten)]
    pub origin: Origin,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUsage {
    pub input_tokens: u64,
    pub output_tokens: u64,
    pub cache_read_tokens: u64,
    pub cache_write_tokens: u64,
    pub total_tokens: u64,
    /// What the event itself says that it cost, in millionths of a dollar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micros: Option<i64>,
}

/// What the tables said when the last event was accepted. It is kept, so that a later table does
/// not change what has been counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    pub agent_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micros: Option<i64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unpriced: bool,
}

/// What an event, or the reaper, says of an execution.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact {
    Start(Start),
    Stop(Box<Stop>),
    /// Nothing was heard of it for too long.
    TimedOut {
        ended_ms: i64,
    },
    /// A sign of life.
    Alive,
}

/// The tables by which an accepted event is resolved.
#[derive(Default)]
pub struct Catalog {
    pub types: AgentTypes,
    pub prices: Prices,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// The end that the reaper set, while nothing better is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timed_out_ms: Option<i64>,
    pub resolved: Resolved,
}

/// How an execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub ended_ms: i64,
    pub status: Status,
    pub duration_ms: Option<u64>,
}

/// What one ended execution adds to every bucket.
#[derive(Clone, Debug, PartialEq)]
pub struct Contribution<'a> {
    pub ended_ms: i64,
    pub agent_name: &'a str,
    pub agent_type: &'a str,
    pub model: Option<&'a str>,
    pub session_id: Option<&'a str>,
    pub tally: Tally,
    pub duration_ms: Option<u64>,
    /// Tools and their calls, sorted by name. A tool that is named as used without a count of
    /// calls is here with 0: it counts among the executions that used it.
    pub tools: Vec<(&'a str, i64)>,
}

impl Execution {
    pub fn new(id: String) -> Execution {
        Execution {
            id,
            start: None,
            stop: None,
            timed_out_ms: None,
            resolved: Resolved::default(),
        }
    }

    /// Whether a fact would change anything. If not, it is a repetition, or does not apply to an
    /// execution that has ended.
    pub fn takes(&self, fact: &Fact) -> bool {
        match fact {
            Fact::Start(_) => self.start.is_none(),
            Fact::Stop(_) => self.stop.is_none(),
            Fact::TimedOut { .. } => self.is_running(),
            Fact::Alive => self.timed_out_ms.is_some(),
        }
    }

    /// Takes a fact in, if it [`takes`](Self::takes) it.
    pub fn merge(&mut self, fact: Fact, catalog: &Catalog) {
        if !self.takes(&fact) {
            return;
        }
        match fact {
            Fact::Start(start) => self.start = Some(start),
            Fact::Stop(stop) => {
                self.stop = Some(*stop);
                self.timed_out_ms = None;
            }
            Fact::TimedOut { ended_ms } => self.timed_out_ms = Some(ended_ms),
            Fact::Alive => self.timed_out_ms = None,
        }
        self.resolve(catalog);
    }

    pub fn is_running(&self) -> bool {
        self.start.is_some() && self.stop.is_none() && self.timed_out_ms.is_none()
    }

    pub fn outcome(&self) -> Option<Outcome> {
        if let Some(stop) = &self.stop {
            let duration_ms = stop.duration_ms.or_else(|| self.measured_ms(stop));
            return Some(Outcome {
                ended_ms: stop.ended_ms,
                status: stop.status,
                duration_ms,
            });
        }
        self.timed_out_ms.map(|ended_ms| Outcome {
            ended_ms,
            status: Status::Timeout,
            duration_ms: None,
        })
    }

    /// The difference of the times. One that is negative or beyond the bound measures a clock and
    /// not a run: it is unknown then.
    fn measured_ms(&self, stop: &Stop) -> Option<u64> {
        let start_ms = stop
            .started_ms
            .or(self.start.as_ref().map(|start| start.started_ms))?;
        let measured = u64::try_from(stop.ended_ms.checked_sub(start_ms)?).ok()?;
        (measured <= MAX_DURATION_MS).then_some(measured)
    }

    pub fn agent_name(&self) -> &str {
        let of_stop = self
            .stop
            .as_ref()
            .and_then(|stop| stop.agent_name.as_deref());
        of_stop
            .or_else(|| self.start.as_ref().map(|start| start.agent_name.as_str()))
            .unwrap_or(UNKNOWN_AGENT)
    }

    pub fn agent_type(&self) -> &str {
        &self.resolved.agent_type
    }

    pub fn started_ms(&self) -> Option<i64> {
        let stop = self.stop.as_ref();
        stop.and_then(|stop| stop.started_ms)
            .or_else(|| self.start.as_ref().map(|start| start.started_ms))
            .or_else(|| stop.and_then(|s| Some(s.ended_ms - s.duration_ms? as i64)))
    }

    /// Where it belongs: what the stop says, else what the start said.
    pub fn origin(&self, field: impl Fn(&Origin) -> &Option<String>) -> Option<&str> {
        let of_stop = self
            .stop
            .as_ref()
            .and_then(|stop| field(&stop.origin).as_deref());
        of_stop.or_else(|| {
            self.start
                .as_ref()
                .and_then(|start| field(&start.origin).as_deref())
        })
    }

    pub fn token_usage(&self) -> Option<&TokenUsage> {
        self.stop
            .as_ref()
            .and_then(|stop| stop.token_usage.as_ref())
    }

    /// Tools and their calls, sorted by name; see [`Contribution::tools`].
    pub fn tools(&self) -> Vec<(&str, i64)> {
        let Some(stop) = &self.stop else {
            return Vec::new();
        };
        let mut tools: BTreeMap<&str, i64> = stop
            .tools_used
            .iter()
            .map(|tool| (tool.as_str(), 0))
            .collect();
        for (tool, &calls) in &stop.tool_calls {
            if calls > 0 {
                tools.insert(tool, calls as i64);
            }
        }
        tools.into_iter().collect()
    }

    /// Nothing while it runs.
    pub fn contribution(&self) -> Option<Contribution<'_>> {
        let outcome = self.outcome()?;
        Some(Contribution {
            ended_ms: outcome.ended_ms,
            agent_name: self.agent_name(),
            agent_type: self.agent_type(),
            model: self.origin(|origin| &origin.model),
            session_id: self.origin(|origin| &origin.session_id),
            tally: self.tally(&outcome),
            duration_ms: outcome.duration_ms,
            tools: self.tools(),
        })
    }

    fn tally(&self, outcome: &Outcome) -> Tally {
        let usage = self.token_usage().copied().unwrap_or_default();
        let is = |status| i64::from(outcome.status == status);
        Tally {
            execution_count: 1,
            success_count: is(Status::Success),
            failure_count: is(Status::Failure),
            timeout_count: is(Status::Timeout),
            duration_count: i64::from(outcome.duration_ms.is_some()),
            total_duration_ms: outcome.duration_ms.unwrap_or(0) as i64,
            input_tokens: usage.input_tokens as i64,
            output_tokens: usage.output_tokens as i64,
            cache_read_tokens: usage.cache_read_tokens as i64,
            cache_write_tokens: usage.cache_write_tokens as i64,
            total_tokens: usage.total_tokens as i64,
            cost_micros: self.resolved.cost_micros.unwrap_or(0),
            unpriced_count: i64::from(self.resolved.unpriced),
        }
    }

    fn resolve(&mut self, catalog: &Catalog) {
        let of_stop = self
            .stop
            .as_ref()
            .and_then(|stop| stop.agent_type.as_deref());
        let of_start = self
            .start
            .as_ref()
            .and_then(|start| start.agent_type.as_deref());
        let agent_type = of_stop
            .or(of_start)
            .unwrap_or_else(|| catalog.types.classify(self.agent_name()))
            .to_owned();
        let cost_micros = self.price(catalog);
        let spent = self.token_usage().is_some_and(TokenUsage::is_spent);
        self.resolved = Resolved {
            agent_type,
            cost_micros,
            unpriced: spent && cost_micros.is_none(),
        };
    }

    /// The event's own cost wins; else tokens at the price of the day of the end.
    fn price(&self, catalog: &Catalog) -> Option<i64> {
        let usage = self.token_usage()?;
        if usage.cost_micros.is_some() || !usage.is_spent() {
            return usage.cost_micros.or(Some(0));
        }
        let tokens = usage.tokens();
        if tokens == Tokens::default() {
            return None; // Only a total is known, and each direction has its own price.
        }
        let model = self.origin(|origin| &origin.model)?;
        let day = Day::of(self.outcome()?.ended_ms).to_string();
        catalog.prices.cost_micros(model, &tokens, &day)
    }
}

impl TokenUsage {
    fn is_spent(&self) -> bool {
        self.tokens() != Tokens::default() || self.total_tokens > 0
    }

    /// An event does not say for how long a cache write was meant; five minutes is the default of
    /// the providers.
    fn tokens(&self) -> Tokens {
        Tokens {
            input: self.input_tokens,
            output: self.output_tokens,
            cache_read: self.cache_read_tokens,
            cache_write_5m: self.cache_write_tokens,
            cache_write_1h: 0,
        }
    }
}

impl<'a> Contribution<'a> {
    pub fn hour(&self) -> Hour {
        Hour::of(self.ended_ms)
    }

    pub fn day(&self) -> Day {
        Day::of(self.ended_ms)
    }

    /// Each two of its [`PAIRED_TOOLS`] most called tools, each pair and the pairs sorted by name.
    pub fn tool_pairs(&self) -> Vec<(&'a str, &'a str)> {
        let mut most = self.tools.clone();
        most.sort_by(|(a, a_calls), (b, b_calls)| b_calls.cmp(a_calls).then(a.cmp(b)));
        most.truncate(PAIRED_TOOLS);
        let mut names: Vec<&str> = most.into_iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        let mut pairs = Vec::with_capacity(names.len() * names.len().saturating_sub(1) / 2);
        for (i, &first) in names.iter().enumerate() {
            pairs.extend(names[i + 1..].iter().map(|&second| (first, second)));
        }
        pairs
    }
}
