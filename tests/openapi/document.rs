//! The document of the routes: it names every route there is and no other, and the bounds of its
//! parameters are those of the daemon.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::{Map, Value, json};

use crate::harness::scrape::Scrape;
use crate::harness::{Daemon, Setup, eventually, folder, now_ms};
use crate::model::rfc3339;
use crate::openapi::schema::{Schemas, types};
use crate::registry::home::with_definitions;
use crate::security::keys::create;

const DOCUMENT: &str = "/api/openapi.json";
pub fn schemas(daemon: &Daemon) -> Schemas {
    Schemas::new(daemon.read(DOCUMENT).expect("the document"))
}

/// A task and a message, the first of each.
pub fn with_task(daemon: &Daemon) {
    let task = json!({"task_type": "fix_bug", "assigned_to": "qa", "context": {"a": 1}});
    let message = json!({"from_agent": "qa", "to_agent": "user", "task_id": 1,
        "message_type": "notification", "content": "It waits.", "metadata": [1]});
    for (path, body, status) in [("/api/tasks", task, 201), ("/api/messages", message, 200)] {
        let sent = daemon.request("POST", path, &[], body.to_string().as_bytes());
        assert_eq!(sent.status, status, "{}", sent.text());
    }
}

/// One route of the document.
pub struct Route<'a> {
    pub path: &'a str,
    pub method: String,
    pub told: &'a Value,
}

pub fn routes(document: &Value) -> Vec<Route<'_>> {
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, told) in methods.as_object().expect("methods") {
            let method = method.to_uppercase();
            all.push(Route { path, method, told });
        }
    }
    all
}

impl Route<'_> {
    pub fn parameters(&self) -> &[Value] {
        self.told["parameters"].as_array().expect("parameters")
    }

    /// Its path, with this word in place of its parameter, if it has one.
    pub fn with(&self, word: &str) -> String {
        match self.path.split_once('{') {
            Some((before, after)) => {
                let (_, after) = after.split_once('}').expect("a closing brace");
                format!("{before}{word}{after}")
            }
            None => self.path.to_owned(),
        }
    }

    /// Its path with something that is there.
    pub fn real(&self) -> String {
        let words = [
            ("{agent_name}", "screenshot-analyzer"),
            ("sessions/{id}", "s_123"),
            ("registry/agents/{id}", "writer"),
            ("tasks/{id}", "1"),
            ("messages/{id}", "1"),
            ("{id}", "ag_123"),
            ("{source}", "claude-code"),
            ("{selection_id}", "sel_0"),
            ("{path}", "app.js"),
        ];
        let named = words.iter().find(|(name, _)| self.path.contains(name));
        named.map_or_else(|| self.path.to_owned(), |(_, word)| self.with(word))
    }
}

