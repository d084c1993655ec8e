//! JSON Schema, as much of it as the document of the routes uses, and read strictly: what a schema
//! does not name may not be there, and a word that is not known here fails the test.

use std::cell::RefCell;
use std::collections::BTreeSet;

use regex::Regex;
use serde_json::{Value, json};

const COMPONENT: &str = "#/components/schemas/";

/// The document, and which of its schemas a value was held against.
pub struct Schemas {
    pub document: Value,
    pub met: RefCell<BTreeSet<String>>,
}

impl Schemas {
    pub fn new(document: Value) -> Schemas {
        Schemas {
            document,
            met: RefCell::default(),
        }
    }

    /// What a reference leads to; anything else is itself.
    pub fn follow<'a>(&'a self, value: &'a Value) -> &'a Value {
        let Some(reference) = value["$ref"].as_str() else {
            return value;
        };
        if let Some(name) = reference.strip_prefix(COMPONENT) {
            self.met.borrow_mut().insert(name.to_owned());
        }
        let pointer = reference.strip_prefix('#').expect("of this document");
        let found = self.document.pointer(pointer);
        found.unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }

    /// Why the value does not fit the schema; empty if it does.
    pub fn faults(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut faults = Vec::new();
        self.check(schema, value, "", &mut faults);
        faults
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
        let schema = self.follow(schema);
        let words = schema.as_object().expect("a schema is an object");
        for (word, bound) in words {
            if !self.holds(schema, word, bound, value, at, faults) {
                faults.push(format!("{at}: {value} breaks {word}: {bound}"));
            }
        }
    }

    /// Whether a value obeys one word of a schema; what is below it adds its own faults.
    fn holds(
        &self,
        schema: &Value,
        word: &str,
        bound: &Value,
        value: &Value,
        at: &str,
        faults: &mut Vec<String>,
    ) -> bool {
        let count = bound.as_u64().unwrap_or(u64::MAX) as usize;
        let fits = |schema: &&Value| self.faults(schema, value).is_empty();
        match word {
            "description" | "title" | "default" => true,
            "type" => types(bound).any(|name| is_of(value, name)),
            "const" => value == bound,
            "enum" => bound.as_array().expect("a list").contains(value),
            "anyOf" => bound
                .as_array()
                .expect("a list")
                .iter()
                .any(|one| fits(&one)),
            "oneOf" => {
                bound
                    .as_array()
                    .expect("a list")
                    .iter()
                    .filter(fits)
                    .count()
                    == 1
            }
            "minimum" => value
                .as_f64()
                .is_none_or(|number| number >= bound.as_f64().unwrap()),
            "maximum" => value
                .as_f64()
                .is_none_or(|number| number <= bound.as_f64().unwrap()),
            "minLength" => value
                .as_str()
                .is_none_or(|text| text.chars().count() >= count),
            "maxLength" => value
                .as_str()
                .is_none_or(|text| text.chars().count() <= count),
            "pattern" => value.as_str().is_none_or(|text| {
                let pattern = Regex::new(bound.as_str().expect("a text"));
                pattern.expect("a pattern").is_match(text)
            }),
            "format" => value.as_str().is_none_or(|text| is_in_format(text, bound)),
            "minItems" => value.as_array().is_none_or(|items| items.len() >= count),
            "maxItems" => value.as_array().is_none_or(|items| items.len() <= count),
            "maxProperties" => value.as_object().is_none_or(|fields| fields.len() <= count),
            "required" => value.as_object().is_none_or(|fields| {
                let mut names = bound.as_array().expect("a list").iter();
                names.all(|name| fields.contains_key(name.as_str().expect("a name")))
            }),
            "properties" => {
                self.check_fields(schema, bound, value, at, faults);
                true
            }
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                items.for_each(|(i, item)| self.check(bound, item, &format!("{at}/{i}"), faults));
                true
            }
            "propertyNames" => {
                let names = value.as_object().into_iter().flatten();
                names.for_each(|(name, _)| self.check(bound, &json!(name), at, faults));
                true
            }
            // Of objects with named fields it is seen to where those are.
            "additionalProperties" if schema["properties"].is_object() => true,
            "additionalProperties" => {
                let fields = value.as_object().into_iter().flatten();
                for (name, value) in fields.filter(|_| !bound.is_boolean()) {
                    self.check(bound, value, &format!("{at}/{name}"), faults);
                }
                bound != &json!(false)
            }
            _ => panic!("{at}: the word {word} is not known"),
        }
    }

    fn check_fields(
        &self,
        schema: &Value,
        named: &Value,
        value: &Value,
        at: &str,
        faults: &mut Vec<String>,
    ) {
        let more = &schema["additionalProperties"];
        for (name, value) in value.as_object().into_iter().flatten() {
            match named.get(name) {
                Some(schema) => self.check(schema, value, &format!("{at}/{name}"), faults),
                None if *more == json!(true) => {}
                None => faults.push(format!("{at}/{name} is in no schema")),
            }
        }
    }
}

/// The words of `type`, which is one or a list.
pub fn types(bound: &Value) -> impl Iterator<Item = &str> {
    let one = bound.as_str().into_iter();
    let many = bound.as_array().into_iter().flatten();
    one.chain(many.filter_map(Value::as_str))
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => panic!("the type {name} is not known"),
    }
}

fn is_in_format(text: &str, format: &Value) -> bool {
    match format.as_str().expect("a name") {
        "date" => text.parse::<jiff::civil::Date>().is_ok(),
        "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
        // Those of numbers, which are no texts.
        format => panic!("the format {format} is not known"),
    }
}

#[test]
fn a_value_that_does_not_fit_its_schema_is_found() {
    let schema = json!({
        "type": "object", "required": ["a"],
        "properties": {
            "a": {"$ref": "#/components/schemas/A"},
            "b": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
            "c": {"type": "object", "additionalProperties": {"enum": [1, 2]}},
        },
    });
    let a = json!({"type": ["integer", "null"], "minimum": 1, "maximum": 3});
    let schemas = Schemas::new(json!({"components": {"schemas": {"A": a}}}));
    let faults = |value: Value| schemas.faults(&schema, &value).len();
    assert_eq!(faults(json!({"a": 3, "b": "2026-11-20", "c": {"x": 2}})), 0);
    assert_eq!(faults(json!({"a": null, "b": null})), 0);
    assert!(schemas.met.borrow().contains("A"));
    for wrong in [
        json!([]),
        json!({}),
        json!({"a": 0}),
        json!({"a": 4}),
        json!({"a": 1.5}),
        json!({"a": 1, "b": "today"}),
        json!({"a": 1, "c": {"x": 3}}),
        json!({"a": 1, "d": 1}),
    ] {
        assert_eq!(faults(wrong.clone()), 1, "{wrong}");
    }
}
