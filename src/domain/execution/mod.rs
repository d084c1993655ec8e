//! One run of one agent: the facts that events brought, how an event merges into them in any
//! order, and what the run adds to every bucket.
//!
//! A start and a stop are each taken once, and every number is derived from the two together.
//! That makes the order in which they arrive, and how often, meaningless.

mod contribution;
mod fact;

use serde::{Deserialize, Serialize};

pub use self::contribution::{Contribution, PAIRED_TOOLS};
pub use self::fact::{Fact, Origin, Start, Status, Stop, TokenUsage};
use super::agent_type::AgentTypes;
use super::bucket::Day;
use super::price::{Prices, Tokens};
use super::sketch::MAX_DURATION_MS;

/// The name of an agent whose stop came without one, and without a start.
pub const UNKNOWN_AGENT: &str = "unknown";

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
            Fact::Start(start) => self.start = Some(*start),
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
