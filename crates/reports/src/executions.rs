//! Ended executions, newest first and page by page.

use std::fmt;
use std::ops::{Range, RangeInclusive};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::answer::MAX_ANSWER_BYTES;
use crate::cursor::text_in_json;
use crate::error::Error;
use crate::item::SharedItem;
use crate::report::Report;
use crate::source::{Sources, View};
use crate::window::last_hours;
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{AGENT_NAME, CURSOR, InvalidParameter, LIMIT, Param, Params, SINCE};
use agentpulse_core::execution::Status;
use agentpulse_core::item::Item;
use agentpulse_core::json::json_bytes;
use agentpulse_store::history::{self, Filter, Position, Reader};

const LIMITS: RangeInclusive<usize> = 1..=500;
const DEFAULT_LIMIT: usize = 50;

const AGENT_TYPE: Param = Param::new("agent_type", "A type of agents.");
const STATUS: Param = Param::new("status", "How an execution ended.");
const SESSION_ID: Param = Param::new("session_id", "The session that an execution belongs to.");
pub const UNTIL: Param = Param::new("until", "The moment before which it was.");
const MODEL: Param = Param::new("model", "The model that did most of it.");

/// The filters. Times are of the end of an execution.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Page {
    pub agent_name: Option<String>,
    pub agent_type: Option<String>,
    pub status: Option<Status>,
    pub session_id: Option<String>,
    pub model: Option<String>,
    pub since_ms: Option<i64>,
    pub until_ms: Option<i64>,
    /// The last hours, if neither of these two is set.
    pub hours: Option<i32>,
    pub after: Option<PageEnd>,
    pub limit: usize,
}

/// The last execution of a page. Its text is opaque to clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct PageEnd {
    pub ended_ms: i64,
    pub rowid: i64,
}

impl PageEnd {
    /// The pattern of [`parse`](Self::parse).
    pub const PATTERN: &str = "^[0-9]{1,18}_[0-9]{1,18}$";
    const MAX_DIGITS: usize = 18;

    pub fn parse(text: &str) -> Option<PageEnd> {
        let (ended_ms, rowid) = text.split_once('_')?;
        let number = |text: &str| {
            let digits = text.len() <= Self::MAX_DIGITS && text.bytes().all(|b| b.is_ascii_digit());
            text.parse().ok().filter(|_| digits)
        };
        Some(PageEnd {
            ended_ms: number(ended_ms)?,
            rowid: number(rowid)?,
        })
    }
}

impl fmt::Display for PageEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.ended_ms, self.rowid)
    }
}

text_in_json!(PageEnd);

// The daemon writes shared executions, and clients read items: the JSON is the same.
#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Executions")]
pub struct Executions<E = Item<'static>> {
    pub executions: Vec<E>,
    /// Null on the last page.
    #[schemars(with = "Option<String>", extend("pattern" = PageEnd::PATTERN))]
    pub next_cursor: Option<PageEnd>,
}

impl Endpoint for Page {
    const PATH: &'static str = "/api/agents/executions";
    const SUMMARY: &'static str = "Ended executions, newest first, page by page";
    type Answer = Executions;

    fn parse(params: &Params) -> Result<Page, InvalidParameter> {
        let statuses = [Status::Success, Status::Failure, Status::Timeout];
        let (since_ms, until_ms) = (params.time_ms(SINCE)?, params.time_ms(UNTIL)?);
        let window = params.time_range()?;
        let limit = params.number(LIMIT, LIMITS, Some(DEFAULT_LIMIT))?;
        let cursor = || json!({"type": "string", "pattern": PageEnd::PATTERN});
        Ok(Page {
            agent_name: params.name(AGENT_NAME)?,
            agent_type: params.name(AGENT_TYPE)?,
            status: params.choice(STATUS, &statuses.map(|status| (status.as_str(), status)))?,
            session_id: params.name(SESSION_ID)?,
            model: params.name(MODEL)?,
            since_ms,
            until_ms,
            hours: window.filter(|_| since_ms.is_none() && until_ms.is_none()),
            after: params.parsed(CURSOR, cursor, PageEnd::parse, "a next_cursor")?,
            limit: limit.unwrap_or(DEFAULT_LIMIT),
        })
    }
}

impl Report for Page {
    type Built = Executions<SharedItem>;

    fn is_scan(&self) -> bool {
        // No index covers these; a session has few executions.
        let of_type = self.agent_type.is_some() || self.model.is_some();
        self.session_id.is_none() && (of_type || self.status == Some(Status::Success))
    }

    fn ended_ms(&self, _: &Sources, _now_ms: i64) -> Range<i64> {
        // It reads none.
        0..0
    }

    async fn fetch(
        &self,
        sources: &Sources,
        now_ms: i64,
    ) -> Result<(Executions<SharedItem>, View), Error> {
        let window = self
            .hours
            .map(|hours| last_hours(hours, now_ms).0.start_ms());
        let filter = Filter {
            agent_name: self.agent_name.clone(),
            agent_type: self.agent_type.clone(),
            status: self.status,
            session_id: self.session_id.clone(),
            model: self.model.clone(),
            from_ms: self.since_ms.or(window),
            to_ms: self.until_ms,
            ..Filter::default()
        };
        let after = self.after.as_ref();
        let before = after.map(|&PageEnd { ended_ms, rowid }| Position { ended_ms, rowid });
        let limit = self.limit;
        let ask = move |reader: &Reader| reader.executions(&filter, before, limit);
        let rows = sources.history(ask).await?;
        Ok((build(rows, MAX_ANSWER_BYTES), View::History))
    }
}

