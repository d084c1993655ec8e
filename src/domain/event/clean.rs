//! Free text on its way in: redacted first, then cut, so that no cut leaves half a secret unseen.

use std::borrow::Cow;

use serde_json::{Map, Value};
use xxhash_rust::xxh3::xxh3_64;

use super::{MAX_NAME_BYTES, MAX_TEXT_BYTES};
use crate::domain::redact::{
    Telling, is_stack, redact, telling, top_frames, top_of_stacks, without_homes,
};

/// The marks of a text that was cut.
const CUT_MARK: &str = "…[cut]";

/// A name, redacted. Names tell one thing from another, so that two that differ only in what was
/// taken out still differ: by 32 bits of a hash, from which no secret comes back.
fn redacted(name: String) -> String {
    let secrets = redact(&name);
    let clean = without_homes(&secrets);
    if *clean == *name {
        return name;
    }
    format!("{clean}~{:08x}", xxh3_64(name.as_bytes()) as u32)
}

/// Redacts an id or a name; none where it is a text, which no cut makes a name.
pub fn clean_name(name: String) -> Option<String> {
    let is_name = (1..=MAX_NAME_BYTES).contains(&name.len()) && !name.chars().any(char::is_control);
    is_name.then(|| redacted(name))
}

/// Redacts a text, and cuts it to [`MAX_TEXT_BYTES`].
pub fn clean_text(text: String) -> String {
    cut(cleaned(text))
}

pub fn clean_object(object: Map<String, Value>) -> Map<String, Value> {
    clean_fields(object, None)
}

/// What stands in `under` a telling name is secret all the way down.
fn clean_fields(object: Map<String, Value>, under: Option<Telling>) -> Map<String, Value> {
    object
        .into_iter()
        .map(|(key, value)| {
            let value = match is_stack(&key) {
                true => top_frames(value),
                false => value,
            };
            let value = clean_value(value, under.or_else(|| telling(&key)));
            (clean_text(key), value)
        })
        .collect()
}

fn clean_value(value: Value, under: Option<Telling>) -> Value {
    match value {
        Value::String(text) => Value::String(match under {
            None => clean_text(text),
            Some(telling) => cut(cleaned(telling.redact(&text).into_owned())),
        }),
        Value::Number(number) => match under.and_then(Telling::redact_number) {
            None => Value::Number(number),
            Some(mark) => Value::String(mark),
        },
        Value::Array(items) => {
            let items = items.into_iter().map(|item| clean_value(item, under));
            Value::Array(items.collect())
        }
        Value::Object(object) => Value::Object(clean_fields(object, under)),
        plain => plain,
    }
}

fn cleaned(text: String) -> String {
    let secrets = owned(text, redact);
    let homes = owned(secrets, without_homes);
    owned(homes, top_of_stacks)
}

fn owned(text: String, clean: fn(&str) -> Cow<str>) -> String {
    match clean(&text) {
        Cow::Borrowed(_) => text,
        Cow::Owned(clean) => clean,
    }
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_TEXT_BYTES {
        let mut end = MAX_TEXT_BYTES - CUT_MARK.len();
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(CUT_MARK);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn clean(value: Value) -> Value {
        clean_value(value, None)
    }

    #[test]
    fn what_stands_under_a_telling_name_is_secret_all_the_way_down() {
        let given = json!({"cookies": [{"name": "sid", "value": "abc"}], "password": 123456,
            "auth": {"token": "opensesame", "kind": "x"}, "input_tokens": 7, "token": 7});
        let wanted = json!({
            "cookies": [{"name": "[redacted:cookie]", "value": "[redacted:cookie]"}],
            "password": "[redacted:password]",
            "auth": {"token": "[redacted:token]", "kind": "x"},
            "input_tokens": 7, "token": 7});
        assert_eq!(clean(given), wanted);
        assert_eq!(clean(wanted.clone()), wanted);
    }

    #[test]
    fn names_that_differ_in_a_secret_still_differ() {
        let [a, b] = ["alice@corp.example", "bobby@corp.example"].map(|name| redacted(name.into()));
        assert!(a.starts_with("[redacted:email]~") && b.starts_with("[redacted:email]~"));
        assert_ne!(a, b);
        assert_eq!(redacted(a.clone()), a);
    }

    #[test]
    fn homes_and_the_depth_of_stacks_are_taken_out() {
        let frames: Vec<String> = (0..30)
            .map(|n| format!("    at f{n} (/home/al/x.js:{n})"))
            .collect();
        let given = json!({"message": format!("no\n{}", frames.join("\n")), "stack": frames});
        let told = clean(given).to_string();
        assert!(told.contains("at f9 (~/x.js:9)"), "{told}");
        assert!(!told.contains("f10") && !told.contains("al/"), "{told}");
    }
}
