//! What workers log.

use rusqlite::{Result, Row, params};

use super::row::known;
use super::store::Tables;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

impl Level {
    pub const CHOICES: [(&str, Level); 4] = [
        ("debug", Level::Debug),
        ("info", Level::Info),
        ("warn", Level::Warn),
        ("error", Level::Error),
    ];

    pub fn word(self) -> &'static str {
        let choice = Level::CHOICES.iter().find(|(_, level)| *level == self);
        choice.map_or("", |(word, _)| word)
    }

    pub fn of(word: &str) -> Option<Level> {
        let choice = Level::CHOICES.iter().find(|(known, _)| *known == word);
        choice.map(|(_, level)| *level)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    pub level: Level,
    pub message: String,
    /// JSON.
    pub data: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Logged {
    pub id: i64,
    pub agent_name: String,
    pub line: Line,
    pub created_ms: i64,
}

impl Tables<'_> {
    pub fn add_log(&self, task: i64, agent_name: &str, line: &Line, now_ms: i64) -> Result<()> {
        let mut insert = self.conn.prepare_cached(
            "INSERT INTO agent_logs (task_id, agent_name, log_level, message, data_json, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?;
        let level = line.level.word();
        insert.execute(params![
            task,
            agent_name,
            level,
            line.message,
            line.data,
            now_ms
        ])?;
        Ok(())
    }

    pub fn count_logs(&self, task: i64) -> Result<i64> {
        let sql = "SELECT count(*) FROM agent_logs WHERE task_id = ?1";
        self.conn
            .prepare_cached(sql)?
            .query_row([task], |row| row.get(0))
    }

    /// Those after this one, the oldest first.
    pub fn logs(&self, task: i64, after: i64, most: usize) -> Result<Vec<Logged>> {
        let mut select = self.conn.prepare_cached(
            "SELECT id, agent_name, log_level, message, data_json, created_at FROM agent_logs
             WHERE task_id = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
        )?;
        select
            .query_map((task, after, most as i64), logged_of)?
            .collect()
    }
}

fn logged_of(row: &Row) -> Result<Logged> {
    Ok(Logged {
        id: row.get(0)?,
        agent_name: row.get(1)?,
        line: Line {
            level: known(row, 2, Level::of)?,
            message: row.get(3)?,
            data: row.get(4)?,
        },
        created_ms: row.get(5)?,
    })
}
