//! The document of the routes: it names every route there is and no other, its bounds are those
//! of the daemon, and real answers are as it says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::{Map, Value, json};

use crate::claude_code::{self, Run};
use crate::harness::{Daemon, eventually, now_ms};
use crate::model::rfc3339;
use crate::schema::{Schemas, types};
use crate::scrape::Scrape;
use crate::security::create;
use crate::setup::{Setup, folder};
use crate::wire::Response;

const DOCUMENT: &str = "/api/openapi.json";
const UPGRADE: [(&str, &str); 4] = [
    ("connection", "upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
];

pub fn schemas(daemon: &Daemon) -> Schemas {
    Schemas::new(daemon.read(DOCUMENT).expect("the document"))
}

/// One route of the document.
struct Route<'a> {
    path: &'a str,
    method: String,
    told: &'a Value,
}

fn routes(document: &Value) -> Vec<Route<'_>> {
    let paths = document["paths"].as_object().expect("paths");
    let of_path = |(path, methods): (&'_ String, &'_ Value)| {
        let methods = methods.as_object().expect("methods").clone();
        methods
            .into_iter()
            .map(|(method, _)| (path.clone(), method))
            .collect::<Vec<_>>()
    };
    let all = paths.iter().flat_map(of_path).collect::<Vec<_>>();
    let route = |(path, method): (String, String)| {
        let (path, methods) = paths.get_key_value(&path).expect("a path");
        Route {
            path,
            told: &methods[&method],
            method: method.to_uppercase(),
        }
    };
    all.into_iter().map(route).collect()
}

impl Route<'_> {
    fn parameters(&self) -> &[Value] {
        self.told["parameters"].as_array().expect("parameters")
    }

    /// Its path, with this word in place of its parameter, if it has one.
    fn with(&self, word: &str) -> String {
        match self.path.split_once('{') {
            Some((before, _)) => format!("{before}{word}"),
            None => self.path.to_owned(),
        }
    }

    /// Its path with something that is there.
    fn real(&self) -> String {
        let words = [
            ("{agent_name}", "screenshot-analyzer"),
            ("{id}", "ag_123"),
            ("{source}", "claude-code"),
            ("{path}", "app.js"),
        ];
        let named = words.iter().find(|(name, _)| self.path.ends_with(name));
        named.map_or_else(|| self.path.to_owned(), |(_, word)| self.with(word))
    }
}

#[test]
fn every_route_is_in_the_document_and_every_one_of_it_is_there() {
    let daemon = Setup::new().start();
    let document = schemas(&daemon).document;
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let route = routes(&document)
            .into_iter()
            .find(|route| route.path == path);
        let real = route.expect("a route").real();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"] {
            let told = daemon.request(method, &real, &[], b"");
            if methods[method.to_lowercase()].is_object() {
                assert_ne!(told.status, 405, "{method} {path}");
                assert!(!told.text().contains("unknown_route"), "{method} {path}");
            } else {
                assert_eq!(told.status, 405, "{method} {path}");
                let allowed = told.header("allow").expect("what it takes");
                let described = match methods["get"].is_object() {
                    true => "GET,HEAD",
                    false => "POST",
                };
                assert_eq!(allowed, described, "{method} {path}");
            }
        }
    }
    // What the router found, it counts by the route.
    let known: BTreeSet<String> = routes(&document)
        .iter()
        .map(|route| route.path.replace("{path}", "{*path}"))
        .chain(["_other".to_owned()])
        .collect();
    let scrape = Scrape::of(&daemon);
    let timed: BTreeSet<String> = scrape
        .samples
        .iter()
        .filter_map(|sample| sample.labels.get("route").cloned())
        .collect();
    let unknown: Vec<_> = timed.difference(&known).collect();
    assert_eq!(unknown, [] as [&String; 0]);
    assert!(timed.len() > 20, "{timed:?}");
}

/// A route gets into the router where it is described; the control socket has its own.
#[test]
fn no_route_is_added_past_the_document() {
    let http = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http");
    let mut folders = vec![http];
    let mut users = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let code = fs::read_to_string(&path).expect("code");
            let code = code.split("#[cfg(test)]").next().unwrap_or_default();
            let routes =
                Regex::new(r#"\.(route|nest|route_service)\(\s*"(/\w+)"#).expect("a pattern");
            let paths = routes.captures_iter(code).map(|found| found[2].to_owned());
            let is_open = paths.into_iter().any(|path| path != "/control");
            let adds = code.contains("router.route(");
            if is_open || adds {
                users.insert(path.file_name().expect("a name").to_owned());
            }
        }
    }
    let users: Vec<String> = users
        .iter()
        .map(|name| name.to_string_lossy().into())
        .collect();
    assert_eq!(users, ["routes.rs"]);
}

