//! JSON Schemas of arguments: short, as a model reads them at every start, and checked, so that an
//! error names the field.

use serde_json::{Map, Value, json};

/// Keys that say nothing to a model: names of types, and bounds that it hardly meets, which the
/// daemon names. Unknown fields are refused here.
const UNREAD: [&str; 6] = [
    "title",
    "format",
    "minLength",
    "maxLength",
    "maxItems",
    "additionalProperties",
];
/// Above it a whole number has no bound worth a word.
const MAX_SHOWN: f64 = 1e9;

/// The same without what a model does not need: null where a field may be left out, and forms that
/// are longer than they have to be.
pub fn short(schema: Value) -> Value {
    let Value::Object(mut schema) = schema else {
        return schema;
    };
    schema.retain(|key, value| !says_nothing(key, value));
    if let Some(Value::Array(types)) = schema.get_mut("type") {
        types.retain(|one| one != "null");
        if let [one] = types.as_slice() {
            schema["type"] = one.clone();
        }
    }
    for choice in ["anyOf", "oneOf"] {
        if let Some(Value::Array(choices)) = schema.remove(choice) {
            merge(&mut schema, choice, choices);
        }
    }
    // A switch of a URL.
    if let Some(Value::Array(words)) = schema.get("enum")
        && words
            .iter()
            .all(|word| [json!(""), json!("true"), json!("false")].contains(word))
    {
        schema.remove("enum");
        schema.insert("type".to_owned(), json!("boolean"));
    }
    if schema.contains_key("enum") {
        schema.remove("type");
    }
    if let Some(items) = schema.get_mut("items") {
        *items = short(items.take());
    }
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for property in properties.values_mut() {
            *property = short(property.take());
        }
    }
    Value::Object(schema)
}

fn says_nothing(key: &str, value: &Value) -> bool {
    match key {
        "default" => [json!(null), json!([]), json!({}), json!(false), json!(0)].contains(value),
        "minimum" => value.as_f64() == Some(0.0),
        "maximum" => value.as_f64() > Some(MAX_SHOWN),
        key => UNREAD.contains(&key),
    }
}

/// A choice of words is an enum, and a choice of one thing or null is that thing.
fn merge(schema: &mut Map<String, Value>, choice: &str, mut choices: Vec<Value>) {
    choices.retain(|one| one["type"] != "null");
    let words: Option<Vec<Value>> = choices
        .iter()
        .map(|one| one.get("const").cloned())
        .collect();
    if let Some(words) = words {
        schema.insert("enum".to_owned(), words.into());
        return;
    }
    if choices.len() > 1 {
        schema.insert(choice.to_owned(), choices.into());
        return;
    }
    if let Some(Value::Object(only)) = choices.pop().map(short) {
        for (key, value) in only {
            schema.entry(key).or_insert(value);
        }
    }
}

/// # Errors
/// The name of a field, and what is wrong with it.
pub fn check(schema: &Value, value: &Value) -> Result<(), String> {
    check_at("", schema, value)
}

fn check_at(place: &str, schema: &Value, value: &Value) -> Result<(), String> {
    let (is_it, needed): (bool, &str) = match schema["type"].as_str() {
        Some("object") => (value.is_object(), "an object"),
        Some("array") => (value.is_array(), "a list"),
        Some("string") => (value.is_string(), "a text"),
        Some("integer") => (value.is_i64() || value.is_u64(), "a whole number"),
        Some("number") => (value.is_number(), "a number"),
        Some("boolean") => (value.is_boolean(), "true or false"),
        _ => (true, ""),
    };
    if !is_it {
        return Err(format!("{place}: {needed} is needed"));
    }
    if let Some(words) = schema["enum"].as_array()
        && !words.contains(value)
    {
        return Err(format!("{place}: it is one of {}", listed(words)));
    }
    if let Some(items) = value.as_array() {
        for (index, item) in items.iter().enumerate() {
            check_at(&format!("{place}[{index}]"), &schema["items"], item)?;
        }
    }
    match (value.as_object(), schema["properties"].as_object()) {
        (Some(fields), Some(properties)) => check_fields(place, schema, properties, fields),
        _ => Ok(()),
    }
}

fn check_fields(
    place: &str,
    schema: &Value,
    properties: &Map<String, Value>,
    fields: &Map<String, Value>,
) -> Result<(), String> {
    let inside = |name: &str| match place {
        "" => name.to_owned(),
        place => format!("{place}.{name}"),
    };
    for name in schema["required"].as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or_default();
        if !fields.contains_key(name) {
            return Err(format!("{}: it is missing", inside(name)));
        }
    }
    for (name, value) in fields {
        match properties.get(name) {
            Some(property) => check_at(&inside(name), property, value)?,
            None => {
                let known: Vec<Value> = properties.keys().map(|name| json!(name)).collect();
                let known = listed(&known);
                return Err(format!(
                    "{}: it is unknown; taken are {known}",
                    inside(name)
                ));
            }
        }
    }
    Ok(())
}

fn listed(words: &[Value]) -> String {
    let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_is_made_short() {
        let schema = json!({
            "title": "T", "type": "object", "required": ["a"],
            "properties": {
                "a": {"type": ["integer", "null"], "format": "uint8", "minimum": 1},
                "b": {"oneOf": [{"const": "x", "type": "string"}, {"const": "y"}]},
                "c": {"description": "D", "anyOf": [
                    {"type": "object", "title": "C", "properties": {}}, {"type": "null"}]},
                "d": {"type": "array", "default": [], "items": {"type": "string", "minLength": 1}},
                "e": {"type": "string", "enum": ["", "true", "false"]},
            },
        });
        let expected = json!({
            "type": "object", "required": ["a"],
            "properties": {
                "a": {"type": "integer", "minimum": 1},
                "b": {"enum": ["x", "y"]},
                "c": {"description": "D", "type": "object", "properties": {}},
                "d": {"type": "array", "items": {"type": "string"}},
                "e": {"type": "boolean"},
            },
        });
        assert_eq!(short(schema), expected);
    }

    #[test]
    fn an_error_names_the_field() {
        let schema = json!({
            "type": "object", "required": ["id"],
            "properties": {
                "id": {"type": "integer"}, "kind": {"type": "string", "enum": ["a", "b"]},
                "inner": {"type": "object", "required": ["to"],
                          "properties": {"to": {"type": "string"}}},
                "list": {"type": "array", "items": {"type": "integer"}},
                "any": {},
            },
        });
        let wrong = |value| check(&schema, &value).expect_err("it is wrong");
        assert_eq!(wrong(json!({})), "id: it is missing");
        assert_eq!(wrong(json!({"id": "1"})), "id: a whole number is needed");
        assert_eq!(wrong(json!({"id": 1.5})), "id: a whole number is needed");
        assert_eq!(
            wrong(json!({"id": 1, "kind": "c"})),
            "kind: it is one of a, b"
        );
        assert_eq!(
            wrong(json!({"id": 1, "inner": {}})),
            "inner.to: it is missing"
        );
        assert_eq!(
            wrong(json!({"id": 1, "list": [1, "2"]})),
            "list[1]: a whole number is needed"
        );
        let unknown = "inner.x: it is unknown; taken are to";
        assert_eq!(
            wrong(json!({"id": 1, "inner": {"to": "a", "x": 1}})),
            unknown
        );
        let right = json!({"id": 1, "kind": "a", "inner": {"to": "x"}, "any": [{"x": null}]});
        assert_eq!(check(&schema, &right), Ok(()));
    }
}
