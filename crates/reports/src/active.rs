//! The running executions, page by page.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer::MAX_ANSWER_BYTES;
use crate::cursor::text_in_json;
use crate::error::Error;
use crate::report::Report;
use crate::source::{Sources, View};
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{CURSOR, InvalidParameter, LIMIT, Params};
use agentpulse_core::bucket::rfc3339;
use agentpulse_core::item::Tokens;
use agentpulse_core::json::json_bytes;
use agentpulse_core::kind::Kind;
use agentpulse_core::limits::MAX_NAME_BYTES;
use agentpulse_core::view::Active;
use agentpulse_pipeline::running::RunSnapshot;

/// Ten times what any machine has been seen to run at once.
const MAX_LISTED: usize = 10_000;

/// The page to return: the first, or the one after another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Page {
    pub after: Option<PageEnd>,
    pub limit: usize,
}

impl Page {
    pub const WHOLE: Page = Page {
        after: None,
        limit: MAX_LISTED,
    };
}

/// The last execution of a page. Its text is opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct PageEnd {
    pub started_ms: i64,
    pub agent_id: String,
}

impl PageEnd {
    /// The pattern of [`parse`](Self::parse).
    pub const PATTERN: &str = "^-?[0-9]{1,18}_.{1,256}$";
    const MAX_DIGITS: usize = 18;

    pub fn parse(text: &str) -> Option<PageEnd> {
        let (started_ms, agent_id) = text.split_once('_')?;
        let digits = started_ms.strip_prefix('-').unwrap_or(started_ms);
        let is_number =
            digits.len() <= Self::MAX_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        let is_name = (1..=MAX_NAME_BYTES).contains(&agent_id.len());
        Some(PageEnd {
            started_ms: started_ms.parse().ok().filter(|_| is_number && is_name)?,
            agent_id: agent_id.to_owned(),
        })
    }
}

impl fmt::Display for PageEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.started_ms, self.agent_id)
    }
}

text_in_json!(PageEnd);

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActiveList {
    /// Oldest first, at most 4 MiB.
    pub active: Vec<Listed>,
    /// Null on the last page.
    #[schemars(with = "Option<String>", extend("pattern" = PageEnd::PATTERN))]
    pub next_cursor: Option<PageEnd>,
    /// The number of running executions that started later.
    // Older daemons do not send it; this version always does.
    #[serde(default)]
    #[schemars(!default)]
    pub omitted: usize,
}

/// A running execution in short, as the current metrics show it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Running {
    pub agent_id: String,
    pub agent_name: String,
    #[schemars(extend("const" = "running"))]
    pub status: Cow<'static, str>,
    pub duration_so_far_ms: i64,
    /// 0..1.
    pub progress: Option<f64>,
}

/// A running execution with all fields of its start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "RunningExecution")]
pub struct Listed {
    #[serde(flatten)]
    pub running: Running,
    pub agent_type: String,
    // Older daemons do not send it; this version always does.
    #[serde(default)]
    #[schemars(!default)]
    pub kind: Kind,
    #[schemars(extend("format" = "date-time"))]
    pub start_time: String,
    pub current_tool: Option<String>,
    /// The usage so far; null while it is unknown.
    pub token_usage: Option<Tokens>,
    pub parent_agent_id: Option<String>,
    /// Launches below the main thread; null if no hook reported it.
    pub depth: Option<u64>,
    pub task_description: Option<String>,
    pub tools_granted: Vec<String>,
    pub context_size: Option<u64>,
    pub session_id: Option<String>,
    pub model: Option<String>,
    /// The folder of the repository in which it works, the home folder as `~`.
    // As the kind.
    #[serde(default)]
    #[schemars(!default)]
    pub project: Option<String>,
    /// The branch that is checked out there.
    #[serde(default)]
    #[schemars(!default)]
    pub branch: Option<String>,
    pub host: Option<String>,
    pub source: Option<String>,
    /// When its last heartbeat came.
    #[schemars(extend("format" = "date-time"))]
    pub last_seen: Option<String>,
    /// The same as `last_seen`; it goes with the next release.
    pub last_sign: Option<String>,
    /// When it counts as hung, without another heartbeat.
    #[schemars(extend("format" = "date-time"))]
    pub deadline: Option<String>,
}

