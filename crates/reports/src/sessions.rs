//! Sessions, those that run first, then the newest end first, page by page.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Range, RangeInclusive};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::cursor::text_in_json;
use crate::error::Error;
use crate::executions::{self, UNTIL};
use crate::report::Report;
use crate::source::{Sources, View};
use crate::window::last_hours;
use agentpulse_api::endpoint::Endpoint;
use agentpulse_api::params::{CURSOR, InvalidParameter, LIMIT, Params, SINCE};
use agentpulse_core::bucket::rfc3339;
use agentpulse_core::execution::TokenUsage;
use agentpulse_core::item::Tokens;
use agentpulse_core::kind::Kind;
use agentpulse_core::limits::MAX_NAME_BYTES;
use agentpulse_core::only::Only;
use agentpulse_pipeline::running::RunSnapshot;
use agentpulse_store::history::{self, Position, Reader};

/// An answer of the most has some 1 MB: a name has at most 256 bytes.
const LIMITS: RangeInclusive<usize> = 1..=500;
const DEFAULT_LIMIT: usize = 50;
const MAX_MODELS: usize = 5;

/// Times are of the last end of a session; one that runs ends now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Page {
    since_ms: Option<i64>,
    until_ms: Option<i64>,
    /// The last hours, if neither of these two is set.
    hours: Option<i32>,
    after: Option<PageEnd>,
    limit: usize,
}

/// The last session of a page. Its text is opaque to clients.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub enum PageEnd {
    Running(Newest),
    /// Its last execution.
    Ended(executions::PageEnd),
}

/// The place of a session that runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Newest {
    /// The newest start of what runs.
    started_ms: i64,
    session_id: String,
}

impl PageEnd {
    /// The pattern of [`parse`](Self::parse).
    pub const PATTERN: &str = "^([0-9]{1,18}_[0-9]{1,18}|running_-?[0-9]{1,18}_.{1,256})$";
    const RUNNING: &str = "running_";
    const MAX_DIGITS: usize = 18;

    pub fn parse(text: &str) -> Option<PageEnd> {
        let Some(newest) = text.strip_prefix(Self::RUNNING) else {
            return executions::PageEnd::parse(text).map(PageEnd::Ended);
        };
        let (started_ms, session_id) = newest.split_once('_')?;
        let digits = started_ms.strip_prefix('-').unwrap_or(started_ms);
        let is_number =
            digits.len() <= Self::MAX_DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
        let is_name = (1..=MAX_NAME_BYTES).contains(&session_id.len());
        Some(PageEnd::Running(Newest {
            started_ms: started_ms.parse().ok().filter(|_| is_number && is_name)?,
            session_id: session_id.to_owned(),
        }))
    }
}

impl fmt::Display for PageEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PageEnd::Running(newest) => {
                let Newest {
                    started_ms,
                    session_id,
                } = newest;
                write!(f, "{}{started_ms}_{session_id}", Self::RUNNING)
            }
            PageEnd::Ended(last) => last.fmt(f),
        }
    }
}

text_in_json!(PageEnd);

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sessions {
    /// Those of which something runs first, the newest start of these first; then the others, the
    /// newest end first.
    pub sessions: Vec<Session>,
    /// Null on the last page.
    #[schemars(with = "Option<String>", extend("pattern" = PageEnd::PATTERN))]
    pub next_cursor: Option<PageEnd>,
}

/// One run of a coding agent's client.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    pub session_id: String,
    /// `running` while something of it runs, else how its last turn ended.
    #[schemars(extend("enum" = ["running", "success", "failure", "timeout"]))]
    pub status: Cow<'static, str>,
    /// The earliest start; null if none is known.
    #[schemars(extend("format" = "date-time"))]
    pub started_at: Option<String>,
    /// The last end; null while something of it runs.
    #[schemars(extend("format" = "date-time"))]
    pub ended_at: Option<String>,
    /// How many of its executions run.
    pub running: usize,
    /// Turns of the main thread, with those that run.
    pub turns: i64,
    /// All other executions, with those that run.
    pub agent_runs: i64,
    /// Executions that ended in a failure or a timeout.
    pub failures: i64,
    /// At most five, the one of most executions first.
    pub models: Vec<String>,
    /// Of what has ended, with the cost of those executions whose price is known.
    pub token_usage: Tokens,
    /// Executions with tokens of a model whose price is not known.
    pub unpriced_count: i64,
    /// Of what runs, so far; null while nothing is known of it.
    pub usage_so_far: Option<Tokens>,
}

