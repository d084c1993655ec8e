//! Every read of the daemon, within the bound of an answer.

use serde_json::{Value, json};

use super::{Client, between};
use crate::harness::Setup;

/// The paths in the description of the tool.
fn paths(client: &mut Client) -> Vec<String> {
    let listed = client.result("tools/list", &json!({}));
    let about = listed["tools"][0]["description"]
        .as_str()
        .expect("a text")
        .to_owned();
    let lines = about.lines().filter(|line| line.starts_with('/'));
    let path = |line: &str| {
        let path = line.split(' ').next().unwrap_or_default();
        path.trim_end_matches('*').to_owned()
    };
    lines.map(path).collect()
}

#[test]
fn every_read_of_the_document_is_listed_and_answers() {
    let daemon = Setup::new().start();
    let mut client = Client::of(&daemon);
    let document = daemon.read("/api/openapi.json").expect("the document");
    let documented = document["paths"].as_object().expect("paths").iter();
    let documented: Vec<&String> = documented
        .filter(|(path, methods)| {
            let answer = &methods["get"]["responses"]["200"]["content"];
            path.starts_with("/api/") && answer.get("application/json").is_some()
        })
        .map(|(path, _)| path)
        .collect();
    let paths = paths(&mut client);
    assert_eq!(paths.iter().collect::<Vec<_>>(), documented);
    assert!(paths.len() > 30, "{paths:?}");
    for path in paths {
        let known = path.replace("{id}", "1").replace("{agent_name}", "a%20b");
        let (text, is_error) = client.call("read", &json!({"path": known}));
        // Those of an item find none.
        assert_eq!(
            is_error,
            path.contains('{') && text.contains("404"),
            "{path}: {text}"
        );
    }
}

#[test]
fn the_parts_of_a_long_answer_are_the_whole() {
    let daemon = Setup::new().start();
    let mut client = Client::of(&daemon);
    let story: String = (0..2_000).map(|n| format!("{n} é, ")).collect();
    let context = json!({"story": story, "list": [1, 2, 3]});
    client.says(
        "task_create",
        &json!({"task_type": "x", "assigned_to": "qa", "context": context}),
    );
    let claimed = client.says("task_claim", &json!({"role": "qa"}));
    let note = "The rest: read \"/api/tasks/1\", field \"/task/context\".";
    assert!(claimed.contains(note), "{claimed}");
    assert!(claimed.contains("task_complete"), "{claimed}");

    let short = json!({"path": "/api/tasks/1", "field": "task/context/list"});
    assert_eq!(client.says("read", &short), "[1,2,3]");
    let (mut read, mut offset) = (String::new(), 0);
    loop {
        let arguments = json!({
            "path": "/api/tasks/1", "field": "/task/context/story", "offset": offset,
        });
        let text = client.says("read", &arguments);
        let Some((part, note)) = text.split_once("\n[") else {
            read.push_str(&text);
            break;
        };
        read.push_str(part);
        offset = between(note, "with offset ", ".")
            .parse()
            .expect("a number");
        assert_eq!(offset, read.len());
    }
    assert_eq!(read, story);

    let whole = client.says("read", &json!({"path": "/api/tasks/1"}));
    assert!(whole.ends_with("a field: attempts (list of 1), blocked_by (list of 0), children (list of 0), cost, messages (list of 0), task]"), "{whole}");
    let wrong = json!({"path": "/api/tasks/1", "field": "/task/contxt"});
    let text = client.refuses("read", &wrong);
    assert!(
        text.starts_with("field: there is no /task/contxt; there are attempts"),
        "{text}"
    );
}

#[test]
fn parameters_reach_the_daemon_and_its_refusal_names_them() {
    let daemon = Setup::new().start();
    let mut client = Client::of(&daemon);
    for of_type in ["a b", "c&d"] {
        let arguments = json!({"task_type": of_type, "assigned_to": "qa"});
        client.says("task_create", &arguments);
    }
    let query = json!({"task_type": "c&d", "limit": 5, "status": null});
    let text = client.says("read", &json!({"path": "/api/tasks", "query": query}));
    let tasks: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(tasks["tasks"].as_array().map(Vec::len), Some(1));
    assert_eq!(tasks["tasks"][0]["id"], 2);
    let query = json!({"hours": 9_999});
    let wrong = json!({"path": "/api/agents/metrics/timeline", "query": query});
    let text = client.refuses("read", &wrong);
    assert_eq!(
        text,
        "the daemon answered 400 Bad Request: hours must be 1..=168"
    );
}
