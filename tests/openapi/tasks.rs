//! The answers of the task queue, each as the document says: a task from its creation to its end.

use serde_json::{Value, json};

use super::answers::Answers;
use super::document::Route;

/// Asks each route of the queue for something that it does.
pub fn tasks(answers: &mut Answers, all: &[Route], held: (&str, &str)) {
    let daemon = answers.daemon;
    let mut post = |path: &str, id: &str, body: &Value| {
        let of_path = |route: &&Route| route.path == path && route.method == "POST";
        let route = all.iter().find(of_path).expect("a route");
        let real = route.with(id);
        answers.ask(route, &real, &[held], body.to_string().as_bytes())
    };
    let new = json!({"task_type": "fix_bug", "assigned_to": "developer", "unique_key": "k"});
    assert_eq!(post("/api/tasks", "", &new), 201);
    assert_eq!(post("/api/tasks", "", &new), 200);
    let claim = json!({"role": "developer", "worker": "w", "execution_id": "runs"});
    assert_eq!(post("/api/tasks/claim", "", &claim), 200);
    // One that holds a task is given it again.
    let body = claim.to_string();
    let claimed = daemon.request("POST", "/api/tasks/claim", &[held], body.as_bytes());
    let claimed = claimed.json();
    let (id, token) = (
        claimed["task"]["id"].to_string(),
        &claimed["lease"]["token"],
    );
    let lines = json!([{"level": "info", "message": "begun", "data": {"n": 1}}]);
    let question = json!({"to": "user", "content": "Which one?"});
    for (what, more) in [
        ("heartbeat", json!({"progress": 0.5})),
        ("logs", json!({"lines": lines})),
        ("block", json!({"question": question})),
    ] {
        let mut body = more;
        body["token"] = token.clone();
        assert_eq!(
            post(&format!("/api/tasks/{{id}}/{what}"), &id, &body),
            200,
            "{what}"
        );
    }
    assert_eq!(post("/api/tasks/{id}/unblock", &id, &json!({})), 200);
    for (what, more) in [
        ("release", json!({})),
        (
            "complete",
            json!({"result": 1,
            "handoff": {"assigned_to": "qa", "task_type": "verify_fix"}}),
        ),
    ] {
        let claimed = daemon.request("POST", "/api/tasks/claim", &[held], body.as_bytes());
        let mut body = more;
        body["token"] = claimed.json()["lease"]["token"].clone();
        assert_eq!(
            post(&format!("/api/tasks/{{id}}/{what}"), &id, &body),
            200,
            "{what}"
        );
    }
    assert_eq!(
        post("/api/tasks/{id}/cancel", "1", &json!({"cascade": true})),
        200
    );
    assert_eq!(post("/api/tasks/{id}/retry", "1", &json!({})), 409);
    let message = json!({"from_agent": "a", "to_agent": "b", "message_type": "notification",
        "content": "Hello."});
    assert_eq!(post("/api/messages", "", &message), 200);
    assert_eq!(post("/api/messages/{id}/read", "1", &json!({})), 200);
    for path in [
        "/api/tasks/{id}",
        "/api/tasks/{id}/logs",
        "/api/tasks/{id}/chain",
    ] {
        let of_path = |route: &&Route| route.path == path && route.method == "GET";
        let route = all.iter().find(of_path).expect("a route");
        assert_eq!(
            answers.ask(route, &route.with(&id), &[held], b""),
            200,
            "{path}"
        );
    }
}
