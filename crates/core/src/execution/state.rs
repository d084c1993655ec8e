//! An execution: what is known of it, and what follows from that.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::details::Details;
use super::fact::{Fact, Origin, Start, Status, Stop, TokenUsage};
use super::hook_facts::HookFacts;
use crate::agent_type::AgentTypes;
use crate::bucket::Day;
use crate::limits::MAX_COST_MICROS;
use crate::price::{Prices, Tokens};
use crate::sketch::MAX_DURATION_MS;
use crate::usage::{ApiFailure, Usage};

/// The name of an agent whose stop came without one, and without a start.
pub const UNKNOWN_AGENT: &str = "unknown";

/// The type of an error that came without one: from a client that left it out, or from an import.
pub const UNKNOWN_ERROR: &str = "unknown";

/// What the tables said when the last event was accepted. It is kept, so that a later table does
/// not change what has been counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resolved {
    pub agent_type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micros: Option<i64>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unpriced: bool,
    /// Some of its numbers came to more than a run counts for, and count as the most.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_capped: bool,
    /// The machine on which its first event was accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

/// The tables by which an accepted event is resolved, and where that is done.
#[derive(Default)]
pub struct Catalog {
    pub types: AgentTypes,
    pub prices: Prices,
    /// The name of this machine.
    pub host: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Execution {
    pub id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Arc<Start>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Arc<Stop>>,
    /// The end that the reaper set, while nothing better is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timed_out_ms: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hooked: Option<Box<HookFacts>>,
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
            hooked: None,
            resolved: Resolved::default(),
        }
    }

    /// Whether a fact would change anything. If not, it is a repetition, or does not apply to an
    /// execution that has ended.
    pub fn accepts(&self, fact: &Fact) -> bool {
        match fact {
            Fact::Start(_) => self.start.is_none(),
            Fact::Stop(_) => self.stop.is_none() || self.is_closed(),
            Fact::TimedOut { .. } => self.is_running(),
            Fact::Alive => self.timed_out_ms.is_some(),
        }
    }

    /// Takes a fact in, if it [`accepts`](Self::accepts) it.
    pub fn merge(&mut self, fact: Fact, catalog: &Catalog) {
        if !self.accepts(&fact) {
            return;
        }
        match fact {
            Fact::Start(start) => self.start = Some(start.into()),
            Fact::Stop(stop) => {
                self.stop = Some(stop.into());
                self.stopped_by_itself();
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

    /// Nothing is left of it: what was reported of it belongs to another.
    pub fn is_void(&self) -> bool {
        !self.is_running() && self.outcome().is_none()
    }

    pub fn outcome(&self) -> Option<Outcome> {
        if let Some(stop) = &self.stop {
            let duration_ms = stop.duration_ms.or_else(|| self.measured_ms(stop));
            // A client may call a run a success whose last request its provider refused.
            let status = match stop.status {
                Status::Success if self.api_failure().is_some() => Status::Failure,
                status => status,
            };
            return Some(Outcome {
                ended_ms: stop.ended_ms,
                status,
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
            .or(self.start.as_ref().map(|start| start.started_ms))
            .or_else(|| self.usage()?.first_ms)?;
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

    /// As it was said, but never after the end: a start that is later was stamped by another
    /// clock, and the execution began no later than it ended.
    pub fn started_ms(&self) -> Option<i64> {
        let stop = self.stop.as_ref();
        let lasted = |stop: &Arc<Stop>| {
            let duration_ms = i64::try_from(stop.duration_ms?).ok()?;
            stop.ended_ms.checked_sub(duration_ms)
        };
        let started_ms = stop
            .and_then(|stop| stop.started_ms)
            .or_else(|| self.start.as_ref().map(|start| start.started_ms))
            .or_else(|| stop.and_then(lasted))
            .or_else(|| self.usage()?.first_ms)?;
        let ended_ms = self.outcome().map(|outcome| outcome.ended_ms);
        Some(ended_ms.map_or(started_ms, |ended_ms| started_ms.min(ended_ms)))
    }

    /// Where it belongs: what the stop says, else what the start said, else what hooks reported.
    pub fn origin(&self, field: impl Fn(&Origin) -> &Option<String>) -> Option<&str> {
        let of_stop = self.stop.as_ref().map(|stop| &stop.origin);
        let of_start = self.start.as_ref().map(|start| &start.origin);
        let of_hooks = self
            .hooked
            .as_ref()
            .and_then(|hooked| hooked.origin.as_deref());
        let all = [of_stop, of_start, of_hooks];
        all.into_iter()
            .flatten()
            .find_map(|origin| field(origin).as_deref())
    }

    /// The model that did most of it.
    pub fn model(&self) -> Option<&str> {
        let of_usage = self.usage().and_then(Usage::model);
        of_usage.or_else(|| self.origin(|origin| &origin.model))
    }

    /// The folder of the repository in which it worked.
    pub fn project(&self) -> Option<&str> {
        let of_usage = self.usage().and_then(|usage| usage.project.as_deref());
        of_usage.or_else(|| self.origin(|origin| &origin.project))
    }

    pub fn branch(&self) -> Option<&str> {
        let of_usage = self.usage().and_then(|usage| usage.branch.as_deref());
        of_usage.or_else(|| self.origin(|origin| &origin.branch))
    }

    /// Of which machine nothing is said, it ran where its events were accepted.
    pub fn host(&self) -> Option<&str> {
        let said = self.origin(|origin| &origin.host);
        said.or(self.resolved.host.as_deref())
    }

    /// Of the transcript, else as the stop says; each number at the most that a run counts for.
    pub fn token_usage(&self) -> Option<TokenUsage> {
        self.reported_usage().map(TokenUsage::capped)
    }

    /// The same, as it was reported.
    fn reported_usage(&self) -> Option<TokenUsage> {
        match self.counted_usage() {
            Some(usage) => Some(TokenUsage::of_models(usage)),
            None => self.stop.as_ref().and_then(|stop| stop.token_usage),
        }
    }

    /// What it counts for, in millionths of a dollar; none where its price is not known.
    pub fn cost_micros(&self) -> Option<i64> {
        // A row of an older version may hold more.
        let cost_micros = self.resolved.cost_micros?;
        Some(cost_micros.min(MAX_COST_MICROS))
    }

    /// Some of its numbers came to more than a run counts for.
    pub fn is_capped(&self) -> bool {
        self.resolved.is_capped
    }

    /// What a stop said of its error, and what the provider answered.
    pub fn error_details(&self) -> Option<Cow<'_, Details>> {
        let said = self
            .stop
            .as_ref()
            .and_then(|stop| stop.error_details.as_ref());
        let Some(failure) = self.api_failure() else {
            return said.map(Cow::Borrowed);
        };
        let mut details = said.map(Details::fields).unwrap_or_default();
        details.retain(|name, value| name != "type" || value != UNKNOWN_ERROR);
        let mut add = |name: &str, value: Value| {
            details.entry(name).or_insert(value);
        };
        add("type", failure.kind.as_str().into());
        if let Some(message) = &failure.message {
            add("message", message.as_str().into());
        }
        if let Some(status) = failure.status {
            add("status", status.into());
        }
        Some(Cow::Owned(details.into()))
    }

    fn api_failure(&self) -> Option<&ApiFailure> {
        self.usage()?.failure.as_ref()
    }

    /// The event's own cost wins over that of a transcript, and this over the price of its tokens.
    pub(super) fn resolve(&mut self, catalog: &Catalog) {
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
        let of_stop = self.stop.as_ref().and_then(|stop| stop.token_usage);
        let cost_micros = match (
            of_stop.and_then(|usage| usage.cost_micros),
            self.counted_usage(),
        ) {
            (Some(own), _) => Some(own),
            (None, Some(usage)) => usage.cost_micros,
            (None, None) => self.price(catalog),
        };
        let reported = self.reported_usage();
        let spent = reported.is_some_and(|usage| usage.is_spent());
        let is_cut = self.counted_usage().is_some_and(|usage| usage.is_capped);
        let is_beyond = reported.is_some_and(|usage| usage != usage.capped());
        self.resolved = Resolved {
            agent_type,
            cost_micros: cost_micros.map(|cost| cost.min(MAX_COST_MICROS)),
            unpriced: spent && cost_micros.is_none(),
            is_capped: is_cut || is_beyond || cost_micros > Some(MAX_COST_MICROS),
            host: self.resolved.host.take().or_else(|| catalog.host.clone()),
        };
    }

    /// Tokens at the price of the day of the end.
    fn price(&self, catalog: &Catalog) -> Option<i64> {
        let usage = self.token_usage()?;
        if !usage.is_spent() {
            return Some(0);
        }
        let tokens = usage.tokens();
        if tokens == Tokens::default() {
            return None; // Only a total is known, and each direction has its own price.
        }
        let model = self.model()?;
        let day = Day::utc_of(self.outcome()?.ended_ms).to_string();
        catalog.prices.cost_micros(model, &tokens, &day)
    }
}
