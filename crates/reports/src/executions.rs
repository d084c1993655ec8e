//! Ended executions, newest first and page by page, and any single one.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Serialize, Serializer};

use super::item::{Item, started};
use super::window::last_hours;
use super::{Error, MAX_ANSWER_BYTES, Sources, View};
use agentpulse_core::execution::{Execution, Status, TokenUsage};
use agentpulse_core::json::json_bytes;
use agentpulse_store::history::{self, Filter, Position, Reader};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

impl Serialize for PageEnd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Executions {
    #[schemars(with = "Vec<Item<'static>>")]
    pub executions: Vec<RunSnapshot>,
    /// Null on the last page.
    #[schemars(with = "Option<String>", extend("pattern" = PageEnd::PATTERN))]
    pub next_cursor: Option<PageEnd>,
}

/// Written as an [`Item`].
#[derive(Debug, PartialEq)]
pub struct RunSnapshot(pub Arc<Execution>);

impl Serialize for RunSnapshot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Item::of(&self.0).serialize(serializer)
    }
}

pub async fn fetch(
    sources: &Sources,
    page: &Page,
    now_ms: i64,
) -> Result<(Executions, View), Error> {
    let window = page
        .hours
        .map(|hours| last_hours(hours, now_ms).0.start_ms());
    let filter = Filter {
        agent_name: page.agent_name.clone(),
        agent_type: page.agent_type.clone(),
        status: page.status,
        session_id: page.session_id.clone(),
        model: page.model.clone(),
        from_ms: page.since_ms.or(window),
        to_ms: page.until_ms,
    };
    let before = page
        .after
        .map(|PageEnd { ended_ms, rowid }| Position { ended_ms, rowid });
    let limit = page.limit;
    let ask = move |reader: &Reader| reader.executions(&filter, before, limit);
    let rows = sources.history(ask).await?;
    Ok((build(rows, MAX_ANSWER_BYTES), View::History))
}

/// A single execution; a running one with its usage so far.
pub struct Single {
    execution: Arc<Execution>,
    spent: Option<TokenUsage>,
}

impl Serialize for Single {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Single { execution, spent } = self;
        match execution.is_running() {
            true => Item::running(execution, *spent).serialize(serializer),
            false => Item::of(execution).serialize(serializer),
        }
    }
}

/// History first: it has most. An execution that it lacks may be running.
pub async fn fetch_one(sources: &Sources, id: &str) -> Result<(Single, View), Error> {
    let (running, view) = sources.running();
    let shown = running.get(id);
    let spent = shown.as_ref().and_then(|shown| shown.heartbeat.token_usage);
    let asked = id.to_owned();
    let known = sources
        .history(move |reader| reader.execution(&asked))
        .await?;
    if let Some(execution) = known.filter(|execution| !execution.is_void()) {
        return Ok((Single { execution, spent }, View::History));
    }
    let execution = shown.map(|shown| Arc::new(started(shown.active())));
    let unknown = || Error::UnknownExecution(id.to_owned());
    let execution = execution.ok_or_else(unknown)?;
    Ok((Single { execution, spent }, view))
}

/// A page that would be too large ends early, but never empty.
pub fn build(page: history::Page, max_bytes: usize) -> Executions {
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
        let shown = RunSnapshot(execution);
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
    use serde_json::json;

    use super::*;
    use crate::item::tests::stopped;

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

    fn ids(page: &Executions) -> Vec<&str> {
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
        let one = json_bytes(&RunSnapshot(rows(&[9], None).executions[0].1.clone())) + 1;
        let page = build(rows(&[9, 7, 5], None), 2 * one);
        assert_eq!(ids(&page), ["x9", "x7"]);
        assert_eq!(page.next_cursor, PageEnd::parse("7_107"));
        assert_eq!(ids(&build(rows(&[9, 7], None), 1)), ["x9"]);
    }
}
