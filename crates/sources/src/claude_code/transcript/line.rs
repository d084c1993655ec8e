//! One line of a transcript, and of it the few fields that count.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::Deserializer;
use serde_json::value::RawValue;

use super::loose::{Flag, Word};
use super::stated::{Stated, parts};
use crate::clean::{clean_name, clean_text};
use crate::fields::is_path;
use crate::json::{Object, items, scalar};
use crate::time::TIME_RANGE_MS;
use agentpulse_core::execution::UNKNOWN_ERROR;
use agentpulse_core::usage::ApiFailure;

/// What the client puts instead of a model where it made the message up.
const SYNTHETIC: &str = "<synthetic>";
/// Stop reasons after which the model goes on.
const NOT_FINAL: [&str; 2] = ["tool_use", "pause_turn"];
/// A message has a few dozen blocks; a line of nothing but blocks must not become a hundred times
/// its size in memory.
const MAX_BLOCKS: usize = 4_096;
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
const UNKNOWN: &str = "unknown";

/// A line of the model or to the model; all others say nothing that counts.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line<'a> {
    #[serde(borrow, rename = "type")]
    kind: Word<'a>,
    #[serde(default)]
    is_meta: Flag,
    #[serde(default)]
    is_api_error_message: Flag,
    #[serde(borrow, default)]
    request_id: Word<'a>,
    #[serde(borrow, default)]
    timestamp: Word<'a>,
    #[serde(borrow, default)]
    session_id: Word<'a>,
    #[serde(borrow, default)]
    request_session_id: Word<'a>,
    #[serde(borrow, default)]
    agent_id: Word<'a>,
    #[serde(borrow, default)]
    cwd: Word<'a>,
    #[serde(borrow, default)]
    git_branch: Word<'a>,
    #[serde(borrow, default)]
    forked_from: Option<&'a RawValue>,
    #[serde(borrow, default)]
    prompt_id: Word<'a>,
    #[serde(borrow, default)]
    uuid: Word<'a>,
    #[serde(borrow, default)]
    interrupted_message_id: Option<&'a RawValue>,
    #[serde(borrow)]
    message: Message<'a>,
}

#[derive(Debug, Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    id: Word<'a>,
    #[serde(borrow, default)]
    model: Word<'a>,
    #[serde(borrow, default)]
    stop_reason: Word<'a>,
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Content<'a>,
}

/// The content of a message, without any text.
#[derive(Debug, Default)]
enum Content<'a> {
    #[default]
    Missing,
    Text,
    Blocks(Vec<Block<'a>>),
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Block<'a> {
    #[serde(borrow, rename = "type")]
    kind: Word<'a>,
    #[serde(borrow)]
    id: Word<'a>,
    #[serde(borrow)]
    name: Word<'a>,
    #[serde(borrow)]
    tool_use_id: Word<'a>,
    is_error: Flag,
}

impl<'a> Line<'a> {
    /// None for what is not JSON, or of another type or shape.
    pub fn parse(bytes: &'a [u8]) -> Option<Line<'a>> {
        let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
        let line: Line = serde_json::from_slice(bytes).ok()?;
        (line.is_assistant() || line.is_user()).then_some(line)
    }

    pub fn is_assistant(&self) -> bool {
        self.kind.is("assistant")
    }

    fn is_user(&self) -> bool {
        self.kind.is("user")
    }

    /// What the client added by itself, such as a hint; nobody sent it.
    pub fn is_meta(&self) -> bool {
        self.is_meta.0
    }

    /// A copy of a line of the agent, or of the session, from which this one was forked.
    pub fn is_inherited(&self) -> bool {
        let asked_in = self.request_session_id.get();
        let is_elsewhere = asked_in.is_some() && asked_in != self.session_id.get();
        self.forked_from.is_some() || self.is_assistant() && is_elsewhere
    }

    /// What somebody asked of the agent, as opposed to the result of a tool and to an interrupt.
    pub fn is_prompt(&self) -> bool {
        let is_asked = match &self.message.content {
            Content::Missing => false,
            Content::Text => true,
            Content::Blocks(blocks) => !blocks.iter().any(|block| block.is("tool_result")),
        };
        self.is_user() && !self.is_meta() && !self.is_interrupt() && is_asked
    }

    /// The prompt whose turn of the main thread goes on from here: lines of users carry it, but for
    /// those of older clients.
    pub fn prompt_id(&self) -> Option<&str> {
        let is_result = self.tool_results().next().is_some();
        self.prompt_id
            .get()
            .filter(|_| self.is_user() && !is_result)
    }

    /// What stands for the prompt in files of clients that do not number their prompts.
    pub fn uuid_of_prompt(&self) -> Option<&str> {
        self.uuid.get().filter(|_| self.is_prompt())
    }

    /// The user interrupted the model here.
    pub fn is_interrupt(&self) -> bool {
        self.is_user() && self.interrupted_message_id.is_some()
    }

    pub fn is_api_failure(&self) -> bool {
        self.is_assistant() && self.is_api_error_message.0
    }

    /// A message of the model after which it does not go on.
    pub fn is_final(&self) -> bool {
        let reason = self.message.stop_reason.get();
        let is_last = reason.is_some_and(|reason| !NOT_FINAL.contains(&reason));
        self.is_assistant() && (is_last || self.is_api_failure())
    }

    /// Milliseconds since 1970; none for a time that no event may have.
    pub fn time_ms(&self) -> Option<i64> {
        let time: jiff::Timestamp = self.timestamp.get()?.parse().ok()?;
        Some(time.as_millisecond()).filter(|time_ms| TIME_RANGE_MS.contains(time_ms))
    }

    pub fn session_id(&self) -> Option<&str> {
        self.session_id.get()
    }

    pub fn agent_id(&self) -> Option<&str> {
        self.agent_id.get()
    }

    /// The folder in which the client worked.
    pub fn folder(&self) -> Option<&str> {
        self.cwd.get().filter(|folder| is_path(folder))
    }

    pub fn branch(&self) -> Option<&str> {
        self.git_branch.get()
    }

    /// None on lines of users, and where no model was asked.
    pub fn stated(&self) -> Option<Stated<'_>> {
        let message = &self.message;
        let model = message.model.get().unwrap_or(UNKNOWN);
        if !self.is_assistant() || self.is_api_failure() || model == SYNTHETIC {
            return None;
        }
        Some(Stated {
            message_id: message.id.get(),
            request_id: self.request_id.get(),
            is_whole: message.stop_reason.get().is_some(),
            parts: parts(message.usage?, model),
        })
    }

