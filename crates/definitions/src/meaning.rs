//! What the value of a field means to the client, or what is wrong with it.

use std::collections::BTreeMap;

use crate::client::{Field, Kind};
use crate::finding::{Code, quoted};
use crate::hooks;
use crate::nearest::nearest;
use crate::tools::{self, Entry};
use crate::yaml::{Node, Value};

const IGNORES: &str = "ignores it";
const DROPS_ITEM: &str = "drops the item";
const SKIPS: &str = "does not load the file";

#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    Text(String),
    List(Vec<Entry>),
    Count(u32),
    Flag(bool),
    /// Something is there that is not kept.
    Present,
}

/// By the name of the field.
pub type Meanings = BTreeMap<String, Meaning>;

/// Something wrong in a value, at a byte of the file.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    pub code: Code,
    pub at: usize,
    pub message: String,
    pub client: &'static str,
}

/// The meaning, if it has one, and what is wrong. A null is as good as no field.
pub fn meaning(field: &Field, node: &Node, file: &str) -> (Option<Meaning>, Vec<Wrong>) {
    let mut wrong = Wrongs {
        field: &field.name,
        found: Vec::new(),
    };
    let meaning = match (&node.value, field.kind) {
        (Value::Null, _) => None,
        (_, Kind::Any) => Some(Meaning::Present),
        // Checked with the description and the name, without which there is no agent.
        (Value::Text(text), Kind::Name | Kind::Text) => Some(Meaning::Text(text.clone())),
        (Value::Text(text), Kind::Model) => model(field, text, node, &mut wrong),
        (Value::Text(text), Kind::Word | Kind::Effort) if field.words.contains(text) => {
            Some(Meaning::Text(text.clone()))
        }
        (Value::Integer(number), Kind::Effort) => Some(Meaning::Text(number.to_string())),
        (Value::Text(text), Kind::Tools | Kind::List) => {
            Some(Meaning::List(placed(text, node, file)))
        }
        (Value::List(items), Kind::Tools | Kind::List) => Some(texts(items, &mut wrong)),
        (_, Kind::Count) => count(node, &mut wrong),
        (_, Kind::Flag) => flag(node, &mut wrong),
        (Value::List(items), Kind::Servers) => Some(servers(items, &mut wrong)),
        (Value::Map(events), Kind::Hooks) => hooks(field, events, &mut wrong),
        (Value::Map(entries), Kind::Table) => table(field, entries, &mut wrong),
        (_, kind) => {
            wrong.add(kind, node, expected(field));
            None
        }
    };
    (meaning, wrong.found)
}

struct Wrongs<'f> {
    field: &'f str,
    found: Vec<Wrong>,
}

impl Wrongs<'_> {
    fn add(&mut self, kind: Kind, node: &Node, expected: String) {
        let (code, client) = match kind {
            Kind::Hooks => (Code::BadHooks, SKIPS),
            Kind::Name => (Code::BadName, SKIPS),
            _ => (Code::BadValue, IGNORES),
        };
        self.push(code, node, client, &expected);
    }

    fn push(&mut self, code: Code, node: &Node, client: &'static str, expected: &str) {
        self.found.push(Wrong {
            code,
            at: node.at,
            message: format!("{} is {}, not {expected}", self.field, shown(&node.value)),
            client,
        });
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Text(text) => quoted(text),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a map".to_owned(),
    }
}

fn expected(field: &Field) -> String {
    match field.kind {
        Kind::Name | Kind::Text => "text".to_owned(),
        Kind::Model => format!("{} or the id of a model", field.words.join(", ")),
        Kind::Tools | Kind::List => "a list of texts, or a text with commas".to_owned(),
        Kind::Word => format!("one of {}", field.words.join(", ")),
        Kind::Effort => format!("one of {} or an integer", field.words.join(", ")),
        Kind::Count => "a positive integer".to_owned(),
        Kind::Flag => "true or false".to_owned(),
        Kind::Servers => "a list of names or of {name: settings}".to_owned(),
        Kind::Hooks => "a map of events, each with a list of {matcher, hooks}".to_owned(),
        Kind::Table => {
            let keys: Vec<&str> = field.keys.iter().map(|(key, _)| key.as_str()).collect();
            format!("a map with {}", keys.join(", "))
        }
        Kind::Any => String::new(),
    }
}