/// Values at the bounds of a schema, within and beyond.
fn bounds(schema: &Value) -> (Vec<Value>, Vec<Value>) {
    if let Some(choices) = schema["anyOf"].as_array() {
        let all: Vec<_> = choices.iter().map(bounds).collect();
        let within = all.iter().flat_map(|(within, _)| within.clone()).collect();
        // What is beyond one choice may be within another.
        return (within, vec![json!("zorp"), json!({})]);
    }
    if let Some(words) = schema["enum"].as_array() {
        return (words.clone(), vec![json!("zorp"), json!({})]);
    }
    let (mut within, mut beyond) = (Vec::new(), Vec::new());
    for name in types(&schema["type"]) {
        match name {
            "null" => within.push(Value::Null),
            "integer" | "number" => {
                let bound = |name: &str| schema[name].as_f64().expect("a bound");
                let (least, most) = (bound("minimum"), bound("maximum"));
                within.extend([least, most].map(|number| json!(number as i64)));
                beyond.extend([least - 1.0, most + 1.0].map(|number| json!(number as i64)));
                beyond.push(json!("many"));
            }
            "string" => {
                let most = schema["maxLength"].as_u64().map(|most| most as usize);
                match (schema["format"].as_str(), schema["pattern"].as_str()) {
                    (Some("date"), _) => within.push(json!("2026-11-20")),
                    (Some("date-time"), _) => within.push(json!(rfc3339(now_ms()))),
                    (_, Some(cursor)) if most.is_none() => {
                        assert!(Regex::new(cursor).expect("a pattern").is_match("5_6"));
                        within.push(json!("5_6"));
                    }
                    _ => within.push(json!("x".repeat(most.unwrap_or(5_000)))),
                }
                match most {
                    Some(most) => beyond.push(json!("x".repeat(most + 1))),
                    None if schema["format"].is_string() || schema["pattern"].is_string() => {
                        beyond.push(json!("zorp"));
                    }
                    None => beyond.push(json!(5)),
                }
            }
            "array" => {
                let most = schema["maxItems"].as_u64().expect("a bound") as usize;
                within.push(vec!["x"; most].into());
                beyond.extend([vec!["x"; most + 1].into(), json!("zorp")]);
            }
            "object" => {
                within.push(json!({}));
                beyond.push(json!(5));
                if let Some(most) = schema["maxProperties"].as_u64() {
                    let fields = |count| (0..count).map(|i| (format!("f{i}"), json!(1)));
                    within.push(fields(most).collect::<Map<_, _>>().into());
                    beyond.push(fields(most + 1).collect::<Map<_, _>>().into());
                }
            }
            name => panic!("{name} has no bounds here"),
        }
    }
    (within, beyond)
}

fn as_text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn the_bounds_of_each_parameter_are_those_of_the_document() {
    let daemon = Setup::new().start();
    let key = create(&daemon, "all", "admin");
    let bearer = format!("Bearer {key}");
    let document = daemon.read(DOCUMENT).expect("it is open to all");
    let mut tried = 0;
    for route in routes(&document) {
        for parameter in route.parameters() {
            let name = parameter["name"].as_str().expect("a name");
            assert_ne!(parameter["description"], "", "{name} of {}", route.path);
            let path = |value: &Value| match parameter["in"].as_str() {
                Some("query") => format!("{}?{name}={}", route.real(), as_text(value)),
                Some("path") => route.with(&as_text(value)),
                _ => panic!("{parameter}"),
            };
            if parameter["in"] == "header" {
                continue;
            }
            let (within, beyond) = bounds(&parameter["schema"]);
            let ask = |value: &Value| {
                let headers = [("authorization", bearer.as_str())];
                daemon.request(&route.method, &path(value), &headers, b"{}")
            };
            for value in within {
                let told = ask(&value);
                let is_known = told.status != 404 || parameter["in"] == "path";
                let said = format!("{}: {}", path(&value), told.text());
                let named = told.text().contains(&format!("{name} must be"));
                assert!(is_known && !named && told.status < 500, "{said}");
                tried += 1;
            }
            for value in beyond.iter().filter(|value| !value.is_object()) {
                let told = ask(value);
                let said = format!("{}: {} {}", path(value), told.status, told.text());
                // Of a file that is not there nothing more can be said.
                match name {
                    "path" => assert_eq!(told.status, 404, "{said}"),
                    _ => assert!(told.status == 400 && told.text().contains(name), "{said}"),
                }
                tried += 1;
            }
        }
    }
    eprintln!("{tried} values of parameters");
    assert!(tried > 150, "{tried}");
}

/// The fields that the decoder of an event asks for.
fn decoded(kind: &str) -> BTreeSet<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain/event");
    let code = fs::read_to_string(source.join("mod.rs")).expect("code");
    let body = code
        .split(&format!("\nfn {kind}(mut fields"))
        .nth(1)
        .expect("a decoder");
    let body = body.split("\n}\n").next().expect("its end");
    let field = Regex::new(r#"fields\s*\.(?:\w+)\("(\w+)""#).expect("a pattern");
    let mut names: BTreeSet<String> = field
        .captures_iter(body)
        .map(|found| found[1].to_owned())
        .collect();
    for (asked, more) in [
        (
            "fields.origin()",
            &["session_id", "parent_agent_id", "model", "host", "source"][..],
        ),
        ("fields.status()", &["status"]),
        ("fields.token_usage()", &["token_usage"]),
    ] {
        if body.contains(asked) {
            names.extend(more.iter().map(|&name| name.to_owned()));
        }
    }
    names
}

