//! JSON: how long a value is, and what of a text from outside is built.

mod length;
mod object;
mod tree;

pub use self::length::json_bytes;
pub use self::object::{Object, Text, items, scalar};
pub use self::tree::{nesting, tree};

/// Fields of one object that are told apart, and objects and lists within one value. Each takes
/// some 100 bytes, and an object within a value 640, while its text has 4 to 7.
pub const MAX_PARTS: usize = 8_192;

/// What is wrong, without its place.
pub fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let reason = text.split(" at line ").next();
    reason.unwrap_or_default().to_owned()
}
