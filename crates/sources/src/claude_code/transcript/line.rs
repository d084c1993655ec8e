//! One line of a transcript, and of it the few fields that count.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::clean::{clean_name, clean_text};
use crate::json::{Object, Text, items, scalar};
use crate::time::TIME_RANGE_MS;
use agentpulse_core::limits::MAX_COUNT;
use agentpulse_core::price::Tokens;
use agentpulse_core::usage::ApiFailure;

/// What the client puts in the place of a model where it made the message up.
const SYNTHETIC: &str = "<synthetic>";
/// Stop reasons after which the model goes on.
const NOT_FINAL: [&str; 2] = ["tool_use", "pause_turn"];
/// A message has a few dozen blocks; a line of nothing but blocks must not become a hundred times
/// its size in memory.
const MAX_BLOCKS: usize = 4_096;
const UNKNOWN: &str = "unknown";

/// A line of the model or to the model; all others say nothing that counts.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line<'a> {
    #[serde(borrow, rename = "type")]
    kind: Text<'a>,
    #[serde(default)]
    is_meta: Option<bool>,
    #[serde(default)]
    is_api_error_message: Option<bool>,
    #[serde(borrow, default)]
    request_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    timestamp: Option<Text<'a>>,
    #[serde(borrow, default)]
    session_id: Option<Text<'a>>,
    #[serde(borrow, default)]
    agent_id: Option<Text<'a>>,
    #[serde(borrow)]
    message: Message<'a>,
}

#[derive(Debug, Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    model: Option<Text<'a>>,
    #[serde(borrow, default)]
    stop_reason: Option<Text<'a>>,
    #[serde(default)]
    usage: Option<RawUsage>,
    #[serde(borrow, default)]
    content: Content<'a>,
}

#[derive(Debug, Deserialize)]
struct RawUsage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
}

#[derive(Debug, Deserialize)]
struct CacheCreation {
    ephemeral_5m_input_tokens: Option<u64>,
    ephemeral_1h_input_tokens: Option<u64>,
}

/// The content of a message, without any text.
#[derive(Debug, Default)]
enum Content<'a> {
    #[default]
    Missing,
    Text,
    Blocks(Vec<Block<'a>>),
}

#[derive(Debug, Deserialize)]
pub struct Block<'a> {
    #[serde(borrow, default, rename = "type")]
    kind: Option<Text<'a>>,
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
    #[serde(borrow, default)]
    name: Option<Text<'a>>,
    #[serde(borrow, default)]
    tool_use_id: Option<Text<'a>>,
    #[serde(default)]
    is_error: Option<bool>,
}

/// The usage that a line states for its request.
pub struct Stated<'a> {
    pub message_id: Option<&'a str>,
    pub request_id: Option<&'a str>,
    pub model: &'a str,
    pub tokens: Tokens,
}

impl<'a> Line<'a> {
    /// None for what is not JSON, of another type or shape, or with numbers beyond all sense.
    pub fn parse(bytes: &'a [u8]) -> Option<Line<'a>> {
        let line: Line = serde_json::from_slice(bytes).ok()?;
        let is_known = line.is_assistant() || line.is_user();
        let usage = line.message.usage.as_ref();
        (is_known && usage.is_none_or(RawUsage::is_plausible)).then_some(line)
    }

    pub fn is_assistant(&self) -> bool {
        self.kind.0 == "assistant"
    }

    fn is_user(&self) -> bool {
        self.kind.0 == "user"
    }

    /// What the client added by itself, such as a hint; nobody sent it.
    pub fn is_meta(&self) -> bool {
        self.is_meta == Some(true)
    }

    /// What somebody asked of the agent, as opposed to the result of a tool.
    pub fn is_prompt(&self) -> bool {
        let is_asked = match &self.message.content {
            Content::Missing => false,
            Content::Text => true,
            Content::Blocks(blocks) => !blocks.iter().any(|block| block.is("tool_result")),
        };
        self.is_user() && !self.is_meta() && is_asked
    }

    pub fn is_api_failure(&self) -> bool {
        self.is_assistant() && self.is_api_error_message == Some(true)
    }

    /// A message of the model after which it does not go on.
    pub fn is_final(&self) -> bool {
        let reason = self.message.stop_reason.as_ref();
        let is_last = reason.is_some_and(|reason| !NOT_FINAL.contains(&&*reason.0));
        self.is_assistant() && (is_last || self.is_api_failure())
    }

    /// Milliseconds since 1970; none for a time that no event may have.
    pub fn time_ms(&self) -> Option<i64> {
        let time: jiff::Timestamp = self.timestamp.as_ref()?.0.parse().ok()?;
        Some(time.as_millisecond()).filter(|time_ms| TIME_RANGE_MS.contains(time_ms))
    }

    pub fn session_id(&self) -> Option<&str> {
        self.session_id.as_ref().map(|id| &*id.0)
    }

    pub fn agent_id(&self) -> Option<&str> {
        self.agent_id.as_ref().map(|id| &*id.0)
    }

    /// None on lines of users, and where no model was asked.
    pub fn stated(&self) -> Option<Stated<'_>> {
        let message = &self.message;
        let model = message.model.as_ref().map_or(UNKNOWN, |model| &*model.0);
        if !self.is_assistant() || self.is_api_failure() || model == SYNTHETIC {
            return None;
        }
        Some(Stated {
            message_id: message.id.as_ref().map(|id| &*id.0),
            request_id: self.request_id.as_ref().map(|id| &*id.0),
            model,
            tokens: message.usage.as_ref()?.tokens(),
        })
    }

    /// Id and name of each tool that the model calls.
    pub fn tool_calls(&self) -> impl Iterator<Item = (&str, &str)> {
        let blocks = self.blocks().iter().filter(|_| self.is_assistant());
        blocks
            .filter(|block| block.is("tool_use"))
            .filter_map(|block| Some((&*block.id.as_ref()?.0, &*block.name.as_ref()?.0)))
    }

