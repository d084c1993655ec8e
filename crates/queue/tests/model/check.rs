//! What is on the disk against the naive account, and what must hold whatever happens.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, Row};

use crate::naive::{Event, Model};

pub struct Disk(Connection);

/// A row as a line of text: one that differs is read at once.
fn lines<T: Ord>(
    conn: &Connection,
    sql: &str,
    of: impl Fn(&Row) -> (T, String),
) -> BTreeMap<T, String> {
    let mut select = conn.prepare_cached(sql).expect("a statement");
    let rows = select.query_map([], |row| Ok(of(row))).expect("rows");
    rows.collect::<Result<_, _>>().expect("a row")
}

fn number(row: &Row, column: usize) -> Option<i64> {
    row.get(column).expect("a number")
}

fn text(row: &Row, column: usize) -> Option<String> {
    row.get(column).expect("a text")
}

impl Disk {
    pub fn open(path: &Path) -> Disk {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let conn = Connection::open_with_flags(path, flags).expect("a database");
        Disk(conn)
    }

    /// The waits that are by chance are taken over, if they are within their bounds.
    pub fn learn(&self, model: &mut Model) {
        let sql = "SELECT not_before FROM agent_tasks WHERE id = ?1";
        for task in model.tasks.values_mut() {
            let Some((least, most)) = task.backoff.take() else {
                continue;
            };
            let mut select = self.0.prepare_cached(sql).expect("a statement");
            let at: i64 = select
                .query_row([task.id], |row| row.get(0))
                .expect("a row");
            if task.status == "pending" {
                assert!(
                    (least..=most).contains(&at),
                    "task {}: {least} {at} {most}",
                    task.id
                );
                task.not_before = at;
            }
        }
    }

    pub fn equals(&self, model: &Model) {
        let sql = "SELECT id, status, blocked_reason, error_type, result_json, assigned_to,
            priority, root_id, not_before, retry_count, max_retries, cancel_asked, worker,
            agent_name, claim, progress, started_at, completed_at, question FROM agent_tasks";
        let found = lines(&self.0, sql, |row| {
            let texts = [1, 2, 3, 4, 5, 12, 13].map(|column| text(row, column));
            let numbers = [6, 7, 8, 9, 10, 11, 14, 16, 17, 18].map(|column| number(row, column));
            let progress: Option<f64> = row.get(15).expect("a number");
            let id: i64 = row.get(0).expect("a number");
            (id, format!("{texts:?} {numbers:?} {progress:?}"))
        });
        let expected = model.tasks.values().map(|task| {
            let texts = [
                Some(task.status.to_owned()),
                task.reason.map(str::to_owned),
                task.error.clone(),
                task.result.clone(),
                Some(task.to.clone()),
                task.worker.clone(),
                task.agent.clone(),
            ];
            let numbers = [
                Some(i64::from(task.priority)),
                Some(task.root),
                Some(task.not_before),
                Some(task.retries),
                Some(task.max_retries),
                Some(i64::from(task.is_cancel_asked)),
                task.claim,
                task.started,
                task.ended,
                task.question,
            ];
            (
                task.id,
                format!("{texts:?} {numbers:?} {:?}", task.progress),
            )
        });
        same("tasks", &expected.collect(), &found);
        let sql = "SELECT claim, task, how, ended_at IS NULL FROM claims";
        let found = lines(&self.0, sql, |row| {
            let is_held = number(row, 3) == Some(1);
            let claim: i64 = row.get(0).expect("a number");
            (
                claim,
                format!("{:?} {:?} {is_held}", number(row, 1), text(row, 2)),
            )
        });
        let expected = model.claims.iter().map(|(claim, (task, how))| {
            (
                *claim,
                format!("{:?} {how:?} {}", Some(task), how.is_none()),
            )
        });
        same("claims", &expected.collect(), &found);
        let sql = "SELECT id, to_agent, message_type, task_id, read_at FROM agent_messages";
        let found = lines(&self.0, sql, |row| {
            let id: i64 = row.get(0).expect("a number");
            let (task, read) = (number(row, 3), number(row, 4));
            (
                id,
                format!("{:?} {:?} {task:?} {read:?}", text(row, 1), text(row, 2)),
            )
        });
        let expected = model.messages.iter().map(|(id, one)| {
            let (to, kind) = (Some(&one.to), Some(one.kind));
            (
                *id,
                format!("{to:?} {kind:?} {:?} {:?}", one.task, one.read),
            )
        });
        same("messages", &expected.collect(), &found);
        let sql = "SELECT agent_name, status, current_task_id FROM agent_state";
        let found = lines(&self.0, sql, |row| {
            let name: String = row.get(0).expect("a text");
            (name, format!("{:?} {:?}", text(row, 1), number(row, 2)))
        });
        let expected = model.tasks.values().map(|task| {
            let (state, current) = model.state(&task.to);
            (task.to.clone(), format!("{:?} {current:?}", Some(state)))
        });
        same("agent_state", &expected.collect(), &found);
    }

