//! A value as a tree, which takes up to a hundred times its text.

use serde::de::Error as _;
use serde_json::Value;

/// Distinct fields of one object, and objects and lists within one value. Each takes some 100
/// bytes, and an object within a value 640, while its text has 4 to 7.
pub const MAX_PARTS: usize = 8_192;

/// Builds a value that has at most [`MAX_PARTS`] objects and lists: 8 MiB of `{"":0}` took 800 MiB.
pub fn tree(text: &str) -> serde_json::Result<Value> {
    if has_many_parts(text) {
        let reason = format!("objects and lists must be 0..={MAX_PARTS}");
        return Err(serde_json::Error::custom(reason));
    }
    serde_json::from_str(text)
}

/// The count of all brackets, which is fast, is enough for a usual text.
fn has_many_parts(text: &str) -> bool {
    let brackets = memchr::memchr2_iter(b'{', b'[', text.as_bytes());
    brackets.count() > MAX_PARTS && parts(text) > MAX_PARTS
}

/// The objects and lists of a text, as far as it is JSON.
fn parts(text: &str) -> usize {
    let (mut parts, mut is_string) = (0, false);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => is_string = !is_string,
            b'\\' => drop(bytes.next()),
            b'{' | b'[' => parts += usize::from(!is_string),
            _ => {}
        }
    }
    parts
}

/// How many levels of objects and lists a value has.
pub fn nesting(text: &str) -> usize {
    if !text.starts_with(['{', '[']) {
        return 0;
    }
    let (mut level, mut most, mut is_string) = (0_usize, 0, false);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => is_string = !is_string,
            b'\\' => drop(bytes.next()),
            b'{' | b'[' if !is_string => level += 1,
            b'}' | b']' if !is_string => level -= 1,
            _ => continue,
        }
        most = most.max(level);
    }
    most
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_those_of_brackets_outside_of_strings() {
        for (text, levels) in [
            ("17", 0),
            (r#""[[[""#, 0),
            ("[]", 1),
            (r#"{"a":[1,{"b":[]}],"c":{}}"#, 4),
            (r#"{"[\"[":"]}[[\\","b":[2]}"#, 2),
        ] {
            assert_eq!(nesting(text), levels, "{text}");
        }
    }

    /// A list of so many things within.
    fn list(item: &str, count: usize) -> String {
        format!("[{}]", vec![item; count].join(","))
    }

    #[test]
    fn parts_are_counted_up_to_the_bound() {
        for item in ["{}", "[]", r#"{"":0}"#, "[0]", r#" { "\"[" : "[{" } "#] {
            let at_bound = tree(&list(item, MAX_PARTS - 1)).unwrap();
            assert_eq!(at_bound.as_array().unwrap().len(), MAX_PARTS - 1);
            let beyond = tree(&list(item, MAX_PARTS)).unwrap_err();
            assert_eq!(beyond.to_string(), "objects and lists must be 0..=8192");
        }
    }

    #[test]
    fn brackets_inside_strings_do_not_count() {
        let texts = list(r#""\\\"{[\u005b""#, MAX_PARTS);
        assert_eq!(parts(&texts), 1);
        assert!(tree(&texts).is_ok());
        let numbers = list("0", 20 * MAX_PARTS);
        assert!(tree(&numbers).is_ok());
    }

    #[test]
    fn nesting_is_bounded_and_torn_text_is_no_tree() {
        let nested = |levels| "[".repeat(levels) + &"]".repeat(levels);
        assert!(tree(&nested(127)).is_ok());
        for broken in [nested(128), "[".repeat(MAX_PARTS), "\"\\".to_owned()] {
            assert!(tree(&broken).is_err());
        }
    }
}