    /// Id and name of each tool that the model calls.
    pub fn tool_calls(&self) -> impl Iterator<Item = (&str, &str)> {
        let blocks = self.blocks().iter().filter(|_| self.is_assistant());
        blocks
            .filter(|block| block.is("tool_use"))
            .filter_map(|block| Some((block.id.get()?, block.name.get()?)))
    }

    /// The id of each call whose result is an error.
    pub fn tool_errors(&self) -> impl Iterator<Item = &str> {
        let failed = self.tool_results().filter(|(_, is_error)| *is_error);
        failed.map(|(id, _)| id)
    }

    /// The id of each call with a result, and whether that is an error.
    pub fn tool_results(&self) -> impl Iterator<Item = (&str, bool)> {
        let blocks = self.blocks().iter().filter(|_| self.is_user());
        blocks
            .filter(|block| block.is("tool_result"))
            .filter_map(|block| Some((block.tool_use_id.get()?, block.is_error.0)))
    }

    /// The model speaks, and the line does not say whether it goes on.
    pub fn is_open_ended(&self) -> bool {
        let is_text = self.blocks().iter().any(|block| block.is("text"));
        self.is_assistant() && is_text && self.message.stop_reason.get().is_none()
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
        self.kind.is(kind)
    }
}

/// A line as text. Bytes that are none stand in a text that nobody keeps, and take nothing with it.
pub fn readable(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// Whether a line says that a fork's file begins here: lines of its parent follow.
pub fn is_fork(bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Kind<'a> {
        #[serde(borrow, rename = "type")]
        kind: Word<'a>,
    }
    let line = serde_json::from_slice::<Kind>(bytes);
    line.is_ok_and(|line| line.kind.is("fork-context-ref"))
}

/// The failure that a line reports, and nothing else of it: a line has up to 8 MiB, and as a tree
/// took a hundred times that.
pub fn api_failure(bytes: &[u8]) -> ApiFailure {
    let line: Object = serde_json::from_slice(bytes).unwrap_or_default();
    let message = line.get("message").and_then(object).unwrap_or_default();
    let kind = line.string("error").and_then(clean_name);
    let block = message.get("content").and_then(first_text);
    ApiFailure {
        kind: kind.unwrap_or_else(|| UNKNOWN_ERROR.to_owned()),
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
        let content = <&'de RawValue>::deserialize(deserializer)?;
        Ok(match content.get().as_bytes().first() {
            Some(b'"') => Content::Text,
            Some(b'[') => blocks(content).map_or(Content::Missing, Content::Blocks),
            _ => Content::Missing,
        })
    }
}

/// What is no block says nothing.
fn blocks(content: &RawValue) -> Option<Vec<Block<'_>>> {
    let items = items(content, MAX_BLOCKS)?.into_iter();
    let blocks = items.map(|item| serde_json::from_str(item.get()).unwrap_or_default());
    Some(blocks.collect())
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