    /// Of the events after the last one that was seen, in any order, as those of one operation have
    /// none that counts.
    pub fn happened(&self, model: &mut Model, seen: &mut i64) {
        let sql = "SELECT kind, task, status FROM task_events WHERE seq > ?1";
        let mut select = self.0.prepare_cached(sql).expect("a statement");
        let event = |row: &Row| Ok((text(row, 0), number(row, 1), text(row, 2)));
        let rows = select.query_map([*seen], event).expect("rows");
        let mut found: Vec<_> = rows.collect::<Result<_, _>>().expect("a row");
        let owned =
            |(kind, task, status): Event| (Some(kind.to_owned()), task, status.map(str::to_owned));
        let mut expected: Vec<_> = model.events.drain(..).map(owned).collect();
        *seen += found.len() as i64;
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "events");
    }

    /// Without the naive account.
    pub fn invariants(&self) {
        let none = |what: &str, sql: &str| {
            let found = lines(&self.0, sql, |row| {
                (row.get::<_, i64>(0).expect("a number"), String::new())
            });
            assert_eq!(found.keys().collect::<Vec<_>>(), [] as [&i64; 0], "{what}");
        };
        none(
            "a task has one live lease while it is held, and none else",
            "SELECT id FROM agent_tasks WHERE (status = 'running') <>
                 (SELECT count(*) FROM claims WHERE task = id AND ended_at IS NULL)",
        );
        none(
            "a task is completed once",
            "SELECT task FROM task_events WHERE kind = 'task_completed'
             GROUP BY task HAVING count(*) > 1",
        );
        none(
            "no task is tried too often",
            "SELECT id FROM agent_tasks WHERE retry_count > max_retries",
        );
        none(
            "the events say where each task stands",
            "SELECT id FROM agent_tasks AS task WHERE status <> (SELECT status FROM task_events
                 WHERE task = task.id AND status IS NOT NULL ORDER BY seq DESC LIMIT 1)",
        );
        none(
            "as many as were made",
            "SELECT count(*) FROM agent_tasks HAVING count(*) <>
                 (SELECT count(*) FROM task_events WHERE kind = 'task_created')",
        );
        none(
            "one open task a key",
            "SELECT min(id) FROM agent_tasks WHERE status IN ('pending', 'running', 'blocked')
             AND unique_key IS NOT NULL GROUP BY unique_key HAVING count(*) > 1",
        );
    }
}

fn same<T: Ord + std::fmt::Debug>(
    what: &str,
    expected: &BTreeMap<T, String>,
    found: &BTreeMap<T, String>,
) {
    for (key, line) in expected {
        assert_eq!(
            found.get(key),
            Some(line),
            "{what} {key:?}: found, and expected"
        );
    }
    assert_eq!(found.len(), expected.len(), "{what}");
}