impl Endpoint for Page {
    const PATH: &'static str = "/api/agents/active";
    const SUMMARY: &'static str =
        "Every running execution with its last heartbeat and its deadline";
    type Answer = ActiveList;

    fn parse(params: &Params) -> Result<Page, InvalidParameter> {
        let limit = params.number(LIMIT, 1..=MAX_LISTED, Some(MAX_LISTED))?;
        let cursor = || json!({"type": "string", "pattern": PageEnd::PATTERN});
        Ok(Page {
            after: params.parsed(CURSOR, cursor, PageEnd::parse, "a next_cursor")?,
            limit: limit.unwrap_or(MAX_LISTED),
        })
    }
}

impl Report for Page {
    type Built = ActiveList;

    fn is_scan(&self) -> bool {
        false
    }

    fn ended_ms(&self, _: &Sources, _now_ms: i64) -> Range<i64> {
        // It reads none.
        0..0
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(ActiveList, View), Error> {
        Ok(self.read(sources, now_ms))
    }
}

impl Page {
    pub fn read(&self, sources: &Sources, now_ms: i64) -> (ActiveList, View) {
        let (running, view) = sources.running();
        let after = self.after.as_ref();
        let after = after.map(|end| (end.started_ms, end.agent_id.as_str()));
        let (shown, rest) = running.page(sources.only(), after, self.limit);
        (build(&shown, rest, MAX_ANSWER_BYTES, now_ms), view)
    }
}

/// `rest`: how many follow these. A page that would be too large ends early, but never empty.
pub fn build(shown: &[RunSnapshot], rest: usize, max_bytes: usize, now_ms: i64) -> ActiveList {
    let mut active = Vec::new();
    let mut bytes = 0;
    for one in shown {
        let listed = Listed::of(one.active(), now_ms);
        bytes += json_bytes(&listed) + ",".len();
        if bytes > max_bytes && !active.is_empty() {
            break;
        }
        active.push(listed);
    }
    let omitted = shown.len() - active.len() + rest;
    let last = active.len().checked_sub(1).map(|last| &shown[last].known);
    let end = last.map(|last| PageEnd {
        started_ms: last.started_ms,
        agent_id: last.agent_id.clone(),
    });
    ActiveList {
        active,
        next_cursor: end.filter(|_| omitted > 0),
        omitted,
    }
}

impl Running {
    pub fn of(active: Active, now_ms: i64) -> Running {
        Running {
            agent_id: active.agent_id,
            agent_name: active.agent_name,
            status: Cow::Borrowed("running"),
            duration_so_far_ms: now_ms.saturating_sub(active.started_ms).max(0),
            progress: active.progress,
        }
    }
}

impl Listed {
    pub fn of(mut active: Active, now_ms: i64) -> Listed {
        Listed {
            agent_type: std::mem::take(&mut active.agent_type),
            kind: active.kind,
            start_time: rfc3339(active.started_ms),
            current_tool: active.current_tool.take(),
            token_usage: active.token_usage.map(Tokens::from),
            parent_agent_id: active.parent_agent_id.take(),
            depth: active.depth,
            task_description: active.task_description.take(),
            tools_granted: std::mem::take(&mut active.tools_granted),
            context_size: active.context_size,
            session_id: active.session_id.take(),
            model: active.model.take(),
            project: active.project.take(),
            branch: active.branch.take(),
            host: active.host.take(),
            source: active.source.take(),
            last_seen: active.last_sign_ms.map(rfc3339),
            last_sign: active.last_sign_ms.map(rfc3339),
            deadline: active.deadline_ms.map(rfc3339),
            running: Running::of(active, now_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{active, shown};
    use agentpulse_core::execution::TokenUsage;

    #[test]
    fn a_page_is_asked_for() {
        let parsed = |query| Page::parse(&Params::of(Some(query), None));
        assert_eq!(parsed(""), Ok(Page::WHOLE));
        let after = PageEnd::parse("5_a #b");
        assert_eq!(
            parsed("limit=2&cursor=5_a%20%23b"),
            Ok(Page { after, limit: 2 })
        );
        let refused = |query| parsed(query).unwrap_err().to_string();
        assert_eq!(refused("limit=10001"), "limit must be 1..=10000");
        assert_eq!(refused("cursor=5"), "cursor must be a next_cursor");
    }

    #[test]
    fn a_page_ends_with_the_place_of_the_next() {
        let all = ["a", "b", "c"].map(|id| shown(active(id, 1_000)));
        let one = json_bytes(&Listed::of(all[0].active(), 4_000)) + 1;
        let ids = |list: &ActiveList| {
            let ids = list
                .active
                .iter()
                .map(|listed| listed.running.agent_id.clone());
            (ids.collect::<Vec<_>>().concat(), list.omitted)
        };
        let end = |id: &str| {
            Some(PageEnd {
                started_ms: 1_000,
                agent_id: id.to_owned(),
            })
        };
        let whole = build(&all, 0, 3 * one, 4_000);
        assert_eq!(
            (ids(&whole), whole.next_cursor),
            (("abc".to_owned(), 0), None)
        );
        let part = build(&all, 4, 2 * one, 4_000);
        assert_eq!(
            (ids(&part), part.next_cursor),
            (("ab".to_owned(), 5), end("b"))
        );
        let least = build(&all, 0, 1, 4_000);
        assert_eq!(
            (ids(&least), least.next_cursor),
            (("a".to_owned(), 2), end("a"))
        );
        assert_eq!(build(&[], 0, 1, 4_000).next_cursor, None);
        for text in ["1000_b", "-5_b_c", "0__"] {
            assert_eq!(PageEnd::parse(text).unwrap().to_string(), text);
        }
        for damaged in [
            "",
            "7",
            "7_",
            "_b",
            "x_b",
            "+1_b",
            "1e3_b",
            "9999999999999999999_b",
        ] {
            assert_eq!(PageEnd::parse(damaged), None, "{damaged}");
        }
    }

    #[test]
    fn unknown_fields_of_active_agents_are_null() {
        let mut known = active("z", 1_000);
        known.tools_granted = vec!["Read".to_owned()];
        known.session_id = Some("s".to_owned());
        known.token_usage = Some(TokenUsage {
            input_tokens: 10,
            output_tokens: 2,
            cache_read_tokens: 300,
            cache_write_tokens: 4_000,
            total_tokens: 12,
            cost_micros: Some(7_600),
        });
        // Its clock runs ahead of ours.
        let ahead = active("y", 5_000);
        let list = build(&[shown(known), shown(ahead)], 0, MAX_ANSWER_BYTES, 4_000);
        let list = serde_json::to_value(list).unwrap();
        let expect = json!({
            "agent_id": "z", "agent_name": "a", "agent_type": "generic", "kind": "agent",
            "status": "running",
            "start_time": "1970-01-01T00:00:01.000Z", "duration_so_far_ms": 3000,
            "progress": null, "current_tool": null, "parent_agent_id": null,
            "token_usage": {
                "input_tokens": 10, "output_tokens": 2, "cache_read_tokens": 300,
                "cache_write_tokens": 4_000, "total_tokens": 12, "estimated_cost": 0.0076,
            },
            "depth": null,
            "task_description": null, "tools_granted": ["Read"], "context_size": null,
            "session_id": "s", "model": null, "project": null, "branch": null, "host": null,
            "source": null,
            "last_seen": "1970-01-01T00:00:02.000Z", "last_sign": "1970-01-01T00:00:02.000Z",
            "deadline": "1970-01-01T00:05:01.000Z",
        });
        assert_eq!(list["active"][0], expect);
        assert_eq!(list["active"][1]["agent_id"], "y");
        assert_eq!(list["active"][1]["duration_so_far_ms"], 0);
        assert_eq!(list["active"][1]["token_usage"], json!(null));
    }
}
