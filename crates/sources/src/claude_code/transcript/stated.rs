//! The usage that a line states for its request.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::loose::{Count, Word};
use crate::json::items;
use agentpulse_core::limits::MAX_COUNT;
use agentpulse_core::price::Tokens;

/// The API samples for one message a few times; of more only the sums are taken, without a price.
const MAX_ITERATIONS: usize = 64;
/// The kind of an iteration that is in the usage of its message; all others come on top of it.
const OF_MESSAGE: &str = "message";

/// What a line says that its request used.
pub struct Stated<'a> {
    pub message_id: Option<&'a str>,
    pub request_id: Option<&'a str>,
    /// The message is whole: what other lines say of it was written before that.
    pub is_whole: bool,
    pub parts: Vec<Part>,
}

impl Stated<'_> {
    pub fn total(&self) -> u64 {
        let totals = self.parts.iter().map(|part| part.tokens.total());
        totals.fold(0, u64::saturating_add)
    }
}

/// One sampling of one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    pub model: String,
    pub speed: String,
    pub region: String,
    pub tokens: Tokens,
    pub web_searches: u64,
    /// Not a further sampling for a request that has counted.
    pub is_request: bool,
    /// All of its numbers could be read, and none is beyond all sense.
    pub is_known: bool,
}

/// The usage of a message, or of one iteration of it.
#[derive(Deserialize, Default)]
#[serde(default)]
struct RawUsage<'a> {
    #[serde(borrow, rename = "type")]
    kind: Word<'a>,
    #[serde(borrow)]
    model: Word<'a>,
    input_tokens: Count,
    output_tokens: Count,
    cache_read_input_tokens: Count,
    cache_creation_input_tokens: Count,
    #[serde(borrow)]
    cache_creation: Option<&'a RawValue>,
    #[serde(borrow)]
    server_tool_use: Option<&'a RawValue>,
    #[serde(borrow)]
    speed: Word<'a>,
    #[serde(borrow)]
    inference_geo: Word<'a>,
    #[serde(borrow)]
    iterations: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct CacheCreation {
    ephemeral_5m_input_tokens: Count,
    ephemeral_1h_input_tokens: Count,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ServerToolUse {
    web_search_requests: Count,
}

/// The samplings of a message's usage. Those of other kinds than the message's own, such as an
/// advisor's, name their own model and are in no figure of the message.
pub fn parts(usage: &RawValue, model: &str) -> Vec<Part> {
    let is_object = usage.get().starts_with('{');
    let usage: RawUsage = read(Some(usage));
    let mut whole = usage.part(model);
    whole.is_known &= is_object;
    let listed = usage.iterations.map(|list| items(list, MAX_ITERATIONS + 1));
    let listed = listed.flatten().unwrap_or_default();
    if listed.len() > MAX_ITERATIONS {
        return vec![Part {
            is_known: false,
            ..whole
        }];
    }
    let iterations = listed.into_iter().map(|one| read::<RawUsage>(Some(one)));
    let (own, others): (Vec<_>, Vec<_>) = iterations.partition(|one| one.kind.is(OF_MESSAGE));
    let named = |one: &RawUsage| one.part(one.model.get().unwrap_or(model));
    let mut parts = whole.split(own.iter().map(named).collect());
    parts.extend(others.iter().map(named));
    parts
}

impl RawUsage<'_> {
    fn part(&self, model: &str) -> Part {
        let split: CacheCreation = read(self.cache_creation);
        let tools: ServerToolUse = read(self.server_tool_use);
        let write_1h = split.ephemeral_1h_input_tokens.or_zero();
        let write_5m = split.ephemeral_5m_input_tokens.or_zero();
        let written = self.cache_creation_input_tokens.or_zero();
        let counts = [
            self.input_tokens,
            self.output_tokens,
            self.cache_read_input_tokens,
            self.cache_creation_input_tokens,
            split.ephemeral_5m_input_tokens,
            split.ephemeral_1h_input_tokens,
            tools.web_search_requests,
        ];
        let mut is_known = !counts.contains(&Count::Void);
        let mut plausible = |count: u64| {
            is_known &= count <= MAX_COUNT;
            if count <= MAX_COUNT { count } else { 0 }
        };
        let tokens = Tokens {
            input: plausible(self.input_tokens.or_zero()),
            output: plausible(self.output_tokens.or_zero()),
            cache_read: plausible(self.cache_read_input_tokens.or_zero()),
            // What the split leaves out was written for the shorter time, which is the default.
            cache_write_5m: plausible(written.saturating_sub(write_1h).max(write_5m)),
            cache_write_1h: plausible(write_1h),
        };
        let web_searches = plausible(tools.web_search_requests.or_zero());
        Part {
            model: model.to_owned(),
            speed: self.speed.get().unwrap_or_default().to_owned(),
            region: self.inference_geo.get().unwrap_or_default().to_owned(),
            tokens,
            web_searches,
            is_request: true,
            is_known,
        }
    }
}

impl Part {
    /// The iterations instead of the whole, where they come to the same: the price of each
    /// depends on the length of its own prompt.
    fn split(self, iterations: Vec<Part>) -> Vec<Part> {
        let sum = iterations
            .iter()
            .fold(Tokens::default(), |sum, part| sum.plus(&part.tokens));
        if iterations.len() < 2 || sum != self.tokens {
            return vec![self];
        }
        let first = self.web_searches;
        let parts = iterations.into_iter().enumerate();
        let parts = parts.map(|(index, part)| Part {
            speed: self.speed.clone(),
            region: self.region.clone(),
            web_searches: if index == 0 { first } else { 0 },
            is_request: index == 0,
            is_known: self.is_known && part.is_known,
            ..part
        });
        parts.collect()
    }
}

/// What is of another shape says nothing.
fn read<'a, T: Deserialize<'a> + Default>(value: Option<&'a RawValue>) -> T {
    let read = value.map(|value| serde_json::from_str(value.get()));
    read.and_then(Result::ok).unwrap_or_default()
}
