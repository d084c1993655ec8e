//! Real answers, also those that refuse, are as the document says.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};

use super::tasks::tasks;
use crate::claude_code::captured;
use crate::claude_code::captured::Run;
use crate::harness::wire::Response;
use crate::harness::{Daemon, Setup, eventually, folder};
use crate::openapi::document::{Route, as_text, bounds, routes, schemas, with_task};
use crate::openapi::schema::Schemas;
use crate::registry::home::with_definitions;
use crate::security::keys::create;

const UPGRADE: [(&str, &str); 4] = [
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

/// Answers, each held against what the document says of its route.
pub struct Answers<'a> {
    pub daemon: &'a Daemon,
    schemas: &'a Schemas,
    seen: BTreeSet<(String, u16)>,
    count: usize,
}

impl Answers<'_> {
    #[track_caller]
    pub fn ask(&mut self, route: &Route, path: &str, headers: &[(&str, &str)], body: &[u8]) -> u16 {
        let answer = self.daemon.request(&route.method, path, headers, body);
        let name = format!("{} {}", route.method, route.path);
        let faults = self.faults(route, &answer);
        let said = format!("{name} as {path}: {} {}", answer.status, answer.text());
        assert_eq!(faults, [] as [String; 0], "{said}");
        self.seen.insert((name, answer.status));
        self.count += 1;
        answer.status
    }

    fn faults(&self, route: &Route, answer: &Response) -> Vec<String> {
        let told = &route.told["responses"][answer.status.to_string()];
        if told.is_null() {
            return vec!["the status is not in the document".to_owned()];
        }
        let told = self.schemas.follow(told);
        let mut faults = Vec::new();
        for (name, header) in told["headers"].as_object().into_iter().flatten() {
            let schema = &self.schemas.follow(header)["schema"];
            let value = answer.header(name);
            let value = match (value, schema["type"].as_str()) {
                (Some(text), Some("integer")) => serde_json::from_str(text).unwrap_or_default(),
                (value, _) => json!(value),
            };
            faults.extend(self.schemas.faults(schema, &value));
        }
        let media_type = answer.header("content-type").unwrap_or_default();
        let Some(content) = told["content"].as_object() else {
            if !answer.body.is_empty() {
                faults.push("there is a body".to_owned());
            }
            return faults;
        };
        match content.get(media_type) {
            None => faults.push(format!("{media_type} is not in the document")),
            Some(one) if media_type == "application/json" => {
                faults.extend(self.schemas.faults(&one["schema"], &answer.json()));
            }
            Some(_) if answer.body.is_empty() => faults.push("there is no body".to_owned()),
            Some(_) => {}
        }
        faults
    }
}

fn example() -> Value {
    json!({"agent_id": "ag_123", "agent_name": "screenshot-analyzer", "agent_type": "analyzer",
        "session_id": "s_123", "duration_ms": 2340, "status": "failure",
        "tools_used": ["Read", "Write", "Bash"],
        "error_details": {"type": "ValidationError", "message": "Failed to process image"},
        "tool_calls": {"Read": 5, "Write": 2, "Bash": 3}, "output_metrics": {"files_created": 2},
        "token_usage": {"input_tokens": 1500, "output_tokens": 2300, "estimated_cost": 0.0076}})
}

/// A daemon that has one of everything to show.
fn with_everything(place: &Path) -> Daemon {
    let roots = place.join("projects");
    let run = Run::captured("two-parallel-agents-2.1.197", &roots);
    let setup = captured::setup(&roots).set("registry.write", "true");
    let daemon = with_definitions(setup, &place.join("claude")).start();
    daemon.send(&run.lines);
    let mut lines: Vec<Value> = (0..6)
        .map(|i| {
            let mut stop = example();
            stop["event"] = json!("stop");
            stop["agent_id"] = json!(if i == 0 {
                "ag_123".to_owned()
            } else {
                format!("ag-{i}")
            });
            stop
        })
        .collect();
    lines.push(json!({"event": "start", "agent_id": "runs", "agent_name": "zorp"}));
    lines.push(
        json!({"event": "stop", "agent_id": "written", "agent_name": "writer",
        "parent_agent_id": "ag_123", "status": "success", "duration_ms": 5}),
    );
    daemon.accept(&lines);
    daemon.send(&[json!({"event": "progress", "agent_id": "runs", "progress": 0.5})]);
    with_task(&daemon);
    let has = |path: &str, pointer: &str| {
        eventually(path, || match daemon.read(path)?.pointer(pointer) {
            Some(Value::Null) | None => Err(format!("no {pointer} yet")),
            Some(_) => Ok(()),
        });
    };
    has("/api/agents/alerts", "/alerts/0/fired_at");
    has("/registry/agents/writer", "/relationships/parents/0");
    has("/api/agents/executions/ag_123", "/execution_end");
    has("/api/sessions/s_123", "/by_agent/0");
    has("/api/agents/tools/usage", "/insights/high_correlation/0");
    has("/api/agents/costs?by=model", "/costs/1");
    has(
        "/api/agents/metrics/current",
        "/active_agent_details/0/progress",
    );
    daemon
}

