//! Selections that were asked for, what their askers said of them, and how they ended.

#[cfg(test)]
mod tests;

use std::path::Path;

use rusqlite::{OptionalExtension, Row, params};

use super::schema::SCHEMA;
use crate::sqlite::{Db, Result, from_json, to_json};
use agentpulse_core::bucket::DAY_MS;

const CACHE_KIB: u32 = 512;
const MAX_WAL_BYTES: u64 = 1 << 20;
const KEPT_MS: i64 = 90 * DAY_MS;
/// Of all askers. With one too many the oldest of the one with the most go.
const MAX_ROWS: usize = 100_000;
/// So many go at once.
const CUT: usize = 1_000;

const COLUMNS: &str = "id, at_ms, asker, project, session_id, terms, shown, recommended,
    unlearned, propensity, chosen, outcome, rating, run, reported, reported_ms, reward, strength";

/// A selection as it was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    pub id: String,
    pub at_ms: i64,
    pub asker: String,
    pub project: Option<String>,
    pub session_id: Option<String>,
    /// Words of the task that definitions have.
    pub terms: Vec<String>,
    /// The best first.
    pub shown: Vec<Shown>,
    /// Ids of definitions; None where nobody fitted.
    pub recommended: Option<String>,
    /// The one that would have been without learning and drawing.
    pub unlearned: Option<String>,
    /// None where it was not drawn.
    pub propensity: Option<f64>,
}

/// An agent that was shown, with its score before learning, and what that would have added.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Shown {
    pub id: String,
    pub name: String,
    pub base: f64,
    pub surprise: f64,
}

/// What is known of the end of a selection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reported {
    pub word: Option<Word>,
    pub run: Option<Run>,
    /// How well it ended, and how much that says.
    pub reward: Option<(f64, f64)>,
}

/// What the asker said.
#[derive(Clone, Debug, PartialEq)]
pub struct Word {
    /// The id of one that was shown.
    pub chosen: String,
    pub outcome: Option<String>,
    pub rating: Option<u8>,
}

/// The execution that followed.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Run {
    pub execution_id: String,
    /// The id of one that was shown.
    pub agent_id: String,
    pub is_success: bool,
}

/// A selection with what was reported of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    pub kept: Kept,
    pub reported: Reported,
    /// When that was, and its place in the order in which it was.
    pub reported_ms: Option<i64>,
    pub place: Option<i64>,
}

/// What is counted of a selection.
#[derive(Clone, Debug, PartialEq)]
pub struct Counted {
    pub at_ms: i64,
    pub is_answered: bool,
    /// The recommended one would also have been without learning and drawing.
    pub agrees: bool,
    /// The recommended one took the task.
    pub is_taken: bool,
    pub propensity: Option<f64>,
    pub reward: Option<f64>,
}

pub struct Selections {
    db: Db,
    rows: usize,
}

/// 128 random bits. None if the system has none.
pub fn new_selection_id() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
    Some(format!("sel_{}", digits.collect::<String>()))
}

impl Selections {
    /// Makes the file if there is none.
    pub fn open(path: &Path) -> Result<Selections> {
        let db = Db::open_writer(path, SCHEMA, CACHE_KIB)?;
        let rows: i64 = db
            .read(|conn| conn.query_row("SELECT count(*) FROM selections", [], |row| row.get(0)))?;
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        Ok(Selections { db, rows })
    }

    pub fn open_to_read(path: &Path) -> Result<Selections> {
        let db = Db::open_reader(path, SCHEMA)?;
        Ok(Selections { db, rows: 0 })
    }

