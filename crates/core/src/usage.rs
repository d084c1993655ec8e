//! What an execution used, by its transcript: requests, tokens, tool calls, failures.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::limits::{MAX_COST_MICROS, MAX_COUNT};
use super::price::Tokens;

/// What the lines of one turn say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Usage {
    /// By the model's id as the client writes it. What the client made up itself is not in it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub models: BTreeMap<String, ModelUsage>,
    /// Calls by the tool's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tool_calls: BTreeMap<String, u64>,
    /// Calls that ended in an error.
    #[serde(skip_serializing_if = "is_zero")]
    pub tool_errors: u64,
    /// Failures of the API, also those that a retry made good.
    #[serde(skip_serializing_if = "is_zero")]
    pub api_errors: u64,
    /// The project in whose folder the turn began, and the branch that was checked out there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The turn ended in a failure of the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<ApiFailure>,
    /// The earliest and the latest moment of a line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_ms: Option<i64>,
    /// The offset in the file, in bytes, behind the last line; the next turn begins there.
    pub end_offset: u64,
    /// The last message of the model ends the turn: nothing of it is to be expected.
    #[serde(skip_serializing_if = "is_false")]
    pub is_final: bool,
    /// In millionths of a dollar; 0 without a request, none when a request has no price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_micros: Option<i64>,
    #[serde(skip_serializing_if = "is_false")]
    pub unpriced: bool,
    /// Something of it came to more than a run counts for, and was cut.
    #[serde(skip_serializing_if = "is_false")]
    pub is_capped: bool,
}

/// What one model was asked for in a turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ModelUsage {
    pub requests: u64,
    /// Uncached input.
    #[serde(skip_serializing_if = "is_zero")]
    pub input_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub output_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_read_tokens: u64,
    /// Also what was written for a time that the client does not name.
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write_5m_tokens: u64,
    #[serde(skip_serializing_if = "is_zero")]
    pub cache_write_1h_tokens: u64,
    /// Searches of the web that the provider ran and charges one by one.
    #[serde(skip_serializing_if = "is_zero")]
    pub web_searches: u64,
}

/// Why the API did not answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiFailure {
    /// The client's word for it, such as `rate_limit`; `unknown` when it has none.
    pub kind: String,
    /// What the client showed, redacted and cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The status of the HTTP answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u64>,
}

impl Usage {
    /// The tokens of all models.
    pub fn tokens(&self) -> Tokens {
        let mut sum = ModelUsage::default();
        for usage in self.models.values() {
            sum.add(&usage.tokens());
        }
        sum.tokens()
    }

    /// The requests to all models.
    pub fn requests(&self) -> u64 {
        let requests = self.models.values().map(|usage| usage.requests);
        requests.fold(0, u64::saturating_add)
    }

    /// The model that was asked most often; of equals the one with the most tokens, then the
    /// first by its name.
    pub fn model(&self) -> Option<&str> {
        let most = self.models.iter().rev().max_by_key(|(_, usage)| {
            let total = usage.tokens().total();
            (usage.requests, total)
        });
        most.map(|(name, _)| name.as_str())
    }
}

impl Usage {
    /// Each sum at the most that a run counts for. Requests are legal one by one, and there may be
    /// many of them.
    pub fn capped(mut self) -> Usage {
        let mut is_capped = false;
        for model in self.models.values_mut() {
            for count in model.counts() {
                is_capped |= *count > MAX_COUNT;
                *count = MAX_COUNT.min(*count);
            }
        }
        is_capped |= self.cost_micros > Some(MAX_COST_MICROS);
        self.cost_micros = self.cost_micros.map(|cost| cost.min(MAX_COST_MICROS));
        self.is_capped = is_capped;
        self
    }
}

impl ModelUsage {
    fn counts(&mut self) -> [&mut u64; 6] {
        [
            &mut self.input_tokens,
            &mut self.output_tokens,
            &mut self.cache_read_tokens,
            &mut self.cache_write_5m_tokens,
            &mut self.cache_write_1h_tokens,
            &mut self.web_searches,
        ]
    }

    pub fn tokens(&self) -> Tokens {
        Tokens {
            input: self.input_tokens,
            output: self.output_tokens,
            cache_read: self.cache_read_tokens,
            cache_write_5m: self.cache_write_5m_tokens,
            cache_write_1h: self.cache_write_1h_tokens,
        }
    }

    pub fn add(&mut self, tokens: &Tokens) {
        let add = |sum: &mut u64, count: u64| *sum = sum.saturating_add(count);
        add(&mut self.input_tokens, tokens.input);
        add(&mut self.output_tokens, tokens.output);
        add(&mut self.cache_read_tokens, tokens.cache_read);
        add(&mut self.cache_write_5m_tokens, tokens.cache_write_5m);
        add(&mut self.cache_write_1h_tokens, tokens.cache_write_1h);
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

fn is_false(flag: &bool) -> bool {
    !flag
}
