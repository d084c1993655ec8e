//! How long a value is as JSON. A control character takes six bytes there, so that what is sent or
//! stored may be six times as long as what came in.

use serde::Serialize;

/// In bytes. What cannot be written, which is nothing of ours, has none.
pub fn json_bytes(value: &impl Serialize) -> usize {
    serde_json::to_vec(value).map_or(0, |json| json.len())
}

#[cfg(test)]
mod tests {
    use super::json_bytes;

    #[test]
    fn escapes_count_as_they_are_written() {
        assert_eq!(json_bytes(&"a\u{1}\"ü"), 2 + 1 + 6 + 2 + 2);
        assert_eq!(json_bytes(&["x", "y"]), r#"["x","y"]"#.len());
    }
}
