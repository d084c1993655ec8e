//! The tools by which agents work: two clients, a task with a question and its answer, to its end.

use serde_json::{Value, json};

use super::{Client, between};
use crate::harness::Setup;
use crate::registry::home::{Home, refresh, write};

/// The number and the token, as the text of a claim has them.
#[track_caller]
fn held(claimed: &str) -> (u64, String) {
    let id = between(claimed, "with id ", " ").parse().expect("a number");
    (id, between(claimed, "token \"", "\"").to_owned())
}

#[test]
fn a_task_is_made_claimed_asked_about_and_handed_on() {
    let daemon = Setup::new().start();
    let mut developer = Client::start(&daemon.data, Some("s-dev"));
    let mut architect = Client::start(&daemon.data, Some("s-arch"));
    let none = developer.says("task_claim", &json!({"role": "developer"}));
    assert!(none.starts_with("There is no task."), "{none}");

    let context = json!({"error": "checkout fails", "password": "hunter2hunter2"});
    let create = json!({"task_type": "fix_bug", "assigned_to": "developer", "context": context,
        "unique_key": "checkout", "priority": null});
    let made = architect.says("task_create", &create);
    assert!(
        made.starts_with("Task 1 is made for developer, and is pending. A secret"),
        "{made}"
    );
    let again = architect.says("task_create", &create);
    assert!(
        again.starts_with("Task 1 for developer has this unique_key"),
        "{again}"
    );

    let claimed = developer.says("task_claim", &json!({"role": "developer", "lease_s": 30}));
    assert!(
        claimed.starts_with("Task 1 (fix_bug) is held by claude-code-s-dev"),
        "{claimed}"
    );
    assert!(
        claimed.contains("every 10 s") && claimed.contains("checkout fails"),
        "{claimed}"
    );
    assert!(!claimed.contains("hunter2"), "{claimed}");
    let (id, token) = held(&claimed);
    let again = developer.says("task_claim", &json!({"role": "developer"}));
    assert_eq!(
        held(&again),
        (id, token.clone()),
        "one that holds a task is given it again"
    );

    let question = json!({"to": "architect", "content": "Which one?"});
    let block = json!({"id": id, "token": token, "question": question});
    let blocked = developer.says("task_block", &block);
    assert!(
        blocked.starts_with("Task 1 is blocked until message 1 is answered"),
        "{blocked}"
    );

    let unread = architect.says("message_read", &json!({"to": "architect"}));
    assert!(
        unread.starts_with("1 messages to architect. Next:"),
        "{unread}"
    );
    assert!(unread.contains("Which one?"), "{unread}");
    let marked = architect.says("message_read", &json!({"id": 1}));
    assert!(
        marked.starts_with("Message 1 is marked as read. Next: call message_send"),
        "{marked}"
    );
    let unread = architect.says("message_read", &json!({"to": "architect"}));
    assert_eq!(unread, "There is no message to architect.");
    let answer = json!({"to_agent": "developer", "message_type": "answer", "reply_to": 1,
        "content": "The second."});
    assert_eq!(
        architect.says("message_send", &answer),
        "Message 2 is sent to developer."
    );

    let (id, token) = held(&developer.says("task_claim", &json!({"role": "developer"})));
    let beat = developer.says("task_heartbeat", &json!({"id": id, "token": token}));
    assert!(beat.starts_with("Task 1 is held until "), "{beat}");
    assert!(
        beat.contains("1 messages are unread: call message_read"),
        "{beat}"
    );
    let handoff = json!({"assigned_to": "qa", "task_type": "verify_fix"});
    let complete = json!({"id": id, "token": token, "result": {"commit": "abc"},
        "handoff": handoff});
    let done = developer.says("task_complete", &complete);
    assert!(
        done.starts_with("Task 1 is completed. Task 2 follows, for qa. Next:"),
        "{done}"
    );
    let late = developer.refuses("task_heartbeat", &json!({"id": id, "token": token}));
    assert!(
        late.contains("409") && late.contains("stop working on task 1"),
        "{late}"
    );

    let task = daemon.read("/api/tasks/1").expect("the task");
    assert_eq!(task["task"]["created_by"], "claude-code-s-arch");
    assert_eq!(task["task"]["worker"], "claude-code-s-dev");
    let child = daemon.read("/api/tasks/2").expect("the child");
    assert_eq!(child["task"]["context"], json!({"commit": "abc"}));
}

#[test]
fn an_attempt_that_fails_is_tried_again_or_is_the_last() {
    let daemon = Setup::new().start();
    let mut client = Client::of(&daemon);
    for _ in 0..3 {
        client.says(
            "task_create",
            &json!({"task_type": "x", "assigned_to": "qa"}),
        );
    }
    let fail = |client: &mut Client, retryable: bool| {
        let (id, token) = held(&client.says("task_claim", &json!({"role": "qa"})));
        let arguments = json!({"id": id, "token": token, "error_message": "broken",
            "retryable": retryable});
        client.says("task_fail", &arguments)
    };
    let text = fail(&mut client, true);
    assert!(
        text.starts_with("Task 1 is pending, and is tried again after 2"),
        "{text}"
    );
    let text = fail(&mut client, false);
    assert_eq!(text, "Task 2 is failed. Next: call task_claim for another.");

    let (id, token) = held(&client.says("task_claim", &json!({"role": "qa"})));
    let cancelled = daemon.control("POST", "/api/tasks/3/cancel", &[], b"");
    assert_eq!(cancelled.status, 200, "{}", cancelled.text());
    let beat = client.says("task_heartbeat", &json!({"id": id, "token": token}));
    assert!(
        beat.starts_with("Task 3 is to be cancelled. Next: stop"),
        "{beat}"
    );
    let text = client.says("task_fail", &json!({"id": id, "token": token}));
    assert_eq!(
        text,
        "Task 3 is cancelled. Next: call task_claim for another."
    );
}

