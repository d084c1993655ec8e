//! What agents say to each other.

use rusqlite::{OptionalExtension, Result, Row, params};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::events::Kind;
use super::row::known;
use super::store::Tables;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    Question,
    Answer,
    Handoff,
    Notification,
}

impl MessageKind {
    pub const CHOICES: [(&str, MessageKind); 4] = [
        ("question", MessageKind::Question),
        ("answer", MessageKind::Answer),
        ("handoff", MessageKind::Handoff),
        ("notification", MessageKind::Notification),
    ];

    pub fn word(self) -> &'static str {
        let all = MessageKind::CHOICES;
        let choice = all.iter().find(|(_, kind)| *kind == self);
        choice.map_or("", |(word, _)| word)
    }

    fn of(word: &str) -> Option<MessageKind> {
        let all = MessageKind::CHOICES;
        let choice = all.iter().find(|(known, _)| *known == word);
        choice.map(|(_, kind)| *kind)
    }
}

/// A message that is not there yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    pub task: Option<i64>,
    pub from: String,
    pub to: String,
    pub kind: MessageKind,
    pub content: String,
    /// JSON.
    pub metadata: Option<String>,
    pub reply_to: Option<i64>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    pub id: i64,
    pub written: Written,
    pub created_ms: i64,
    pub read_ms: Option<i64>,
}

/// Which messages are asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unread {
    pub to: Option<String>,
    pub task: Option<i64>,
    pub is_unread: bool,
    /// Those after this one.
    pub after: i64,
}

const COLUMNS: &str = "id, task_id, from_agent, to_agent, message_type, content, metadata_json,
    reply_to, created_at, read_at";

impl Tables<'_> {
    /// Returns its number.
    pub fn add_message(&self, written: &Written, now_ms: i64) -> Result<i64> {
        self.conn
            .prepare_cached(
                "INSERT INTO agent_messages (task_id, from_agent, to_agent, message_type, content,
                     metadata_json, reply_to, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )?
            .execute(params![
                written.task,
                written.from,
                written.to,
                written.kind.word(),
                written.content,
                written.metadata,
                written.reply_to,
                now_ms,
            ])?;
        let id = self.conn.last_insert_rowid();
        let who = Some(written.from.as_str());
        self.add_event_of(Kind::Message, written.task, None, who, now_ms)?;
        Ok(id)
    }

    pub fn message(&self, id: i64) -> Result<Option<Message>> {
        let sql = format!("SELECT {COLUMNS} FROM agent_messages WHERE id = ?1");
        let mut select = self.conn.prepare_cached(&sql)?;
        select.query_row([id], message_of).optional()
    }

    /// The oldest first.
    pub fn messages(&self, asked: &Unread, most: usize) -> Result<Vec<Message>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM agent_messages
             WHERE id > ?1 AND (?2 IS NULL OR to_agent = ?2) AND (?3 IS NULL OR task_id = ?3)
                 AND (NOT ?4 OR read_at IS NULL)
             ORDER BY id LIMIT ?5"
        );
        let mut select = self.conn.prepare_cached(&sql)?;
        let Unread {
            to,
            task,
            is_unread,
            after,
        } = asked;
        let values = params![after, to, task, is_unread, most as i64];
        select.query_map(values, message_of)?.collect()
    }

    /// The first time stays.
    pub fn set_read(&self, id: i64, now_ms: i64) -> Result<()> {
        let sql = "UPDATE agent_messages SET read_at = coalesce(read_at, ?2) WHERE id = ?1";
        self.conn.prepare_cached(sql)?.execute((id, now_ms))?;
        Ok(())
    }

    pub fn count_unread(&self, to: &str) -> Result<i64> {
        let sql = "SELECT count(*) FROM agent_messages WHERE to_agent = ?1 AND read_at IS NULL";
        self.conn
            .prepare_cached(sql)?
            .query_row([to], |row| row.get(0))
    }
}

fn message_of(row: &Row) -> Result<Message> {
    Ok(Message {
        id: row.get(0)?,
        written: Written {
            task: row.get(1)?,
            from: row.get(2)?,
            to: row.get(3)?,
            kind: known(row, 4, MessageKind::of)?,
            content: row.get(5)?,
            metadata: row.get(6)?,
            reply_to: row.get(7)?,
        },
        created_ms: row.get(8)?,
        read_ms: row.get(9)?,
    })
}