/// An id is not checked, but a slip of the pen in a short name is seen.
fn model(field: &Field, text: &str, node: &Node, wrong: &mut Wrongs<'_>) -> Option<Meaning> {
    let words = || field.words.iter().map(String::as_str);
    let text = text.trim();
    let is_word = words().any(|word| word.eq_ignore_ascii_case(text));
    let meant = nearest(text, words()).filter(|_| !is_word);
    if text.is_empty() || meant.is_some() {
        wrong.add(field.kind, node, expected(field));
        return None;
    }
    Some(Meaning::Text(text.to_owned()))
}

/// Entries with their places in the file, where the text stands in it as it is.
fn placed(text: &str, node: &Node, file: &str) -> Vec<Entry> {
    let rest = &file[node.at..];
    let quote = usize::from(rest.starts_with(['"', '\'']));
    let is_verbatim = rest[quote..].starts_with(text);
    let mut entries = tools::entries(text);
    for entry in &mut entries {
        entry.at = if is_verbatim {
            node.at + quote + entry.at
        } else {
            node.at
        };
    }
    entries
}

fn texts(items: &[Node], wrong: &mut Wrongs<'_>) -> Meaning {
    let entry = |item: &Node| match &item.value {
        Value::Text(text) if !text.trim().is_empty() => Some(Entry {
            at: item.at,
            text: text.trim().to_owned(),
        }),
        _ => {
            wrong.push(Code::BadValue, item, DROPS_ITEM, "text");
            None
        }
    };
    Meaning::List(items.iter().filter_map(entry).collect())
}

fn count(node: &Node, wrong: &mut Wrongs<'_>) -> Option<Meaning> {
    let number = match &node.value {
        Value::Integer(number) => u32::try_from(*number).ok(),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    };
    let number = number.filter(|number| *number > 0);
    if number.is_none() {
        wrong.add(Kind::Count, node, "a positive integer".to_owned());
    }
    number.map(Meaning::Count)
}

fn flag(node: &Node, wrong: &mut Wrongs<'_>) -> Option<Meaning> {
    match &node.value {
        Value::Bool(flag) => Some(Meaning::Flag(*flag)),
        Value::Text(text) if text == "true" => Some(Meaning::Flag(true)),
        Value::Text(text) if text == "false" => Some(Meaning::Flag(false)),
        _ => {
            wrong.add(Kind::Flag, node, "true or false".to_owned());
            None
        }
    }
}

fn servers(items: &[Node], wrong: &mut Wrongs<'_>) -> Meaning {
    let mut names = Vec::new();
    for item in items {
        match &item.value {
            Value::Text(name) => names.push(Entry {
                at: item.at,
                text: name.clone(),
            }),
            Value::Map(servers) if !servers.is_empty() => {
                for (key, _) in servers {
                    if let Value::Text(name) = &key.value {
                        let text = name.clone();
                        names.push(Entry { at: key.at, text });
                    }
                }
            }
            _ => wrong.push(
                Code::BadValue,
                item,
                DROPS_ITEM,
                "a name or {name: settings}",
            ),
        }
    }
    Meaning::List(names)
}

fn hooks(field: &Field, events: &[(Node, Node)], wrong: &mut Wrongs<'_>) -> Option<Meaning> {
    let Some((part, expected)) = hooks::wrong_part(field, events) else {
        return Some(Meaning::Present);
    };
    wrong.push(Code::BadHooks, part, SKIPS, &expected);
    None
}

fn table(field: &Field, entries: &[(Node, Node)], wrong: &mut Wrongs<'_>) -> Option<Meaning> {
    for (key, value) in entries {
        let name = match &key.value {
            Value::Text(name) => name.as_str(),
            _ => "",
        };
        match field.keys.iter().find(|(known, _)| known == name) {
            None => wrong.push(Code::UnknownField, key, IGNORES, &expected(field)),
            Some((_, words)) => {
                let is_word = matches!(&value.value, Value::Text(text) if words.contains(text));
                if !is_word {
                    let expected = format!("{name}: one of {}", words.join(", "));
                    wrong.push(Code::BadValue, value, IGNORES, &expected);
                }
            }
        }
    }
    Some(Meaning::Present)
}
