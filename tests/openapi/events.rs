//! The events of the document: their fields are those that the decoder asks for, within the same
//! bounds.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::{Value, json};

use crate::harness::{Setup, now_ms};
use crate::model::rfc3339;
use crate::openapi::document::{bounds, schemas};

/// The fields that the decoder of an event asks for.
fn decoded(kind: &str) -> BTreeSet<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/sources/src");
    let code = ["plain.rs", "hook.rs"]
        .map(|file| fs::read_to_string(source.join(file)).expect("code"))
        .concat();
    let body = code
        .split(&format!("\npub(crate) fn {kind}(fields"))
        .nth(1)
        .expect("a decoder");
    let body = body.split("\n}\n").next().expect("its end");
    let field = Regex::new(r#"fields\s*\.(?:object\.)?(?:\w+)\("(\w+)""#).expect("a pattern");
    let mut names: BTreeSet<String> = field
        .captures_iter(body)
        .map(|found| found[1].to_owned())
        .collect();
    for (asked, more) in [
        (
            "fields.origin()",
            &[
                "session_id",
                "parent_agent_id",
                "model",
                "project",
                "branch",
                "host",
                "source",
            ][..],
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