    pub fn keep(&mut self, kept: &Kept) -> Result<()> {
        let cut = self.db.write(|tx| {
            tx.prepare_cached(
                "INSERT INTO selections (id, at_ms, asker, project, session_id, terms, shown,
                     recommended, unlearned, propensity)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                kept.id,
                kept.at_ms,
                kept.asker,
                kept.project,
                kept.session_id,
                to_json(&kept.terms)?,
                to_json(&kept.shown)?,
                kept.recommended,
                kept.unlearned,
                kept.propensity,
            ])?;
            if self.rows < MAX_ROWS {
                return Ok(0);
            }
            tx.execute(
                "DELETE FROM selections WHERE id IN (
                     SELECT id FROM selections WHERE asker = (
                         SELECT asker FROM selections GROUP BY asker
                         ORDER BY count(*) DESC, asker LIMIT 1)
                     ORDER BY at_ms LIMIT ?1)",
                [CUT as i64],
            )
        })?;
        self.rows = (self.rows + 1).saturating_sub(cut);
        self.shorten_wal()
    }

    pub fn find(&self, id: &str) -> Result<Option<Settled>> {
        self.db.read(|conn| {
            let sql = format!("SELECT {COLUMNS} FROM selections WHERE id = ?1");
            let mut select = conn.prepare_cached(&sql)?;
            select.query_row([id], settled_of).optional()
        })
    }

    /// What was reported of a selection, instead of what was before.
    pub fn report(&mut self, id: &str, reported: &Reported, now_ms: i64) -> Result<()> {
        let word = reported.word.as_ref();
        let run = reported.run.as_ref().map(to_json).transpose();
        let reward = reported.reward;
        self.db.write(|tx| {
            tx.prepare_cached(
                "UPDATE selections SET chosen = ?2, outcome = ?3, rating = ?4, run = ?5,
                     reward = ?6, strength = ?7, reported_ms = ?8,
                     reported = (SELECT coalesce(max(reported), 0) + 1 FROM selections)
                 WHERE id = ?1",
            )?
            .execute(params![
                id,
                word.map(|word| &word.chosen),
                word.and_then(|word| word.outcome.as_ref()),
                word.and_then(|word| word.rating),
                run?,
                reward.map(|(value, _)| value),
                reward.map(|(_, strength)| strength),
                now_ms,
            ])
        })?;
        self.shorten_wal()
    }

    /// Those of which something was reported, of one asker or of all, in the order of that.
    pub fn each_reported(&self, asker: Option<&str>, mut each: impl FnMut(Settled)) -> Result<()> {
        self.db.read(|conn| {
            let sql = format!(
                "SELECT {COLUMNS} FROM selections
                 WHERE reported IS NOT NULL AND (?1 IS NULL OR asker = ?1) ORDER BY reported"
            );
            let mut select = conn.prepare_cached(&sql)?;
            let rows = select.query_map([asker], settled_of)?;
            for row in rows {
                each(row?);
            }
            Ok(())
        })
    }

    /// Those since then with a session and without an execution: the newest, the oldest of them
    /// first.
    pub fn followed(&self, since_ms: i64, most: usize) -> Result<Vec<Kept>> {
        self.db.read(|conn| {
            let sql = format!(
                "SELECT {COLUMNS} FROM selections INDEXED BY selections_followed
                 WHERE session_id IS NOT NULL AND run IS NULL AND at_ms >= ?1
                 ORDER BY at_ms DESC LIMIT ?2"
            );
            let mut select = conn.prepare_cached(&sql)?;
            let rows = select.query_map((since_ms, most as i64), settled_of)?;
            let kept = rows.map(|row| row.map(|settled| settled.kept));
            let mut kept = kept.collect::<rusqlite::Result<Vec<_>>>()?;
            kept.reverse();
            Ok(kept)
        })
    }

    pub fn counted(&self, since_ms: i64) -> Result<Vec<Counted>> {
        self.db.read(|conn| {
            let mut select = conn.prepare_cached(
                "SELECT at_ms, recommended IS NOT NULL, recommended IS NOT NULL
                     AND recommended IS unlearned, recommended IS NOT NULL
                     AND recommended IS coalesce(chosen, run ->> 'agent_id'), propensity, reward
                 FROM selections WHERE at_ms >= ?1 ORDER BY at_ms, id",
            )?;
            let rows = select.query_map([since_ms], |row| {
                Ok(Counted {
                    at_ms: row.get(0)?,
                    is_answered: row.get(1)?,
                    agrees: row.get(2)?,
                    is_taken: row.get(3)?,
                    propensity: row.get(4)?,
                    reward: row.get(5)?,
                })
            })?;
            rows.collect()
        })
    }

    /// Deletes all of it, and returns how many there were.
    pub fn forget(&mut self) -> Result<usize> {
        let deleted = self
            .db
            .write(|tx| tx.execute("DELETE FROM selections", []))?;
        self.rows = 0;
        self.shorten_wal()?;
        Ok(deleted)
    }

    /// Deletes what was asked long ago, and returns how many.
    pub fn prune(&mut self, now_ms: i64) -> Result<usize> {
        let before = now_ms - KEPT_MS;
        let deleted = self
            .db
            .write(|tx| tx.execute("DELETE FROM selections WHERE at_ms < ?1", [before]))?;
        self.rows = self.rows.saturating_sub(deleted);
        Ok(deleted)
    }

    fn shorten_wal(&self) -> Result<()> {
        if self.db.wal_bytes() > MAX_WAL_BYTES {
            self.db.restart_wal()?;
        }
        Ok(())
    }
}

fn settled_of(row: &Row) -> rusqlite::Result<Settled> {
    let chosen: Option<String> = row.get(10)?;
    let (outcome, rating) = (row.get(11)?, row.get(12)?);
    let run = match row.get_ref(13)?.as_str_or_null()? {
        Some(_) => Some(from_json(row, 13)?),
        None => None,
    };
    let reward: Option<f64> = row.get(16)?;
    let strength: Option<f64> = row.get(17)?;
    Ok(Settled {
        kept: Kept {
            id: row.get(0)?,
            at_ms: row.get(1)?,
            asker: row.get(2)?,
            project: row.get(3)?,
            session_id: row.get(4)?,
            terms: from_json(row, 5)?,
            shown: from_json(row, 6)?,
            recommended: row.get(7)?,
            unlearned: row.get(8)?,
            propensity: row.get(9)?,
        },
        reported: Reported {
            word: chosen.map(|chosen| Word {
                chosen,
                outcome,
                rating,
            }),
            run,
            reward: reward.zip(strength),
        },
        place: row.get(14)?,
        reported_ms: row.get(15)?,
    })
}
