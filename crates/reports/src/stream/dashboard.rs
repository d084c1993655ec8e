//! What the existing dashboard's client is sent: what its own server sends of agents. Nothing of it
//! is a number of a range, because the client shows the range that its user chose, which it reads
//! over HTTP: a message with another range would be drawn in its place.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;

use super::frame::Frame;
use crate::active::{Listed, Page};
use crate::answer::MAX_ANSWER_BYTES;
use crate::error::Error;
use crate::executions;
use crate::item::SharedItem;
use crate::report::Report;
use crate::service::Reports;
use agentpulse_core::change::{Change, ChangeKind};
use agentpulse_core::execution::{Execution, Status};
use agentpulse_core::json::json_bytes;
use agentpulse_core::only::Only;
use agentpulse_core::view::{Active, Heartbeat};
use agentpulse_pipeline::changes::{Changes, View};

/// Its list of the last completions has as many. It counts them as those of today.
const COMPLETIONS: usize = 10;
/// Changes that history may lack when the completions are read.
const MAX_UNFLUSHED: usize = 4_096;

#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub(super) enum Message {
    AgentStarted(Box<Listed>),
    AgentCompleted(SharedItem),
    AgentStatusUpdate(AgentStatus),
    TerminalStatus(TerminalStatus),
}

/// An agent as its client knows it. What is not known is left out: null is drawn as a number.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct AgentStatus {
    agent_id: String,
    agent_name: String,
    agent_type: String,
    /// `active`, `complete` or `failed`.
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task_description: Option<String>,
    /// In percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<f64>,
    /// In milliseconds since 1970; the end of one whose start is not known.
    start_time: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<u64>,
    session_id: String,
    source_app: String,
}

#[derive(Debug, PartialEq, Serialize)]
pub(super) struct TerminalStatus {
    /// The newest first.
    active_agents: Vec<AgentStatus>,
    /// Of the day, the last first.
    recent_completions: Vec<AgentStatus>,
    timestamp: i64,
}

impl Message {
    /// What a change means to the client. A correction has no message: it changes a number and not
    /// the order of the completions.
    pub fn of(change: &Change, idle_ms: i64, now_ms: i64) -> Vec<Message> {
        match change.kind {
            ChangeKind::Started | ChangeKind::Revived => {
                let heartbeat = Heartbeat::of_change(change.accepted_ms, idle_ms);
                let active = Active::of(&change.after).with(&heartbeat);
                let update = AgentStatus::running(active.clone());
                let started = Message::AgentStarted(Listed::of(active, now_ms).into());
                vec![started, Message::AgentStatusUpdate(update)]
            }
            ChangeKind::Stopped | ChangeKind::TimedOut => {
                let update = AgentStatus::ended(&change.after);
                let completed = Message::AgentCompleted(SharedItem(change.after.clone()));
                let update = update.map(Message::AgentStatusUpdate);
                [completed].into_iter().chain(update).collect()
            }
            ChangeKind::Corrected => Vec::new(),
        }
    }
}

impl AgentStatus {
    pub fn running(active: Active) -> AgentStatus {
        AgentStatus {
            agent_id: active.agent_id,
            agent_name: active.agent_name,
            agent_type: active.agent_type,
            status: "active",
            task_description: active.task_description,
            progress: active.progress.map(percent),
            start_time: active.started_ms,
            duration_ms: None,
            session_id: active.session_id.unwrap_or_default(),
            source_app: active.source.unwrap_or_default(),
        }
    }

    /// None of one that runs.
    fn ended(execution: &Execution) -> Option<AgentStatus> {
        let outcome = execution.outcome()?;
        let status = match outcome.status {
            Status::Success => "complete",
            Status::Failure | Status::Timeout => "failed",
        };
        Some(AgentStatus {
            status,
            progress: None,
            start_time: execution.started_ms().unwrap_or(outcome.ended_ms),
            duration_ms: outcome.duration_ms,
            ..AgentStatus::running(Active::of(execution))
        })
    }
}

/// With two decimals.
fn percent(share: f64) -> f64 {
    (share * 10_000.0).round() / 100.0
}

impl TerminalStatus {
    /// What runs, and what ended last up to the change `shown`.
    pub async fn read(
        reports: &Reports,
        changes: &Changes,
        shown: u64,
    ) -> Result<TerminalStatus, Error> {
        let now_ms = (reports.now_ms)();
        let today = {
            let (zone, today) = (reports.own.zone(), reports.today());
            zone.start_ms(today)..zone.end_ms(today)
        };
        let flushed = changes.position(View::History);
        let ended = executions::Page {
            since_ms: Some(today.start),
            limit: COMPLETIONS,
            ..executions::Page::default()
        };
        let (ended, _) = ended.fetch(&reports.own, now_ms).await?;
        let ended = ended.executions.into_iter().map(|item| item.0).collect();
        // Without those, history has them soon.
        let newer = changes.remembered(flushed, shown.max(flushed), MAX_UNFLUSHED);
        let ended = last_ended(ended, &newer.unwrap_or_default(), &today);
        let (running, _) = reports.own.running();
        let (running, _) = running.page(&Only::default(), None, Page::WHOLE.limit);
        let running = running.into_iter().rev().map(|run| run.active());
        Ok(TerminalStatus {
            active_agents: within(running.map(AgentStatus::running), MAX_ANSWER_BYTES),
            recent_completions: ended
                .iter()
                .filter_map(|one| AgentStatus::ended(one))
                .collect(),
            timestamp: now_ms,
        })
    }
}

