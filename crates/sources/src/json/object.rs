//! An object whose values stay the text that they came as until somebody asks for one.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use super::tree::{MAX_PARTS, tree};

/// At most [`MAX_PARTS`] fields by their names; of two with one name the last counts. What nobody
/// asks for is checked and never built.
#[derive(Debug, Default)]
pub struct Object<'a>(BTreeMap<Cow<'a, str>, Cow<'a, RawValue>>);

/// A string, borrowed unless it is escaped.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

impl<'a> Object<'a> {
    /// None for JSON that is no object.
    pub fn parse(text: &'a str) -> serde_json::Result<Option<Object<'a>>> {
        if !text.trim_ascii_start().starts_with('{') {
            return tree(text).map(|_| None);
        }
        serde_json::from_str(text).map(Some)
    }

    /// The same of a value, which is known to be JSON.
    pub fn of(value: &'a RawValue) -> serde_json::Result<Option<Object<'a>>> {
        let is_object = value.get().starts_with('{');
        is_object
            .then(|| serde_json::from_str(value.get()))
            .transpose()
    }

    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Null is as good as absent.
    pub fn get(&self, name: &str) -> Option<&RawValue> {
        let value = self.0.get(name)?;
        (value.get() != "null").then_some(value)
    }

    /// Whether it has a field, also one that is null.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A string, and none where there is another value.
    pub fn string(&self, name: &str) -> Option<String> {
        match scalar(self.get(name)?)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    pub fn set(&mut self, name: &'a str, value: impl Serialize) {
        let value = to_raw_value(&value).expect("a scalar writes to memory");
        self.0.insert(name.into(), Cow::Owned(value));
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &RawValue)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// A value that is neither an object nor a list, nor a string or a number that nothing can hold.
pub fn scalar(value: &RawValue) -> Option<Value> {
    let text = value.get();
    let string = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    // It is known to be JSON: without an escape it is what it says, and need not be read again.
    if let Some(string) = string.filter(|string| !string.contains('\\')) {
        return Some(string.into());
    }
    let is_scalar = !text.starts_with(['{', '[']);
    is_scalar.then(|| serde_json::from_str(text).ok())?
}

/// The first `max` items of a list; none where it is no list.
pub fn items(value: &RawValue, max: usize) -> Option<Vec<&RawValue>> {
    let mut list = serde_json::Deserializer::from_str(value.get());
    list.deserialize_seq(Items(max)).ok()
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Object<'de>;

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Object<'de>, A::Error> {
        let mut object = BTreeMap::new();
        while let Some(Text(name)) = fields.next_key()? {
            let value = fields.next_value::<&RawValue>()?;
            object.insert(name, Cow::Borrowed(value));
            if object.len() > MAX_PARTS {
                let reason = format!("fields must be 0..={MAX_PARTS}");
                return Err(A::Error::custom(reason));
            }
        }
        Ok(Object(object))
    }
}

struct Items(usize);

impl<'de> Visitor<'de> for Items {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, out: &mut fmt::Formatter) -> fmt::Result {
        out.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while items.len() < self.0 {
            match list.next_element()? {
                Some(item) => items.push(item),
                None => return Ok(items),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> &RawValue {
        serde_json::from_str(text).unwrap()
    }

    fn fields(count: usize) -> String {
        let fields = (0..count).map(|n| format!(r#""f{n}":[{{"":0}}]"#));
        format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
    }

    #[test]
    fn fields_are_counted_up_to_the_bound_and_by_their_names() {
        let at_bound = fields(MAX_PARTS);
        assert_eq!(
            Object::parse(&at_bound).unwrap().unwrap().count(),
            MAX_PARTS
        );
        let beyond = fields(MAX_PARTS + 1);
        let error = Object::parse(&beyond).unwrap_err();
        assert!(error.is_data());
        assert_eq!(super::super::reason(&error), "fields must be 0..=8192");
        let same = format!("{{{}}}", vec![r#""x":1"#; MAX_PARTS + 1].join(","));
        assert_eq!(Object::parse(&same).unwrap().unwrap().count(), 1);
    }

    #[test]
    fn the_last_of_a_name_counts_and_escapes_are_letters() {
        let object = r#" {"\u0061":1,"a":"\n","n":2,"n":null,"a\"":true} "#;
        let object = Object::parse(object).unwrap().unwrap();
        assert_eq!(object.string("a").as_deref(), Some("\n"));
        assert_eq!((object.count(), object.get("n").is_none()), (3, true));
        assert_eq!(object.get("a\"").and_then(scalar), Some(Value::Bool(true)));
    }

    #[test]
    fn unread_fields_may_have_any_width_and_depth() {
        let wide = vec![r#"{"":0}"#; 10 * MAX_PARTS].join(",");
        let deep = "[".repeat(10_000) + &"]".repeat(10_000);
        let object = format!(r#"{{"wide":[{wide}],"a":"x","deep":{deep}}}"#);
        let object = Object::parse(&object).unwrap().unwrap();
        assert_eq!(object.string("a").as_deref(), Some("x"));
        for field in ["wide", "deep"] {
            let value = object.get(field).unwrap();
            assert!(scalar(value).is_none() && object.string(field).is_none());
            assert!(tree(value.get()).is_err());
        }
    }

    #[test]
    fn a_non_object_is_none_and_invalid_json_an_error() {
        for none in ["7", " \"x\" ", "[1,[{}]]", "null"] {
            assert!(Object::parse(none).unwrap().is_none(), "{none}");
        }
        for broken in [
            "",
            "{",
            "{}x",
            "{\"a\":}",
            "[1,",
            "{1:2}",
            "1e999",
            "{\"a\":\"\u{1}\"}",
            "\u{a0}{}",
        ] {
            assert!(Object::parse(broken).is_err(), "{broken}");
        }
        assert!(Object::of(raw("[]")).unwrap().is_none());
        assert!(Object::of(raw(r#"{"a":0}"#)).unwrap().is_some());
    }

    #[test]
    fn items_are_the_first_of_a_list() {
        let texts = |list: &str, max| -> Option<Vec<String>> {
            let items = items(raw(list), max)?.into_iter();
            Some(items.map(|item| item.get().to_owned()).collect())
        };
        let all = ["1", "[2]", "{\"a\":3}"];
        assert_eq!(texts(r#"[1, [2] ,{"a":3}]"#, 3).unwrap(), all);
        assert_eq!(texts(r#"[1, [2] ,{"a":3}]"#, 2).unwrap(), all[..2]);
        assert_eq!(texts("[]", 2).unwrap(), [""; 0]);
        assert_eq!(texts("{}", 2), None);
    }
}
