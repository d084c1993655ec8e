//! What people on call see of the queue: metrics, health and alerts.

use serde_json::json;

use super::{claim, create, post};
use crate::harness::{Daemon, Setup, eventually};

fn metric(daemon: &Daemon, series: &str) -> f64 {
    let text = daemon.get("/metrics").text();
    let line = text.lines().find(|line| {
        line.strip_prefix(series)
            .is_some_and(|rest| rest.starts_with(' '))
    });
    let value = line.and_then(|line| line.rsplit_once(' '));
    value.expect(series).1.parse().expect("a number")
}

#[track_caller]
fn until(daemon: &Daemon, series: &str, value: f64) {
    eventually(series, || {
        let found = metric(daemon, series);
        (found == value).then_some(()).ok_or(found.to_string())
    });
}

fn fail(daemon: &Daemon, id: i64, token: &str) {
    let body = json!({"token": token, "error_message": "no", "retryable": false});
    assert_eq!(post(daemon, &format!("/api/tasks/{id}/fail"), &body).0, 200);
}

#[test]
fn metrics_and_health_follow_what_happens() {
    let daemon = Setup::new().set("tasks.roles", "[\"librarian\"]").start();
    until(
        &daemon,
        "agentpulse_tasks{role=\"librarian\",status=\"pending\"}",
        0.0,
    );
    let ids = [(); 3].map(|()| create(&daemon, "qa"));
    let (held, token) = claim(&daemon, "qa", "w").expect("a task");
    assert_eq!(held, ids[0]);
    let stale = json!({"token": token.replace("-1", "-99")});
    let path = format!("/api/tasks/{held}/complete");
    assert_eq!(post(&daemon, &path, &stale).0, 409);
    let held_by_it = json!({"token": token});
    assert_eq!(post(&daemon, "/api/tasks/99/release", &held_by_it).0, 404);
    let message = json!({"from_agent": "a", "to_agent": "qa", "message_type": "notification",
        "content": "Hello."});
    assert_eq!(post(&daemon, "/api/messages", &message).0, 200);
    for (series, value) in [
        ("agentpulse_tasks_up", 1.0),
        ("agentpulse_tasks{role=\"qa\",status=\"pending\"}", 2.0),
        ("agentpulse_tasks{role=\"qa\",status=\"running\"}", 1.0),
        ("agentpulse_messages_unread{role=\"qa\"}", 1.0),
        ("agentpulse_tasks_created_total", 3.0),
        ("agentpulse_task_claims_total", 1.0),
        ("agentpulse_task_stale_writes_total", 1.0),
        ("agentpulse_task_requests_refused_total", 1.0),
    ] {
        until(&daemon, series, value);
    }
    assert!(
        metric(
            &daemon,
            "agentpulse_task_oldest_pending_seconds{role=\"qa\"}"
        ) > 0.0
    );
    eventually("the health report has them", || {
        let health = daemon.read("/api/system/health")?;
        let tasks = &health["checks"]["tasks"];
        let counts = ["status", "pending", "running", "blocked"].map(|field| tasks[field].clone());
        (counts == [json!("ok"), json!(2), json!(1), json!(0)])
            .then_some(())
            .ok_or(tasks.to_string())
    });
}

#[test]
fn a_task_that_has_failed_for_good_fires_an_alert() {
    let daemon = Setup::new().start();
    let id = create(&daemon, "qa");
    let (held, token) = claim(&daemon, "qa", "w").expect("a task");
    assert_eq!(held, id);
    fail(&daemon, id, &token);
    let alert = eventually("it fires", || {
        let answer = daemon.read("/api/agents/alerts")?;
        let alerts = answer["alerts"].as_array().ok_or("no list")?;
        let dead = alerts.iter().find(|alert| alert["rule"] == "task_dead");
        let firing = dead.filter(|alert| alert["state"] == "firing");
        firing.cloned().ok_or(answer.to_string())
    });
    assert_eq!(
        (&alert["subject"], &alert["severity"], &alert["value"]),
        (&json!("qa"), &json!("critical"), &json!(1.0))
    );
    until(&daemon, "agentpulse_tasks_failed_total", 1.0);
    // A person has it tried again: it is not dead any more.
    let retried = daemon.command(&["tasks", "retry", &id.to_string()]);
    assert!(retried.status.success(), "{retried:?}");
    eventually("it is resolved", || {
        let answer = daemon.read("/api/agents/alerts")?;
        let alerts = answer["alerts"].as_array().ok_or("no list")?;
        let dead = alerts.iter().find(|alert| alert["rule"] == "task_dead");
        dead.is_some_and(|alert| alert["state"] == "resolved")
            .then_some(())
            .ok_or(answer.to_string())
    });
}