/// What ended last in the day, from its first moment to its end: what history says, and what
/// changed since.
fn last_ended(
    mut ended: Vec<Arc<Execution>>,
    newer: &[Arc<Change>],
    today: &Range<i64>,
) -> Vec<Arc<Execution>> {
    for change in newer {
        ended.retain(|one| one.id != change.after.id);
        let outcome = change.after.outcome();
        if outcome.is_some_and(|outcome| today.contains(&outcome.ended_ms)) {
            ended.push(change.after.clone());
        }
    }
    let end_ms = |one: &Arc<Execution>| one.outcome().map_or(0, |outcome| outcome.ended_ms);
    ended.sort_by_key(|one| std::cmp::Reverse(end_ms(one)));
    ended.truncate(COMPLETIONS);
    ended
}

fn within(all: impl Iterator<Item = AgentStatus>, max_bytes: usize) -> Vec<AgentStatus> {
    let mut bytes = 0;
    let fits = |one: &AgentStatus| {
        bytes += json_bytes(one) + ",".len();
        bytes <= max_bytes
    };
    all.take_while(fits).collect()
}

/// The whole status, of whatever size.
pub(super) fn status_frame(status: TerminalStatus) -> Frame {
    let text = serde_json::to_vec(&Message::TerminalStatus(status));
    Frame::from([Bytes::from(text.unwrap_or_default())])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, to_value};

    use super::*;
    use crate::item::started;
    use crate::samples::{active, stopped};
    use agentpulse_core::execution::{Catalog, Fact};

    fn messages(before: Option<Execution>, after: Execution) -> Vec<Value> {
        let change = Change::between(before.map(Arc::new), Arc::new(after), 1, 4_000);
        let messages = Message::of(&change, 300_000, 5_000);
        messages
            .iter()
            .map(|message| to_value(message).unwrap())
            .collect()
    }

    #[test]
    fn an_agent_begins_and_ends_in_its_words() {
        let mut running = active("x", 1_000);
        running.task_description = Some("Look".to_owned());
        running.source = Some("hook".to_owned());
        let runs = started(running);
        let sent = messages(None, runs.clone());
        assert_eq!(sent[0]["type"], "agent_started");
        assert_eq!(sent[0]["data"]["agent_id"], "x");
        let expect = json!({"type": "agent_status_update", "data": {"agent_id": "x",
            "agent_name": "a", "agent_type": "generic", "status": "active",
            "task_description": "Look", "start_time": 1_000, "session_id": "",
            "source_app": "hook"}});
        assert_eq!(sent[1..], [expect]);

        let mut hung = runs.clone();
        hung.merge(Fact::TimedOut { ended_ms: 3_000 }, &Catalog::default());
        let sent = messages(Some(runs), hung.clone());
        assert_eq!(sent[0]["type"], "agent_completed");
        assert_eq!(sent[0]["data"]["status"], "timeout");
        assert_eq!(sent[1]["data"]["status"], "failed");
        assert_eq!(sent[1]["data"].get("duration_ms"), None, "it is not known");

        let sent = messages(None, stopped("y", 9_000, Some(7)));
        let expect = json!({"agent_id": "y", "agent_name": "a", "agent_type": "tester",
            "status": "complete", "start_time": 8_993, "duration_ms": 7, "session_id": "",
            "source_app": ""});
        assert_eq!(sent[1]["data"], expect);
        assert_eq!(
            messages(Some(hung), stopped("x", 3_000, Some(7))),
            [] as [Value; 0]
        );
    }

    #[test]
    fn progress_is_in_percent_and_left_out_where_it_is_not_known() {
        let mut running = active("x", 1_000);
        assert_eq!(
            to_value(AgentStatus::running(running.clone()))
                .unwrap()
                .get("progress"),
            None
        );
        running.progress = Some(0.125);
        assert_eq!(
            to_value(AgentStatus::running(running)).unwrap()["progress"],
            12.5
        );
    }

    #[test]
    fn completions_are_those_of_the_day_with_what_history_lacks() {
        let hour_ms = 3_600_000;
        let today = 24 * hour_ms..48 * hour_ms;
        let of = |id: &str, ended_ms| Arc::new(stopped(id, ended_ms, None));
        let change = |after: Arc<Execution>| Arc::new(Change::between(None, after, 1, 0));
        let history = vec![of("b", 27 * hour_ms), of("a", 26 * hour_ms)];
        let newer = [
            change(of("c", 28 * hour_ms)),
            change(of("yesterday", 23 * hour_ms)),
            change(of("a", 29 * hour_ms)),
            change(Arc::new(started(active("b", 1)))),
        ];
        let ids: Vec<String> = last_ended(history, &newer, &today)
            .iter()
            .map(|one| one.id.clone())
            .collect();
        assert_eq!(ids, ["a", "c"], "b runs again, and a was corrected");
        let many = (0..15)
            .map(|n| of(&n.to_string(), 25 * hour_ms + n))
            .collect();
        let last = last_ended(many, &[], &today);
        assert_eq!((last.len(), last[0].id.as_str()), (10, "14"));
    }

    #[test]
    fn a_list_has_room_for_so_many_bytes() {
        let sizes = [5, 5, 5].map(|size| AgentStatus::running(active(&"x".repeat(size), 1)));
        let one = json_bytes(&sizes[0]) + 1;
        assert_eq!(within(sizes.into_iter(), 2 * one).len(), 2);
    }
}