#[test]
fn every_route_is_in_the_document_and_every_one_of_it_is_there() {
    let daemon = Setup::new().start();
    let bearer = format!("Bearer {}", create(&daemon, "all", "admin"));
    let held = [("authorization", bearer.as_str())];
    let document = schemas(&daemon).document;
    let named = document["components"]["schemas"].as_object();
    let twice = |name: &&String| name.ends_with(|c: char| c.is_ascii_digit());
    assert_eq!(named.expect("schemas").keys().find(twice), None);
    let errors = document["components"]["responses"].as_object();
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/http.md");
    let page = fs::read_to_string(pages).expect("the page about HTTP");
    for code in errors
        .expect("errors")
        .keys()
        .flat_map(|codes| codes.split('.'))
    {
        assert!(page.contains(&format!("`{code}`")), "{code}");
    }
    for (path, methods) in document["paths"].as_object().expect("paths") {
        let route = routes(&document)
            .into_iter()
            .find(|route| route.path == path);
        let real = route.expect("a route").real();
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"] {
            let told = daemon.request(method, &real, &held, b"");
            if methods[method.to_lowercase()].is_object() {
                assert_ne!(told.status, 405, "{method} {path}");
                let none = json!({"error": {"code": "unknown_route",
                    "message": "there is no such route"}});
                assert_ne!(told.text(), none.to_string(), "{method} {path}");
            } else {
                assert_eq!(told.status, 405, "{method} {path}");
                let allowed = told.header("allow").expect("what it takes");
                let mut allowed: Vec<&str> = allowed.split(',').collect();
                allowed.retain(|method| *method != "HEAD" || !methods["get"].is_object());
                let described = methods.as_object().expect("methods").keys();
                let described: BTreeSet<String> = described.map(|key| key.to_uppercase()).collect();
                let allowed: BTreeSet<String> = allowed.into_iter().map(str::to_owned).collect();
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
    let scrape = daemon.request("GET", "/metrics", &held, b"");
    let scrape = Scrape::parse(scrape.text());
    let timed: BTreeSet<String> = scrape
        .samples
        .iter()
        .filter_map(|sample| sample.labels.get("route").cloned())
        // Only over the control socket, which made the key.
        .filter(|route| !route.starts_with("/control/"))
        .collect();
    let unknown: Vec<_> = timed.difference(&known).collect();
    assert_eq!(unknown, [] as [&String; 0]);
    assert!(timed.len() > 20, "{timed:?}");
}

/// A route gets into the router where it is described; the control socket has its own.
#[test]
fn no_route_is_added_past_the_document() {
    let routes = r#"\.(?:route|nest|route_service)\(\s*(?:path|"(/\w+))"#;
    let routes = Regex::new(routes).expect("a pattern");
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/server/src/http")];
    let mut users = BTreeSet::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.ends_with("tests.rs") {
                continue;
            }
            let code = fs::read_to_string(&path).expect("code");
            let code = code.split("#[cfg(test)]").next().unwrap_or_default();
            let added = |found: regex::Captures| found.get(1).map(|path| path.as_str().to_owned());
            let mut added = routes.captures_iter(code).map(added);
            if added.any(|path| path.as_deref() != Some("/control")) {
                users.insert(path.file_name().expect("a name").to_owned());
            }
        }
    }
    let users: Vec<_> = users.iter().map(|name| name.to_string_lossy()).collect();
    assert_eq!(users, ["routes.rs"]);
}

/// Values at the bounds of a schema, within and beyond.
pub fn bounds(schema: &Value) -> (Vec<Value>, Vec<Value>) {
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
                    (_, Some(pattern)) if most.is_none() => {
                        let pattern = Regex::new(pattern).expect("a pattern");
                        let known = ["5_6", "0123456789abcdefABCDEF0123456789"];
                        let known = known.into_iter().find(|text| pattern.is_match(text));
                        within.push(json!(known.expect("a text of this pattern")));
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
                let mut least = json!({});
                for name in schema["required"].as_array().into_iter().flatten() {
                    let name = name.as_str().expect("a name");
                    least[name] = bounds(&schema["properties"][name]).0[0].clone();
                    beyond.push(json!({}));
                }
                within.push(least);
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

pub fn as_text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn the_bounds_of_each_parameter_are_those_of_the_document() {
    let place = folder();
    // Who waits for changes has some at once.
    let setup = Setup::new().set("registry.write", "true");
    let daemon = with_definitions(setup, place.path()).start();
    let stop = json!({"event":"stop","agent_id":"ag_123","agent_name":"screenshot-analyzer",
        "session_id":"s_123"});
    daemon.accept(&[stop]);
    with_task(&daemon);
    eventually("the run is known", || {
        daemon.read("/api/agents/executions/ag_123")?;
        daemon.read("/api/sessions/s_123")?;
        daemon.read("/api/agents/performance/screenshot-analyzer")
    });
    let bearer = format!("Bearer {}", create(&daemon, "all", "admin"));
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
                // Of a version that is not there nothing is written.
                let version = format!("\"{}\"", "0".repeat(32));
                let held = ("authorization", bearer.as_str());
                let headers = [held, ("if-match", version.as_str())];
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
