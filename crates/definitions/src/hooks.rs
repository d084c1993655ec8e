//! The shape of hooks. The client skips the whole file if it is wrong anywhere in it.

use crate::client::Field;
use crate::yaml::{Node, Value};

/// The first part that is wrong, and what it should be.
pub fn wrong_part<'n>(field: &Field, events: &'n [(Node, Node)]) -> Option<(&'n Node, String)> {
    let groups = events.iter().map(|(_, groups)| groups);
    groups
        .filter(|groups| groups.value != Value::Null)
        .find_map(|groups| {
            let Value::List(list) = &groups.value else {
                return Some((groups, "a list of {matcher, hooks}".to_owned()));
            };
            list.iter().find_map(|group| wrong_in_group(field, group))
        })
}

fn wrong_in_group<'n>(field: &Field, group: &'n Node) -> Option<(&'n Node, String)> {
    let matcher = get(group, "matcher");
    if let Some(matcher) = matcher.filter(|matcher| !is_text(matcher)) {
        return Some((matcher, "text".to_owned()));
    }
    match get(group, "hooks").map(|hooks| &hooks.value) {
        Some(Value::List(hooks)) => hooks.iter().find_map(|hook| wrong_in_hook(field, hook)),
        _ => Some((group, "a map with a list of hooks".to_owned())),
    }
}

fn wrong_in_hook<'n>(field: &Field, hook: &'n Node) -> Option<(&'n Node, String)> {
    let written = get(hook, "type");
    let kind = written.and_then(|written| {
        let is_it = |(kind, _): &&(String, Vec<String>)| written.value == Value::Text(kind.clone());
        field.keys.iter().find(is_it)
    });
    let Some((kind, needed)) = kind else {
        let kinds: Vec<&str> = field.keys.iter().map(|(kind, _)| kind.as_str()).collect();
        let expected = format!("a hook with a type, one of {}", kinds.join(", "));
        return Some((written.unwrap_or(hook), expected));
    };
    let timeout = get(hook, "timeout");
    let is_number = |node: &&Node| matches!(node.value, Value::Integer(1..) | Value::Float(_));
    if let Some(timeout) = timeout.filter(|node| !is_number(node)) {
        return Some((timeout, "a positive number of seconds".to_owned()));
    }
    let is_missing = |key: &&String| !get(hook, key).is_some_and(is_text);
    let missing = needed.iter().find(is_missing)?;
    Some((
        hook,
        format!("a hook of the type {kind} with the text {missing}"),
    ))
}

fn is_text(node: &Node) -> bool {
    matches!(node.value, Value::Text(_))
}

fn get<'n>(map: &'n Node, key: &str) -> Option<&'n Node> {
    let Value::Map(entries) = &map.value else {
        return None;
    };
    let named = |(name, _): &&(Node, Node)| matches!(&name.value, Value::Text(name) if name == key);
    entries.iter().rfind(named).map(|(_, value)| value)
}