    /// The id of each call whose result is an error.
    pub fn tool_errors(&self) -> impl Iterator<Item = &str> {
        let blocks = self.blocks().iter().filter(|_| self.is_user());
        blocks
            .filter(|block| block.is("tool_result") && block.is_error == Some(true))
            .filter_map(|block| Some(&*block.tool_use_id.as_ref()?.0))
    }

    fn blocks(&self) -> &[Block<'a>] {
        match &self.message.content {
            Content::Blocks(blocks) => blocks,
            Content::Text | Content::Missing => &[],
        }
    }
}

impl Block<'_> {
    fn is(&self, kind: &str) -> bool {
        self.kind.as_ref().is_some_and(|own| own.0 == kind)
    }
}

impl RawUsage {
    fn is_plausible(&self) -> bool {
        let Tokens {
            input,
            output,
            cache_read,
            cache_write_5m,
            cache_write_1h,
        } = self.tokens();
        [input, output, cache_read, cache_write_5m, cache_write_1h]
            .into_iter()
            .all(|count| count <= MAX_COUNT)
    }

    /// What the split of the cache writes leaves out was written for the shorter time, which is
    /// the default.
    fn tokens(&self) -> Tokens {
        let split = self.cache_creation.as_ref();
        let write_1h = split.and_then(|split| split.ephemeral_1h_input_tokens);
        let write_5m = split.and_then(|split| split.ephemeral_5m_input_tokens);
        let write_1h = write_1h.unwrap_or(0);
        let written = self.cache_creation_input_tokens.unwrap_or(0);
        Tokens {
            input: self.input_tokens.unwrap_or(0),
            output: self.output_tokens.unwrap_or(0),
            cache_read: self.cache_read_input_tokens.unwrap_or(0),
            cache_write_5m: written.saturating_sub(write_1h).max(write_5m.unwrap_or(0)),
            cache_write_1h: write_1h,
        }
    }
}

/// The failure that a line tells of, and nothing else of it: a line has up to 8 MiB, and as a tree
/// took a hundred times that.
pub fn api_failure(bytes: &[u8]) -> ApiFailure {
    let line: Object = serde_json::from_slice(bytes).unwrap_or_default();
    let message = line.get("message").and_then(object).unwrap_or_default();
    let kind = line.string("error").and_then(clean_name);
    let block = message.get("content").and_then(first_text);
    ApiFailure {
        kind: kind.unwrap_or_else(|| UNKNOWN.to_owned()),
        message: block.or_else(|| message.string("content")).map(clean_text),
        status: line
            .get("apiErrorStatus")
            .and_then(scalar)
            .and_then(|status| status.as_u64()),
    }
}

/// The text of the first block that has one.
fn first_text(blocks: &RawValue) -> Option<String> {
    let blocks = items(blocks, MAX_BLOCKS)?;
    let mut blocks = blocks.into_iter().filter_map(object);
    blocks.find_map(|block| block.string("text"))
}

fn object(value: &RawValue) -> Option<Object<'_>> {
    Object::of(value).ok().flatten()
}

/// By hand, so that a prompt is skipped where a derived type would copy it.
impl<'de: 'a, 'a> Deserialize<'de> for Content<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content<'de>;

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("a text or blocks")
    }

    fn visit_str<E>(self, _: &str) -> Result<Content<'de>, E> {
        Ok(Content::Text)
    }

    fn visit_unit<E>(self) -> Result<Content<'de>, E> {
        Ok(Content::Missing)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Content<'de>, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Content::Missing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Content<'de>, A::Error> {
        let mut blocks = Vec::new();
        while blocks.len() < MAX_BLOCKS {
            match items.next_element()? {
                Some(block) => blocks.push(block),
                None => return Ok(Content::Blocks(blocks)),
            }
        }
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Content::Blocks(blocks))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::MAX_PARTS;

    /// With the closing brackets of a message.
    fn failure(content: &str, rest: &str) -> ApiFailure {
        let line = format!(
            r#"{{"type":"assistant","isApiErrorMessage":true,"error":"overloaded","apiErrorStatus":529,"message":{{"content":{content}}}{rest}}}"#
        );
        assert!(Line::parse(line.as_bytes()).is_some());
        api_failure(line.as_bytes())
    }

    #[test]
    fn the_message_of_a_failure_is_found_whatever_stands_around_it() {
        let wide = vec![r#"{"":0}"#; 100_000].join(",");
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        for rest in [format!(r#","x":[{wide}]"#), format!(r#","x":{deep}"#)] {
            for content in [
                r#""slow down""#.to_owned(),
                format!(r#"[{{}},{{"type":"x","x":[{wide}]}},{{"text":"slow down"}}]"#),
            ] {
                let failure = failure(&content, &rest);
                assert_eq!(failure.message.as_deref(), Some("slow down"));
                assert_eq!(failure.kind, "overloaded");
                assert_eq!(failure.status, Some(529));
            }
        }
    }

    #[test]
    fn a_line_that_is_too_wide_has_no_message() {
        let blocks = |count| format!(r#"[{},{{"text":"slow"}}]"#, vec!["{}"; count].join(","));
        let message = |count| failure(&blocks(count), "").message;
        assert_eq!(message(MAX_BLOCKS - 1).as_deref(), Some("slow"));
        assert_eq!(message(MAX_BLOCKS), None);
        let fields = (0..MAX_PARTS).map(|n| format!(r#","f{n}":0"#));
        let failure = failure(r#""slow""#, &fields.collect::<String>());
        assert_eq!((&*failure.kind, failure.message), ("unknown", None));
    }
}