#[test]
fn messages_have_this_session_as_their_sender_and_a_wait_is_woken() {
    let daemon = Setup::new().start();
    let mut asker = Client::start(&daemon.data, Some("a"));
    let mut other = Client::start(&daemon.data, Some("b"));
    let question = json!({"to_agent": "qa", "message_type": "question", "content": "When?"});
    let sent = asker.says("message_send", &question);
    let next = "Next: call message_read with to \"claude-code-a\" and wait 60 for the answer.";
    assert_eq!(sent, format!("Message 1 is sent to qa. {next}"));
    let arguments = json!({"wait": 60});
    let waits = asker.ask(
        "tools/call",
        &json!({"name": "message_read", "arguments": arguments}),
    );
    let answer = json!({"to_agent": "claude-code-a", "message_type": "answer", "reply_to": 1,
        "content": "Now."});
    other.says("message_send", &answer);
    let (text, _) = super::said(&asker.answer(&waits)["result"]);
    assert!(text.starts_with("1 messages to claude-code-a."), "{text}");
    assert!(text.contains("\"from_agent\":\"claude-code-b\""), "{text}");

    let long = json!({"to_agent": "qa", "message_type": "notification",
        "content": "long ".repeat(2_000)});
    asker.says("message_send", &long);
    let text = asker.says("message_read", &json!({"to": "qa", "after": 2}));
    let note = "read \"/api/messages\", query {\"after\": 2, \"limit\": 1}, field \
                \"/messages/0/content\"";
    assert!(text.contains(note), "{text}");
}

#[test]
fn the_agent_that_fits_is_named_and_described() {
    let home = Home::new();
    let tuner =
        "---\nname: tuner\ndescription: Optimises slow SQL queries and indexes.\n---\nDo it.\n";
    write(&home.user(), "tuner", tuner);
    let writer = "---\nname: writer\ndescription: Writes manuals and guides.\n---\nDo it.\n";
    write(&home.user(), "writer", writer);
    let daemon = home.setup().start();
    refresh(&daemon);
    let mut client = Client::of(&daemon);
    let task = json!({"task": "Optimise the slow orders query", "limit": 1});
    let selected = client.says("select_agent", &task);
    assert!(selected.starts_with("tuner fits best: "), "{selected}");
    let (_, body) = selected.split_once('\n').expect("two lines");
    let body: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(body["agents"].as_array().map(Vec::len), Some(1));
    assert!(body["selection_id"].is_string(), "it is kept: {body}");
    let nobody = client.says("select_agent", &json!({"task": "Bake bread"}));
    assert!(nobody.starts_with("No agent fits: "), "{nobody}");

    let info = client.says("agent_info", &json!({"id": "tuner"}));
    assert!(info.starts_with("Next: launch the agent tuner"), "{info}");
    assert!(info.contains("Optimises slow SQL queries"), "{info}");
    let stop = json!({"event": "stop", "agent_id": "z1", "agent_name": "zorp",
        "status": "success", "duration_ms": 1_000});
    daemon.accept(&[stop]);
    crate::harness::eventually("it is counted", || {
        let (text, is_error) = client.call("agent_info", &json!({"id": "zorp"}));
        let is_there = !is_error && text.starts_with("zorp has no definition, and ran.");
        is_there.then_some(()).ok_or(text)
    });
    let none = client.refuses("agent_info", &json!({"id": "none/such"}));
    assert!(
        none.starts_with("no definition and no execution has the name none/such"),
        "{none}"
    );
}

#[test]
fn the_prompt_of_an_agent_of_the_library_is_read() {
    let home = Home::new();
    let prompt = "Look at the plan first.\n";
    let tuner =
        format!("---\nname: tuner\ndescription: Optimises slow SQL queries.\n---\n{prompt}");
    write(&home.path("library"), "tuner", &tuner);
    let folder = home.path("library").display().to_string();
    let daemon = home
        .setup()
        .set("registry.library", &format!("[{folder:?}]"))
        .start();
    refresh(&daemon);
    let mut client = Client::of(&daemon);
    let task = json!({"task": "Optimise the slow SQL queries"});
    let selected = client.says("select_agent", &task);
    assert!(
        selected.contains("Next: launch a general-purpose agent"),
        "{selected}"
    );
    let path = between(&selected, "read \"", "\"");
    let read = json!({"path": path, "query": {"body": true}, "field": "/body"});
    assert_eq!(client.says("read", &read).trim(), prompt.trim());
    let info = client.says("agent_info", &json!({"id": "tuner"}));
    assert!(
        info.starts_with("Next: launch a general-purpose agent"),
        "{info}"
    );
}
