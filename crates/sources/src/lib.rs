//! Decodes what arrives into events: plain events, and what the hooks and transcripts of coding
//! agents say. Pure: without input or output, without a clock.
//!
//! One JSON object is one event. Everything that comes from outside is bounded and redacted here,
//! once; behind this crate every value is a good one.

#![warn(clippy::disallowed_methods)]

pub mod claude_code;
mod clean;
mod clock;
mod decode;
mod fields;
mod hook;
pub mod json;
mod line_key;
mod plain;
mod source;
mod time;

pub use self::clean::{clean_name, clean_text, redact_json, redact_text};
pub use self::clock::Clock;
pub use self::decode::{decode, decode_object};
pub use self::fields::{REDACTED_PATH, is_of_windows};
pub use self::hook::hook_payload;
pub use self::line_key::LineKey;
pub use self::source::{SOURCES, Source, names};
pub use self::time::{SECONDS_BELOW, TIME_RANGE_MS};

#[cfg(test)]
mod tests;
