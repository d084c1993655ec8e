//! What is out of its bounds is refused by name, and changes nothing.

use serde_json::{Value, json};

use super::{claim, create, post, task};
use crate::harness::Setup;

#[test]
fn what_is_wrong_is_named_and_changes_nothing() {
    let daemon = Setup::new().start();
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    let long = "x".repeat(300);
    let wrong: &[(Value, u16, &str)] = &[
        (json!({"assigned_to": "qa"}), 400, "task_type"),
        (
            json!({"task_type": "", "assigned_to": "qa"}),
            400,
            "task_type: 0 bytes",
        ),
        (
            json!({"task_type": long, "assigned_to": "qa"}),
            400,
            "task_type: 300 bytes",
        ),
        (
            json!({"task_type": "a\u{1}", "assigned_to": "qa"}),
            400,
            "control characters",
        ),
        (
            json!({"task_type": "x", "assigned_to": "qaa"}),
            422,
            "\"qaa\" is no role",
        ),
        (
            json!({"task_type": "x", "assigned_to": "qa", "priority": 0}),
            400,
            "priority: 0",
        ),
        (
            json!({"task_type": "x", "assigned_to": "qa", "lease_s": 9}),
            400,
            "lease_s: 9",
        ),
        (
            json!({"task_type": "x", "assigned_to": "qa", "context": deep}),
            400,
            "nested deeper",
        ),
        (
            json!({"task_type": "x", "assigned_to": "qa", "max_retries": 11}),
            400,
            "max_retries",
        ),
        (
            json!({"task_type": "x", "assigned_to": "qa", "blocked_by": [7]}),
            404,
            "no task 7",
        ),
        (
            json!({"task_type": "x", "assigned_to": "qa", "parent_task_id": 7}),
            404,
            "no task 7",
        ),
        (
            json!({"task_type": "x", "assigned_to": "qa", "colour": 1}),
            400,
            "colour",
        ),
    ];
    for (body, expected, words) in wrong {
        let (status, answer) = post(&daemon, "/api/tasks", body);
        let message = answer["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(status, *expected, "{body}: {answer}");
        assert!(message.contains(words), "{words}: {message}");
    }
    let large = json!({"task_type": "x", "assigned_to": "qa", "context": "y".repeat(300_000)});
    let (status, answer) = post(&daemon, "/api/tasks", &large);
    assert_eq!(
        (status, &answer["error"]["code"]),
        (400, &json!("invalid_body"))
    );
    let stats = daemon.read("/api/tasks/stats").expect("the stats");
    assert_eq!(stats["tasks"], json!([]));
}

#[test]
fn a_token_of_others_changes_nothing() {
    let daemon = Setup::new().start();
    let id = create(&daemon, "qa");
    let (_, token) = claim(&daemon, "qa", "one").expect("a task");
    for (given, status, code) in [
        ("nonsense", 400, "invalid_body"),
        ("00000000-1", 409, "lease_lost"),
        (&format!("{}9", &token), 409, "lease_lost"),
    ] {
        for what in ["heartbeat", "complete", "fail", "release"] {
            let path = format!("/api/tasks/{id}/{what}");
            let (found, answer) = post(&daemon, &path, &json!({"token": given}));
            assert_eq!(found, status, "{what} {given}: {answer}");
            assert_eq!(answer["error"]["code"], code, "{what} {given}");
        }
    }
    assert_eq!(task(&daemon, id)["task"]["status"], "running");
    let path = format!("/api/tasks/{id}/complete");
    assert_eq!(post(&daemon, &path, &json!({"token": token})).0, 200);
    assert_eq!(
        post(&daemon, &path, &json!({"token": token})).0,
        200,
        "once more is the same"
    );
    let other = json!({"token": token, "result": 2});
    assert_eq!(
        post(&daemon, &path, &other).1["error"]["code"],
        "already_ended"
    );
}

#[test]
fn what_people_do_needs_a_person() {
    let daemon = Setup::new().start();
    let id = create(&daemon, "qa");
    for what in ["cancel", "retry", "unblock"] {
        assert_eq!(
            post(&daemon, &format!("/api/tasks/{id}/{what}"), &json!({})).0,
            401
        );
    }
    let by_user = |what: &str| {
        let path = format!("/api/tasks/{id}/{what}");
        daemon.control("POST", &path, &[], b"{}")
    };
    assert_eq!(by_user("retry").status, 409);
    assert_eq!(by_user("cancel").json()["status"], "cancelled");
    assert_eq!(by_user("cancel").status, 409);
}

#[test]
fn secrets_are_taken_out_before_anything_is_kept() {
    let daemon = Setup::new().start();
    let secret = "hunter2hunter2";
    let body = json!({"task_type": "x", "assigned_to": "qa", "context": {"password": secret}});
    let (_, made) = post(&daemon, "/api/tasks", &body);
    assert_eq!(made["redacted"], 1);
    let (id, token) = claim(&daemon, "qa", "w").expect("a task");
    let lines = json!([{"level": "info", "message": format!("password={secret}")}]);
    let body = json!({"token": token, "lines": lines});
    assert_eq!(
        post(&daemon, &format!("/api/tasks/{id}/logs"), &body).1["redacted"],
        1
    );
    let message = json!({"from_agent": "qa", "to_agent": "user", "message_type": "notification",
        "content": format!("password={secret}")});
    assert_eq!(post(&daemon, "/api/messages", &message).1["redacted"], 1);
    let body = json!({"token": token, "result": {"password": secret}});
    assert_eq!(
        post(&daemon, &format!("/api/tasks/{id}/complete"), &body).1["redacted"],
        1
    );
    assert!(
        crate::harness::bytes::search(&daemon.data, secret) > 0,
        "files were read"
    );
}