#[test]
fn every_answer_is_as_the_document_says() {
    let place = folder();
    let daemon = with_everything(place.path());
    let schemas = schemas(&daemon);
    let mut answers = Answers {
        daemon: &daemon,
        schemas: &schemas,
        seen: BTreeSet::new(),
        count: 0,
    };
    let all = routes(&schemas.document);
    let gets = || all.iter().filter(|route| route.method == "GET");
    let is_stream = |route: &Route| route.told["responses"]["101"].is_object();
    // Before there is a key: without one.
    for route in gets().filter(|route| route.told["security"].to_string().contains("{}")) {
        let want = if is_stream(route) { 426 } else { 200 };
        assert_eq!(
            answers.ask(route, &route.real(), &[], b""),
            want,
            "{}",
            route.path
        );
    }
    let key = create(&daemon, "all", "admin");
    let bearer = format!("Bearer {key}");
    let held = ("authorization", bearer.as_str());
    for route in gets() {
        let real = route.real();
        let want = if is_stream(route) { 101 } else { 200 };
        let upgrade = [&[held], &UPGRADE[..]].concat();
        let headers = if is_stream(route) {
            &upgrade[..]
        } else {
            &[held]
        };
        assert_eq!(
            answers.ask(route, &real, headers, b""),
            want,
            "{}",
            route.path
        );
        if route.told["responses"]["304"].is_object() {
            let any = ("if-none-match", "*");
            assert_eq!(
                answers.ask(route, &real, &[held, any], b""),
                304,
                "{}",
                route.path
            );
        }
        for parameter in route.parameters().iter().filter(|one| one["in"] == "query") {
            let (within, beyond) = bounds(&parameter["schema"]);
            let name = parameter["name"].as_str().expect("a name");
            for value in within
                .iter()
                .chain(&beyond)
                .filter(|value| !value.is_object())
            {
                answers.ask(
                    route,
                    &format!("{real}?{name}={}", as_text(value)),
                    &[held],
                    b"",
                );
            }
        }
        answers.ask(route, &route.with("nobody"), &[held], b"");
    }
    refusals(&mut answers, &all, held);
    bodies(&mut answers, &all, held);
    writes(&mut answers, &all, held);
    tasks(&mut answers, &all, held);
    let seen: BTreeSet<u16> = answers.seen.iter().map(|(_, status)| *status).collect();
    let statuses = [101, 200, 207, 304, 400, 401, 403, 404, 413, 421, 426];
    assert!(
        statuses.iter().all(|status| seen.contains(status)),
        "{seen:?}"
    );
    // Each schema was met by a real value.
    let named = schemas.document["components"]["schemas"]
        .as_object()
        .expect("schemas");
    let met = schemas.met.borrow();
    let idle: Vec<_> = named.keys().filter(|name| !met.contains(*name)).collect();
    assert_eq!(idle, [] as [&String; 0]);
    let (routes, kinds) = (all.len(), answers.seen.len());
    eprintln!(
        "{} answers of {routes} routes, {kinds} statuses of them",
        answers.count
    );
}

fn refusals(answers: &mut Answers, all: &[Route], held: (&str, &str)) {
    let read = create(answers.daemon, "reader", "read");
    let read = format!("Bearer {read}");
    for route in all {
        let real = route.real();
        let needs_key = route.told["security"] != json!([]);
        let ask = |answers: &mut Answers, headers: &[(&str, &str)]| {
            answers.ask(route, &real, headers, b"")
        };
        if needs_key {
            assert_eq!(ask(answers, &[]), 401, "{}", route.path);
            ask(answers, &[("authorization", &read)]);
        }
        assert_eq!(
            ask(answers, &[held, ("host", "evil.example")]),
            421,
            "{}",
            route.path
        );
        let origin = ("origin", "https://evil.example");
        assert_eq!(ask(answers, &[held, origin]), 403, "{}", route.path);
        let hosts = [held, ("host", "localhost"), ("host", "localhost")];
        assert_eq!(ask(answers, &hosts), 400, "{}", route.path);
    }
}

const COUNTED: &str = "/api/agents/select/stats";
const FEEDBACK: &str = "/api/agents/select/{selection_id}/feedback";