/// A page that would be too large ends early, but never empty.
pub fn build(page: history::Page, max_bytes: usize) -> Executions<SharedItem> {
    let mut executions = Vec::with_capacity(page.executions.len());
    let mut bytes = 0;
    let mut end = None;
    let next = page
        .next
        .map(|Position { ended_ms, rowid }| PageEnd { ended_ms, rowid });
    for (rowid, execution) in page.executions {
        let Some(outcome) = execution.outcome() else {
            continue;
        };
        let shown = SharedItem(execution);
        bytes += json_bytes(&shown) + ",".len();
        if bytes > max_bytes && end.is_some() {
            return Executions {
                executions,
                next_cursor: end,
            };
        }
        let ended_ms = outcome.ended_ms;
        end = Some(PageEnd { ended_ms, rowid });
        executions.push(shown);
    }
    Executions {
        executions,
        next_cursor: next,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::samples::stopped;

    #[test]
    fn executions_are_filtered_and_paged() {
        let parsed = |query| Page::parse(&Params::of(Some(query), None));
        let default = Page {
            limit: 50,
            ..Page::default()
        };
        assert_eq!(parsed(""), Ok(default.clone()));
        let query = "agent_name=a%20b&agent_type=tester&status=timeout&session_id=s&model=m\
                     &since=2026-11-20&until=1795200000&cursor=5_6&limit=500";
        let page = Page {
            agent_name: Some("a b".to_owned()),
            agent_type: Some("tester".to_owned()),
            status: Some(Status::Timeout),
            session_id: Some("s".to_owned()),
            model: Some("m".to_owned()),
            since_ms: Some(20_777 * 86_400_000),
            until_ms: Some(1_795_200_000_000),
            hours: None,
            after: PageEnd::parse("5_6"),
            limit: 500,
        };
        assert_eq!(parsed(query), Ok(page));
        let since = Page {
            since_ms: Some(1_500),
            ..default.clone()
        };
        let query = "since=1970-01-01T00:00:01.5%2B00:00&timeRange=1h";
        assert_eq!(parsed(query), Ok(since));
        let hours = Some(6);
        assert_eq!(parsed("timeRange=6h"), Ok(Page { hours, ..default }));
        let refused = |query| parsed(query).unwrap_err().to_string();
        let expect = "status must be one of success, failure, timeout";
        assert_eq!(refused("status=running"), expect);
        assert_eq!(refused("cursor=x"), "cursor must be a next_cursor");
        let expect = "until must be a date, an RFC 3339 time or a Unix number";
        assert_eq!(refused("until=yesterday"), expect);
        for query in ["limit=501", "limit=0"] {
            assert_eq!(refused(query), "limit must be 1..=500");
        }
    }

    fn rows(ends_ms: &[i64], next: Option<Position>) -> history::Page {
        let row = |&ended_ms| {
            let execution = stopped(&format!("x{ended_ms}"), ended_ms, None);
            (ended_ms + 100, Arc::new(execution))
        };
        history::Page {
            executions: ends_ms.iter().map(row).collect(),
            next,
        }
    }

    fn ids(page: &Executions<SharedItem>) -> Vec<&str> {
        page.executions
            .iter()
            .map(|shown| shown.0.id.as_str())
            .collect()
    }

    #[test]
    fn a_page_ends_with_the_place_of_the_next() {
        let next = Position {
            ended_ms: 7,
            rowid: 107,
        };
        let page = build(rows(&[9, 7], Some(next)), usize::MAX);
        assert_eq!(ids(&page), ["x9", "x7"]);
        assert_eq!(serde_json::to_value(&page).unwrap()["next_cursor"], "7_107");
        let end = PageEnd::parse("7_107").unwrap();
        assert_eq!((end.ended_ms, end.rowid), (7, 107));
        for damaged in ["", "7", "7_", "_1", "a_b", "1_2_3", "+1_2", "1_-2"] {
            assert_eq!(PageEnd::parse(damaged), None, "{damaged}");
        }
    }

    #[test]
    fn the_last_page_leads_nowhere() {
        assert_eq!(build(rows(&[9, 7], None), usize::MAX).next_cursor, None);
        let empty = serde_json::to_value(build(rows(&[], None), usize::MAX)).unwrap();
        assert_eq!(empty, json!({"executions": [], "next_cursor": null}));
    }

    #[test]
    fn a_page_that_would_be_too_large_is_shorter_and_never_empty() {
        let one = json_bytes(&SharedItem(rows(&[9], None).executions[0].1.clone())) + 1;
        let page = build(rows(&[9, 7, 5], None), 2 * one);
        assert_eq!(ids(&page), ["x9", "x7"]);
        assert_eq!(page.next_cursor, PageEnd::parse("7_107"));
        assert_eq!(ids(&build(rows(&[9, 7], None), 1)), ["x9"]);
    }
}