impl Endpoint for Page {
    const PATH: &'static str = "/api/sessions";
    const SUMMARY: &'static str = "Sessions, running ones first, then newest first, page by page";
    type Answer = Sessions;

    fn parse(params: &Params) -> Result<Page, InvalidParameter> {
        let (since_ms, until_ms) = (params.time_ms(SINCE)?, params.time_ms(UNTIL)?);
        let window = params.time_range()?;
        let limit = params.number(LIMIT, LIMITS, Some(DEFAULT_LIMIT))?;
        let cursor = || json!({"type": "string", "pattern": PageEnd::PATTERN});
        Ok(Page {
            since_ms,
            until_ms,
            hours: window.filter(|_| since_ms.is_none() && until_ms.is_none()),
            after: params.parsed(CURSOR, cursor, PageEnd::parse, "a next_cursor")?,
            limit: limit.unwrap_or(DEFAULT_LIMIT),
        })
    }
}

impl Report for Page {
    type Built = Sessions;

    /// Each session is summed up from its executions.
    fn is_scan(&self) -> bool {
        true
    }

    fn ended_ms(&self, _: &Sources, _now_ms: i64) -> Range<i64> {
        // Its sums are those of whole sessions.
        0..0
    }

    async fn fetch(&self, sources: &Sources, now_ms: i64) -> Result<(Sessions, View), Error> {
        let running = by_session(sources.running().0.all());
        let (page, only) = (self.clone(), sources.only().clone());
        let ask = move |reader: &Reader| {
            reader.snapshot(|reader| page.read(reader, &running, &only, now_ms))
        };
        Ok((sources.history(ask).await?, View::History))
    }
}

impl Page {
    fn read(
        &self,
        reader: &Reader,
        running: &Runs,
        only: &Only,
        now_ms: i64,
    ) -> Result<Sessions, history::Error> {
        let window = self
            .hours
            .map(|hours| last_hours(hours, now_ms).0.start_ms());
        let from_ms = self.since_ms.or(window).unwrap_or(i64::MIN);
        let to_ms = self.until_ms.unwrap_or(i64::MAX);
        let after = match &self.after {
            Some(PageEnd::Ended(last)) => {
                let before = Position {
                    ended_ms: last.ended_ms,
                    rowid: last.rowid,
                };
                return ended(reader, running, from_ms..to_ms, Some(before), self.limit);
            }
            Some(PageEnd::Running(newest)) => Some(newest),
            None => None,
        };
        let is_now = (from_ms..to_ms).contains(&now_ms);
        let mut places: Vec<Newest> = running
            .iter()
            .filter(|_| is_now)
            .map(|(session_id, runs)| Newest::of(session_id, runs))
            .filter(|place| after.is_none_or(|after| place < after))
            .collect();
        places.sort_unstable_by(|a, b| b.cmp(a));
        let mut sessions = Vec::new();
        for place in places {
            let runs = running
                .get(&place.session_id)
                .map_or(&[][..], Vec::as_slice);
            let ended = ended_part(reader, &place.session_id, runs)?;
            let mut active = runs.iter().map(|run| &run.known);
            let is_chosen = ended.as_ref().is_some_and(|ended| ended.is_chosen);
            if !is_chosen && !active.any(|active| only.takes_active(active)) {
                continue;
            }
            sessions.push(Session::of(&place.session_id, ended.as_ref(), runs));
            if sessions.len() == self.limit {
                return Ok(Sessions {
                    sessions,
                    next_cursor: Some(PageEnd::Running(place)),
                });
            }
        }
        let rest = self.limit - sessions.len();
        let page = ended(reader, running, from_ms..to_ms, None, rest)?;
        sessions.extend(page.sessions);
        Ok(Sessions {
            sessions,
            next_cursor: page.next_cursor,
        })
    }
}

/// Those of which nothing runs.
fn ended(
    reader: &Reader,
    running: &Runs,
    ended_ms: Range<i64>,
    before: Option<Position>,
    limit: usize,
) -> Result<Sessions, history::Error> {
    let is_over = |session_id: &str| !running.contains_key(session_id);
    let page = reader.sessions(ended_ms, before, &is_over, limit)?;
    let of = |one: &history::Session| Session::of(&one.session_id, Some(one), &[]);
    let end = |Position { ended_ms, rowid }| executions::PageEnd { ended_ms, rowid };
    Ok(Sessions {
        sessions: page.sessions.iter().map(of).collect(),
        next_cursor: page.next.map(end).map(PageEnd::Ended),
    })
}

