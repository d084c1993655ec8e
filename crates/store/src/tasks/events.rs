//! What happened, in its order: written in the transaction in which it happens.

use rusqlite::{Result, Row, params};

use super::row::known;
use super::store::Tables;
use agentpulse_tasks::status::Status;
use agentpulse_tasks::task::Task;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Created,
    Claimed,
    Progress,
    Completed,
    /// An attempt has failed; by its status the task is tried again or not.
    Failed,
    Blocked,
    /// It waits for a worker again, and no attempt has failed.
    Requeued,
    CancelAsked,
    Cancelled,
    /// Its priority, or to whom it is assigned.
    Changed,
    Message,
}

impl Kind {
    pub const CHOICES: [(&str, Kind); 11] = [
        ("task_created", Kind::Created),
        ("task_claimed", Kind::Claimed),
        ("task_progress", Kind::Progress),
        ("task_completed", Kind::Completed),
        ("task_failed", Kind::Failed),
        ("task_blocked", Kind::Blocked),
        ("task_requeued", Kind::Requeued),
        ("task_cancel_asked", Kind::CancelAsked),
        ("task_cancelled", Kind::Cancelled),
        ("task_changed", Kind::Changed),
        ("message", Kind::Message),
    ];

    pub fn word(self) -> &'static str {
        let choice = Kind::CHOICES.iter().find(|(_, kind)| *kind == self);
        choice.map_or("", |(word, _)| word)
    }

    fn of(word: &str) -> Option<Kind> {
        let choice = Kind::CHOICES.iter().find(|(known, _)| *known == word);
        choice.map(|(_, kind)| *kind)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub seq: i64,
    pub task: Option<i64>,
    pub at_ms: i64,
    pub kind: Kind,
    /// The worker, or who asked for it.
    pub who: Option<String>,
    /// Of the task, after it.
    pub status: Option<Status>,
}

impl Tables<'_> {
    pub fn add_event(&self, kind: Kind, task: &Task, who: Option<&str>, now_ms: i64) -> Result<()> {
        let status = Some(task.status.word());
        self.add_event_of(kind, Some(task.id), status, who, now_ms)
    }

    pub(super) fn add_event_of(
        &self,
        kind: Kind,
        task: Option<i64>,
        status: Option<&str>,
        who: Option<&str>,
        now_ms: i64,
    ) -> Result<()> {
        let sql =
            "INSERT INTO task_events (task, at, kind, who, status) VALUES (?1, ?2, ?3, ?4, ?5)";
        let mut insert = self.conn.prepare_cached(sql)?;
        insert.execute(params![task, now_ms, kind.word(), who, status])?;
        Ok(())
    }

    /// The last one, 0 if there is none.
    pub fn last_event(&self) -> Result<i64> {
        let sql = "SELECT coalesce(max(seq), 0) FROM task_events";
        self.conn
            .prepare_cached(sql)?
            .query_row([], |row| row.get(0))
    }

    /// The first that is kept; None if there is none.
    pub fn first_event(&self) -> Result<Option<i64>> {
        let sql = "SELECT min(seq) FROM task_events";
        self.conn
            .prepare_cached(sql)?
            .query_row([], |row| row.get(0))
    }

    /// The oldest first.
    pub fn events_after(&self, seq: i64, most: usize) -> Result<Vec<Event>> {
        let mut select = self.conn.prepare_cached(
            "SELECT seq, task, at, kind, who, status FROM task_events
             WHERE seq > ?1 ORDER BY seq LIMIT ?2",
        )?;
        select.query_map((seq, most as i64), event_of)?.collect()
    }
}

fn event_of(row: &Row) -> Result<Event> {
    Ok(Event {
        seq: row.get(0)?,
        task: row.get(1)?,
        at_ms: row.get(2)?,
        kind: known(row, 3, Kind::of)?,
        who: row.get(4)?,
        status: match row.get_ref(5)?.as_str_or_null()? {
            None => None,
            Some(_) => Some(known(row, 5, Status::of)?),
        },
    })
}
