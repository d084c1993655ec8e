//! What is kept: over a restart, in a backup, and for other programs by SQL.

use rusqlite::Connection;
use serde_json::json;

use super::{claim, create, post, task};
use crate::harness::Setup;

#[test]
fn what_is_held_is_held_after_a_restart() {
    let mut daemon = Setup::new().start();
    let id = create(&daemon, "qa");
    let (_, token) = claim(&daemon, "qa", "w").expect("a task");
    daemon.restart();
    assert_eq!(claim(&daemon, "qa", "other"), None);
    let path = format!("/api/tasks/{id}/complete");
    assert_eq!(post(&daemon, &path, &json!({"token": token})).0, 200);
}

#[test]
fn a_restored_queue_knows_none_of_the_tokens_that_were_given_since() {
    let mut daemon = Setup::new().start();
    let id = create(&daemon, "qa");
    let backup = daemon.folder.path().join("b.tar");
    let backup = backup.to_str().expect("a path");
    let taken = daemon.command(&["backup", backup]);
    assert!(taken.status.success(), "{taken:?}");
    let (_, token) = claim(&daemon, "qa", "w").expect("a task");
    assert_eq!(daemon.sigterm().code(), Some(0));
    let restored = daemon.command(&["restore", "--force", backup]);
    assert!(restored.status.success(), "{restored:?}");
    daemon.respawn();
    daemon.wait_ready();
    assert_eq!(task(&daemon, id)["task"]["status"], "pending");
    let path = format!("/api/tasks/{id}/complete");
    let (status, answer) = post(&daemon, &path, &json!({"token": token}));
    assert_eq!(
        (status, &answer["error"]["code"]),
        (409, &json!("lease_lost"))
    );
    let (_, other) = claim(&daemon, "qa", "w").expect("a task");
    assert_ne!(other, token);
}

/// Columns and checks that other programs rely on.
#[test]
fn other_programs_read_the_tables_by_their_names() {
    let daemon = Setup::new().start();
    let id = create(&daemon, "developer");
    claim(&daemon, "developer", "w").expect("a task");
    let conn = Connection::open(daemon.data.join("tasks.db")).expect("a database");
    let texts = |sql: &str| -> Vec<String> {
        let mut select = conn.prepare(sql).expect("a statement");
        let rows = select.query_map([], |row| row.get(0)).expect("rows");
        rows.collect::<Result<_, _>>().expect("texts")
    };
    for (view, columns) in [
        (
            "seed_agent_tasks",
            "id, task_type, assigned_to, created_by, status, priority, context_json, result_json,
             parent_task_id, error_message, created_at, started_at, completed_at, retry_count",
        ),
        (
            "seed_agent_messages",
            "id, task_id, from_agent, to_agent, message_type, content, metadata_json, created_at,
             read_at",
        ),
        (
            "seed_agent_logs",
            "id, task_id, agent_name, log_level, message, data_json, created_at",
        ),
        (
            "agent_state",
            "agent_name, last_active, current_task_id, status, metrics_json",
        ),
    ] {
        let whole = format!("SELECT {columns} FROM {view}");
        conn.prepare(&whole)
            .unwrap_or_else(|error| panic!("{view}: {error}"));
    }
    let sql = "SELECT agent_name || ' ' || status || ' ' || current_task_id FROM agent_state";
    assert_eq!(texts(sql), [format!("developer working {id}")]);
    let date = texts("SELECT created_at FROM seed_agent_tasks");
    assert_eq!(date[0].len(), "2026-01-01 00:00:00".len(), "{date:?}");
    for (table, column, value) in [
        ("agent_tasks", "status", "'done'"),
        ("agent_tasks", "priority", "11"),
        ("agent_messages", "message_type", "'shout'"),
        ("agent_logs", "log_level", "'fatal'"),
    ] {
        let insert = match table {
            "agent_tasks" => format!(
                "INSERT INTO agent_tasks (task_type, assigned_to, created_at, root_id, rank,
                     lease_ms, {column}) VALUES ('x', 'qa', 0, 1, 0, 1000, {value})"
            ),
            "agent_messages" => format!(
                "INSERT INTO agent_messages (from_agent, to_agent, content, created_at, {column})
                 VALUES ('a', 'b', 'c', 0, {value})"
            ),
            _ => format!(
                "INSERT INTO agent_logs (agent_name, message, created_at, {column})
                 VALUES ('a', 'b', 0, {value})"
            ),
        };
        let refused = conn.execute(&insert, []).expect_err(column);
        assert!(refused.to_string().contains("CHECK"), "{refused}");
    }
    for index in [
        "idx_agent_tasks_assigned_to",
        "idx_agent_tasks_parent",
        "idx_agent_tasks_priority",
        "idx_agent_messages_task",
        "idx_agent_messages_to",
        "idx_agent_logs_task",
        "idx_agent_logs_agent",
    ] {
        let found = texts(&format!(
            "SELECT name FROM sqlite_master WHERE name = '{index}'"
        ));
        assert_eq!(found, [index]);
    }
}