/// What has ended of a session, without what runs again: history may not know that yet.
pub fn ended_part(
    reader: &Reader,
    session_id: &str,
    runs: &[RunSnapshot],
) -> Result<Option<history::Session>, history::Error> {
    let mut ended = reader.session(session_id)?;
    if let Some(ended) = &mut ended {
        let ids: Vec<&str> = runs.iter().map(RunSnapshot::id).collect();
        for revived in reader.find(&ids)?.values() {
            ended.leave_out(revived);
        }
    }
    Ok(ended)
}

/// What runs, by its session.
pub type Runs = BTreeMap<String, Vec<RunSnapshot>>;

fn by_session(all: Vec<RunSnapshot>) -> Runs {
    let mut runs = Runs::new();
    for run in all {
        if let Some(session_id) = &run.known.session_id {
            runs.entry(session_id.clone()).or_default().push(run);
        }
    }
    runs
}

impl Newest {
    fn of(session_id: &str, runs: &[RunSnapshot]) -> Newest {
        let starts = runs.iter().map(|run| run.known.started_ms);
        Newest {
            started_ms: starts.max().unwrap_or(i64::MIN),
            session_id: session_id.to_owned(),
        }
    }
}

impl Session {
    /// From what has ended of it, and what runs.
    pub fn of(session_id: &str, ended: Option<&history::Session>, runs: &[RunSnapshot]) -> Session {
        let tally = ended.map(|ended| ended.tally).unwrap_or_default();
        let starts = runs.iter().map(|run| run.known.started_ms);
        let started_ms = starts.chain(ended.and_then(|ended| ended.started_ms)).min();
        let is_turn = |run: &&RunSnapshot| run.known.kind == Kind::Main;
        let turns = runs.iter().filter(is_turn).count();
        let ended_turns = ended.map_or(0, |ended| ended.turns);
        let status = match ended {
            Some(ended) if runs.is_empty() => ended.status.as_str(),
            _ => "running",
        };
        Session {
            session_id: session_id.to_owned(),
            status: status.into(),
            started_at: started_ms.map(rfc3339),
            ended_at: ended
                .filter(|_| runs.is_empty())
                .map(|ended| rfc3339(ended.ended_ms)),
            running: runs.len(),
            turns: ended_turns + turns as i64,
            agent_runs: tally.execution_count - ended_turns + (runs.len() - turns) as i64,
            failures: tally.failure_count + tally.timeout_count,
            models: models(ended, runs),
            token_usage: tally.into(),
            unpriced_count: tally.unpriced_count,
            usage_so_far: so_far(runs).map(Tokens::from),
        }
    }
}

fn models(ended: Option<&history::Session>, runs: &[RunSnapshot]) -> Vec<String> {
    let mut counts: BTreeMap<&str, i64> = BTreeMap::new();
    let of_ended = ended.iter().flat_map(|ended| &ended.models);
    let of_ended = of_ended.map(|(model, &executions)| (model.as_str(), executions));
    let of_runs = runs
        .iter()
        .filter_map(|run| Some((run.known.model.as_deref()?, 1)));
    for (model, executions) in of_ended.chain(of_runs) {
        *counts.entry(model).or_default() += executions;
    }
    let mut models: Vec<(&str, i64)> = counts.into_iter().collect();
    // Equal ones stay in the order of their names.
    models.sort_by_key(|&(_, executions)| std::cmp::Reverse(executions));
    let first = models.into_iter().take(MAX_MODELS);
    first.map(|(model, _)| model.to_owned()).collect()
}

/// The cost is that of the runs whose price is known.
fn so_far(runs: &[RunSnapshot]) -> Option<TokenUsage> {
    let spent = |run: &RunSnapshot| run.heartbeat.token_usage.or(run.known.token_usage);
    let add = u64::saturating_add;
    runs.iter().filter_map(spent).reduce(|sum, one| TokenUsage {
        input_tokens: add(sum.input_tokens, one.input_tokens),
        output_tokens: add(sum.output_tokens, one.output_tokens),
        cache_read_tokens: add(sum.cache_read_tokens, one.cache_read_tokens),
        cache_write_tokens: add(sum.cache_write_tokens, one.cache_write_tokens),
        total_tokens: add(sum.total_tokens, one.total_tokens),
        cost_micros: match (sum.cost_micros, one.cost_micros) {
            (Some(sum), Some(one)) => Some(sum.saturating_add(one)),
            (sum, one) => sum.or(one),
        },
    })
}
