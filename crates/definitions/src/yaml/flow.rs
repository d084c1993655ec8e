//! Values of JSON as YAML on one line, and as this tree has them.

use std::fmt::Write;

use serde_json::Value as Json;

use super::tree::{Node, Value};

/// Words that some readers of YAML take for something else than text.
const RESERVED: [&str; 9] = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];

/// It has no `---`, which would end a frontmatter.
pub fn flow(value: &Json) -> String {
    match value {
        Json::String(text) => scalar(text, true),
        other => inner(other),
    }
}

fn inner(value: &Json) -> String {
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => value.to_string(),
        Json::String(text) => scalar(text, false),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(inner).collect();
            format!("[{}]", items.join(", "))
        }
        Json::Object(entries) => {
            let entry =
                |(key, value): (&String, &Json)| format!("{}: {}", quoted(key), inner(value));
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// Without quotes where every reader takes it for the same text. Between brackets a comma has a
/// meaning.
fn scalar(text: &str, with_commas: bool) -> String {
    let is_plain =
        |c: char| c.is_alphanumeric() || " _-./()'".contains(c) || c == ',' && with_commas;
    let is_text = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(is_plain)
        && !text.ends_with(' ')
        && !text.contains("---")
        && !RESERVED.iter().any(|word| text.eq_ignore_ascii_case(word));
    match is_text {
        true => text.to_owned(),
        false => quoted(text),
    }
}

fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            c if !is_printable(c) => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted.replace("---", "--\\x2d")
}

/// All others are of four hexadecimal digits.
fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

impl From<&Json> for Value {
    fn from(value: &Json) -> Value {
        let node = |value: &Json| Node {
            at: 0,
            end: 0,
            value: value.into(),
        };
        match value {
            Json::Null => Value::Null,
            Json::Bool(flag) => Value::Bool(*flag),
            Json::Number(number) => match number.as_i64() {
                Some(integer) => Value::Integer(integer),
                None => Value::Float(number.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(items) => Value::List(items.iter().map(node).collect()),
            Json::Object(entries) => {
                let key = |key: &String| node(&Json::String(key.clone()));
                let entries = entries.iter();
                Value::Map(
                    entries
                        .map(|(name, value)| (key(name), node(value)))
                        .collect(),
                )
            }
        }
    }
}