fn bodies(answers: &mut Answers, all: &[Route], held: (&str, &str)) {
    let find = |path: &str| {
        all.iter()
            .find(|route| route.path == path && route.method == "POST")
            .expect("a route")
    };
    let mut post = |path: &str, body: &[u8]| {
        let route = find(path);
        answers.ask(route, &route.real(), &[held], body)
    };
    let (events, hooks) = ("/api/agents/events", "/api/hooks/{source}");
    assert_eq!(post(events, b""), 200);
    assert_eq!(
        post(events, b"{\"event\":\"stop\",\"agent_id\":\"p\"}\nzorp"),
        207
    );
    assert_eq!(post(events, b"[5]"), 207);
    assert_eq!(post(events, "[5]\n".repeat(3).as_bytes()), 400);
    assert_eq!(post(events, &"x\n".repeat(1_500).into_bytes()), 207);
    assert_eq!(
        post(
            "/api/agents/start",
            br#"{"agent_id":"q","agent_name":"zorp"}"#
        ),
        200
    );
    assert_eq!(
        post("/api/agents/complete", example().to_string().as_bytes()),
        200
    );
    assert_eq!(
        post(hooks, br#"{"hook_event_name":"Stop","session_id":"s"}"#),
        200
    );
    for path in ["/api/agents/start", "/api/agents/complete", hooks] {
        assert_eq!(post(path, b"zorp"), 400, "{path}");
        assert_eq!(post(path, b"[]"), 400, "{path}");
    }
    assert_eq!(post("/api/agents/start", b"{}"), 400);
    assert_eq!(
        post("/api/agents/complete", &vec![b' '; (256 << 10) + 1]),
        413
    );
    let select = "/api/agents/select";
    assert_eq!(
        post(select, br#"{"task":"writer","exclude":["writer"]}"#),
        200
    );
    assert_eq!(post(select, br#"{"task":"writer","limit":0}"#), 400);
    let feedback = br#"{"chosen":"writer","rating":5}"#;
    assert_eq!(post(FEEDBACK, feedback), 404);
    let kept = br#"{"task":"writer"}"#;
    let kept = answers.daemon.request("POST", select, &[held], kept).json();
    let id = kept["selection_id"].as_str().expect("an id");
    let route = find(FEEDBACK);
    let path = route.path.replace("{selection_id}", id);
    assert_eq!(answers.ask(route, &path, &[held], feedback), 200);
    let counted = all.iter().find(|route| route.path == COUNTED);
    let counted = counted.expect("a route");
    assert_eq!(answers.ask(counted, COUNTED, &[held], b""), 200);
    let mut post = |path: &str, body: &[u8]| {
        let route = find(path);
        answers.ask(route, &route.real(), &[held], body)
    };
    assert_eq!(post("/api/tickets", b""), 200);
    assert_eq!(post("/api/registry/refresh", b""), 200);
}

fn writes(answers: &mut Answers, all: &[Route], held: (&str, &str)) {
    for (path, name) in [("/api/registry/agents", "one"), ("/registry/agents", "two")] {
        let item = format!("{path}/{{id}}");
        let mut ask = |method: &str, name: &str, version: Option<&str>, body: &Value| {
            let path = if method == "POST" { path } else { &item };
            let mut routes = all.iter();
            let route = routes.find(|route| route.path == path && route.method == method);
            let route = route.expect("a route");
            let quoted = format!("\"{}\"", version.unwrap_or_default());
            let headers = [held, ("if-match", quoted.as_str())];
            let headers = &headers[..1 + usize::from(version.is_some())];
            answers.ask(
                route,
                &route.with(name),
                headers,
                body.to_string().as_bytes(),
            )
        };
        let new = json!({"name": name, "description": "Does it.", "prompt": "Do it.",
            "scope": "user", "tools": ["Read"], "color": null});
        for (body, status) in [(&new, 201), (&new, 409), (&json!({}), 400)] {
            assert_eq!(ask("POST", "", None, body), status, "{body}");
        }
        let file = "---\nname: NAME\ndescription: Does it.\ntools: [Read]\n---\n\nDo it.\n";
        let file = file.replace("NAME", name);
        let version = agentpulse_definitions::names::version(file.as_bytes());
        let other = "0".repeat(32);
        for (method, name, version, body, status) in [
            ("PUT", name, None, json!({}), 428),
            ("PUT", name, Some(&other), json!({}), 412),
            ("PUT", "twin", Some(&version), json!({}), 409),
            ("PUT", name, Some(&version), json!({"model": "opuss"}), 422),
            ("PUT", name, Some(&version), json!({"model": "opus"}), 200),
            ("DELETE", name, Some(&version), json!({}), 412),
            ("DELETE", name, None, json!({}), 200),
            ("DELETE", name, None, json!({}), 404),
        ] {
            let version = version.map(String::as_str);
            assert_eq!(
                ask(method, name, version, &body),
                status,
                "{method} {name} {body}"
            );
        }
    }
}

#[test]
fn rate_limited_answers_are_as_the_document_says() {
    let daemon = Setup::new()
        .set("http.rate_limit", "1")
        .set("http.rate_burst", "2")
        .start();
    let schemas = schemas(&daemon);
    let mut answers = Answers {
        daemon: &daemon,
        schemas: &schemas,
        seen: BTreeSet::new(),
        count: 0,
    };
    let all = routes(&schemas.document);
    let version = all
        .iter()
        .find(|route| route.path == "/version")
        .expect("a route");
    eventually("it is enough", || {
        match answers.ask(version, "/version", &[], b"") {
            429 => Ok(()),
            status => Err(status.to_string()),
        }
    });
}