#[test]
fn the_fields_of_an_event_and_their_bounds_are_those_of_the_document() {
    let daemon = Setup::new().start();
    let document = schemas(&daemon).document;
    let events = "/paths/~1api~1agents~1events/post/requestBody/content/application~1json/schema";
    let kinds = &document.pointer(events).expect("events")["items"]["oneOf"];
    let mut number = 0;
    for schema in kinds.as_array().expect("kinds") {
        let fields = schema["properties"].as_object().expect("fields");
        let kind = fields["event"]["const"].as_str().expect("a kind");
        let mut named: BTreeSet<String> = fields.keys().cloned().collect();
        named.remove("event");
        assert_eq!(named, decoded(kind), "{kind}");
        let mut good = json!({"event": kind, "agent_id": "a", "agent_name": "zorp"});
        if kind == "hook" {
            good = json!({"event": kind, "source": "claude-code", "observed_at": now_ms(),
                "payload": {"hook_event_name": "Stop"}});
        }
        let mut send = |field: &str, value: &Value| {
            number += 1;
            let mut line = good.clone();
            match kind {
                "hook" => line["id"] = json!(format!("{number:032x}")),
                _ => line["agent_id"] = json!(format!("a{number}")),
            }
            line[field] = value.clone();
            let (_, answer) = daemon.send(&[line]);
            (
                answer.totals.rejected == 0,
                format!("{kind}: {field}: {value}: {answer:?}"),
            )
        };
        for (field, schema) in fields.iter().filter(|(field, _)| *field != "event") {
            let (mut within, beyond) = bounds_of(field, schema);
            if schema.to_string().contains("history.keep") {
                within = vec![json!(now_ms()), json!(rfc3339(now_ms()))];
            }
            for value in &within {
                let (taken, said) = send(field, value);
                assert!(taken, "{said}");
            }
            for value in &beyond {
                let (taken, said) = send(field, value);
                assert!(!taken, "{said}");
            }
        }
    }
    eprintln!("{number} events");
    assert!(number > 150, "{number}");
}

fn bounds_of(field: &str, schema: &Value) -> (Vec<Value>, Vec<Value>) {
    let (within, mut beyond) = bounds(schema);
    match field {
        "id" => (vec![json!("0123456789abcdefABCDEF0123456789")], beyond),
        // What is in it is bounded as well.
        "tool_calls" | "token_usage" => {
            let values = match field {
                "tool_calls" => &schema["additionalProperties"],
                _ => &schema["properties"]["input_tokens"],
            };
            let within_it = bounds(values)
                .0
                .into_iter()
                .filter(|value| !value.is_null());
            let within_it = within_it.map(|value| json!({"input_tokens": value}));
            beyond.extend(
                bounds(values)
                    .1
                    .iter()
                    .map(|value| json!({"input_tokens": value})),
            );
            (within_it.collect(), beyond)
        }
        // An array of names is an array of names.
        "tools_granted" | "tools_used" => {
            beyond.push(json!(["x".repeat(257)]));
            (within, beyond)
        }
        _ => (within, beyond),
    }
}

/// Answers, each held against what the document says of its route.
struct Answers<'a> {
    daemon: &'a Daemon,
    schemas: &'a Schemas,
    seen: BTreeSet<(String, u16)>,
    count: usize,
}

impl Answers<'_> {
    #[track_caller]
    fn ask(&mut self, route: &Route, path: &str, headers: &[(&str, &str)], body: &[u8]) -> u16 {
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
        "duration_ms": 2340, "status": "failure", "tools_used": ["Read", "Write", "Bash"],
        "error_details": {"type": "ValidationError", "message": "Failed to process image"},
        "tool_calls": {"Read": 5, "Write": 2, "Bash": 3}, "output_metrics": {"files_created": 2},
        "token_usage": {"input_tokens": 1500, "output_tokens": 2300, "estimated_cost": 0.0076}})
}

/// A daemon that has one of everything to tell.
fn with_everything(roots: &Path) -> Daemon {
    let run = Run::captured("two-parallel-agents-2.1.197", roots);
    let daemon = claude_code::start(roots);
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
    daemon.accept(&lines);
    daemon.send(&[json!({"event": "progress", "agent_id": "runs", "progress": 0.5})]);
    let has = |path: &str, pointer: &str| {
        eventually(path, || match daemon.read(path)?.pointer(pointer) {
            Some(Value::Null) | None => Err(format!("no {pointer} yet")),
            Some(_) => Ok(()),
        });
    };
    has("/api/agents/alerts", "/alerts/0/fired_at");
    has("/api/agents/executions/ag_123", "/execution_end");
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
    let daemon = with_everything(&place.path().join("projects"));
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

fn bodies(answers: &mut Answers, all: &[Route], held: (&str, &str)) {
    let find = |path: &str| {
        all.iter()
            .find(|route| route.path == path)
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
    assert_eq!(post("/api/tickets", b""), 200);
}

#[test]
fn who_asks_too_much_is_told_so_as_the_document_says() {
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
